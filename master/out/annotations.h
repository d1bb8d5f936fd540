// SPDX-License-Identifier: MIT
#pragma once
/* annotations: what a build server shows of a run beside its log: what speaks against it, and the
 * figures it draws from build to build. How a server wants them is the caller's. */
#include "master/out/document.h"

struct annotation {
    bool is_error; /* the run fails by it; else it is a warning */
    const char *title, *text;
};

/* Thresholds that did not pass, and that the measurement was not valid. */
void annotations_add(const struct snapshot *last,
                     void (*add)(struct sbuf *out, const struct annotation *a), struct sbuf *out);
/* requests, failures, fail_ratio, rps, and of the times p50, p90, p95, p99, max: those there are.
 */
void annotations_add_values(const struct snapshot *last,
                            void (*add)(struct sbuf *out, const char *key, double value),
                            struct sbuf *out);
