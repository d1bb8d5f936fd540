// SPDX-License-Identifier: MIT
/* py_lines: what Python writes to standard output and error comes out whole, and waits for no
 * reader (spool.h); worker/pylib/locust/_lines.py collects the lines. Two descriptors of one place
 * share its spool, so that what is written to both stays in its order. */
#include "worker/py/py_lines.h"
#include "common/base/log.h"
#include "common/base/spool.h"
#include "common/base/whole.h"
#include "worker/py/py_mod.h"
#include <errno.h>

enum { SPOOLS = 2 };
static struct spool *spools[SPOOLS];

static struct spool *spool_for(int fd)
{
    if (!spool_suits(fd))
        return NULL;
    for (size_t i = 0; i < SPOOLS; i++) {
        if (!spools[i])
            spools[i] = spool_new(fd, log_add_left_out);
        if (spools[i] && spool_is_for(spools[i], fd))
            return spools[i];
    }
    return NULL; /* it was redirected since */
}

static PyObject *put_lines(PyObject *module, PyObject *args)
{
    int fd, error = 0;
    Py_buffer bytes;
    (void)module;
    if (!PyArg_ParseTuple(args, "iy*", &fd, &bytes))
        return NULL;
    struct spool *s = spool_for(fd);
    Py_BEGIN_ALLOW_THREADS;
    if (s)
        spool_put(s, bytes.buf, (size_t)bytes.len);
    else
        error = whole_write(fd, bytes.buf, (size_t)bytes.len);
    Py_END_ALLOW_THREADS;
    PyBuffer_Release(&bytes);
    if (error && error != EPIPE) { /* nobody reads: that must not end a test */
        errno = error;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

void py_lines_settle(void)
{
    for (size_t i = 0; i < SPOOLS && spools[i]; i++)
        spool_settle(spools[i], SPOOL_FOREVER);
}

static PyMethodDef methods[] = {
    {"put_lines", put_lines, METH_VARARGS,
     "put_lines(fd, bytes): writes them whole; to what may have no room without waiting for it"},
    {0},
};

int py_lines_init(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
