// SPDX-License-Identifier: MIT
#pragma once
/* proto_journal: files with every request, which the workers write (docs/wire.md). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_order {
    const char *format, *path, *time; /* time: of csv; or NULL */
    bool is_more;                     /* of a run that is not the first: what is there stays */
    bool is_alone;                    /* one worker: it writes to that path, and is not named */
    bool waits;                       /* when its buffer is full */
    uint64_t buffer_bytes;
};
struct journal_orders {
    const struct journal_order *list;
    size_t count;
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
