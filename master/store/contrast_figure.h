// SPDX-License-Identifier: MIT
#pragma once
/* contrast_figure: the figures by which runs are compared, and what one row of one run says of
 * them: by the blocks of its steady part, or, where there are none, as a whole. Pure. */
#include "master/store/bootstrap.h"

enum contrast_figure {
    FIGURE_P50,
    FIGURE_P75,
    FIGURE_P90,
    FIGURE_P95,
    FIGURE_P99,
    FIGURE_P999,
    FIGURE_MEAN,
    FIGURE_RPS,
    FIGURE_FAIL_RATIO,
    FIGURES
};
const char *contrast_figure_name(enum contrast_figure f); /* "p95" */
/* The figure of that name, FIGURES: none. */
enum contrast_figure contrast_figure_of(const char *name);
double contrast_figure_quantile(enum contrast_figure f); /* 0: it is none */

struct contrast_seen {
    struct bootstrap *blocks;  /* NULL: only what it came to is known */
    const struct tally *whole; /* NULL, and no blocks: there is no such row */
    double run_s;
};
struct figure contrast_figure_seen(const struct contrast_seen *s, enum contrast_figure f);
struct figure contrast_quantile_seen(const struct contrast_seen *s, double q); /* ms */
/* How uncertain the difference is (bootstrap_pair_se); both have blocks, and f is no share. */
double contrast_figure_pair_se(const struct contrast_seen *a, const struct contrast_seen *b,
                               enum contrast_figure f);
/* 95 % of it: by the blocks, else by order statistics. low and high are NaN where there is none. */
void contrast_figure_interval(const struct contrast_seen *s, enum contrast_figure f,
                              const struct figure *of, double *low, double *high);
void contrast_quantile_interval(const struct contrast_seen *s, double q, const struct figure *of,
                                double *low, double *high);
