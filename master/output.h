// SPDX-License-Identifier: MIT
#pragma once
/* output: what a run writes besides the page: console tables (Locust's, to stderr), CSV files, JSON.
 *
 * Everything reads a struct stats (and a few numbers of the run) and never changes it. Main thread.
 */
#include "common/stats/stats.h"

/* Console: the tables of locust-compatible tools; to stderr (print) or into a buffer. */
void console_stats(const struct stats *s, bool current_rates);
void console_percentiles(const struct stats *s);
void console_errors(const struct stats *s);          /* nothing when there is none */
void console_cut(const struct stats *s);             /* one line when requests were cut off */
/* The one-line progress on a terminal while ramping and running ("" clears it). */
void console_progress(const char *state, unsigned users, unsigned target, const struct stats *s,
                      double run_s, double run_time_s);

struct csv;
struct sbuf;
/* Opens PREFIX_stats.csv, _stats_history.csv, _failures.csv, _exceptions.csv (folders are made, files truncated).
 * NULL on failure with a message in *why (malloced). */
struct csv *csv_open(const char *prefix, bool full_history, char **why);
void csv_tick(struct csv *c, const struct stats *s, double now, unsigned users); /* once a second */
/* Last rows, complete, with everything that arrived; closes. 0 or -1 with errno. */
int csv_close(struct csv *c, const struct stats *s, double now, unsigned users);
/* The same tables for downloads. */
void csv_requests(const struct stats *s, struct sbuf *out);
void csv_failures(const struct stats *s, struct sbuf *out);
void csv_exceptions(const struct stats *s, struct sbuf *out);

/* Locust's --json: a list of entries with the keys of its stats message, indent 4. */
void json_stats(const struct stats *s, struct sbuf *out);
