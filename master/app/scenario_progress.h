// SPDX-License-Identifier: MIT
#pragma once
/* scenario_progress: a scenario and how far it is, as JSON (docs/api.md, GET api/v1/scenarios).
 * Pure. */
#include "common/base/sbuf.h"
#include "common/plan/ledger.h"
#include "common/plan/scenario.h"
#include "master/data/series_store.h"

struct scenario_progress {
    double now_s;                         /* since it began; negative: it has not */
    bool is_on;                           /* ... and the run is */
    bool is_paused;                       /* by somebody */
    uint64_t numbers[ITERATIONS_NUMBERS]; /* since the statistics began */
    double rate;                          /* iterations started, a second, of late */
    uint64_t users, waiting, busy; /* now: its users; arrivals that wait for one; users in one */
    uint64_t most_waiting, most_users; /* at a time, so far; the sums of the workers' */
    const char *more;                  /* members that follow, each behind a comma; or NULL */
    const struct series_value *delay;  /* start_delay, in ms; or NULL */
};

/* Appends an object. */
void scenario_progress_write(const struct scenario *s, const struct scenario_progress *f,
                             struct sbuf *out);
