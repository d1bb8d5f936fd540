// SPDX-License-Identifier: MIT
/* The one piece of state is how far steady time is ahead of the monotonic clock. 0 stands for "not
 * anchored yet": no machine has been up since 1970. */
#include "common/base/clk.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static _Atomic int64_t ahead_ns;

static int64_t wall_ahead_ns(void)
{
    return (int64_t)(clk_wall_ns() - clk_mono_ns());
}

static double seconds(uint64_t mono_ns)
{
    int64_t ahead = atomic_load_explicit(&ahead_ns, memory_order_relaxed);
    if (ahead == 0) {
        const int64_t first = wall_ahead_ns();
        if (atomic_compare_exchange_strong(&ahead_ns, &ahead, first))
            ahead = first;
    }
    return (double)((int64_t)mono_ns + ahead) * 1e-9;
}

struct clk_moment clk_now(void)
{
    const uint64_t ns = clk_mono_ns();
    return (struct clk_moment){(double)ns * 1e-9, seconds(ns)};
}

double clk_steady(void)
{
    return seconds(clk_mono_ns());
}

double clk_steady_coarse(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return seconds((uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec);
}

double clk_steady_anchor(void)
{
    const int64_t now = wall_ahead_ns(), before = atomic_exchange(&ahead_ns, now);
    return before == 0 ? 0 : (double)(now - before) * 1e-9;
}

int clk_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns)
{
    const struct timespec until = {(time_t)(until_ns / UINT64_C(1000000000)),
                                   (long)(until_ns % UINT64_C(1000000000))};
    return pthread_cond_clockwait(cond, lock, CLOCK_MONOTONIC, &until);
}

static char machine[64];

static void read_machine(void)
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!file || !fgets(machine, sizeof machine, file))
        machine[0] = '\0';
    machine[strcspn(machine, "\n")] = '\0';
    if (file)
        fclose(file);
}

const char *clk_machine(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_machine);
    return machine;
}
