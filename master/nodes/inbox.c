// SPDX-License-Identifier: MIT
/* inbox: takes messages off the link and hands each to the file whose business it is. Messages of
 * nodes that are none of ours, and malformed ones, are dropped and counted; the log hears of it
 * once in ten seconds.
 *
 * In slices of time, so that timers, the page and signals have their turn however much there is to
 * read. A master that cannot keep up says so, and asks its workers for fewer and longer reports. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"
#include "master/nodes/nodes.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define COLLECT_S 0.01 /* of a turn: to take off the link */
#define HANDLE_S 0.02  /* to handle what waits */
#define FLUSH_S 1.0    /* for the last words of a process that ended */
#define PATIENCE_S 2.0 /* longer, and the master is behind */
#define REPORT_INTERVAL_MAX_S 10.0
#define MAX_NODE_ID 255

/* The host reads the locustfile and what it imports: questions go there, answers come back with
 * the asker's name. Before the host is there nobody answers; who asks does so again. */
static void pass_locustfile(struct nodes *n, const char *from, const struct message *msg)
{
    const struct host *h = &n->host;
    char asker[MAX_NODE_ID + 1] = "";
    struct sbuf out = {0};
    if (!strcmp(from, h->node_id)) {
        if (msg->node.len < sizeof asker)
            mem_copy(asker, msg->node.data, msg->node.len);
        proto_relay(&out, msg->type, msg->data, asker);
        outbox_bytes(n, asker, &out);
    } else if (h->is_alive && h->has_script) {
        proto_relay(&out, msg->type, msg->data, from);
        outbox_bytes(n, h->node_id, &out);
    }
}

static void stray(struct nodes *n)
{
    n->record->trouble.stray++;
}

/* Our own script host and the user's workers speak freely: what we do not know is theirs. */
static void relay(struct nodes *n, const char *from, const struct message *msg)
{
    bool is_from_host = !strcmp(from, n->host.node_id);
    char to[MAX_NODE_ID + 1] = "";
    if (msg->node.len < sizeof to && is_from_host)
        mem_copy(to, msg->node.data, msg->node.len);
    bool is_to_all = is_from_host && (!to[0] || !strcmp(to, n->host.node_id));
    for (size_t i = 0; is_from_host && i < n->machine->roster.count; i++) {
        const struct worker *w = n->machine->roster.workers[i];
        struct sbuf out = {0};
        if (!w->has_joined || w->state == WORKER_GONE || (!is_to_all && strcmp(w->id, to) != 0))
            continue;
        proto_relay(&out, msg->type, msg->data, w->id);
        outbox_bytes(n, w->id, &out);
    }
    if (!is_from_host && !n->is_local && n->host.is_alive) {
        struct sbuf out = {0};
        proto_relay(&out, msg->type, msg->data, from);
        outbox_bytes(n, n->host.node_id, &out);
    }
}

static void set_users(struct nodes *n, struct worker *w, const struct users_report *u,
                      bool is_running)
{
    roster_set_users(&n->machine->roster, w, u->classes, u->count);
    nodes_on(
        n, &(struct machine_event){.kind = ON_WORKER_USERS, .worker = w, .is_running = is_running});
}

static void acknowledge(struct nodes *n, const struct worker *w, const struct message_stats *s)
{
    struct sbuf ack = {0};
    proto_report_ack(&ack, w->id, s->epoch, s->seq, n->inbox.report_interval_s);
    outbox_bytes(n, w->id, &ack);
}

static void ask_names(struct nodes *n, const struct worker *w, const struct message_stats *s)
{
    struct sbuf question = {0};
    proto_report_nameless(&question, w->id, s->epoch, s->seq, n->inbox.report_interval_s);
    outbox_bytes(n, w->id, &question);
}

static void take_report(struct nodes *n, struct worker *w, const struct message *msg)
{
    if (msg->stats.is_katydid && record_needs_names(n->record, w, &msg->stats)) {
        ask_names(n, w, &msg->stats);
        return;
    }
    const bool is_new = record_report(n->record, w, msg, n->inbox.handled.steady);
    if (!msg->stats.is_katydid) {
        nodes_on(n, &(struct machine_event){.kind = ON_WORKER_REPORT, .worker = w});
        return;
    }
    if (is_new) {
        registry_watch_cpu(n, w);
        absence_reported(n, w, msg->stats.sent_at);
        if (!strcmp(msg->stats.run, n->machine->run.id))
            n->above.told(n->above.arg, w, &msg->stats);
    }
    acknowledge(n, w, &msg->stats);
}

static void on_stats(struct nodes *n, struct worker *w, const struct message *msg)
{
    if (msg->stats.users.classes && worker_is_active(w))
        set_users(n, w, &msg->stats.users, false);
    take_report(n, w, msg);
    struct sbuf data = {0};
    if (n->is_local || !n->host.script.hears_reports)
        return;
    proto_public_stats(&data, msg->data);
    script_tell(n, "worker_report",
                &(struct event_args){.client_id = w->id, .data = {data.data, data.len}});
    sbuf_fini(&data);
}

struct sample_taker {
    struct samples *samples;
    const char *worker;
};

static void take_sample(void *arg, struct sample_in *in)
{
    const struct sample_taker *t = arg;
    samples_add(t->samples, t->worker, in);
}

static void take_samples(struct nodes *n, const struct worker *w, const struct message *msg)
{
    struct sample_taker taker = {n->record->samples, w->id};
    if (!proto_samples(msg->data, n->machine->run.id, take_sample, &taker))
        n->record->trouble.broken++;
}

static bool ends_something(enum message_kind kind)
{
    return kind == MESSAGE_QUIT || kind == MESSAGE_CLIENT_STOPPED || kind == MESSAGE_CALL;
}

static void from_worker(struct nodes *n, struct worker *w, const struct message *msg)
{
    if ((ends_something(msg->kind) && !registry_knows(w, msg->token)) ||
        (msg->kind == MESSAGE_STATS && !registry_counts(w, msg->token))) {
        stray(n);
        return;
    }
    switch (msg->kind) {
    case MESSAGE_STATS:
        on_stats(n, w, msg);
        break;
    case MESSAGE_SPAWNING:
        nodes_on(n, &(struct machine_event){.kind = ON_WORKER_SPAWNS, .worker = w});
        break;
    case MESSAGE_SPAWNING_COMPLETE:
        if (worker_is_active(w))
            set_users(n, w, &msg->spawned, true);
        break;
    case MESSAGE_EXCEPTION:
        record_exception(n->record, w, &msg->exception, nodes_now(n).unix_time);
        break;
    case MESSAGE_CLIENT_STOPPED:
        registry_stopped(n, w);
        break;
    case MESSAGE_QUIT:
        registry_gone(n, w);
        nodes_on(n, &(struct machine_event){.kind = ON_WORKER_QUIT, .worker = w});
        break;
    case MESSAGE_CALL:
        if (msg->call.method != CALL_START)
            script_on_call(n, &msg->call);
        break;
    case MESSAGE_CUSTOM:
        relay(n, w->id, msg);
        break;
    case MESSAGE_LOGS:
        if (node_logs_take(n->node_logs, w->id, &msg->data, w->is_katydid ? NULL : n->logs) != 0)
            n->record->trouble.broken++;
        break;
    case MESSAGE_SAMPLES:
        take_samples(n, w, msg);
        break;
    case MESSAGE_LINES:
        nodes_take_lines(n, w->id, msg);
        break;
    case MESSAGE_ITERATIONS:
        if (!strcmp(msg->iterations.run, n->machine->run.id))
            n->above.asked(n->above.arg, w, &msg->iterations);
        break;
    case MESSAGE_SPANS:
        n->above.spans(n->above.arg, w, &msg->spans);
        break;
    case MESSAGE_CLIENT_READY:
    case MESSAGE_HEARTBEAT:
    case MESSAGE_LOCUSTFILE:
    case MESSAGE_SCRIPT:
    case MESSAGE_TICKED:
    case MESSAGE_DONE:
    case MESSAGE_ANSWER:
    case MESSAGE_WEB:
    case MESSAGE_WANT:
        stray(n);
        break;
    }
}

static bool is_for_host(enum message_kind kind)
{
    return kind == MESSAGE_SCRIPT || kind == MESSAGE_CALL || kind == MESSAGE_TICKED ||
           kind == MESSAGE_DONE || kind == MESSAGE_WANT || kind == MESSAGE_WEB ||
           kind == MESSAGE_ANSWER;
}

void inbox_handle(struct nodes *n, const char *node, struct message *msg)
{
    bool is_host = !strcmp(node, n->host.node_id);
    if (msg->kind == MESSAGE_LOCUSTFILE) {
        pass_locustfile(n, node, msg);
        return;
    }
    if (is_host && (is_for_host(msg->kind) || !n->is_local)) {
        if (msg->kind == MESSAGE_CUSTOM)
            relay(n, node, msg);
        else if (msg->kind == MESSAGE_HEARTBEAT)
            outbox_plain(n, "heartbeat", node);
        else
            script_on_message(n, msg);
        return;
    }
    if (msg->kind == MESSAGE_CLIENT_READY) {
        registry_ready(n, node, &msg->ready);
    } else if (msg->kind == MESSAGE_HEARTBEAT) {
        registry_heartbeat(n, node, &msg->heartbeat, msg->token);
    } else {
        struct worker *w = roster_find(&n->machine->roster, node);
        if (w && w->has_joined && w->state != WORKER_GONE)
            from_worker(n, w, msg);
        else if (msg->kind == MESSAGE_EXCEPTION && msg->exception.has_ended)
            registry_ended_early(n, node, msg->exception.exit_code);
        else
            stray(n);
    }
}

static struct clk_moment moment(const struct nodes *n)
{
    const struct run_clock now = nodes_now(n);
    return (struct clk_moment){now.mono, now.unix_time};
}

/* An identity is printed, shown on the page and packed as text: it must be one. */
static bool is_node_id(const char *id)
{
    size_t len = strlen(id);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)id[i] < 0x20 || id[i] == 0x7f)
            return false;
    return len > 0 && len <= MAX_NODE_ID && utf8_valid_prefix(id, len) == len;
}

static void open_letter(struct nodes *n, const struct link_message *raw, struct clk_moment came)
{
    struct message msg;
    n->inbox.handled = came;
    if (raw->node && is_node_id(raw->node) && proto_parse(raw->bytes, raw->len, &msg) == PROTO_OK) {
        inbox_handle(n, raw->node, &msg);
        message_fini(&msg);
    } else {
        n->record->trouble.broken++;
    }
}

static bool is_type(const struct slice *type, const char *name)
{
    return type->len == strlen(name) && memcmp(type->data, name, type->len) == 0;
}

/* What may not wait behind the reports of all: signs of life, newcomers. Of one worker everything
 * else stays in order: "stopped" comes after the last report. */
static bool is_urgent(struct nodes *n, const struct link_message *raw)
{
    struct slice type;
    if (!raw->node || !proto_peek_type(raw->bytes, raw->len, &type))
        return true; /* nobody's: only counted */
    const struct worker *w = roster_find(&n->machine->roster, raw->node);
    return !w || is_type(&type, "heartbeat") || (w->letters == 0 && !is_type(&type, "stats"));
}

/* By the workers' link, where there is one of the host's own. */
static bool claims_to_be_host(const struct nodes *n, const struct link_message *raw)
{
    return n->host.link && raw->node && !strcmp(raw->node, n->host.node_id);
}

static void take_letter(struct nodes *n, struct link_message *raw, struct clk_moment now)
{
    if (claims_to_be_host(n, raw)) {
        stray(n);
        link_message_free(raw);
        return;
    }
    if (is_urgent(n, raw)) {
        open_letter(n, raw, now);
        link_message_free(raw);
        return;
    }
    roster_find(&n->machine->roster, raw->node)->letters++;
    mail_put(&n->inbox.mail, raw, now);
}

/* A stop, and much else, waits for its answer: so it is heard however full the mail is, and not in
 * turn with a thousand workers. */
static void hear_host(struct nodes *n, double until)
{
    struct link_message raw;
    struct clk_moment now = moment(n);
    n->inbox.has_unheard = n->host.link != NULL;
    while (n->inbox.has_unheard && now.mono < until) {
        const enum link_rc rc = link_recv(n->host.link, &raw);
        n->inbox.has_unheard = rc == LINK_OK || rc == LINK_DROPPED;
        now = moment(n);
        if (rc != LINK_OK)
            continue;
        open_letter(n, &raw, now);
        link_message_free(&raw);
    }
}

/* Off the link, until it is empty or `until`. When it came is read behind each: this process may
 * have stood still since the last one, and a message must not seem older than it is. */
static void collect(struct nodes *n, double until)
{
    struct inbox *in = &n->inbox;
    struct link_message raw;
    struct clk_moment now = moment(n);
    if (!in->has_unread)
        in->unread_since = now.mono;
    in->has_unread = true;
    while (!mail_is_full(&in->mail)) {
        enum link_rc rc = link_recv(n->link, &raw);
        if (rc != LINK_OK && rc != LINK_DROPPED) {
            in->has_unread = false;
            return;
        }
        in->taken++;
        now = moment(n);
        if (rc == LINK_OK)
            take_letter(n, &raw, now);
        if (now.mono >= until)
            return;
    }
}

static void open_mail(struct nodes *n, double until)
{
    struct letter *l;
    while ((l = mail_take(&n->inbox.mail)) != NULL) {
        struct worker *w = roster_find(&n->machine->roster, l->raw.node);
        if (w && w->letters > 0)
            w->letters--;
        open_letter(n, &l->raw, l->came);
        letter_free(l);
        if (nodes_now(n).mono >= until)
            return;
    }
}

static bool is_empty(const struct inbox *in)
{
    return !in->has_unread && !in->has_unheard && in->mail.count == 0;
}

void inbox_drain(struct nodes *n)
{
    hear_host(n, nodes_now(n).mono + COLLECT_S);
    collect(n, nodes_now(n).mono + COLLECT_S);
    open_mail(n, nodes_now(n).mono + HANDLE_S);
    if (!is_empty(&n->inbox))
        n->above.soon(n->above.arg);
}

void inbox_flush(struct nodes *n)
{
    const double until = nodes_now(n).mono + FLUSH_S;
    do {
        hear_host(n, until);
        collect(n, until);
        open_mail(n, until);
    } while (!is_empty(&n->inbox) && nodes_now(n).mono < until);
    if (!is_empty(&n->inbox))
        n->above.soon(n->above.arg);
}

double inbox_delay_s(const struct nodes *n)
{
    return n->inbox.waits_s + n->inbox.report_interval_s - 1;
}

bool inbox_is_behind(const struct nodes *n)
{
    return !is_empty(&n->inbox);
}

static void fall_behind(struct nodes *n, struct run_clock now)
{
    struct inbox *in = &n->inbox;
    in->is_behind = true;
    in->behind_since = now.mono;
    log_warning(LOGGER,
                "The master cannot keep up: reports of its workers wait for %.1f s. "
                "Nothing is lost; give it more processor time, or have fewer workers "
                "or request names",
                in->waits_s);
    events_add(n->record->events, now.unix_time, "master",
               "The master cannot keep up: figures come late, none is lost");
}

static void catch_up(struct nodes *n, struct run_clock now)
{
    struct inbox *in = &n->inbox;
    const double seconds = now.mono - in->behind_since;
    in->is_behind = false;
    in->behind_s += seconds;
    log_info(LOGGER, "The master has caught up after %.0f s; figures came up to %.1f s late",
             seconds, in->longest_s);
    events_add(n->record->events, now.unix_time, "master", "The master has caught up after %.0f s",
               seconds);
}

const char *inbox_notice(const struct nodes *n)
{
    return n->inbox.is_behind ? "The master cannot keep up with its workers: what you see is some "
                                "seconds old. Nothing is lost."
                              : n->notice;
}

/* Reports are made of rows, whatever time they cover: who has not time enough for all of them asks
 * for fewer, and for the usual number again when the mail is read. */
static void pace(struct inbox *in)
{
    if (in->waits_s > PATIENCE_S)
        in->report_interval_s = fmin(in->report_interval_s * 1.5, REPORT_INTERVAL_MAX_S);
    else if (in->waits_s < PATIENCE_S / 2)
        in->report_interval_s = fmax(in->report_interval_s * 0.9, 1);
}

void inbox_second(struct nodes *n)
{
    struct inbox *in = &n->inbox;
    const struct run_clock now = nodes_now(n);
    in->waits_s = mail_waits_s(&in->mail, now.mono);
    if (in->has_unread)
        in->waits_s = fmax(in->waits_s, now.mono - in->unread_since);
    in->longest_s = fmax(in->longest_s, in->waits_s);
    pace(in);
    if (!in->is_behind && in->waits_s > PATIENCE_S)
        fall_behind(n, now);
    else if (in->is_behind && in->waits_s < PATIENCE_S / 4)
        catch_up(n, now);
}

double inbox_behind_s(const struct nodes *n)
{
    const struct inbox *in = &n->inbox;
    return in->behind_s + (in->is_behind ? nodes_now(n).mono - in->behind_since : 0);
}
