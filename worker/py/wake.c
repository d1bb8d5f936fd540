// SPDX-License-Identifier: MIT
/* wake: what ends a poll early. Other threads write to an eventfd. For signals whose handler is
 * Python code, CPython writes to a pipe (its "wakeup fd"), so that the handler runs now and not
 * when the next event happens to come; only the main thread's loop can have that.
 */
#include "worker/py/loop.h"
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct {
    struct event event;
    struct loop *loop; /* NULL = not open */
    int fds[2];
} signals;

void loop_wake(struct loop *l)
{
    if (l->is_destroyed || atomic_exchange(&l->is_woken, true))
        return;
    const uint64_t one = 1;
    if (write(l->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN) {
        PyErr_SetFromErrno(PyExc_OSError);
        PyErr_WriteUnraisable(NULL);
    }
}

static void woken(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    uint64_t count;
    if (read(fd, &count, sizeof count) == (ssize_t)sizeof count)
        atomic_store(&((struct loop *)arg)->is_woken, true);
}

static void signalled(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    char bytes[64];
    while (read(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        continue;
    atomic_store(&((struct loop *)arg)->is_woken, true);
}

/* Makes fd the wakeup fd if the current one is `expected`. 0, or -1 with an exception. */
static int swap_wakeup_fd(int expected, int fd)
{
    PyObject *module = PyImport_ImportModule("_signal"); /* new */
    PyObject *old = module ? PyObject_CallMethod(module, "set_wakeup_fd", "i", fd) : NULL;
    long current = old ? PyLong_AsLong(old) : -1;
    Py_XDECREF(old);
    if (old && current != -1 && current != expected) { /* the user's own: back with it */
        old = PyObject_CallMethod(module, "set_wakeup_fd", "l", current);
        Py_XDECREF(old);
    }
    Py_XDECREF(module);
    return PyErr_Occurred() ? -1 : 0;
}

static void signals_close(struct loop *l)
{
    if (signals.loop != l)
        return;
    if (swap_wakeup_fd(signals.fds[1], -1))
        PyErr_WriteUnraisable(NULL);
    event_del(&signals.event);
    close(signals.fds[0]);
    close(signals.fds[1]);
    signals.loop = NULL;
}

static int signals_open(struct loop *l)
{
    if (!l->is_default || signals.loop)
        return 0;
    if (pipe2(signals.fds, O_CLOEXEC | O_NONBLOCK)) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    signals.loop = l;
    event_assign(&signals.event, l->base, signals.fds[0], EV_READ | EV_PERSIST, signalled, l);
    event_add(&signals.event, NULL);
    return swap_wakeup_fd(-1, signals.fds[1]);
}

int loop_wake_open(struct loop *l)
{
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake_fd < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    event_assign(&l->wake_event, l->base, l->wake_fd, EV_READ | EV_PERSIST, woken, l);
    event_add(&l->wake_event, NULL);
    return signals_open(l);
}

void loop_wake_close(struct loop *l)
{
    signals_close(l);
    if (l->wake_fd < 0)
        return;
    event_del(&l->wake_event);
    close(l->wake_fd);
    l->wake_fd = -1;
}
