// SPDX-License-Identifier: MIT
#pragma once
/* series_course: metrics over time, as JSON (docs/api.md): of one of them, or of all for the
 * report.
 *
 * A point is what was counted in a step; steps without anything have none. Percentiles of a step
 * are of its merged histogram. Main thread, like the store that is read. Pure. */
#include "master/data/series_store.h"

#define SERIES_STEPS 720        /* of a course, when no step was asked for */
#define SERIES_STEPS_MOST 4000  /* else */
#define SERIES_REPORT_STEPS 120 /* of each in a report */

struct series_course {
    const char *metric;
    const struct tag *tags; /* exactly these; NULL: all series of the metric, added up */
    size_t tag_count;
    int64_t from, to; /* [from, to) */
    uint32_t step;    /* 0: one that fits; coarser where less is kept */
    double above;     /* of a trend, above 0: how many values of each step are; 0: not asked for */
};

/* Appends the course. False, and nothing, when it would take too long: too many series. */
struct sbuf;
bool series_course_json(const struct series_store *store, const struct series_course *of,
                        struct sbuf *out);
/* Appends all series with their courses and histograms, as many as fit into max_bytes:
 * {"series": […], "left_out": N, "courses": [{"step", "points"}, …]}. */
void series_report_json(const struct series_store *store, int64_t from, int64_t to,
                        size_t max_bytes, struct sbuf *out);
