// SPDX-License-Identifier: MIT
#pragma once
/* hub: how a greenlet waits and how C wakes it. Include after Python.h; loop thread only.
 *
 * libevent callbacks run without the GIL and never call Python: they put a struct ready on the
 * ready list. After each poll the turn (loop.c) takes the GIL once and runs what is ready, in
 * order, a bounded number at a time, then polls again without waiting.
 *
 * Whatever a callback can reach lives on the heap or in an object that outlives the wait, never
 * on the C stack of a parked greenlet (greenlet moves stacks away while they are parked).
 */
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

struct event_base;

struct ready {
    struct ready *next, *prev;
    void (*run)(
        struct ready *r); /* with the GIL, in the hub greenlet; must not leave an exception */
    bool is_queued;
};

struct event_base *hub_base(void); /* the main loop's event_base; NULL before the hub exists */
extern uint64_t hub_polled_ns;     /* for fetch_engine_set_polls */

void hub_ready(struct ready *r); /* queue r; nothing if it is queued already. No GIL needed */

void hub_raise(const char *name, const char *message); /* an exception of gevent.exceptions */

/* One wait of one greenlet. Zero-initialise, on the heap. May be reused after hub_park returned. */
struct park {
    struct ready ready;
    PyObject *greenlet; /* who waits; owned while parked */
    bool is_woken;
};

/* Parks the current greenlet until hub_wake(p). Returns 0 when woken (at once, without a switch, if
 * hub_wake came first); -1 with a Python exception set when something was thrown into the greenlet
 * (kill, Timeout): then p is off the ready list and the caller must cancel what would have called
 * hub_wake. Must not be called from the hub itself (raises gevent's BlockingSwitchOutError-like
 * RuntimeError). */
int hub_park(struct park *p);
void hub_wake(struct park *p); /* idempotent until the next hub_park; no GIL needed */

PyObject *hub_current(void); /* the greenlet that runs: borrowed, while it does */

/* Parks for that long; 0 (or less) lets everything run that is ready now. -1 as hub_park. */
int hub_sleep(double seconds);

/* Whether this is the thread of the main loop. Everything else here may be called on it only. */
bool hub_is_here(void);
