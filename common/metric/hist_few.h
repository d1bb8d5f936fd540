// SPDX-License-Identifier: MIT
#pragma once
/* hist_few: the first few buckets of a histogram, in one cache line: most rows of a table of
 * thousands have no more in a second, and an octave takes a kilobyte. For hist.c alone. */
#include <stdbool.h>
#include <stdint.h>

#define HIST_FEW 15

struct hist_few { /* by their numbers, upwards */
    uint16_t count;
    struct hist_few_bucket {
        uint16_t at, n;
    } bucket[HIST_FEW];
};

/* Whether there was room. */
bool hist_few_add(struct hist_few *few, unsigned bucket, uint64_t n);
