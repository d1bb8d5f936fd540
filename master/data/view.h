// SPDX-License-Identifier: MIT
#pragma once
/* view: what the master shows of a run: an immutable snapshot that web threads may read.
 *
 * The main thread builds one each second (view_builder_build, by publish.c), publishes it with
 * bridge_publish and never touches it again; readers hold a reference. Numbers are already derived,
 * times are milliseconds, rates per second over the last finished second unless named otherwise.
 */
#include <stdbool.h>
#include "master/options/tunables.h"
#include <stddef.h>
#include <stdint.h>

struct view_row {
    uint32_t id;           /* stable for the life of the statistics; 0 is the total */
    uint64_t changed_tick; /* tick at which any number below last changed */
    const char *method, *name;
/* Everything that columns.def says is shown: rps and fail_rps are Locust's current_rps over its
 * 10 s window, percentiles since the start in ms (NaN where nothing was measured, 0 of no response
 * times). */
#define SHOWN_COUNT(field, name, from, unit, label, width, meaning) uint64_t field;
#define SHOWN_NUMBER(field, name, unit, label, width, meaning) double field;
#define SHOWN_QUANTILE(field, name, of, share, unit, label, width, meaning) double field;
#include "common/metric/columns.def"
    double asked[TUNABLES_SHOWN_MAX]; /* likewise, of view.statistics */
};

/* One text of a kind of failures, or all of it when it has too many. Those of a kind are
 * neighbours, kinds rise. */
struct view_failure {
    uint32_t id; /* of the kind; stable for the life of the statistics */
    const char *method, *name, *text;
    uint64_t count;
    double first_at, last_at;         /* unix seconds */
    const struct view_failure *texts; /* of a whole kind: some of its texts; else NULL */
    size_t text_count;
};

struct view_exception {
    const char *message, *traceback, *nodes, *type;
    uint64_t count;
    double first_at, last_at;
};

struct view_worker {
    const char *id, *state; /* ready, spawning, running, stopping, stopped, missing, lost */
    int index;
    uint32_t users;
    double cpu_percent;
    uint64_t memory_bytes;
    double loop_lag_ms;                  /* negative: not reported (stock Locust) */
    double lag_p99_ms, fds, connections; /* likewise */
    unsigned weight;                     /* of its share of the load; 0: as all others */
    double clock_error_ms; /* its clock is so far from the master's at most; negative: not known */
    double cores, throttled; /* of its container, 0: no limit; percent of time */
    double starved;          /* percent of time; negative: not reported */
    bool is_katydid;
    bool is_missing_some; /* not all that it measured has come */
    uint64_t requests;    /* delivered by this worker in this run */
    double rps;
};

struct view_point { /* one second of the run, for the charts */
    int64_t second; /* unix time */
    double rps, fail_rps;
    double p50, p95, p99; /* of the requests of that second; NaN if none */
    double mean_ms;
    uint32_t users, target_users;
};

struct view_class {
    const char *name;
    double weight;
    int fixed_count;
    uint32_t users;
    uint32_t dealt; /* of the users there shall be, those that are of this class already */
};

struct view_output { /* one that lacks something of this process's runs, or one that sends */
    const char *name;
    bool sends;
    uint64_t sent;
    uint64_t dropped;    /* ticks that were left out */
    const char *trouble; /* why the last one was, or "" */
};

struct view_loss { /* not everything that was measured in this time has come */
    double from, to;
    const char *worker; /* "master": it stood still */
};

struct view_web {           /* the host's own web server (docs/architecture.md) */
    const char *socket;     /* path; "" none */
    const char *extensions; /* JSON: what the locustfile adds to the page */
    bool has_login;         /* every route of ours needs a session */
    bool is_changed;        /* the locustfile has a say in how requests are handled */
    bool has_page;          /* it has the page itself (--build-path) */
};

struct view {
    uint64_t tick;       /* increases by one per published view, over the life of the process */
    double now;          /* unix seconds */
    const char *boot_id; /* random, per master process */
    const char *run_id;  /* changes at each start from stopped; "" before the first */
    const char *state;   /* ready spawning running cleanup stopping stopped missing */
    const char *version, *locustfile, *host; /* host "" when none */
    const char *profile;                     /* "" when none */
    size_t threshold_count, threshold_failed;
    const char *verdict;         /* JSON: how the run stands against its thresholds (docs/api.md) */
    const char *notice;          /* what the page must tell (a lost worker …) or "" */
    const char *ended_by;        /* what ended the run, or "" */
    double started_at, ended_at; /* unix seconds; 0 = not yet */
    double run_time_s;           /* 0 = no limit */
    uint32_t users, target_users;
    double spawn_rate;
    double next_users, next_rate; /* what a start without its own begins with; negative: unknown */
    uint64_t log_errors;          /* lines of ERROR and worse so far */
    int stock_port;               /* for workers without keys (--allow-stock); 0 none */
    bool has_shape;               /* a LoadTestShape decides about the users */
    size_t scenario_count;        /* that decide about the users */
    size_t plan_count;            /* ... and those that are about all users */
    bool is_distributed;
    bool is_setting_up, is_tearing_down; /* the script's setup or teardown is on */
    const char *history_file;            /* of --csv-full-history, or "" */
    struct tunables_shares statistics;   /* what rows have in `asked` */
    struct tunables_shares chart;        /* what is in chart_ms */
    double chart_ms[TUNABLES_SHOWN_MAX]; /* of the latest second; NaN if none */
    struct view_web web;
    struct view_row total;
    struct view_row *rows;
    size_t row_count; /* sorted by (name, method) */
    struct view_failure *failures;
    size_t failure_count, kind_count; /* kinds of failures */
    struct view_exception *exceptions;
    size_t exception_count;
    struct view_worker *workers;
    size_t worker_count;
    struct view_class *classes;
    size_t class_count;
    struct view_output *outputs;
    size_t output_count;
    struct view_loss *losses;
    size_t loss_count;
    const struct view_point *points;
    size_t point_count;             /* the last seconds; all of them are in the timeline */
    struct timeline_snap *timeline; /* a reference; or NULL */
    struct events_list *events;     /* a reference; or NULL */
    struct series_list *series;     /* a reference; or NULL: nothing was counted in series */
    bool is_saturated;              /* a worker cannot keep up: what is measured now is not valid */
    /* private to view.c */
    struct view_arena *arena;
    int refs;
};

void view_ref(struct view *v);   /* atomic */
void view_unref(struct view *v); /* atomic; frees with the last reference */
