// SPDX-License-Identifier: MIT
#pragma once
/* contrast_curve: response times of all requests by percentile, of each run of both sides, and by
 * how much each percentile changed, with their 95 % intervals. Pure. */
#include "master/store/contrast_figure.h"

#define CURVE_POINTS_MAX 48

struct interval { /* low and high NaN: too few requests are beyond it to tell */
    double value, low, high;
};
struct contrast_curve {
    size_t count; /* points; 0: there is none */
    double share[CURVE_POINTS_MAX];
    struct interval change[CURVE_POINTS_MAX]; /* after / before, of all runs of both sides */
    size_t runs[2];                           /* before, after */
    struct interval *of[2];                   /* ms: [run * CURVE_POINTS_MAX + point] */
};
struct contrast_curve_ask {
    const struct contrast_seen *seen[2]; /* of all requests, the newest run first */
    size_t runs[2];
    bool is_paired; /* blocks of the two runs were drawn together */
    bool is_bare;   /* no intervals */
    /* How much equal runs differ in that figure of all requests; not asked when is_bare. */
    struct between (*between)(void *arg, enum contrast_figure f);
    void *arg;
};
void contrast_curve_make(struct contrast_curve *c, const struct contrast_curve_ask *ask);
void contrast_curve_fini(struct contrast_curve *c);
