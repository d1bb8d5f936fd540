// SPDX-License-Identifier: MIT
#pragma once
/* sink_rows: what a run came to, as sinks send it: the rows of a snapshot, whole or what they
 * gained since an earlier one, with the names that are too many added up in one. Pure.
 * Everything borrows from the snapshot, which outlives it. */
#include "master/sink/sink.h"

struct sink_row {
    const char *method, *name; /* total: "" and "Aggregated" */
    uint64_t requests, failures, cut, discarded, resent, bytes;
    uint64_t sum_us, min_us, max_us; /* of those with a time; of a difference as near as known */
    const struct hist *shared;       /* the snapshot's histogram; NULL: */
    struct hist own;                 /* ... it is this one */
};
static inline const struct hist *sink_row_hist(const struct sink_row *r)
{
    return r->shared ? r->shared : &r->own;
}

struct sink_rows {
    struct sink_row *rows;
    size_t row_count;
    struct sink_row total;
    struct tally_extra extra; /* of the total */
};

/* since: NULL, or a snapshot of the same run: then only rows that gained something. names: the
 * most rows; what is beyond goes to one (other) of its method. */
void sink_rows_init(struct sink_rows *f, const struct snapshot *s, const struct snapshot *since,
                    size_t names);
void sink_rows_fini(struct sink_rows *f);
double sink_row_quantile_ms(const struct sink_row *r, double share); /* NaN: of none */
double sink_row_mean_ms(const struct sink_row *r);
