// SPDX-License-Identifier: MIT
/* spread: timeline_json.h's heatmap, distribution and kinds of failures. */
#include "common/base/mem.h"
#include "common/metric/failure_kind.h"
#include "master/data/timeline_read.h"
#include "master/web/timeline_json.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEAT_STEPS 360
#define HEAT_ROWS 64
#define BUCKETS (HIST_OCTAVES * HIST_SUB_COUNT)
#define BUCKETS_SHOWN 400
#define TREND_STEPS 30

static void add_next(struct sbuf *out, double number)
{
    sbuf_addc(out, ',');
    sbuf_add_decimal(out, number);
}

static void add_span(struct sbuf *out, const struct settled_range *r)
{
    sbuf_addf(out, "{\"from\":%lld,\"to\":%lld,\"step\":%u,\"complete\":%s", (long long)r->from,
              (long long)r->to, r->step, r->is_complete ? "true" : "false");
}

static uint32_t row_id(const struct query *q)
{
    return q->has_worker ? TIMELINE_WORKER + q->worker : q->id;
}

/* The figures of the query's row over a settled range. */
static void read_whole(const struct view *v, const struct query *q, const struct settled_range *r,
                       struct tally *sum)
{
    struct timeline_plan plan;
    tally_init(sum, NULL, NULL);
    if (r->is_empty)
        return;
    timeline_plan(v->timeline, r->from, r->to, &plan);
    timeline_read_row(&plan, row_id(q), sum);
    timeline_plan_fini(&plan);
}

/* ---- heatmap ---- */

struct heat {
    struct sbuf *out;
    double bounds_us[HEAT_ROWS + 1];
    uint64_t cells[HEAT_ROWS], most;
    uint32_t x;
    int64_t from;
    uint32_t step;
    bool is_first;
};

/* Equal steps of a logarithm, from the shortest time to the longest. */
static void set_bounds(struct heat *h, const struct tally *t)
{
    double low = t->min_us <= t->max_us ? fmax((double)t->min_us, 1) : 1;
    double high = fmax((double)t->max_us, low) * 1.001 + 1;
    for (int i = 0; i <= HEAT_ROWS; i++)
        h->bounds_us[i] = low * pow(high / low, (double)i / HEAT_ROWS);
}

static void add_heat(void *arg, uint64_t mid_us, uint64_t n)
{
    struct heat *h = arg;
    double low = h->bounds_us[0], high = h->bounds_us[HEAT_ROWS];
    double at = log(fmax((double)mid_us, low) / low) / log(high / low) * HEAT_ROWS;
    size_t row = at >= HEAT_ROWS ? HEAT_ROWS - 1 : (size_t)at;
    h->cells[row] += n;
}

static void add_heat_step(void *arg, const struct timeline_step *s)
{
    struct heat *h = arg;
    memset(h->cells, 0, sizeof h->cells);
    hist_each(&s->sum->hist, add_heat, h);
    for (size_t y = 0; y < HEAT_ROWS; y++) {
        if (h->cells[y] == 0)
            continue;
        sbuf_adds(h->out, h->is_first ? "[" : ",[");
        sbuf_add_u64(h->out, (uint64_t)(s->second - h->from) / h->step);
        sbuf_addc(h->out, ',');
        sbuf_add_u64(h->out, y);
        sbuf_addc(h->out, ',');
        sbuf_add_u64(h->out, h->cells[y]);
        sbuf_addc(h->out, ']');
        h->is_first = false;
        if (h->cells[y] > h->most)
            h->most = h->cells[y];
    }
}

void timeline_json_heatmap(struct sbuf *out, const struct view *v, const struct query *q)
{
    struct settled_range r = timeline_json_settle_steps(v, q, HEAT_STEPS);
    struct heat h = {.out = out, .from = r.from, .step = r.step, .is_first = true};
    struct tally all;
    read_whole(v, q, &r, &all);
    set_bounds(&h, &all);
    tally_fini(&all);
    add_span(out, &r);
    sbuf_adds(out, ",\"bounds_ms\":[");
    for (int i = 0; i <= HEAT_ROWS; i++) {
        if (i > 0)
            sbuf_addc(out, ',');
        sbuf_add_decimal(out, h.bounds_us[i] / 1000);
    }
    sbuf_adds(out, "],\"cells\":[");
    struct timeline_ask ask = {.from = r.from, .to = r.to, .step = r.step, .id = row_id(q)};
    if (!r.is_empty)
        timeline_read_steps(v->timeline, &ask, add_heat_step, &h);
    sbuf_adds(out, "],\"max\":");
    sbuf_add_u64(out, h.most);
    sbuf_addc(out, '}');
}

/* ---- distribution ---- */

struct spread {
    uint64_t all[BUCKETS], failed[BUCKETS];
};

static size_t bucket_of(uint64_t us)
{
    unsigned octave = hist_octave_of(us);
    return (size_t)octave * HIST_SUB_COUNT + hist_step_of(us, octave);
}

static double bucket_low_us(size_t bucket)
{
    size_t octave = bucket / HIST_SUB_COUNT, step = bucket % HIST_SUB_COUNT;
    return octave == 0 ? (double)step : (double)((uint64_t)(HIST_SUB_COUNT + step) << (octave - 1));
}

static void count_all(void *arg, uint64_t mid_us, uint64_t n)
{
    ((struct spread *)arg)->all[bucket_of(mid_us)] += n;
}

static void count_failed(void *arg, uint64_t mid_us, uint64_t n)
{
    ((struct spread *)arg)->failed[bucket_of(mid_us)] += n;
}

/* Neighbours are put together by powers of two until few enough are left. */
static unsigned find_shift(const struct spread *s)
{
    for (unsigned shift = 0;; shift++) {
        size_t used = 0, last = SIZE_MAX;
        for (size_t i = 0; i < BUCKETS; i++) {
            if (s->all[i] == 0 || i >> shift == last)
                continue;
            last = i >> shift;
            used++;
        }
        if (used <= BUCKETS_SHOWN)
            return shift;
    }
}

static void add_buckets(struct sbuf *out, const struct tally *t)
{
    struct spread *s = mem_zalloc(sizeof *s);
    bool is_first = true;
    sbuf_adds(out, ",\"buckets\":[");
    hist_each(&t->hist, count_all, s);
    if (t->failed != NULL)
        hist_each(t->failed, count_failed, s);
    unsigned shift = find_shift(s);
    for (size_t i = 0; i < BUCKETS; i += (size_t)1 << shift) {
        uint64_t all = 0, failed = 0;
        for (size_t k = i; k < i + ((size_t)1 << shift) && k < BUCKETS; k++) {
            all += s->all[k];
            failed += s->failed[k];
        }
        if (all == 0)
            continue;
        sbuf_adds(out, is_first ? "[" : ",[");
        sbuf_add_decimal(out, bucket_low_us(i) / 1000);
        add_next(out, bucket_low_us(i + ((size_t)1 << shift)) / 1000);
        sbuf_addc(out, ',');
        sbuf_add_u64(out, failed < all ? all - failed : 0);
        sbuf_addc(out, ',');
        sbuf_add_u64(out, failed);
        sbuf_addc(out, ']');
        is_first = false;
    }
    sbuf_addc(out, ']');
    free(s);
}

static void add_curve_point(struct sbuf *out, const struct tally *t, double q, bool is_first)
{
    sbuf_addf(out, "%s[%.6g", is_first ? "" : ",", q);
    add_next(out, tally_quantile_ms(t, q));
    sbuf_addc(out, ']');
}

/* Five points for each halving of what is left to 1. */
static void add_curve(struct sbuf *out, const struct tally *t)
{
    sbuf_adds(out, ",\"curve\":[");
    for (int half = 0; t->hist.count > 0 && half < 17; half++)
        for (int i = 0; i < 5; i++) {
            double q = 1 - pow(0.5, half) * (1 - i / 10.0);
            if (q < 0.99999)
                add_curve_point(out, t, q, half + i == 0);
        }
    if (t->hist.count > 0)
        add_curve_point(out, t, 0.99999, false);
    sbuf_addc(out, ']');
}

/* The 95 % interval of a percentile, from the ranks that a binomial count allows: no assumption
 * about the shape of the distribution. Null when there are too few samples for a bound. */
static void add_interval(struct sbuf *out, const struct tally *t, const char *name, double q)
{
    double n = (double)t->hist.count, width = 1.96 * sqrt(n * q * (1 - q));
    double low = floor(n * q - width), high = ceil(n * q + width) + 1;
    sbuf_addf(out, "\"%s\":[", name);
    sbuf_add_decimal(out, low >= 1 ? tally_quantile_ms(t, low / n) : NAN);
    add_next(out, n > 0 && high <= n ? tally_quantile_ms(t, high / n) : NAN);
    sbuf_addc(out, ']');
}

void timeline_json_distribution(struct sbuf *out, const struct view *v, const struct query *q)
{
    struct settled_range r = timeline_json_settle(v, q);
    struct tally t;
    read_whole(v, q, &r, &t);
    add_span(out, &r);
    sbuf_adds(out, ",\"count\":");
    sbuf_add_u64(out, t.hist.count);
    sbuf_adds(out, ",\"failed\":");
    sbuf_add_u64(out, t.failed != NULL ? t.failed->count : 0);
    add_buckets(out, &t);
    add_curve(out, &t);
    sbuf_adds(out, ",\"ci95\":{");
    add_interval(out, &t, "p50", 0.50);
    sbuf_addc(out, ',');
    add_interval(out, &t, "p95", 0.95);
    sbuf_addc(out, ',');
    add_interval(out, &t, "p99", 0.99);
    sbuf_adds(out, "}}");
    tally_fini(&t);
}

/* ---- failures ---- */

struct trend { /* by the first line of each kind */
    uint64_t *counts, *in_range;
    size_t kinds, steps;
    struct settled_range range; /* of the steps */
};

static size_t kind_index(const struct view *v, uint32_t id)
{
    size_t low = 0, high = v->failure_count; /* ids rise; of neighbours the first */
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (v->failures[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < v->failure_count && v->failures[low].id == id ? low : SIZE_MAX;
}

static void count_plan(const struct view *v, int64_t from, int64_t to, uint64_t *counts,
                       size_t stride)
{
    struct timeline_plan plan;
    struct timeline_failed *list;
    timeline_plan(v->timeline, from, to, &plan);
    size_t count = timeline_merge_failures(plan.blocks, plan.count, &list);
    for (size_t i = 0; i < count; i++) {
        size_t at = kind_index(v, list[i].kind);
        if (at != SIZE_MAX)
            counts[at * stride] += list[i].count;
    }
    free(list);
    timeline_plan_fini(&plan);
}

static void count_trends(const struct view *v, const struct query *q, struct trend *t)
{
    struct settled_range whole = timeline_json_settle(v, q);
    struct settled_range r = timeline_json_settle_steps(v, q, TREND_STEPS);
    if (r.is_empty)
        return;
    t->range = r;
    count_plan(v, whole.from, whole.to, t->in_range, 1);
    for (int64_t at = r.from; at < r.to && t->steps < TREND_STEPS; at += r.step)
        count_plan(v, at, at + r.step, t->counts + t->steps++, TREND_STEPS);
}

static void add_text(struct sbuf *out, const struct view_failure *f, bool is_first)
{
    sbuf_adds(out, is_first ? "[" : ",[");
    sbuf_add_json(out, f->text, strlen(f->text));
    sbuf_addc(out, ',');
    sbuf_add_u64(out, f->count);
    sbuf_addc(out, ']');
}

/* The lines of one kind, which are `count` texts, or one line with texts of its own. */
static void add_texts(struct sbuf *out, const struct view_failure *f, size_t count)
{
    const struct view_failure *texts = f->texts ? f->texts : f;
    const size_t n = f->texts ? f->text_count : count;
    sbuf_adds(out, ",\"texts\":[");
    for (size_t i = 0; i < n; i++)
        add_text(out, &texts[i], i == 0);
    sbuf_addc(out, ']');
}

static void add_failure(struct sbuf *out, const struct view_failure *f, size_t count,
                        struct sbuf *kind)
{
    struct view_failure sum = *f;
    const struct view_failure *most = f;
    for (size_t i = 1; i < count; i++) {
        sum.count += f[i].count;
        sum.first_at = fmin(sum.first_at, f[i].first_at);
        sum.last_at = fmax(sum.last_at, f[i].last_at);
        most = f[i].count > most->count ? &f[i] : most;
    }
    const char *texts[] = {f->method, f->name, most->text};
    static const char *const keys[] = {"method", "name", "text"};
    sbuf_addf(out, "{\"id\":%u,\"count\":", f->id);
    sbuf_add_u64(out, sum.count);
    for (size_t i = 0; i < 3; i++) {
        sbuf_addf(out, ",\"%s\":", keys[i]);
        sbuf_add_json(out, texts[i], strlen(texts[i]));
    }
    sbuf_clear(kind);
    failure_kind_add(kind, f->text);
    sbuf_adds(out, ",\"kind\":");
    sbuf_add_json(out, kind->data != NULL ? kind->data : "", kind->len);
    add_texts(out, f, count);
    sbuf_adds(out, ",\"first\":");
    sbuf_add_decimal(out, sum.first_at);
    sbuf_adds(out, ",\"last\":");
    sbuf_add_decimal(out, sum.last_at);
}

static void add_course(struct sbuf *out, const struct trend *t, size_t at)
{
    sbuf_adds(out, ",\"in_range\":");
    sbuf_add_u64(out, t->in_range[at]);
    sbuf_adds(out, ",\"trend\":[");
    for (size_t k = 0; k < t->steps; k++) {
        if (k > 0)
            sbuf_addc(out, ',');
        sbuf_add_u64(out, t->counts[at * TREND_STEPS + k]);
    }
    sbuf_adds(out, "]}");
}

static size_t lines_of_kind(const struct view *v, size_t at)
{
    size_t end = at + 1;
    while (end < v->failure_count && v->failures[end].id == v->failures[at].id)
        end++;
    return end - at;
}

void timeline_json_failures(struct sbuf *out, const struct view *v, const struct query *q)
{
    struct sbuf kind = {0};
    struct trend t = {.kinds = v->failure_count};
    t.counts = mem_zalloc((t.kinds * TREND_STEPS + 1) * sizeof *t.counts);
    t.in_range = mem_zalloc((t.kinds + 1) * sizeof *t.in_range);
    if (v->timeline != NULL)
        count_trends(v, q, &t);
    sbuf_addc(out, '[');
    for (size_t i = 0, lines; i < v->failure_count; i += lines) {
        lines = lines_of_kind(v, i);
        if (i > 0)
            sbuf_addc(out, ',');
        add_failure(out, &v->failures[i], lines, &kind);
        add_course(out, &t, i);
    }
    sbuf_addf(out, "],\"trend_at\":[%lld,%u]", (long long)t.range.from, (unsigned)t.range.step);
    free(t.counts);
    free(t.in_range);
    sbuf_fini(&kind);
}
