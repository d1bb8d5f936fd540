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
#include <string.h>

#define DROPPED_AT_ONCE 100

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

/* The new object around link, which may be NULL: then why (taken) says why. */
static PyObject *wrap(PyTypeObject *type, struct link *link, char *why)
{
    struct py_link *self = link ? (struct py_link *)type->tp_alloc(type, 0) : NULL;
    if (!link)
        PyErr_SetString(PyExc_OSError, why);
    free(why);
    if (self)
        self->link = link;
    else
        link_close(link, 0);
    return (PyObject *)self;
}

static PyObject *link_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"endpoint", "identity", NULL};
    const char *endpoint, *identity;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ss:Link", KEYWORDS(names), &endpoint,
                                     &identity))
        return NULL;
    char *why = NULL;
    struct link *link = link_connect(endpoint, identity, &why);
    return wrap(type, link, why);
}

static PyObject *server_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"endpoint", NULL};
    const char *endpoint;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s:Server", KEYWORDS(names), &endpoint))
        return NULL;
    char *why = NULL;
    struct link *link = link_bind(endpoint, &why);
    return wrap(type, link, why);
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
                        "the other end does not take messages: too many are queued");
    else if (rc == LINK_UNREACHABLE)
        PyErr_SetString(PyExc_ConnectionError, "no such node is connected");
    else
        PyErr_SetString(PyExc_OSError, "the link is broken");
    return NULL;
}

static PyObject *send_to(struct py_link *self, const char *node, PyObject *payload)
{
    Py_buffer view;
    if (!self->link)
        return raise_closed();
    if (PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE) != 0)
        return NULL;
    enum link_rc rc = link_send(self->link, node, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    if (self->is_waiting)
        hub_wake(&self->park);
    if (rc != LINK_OK)
        return send_failure(rc);
    return Py_NewRef(Py_None);
}

static PyObject *link_send_method(PyObject *object, PyObject *payload)
{
    return send_to((struct py_link *)object, NULL, payload);
}

static PyObject *server_send_method(PyObject *object, PyObject *args)
{
    const char *node;
    PyObject *payload;
    if (!PyArg_ParseTuple(args, "sO:send", &node, &payload))
        return NULL;
    return send_to((struct py_link *)object, node, payload);
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

/* The payload; at a server, (node, payload). */
static PyObject *message_from(const struct link_message *m)
{
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)m->bytes, (Py_ssize_t)m->len);
    if (!m->node || !bytes)
        return bytes;
    PyObject *node = PyUnicode_DecodeUTF8(m->node, (Py_ssize_t)strlen(m->node), "surrogateescape");
    return Py_BuildValue("NN", node, bytes);
}

/* Others may run, between messages of nobody's that have no end. -1 with an exception. */
static int take_turns(struct py_link *self)
{
    self->is_waiting = true;
    int rc = hub_sleep(0);
    self->is_waiting = false;
    return rc;
}

static PyObject *recv_loop(struct py_link *self)
{
    for (unsigned dropped = 0; self->link;) {
        struct link_message m;
        enum link_rc rc = link_recv(self->link, &m);
        if (rc == LINK_OK) {
            PyObject *message = message_from(&m);
            link_message_free(&m);
            return message;
        }
        if (rc != LINK_EMPTY && rc != LINK_DROPPED)
            return send_failure(rc);
        bool may_wait = rc == LINK_EMPTY || ++dropped % DROPPED_AT_ONCE == 0;
        if (may_wait && (rc == LINK_EMPTY ? wait_readable(self) : take_turns(self)) != 0)
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

static PyObject *get_trouble(PyObject *object, void *unused)
{
    struct py_link *self = (struct py_link *)object;
    (void)unused;
    const char *trouble = self->link ? link_trouble(self->link) : NULL;
    return trouble ? PyUnicode_FromString(trouble) : Py_NewRef(Py_None);
}

#define WITH_KEYWORDS(f) ((PyCFunction)(void (*)(void))(f))

static PyMethodDef methods[] = {
    {"send", link_send_method, METH_O, "send(bytes)"},
    {"recv", link_recv_method, METH_NOARGS, "recv() -> bytes; parks the calling greenlet"},
    {"close", WITH_KEYWORDS(link_close_method), METH_VARARGS | METH_KEYWORDS, "close(linger_ms=0)"},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef server_methods[] = {
    {"send", server_send_method, METH_VARARGS, "send(node, bytes)"},
    {"recv", link_recv_method, METH_NOARGS, "recv() -> (node, bytes); parks the calling greenlet"},
    {"close", WITH_KEYWORDS(link_close_method), METH_VARARGS | METH_KEYWORDS, "close(linger_ms=0)"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"endpoint", get_endpoint, NULL, "the address, without a key; None once closed", NULL},
    {"trouble", get_trouble, NULL, "why the master does not let us in, or None", NULL},
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

static char server_doc[] = "Server(endpoint): a master's end of the wire";

static PyType_Slot server_slots[] = {
    {Py_tp_new, server_new}, {Py_tp_dealloc, link_dealloc}, {Py_tp_methods, server_methods},
    {Py_tp_getset, getset},  {Py_tp_doc, server_doc},       {0, NULL},
};

static PyType_Spec server_spec = {
    .name = "_katydid.Server",
    .basicsize = sizeof(struct py_link),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = server_slots,
};

static int add(PyObject *module, const char *name, PyType_Spec *from)
{
    PyObject *type = PyType_FromSpec(from);
    int rc = type ? PyModule_AddObjectRef(module, name, type) : -1;
    Py_XDECREF(type);
    return rc;
}

int py_link_init(PyObject *module)
{
    return add(module, "Link", &spec) != 0 ? -1 : add(module, "Server", &server_spec);
}
