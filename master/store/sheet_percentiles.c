// SPDX-License-Identifier: MIT
#include "master/store/sheet_percentiles.h"
#include "common/base/mem.h"
#include "common/metric/stats.h"
#include "master/store/sheet_axes.h"
#include <math.h>
#include <stdlib.h>

static double tail_of(double share)
{
    return -log10(1 - share);
}

static struct contrast_seen *wholes(const struct sheet_side *s)
{
    struct contrast_seen *list = mem_zalloc((s->count + 1) * sizeof *list);
    for (size_t i = 0; i < s->count; i++)
        list[i].whole = &s->runs[i].stats->total;
    return list;
}

/* Of runs that were not compared there are curves too. For contrast_curve_fini. */
static struct contrast_curve bare_curve(const struct sheet_side *before,
                                        const struct sheet_side *after)
{
    struct contrast_curve c;
    struct contrast_seen *x = wholes(before), *y = wholes(after);
    contrast_curve_make(&c, &(struct contrast_curve_ask){.seen = {x, y},
                                                         .runs = {before->count, after->count},
                                                         .is_bare = true});
    free(x);
    free(y);
    return c;
}

static void widen(struct axes *a, const struct interval *list, size_t count)
{
    for (size_t i = 0; i < count; i++) { /* what is NaN is left out by both */
        a->y0 = fmin(a->y0, fmin(list[i].value, list[i].low));
        a->y1 = fmax(a->y1, fmax(list[i].value, list[i].high));
    }
}

static void add_points(struct sbuf *out, const struct axes *a, const struct contrast_curve *c,
                       const double *y)
{
    sbuf_adds(out, " points=\"");
    for (size_t i = 0; i < c->count; i++)
        if (isfinite(y[i]))
            sbuf_addf(out, "%.1f,%.1f ", axes_x(a, tail_of(c->share[i])), axes_y(a, y[i]));
    sbuf_adds(out, "\"/>\n");
}

/* Its edges have the dashes of their line: what is whose is not told by colour alone. */
static void add_band(struct sbuf *out, const struct axes *a, const struct contrast_curve *c,
                     const struct interval *list, const char *class)
{
    double low[CURVE_POINTS_MAX], high[CURVE_POINTS_MAX];
    size_t known = 0;
    for (size_t i = 0; i < c->count; i++) {
        low[i] = list[i].low;
        high[i] = list[i].high;
        known += isfinite(low[i]) && isfinite(high[i]);
    }
    if (known < 2)
        return;
    sbuf_addf(out, "<path class=\"band %s\" d=\"", class);
    for (size_t i = 0, n = 0; i < c->count; i++)
        if (isfinite(high[i]))
            sbuf_addf(out, "%c%.1f %.1f", n++ ? 'L' : 'M', axes_x(a, tail_of(c->share[i])),
                      axes_y(a, high[i]));
    for (size_t i = c->count; i-- > 0;)
        if (isfinite(low[i]))
            sbuf_addf(out, "L%.1f %.1f", axes_x(a, tail_of(c->share[i])), axes_y(a, low[i]));
    sbuf_adds(out, "Z\"/>\n");
    for (size_t edge = 0; edge < 2; edge++) {
        sbuf_addf(out, "<polyline class=\"edge %s\"", class);
        add_points(out, a, c, edge ? high : low);
    }
}

static void add_curve(struct sbuf *out, const struct axes *a, const struct contrast_curve *c,
                      const struct interval *list, const char *class)
{
    double y[CURVE_POINTS_MAX];
    for (size_t i = 0; i < c->count; i++)
        y[i] = list[i].value;
    sbuf_addf(out, "<polyline class=\"%s\"", class);
    add_points(out, a, c, y);
}

static void add_percentile_grid(struct sbuf *out, const struct axes *a)
{
    static const struct {
        double share;
        const char *words;
    } at[] = {{0, "0"},     {0.5, "50"},     {0.75, "75"},      {0.9, "90"},        {0.95, "95"},
              {0.99, "99"}, {0.999, "99.9"}, {0.9999, "99.99"}, {0.99999, "99.999"}};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        if (tail_of(at[i].share) <= a->x1 + 1e-9)
            axes_add_x(out, a, tail_of(at[i].share), at[i].words);
}

static void draw_percentiles(struct sbuf *out, const struct contrast_curve *c)
{
    struct axes a = {
        .x1 = tail_of(c->share[c->count - 1]), .y0 = INFINITY, .y1 = 0.001, .is_log = true};
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < c->runs[side]; i++)
            widen(&a, c->of[side] + i * CURVE_POINTS_MAX, c->count);
    if (!isfinite(a.y0))
        return;
    a.y0 = fmax(a.y0, 0.001);
    a.y1 = fmax(a.y1, a.y0 * 1.5);
    axes_begin(out, "Response time by percentile");
    axes_add_grid(out, &a, " ms");
    add_percentile_grid(out, &a);
    for (size_t side = 0; side < 2; side++)
        add_band(out, &a, c, c->of[side], sheet_line_class(side == 1, 0));
    for (size_t side = 0; side < 2; side++)
        for (size_t i = c->runs[side]; i-- > 0;) /* the newest on top */
            add_curve(out, &a, c, c->of[side] + i * CURVE_POINTS_MAX,
                      sheet_line_class(side == 1, i));
    axes_end(out);
}

static struct interval in_percent(const struct interval *x)
{
    return (struct interval){100 * (x->value - 1), 100 * (x->low - 1), 100 * (x->high - 1)};
}

static void draw_changes(struct sbuf *out, const struct contrast_curve *c)
{
    struct axes a = {.x1 = tail_of(c->share[c->count - 1]), .y0 = -5, .y1 = 5};
    struct interval list[CURVE_POINTS_MAX];
    for (size_t i = 0; i < c->count; i++)
        list[i] = in_percent(&c->change[i]);
    widen(&a, list, c->count);
    axes_begin(out, "Change of each percentile");
    axes_add_grid(out, &a, " %");
    add_percentile_grid(out, &a);
    add_band(out, &a, c, list, "after");
    sbuf_addf(out, "<path class=\"zero\" d=\"M%d %.1fH%d\"/>", AXES_LEFT, axes_y(&a, 0),
              AXES_RIGHT);
    add_curve(out, &a, c, list, "after");
    axes_end(out);
}

void sheet_add_percentiles(struct sbuf *out, const struct contrast *c,
                           const struct sheet_side *before, const struct sheet_side *after)
{
    struct contrast_curve bare = {.count = 0};
    const bool is_bare = c->curve.count == 0;
    if (is_bare)
        bare = bare_curve(before, after);
    const struct contrast_curve *curve = is_bare ? &bare : &c->curve;
    if (curve->count) {
        draw_percentiles(out, curve);
        draw_changes(out, curve);
    }
    if (!is_bare)
        sbuf_adds(out, "<p>Bands are 95 % intervals: above of the newest run of each side, by what "
                       "happened within it; below of the change, as in the table. Where fewer "
                       "than ten requests are slower there is none.</p>\n");
    contrast_curve_fini(&bare);
}
