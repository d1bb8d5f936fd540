// SPDX-License-Identifier: MIT
#pragma once
/* figures: what a run came to, as sinks send it: the rows of a snapshot, whole or what they gained
 * since an earlier one, with the names that are too many added up in one; and, of all of the run,
 * every number there is as families of points with labels, which is how most formats have it.
 * Pure. Everything borrows from the snapshot, which outlives it.
 */
#include "common/base/sbuf.h"
#include "master/sink/sink.h"

struct figure_row {
    const char *method, *name; /* total: "" and "Aggregated" */
    uint64_t requests, failures, cut, discarded, resent, bytes;
    uint64_t sum_us, min_us, max_us; /* of those with a time; of a difference as near as known */
    const struct hist *shared;       /* the snapshot's histogram; NULL: */
    struct hist own;                 /* ... it is this one */
};
static inline const struct hist *figure_hist(const struct figure_row *r)
{
    return r->shared ? r->shared : &r->own;
}

struct figures {
    struct figure_row *rows;
    size_t row_count;
    struct figure_row total;
    struct tally_extra extra; /* of the total */
};

/* since: NULL, or a snapshot of the same run: then only rows that gained something. names: the
 * most rows; what is beyond goes to one (other) of its method. */
void figures_init(struct figures *f, const struct snapshot *s, const struct snapshot *since,
                  size_t names);
void figures_fini(struct figures *f);
double figure_quantile_ms(const struct figure_row *r, double share); /* NaN: of none */
double figure_mean_ms(const struct figure_row *r);

/* ---- families ---------------------------------------------------------------------------- */

enum family_type { FAMILY_COUNTER, FAMILY_GAUGE, FAMILY_HISTOGRAM, FAMILY_SUMMARY, FAMILY_INFO };

struct label {
    const char *key, *value;
};

#define POINT_LABELS 36 /* at most, with the common ones */
#define POINT_QUANTILES 4
extern const double point_shares[POINT_QUANTILES];

struct point {
    size_t first_label, label_count; /* in families.labels */
    double value;
    const struct figure_row *row;      /* of a histogram */
    double count, sum;                 /* of a summary */
    double quantiles[POINT_QUANTILES]; /* likewise */
};

struct family {
    const char *name; /* as Prometheus has it, without _total */
    const char *unit; /* "seconds", "bytes" or "" */
    const char *help;
    enum family_type type;
    size_t first, count; /* points */
};

struct families {
    struct figures figures;
    struct family *list;
    size_t count, cap;
    struct point *points;
    size_t point_count, point_cap;
    struct label *labels;
    size_t label_count, label_cap;
    struct label *common; /* of every point: testid, and the run's tags */
    size_t common_count;
    char **texts; /* owned: labels and names that were made */
    size_t text_count, text_cap;
    double started_at, now; /* unix seconds */
};

void families_init(struct families *f, const struct snapshot *s, const struct sink_spec *spec);
/* By the names that k6's remote write has, as far as there is the same here: for its dashboards. */
void families_init_k6(struct families *f, const struct snapshot *s, const struct sink_spec *spec);
void families_fini(struct families *f);
/* All labels of a point, the common ones too, sorted by key, each key once. How many. */
size_t families_labels(const struct families *f, const struct point *p,
                       struct label out[static POINT_LABELS]);
