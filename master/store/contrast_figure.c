// SPDX-License-Identifier: MIT
#include "master/store/contrast_figure.h"
#include "master/store/whole.h"
#include <math.h>
#include <string.h>

#define Z 1.96 /* of 95 % */

static const struct {
    const char *name;
    double quantile; /* 0: none */
} FIGURE[FIGURES] = {{"p50", 0.5},    {"p75", 0.75}, {"p90", 0.9}, {"p95", 0.95},    {"p99", 0.99},
                     {"p999", 0.999}, {"mean", 0},   {"rps", 0},   {"fail_ratio", 0}};

const char *contrast_figure_name(enum contrast_figure f)
{
    return FIGURE[f].name;
}

enum contrast_figure contrast_figure_of(const char *name)
{
    for (enum contrast_figure f = 0; f < FIGURES; f++)
        if (strcmp(FIGURE[f].name, name) == 0)
            return f;
    return FIGURES;
}

double contrast_figure_quantile(enum contrast_figure f)
{
    return FIGURE[f].quantile;
}

struct figure contrast_quantile_seen(const struct contrast_seen *s, double q)
{
    return s->blocks  ? bootstrap_quantile(s->blocks, q)
           : s->whole ? whole_quantile(s->whole, q)
                      : (struct figure){.value = NAN};
}

struct figure contrast_figure_seen(const struct contrast_seen *s, enum contrast_figure f)
{
    if (FIGURE[f].quantile > 0)
        return contrast_quantile_seen(s, FIGURE[f].quantile);
    if (s->blocks)
        return f == FIGURE_MEAN  ? bootstrap_mean(s->blocks)
               : f == FIGURE_RPS ? bootstrap_rate(s->blocks)
                                 : bootstrap_failed(s->blocks);
    if (!s->whole)
        return (struct figure){.value = NAN};
    return f == FIGURE_MEAN  ? whole_mean(s->whole)
           : f == FIGURE_RPS ? whole_rate(s->whole, s->run_s)
                             : whole_failed(s->whole);
}

static enum bootstrap_statistic statistic_of(enum contrast_figure f)
{
    return FIGURE[f].quantile > 0 ? BOOTSTRAP_QUANTILE
           : f == FIGURE_MEAN     ? BOOTSTRAP_MEAN
                                  : BOOTSTRAP_RATE;
}

double contrast_figure_pair_se(const struct contrast_seen *a, const struct contrast_seen *b,
                               enum contrast_figure f)
{
    return bootstrap_pair_se(a->blocks, b->blocks, statistic_of(f), FIGURE[f].quantile);
}

/* Of few blocks the spread is not well known; of no failures it is not by blocks at all. */
static double half_width(const struct contrast_seen *s, const struct figure *of)
{
    const bool is_of_blocks = s->blocks && of->value > 0;
    return of->se * (is_of_blocks
                         ? inference_t_quantile(0.975, (double)bootstrap_blocks(s->blocks) - 1)
                         : Z);
}

void contrast_quantile_interval(const struct contrast_seen *s, double q, const struct figure *of,
                                double *low, double *high)
{
    *low = *high = NAN;
    if (!isfinite(of->value))
        return;
    if (!s->blocks) {
        whole_ends(s->whole, q, low, high);
        return;
    }
    const double by = half_width(s, of);
    *low = of->value * exp(-by);
    *high = of->value * exp(by);
}

void contrast_figure_interval(const struct contrast_seen *s, enum contrast_figure f,
                              const struct figure *of, double *low, double *high)
{
    if (FIGURE[f].quantile > 0) {
        contrast_quantile_interval(s, FIGURE[f].quantile, of, low, high);
        return;
    }
    *low = *high = NAN;
    if (!isfinite(of->value))
        return;
    const double by = half_width(s, of);
    const bool is_share = f == FIGURE_FAIL_RATIO;
    *low = is_share ? fmax(0, of->value - by) : of->value * exp(-by);
    *high = is_share ? fmin(1, of->value + by) : of->value * exp(by);
}
