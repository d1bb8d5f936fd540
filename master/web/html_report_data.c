// SPDX-License-Identifier: MIT
/* One pass over all rows ranks them by the time they took; what is written of a row depends on its
 * rank. Windows are planned once and read for each row that has them. */
#include "master/web/html_report_data.h"

#include "common/base/mem.h"
#include "master/data/timeline_read.h"
#include "master/web/feed.h"
#include "master/web/timeline_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WINDOWS 120
#define BLOCK_VERSION 1

#define KEPT_SUM(field, name, place, meaning) ",\"" name "\""
#define KEPT_LEAST KEPT_SUM
#define KEPT_MOST KEPT_SUM
#define KEPT_TREND KEPT_SUM
#define KEPT_PART KEPT_SUM
#define KEPT_EXTRA(field, name, meaning) ",\"" name "\""
static const char ROW_COLUMNS[] = "\"columns\":[\"from\",\"to\",\"id\""
#include "common/metric/columns.def"
                                  "]";

struct block {
    struct sbuf *out;
    const struct view *v;
    struct query query; /* the range that was asked for */
    struct settled_range whole, steps;
    struct timeline_plan *windows; /* of steps */
    size_t window_count;
};

static void add_next(struct sbuf *out, double number)
{
    sbuf_addc(out, ',');
    sbuf_add_decimal(out, number);
}

static void add_u64(struct sbuf *out, uint64_t number)
{
    sbuf_addc(out, ',');
    sbuf_add_u64(out, number);
}

/* ---- rows ---- */

static void add_hist(struct sbuf *out, const struct hist *h)
{
    size_t expected = 0; /* the bucket after the last one */
    const char *comma = "";
    sbuf_adds(out, ",[");
    for (size_t o = 0; h != NULL && o < HIST_OCTAVES; o++)
        for (size_t i = 0; h->octave[o] != NULL && i < HIST_SUB_COUNT; i++) {
            if (h->octave[o][i] == 0)
                continue;
            size_t bucket = o * HIST_SUB_COUNT + i;
            sbuf_adds(out, comma);
            sbuf_add_u64(out, bucket - expected);
            add_u64(out, h->octave[o][i]);
            expected = bucket + 1;
            comma = ",";
        }
    sbuf_addc(out, ']');
}

static void add_least(struct sbuf *out, uint64_t number)
{
    if (number == UINT64_MAX)
        sbuf_adds(out, ",null");
    else
        add_u64(out, number);
}

static void add_row(struct sbuf *out, int64_t from, int64_t to, uint32_t id, const struct tally *t,
                    bool has_hist)
{
    sbuf_addc(out, '[');
    sbuf_add_u64(out, (uint64_t)from);
    add_u64(out, (uint64_t)to);
    add_u64(out, id);
#define KEPT_SUM(field, name, place, meaning) add_u64(out, t->field);
#define KEPT_LEAST(field, name, place, meaning) add_least(out, t->field);
#define KEPT_MOST KEPT_SUM
#define KEPT_TREND(field, name, place, meaning) add_hist(out, has_hist ? &t->field : NULL);
#define KEPT_PART(field, name, place, meaning) add_hist(out, has_hist ? t->field : NULL);
#define KEPT_EXTRA(field, name, meaning) add_u64(out, t->extra.field);
#include "common/metric/columns.def"
    sbuf_addc(out, ']');
}

struct ranked {
    uint64_t sum_us, requests;
    uint32_t id;
};

static int by_time(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->sum_us != y->sum_us)
        return x->sum_us < y->sum_us ? 1 : -1;
    if (x->requests != y->requests)
        return x->requests < y->requests ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

static int by_id(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* The rows of a plan, those with the most time first. Malloced. */
static struct ranked *rank(const struct timeline_plan *plan, size_t row_count, size_t *count)
{
    struct ranked *list = mem_zalloc((row_count + 1) * sizeof *list);
    struct timeline_merge m;
    *count = 0;
    timeline_merge_init(&m, plan->blocks, plan->count);
    while (*count < row_count && timeline_merge_next(&m, false))
        if (m.id != TIMELINE_TOTAL && m.id < TIMELINE_WORKER)
            list[(*count)++] = (struct ranked){m.sum.sum_us, m.sum.requests, m.id};
    timeline_merge_fini(&m);
    if (*count > 0)
        qsort(list, *count, sizeof *list, by_time);
    return list;
}

/* Keeps the first `most` of a ranking, by rising id. */
static size_t keep(struct ranked *list, size_t count, size_t most)
{
    if (count > most)
        count = most;
    if (count > 0)
        qsort(list, count, sizeof *list, by_id);
    return count;
}

static bool has_id(const struct ranked *list, size_t count, uint32_t id)
{
    const struct ranked key = {.id = id};
    return count > 0 && bsearch(&key, list, count, sizeof *list, by_id) != NULL;
}

static void add_rows_run(struct block *b, const struct timeline_plan *plan,
                         const struct ranked *with_hist, size_t count)
{
    struct timeline_merge m;
    bool is_first = true;
    sbuf_addf(b->out, ",\"rows_run\":{%s,\"rows\":[", ROW_COLUMNS);
    timeline_merge_init(&m, plan->blocks, plan->count);
    while (timeline_merge_next(&m, false) && m.id < TIMELINE_WORKER) {
        if (!is_first)
            sbuf_addc(b->out, ',');
        is_first = false;
        add_row(b->out, b->whole.from, b->whole.to, m.id, &m.sum,
                m.id == TIMELINE_TOTAL || has_id(with_hist, count, m.id));
    }
    timeline_merge_fini(&m);
    sbuf_adds(b->out, "]}");
}

static int64_t window_from(const struct block *b, size_t i)
{
    return b->steps.from + (int64_t)(i * b->steps.step);
}

static void add_windows_of(struct block *b, uint32_t id, struct tally *sum, bool *is_first)
{
    for (size_t i = 0; i < b->window_count; i++) {
        tally_zero(sum);
        timeline_read_row(&b->windows[i], id, sum);
        if (tally_is_empty(sum))
            continue;
        if (!*is_first)
            sbuf_addc(b->out, ',');
        *is_first = false;
        add_row(b->out, window_from(b, i), window_from(b, i + 1), id, sum, true);
    }
}

static void add_rows_windows(struct block *b, const struct ranked *list, size_t count)
{
    struct tally sum;
    bool is_first = true;
    tally_init(&sum, NULL, NULL);
    sbuf_addf(b->out, ",\"rows_windows\":{\"step\":%u,%s,\"rows\":[", b->steps.step, ROW_COLUMNS);
    add_windows_of(b, TIMELINE_TOTAL, &sum, &is_first);
    for (size_t i = 0; i < count; i++)
        add_windows_of(b, list[i].id, &sum, &is_first);
    sbuf_adds(b->out, "]}");
    tally_fini(&sum);
}

static void add_rows(struct block *b, const struct html_report_size *size)
{
    struct timeline_plan plan = {0};
    size_t count;
    if (!b->whole.is_empty)
        timeline_plan(b->v->timeline, b->whole.from, b->whole.to, &plan);
    struct ranked *list = rank(&plan, b->v->row_count, &count);
    size_t with_hist = keep(list, count, size->with_hist);
    add_rows_run(b, &plan, list, with_hist);
    if (count > 0)
        qsort(list, count, sizeof *list, by_time);
    add_rows_windows(b, list, keep(list, count, size->windowed));
    free(list);
    timeline_plan_fini(&plan);
}

/* ---- failures, workers ---- */

static void add_failures_windows(struct block *b)
{
    bool is_first = true;
    sbuf_addf(b->out,
              ",\"failures_windows\":{\"step\":%u,\"columns\":[\"from\",\"to\",\"kind\",\"count\"],"
              "\"rows\":[",
              b->steps.step);
    for (size_t i = 0; i < b->window_count; i++) {
        struct timeline_failed *list;
        size_t count = timeline_merge_failures(b->windows[i].blocks, b->windows[i].count, &list);
        for (size_t k = 0; k < count; k++) {
            sbuf_addf(b->out, "%s[%lld,%lld,%u,%llu]", is_first ? "" : ",",
                      (long long)window_from(b, i), (long long)window_from(b, i + 1), list[k].kind,
                      (unsigned long long)list[k].count);
            is_first = false;
        }
        free(list);
    }
    sbuf_adds(b->out, "]}");
}

/* Of a window, in which it may have reported without a word of its health, or the other way round.
 */
static void add_worker(struct block *b, size_t i, const struct timeline_health *h,
                       const struct tally *sum)
{
    const double seconds = fmin((double)b->steps.step, (double)(b->whole.to - window_from(b, i)));
    const double samples = h->samples > 0 ? (double)h->samples : NAN;
    sbuf_addf(b->out, "[%lld,%u", (long long)window_from(b, i), h->index);
    add_next(b->out, (double)h->users_sum / samples);
    add_next(b->out, (double)sum->requests / fmax(seconds, 1));
    add_next(b->out, (double)sum->failures / fmax(seconds, 1));
    add_next(b->out, (double)h->cpu_sum / 10 / samples);
    add_next(b->out, h->samples > 0 ? (double)h->cpu_max / 10 : NAN);
    add_next(b->out, h->has_lag ? (double)h->lag_us / 1000 : NAN);
    add_u64(b->out, h->memory_kb << 10);
    add_u64(b->out, h->samples);
    add_u64(b->out, sum->requests);
    add_u64(b->out, sum->failures);
    sbuf_addc(b->out, ']');
}

static int by_index(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Of all workers that reported, or were there, in the range; sorted, and may name one twice.
 * Malloced. */
static uint32_t *worker_indexes(const struct block *b, size_t *count)
{
    struct timeline_plan plan;
    struct timeline_health *healths;
    struct timeline_merge m;
    timeline_plan(b->v->timeline, b->whole.from, b->whole.to, &plan);
    *count = timeline_merge_healths(plan.blocks, plan.count, &healths);
    size_t cap = *count + 16;
    uint32_t *list = mem_zalloc(cap * sizeof *list);
    for (size_t i = 0; i < *count; i++)
        list[i] = healths[i].index;
    free(healths);
    timeline_merge_init(&m, plan.blocks, plan.count);
    while (timeline_merge_next(&m, true)) {
        if (m.id < TIMELINE_WORKER)
            continue;
        if (*count == cap)
            list = mem_realloc(list, (cap *= 2) * sizeof *list);
        list[(*count)++] = m.id - TIMELINE_WORKER;
    }
    timeline_merge_fini(&m);
    timeline_plan_fini(&plan);
    qsort(list, *count, sizeof *list, by_index);
    return list;
}

static void add_workers(struct block *b)
{
    const char *comma = "";
    struct tally sum;
    size_t count = 0;
    uint32_t *indexes = b->window_count > 0 ? worker_indexes(b, &count) : NULL;
    tally_init(&sum, NULL, NULL);
    sbuf_addf(b->out,
              ",\"workers_series\":{\"step\":%u,\"columns\":[\"second\",\"index\",\"users\","
              "\"rps\",\"fail_rps\",\"cpu\",\"cpu_max\",\"lag\",\"memory\",\"samples\","
              "\"requests\",\"failures\"],\"points\":[",
              b->steps.step);
    for (size_t i = 0; i < b->window_count; i++) {
        struct timeline_health *list;
        const size_t known =
            timeline_merge_healths(b->windows[i].blocks, b->windows[i].count, &list);
        for (size_t k = 0, next = 0; k < count; k++) {
            const struct timeline_health none = {.index = indexes[k]}, *h = &none;
            if (k > 0 && indexes[k] == indexes[k - 1])
                continue;
            if (next < known && list[next].index == indexes[k])
                h = &list[next++];
            tally_zero(&sum);
            timeline_read_row(&b->windows[i], TIMELINE_WORKER + indexes[k], &sum);
            if (h->samples == 0 && sum.requests == 0)
                continue;
            sbuf_adds(b->out, comma);
            comma = ",";
            add_worker(b, i, h, &sum);
        }
        free(list);
    }
    sbuf_adds(b->out, "]}");
    tally_fini(&sum);
    free(indexes);
}

/* ---- all of it ---- */

static void add_head(struct block *b)
{
    struct feed_mark mark = {0};
    sbuf_addf(b->out, "{\"version\":%d,\"made_at\":", BLOCK_VERSION);
    sbuf_add_decimal(b->out, b->v->now);
    sbuf_addf(b->out, ",\"from\":%lld,\"to\":%lld,\"hist_rule\":{\"sub_bits\":%d},\"hello\":",
              (long long)b->whole.from, (long long)b->whole.to, HIST_SUB_BITS);
    feed_hello(b->v, b->out);
    sbuf_adds(b->out, ",\"tick\":");
    feed_tick(b->v, &mark, b->out);
}

static void add_series(struct block *b)
{
    struct settled_range r = timeline_json_settle_steps(b->v, &b->query, TIMELINE_JSON_STEPS);
    sbuf_addf(b->out, ",\"series\":{\"step\":%u,", r.step);
    timeline_json_points(b->out, b->v, &b->query, &r);
    sbuf_addc(b->out, '}');
}

static void add_json(struct sbuf *out, const char *member, const char *json)
{
    sbuf_adds(out, member);
    sbuf_adds(out, json != NULL ? json : "null");
}

static void add_lists(struct block *b, const struct html_report_ask *ask)
{
    sbuf_adds(b->out, ",\"failures\":");
    timeline_json_failures(b->out, b->v, &b->query);
    sbuf_adds(b->out, ",\"exceptions\":");
    feed_exception_list(b->v, b->out);
    sbuf_adds(b->out, ",\"events\":");
    timeline_json_events(b->out, b->v);
    sbuf_adds(b->out, ",\"saturated\":");
    timeline_json_saturated(b->out, b->v, b->whole.from, b->whole.to);
    add_json(b->out, ",\"script\":", ask->script);
    add_json(b->out, ",\"samples\":", ask->samples);
    add_json(b->out, ",\"logs\":", ask->logs);
    add_json(b->out, ",\"metrics\":", ask->metrics);
    add_json(b->out, ",\"verdict\":", b->v->verdict);
    if (ask->plans != NULL)
        add_json(b->out, ",\"scenarios\":", ask->plans);
}

static void plan_windows(struct block *b)
{
    if (b->steps.is_empty)
        return;
    b->window_count = (size_t)((b->steps.to - b->steps.from) / b->steps.step);
    b->windows = mem_zalloc((b->window_count + 1) * sizeof *b->windows);
    for (size_t i = 0; i < b->window_count; i++)
        timeline_plan(b->v->timeline, window_from(b, i), window_from(b, i + 1), &b->windows[i]);
}

void html_report_data_add(struct sbuf *out, const struct view *v, const struct html_report_ask *ask,
                          const struct html_report_size *size)
{
    struct block b = {.out = out,
                      .v = v,
                      .query = {.has_from = ask->from > 0,
                                .has_to = ask->to > 0,
                                .from = ask->from,
                                .to = ask->to,
                                .has_all_columns = true}};
    b.whole = timeline_json_settle(v, &b.query);
    b.steps = timeline_json_settle_steps(v, &b.query, WINDOWS);
    plan_windows(&b);
    add_head(&b);
    add_series(&b);
    add_rows(&b, size);
    add_failures_windows(&b);
    add_workers(&b);
    add_lists(&b, ask);
    sbuf_addc(out, '}');
    for (size_t i = 0; i < b.window_count; i++)
        timeline_plan_fini(&b.windows[i]);
    free(b.windows);
}
