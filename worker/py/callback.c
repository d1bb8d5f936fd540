// SPDX-License-Identifier: MIT
/* callback: what loop.run_callback returns, and the queue of them. As in gevent: `pending` until it
 * starts to run, true until it has run, stop() takes it back.
 */
#include "worker/py/loop.h"
#include "common/base/clk.h"
#include <structmember.h>

enum { CHECK_EVERY = 50, MAX_NS = 5 * 1000 * 1000 };

struct callback {
    PyObject_HEAD PyObject *callback, *args;
    struct callback *next;
};

static int callback_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct callback *c = (struct callback *)self;
    Py_VISIT(c->callback);
    Py_VISIT(c->args);
    return 0;
}

static int callback_clear(PyObject *self)
{
    struct callback *c = (struct callback *)self;
    Py_CLEAR(c->callback);
    Py_CLEAR(c->args);
    return 0;
}

static void callback_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    callback_clear(self);
    PyObject_GC_Del(self);
}

static PyObject *callback_stop(PyObject *self, PyObject *none)
{
    (void)none;
    callback_clear(self);
    Py_RETURN_NONE;
}

static PyObject *callback_pending(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((struct callback *)self)->callback != NULL);
}

static int callback_bool(PyObject *self)
{
    return ((struct callback *)self)->args != NULL;
}

static PyObject *callback_repr(PyObject *self)
{
    struct callback *c = (struct callback *)self;
    if (!c->args)
        return PyUnicode_FromFormat("<callback at %p stopped>", self);
    return PyUnicode_FromFormat("<callback at %p%s callback=%R args=%R>", self,
                                c->callback ? " pending" : "", c->callback ? c->callback : Py_None,
                                c->args);
}

static PyMethodDef callback_methods[] = {
    {"stop", callback_stop, METH_NOARGS, "take it back, if it did not run yet"},
    {"close", callback_stop, METH_NOARGS, "the same as stop"},
    {0},
};

static PyMemberDef callback_members[] = {
    {"callback", T_OBJECT, offsetof(struct callback, callback), 0, NULL},
    {"args", T_OBJECT, offsetof(struct callback, args), 0, NULL},
    {0},
};

static PyGetSetDef callback_getset[] = {
    {"pending", callback_pending, NULL, "whether it is still to be started", NULL},
    {0},
};

static PyNumberMethods callback_number = {.nb_bool = callback_bool};

PyTypeObject callback_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.callback",
    .tp_basicsize = sizeof(struct callback),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = callback_dealloc,
    .tp_traverse = callback_traverse,
    .tp_clear = callback_clear,
    .tp_repr = callback_repr,
    .tp_as_number = &callback_number,
    .tp_methods = callback_methods,
    .tp_members = callback_members,
    .tp_getset = callback_getset,
};

static PyObject *tuple_of(PyObject *const *items, Py_ssize_t n)
{
    PyObject *tuple = PyTuple_New(n);
    for (Py_ssize_t i = 0; tuple && i < n; i++)
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(items[i]));
    return tuple;
}

PyObject *callback_add(struct loop *l, PyObject *func, PyObject *const *args, Py_ssize_t n)
{
    if (l->is_destroyed) {
        PyErr_SetString(PyExc_ValueError, "operation on destroyed loop");
        return NULL;
    }
    if (!PyCallable_Check(func))
        return PyErr_Format(PyExc_TypeError, "Expected callable, not %R", func);
    PyObject *tuple = tuple_of(args, n);
    struct callback *c = tuple ? PyObject_GC_New(struct callback, &callback_type) : NULL;
    if (!c) {
        Py_XDECREF(tuple);
        return NULL;
    }
    c->callback = Py_NewRef(func);
    c->args = tuple;
    c->next = NULL;
    PyObject_GC_Track((PyObject *)c);
    *l->last = c; /* the queue's reference */
    l->last = &c->next;
    l->callback_count++;
    if (!loop_is_here(l))
        loop_wake(l);
    return Py_NewRef((PyObject *)c);
}

static struct callback *callback_take(struct loop *l)
{
    struct callback *c = l->first;
    if (!c)
        return NULL;
    l->first = c->next;
    if (!l->first)
        l->last = &l->first;
    l->callback_count--;
    return c;
}

static void callback_run(struct loop *l, struct callback *c)
{
    PyObject *func = c->callback;
    c->callback = NULL;
    if (func && c->args) {
        PyObject *args = Py_NewRef(c->args); /* stop() may come from inside */
        PyObject *result = PyObject_Call(func, args, NULL);
        if (!result)
            loop_handle_error(l, (PyObject *)c);
        Py_XDECREF(result);
        Py_DECREF(args);
    }
    Py_XDECREF(func);
    Py_CLEAR(c->args);
}

void callback_run_all(struct loop *l)
{
    uint64_t end = 0;
    unsigned count = 0;
    for (struct callback *c; (c = callback_take(l)) != NULL;) {
        if (l->is_default)
            atomic_fetch_add_explicit(&loop_pulse.count, 1, memory_order_relaxed);
        callback_run(l, c);
        Py_DECREF(c);
        if (++count % CHECK_EVERY)
            continue;
        uint64_t now = clk_mono_ns();
        if (end == 0)
            end = now + MAX_NS;
        else if (now >= end)
            break;
    }
}

void callback_drop_all(struct loop *l)
{
    for (struct callback *c; (c = callback_take(l)) != NULL;) {
        callback_clear((PyObject *)c);
        Py_DECREF(c);
    }
}
