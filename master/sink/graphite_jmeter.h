// SPDX-License-Identifier: MIT
#pragma once
/* graphite_jmeter: what a run gained, by the paths that JMeter's own listener for Graphite has:
 * PREFIX.all.a.count, PREFIX.GET-/cart.ok.pct95, PREFIX.test.meanAT. Pure. */
#include "common/base/sbuf.h"
#include "master/sink/courier.h"

/* names: rows of the statistics with paths of their own; all of them are in `all`. */
void graphite_add_jmeter(struct sbuf *out, const char *prefix, const struct moment *m, size_t names,
                         int64_t at);
