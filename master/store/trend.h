// SPDX-License-Identifier: MIT
#pragma once
/* trend: where the level of a figure changed over many runs (E-divisive means: a series is cut
 * where its two parts are furthest apart; cuts that are chance go). No randomness: the same runs
 * always have the same cuts. Pure. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define TREND_P 0.001    /* a cut whose sides are equal by that chance or more is none */
#define TREND_SIDE_MIN 2 /* values on each side of a cut */

/* Cuts of n values in the order of time, rising: cut c stands before value c. p: of each, how
 * likely its sides are equal (Student). At most n / TREND_SIDE_MIN of them; how many. */
size_t trend_cuts(const double *values, size_t n, size_t *cuts, double *p);

#define TREND_KNOWN_MIN 5 /* values of a level that say where the next one is to be expected */
/* Of points in the order of time ("value", "is_good", "id"; others are passed over) a new object:
 *   "steps"    [{"from", "to" (indexes of points), "n", "level"}…]: where it stayed; geometric
 * means "changes"  [{"at" (index), "id", "change" (ratio; of shares the difference), "p"}…]
 *   "expected" [low, high]: between which the last one lies with 99 %, by those of its level before
 *              it; null: they are too few
 * is_share: of values that may be 0, and are compared by difference. */
json_t *trend_describe(const json_t *points, bool is_share);
