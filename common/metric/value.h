// SPDX-License-Identifier: MIT
#pragma once
/* value: what values of one metric come to, by the kind of the metric; and that as bytes.
 *
 * Values are merged by addition; of a gauge the latest counts. A trend's values go into histograms
 * as value * scale, rounded: those above 0 (with those that round to 0) in one, those below 0 in
 * another, so that quantiles are right for any sign. Beyond HIST_MAX_US / scale a quantile is that;
 * least and most stay exact. Pure: time comes in. Not thread-safe.
 */
#include "common/metric/hist.h"

#include <stdbool.h>

struct sbuf;

enum metric_kind {
    METRIC_COUNTER, /* a sum */
    METRIC_GAUGE,   /* the latest value */
    METRIC_RATE,    /* how many of all were true (not 0) */
    METRIC_TREND    /* a distribution */
};
#define METRIC_KINDS 4

struct value {
    uint64_t count;               /* of values */
    double sum, min, max;         /* not of a rate; min > max: none */
    uint64_t trues;               /* rate */
    double last, last_at;         /* gauge: unix seconds */
    struct hist *hist, *negative; /* trend: value * scale; of those below 0, without the sign.
                                     Owned; NULL until there is one */
};

void value_init(struct value *v);
void value_fini(struct value *v);
void value_clear(struct value *v); /* keeps the memory */
/* NaN and infinite ones are none: false. A counter takes none below 0. */
bool value_add(struct value *v, enum metric_kind kind, double scale, double number, double now);
void value_merge(struct value *dst, const struct value *src); /* dst += src */
/* The value below or at which a share q of a trend's values lies; within [min, max]. 0: empty. */
double value_quantile(const struct value *v, double scale, double q);

/* As bytes: numbers by the kind, histograms as hist_pack has them. It has to have some count. */
void value_put(struct sbuf *out, const struct value *v, enum metric_kind kind);

struct value_read {
    struct value numbers; /* no histograms */
    const void *hist, *negative;
    size_t hist_len, negative_len;
};
/* Of a stranger's bytes: false when they are malformed or numbers disagree. The rest is borrowed.
 */
bool value_read(const unsigned char **p, const unsigned char *end, enum metric_kind kind,
                struct value_read *out);
void value_add_read(struct value *dst, const struct value_read *more); /* of what value_read took */
