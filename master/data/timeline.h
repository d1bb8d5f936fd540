// SPDX-License-Identifier: MIT
#pragma once
/* timeline: the run second by second, every endpoint and worker of it, for charts and ranges.
 *
 * A report covers the time since the one before it. If nearly all of that is one second, all of
 * the report goes there; else its counts, and its failures, are divided among the seconds it covers
 * (so that a worker that reports every 1.4 s, or a stock one, every 3 s, makes no holes and no
 * peaks), and its histograms go whole to the second it covers most. Divided counts stay whole
 * numbers and add up. A second stays open for late reports until timeline_close says that no more
 * are awaited; what comes later still goes to the oldest open one: nothing is lost, everything is
 * in one place only.
 *
 * Closed seconds become blocks (timeline_block.h) in levels (timeline_levels.h). Main thread; what
 * readers get is a snapshot. Pure: time comes in.
 */
#include "master/data/timeline_levels.h"
#include "master/data/view.h"

#define TIMELINE_RECENT 16 /* points of the last seconds, for the ticks */

struct timeline;
struct timeline *timeline_new(size_t limit_bytes);
void timeline_free(struct timeline *t);
void timeline_clear(struct timeline *t, double now); /* a new run */
/* The statistics were reset: what comes from now on is in later seconds than what came before. */
void timeline_reset(struct timeline *t, double now);

/* A report: from, to in unix seconds by our clock; then its rows and failures. worker: its index,
 * or TIMELINE_NOBODY for what no worker told: it counts in the rows and the total. */
#define TIMELINE_NOBODY UINT32_MAX
void timeline_report(struct timeline *t, uint32_t worker, double from, double to);
void timeline_row(struct timeline *t, uint32_t id, const struct tally *more,
                  const struct tally_packed *packed);
void timeline_failure(struct timeline *t, uint32_t kind, const struct failure *more);

void timeline_users(struct timeline *t, double now, unsigned users, unsigned target);
void timeline_health(struct timeline *t, double now, const struct timeline_health *h);
/* Seconds that end before `until` get no more reports. */
void timeline_close(struct timeline *t, double until);
/* Once a second: a share of what there is to add up. all: everything. */
void timeline_work(struct timeline *t, bool is_all);

/* Percentiles of the latest second: which ones (usually Locust's), and in ms; NaN if none. */
void timeline_ask(struct timeline *t, const struct tunables_shares *chart);
void timeline_chart(const struct timeline *t, double ms[static TUNABLES_SHOWN_MAX]);

const struct view_point *timeline_points(const struct timeline *t, size_t *count);
struct timeline_snap *timeline_snapshot(const struct timeline *t); /* one reference */
