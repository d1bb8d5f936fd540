// SPDX-License-Identifier: MIT
#pragma once
/* timeline_read: what is asked of a snapshot: the figures of one row over a span, its course in
 * steps. Any thread; pure. Whole ranges of all rows are read with timeline_merge over a plan. */
#include "master/data/timeline_levels.h"

/* The figures of one row (or TIMELINE_TOTAL, or TIMELINE_WORKER + index) over a plan, into t, which
 * was made with tally_init (and may be zeroed and used again). */
void timeline_read_row(const struct timeline_plan *p, uint32_t id, struct tally *t);

struct timeline_step {
    int64_t second;
    double seconds; /* that the run had in this step */
    const struct tally *sum;
    const struct timeline_plan *plan;
    double users, target;       /* at its end; of one worker: users is the mean, target NaN */
    double cpu_percent, lag_ms; /* worst; NaN: not measured */
};

struct timeline_ask {
    int64_t from, to;
    uint32_t step; /* 0: so that there are at most max_steps */
    uint32_t id;   /* of the row */
    uint32_t max_steps;
};
/* What the answer will have: step 0 replaced and made a multiple of the resolution there is; from
 * and to at edges of steps, and within what is kept. False when nothing is kept of it. */
bool timeline_settle(const struct timeline_snap *s, struct timeline_ask *ask);
/* Calls visit for each step of a settled ask that has something, in order. */
void timeline_read_steps(const struct timeline_snap *s, const struct timeline_ask *ask,
                         void (*visit)(void *arg, const struct timeline_step *step), void *arg);
