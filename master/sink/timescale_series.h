// SPDX-License-Identifier: MIT
#pragma once
/* timescale_series: rows of the table metric_second: of each push what checks and the script's own
 * metrics gained. Pure. */
#include "common/base/sbuf.h"
#include "master/sink/courier.h"

#define TIMESCALE_SERIES_TABLE "metric_second"
/* Columns behind those that all rows have: time, run_id, testplan. */
#define TIMESCALE_SERIES_COLUMNS                                                                   \
    "metric text NOT NULL, tags jsonb NOT NULL, count bigint NOT NULL, passes bigint,\n"           \
    "    fails bigint, sum double precision, value double precision, run_p50 double precision,\n"  \
    "    run_p95 double precision, run_p99 double precision"

/* An INSERT, or nothing. before: what all rows begin with, as SQL, without a comma at its end. */
void timescale_add_series(struct sbuf *sql, const struct moment *m, const char *before);
