// SPDX-License-Identifier: MIT
#pragma once
/* knee: from what a staircase of rates measured: whether the target keeps up, how much it can do,
 * and up to where more load costs less than it brings.
 *
 * Of each level the iterations done a second, X, and how long each took, R, say how many were busy
 * at a time: N = X·R (Little). A level is saturated when fewer are done than are due, or when the
 * number of those that are under way and their time both grow while the rate stays the same.
 *
 * Through the levels that are not, goes the universal scalability law (Gunther),
 *
 *   X(N) = λN / (1 + σ(N − 1) + κN(N − 1)),    so that R = N/X = (1 + σ(N − 1) + κN(N − 1)) / λ
 *
 * is linear in three numbers that are not negative; each level weighs by (X/R)². The knee is where
 * X/R is greatest (Kleinrock's power): beyond it the times grow faster than what is done. The
 * capacity is what the saturated levels did; where there is none, the law's maximum.
 *
 * Pure; the same levels give the same numbers.
 */
#include <stdbool.h>
#include <stddef.h>

#define KNEE_LEAST_LEVELS 4

struct knee_second {  /* of a level */
    double done;      /* iterations that ended */
    double busy_s;    /* ... the sum of their times */
    double under_way; /* at its end */
    double p50_ms;    /* of those that ended; 0: none did */
};

struct knee_level {
    double from_s, to_s; /* what was measured of it, after the begin of the scenario */
    double offered;      /* iterations due, a second */
    double p50_ms, p99_ms;
    double failed;               /* share of requests, 0 to 1 */
    double good;                 /* share of answers that are; negative: nobody said */
    bool is_short_of_users;      /* iterations waited for a user, or were dropped */
    bool is_late;                /* the generator was, with users to spare */
    struct knee_second *seconds; /* owned by the knee */
    size_t count;

    double done, users, mean_ms; /* by knee_add, as the following ones */
    bool is_saturated, is_valid;
    bool is_poor; /* fewer were good than are asked for, or nobody said */
};

struct knee { /* begins as zeros; knee_fini */
    struct knee_level *levels;
    size_t count;
    double goodput; /* the least share of good answers, 0: nobody asks */
};

/* One more; seconds (mem_alloc'ed) are taken. */
void knee_add(struct knee *k, const struct knee_level *measured);
void knee_fini(struct knee *k);

enum knee_stop {
    KNEE_GOES_ON,
    KNEE_FOUND,     /* two levels on end are saturated */
    KNEE_POOR,      /* two levels on end are poor */
    KNEE_GENERATOR, /* on two levels on end the generator did not keep up */
};
enum knee_stop knee_stop(const struct knee *k);
/* The highest level that is neither poor nor saturated, or NULL. */
const struct knee_level *knee_good(const struct knee *k);

struct knee_range { /* 95 % confidence */
    double value, low, high;
};

struct knee_result {
    bool has_law, has_capacity, has_knee;
    double lambda, sigma, kappa, fit; /* fit: R² */
    struct knee_range capacity, knee; /* iterations a second */
    bool is_measured;                 /* the capacity */
    double users, ms;                 /* at the knee */
};
void knee_results(const struct knee *k, struct knee_result *r);
