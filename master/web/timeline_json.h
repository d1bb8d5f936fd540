// SPDX-License-Identifier: MIT
#pragma once
/* timeline_json: ranges and courses of the timeline as JSON (docs/api.md), for the API and the
 * report.
 *
 * Pure: a view and a checked query in, text out. What is read are immutable blocks, so nobody waits
 * for anybody; a range is settled first, and cheap to settle, so that who has it already need not
 * get it again.
 */
#include "common/base/sbuf.h"
#include "master/data/view.h"
#include "master/web/query.h"

#define TIMELINE_JSON_STEPS 720      /* of a series, when no step was asked for */
#define TIMELINE_JSON_STEPS_MAX 4000 /* else */

/* The part of the query's range that there is. */
struct settled_range {
    int64_t from, to;
    uint32_t step;    /* resolution at its ends, or the step of its course */
    bool is_complete; /* no late report will change it */
    bool is_empty;    /* nothing is kept of it; from and to are as asked */
};
struct settled_range timeline_json_settle(const struct view *v, const struct query *q);
/* The same, with a step for a course: at most `steps` of them if none was asked for. */
struct settled_range timeline_json_settle_steps(const struct view *v, const struct query *q,
                                                uint32_t steps);

void timeline_json_range(struct sbuf *out, const struct view *v, const struct query *q);
void timeline_json_series(struct sbuf *out, const struct view *v, const struct query *q,
                          const struct settled_range *r);
/* Columns and points only. */
void timeline_json_points(struct sbuf *out, const struct view *v, const struct query *q,
                          const struct settled_range *r);
/* The newest seconds as points with all columns, without brackets around them; false, and nothing,
 * when they are not kept one by one. */
bool timeline_json_recent(struct sbuf *out, const struct view *v, uint32_t seconds);
void timeline_json_sparks(struct sbuf *out, const struct view *v, const struct query *q);
/* The list of failures with their counts in the range and their courses; behind it, under a key of
 * its own, when the first step of the courses begins and how long one is. */
void timeline_json_failures(struct sbuf *out, const struct view *v, const struct query *q);
void timeline_json_events(struct sbuf *out, const struct view *v); /* a JSON array */
void timeline_json_saturated(struct sbuf *out, const struct view *v, int64_t from, int64_t to);

/* spread.c: how times are distributed */
void timeline_json_heatmap(struct sbuf *out, const struct view *v, const struct query *q);
void timeline_json_distribution(struct sbuf *out, const struct view *v, const struct query *q);
