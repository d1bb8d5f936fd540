// SPDX-License-Identifier: MIT
#pragma once
/* timeline_block: everything that is kept of one span of time, as one immutable piece of memory.
 *
 * A block covers the seconds [start, start + span). It holds a record (tally_record.h) for the
 * total, for each row that had something, and for each worker's total; what failed, by kind; and
 * how the workers were. Rows are sorted by id, and every 16th has its place noted, so that one
 * row is found without reading the rest.
 *
 * Made by one thread with a builder; then it never changes. References are atomic: any thread may
 * hold one and read. Pure.
 */
#include "common/metric/tally_record.h"

#define TIMELINE_TOTAL 0u
#define TIMELINE_WORKER 0x80000000u /* plus a worker's index: its total */

struct timeline_block; /* what is read without the functions below: */
struct timeline_span {
    int64_t start;          /* unix seconds */
    uint32_t span;          /* seconds */
    uint32_t users, target; /* at the end */
    float cpu_percent;      /* of the busiest worker; negative: not measured */
    float lag_ms;           /* of the worst worker; negative: not measured */
};
const struct timeline_span *timeline_block_span(const struct timeline_block *b);
size_t timeline_block_bytes(const struct timeline_block *b); /* of memory */
struct timeline_block *timeline_block_ref(struct timeline_block *b);
void timeline_block_unref(struct timeline_block *b); /* NULL is fine */

/* Adds the record of that row, if there is one, to t. False if not. */
bool timeline_block_add(const struct timeline_block *b, uint32_t id, struct tally *t);

/* How a worker was. */
struct timeline_health {
    uint32_t index, samples;
    uint64_t users_sum;       /* over the samples */
    uint64_t cpu_sum;         /* tenths of a percent, over the samples */
    uint32_t cpu_max;         /* tenths of a percent */
    uint32_t lag_us, has_lag; /* worst; has_lag 0: not measured */
    uint64_t memory_kb;       /* most */
};
void timeline_health_merge(struct timeline_health *to, const struct timeline_health *more);

/* What failed: one kind. */
struct timeline_failed {
    uint32_t kind;
    uint64_t count;
    int64_t first, last; /* unix seconds */
};

/* Walks, by rising id, index and kind. */
struct timeline_cursor {
    const unsigned char *p, *end;
    const struct timeline_block *block;
    uint32_t id;                 /* of the record below */
    const unsigned char *record; /* NULL: the end */
    size_t len;
};
void timeline_cursor_rows(struct timeline_cursor *c, const struct timeline_block *b);
void timeline_cursor_next(struct timeline_cursor *c);
void timeline_cursor_healths(struct timeline_cursor *c, const struct timeline_block *b);
bool timeline_cursor_health(struct timeline_cursor *c, struct timeline_health *out);
void timeline_cursor_failures(struct timeline_cursor *c, const struct timeline_block *b);
bool timeline_cursor_failed(struct timeline_cursor *c, struct timeline_failed *out);

/* Builder: rows, healths and failures each in rising order; the order among the three is free. */
struct timeline_builder {
    struct timeline_span span;
    struct sbuf rows, healths, failures, index, scratch;
    uint32_t last_row, last_health, last_failed, row_count;
};
void timeline_build_row(struct timeline_builder *b, uint32_t id, const void *record, size_t len);
void timeline_build_tally(struct timeline_builder *b, uint32_t id, const struct tally *t);
void timeline_build_health(struct timeline_builder *b, const struct timeline_health *h);
void timeline_build_failed(struct timeline_builder *b, const struct timeline_failed *f);
/* The block, with one reference. The builder is empty afterwards and keeps its memory. */
struct timeline_block *timeline_build_end(struct timeline_builder *b);
void timeline_builder_fini(struct timeline_builder *b);

/* Adds up the rows of several blocks, one row after the other, in little memory. The blocks are
 * borrowed and must stay. */
struct timeline_merge {
    struct timeline_cursor *cursors;
    size_t count;
    uint32_t id;               /* of the row that was found */
    struct tally sum;          /* its figures; no texts */
    const unsigned char *only; /* not NULL: the row is this one record, and sum is not filled */
    size_t only_len;
};
void timeline_merge_init(struct timeline_merge *m, const struct timeline_block *const *blocks,
                         size_t count);
/* The next row; false at the end. is_raw: a row of a single record may be left in `only`. */
bool timeline_merge_next(struct timeline_merge *m, bool is_raw);
void timeline_merge_fini(struct timeline_merge *m);
/* What the blocks say of workers and failures, added up and sorted; malloced, the caller frees. */
size_t timeline_merge_healths(const struct timeline_block *const *blocks, size_t count,
                              struct timeline_health **out);
size_t timeline_merge_failures(const struct timeline_block *const *blocks, size_t count,
                               struct timeline_failed **out);
