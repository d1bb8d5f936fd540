// SPDX-License-Identifier: MIT
#pragma once
/* py_series: what this process counts in series (custom metrics, checks, groups, requests by tags)
 * until a report takes it. After Python.h; with the GIL.
 *
 * One collector for the process: metrics belong to modules, not to an Environment. A value is
 * counted in its series, which keeps one second at a time; as the next second's first value comes,
 * what was counted becomes bytes. Where nobody takes them for long, seconds are added up instead.
 */
#include "common/metric/series.h"

#include <Python.h>

struct series_table *py_series_table(void);
/* One value, counted now. False: it is none; then it is counted in metrics_rejected. */
bool py_series_count(struct series *s, double number);
bool py_series_count_at(struct series *s, double number, double now); /* now: clk_steady_coarse */

/* The same of a rate. */
void py_series_count_true(struct series *s, bool is_true, double now);

/* Called before each report, for what is counted elsewhere; must leave no exception. */
void py_series_before_report(void (*tell)(void));
void py_series_clear(void); /* forgets what was counted and not reported */

/* The series of a metric, or of two that have the same tags, by the identity of the Python objects
 * that tell them apart, which are all str: a locustfile passes the same constants again and again.
 * Strings made for one call miss it.
 */
#define SERIES_KEY_MOST 12
struct series_key {
    unsigned count;
    PyObject *part[SERIES_KEY_MOST]; /* borrowed */
};
static inline void series_key_add(struct series_key *k, PyObject *part)
{
    if (k->count < SERIES_KEY_MOST)
        k->part[k->count] = part;
    k->count++; /* more than there is room for: not to be cached */
}
struct series_pair {
    struct series *first, *second; /* second: NULL of who has one only */
};
/* A request in http_req_duration (first) and http_req_failed. time_us: or STATS_NO_TIME. */
void py_series_count_request(const struct series_pair *of, uint64_t time_us, bool is_failed,
                             double now);
struct series_cache;
/* Both NULL: not known. */
struct series_pair series_cache_find(const struct series_cache *c, const struct series_key *k);
void series_cache_keep(struct series_cache **c, const struct series_key *k, struct series_pair p);
void series_cache_free(struct series_cache *c); /* NULL is fine */

/* Tags as Python code gives them, while they are put together; a later one of a key counts. */
struct series_tags {
    struct tag list[TAGS_MOST];
    size_t count;
    PyObject *texts; /* list: what the texts belong to; owned */
};
/* key: UTF-8 that outlives it; value: any object, by its str. -1 with an exception. */
int series_tags_add(struct series_tags *t, const char *key, PyObject *value);
int series_tags_add_dict(struct series_tags *t, PyObject *tags); /* or None */
void series_tags_fini(struct series_tags *t);
/* NULL with an exception: a key is none. */
struct series *series_tags_series(const struct series_tags *t, struct metric *m);

int py_series_init(PyObject *module);
