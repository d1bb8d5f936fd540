// SPDX-License-Identifier: MIT
#pragma once
/* exposition: the figures of a run as Prometheus scrapes them: text 0.0.4, OpenMetrics 1.0, or
 * delimited protobuf, which alone has native histograms. Pure. */
#include "master/sink/families.h"

/* The form that this Accept header wants most (NULL: text). Returns its content type. */
const char *exposition_write(const struct snapshot *s, const struct sink_spec *spec,
                             const char *accept, struct sbuf *out);
/* Bounds of the classic histograms, in seconds; without +Inf. */
#define CLASSIC_BOUNDS 14
extern const double classic_bounds[CLASSIC_BOUNDS];
/* The requests up to each bound, and all of them behind it. */
void classic_counts(const struct hist *h, uint64_t counts[static CLASSIC_BOUNDS + 1]);
