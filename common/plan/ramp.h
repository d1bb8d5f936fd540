// SPDX-License-Identifier: MIT
#pragma once
/* ramp: a rate, mostly linear piece by piece, its integral, and the inverse of that.
 *
 * r(t) is a rate in arrivals per nanosecond, t nanoseconds since the beginning, A(t) the integral
 * of r. All rates of a ramp are whole numbers over one denominator, and areas are counted in halves
 * of it, in 128 bits: nothing is rounded while stages are added up, so that a day at 3 per second
 * has exactly 259,200 arrivals. Only the inverse rounds: down, to whole nanoseconds. What is no
 * line (curve.h) is a stage too; its area is rounded, to less than a billionth of an arrival.
 *
 * Pure; a ramp is not changed any more once it is asked.
 */
#include "common/plan/curve.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAMP_MOST_NS 100000000000000000LL /* of all stages: about three years */
#define RAMP_MOST_PER_S 10000000          /* arrivals a second */
#define RAMP_MOST_STAGES 10000

__extension__ typedef __int128 ramp_area; /* in units of 1 / (2 · denominator) arrivals */

struct ramp_stage {
    int64_t begin_ns, length_ns;
    int64_t from, to;    /* the rate at both ends: numerators */
    ramp_area before;    /* A at its begin */
    bool is_random;      /* as many arrivals as it has, at sorted random places (arrivals.h) */
    struct curve *curve; /* owned; it is a piece of that, and from and to are 0; NULL: a line */
    int64_t skip_ns;     /* ... which begins so long after the curve's begin */
    ramp_area bulge;     /* ... and has that area */
};

struct ramp { /* begins as zeros; ramp_fini */
    int64_t denominator;
    struct ramp_stage *stages; /* owned */
    size_t count;
    int64_t length_ns;
    ramp_area area; /* A at its end */
};

/* So many arrivals every so many nanoseconds: 3 per second is 3 / 1000000000. */
struct ramp_rate {
    int64_t arrivals, per_ns;
};
/* a + times · b, exactly. False: the numbers do not hold it. */
bool ramp_rate_sum(struct ramp_rate a, struct ramp_rate b, uint64_t times, struct ramp_rate *sum);

/* One more stage; of no length: the rate jumps. False: it would be beyond the limits above, or the
 * rates have no common denominator that is small enough; then the ramp is as it was. */
bool ramp_add(struct ramp *r, int64_t length_ns, struct ramp_rate from, struct ramp_rate to);
/* A piece of a curve, which is taken in any case: from there on so long. */
bool ramp_add_curve(struct ramp *r, struct curve *c, int64_t skip_ns, int64_t length_ns);
void ramp_fini(struct ramp *r);

/* Whole arrivals and a part (0 ≤ part < whole) of one, as an area of this ramp, rounded down. */
ramp_area ramp_area_of(const struct ramp *r, uint64_t arrivals, uint64_t part, uint64_t whole);
/* The first time at which the integral is that, in whole nanoseconds; -1: it never is. */
int64_t ramp_time(const struct ramp *r, ramp_area area);
/* A(t), rounded down; beyond the end: A at the end. */
ramp_area ramp_until(const struct ramp *r, int64_t t_ns);
double ramp_arrivals(const struct ramp *r, ramp_area area);
double ramp_per_s(const struct ramp *r, int64_t t_ns); /* r(t); 0 beyond the end */
