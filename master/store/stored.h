// SPDX-License-Identifier: MIT
#pragma once
/* stored: a run as it was stored, read from its file: a view as that of a run that goes on, which
 * answers the same questions (master/web/timeline_json.h). It never changes. Any thread, one at a
 * time until it is there.
 *
 * Errors: NULL and *why (malloced). A file of this history is taken at its word as far as its
 * checksums go; one from elsewhere is looked through to the last bucket. What of a run is damaged
 * is left out, and `damaged` says so. */
#include "common/metric/stats.h"
#include "master/data/view.h"
#include <jansson.h>

struct stored {
    json_t *meta;   /* what is known of the run (docs/history.md) */
    json_t *totals; /* {"verdict", "failures", "exceptions", "events", "lost", "saturated",
                       "workers", "metrics"}; empty of a run that was interrupted */
    struct stats stats;
    struct view *view;              /* where it was wanted */
    struct timeline_snap *timeline; /* borrowed from the view, if there is one */
    bool is_complete;               /* it was written to its end */
    bool damaged;
};

/* How much of a run is read. */
struct stored_part {
    unsigned finest;  /* level of the timeline: of those below it only what this one lacks */
    bool has_coarser; /* the levels above it too, and those that no file has */
    bool has_view;
    /* Whose seconds are wanted besides those of all requests; NULL: everybody's, and workers and
     * failures. Of a run that was not written to its end all are read. */
    bool (*wants)(void *arg, const struct stats *s, const struct tally *row);
    void *arg;
};
extern const struct stored_part stored_all;
/* What its course in outline is made of: all requests, in steps that fit the length of the run. */
struct stored_part stored_outline(double duration_s);
/* is_ours: written here. */
struct stored *stored_open(const char *path, const struct stored_part *part, bool is_ours,
                           char **why);
void stored_close(struct stored *s); /* NULL is fine; the view may live longer */

/* Of a run whose writer is gone: what its table would have, from what its file has. meta "state" is
 * then "interrupted", and there are totals. rows: for history_put_rows; a new reference. */
json_t *stored_mend(struct stored *s, json_t **rows);
