// SPDX-License-Identifier: MIT
/* py_process: the begin and the end of a process that is a worker.
 *
 * A worker of the wheel is the Python of its environment, which has no embed.c around it: the
 * module has its parts for katydid_boot.hosted.
 */
#include "worker/py/py_process.h"
#include "worker/py/arena.h"
#include "worker/py/py_lines.h"
#include "worker/py/py_mod.h"
#include "common/base/clk.h"
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FINALIZE_S = 2 };

void py_process_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static struct {
    int code;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool is_on, is_over;
} ending = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};

static void *end_anyway(void *unused)
{
    (void)unused;
    const uint64_t until = clk_mono_ns() + FINALIZE_S * UINT64_C(1000000000);
    pthread_mutex_lock(&ending.lock);
    int rc = 0;
    while (!ending.is_over && rc != ETIMEDOUT)
        rc = clk_cond_wait(&ending.over, &ending.lock, until);
    bool is_over = ending.is_over;
    pthread_mutex_unlock(&ending.lock);
    if (!is_over)
        _exit(ending.code);
    return NULL;
}

/* User threads or destructors may never end; the process does. */
void py_process_end_soon(int code)
{
    ending.code = code;
    ending.is_on = pthread_create(&ending.thread, NULL, end_anyway, NULL) == 0;
}

void py_process_settle(void)
{
    if (ending.is_on) {
        pthread_mutex_lock(&ending.lock);
        ending.is_over = true;
        pthread_cond_signal(&ending.over);
        pthread_mutex_unlock(&ending.lock);
        pthread_join(ending.thread, NULL);
        ending.is_on = false;
    }
    py_lines_settle(); /* signals end us as they do anybody now */
}

static PyObject *begin_process(PyObject *module, PyObject *args)
{
    (void)module;
    (void)args;
    prctl(PR_SET_NAME, "katydid-worker");
    py_process_raise_limit();
    arena_install();
    if (Py_AtExit(py_process_settle))
        return PyErr_Format(PyExc_RuntimeError,
                            "begin_process: no room for what is to be done at the end");
    Py_RETURN_NONE;
}

static PyObject *end_process(PyObject *module, PyObject *args)
{
    (void)module;
    int code;
    if (!PyArg_ParseTuple(args, "i:end_process", &code))
        return NULL;
    py_process_end_soon(code);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"begin_process", begin_process, METH_NOARGS,
     "begin_process(): this Python is a worker's process, and nothing else; once, before there are "
     "greenlets"},
    {"end_process", end_process, METH_VARARGS,
     "end_process(code): the process ends within 2 s, with this code if it does not by itself"},
    {0},
};

int py_process_init(PyObject *module)
{
    if (PyModule_AddStringConstant(module, "VERSION", KATYDID_VERSION))
        return -1;
    return PyModule_AddFunctions(module, methods);
}
