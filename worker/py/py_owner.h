// SPDX-License-Identifier: MIT
#pragma once
/* py_owner: whose greenlet it is that runs, a user's, or of one that a user's greenlet spawned: a
 * context variable, which is set while somebody wants to know it (files of requests, tags). With
 * the GIL. */
#include <Python.h>

PyObject *py_owner(void);         /* new, or NULL: nobody's that is known */
int py_owner_set(PyObject *user); /* of the greenlet that runs. -1 with an exception */
void py_owner_init(void);         /* may leave an exception */
