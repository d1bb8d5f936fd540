// SPDX-License-Identifier: MIT
#pragma once
/* told: what reports said of one second that is still open.
 *
 * Rows are kept as records (tally_record.h) in the order of coming. Whenever many have come they
 * are added up, by row and by worker: memory is that of the rows and of the workers, however many
 * of these tell of the same rows. Pure.
 */
#include "common/base/sbuf.h"
#include "master/data/timeline_block.h"

#define TOLD_NOBODY 0   /* as a worker: counts in the rows and the total */
#define TOLD_WORKERS 64 /* so many at a time are added up; each has its sum meanwhile */

struct told {                       /* zero: empty */
    struct sbuf records, entries;   /* since they were added up last */
    uint32_t workers[TOLD_WORKERS]; /* that told these, in the order of coming */
    size_t worker_count;
    struct sbuf sums, rows;               /* added up: bytes, and where each row's are */
    struct sbuf worker_sums, worker_rows; /* likewise of workers, which may be there repeatedly */
    struct sbuf failures;                 /* struct timeline_failed, as they came */
};

/* What adding up needs; one for all seconds. Zero: empty. */
struct told_adder {
    struct tally sum, workers[TOLD_WORKERS];
    size_t worker_count; /* of `workers`: how many were ever of use */
    struct sbuf sums, rows, scratch;
};

void told_fini(struct told *w);
void told_clear(struct told *w);        /* keeps the memory */
bool told_is_new(const struct told *w); /* never used: has no memory */
void told_adder_fini(struct told_adder *a);

/* worker: its index and 1, or TOLD_NOBODY. */
void told_row(struct told *w, uint32_t worker, uint32_t id, const struct tally *more,
              const struct tally_packed *packed);
/* Before a report: makes room for what comes by adding up. */
void told_room(struct told *w, struct told_adder *a);
/* The total, the rows and the workers, into the builder; the total into *total as well. Returns
 * how many rows there are. */
size_t told_build(struct told *w, struct told_adder *a, struct timeline_builder *b,
                  struct tally *total);
