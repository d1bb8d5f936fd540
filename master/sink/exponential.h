// SPDX-License-Identifier: MIT
#pragma once
/* exponential: our histogram as those of Prometheus (native) and OpenTelemetry have it: buckets
 * whose bounds are powers of base = 2^(2^-scale). Index i here covers (base^(i-1), base^i] seconds,
 * as Prometheus counts; OpenTelemetry's index of the same bucket is one lower. Pure. */
#include "common/metric/hist.h"

#define EXPONENTIAL_MOST 160 /* buckets: servers refuse or merge more */

struct exponential {
    int scale;
    int first;       /* index of counts[0] */
    unsigned length; /* from the first to the last that has some */
    uint64_t counts[EXPONENTIAL_MOST];
    uint64_t zeros; /* values that were 0 */
};

/* At the largest scale, at most scale_most, at which it fits. */
void exponential_of(const struct hist *h, int scale_most, struct exponential *out);
