// SPDX-License-Identifier: MIT
#pragma once
/* stripe: which arrivals of a list are one worker's. Of W workers each has every W-th; when workers
 * come or go a new epoch begins, from an index on. So the workers together have each arrival once,
 * and none has to ask.
 */
#include <stdbool.h>
#include <stdint.h>

#define STRIPE_MOST 64 /* epochs that are kept; older ones are behind the walk */

struct stripe {
    uint64_t from;           /* the first index of the epoch */
    uint32_t offset, stride; /* index i is ours when i % stride == offset; stride 0: none is */
};

struct stripes {                       /* begins as zeros: no arrival is ours */
    struct stripe epochs[STRIPE_MOST]; /* by from, ascending */
    unsigned count;
};

/* From that index on. What was to come from there replaces. False: offset is none of the stride. */
bool stripes_add(struct stripes *s, struct stripe epoch);
/* The first index of ours that is no less; UINT64_MAX: there is none. */
uint64_t stripes_next(const struct stripes *s, uint64_t index);
/* The first one, no less and below `until`, that is in s and not in other; UINT64_MAX: there is
 * none. */
uint64_t stripes_only(const struct stripes *s, const struct stripes *other, uint64_t index,
                      uint64_t until);
