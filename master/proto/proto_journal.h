// SPDX-License-Identifier: MIT
#pragma once
/* proto_journal: what the workers write of single requests: files with each, and spans of some
 * (docs/wire.md). */
#include "master/proto/proto_json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_order {
    const char *format, *path, *time; /* time: of csv; or NULL */
    bool is_more;                     /* of a run that is not the first: what is there stays */
    bool is_alone;                    /* one worker: it writes to that path, and is not named */
    bool waits;                       /* when its buffer is full */
    uint64_t buffer_bytes;
    const char *metrics; /* what is to be told of them (by_metric.h); or NULL */
};
struct trace_order {
    bool is_on;     /* requests have a traceparent */
    double share;   /* of them that is sampled */
    bool has_spans; /* ... and told with spans */
    bool has_tasks; /* of which those of one task are one trace */
};
struct journal_orders {
    const struct journal_order *list;
    size_t count;
    struct trace_order trace;
};

/* What came of one: requests, since the run's start. */
struct told_journal {
    uint64_t offered; /* written, dropped, or not yet either */
    uint64_t written, dropped;
    char *trouble; /* or NULL; owned */
};
struct told_journals { /* in the order of the orders; owned */
    struct told_journal *list;
    size_t count;
};

struct message_spans { /* of a worker's requests, with a number of its own */
    char run[64], sender[40];
    uint64_t number, count, dropped; /* dropped: since the run's start */
    struct slice spans;              /* as in ScopeSpans of OpenTelemetry */
};
