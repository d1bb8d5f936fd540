// SPDX-License-Identifier: MIT
#pragma once
/* deadline: very many timeouts, set and cleared in constant time. Loop thread only.
 *
 * Deadlines of one duration expire in the order in which they were set, so each duration has a
 * queue and only its head needs a timer. Durations above a second are rounded up by at most 1.6 %,
 * which bounds the number of queues whatever durations are asked for.
 */
#include <stdint.h>

struct event_base;
struct deadlines;
struct deadline_queue;

struct deadline { /* zero-initialise; must be cleared or have fired before its memory goes */
    struct deadline *next, *prev;
    struct deadline_queue *queue; /* NULL = not set */
    uint64_t at_ns;
    void (*fire)(struct deadline *d); /* it is no longer set then; may set or clear any */
};

struct deadlines *deadlines_new(struct event_base *base);
void deadlines_free(struct deadlines *all);

/* Sets d (again), after_ms > 0 from now_ns (CLOCK_MONOTONIC). */
void deadline_set(struct deadlines *all, struct deadline *d, uint32_t after_ms, uint64_t now_ns);
void deadline_clear(struct deadline *d); /* nothing when it is not set */
