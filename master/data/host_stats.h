// SPDX-License-Identifier: MIT
#pragma once
/* host_stats: the master's numbers for the host, when its Python looks at them (docs/wire.md,
 * katydid_want and katydid_stats): rows, failures, exceptions, workers, and the history that
 * Locust keeps every five seconds. Nothing is packed for a host that does not ask. Main thread. */
#include <stdbool.h>
#include <stdint.h>

struct master;
struct account;

struct account *account_new(void);
void account_free(struct account *a); /* NULL is fine */

/* The host wants the numbers from now on (and gets them at once), or no more. */
void account_want(struct master *m, bool is_wanted);
void account_clear(struct master *m);  /* a new run, or a reset: the history begins again */
void account_second(struct master *m); /* once a second */
/* Code wrote into the statistics. The number of the host's message; 0: it is not the host's. */
void account_written(struct master *m, uint64_t number);
/* Before an event whose listeners look at final numbers. */
void account_before_event(struct master *m, const char *name);
