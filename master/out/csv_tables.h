// SPDX-License-Identifier: MIT
#pragma once
/* csv_tables: what a run measured as CSV, column for column as Locust writes it. Pure.
 *
 * Cells are quoted only when they must be, lines end in CR LF. In files a text is what it is, for
 * programs (sbuf_add_csv); in the same tables as downloads, which people open, one that a
 * spreadsheet would take for a formula gets an apostrophe in front (sbuf_add_csv_no_formula).
 */
#include "common/metric/stats.h"
#include "master/data/number_text.h"

struct sbuf;

typedef void csv_add_text(struct sbuf *out, const char *text); /* how a text becomes a cell */

void csv_requests(const struct stats *s, const struct percentile_columns *p, struct sbuf *out,
                  csv_add_text *add);
void csv_failures(const struct stats *s, struct sbuf *out, csv_add_text *add);
void csv_exceptions(const struct stats *s, struct sbuf *out, csv_add_text *add);

void csv_history_head(const struct percentile_columns *p, struct sbuf *out);
struct csv_moment {
    double now; /* unix seconds */
    unsigned users;
};
/* of: the histogram to look at; NULL: nothing was measured in its window. */
void csv_history_row(const struct tally *t, const struct stats *s,
                     const struct percentile_columns *p, struct csv_moment at,
                     const struct hist *of, struct sbuf *out);
