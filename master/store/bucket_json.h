// SPDX-License-Identifier: MIT
#pragma once
/* bucket_json: a bucket of a histogram as JSON has it (docs/api.md): its number and its count. */
#include "common/metric/hist.h"
#include <jansson.h>
#include <stdbool.h>

#define BUCKET_COUNT_MAX (INT64_C(1) << 53)

/* False: there is no such bucket, or no such count. */
static inline bool bucket_json_add(struct hist *h, json_int_t bucket, json_int_t n)
{
    if (bucket < 0 || bucket >= (json_int_t)(HIST_OCTAVES * HIST_SUB_COUNT) || n < 0 ||
        n > BUCKET_COUNT_MAX)
        return false;
    const unsigned octave = (unsigned)bucket / HIST_SUB_COUNT;
    const uint64_t step = (uint64_t)bucket % HIST_SUB_COUNT;
    hist_add(h, octave ? (HIST_SUB_COUNT + step) << (octave - 1) : step, (uint64_t)n);
    return true;
}
