// SPDX-License-Identifier: MIT
#pragma once
/* exposition: the figures of a run as Prometheus scrapes them: text 0.0.4, OpenMetrics 1.0, or
 * delimited protobuf, which alone has native histograms. Pure. */
#include "master/sink/families.h"

/* The form that this Accept header wants most (NULL: text). kept: or NULL. Returns its content
 * type. */
const char *exposition_write(const struct snapshot *s, const struct kept *kept,
                             const struct sink_spec *spec, const char *accept, struct sbuf *out);
/* The requests up to each of the classic bounds, and all of them behind it. */
void classic_counts(const struct families *f, const struct hist *h,
                    uint64_t counts[static SINK_BOUNDS_MOST + 1]);
