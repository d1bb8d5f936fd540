// SPDX-License-Identifier: MIT
#pragma once
/* runq: how long the calling thread has waited for a processor: ready to run, while others ran. The
 * kernel counts it (the second number of schedstat). A thread that shares its core with a busy
 * neighbour looks idle by its own processor time; by this it does not. One small read. */
#include <stdbool.h>
#include <stdint.h>

/* Nanoseconds since the thread began; false: this kernel does not tell. */
bool runq_waited(uint64_t *ns);

/* The same of a file that stands for /proc/thread-self/schedstat. */
bool runq_read(const char *path, uint64_t *ns);
