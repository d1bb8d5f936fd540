// SPDX-License-Identifier: MIT
#pragma once
/* number_text: numbers and texts as the tables, files and JSON of a run write them. */
#include "common/metric/stats.h"
#include "master/options/tunables.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sbuf;

/* The percentiles that tables and files have columns for. */
#define OUTPUT_PERCENTILES_MAX TUNABLES_SHARES_MAX
struct percentile_columns {
    size_t count;
    double share[OUTPUT_PERCENTILES_MAX];  /* 0 to 1, in the order of the columns */
    char name[OUTPUT_PERCENTILES_MAX][16]; /* "50%" … "100%" */
};
struct percentile_columns percentile_columns(const struct tunables_shares *report);

/* All of them, of a histogram of t (its own, or that of a window), in whole milliseconds: halves
 * go to the even one, and never above the whole milliseconds of max. */
void output_percentiles_ms(const struct percentile_columns *p, const struct tally *t,
                           const struct hist *of, long long out[static OUTPUT_PERCENTILES_MAX]);
/* Whole milliseconds from 10 on, two digits below; never outside [min, max]. */
double output_median_ms(const struct tally *t);
double output_min_ms(const struct tally *t); /* 0 when unknown */
double output_max_ms(const struct tally *t);
double output_mean_bytes(const struct tally *t);
double output_fail_ratio(const struct tally *t); /* 1 when there are only failures */

/* The shortest text that reads back as v: "1.0", "0.25", "1e-05". */
void output_add_float(struct sbuf *b, double v);
/* The same, but a whole number has no fraction: "1". */
void output_add_number(struct sbuf *b, double v);
/* The ids of an exception's nodes, "a,b", as Locust writes a list: "a, b". */
void output_add_nodes(struct sbuf *b, const char *nodes);
void output_add_utc(struct sbuf *b, double unix_s); /* 2026-01-31T23:59:59Z; nothing for 0 */
/* Text of a stranger for a terminal: control and direction characters become escapes. Returns the
 * number of characters it added. */
size_t output_add_visible(struct sbuf *b, const char *text);
