// SPDX-License-Identifier: MIT
#pragma once
/* clk: the only place that reads a clock. Monotonic for durations, steady time for whatever is put
 * in an order or on an axis, wall time for what leaves this program as a date.
 *
 * Steady time is unix time that never jumps: the wall clock's as it was when this process first
 * asked (or at the last clk_steady_anchor), and from there on what the monotonic clock adds.
 * Setting the machine's clock does not move it. Any thread. */
#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Seconds. Both of one moment. */
struct clk_moment {
    double mono, steady;
};
struct clk_moment clk_now(void);
double clk_steady(void);
/* The same from the kernel's last tick: a few milliseconds old, a few nanoseconds to read. For
 * per-second slots of the hot path, never for durations. */
double clk_steady_coarse(void);
/* Steady time is the wall clock's again. Returns by how many seconds it moved: times kept from
 * before are of the old one. */
double clk_steady_anchor(void);

/* Whose monotonic clock it is: the kernel's boot id, the same in all that have this one; "": it is
 * not known. Static. */
const char *clk_machine(void);

/* Waits for cond up to that long; not a moment longer or shorter when the wall clock is set.
 * until_ns: of clk_mono_ns. Returns as pthread_cond_timedwait. */
int clk_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns);

static inline uint64_t clk_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Seconds; goes on while the machine is suspended, which the monotonic clock does not. */
static inline double clk_boot(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
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
