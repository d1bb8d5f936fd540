// SPDX-License-Identifier: MIT
#pragma once
/* report_block: the JSON in a report file (docs/api.md). Pure. */
#include "common/base/sbuf.h"
#include "master/web/report_file.h"

/* How much of a run goes into a report. */
struct report_size {
    size_t windowed;  /* rows with windows, those with the most time first */
    size_t with_hist; /* rows with a histogram of the whole run */
};

void report_block_add(struct sbuf *out, const struct view *v, const struct report_ask *ask,
                      const struct report_size *size);
