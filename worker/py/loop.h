// SPDX-License-Identifier: MIT
#pragma once
/* loop: gevent's event loop interface on libevent; shared by loop*.c, watcher*.c and hub.c only.
 *
 * One type in several files, which call each other in a circle. One turn: callbacks (run_callback),
 * poll without the GIL, then with it what the poll made ready. libevent's callbacks only put
 * watchers and parks on the ready list.
 * The loop of the main thread works on hub_base(); each further thread has a base of its own.
 * A base and its ready list belong to the loop's thread. Callbacks and async watchers may be added
 * by any thread that holds the GIL; a thread that is not the loop's wakes it through an eventfd.
 */
#include "worker/py/ready.h"
#include <event2/event_struct.h>
#include <stdatomic.h>
#include <stdint.h>

struct watcher;
struct callback;

struct loop {
    PyObject_HEAD PyObject *error_handler; /* gevent's hub while it runs; NULL = none */
    PyObject *aux;            /* list of started prepare, check, idle and fork watchers */
    struct event_base *base;  /* NULL once a base of its own was freed */
    struct ready_list *queue; /* the hub's, or own_queue */
    struct ready_list own_queue;
    struct callback *first, **last; /* to run before the next poll; owned */
    Py_ssize_t callback_count;
    struct watcher *sent;      /* async watchers that were sent; owned */
    struct watcher **io_by_fd; /* started io watchers, chained by next_io */
    int io_fds;
    struct event wake_event;
    int wake_fd;
    atomic_bool is_woken; /* the poll must return */
    Py_ssize_t refs;      /* what keeps run() going: watchers, callbacks, parks, ref() */
    unsigned long thread;
    unsigned long long turns;
    unsigned ready_left; /* how many may still run in this turn; 0 when it is not their time */
    uint64_t ready_until_ns;
    void (*before_wait)(void); /* NULL, or called before each poll that waits; without the GIL */
    bool is_default;
    bool is_destroyed;
    bool is_broken;     /* run() is to return */
    bool is_broken_off; /* the last poll, with events left for the next */
};

extern PyTypeObject loop_type;

/* The loop that works on hub_base(), or NULL. Borrowed. */
struct loop *loop_main(void);
/* wake.c: ends a loop's poll from another thread or a signal. With the GIL. */
void loop_wake(struct loop *l);
int loop_wake_open(struct loop *l); /* -1 with an exception */
void loop_wake_close(struct loop *l);
bool loop_is_here(const struct loop *l);
/* Whether one more of the ready list may run in this turn, which is counted then. */
bool loop_takes_one(struct loop *l);

/* Takes the current exception to the loop's error handler, as gevent does. context may be NULL: a
 * system error, raised in the main greenlet. Leaves no exception. */
void loop_handle_error(struct loop *l, PyObject *context);

/* Runs the started prepare, check, idle or fork watchers. Returns whether there were any. */
bool loop_run_aux(struct loop *l, int kind);
void loop_run_sent(struct loop *l);

/* callbacks (callback.c) */
extern PyTypeObject callback_type;
PyObject *callback_add(struct loop *l, PyObject *func, PyObject *const *args, Py_ssize_t n);
void callback_run_all(struct loop *l); /* for at most 5 ms */
void callback_drop_all(struct loop *l);

enum watcher_kind {
    WATCH_IO,
    WATCH_TIMER,
    WATCH_SIGNAL,
    WATCH_ASYNC,
    WATCH_PREPARE,
    WATCH_CHECK,
    WATCH_IDLE,
    WATCH_FORK,
};

struct watcher {
    PyObject_HEAD struct ready ready;
    struct loop *loop; /* owned; NULL = closed */
    PyObject *callback, *args;
    struct event event;        /* io, timer, signal */
    struct watcher *next_io;   /* io: same loop, same descriptor */
    struct watcher *next_sent; /* async */
    double after, repeat, due; /* timer; due on the monotonic clock */
    int fd;                    /* io: descriptor, signal: number */
    int priority;
    enum watcher_kind kind;
    unsigned char events; /* io: gevent's mask, 1 read, 2 write */
    unsigned char revents;
    bool is_started;         /* owns a reference to itself */
    bool is_ref, is_counted; /* is to be, is, in loop->refs */
    bool is_sent;
    bool is_always;    /* io: a descriptor that epoll refuses is always ready */
    bool wants_events; /* io: callback gets the events first */
};

/* watcher.c: what all kinds share. */
extern PyTypeObject watcher_type;
struct watcher *watcher_new(PyTypeObject *type, struct loop *l, enum watcher_kind kind, int is_ref,
                            PyObject *priority);
int watcher_begin(struct watcher *w, PyObject *callback, PyObject *args); /* args stolen */
void watcher_end(struct watcher *w);
void watcher_run(struct watcher *w);
int watcher_check_idle(struct watcher *w); /* -1 with AttributeError while it is started */

/* watcher_kinds.c: how each kind is made and armed. */
int watcher_arm(struct watcher *w); /* -1 with an exception */
void watcher_disarm(struct watcher *w);
bool watcher_is_armed(const struct watcher *w);
extern PyMethodDef watcher_makers[];          /* methods of Loop: io, timer, signal … */
bool watcher_feed_fd(struct loop *l, int fd); /* has all of its io watchers called; any? */
int watcher_types_init(PyObject *module);

/* Seconds for libevent, rounded up, never negative, at most LOOP_MAX_SECONDS. */
#define LOOP_MAX_SECONDS 1e9
struct timeval loop_timeval(double seconds);

/* The hub's side of the main loop (hub.c). */
struct ready_list *hub_queue(void);
Py_ssize_t hub_parked(void);
struct event_base *hub_base_new(void); /* NULL when out of descriptors */
void hub_run_ready(void);              /* for who has no loop of ours (guest.c) */
int hub_first_fd(void);                /* of hub_base(); see guest.c */

/* Another loop than ours drives hub_base() (guest.c). */
bool guest_is_on(void);
void guest_keep(bool is_waited_for);

/* Pulse of the main loop, for the watchdog: count moves each time something else runs. */
struct pulse {
    _Atomic uint64_t count;
    atomic_bool is_polling;
};
extern struct pulse loop_pulse;

int py_loop_init(PyObject *module);
