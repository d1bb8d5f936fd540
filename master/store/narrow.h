// SPDX-License-Identifier: MIT
#pragma once
/* narrow: how well the figures of a gate are known from equal runs: of each its mean over the runs,
 * with Student's 95 % interval, beside the margin that the gate has for it.
 *
 * Whether to repeat once more is decided by how wide the interval is, never by what is found: who
 * stops when the answer pleases finds something by looking often enough. */
#include "common/base/sbuf.h"
#include "common/metric/stats.h"
#include "master/store/contrast.h"
#include "master/store/history.h"

#define NARROW_LEAST 3 /* runs: fewer say nothing of how much they differ */

struct narrow_ask {
    struct history *history;
    const json_t *ids;       /* runs that are stored */
    const struct stats *now; /* of one more that is not stored yet; or NULL */
    const struct gate *gate;
};
/* Whether each figure that the gate judges (of rows: of those that now has) is known to within its
 * margin. out: the line that is known least, in words; nothing when there is none. */
bool narrow_enough(const struct narrow_ask *ask, struct sbuf *out);
/* The figures of all requests that the gate judges, a line each. */
void narrow_table(const struct narrow_ask *ask, struct sbuf *out);
