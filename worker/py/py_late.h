// SPDX-License-Identifier: MIT
#pragma once
/* py_late: how much later than intended the iteration began that code is in, so that its requests
 * have a time from the intended start as well; and the number of the arrival that it is. After
 * Python.h; with the GIL.
 *
 * A context variable: each greenlet has its own, and one that is spawned in an iteration begins
 * with it where gevent hands on the context. While no iteration has an intended start, nothing of
 * this costs anything.
 */
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

extern bool py_late_wanted; /* somebody has an intended start; to be read only */

/* The iteration of the greenlet that runs begins now, so late; negative: it has no intended start.
 * -1 with an exception. */
int py_late_set(double seconds);
int py_late_begin(double seconds, uint64_t index); /* of the arrival with that number */
/* In microseconds; STATS_NO_TIME: it has no intended start. While py_late_wanted. */
uint64_t py_late_us(void);
