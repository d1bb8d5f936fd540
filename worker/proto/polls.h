// SPDX-License-Identifier: MIT
#pragma once
/* polls: what an engine knows of the loop that drives it. */
#include <stdint.h>

struct fetch_engine;

/* When the loop last began to look at the sockets, CLOCK_MONOTONIC ns, kept up to date by who runs
 * it: what the server said on an idle connection before that has been seen. 0, or never set:
 * unknown. Must outlive the engine. */
void fetch_engine_set_polls(struct fetch_engine *e, const uint64_t *began_ns);
