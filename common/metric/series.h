// SPDX-License-Identifier: MIT
#pragma once
/* series: metrics, and what is counted of each by its tags.
 *
 * A metric has a name, a kind, a unit and a scale, and is registered once; who registers it again
 * gets the same one if all of these are the same. A series is a metric with a set of tags; its id
 * is a small number, from 1 up in the order of coming. Who counts keeps the pointer: then a value
 * costs no look-up.
 *
 * Bounded: a metric has at most `series_most` series and all together `total_most`; what is beyond
 * is counted in the metric's one that is_other, so that sums stay right. Pure: time comes in. Not
 * thread-safe.
 */
#include "common/metric/tags.h"
#include "common/metric/value.h"

#define METRIC_NAME_MOST 128
#define METRIC_UNIT_MOST 15 /* bytes */
#define METRIC_SCALE 1000.0 /* unless one is given: three decimals */
#define METRIC_SCALE_MOST 1e9

struct metric_kind_of { /* what a metric is, beside its name */
    enum metric_kind kind;
    const char *unit; /* any short text: "ms", "B", "EUR"; "" */
    double scale;     /* of a trend's histograms (value.h): more than 0 */
};

struct metric {
    char *name; /* owned */
    char unit[METRIC_UNIT_MOST + 1];
    enum metric_kind kind;
    double scale;
    uint32_t number; /* from 1 up */
    size_t series_count;
    struct series *first, *last; /* its series, linked by next */
    struct series *other;        /* of what found no place; NULL until there is any */
};

struct series {
    const struct metric *metric;
    const struct tags *tags; /* of the one that is_other: no tags */
    uint32_t id;
    uint32_t named_in, sent_in; /* for who sends it (report_series.h) */
    bool is_other;
    struct series *next; /* of the same metric */
    int64_t second;      /* for who sends it: that the value is of */
    struct value value;
};

struct series_limits {
    size_t metrics_most, series_most, total_most; /* series_most: of each metric */
};
#define SERIES_LIMITS_DEFAULT ((struct series_limits){1000, 20000, 50000})

struct series_table {
    struct tags_table tags;
    struct metric **metrics; /* owned, by number less 1 */
    struct series **list;    /* owned, by id less 1 */
    size_t metric_count, count, metric_cap, cap;
    struct series_limits limits;
    struct map by_name, by_key;
};

void series_init(struct series_table *t, struct series_limits limits);
void series_fini(struct series_table *t);

enum metric_problem {
    METRIC_OK,
    METRIC_BAD_NAME,
    METRIC_BAD_UNIT,
    METRIC_OTHER_KIND,
    METRIC_TOO_MANY
};
/* A name is a letter or underscore, then letters, digits, dots and underscores. NULL, and why. */
struct metric *series_metric(struct series_table *t, const char *name, struct metric_kind_of of,
                             enum metric_problem *why);
struct metric *series_find_metric(const struct series_table *t, const char *name); /* NULL: none */
/* Never NULL. tags: of the table's own. */
struct series *series_of(struct series_table *t, struct metric *m, const struct tags *tags);
/* The one of all that found no place. */
struct series *series_other(struct series_table *t, struct metric *m);
/* One value; false: it is none (value.h). */
bool series_add(struct series *s, double number, double now);

/* Whether a series is of those that have all these tags; the one that is_other has any only if
 * there are none. */
bool series_has(const struct series *s, const struct tag *tags, size_t count);
