// SPDX-License-Identifier: MIT
/* _katydid.EventReader: server-sent events, or lines of JSON, out of a streamed response, while its
 * greenlet parks.
 *
 * Python sees whole events only. Each has the time at which the kernel received the bytes that end
 * it, so gaps between events are those of the network, however late the greenlet comes round to
 * them; they are counted here, in metrics that pylib gives. What was received but not read lies in
 * the exchange, which stops reading its connection when that is too much.
 */
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_response.h"
#include "worker/py/py_group.h"
#include "worker/py/py_journal.h"
#include "worker/py/py_metric.h"
#include "worker/py/py_mod.h"
#include "worker/py/py_series.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <structmember.h>

#include "worker/proto/event_stream.h"

#define MOST_DEFAULT (1 << 20)

/* ---- events --------------------------------------------------------------------------------- */

struct event_object {
    PyObject_HEAD PyObject *event, *data, *id, *retry;
    double time; /* s since the request was begun */
};

static PyMemberDef event_members[] = {
    {"event", T_OBJECT, offsetof(struct event_object, event), READONLY, "its type: 'message'"},
    {"data", T_OBJECT, offsetof(struct event_object, data), READONLY, "str"},
    {"id", T_OBJECT, offsetof(struct event_object, id), READONLY, "the last id of the stream"},
    {"retry", T_OBJECT, offsetof(struct event_object, retry), READONLY, "ms, or None"},
    {"time", T_DOUBLE, offsetof(struct event_object, time), READONLY,
     "seconds from the begin of the request to its arrival"},
    {NULL, 0, 0, 0, NULL},
};

static void event_dealloc(PyObject *self)
{
    struct event_object *e = (struct event_object *)self;
    Py_XDECREF(e->event);
    Py_XDECREF(e->data);
    Py_XDECREF(e->id);
    Py_XDECREF(e->retry);
    Py_TYPE(self)->tp_free(self);
}

static PyTypeObject event_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.Event",
    .tp_doc = "One server-sent event.",
    .tp_basicsize = sizeof(struct event_object),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_dealloc = event_dealloc,
    .tp_members = event_members,
};

/* ---- readers -------------------------------------------------------------------------------- */

enum state { IS_OPEN, IS_ENDED, IS_CUT, IS_FAILED };

struct reader {
    PyObject_HEAD struct response *r;
    PyTypeObject *event_class;
    struct event_stream stream;
    struct event timer;
    PyObject *error, *message;  /* the text "message" */
    struct series *gaps, *told; /* NULL: nobody counts them */
    uint64_t last_ns;           /* the event before; 0: there was none */
    uint64_t bytes_ns;          /* arrival of the last bytes */
    unsigned long long count;
    enum state state;
    bool is_late; /* the time that limit() gave is over */
};

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct reader *self = arg;
    self->is_late = true;
    hub_wake(&self->r->park);
}

static PyObject *text_of(const struct sbuf *bytes)
{
    return PyUnicode_DecodeUTF8(bytes->data ? bytes->data : "", (Py_ssize_t)bytes->len, "replace");
}

static void count_value(struct series *s, double number)
{
    py_series_count(s, number);
    if (__builtin_expect(py_journal_values_wanted, 0))
        py_journal_value(s, number, py_group_path());
}

static void count_event(struct reader *self, uint64_t arrived_ns)
{
    if (self->told)
        count_value(self->told, 1);
    if (self->gaps && self->last_ns)
        count_value(self->gaps, (double)(arrived_ns - self->last_ns) / 1e6);
    self->last_ns = arrived_ns;
    self->count++;
}

static PyObject *make_event(struct reader *self, uint64_t arrived_ns)
{
    const struct event_stream *s = &self->stream;
    const uint64_t start = self->r->got->times.start;
    struct event_object *e =
        (struct event_object *)self->event_class->tp_alloc(self->event_class, 0);
    if (!e)
        return NULL;
    e->event = s->type.len ? text_of(&s->type) : Py_NewRef(self->message);
    e->data = text_of(&s->data);
    e->id = text_of(&s->id);
    e->retry = s->says_retry ? PyLong_FromUnsignedLong(s->retry_ms) : Py_NewRef(Py_None);
    e->time = arrived_ns > start ? (double)(arrived_ns - start) / 1e9 : 0;
    if (e->event && e->data && e->id && e->retry)
        return (PyObject *)e;
    Py_DECREF(e);
    return NULL;
}

static void fail(struct reader *self, PyObject *error)
{
    self->state = IS_FAILED;
    Py_XSETREF(self->error, error);
    fetch_cancel(self->r->fetch);
}

/* Takes what lies there. 1: an event ends, at *arrived_ns; 0: more is wanted; -1: it is over. */
static int take(struct reader *self, uint64_t *arrived_ns)
{
    const char *bytes = NULL;
    size_t used = 0;
    long len;
    while ((len = fetch_peek(self->r->fetch, &bytes, arrived_ns)) > 0) {
        const enum event_step step = event_stream_feed(&self->stream, bytes, (size_t)len, &used);
        self->bytes_ns = *arrived_ns;
        if (step == EVENT_TOO_LONG) {
            fail(self, PyUnicode_FromFormat("an event of more than %zu bytes", self->stream.most));
            return -1;
        }
        fetch_skip(self->r->fetch, used);
        if (step == EVENT_THERE)
            return 1;
    }
    if (len == 0) {
        self->state = IS_ENDED;
        *arrived_ns = self->bytes_ns;
        return event_stream_end(&self->stream) ? 1 : -1;
    }
    if (len == -2)
        fail(self, exchange_error(self->r));
    return len == -1 ? 0 : -1;
}

/* next(): the next event; None: there is none, or not within the limit. */
static PyObject *reader_next(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct reader *self = (struct reader *)object;
    if (self->r->is_awaiting) {
        hub_raise("ConcurrentObjectUseError", "another greenlet is reading this stream");
        return NULL;
    }
    while (self->state == IS_OPEN) {
        uint64_t arrived_ns = 0;
        const int there = take(self, &arrived_ns);
        if (there > 0) {
            count_event(self, arrived_ns);
            return make_event(self, arrived_ns);
        }
        if (there < 0 || self->is_late)
            break;
        if (exchange_wait(self->r) < 0) {
            self->state = IS_CUT;
            fetch_cancel(self->r->fetch);
            return NULL;
        }
    }
    if (self->state == IS_FAILED && !self->error)
        return NULL; /* of making it */
    Py_RETURN_NONE;
}

/* limit(seconds or None): from now on; next() gives None when they are over. */
static PyObject *reader_limit(PyObject *object, PyObject *seconds)
{
    struct reader *self = (struct reader *)object;
    const double s = seconds == Py_None ? -1 : PyFloat_AsDouble(seconds);
    if (PyErr_Occurred())
        return NULL;
    evtimer_del(&self->timer);
    self->is_late = seconds != Py_None && !(s > 0);
    if (s > 0) {
        const double most = s < 1e9 ? s : 1e9;
        const struct timeval tv = {(time_t)most,
                                   (suseconds_t)((most - (double)(time_t)most) * 1e6)};
        evtimer_add(&self->timer, &tv);
    }
    Py_RETURN_NONE;
}

static PyObject *reader_close(PyObject *object, PyObject *unused)
{
    (void)unused;
    struct reader *self = (struct reader *)object;
    evtimer_del(&self->timer);
    fetch_cancel(self->r->fetch);
    if (self->state == IS_OPEN)
        self->state = IS_ENDED;
    if (self->r->is_awaiting)
        hub_wake(&self->r->park);
    Py_RETURN_NONE;
}

static int take_metrics(struct reader *self, PyObject *gaps, PyObject *told, PyObject *tags)
{
    if (gaps != Py_None && !(self->gaps = py_metric_series(gaps, tags)))
        return -1;
    if (told != Py_None && !(self->told = py_metric_series(told, tags)))
        return -1;
    return 0;
}

/* EventReader(response, event_class, most, gaps, told, tags, last_id, lines): of a stamped stream
 * whose head is there. gaps, told: metrics or None. lines: each is an event. */
static PyObject *reader_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"response", "event_class", "most",  "gaps", "told",
                                        "tags",     "last_id",     "lines", NULL};
    PyObject *r = NULL, *event_class = NULL;
    PyObject *gaps = Py_None, *told = Py_None, *tags = Py_None;
    unsigned long most = MOST_DEFAULT;
    const char *last_id = "";
    int is_lines = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!|kOOOsp", py_names(names), response_type,
                                     &r, &PyType_Type, &event_class, &most, &gaps, &told, &tags,
                                     &last_id, &is_lines))
        return NULL;
    if (!((struct response *)r)->is_stream || !((struct response *)r)->got)
        return PyErr_Format(PyExc_ValueError, "events are read from a streamed response");
    if (!PyType_IsSubtype((PyTypeObject *)event_class, &event_type))
        return PyErr_Format(PyExc_TypeError, "event_class is no class of events");
    struct reader *self = (struct reader *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    evtimer_assign(&self->timer, hub_base(), on_limit, self);
    self->r = (struct response *)Py_NewRef(r);
    self->event_class = (PyTypeObject *)Py_NewRef(event_class);
    self->stream.most = most;
    self->stream.is_lines = is_lines;
    sbuf_adds(&self->stream.id, last_id);
    event_stream_restart(&self->stream);
    self->message = PyUnicode_InternFromString("message");
    if (self->message && take_metrics(self, gaps, told, tags) == 0)
        return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

/* A user that keeps its stream is in a circle; the response, which is in it, breaks it. */
static int reader_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct reader *self = (struct reader *)object;
    Py_VISIT(self->r);
    Py_VISIT(self->event_class);
    Py_VISIT(self->error);
    return 0;
}

static void reader_dealloc(PyObject *object)
{
    struct reader *self = (struct reader *)object;
    PyObject_GC_UnTrack(object);
    evtimer_del(&self->timer);
    event_stream_fini(&self->stream);
    Py_XDECREF(self->r);
    Py_XDECREF(self->event_class);
    Py_XDECREF(self->error);
    Py_XDECREF(self->message);
    Py_TYPE(object)->tp_free(object);
}

static PyObject *get_state(PyObject *object, void *closure)
{
    static const char *const names[] = {
        [IS_OPEN] = "open", [IS_ENDED] = "ended", [IS_CUT] = "cut", [IS_FAILED] = "failed"};
    (void)closure;
    return PyUnicode_FromString(names[((struct reader *)object)->state]);
}

static PyObject *get_error(PyObject *object, void *closure)
{
    (void)closure;
    struct reader *self = (struct reader *)object;
    return Py_NewRef(self->error ? self->error : Py_None);
}

static PyObject *get_last_id(PyObject *object, void *closure)
{
    (void)closure;
    return text_of(&((struct reader *)object)->stream.id);
}

static PyObject *get_retry(PyObject *object, void *closure)
{
    (void)closure;
    const struct event_stream *s = &((struct reader *)object)->stream;
    return s->has_retry ? PyLong_FromUnsignedLong(s->retry_ms) : Py_NewRef(Py_None);
}

static PyObject *get_count(PyObject *object, void *closure)
{
    (void)closure;
    return PyLong_FromUnsignedLongLong(((struct reader *)object)->count);
}

static PyGetSetDef reader_attributes[] = {
    {"state", get_state, NULL, "open, ended (by the server, in order), failed, cut", NULL},
    {"error", get_error, NULL, "why it failed: an exception or a text", NULL},
    {"last_id", get_last_id, NULL, NULL, NULL},
    {"retry", get_retry, NULL, "ms that the stream asks to wait before the next, or None", NULL},
    {"count", get_count, NULL, "events so far", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef reader_methods[] = {
    {"next", reader_next, METH_NOARGS, "The next event; None: no more, or not within the limit."},
    {"limit", reader_limit, METH_O, "limit(seconds or None): from now on."},
    {"close", reader_close, METH_NOARGS, "Closes the connection."},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject reader_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.EventReader",
    .tp_doc = "EventReader(response, event_class, most=1 MiB, gaps=None, told=None, tags=None, "
              "last_id='', lines=False)",
    .tp_basicsize = sizeof(struct reader),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = reader_new,
    .tp_dealloc = reader_dealloc,
    .tp_traverse = reader_traverse,
    .tp_methods = reader_methods,
    .tp_getset = reader_attributes,
};

int events_init(PyObject *module)
{
    return PyModule_AddType(module, &event_type) < 0 || PyModule_AddType(module, &reader_type) < 0
               ? -1
               : 0;
}
