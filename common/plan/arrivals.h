// SPDX-License-Identifier: MIT
#pragma once
/* arrivals: when each iteration of an open scenario is due to start.
 *
 * Arrival k = 0, 1, … is due when the integral of the rate (ramp.h) has the value that the way of
 * spreading gives it:
 *
 *   uniform        k + ½: A(end) arrivals, rounded (½ down), none at the very end
 *   k6, steady     at k periods, those at 0 and at the end included; a period is whole nanoseconds
 *   k6, ramping    k + 1, those at the end included
 *   Poisson        the sum of k + 1 exponential random numbers: a Poisson process of that rate
 *   Poisson fixed  as many as of uniform, at sorted uniform places: a Poisson process that is known
 * to have that count
 *
 * Stages of a uniform one may be random by themselves (ramp.h): each with as many arrivals as it
 * would have, at such places.
 *
 * The list depends on the plan alone: whoever walks it gets the same times, on however many workers
 * (of the random ones as far as their C libraries agree about log and pow to the last bit). Pure.
 */
#include "common/plan/ramp.h"

enum arrivals_kind {
    ARRIVALS_UNIFORM,
    ARRIVALS_POISSON,
    ARRIVALS_POISSON_FIXED,
    ARRIVALS_K6_STEADY,
    ARRIVALS_K6_RAMPING,
};

struct arrivals_plan { /* kind and key by the caller; the rest by arrivals_settle */
    const struct ramp *ramp;
    enum arrivals_kind kind;
    uint64_t key;            /* of the random ones (chance_key) */
    struct ramp_rate steady; /* of K6_STEADY: the ramp's one rate */
    uint64_t count;          /* arrivals; of Poisson as many as are expected, rounded */
    bool has_random;         /* uniform: there are random stages */
};

/* Once the ramp has all its stages. */
void arrivals_settle(struct arrivals_plan *p);

struct arrivals { /* a walk over the list */
    const struct arrivals_plan *plan;
    uint64_t next;  /* the index of the next arrival */
    uint64_t whole; /* Poisson: the sum up to it, whole arrivals */
    uint64_t part;  /* ... and 2^-40 of one */
    double left;    /* Poisson fixed, random stage: how much is behind the last one, 0 to 1 */
    size_t stage;   /* with random stages: that of the last one */
};

void arrivals_begin(struct arrivals *a, const struct arrivals_plan *p);
/* The next arrival with at least that index: nanoseconds since the scenario's start; -1: there is
 * none. Goes on behind it. Indexes are not given twice: `index` may be no less than a->next. */
int64_t arrivals_take(struct arrivals *a, uint64_t index);
