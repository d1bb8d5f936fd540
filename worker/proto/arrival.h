// SPDX-License-Identifier: MIT
#pragma once
/* arrival: when bytes that were just read reached this machine.
 *
 * An answer's time ends when the kernel received its last byte, not when the loop came round to
 * reading it: a busy generator does not make its target look slow. What waited in between is the
 * generator's own lag, which is reported as such.
 */
#include "common/base/clk.h"
#include "worker/net/stream.h"

/* Of the last read of s, CLOCK_MONOTONIC. The wall clock, by which the kernel stamps, may have been
 * set in between: what cannot be is not believed. newest_io_ns: the last that is known to have been
 * before. */
static inline uint64_t arrival_ns(const struct stream *s, uint64_t newest_io_ns, uint64_t now_ns)
{
    const uint64_t stamp = s->arrived_wall_ns;
    if (!stamp)
        return now_ns;
    const uint64_t wall = clk_wall_ns();
    const bool is_plausible = wall >= stamp && wall - stamp <= now_ns - newest_io_ns;
    return is_plausible ? now_ns - (wall - stamp) : now_ns;
}
