// SPDX-License-Identifier: MIT
#pragma once
/* output: what a run leaves besides the page: tables on the console, files, and whatever else takes
 * figures out of this process. Each is one of these, made by a function of its own; outputs.h runs
 * them.
 *
 * Threads: every function below but interval_s is called on the output's own thread, one at a time,
 * and may take as long as it takes: the run never waits for it. So it touches nothing but what it
 * owns and the snapshot it is given, which is immutable and borrowed until it returns
 * (snapshot_ref keeps it). interval_s and hurry are called on the main thread, and do nothing but
 * answer, or note.
 *
 *   check → open → tick … tick → run_end → close
 *
 * What cannot be tried beforehand has no check, who wants no ticks no interval. If one output's
 * check or open fails, nothing starts, and those that were opened are closed. Ticks that come while
 * the output is busy wait in a queue of bounded length; the oldest are left out, and counted. After
 * a tick that failed the next one comes all the same; after a run_end only close. A run that is
 * ended by force has no run_end.
 *
 * Errors: 0, or -1 with *why (malloced) saying what is wrong and what mends it. A tick that failed
 * is counted with those that were left out, unless the output counts itself; its words are told
 * once in a row. Words with a 0 of run_end are the last ones of an output that sends.
 */
#include "master/data/snapshot.h"

struct sbuf;

/* Of an output that sends: what came of it. Written on its thread, read on others, atomically. */
struct output_counts {
    uint64_t sent, dropped; /* pushes that were taken, and those that never will be */
};

struct output {
    const char *name; /* in log lines and in the API */
    void *self;
    /* How long one call may take at the end, before the output is given up; 0: for ever, because
     * somebody reads it. */
    double patience_s;
    bool only_live;  /* no ticks when no run is on */
    bool is_extra;   /* that it lacks something at the end is a warning, and no exit code */
    bool each_run;   /* a tick as soon as a run has begun or ended, whatever the interval */
    bool ends_apart; /* its end stands in no order: it is at it while the others are at theirs */
    const struct output_counts *counts; /* its own; then a tick that failed is not counted */
    double (*interval_s)(const void *self, const struct wishes *w);     /* 0: no tick now */
    int (*check)(void *self, const struct snapshot *first, char **why); /* changes nothing */
    int (*open)(void *self, const struct snapshot *first, char **why);
    int (*tick)(void *self, const struct snapshot *s, char **why);
    /* The end has begun; a tick may be on, and others wait before it. NULL: nothing to note. */
    void (*hurry)(void *self, double mono);
    int (*run_end)(void *self, const struct snapshot *last, char **why); /* has everything */
    void (*close)(void *self);                                           /* frees self */
};

#define OUTPUT_FILE_PATIENCE_S 60

/* The outputs there are. What they write, and whether, is in the snapshot's wishes. */
struct output json_output(void);    /* Locust's --json into FILE.json, or to standard output */
struct output console_output(void); /* Locust's tables and a line of progress, on stderr */
/* PREFIX_stats.csv, _stats_history.csv, _failures.csv, _exceptions.csv. */
struct output csv_output(const char *prefix, bool full_history);
char *csv_history_file(const char *prefix); /* malloced */
/* A file that is written once, at the end (document.h); the option that names it. */
struct output document_output(const char *option, const char *path,
                              void (*write)(const struct snapshot *last, struct sbuf *out));
/* Annotations on standard error; the job's summary, and values for its later steps, are appended to
 * these files, or NULL. */
struct output github_output(const char *summary_path, const char *values_path);
/* The report. Its name has {u}, {r} and {t} for users, spawn rate and run time. make appends the
 * page to its buffer; false when this program has none. */
struct output html_output(bool (*make)(const struct snapshot *last, struct sbuf *html));
