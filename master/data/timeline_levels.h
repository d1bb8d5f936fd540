// SPDX-License-Identifier: MIT
#pragma once
/* timeline_levels: the blocks of a run in five resolutions, within a budget of memory.
 *
 * Level 0 has a block a second; each further level has longer ones (10 s, 60 s, 10 min, 1 h), made
 * by adding up those of the level below as soon as all of them are there. So a time is found in
 * several levels: a long range is read from few long blocks, its ends from short ones. Short
 * blocks are given up when they are old (level 0 after an hour, level 1 after six) or when the
 * budget is used up (of the level that takes most, the oldest), but never before the level above
 * has what they say: nothing is lost but resolution.
 *
 * The main thread writes. What readers get is a snapshot: immutable, counted by reference, and
 * cheap, because full chunks of blocks are shared and not copied. Pure.
 */
#include "master/data/timeline_block.h"

#define TIMELINE_LEVELS 5

struct timeline_chunk; /* up to 60 blocks in a row */

struct timeline_view {   /* one level in a snapshot */
    uint32_t span;       /* seconds of a block */
    int64_t covers_from; /* from here on, all there is; INT64_MIN: nothing was given up */
    size_t count;
    struct timeline_chunk **chunks;
};

struct timeline_snap {
    int refs;
    int64_t first; /* oldest second that is kept; 0: none */
    int64_t since; /* the first of the present statistics: start of the run, or a reset */
    int64_t until; /* seconds before it are complete */
    size_t bytes, limit;
    struct timeline_view levels[TIMELINE_LEVELS];
};
void timeline_snap_unref(struct timeline_snap *s); /* NULL is fine */

/* Blocks that together cover [from, to), in order; longer ones where they fit. Borrowed from the
 * snapshot. Where only coarser blocks are left, the range grows to their edges. */
struct timeline_plan {
    const struct timeline_block **blocks; /* owned */
    size_t count;
    int64_t from, to;    /* what is covered: as asked, or grown */
    uint32_t resolution; /* seconds of the coarsest block that an edge had to follow */
};
void timeline_plan(const struct timeline_snap *s, int64_t from, int64_t to,
                   struct timeline_plan *out);
void timeline_plan_fini(struct timeline_plan *p);
/* The first block of that level that ends after `at`; NULL: there is none. Borrowed. */
const struct timeline_block *timeline_snap_after(const struct timeline_snap *s, size_t level,
                                                 int64_t at);
/* Seconds of the shortest blocks that are left of that time. */
uint32_t timeline_resolution(const struct timeline_snap *s, int64_t at);

#define TIMELINE_KEEP_ALL SIZE_MAX /* as a limit: nothing is given up, however old */

struct timeline_levels;
struct timeline_levels *timeline_levels_new(size_t limit_bytes);
void timeline_levels_free(struct timeline_levels *l);
void timeline_levels_clear(struct timeline_levels *l);
/* The block of the next second (takes it); seconds may be left out, never go back. */
void timeline_levels_add(struct timeline_levels *l, struct timeline_block *second);
/* The next block of a level as it was kept somewhere (takes it); what is missing in the levels
 * above is added up by timeline_levels_work. covers_from: see timeline_view. */
void timeline_levels_restore(struct timeline_levels *l, size_t level, struct timeline_block *b);
void timeline_levels_restored(struct timeline_levels *l, size_t level, int64_t covers_from);
/* Goes on adding up: so many rows at most, so that nobody waits for it; then keeps the budget. */
void timeline_levels_work(struct timeline_levels *l, size_t rows);
size_t timeline_levels_bytes(const struct timeline_levels *l);
struct timeline_snap *timeline_levels_snapshot(const struct timeline_levels *l);
