// SPDX-License-Identifier: MIT
#pragma once
/* series_store: what was counted in series (custom metrics, checks, groups, requests by tags),
 * second by second, over the whole cluster.
 *
 * A second is open for late values until series_store_close says that no more are awaited; what
 * comes later still goes to the oldest open one: nothing is lost. Closed seconds are kept as
 * bytes; older ones are added up to 10 s, 1 min, 10 min and 1 h, sooner when memory runs short:
 * nothing is lost but resolution. How many series there are is bounded by their table.
 *
 * Main thread; readers on other threads get copies. Pure: time comes in, as unix seconds.
 */
#include "common/metric/series.h"
#include "master/data/gauge_said.h"

#define SERIES_STORE_BYTES (64u << 20)

struct series_store;
struct series_store *series_store_new(size_t limit_bytes);
void series_store_free(struct series_store *store);
void series_store_clear(struct series_store *store); /* a run begins: no series is left */
void series_store_reset(struct series_store *store); /* figures begin anew, in the middle of it */
uint64_t series_store_clears(const struct series_store *store); /* how often it was cleared */
size_t series_store_bytes(const struct series_store *store);    /* of closed seconds */

/* The table that values are for (report_series.h); and the same to read. */
struct series_table *series_store_table(struct series_store *store);
const struct series_table *series_store_all(const struct series_store *store);
void series_store_add(struct series_store *store, struct series *s, int64_t second,
                      const struct value_read *more);
/* Of a gauge: a worker, whose index among those of the cluster is that, said this. */
void series_store_said(struct series_store *store, const struct series *s, unsigned index,
                       const char *worker, const struct value_read *more);
const struct gauge_said *series_store_gauges(const struct series_store *store);
/* Seconds before `until` get no more values. Once a second; also keeps the budget. */
void series_store_close(struct series_store *store, int64_t until);
int64_t series_store_closed(const struct series_store *store); /* until when; 0: never */

/* What is asked for: all series of a metric that have each of these tags, added up. */
struct series_query {
    const char *metric;
    const struct tag *tags;
    size_t tag_count;
};
struct series_value {
    enum metric_kind kind;
    char unit[METRIC_UNIT_MOST + 1];
    double scale;         /* of the histograms */
    uint64_t n, trues;    /* values; of a rate, those that were true */
    double sum, min, max; /* n 0, or a rate: 0 */
    double last, last_at; /* a gauge's latest; last_at 0: none */
    struct hist hist;     /* of a trend: value * scale, of values from 0 up; owned */
    struct hist negative; /* of those below 0, without the sign; owned */
};
void series_value_init(struct series_value *v);
void series_value_fini(struct series_value *v);
double series_value_quantile(const struct series_value *v, double q); /* value.h */

#define SERIES_FROM_START 0u
#define SERIES_TO_NOW UINT32_MAX /* open seconds too */
/* What was counted in the seconds [from_s, to_s), which grow to the edges of what is kept. *out was
 * made with series_value_init and may be used again. False: there is no such series (then *out has
 * the kind of the metric, if there is one, and n is 0). */
bool series_store_read(const struct series_store *store, const struct series_query *q,
                       uint32_t from_s, uint32_t to_s, struct series_value *out);

/* When something was counted in a series: unix seconds, 0 for never. */
struct series_times {
    int64_t first, last;
    int64_t first_false, last_false; /* of a rate */
};
/* What was counted in one in the seconds [from, to), added to *into. */
void series_store_sum(const struct series_store *store, const struct series *s, int64_t from,
                      int64_t to, struct value *into);
uint64_t
series_store_version(const struct series_store *store); /* another one: something changed */
struct series_times series_store_times(const struct series_store *store, const struct series *s);

/* What is kept of one in [from, to): how many pieces, the most seconds that one of them stands for,
 * and the pieces in order of time. */
struct series_extent {
    size_t count;
    uint32_t span; /* 0: nothing is kept */
};
struct series_extent series_store_extent(const struct series_store *store, const struct series *s,
                                         int64_t from, int64_t to);
void series_store_walk(const struct series_store *store, const struct series *s, int64_t from,
                       int64_t to, void (*each)(void *arg, int64_t second, const struct value *v),
                       void *arg);
