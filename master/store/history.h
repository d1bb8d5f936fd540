// SPDX-License-Identifier: MIT
#pragma once
/* history: the folder of runs: a table of them (runs.db, SQLite) and one file each (run_file.h).
 *
 * What is known of a run is one JSON object (docs/history.md), kept in the table as it is; what is
 * searched and sorted by stands in columns as well. Several programs may use a folder at once:
 * every change is one short transaction, and who finds the table locked waits up to 5 s. On a file
 * system of a network the write-ahead log, which needs shared memory, is not used.
 *
 * The table can be made anew from the files (history_repair). One thread a handle.
 *
 * Errors: NULL, -1 or false with *why (malloced): what is wrong, and what mends it. */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct history;
/* "" for a NULL or empty name: what the environment says (XDG_DATA_HOME, HOME); malloced. NULL:
 * neither is set. */
char *history_folder(const char *given);
/* Whether that name, which may be NULL, says that there is to be none: "off". */
bool history_is_off(const char *given);
/* may_write false: what is not there is not made (NULL and *why). */
struct history *history_open(const char *folder, bool may_write, char **why);
bool history_is_there(const char *folder);                   /* its table */
void history_close(struct history *h);                       /* NULL is fine */
char *history_path(const struct history *h, const char *id); /* of its file; malloced */

/* The run, new or as it is now: by its "id". The note, pin and tags of one that is there stay. */
int history_put(struct history *h, const json_t *run, char **why);
/* Figures of each row for trends and comparisons: [[method, name, requests, fail_ratio, rps, mean,
 * p50, p75, p90, p95, p99, p999]…], of the total first. */
int history_put_rows(struct history *h, const char *id, const json_t *rows, char **why);
/* Figures with their intervals: of run_metric_table. */
int history_put_metrics(struct history *h, const char *id, const json_t *metrics, char **why);
/* The same: [{"method", "name", "metric", "value", "low", "high", "n", "blocks"}…], the total
 * first; none of a run that an older Katydid stored. */
json_t *history_metrics(struct history *h, const char *id);
json_t *history_get(struct history *h, const char *id); /* NULL: there is none */

/* A figure of a row of a run, by its column ("p95"); name "": of the total. NaN: there is none. */
double history_row_figure(struct history *h, const char *id, const char *method, const char *name,
                          const char *figure);

struct history_filter {
    const char *profile, *branch, *tag, *state; /* NULL: any; tag: "key=value" or "key" */
    const char *verdict;                        /* as history_verdict says it */
    const char *text; /* in its id, pin, note, tags, profile, locustfile, host, branch or commit */
    const char *prefix; /* of its id */
    const char *pin;    /* its whole name */
    bool is_valid;      /* only those whose measurement was */
    size_t limit, skip; /* limit 0: all */
};
/* Those that fit, the newest first; a JSON array. */
json_t *history_list(struct history *h, const struct history_filter *f);
/* The same with no more than tables show (history_table, history_csv), in a fraction of the time.
 */
json_t *history_list_brief(struct history *h, const struct history_filter *f);
/* The same one by one, borrowed, until take says that it is enough. */
void history_each(struct history *h, const struct history_filter *f,
                  bool (*take)(void *arg, json_t *run), void *arg);
size_t history_count(struct history *h, const struct history_filter *f); /* limit and skip aside */
json_t *history_profiles(struct history *h); /* [profile, …]: those there are, the newest first */

/* What people write: an id or its beginning, "latest", "latest~3", "pinned:NAME", "branch:main",
 * "profile:NAME", "tag:k=v", with "latest", "valid" and a number of runs behind it: up to so many
 * (one without). The runs, the newest first; NULL and *why when there is none, or what is written
 * is not understood. like: only those of its locustfile and profile, unless an id, a pin or a
 * profile is named, and never itself (by its "run"); or NULL. */
json_t *history_find(struct history *h, const char *spec, const json_t *like, char **why);
/* The one run that is meant, a new reference; NULL and *why, also when several are
 * (*is_several). */
json_t *history_find_one(struct history *h, const char *spec, bool *is_several, char **why);
/* Whether it is understood, stored or not; else *why. */
bool history_is_spec(const char *spec, char **why);

/* Changes of one run, whose id is whole. value NULL or "": none. */
int history_note(struct history *h, const char *id, const char *text, char **why);
int history_pin(struct history *h, const char *id, const char *name, char **why);
int history_tag(struct history *h, const char *id, const char *key, const char *value, char **why);
int history_remove(struct history *h, const char *id, char **why); /* not one that is pinned */

/* A figure of a row over the runs that are over, the oldest first: [{"id", "started", "is_good" (it
 * is valid and was not interrupted), "commit", "note", "pin", "value", "steady" (with its
 * interval: as in history_metrics, without names; or null)}…]; value null: it has none. profile,
 * locustfile NULL: any. NULL: there is no such figure. */
#define HISTORY_TREND_MOST 500 /* runs, the newest */
json_t *history_trend(struct history *h, const char *profile, const char *locustfile,
                      const char *method, const char *name, const char *figure);

struct history_keep {
    size_t runs; /* 0: all */
    double days, megabytes;
};
/* Removes the oldest that are too many, but none that is pinned or goes on. now: unix seconds, by
 * which days are counted. How many; -1. */
int history_prune(struct history *h, const struct history_keep *keep, double now, char **why);
/* Ids of runs that are said to go on and whose writer is gone; a JSON array. */
json_t *history_orphans(struct history *h);
/* Ids of files that the table does not have; likewise. */
json_t *history_strangers(struct history *h);
/* Ids of runs that are over and have no figures with intervals; likewise. */
json_t *history_bare(struct history *h);
