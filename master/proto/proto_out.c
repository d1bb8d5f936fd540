// SPDX-License-Identifier: MIT
/* Outgoing messages, as Locust packs them: [type, data, node id]. */
#include "common/base/sbuf.h"
#include "common/metric/stats.h"
#include "master/proto/proto_out.h"
#include "master/proto/proto_walk.h"
#include <string.h>

static int append(void *to, const char *bytes, size_t len)
{
    sbuf_add(to, bytes, len);
    return 0;
}

static void put(msgpack_packer *pk, const char *text)
{
    msgpack_pack_str_with_body(pk, text, strlen(text));
}

static void put_or_nil(msgpack_packer *pk, const char *text)
{
    if (text)
        put(pk, text);
    else
        msgpack_pack_nil(pk);
}

static void put_raw(msgpack_packer *pk, struct slice value)
{
    if (value.len > 0)
        sbuf_add(pk->data, value.data, value.len);
    else
        msgpack_pack_nil(pk);
}

static msgpack_packer begin(struct sbuf *out, const char *type)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, append);
    msgpack_pack_array(&pk, 3);
    put(&pk, type);
    return pk;
}

void proto_plain(struct sbuf *out, const char *type, const char *node)
{
    msgpack_packer pk = begin(out, type);
    msgpack_pack_nil(&pk);
    put(&pk, node);
}

void proto_beat(struct sbuf *out, const char *node, double clock, double mono, const char *machine)
{
    msgpack_packer pk = begin(out, "heartbeat");
    if (clock > 0) {
        msgpack_pack_map(&pk, 3);
        put(&pk, "clock");
        msgpack_pack_double(&pk, clock);
        put(&pk, "mono");
        msgpack_pack_double(&pk, mono);
        put(&pk, "machine");
        put(&pk, machine);
    } else {
        msgpack_pack_nil(&pk);
    }
    put(&pk, node);
}

/* Since 2, reports may be numbered; since 3, have series beside them; since 4, exceptions' classes.
 */
#define PROTOCOL 4

/* boot_id NULL: for a worker of stock Locust. token NULL: it knows its own already. */
void proto_ack(struct sbuf *out, const char *node, unsigned index, const char *boot_id,
               const char *token)
{
    msgpack_packer pk = begin(out, "ack");
    msgpack_pack_map(&pk, boot_id ? 2 : 1);
    put(&pk, "index");
    msgpack_pack_unsigned_int(&pk, index);
    if (boot_id) {
        put(&pk, "katydid");
        msgpack_pack_map(&pk, token ? 4 : 3);
        if (token) {
            put(&pk, "token");
            put(&pk, token);
        }
        put(&pk, "protocol");
        msgpack_pack_int(&pk, PROTOCOL);
        put(&pk, "boot_id");
        put(&pk, boot_id);
        put(&pk, "report_interval");
        msgpack_pack_double(&pk, 1.0);
    }
    put(&pk, node);
}

static void answer_report(struct sbuf *out, const char *node, const char *epoch, uint64_t seq,
                          double report_interval_s, bool is_nameless)
{
    msgpack_packer pk = begin(out, "katydid_ack");
    msgpack_pack_map(&pk, is_nameless ? 4 : 3);
    put(&pk, "epoch");
    put(&pk, epoch);
    put(&pk, "seq");
    msgpack_pack_uint64(&pk, seq);
    put(&pk, "report_interval");
    msgpack_pack_double(&pk, report_interval_s);
    if (is_nameless) {
        put(&pk, "names");
        msgpack_pack_true(&pk);
    }
    put(&pk, node);
}

void proto_report_ack(struct sbuf *out, const char *node, const char *epoch, uint64_t seq,
                      double report_interval_s)
{
    answer_report(out, node, epoch, seq, report_interval_s, false);
}

void proto_report_nameless(struct sbuf *out, const char *node, const char *epoch, uint64_t seq,
                           double report_interval_s)
{
    answer_report(out, node, epoch, seq, report_interval_s, true);
}

void proto_gone(struct sbuf *out, const char *worker, const char *node)
{
    msgpack_packer pk = begin(out, "katydid_gone");
    put(&pk, worker);
    put(&pk, node);
}

void proto_spawning_complete(struct sbuf *out, const char *node, unsigned users)
{
    msgpack_packer pk = begin(out, "spawning_complete");
    msgpack_pack_map(&pk, 1);
    put(&pk, "user_count");
    msgpack_pack_unsigned_int(&pk, users);
    put(&pk, node);
}

void proto_relay(struct sbuf *out, struct slice type, struct slice data, const char *node)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, append);
    msgpack_pack_array(&pk, 3);
    msgpack_pack_str_with_body(&pk, type.data, type.len);
    put_raw(&pk, data);
    put(&pk, node);
}

static void put_list(msgpack_packer *pk, const char *key, char *const *list)
{
    size_t count = 0;
    while (list[count])
        count++;
    put(pk, key);
    msgpack_pack_array(pk, count);
    for (size_t i = 0; i < count; i++)
        put(pk, list[i]);
}

static void put_bool(msgpack_packer *pk, const char *key, bool is)
{
    put(pk, key);
    is ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
}

static void put_journals(msgpack_packer *pk, const struct journal_orders *all)
{
    put(pk, "journals");
    msgpack_pack_array(pk, all->count);
    for (size_t i = 0; i < all->count; i++) {
        const struct journal_order *j = &all->list[i];
        msgpack_pack_map(pk, 7 + (j->metrics != NULL));
        put(pk, "format");
        put(pk, j->format);
        put(pk, "path");
        put(pk, j->path);
        put(pk, "time");
        put_or_nil(pk, j->time);
        put_bool(pk, "more", j->is_more);
        put_bool(pk, "alone", j->is_alone);
        put_bool(pk, "waits", j->waits);
        put(pk, "buffer");
        msgpack_pack_uint64(pk, j->buffer_bytes);
        if (j->metrics) {
            put(pk, "metrics");
            put(pk, j->metrics);
        }
    }
}

static void put_trace(msgpack_packer *pk, const struct trace_order *t)
{
    put(pk, "trace");
    msgpack_pack_map(pk, 3);
    put(pk, "share");
    msgpack_pack_double(pk, t->share);
    put_bool(pk, "spans", t->has_spans);
    put_bool(pk, "tasks", t->has_tasks);
}

void proto_spawn(struct sbuf *out, const char *node, const struct spawn_order *o)
{
    msgpack_packer pk = begin(out, "spawn");
    msgpack_pack_map(&pk, 7 + (o->series_tags != NULL) + (o->labels != NULL) +
                              (o->scenarios != NULL) + (o->goodputs != NULL) +
                              o->counts_iterations + o->has_k6_times + (o->seed >= 0) +
                              (o->http2 != NULL) + o->discards_bodies + (o->journals.count > 0) +
                              o->journals.trace.is_on);
    if (o->journals.count)
        put_journals(&pk, &o->journals);
    if (o->journals.trace.is_on)
        put_trace(&pk, &o->journals.trace);
    if (o->http2) {
        put(&pk, "http2");
        put(&pk, o->http2);
    }
    if (o->discards_bodies) {
        put(&pk, "discard_bodies");
        msgpack_pack_true(&pk);
    }
    if (o->seed >= 0) {
        put(&pk, "seed");
        msgpack_pack_int64(&pk, o->seed);
    }
    if (o->counts_iterations) {
        put(&pk, "iterations");
        msgpack_pack_true(&pk);
    }
    if (o->has_k6_times) {
        put(&pk, "k6_times");
        msgpack_pack_true(&pk);
    }
    if (o->scenarios)
        put_list(&pk, "scenarios", o->scenarios);
    if (o->series_tags)
        put_list(&pk, "series_tags", o->series_tags);
    if (o->labels)
        put_list(&pk, "labels", o->labels);
    if (o->goodputs)
        put_list(&pk, "goodputs", o->goodputs);
    put(&pk, "timestamp");
    msgpack_pack_double(&pk, o->timestamp);
    put(&pk, "sequence");
    msgpack_pack_uint64(&pk, o->sequence);
    put(&pk, "user_classes_count");
    msgpack_pack_map(&pk, o->class_count);
    for (size_t i = 0; i < o->class_count; i++) {
        put(&pk, o->names[i]);
        msgpack_pack_unsigned_int(&pk, o->counts[i]);
    }
    put(&pk, "host");
    put_or_nil(&pk, o->host);
    put(&pk, "stop_timeout");
    msgpack_pack_double(&pk, o->stop_timeout_s);
    put(&pk, "run");
    put(&pk, o->run_id);
    put(&pk, "parsed_options");
    if (o->options.len > 0)
        sbuf_add(out, o->options.data, o->options.len);
    else
        msgpack_pack_map(&pk, 0);
    put(&pk, node);
}

void proto_setup(struct sbuf *out, const char *node, struct slice data)
{
    msgpack_packer pk = begin(out, "katydid_setup");
    put_raw(&pk, data);
    put(&pk, node);
}

static void put_stripe(msgpack_packer *pk, uint64_t from, const struct stripe *s)
{
    msgpack_pack_array(pk, 6);
    msgpack_pack_uint64(pk, from);
    msgpack_pack_uint32(pk, s->offset);
    msgpack_pack_uint32(pk, s->stride);
    msgpack_pack_uint32(pk, s->width);
    msgpack_pack_uint32(pk, s->step);
    msgpack_pack_uint32(pk, s->cycle);
}

static void put_pieces(msgpack_packer *pk, const struct scenarios_dealt *dealt)
{
    put(pk, "again");
    msgpack_pack_array(pk, dealt->piece_count);
    for (size_t i = 0; i < dealt->piece_count; i++) {
        const struct ledger_piece *piece = &dealt->pieces[i];
        msgpack_pack_array(pk, 4);
        msgpack_pack_uint64(pk, piece->scenario);
        put_stripe(pk, piece->skipped, &piece->stripe);
        msgpack_pack_uint64(pk, piece->count);
        piece->is_unsure ? msgpack_pack_true(pk) : msgpack_pack_false(pk);
    }
}

static void put_away(msgpack_packer *pk, const struct scenarios_dealt *dealt)
{
    put(pk, "away");
    msgpack_pack_array(pk, dealt->count);
    for (size_t i = 0; i < dealt->count; i++)
        dealt->away[i] == UINT64_MAX ? msgpack_pack_nil(pk)
                                     : msgpack_pack_uint64(pk, dealt->away[i]);
}

void proto_scenarios(struct sbuf *out, const char *node, const char *run, char *const *texts,
                     const struct scenarios_begin *begin_of, const struct scenarios_dealt *dealt)
{
    msgpack_packer pk = begin(out, "katydid_scenarios");
    msgpack_pack_map(&pk, 8 + (texts != NULL) + (dealt->piece_count > 0) + (dealt->away != NULL));
    put(&pk, "run");
    put(&pk, run);
    if (texts)
        put_list(&pk, "scenarios", texts);
    if (dealt->piece_count)
        put_pieces(&pk, dealt);
    if (dealt->away)
        put_away(&pk, dealt);
    put(&pk, "number");
    msgpack_pack_uint64(&pk, dealt->number);
    put(&pk, "after");
    msgpack_pack_uint64(&pk, dealt->after);
    put(&pk, "told");
    msgpack_pack_double(&pk, dealt->told_s);
    put(&pk, "elapsed");
    msgpack_pack_double(&pk, begin_of->elapsed_s);
    put(&pk, "began");
    msgpack_pack_double(&pk, begin_of->began_s);
    put(&pk, "machine");
    put(&pk, begin_of->machine);
    put(&pk, "shares");
    msgpack_pack_array(&pk, dealt->count);
    for (size_t i = 0; i < dealt->count; i++)
        put_stripe(&pk, dealt->shares[i].from, &dealt->shares[i]);
    put(&pk, node);
}

void proto_grant(struct sbuf *out, const char *node, const char *run, size_t scenario,
                 uint64_t granted, bool is_all)
{
    msgpack_packer pk = begin(out, "katydid_grant");
    msgpack_pack_map(&pk, 4);
    put(&pk, "run");
    put(&pk, run);
    put(&pk, "scenario");
    msgpack_pack_uint64(&pk, scenario);
    put(&pk, "granted");
    msgpack_pack_uint64(&pk, granted);
    put(&pk, "all");
    if (is_all)
        msgpack_pack_true(&pk);
    else
        msgpack_pack_false(&pk);
    put(&pk, node);
}

void proto_spans_heard(struct sbuf *out, const char *node, uint64_t number)
{
    msgpack_packer pk = begin(out, "katydid_spans_heard");
    msgpack_pack_uint64(&pk, number);
    put(&pk, node);
}

static void put_args(msgpack_packer *pk, const struct event_args *a)
{
    size_t count = (a->client_id != NULL) + (a->timestamp != NULL) + (a->exit_code != NULL) +
                   (a->user_count != NULL) + (a->run != NULL) + (a->timeout != NULL) +
                   (a->data.len > 0) + (a->journals && a->journals->count) +
                   (a->journals && a->journals->trace.is_on);
    msgpack_pack_map(pk, count);
    if (a->client_id) {
        put(pk, "client_id");
        put(pk, a->client_id);
    }
    if (a->timestamp) {
        put(pk, "timestamp");
        msgpack_pack_double(pk, *a->timestamp);
    }
    if (a->exit_code) {
        put(pk, "exit_code");
        msgpack_pack_int(pk, *a->exit_code);
    }
    if (a->user_count) {
        put(pk, "user_count");
        msgpack_pack_unsigned_int(pk, *a->user_count);
    }
    if (a->run) {
        put(pk, "run");
        put(pk, a->run);
    }
    if (a->timeout) {
        put(pk, "timeout");
        msgpack_pack_double(pk, *a->timeout);
    }
    if (a->data.len > 0) {
        put(pk, "data");
        put_raw(pk, a->data);
    }
    if (a->journals && a->journals->count)
        put_journals(pk, a->journals);
    if (a->journals && a->journals->trace.is_on)
        put_trace(pk, &a->journals->trace);
}

void proto_report(struct sbuf *out, const char *node, const struct sbuf *html)
{
    msgpack_packer pk = begin(out, "katydid_report");
    msgpack_pack_map(&pk, 1);
    put(&pk, "html");
    if (html) {
        msgpack_pack_str(&pk, html->len);
        msgpack_pack_str_body(&pk, html->data, html->len);
    } else {
        msgpack_pack_nil(&pk);
    }
    put(&pk, node);
}

void proto_event(struct sbuf *out, const char *node, uint64_t id, const char *name,
                 const struct event_args *args)
{
    msgpack_packer pk = begin(out, "katydid_event");
    msgpack_pack_map(&pk, 3);
    put(&pk, "id");
    msgpack_pack_uint64(&pk, id);
    put(&pk, "name");
    put(&pk, name);
    put(&pk, "args");
    put_args(&pk, args);
    put(&pk, node);
}

static void put_count(msgpack_packer *pk, const char *key, uint64_t count)
{
    put(pk, key);
    msgpack_pack_uint64(pk, count);
}

void proto_state(struct sbuf *out, const char *node, const struct host_state *s)
{
    msgpack_packer pk = begin(out, "katydid_state");
    msgpack_pack_map(&pk, 7);
    put(&pk, "state");
    put(&pk, s->state);
    put_count(&pk, "user_count", s->users);
    put_count(&pk, "target_user_count", s->target_users);
    put(&pk, "spawn_rate");
    msgpack_pack_double(&pk, s->spawn_rate);
    put_count(&pk, "worker_count", s->worker_count);
    put(&pk, "user_classes_count");
    msgpack_pack_map(&pk, s->class_count);
    for (size_t i = 0; i < s->class_count; i++)
        put_count(&pk, s->classes[i].name, s->classes[i].users);
    put(&pk, "stats");
    msgpack_pack_map(&pk, 5);
    put_count(&pk, "requests", s->total->requests);
    put_count(&pk, "failures", s->total->failures);
    put_count(&pk, "cut", s->total->cut);
    put_count(&pk, "discarded", s->total->discarded);
    put_count(&pk, "resent", s->total->resent);
    put(&pk, node);
}

void proto_page(struct sbuf *out, const char *node, const struct host_page *p)
{
    msgpack_packer pk = begin(out, "katydid_page");
    msgpack_pack_map(&pk, 5);
    put(&pk, "address");
    put(&pk, p->address);
    put_count(&pk, "port", (uint64_t)p->port);
    put(&pk, "secret");
    put(&pk, p->secret);
    put(&pk, "base_path");
    put(&pk, p->base_path);
    put(&pk, "tls");
    p->has_tls ? msgpack_pack_true(&pk) : msgpack_pack_false(&pk);
    put(&pk, node);
}

void proto_browse(struct sbuf *out, const char *node, const char *url)
{
    msgpack_packer pk = begin(out, "katydid_browse");
    msgpack_pack_map(&pk, 1);
    put(&pk, "url");
    put(&pk, url);
    put(&pk, node);
}

static void put_public(msgpack_packer *pk, const msgpack_object_map *map)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < map->size; i++)
        count += !proto_is(&map->ptr[i].key, "katydid");
    msgpack_pack_map(pk, count);
    for (uint32_t i = 0; i < map->size; i++) {
        if (proto_is(&map->ptr[i].key, "katydid"))
            continue;
        msgpack_pack_object(pk, map->ptr[i].key);
        msgpack_pack_object(pk, map->ptr[i].val);
    }
}

void proto_public_stats(struct sbuf *out, struct slice data)
{
    msgpack_packer pk;
    msgpack_unpacked u;
    msgpack_packer_init(&pk, out, append);
    if (!proto_decode(&u, data)) {
        msgpack_pack_map(&pk, 0);
        return;
    }
    if (u.data.type == MSGPACK_OBJECT_MAP)
        put_public(&pk, &u.data.via.map);
    else
        msgpack_pack_map(&pk, 0);
    msgpack_unpacked_destroy(&u);
}
