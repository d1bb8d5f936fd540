// SPDX-License-Identifier: MIT
#pragma once
/* series_list: what was counted in series up to now, as an immutable list for other threads: pages,
 * outputs. Made on the main thread; read anywhere, by who holds a reference. */
#include "master/data/series_store.h"

#define SERIES_LIST_LIVE 2000 /* rows of a list that is made once a second */

enum { SERIES_P50, SERIES_P90, SERIES_P95, SERIES_P99, SERIES_QUANTILES };

struct series_said {
    const char *worker;
    double value, at; /* at: unix seconds */
};

struct series_row {
    const char *metric, *unit;
    enum metric_kind kind;
    const struct tag *tags; /* sorted by key */
    size_t tag_count;
    bool is_other; /* of all that found no place of its own */
    uint64_t n, trues;
    double sum, min, max, mean, last; /* as far as the kind has them, else 0 */
    double quantile[SERIES_QUANTILES];
    struct series_times times;
    /* Of a gauge: what each worker said last; of a range that does not have all of that, none. */
    const struct series_said *said;
    size_t said_count;
    /* Of a trend in a full list: hist_pack's bytes of values times scale; of those below 0, without
     * the sign. */
    const char *hist, *negative;
    size_t hist_len, negative_len;
    double scale;
};

struct series_list {
    int refs;
    size_t count, left_out;  /* left_out: series that found no place in the list */
    struct series_row *rows; /* by metric, and there by tags */
    uint64_t rejected;       /* values that were none */
    /* private */
    struct tag *tags;
    struct series_said *said;
    size_t said_count;
    char *texts;
};

/* Of all series that have something; most: so many rows. One reference. */
struct series_list *series_list_new(const struct series_store *store, size_t most);
struct series_list *series_list_full(const struct series_store *store); /* all, with histograms */
struct series_list *series_list_ref(struct series_list *l);             /* atomic */
void series_list_unref(struct series_list *l);                          /* atomic; NULL is fine */
/* The same of the seconds [from, to), of those that have something there; `times` are of all of the
 * run. What would take too long to add up is among left_out. */
struct series_list *series_list_range(const struct series_store *store, int64_t from, int64_t to,
                                      size_t most);
/* Of a gauge: whose value is the latest, or NULL. */
const struct series_said *series_row_latest(const struct series_row *row);
/* The value of a tag, or NULL. */
const char *series_row_tag(const struct series_row *row, const char *key);

/* An array of objects, one a series (docs/api.md). metric: only of that one, or NULL. */
struct sbuf;
void series_list_json(const struct series_list *l, const char *metric, struct sbuf *out);
void series_list_json_but(const struct series_list *l, const char *metric,
                          struct sbuf *out); /* not that */
