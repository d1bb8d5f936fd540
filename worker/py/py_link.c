// SPDX-License-Identifier: MIT
/* ZeroMQ's descriptor says "look again", not "there is a message", and any call on the socket may
 * take that signal away. So recv drains before it parks, watches the descriptor only while it is
 * parked (a signal that nobody takes would spin the loop), and every send wakes a parked recv for
 * another look. */
#include "worker/py/py_link.h"

#include "common/wire/link.h"
#include "worker/py/hub.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

/* CPython 3.11 wants char **, and does not write to it. */
#define KEYWORDS(names) ((char **)(uintptr_t)(names))

struct py_link {
    PyObject_HEAD struct link *link; /* owned; NULL once closed */
    struct event *readable;          /* owned; made by the first recv that has to wait */
    struct park park;
    bool is_waiting;
};

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct py_link *self = arg;
    (void)fd;
    (void)what;
    hub_wake(&self->park);
}

static PyObject *raise_closed(void)
{
    PyErr_SetString(PyExc_OSError, "the link is closed");
    return NULL;
}

static PyObject *link_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"endpoint", "identity", NULL};
    const char *endpoint, *identity;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ss:Link", KEYWORDS(names), &endpoint,
                                     &identity))
        return NULL;
    struct py_link *self = (struct py_link *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    char *why = NULL;
    self->link = link_connect(endpoint, identity, &why);
    if (!self->link) {
        PyErr_SetString(PyExc_OSError, why);
        free(why);
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static void shut(struct py_link *self, int linger_ms)
{
    struct link *link = self->link;
    self->link = NULL;
    if (self->readable)
        event_free(self->readable);
    self->readable = NULL;
    if (self->is_waiting)
        hub_wake(&self->park);
    Py_BEGIN_ALLOW_THREADS;
    link_close(link, linger_ms);
    Py_END_ALLOW_THREADS;
}

static void link_dealloc(PyObject *object)
{
    struct py_link *self = (struct py_link *)object;
    PyTypeObject *type = Py_TYPE(object);
    shut(self, 0);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyObject *link_close_method(PyObject *object, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"linger_ms", NULL};
    int linger_ms = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|i:close", KEYWORDS(names), &linger_ms))
        return NULL;
    shut((struct py_link *)object, linger_ms);
    return Py_NewRef(Py_None);
}

static PyObject *send_failure(enum link_rc rc)
{
    if (rc == LINK_FULL)
        PyErr_SetString(PyExc_BlockingIOError,
                        "the master does not take messages: too many are queued");
    else
        PyErr_SetString(PyExc_OSError, "the link to the master is broken");
    return NULL;
}

static PyObject *link_send_method(PyObject *object, PyObject *payload)
{
    struct py_link *self = (struct py_link *)object;
    Py_buffer view;
    if (!self->link)
        return raise_closed();
    if (PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE) != 0)
        return NULL;
    enum link_rc rc = link_send(self->link, NULL, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    if (self->is_waiting)
        hub_wake(&self->park);
    if (rc != LINK_OK)
        return send_failure(rc);
    return Py_NewRef(Py_None);
}

/* Parks until there may be something to read. -1 with an exception. */
static int wait_readable(struct py_link *self)
{
    struct event_base *base = hub_base();
    if (!self->readable && base)
        self->readable = event_new(base, link_fd(self->link), EV_READ, on_readable, self);
    if (!self->readable || event_add(self->readable, NULL) != 0) {
        PyErr_SetString(PyExc_RuntimeError, "recv needs the event loop, and there is none");
        return -1;
    }
    self->is_waiting = true;
    int rc = hub_park(&self->park);
    self->is_waiting = false;
    if (self->readable)
        event_del(self->readable);
    return rc;
}

static PyObject *recv_loop(struct py_link *self)
{
    while (self->link) {
        struct link_message m;
        enum link_rc rc = link_recv(self->link, &m);
        if (rc == LINK_OK) {
            PyObject *bytes = PyBytes_FromStringAndSize((const char *)m.bytes, (Py_ssize_t)m.len);
            link_message_free(&m);
            return bytes;
        }
        if (rc != LINK_EMPTY)
            return send_failure(rc);
        if (wait_readable(self) != 0)
            return NULL;
    }
    return raise_closed();
}

static PyObject *link_recv_method(PyObject *object, PyObject *unused)
{
    struct py_link *self = (struct py_link *)object;
    (void)unused;
    if (self->is_waiting) {
        PyErr_SetString(PyExc_RuntimeError, "another greenlet already waits in recv");
        return NULL;
    }
    Py_INCREF(self); /* the callback must find it, whatever the caller lets go */
    PyObject *bytes = recv_loop(self);
    Py_DECREF(self);
    return bytes;
}

static PyObject *get_endpoint(PyObject *object, void *unused)
{
    struct py_link *self = (struct py_link *)object;
    (void)unused;
    return self->link ? PyUnicode_FromString(link_endpoint(self->link)) : Py_NewRef(Py_None);
}

#define WITH_KEYWORDS(f) ((PyCFunction)(void (*)(void))(f))

static PyMethodDef methods[] = {
    {"send", link_send_method, METH_O, "send(bytes)"},
    {"recv", link_recv_method, METH_NOARGS, "recv() -> bytes; parks the calling greenlet"},
    {"close", WITH_KEYWORDS(link_close_method), METH_VARARGS | METH_KEYWORDS, "close(linger_ms=0)"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"endpoint", get_endpoint, NULL, "the address, None once closed", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static char doc[] = "Link(endpoint, identity): the wire to a master";

static PyType_Slot slots[] = {
    {Py_tp_new, link_new},    {Py_tp_dealloc, link_dealloc},
    {Py_tp_methods, methods}, {Py_tp_getset, getset},
    {Py_tp_doc, doc},         {0, NULL},
};

static PyType_Spec spec = {
    .name = "_katydid.Link",
    .basicsize = sizeof(struct py_link),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int py_link_init(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&spec);
    int rc = type ? PyModule_AddObjectRef(module, "Link", type) : -1;
    Py_XDECREF(type);
    return rc;
}
