// SPDX-License-Identifier: MIT
#pragma once
/* report_series: what was counted in series (common/metric/series.h), as bytes beside a report.
 *
 * The writer's series have ids, which are never given twice; what a series is, is told once and
 * until the reader has it, as with the rows of a numbered report (report.h). What was counted is
 * told by the second. The reader takes bytes of strangers: all of them are checked before the first
 * value counts, and series whose meaning it does not know are asked for.
 */
#include "common/base/sbuf.h"
#include "common/metric/series.h"

/* ---- writing ---- */

struct series_writer {
    struct sbuf bytes; /* records so far; empty: nothing was counted */
    uint32_t number;   /* of these bytes among those of the writer, from 1 up; set by who writes */
    int64_t base;
    uint32_t last_id;
};
/* What the series has, of that second (unix time), which it then has no more. */
void report_series_put(struct series_writer *w, struct series *s, int64_t second);
/* The names of the series in these bytes which the reader may not know, which the report of that
 * number will carry. false: there are none. */
bool report_series_names(struct series_table *t, uint32_t number, uint32_t report,
                         struct sbuf *out);
/* Those of every series that was ever written. */
bool report_series_all_names(const struct series_table *t, struct sbuf *out);
void report_series_heard(struct series_table *t, uint32_t report); /* the reader has that report */
void report_series_forget(struct series_table *t); /* the reader is another one, or may be */

/* ---- reading ---- */

/* Which series each id of one writer is. A cache: what is not in it is asked for. Zero is empty. */
#define REPORT_SERIES_MAX (1u << 17)
struct series_ids {
    struct series_id {
        bool is_named;
        struct series *series; /* NULL: what it was named cannot be, values of it are dropped */
        uint32_t coming;       /* the check that saw its name */
    } * list;                  /* owned; by id less 1 */
    size_t count;
    uint32_t checks; /* so far */
    uint64_t clears; /* those of the table when it was filled */
};
void series_ids_fini(struct series_ids *ids);

struct series_bytes {
    const void *values, *names; /* each: or none */
    size_t values_len, names_len;
};
struct series_watch {
    /* series: NULL when the value must be dropped. second: by the reader's clock. */
    void (*on_value)(void *arg, struct series *series, int64_t second,
                     const struct value_read *more);
    void *arg;
    int64_t shift_s; /* how much later the reader's clock is than the writer's */
};
/* 0, -1 (malformed) or REPORT_NAMELESS. clears: how often the table forgot its series. */
int report_series_check(struct series_ids *ids, uint64_t clears, const struct series_bytes *in);
/* The same, and when it is 0 all of it was told to the watch. */
int report_series_merge(struct series_table *t, struct series_ids *ids, uint64_t clears,
                        const struct series_bytes *in, const struct series_watch *watch);
