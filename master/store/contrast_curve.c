// SPDX-License-Identifier: MIT
#include "master/store/contrast_curve.h"
#include "common/base/mem.h"
#include <math.h>
#include <stdlib.h>

#define BEYOND_LINE 1  /* so many requests are slower than the last point */
#define BEYOND_BAND 10 /* ... than the last one that an interval is of */
#define TAIL_MOST 5    /* powers of ten */

static double requests_of(const struct contrast_seen *s)
{
    return s->blocks ? bootstrap_requests(s->blocks) : s->whole ? (double)s->whole->hist.count : 0;
}

/* Of the run with the fewest; 0: one has none. */
static double fewest_requests(const struct contrast_curve_ask *ask)
{
    double fewest = INFINITY;
    for (size_t side = 0; side < 2; side++)
        for (size_t i = 0; i < ask->runs[side]; i++)
            fewest = fmin(fewest, requests_of(&ask->seen[side][i]));
    return isfinite(fewest) ? fewest : 0;
}

/* Those that people name are among them, in each power of ten of the tail. */
static void list_shares(struct contrast_curve *c, double requests)
{
    static const double body[] = {0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85};
    static const double tail[] = {1, 0.75, 0.5, 0.35, 0.25, 0.15};
    for (size_t i = 0; i < sizeof body / sizeof *body; i++)
        if (requests * (1 - body[i]) >= BEYOND_LINE)
            c->share[c->count++] = body[i];
    for (int power = 1; power <= TAIL_MOST; power++)
        for (size_t i = 0; i < sizeof tail / sizeof *tail && c->count < CURVE_POINTS_MAX; i++)
            if (requests * tail[i] * pow(10, -power) >= BEYOND_LINE)
                c->share[c->count++] = 1 - tail[i] * pow(10, -power);
}

/* Of what history knows: the figure whose tail is of about the same size. */
static enum contrast_figure nearest(double share)
{
    enum contrast_figure best = FIGURE_P50;
    double least = INFINITY;
    for (enum contrast_figure f = FIGURE_P50; f <= FIGURE_P999; f++) {
        const double off = fabs(log(1 - share) - log(1 - contrast_figure_quantile(f)));
        if (off < least) {
            least = off;
            best = f;
        }
    }
    return best;
}

static void add_change(struct contrast_curve *c, const struct contrast_curve_ask *ask, size_t at,
                       struct figure *const figures[2], struct between between, bool has_band)
{
    static const struct margin none = {.share = 0};
    const double share = c->share[at];
    if (ask->is_paired)
        between.paired_se = bootstrap_pair_se(ask->seen[0][0].blocks, ask->seen[1][0].blocks,
                                              BOOTSTRAP_QUANTILE, share);
    const struct change x =
        inference_compare(figures[0], ask->runs[0], figures[1], ask->runs[1], &between, &none);
    c->change[at] = (struct interval){x.change, has_band ? x.low : NAN, has_band ? x.high : NAN};
}

static void add_point(struct contrast_curve *c, const struct contrast_curve_ask *ask, size_t at,
                      struct between between, bool has_band)
{
    struct figure *figures[2];
    for (size_t side = 0; side < 2; side++) {
        figures[side] = mem_zalloc((ask->runs[side] + 1) * sizeof **figures);
        for (size_t i = 0; i < ask->runs[side]; i++) {
            const struct contrast_seen *seen = &ask->seen[side][i];
            struct figure *f = &figures[side][i];
            struct interval x = {NAN, NAN, NAN};
            *f = contrast_quantile_seen(seen, c->share[at]);
            x.value = f->value;
            if (has_band)
                contrast_quantile_interval(seen, c->share[at], f, &x.low, &x.high);
            c->of[side][i * CURVE_POINTS_MAX + at] = x;
        }
    }
    add_change(c, ask, at, figures, between, has_band);
    free(figures[0]);
    free(figures[1]);
}

void contrast_curve_make(struct contrast_curve *c, const struct contrast_curve_ask *ask)
{
    const double requests = fewest_requests(ask);
    *c = (struct contrast_curve){.count = 0};
    list_shares(c, requests);
    for (size_t side = 0; side < 2; side++) {
        c->runs[side] = ask->runs[side];
        c->of[side] = mem_zalloc((ask->runs[side] + 1) * CURVE_POINTS_MAX * sizeof *c->of[side]);
    }
    struct between between = {0};
    for (size_t at = 0; at < c->count; at++) {
        const enum contrast_figure near = nearest(c->share[at]);
        if (!ask->is_bare && (at == 0 || near != nearest(c->share[at - 1])))
            between = ask->between(ask->arg, near);
        add_point(c, ask, at, between,
                  !ask->is_bare && requests * (1 - c->share[at]) >= BEYOND_BAND);
    }
}

void contrast_curve_fini(struct contrast_curve *c)
{
    free(c->of[0]);
    free(c->of[1]);
}
