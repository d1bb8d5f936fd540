// SPDX-License-Identifier: MIT
#include "worker/py/py_client_glue.h"

struct glue glue;

int glue_need(void)
{
    if (glue.error)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "import locust.clients first");
    return -1;
}

int glue_bind(PyObject *source)
{
#define X(name)                                                                                    \
    Py_XSETREF(glue.name, PyObject_GetAttrString(source, #name));                                  \
    if (!glue.name)                                                                                \
        return -1;
    GLUE_NAMES(X)
#undef X
    return 0;
}
