// SPDX-License-Identifier: MIT
#pragma once
/* html_report_data: the JSON in a report file (docs/api.md). Pure. */
#include "common/base/sbuf.h"
#include "master/web/html_report.h"

/* How much of a run goes into a report. */
struct html_report_size {
    size_t windowed;  /* rows with windows, those with the most time first */
    size_t with_hist; /* rows with a histogram of the whole run */
};

void html_report_data_add(struct sbuf *out, const struct view *v, const struct html_report_ask *ask,
                          const struct html_report_size *size);
