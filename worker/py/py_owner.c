// SPDX-License-Identifier: MIT
#include "worker/py/py_owner.h"

static PyObject *the_owner; /* the context variable */

PyObject *py_owner(void)
{
    PyObject *user = NULL;
    if (!the_owner || PyContextVar_Get(the_owner, NULL, &user) != 0)
        PyErr_Clear();
    return user;
}

int py_owner_set(PyObject *user)
{
    PyObject *token = PyContextVar_Set(the_owner, user);
    Py_XDECREF(token);
    return token ? 0 : -1;
}

void py_owner_init(void)
{
    the_owner = PyContextVar_New("katydid.user", NULL);
}
