// SPDX-License-Identifier: MIT
#pragma once
/* html_report: the run as one HTML file that needs nothing else: the page itself, its script and
 * style inlined under a policy of their hashes, and the figures in one inert block (docs/api.md).
 *
 * What users named stands in that block, as base64 of gzip of JSON; the names of locustfile and
 * host also in another one, escaped, for scripts that look for them.
 * The file is at most HTML_REPORT_MAX bytes: what would be more has fewer endpoints with windows,
 * then fewer with a histogram. Any thread; what is read is immutable.
 */
#include "common/base/sbuf.h"
#include "master/data/view.h"

#define HTML_REPORT_MAX (5u << 20)
#define HTML_REPORT_SAMPLES_MAX (3u << 19) /* bytes of JSON: they leave room for the figures … */
#define HTML_REPORT_LOGS_MAX (1u << 20)    /* … even if none of it can be packed */
#define HTML_REPORT_METRICS_MAX (1u << 20) /* of their courses */

struct html_report_ask {
    int64_t from, to;    /* unix seconds, to not included; 0: all of the present statistics */
    const char *script;  /* JSON of GET api/v1/script, or NULL */
    const char *samples; /* JSON of samples_write_all, or NULL: the report has none */
    const char *logs;    /* JSON of logs_write, or NULL: likewise */
    const char *metrics; /* JSON of series_report_json, or NULL: nothing was counted in series */
    const char *plans;   /* JSON of GET api/v1/scenarios, or NULL */
};

/* Appends the file to out. False when this program was built without the page. */
bool html_report_make(const struct view *v, const struct html_report_ask *ask, struct sbuf *out);
