// SPDX-License-Identifier: MIT
#pragma once
/* native: Prometheus' native histograms as protobuf, which has the same parts in three messages
 * under different numbers: spans of buckets, and their counts as differences. Pure. */
#include "common/metric/hist.h"

struct sbuf;

#define NATIVE_SCALE 3 /* 8 buckets an octave, each 9 % wide */

struct native_fields { /* numbers of the message's fields */
    unsigned schema, zero_threshold, zero_count, positive_spans, positive_deltas;
};
/* All but count, sum and time. */
void native_put(struct sbuf *b, const struct native_fields *f, const struct hist *h);
