// SPDX-License-Identifier: MIT
#pragma once
/* host_stats: the master's numbers for the host, when its Python looks at them (docs/wire.md,
 * katydid_want and katydid_stats): rows, failures, exceptions, workers, and the history that
 * Locust keeps every five seconds. Nothing is packed for a host that does not ask. Main thread. */
#include <stdbool.h>
#include <stdint.h>

struct record;
struct sbuf;
struct host_stats;

struct host_stats *host_stats_new(void);
void host_stats_free(struct host_stats *a); /* NULL is fine */

/* The host wants the numbers from now on (and gets them at once), or no more. */
void host_stats_want(struct host_stats *a, bool is_wanted);
void host_stats_clear(struct host_stats *a); /* a new run, or a reset: the history begins again */
/* Once a second. True when the host has to be told. */
bool host_stats_second(struct record *r, double now);
/* Whether it has to be told before that event, whose listeners look at final numbers. */
bool host_stats_before_event(const struct host_stats *a, const char *name);
/* Code wrote into the statistics. The number of the host's message; 0: it is not the host's. */
void host_stats_written(struct host_stats *a, uint64_t number);
/* The message katydid_stats; from now on the host knows all of it. */
void host_stats_pack(struct record *r, const char *node, struct sbuf *out);
