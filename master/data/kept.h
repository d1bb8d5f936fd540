// SPDX-License-Identifier: MIT
#pragma once
/* kept: what a master keeps of a run in memory, by what it is, and how much that may become. It
 * grows by design, until it is there: what grows beside it is something else. About: without what
 * malloc adds, and what is in work for a moment. */
#include "common/base/heap.h"
#include <stddef.h>

enum kept_kind {
    KEPT_TIMELINE,
    KEPT_HISTOGRAMS,
    KEPT_SAMPLES,
    KEPT_METRICS,
    KEPT_LOGS,
    KEPT_KINDS
};

struct kept {
    struct kept_one {
        const char *what;
        size_t bytes, limit;
    } of[KEPT_KINDS];
    struct heap_use heap; /* of the whole process; for whoever has time to ask */
};

struct record;
struct logs;
/* Main thread. */
void kept_count(const struct record *r, struct logs *logs, struct kept *out);
