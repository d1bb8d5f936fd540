// SPDX-License-Identifier: MIT
#pragma once
/* steady: the part of a run that counts: from the moment all users are there to the first that is
 * stopped, without what the load generators spoilt and without an initial transient, as bins of
 * equal length, and how many make a block. Pure. */
#include "master/store/contrast.h"

struct steady {
    const struct contrast_run *run;     /* borrowed */
    const struct timeline_block **bins; /* owned list; none of a run without seconds */
    size_t count, per_block;
    size_t left_out; /* bins in which a load generator could not keep up, or was lost */
    double bin_s;
    uint64_t seed;
};

/* Bins are seconds; of runs that are longer than 20 minutes 10 s; than four hours 60 s, where that
 * is wanted; and coarser where no finer ones are left. number: of the run among those that are
 * compared: each is drawn from by itself. */
enum steady_bins { STEADY_TENS = 1, STEADY_MINUTES };
void steady_find(struct steady *s, const struct contrast_run *run, size_t number,
                 enum steady_bins coarsest);
void steady_fini(struct steady *s);
size_t steady_blocks(const struct steady *s);
/* Whether what was measured in it counts: the run is valid, or no more than a twentieth of it is
 * left out. */
bool steady_is_valid(const struct steady *s);
/* Into what is known of a run, as "invalid": from when to when (unix seconds) its load generators
 * spoilt it; invalid: of its verdict, [[from, to, …]…], or NULL. Nothing of too many. */
void steady_note_invalid(json_t *meta, const json_t *invalid);
/* Of that row (TIMELINE_TOTAL: of all requests), for bootstrap_free. */
struct bootstrap *steady_bootstrap(const struct steady *s, uint32_t id, size_t draws);
