// SPDX-License-Identifier: MIT
#pragma once
/* polls: what an engine knows of the loop that drives it.
 *
 * Of very many answers that are there at once, all would be read before the first of their users
 * goes on: what belongs to an answer would be out of the processor's caches when it is looked at
 * again. So an engine that is told of the polls breaks them off after some answers
 * (event_base_loopbreak), that the users of these go on first. Whoever drives the base goes on with
 * the rest in the next turn, without waiting.
 */
#include <stdint.h>

struct fetch_engine;

/* When the loop last began a poll that it went through to the end, CLOCK_MONOTONIC ns, kept up to
 * date by who runs it: what a server said on an idle connection before that has been seen.
 * 0, or never set: unknown, and no poll is broken off. Must outlive the engine. */
void fetch_engine_set_polls(struct fetch_engine *e, const uint64_t *began_ns);
