// SPDX-License-Identifier: MIT
#pragma once
/* sheet: a comparison as one page of HTML that needs nothing else, no script, no font and no
 * network: answers with their intervals, percentile curves, courses from the start of the load on,
 * what differs around the runs, rows and failures. Of several runs a side each has its line. */
#include "common/base/sbuf.h"
#include "master/store/contrast.h"

struct sheet_side {
    const char *name; /* as it was asked for */
    const struct contrast_run *runs;
    size_t count;
};
/* context: of context_of the newest run of each. */
void sheet_add(struct sbuf *out, const struct contrast *c, const struct sheet_side *before,
               const struct sheet_side *after, const json_t *context);
