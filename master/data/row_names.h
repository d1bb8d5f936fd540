// SPDX-License-Identifier: MIT
#pragma once
/* row_names: which row each number in a node's reports is (common/wire/report.h), and which series
 * (report_series.h), node by node. A cache: of a node that comes under another epoch, all is
 * forgotten, and asked for again. Main thread. */
#include "common/wire/report.h"
#include "common/wire/report_series.h"

#define ROW_NAMES_HOST 0   /* the slot of the host; a worker's is its index and one */
#define ROW_NAMES_EPOCH 64 /* bytes of an epoch, with its NUL */

struct row_names {
    struct row_names_slot {
        char epoch[ROW_NAMES_EPOCH];
        struct report_names names;
        struct series_ids series;
    } * slots; /* owned */
    size_t count;
};

/* That node is gone, or away for long. */
void row_names_forget(struct row_names *r, size_t slot);
struct row_names_slot *row_names_of(struct row_names *r, size_t slot, const char *epoch);
void row_names_clear(struct row_names *r); /* and releases everything */
