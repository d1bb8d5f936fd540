// SPDX-License-Identifier: MIT
#pragma once
/* written: what user code changed in statistics by hand (docs/wire.md, "written"), applied to a
 * struct stats.
 *
 * Counts come as differences, which may be below 0, so that what was counted meanwhile stays;
 * nothing falls below 0. A row's change leaves the total alone, as in Locust. Bytes of strangers:
 * what is malformed is left out.
 */
#include "common/metric/stats.h"
#include <stddef.h>

struct written_of {
    const char *node; /* named by exceptions that are added */
    bool is_part;     /* by one of many workers: its extremes are not those of the row */
    uint64_t number;  /* set: the writer's number of this message, or left alone */
};

/* bytes: the map. 0, or -1: some of it was malformed. */
int written_apply(struct stats *s, const void *bytes, size_t len, struct written_of *of);
