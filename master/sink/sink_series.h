// SPDX-License-Identifier: MIT
#pragma once
/* sink_series: what checks and the script's own metrics gained, as sinks send it. Pure. Everything
 * borrows from the snapshot. */
#include "master/data/series_list.h"
#include "master/sink/courier.h"

/* That row in an older list, or NULL. *at: 0 at first; for the rows in their order. */
const struct series_row *sink_series_before(const struct series_list *old, size_t *at,
                                            const struct series_row *r);

struct series_gain {
    const struct series_row *row;
    uint64_t count, trues; /* values since the push before; count is never 0 */
    double sum;
};
void sink_series_each(const struct moment *m, void (*tell)(void *arg, const struct series_gain *g),
                      void *arg);
