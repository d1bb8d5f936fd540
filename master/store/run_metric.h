// SPDX-License-Identifier: MIT
#pragma once
/* run_metric: each figure of each row of a run with its 95 % interval, as the table keeps them.
 *
 * By what happened within the run: blocks of its steady part are drawn (bootstrap.h), of a row with
 * 100 requests or more there. Of rows with fewer, and of runs that are too short or were never
 * steady, the figures are those of the whole run, and their intervals what the number of requests
 * says: too narrow, and blocks 0 says so. What it costs is bounded, however many rows and seconds
 * there are. Of a run with an apdex threshold ("apdex_ms": its T) there is apdex too, of the whole
 * run. The same seconds have the same figures, from memory or from a file. Pure. */
#include "master/store/contrast.h"

/* rows: of run_totals_table. [[method, name, figure, value, low, high, n, blocks]…], the total
 * first; figures that a row has none of are left out. A new reference. */
json_t *run_metric_table(const struct contrast_run *run, const json_t *rows);
