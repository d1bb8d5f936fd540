// SPDX-License-Identifier: MIT
#pragma once
/* history_words: opening, mending and comparing what a history has; tables of runs for people.
 * Errors: NULL or -1 and *why (malloced). */
#include "common/base/sbuf.h"
#include "master/store/contrast.h"
#include "master/store/history.h"
#include "master/store/stored.h"

/* Runs that are said to go on and whose masters are gone get their figures and are called
 * interrupted. When all is true, files that the table does not have come into it, and runs without
 * intervals get them. How many. skipped: a line for each file that is left as it is, and why; or
 * NULL. */
int history_mend(struct history *h, bool all, struct sbuf *skipped);
/* A file from elsewhere, looked through; its id (malloced). */
char *history_import(struct history *h, const char *path, char **why);
/* The file with what was added to the run since (notes, pins, tags); without samples of requests
 * and log lines, unless they are wanted. */
int history_export(struct history *h, const char *id, const char *path, bool with_traces,
                   char **why);

struct stored *history_open_run(struct history *h, const char *id, const struct stored_part *part,
                                char **why);
/* Up to 20 runs like that one, by which it is learnt how much equal runs differ; the newest first;
 * an array of ids. */
json_t *history_alike(struct history *h, const json_t *like);
/* How much those differ in a figure of a row; fewer than five are no history: then it is assumed.
 */
struct between history_between(struct history *h, const json_t *alike, const char *method,
                               const char *name, enum contrast_figure f);

/* How it ended, in a word: "passed", "failed", "-" (no thresholds), "not valid", "interrupted",
 * "running". */
const char *history_verdict(const json_t *run);
/* What lists show of a run (docs/api.md); a new object. */
json_t *history_summary(const json_t *run);

void history_table(const json_t *runs, struct sbuf *out);
/* For programs that look for changes over runs: the oldest first, times in ISO 8601 (UTC). */
void history_csv(const json_t *runs, struct sbuf *out);
void history_details(const json_t *run, struct sbuf *out);
/* Of history_metrics: all figures of all requests, and one line for each of the other rows, with
 * their intervals; nothing of none. */
void history_metrics_table(const json_t *metrics, struct sbuf *out);
