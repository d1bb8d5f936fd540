// SPDX-License-Identifier: MIT
#pragma once
/* snapshot: a second of a run for its outputs (master/out/output.h): the view of it, and the
 * statistics in full, histograms included.
 *
 * The main thread builds one when an output is due and never touches it again; whoever keeps it
 * holds a reference, and the last one frees it, on any thread. A row that did not change between
 * two snapshots shares the memory of its names and histograms with the one before: a snapshot costs
 * a kilobyte a row, and what changed.
 */
#include "common/metric/stats.h"
#include "master/data/series_list.h"
#include "master/data/view.h"
#include "master/options/tunables.h"

/* What the outputs are to be like. Listeners of the locustfile may still change it in a run. */
struct wishes {
    struct tunables tunables;
    double users, spawn_rate, run_time_s; /* of the load; negative: not given */
    bool has_tables;                      /* now and then, while the run goes on */
    bool has_summary;                     /* the tables at the end */
    bool has_json;                        /* on standard output */
    bool has_check_cases;                 /* a check that was false fails its case of JUnit */
    const char *json_file, *html_file;    /* or NULL */
};

struct outputs;

struct snapshot {
    double mono;       /* monotonic seconds */
    struct view *view; /* a reference */
    /* To be read by walking its lists, in the order of coming. It has no index: stats_row and
     * stats_find are not for it. */
    struct stats stats;
    struct stats parts;   /* of its rows, by labels (labelled.h); likewise, rows alone */
    struct wishes wishes; /* its texts are the snapshot's */
    double run_age_s;
    unsigned run_number;   /* of the process; 0: none began yet */
    unsigned target_users; /* of the run, also while it stops */
    bool is_live;          /* a run is on: users are spawned, run or stop */
    bool is_begun; /* there was one, or whoever started us wants to see that there is none */
    /* Of the last snapshot only, each of them may be NULL; owned. */
    struct {
        char *remarks;                  /* sentences below the tables: what the numbers leave out */
        char *script, *samples, *logs;  /* JSON, for a report of --html, --summary */
        char *compared;                 /* with stored runs: Markdown */
        char *baseline;                 /* the same as a JSON object */
        char *chosen;                   /* JSON object: profile, and tags of all requests */
        char *metrics, *plans;          /* JSON, for --html, --summary and the history */
        char *kept_samples, *kept_logs; /* JSON, for the history, also of a run that is over */
        struct series_list *series;     /* all of what was counted in series; a reference */
        struct outputs *outputs;        /* to be asked how those fare that send; borrowed */
    } end;
    size_t bytes; /* about what it costs, beside what it shares */
    /* private */
    char *json_file, *html_file;
    struct frozen_row **rows, **part_rows;
    size_t row_count, part_count;
    int refs;
};

void snapshot_ref(struct snapshot *s);   /* atomic */
void snapshot_unref(struct snapshot *s); /* atomic; NULL is fine */

/* What is kept between snapshots, on the main thread. */
struct snapshot_maker;
struct snapshot_maker *snapshot_maker_new(void);
/* Bytes of the histograms that it keeps for the next one. */
size_t snapshot_shared(const struct snapshot_maker *m);
void snapshot_maker_free(struct snapshot_maker *m); /* NULL is fine; its snapshots stay */
/* The statistics were cleared or written by hand: nothing of what was shared holds. */
void snapshot_forget(struct snapshot_maker *m);

/* A snapshot with one reference: *head gives every plain field, the texts of the end and the
 * reference to the view, which are taken over; the texts of the wishes are copied. Of the view its
 * failures and exceptions must be those of s. */
struct snapshot *snapshot_build(struct snapshot_maker *m, const struct snapshot *head,
                                const struct stats *s);
/* ... which has the parts of its rows as well. The maker is one for these alone. */
void snapshot_add_parts(struct snapshot *s, struct snapshot_maker *m, const struct stats *parts);
