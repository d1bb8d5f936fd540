// SPDX-License-Identifier: MIT
#include "worker/py/py_late.h"

#include "common/metric/stats.h"
#include "worker/py/py_mod.h"

static PyObject *the_variable;
bool py_late_wanted;

int py_late_set(double seconds)
{
    if (seconds < 0 && !py_late_wanted)
        return 0;
    py_late_wanted = true;
    PyObject *value = seconds < 0 ? Py_NewRef(Py_None) : PyFloat_FromDouble(seconds);
    PyObject *token = value ? PyContextVar_Set(the_variable, value) : NULL;
    Py_XDECREF(value);
    Py_XDECREF(token);
    return token ? 0 : -1;
}

uint64_t py_late_us(void)
{
    PyObject *value = NULL;
    if (PyContextVar_Get(the_variable, NULL, &value) != 0)
        PyErr_Clear();
    const bool is_given = value && PyFloat_CheckExact(value);
    const uint64_t us = is_given ? (uint64_t)(PyFloat_AS_DOUBLE(value) * 1e6 + 0.5) : STATS_NO_TIME;
    Py_XDECREF(value);
    return us;
}

static PyObject *late(PyObject *module, PyObject *seconds)
{
    (void)module;
    const double number = seconds == Py_None ? -1 : PyFloat_AsDouble(seconds);
    if ((seconds != Py_None && number == -1 && PyErr_Occurred()) || py_late_set(number) != 0)
        return NULL;
    Py_RETURN_NONE;
}

int py_late_init(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"late", late, METH_O,
         "late(seconds or None): so late does the iteration begin that the caller is in"},
        {NULL, NULL, 0, NULL},
    };
    if (!the_variable)
        the_variable = PyContextVar_New("katydid.late", NULL);
    return the_variable ? PyModule_AddFunctions(module, functions) : -1;
}
