// SPDX-License-Identifier: MIT
/* Response: the C base of what a request returns.
 *
 * Problem: building a requests.Response with its header dict, jar, PreparedRequest and timedelta
 * takes longer than the request itself, and most tasks look at none of them.
 * Design: the Response keeps the exchange (raw head and body) and makes each part when somebody
 * asks for it; a part that was made or set stays. A blank Response (of a failure, or adopted from
 * requests by pylib) has no exchange: its parts are what was set, or requests' defaults.
 */
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_record.h"

#include <datetime.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

PyTypeObject *response_type;

/* Whether the whole body is here. */
static bool is_collected(const struct response *r)
{
    return r->got && !r->is_stream && !r->error;
}

/* ---- parts that are made -------------------------------------------------------------------- */

static PyObject *response_content(struct response *r)
{
    if (!r->content && is_collected(r))
        r->content = PyBytes_FromStringAndSize(r->got->body, (Py_ssize_t)r->got->body_len);
    if (!r->content && !PyErr_Occurred())
        Py_RETURN_FALSE;
    return Py_XNewRef(r->content);
}

static PyObject *make_elapsed(struct response *r)
{
    if (!PyDateTimeAPI)
        PyDateTime_IMPORT;
    uint64_t us = 0;
    if (r->got && r->got->times.first_byte > r->got->times.start)
        us = (r->got->times.first_byte - r->got->times.start) / 1000;
    return PyDelta_FromDSU(0, (int)(us / 1000000), (int)(us % 1000000));
}

static PyObject *make_raw(struct response *r)
{
    if (!r->got || r->error)
        Py_RETURN_NONE;
    return PyObject_CallOneArg(glue.make_raw, (PyObject *)r);
}

static PyObject *make_request(struct response *r)
{
    if (!r->asked)
        Py_RETURN_NONE;
    return PyObject_CallOneArg(r->session->is_fast ? glue.make_fast_request : glue.make_request,
                               (PyObject *)r);
}

static PyObject *make_history(struct response *r)
{
    (void)r;
    return PyList_New(0);
}

static PyObject *make_cookies(struct response *r)
{
    return PyObject_CallOneArg(glue.make_response_cookies, (PyObject *)r);
}

static PyObject *make_next(struct response *r)
{
    const bool is_hop = r->status >= 301 && r->status <= 308;
    const struct fetch_header *location = response_header(r, "location", NULL);
    if (!is_hop || !location || !location->value_len)
        Py_RETURN_NONE;
    return PyObject_CallOneArg(glue.make_next, (PyObject *)r);
}

static PyObject *make_none(struct response *r)
{
    (void)r;
    Py_RETURN_NONE;
}

/* ---- attributes ----------------------------------------------------------------------------- */

struct part {
    size_t at;
    PyObject *(*make)(struct response *r); /* keeps nothing itself */
};

static PyObject **slot_of(struct response *r, const struct part *p)
{
    return (PyObject **)(void *)((char *)r + p->at);
}

static PyObject *part_get(PyObject *self, void *closure)
{
    struct response *r = (struct response *)self;
    const struct part *p = closure;
    PyObject **slot = slot_of(r, p);
    if (!*slot) {
        PyObject *made = p->make(r);
        if (!made)
            return NULL;
        if (*slot)
            Py_DECREF(made); /* made again on the way */
        else
            *slot = made;
    }
    return Py_NewRef(*slot);
}

static int part_set(PyObject *self, PyObject *value, void *closure)
{
    Py_XSETREF(*slot_of((struct response *)self, closure), Py_XNewRef(value));
    return 0;
}

static PyObject *get_status(PyObject *self, void *closure)
{
    (void)closure;
    const int status = ((struct response *)self)->status;
    if (status < 0)
        Py_RETURN_NONE;
    return PyLong_FromLong(status);
}

static int set_status(PyObject *self, PyObject *value, void *closure)
{
    (void)closure;
    const long status = value && value != Py_None ? PyLong_AsLong(value) : -1;
    if (status == -1 && PyErr_Occurred())
        return -1;
    ((struct response *)self)->status = (int)status;
    return 0;
}

static PyObject *get_content(PyObject *self, void *closure)
{
    (void)closure;
    struct response *r = (struct response *)self;
    if (r->content || is_collected(r))
        return response_content(r);
    if (r->status == 0)
        Py_RETURN_NONE;
    return PyObject_CallOneArg(
        r->session && r->session->is_fast ? glue.fast_plain_content : glue.plain_content, self);
}

static PyObject *get_raw_content(PyObject *self, void *closure)
{
    (void)closure;
    return response_content((struct response *)self);
}

/* Of what failed there is nothing to consume: requests' close() would look for a connection. */
static PyObject *get_consumed(PyObject *self, void *closure)
{
    (void)closure;
    const struct response *r = (struct response *)self;
    return PyBool_FromLong(is_collected(r) || r->is_consumed || r->status == 0);
}

static int response_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    static PyObject *reporting;
    if (!reporting)
        reporting = PyUnicode_InternFromString("_report_request");
    if (name == reporting ||
        (PyUnicode_Check(name) && reporting && PyUnicode_Compare(name, reporting) == 0))
        ((struct response *)self)->reports_itself = true;
    return PyObject_GenericSetAttr(self, name, value);
}

static int set_consumed(PyObject *self, PyObject *value, void *closure)
{
    (void)closure;
    ((struct response *)self)->is_consumed = value && PyObject_IsTrue(value) == 1;
    return 0;
}

/* A failed exchange is not ok: Locust raises its error from here, which nobody expects of it. */
static int is_ok(struct response *r)
{
    if (r->session && r->session->is_fast)
        return r->status < 400;
    if (r->manual && r->manual != Py_None)
        return r->manual == Py_True;
    return !r->error && (r->status < 400 || r->status >= 600);
}

static PyObject *get_ok(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(is_ok((struct response *)self));
}

static int response_bool(PyObject *self)
{
    return is_ok((struct response *)self);
}

static PyObject *get_meta(PyObject *self, void *closure)
{
    (void)closure;
    ((struct response *)self)->is_meta_shown = true;
    return Py_XNewRef(record_meta((struct response *)self));
}

static PyObject *get_took(PyObject *self, void *closure)
{
    (void)closure;
    return PyFloat_FromDouble((double)((struct response *)self)->duration_ns / 1e6);
}

static PyObject *get_reached(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((struct response *)self)->is_reached);
}

static PyObject *get_stream(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((struct response *)self)->is_stream);
}

static PyObject *get_session(PyObject *self, void *closure)
{
    (void)closure;
    PyObject *session = (PyObject *)((struct response *)self)->session;
    return Py_NewRef(session ? session : Py_None);
}

/* (method, headers as pairs of str) of what was asked; None where pylib's own client sent it. */
static PyObject *get_asked(PyObject *self, void *closure)
{
    (void)closure;
    const struct response *r = (struct response *)self;
    if (!r->asked)
        Py_RETURN_NONE;
    PyObject *method =
        PyUnicode_FromStringAndSize(r->asked->method, (Py_ssize_t)r->asked->method_len);
    PyObject *pairs = method ? asked_pairs(r) : NULL;
    PyObject *both = pairs ? PyTuple_Pack(2, method, pairs) : NULL;
    Py_XDECREF(pairs);
    Py_XDECREF(method);
    return both;
}

static PyObject *get_received(PyObject *self, void *closure)
{
    (void)closure;
    const struct response *r = (struct response *)self;
    return PyLong_FromUnsignedLongLong(r->got ? r->got->wire_body_len : 0);
}

/* From the begin of this exchange to the first byte of its answer, as it arrived; None: no answer.
 */
static PyObject *get_head_ms(PyObject *self, void *closure)
{
    (void)closure;
    const struct response *r = (struct response *)self;
    const struct fetch_times *t = r->got ? &r->got->times : NULL;
    if (!t || t->first_byte <= t->start)
        Py_RETURN_NONE;
    return PyFloat_FromDouble((double)(t->first_byte - t->start) / 1e6);
}

/* Of a FastHttpSession, a bad status is an error as well. */
static PyObject *get_error(PyObject *self, void *closure)
{
    (void)closure;
    struct response *r = (struct response *)self;
    if (r->error)
        return Py_NewRef(r->error);
    if (r->session && r->session->is_fast && record_is_bad_status(r))
        return record_bad_status(r);
    Py_RETURN_NONE;
}

static PyObject *get_url(PyObject *self, void *closure)
{
    (void)closure;
    return response_url((struct response *)self);
}

static PyObject *get_http_version(PyObject *self, void *closure)
{
    const char *version = response_http_version((struct response *)self);
    (void)closure;
    return version ? PyUnicode_FromFormat("HTTP/%s", version) : Py_NewRef(Py_None);
}

/* Made anew each time: those of a streamed answer come at its end. */
static PyObject *get_trailers(PyObject *self, void *closure)
{
    (void)closure;
    return response_make_trailers((struct response *)self);
}

static PyObject *get_reason(PyObject *self, void *closure)
{
    (void)closure;
    return response_reason((struct response *)self);
}

#define PART(name, field, make)                                                                    \
    {                                                                                              \
        name, part_get, part_set, NULL, &(struct part)                                             \
        {                                                                                          \
            offsetof(struct response, field), make                                                 \
        }                                                                                          \
    }
static PyGetSetDef response_attributes[] = {
    {"http_version", get_http_version, NULL, NULL, NULL},
    {"trailers", get_trailers, NULL, NULL, NULL},
    {"status_code", get_status, set_status, NULL, NULL},
    {"content", get_content, NULL, NULL, NULL},
    {"_content", get_raw_content, part_set, NULL,
     &(struct part){offsetof(struct response, content), NULL}},
    {"_content_consumed", get_consumed, set_consumed, NULL, NULL},
    {"text", (getter)response_text, NULL, NULL, NULL},
    {"ok", get_ok, NULL, NULL, NULL},
    {"url", get_url, part_set, NULL, &(struct part){offsetof(struct response, url), NULL}},
    {"reason", get_reason, part_set, NULL, &(struct part){offsetof(struct response, reason), NULL}},
    PART("headers", headers, response_make_headers),
    PART("encoding", encoding, response_make_encoding),
    PART("history", history, make_history),
    PART("cookies", cookies, make_cookies),
    PART("elapsed", elapsed, make_elapsed),
    PART("request", request, make_request),
    PART("raw", raw, make_raw),
    PART("_next", next, make_next),
    PART("_timeout", timeout, make_none),
    PART("_tags", tags, make_none),
    {"_verdict", NULL, part_set, NULL, &(struct part){offsetof(struct response, verdict), NULL}},
    {"error", get_error, part_set, NULL, &(struct part){offsetof(struct response, error), NULL}},
    {"_received", get_received, NULL, NULL, NULL},
    {"_head_ms", get_head_ms, NULL, NULL, NULL},
    PART("_manual_result", manual, make_none),
    {"request_meta", get_meta, part_set, NULL,
     &(struct part){offsetof(struct response, meta), NULL}},
    {"_is_stream", get_stream, NULL, NULL, NULL},
    {"_is_reached", get_reached, NULL, NULL, NULL},
    {"_took_ms", get_took, NULL, NULL, NULL},
    {"_session", get_session, NULL, NULL, NULL},
    {"_asked", get_asked, NULL, NULL, NULL},
    PART("_sent_body", payload, make_none),
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- for pylib ------------------------------------------------------------------------------ */

static PyObject *response_header_list(PyObject *self, PyObject *unused)
{
    (void)unused;
    const struct response *r = (struct response *)self;
    PyObject *list = PyList_New(0);
    const size_t count = r->got ? r->got->header_count : 0;
    for (size_t i = 0; list && i < count; i++)
        if (!response_add_pair(list, &r->got->headers[i]))
            Py_CLEAR(list);
    return list;
}

static PyObject *response_find_header(PyObject *self, PyObject *name)
{
    const char *text = PyUnicode_AsUTF8(name);
    if (!text)
        return NULL;
    const struct fetch_header *h = response_header((struct response *)self, text, NULL);
    return h ? PyUnicode_DecodeLatin1(h->value, h->value_len, NULL) : Py_NewRef(Py_None);
}

static PyObject *response_failure(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct response *r = (struct response *)self;
    if (r->error)
        return Py_NewRef(r->error);
    return exchange_failed(r) ? exchange_error(r) : Py_NewRef(Py_None);
}

/* Gives the connection back, or closes it when there was more to come. */
static PyObject *response_release(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct response *r = (struct response *)self;
    if (r->is_stream && r->fetch)
        fetch_cancel(r->fetch);
    if (r->is_awaiting) /* another greenlet reads it: it is told that there is no more */
        hub_wake(&r->park);
    Py_RETURN_NONE;
}

/* _begin(session, method, name, context, is_catch, duration_ms, is_reached): makes this one the
 * result of a call that pylib carried out. Then request_meta and the with block work. */
static PyObject *response_begin(PyObject *self, PyObject *args)
{
    struct response *r = (struct response *)self;
    PyObject *session = NULL, *method = NULL, *name = NULL, *context = NULL;
    int is_catch = 0, is_reached = 0;
    double ms = 0;
    if (!PyArg_ParseTuple(args, "O!OOOpdp", session_type, &session, &method, &name, &context,
                          &is_catch, &ms, &is_reached))
        return NULL;
    Py_XSETREF(r->session, (struct session *)Py_NewRef(session));
    Py_XSETREF(r->method, Py_NewRef(method));
    Py_XSETREF(r->name, Py_NewRef(name));
    Py_XSETREF(r->context, context == Py_None ? NULL : Py_NewRef(context));
    r->duration_ns = ms > 0 ? (uint64_t)(ms * 1e6) : 0;
    r->is_catch = is_catch;
    r->is_reached = is_reached;
    r->is_reported = false;
    Py_RETURN_NONE;
}

/* _traced(mark): it stands for a call that has that mark (account.trace). */
static PyObject *response_traced(PyObject *self, PyObject *mark)
{
    struct response *r = (struct response *)self;
    if (PyBytes_Check(mark) && PyBytes_GET_SIZE(mark) == sizeof r->trace)
        memcpy(&r->trace, PyBytes_AS_STRING(mark), sizeof r->trace);
    Py_RETURN_NONE;
}

static PyObject *response_report(PyObject *self, PyObject *unused)
{
    (void)unused;
    return record_without_block((struct response *)self) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *response_report_request(PyObject *self, PyObject *args)
{
    PyObject *error = NULL; /* Locust's method takes one, and does nothing with it */
    if (!PyArg_ParseTuple(args, "|O:_report_request", &error))
        return NULL;
    return record_fire((struct response *)self) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *response_take_cookies(PyObject *self, PyObject *unused)
{
    (void)unused;
    request_take_cookies((struct response *)self);
    Py_RETURN_NONE;
}

/* ---- type ----------------------------------------------------------------------------------- */

/* By hand: clang-format stacks such lists into stairs, anew in every run. */
/* clang-format off */
#define RESPONSE_OBJECTS(X)                                                                        \
    X(session) X(target) X(payload) X(method) X(name) X(context) X(content) X(headers) X(url)      \
    X(encoding) X(reason) X(history) X(cookies) X(elapsed) X(request) X(raw) X(next) X(error)      \
    X(meta) X(manual) X(timeout) X(verdict) X(tags)
/* clang-format on */

static int response_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct response *r = (struct response *)self;
    Py_VISIT(Py_TYPE(self));
#define X(name) Py_VISIT(r->name);
    RESPONSE_OBJECTS(X)
#undef X
    return 0;
}

static int response_clear(PyObject *self)
{
    struct response *r = (struct response *)self;
    record_lost(r);
#define X(name) Py_CLEAR(r->name);
    RESPONSE_OBJECTS(X)
#undef X
    return 0;
}

static void response_dealloc(PyObject *self)
{
    struct response *r = (struct response *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    r->got = NULL;
    if (r->fetch)
        fetch_free(r->fetch);
    r->fetch = NULL;
    response_clear(self);
    site_put(r->site);
    pool_ref_put(r->pool);
    asked_put(r->asked);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *response_make(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    return (PyObject *)response_new(type);
}

static PyMethodDef response_methods[] = {
    {"json", (PyCFunction)(void (*)(void))response_json, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"raise_for_status", (PyCFunction)(void (*)(void))record_raise_for_status, METH_NOARGS, NULL},
    {"__enter__", (PyCFunction)(void (*)(void))record_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))record_exit, METH_FASTCALL, NULL},
    {"success", (PyCFunction)(void (*)(void))record_success, METH_NOARGS, NULL},
    {"failure", (PyCFunction)(void (*)(void))record_failure, METH_O, NULL},
    {"_header_list", response_header_list, METH_NOARGS, NULL},
    {"_header", response_find_header, METH_O, NULL},
    {"_failure", response_failure, METH_NOARGS, NULL},
    {"_read", (PyCFunction)(void (*)(void))exchange_read, METH_O, NULL},
    {"_release", response_release, METH_NOARGS, NULL},
    {"_begin", response_begin, METH_VARARGS, NULL},
    {"_traced", response_traced, METH_O, NULL},
    {"_report", response_report, METH_NOARGS, NULL},
    {"_report_request", response_report_request, METH_VARARGS, NULL},
    {"_take_cookies", response_take_cookies, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot response_slots[] = {
    {Py_tp_new, response_make},
    {Py_tp_dealloc, response_dealloc},
    {Py_tp_traverse, response_traverse},
    {Py_tp_clear, response_clear},
    {Py_nb_bool, response_bool},
    {Py_tp_setattro, response_setattro},
    {Py_tp_methods, response_methods},
    {Py_tp_getset, response_attributes},
    {Py_tp_doc, (void *)(uintptr_t) "What a request returns: the C half."},
    {0, NULL},
};
static PyType_Spec response_spec = {
    .name = "_katydid.Response",
    .basicsize = sizeof(struct response),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = response_slots,
};

int response_init(PyObject *module)
{
    response_type = (PyTypeObject *)PyType_FromSpec(&response_spec);
    if (!response_type)
        return -1;
    return PyModule_AddObjectRef(module, "Response", (PyObject *)response_type);
}
