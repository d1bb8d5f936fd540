// SPDX-License-Identifier: MIT
#pragma once
/* run_totals: what a run's table and file have of all of it. Pure. */
#include "common/base/sbuf.h"
#include "master/data/snapshot.h"
#include <jansson.h>

#define RUN_ROWS_KEPT 200 /* rows in the table, those with the most requests; the file has all */

void run_totals_put_rows(struct sbuf *out, const struct stats *s); /* contents of RUN_ROWS */
/* Adds them to s, which is new. false: malformed. */
bool run_totals_read_rows(const unsigned char *p, size_t len, struct stats *s);
json_t *run_totals_table(const struct view *v); /* for history_put_rows */
json_t *run_totals_numbers(const struct view_row *total, size_t rows);
void run_totals_put_rest(struct sbuf *out, const struct view *v); /* contents of RUN_TOTALS */
/* The names that rows and kinds of failures above these have; contents of RUN_NAMES. false: none.
 */
bool run_totals_put_names(struct sbuf *out, const struct snapshot *s, uint32_t *last_row,
                          uint32_t *last_kind);
double run_totals_users(const struct view *v);  /* the most there were at once; NaN: not known */
json_t *run_totals_spark(const struct view *v); /* requests per second in at most 30 steps */
