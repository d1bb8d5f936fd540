// SPDX-License-Identifier: MIT
#pragma once
/* sat: sums and differences of numbers that others name. At the limit they stay there instead of
 * beginning anew at the other one. */
#include <stdint.h>

static inline uint64_t sat_add(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline uint64_t sat_sub(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static inline uint32_t sat_add32(uint32_t a, uint32_t b)
{
    uint32_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}
