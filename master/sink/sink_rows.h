// SPDX-License-Identifier: MIT
#pragma once
/* sink_rows: what a run came to, as sinks send it: the rows of a snapshot, whole or what they
 * gained since an earlier one, with the names that are too many added up in one; and their requests
 * by labels. Pure. Everything borrows from the snapshot, which outlives it. */
#include "master/data/labelled.h"
#include "master/sink/sink.h"
#include <string.h>

struct sink_row {
    const char *method, *name; /* total: "" and "Aggregated" */
    uint64_t requests, failures, cut, discarded, resent, bytes;
    uint64_t sum_us, min_us, max_us;   /* of those with a time; of a difference as near as known */
    const struct hist *shared;         /* the snapshot's histogram; NULL: */
    struct hist own;                   /* ... it is this one */
    struct tag labels[LABELS_OF_PART]; /* of a part */
    size_t label_count;
};
static inline const struct hist *sink_row_hist(const struct sink_row *r)
{
    return r->shared ? r->shared : &r->own;
}

struct sink_rows {
    struct sink_row *rows;
    size_t row_count;
    /* The requests, failures and times of the rows by labels, those of a row one after the other,
     * at last those that have no label; together they are the row's. What else a row has (bytes,
     * cut, …) is in no part. Where nothing is told apart these are the rows themselves. */
    struct sink_row *parts;
    size_t part_count;
    struct sink_row total;
    struct tally_extra extra; /* of the total */
    /* private */
    uint32_t *numbers; /* of the statistics' rows, and in */
    uint32_t *places;  /* ... which row each is; number_count of both */
    size_t number_count;
    char *texts;
};

/* since: NULL, or a snapshot of the same run: then only rows that gained something. names: the
 * most rows; what is beyond goes to one (other) of its method. */
void sink_rows_init(struct sink_rows *f, const struct snapshot *s, const struct snapshot *since,
                    size_t names);
/* Likewise, and parts by these labels (sink_labels), at most PARTS_PER_NAME * names of them: of
 * what is beyond, requests have no label. */
#define PARTS_PER_NAME 10
void sink_rows_init_by(struct sink_rows *f, const struct snapshot *s, const struct snapshot *since,
                       size_t names, unsigned labels);
/* The part of that row and those labels; NULL: there is none. *at: 0 at first; quick for parts in
 * their order. */
const struct sink_row *sink_rows_find(const struct sink_rows *f, const struct sink_row *like,
                                      size_t *at);
void sink_rows_fini(struct sink_rows *f);
/* Whether the part is one of that row, of the same rows. */
static inline bool sink_part_is_of(const struct sink_row *part, const struct sink_row *row)
{
    return part->name == row->name && !strcmp(part->method, row->method);
}
double sink_row_quantile_ms(const struct sink_row *r, double share); /* NaN: of none */
double sink_row_mean_ms(const struct sink_row *r);
