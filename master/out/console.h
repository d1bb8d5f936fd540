// SPDX-License-Identifier: MIT
#pragma once
/* console: the tables people and scripts know from Locust, as text. Pure.
 *
 * name_width is the room for names. docs/statistics.md defines every number, its window and its
 * rounding.
 */
#include "common/metric/stats.h"
#include "master/data/number_text.h"

struct sbuf;

void console_add_stats(struct sbuf *out, const struct stats *s, bool current_rates,
                       size_t name_width);
void console_add_percentiles(struct sbuf *out, const struct stats *s,
                             const struct percentile_columns *p, size_t name_width);
/* Of arrivals, from when they were due. Nothing when there is none; so the next. */
void console_add_corrected(struct sbuf *out, const struct stats *s,
                           const struct percentile_columns *p, size_t name_width);
void console_add_errors(struct sbuf *out, const struct stats *s, size_t name_width);
/* A line each: cut off, discarded, sent again. */
void console_add_aside(struct sbuf *out, const struct stats *s);
/* Room for names on a terminal of that many columns; 0 columns: no terminal. */
size_t console_name_width(unsigned columns);
/* What the locustfile wants; below 0: what the terminal leaves. */
size_t console_wanted_width(double wanted, unsigned columns);
