// SPDX-License-Identifier: MIT
#include "worker/py/py_late.h"

#include "common/metric/stats.h"
#include "worker/py/py_mod.h"

static PyObject *the_variable;
bool py_late_wanted;

struct iteration { /* what the variable holds, or None */
    PyObject_HEAD double late_s;
    uint64_t index; /* UINT64_MAX: it is no arrival */
};
static PyTypeObject *iteration_type;

static int set(PyObject *value)
{
    PyObject *token = value ? PyContextVar_Set(the_variable, value) : NULL;
    Py_XDECREF(value);
    Py_XDECREF(token);
    return token ? 0 : -1;
}

int py_late_begin(double seconds, uint64_t index)
{
    struct iteration *it = PyObject_New(struct iteration, iteration_type);
    py_late_wanted = true;
    if (it) {
        it->late_s = seconds;
        it->index = index;
    }
    return set((PyObject *)it);
}

int py_late_set(double seconds)
{
    if (seconds < 0)
        return py_late_wanted ? set(Py_NewRef(Py_None)) : 0;
    return py_late_begin(seconds, UINT64_MAX);
}

/* Of the greenlet that runs; new, or NULL. */
static struct iteration *current(void)
{
    PyObject *value = NULL;
    if (PyContextVar_Get(the_variable, NULL, &value) != 0)
        PyErr_Clear();
    if (value && Py_TYPE(value) == iteration_type)
        return (struct iteration *)value;
    Py_XDECREF(value);
    return NULL;
}

uint64_t py_late_us(void)
{
    struct iteration *it = current();
    const uint64_t us = it ? (uint64_t)(it->late_s * 1e6 + 0.5) : STATS_NO_TIME;
    Py_XDECREF(it);
    return us;
}

static PyObject *arrival(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    struct iteration *it = current();
    PyObject *number =
        it && it->index != UINT64_MAX ? PyLong_FromUnsignedLongLong(it->index) : Py_NewRef(Py_None);
    Py_XDECREF(it);
    return number;
}

static PyObject *late(PyObject *module, PyObject *seconds)
{
    (void)module;
    const double number = seconds == Py_None ? -1 : PyFloat_AsDouble(seconds);
    if ((seconds != Py_None && number == -1 && PyErr_Occurred()) || py_late_set(number) != 0)
        return NULL;
    Py_RETURN_NONE;
}

static void iteration_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

int py_late_init(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"late", late, METH_O,
         "late(seconds or None): so late does the iteration begin that the caller is in"},
        {"arrival", arrival, METH_NOARGS,
         "The number, from 0 on, of the arrival that the caller is in; None: it is in none"},
        {NULL, NULL, 0, NULL},
    };
    static PyType_Slot slots[] = {{Py_tp_dealloc, iteration_dealloc}, {0, NULL}};
    static PyType_Spec spec = {.name = "_katydid.Iteration",
                               .basicsize = sizeof(struct iteration),
                               .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                               .slots = slots};
    if (!iteration_type)
        iteration_type = (PyTypeObject *)PyType_FromSpec(&spec);
    if (!the_variable)
        the_variable = PyContextVar_New("katydid.late", NULL);
    return the_variable && iteration_type ? PyModule_AddFunctions(module, functions) : -1;
}
