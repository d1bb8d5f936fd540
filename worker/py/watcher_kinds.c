// SPDX-License-Identifier: MIT
/* watcher_kinds: io, timer, signal and async watchers, and those of the turn (prepare, check, idle,
 * fork): how they are made, armed and fired.
 */
#include "worker/py/loop.h"
#include "worker/py/py_mod.h"
#include "common/base/clk.h"
#include "common/base/mem.h"
#include <event2/event.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { READ = 1, WRITE = 2 }; /* gevent's numbers */

struct timeval loop_timeval(double seconds)
{
    if (!(seconds > 0))
        return (struct timeval){0, 0};
    if (seconds > LOOP_MAX_SECONDS)
        seconds = LOOP_MAX_SECONDS;
    double whole = floor(seconds);
    double micro = ceil((seconds - whole) * 1e6);
    struct timeval tv = {(time_t)whole, (suseconds_t)micro};
    if (tv.tv_usec >= 1000000) {
        tv.tv_sec++;
        tv.tv_usec -= 1000000;
    }
    return tv;
}

static double now_seconds(void)
{
    return (double)clk_mono_ns() / 1e9;
}

/* ---- what libevent calls; without the GIL --------------------------------------------------- */

static void fired(struct watcher *w)
{
    ready_add(w->loop->queue, &w->ready);
}

static void io_fired(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct watcher *w = arg;
    w->revents |= (unsigned char)((what & EV_READ ? READ : 0) | (what & EV_WRITE ? WRITE : 0));
    fired(w);
}

static void timer_add(struct watcher *w, double wait)
{
    struct timeval tv = loop_timeval(wait);
    evtimer_add(&w->event, &tv);
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct watcher *w = arg;
    if (w->repeat > 0) {
        double now = now_seconds();
        w->due = fmax(w->due + w->repeat, now);
        timer_add(w, w->due - now);
    }
    fired(w);
}

static void signal_fired(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    fired(arg);
}

/* ---- arming --------------------------------------------------------------------------------- */

static bool is_aux(const struct watcher *w)
{
    return w->kind >= WATCH_PREPARE;
}

static void io_link(struct watcher *w)
{
    struct loop *l = w->loop;
    if (w->fd >= l->io_fds) {
        int fds = w->fd + 64;
        l->io_by_fd = mem_realloc(l->io_by_fd, (size_t)fds * sizeof *l->io_by_fd);
        memset(l->io_by_fd + l->io_fds, 0, (size_t)(fds - l->io_fds) * sizeof *l->io_by_fd);
        l->io_fds = fds;
    }
    w->next_io = l->io_by_fd[w->fd];
    l->io_by_fd[w->fd] = w;
}

static void io_unlink(struct watcher *w)
{
    struct watcher **at = w->fd < w->loop->io_fds ? &w->loop->io_by_fd[w->fd] : NULL;
    for (; at && *at; at = &(*at)->next_io)
        if (*at == w) {
            *at = w->next_io;
            return;
        }
}

bool watcher_feed_fd(struct loop *l, int fd)
{
    struct watcher *first = fd < l->io_fds ? l->io_by_fd[fd] : NULL;
    for (struct watcher *w = first; w; w = w->next_io) {
        w->revents |= w->events;
        fired(w);
    }
    return first != NULL;
}

static int io_arm(struct watcher *w)
{
    w->is_always = false;
    if (event_add(&w->event, NULL) == 0) {
        io_link(w);
        return 0;
    }
    if (errno == EPERM) { /* a regular file: epoll does not take it, it never blocks */
        w->is_always = true;
        w->revents = w->events;
        ready_add(w->loop->queue, &w->ready);
        return 0;
    }
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

int watcher_arm(struct watcher *w)
{
    switch (w->kind) {
    case WATCH_IO:
        return io_arm(w);
    case WATCH_TIMER:
        w->due = now_seconds() + w->after;
        timer_add(w, w->after);
        return 0;
    case WATCH_SIGNAL:
        if (event_add(&w->event, NULL) == 0)
            return 0;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    case WATCH_ASYNC:
        return 0;
    case WATCH_PREPARE:
    case WATCH_CHECK:
    case WATCH_IDLE:
    case WATCH_FORK:
        return w->is_started ? 0 : PyList_Append(w->loop->aux, (PyObject *)w);
    }
    return 0;
}

static void aux_remove(struct watcher *w)
{
    PyObject *aux = w->loop->aux;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(aux); i++)
        if (PyList_GET_ITEM(aux, i) == (PyObject *)w) {
            if (PySequence_DelItem(aux, i))
                PyErr_WriteUnraisable((PyObject *)w);
            return;
        }
}

void watcher_disarm(struct watcher *w)
{
    if (is_aux(w)) {
        aux_remove(w);
    } else if (w->kind != WATCH_ASYNC && !w->is_always) {
        event_del(&w->event);
        if (w->kind == WATCH_IO)
            io_unlink(w);
    }
}

bool watcher_is_armed(const struct watcher *w)
{
    if (!w->loop || !w->loop->base)
        return false;
    if (w->kind == WATCH_TIMER)
        return event_pending(&w->event, EV_TIMEOUT, NULL);
    return w->is_started;
}

/* ---- the turn's watchers -------------------------------------------------------------------- */

bool loop_run_aux(struct loop *l, int kind)
{
    if (PyList_GET_SIZE(l->aux) == 0)
        return false;
    PyObject *copy = PyList_GetSlice(l->aux, 0, PyList_GET_SIZE(l->aux)); /* new */
    if (!copy) {
        loop_handle_error(l, NULL);
        return false;
    }
    bool any = false;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(copy); i++) {
        struct watcher *w = (struct watcher *)PyList_GET_ITEM(copy, i);
        if ((int)w->kind != kind || !w->is_started)
            continue;
        watcher_run(w);
        any = true;
    }
    Py_DECREF(copy);
    return any;
}

void loop_run_sent(struct loop *l)
{
    struct watcher *w = l->sent;
    l->sent = NULL;
    while (w) {
        struct watcher *next = w->next_sent;
        w->is_sent = false;
        if (w->is_started)
            watcher_run(w);
        Py_DECREF(w);
        w = next;
    }
}

static PyObject *async_send(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    struct watcher *w = (struct watcher *)self;
    if (!w->loop || w->loop->is_destroyed) {
        PyErr_SetString(PyExc_ValueError, "operation on a closed watcher or destroyed loop");
        return NULL;
    }
    if (!w->is_sent) {
        w->is_sent = true;
        w->next_sent = w->loop->sent;
        w->loop->sent = (struct watcher *)Py_NewRef(self);
        if (!loop_is_here(w->loop))
            loop_wake(w->loop);
    }
    Py_RETURN_NONE;
}

static PyMethodDef async_methods[] = {
    {"send", async_send, METH_NOARGS, "have the callback called, from any thread"},
    {"send_ignoring_arg", async_send, METH_O, "the same, callable with an argument"},
    {0},
};

/* ---- io's and timer's attributes ------------------------------------------------------------ */

static void io_assign(struct watcher *w)
{
    short what = EV_PERSIST;
    if (w->events & READ)
        what |= EV_READ;
    if (w->events & WRITE)
        what |= EV_WRITE;
    event_assign(&w->event, w->loop->base, w->fd, what, io_fired, w);
}

static int io_set(struct watcher *w, PyObject *fd, PyObject *events)
{
    long number = fd ? PyLong_AsLong(fd) : w->fd;
    long mask = events ? PyLong_AsLong(events) : w->events;
    if ((number == -1 || mask == -1) && PyErr_Occurred())
        return -1;
    if (number < 0 || number > INT_MAX) {
        PyErr_Format(PyExc_ValueError, "fd must be non-negative: %ld", number);
        return -1;
    }
    if (mask & ~(READ | WRITE)) {
        PyErr_Format(PyExc_ValueError, "illegal event mask: %ld", mask);
        return -1;
    }
    if (fcntl((int)number, F_GETFD) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    w->fd = (int)number;
    w->events = (unsigned char)mask;
    io_assign(w);
    return 0;
}

static PyObject *io_get_fd(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromLong(((struct watcher *)self)->fd);
}

static PyObject *io_get_events(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromLong(((struct watcher *)self)->events);
}

static int io_set_attr(PyObject *self, PyObject *value, void *closure)
{
    struct watcher *w = (struct watcher *)self;
    if (!value || watcher_check_idle(w) || !w->loop)
        return -1;
    return closure ? io_set(w, NULL, value) : io_set(w, value, NULL);
}

static PyGetSetDef io_getset[] = {
    {"fd", io_get_fd, io_set_attr, NULL, NULL},
    {"events", io_get_events, io_set_attr, NULL, (void *)1},
    {0},
};

static PyObject *timer_at(PyObject *self, void *closure)
{
    (void)closure;
    return PyFloat_FromDouble(((struct watcher *)self)->due - now_seconds() + clk_steady());
}

static PyGetSetDef timer_getset[] = {
    {"at", timer_at, NULL, "when it is due, as loop.now() counts", NULL},
    {0},
};

static PyObject *timer_again(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    (void)names;
    struct watcher *w = (struct watcher *)self;
    if (n < 1)
        return PyErr_Format(PyExc_TypeError, "again() needs a callback");
    PyObject *tuple = PyTuple_New(n - 1); /* new */
    for (Py_ssize_t i = 1; tuple && i < n; i++)
        PyTuple_SET_ITEM(tuple, i - 1, Py_NewRef(args[i]));
    if (!tuple)
        return NULL;
    if (watcher_is_armed(w))
        event_del(&w->event);
    if (w->repeat > 0)
        w->after = w->repeat;
    if (watcher_begin(w, args[0], tuple))
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef timer_methods[] = {
    {"again", (PyCFunction)(void (*)(void))timer_again, METH_FASTCALL | METH_KEYWORDS,
     "again(callback, *args): start it anew, with the repeat time"},
    {0},
};

static PyTypeObject io_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.io",
    .tp_base = &watcher_type,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_getset = io_getset,
};
static PyTypeObject timer_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.timer",
    .tp_base = &watcher_type,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_methods = timer_methods,
    .tp_getset = timer_getset,
};
static PyTypeObject async_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.async_",
    .tp_base = &watcher_type,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_methods = async_methods,
};

int watcher_types_init(PyObject *module)
{
    PyTypeObject *types[] = {&watcher_type, &io_type, &timer_type, &async_type};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (PyModule_AddType(module, types[i]))
            return -1;
    return 0;
}

/* ---- Loop's makers -------------------------------------------------------------------------- */

static PyObject *make_io(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"fd", "events", "ref", "priority", NULL};
    PyObject *fd, *events, *priority = NULL;
    int is_ref = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|pO:io", py_names(names), &fd, &events,
                                     &is_ref, &priority))
        return NULL;
    struct watcher *w = watcher_new(&io_type, (struct loop *)self, WATCH_IO, is_ref, priority);
    if (w && io_set(w, fd, events))
        Py_CLEAR(w);
    return (PyObject *)w;
}

static PyObject *make_timer(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"after", "repeat", "ref", "priority", NULL};
    double after = 0, repeat = 0;
    PyObject *priority = NULL;
    int is_ref = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|ddpO:timer", py_names(names), &after, &repeat,
                                     &is_ref, &priority))
        return NULL;
    if (repeat < 0)
        return PyErr_Format(PyExc_ValueError, "repeat must be positive or zero: %R",
                            PyTuple_GET_SIZE(args) > 1 ? PyTuple_GET_ITEM(args, 1) : Py_None);
    struct watcher *w =
        watcher_new(&timer_type, (struct loop *)self, WATCH_TIMER, is_ref, priority);
    if (!w)
        return NULL;
    w->after = after;
    w->repeat = repeat;
    evtimer_assign(&w->event, w->loop->base, timer_fired, w);
    return (PyObject *)w;
}

static PyObject *make_signal(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"signum", "ref", "priority", NULL};
    int number, is_ref = 1;
    PyObject *priority = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i|pO:signal", py_names(names), &number, &is_ref,
                                     &priority))
        return NULL;
    if (number < 1 || number >= NSIG)
        return PyErr_Format(PyExc_ValueError, "illegal signal number: %d", number);
    struct watcher *w =
        watcher_new(&watcher_type, (struct loop *)self, WATCH_SIGNAL, is_ref, priority);
    if (!w)
        return NULL;
    w->fd = number;
    evsignal_assign(&w->event, w->loop->base, number, signal_fired, w);
    return (PyObject *)w;
}

static PyObject *make_plain(PyObject *self, PyObject *args, PyObject *kwargs,
                            enum watcher_kind kind)
{
    static const char *const names[] = {"ref", "priority", NULL};
    int is_ref = 1;
    PyObject *priority = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|pO", py_names(names), &is_ref, &priority))
        return NULL;
    PyTypeObject *type = kind == WATCH_ASYNC ? &async_type : &watcher_type;
    return (PyObject *)watcher_new(type, (struct loop *)self, kind, is_ref, priority);
}

static PyObject *make_async(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return make_plain(self, args, kwargs, WATCH_ASYNC);
}

static PyObject *make_prepare(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return make_plain(self, args, kwargs, WATCH_PREPARE);
}

static PyObject *make_check(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return make_plain(self, args, kwargs, WATCH_CHECK);
}

static PyObject *make_idle(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return make_plain(self, args, kwargs, WATCH_IDLE);
}

static PyObject *make_fork(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return make_plain(self, args, kwargs, WATCH_FORK);
}

#define MAKER(name, func)                                                                          \
    {                                                                                              \
        name, (PyCFunction)(void (*)(void))func, METH_VARARGS | METH_KEYWORDS, NULL                \
    }
PyMethodDef watcher_makers[] = {
    MAKER("io", make_io),        MAKER("timer", make_timer),     MAKER("signal", make_signal),
    MAKER("async_", make_async), MAKER("prepare", make_prepare), MAKER("check", make_check),
    MAKER("idle", make_idle),    MAKER("fork", make_fork),       {0},
};
