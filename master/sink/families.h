// SPDX-License-Identifier: MIT
#pragma once
/* families: every number there is of all of a run, as families of points with labels, which is how
 * most formats have it. Pure. Everything borrows from the snapshot, which outlives it. */
#include "master/data/kept.h"
#include "master/sink/sink_rows.h"

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
    const struct sink_row *row;        /* of a histogram */
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
    struct sink_rows run;
    struct family *list;
    size_t count, cap;
    struct point *points;
    size_t point_count, point_cap;
    struct label *labels;
    size_t label_count, label_cap;
    struct label *common; /* of every point: testid, and the run's tags */
    size_t common_count;
    double bounds[SINK_BOUNDS_MOST]; /* of classic histograms, in seconds; without +Inf */
    size_t bound_count;
    char **texts; /* owned: labels and names that were made */
    size_t text_count, text_cap;
    double started_at, now; /* unix seconds */
};

void families_init(struct families *f, const struct snapshot *s, const struct sink_spec *spec);
/* By the names that k6's remote write has, as far as there is the same here: for its dashboards. */
void families_init_k6(struct families *f, const struct snapshot *s, const struct sink_spec *spec);
/* What of the run is in memory, as two more families. */
void families_add_kept(struct families *f, const struct kept *kept);
/* The end of the run, which its last snapshot may not know of yet. */
void families_add_stop(struct families *f, double at);
void families_fini(struct families *f);
/* All labels of a point, the common ones too, sorted by key, each key once. How many. */
size_t families_labels(const struct families *f, const struct point *p,
                       struct label out[static POINT_LABELS]);
