// SPDX-License-Identifier: MIT
#pragma once
/* output: what a run writes besides the page: console tables (Locust's, to stderr), CSV files,
 * JSON.
 *
 * Everything reads a struct stats (and a few numbers of the run) and never changes it. Main thread.
 * docs/statistics.md defines every number, its window and its rounding.
 */
#include "common/metric/stats.h"
#include <stddef.h>

struct sbuf;

/* Console: the tables of locust-compatible tools, to stderr. */
void console_stats(const struct stats *s, bool current_rates);
void console_percentiles(const struct stats *s);
void console_errors(const struct stats *s); /* nothing when there is none */
void console_aside(const struct stats *s);  /* a line each: cut off, discarded, sent again */
/* The one-line progress on a terminal while ramping and running; state "" clears it. */
void console_progress(const char *state, unsigned users, unsigned target, const struct stats *s,
                      double run_s, double run_time_s);

/* The same into a buffer; name_width is the room for names (console_name_width). */
void console_add_stats(struct sbuf *out, const struct stats *s, bool current_rates,
                       size_t name_width);
void console_add_percentiles(struct sbuf *out, const struct stats *s, size_t name_width);
void console_add_errors(struct sbuf *out, const struct stats *s, size_t name_width);
void console_add_aside(struct sbuf *out, const struct stats *s);
/* Room for names on a terminal of that many columns; 0 columns: no terminal. */
size_t console_name_width(unsigned columns);
/* The room for names of all tables to come; negative: what the terminal leaves. */
void console_set_name_width(double width);

struct csv;
/* Opens PREFIX_stats.csv, _stats_history.csv, _failures.csv, _exceptions.csv (directories are made,
 * files truncated). NULL on failure with a message in *why (malloced). */
struct csv *csv_open(const char *prefix, bool full_history, char **why);
void csv_tick(struct csv *c, const struct stats *s, double now, unsigned users); /* once a second */
/* Last rows, complete, with everything that arrived; closes and frees, NULL is fine. 0, or -1 with
 * errno of the first write that failed, also an earlier one. */
int csv_close(struct csv *c, const struct stats *s, double now, unsigned users);
/* The same tables for downloads, which people open: no text in them is a spreadsheet's formula. */
void csv_requests(const struct stats *s, struct sbuf *out);
void csv_failures(const struct stats *s, struct sbuf *out);
void csv_exceptions(const struct stats *s, struct sbuf *out);

/* Locust's --json: a list of entries with the keys of its stats message, indent 4, no line end. */
void json_stats(const struct stats *s, struct sbuf *out);
