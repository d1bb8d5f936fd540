// SPDX-License-Identifier: MIT
#pragma once
/* stripe: which arrivals of a list are one worker's. Of W workers each has every W-th; of workers
 * of unequal weight each has as many of every L = the sum of the weights as its own is, spread as
 * evenly as whole numbers allow. When workers come or go, or weigh something else, a new epoch
 * begins, from an index on. So the workers together have each arrival once, and none has to ask.
 *
 * Users, and whatever else there is a number of, are dealt alike: the worker has as many of n as
 * its stripe has indexes below n. One more of them is one more for one worker.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRIPE_MOST 64          /* epochs that are kept; older ones are behind the walk */
#define STRIPE_MOST_WEIGHT 1000 /* of a worker */

struct stripe {
    uint64_t from;           /* the first index of the epoch */
    uint32_t offset, stride; /* index i is ours when i % stride == offset; stride 0: none is */
    /* Of unequal weights, and where only some indexes of a stride are dealt: ... when
     * i % cycle * step % stride is one of `width` numbers from offset on. 0 is one, one and stride.
     */
    uint32_t width, step, cycle;
};

/* The shares of so many workers, from an index on; a weight 0: none. Where that is less than the
 * sum of the weights it is as if there were that many indexes only, again and again: those that
 * have none of so many users have no arrivals either. 0: there is no such number. */
void stripe_deal(struct stripe *shares, const unsigned *weights, size_t count, uint64_t from,
                 uint32_t only);
/* That share, where there are only so many indexes. */
struct stripe stripe_of_only(struct stripe s, uint32_t only);
bool stripe_is_sound(const struct stripe *s);                       /* one from outside */
bool stripe_is(const struct stripe *a, const struct stripe *other); /* from wherever */

/* Of all its indexes, whatever `from` is: how many are below n; the n-th, counted from 0; the first
 * one that is no less, UINT64_MAX: it has none. */
uint64_t stripe_below(const struct stripe *s, uint64_t n);
uint64_t stripe_nth(const struct stripe *s, uint64_t n);
uint64_t stripe_next(const struct stripe *s, uint64_t index);

struct stripes {                       /* begins as zeros: no arrival is ours */
    struct stripe epochs[STRIPE_MOST]; /* by from, ascending */
    unsigned count;
};

/* From that index on. What was to come from there replaces. False: it is not sound. */
bool stripes_add(struct stripes *s, struct stripe epoch);
/* The first index of ours that is no less; UINT64_MAX: there is none. */
uint64_t stripes_next(const struct stripes *s, uint64_t index);
/* The first one, no less and below `until`, that is in s and not in other; UINT64_MAX: there is
 * none. */
uint64_t stripes_only(const struct stripes *s, const struct stripes *other, uint64_t index,
                      uint64_t until);
