// SPDX-License-Identifier: MIT
#pragma once
/* hist_few: the first buckets of a histogram as a list, four bytes each where an octave takes a
 * kilobyte: of a table with thousands of rows most have a few in a second, and some dozens in a
 * test. It begins with a cache line of them and doubles. For hist.c alone. */
#include <stdbool.h>
#include <stdint.h>

#define HIST_FEW_FIRST 15
#define HIST_FEW_MOST 127

struct hist_few { /* by their numbers, upwards */
    uint16_t count, room;
    struct hist_few_bucket {
        uint16_t at, n;
    } bucket[];
};

/* Whether there was room. *few: NULL at first; owned. */
bool hist_few_add(struct hist_few **few, unsigned bucket, uint64_t n);
