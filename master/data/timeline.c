// SPDX-License-Identifier: MIT
/* Open seconds live in a small ring; the oldest one gives way when time runs on. What reports say
 * is in timeline_told.h. Two or three seconds are filled at a time: one that closes leaves its
 * memory to the next that begins. */
#include "master/data/timeline.h"

#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/sat.h"
#include "master/data/timeline_told.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MAX 16
#define WHOLE_SHARE 0.75 /* of a report in one second: all of it belongs there */
#define JUMP_S 3600      /* a clock that goes on by more has jumped */
#define WORK_SHARE 6     /* adding up is spread over so many seconds */
#define WORK_ROWS_MIN 500

struct open_second {
    struct told told;
    struct timeline_health *healths; /* by index; samples 0: none */
    size_t health_cap;
    unsigned users, target;
    bool has_users;
};

struct part { /* of a report: what goes to one second */
    struct open_second *to;
    int64_t second;
    double until; /* share of the report up to its end */
};

struct report {
    uint32_t worker; /* its index and 1, or TOLD_NOBODY */
    struct part parts[OPEN_MAX + 1];
    size_t count, fullest;
};

#define TIMELINE_TAG 0x74696d65u /* "time" */

struct timeline {
    uint32_t tag;
    struct timeline_levels *levels;
    struct timeline_builder builder;
    struct view_point points[TIMELINE_RECENT];
    size_t point_count;
    struct tunables_shares chart; /* percentiles of the latest second, and they */
    double chart_ms[TUNABLES_SHOWN_MAX];
    unsigned users, target;            /* when last told */
    int64_t since;                     /* first second of the present statistics */
    int64_t first_open;                /* unix second of the oldest open one */
    int64_t newest;                    /* the newest second anything was said about */
    size_t row_count;                  /* rows of the last closed second */
    struct open_second open[OPEN_MAX]; /* slot = second % OPEN_MAX */
    struct told spare;                 /* empty: memory to use again */
    struct report report;
    struct told_adder adder;
    struct tally total; /* of the second that closes */
};

static void clear_chart(struct timeline *t)
{
    for (size_t i = 0; i < TUNABLES_SHOWN_MAX; i++)
        t->chart_ms[i] = NAN;
}

struct timeline *timeline_new(size_t limit_bytes)
{
    struct timeline *t = mem_zalloc(sizeof *t);
    HANDLE_MADE(t, TIMELINE_TAG);
    timeline_ask(t, &tunables_usual.chart);
    t->levels = timeline_levels_new(limit_bytes);
    tally_init(&t->adder.sum, NULL, NULL);
    tally_init(&t->total, NULL, NULL);
    return t;
}

static void open_clear(struct timeline *t, struct open_second *o)
{
    if (!told_is_new(&o->told)) {
        told_fini(&t->spare);
        t->spare = o->told;
        told_clear(&t->spare);
        o->told = (struct told){0};
    }
    if (o->health_cap > 0)
        memset(o->healths, 0, o->health_cap * sizeof *o->healths);
    o->has_users = false;
}

static void open_fini(struct open_second *o)
{
    told_fini(&o->told);
    free(o->healths);
    memset(o, 0, sizeof *o);
}

void timeline_free(struct timeline *t)
{
    if (!t)
        return;
    HANDLE_IS(t, TIMELINE_TAG);
    for (size_t i = 0; i < OPEN_MAX; i++)
        open_fini(&t->open[i]);
    told_fini(&t->spare);
    timeline_levels_free(t->levels);
    timeline_builder_fini(&t->builder);
    told_adder_fini(&t->adder);
    tally_fini(&t->total);
    HANDLE_ENDS(t);
    free(t);
}

void timeline_clear(struct timeline *t, double now)
{
    HANDLE_IS(t, TIMELINE_TAG);
    for (size_t i = 0; i < OPEN_MAX; i++)
        open_fini(&t->open[i]);
    told_fini(&t->spare);
    timeline_levels_clear(t->levels);
    t->point_count = 0;
    clear_chart(t);
    t->users = t->target = 0;
    t->row_count = 0;
    t->since = t->first_open = t->newest = (int64_t)floor(now);
}

static struct open_second *slot_of(struct timeline *t, int64_t second)
{
    return &t->open[(size_t)second % OPEN_MAX];
}

/* ---- closing a second ---- */

static int by_kind(const void *a, const void *b)
{
    const struct timeline_failed *x = a, *y = b;
    return (x->kind > y->kind) - (x->kind < y->kind);
}

static void build_failures(struct timeline *t, struct open_second *o)
{
    size_t count = o->told.failures.len / sizeof(struct timeline_failed);
    if (count == 0)
        return;
    struct timeline_failed *list = mem_dup(o->told.failures.data, o->told.failures.len);
    qsort(list, count, sizeof *list, by_kind);
    for (size_t i = 0; i < count;) {
        struct timeline_failed sum = list[i];
        for (i++; i < count && list[i].kind == sum.kind; i++)
            sum.count = sat_add(sum.count, list[i].count);
        timeline_build_failed(&t->builder, &sum);
    }
    free(list);
}

static double quantile_of(const struct tally *t, double q)
{
    return t->hist.count > 0 ? tally_quantile_ms(t, q) : NAN;
}

/* Percentiles of a second whose reports told of another one are those of the second before. */
static void note_point(struct timeline *t)
{
    struct view_point *points = t->points;
    const struct tally *sum = &t->total;
    if (t->point_count == TIMELINE_RECENT)
        memmove(points, points + 1, --t->point_count * sizeof *points);
    struct view_point *p = &points[t->point_count++];
    *p = (struct view_point){.second = t->first_open,
                             .rps = (double)sum->requests,
                             .fail_rps = (double)sum->failures,
                             .mean_ms =
                                 sum->requests > sum->none_requests ? tally_mean_ms(sum) : NAN,
                             .p50 = quantile_of(sum, 0.50),
                             .p95 = quantile_of(sum, 0.95),
                             .p99 = quantile_of(sum, 0.99),
                             .users = t->users,
                             .target_users = t->target};
    if (sum->hist.count == 0 && p->rps > 0 && p > points) {
        p->p50 = p[-1].p50;
        p->p95 = p[-1].p95;
        p->p99 = p[-1].p99;
    }
    for (size_t i = 0; i < t->chart.count; i++)
        if (sum->hist.count > 0 || isnan(p->p50))
            t->chart_ms[i] = quantile_of(sum, t->chart.of[i]);
}

static void close_first(struct timeline *t)
{
    struct open_second *o = slot_of(t, t->first_open);
    if (o->has_users) {
        t->users = o->users;
        t->target = o->target;
    }
    t->builder.span = (struct timeline_span){.start = t->first_open,
                                             .span = 1,
                                             .users = t->users,
                                             .target = t->target,
                                             .cpu_percent = -1,
                                             .lag_ms = -1};
    t->row_count = told_build(&o->told, &t->adder, &t->builder, &t->total);
    build_failures(t, o);
    for (size_t i = 0; i < o->health_cap; i++)
        if (o->healths[i].samples > 0)
            timeline_build_health(&t->builder, &o->healths[i]);
    timeline_levels_add(t->levels, timeline_build_end(&t->builder));
    note_point(t);
    open_clear(t, o);
    t->first_open++;
}

/* Moves the window so that `second` is open; false when it was closed already. */
static bool make_open(struct timeline *t, int64_t second)
{
    if (second - t->first_open > JUMP_S) { /* no blocks for the gap */
        while (t->first_open <= t->newest)
            close_first(t);
        t->first_open = second - OPEN_MAX + 1;
    }
    while (second - t->first_open >= OPEN_MAX)
        close_first(t);
    if (second > t->newest)
        t->newest = second;
    return second >= t->first_open;
}

static struct open_second *open_at(struct timeline *t, int64_t second)
{
    return slot_of(t, make_open(t, second) ? second : t->first_open);
}

/* ---- taking in ---- */

static void take_whole(struct timeline *t, struct report *r)
{
    r->parts[0] = (struct part){.second = r->parts[r->fullest].second, .until = 1};
    r->parts[0].to = open_at(t, r->parts[0].second);
    r->count = 1;
    r->fullest = 0;
}

void timeline_report(struct timeline *t, uint32_t worker, double from, double to)
{
    HANDLE_IS(t, TIMELINE_TAG);
    struct report *r = &t->report;
    *r = (struct report){.worker = worker + 1};
    double most = 0;
    from = fmax(from, to - OPEN_MAX / 2);
    if (!(to - from > 0.001))
        from = to - 0.001;
    make_open(t, (int64_t)ceil(to) - 1); /* so that none of the seconds below closes another */
    for (int64_t second = (int64_t)floor(from); (double)second < to; second++) {
        double end = fmin(to, (double)second + 1);
        double share = (end - fmax(from, (double)second)) / (to - from);
        struct part *p = &r->parts[r->count++];
        *p = (struct part){open_at(t, second), second, (end - from) / (to - from)};
        if (share > most) {
            most = share;
            r->fullest = r->count - 1;
        }
    }
    r->parts[r->count - 1].until = 1;
    if (most >= WHOLE_SHARE)
        take_whole(t, r);
    for (size_t i = 0; i < r->count; i++)
        told_room(&r->parts[i].to->told, &t->adder);
}

static void put_entry(struct timeline *t, struct open_second *second, uint32_t id,
                      const struct tally *more, const struct tally_packed *packed)
{
    struct told *to = &second->told;
    if (told_is_new(to)) {
        *to = t->spare;
        t->spare = (struct told){0};
    }
    told_row(to, t->report.worker, id, more, packed);
}

/* Of `part` requests of all those: each number in proportion, in whole numbers that add up. */
static uint64_t between(uint64_t n, uint64_t from, uint64_t until, uint64_t all)
{
    if (n == 0)
        return 0;
    if ((n | until) <= UINT32_MAX)
        return n * until / all - n * from / all;
    unsigned __int128 upto = (unsigned __int128)n * until / all;
    return (uint64_t)(upto - (unsigned __int128)n * from / all);
}

/* The requests from number `from` to number `until`. */
static struct tally share_of(const struct tally *all, uint64_t from, uint64_t until)
{
    struct tally part = {.min_us = all->min_us, .max_us = all->max_us};
#define KEPT_SUM(field, name, place, meaning)                                                      \
    part.field = between(all->field, from, until, all->requests);
#define KEPT_EXTRA(field, name, meaning)                                                           \
    part.extra.field = between(all->extra.field, from, until, all->requests);
#include "common/metric/columns.def"
    part.requests = until - from;
    return part;
}

/* How many of n requests are over at the end of each part. Where a fraction is left, rows differ in
 * what they make of it, so that the sum of many rows is as even as the report. */
static size_t divide(const struct report *r, uint32_t id, uint64_t n, uint64_t until[OPEN_MAX + 1])
{
    double rest = (double)((id * UINT32_C(2654435769)) >> 8) / (1 << 24);
    size_t most = r->fullest;
    uint64_t most_requests = 0, before = 0;
    for (size_t i = 0; i < r->count; i++) {
        uint64_t upto = (uint64_t)((double)n * r->parts[i].until + rest);
        until[i] = i + 1 == r->count || upto > n ? n : upto;
        if (until[i] - before > most_requests) {
            most_requests = until[i] - before;
            most = i;
        }
        before = until[i];
    }
    return most;
}

void timeline_row(struct timeline *t, uint32_t id, const struct tally *more,
                  const struct tally_packed *packed)
{
    HANDLE_IS(t, TIMELINE_TAG);
    static const struct tally_packed none;
    const struct report *r = &t->report;
    uint64_t until[OPEN_MAX + 1], from = 0;
    if (r->count == 1 || more->requests == 0) {
        put_entry(t, r->parts[r->fullest].to, id, more, packed);
        return;
    }
    size_t fullest = divide(r, id, more->requests, until);
    for (size_t i = 0; i < r->count; from = until[i++]) {
        struct tally part = share_of(more, from, until[i]);
        if (part.requests > 0)
            put_entry(t, r->parts[i].to, id, &part, i == fullest ? packed : &none);
    }
}

void timeline_failure(struct timeline *t, uint32_t kind, const struct failure *more)
{
    HANDLE_IS(t, TIMELINE_TAG);
    const struct report *r = &t->report;
    uint64_t until[OPEN_MAX + 1], from = 0;
    divide(r, kind, more->count, until);
    for (size_t i = 0; i < r->count; from = until[i++]) {
        const struct part *p = &r->parts[i];
        const int64_t second = p->second < t->first_open ? t->first_open : p->second;
        const struct timeline_failed f = {
            .kind = kind, .count = until[i] - from, .first = second, .last = second};
        if (f.count > 0)
            sbuf_add(&p->to->told.failures, &f, sizeof f);
    }
}

void timeline_users(struct timeline *t, double now, unsigned users, unsigned target)
{
    HANDLE_IS(t, TIMELINE_TAG);
    int64_t second = (int64_t)floor(now);
    if (!make_open(t, second))
        return;
    struct open_second *o = slot_of(t, second);
    o->users = users;
    o->target = target;
    o->has_users = true;
}

void timeline_health(struct timeline *t, double now, const struct timeline_health *h)
{
    HANDLE_IS(t, TIMELINE_TAG);
    int64_t second = (int64_t)floor(now);
    if (!make_open(t, second))
        return;
    struct open_second *o = slot_of(t, second);
    if (h->index >= o->health_cap) {
        size_t cap = 2 * (size_t)h->index + 8;
        o->healths = mem_realloc(o->healths, cap * sizeof *o->healths);
        memset(o->healths + o->health_cap, 0, (cap - o->health_cap) * sizeof *o->healths);
        o->health_cap = cap;
    }
    o->healths[h->index].index = h->index;
    timeline_health_merge(&o->healths[h->index], h);
}

void timeline_close(struct timeline *t, double until)
{
    HANDLE_IS(t, TIMELINE_TAG);
    while ((double)t->first_open + 1 <= until && t->first_open <= t->newest)
        close_first(t);
}

void timeline_reset(struct timeline *t, double now)
{
    HANDLE_IS(t, TIMELINE_TAG);
    int64_t next = (int64_t)floor(now) + 1;
    while (t->first_open < next && t->first_open <= t->newest)
        close_first(t);
    if (t->first_open < next)
        t->first_open = next;
    t->newest = t->since = t->first_open;
}

void timeline_work(struct timeline *t, bool is_all)
{
    HANDLE_IS(t, TIMELINE_TAG);
    size_t rows = t->row_count * (TIMELINE_LEVELS - 1) / WORK_SHARE + WORK_ROWS_MIN;
    timeline_levels_work(t->levels, is_all ? SIZE_MAX : rows);
}

void timeline_ask(struct timeline *t, const struct tunables_shares *chart)
{
    HANDLE_IS(t, TIMELINE_TAG);
    if (!memcmp(&t->chart, chart, sizeof *chart))
        return;
    t->chart = *chart;
    clear_chart(t);
}

void timeline_chart(const struct timeline *t, double ms[static TUNABLES_SHOWN_MAX])
{
    HANDLE_IS(t, TIMELINE_TAG);
    memcpy(ms, t->chart_ms, sizeof t->chart_ms);
}

const struct view_point *timeline_points(const struct timeline *t, size_t *count)
{
    HANDLE_IS(t, TIMELINE_TAG);
    *count = t->point_count;
    return t->points;
}

struct timeline_snap *timeline_snapshot(const struct timeline *t)
{
    HANDLE_IS(t, TIMELINE_TAG);
    struct timeline_snap *s = timeline_levels_snapshot(t->levels);
    s->since = t->since;
    return s;
}
