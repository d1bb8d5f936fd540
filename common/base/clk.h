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

/* Nanoseconds since 1970: for comparing with the kernel's stamps only, it may jump. */
static inline uint64_t clk_wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Seconds since 1970, with fraction. */
static inline double clk_wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The same from the kernel's last tick: a few milliseconds old, a few nanoseconds to read. For
 * time stamps and per-second slots of the hot path, never for durations. */
static inline double clk_wall_coarse(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME_COARSE, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
