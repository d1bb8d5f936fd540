// SPDX-License-Identifier: MIT
/* Histograms here are finer than the milliseconds that Python's entries have: what a bucket of
 * those loses is taken from its parts from the lowest one up. */
#include "common/wire/written.h"

#include "common/base/mem.h"
#include "common/base/sat.h"
#include "common/base/sbuf.h"
#include "common/wire/report.h"
#include "common/wire/unpack.h"

#include <math.h>
#include <stdlib.h>

#define MAX_MS 9e12 /* keeps microseconds below 2^63 */

/* A difference; 0 when there is none, or it is no number. */
static double difference(const msgpack_object *map, const char *key)
{
    double v = 0;
    const msgpack_object *o = unpack_get(map, key);
    return o && unpack_number(o, &v) ? fmin(fmax(v, -(double)UNPACK_MAX_COUNT), UNPACK_MAX_COUNT)
                                     : 0;
}

static void shift(uint64_t *value, double by)
{
    uint64_t n = (uint64_t)(fabs(by) + 0.5);
    if (by >= 0)
        *value = sat_add(*value, n);
    else
        *value -= n < *value ? n : *value;
}

static void shift32(uint32_t *value, double by)
{
    uint64_t wide = *value;
    shift(&wide, by);
    *value = wide < UINT32_MAX ? (uint32_t)wide : UINT32_MAX;
}

/* ---- histograms ---- */

struct bucket {
    uint64_t ms;
    double more;
};

struct rebuild {
    struct hist fresh;
    struct bucket *buckets; /* in order */
    size_t count;
};

static int by_ms(const void *a, const void *b)
{
    const struct bucket *x = a, *y = b;
    return (x->ms > y->ms) - (x->ms < y->ms);
}

static void keep_part(void *arg, uint64_t mid_us, uint64_t n)
{
    struct rebuild *r = arg;
    const struct bucket key = {report_locust_bucket_ms(mid_us), 0};
    struct bucket *b = r->count ? bsearch(&key, r->buckets, r->count, sizeof key, by_ms) : NULL;
    if (b && b->more < 0) {
        uint64_t before = n;
        shift(&n, b->more);
        b->more += (double)(before - n);
    }
    if (n)
        hist_add(&r->fresh, mid_us, n);
}

static bool read_buckets(const msgpack_object *o, struct rebuild *r)
{
    r->buckets = mem_zalloc((o->via.map.size + 1) * sizeof *r->buckets);
    for (uint32_t i = 0; i < o->via.map.size; i++) {
        double ms, n;
        if (!unpack_number(&o->via.map.ptr[i].key, &ms) || ms < 0 || ms > MAX_MS ||
            !unpack_number(&o->via.map.ptr[i].val, &n) || fabs(n) > (double)UNPACK_MAX_COUNT)
            return false;
        r->buckets[r->count++] = (struct bucket){(uint64_t)(ms + 0.5), n};
    }
    return true;
}

static bool write_times(struct hist *h, const msgpack_object *o)
{
    struct rebuild r = {0};
    bool is_good = o->type == MSGPACK_OBJECT_MAP && read_buckets(o, &r);
    if (is_good) {
        qsort(r.buckets, r.count, sizeof *r.buckets, by_ms);
        hist_each(h, keep_part, &r);
        for (size_t i = 0; i < r.count; i++)
            if (r.buckets[i].more > 0)
                hist_add(&r.fresh, r.buckets[i].ms * 1000, (uint64_t)r.buckets[i].more);
        hist_fini(h);
        *h = r.fresh;
    }
    free(r.buckets);
    return is_good;
}

/* ---- rows ---- */

static void write_second(struct tally *t, int64_t second, double requests, double failures)
{
    tally_add_second(t, (struct per_second){.second = second});
    for (size_t i = 0; i < STATS_SECONDS; i++) {
        if (t->recent[i].second != second)
            continue;
        shift32(&t->recent[i].requests, requests);
        shift32(&t->recent[i].failures, failures);
    }
}

static void write_seconds(struct tally *t, const msgpack_object *o, bool is_failures)
{
    if (!o || o->type != MSGPACK_OBJECT_MAP)
        return;
    for (uint32_t i = 0; i < o->via.map.size; i++) {
        double second, n;
        if (unpack_number(&o->via.map.ptr[i].key, &second) && second >= 1 && second < 1e11 &&
            unpack_number(&o->via.map.ptr[i].val, &n) && fabs(n) <= UINT32_MAX)
            write_second(t, (int64_t)second, is_failures ? 0 : n, is_failures ? n : 0);
    }
}

/* The value of row[key] in us; `none` when it says that there is none. false: it says nothing. */
static bool extreme(const msgpack_object *row, const char *key, uint64_t none, uint64_t *us)
{
    double ms;
    const msgpack_object *o = unpack_get(row, key);
    bool is_none = o && o->type == MSGPACK_OBJECT_NIL;
    if (!is_none && !(o && unpack_number(o, &ms) && ms >= 0 && ms <= MAX_MS))
        return false;
    *us = is_none ? none : (uint64_t)(ms * 1000 + 0.5);
    return true;
}

static void write_extremes(struct tally *t, const msgpack_object *row, bool is_part)
{
    uint64_t us;
    if (extreme(row, "min_response_time", UINT64_MAX, &us) && (!is_part || us < t->min_us))
        t->min_us = us;
    if (extreme(row, "max_response_time", 0, &us) && (!is_part || us > t->max_us))
        t->max_us = us;
}

static void write_counts(struct tally *t, const msgpack_object *row)
{
    shift(&t->requests, difference(row, "num_requests"));
    shift(&t->none_requests, difference(row, "num_none_requests"));
    shift(&t->failures, difference(row, "num_failures"));
    shift(&t->cut, difference(row, "cut"));
    shift(&t->discarded, difference(row, "discarded"));
    shift(&t->resent, difference(row, "resent"));
    shift(&t->bytes, difference(row, "total_content_length"));
    shift(&t->sum_us, difference(row, "total_response_time") * 1000);
}

static void write_times_of_requests(struct stats *s, struct tally *t, const msgpack_object *row,
                                    bool is_part)
{
    double at = 0;
    const msgpack_object *last = unpack_get(row, "last_request_timestamp");
    const msgpack_object *start = unpack_get(row, "start_time");
    if (last && last->type != MSGPACK_OBJECT_NIL)
        unpack_time(last, &at);
    if (last && (!is_part || at > t->last_at))
        t->last_at = at;
    if (t == &s->total && start && !is_part)
        unpack_time(start, &s->started_at);
}

static bool write_row(struct stats *s, const msgpack_object *row, bool is_part)
{
    struct unpack_text method, name;
    const msgpack_object *m = unpack_get(row, "method"), *n = unpack_get(row, "name");
    const msgpack_object *times = unpack_get(row, "response_times");
    bool is_total = unpack_get(row, "is_total") != NULL;
    if (!is_total && (!m || !n || !unpack_text(m, &method) || !unpack_text(n, &name)))
        return false;
    struct tally *t = is_total ? &s->total : stats_row(s, method.s, method.len, name.s, name.len);
    if (unpack_get(row, "is_zeroed"))
        tally_zero(t);
    if (unpack_get(row, "is_removed"))
        t->is_removed = true;
    write_counts(t, row);
    write_seconds(t, unpack_get(row, "num_reqs_per_sec"), false);
    write_seconds(t, unpack_get(row, "num_fail_per_sec"), true);
    write_times_of_requests(s, t, row, is_part);
    bool is_good = !times || write_times(&t->hist, times);
    write_extremes(t, row, is_part);
    if (tally_is_hidden(t))
        tally_zero(t); /* no extremes of what is gone */
    return is_good;
}

/* ---- failures and exceptions ---- */

static const char *text_of(const msgpack_object *map, const char *key, struct sbuf *scratch)
{
    struct unpack_text text = {"", 0};
    const msgpack_object *o = unpack_get(map, key);
    if (o)
        unpack_text(o, &text);
    return unpack_clean(scratch, text);
}

static bool write_failure(struct stats *s, const msgpack_object *o)
{
    struct sbuf method = {0}, name = {0}, text = {0};
    double more = difference(o, "occurrences");
    struct failure f = {.method = (char *)(uintptr_t)text_of(o, "method", &method),
                        .name = (char *)(uintptr_t)text_of(o, "name", &name),
                        .text = (char *)(uintptr_t)text_of(o, "error", &text),
                        .count = (uint64_t)fabs(more)};
    const msgpack_object *first = unpack_get(o, "first_seen"), *last = unpack_get(o, "last_seen");
    if (first)
        unpack_time(first, &f.first_at);
    if (last)
        unpack_time(last, &f.last_at);
    if (more > 0)
        stats_note_failure(s, &f);
    else
        stats_less_failure(s, &f);
    sbuf_fini(&method);
    sbuf_fini(&name);
    sbuf_fini(&text);
    return o->type == MSGPACK_OBJECT_MAP;
}

static bool write_exception(struct stats *s, const msgpack_object *o, const char *node)
{
    struct sbuf message = {0}, traceback = {0};
    double more = difference(o, "count");
    struct exception e = {.message = (char *)(uintptr_t)text_of(o, "msg", &message),
                          .traceback = (char *)(uintptr_t)text_of(o, "traceback", &traceback),
                          .nodes = (char *)(uintptr_t)node,
                          .count = (uint64_t)fabs(more)};
    if (more > 0)
        stats_note_exception(s, &e);
    else
        stats_less_exception(s, &e);
    sbuf_fini(&message);
    sbuf_fini(&traceback);
    return o->type == MSGPACK_OBJECT_MAP;
}

/* ---- all of it ---- */

static const msgpack_object *list_of(const msgpack_object *root, const char *key, uint32_t *n)
{
    const msgpack_object *o = unpack_get(root, key);
    bool is_list = o && o->type == MSGPACK_OBJECT_ARRAY;
    *n = is_list ? o->via.array.size : 0;
    return is_list ? o->via.array.ptr : NULL;
}

static bool apply(struct stats *s, const msgpack_object *root, struct written_of *of)
{
    uint32_t n;
    const msgpack_object *number = unpack_get(root, "number");
    if (number)
        unpack_u64(number, UINT64_MAX, &of->number);
    bool is_good = root->type == MSGPACK_OBJECT_MAP;
    const msgpack_object *each = list_of(root, "rows", &n);
    for (uint32_t i = 0; i < n; i++)
        is_good &= write_row(s, &each[i], of->is_part);
    each = list_of(root, "errors", &n);
    for (uint32_t i = 0; i < n; i++)
        is_good &= write_failure(s, &each[i]);
    each = list_of(root, "exceptions", &n);
    for (uint32_t i = 0; i < n; i++)
        is_good &= write_exception(s, &each[i], of->node);
    stats_prune(s);
    return is_good;
}

int written_apply(struct stats *s, const void *bytes, size_t len, struct written_of *of)
{
    msgpack_zone zone;
    msgpack_object root;
    if (!msgpack_zone_init(&zone, MSGPACK_ZONE_CHUNK_SIZE))
        return -1;
    bool is_good = unpack_object(&zone, bytes, len, &root) == 0 && apply(s, &root, of);
    msgpack_zone_destroy(&zone);
    return is_good ? 0 : -1;
}
