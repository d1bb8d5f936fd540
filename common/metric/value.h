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

struct value {             /* what a request's series need is together, at the begin */
    uint64_t count;        /* of values */
    uint64_t trues;        /* rate */
    double sum, min, max;  /* not of a rate; min > max: none */
    struct hist *hist;     /* trend: value * scale. Owned; NULL until there is one, as the next */
    struct hist *negative; /* of those below 0, without the sign */
    double last, last_at;  /* gauge: unix seconds */
};

void value_init(struct value *v);
void value_fini(struct value *v);
void value_clear(struct value *v); /* keeps the memory */
/* NaN and infinite ones are none: false. A counter takes none below 0. */
bool value_add(struct value *v, enum metric_kind kind, double scale, double number, double now);
/* The same for what every request may count: of a rate; and of a trend in ms with METRIC_SCALE, a
 * time in microseconds. */
static inline void value_add_true(struct value *v, bool is_true)
{
    v->count++;
    v->trues += is_true;
}
struct hist *value_hist(struct value *v); /* a trend's; made if there is none */
static inline void value_add_us(struct value *v, uint64_t time_us)
{
    const double ms = (double)time_us / 1000;
    v->count++;
    v->sum += ms;
    v->min = ms < v->min ? ms : v->min;
    v->max = ms > v->max ? ms : v->max;
    hist_add(__builtin_expect(v->hist != NULL, 1) ? v->hist : value_hist(v), time_us, 1);
}
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
