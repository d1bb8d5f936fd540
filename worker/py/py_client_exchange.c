// SPDX-License-Identifier: MIT
/* The exchange: one request on the wire while its greenlet is parked, and its errors.
 *
 * A Response owns its exchange from start to end. The libevent callback only wakes the park that
 * lies inside the Response; an exception thrown into the parked greenlet cancels the exchange, and
 * a request that had been sent completely is counted as cut off, since the target may count it.
 */
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_record.h"

#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/py/py_stats.h"

#define UNRESOLVED_NS UINT64_C(1000000000)

static void on_event(void *arg, enum fetch_event what)
{
    (void)what;
    hub_wake(&((struct response *)arg)->park);
}

int exchange_wait(struct response *r)
{
    r->is_awaiting = true;
    const int result = hub_park(&r->park);
    r->is_awaiting = false;
    return result;
}

/* A name server that does not answer: a test that ends first would say nothing of what it tried.
 * New, or NULL: it was not so. */
static PyObject *unresolved_error(struct response *r)
{
    const struct fetch_times *t = &fetch_response(r->fetch)->times;
    if (r->is_reached || !t->dialed || t->resolved || clk_mono_ns() - t->dialed < UNRESOLVED_NS)
        return NULL;
    return PyObject_CallFunction(r->session->is_fast ? glue.fast_error : glue.error, "OsisO", r,
                                 "RESOLVE", EAI_AGAIN, gai_strerror(EAI_AGAIN), Py_False);
}

static void report_unresolved(struct response *r)
{
    r->error = unresolved_error(r);
    r->ended_ns = clk_mono_ns();
    r->got = fetch_response(r->fetch);
    r->duration_ns += r->ended_ns - r->got->times.start;
    if (r->error)
        record_default_outcome(r);
}

/* Its greenlet was ended while it waited; the answer may be there, and nobody to judge it. */
static void count_ended(struct response *r)
{
    const bool is_answered = fetch_is_done(r->fetch);
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    fetch_cancel(r->fetch);
    r->is_reached |= fetch_response(r->fetch)->was_sent;
    r->is_reported = true;
    if (!r->name)
        return; /* the plain road's: noted in its account */
    PyErr_Fetch(&type, &value, &trace);
    if (r->is_reached)
        record_aside(r, is_answered ? ASIDE_DISCARDED : ASIDE_CUT, 1);
    else
        report_unresolved(r);
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
}

static void count_resent(struct response *r)
{
    const unsigned resent = fetch_response(r->fetch)->resent;
    if (__builtin_expect(resent > 0, 0))
        record_aside(r, ASIDE_RESENT, resent);
}

/* What stock's clients send again when a connection ends before an answer begins: urllib3 makes
 * sure of a connection before it uses it, geventhttpclient tries each connection it may have. */
static void allow_resends(struct fetch_request *q, const struct session *s, bool is_idempotent)
{
    q->resends_on_new = s->is_fast;
    q->fails_refused = s->fails_refused;
    q->resends = !is_idempotent ? 0 : s->is_fast ? s->concurrency + 1 : 1;
}

static bool discards_bodies; /* of requests that do not say so themselves */

PyObject *exchange_discard_bodies(PyObject *module, PyObject *whether)
{
    (void)module;
    discards_bodies = whether == Py_True;
    Py_RETURN_NONE;
}

int exchange_discards(struct fetch_request *q, PyObject *whether)
{
    const int truth = is_given(whether) ? PyObject_IsTrue(whether) : discards_bodies;
    q->discards = truth > 0 && q->mode == FETCH_COLLECT;
    return truth < 0 ? -1 : 0;
}

void exchange_take_method(struct fetch_request *q, const struct response *r)
{
    q->head_only = r->asked->is_head;
    if (!q->max_body)
        q->max_body = r->session->max_body;
    allow_resends(q, r->session, r->asked->is_idempotent);
}

static int next_piece(PyObject *source, PyObject **piece)
{
    *piece = PyIter_Next(source);
    if (!*piece)
        return PyErr_Occurred() ? -1 : 0;
    if (PyBytes_Check(*piece))
        return 0;
    PyErr_SetString(PyExc_TypeError, "the pieces of a body are bytes");
    Py_CLEAR(*piece);
    return -1;
}

/* Gives the body as it is wanted. What the source does in between may take its time: the exchange
 * may be over then, or have begun anew. */
static int feed(struct response *r, PyObject *source)
{
    PyObject *piece = NULL; /* NULL: the end */
    bool is_at_hand = false;
    int rc = 0;
    while (rc == 0 && !fetch_is_done(r->fetch)) {
        if (!fetch_wants_piece(r->fetch)) {
            rc = exchange_wait(r);
        } else if (!is_at_hand) {
            rc = next_piece(source, &piece);
            is_at_hand = !piece || PyBytes_GET_SIZE(piece);
        } else {
            fetch_give(r->fetch, piece ? PyBytes_AS_STRING(piece) : NULL,
                       piece ? (size_t)PyBytes_GET_SIZE(piece) : 0);
            is_at_hand = false;
        }
        if (!is_at_hand)
            Py_CLEAR(piece);
    }
    Py_XDECREF(piece);
    return rc;
}

void exchange_begin(struct response *r, struct fetch_request *q)
{
    r->is_discarded = q->discards;
    q->events = q->mode == FETCH_STREAM ? FETCH_READABLE : FETCH_OVER;
    if (q->is_in_pieces)
        q->events |= FETCH_WANTED;
    r->fetch = fetch_start(r->pool->pool, q, on_event, r);
}

/* What became of it, when nothing is waited for any more. ended: -1 as exchange_wait. */
static int end(struct response *r, int ended)
{
    count_resent(r);
    if (ended < 0) {
        count_ended(r);
        return -1;
    }
    r->got = fetch_response(r->fetch);
    r->is_reached |= r->got->was_sent;
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

int exchange_end(struct response *r)
{
    return end(r, fetch_is_done(r->fetch) ? 0 : exchange_wait(r));
}

/* source: an iterator over the body, or NULL. */
static int run(struct response *r, struct fetch_request *q, PyObject *source)
{
    exchange_begin(r, q);
    return source ? end(r, feed(r, source)) : exchange_end(r);
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
    char larger[80];
    if (got->error == FETCH_BODY_TOO_LARGE) {
        snprintf(larger, sizeof larger,
                 "response body of more than %" PRIu64 " bytes (max_response_size)",
                 fetch_max_body(r->fetch));
        text = larger;
    }
    return PyObject_CallFunction(r->session->is_fast ? glue.fast_error : glue.error, "OsisO", r,
                                 error_name(got->error), got->sys, text,
                                 got->status ? Py_True : Py_False);
}

/* ---- for pylib ------------------------------------------------------------------------------ */

/* *source: new; the iterator over a body that is not there as a whole. */
static int take_payload(struct response *r, PyObject *body, struct fetch_request *q,
                        PyObject **source)
{
    if (body == Py_None)
        return 0;
    r->payload = Py_NewRef(body);
    if (!PyBytes_Check(body) && !PyUnicode_Check(body)) {
        q->is_in_pieces = true;
        *source = PyObject_GetIter(body);
        return *source ? 0 : -1;
    }
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

/* What of this exchange the target may have counted. */
static int note(const struct response *r, PyObject *account)
{
    if (account == Py_None || !r->fetch)
        return 0;
    if (r->is_reached && PyObject_SetAttrString(account, "is_reached", Py_True) < 0)
        return -1;
    const unsigned resent = fetch_response(r->fetch)->resent;
    if (!resent)
        return 0;
    PyObject *more = PyLong_FromUnsignedLong(resent);
    PyObject *result = more ? PyObject_CallMethod(account, "add_resent", "O", more) : NULL;
    Py_XDECREF(more);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static void note_ended(struct response *r, PyObject *account)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *error = note(r, account) == 0 && r->fetch ? unresolved_error(r) : NULL;
    if (error && account != Py_None)
        PyObject_SetAttrString(account, "unresolved", error);
    Py_XDECREF(error);
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
}

/* exchange(session, cls, method, root, target, headers, body, stream, connect, read, verify, cert,
 * proxy, timeout, decode_stream, account, awaits_continue, chunked, stamped, max_body) →
 * response. headers: a list of pairs of bytes, sent as they are. body: None, bytes, str, or what
 * gives bytes piece by piece, in chunks if `chunked`. A failure is in the response, as
 * `response._failure()`. Nothing is counted here: what there is to count is noted in the caller's
 * account (_http/account.py). */
PyObject *exchange_call(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {
        "session", "cls",      "method",        "root",    "target",          "headers",
        "body",    "stream",   "connect",       "read",    "verify",          "cert",
        "proxy",   "timeout",  "decode_stream", "account", "awaits_continue", "chunked",
        "stamped", "max_body", "discard",       NULL};
    (void)module;
    struct session *s = NULL;
    PyTypeObject *cls = NULL;
    PyObject *method = NULL, *root = NULL, *target = NULL, *pairs = NULL, *body = Py_None;
    PyObject *verify = Py_True, *cert = Py_None, *proxy = Py_None, *timeout = Py_None;
    PyObject *account = Py_None, *discard = Py_None;
    int is_stream = 0, is_decoded = 0, awaits_continue = 0, is_chunked = 0, is_stamped = 0;
    PyObject *source = NULL;
    double connect = 0, read = 0;
    unsigned long long max_body = 0;
    if (!PyArg_ParseTupleAndKeywords(
            args, kwargs, "O!O!UUUO!O|$pddOOOOpOpppKO", KEYWORD_NAMES(names), session_type, &s,
            &PyType_Type, &cls, &method, &root, &target, &PyList_Type, &pairs, &body, &is_stream,
            &connect, &read, &verify, &cert, &proxy, &timeout, &is_decoded, &account,
            &awaits_continue, &is_chunked, &is_stamped, &max_body, &discard))
        return NULL;
    if (!site_is_loop_thread())
        return PyErr_Format(PyExc_RuntimeError,
                            "HTTP sessions send on the thread of the loop only");
    struct site *site = site_get(root, verify, cert, proxy, s->http2);
    if (site && session_pool(s) && !PyType_IsSubtype(cls, response_type))
        PyErr_SetString(PyExc_TypeError, "cls is no response class");
    struct response *r = PyErr_Occurred() ? NULL : response_new(cls);
    if (!r) {
        site_put(site);
        return NULL;
    }
    r->session = (struct session *)Py_NewRef(s);
    r->pool = pool_ref_get(s->pool);
    r->site = site;
    r->target = Py_NewRef(target);
    r->method = Py_NewRef(method);
    r->timeout = timeout == Py_None ? NULL : Py_NewRef(timeout);
    r->is_stream = is_stream;
    r->asked = asked_of_pairs(method, pairs);
    if (!r->asked || (py_trace_wanted && py_trace_begin_of(r, account) != 0)) {
        Py_DECREF(r);
        return NULL;
    }
    struct fetch_request q = {.awaits_continue = awaits_continue,
                              .is_chunked = is_chunked,
                              .mode = is_stream ? FETCH_STREAM : FETCH_COLLECT,
                              .keep_encoded = is_stream && !is_decoded,
                              .is_stamped = is_stamped,
                              .max_body = max_body,
                              .connect_timeout_ms = call_milliseconds(connect),
                              .read_timeout_ms = call_milliseconds(read)};
    asked_request(r, &q);
    exchange_take_method(&q, r);
    const bool is_well = exchange_discards(&q, discard) == 0 &&
                         take_payload(r, body, &q, &source) == 0 && run(r, &q, source) == 0 &&
                         note(r, account) == 0;
    if (!is_well) {
        note_ended(r, account);
        Py_CLEAR(r);
    }
    Py_XDECREF(source);
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
    if (r->is_awaiting) {
        hub_raise("ConcurrentObjectUseError", "another greenlet is reading this response");
        return NULL;
    }
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
        if (exchange_wait(r) < 0) {
            fetch_cancel(r->fetch);
            Py_CLEAR(bytes);
        }
    }
    return NULL;
}
