// SPDX-License-Identifier: MIT
/* py_dispatch: common/run/dispatch.h as Python sees it, _katydid.Dispatch; UsersDispatcher of
 * locust.dispatch stands on it. */
#include "worker/py/py_mod.h"

#include "common/base/mem.h"
#include "common/run/dispatch.h"

#include <math.h>
#include <stdlib.h>

struct py_dispatch {
    PyObject_HEAD struct dispatch *dispatch; /* owned */
};

static struct dispatch *of(PyObject *self)
{
    return ((struct py_dispatch *)self)->dispatch;
}

/* One of (name, weight, fixed_count). The name lives as long as the row. */
static int read_class(PyObject *row, struct dispatch_class *c)
{
    const char *name;
    double weight, fixed;
    if (!PyArg_ParseTuple(row, "sdd", &name, &weight, &fixed))
        return -1;
    *c = (struct dispatch_class){name, weight, fixed > 0 ? (unsigned)fmin(fixed, 1e9) : 0, false};
    return 0;
}

static struct dispatch *make(PyObject *rows)
{
    const Py_ssize_t n = PyList_GET_SIZE(rows);
    struct dispatch_class *classes = mem_zalloc((size_t)(n + 1) * sizeof *classes);
    struct dispatch *d = NULL;
    Py_ssize_t i = 0;
    while (i < n && read_class(PyList_GET_ITEM(rows, i), &classes[i]) == 0)
        i++;
    if (i == n)
        d = dispatch_new(classes, (size_t)n);
    free(classes);
    return d;
}

static PyObject *dispatch_new_object(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *rows;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "O!:Dispatch", &PyList_Type, &rows))
        return NULL;
    struct dispatch *d = make(rows);
    struct py_dispatch *self = d ? (struct py_dispatch *)type->tp_alloc(type, 0) : NULL;
    if (self)
        self->dispatch = d;
    else
        dispatch_free(d);
    return (PyObject *)self;
}

static void dispatch_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    dispatch_free(of(self));
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *add(PyObject *self, PyObject *id)
{
    const char *text = PyUnicode_AsUTF8(id);
    if (!text)
        return NULL;
    dispatch_add_worker(of(self), text);
    return Py_NewRef(Py_None);
}

static PyObject *remove_(PyObject *self, PyObject *id)
{
    const char *text = PyUnicode_AsUTF8(id);
    if (!text)
        return NULL;
    dispatch_remove_worker(of(self), text);
    return Py_NewRef(Py_None);
}

static PyObject *spread(PyObject *self, PyObject *unused)
{
    (void)unused;
    dispatch_spread(of(self));
    return Py_NewRef(Py_None);
}

static PyObject *lift(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(dispatch_lift(of(self)));
}

/* The names of a list, in memory of the caller's, ended by NULL; they live as long as the list. */
static const char **read_names(PyObject *list)
{
    const Py_ssize_t n = PyList_GET_SIZE(list);
    const char **names = mem_zalloc((size_t)(n + 1) * sizeof *names);
    for (Py_ssize_t i = 0; i < n; i++)
        if (!(names[i] = PyUnicode_AsUTF8(PyList_GET_ITEM(list, i)))) {
            free(names);
            return NULL;
        }
    return names;
}

static PyObject *aim(PyObject *self, PyObject *args)
{
    double users, rate;
    PyObject *list = NULL;
    if (!PyArg_ParseTuple(args, "dd|O!:aim", &users, &rate, &PyList_Type, &list))
        return NULL;
    if (!(users >= 0 && users <= UINT32_MAX && rate > 0)) {
        PyErr_SetString(PyExc_ValueError, "users and rate of a ramp");
        return NULL;
    }
    const char **names = list ? read_names(list) : NULL;
    if (list && !names)
        return NULL;
    dispatch_aim(of(self), (unsigned)users, rate, names);
    free(names);
    return Py_NewRef(Py_None);
}

static PyObject *step(PyObject *self, PyObject *unused)
{
    (void)unused;
    dispatch_step(of(self));
    return PyBool_FromLong(!dispatch_is_done(of(self)));
}

static PyObject *take(PyObject *self, PyObject *unused)
{
    const char *name = dispatch_take_class(of(self));
    (void)unused;
    return name ? PyUnicode_FromString(name) : Py_NewRef(Py_None);
}

static PyObject *place(PyObject *self, PyObject *name)
{
    const char *text = PyUnicode_AsUTF8(name);
    if (!text)
        return NULL;
    if (!dispatch_place(of(self), text)) {
        PyErr_SetObject(PyExc_KeyError, name);
        return NULL;
    }
    return Py_NewRef(Py_None);
}

static PyObject *counts_of(struct dispatch *d, const struct dispatch_worker *w)
{
    PyObject *counts = PyDict_New();
    for (size_t c = 0; counts && c < dispatch_class_count(d); c++) {
        PyObject *n = PyLong_FromUnsignedLong(w->counts[c]);
        if (!n || PyDict_SetItemString(counts, dispatch_class_name(d, c), n) != 0)
            Py_CLEAR(counts);
        Py_XDECREF(n);
    }
    return counts;
}

static PyObject *counts(PyObject *self, PyObject *unused)
{
    struct dispatch *d = of(self);
    PyObject *all = PyDict_New();
    (void)unused;
    for (size_t i = 0; all && i < dispatch_worker_count(d); i++) {
        const struct dispatch_worker *w = dispatch_worker(d, i);
        PyObject *its = counts_of(d, w);
        if (!its || PyDict_SetItemString(all, w->id, its) != 0)
            Py_CLEAR(all);
        Py_XDECREF(its);
    }
    return all;
}

static PyObject *get_users(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(dispatch_user_count(of(self)));
}

static PyMethodDef methods[] = {
    {"add", add, METH_O, "add(worker id)"},
    {"remove", remove_, METH_O, "remove(worker id)"},
    {"spread", spread, METH_NOARGS, "spread(): all users anew over the workers there are"},
    {"lift", lift, METH_NOARGS, "lift() -> how many users were dealt; none is any more"},
    {"aim", aim, METH_VARARGS, "aim(users, rate, class names=all that were)"},
    {"step", step, METH_NOARGS, "step() -> whether another one is due"},
    {"take", take, METH_NOARGS, "take() -> the next user's class, or None"},
    {"place", place, METH_O, "place(class name)"},
    {"counts", counts, METH_NOARGS, "counts() -> {worker id: {class name: users}}"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"users", get_users, NULL, "users that are placed", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static char doc[] =
    "Dispatch([(class name, weight, fixed_count)]): which users run on which worker";

static PyType_Slot slots[] = {
    {Py_tp_new, dispatch_new_object},
    {Py_tp_dealloc, dispatch_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {Py_tp_doc, doc},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "_katydid.Dispatch",
    .basicsize = sizeof(struct py_dispatch),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int py_dispatch_init(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&spec);
    const int rc = type ? PyModule_AddObjectRef(module, "Dispatch", type) : -1;
    Py_XDECREF(type);
    return rc;
}
