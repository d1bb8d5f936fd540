// SPDX-License-Identifier: MIT
#pragma once
/* clk: the only place that reads a clock. Monotonic for durations, wall time for people. */
#include <stdint.h>
#include <time.h>

static inline uint64_t clk_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Seconds since 1970, with fraction. */
static inline double clk_wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
