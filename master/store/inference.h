// SPDX-License-Identifier: MIT
#pragma once
/* inference: the statistics of comparing runs. Formulas are in docs/history.md. Pure. */
#include "common/metric/hist.h"
#include <stdbool.h>
#include <stddef.h>

double inference_t_cdf(double t, double df); /* of Student's distribution; df may be infinite */
double inference_t_quantile(double p, double df);
double inference_mean(const double *x, size_t n);
double inference_sd(const double *x, size_t n); /* of a sample; 0 of fewer than two */
/* The spread of values in the order of time around a level that may have moved in steps: from the
 * median of the differences of neighbours, so that neither steps nor single outliers count. */
double inference_steady_sd(const double *x, size_t n);
/* Which of n p-values are rejected so that of these at most a share q is false (Benjamini and
 * Hochberg). How many. */
size_t inference_discover(const double *p, size_t n, double q, bool *is_rejected);
/* The largest distance of two distributions (Kolmogorov), and where it is; 0 when one is empty. */
double inference_distance(const struct hist *a, const struct hist *b, double *at_us);
/* P(B > A) - P(B < A) of one sample of each (Cliff's delta): -1 … 1. */
double inference_delta(const struct hist *a, const struct hist *b);

/* One figure of one run: its value, and how uncertain it is by what happened within that run. */
struct figure {
    double value; /* NaN: there is none */
    double se;    /* of ln(value), or of the value itself when it is a share */
    double n;     /* samples it is of */
};

/* What is known of how much runs differ that should be equal. */
struct between {
    double sd; /* of ln(value), or of the share */
    double df; /* how well it is known; infinite: it is assumed */
    bool is_assumed;
    double paired_se; /* of the difference of two runs, by blocks of both that were drawn together;
                         0: each was drawn by itself */
};

enum basis { BASIS_RUNS, BASIS_HISTORY, BASIS_ASSUMED }; /* what the interval is of */

struct change {
    double before, after; /* geometric means of the runs; of shares, means */
    double change;        /* after / before; of shares, the difference */
    double low, high;     /* 95 % interval of it */
    double p_worse; /* that it is no worse than the margin, if the figures say so: small = worse */
    double p_fine;  /* that it is as bad as the margin: small = not worse */
    double se, df;  /* of its logarithm, or of the difference */
    double least;   /* what of se longer runs do not make smaller */
    enum basis basis;
    bool is_there;   /* false: one side has no figure */
    bool would_tell; /* whether it is worse, if nothing varied within the runs */
};

struct margin {
    double share; /* 0.05: five percent; of shares, the difference itself */
    double floor; /* and at least so much, in the figure's unit */
    bool is_lower_worse;
    bool is_share; /* the figure is a share: differences, no ratios */
};
/* Several runs a side are compared as runs (Welch) when there are three or more of each; else the
 * spread between runs comes from `between`. */
struct change inference_compare(const struct figure *a, size_t a_count, const struct figure *b,
                                size_t b_count, const struct between *between,
                                const struct margin *margin);
