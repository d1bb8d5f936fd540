// SPDX-License-Identifier: MIT
#pragma once
/* gcd: the greatest common divisor of numbers that are not negative; of 0 and n it is n. */
#include <stdint.h>

static inline int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}
