// SPDX-License-Identifier: MIT
#pragma once
/* history: the run second by second, for the charts.
 *
 * A report covers the time since the one before it. Its counts are spread over the seconds it
 * covers, so that a worker that reports every 1.003 s (or a stock one, every 3 s) makes no holes
 * and no peaks; its histogram goes whole to the second it covers most. A second stays open for
 * late reports until history_close says that no more are awaited. Pure: time comes in.
 */
#include "common/stats/stats.h"
#include "master/view.h"

#define HISTORY_MAX 3600 /* points kept: the last hour */

struct history;
struct history *history_new(void);
void history_free(struct history *h);
void history_clear(struct history *h, double now);

struct history_delta {
    double from, to;                            /* unix seconds, our clock */
    uint64_t requests, failures, timed, sum_us; /* timed: requests with a time */
    const struct hist *hist;
};
void history_add(struct history *h, const struct history_delta *d);
void history_users(struct history *h, double now, unsigned users, unsigned target);
/* Seconds that end before `until` get no more reports: they become points. */
void history_close(struct history *h, double until);
const struct view_point *history_points(const struct history *h, size_t *count);
