// SPDX-License-Identifier: MIT
#pragma once
/* record: all that is kept of a run: statistics, timeline, events, samples, losses; and how reports
 * become part of it, each exactly once.
 *
 * A report is decoded once: what it added to the statistics, row by row, is told to the timeline on
 * the way. Main thread. Times come in: steady seconds (clk.h). Nothing is sent from here.
 */
#include "common/metric/stats.h"
#include "master/data/events.h"
#include "master/data/losses.h"
#include "master/data/row_names.h"
#include "master/data/samples.h"
#include "master/data/series_list.h"
#include "master/data/snapshot.h"
#include "master/data/timeline.h"
#include "master/data/view_build.h"
#include "master/options/tunables.h"
#include "master/proto/proto_in.h"
#include "common/run/roster.h"
#include "common/run/run.h"

struct trouble {                  /* messages that were dropped */
    uint64_t broken, stray, late; /* malformed; of no worker of ours; of another run */
    uint64_t logged;              /* their sum when last told */
    double logged_at;
};

struct record {
    const struct run *run; /* whose it is */
    struct roster *roster;
    const struct tunables *tunables;
    bool is_local; /* one worker of our own, which is the host as well */
    struct stats stats;
    struct stats parts; /* of its rows, by labels (labelled.h) */
    struct timeline *timeline;
    struct events *events;
    struct samples *samples;
    struct series_store *series;
    struct series_list *series_list; /* the latest, of that version; or NULL */
    uint64_t series_listed;
    uint64_t series_refused; /* values of metrics that are known as something else */
    struct losses losses;
    struct view_builder *view_builder; /* what is kept between views, ... */
    struct snapshot_maker *snapshots, *part_snapshots;
    struct host_stats *host_stats;
    struct trouble trouble;
    char host_epoch[64]; /* of the reports of what the host counted itself; the last one's number */
    uint64_t host_seq;
    uint64_t host_asked;        /* for the names of these, as bits of their numbers */
    struct row_names row_names; /* of the nodes that report */
    struct {
        const void *report; /* borrowed, never looked into: the one that was found good last */
        uint64_t clears;    /* of the statistics then */
    } checked;
};

/* run, roster, tunables and is_local are set before, and outlive it. */
void record_init(struct record *r, size_t timeline_bytes, double now);
void record_fini(struct record *r);

/* Whether the report is of this run and has rows whose names are not known (w NULL: of the host):
 * then it must not be given to those below, but be asked for again. */
bool record_needs_names(struct record *r, const struct worker *w, const struct message_stats *s);
/* came: when the report came. True when it is of this run, and was counted now. */
bool record_report(struct record *r, struct worker *w, const struct message *msg, double came);
/* What the host's Python counted itself. It has no row among the workers; its link keeps the order.
 */
void record_host_report(struct record *r, const struct message_stats *s, double came);
void record_exception(struct record *r, const struct worker *w, const struct message_exception *e,
                      double now);

void record_clear(struct record *r, double now); /* a run begins */
/* Code says so in the middle of it: exceptions, which Locust's runner keeps, stay, as in a reset.
 */
void record_clear_requests(struct record *r, double now);
void record_began(struct record *r, double now); /* its load does, after its setup */
void record_reset(struct record *r, double now); /* its figures begin anew, in the middle of it */
void record_forget_exceptions(struct record *r);
/* What the master itself knows of: n more of a counter with that one tag, now. */
void record_count(struct record *r, const char *metric, struct tag tag, double n, double now);
void record_close(struct record *r, double now); /* its last second has passed */
/* What was counted in series, as a reference; all: also what is too much for once a second. NULL:
 * nothing. */
struct series_list *record_series(struct record *r, bool is_all);
/* late_s: how long reports may be under way beyond the usual. */
/* Closes the seconds of which every active worker has told. */
void record_close_told(struct record *r, double now);
void record_second(struct record *r, struct run_clock now, double late_s);
