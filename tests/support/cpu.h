// SPDX-License-Identifier: MIT
#pragma once
/* cpu: the processor time of this program, for tests of cost: a busy machine makes none fail. */
#include <stdint.h>
#include <time.h>

static inline uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}
