// SPDX-License-Identifier: MIT
#pragma once
/* bootstrap: how uncertain the figures of one run are, by what happened within it.
 *
 * Requests of a run are not independent, and neither are its seconds. So the steady part is cut
 * into blocks longer than its seconds remember one another, and blocks are drawn with replacement.
 * A quantile of what was drawn is looked up in cumulative counts, which needs no histogram to be
 * merged: a thousand draws of an hour cost a millisecond. Seeded: results repeat. Pure. */
#include "common/metric/tally.h"
#include "master/store/inference.h"

#define BOOTSTRAP_DRAWS 1000
#define BOOTSTRAP_BLOCKS_MIN 20 /* fewer say too little */
#define BOOTSTRAP_BLOCKS_MAX 60
#define BOOTSTRAP_BLOCK_MIN_S 5

/* Of how many bins a block is made: twice the time after which the means of bins are no longer
 * correlated, at least BOOTSTRAP_BLOCK_MIN_S, so that there are at most BOOTSTRAP_BLOCKS_MAX; but
 * where it can be, at least BOOTSTRAP_BLOCKS_MIN. */
size_t bootstrap_block(const double *means, size_t bins, double bin_s);
/* Where the first transient is over: so many bins are to be cut (MSER over batches of 5 s). bins:
 * it never is. */
size_t bootstrap_transient(const double *means, size_t bins, double bin_s);

struct bootstrap;
/* Bins of one row, bin_s seconds each. draws: BOOTSTRAP_DRAWS, or fewer where many rows shall cost
 * little. */
struct bootstrap *bootstrap_new(const struct tally *bins, size_t count, double bin_s,
                                size_t per_block, size_t draws, uint64_t seed);
void bootstrap_free(struct bootstrap *b); /* NULL is fine */
size_t bootstrap_blocks(const struct bootstrap *b);
double bootstrap_requests(const struct bootstrap *b);                  /* in all blocks */
struct figure bootstrap_quantile(const struct bootstrap *b, double q); /* ms */
struct figure bootstrap_mean(const struct bootstrap *b);               /* ms */
struct figure bootstrap_rate(const struct bootstrap *b);               /* requests per second */
struct figure bootstrap_failed(const struct bootstrap *b);             /* share of the requests */

enum bootstrap_statistic { BOOTSTRAP_QUANTILE, BOOTSTRAP_MEAN, BOOTSTRAP_RATE, BOOTSTRAP_FAILED };
/* How uncertain the difference of two runs is (of logarithms; of the shares themselves), with
 * blocks of the same number drawn together: both were made with the same seed and have as many
 * blocks and draws. q: of the quantile. */
double bootstrap_pair_se(const struct bootstrap *a, const struct bootstrap *b,
                         enum bootstrap_statistic s, double q);
