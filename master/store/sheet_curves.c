// SPDX-License-Identifier: MIT
#include "master/store/sheet_curves.h"
#include "common/base/mem.h"
#include "common/metric/stats.h"
#include "master/data/timeline_read.h"
#include "master/store/sheet_axes.h"
#include <math.h>
#include <stdlib.h>

#define STEPS 100 /* of a course */
#define INTERVAL_WIDTH 160

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
        sbuf_addf(out, "<path class=\"%s\" d=\"", sheet_line_class(is_after, i));
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
