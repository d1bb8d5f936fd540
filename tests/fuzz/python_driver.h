// SPDX-License-Identifier: MIT
#pragma once
/* What fuzzers have in common that ask Python, too. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "tests/fuzz/fuzz.h"

/* Python never gives back what it has at the end. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

/* That function of that module. */
static inline PyObject *python_function(const char *module, const char *name)
{
    if (!Py_IsInitialized())
        Py_InitializeEx(0);
    PyObject *from = PyImport_ImportModule(module);
    PyObject *found = from ? PyObject_GetAttrString(from, name) : NULL;
    MUST(found);
    Py_DECREF(from);
    return found;
}
