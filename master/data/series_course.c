// SPDX-License-Identifier: MIT
/* The values of all steps lie side by side; each piece that the store keeps is added to its step.
 */
#include "master/data/series_course.h"

#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/data/series_list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIECES_MOST 200000 /* that are added up for one answer */

static const char COLUMNS[] = "\"second\",\"count\",\"hits\",\"sum\",\"min\",\"max\",\"last\","
                              "\"p50\",\"p90\",\"p95\",\"p99\"";
static const double SHARES[] = {0.5, 0.9, 0.95, 0.99};
#define SHARE_COUNT (sizeof SHARES / sizeof *SHARES)

struct steps {
    int64_t from;
    uint32_t step;
    size_t count;
    struct value *values; /* owned */
    enum metric_kind kind;
    double scale, above;
};

/* ---- gathering ---- */

static void add_piece(void *arg, int64_t second, const struct value *v)
{
    struct steps *s = arg;
    const int64_t at = (second > s->from ? second - s->from : 0) / s->step;
    if (at < (int64_t)s->count)
        value_merge(&s->values[at], v);
}

static bool is_same(const struct series *s, const struct series_course *of)
{
    return !of->tags || (!s->is_other && s->tags->count == of->tag_count &&
                         series_has(s, of->tags, of->tag_count));
}

/* How fine the steps can be. 0: too much to add up. */
static uint32_t step_of(const struct series_store *store, const struct series_course *of,
                        const struct metric *m, int64_t to)
{
    const int64_t seconds = to > of->from ? to - of->from : 1;
    const uint32_t most = of->step ? SERIES_STEPS_MOST : SERIES_STEPS;
    uint32_t step = of->step ? of->step : 1;
    size_t pieces = 0;
    if (seconds / step > most)
        step = (uint32_t)((seconds + most - 1) / most);
    for (const struct series *s = m->first; s; s = s->next) {
        if (!is_same(s, of))
            continue;
        const struct series_extent e = series_store_extent(store, s, of->from, to);
        step = e.span > step ? e.span : step;
        pieces += e.count;
    }
    return pieces > PIECES_MOST ? 0 : step;
}

static void steps_open(struct steps *s, const struct metric *m, int64_t from, int64_t to,
                       uint32_t step)
{
    *s = (struct steps){
        .from = from - from % step, .step = step, .kind = m->kind, .scale = m->scale};
    s->count = to > s->from ? (size_t)((to - s->from + step - 1) / step) : 0;
    s->values = mem_zalloc((s->count + 1) * sizeof *s->values);
    for (size_t i = 0; i < s->count; i++)
        value_init(&s->values[i]);
}

static void steps_close(struct steps *s)
{
    for (size_t i = 0; i < s->count; i++)
        value_fini(&s->values[i]);
    free(s->values);
}

/* ---- JSON ---- */

static void add_number(struct sbuf *out, bool is_there, double number)
{
    if (is_there && isfinite(number))
        sbuf_addf(out, ",%.9g", number);
    else
        sbuf_adds(out, ",null");
}

static void add_hist(struct sbuf *out, const struct hist *h)
{
    size_t expected = 0; /* the bucket after the last one */
    const char *comma = "";
    sbuf_adds(out, ",[");
    for (size_t o = 0; h && o < HIST_OCTAVES; o++)
        for (size_t i = 0; h->octave[o] && i < HIST_SUB_COUNT; i++) {
            if (!h->octave[o][i])
                continue;
            const size_t bucket = o * HIST_SUB_COUNT + i;
            sbuf_addf(out, "%s%zu,%llu", comma, bucket - expected,
                      (unsigned long long)h->octave[o][i]);
            expected = bucket + 1;
            comma = ",";
        }
    sbuf_addc(out, ']');
}

static uint64_t count_above(const struct value *v, double scaled)
{
    return v->hist ? v->hist->count - hist_count_upto(v->hist, (uint64_t)scaled) : 0;
}

static void add_point(struct sbuf *out, const struct steps *s, size_t i, bool has_hist)
{
    const struct value *v = &s->values[i];
    const bool has_numbers = s->kind != METRIC_RATE, is_trend = s->kind == METRIC_TREND;
    sbuf_addf(out, "[%lld,%llu", (long long)(s->from + (int64_t)i * s->step),
              (unsigned long long)v->count);
    add_number(out, s->kind == METRIC_RATE, (double)v->trues);
    add_number(out, has_numbers, v->sum);
    add_number(out, has_numbers, v->min);
    add_number(out, has_numbers, v->max);
    add_number(out, s->kind == METRIC_GAUGE, v->last);
    for (size_t q = 0; q < SHARE_COUNT; q++)
        add_number(out, is_trend, is_trend ? value_quantile(v, s->scale, SHARES[q]) : 0);
    if (s->above > 0)
        add_number(out, is_trend, is_trend ? (double)count_above(v, s->above * s->scale) : 0);
    if (has_hist && is_trend) {
        add_hist(out, v->hist);
        add_hist(out, v->negative);
    }
    sbuf_addc(out, ']');
}

static void add_points(struct sbuf *out, const struct steps *s, bool has_hist)
{
    bool is_first = true;
    sbuf_addf(out, "\"step\":%u,\"columns\":[%s%s],\"points\":[", s->step, COLUMNS,
              s->above > 0 ? ",\"above\"" : "");
    for (size_t i = 0; i < s->count; i++) {
        if (!s->values[i].count)
            continue;
        sbuf_adds(out, is_first ? "" : ",");
        add_point(out, s, i, has_hist);
        is_first = false;
    }
    sbuf_addc(out, ']');
}

static void add_head(struct sbuf *out, const struct series_course *of, const struct metric *m)
{
    static const char *const kinds[METRIC_KINDS] = {"counter", "gauge", "rate", "trend"};
    sbuf_adds(out, "{\"metric\":");
    sbuf_add_json(out, of->metric, strlen(of->metric));
    sbuf_addf(out, ",\"type\":\"%s\",\"unit\":", m ? kinds[m->kind] : "");
    sbuf_add_json(out, m ? m->unit : "", m ? strlen(m->unit) : 0);
}

bool series_course_json(const struct series_store *store, const struct series_course *of,
                        struct sbuf *out)
{
    const struct metric *m = series_find_metric(series_store_all(store), of->metric);
    const struct metric none = {0};
    struct steps steps;
    const uint32_t step = step_of(store, of, m ? m : &none, of->to);
    if (!step)
        return false;
    steps_open(&steps, m ? m : &none, of->from, of->to, step);
    steps.above = of->above;
    for (const struct series *s = m ? m->first : NULL; s; s = s->next)
        if (is_same(s, of))
            series_store_walk(store, s, steps.from, of->to, add_piece, &steps);
    add_head(out, of, m);
    sbuf_addf(out, ",\"from\":%lld,\"to\":%lld,", (long long)steps.from, (long long)of->to);
    add_points(out, &steps, false);
    sbuf_addc(out, '}');
    steps_close(&steps);
    return true;
}

/* ---- the report ---- */

static void add_course(const struct series_store *store, const struct series_row *row, int64_t from,
                       int64_t to, struct sbuf *out)
{
    const int64_t seconds = to > from ? to - from : 1;
    const struct series_course of = {
        .metric = row->metric,
        .tags = row->tags,
        .tag_count = row->tag_count,
        .from = from,
        .to = to,
        .step = (uint32_t)((seconds + SERIES_REPORT_STEPS - 1) / SERIES_REPORT_STEPS)};
    const struct metric *m = series_find_metric(series_store_all(store), row->metric);
    struct steps steps;
    const uint32_t step = m && !row->is_other ? step_of(store, &of, m, to) : 0;
    if (!step) {
        sbuf_adds(out, "null");
        return;
    }
    steps_open(&steps, m, from, to, step);
    for (const struct series *s = m->first; s; s = s->next)
        if (is_same(s, &of))
            series_store_walk(store, s, steps.from, to, add_piece, &steps);
    sbuf_addf(out, "{\"scale\":%.9g,", m->scale);
    add_points(out, &steps, true);
    sbuf_addc(out, '}');
    steps_close(&steps);
}

void series_report_json(const struct series_store *store, int64_t from, int64_t to,
                        size_t max_bytes, struct sbuf *out)
{
    struct series_list *l = series_list_range(store, from, to, SERIES_LIST_LIVE);
    const size_t start = out->len;
    sbuf_adds(out, "{\"series\":");
    series_list_json(l, NULL, out);
    sbuf_addf(out, ",\"left_out\":%zu,\"courses\":[", l->left_out);
    for (size_t i = 0; i < l->count; i++) {
        sbuf_adds(out, i ? "," : "");
        if (out->len - start < max_bytes)
            add_course(store, &l->rows[i], from, to, out);
        else
            sbuf_adds(out, "null");
    }
    sbuf_adds(out, "]}");
    series_list_unref(l);
}
