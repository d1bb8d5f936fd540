// SPDX-License-Identifier: MIT
#include "master/store/sheet_curves.h"
#include "common/base/mem.h"
#include "common/metric/stats.h"
#include "master/data/timeline_read.h"
#include "master/store/sheet_axes.h"
#include <math.h>
#include <stdlib.h>

#define STEPS 100     /* of a course */
#define TAIL_PARTS 20 /* points of a percentile curve in each power of ten of what is above */
#define TAIL_MOST 5   /* powers of ten */
#define INTERVAL_WIDTH 160

static const char *class_of(bool is_after, size_t i)
{
    return is_after ? i ? "after more" : "after" : i ? "before more" : "before";
}

/* ---- percentiles ---- */

static double share_of(double tail)
{
    return 1 - pow(10, -tail);
}

static double tail_most(const struct sheet_side *s)
{
    double most = 1;
    for (size_t i = 0; i < s->count; i++)
        most = fmax(most, log10((double)s->runs[i].stats->total.hist.count + 1));
    return fmin(most, TAIL_MOST);
}

static void widen(struct axes *a, const struct sheet_side *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct tally *t = &s->runs[i].stats->total;
        if (t->hist.count == 0)
            continue;
        a->y0 = fmin(a->y0, fmax(tally_quantile_ms(t, 0.001), 0.001));
        a->y1 = fmax(a->y1, tally_quantile_ms(t, share_of(a->x1)));
    }
}

static void add_percentile_lines(struct sbuf *out, const struct axes *a, const struct sheet_side *s,
                                 bool is_after)
{
    for (size_t i = s->count; i-- > 0;) { /* the newest on top */
        const struct tally *t = &s->runs[i].stats->total;
        if (t->hist.count == 0)
            continue;
        sbuf_addf(out, "<polyline class=\"%s\" points=\"", class_of(is_after, i));
        for (double tail = 0; tail <= a->x1; tail += 1.0 / TAIL_PARTS)
            sbuf_addf(out, "%.1f,%.1f ", axes_x(a, tail),
                      axes_y(a, tally_quantile_ms(t, share_of(tail))));
        sbuf_adds(out, "\"/>\n");
    }
}

static void add_percentile_grid(struct sbuf *out, const struct axes *a)
{
    static const struct {
        double share;
        const char *words;
    } at[] = {{0, "0"},     {0.5, "50"},     {0.75, "75"},      {0.9, "90"},        {0.95, "95"},
              {0.99, "99"}, {0.999, "99.9"}, {0.9999, "99.99"}, {0.99999, "99.999"}};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        if (-log10(1 - at[i].share) <= a->x1 + 1e-9)
            axes_add_x(out, a, -log10(1 - at[i].share), at[i].words);
}

void sheet_add_percentiles(struct sbuf *out, const struct sheet_side *before,
                           const struct sheet_side *after)
{
    struct axes a = {.x1 = fmax(tail_most(before), tail_most(after)),
                     .y0 = INFINITY,
                     .y1 = 0.001,
                     .is_log = true};
    widen(&a, before);
    widen(&a, after);
    if (!isfinite(a.y0))
        return;
    a.y1 = fmax(a.y1, a.y0 * 1.5);
    axes_begin(out, "Response time by percentile");
    axes_add_grid(out, &a, " ms");
    add_percentile_grid(out, &a);
    add_percentile_lines(out, &a, before, false);
    add_percentile_lines(out, &a, after, true);
    axes_end(out);
}

void sheet_add_changes(struct sbuf *out, const struct sheet_side *before,
                       const struct sheet_side *after)
{
    const struct tally *x = &before->runs[0].stats->total, *y = &after->runs[0].stats->total;
    struct axes a = {.x1 = fmin(tail_most(before), tail_most(after)), .y0 = -5, .y1 = 5};
    if (x->hist.count == 0 || y->hist.count == 0)
        return;
    double list[TAIL_MOST * TAIL_PARTS + 1];
    size_t count = 0;
    for (double tail = 0; tail <= a.x1 && count < sizeof list / sizeof *list;
         tail += 1.0 / TAIL_PARTS) {
        const double was = tally_quantile_ms(x, share_of(tail));
        const double is = tally_quantile_ms(y, share_of(tail));
        list[count] = was > 0 ? 100 * (is / was - 1) : 0;
        a.y0 = fmin(a.y0, list[count]);
        a.y1 = fmax(a.y1, list[count++]);
    }
    axes_begin(out, "Change of each percentile");
    axes_add_grid(out, &a, " %");
    add_percentile_grid(out, &a);
    sbuf_addf(out, "<path class=\"zero\" d=\"M%d %.1fH%d\"/>", AXES_LEFT, axes_y(&a, 0),
              AXES_RIGHT);
    sbuf_adds(out, "<polyline class=\"after\" points=\"");
    for (size_t i = 0; i < count; i++)
        sbuf_addf(out, "%.1f,%.1f ", axes_x(&a, (double)i / TAIL_PARTS), axes_y(&a, list[i]));
    sbuf_adds(out, "\"/>\n");
    axes_end(out);
}

/* ---- courses ---- */

enum course { COURSE_RATE, COURSE_FAILED, COURSE_P95, COURSES };

struct points { /* of one run */
    double at[STEPS + 2], value[COURSES][STEPS + 2];
    size_t count;
};

static void read_points(struct points *p, const struct timeline_snap *t)
{
    struct timeline_plan plan;
    timeline_plan(t, t->since, t->until, &plan);
    int64_t step = (t->until - t->since + STEPS - 1) / STEPS;
    step = step > 5 ? (step + 9) / 10 * 10 : step;
    step = step < plan.resolution ? plan.resolution : step;
    timeline_plan_fini(&plan);
    for (int64_t from = t->since; step > 0 && from + step <= t->until && p->count < STEPS + 2;
         from += step) {
        struct tally sum;
        tally_init(&sum, NULL, NULL);
        timeline_plan(t, from, from + step, &plan);
        timeline_read_row(&plan, TIMELINE_TOTAL, &sum);
        const double span = (double)(plan.to > plan.from ? plan.to - plan.from : step);
        p->at[p->count] = (double)(from - t->since) + (double)step / 2;
        p->value[COURSE_RATE][p->count] = (double)sum.requests / span;
        p->value[COURSE_FAILED][p->count] = (double)sum.failures / span;
        p->value[COURSE_P95][p->count++] = sum.hist.count ? tally_quantile_ms(&sum, 0.95) : NAN;
        timeline_plan_fini(&plan);
        tally_fini(&sum);
    }
}

static struct points *read_side(const struct sheet_side *s)
{
    struct points *list = mem_zalloc((s->count + 1) * sizeof *list);
    for (size_t i = 0; i < s->count; i++)
        if (s->runs[i].timeline)
            read_points(&list[i], s->runs[i].timeline);
    return list;
}

static void widen_by(struct axes *a, const struct points *p, size_t count, enum course c)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < p[i].count; k++) {
            a->x1 = fmax(a->x1, p[i].at[k]);
            a->y1 = fmax(a->y1, isfinite(p[i].value[c][k]) ? p[i].value[c][k] : 0);
        }
}

static void add_course_lines(struct sbuf *out, const struct axes *a, const struct points *p,
                             size_t count, enum course c, bool is_after)
{
    for (size_t i = count; i-- > 0;) {
        bool is_on = false;
        sbuf_addf(out, "<path class=\"%s\" d=\"", class_of(is_after, i));
        for (size_t k = 0; k < p[i].count; k++) {
            const double y = p[i].value[c][k];
            if (isfinite(y))
                sbuf_addf(out, "%c%.1f %.1f", is_on ? 'L' : 'M', axes_x(a, p[i].at[k]),
                          axes_y(a, y));
            is_on = isfinite(y);
        }
        sbuf_adds(out, "\"/>\n");
    }
}

void sheet_add_courses(struct sbuf *out, const struct sheet_side *before,
                       const struct sheet_side *after)
{
    static const char *const titles[] = {"Requests per second", "Failures per second",
                                         "p95 of each step"};
    struct points *x = read_side(before), *y = read_side(after);
    for (enum course c = 0; c < COURSES; c++) {
        struct axes a = {.y1 = 0};
        widen_by(&a, x, before->count, c);
        widen_by(&a, y, after->count, c);
        if (a.x1 <= 0 || a.y1 <= 0) /* no seconds; no failures */
            continue;
        axes_begin(out, titles[c]);
        axes_add_grid(out, &a, c == COURSE_P95 ? " ms" : "");
        axes_add_time(out, &a);
        add_course_lines(out, &a, x, before->count, c, false);
        add_course_lines(out, &a, y, after->count, c, true);
        axes_end(out);
    }
    free(x);
    free(y);
}

/* ---- an interval ---- */

static double change_of(const struct contrast_line *l, double value)
{
    return l->rule->margin.is_share ? value : value - 1;
}

void sheet_add_interval(struct sbuf *out, const struct contrast_line *l)
{
    const struct margin *m = &l->rule->margin;
    const double margin = m->is_lower_worse ? -m->share : m->share;
    const double low = change_of(l, l->change.low), high = change_of(l, l->change.high);
    const double most = 1.1 * fmax(fmax(fabs(low), fabs(high)), fmax(fabs(margin), 1e-6));
    const double half = INTERVAL_WIDTH / 2.0;
    if (!l->change.is_there || !isfinite(most))
        return;
    sbuf_addf(out,
              "<svg class=\"interval\" viewBox=\"0 0 %d 16\" width=\"%d\" height=\"16\" "
              "aria-hidden=\"true\"><path class=\"zero\" d=\"M%.1f 0V16\"/><path class=\"margin\" "
              "d=\"M%.1f 0V16\"/><path class=\"after\" d=\"M%.1f 8H%.1f\"/><circle cx=\"%.1f\" "
              "cy=\"8\" r=\"3\"/></svg>",
              INTERVAL_WIDTH, INTERVAL_WIDTH, half, half + half * margin / most,
              half + half * low / most, half + half * high / most,
              half + half * change_of(l, l->change.change) / most);
}
