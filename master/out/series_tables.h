// SPDX-License-Identifier: MIT
#pragma once
/* series_tables: checks, groups and custom metrics as text for the console, and as CSV. Pure. Each
 * adds nothing where there is nothing. */
#include "master/data/series_list.h"

struct sbuf;

void console_add_checks(struct sbuf *out, const struct series_list *l, size_t name_width);
void console_add_groups(struct sbuf *out, const struct series_list *l, size_t name_width);
void console_add_metrics(struct sbuf *out, const struct series_list *l, size_t name_width);
void csv_checks(const struct series_list *l, struct sbuf *out); /* PREFIX_checks.csv */
void csv_metrics(const struct series_list *l,
                 struct sbuf *out); /* PREFIX_metrics.csv: the others */
