// SPDX-License-Identifier: MIT
/* The life of a call.
 *
 * One request and one answer: the answer is collected, and its greenlet woken once. A stream is
 * read as its reader asks for messages; its requests are given as there is room for them, by
 * another greenlet. libevent's callback only wakes the parks inside the call, which whoever is
 * parked there holds on to.
 *
 * The first end counts: a status that was received, a limit that was passed, or the user's wish.
 */
#include "worker/py/py_grpc.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/mem.h"

enum { CONNECT_TIMEOUT_MS = 20000, READ_STEP = 4096, READ_MOST = 65536, AHEAD_MOST = 16 << 20 };
#define LATE_SLACK_NS                                                                              \
    UINT64_C(1000000) /* a server's clock for it started later, and is another                     \
                       */

static void on_event(void *arg, enum fetch_event what)
{
    struct rpc *c = arg;
    if (what & (FETCH_WANTED | FETCH_OVER))
        hub_wake(&c->sender);
    if (what & ~(unsigned)FETCH_WANTED)
        hub_wake(&c->reader);
}

/* ---- made ----------------------------------------------------------------------------------- */

static int take_timeout(struct rpc *c, PyObject *timeout)
{
    double seconds = c->method->channel->timeout;
    if (is_given(timeout))
        seconds = PyFloat_AsDouble(timeout);
    if (seconds == -1 && PyErr_Occurred())
        return -1;
    c->started_ns = clk_mono_ns();
    if (!is_given(timeout) && seconds == 0)
        return 0;
    if (isnan(seconds)) {
        PyErr_SetString(PyExc_ValueError, "timeout is no number");
        return -1;
    }
    const double most = 1e9;
    c->deadline_ns = c->started_ns;
    if (seconds > 0)
        c->deadline_ns += (uint64_t)((seconds < most ? seconds : most) * 1e9);
    return 0;
}

static int take_coding(struct rpc *c, PyObject *compression)
{
    const struct grpc_channel *channel = c->method->channel;
    long coding = (long)channel->coding;
    if (is_given(compression))
        coding = PyIndex_Check(compression) ? PyLong_AsLong(compression) : GRPC_CODINGS;
    if (coding < 0 || coding >= GRPC_CODINGS) {
        PyErr_Format(PyExc_ValueError, "compression is one of Compression, not %R", compression);
        return -1;
    }
    c->coding = channel->is_coding_refused ? GRPC_IDENTITY : (enum grpc_coding)coding;
    return 0;
}

static int is_code(PyObject *value)
{
    return PySequence_Contains(grpc_glue.codes, value);
}

/* A status, or several: kept as a tuple. */
static int take_ok(struct rpc *c, PyObject *ok)
{
    if (!is_given(ok))
        return 0;
    int is = is_code(ok);
    if (is == 1)
        c->ok = PyTuple_Pack(1, ok);
    else if (is == 0 && !PyUnicode_Check(ok))
        c->ok = PySequence_Tuple(ok);
    if (is == 1 || is < 0)
        return c->ok ? 0 : -1;
    for (Py_ssize_t i = 0; c->ok && i < PyTuple_GET_SIZE(c->ok) && is >= 0; i++)
        is = is_code(PyTuple_GET_ITEM(c->ok, i)) == 1 ? 0 : -1;
    if (c->ok && is == 0)
        return 0;
    PyErr_Clear(); /* of what is no collection, or cannot be compared */
    PyErr_Format(PyExc_TypeError, "ok is a StatusCode, or several, not %R", ok);
    return -1;
}

static struct grpc_head *head_for(struct rpc *c, PyObject *metadata)
{
    const uint64_t timeout_ns = c->deadline_ns ? c->deadline_ns - c->started_ns : 0;
    if (!__builtin_expect(py_trace_wanted, 0))
        return grpc_head_get(c->method, metadata, timeout_ns, c->coding, NULL);
    const struct trace_mark mark = py_trace_mark(c->method->channel->session->user);
    struct grpc_head *head = grpc_head_get(c->method, metadata, timeout_ns, c->coding, &mark);
    if (head && head->is_traced)
        c->trace = mark;
    return head;
}

struct rpc *grpc_call_new(struct grpc_method *m, const struct grpc_args *a)
{
    if (is_given(a->credentials)) {
        PyErr_SetString(PyExc_ValueError, "credentials of a call: give what they add as metadata");
        return NULL;
    }
    struct rpc *c = PyObject_GC_New(struct rpc, &grpc_call_type);
    if (!c)
        return NULL;
    memset((char *)c + sizeof(PyObject), 0, sizeof *c - sizeof(PyObject));
    c->method = (struct grpc_method *)Py_NewRef((PyObject *)m);
    PyObject_GC_Track(c);
    c->name = Py_NewRef(is_given(a->name) ? a->name : m->path);
    c->tags = is_given(a->tags) ? Py_NewRef(a->tags) : NULL;
    c->context = is_given(a->context) ? Py_NewRef(a->context) : NULL;
    c->in.most = m->channel->max_receive;
    c->is_patient = is_given(a->wait_for_ready) && PyObject_IsTrue(a->wait_for_ready) == 1;
    if (take_timeout(c, a->timeout) == 0 && take_coding(c, a->compression) == 0 &&
        take_ok(c, a->ok) == 0)
        c->head = head_for(c, a->metadata);
    if (!c->head)
        Py_CLEAR(c);
    else if (c->coding != GRPC_IDENTITY && is_given(a->metadata))
        c->metadata = Py_NewRef(a->metadata);
    return c;
}

/* ---- over ----------------------------------------------------------------------------------- */

/* Whoever waits for something of it finds it over. */
static void end(struct rpc *c, enum grpc_status s, const char *details)
{
    if (c->is_over)
        return;
    c->is_over = true;
    c->status = s;
    if (details)
        sbuf_adds(&c->details, details);
    if (!c->ended_ns)
        c->ended_ns = clk_mono_ns();
    if (c->fetch) {
        fetch_cancel(c->fetch);
        c->got = fetch_response(c->fetch);
    }
    hub_wake(&c->sender);
    hub_wake(&c->reader);
}

/* The exchange has ended: what of it is the call's end. */
static void settle(struct rpc *c)
{
    if (c->is_over)
        return;
    const struct fetch_response *got = fetch_response(c->fetch);
    const bool is_whole = got->error == FETCH_OK && got->times.last_byte;
    const uint64_t now = is_whole && !c->deadline_ns ? got->times.last_byte : clk_mono_ns();
    const bool is_late = c->deadline_ns && now + LATE_SLACK_NS >= c->deadline_ns;
    c->got = got;
    c->ended_ns = is_whole ? got->times.last_byte : now;
    if (got->error == FETCH_TOTAL_TIMEOUT && now > c->deadline_ns)
        c->ended_ns = c->deadline_ns; /* its reader may come late */
    end(c, grpc_status_of(got, is_late, &c->details), NULL);
}

/* What was received is wrong, whatever its status said. */
static void fail(struct rpc *c, enum grpc_status s, const char *details)
{
    end(c, s, NULL);
    sbuf_clear(&c->details);
    sbuf_adds(&c->details, details);
    c->status = s;
}

static void fail_too_large(struct rpc *c, const char *which, uint64_t len, uint64_t most)
{
    char text[120];
    snprintf(text, sizeof text, "%s message larger than max (%llu vs. %llu)", which,
             (unsigned long long)len, (unsigned long long)most);
    fail(c, GRPC_RESOURCE_EXHAUSTED, text);
}

/* Its greenlet was ended while it waited. */
static void count_ended(struct rpc *c)
{
    const bool was_whole = c->fetch && fetch_is_done(c->fetch) && !c->method->is_stream;
    end(c, GRPC_CANCELLED, "its user was stopped");
    if (c->is_recorded)
        return;
    c->is_recorded = true;
    if (c->got && c->got->resent)
        grpc_record_aside(c, ASIDE_RESENT, c->got->resent);
    if (c->got && (c->got->was_sent || (c->method->is_in_pieces && c->got->sent_bytes)))
        grpc_record_aside(c, was_whole ? ASIDE_DISCARDED : ASIDE_CUT, 1);
}

void grpc_stop(struct rpc *c, enum grpc_status s, const char *details)
{
    if (!c->is_over)
        grpc_reader_fini(&c->in); /* nobody wants what has come */
    end(c, s, details);
}

void grpc_abandon(struct rpc *c)
{
    const bool is_new = !c->is_recorded;
    end(c, GRPC_CANCELLED, "nobody waits for it");
    c->is_recorded = true;
    if (is_new && c->got && (c->got->was_sent || (c->method->is_in_pieces && c->got->sent_bytes)))
        grpc_record_aside(c, ASIDE_DISCARDED, 1);
}

static int wait(struct rpc *c)
{
    if (c->is_awaited) {
        hub_raise("ConcurrentObjectUseError", "another greenlet is reading this call");
        return -1;
    }
    c->is_awaited = true;
    Py_INCREF(c);
    const int rc = hub_park(&c->reader);
    c->is_awaited = false;
    if (rc < 0) {
        PyObject *type, *value, *trace;
        PyErr_Fetch(&type, &value, &trace);
        count_ended(c);
        PyErr_Restore(type, value, trace);
    }
    Py_DECREF(c);
    return rc;
}

/* ---- begun ---------------------------------------------------------------------------------- */

/* False: it is over. */
static bool frame(struct rpc *c, PyObject *message, struct sbuf *out)
{
    const char *bytes = PyBytes_AS_STRING(message);
    const size_t len = (size_t)PyBytes_GET_SIZE(message);
    char prefix[GRPC_PREFIX] = {0};
    sbuf_clear(out);
    sbuf_reserve(out, GRPC_PREFIX + len);
    sbuf_add(out, prefix, sizeof prefix);
    grpc_compress(c->coding, bytes, len, out);
    const size_t framed = out->len - GRPC_PREFIX;
    if (framed > c->method->channel->max_send) {
        fail_too_large(c, "Sent", framed, c->method->channel->max_send);
        return false;
    }
    grpc_prefix(out->data, c->coding != GRPC_IDENTITY, (uint32_t)framed);
    return true;
}

/* Milliseconds for the exchange; false: there are none left. */
static bool time_left(const struct rpc *c, uint32_t *ms)
{
    *ms = 0;
    if (!c->deadline_ns)
        return true;
    const uint64_t now = clk_mono_ns();
    if (now >= c->deadline_ns)
        return false;
    const uint64_t left = (c->deadline_ns - now + 999999) / 1000000;
    *ms = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
    return true;
}

static int start(struct rpc *c)
{
    struct grpc_method *m = c->method;
    struct grpc_channel *ch = m->channel;
    struct pool_ref *pool = session_pool(ch->session);
    struct fetch_request q = {
        .origin = ch->origin,
        .method = "POST",
        .method_len = 4,
        .authority = PyUnicode_DATA(ch->authority),
        .authority_len = (size_t)PyUnicode_GET_LENGTH(ch->authority),
        .path = PyUnicode_DATA(m->path),
        .path_len = (size_t)PyUnicode_GET_LENGTH(m->path),
        .headers = c->head->headers,
        .header_count = c->head->count,
        .kept = &c->head->kept,
        .is_in_pieces = m->is_in_pieces,
        .is_chunked = m->is_in_pieces,
        .keep_encoded = true,
        .events = m->is_stream ? FETCH_READABLE : FETCH_OVER,
        .mode = m->is_stream ? FETCH_STREAM : FETCH_COLLECT,
        .max_body = ch->max_receive + GRPC_PREFIX,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
    };
    if (!pool)
        return -1;
    if (!time_left(c, &q.total_timeout_ms)) {
        end(c, GRPC_DEADLINE_EXCEEDED, "Deadline Exceeded");
        return 0;
    }
    if (m->is_in_pieces) {
        q.events |= FETCH_WANTED;
    } else {
        q.body = c->out.data;
        q.body_len = c->out.len;
    }
    c->fetch = fetch_start(pool->pool, &q, on_event, c);
    return 0;
}

int grpc_begin(struct rpc *c, PyObject *message)
{
    if (!site_is_loop_thread()) {
        PyErr_SetString(PyExc_RuntimeError, "gRPC calls are made on the thread of the loop only");
        return -1;
    }
    if (message) {
        if (c->coding != GRPC_IDENTITY && !c->method->is_stream)
            c->message = Py_NewRef(message);
        c->out = scratch_take();
        if (!frame(c, message, &c->out))
            return 0;
    }
    if (c->method->is_stream || c->method->is_in_pieces)
        grpc_count(GRPC_STREAMS);
    if (message && c->method->is_stream)
        grpc_count(GRPC_SENT);
    return start(c);
}

/* ---- messages received ---------------------------------------------------------------------- */

/* The bytes of a message as they were before compression (new), or NULL: the call has failed, or
 * there is an exception. */
static PyObject *take_message(struct rpc *c, const struct grpc_message *m)
{
    const struct fetch_response *got = fetch_response(c->fetch);
    c->received += m->len;
    if (!m->is_compressed)
        return PyBytes_FromStringAndSize(m->bytes, (Py_ssize_t)m->len);
    const struct fetch_header *h = grpc_header(got->headers, got->header_count, "grpc-encoding");
    const enum grpc_coding coding = h ? grpc_coding_of(h->value, h->value_len) : GRPC_IDENTITY;
    struct sbuf plain = {0};
    PyObject *bytes = NULL;
    enum grpc_inflated how = GRPC_NOT_INFLATED;
    if (coding != GRPC_IDENTITY && coding != GRPC_CODINGS)
        how = grpc_decompress(coding, m->bytes, m->len, c->in.most, &plain);
    if (how == GRPC_INFLATED)
        bytes = PyBytes_FromStringAndSize(plain.data ? plain.data : "", (Py_ssize_t)plain.len);
    else if (how == GRPC_INFLATED_TOO_LARGE)
        fail_too_large(c, "Decompressed", plain.len, c->in.most);
    else
        fail(c, GRPC_INTERNAL, "a compressed message cannot be read");
    sbuf_fini(&plain);
    return bytes;
}

/* Of an answer that is whole and OK. */
static PyObject *only_message(struct rpc *c)
{
    const struct fetch_response *got = c->got;
    struct grpc_message m;
    size_t at = 0;
    switch (grpc_message_at(got->body, got->body_len, &at, c->in.most, &m)) {
    case GRPC_MESSAGE:
        if (at == got->body_len)
            return take_message(c, &m);
        fail(c, GRPC_INTERNAL, "the answer has more than one message");
        break;
    case GRPC_MORE:
        fail(c, GRPC_INTERNAL,
             got->body_len ? "the answer ends within its message" : "the answer has no message");
        break;
    case GRPC_TOO_LARGE:
        fail_too_large(c, "Received", m.len, c->in.most);
        break;
    case GRPC_BAD_FLAG:
        fail(c, GRPC_INTERNAL, "the answer is no message of gRPC");
        break;
    }
    return NULL;
}

/* What was too large to be collected says how large it would have been. */
static void name_size(struct rpc *c)
{
    const struct fetch_response *got = c->got;
    struct grpc_message m = {0};
    size_t at = 0;
    if (got && got->error == FETCH_BODY_TOO_LARGE && got->body_len >= GRPC_PREFIX &&
        grpc_message_at(got->body, got->body_len, &at, c->in.most, &m) == GRPC_TOO_LARGE)
        fail_too_large(c, "Received", m.len, c->in.most);
}

PyObject *grpc_deserialized(struct rpc *c, PyObject *bytes)
{
    PyObject *read = c->method->deserialize;
    PyObject *answer = read ? PyObject_CallOneArg(read, bytes) : Py_NewRef(bytes);
    if (answer || !PyErr_ExceptionMatches(PyExc_Exception))
        return answer;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *said = value ? PyObject_Str(value) : NULL;
    const char *text = said ? PyUnicode_AsUTF8(said) : NULL;
    struct sbuf why = {0};
    sbuf_addf(&why, "the answer cannot be deserialized: %s", text ? text : "");
    fail(c, GRPC_INTERNAL, why.data);
    sbuf_fini(&why);
    Py_XDECREF(said);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    PyErr_Clear();
    return NULL;
}

/* ---- one answer ----------------------------------------------------------------------------- */

static int wait_over(struct rpc *c)
{
    while (!c->is_over && !fetch_is_done(c->fetch))
        if (wait(c) < 0)
            return -1;
    settle(c);
    return 0;
}

static void forget_exchange(struct rpc *c)
{
    fetch_free(c->fetch);
    c->fetch = NULL;
    c->got = NULL;
    c->is_over = false;
    c->ended_ns = 0;
    sbuf_clear(&c->details);
}

/* Whether the server may be one that cannot read what is compressed. */
static bool can_fall_back(const struct rpc *c)
{
    return c->message && c->coding != GRPC_IDENTITY && !c->method->needs_coding && c->got &&
           c->got->error == FETCH_OK &&
           (c->status == GRPC_UNIMPLEMENTED || c->status == GRPC_INTERNAL);
}

/* Once more without compression, and from then on if that is what it was. */
static int fall_back(struct rpc *c)
{
    struct grpc_method *m = c->method;
    const enum grpc_status before = c->status;
    struct grpc_head *head = grpc_head_get(m, c->metadata, c->head->timeout_ns, GRPC_IDENTITY,
                                           c->trace.span ? &c->trace : NULL);
    if (!head)
        return -1;
    grpc_record_aside(c, ASIDE_RESENT, 1 + c->got->resent);
    forget_exchange(c);
    grpc_head_put(c->head);
    c->head = head;
    c->coding = GRPC_IDENTITY;
    if (!frame(c, c->message, &c->out))
        return 0;
    if (start(c) < 0 || (c->fetch && wait_over(c) < 0))
        return -1;
    if (c->status == before)
        m->needs_coding = true;
    else
        m->channel->is_coding_refused = true;
    return 0;
}

static bool is_unreached(const struct rpc *c)
{
    return c->got && c->status == GRPC_UNAVAILABLE && !c->got->times.sent_first;
}

/* wait_for_ready: a server that cannot be reached is tried again until the call's time is over. */
static int try_until_ready(struct rpc *c)
{
    for (double pause = 0.05; is_unreached(c); pause = pause < 1 ? pause * 2 : 1) {
        uint32_t left_ms;
        const bool is_late = !time_left(c, &left_ms);
        const double left = is_late ? 0 : left_ms / 1000.0;
        forget_exchange(c);
        if (hub_sleep(c->deadline_ns && left < pause ? left : pause) < 0) {
            count_ended(c);
            return -1;
        }
        if (c->is_over) /* somebody cancelled it */
            break;
        if (start(c) < 0 || (c->fetch && wait_over(c) < 0))
            return -1;
    }
    return 0;
}

PyObject *grpc_finish(struct rpc *c)
{
    if (c->fetch && wait_over(c) < 0)
        return NULL;
    if (c->is_patient && try_until_ready(c) < 0)
        return NULL;
    if (can_fall_back(c) && fall_back(c) < 0)
        return NULL;
    name_size(c);
    PyObject *bytes = c->status == GRPC_OK ? only_message(c) : NULL;
    if (bytes && c->method->is_in_pieces)
        grpc_count(GRPC_RECEIVED);
    return bytes;
}

/* ---- streams -------------------------------------------------------------------------------- */

/* 1: bytes were read, 0: the call is over, -1: nothing yet. */
static int read_more(struct rpc *c, size_t wanted)
{
    const size_t room = wanted < READ_STEP ? READ_STEP : wanted < READ_MOST ? wanted : READ_MOST;
    char *to = grpc_reader_room(&c->in, room);
    if (!to) {
        end(c, GRPC_RESOURCE_EXHAUSTED, "no memory for a message");
        return 0;
    }
    const long n = fetch_read(c->fetch, to, room);
    if (n == -1)
        return -1;
    if (n > 0) {
        if (grpc_has_messages(fetch_response(c->fetch)))
            grpc_reader_put(&c->in, (size_t)n);
        return 1;
    }
    settle(c);
    if (c->status == GRPC_OK && grpc_reader_left(&c->in))
        c->is_cut_short = true;
    return 0;
}

static PyObject *take_next(struct rpc *c, const struct grpc_message *m)
{
    PyObject *bytes = take_message(c, m);
    if (!bytes)
        return NULL;
    grpc_count(GRPC_RECEIVED);
    if (c->first_ns)
        return bytes;
    const struct fetch_times *t = &fetch_response(c->fetch)->times;
    c->first_ns = t->data ? t->data : clk_mono_ns();
    if (grpc_record_first(c) < 0)
        Py_CLEAR(bytes);
    return bytes;
}

PyObject *grpc_receive(struct rpc *c)
{
    struct grpc_message m = {0};
    while (c->fetch) {
        switch (grpc_reader_next(&c->in, &m)) {
        case GRPC_MESSAGE:
            return take_next(c, &m);
        case GRPC_TOO_LARGE:
            fail_too_large(c, "Received", m.len, c->in.most);
            return NULL;
        case GRPC_BAD_FLAG:
            fail(c, GRPC_INTERNAL, "what was received is no message of gRPC");
            return NULL;
        case GRPC_MORE:
            break;
        }
        if (c->is_over)
            break;
        const size_t there = grpc_reader_left(&c->in);
        const int more = read_more(c, there < GRPC_PREFIX ? 0 : m.len + GRPC_PREFIX - there);
        if (more < 0 && wait(c) < 0)
            return NULL;
    }
    if (c->is_cut_short)
        fail(c, GRPC_INTERNAL, "the stream ends within a message");
    c->is_cut_short = false;
    return NULL;
}

int grpc_await_head(struct rpc *c)
{
    char none;
    while (c->fetch && !c->is_over && !fetch_is_done(c->fetch)) {
        if (c->method->is_stream)
            fetch_read(c->fetch, &none, 0); /* has the reader told */
        if (wait(c) < 0)
            return -1;
    }
    return 0;
}

int grpc_await_end(struct rpc *c)
{
    if (!c->method->is_stream)
        return c->fetch ? wait_over(c) : 0;
    while (c->fetch && !c->is_over) {
        if (grpc_reader_left(&c->in) > AHEAD_MOST) {
            PyErr_SetString(PyExc_RuntimeError,
                            "more than 16 MiB wait to be read before the status of this call");
            return -1;
        }
        if (read_more(c, READ_MOST) < 0 && wait(c) < 0)
            return -1;
    }
    return 0;
}

/* Until the next piece may be given. 1: it may, 0: the call is over. */
static int wait_for_room(struct rpc *c)
{
    while (!c->is_over && !fetch_wants_piece(c->fetch)) {
        if (!c->method->is_stream && fetch_is_done(c->fetch))
            return 0;
        Py_INCREF(c);
        const int rc = hub_park(&c->sender);
        Py_DECREF(c);
        if (rc < 0)
            return -1;
    }
    return !c->is_over;
}

int grpc_send(struct rpc *c, PyObject *message)
{
    struct sbuf framed = {0};
    if (!c->fetch || c->is_over || c->is_closing)
        return 0;
    const int rc = wait_for_room(c);
    if (rc <= 0)
        return rc;
    if (!message) {
        c->is_closing = true;
        fetch_give(c->fetch, NULL, 0);
        return 1;
    }
    framed = scratch_take();
    const bool is_framed = frame(c, message, &framed);
    if (is_framed) {
        grpc_count(GRPC_SENT);
        fetch_give(c->fetch, framed.data, framed.len);
    }
    scratch_give(&framed);
    return is_framed;
}

PyObject *grpc_error(struct rpc *c)
{
    return PyObject_CallOneArg(grpc_glue.error, (PyObject *)c);
}
