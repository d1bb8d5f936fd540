// SPDX-License-Identifier: MIT
#pragma once
/* series: metrics, and what is counted of each by its tags.
 *
 * A metric has a name, a kind and a unit, and is registered once; who registers it again gets the
 * same one if kind and unit are the same. A series is a metric with a set of tags; its id is a
 * small number, from 1 up in the order of coming. Who counts keeps the pointer: then a value costs
 * no look-up.
 *
 * Bounded: a metric has at most `most` series; what is beyond is counted in the one that is_other
 * (its value's count says how much that is), so that sums stay right. Pure: time comes in. Not
 * thread-safe.
 */
#include "common/metric/hist.h"
#include "common/metric/tags.h"

enum metric_kind {
    METRIC_COUNTER, /* a sum */
    METRIC_GAUGE,   /* the latest value */
    METRIC_RATE,    /* how many of all were true (not 0) */
    METRIC_TREND    /* a distribution */
};
enum metric_unit { UNIT_NONE, UNIT_MS, UNIT_BYTES };

#define METRIC_NAME_MOST 128

struct metric {
    char *name; /* owned */
    enum metric_kind kind;
    enum metric_unit unit;
    uint32_t number; /* from 1 up */
    size_t series_count, most;
    struct series *other; /* of what found no place; NULL until there is any */
};

/* What a series has accumulated; of each kind what it needs. */
struct value {
    uint64_t count;       /* of values */
    double sum, min, max; /* counter, trend; min > max: none */
    uint64_t hits;        /* rate: those that were true */
    double last, last_at; /* gauge */
    struct hist hist;     /* trend: values times value_scale */
};

struct series {
    const struct metric *metric;
    const struct tags *tags; /* of the one that is_other: no tags */
    uint32_t id;
    bool is_other;
    struct value value;
};

struct series_table {
    struct tags_table tags;
    struct metric **metrics; /* owned, by number less 1 */
    struct series **list;    /* owned, by id less 1 */
    size_t metric_count, count, metric_cap, cap;
    size_t metrics_most, series_most; /* the second: of each metric */
    struct map by_name, by_key;
};

void series_init(struct series_table *t, size_t metrics_most, size_t series_most);
void series_fini(struct series_table *t);

enum metric_problem { METRIC_OK, METRIC_BAD_NAME, METRIC_OTHER_KIND, METRIC_TOO_MANY };
/* A name is a letter or underscore, then letters, digits, dots and underscores. NULL, and why. */
struct metric *series_metric(struct series_table *t, const char *name, enum metric_kind kind,
                             enum metric_unit unit, enum metric_problem *why);
/* Never NULL. tags: of the table's own. */
struct series *series_of(struct series_table *t, struct metric *m, const struct tags *tags);

/* One value, NaN and infinite ones are none: false. A counter takes none below 0. */
bool series_add(struct series *s, double value, double now);
/* dst += src, which is of the same kind: the later gauge counts. */
void series_merge(struct series *dst, const struct series *src);
void series_zero(struct series *s);
void series_begin(struct series *s, const struct metric *m); /* one by itself; hist_fini it */
/* What histograms of this unit count in: a percentile is hist_quantile_us / this. Values below 0
 * are 0 there, and those above HIST_MAX_US / this as much. */
double series_scale(enum metric_unit unit);
/* The sum of every series of the metric that has all these tags, into one that is zero: of the same
 * metric, and of no table (series_begin). */
void series_sum(const struct series_table *t, const struct metric *m, const struct tags *having,
                struct series *into);
