// SPDX-License-Identifier: MIT
#pragma once
/* view_build: builds the snapshots of view.h out of the master's state. Main thread.
 *
 * What is dear (quantiles, order of the rows) is kept between views and made anew only for rows
 * whose counts changed. A row counts as changed (changed_tick) when its counts or its current
 * rates did, or its total rate by more than half a percent: rates since the start move a little
 * every second, for every row.
 */
#include "common/metric/stats.h"
#include "master/data/view.h"

struct view_builder;
struct view_builder *view_builder_new(void);
void view_builder_free(struct view_builder *v);
/* The statistics were cleared: rows get new ids. */
void view_builder_forget(struct view_builder *v);

/* The percentiles that rows have besides the usual ones, from the next view on. */
void view_builder_ask(struct view_builder *v, const struct tunables_shares *statistics);

/* The statistics of a row that do not depend on time: all but the rates. */
void view_set_statistics(struct view_row *r, const struct tally *t);

/* A new view with one reference: *head gives every plain field and the lists of workers, classes,
 * outputs, losses and points (all copied), the timeline, the events and the series (whose
 * references it takes over); rows, total, failures and exceptions come from s. Its tick is the
 * builder's next one. */
struct view *view_builder_build(struct view_builder *v, const struct view *head,
                                const struct stats *s);
