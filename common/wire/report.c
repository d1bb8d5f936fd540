// SPDX-License-Identifier: MIT
/* Our dialect:
 *   [1, overflow, [row...], [failure...], [exception...]]
 *   row        [method, name, and what columns.def says is kept, each in its place; among them
 *               [second, requests, failures, ...] and [extra...]]
 *   extra      the numbers of struct tally_extra in their order, or none of them
 *   failure    [method, name, text, count, first_at, last_at]
 *   exception  [message, traceback, count, first_at, last_at]
 *
 * A row may end before its extra numbers, or anywhere behind the next one, as older workers write
 * it, and go on behind what is known here, as newer ones may.
 *
 * Empty rows are left out, and there is no total: the reader adds the rows up, so a total that
 * disagrees with its rows cannot be sent.
 *
 * Reading has two passes over the same parsed value: the first checks everything, the second
 * counts. That keeps the promise of "all or nothing" without a table in between. */
#include "common/base/sat.h"
#include "common/wire/report.h"

#include "common/wire/report_parts.h"

#include <stddef.h>
#include <string.h>

#define REPORT_VERSION 1
#define ROW_FIELDS_OLD 14 /* without extra numbers */
#define ROW_FIELDS_FAILED 16
#define EXTRAS_OLD 16
#define FAILURE_FIELDS 6
#define EXCEPTION_FIELDS 5

/* What stands where in a row. */
struct field {
    enum { NOTHING, METHOD, NAME, COUNT, AMOUNT, MOMENT, HIST, PART, RECENT, EXTRA } kind;
    size_t at; /* in struct tally; of a PART: which one */
};
static const struct field FIELDS[] = {
    [0] = {METHOD, 0},
    [1] = {NAME, 0},
    [13] = {RECENT, 0},
    [14] = {EXTRA, 0},
#define KEPT_COUNT(field, name, place, meaning) [place] = {COUNT, offsetof(struct tally, field)},
#define KEPT_AMOUNT(field, name, place, meaning) [place] = {AMOUNT, offsetof(struct tally, field)},
#define KEPT_LEAST KEPT_AMOUNT
#define KEPT_MOST KEPT_AMOUNT
#define KEPT_FIRST(field, name, place, meaning) [place] = {MOMENT, offsetof(struct tally, field)},
#define KEPT_LAST KEPT_FIRST
#define KEPT_TREND(field, name, place, meaning) [place] = {HIST, 0},
#define KEPT_PART(field, name, place, meaning) [place] = {PART, PART_##field},
#include "common/metric/columns.def"
};
#define ROW_FIELDS (sizeof FIELDS / sizeof *FIELDS)

static void pack_recent(msgpack_packer *pk, const struct tally *t)
{
    size_t used = 0;
    for (size_t i = 0; i < STATS_SECONDS; i++)
        used += t->recent[i].second != 0;
    msgpack_pack_array(pk, used * 3);
    for (size_t i = 0; i < STATS_SECONDS; i++) {
        if (!t->recent[i].second)
            continue;
        msgpack_pack_int64(pk, t->recent[i].second);
        msgpack_pack_uint32(pk, t->recent[i].requests);
        msgpack_pack_uint32(pk, t->recent[i].failures);
    }
}

static void pack_extra(msgpack_packer *pk, const struct tally_extra *extra)
{
    const uint64_t *numbers = (const uint64_t *)extra;
    uint64_t any = 0;
    for (size_t i = 0; i < STATS_EXTRAS; i++)
        any |= numbers[i];
    msgpack_pack_array(pk, any ? STATS_EXTRAS : 0);
    for (size_t i = 0; any && i < STATS_EXTRAS; i++)
        msgpack_pack_uint64(pk, numbers[i]);
}

static void pack_hist(msgpack_packer *pk, const struct hist *h, struct sbuf *scratch)
{
    sbuf_clear(scratch);
    if (h)
        hist_pack_pairs(h, scratch);
    msgpack_pack_bin(pk, scratch->len);
    if (scratch->len)
        msgpack_pack_bin_body(pk, scratch->data, scratch->len);
}

static void pack_field(msgpack_packer *pk, const struct tally *t, const struct field *field,
                       struct sbuf *scratch)
{
    const void *at = (const char *)t + field->at;
    switch (field->kind) {
    case METHOD:
        report_pack_text(pk, t->method);
        return;
    case NAME:
        report_pack_text(pk, t->name);
        return;
    case COUNT:
    case AMOUNT:
        msgpack_pack_uint64(pk, *(const uint64_t *)at);
        return;
    case MOMENT:
        msgpack_pack_double(pk, *(const double *)at);
        return;
    case HIST:
        pack_hist(pk, &t->hist, scratch);
        return;
    case PART:
        pack_hist(pk, t->part[field->at], scratch);
        return;
    case RECENT:
        pack_recent(pk, t);
        return;
    case EXTRA:
        pack_extra(pk, &t->extra);
        return;
    case NOTHING:
        msgpack_pack_nil(pk);
    }
}

static void pack_row(msgpack_packer *pk, const struct tally *t, struct sbuf *scratch)
{
    msgpack_pack_array(pk, ROW_FIELDS);
    for (size_t i = 0; i < ROW_FIELDS; i++)
        pack_field(pk, t, &FIELDS[i], scratch);
}

static void pack_rows(msgpack_packer *pk, const struct stats *s)
{
    size_t used = 0;
    for (const struct tally *t = s->rows; t; t = t->next)
        used += !tally_is_empty(t);
    msgpack_pack_array(pk, used);
    struct sbuf scratch = {0};
    for (const struct tally *t = s->rows; t; t = t->next)
        if (!tally_is_empty(t))
            pack_row(pk, t, &scratch);
    sbuf_fini(&scratch);
}

void report_pack(const struct stats *s, struct sbuf *out)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, out, report_to_sbuf);
    msgpack_pack_array(&pk, 5);
    msgpack_pack_int(&pk, REPORT_VERSION);
    msgpack_pack_uint64(&pk, s->overflow);
    pack_rows(&pk, s);
    msgpack_pack_array(&pk, s->failure_count);
    for (const struct failure *f = s->failures; f; f = f->next) {
        msgpack_pack_array(&pk, FAILURE_FIELDS);
        report_pack_text(&pk, f->method);
        report_pack_text(&pk, f->name);
        report_pack_text(&pk, f->text);
        msgpack_pack_uint64(&pk, f->count);
        msgpack_pack_double(&pk, f->first_at);
        msgpack_pack_double(&pk, f->last_at);
    }
    msgpack_pack_array(&pk, s->exception_count);
    for (const struct exception *e = s->exceptions; e; e = e->next) {
        msgpack_pack_array(&pk, EXCEPTION_FIELDS);
        report_pack_text(&pk, e->message);
        report_pack_text(&pk, e->traceback);
        msgpack_pack_uint64(&pk, e->count);
        msgpack_pack_double(&pk, e->first_at);
        msgpack_pack_double(&pk, e->last_at);
    }
}

/* A row as it came; texts and histogram borrowed from the message. */
struct row_view {
    struct unpack_text method, name;
    struct tally_packed packed;
    struct tally counts; /* no strings, no histogram */
};

static const msgpack_object *fields_of(const msgpack_object *o, uint32_t n)
{
    return o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size == n ? o->via.array.ptr : NULL;
}

static bool read_recent(const msgpack_object *o, struct tally *t)
{
    if (o->type != MSGPACK_OBJECT_ARRAY || o->via.array.size % 3 ||
        o->via.array.size > 3 * STATS_SECONDS)
        return false;
    const msgpack_object *at = o->via.array.ptr;
    for (uint32_t i = 0; i < o->via.array.size; i += 3) {
        uint64_t second, requests, failures;
        if (!unpack_u64(&at[i], UINT64_C(100000000000), &second) || !second ||
            !unpack_u64(&at[i + 1], UINT32_MAX, &requests) ||
            !unpack_u64(&at[i + 2], UINT32_MAX, &failures))
            return false;
        tally_add_second(t, (struct per_second){.second = (int64_t)second,
                                                .requests = (uint32_t)requests,
                                                .failures = (uint32_t)failures});
    }
    return true;
}

static bool read_extra(const msgpack_object *o, struct tally_extra *extra)
{
    if (o->type != MSGPACK_OBJECT_ARRAY || (o->via.array.size && o->via.array.size < EXTRAS_OLD))
        return false;
    uint64_t *numbers = (uint64_t *)extra;
    for (size_t i = 0; i < o->via.array.size && i < STATS_EXTRAS; i++)
        if (!unpack_u64(&o->via.array.ptr[i], UINT64_MAX, &numbers[i]))
            return false;
    return true;
}

/* Its bytes go behind those of the row's other histograms, whose place may change. */
static bool read_hist(const msgpack_object *o, struct packed_hist *to, struct sbuf *hists)
{
    struct unpack_text pairs;
    const size_t before = hists->len;
    if (!unpack_text(o, &pairs) || hist_pack_of_pairs(pairs.s, pairs.len, hists) != 0)
        return false;
    to->len = hists->len - before;
    return true;
}

static bool read_field(const msgpack_object *o, const struct field *field, struct row_view *row,
                       struct sbuf *hists)
{
    void *at = (char *)&row->counts + field->at;
    switch (field->kind) {
    case METHOD:
        return unpack_text(o, &row->method);
    case NAME:
        return unpack_text(o, &row->name);
    case COUNT:
        return unpack_u64(o, UNPACK_MAX_COUNT, at);
    case AMOUNT:
        return unpack_u64(o, UINT64_MAX, at);
    case MOMENT:
        return unpack_time(o, at);
    case HIST:
        return read_hist(o, &row->packed.hist, hists);
    case PART:
        return read_hist(o, &row->packed.part[field->at], hists);
    case RECENT:
        return read_recent(o, &row->counts);
    case EXTRA:
        return read_extra(o, &row->counts.extra);
    case NOTHING:
        break;
    }
    return false;
}

/* The histograms stand in the order of their places. */
static void place_hists(struct row_view *row, size_t size, const struct sbuf *hists)
{
    const char *at = hists->data;
    for (size_t i = 0; i < size && i < ROW_FIELDS; i++) {
        const bool is_part = FIELDS[i].kind == PART;
        if (!is_part && FIELDS[i].kind != HIST)
            continue;
        struct packed_hist *h = is_part ? &row->packed.part[FIELDS[i].at] : &row->packed.hist;
        h->bytes = at;
        at += h->len;
    }
}

/* hists: what they are in afterwards. */
static bool read_row(const msgpack_object *o, struct row_view *row, struct sbuf *hists)
{
    *row = (struct row_view){.counts.min_us = UINT64_MAX};
    sbuf_clear(hists);
    sbuf_reserve(hists, 1);
    if (o->type != MSGPACK_OBJECT_ARRAY)
        return false;
    const size_t size = o->via.array.size;
    if (size != ROW_FIELDS_OLD && size < ROW_FIELDS_FAILED)
        return false;
    for (size_t i = 0; i < size && i < ROW_FIELDS; i++)
        if (!read_field(&o->via.array.ptr[i], &FIELDS[i], row, hists))
            return false;
    place_hists(row, size, hists);
    return true;
}

static bool read_failure(const msgpack_object *o, struct failure_view *v)
{
    const msgpack_object *f = fields_of(o, FAILURE_FIELDS);
    return f && unpack_text(&f[0], &v->method) && unpack_text(&f[1], &v->name) &&
           unpack_text(&f[2], &v->text) && unpack_u64(&f[3], UNPACK_MAX_COUNT, &v->count) &&
           unpack_time(&f[4], &v->first_at) && unpack_time(&f[5], &v->last_at);
}

/* An exception has the same fields but one: its message stands in name. */
static bool read_exception(const msgpack_object *o, struct failure_view *v)
{
    v->method = (struct unpack_text){"", 0}; /* its class is not told */
    const msgpack_object *f = fields_of(o, EXCEPTION_FIELDS);
    return f && unpack_text(&f[0], &v->name) && unpack_text(&f[1], &v->text) &&
           unpack_u64(&f[2], UNPACK_MAX_COUNT, &v->count) && unpack_time(&f[3], &v->first_at) &&
           unpack_time(&f[4], &v->last_at);
}

struct report_view {
    msgpack_object_array rows, failures, exceptions;
    uint64_t overflow;
};

static bool read_report(const msgpack_object *o, struct report_view *r)
{
    const msgpack_object *f = fields_of(o, 5);
    uint64_t version;
    if (!f || !unpack_u64(&f[0], REPORT_VERSION, &version) || version != REPORT_VERSION ||
        !unpack_u64(&f[1], UNPACK_MAX_COUNT, &r->overflow))
        return false;
    for (int i = 2; i < 5; i++)
        if (f[i].type != MSGPACK_OBJECT_ARRAY)
            return false;
    r->rows = f[2].via.array;
    r->failures = f[3].via.array;
    r->exceptions = f[4].via.array;
    return true;
}

static bool is_good(const struct report_view *r, struct sbuf *hists)
{
    struct row_view row;
    struct failure_view v;
    for (uint32_t i = 0; i < r->rows.size; i++)
        if (!read_row(&r->rows.ptr[i], &row, hists) || !report_is_sound(&row.counts, &row.packed))
            return false;
    for (uint32_t i = 0; i < r->failures.size; i++)
        if (!read_failure(&r->failures.ptr[i], &v))
            return false;
    for (uint32_t i = 0; i < r->exceptions.size; i++)
        if (!read_exception(&r->exceptions.ptr[i], &v))
            return false;
    return true;
}

static void count_row(struct stats *s, struct row_view *row, struct scratch *scratch)
{
    unpack_clean(&scratch->a, row->method);
    unpack_clean(&scratch->b, row->name);
    struct tally *t =
        stats_row(s, scratch->a.data, scratch->a.len, scratch->b.data, scratch->b.len);
    report_count_into(s, t, &row->counts, &row->packed,
                      !t->is_overflow || strcmp(scratch->b.data, STATS_OTHER) == 0, scratch);
}

static void count_report(struct stats *s, const struct report_view *r, const char *node,
                         struct scratch *scratch)
{
    struct row_view row;
    struct failure_view v;
    for (uint32_t i = 0; i < r->rows.size; i++)
        if (read_row(&r->rows.ptr[i], &row, &scratch->hists))
            count_row(s, &row, scratch);
    for (uint32_t i = 0; i < r->failures.size; i++)
        if (read_failure(&r->failures.ptr[i], &v))
            report_count_failure(s, &v, scratch);
    for (uint32_t i = 0; i < r->exceptions.size; i++)
        if (read_exception(&r->exceptions.ptr[i], &v))
            report_count_exception(s, &v, node, scratch);
    s->overflow = sat_add(s->overflow, r->overflow);
}

int report_merge_watched(struct stats *s, const void *bytes, size_t len, const char *node,
                         const struct report_watch *watch)
{
    msgpack_zone zone;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return -1;
    msgpack_object root;
    struct report_view r;
    struct scratch scratch = {.watch = watch};
    int rc = -1;
    if (unpack_object(&zone, bytes, len, &root) == 0 && read_report(&root, &r) &&
        is_good(&r, &scratch.hists)) {
        count_report(s, &r, node, &scratch);
        rc = 0;
    }
    scratch_fini(&scratch);
    msgpack_zone_destroy(&zone);
    return rc;
}

int report_merge(struct stats *s, const void *bytes, size_t len, const char *node)
{
    return report_merge_watched(s, bytes, len, node, NULL);
}
