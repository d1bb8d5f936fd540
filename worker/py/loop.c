// SPDX-License-Identifier: MIT
/* loop: the turn, and gevent's loop object around it.
 *
 * turn: callbacks · prepare · poll (GIL released, as long as nothing is ready) · check · what other
 * threads sent · the ready list, at most READY_BATCH entries or READY_NS, so that a flood of ready
 * users cannot keep the sockets waiting; the rest comes after a poll that does not wait.
 */
#include "worker/py/loop.h"
#include "worker/py/py_mod.h"
#include "common/base/clk.h"
#include <event2/event.h>
#include <structmember.h>
#include <stdlib.h>

enum { READY_BATCH = 256, READY_CHECK_EVERY = 16, READY_NS = 5 * 1000 * 1000 };

struct pulse loop_pulse = {.is_polling = true};
static struct loop *main_loop;
static PyObject *hub_destroyed; /* gevent.exceptions.HubDestroyed; NULL until first needed */

struct loop *loop_main(void)
{
    return main_loop;
}

bool loop_is_here(const struct loop *l)
{
    return PyThread_get_thread_ident() == l->thread;
}

static int check_alive(const struct loop *l)
{
    if (!l->is_destroyed)
        return 0;
    PyErr_SetString(PyExc_ValueError, "operation on destroyed loop");
    return -1;
}

/* ---- errors --------------------------------------------------------------------------------- */

static bool is_hub_destroyed(PyObject *type)
{
    if (!hub_destroyed) {
        PyObject *module = PyImport_ImportModule("gevent.exceptions"); /* new */
        hub_destroyed = module ? PyObject_GetAttrString(module, "HubDestroyed") : NULL;
        Py_XDECREF(module);
        PyErr_Clear();
    }
    return hub_destroyed && PyErr_GivenExceptionMatches(type, hub_destroyed);
}

static PyObject *call_handler(struct loop *l, PyObject *const *info)
{
    PyObject *method = PyObject_GetAttrString(l->error_handler, "handle_error"); /* new */
    if (!method) {
        PyErr_Clear();
        method = Py_NewRef(l->error_handler);
    }
    PyObject *result = PyObject_Vectorcall(method, info, 4, NULL);
    Py_DECREF(method);
    return result;
}

static PyObject *print_exception(PyObject *const *info)
{
    PyObject *module = PyImport_ImportModule("traceback"); /* new */
    PyObject *func = module ? PyObject_GetAttrString(module, "print_exception") : NULL;
    PyObject *result = func ? PyObject_Vectorcall(func, info + 1, 3, NULL) : NULL;
    Py_XDECREF(func);
    Py_XDECREF(module);
    return result;
}

void loop_handle_error(struct loop *l, PyObject *context)
{
    PyObject *type, *value, *tb;
    PyErr_Fetch(&type, &value, &tb);
    PyErr_NormalizeException(&type, &value, &tb);
    if (tb)
        PyException_SetTraceback(value, tb);
    PyObject *info[] = {context ? context : Py_None, type, value, tb ? tb : Py_None};
    if (l->error_handler && !is_hub_destroyed(type)) {
        PyObject *result = call_handler(l, info);
        if (!result && PyErr_ExceptionMatches(hub_destroyed ? hub_destroyed : PyExc_SystemError)) {
            PyErr_Clear();
            l->is_broken = true;
        } else if (!result) {
            PyErr_WriteUnraisable(context);
        }
        Py_XDECREF(result);
    } else {
        if (is_hub_destroyed(type))
            callback_drop_all(l);
        else
            Py_XDECREF(print_exception(info));
        PyErr_Clear();
        l->is_broken = true;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(tb);
}

/* ---- the turn ------------------------------------------------------------------------------- */

static void set_polling(const struct loop *l, bool is_polling)
{
    if (l->is_default)
        atomic_store_explicit(&loop_pulse.is_polling, is_polling, memory_order_relaxed);
}

static void poll_events(struct loop *l, bool may_wait)
{
    int flags = EVLOOP_ONCE | (may_wait ? 0 : EVLOOP_NONBLOCK);
    const uint64_t began_ns = clk_mono_ns();
    set_polling(l, true);
    PyThreadState *state = PyEval_SaveThread();
    if (may_wait && l->before_wait)
        l->before_wait();
    do
        event_base_loop(l->base, flags);
    while (may_wait && ready_list_empty(l->queue) && !atomic_load(&l->is_woken));
    PyEval_RestoreThread(state);
    set_polling(l, false);
    l->is_broken_off = event_base_got_break(l->base);
    if (l->is_default && !l->is_broken_off)
        hub_polled_ns = began_ns;
    atomic_store(&l->is_woken, false);
    l->turns++;
}

static bool is_late(struct loop *l)
{
    const uint64_t now = clk_mono_ns();
    if (l->ready_until_ns == 0)
        l->ready_until_ns = now + READY_NS;
    return now >= l->ready_until_ns;
}

bool loop_takes_one(struct loop *l)
{
    if (l->ready_left == 0 || l->is_broken)
        return false;
    if (--l->ready_left % READY_CHECK_EVERY == 0 && is_late(l))
        return false;
    if (l->is_default)
        atomic_store_explicit(&loop_pulse.count, loop_pulse.count + 1, memory_order_relaxed);
    return true;
}

/* Users that park take the next one themselves (hub.c), so that one call here may be many. */
static void run_ready(struct loop *l)
{
    l->ready_left = READY_BATCH;
    l->ready_until_ns = 0;
    while (!ready_list_empty(l->queue) && loop_takes_one(l)) {
        struct ready *r = ready_take(l->queue);
        r->run(r);
    }
    l->ready_left = 0;
}

static bool goes_on(const struct loop *l)
{
    return l->refs > 0 || l->callback_count > 0 || (l->is_default && hub_parked() > 0);
}

static bool must_not_wait(const struct loop *l)
{
    return l->callback_count > 0 || l->sent || l->is_broken_off || !ready_list_empty(l->queue) ||
           !goes_on(l);
}

static bool has_idle(const struct loop *l)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(l->aux); i++)
        if (((struct watcher *)PyList_GET_ITEM(l->aux, i))->kind == WATCH_IDLE)
            return true;
    return false;
}

static void turn(struct loop *l, bool may_wait)
{
    callback_run_all(l);
    loop_run_aux(l, WATCH_PREPARE);
    if (l->is_broken || l->is_destroyed)
        return;
    bool is_idle = has_idle(l);
    poll_events(l, may_wait && !is_idle && !must_not_wait(l));
    if (PyErr_CheckSignals())
        loop_handle_error(l, NULL);
    loop_run_aux(l, WATCH_CHECK);
    is_idle = is_idle && ready_list_empty(l->queue) && l->callback_count == 0 && !l->sent;
    loop_run_sent(l);
    run_ready(l);
    if (is_idle)
        loop_run_aux(l, WATCH_IDLE);
}

static PyObject *loop_run(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"nowait", "once", NULL};
    struct loop *l = (struct loop *)self;
    int nowait = 0, once = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|pp:run", py_names(names), &nowait, &once) ||
        check_alive(l))
        return NULL;
    l->is_broken = false;
    l->thread = PyThread_get_thread_ident();
    set_polling(l, false);
    do
        turn(l, !nowait);
    while (!nowait && !once && !l->is_broken && !l->is_destroyed && goes_on(l));
    set_polling(l, true);
    Py_RETURN_NONE;
}

/* ---- methods -------------------------------------------------------------------------------- */

static PyObject *loop_run_callback(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    if (n < 1)
        return PyErr_Format(PyExc_TypeError, "run_callback() needs a function");
    return callback_add((struct loop *)self, args[0], args + 1, n - 1);
}

static PyObject *loop_now(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    return PyFloat_FromDouble(clk_steady());
}

static PyObject *loop_nothing(PyObject *self, PyObject *none)
{
    (void)self, (void)none;
    Py_RETURN_NONE;
}

static PyObject *loop_ref(PyObject *self, PyObject *none)
{
    (void)none;
    ((struct loop *)self)->refs++;
    Py_RETURN_NONE;
}

static PyObject *loop_unref(PyObject *self, PyObject *none)
{
    (void)none;
    ((struct loop *)self)->refs--;
    Py_RETURN_NONE;
}

static PyObject *loop_break(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)args, (void)n;
    ((struct loop *)self)->is_broken = true;
    Py_RETURN_NONE;
}

/* So that who waits for it wakes up before gevent closes it. */
static PyObject *loop_closing_fd(PyObject *self, PyObject *fd)
{
    long number = PyLong_AsLong(fd);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    return PyBool_FromLong(number >= 0 && watcher_feed_fd((struct loop *)self, (int)number));
}

/* In the child of a fork. */
static PyObject *loop_reinit(PyObject *self, PyObject *none)
{
    (void)none;
    struct loop *l = (struct loop *)self;
    if (check_alive(l))
        return NULL;
    loop_wake_close(l);
    if (event_reinit(l->base))
        return PyErr_SetFromErrno(PyExc_OSError);
    l->thread = PyThread_get_thread_ident();
    if (loop_wake_open(l))
        return NULL;
    loop_run_aux(l, WATCH_FORK);
    Py_RETURN_NONE;
}

static PyObject *loop_handle(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    if (n != 4)
        return PyErr_Format(PyExc_TypeError, "handle_error(context, type, value, tb)");
    PyErr_Restore(Py_NewRef(args[1]), Py_NewRef(args[2]),
                  args[3] == Py_None ? NULL : Py_NewRef(args[3]));
    loop_handle_error((struct loop *)self, args[0] == Py_None ? NULL : args[0]);
    Py_RETURN_NONE;
}

static void destroy(struct loop *l)
{
    if (l->is_destroyed)
        return;
    callback_drop_all(l);
    l->is_destroyed = l->is_broken = true;
    loop_wake_close(l);
    if (main_loop == l)
        main_loop = NULL;
    if (!l->is_default && l->base)
        event_base_free(l->base);
    if (!l->is_default)
        l->base = NULL;
    free(l->io_by_fd);
    l->io_by_fd = NULL;
    l->io_fds = 0;
}

static PyObject *loop_destroy(PyObject *self, PyObject *none)
{
    (void)none;
    bool was_alive = !((struct loop *)self)->is_destroyed;
    destroy((struct loop *)self);
    return was_alive ? Py_NewRef(Py_True) : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"run", (PyCFunction)(void (*)(void))loop_run, METH_VARARGS | METH_KEYWORDS,
     "run(nowait=False, once=False): until nothing referenced is left"},
    {"run_callback", (PyCFunction)(void (*)(void))loop_run_callback, METH_FASTCALL,
     "run_callback(func, *args): call it before the next poll"},
    {"run_callback_threadsafe", (PyCFunction)(void (*)(void))loop_run_callback, METH_FASTCALL,
     "the same, from any thread"},
    {"now", loop_now, METH_NOARGS, NULL},
    {"update_now", loop_nothing, METH_NOARGS, NULL},
    {"update", loop_nothing, METH_NOARGS, NULL},
    {"verify", loop_nothing, METH_NOARGS, NULL},
    {"ref", loop_ref, METH_NOARGS, NULL},
    {"unref", loop_unref, METH_NOARGS, NULL},
    {"break_", (PyCFunction)(void (*)(void))loop_break, METH_FASTCALL, NULL},
    {"closing_fd", loop_closing_fd, METH_O, NULL},
    {"reinit", loop_reinit, METH_NOARGS, NULL},
    {"handle_error", (PyCFunction)(void (*)(void))loop_handle, METH_FASTCALL, NULL},
    {"destroy", loop_destroy, METH_NOARGS, NULL},
    {0},
};

static PyObject *get_ptr(PyObject *self, void *closure)
{
    (void)closure;
    struct loop *l = (struct loop *)self;
    return l->is_destroyed ? Py_NewRef(Py_None) : PyLong_FromVoidPtr(l->base);
}

static PyObject *get_default(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((struct loop *)self)->is_default &&
                           !((struct loop *)self)->is_destroyed);
}

static PyObject *get_active(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSsize_t(((struct loop *)self)->refs);
}

static PyObject *get_pending(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromSsize_t(((struct loop *)self)->callback_count);
}

static PyGetSetDef getset[] = {
    {"ptr", get_ptr, NULL, NULL, NULL},
    {"default", get_default, NULL, NULL, NULL},
    {"activecnt", get_active, NULL, NULL, NULL},
    {"pendingcnt", get_pending, NULL, NULL, NULL},
    {0},
};

static PyMemberDef members[] = {
    {"error_handler", T_OBJECT, offsetof(struct loop, error_handler), 0, NULL},
    {"iteration", T_ULONGLONG, offsetof(struct loop, turns), READONLY, NULL},
    {0},
};

static int loop_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"flags", "default", NULL};
    struct loop *l = (struct loop *)self;
    PyObject *flags = Py_None, *wants_default = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:Loop", py_names(names), &flags,
                                     &wants_default))
        return -1;
    int is_default = wants_default == Py_None ? 1 : PyObject_IsTrue(wants_default);
    if (is_default < 0)
        return -1;
    l->thread = PyThread_get_thread_ident();
    l->is_default = is_default && hub_is_here();
    l->queue = l->is_default ? hub_queue() : &l->own_queue;
    l->base = l->is_default ? hub_base() : hub_base_new();
    if (!l->base) {
        PyErr_SetString(PyExc_OSError, "cannot create an event loop");
        return -1;
    }
    if (loop_wake_open(l))
        return -1;
    if (l->is_default && !main_loop)
        main_loop = l;
    l->is_destroyed = false;
    return 0;
}

static PyObject *loop_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args, (void)kwargs;
    struct loop *l = (struct loop *)type->tp_alloc(type, 0);
    if (!l)
        return NULL;
    l->last = &l->first;
    l->wake_fd = -1;
    l->is_destroyed = true; /* until it is initialised */
    ready_list_init(&l->own_queue);
    l->aux = PyList_New(0);
    if (!l->aux)
        Py_CLEAR(l);
    return (PyObject *)l;
}

static int loop_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((struct loop *)self)->error_handler);
    Py_VISIT(((struct loop *)self)->aux);
    return 0;
}

static int loop_clear(PyObject *self)
{
    Py_CLEAR(((struct loop *)self)->error_handler);
    return 0;
}

static void loop_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    destroy((struct loop *)self);
    loop_clear(self);
    Py_CLEAR(((struct loop *)self)->aux);
    Py_TYPE(self)->tp_free(self);
}

PyTypeObject loop_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.Loop",
    .tp_basicsize = sizeof(struct loop),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE,
    .tp_new = loop_new,
    .tp_init = loop_init,
    .tp_dealloc = loop_dealloc,
    .tp_traverse = loop_traverse,
    .tp_clear = loop_clear,
    .tp_methods = methods,
    .tp_getset = getset,
    .tp_members = members,
};

static int add_makers(void)
{
    for (PyMethodDef *m = watcher_makers; m->ml_name; m++) {
        PyObject *descr = PyDescr_NewMethod(&loop_type, m); /* new */
        if (!descr || PyDict_SetItemString(loop_type.tp_dict, m->ml_name, descr)) {
            Py_XDECREF(descr);
            return -1;
        }
        Py_DECREF(descr);
    }
    PyType_Modified(&loop_type);
    return 0;
}

int py_loop_init(PyObject *module)
{
    if (watcher_types_init(module) || PyModule_AddType(module, &callback_type) ||
        PyModule_AddType(module, &loop_type))
        return -1;
    return add_makers();
}
