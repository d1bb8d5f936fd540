// SPDX-License-Identifier: MIT
#include "worker/py/py_arguments.h"

int arguments_init(const struct arguments *known)
{
    for (int i = 0; i < known->count; i++)
        if (!(known->list[i].name = PyUnicode_InternFromString(known->list[i].text)))
            return -1;
    return 0;
}

static PyObject **field(const struct argument *a, void *filled)
{
    return (PyObject **)(void *)((char *)filled + a->at);
}

/* Names in scripts are interned; others are equal all the same. */
static PyObject **field_named(const struct arguments *known, void *filled, PyObject *name)
{
    for (int i = 0; i < known->count; i++)
        if (name == known->list[i].name)
            return field(&known->list[i], filled);
    for (int i = 0; i < known->count; i++)
        if (PyUnicode_Compare(name, known->list[i].name) == 0)
            return field(&known->list[i], filled);
    return NULL;
}

int arguments_parse(const struct arguments *known, void *filled, PyObject *const *args,
                    Py_ssize_t count, PyObject *kwnames)
{
    if (count > known->in_order) {
        PyErr_Format(PyExc_TypeError, "takes at most %d positional arguments, and %zd were given",
                     known->in_order, count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        *field(&known->list[i], filled) = args[i];
    const Py_ssize_t named = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i), **to = field_named(known, filled, name);
        if (!to || *to) {
            PyErr_Format(PyExc_TypeError,
                         to ? "got multiple values for argument '%U'"
                            : "got an unexpected keyword argument '%U'",
                         name);
            return -1;
        }
        *to = args[count + i];
    }
    if (*field(&known->list[0], filled))
        return 0;
    PyErr_Format(PyExc_TypeError, "missing required argument: '%s'", known->list[0].text);
    return -1;
}
