// SPDX-License-Identifier: MIT
#define PY_SSIZE_T_CLEAN
#include "worker/py/py_websocket.h"

#include <stddef.h>
#include <string.h>
#include <structmember.h>

#include "common/base/clk.h"
#include "worker/proto/upgrade.h"
#include "worker/py/py_client_response.h"
#include "worker/py/py_mod.h"
#include "worker/py/ready.h"

static int send_object(struct websocket *s, PyObject *data, int opcode, bool is_last)
{
    Py_buffer view;
    const char *bytes = NULL;
    size_t len = 0;
    bool is_text = false;
    if (websocket_bytes(data, &view, &bytes, &len, &is_text) < 0)
        return -1;
    if (opcode < 0)
        opcode = is_text || s->sends_bytes_as_text ? WS_TEXT : WS_BINARY;
    const int rc = websocket_send(s, (enum ws_opcode)opcode, is_last, bytes, len);
    PyBuffer_Release(&view);
    return rc;
}

static PyObject *send_data(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 1)
        return PyErr_Format(PyExc_TypeError, "one message is sent at a time");
    return send_object((struct websocket *)self, args[0], -1, true) < 0 ? NULL : Py_NewRef(Py_None);
}

/* _send_frame(data, opcode, is_last) */
static PyObject *send_frame(PyObject *self, PyObject *args)
{
    PyObject *data;
    int opcode, is_last;
    if (!PyArg_ParseTuple(args, "Oip", &data, &opcode, &is_last))
        return NULL;
    if (opcode < 0 || opcode > WS_PONG || (opcode > WS_BINARY && opcode < WS_PING))
        return PyErr_Format(PyExc_ValueError, "no opcode that can be sent: %d", opcode);
    return send_object((struct websocket *)self, data, opcode, is_last) < 0 ? NULL
                                                                            : Py_NewRef(Py_None);
}

/* _ping(data) */
static PyObject *ping(PyObject *self, PyObject *data)
{
    struct websocket *s = (struct websocket *)self;
    Py_buffer view;
    const char *bytes = NULL;
    size_t len = 0;
    bool is_text = false;
    if (websocket_bytes(data, &view, &bytes, &len, &is_text) < 0)
        return NULL;
    int rc = 0;
    if (len > WS_CONTROL_MAX)
        PyErr_Format(PyExc_ValueError, "a ping has at most %u bytes", WS_CONTROL_MAX), rc = -1;
    else if (!s->ws || ws_ping(s->ws, bytes, len) == WS_UNSENT)
        rc = websocket_raise_end(s);
    PyBuffer_Release(&view);
    return rc < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- receiving ------------------------------------------------------------------------------ */

/* _take(timeout) → (opcode, bytes), also of control frames that are shown, and of the close. */
static PyObject *take(PyObject *self, PyObject *timeout)
{
    double seconds;
    if (websocket_seconds(timeout, &seconds) < 0)
        return NULL;
    struct ws_message *m = websocket_next((struct websocket *)self, seconds);
    PyObject *result =
        m ? Py_BuildValue("iy#", (int)m->opcode, m->bytes, (Py_ssize_t)m->len) : NULL;
    ws_message_free(m);
    return result;
}

/* recv(timeout=…) → str or bytes. What is shown of control frames is passed over. */
static PyObject *recv_message(PyObject *self, PyObject *const *args, Py_ssize_t count,
                              PyObject *names)
{
    struct websocket *s = (struct websocket *)self;
    const Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    double seconds = s->timeout;
    if (count + named > 1 ||
        (named && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "timeout") != 0))
        return PyErr_Format(PyExc_TypeError, "recv() takes a timeout");
    if (count + named && websocket_seconds(args[0], &seconds) < 0)
        return NULL;
    for (;;) {
        struct ws_message *m = websocket_next(s, seconds);
        PyObject *result = NULL;
        bool is_close = m && m->opcode == WS_CLOSE;
        if (m && m->opcode < WS_CLOSE)
            result = websocket_object(m);
        ws_message_free(m);
        if (is_close)
            websocket_raise_end(s);
        if (!m || is_close || result || PyErr_Occurred())
            return result;
    }
}

/* ---- opening and closing -------------------------------------------------------------------- */

static void forget(struct websocket *s)
{
    struct ws *ws = s->ws;
    websocket_closed(s);
    s->ws = NULL;
    ready_remove(&s->news);
    ws_free(ws);
    site_put(s->site);
    s->site = NULL;
}

static void on_news(struct ready *r)
{
    struct websocket *s = (struct websocket *)((char *)r - offsetof(struct websocket, news));
    uint64_t took_ns;
    Py_INCREF(s);
    while (s->ws && ws_take_pong(s->ws, &took_ns)) {
        const struct ws_row row = {.what = ROW_PING, .time_us = took_ns / 1000};
        if (websocket_row(s, &row) < 0)
            PyErr_WriteUnraisable((PyObject *)s);
    }
    websocket_note_end(s);
    Py_DECREF(s);
}

static int take_terms(struct ws_terms *t, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {
        "max_message",  "max_waiting",   "close_timeout", "ping_interval",
        "ping_timeout", "shows_control", "deflate",       NULL};
    Py_ssize_t max_message = 16 << 20, max_waiting = 16 << 20;
    double close_timeout = 1, ping_interval = 0, ping_timeout = 0;
    int shows_control = 0;
    PyObject *deflate = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$nndddpO", py_names(names), &max_message,
                                     &max_waiting, &close_timeout, &ping_interval, &ping_timeout,
                                     &shows_control, &deflate))
        return -1;
    if (max_message < 1 || max_message > PY_SSIZE_T_MAX / 4 || max_waiting < 1) {
        PyErr_SetString(PyExc_ValueError, "a limit is at least one byte");
        return -1;
    }
    *t = (struct ws_terms){.max_message = (size_t)max_message,
                           .max_waiting = (size_t)max_waiting,
                           .close_timeout_ms = call_milliseconds(close_timeout),
                           .ping_every_ms = call_milliseconds(ping_interval),
                           .ping_timeout_ms = call_milliseconds(ping_timeout),
                           .shows_control = shows_control};
    int own = 15, server = 15, forgets = 0;
    if (deflate != Py_None && !PyArg_ParseTuple(deflate, "iip", &own, &server, &forgets))
        return -1;
    t->deflate =
        (struct ws_deflate_terms){deflate != Py_None, (uint8_t)own, (uint8_t)server, forgets != 0};
    return 0;
}

/* _open(response, **terms): takes over the connection of an answer 101. */
static PyObject *open_on(PyObject *self, PyObject *args, PyObject *kwargs)
{
    struct websocket *s = (struct websocket *)self;
    struct response *r = NULL;
    struct ws_terms terms;
    struct stream stream;
    PyObject *none = PyTuple_New(0);
    int rc = none && PyArg_ParseTuple(args, "O!", response_type, &r) ? 0 : -1;
    if (rc == 0)
        rc = take_terms(&terms, none, kwargs);
    Py_XDECREF(none);
    if (rc < 0)
        return NULL;
    if (s->reading.is_on || s->writing.is_on || s->leaving.is_on)
        return PyErr_Format(PyExc_RuntimeError, "another greenlet waits for this WebSocket");
    if (!r->fetch || !fetch_take_stream(r->fetch, &stream))
        return PyErr_Format(PyExc_ValueError, "the answer left no connection");
    if (s->ws)
        forget(s);
    s->is_closing = false;
    s->site = site_ref(r->site);
    s->ws = ws_new(site_engine(), &stream, &terms, websocket_event, s);
    s->opened_ns = clk_mono_ns();
    s->trace = r->trace;
    s->most_waiting = terms.max_waiting;
    s->news.run = on_news;
    websocket_opened(s);
    const struct fetch_response *got = fetch_response(r->fetch);
    ws_begin(s->ws, got->body, got->body_len, got->times.last_byte);
    Py_RETURN_NONE;
}

/* _counts(session, name, tags, messages): whose rows and series are to have it. */
static PyObject *set_counts(PyObject *self, PyObject *args)
{
    struct websocket *s = (struct websocket *)self;
    PyObject *session, *name, *tags;
    int messages;
    if (!PyArg_ParseTuple(args, "O!UOp", session_type, &session, &name, &tags, &messages))
        return NULL;
    if (s->ws)
        return PyErr_Format(PyExc_RuntimeError, "it is open already");
    websocket_count_hook();
    Py_XSETREF(s->session, (struct session *)Py_NewRef(session));
    Py_XSETREF(s->name, Py_NewRef(name));
    Py_XSETREF(s->tags, is_given(tags) ? Py_NewRef(tags) : NULL);
    s->counts_messages = messages;
    Py_RETURN_NONE;
}

/* _close(code or None, reason bytes): sends a close frame; does not wait. */
static PyObject *send_close(PyObject *self, PyObject *args)
{
    struct websocket *s = (struct websocket *)self;
    const char *reason;
    Py_ssize_t len;
    PyObject *code;
    if (!PyArg_ParseTuple(args, "Oy#", &code, &reason, &len))
        return NULL;
    const long number = code == Py_None ? WS_CODE_NONE : PyLong_AsLong(code);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    if (code != Py_None && (number < 0 || !ws_code_is_valid((unsigned)number)))
        return PyErr_Format(PyExc_ValueError, "code is invalid range");
    websocket_note_end(s);
    s->is_closing = true;
    if (s->ws)
        ws_close(s->ws, (unsigned)number, reason, (size_t)len);
    Py_RETURN_NONE;
}

/* _wait_gone(): until the connection is closed, which its close_timeout sees to. */
static PyObject *wait_gone(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct websocket *s = (struct websocket *)self;
    if (websocket_is_free(&s->leaving) < 0)
        return NULL;
    while (s->ws && !ws_is_gone(s->ws))
        if (websocket_wait_once(&s->leaving) < 0)
            return NULL;
    Py_RETURN_NONE;
}

static PyObject *abort_it(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct websocket *s = (struct websocket *)self;
    websocket_note_end(s);
    s->is_closing = true;
    if (s->ws)
        ws_abort(s->ws);
    websocket_note_end(s); /* now: the last report may be made before the loop turns */
    Py_RETURN_NONE;
}

/* ---- the type ------------------------------------------------------------------------------- */

static PyObject *get_connected(PyObject *self, void *closure)
{
    (void)closure;
    const struct websocket *s = (struct websocket *)self;
    return PyBool_FromLong(s->ws && ws_end(s->ws)->why == WS_IS_OPEN && !s->is_closing);
}

static PyObject *get_timeout(PyObject *self, void *closure)
{
    (void)closure;
    const double seconds = ((struct websocket *)self)->timeout;
    return seconds < 0 ? Py_NewRef(Py_None) : PyFloat_FromDouble(seconds);
}

static int set_timeout(PyObject *self, PyObject *value, void *closure)
{
    (void)closure;
    return websocket_seconds(value, &((struct websocket *)self)->timeout);
}

/* (code, reason) of the end, (None, "") while it is open. */
static PyObject *get_end(PyObject *self, void *closure)
{
    (void)closure;
    const struct websocket *s = (struct websocket *)self;
    const struct ws_end *e = s->ws ? ws_end(s->ws) : NULL;
    if (!e || e->why == WS_IS_OPEN)
        return Py_BuildValue("Os", Py_None, "");
    return Py_BuildValue("is#", (int)e->code, e->text, (Py_ssize_t)e->text_len);
}

static PyObject *get_fd(PyObject *self, void *closure)
{
    (void)closure;
    const struct websocket *s = (struct websocket *)self;
    return PyLong_FromLong(s->ws ? ws_fd(s->ws) : -1);
}

/* When the last message that was taken had arrived: CLOCK_MONOTONIC. */
static PyObject *get_arrived(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(((struct websocket *)self)->arrived_ns);
}

static PyObject *get_numbers(PyObject *self, void *closure)
{
    (void)closure;
    const struct websocket *s = (struct websocket *)self;
    const struct ws_numbers n = s->ws ? ws_numbers(s->ws) : (struct ws_numbers){0};
    return Py_BuildValue("{sKsKsKsK}", "sent_bytes", n.sent_bytes, "received_bytes",
                         n.received_bytes, "sent_messages", n.sent_messages, "received_messages",
                         n.received_messages);
}

static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args, (void)kwargs;
    struct websocket *s = (struct websocket *)type->tp_alloc(type, 0);
    if (s)
        s->timeout = -1;
    return (PyObject *)s;
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    struct websocket *s = (struct websocket *)self;
    Py_VISIT(s->session);
    Py_VISIT(s->name);
    Py_VISIT(s->tags);
    return 0;
}

static int clear(PyObject *self)
{
    struct websocket *s = (struct websocket *)self;
    if (s->ws)
        forget(s);
    Py_CLEAR(s->session);
    Py_CLEAR(s->name);
    Py_CLEAR(s->tags);
    return 0;
}

static void dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    ((struct websocket *)self)->is_closing = true; /* who lets go of it wants it closed */
    clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef methods[] = {
    {"send", (PyCFunction)(void (*)(void))send_data, METH_FASTCALL,
     "send(message): str as text, bytes as binary"},
    {"recv", (PyCFunction)(void (*)(void))recv_message, METH_FASTCALL | METH_KEYWORDS,
     "recv(timeout=…): the next message, as str or bytes"},
    {"_request", (PyCFunction)(void (*)(void))websocket_request, METH_FASTCALL | METH_KEYWORDS,
     "_request($self, message, match=None, name=None, timeout=None, tags=None, "
     "context=None)\n--\n\n"
     "Sends a message and waits for its answer: the first message that match(…) is true of, or "
     "the\n"
     "next one. A row. What is no text and no bytes is sent as JSON, and then messages are JSON "
     "for\n"
     "match() and the caller."},
    {"_send_frame", send_frame, METH_VARARGS, NULL},
    {"_ping", ping, METH_O, NULL},
    {"_take", take, METH_O, NULL},
    {"_open", (PyCFunction)(void (*)(void))open_on, METH_VARARGS | METH_KEYWORDS, NULL},
    {"_counts", set_counts, METH_VARARGS, NULL},
    {"_close", send_close, METH_VARARGS, NULL},
    {"_wait_gone", wait_gone, METH_NOARGS, NULL},
    {"abort", abort_it, METH_NOARGS, "abort(): closes the connection at once, without a word"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"connected", get_connected, NULL, "whether it is open", NULL},
    {"timeout", get_timeout, set_timeout, "of what waits, in seconds, or None", NULL},
    {"_end", get_end, NULL, NULL, NULL},
    {"_fd", get_fd, NULL, NULL, NULL},
    {"_numbers", get_numbers, NULL, NULL, NULL},
    {"_arrived_ns", get_arrived, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef members[] = {
    {"_sends_bytes_as_text", T_BOOL, offsetof(struct websocket, sends_bytes_as_text), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject websocket_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.WebSocket",
    .tp_doc = "A WebSocket's connection; katydid.websocket and websocket_client are its faces.",
    .tp_basicsize = sizeof(struct websocket),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = make,
    .tp_dealloc = dealloc,
    .tp_traverse = traverse,
    .tp_clear = clear,
    .tp_methods = methods,
    .tp_getset = getset,
    .tp_members = members,
};

/* bind_websocket(module): what Python makes for it. */
static PyObject *bind_websocket(PyObject *module, PyObject *source)
{
    (void)module;
#define X(name)                                                                                    \
    Py_XSETREF(ws_glue.name, PyObject_GetAttrString(source, #name));                               \
    if (!ws_glue.name)                                                                             \
        return NULL;
    WS_GLUE(X)
#undef X
    Py_RETURN_NONE;
}

int py_websocket_init(PyObject *module)
{
    static PyMethodDef functions[] = {
        {"bind_websocket", bind_websocket, METH_O, "Binds the Python half of WebSockets."},
        {NULL, NULL, 0, NULL},
    };
    if (websocket_request_init() < 0 || PyModule_AddFunctions(module, functions) < 0)
        return -1;
    return PyModule_AddType(module, &websocket_type);
}
