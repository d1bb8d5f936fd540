// SPDX-License-Identifier: MIT
/* watcher: what all of gevent's watchers share: start, stop, close and attributes.
 *
 * A started watcher holds a reference to itself, so that libevent never sees a freed one. A
 * callback may stop, close or restart its own watcher. An error in a callback goes to the loop's
 * error handler; an io watcher is then stopped, because it would fail again at once.
 */
#include "worker/py/loop.h"
#include <structmember.h>

static void run_ready(struct ready *r)
{
    watcher_run((struct watcher *)((char *)r - offsetof(struct watcher, ready)));
}

struct watcher *watcher_new(PyTypeObject *type, struct loop *l, enum watcher_kind kind, int is_ref,
                            PyObject *priority)
{
    long level = priority && priority != Py_None ? PyLong_AsLong(priority) : 0;
    if (level == -1 && PyErr_Occurred())
        return NULL;
    if (l->is_destroyed) {
        PyErr_SetString(PyExc_ValueError, "operation on destroyed loop");
        return NULL;
    }
    struct watcher *w = (struct watcher *)type->tp_alloc(type, 0); /* zeroed */
    if (!w)
        return NULL;
    w->loop = (struct loop *)Py_NewRef((PyObject *)l);
    w->kind = kind;
    w->is_ref = is_ref;
    w->priority = (int)level;
    w->ready.run = run_ready;
    return w;
}

static void count_ref(struct watcher *w)
{
    bool counts = w->is_started && w->is_ref;
    if (counts != w->is_counted)
        w->loop->refs += counts ? 1 : -1;
    w->is_counted = counts;
}

static void set_call(struct watcher *w, PyObject *callback, PyObject *args)
{
    Py_INCREF(callback);
    Py_XSETREF(w->callback, callback);
    Py_XSETREF(w->args, args);
}

int watcher_begin(struct watcher *w, PyObject *callback, PyObject *args)
{
    if (!w->loop || w->loop->is_destroyed) {
        Py_DECREF(args);
        PyErr_SetString(PyExc_ValueError, "operation on a closed watcher or destroyed loop");
        return -1;
    }
    if (!PyCallable_Check(callback)) {
        Py_DECREF(args);
        PyErr_Format(PyExc_TypeError, "Expected callable, not %R", callback);
        return -1;
    }
    set_call(w, callback, args);
    if (!watcher_is_armed(w) && watcher_arm(w)) {
        watcher_end(w);
        return -1;
    }
    if (!w->is_started) {
        w->is_started = true;
        Py_INCREF(w);
        count_ref(w);
    }
    return 0;
}

void watcher_end(struct watcher *w)
{
    bool was_started = w->is_started;
    if (was_started) {
        if (w->loop->base)
            watcher_disarm(w);
        ready_remove(&w->ready);
        w->is_started = false;
        count_ref(w);
    }
    Py_CLEAR(w->callback);
    Py_CLEAR(w->args);
    if (was_started)
        Py_DECREF(w);
}

static PyObject *call(struct watcher *w)
{
    PyObject *func = Py_NewRef(w->callback ? w->callback : Py_None);
    PyObject *args = Py_XNewRef(w->args);
    if (w->wants_events) {
        PyObject *first = Py_BuildValue("(i)", w->revents); /* new */
        Py_XSETREF(args, first ? PySequence_Concat(first, args) : NULL);
        Py_XDECREF(first);
    } else if (!args) {
        args = PyTuple_New(0);
    }
    w->revents = 0;
    PyObject *result = args ? PyObject_Call(func, args, NULL) : NULL;
    Py_XDECREF(args);
    Py_DECREF(func);
    return result;
}

void watcher_run(struct watcher *w)
{
    struct loop *l = w->loop; /* the run keeps both alive */
    Py_INCREF(l);
    Py_INCREF(w);
    PyObject *result = call(w);
    if (!result) {
        loop_handle_error(l, (PyObject *)w);
        if (w->kind == WATCH_IO)
            watcher_end(w);
    }
    Py_XDECREF(result);
    if (w->is_started && w->is_always)
        ready_add(l->queue, &w->ready);
    if (w->is_started && w->kind == WATCH_TIMER && !watcher_is_armed(w))
        watcher_end(w);
    Py_DECREF(w);
    Py_DECREF(l);
}

int watcher_check_idle(struct watcher *w)
{
    if (!w->is_started)
        return 0;
    PyErr_SetString(PyExc_AttributeError, "cannot change this while the watcher is active");
    return -1;
}

/* ---- methods -------------------------------------------------------------------------------- */

static int take_keywords(struct watcher *w, PyObject *const *values, PyObject *names)
{
    w->wants_events = false;
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (PyUnicode_CompareWithASCIIString(name, "pass_events") == 0) {
            int yes = PyObject_IsTrue(values[i]);
            if (yes < 0)
                return -1;
            w->wants_events = yes && w->kind == WATCH_IO;
        } else if (PyUnicode_CompareWithASCIIString(name, "update") != 0) {
            PyErr_Format(PyExc_TypeError, "start() got an unexpected keyword argument %R", name);
            return -1;
        }
    }
    return 0;
}

static PyObject *watcher_start(PyObject *self, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    if (n < 1 || args[0] == Py_None) {
        PyErr_SetString(PyExc_TypeError, "callback must be callable, not None");
        return NULL;
    }
    if (take_keywords((struct watcher *)self, args + n, names))
        return NULL;
    PyObject *tuple = PyTuple_New(n - 1); /* new */
    for (Py_ssize_t i = 1; tuple && i < n; i++)
        PyTuple_SET_ITEM(tuple, i - 1, Py_NewRef(args[i]));
    if (!tuple || watcher_begin((struct watcher *)self, args[0], tuple))
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *watcher_stop(PyObject *self, PyObject *none)
{
    (void)none;
    watcher_end((struct watcher *)self);
    Py_RETURN_NONE;
}

static PyObject *watcher_close(PyObject *self, PyObject *none)
{
    (void)none;
    Py_INCREF(self);
    watcher_end((struct watcher *)self);
    Py_CLEAR(((struct watcher *)self)->loop);
    Py_DECREF(self);
    Py_RETURN_NONE;
}

static PyObject *watcher_enter(PyObject *self, PyObject *none)
{
    (void)none;
    return Py_NewRef(self);
}

static PyObject *watcher_exit(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)args, (void)n;
    return watcher_close(self, NULL);
}

static PyObject *get_active(PyObject *self, void *closure)
{
    (void)closure;
    struct watcher *w = (struct watcher *)self;
    return PyBool_FromLong(w->is_started && w->loop->base && watcher_is_armed(w));
}

static PyObject *get_pending(PyObject *self, void *closure)
{
    (void)closure;
    struct watcher *w = (struct watcher *)self;
    return PyBool_FromLong(w->ready.is_queued || w->is_sent);
}

static PyObject *get_ref(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((struct watcher *)self)->is_ref);
}

static int set_ref(PyObject *self, PyObject *value, void *closure)
{
    (void)closure;
    int yes = value ? PyObject_IsTrue(value) : -1;
    if (yes < 0)
        return -1;
    ((struct watcher *)self)->is_ref = yes;
    count_ref((struct watcher *)self);
    return 0;
}

static PyObject *get_priority(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromLong(((struct watcher *)self)->priority);
}

static int set_priority(PyObject *self, PyObject *value, void *closure)
{
    (void)closure;
    if (!value || watcher_check_idle((struct watcher *)self))
        return -1;
    long level = PyLong_AsLong(value);
    if (level == -1 && PyErr_Occurred())
        return -1;
    ((struct watcher *)self)->priority = (int)level;
    return 0;
}

static PyObject *get_callback(PyObject *self, void *closure)
{
    (void)closure;
    PyObject *callback = ((struct watcher *)self)->callback;
    return Py_NewRef(callback ? callback : Py_None);
}

static int set_callback(PyObject *self, PyObject *value, void *closure)
{
    (void)closure;
    if (value && value != Py_None && !PyCallable_Check(value)) {
        PyErr_Format(PyExc_TypeError, "Expected callable, not %R", value);
        return -1;
    }
    Py_XSETREF(((struct watcher *)self)->callback, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyObject *get_args(PyObject *self, void *closure)
{
    (void)closure;
    PyObject *args = ((struct watcher *)self)->args;
    return Py_NewRef(args ? args : Py_None);
}

static int set_args(PyObject *self, PyObject *value, void *closure)
{
    (void)closure;
    if (value && value != Py_None && !PyTuple_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "args must be a tuple or None");
        return -1;
    }
    Py_XSETREF(((struct watcher *)self)->args, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyObject *watcher_repr(PyObject *self)
{
    struct watcher *w = (struct watcher *)self;
    const char *state = w->is_started ? " active" : w->loop ? "" : " closed";
    if (Py_ReprEnter(self))
        return PyUnicode_FromFormat("<%s at %p>", Py_TYPE(self)->tp_name, self);
    PyObject *text = PyUnicode_FromFormat(
        "<%s at %p%s fd=%d callback=%R args=%R ref=%s>", Py_TYPE(self)->tp_name, self, state, w->fd,
        w->callback ? w->callback : Py_None, w->args ? w->args : Py_None,
        w->is_ref ? "True" : "False");
    Py_ReprLeave(self);
    return text;
}

static int watcher_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct watcher *w = (struct watcher *)self;
    Py_VISIT(w->loop);
    Py_VISIT(w->callback);
    Py_VISIT(w->args);
    return 0;
}

static int watcher_clear(PyObject *self)
{
    struct watcher *w = (struct watcher *)self;
    Py_CLEAR(w->callback);
    Py_CLEAR(w->args);
    Py_CLEAR(w->loop);
    return 0;
}

static void watcher_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    watcher_clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef methods[] = {
    {"start", (PyCFunction)(void (*)(void))watcher_start, METH_FASTCALL | METH_KEYWORDS,
     "start(callback, *args): call it when the event comes"},
    {"stop", watcher_stop, METH_NOARGS, "stop watching; no call comes after this"},
    {"close", watcher_close, METH_NOARGS, "stop for good"},
    {"__enter__", watcher_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))watcher_exit, METH_FASTCALL, NULL},
    {0},
};

static PyMemberDef members[] = {
    {"loop", T_OBJECT, offsetof(struct watcher, loop), READONLY, NULL},
    {0},
};

static PyGetSetDef getset[] = {
    {"active", get_active, NULL, NULL, NULL},
    {"pending", get_pending, NULL, NULL, NULL},
    {"ref", get_ref, set_ref, NULL, NULL},
    {"priority", get_priority, set_priority, NULL, NULL},
    {"callback", get_callback, set_callback, NULL, NULL},
    {"args", get_args, set_args, NULL, NULL},
    {0},
};

PyTypeObject watcher_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.watcher",
    .tp_basicsize = sizeof(struct watcher),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
                Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_dealloc = watcher_dealloc,
    .tp_traverse = watcher_traverse,
    .tp_clear = watcher_clear,
    .tp_repr = watcher_repr,
    .tp_methods = methods,
    .tp_members = members,
    .tp_getset = getset,
};
