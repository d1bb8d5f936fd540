// SPDX-License-Identifier: MIT
#pragma once
/* measure: one stat of a tally. Pure. */
#include "master/verdict/verdict.h"

struct measured {
    double value;      /* NaN: there is nothing to say */
    uint64_t n;        /* samples it is of */
    uint64_t part, of; /* a ratio as counts; of 0: it is none */
};

/* scratch: a histogram that is overwritten. seconds: that the tally is of. */
struct measured measure_tally(const struct threshold *t, const struct tally *tally, double seconds,
                              struct hist *scratch);
struct measured measure_metric(const struct threshold *t, const struct verdict_metric *m,
                               double seconds);
/* Why a metric of that kind has no such stat: "a rate, which has …"; NULL: it has. */
const char *measure_refusal(const struct threshold *t, enum verdict_kind kind);
/* The unit of that, if it is of a metric of the script. "" for counts and shares. */
void measure_unit(const struct threshold *t, const struct verdict_metric *m, char *to, size_t size);
/* Whether it keeps the limit. Ratios are compared as counts. */
bool measure_holds(const struct threshold *t, const struct measured *m);
