// SPDX-License-Identifier: MIT
/* Version 2 of a report: bytes, not msgpack, because most of them are small numbers.
 *
 *   report     2, or 3 with types (one byte), then as LEB128: overflow, base second, and the rows,
 *              the failures, the exceptions, before each of the three how many there are; types
 *   row        its number less that of the row before it, its record (tally_record.h of
 *              common/metric), the moments first and last, how often 2 * n + (1 with failures),
 *              and n times: second, requests (, failures)
 *   failure    number of its row (0: method and name follow), text, count, first, last
 *   exception  message, traceback, count, first, last
 *   types      the class of each exception, or ""
 *   names      how many, then: number less the one before, method, name
 *
 * A text is its length and its bytes. A second is its distance from the base second; a moment 0 for
 * none, else 1 more than its distance in microseconds. Numbers of both signs are those of varint.h.
 *
 * Reading has two passes, as that of version 1. A row whose number the reader was never told makes
 * the report unreadable: the reader then asks for its names, and gets them with the same bytes. So
 * it may forget names whenever it wants to. */
#include "common/base/mem.h"
#include "common/base/sat.h"
#include "common/base/varint.h"
#include "common/metric/tally_record.h"
#include "common/wire/report.h"
#include "common/wire/report_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 2
#define WITH_TYPES 3
#define FARTHEST_S 100000000000.0

/* ---- writing ---- */

static void put_text(struct sbuf *out, const char *text)
{
    const size_t len = strlen(text);
    sbuf_add_varint(out, len);
    sbuf_add(out, text, len);
}

static void put_moment(struct sbuf *out, double at, int64_t base)
{
    sbuf_add_varint(out, at > 0 ? varint_of_signed(llround((at - (double)base) * 1e6)) + 1 : 0);
}

static void put_recent(struct sbuf *out, const struct tally *t, int64_t base)
{
    uint64_t used = 0;
    bool has_failures = false;
    for (size_t i = 0; i < STATS_SECONDS; i++) {
        used += t->recent[i].second != 0;
        has_failures |= t->recent[i].failures != 0;
    }
    sbuf_add_varint(out, 2 * used + has_failures);
    for (size_t i = 0; i < STATS_SECONDS; i++) {
        if (!t->recent[i].second)
            continue;
        sbuf_add_varint(out, varint_of_signed(t->recent[i].second - base));
        sbuf_add_varint(out, t->recent[i].requests);
        if (has_failures)
            sbuf_add_varint(out, t->recent[i].failures);
    }
}

static void put_rows(struct sbuf *out, const struct stats *s, int64_t base)
{
    struct sbuf scratch = {0};
    uint64_t used = 0;
    uint32_t before = 0;
    for (const struct tally *t = s->rows; t; t = t->next)
        used += !tally_is_empty(t);
    sbuf_add_varint(out, used);
    for (const struct tally *t = s->rows; t; t = t->next) {
        if (tally_is_empty(t))
            continue;
        sbuf_add_varint(out, t->number - before);
        before = t->number;
        tally_record_put_tally(out, t, &scratch);
        put_moment(out, t->first_at, base);
        put_moment(out, t->last_at, base);
        put_recent(out, t, base);
    }
    sbuf_fini(&scratch);
}

static void put_failures(struct sbuf *out, const struct stats *s, int64_t base)
{
    sbuf_add_varint(out, s->failure_count);
    for (const struct failure *f = s->failures; f; f = f->next) {
        const struct tally *row = stats_find(s, f->method, f->name);
        const bool is_there = row && !tally_is_empty(row);
        sbuf_add_varint(out, is_there ? row->number : 0);
        if (!is_there) {
            put_text(out, f->method);
            put_text(out, f->name);
        }
        put_text(out, f->text);
        sbuf_add_varint(out, f->count);
        put_moment(out, f->first_at, base);
        put_moment(out, f->last_at, base);
    }
}

void report_pack_numbered(const struct stats *s, struct sbuf *out)
{
    const int64_t base = (int64_t)(s->total.last_at > 0 ? s->total.last_at : s->started_at);
    sbuf_addc(out, VERSION);
    sbuf_add_varint(out, s->overflow);
    sbuf_add_varint(out, (uint64_t)base);
    put_rows(out, s, base);
    put_failures(out, s, base);
    sbuf_add_varint(out, s->exception_count);
    for (const struct exception *e = s->exceptions; e; e = e->next) {
        put_text(out, e->message);
        put_text(out, e->traceback);
        sbuf_add_varint(out, e->count);
        put_moment(out, e->first_at, base);
        put_moment(out, e->last_at, base);
    }
}

void report_pack_types(const struct stats *s, struct sbuf *out)
{
    bool has_one = false;
    for (const struct exception *e = s->exceptions; e; e = e->next)
        has_one |= *e->type != 0;
    if (!has_one)
        return;
    out->data[0] = WITH_TYPES;
    for (const struct exception *e = s->exceptions; e; e = e->next)
        put_text(out, e->type);
}

static bool is_unheard(const struct tally *t)
{
    return t->named_in != REPORT_NAME_KNOWN && !tally_is_empty(t);
}

bool report_pack_names(struct stats *s, uint32_t report, bool is_all, struct sbuf *out)
{
    uint64_t count = 0;
    uint32_t before = 0;
    for (const struct tally *t = s->rows; t; t = t->next)
        count += is_all || is_unheard(t);
    if (!count)
        return false;
    sbuf_add_varint(out, count);
    for (struct tally *t = s->rows; t; t = t->next) {
        if (!is_all && !is_unheard(t))
            continue;
        sbuf_add_varint(out, t->number - before);
        before = t->number;
        put_text(out, t->method);
        put_text(out, t->name);
        if (!t->named_in && !tally_is_empty(t))
            t->named_in = report;
    }
    return true;
}

void report_names_heard(struct stats *s, uint32_t report)
{
    for (struct tally *t = s->rows; t; t = t->next)
        if (t->named_in == report)
            t->named_in = REPORT_NAME_KNOWN;
}

void report_names_forget(struct stats *s)
{
    for (struct tally *t = s->rows; t; t = t->next)
        t->named_in = 0;
}

/* ---- reading ---- */

struct reader {
    const unsigned char *p, *end;
    int64_t base;
    bool has_types;
};

static bool read_u64(struct reader *r, uint64_t most, uint64_t *value)
{
    return varint_read(&r->p, r->end, value) && *value <= most;
}

static bool read_text(struct reader *r, struct unpack_text *text)
{
    uint64_t len;
    if (!read_u64(r, (uint64_t)(r->end - r->p), &len) || len > (uint64_t)(r->end - r->p))
        return false;
    *text = (struct unpack_text){(const char *)r->p, len};
    r->p += len;
    return true;
}

static bool read_moment(struct reader *r, double *at)
{
    uint64_t value;
    if (!varint_read(&r->p, r->end, &value))
        return false;
    *at = value ? (double)r->base + (double)varint_signed(value - 1) / 1e6 : 0;
    return *at >= 0 && *at <= FARTHEST_S;
}

static bool read_recent(struct reader *r, struct tally *t)
{
    uint64_t head, second, requests, failures = 0;
    if (!read_u64(r, 2 * STATS_SECONDS + 1, &head))
        return false;
    for (uint64_t i = 0; i < head / 2; i++) {
        if (!varint_read(&r->p, r->end, &second) || !read_u64(r, UINT32_MAX, &requests) ||
            (head % 2 && !read_u64(r, UINT32_MAX, &failures)))
            return false;
        const int64_t away = varint_signed(second);
        if (away > (int64_t)FARTHEST_S || away <= -r->base)
            return false;
        tally_add_second(t, (struct per_second){.second = r->base + away,
                                                .requests = (uint32_t)requests,
                                                .failures = (uint32_t)failures});
    }
    return true;
}

struct row_read {
    uint32_t number;
    struct tally counts; /* no strings, no histogram */
    struct tally_packed packed;
};

/* number: that of the row before at first. */
static bool read_number(struct reader *r, uint32_t *number)
{
    uint64_t step;
    if (!read_u64(r, UINT32_MAX - *number, &step) || !step)
        return false;
    *number += (uint32_t)step;
    return true;
}

static bool read_row(struct reader *r, struct row_read *row)
{
    memset(&row->counts, 0, sizeof row->counts);
    return read_number(r, &row->number) &&
           tally_record_read(&r->p, r->end, &row->counts, &row->packed) &&
           read_moment(r, &row->counts.first_at) && read_moment(r, &row->counts.last_at) &&
           read_recent(r, &row->counts);
}

/* of: the number of the row, or 0 and the names are in *v. */
static bool read_failure(struct reader *r, uint32_t *of, struct failure_view *v)
{
    uint64_t number;
    if (!read_u64(r, UINT32_MAX, &number) ||
        (!number && (!read_text(r, &v->method) || !read_text(r, &v->name))))
        return false;
    *of = (uint32_t)number;
    return read_text(r, &v->text) && read_u64(r, UNPACK_MAX_COUNT, &v->count) &&
           read_moment(r, &v->first_at) && read_moment(r, &v->last_at);
}

/* Its message stands in name. */
static bool read_exception(struct reader *r, struct failure_view *v)
{
    return read_text(r, &v->name) && read_text(r, &v->text) &&
           read_u64(r, UNPACK_MAX_COUNT, &v->count) && read_moment(r, &v->first_at) &&
           read_moment(r, &v->last_at);
}

static bool begin(struct reader *r, const void *bytes, size_t len, uint64_t *overflow)
{
    uint64_t base;
    *r = (struct reader){.p = bytes, .end = (const unsigned char *)bytes + len};
    if (!report_is_numbered(bytes, len))
        return false;
    r->has_types = *r->p++ == WITH_TYPES;
    if (!read_u64(r, UNPACK_MAX_COUNT, overflow) || !read_u64(r, (uint64_t)FARTHEST_S, &base))
        return false;
    r->base = (int64_t)base;
    return true;
}

bool report_is_numbered(const void *bytes, size_t len)
{
    const unsigned char *version = bytes;
    return len > 0 && (*version == VERSION || *version == WITH_TYPES);
}

/* ---- names ---- */

/* The names that came with a report, one after the other by rising number. */
struct names_walk {
    struct reader r;
    uint64_t left;
    uint32_t number; /* of what was read last */
    struct unpack_text method, name;
};

static bool names_begin(struct names_walk *w, const struct report_bytes *in)
{
    *w = (struct names_walk){0};
    if (!in->names_len)
        return true;
    w->r.p = in->names;
    w->r.end = w->r.p + in->names_len;
    return varint_read(&w->r.p, w->r.end, &w->left);
}

static bool names_next(struct names_walk *w)
{
    if (!w->left)
        return false;
    w->left--;
    return read_number(&w->r, &w->number) && read_text(&w->r, &w->method) &&
           read_text(&w->r, &w->name);
}

/* Whether the walk, which only goes forward, comes to that number. */
static bool names_have(struct names_walk *w, uint32_t number)
{
    while (w->number < number && names_next(w))
        ;
    return w->number == number;
}

void report_names_fini(struct report_names *names)
{
    free(names->rows);
    *names = (struct report_names){0};
}

static struct report_row *known_row(const struct report_names *names, uint32_t number)
{
    const uint32_t at = number - names->first;
    return number >= names->first && at < names->count && names->rows[at].row ? &names->rows[at]
                                                                              : NULL;
}

/* Room for the numbers from `low` to `high`. What is known may be forgotten for it: it is asked for
 * again. */
static void make_room(struct report_names *names, uint32_t low, uint32_t high)
{
    const uint64_t end = names->first + (uint64_t)names->count;
    uint64_t first = names->first < low ? names->first : low,
             until = end > high ? end : high + UINT64_C(1);
    if (!names->count || until - first > REPORT_NAMES_MAX) {
        names->count = 0;
        names->first = low;
        first = low;
        until = high + UINT64_C(1);
    }
    const size_t before = names->first - first, count = until - first;
    if (count > names->cap) {
        names->cap = count + count / 2;
        names->rows = mem_realloc(names->rows, names->cap * sizeof *names->rows);
    }
    memmove(names->rows + before, names->rows, names->count * sizeof *names->rows);
    memset(names->rows, 0, before * sizeof *names->rows);
    const size_t used = before + names->count;
    memset(names->rows + used, 0, (count - used) * sizeof *names->rows);
    names->first = (uint32_t)first;
    names->count = count;
}

/* Room for all the names that came: then none is forgotten while rows are counted. */
static bool expect_names(struct report_names *names, struct names_walk w)
{
    uint32_t low = 0;
    while (w.left) {
        if (!names_next(&w))
            return false;
        low = low ? low : w.number;
    }
    if (w.r.p != w.r.end || w.number - low >= REPORT_NAMES_MAX)
        return false;
    if (!low)
        return true;
    make_room(names, low, w.number);
    return true;
}

static struct report_row *row_of(struct stats *s, struct report_names *names, struct names_walk *w,
                                 uint32_t number, struct scratch *scratch)
{
    struct report_row *known = known_row(names, number);
    if (known || !names_have(w, number))
        return known;
    unpack_clean(&scratch->a, w->method);
    unpack_clean(&scratch->b, w->name);
    known = &names->rows[number - names->first];
    known->row = stats_row(s, scratch->a.data, scratch->a.len, scratch->b.data, scratch->b.len);
    known->has_place = !known->row->is_overflow || strcmp(scratch->b.data, STATS_OTHER) == 0;
    return known;
}

/* ---- all of it ---- */

static int check_rows(struct reader *r, const struct report_names *names, struct names_walk *w)
{
    struct row_read row = {0};
    uint64_t left;
    int rc = 0;
    if (!varint_read(&r->p, r->end, &left))
        return -1;
    for (; left; left--) {
        if (!read_row(r, &row) || !report_is_sound(&row.counts, &row.packed))
            return -1;
        if (!known_row(names, row.number) && !names_have(w, row.number))
            rc = REPORT_NAMELESS;
    }
    return rc;
}

static bool check_rest(struct reader *r)
{
    struct failure_view v;
    struct unpack_text type;
    uint64_t left, count;
    uint32_t of;
    if (!varint_read(&r->p, r->end, &left))
        return false;
    for (; left; left--)
        if (!read_failure(r, &of, &v))
            return false;
    if (!varint_read(&r->p, r->end, &count))
        return false;
    for (left = count; left; left--)
        if (!read_exception(r, &v))
            return false;
    for (left = r->has_types ? count : 0; left; left--)
        if (!read_text(r, &type))
            return false;
    return r->p == r->end;
}

int report_check_numbered(const struct stats *s, struct report_names *names,
                          const struct report_bytes *in)
{
    struct reader r;
    struct names_walk w;
    uint64_t overflow;
    if (names->clears != s->clears) { /* its rows are gone */
        names->count = 0;
        names->clears = s->clears;
    }
    if (!begin(&r, in->report, in->report_len, &overflow) || !names_begin(&w, in) ||
        !expect_names(names, w))
        return -1;
    const int rc = check_rows(&r, names, &w);
    return rc < 0 || !check_rest(&r) ? -1 : rc;
}

static void count_rows(struct stats *s, struct report_names *names, const struct report_bytes *in,
                       struct reader *r, struct scratch *scratch)
{
    struct names_walk w;
    struct row_read row = {0};
    uint64_t left;
    if (!names_begin(&w, in) || !varint_read(&r->p, r->end, &left))
        return;
    for (; left && read_row(r, &row); left--) {
        const struct report_row *to = row_of(s, names, &w, row.number, scratch);
        report_count_into(s, to->row, &row.counts, &row.packed, to->has_place, scratch);
    }
}

static void count_failures(struct stats *s, const struct report_names *names, struct reader *r,
                           struct scratch *scratch)
{
    uint64_t left;
    uint32_t of;
    struct failure_view v;
    if (!varint_read(&r->p, r->end, &left))
        return;
    for (; left && read_failure(r, &of, &v); left--) {
        const struct report_row *row = of ? known_row(names, of) : NULL;
        if (row) {
            v.method = (struct unpack_text){row->row->method, row->row->method_len};
            v.name = (struct unpack_text){row->row->name, row->row->name_len};
        } else if (of) {
            v.method = v.name = (struct unpack_text){"", 0};
        }
        report_count_failure(s, &v, scratch);
    }
}

/* Where the classes of the exceptions stand, if it has them: behind all of these. */
static struct reader types_of(struct reader r)
{
    struct failure_view v;
    uint64_t left;
    if (varint_read(&r.p, r.end, &left))
        while (left && read_exception(&r, &v))
            left--;
    return r;
}

static void count_exceptions(struct stats *s, struct reader *r, const char *node,
                             struct scratch *scratch)
{
    struct reader types = types_of(*r);
    struct failure_view v = {0};
    uint64_t left;
    if (!varint_read(&r->p, r->end, &left))
        return;
    for (; left && read_exception(r, &v); left--) {
        if (r->has_types && !read_text(&types, &v.method))
            return;
        report_count_exception(s, &v, node, scratch);
    }
}

void report_count_numbered(struct stats *s, struct report_names *names,
                           const struct report_bytes *in, const char *node,
                           const struct report_watch *watch)
{
    struct scratch scratch = {.watch = watch};
    struct reader r;
    uint64_t overflow;
    if (!begin(&r, in->report, in->report_len, &overflow))
        return;
    count_rows(s, names, in, &r, &scratch);
    count_failures(s, names, &r, &scratch);
    count_exceptions(s, &r, node, &scratch);
    s->overflow = sat_add(s->overflow, overflow);
    scratch_fini(&scratch);
}

int report_merge_numbered(struct stats *s, struct report_names *names,
                          const struct report_bytes *in, const char *node,
                          const struct report_watch *watch)
{
    const int rc = report_check_numbered(s, names, in);
    if (rc == 0)
        report_count_numbered(s, names, in, node, watch);
    return rc;
}
