// SPDX-License-Identifier: MIT
/* The exchange: one request on the wire while its greenlet is parked, and its errors.
 *
 * A Response owns its exchange from start to end. The libevent callback only wakes the park that
 * lies inside the Response; an exception thrown into the parked greenlet cancels the exchange, and
 * a request that had been sent completely is counted as cut off, since the target may count it.
 */
#include "worker/py/py_client.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "worker/py/py_stats.h"

static void exchange_done(void *arg)
{
    hub_wake(&((struct response *)arg)->park);
}

static int wait_done(struct response *r)
{
    r->is_awaiting = true;
    const int result = hub_park(&r->park);
    r->is_awaiting = false;
    return result;
}

static void count_cut(struct response *r)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    r->is_reported = true;
    if (fetch_response(r->fetch)->was_sent && r->method && r->name &&
        py_stats_cut(session_stats(r->session), r->method, r->name) < 0)
        PyErr_Clear();
    PyErr_Restore(type, value, trace);
}

int exchange_run(struct response *r, struct fetch_request *q)
{
    r->fetch = fetch_start(r->pool->pool, q, exchange_done, r);
    if (!fetch_is_done(r->fetch) && wait_done(r) < 0) {
        fetch_cancel(r->fetch);
        count_cut(r);
        return -1;
    }
    r->got = fetch_response(r->fetch);
    r->status = r->got->status;
    const struct fetch_times *t = &r->got->times;
    uint64_t last = r->is_stream ? t->first_byte : t->last_byte;
    if (r->got->error != FETCH_OK || !last)
        last = clk_mono_ns();
    r->ended_ns = last;
    if (last > t->start)
        r->duration_ns += last - t->start;
    return 0;
}

bool exchange_failed(const struct response *r)
{
    return r->got && r->got->error != FETCH_OK;
}

static const char *error_name(enum fetch_error e)
{
    switch (e) {
#define X(name, text)                                                                              \
    case FETCH_##name:                                                                             \
        return #name;
        FETCH_ERRORS(X)
#undef X
    }
    return "PROTOCOL";
}

/* glue.error(response, kind, sys, text, has_head) → exception */
PyObject *exchange_error(struct response *r)
{
    const struct fetch_response *got = r->got;
    const char *text = got->text ? got->text : fetch_error_text(got->error);
    return PyObject_CallFunction(r->session->is_fast ? glue.fast_error : glue.error, "OsisO", r,
                                 error_name(got->error), got->sys, text,
                                 got->status ? Py_True : Py_False);
}

/* ---- for pylib ------------------------------------------------------------------------------ */

static int take_payload(struct response *r, PyObject *body, struct fetch_request *q)
{
    if (body == Py_None)
        return 0;
    r->payload = Py_NewRef(body);
    if (PyBytes_Check(body)) {
        q->body = PyBytes_AS_STRING(body);
        q->body_len = (size_t)PyBytes_GET_SIZE(body);
        return 0;
    }
    Py_ssize_t len = 0;
    q->body = PyUnicode_AsUTF8AndSize(body, &len);
    q->body_len = (size_t)len;
    return q->body ? 0 : -1;
}

/* exchange(session, cls, method, root, target, head, body, stream, connect, read, verify, cert,
 * proxy, timeout, decode_stream) → response. Sends `head` (bytes) as it is. A failure is in the
 * response, as `response._failure()`; its caller counts what is cut off. */
PyObject *exchange_call(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {
        "session", "cls",  "method", "root", "target", "head",    "body",          "stream",
        "connect", "read", "verify", "cert", "proxy",  "timeout", "decode_stream", NULL};
    (void)module;
    struct session *s = NULL;
    PyTypeObject *cls = NULL;
    PyObject *method = NULL, *root = NULL, *target = NULL, *head = NULL, *body = Py_None;
    PyObject *verify = Py_True, *cert = Py_None, *proxy = Py_None, *timeout = Py_None;
    int is_stream = 0, is_decoded = 0;
    double connect = 0, read = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!UUUSO|$pddOOOOp", KEYWORD_NAMES(names),
                                     session_type, &s, &PyType_Type, &cls, &method, &root, &target,
                                     &head, &body, &is_stream, &connect, &read, &verify, &cert,
                                     &proxy, &timeout, &is_decoded))
        return NULL;
    if (!site_is_loop_thread())
        return PyErr_Format(PyExc_RuntimeError,
                            "HTTP sessions send on the thread of the loop only");
    struct site *site = site_get(root, verify, cert, proxy);
    if (!site || !session_pool(s) || !PyType_IsSubtype(cls, response_type))
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_TypeError, "cls is no response class");
    struct response *r = response_new(cls);
    if (!r)
        return NULL;
    struct fetch_request q = {.origin = site->origin,
                              .head = PyBytes_AS_STRING(head),
                              .head_len = (size_t)PyBytes_GET_SIZE(head),
                              .head_only = !PyUnicode_CompareWithASCIIString(method, "HEAD")};
    r->session = (struct session *)Py_NewRef(s);
    r->pool = pool_ref_get(s->pool);
    r->site = site;
    r->target = Py_NewRef(target);
    r->method = Py_NewRef(method);
    r->timeout = timeout == Py_None ? NULL : Py_NewRef(timeout);
    r->is_stream = is_stream;
    r->sent = malloc(q.head_len);
    r->sent_len = q.head_len;
    memcpy(r->sent, q.head, q.head_len);
    q.connect_timeout_ms = (uint32_t)(connect * 1000 + 0.999);
    q.read_timeout_ms = (uint32_t)(read * 1000 + 0.999);
    q.mode = is_stream ? FETCH_STREAM : FETCH_COLLECT;
    q.keep_encoded = is_stream && !is_decoded;
    if (take_payload(r, body, &q) < 0 || exchange_run(r, &q) < 0) {
        Py_DECREF(r);
        return NULL;
    }
    return (PyObject *)r;
}

/* Up to size bytes of a streamed body, parking until there are some; b"" at its end. */
PyObject *exchange_read(struct response *r, PyObject *size)
{
    const Py_ssize_t most = PyLong_AsSsize_t(size);
    if (most < 0)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "negative size");
    if (!r->fetch || !r->is_stream)
        return PyBytes_FromStringAndSize(NULL, 0);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, most);
    while (bytes) {
        const long got = fetch_read(r->fetch, PyBytes_AS_STRING(bytes), (size_t)most);
        if (got >= 0) {
            _PyBytes_Resize(&bytes, got);
            return bytes;
        }
        if (got == -2) {
            Py_DECREF(bytes);
            PyObject *error = exchange_error(r);
            if (error)
                PyErr_SetObject((PyObject *)Py_TYPE(error), error);
            Py_XDECREF(error);
            return NULL;
        }
        if (wait_done(r) < 0) {
            fetch_cancel(r->fetch);
            Py_CLEAR(bytes);
        }
    }
    return NULL;
}
