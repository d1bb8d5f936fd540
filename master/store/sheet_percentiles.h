// SPDX-License-Identifier: MIT
#pragma once
/* sheet_percentiles: response times by percentile, the tail drawn out, and below by how much each
 * changed, with their 95 % intervals as bands. Where c has no curve: of all of the runs, without
 * intervals. */
#include "master/store/sheet.h"

void sheet_add_percentiles(struct sbuf *out, const struct contrast *c,
                           const struct sheet_side *before, const struct sheet_side *after);
