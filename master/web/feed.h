// SPDX-License-Identifier: MIT
#pragma once
/* feed: a view as the page's JSON (docs/api.md). Pure: a view in, text out. */
#include "common/base/sbuf.h"
#include "master/view.h"
#include "master/web/form.h"

/* What a viewer already has. All zero: nothing. */
struct feed_mark {
    uint64_t tick; /* rows that changed later are sent */
    uint32_t rows; /* the highest row id it knows the name of */
    char boot[64], run[64];
};

/* From a query: since, defs, boot, run. */
void feed_mark_query(struct feed_mark *mark, const struct form *query);

/* Everything that stays while the master lives, and the state of the run. */
void feed_hello(const struct view *v, struct sbuf *out);
/* What changed since the mark, as absolute values; everything if the mark is of another master or
 * run. Then the mark is what the viewer has after reading it. */
void feed_tick(const struct view *v, struct feed_mark *mark, struct sbuf *out);
/* The seconds of [from, to] that are kept, `step` seconds to a point. */
void feed_series(const struct view *v, int64_t from, int64_t to, int step, struct sbuf *out);
void feed_failures(const struct view *v, struct sbuf *out);
void feed_exceptions(const struct view *v, struct sbuf *out);
void feed_workers(const struct view *v, struct sbuf *out);
