// SPDX-License-Identifier: MIT
#pragma once
/* py_arguments: what a function of C was called with, without a dict or a tuple. After Python.h;
 * with the GIL. */
#include <Python.h>
#include <stddef.h>

struct argument {
    const char *text;
    size_t at;      /* of a PyObject * in the structure that is filled */
    PyObject *name; /* arguments_init's */
};
struct arguments {
    struct argument *list; /* the first must be given; two may fill the same */
    int count, in_order;   /* so many of the first may be given without their names */
};

int arguments_init(const struct arguments *known); /* -1 with an exception */
/* Borrowed; what is not given stays as it was, which is NULL. -1 with a TypeError. */
int arguments_parse(const struct arguments *known, void *filled, PyObject *const *args,
                    Py_ssize_t count, PyObject *kwnames);
