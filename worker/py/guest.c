// SPDX-License-Identifier: MIT
/* guest: our event_base on a loop that is not ours.
 *
 * In an ordinary Python process gevent's own loop may be running before `import locust`. It cannot
 * be exchanged then, so it drives us: katydid_boot.library watches the descriptor of our base and
 * a clock on it, and has guest_turn called. Greenlets still park in C and are switched to from the
 * hub; what is lost is some speed, and time-outs of requests are late by a tick of that clock.
 *
 * The descriptor is libevent's epoll: libevent does not tell it, but it is the first one opened
 * when the base is made.
 */
#include "worker/py/loop.h"
#include "worker/py/py_mod.h"
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static PyObject *keep; /* keep(bool): whether somebody waits for us; NULL = we have the loop */

bool guest_is_on(void)
{
    return keep != NULL;
}

/* The loop must go on while greenlets wait here. No exception may pass: nobody called. */
void guest_keep(bool is_waited_for)
{
    PyObject *type, *value, *tb;
    PyErr_Fetch(&type, &value, &tb);
    PyObject *result = PyObject_CallOneArg(keep, is_waited_for ? Py_True : Py_False);
    if (!result)
        PyErr_WriteUnraisable(keep);
    Py_XDECREF(result);
    PyErr_Restore(type, value, tb);
}

static bool is_epoll(int fd)
{
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const ssize_t len = readlink(path, target, sizeof target - 1);
    target[len > 0 ? len : 0] = '\0';
    return strcmp(target, "anon_inode:[eventpoll]") == 0;
}

static PyObject *guest_begin(PyObject *module, PyObject *callback)
{
    (void)module;
    const int fd = hub_first_fd();
    if (!hub_is_here() || loop_main() || !is_epoll(fd)) {
        PyErr_SetString(PyExc_RuntimeError, "this loop cannot be driven by another one");
        return NULL;
    }
    Py_XSETREF(keep, Py_NewRef(callback));
    return PyLong_FromLong(fd);
}

static PyObject *guest_turn(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    Py_BEGIN_ALLOW_THREADS;
    event_base_loop(hub_base(), EVLOOP_NONBLOCK);
    Py_END_ALLOW_THREADS;
    hub_run_ready();
    Py_RETURN_NONE;
}

static PyObject *guest_ready(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    hub_run_ready();
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"guest_begin", guest_begin, METH_O,
     "guest_begin(keep) -> descriptor: from now on another loop calls guest_turn"},
    {"guest_turn", guest_turn, METH_NOARGS, "Polls without waiting, and runs what is ready."},
    {"guest_ready", guest_ready, METH_NOARGS, "Runs what is ready."},
    {0},
};

int py_guest_init(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
