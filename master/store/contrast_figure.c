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

static struct figure of_blocks(const struct bootstrap *b, enum contrast_figure f)
{
    if (FIGURE[f].quantile > 0)
        return bootstrap_quantile(b, FIGURE[f].quantile);
    return f == FIGURE_MEAN  ? bootstrap_mean(b)
           : f == FIGURE_RPS ? bootstrap_rate(b)
                             : bootstrap_failed(b);
}

struct figure contrast_figure_seen(const struct contrast_seen *s, enum contrast_figure f)
{
    if (s->blocks)
        return of_blocks(s->blocks, f);
    if (!s->whole)
        return (struct figure){.value = NAN};
    if (FIGURE[f].quantile > 0)
        return whole_quantile(s->whole, FIGURE[f].quantile);
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

void contrast_figure_interval(const struct contrast_seen *s, enum contrast_figure f,
                              const struct figure *of, double *low, double *high)
{
    *low = *high = NAN;
    if (!isfinite(of->value))
        return;
    /* Of few blocks the spread is not well known; of no failures it is not by blocks at all. */
    const bool is_of_blocks = s->blocks && of->value > 0;
    const double by =
        of->se *
        (is_of_blocks ? inference_t_quantile(0.975, (double)bootstrap_blocks(s->blocks) - 1) : Z);
    if (!s->blocks && FIGURE[f].quantile > 0) {
        whole_ends(s->whole, FIGURE[f].quantile, low, high);
    } else if (f == FIGURE_FAIL_RATIO) {
        *low = fmax(0, of->value - by);
        *high = fmin(1, of->value + by);
    } else {
        *low = of->value * exp(-by);
        *high = of->value * exp(by);
    }
}
