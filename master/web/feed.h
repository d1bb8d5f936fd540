// SPDX-License-Identifier: MIT
#pragma once
/* feed: a view as the page's JSON (docs/api.md). Pure: a view in, text out. */
#include <assert.h>

#include "common/base/sbuf.h"
#include "master/data/view.h"
#include "master/web/query.h"

/* What a viewer already has, and what it wants. All zero: nothing, and everything. */
struct feed_mark {
    uint64_t tick;    /* rows that changed later are sent */
    uint64_t columns; /* of rows it wants: bit n is column n of feed_row_columns; 0: full rows */
    uint64_t has;     /* the columns that its rows have; wants it others, all rows are sent */
    uint32_t rows;    /* the highest row id it knows the name of */
    char boot[64], run[64];
};
enum {
#define SHOWN_ID(field, name) FEED_##field,
#define SHOWN_COUNT(field, name, from, unit, label, width, meaning) FEED_##field,
#define SHOWN_NUMBER(field, name, unit, label, width, meaning) FEED_##field,
#define SHOWN_QUANTILE(field, name, of, share, unit, label, width, meaning) FEED_##field,
#include "common/metric/columns.def"
    FEED_COLUMNS
};
static_assert(FEED_COLUMNS <= 53, "JavaScript counts exactly up to there");
#define FEED_COLUMNS_ALL ((UINT64_C(1) << FEED_COLUMNS) - 1)

/* From a query: since, defs, boot, run, columns, has. true; false and *e, and all is to be told. */
bool feed_mark_query(struct feed_mark *mark, const struct form *query, struct query_error *e);

/* Everything that stays while the master lives, and the state of the run. */
void feed_hello(const struct view *v, struct sbuf *out);
/* What changed since the mark, as absolute values; everything if the mark is of another master or
 * run. Then the mark is what the viewer has after reading it. Who names columns gets rows of those
 * only, their numbers cut to three digits, and seconds with every column of a series. */
void feed_tick(const struct view *v, struct feed_mark *mark, struct sbuf *out);
extern const char feed_row_columns[]; /* a JSON array */
void feed_row(struct sbuf *out, const struct view_row *r);
/* Bit n is column n; 0: all of them, uncut. */
void feed_columns(struct sbuf *out, const struct view_row *r, uint64_t columns);
void feed_exception_list(const struct view *v, struct sbuf *out); /* a JSON array */
void feed_exceptions(const struct view *v, struct sbuf *out);
void feed_series(const struct view *v, struct sbuf *out);
void feed_workers(const struct view *v, struct sbuf *out);
