// SPDX-License-Identifier: MIT
#pragma once
/* py_mod: the extension module _katydid: what the worker's C offers to Python. */
#include <Python.h>

PyMODINIT_FUNC PyInit__katydid(void);

/* Keyword names for PyArg_ParseTupleAndKeywords, which wants them writable and does not write. */
static inline char **py_names(const char *const *names)
{
    union {
        const char *const *given;
        char **wanted;
    } u = {names};
    return u.wanted;
}

/* 1 and *value (owned), 0 and NULL where there is no such attribute, or -1 with an exception. */
static inline int py_optional_attribute(PyObject *object, PyObject *name, PyObject **value)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyObject_GetOptionalAttr(object, name, value);
#else
    return _PyObject_LookupAttr(object, name, value);
#endif
}

/* One per file with names of its own: 0, or -1 with an exception. Called in py_mod.c's order. */
int py_hub_init(PyObject *module);
int py_stack_init(PyObject *module);
int py_loop_init(PyObject *module);
int py_guest_init(PyObject *module);
int py_health_init(PyObject *module);
int py_lines_init(PyObject *module);
int py_watchdog_init(PyObject *module);
int py_process_init(PyObject *module);
int py_dispatch_init(PyObject *module);
int py_metric_init(PyObject *module);
int py_group_init(PyObject *module);
int py_late_init(PyObject *module);
int py_check_init(PyObject *module);
int py_tags_init(PyObject *module);
int py_machine_init(PyObject *module);
int py_arrivals_init(PyObject *module);
int py_throttle_init(PyObject *module);
