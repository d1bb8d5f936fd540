// SPDX-License-Identifier: MIT
/* A span is written as protobuf (opentelemetry.proto.trace.v1.Span, with the key it has in
 * ScopeSpans) as soon as its request ended, into a buffer of bounded size, which is taken by
 * pieces. What finds no room is counted.
 *
 * Whether a call is sampled follows from its trace id, by the 56 lowest bits, as OpenTelemetry's
 * samplers do it: a back end that samples by the same share keeps the same traces.
 */
#include "worker/py/py_trace.h"

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/base/protobuf.h"
#include "common/base/utf8.h"
#include "worker/proto/mask.h"
#include "worker/py/py_client_record.h"
#include "worker/py/py_mod.h"
#include "worker/py/py_stats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUFFER_BYTES (4u << 20)
#define PIECE_BYTES (256u << 10)
#define TEXT_MOST 1024
#define URL_MOST 2048
#define RANDOM_BITS 56
#define HEADER "traceparent"
#define VALUE_LEN 55 /* 00-TRACE-SPAN-01 */
#define HEADERS_USUAL 96

enum { SPAN = 2 }; /* in ScopeSpans */
enum { KIND_INTERNAL = 1, KIND_CLIENT = 3, STATUS_ERROR = 2 };

struct task { /* that is executed: an attribute of the user */
    struct trace_mark mark;
    uint64_t began_ns; /* CLOCK_MONOTONIC */
};

static struct {
    uint64_t state[4];  /* of the generator */
    uint64_t threshold; /* the least random bits that are sampled */
    bool has_spans;     /* somebody takes them */
    bool has_tasks;
    struct sbuf spans; /* from `taken` on */
    size_t taken;      /* bytes */
    uint64_t dropped;  /* since it began */
    uint64_t ahead_ns; /* unix time less that of the monotonic clock */
    PyObject *account_key, *task_key;
} the;

bool py_trace_wanted;

/* ---- ids: xoshiro256++ --------------------------------------------------------------------- */

static uint64_t rotated(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static uint64_t next_random(void)
{
    uint64_t *s = the.state;
    const uint64_t result = rotated(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotated(s[3], 45);
    return result;
}

static void seed(void)
{
    const struct clk_moment now = clk_now();
    if (getrandom(the.state, sizeof the.state, 0) == (ssize_t)sizeof the.state)
        return;
    the.state[0] ^= (uint64_t)(now.steady * 1e9); /* a sandbox without it */
    the.state[1] ^= (uint64_t)(now.mono * 1e9);
    the.state[2] ^= (uint64_t)getpid() << 32 | 1;
}

static uint64_t next_id(void)
{
    uint64_t id;
    do
        id = next_random();
    while (!id);
    return id;
}

static struct trace_mark next_mark(void)
{
    struct trace_mark m = {.high = next_id(), .low = next_random(), .span = next_id()};
    m.is_sampled = (m.low & ((UINT64_C(1) << RANDOM_BITS) - 1)) >= the.threshold;
    return m;
}

/* Of a request: below the task of its user, if that is traced. */
static struct trace_mark mark_of(const struct response *r)
{
    PyObject *user = r->session ? r->session->user : NULL, *kept = NULL;
    struct task task;
    if (!the.has_tasks || !is_given(user))
        return next_mark();
    if (py_optional_attribute(user, the.task_key, &kept) < 0)
        PyErr_Clear();
    const bool has_task = kept && PyBytes_Check(kept) && PyBytes_GET_SIZE(kept) == sizeof task;
    if (has_task)
        memcpy(&task, PyBytes_AS_STRING(kept), sizeof task);
    Py_XDECREF(kept);
    if (!has_task)
        return next_mark();
    task.mark.parent = task.mark.span;
    task.mark.span = next_id();
    return task.mark;
}

/* ---- the header ----------------------------------------------------------------------------- */

static char *put_hex(char *to, uint64_t number)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        *to++ = "0123456789abcdef"[number >> shift & 15];
    return to;
}

static void write_value(const struct trace_mark *m, char value[static VALUE_LEN])
{
    char *to = mempcpy(value, "00-", 3);
    to = put_hex(put_hex(to, m->high), m->low);
    *to++ = '-';
    to = put_hex(to, m->span);
    memcpy(to, m->is_sampled ? "-01" : "-00", 3);
}

/* What others ask the same with is not changed. */
static struct asked *with_header(struct asked *old, const struct trace_mark *m)
{
    struct fetch_header few[HEADERS_USUAL], *headers = few;
    char value[VALUE_LEN];
    if (old->count + 1 > HEADERS_USUAL)
        headers = mem_zalloc((old->count + 1) * sizeof *headers);
    write_value(m, value);
    memcpy(headers, old->headers, old->count * sizeof *headers);
    headers[old->count] = (struct fetch_header){HEADER, value, sizeof HEADER - 1, VALUE_LEN};
    struct asked *new = asked_new(old->method, old->method_len, headers, old->count + 1);
    if (headers != few)
        free(headers);
    asked_put(old);
    return new;
}

void py_trace_begin(struct response *r)
{
    if (asked_find(r->asked, HEADER))
        return; /* the script's */
    r->trace = mark_of(r);
    r->asked = with_header(r->asked, &r->trace);
}

int py_trace_begin_of(struct response *r, PyObject *account)
{
    if (asked_find(r->asked, HEADER))
        return 0;
    if (account == Py_None) {
        py_trace_begin(r);
        return 0;
    }
    PyObject *kept = PyObject_GetAttr(account, the.account_key);
    if (!kept)
        return -1;
    if (PyBytes_Check(kept) && PyBytes_GET_SIZE(kept) == sizeof r->trace) {
        memcpy(&r->trace, PyBytes_AS_STRING(kept), sizeof r->trace);
    } else {
        r->trace = mark_of(r);
        Py_SETREF(kept, PyBytes_FromStringAndSize((const char *)&r->trace, sizeof r->trace));
        if (!kept || PyObject_SetAttr(account, the.account_key, kept) != 0) {
            Py_XDECREF(kept);
            return -1;
        }
    }
    Py_DECREF(kept);
    r->asked = with_header(r->asked, &r->trace);
    return 0;
}

void py_trace_id(const struct response *r, char id[TRACE_ID_ROOM])
{
    const struct fetch_header *h = r->asked ? asked_find(r->asked, HEADER) : NULL;
    *id = 0;
    if (r->trace.span)
        *put_hex(put_hex(id, r->trace.high), r->trace.low) = 0;
    else if (h && h->value && h->value_len >= VALUE_LEN)
        *(char *)mempcpy(id, h->value + 3, TRACE_ID_ROOM - 1) = 0;
}

/* ---- a span --------------------------------------------------------------------------------- */

static void put_bytes(struct sbuf *b, unsigned field, uint64_t first, const uint64_t *second)
{
    unsigned char bytes[16];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(first >> (56 - 8 * i));
        bytes[8 + i] = second ? (unsigned char)(*second >> (56 - 8 * i)) : 0;
    }
    pb_bytes(b, field, bytes, second ? 16 : 8);
}

/* As text that is UTF-8. */
static void put_text(struct sbuf *b, unsigned field, const char *text, size_t len)
{
    struct sbuf clean = {0};
    utf8_add_clean(&clean, text, len);
    pb_bytes(b, field, clean.data ? clean.data : "", clean.len);
    sbuf_fini(&clean);
}

enum value { VALUE_TEXT = 1, VALUE_NUMBER = 3 }; /* fields of AnyValue */

static void put_attribute(struct sbuf *b, const char *key, const char *text, size_t len)
{
    if (!len)
        return;
    const size_t at = pb_open(b, 9);
    pb_bytes(b, 1, key, strlen(key));
    const size_t any = pb_open(b, 2);
    put_text(b, VALUE_TEXT, text, len);
    pb_close(b, any);
    pb_close(b, at);
}

static void put_word(struct sbuf *b, const char *key, const char *word)
{
    put_attribute(b, key, word, strlen(word));
}

static void put_number(struct sbuf *b, const char *key, uint64_t number)
{
    const size_t at = pb_open(b, 9);
    pb_bytes(b, 1, key, strlen(key));
    const size_t any = pb_open(b, 2);
    pb_uint(b, VALUE_NUMBER, number);
    pb_close(b, any);
    pb_close(b, at);
}

/* Borrowed; "" of what is no text. */
static const char *text_of(PyObject *o, size_t *len)
{
    Py_ssize_t size = 0;
    const char *text = o && PyUnicode_Check(o) ? PyUnicode_AsUTF8AndSize(o, &size) : NULL;
    if (!text)
        PyErr_Clear();
    *len = text ? (size_t)size : 0;
    return text ? text : "";
}

static void put_masked(struct sbuf *b, const char *key, const char *text, size_t len, size_t most)
{
    struct sbuf masked = {0};
    mask_text(&masked, text, len < most ? len : most);
    put_attribute(b, key, masked.data, masked.len);
    sbuf_fini(&masked);
}

static void put_place(struct sbuf *b, struct response *r)
{
    const char *text = r->site->authority, *colon = NULL;
    const size_t len = r->site->authority_len;
    struct sbuf url = {0};
    size_t root_len, target_len;
    const char *root = text_of(r->site->root, &root_len), *target = text_of(r->target, &target_len);
    sbuf_add(&url, root, root_len);
    sbuf_add(&url, target, target_len);
    put_masked(b, "url.full", url.data ? url.data : "", url.len, URL_MOST);
    sbuf_fini(&url);
    for (size_t i = 0; i < len; i++)
        colon = text[i] == ':' ? text + i : text[i] == ']' ? NULL : colon;
    const bool is_bracketed = len && text[0] == '[';
    const size_t host_len = (colon ? (size_t)(colon - text) : len) - 2 * is_bracketed;
    put_attribute(b, "server.address", text + is_bracketed, host_len);
    put_number(b, "server.port", colon ? strtoul(colon + 1, NULL, 10) : r->site->is_tls ? 443 : 80);
}

static void put_answer(struct sbuf *b, const struct response *r)
{
    const char *version = response_http_version(r);
    if (r->status > 0)
        put_number(b, "http.response.status_code", (uint64_t)r->status);
    if (version)
        put_word(b, "network.protocol.version", version);
    if (r->history && PyList_CheckExact(r->history) && PyList_GET_SIZE(r->history))
        put_number(b, "http.request.resend_count", (uint64_t)PyList_GET_SIZE(r->history));
}

/* The class of an exception that is written as CLASS(…); the status of an answer. */
static void put_error(struct sbuf *b, const struct response *r, const char *failure, size_t len)
{
    char status[16];
    size_t name = 0;
    while (name < len && (failure[name] == '_' || failure[name] == '.' ||
                          (failure[name] >= '0' && failure[name] <= '9') ||
                          ((failure[name] | 32) >= 'a' && (failure[name] | 32) <= 'z')))
        name++;
    if (r->status >= 400) {
        snprintf(status, sizeof status, "%d", r->status);
        put_word(b, "error.type", status);
    } else if (name && name < len && failure[name] == '(') {
        put_attribute(b, "error.type", failure, name);
    } else {
        put_word(b, "error.type", "_OTHER");
    }
}

static void put_status(struct sbuf *b, const char *failure, size_t len)
{
    struct sbuf masked = {0};
    const size_t at = pb_open(b, 15);
    mask_text(&masked, failure, len < TEXT_MOST ? len : TEXT_MOST);
    put_text(b, 2, masked.data ? masked.data : "", masked.len);
    pb_uint(b, 3, STATUS_ERROR);
    pb_close(b, at);
    sbuf_fini(&masked);
}

static void put_event(struct sbuf *b, const char *name, uint64_t mono_ns)
{
    if (!mono_ns)
        return;
    const size_t at = pb_open(b, 11);
    pb_fixed64(b, 1, mono_ns + the.ahead_ns);
    pb_bytes(b, 2, name, strlen(name));
    pb_close(b, at);
}

static void put_events(struct sbuf *b, const struct fetch_times *t)
{
    put_event(b, "name resolved", t->resolved);
    put_event(b, "connected", t->connected);
    put_event(b, "TLS established", t->secured);
    put_event(b, "request sent", t->sent_last);
    put_event(b, "first byte received", t->first_byte);
}

static void put_name(struct sbuf *b, const struct response *r)
{
    struct sbuf name = {0};
    size_t method_len, name_len;
    const char *method = text_of(r->method, &method_len), *row = text_of(r->name, &name_len);
    sbuf_add(&name, method, method_len);
    sbuf_addc(&name, ' ');
    sbuf_add(&name, row, name_len < TEXT_MOST ? name_len : TEXT_MOST);
    put_text(b, 5, name.data, name.len);
    sbuf_fini(&name);
    put_attribute(b, "http.request.method", method, method_len);
    put_attribute(b, "request.name", row, name_len < TEXT_MOST ? name_len : TEXT_MOST);
}

/* Of the first exchange of the call; 0: there was none. */
static uint64_t start_of(const struct response *r)
{
    const struct fetch_response *got = r->got;
    PyObject *first = r->history && PyList_CheckExact(r->history) && PyList_GET_SIZE(r->history)
                          ? PyList_GET_ITEM(r->history, 0)
                          : NULL;
    if (first && PyObject_TypeCheck(first, response_type))
        got = ((struct response *)first)->got;
    return got ? got->times.start : 0;
}

static void put_times(struct sbuf *b, const struct response *r)
{
    const uint64_t end = r->ended_ns ? r->ended_ns : clk_mono_ns(), known = start_of(r);
    const uint64_t start = known ? known : end - (r->duration_ns < end ? r->duration_ns : end);
    pb_fixed64(b, 7, start + the.ahead_ns);
    pb_fixed64(b, 8, end + the.ahead_ns);
}

/* failure, outcome: NULL, or what went wrong; what became of one that is not reported. */
static void put_span(struct sbuf *b, struct response *r, const char *failure, size_t len,
                     const char *outcome)
{
    const size_t at = pb_open(b, SPAN);
    put_bytes(b, 1, r->trace.high, &r->trace.low);
    put_bytes(b, 2, r->trace.span, NULL);
    if (r->trace.parent)
        put_bytes(b, 4, r->trace.parent, NULL);
    pb_uint(b, 6, KIND_CLIENT);
    put_name(b, r);
    put_times(b, r);
    if (r->site && r->target)
        put_place(b, r);
    put_answer(b, r);
    put_word(b, "user_agent.synthetic.type", "test");
    if (r->session && is_given(r->session->user))
        put_word(b, "katydid.user_class", Py_TYPE(r->session->user)->tp_name);
    if (outcome)
        put_word(b, "katydid.outcome", outcome);
    if (failure)
        put_error(b, r, failure, len);
    if (r->got)
        put_events(b, &r->got->times);
    if (failure)
        put_status(b, failure, len);
    pb_close(b, at);
}

/* Whether there is room for one more; counts it otherwise. */
static bool has_room(void)
{
    struct sbuf *b = &the.spans;
    if (b->len - the.taken > BUFFER_BYTES) {
        the.dropped++;
        return false;
    }
    if (the.taken > BUFFER_BYTES) { /* what is taken is not kept */
        memmove(b->data, b->data + the.taken, b->len - the.taken);
        b->len -= the.taken;
        the.taken = 0;
    }
    return true;
}

static void keep_span(struct response *r, const char *failure, size_t len, const char *outcome)
{
    if (!r->trace.span || !r->trace.is_sampled || !the.has_spans)
        return;
    if (has_room())
        put_span(&the.spans, r, failure, len, outcome);
    r->trace.is_sampled = false; /* once */
}

void py_trace_note(struct response *r, const struct py_stats_request *q)
{
    keep_span(r, q->failure, q->failure_len, NULL);
}

void py_trace_aside(struct response *r, const char *outcome)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    keep_span(r, NULL, 0, outcome);
    PyErr_Restore(type, value, trace);
}

/* ---- tasks ---------------------------------------------------------------------------------- */

static void put_task(struct sbuf *b, const struct task *t, PyObject *user, PyObject *name,
                     PyObject *failure)
{
    size_t name_len, len;
    const char *class = Py_TYPE(user)->tp_name, *text = text_of(name, &name_len);
    struct sbuf whole = {0};
    const size_t at = pb_open(b, SPAN);
    sbuf_addf(&whole, "%s.%.*s", class, (int)(name_len < TEXT_MOST ? name_len : TEXT_MOST), text);
    put_bytes(b, 1, t->mark.high, &t->mark.low);
    put_bytes(b, 2, t->mark.span, NULL);
    put_text(b, 5, whole.data, whole.len);
    pb_uint(b, 6, KIND_INTERNAL);
    pb_fixed64(b, 7, t->began_ns + the.ahead_ns);
    pb_fixed64(b, 8, clk_mono_ns() + the.ahead_ns);
    put_word(b, "katydid.user_class", class);
    text = text_of(failure, &len);
    if (len)
        put_status(b, text, len);
    pb_close(b, at);
    sbuf_fini(&whole);
}

static PyObject *task_method(PyObject *module, PyObject *user)
{
    const struct task task = {next_mark(), clk_mono_ns()};
    PyObject *kept = PyBytes_FromStringAndSize((const char *)&task, sizeof task);
    (void)module;
    if (!kept || PyObject_SetAttr(user, the.task_key, kept) != 0)
        Py_CLEAR(kept);
    return kept;
}

static PyObject *task_done_method(PyObject *module, PyObject *args)
{
    struct task task;
    PyObject *kept, *user, *name, *failure;
    (void)module;
    if (!PyArg_ParseTuple(args, "SOOO:trace_task_done", &kept, &user, &name, &failure))
        return NULL;
    if (PyBytes_GET_SIZE(kept) == sizeof task) {
        memcpy(&task, PyBytes_AS_STRING(kept), sizeof task);
        if (task.mark.is_sampled && the.has_spans && has_room())
            put_task(&the.spans, &task, user, name, failure);
    }
    return PyObject_SetAttr(user, the.task_key, Py_None) == 0 ? Py_NewRef(Py_None) : NULL;
}

/* ---- from Python ---------------------------------------------------------------------------- */

static void close_it(void)
{
    py_trace_wanted = the.has_spans = the.has_tasks = false;
    sbuf_fini(&the.spans);
    the.taken = 0;
    the.dropped = 0;
}

static PyObject *open_method(PyObject *module, PyObject *args)
{
    double share;
    int has_spans, has_tasks;
    (void)module;
    if (!PyArg_ParseTuple(args, "dpp:trace_open", &share, &has_spans, &has_tasks))
        return NULL;
    const double all = (double)(UINT64_C(1) << RANDOM_BITS);
    const struct clk_moment now = clk_now();
    close_it();
    seed();
    the.threshold = share >= 1 ? 0 : share > 0 ? (uint64_t)((1 - share) * all) : (uint64_t)all;
    the.ahead_ns = (uint64_t)((now.steady - now.mono) * 1e9);
    the.has_spans = has_spans;
    the.has_tasks = has_tasks;
    py_trace_wanted = true;
    Py_RETURN_NONE;
}

static PyObject *close_method(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    close_it();
    Py_RETURN_NONE;
}

static PyObject *piece_of(const char *bytes, size_t len, unsigned count)
{
    return Py_BuildValue("NIK", PyBytes_FromStringAndSize(bytes, (Py_ssize_t)len), count,
                         (unsigned long long)the.dropped);
}

/* Whole spans, not many more bytes than a piece has. */
static PyObject *take_method(PyObject *module, PyObject *unused)
{
    unsigned count = 0;
    uint64_t key, len;
    (void)module, (void)unused;
    if (!the.spans.data || the.taken == the.spans.len)
        return piece_of("", 0, 0);
    const char *start = the.spans.data + the.taken;
    const unsigned char *p = (const unsigned char *)start;
    const unsigned char *end = (const unsigned char *)the.spans.data + the.spans.len;
    while (p < end && p < (const unsigned char *)start + PIECE_BYTES &&
           varint_read(&p, end, &key) && varint_read(&p, end, &len)) {
        p += len;
        count++;
    }
    const size_t size = (size_t)((const char *)p - start);
    PyObject *piece = piece_of(start, size, count);
    if (piece)
        the.taken += size;
    if (the.taken == the.spans.len) {
        sbuf_clear(&the.spans);
        the.taken = 0;
    }
    return piece;
}

static PyMethodDef functions[] = {
    {"trace_open", open_method, METH_VARARGS,
     "trace_open(share, has_spans, has_tasks): from now on requests have a traceparent, that share "
     "of them, or of the executions of tasks, is sampled, and spans of these are kept or not."},
    {"trace_task", task_method, METH_O,
     "trace_task(user): one of its tasks begins. For trace_task_done."},
    {"trace_task_done", task_done_method, METH_VARARGS,
     "trace_task_done(what trace_task gave, user, name, failure or None)"},
    {"trace_close", close_method, METH_NOARGS, "No more, and what is kept is given up."},
    {"trace_take", take_method, METH_NOARGS,
     "trace_take() → (spans, how many, how many found no room since trace_open)."},
    {NULL, NULL, 0, NULL},
};

/* What is kept is the parent's, and its ids are. */
static void forget(void)
{
    if (py_trace_wanted)
        seed();
    sbuf_clear(&the.spans);
    the.taken = 0;
}

int py_trace_init(PyObject *module)
{
    if (!the.account_key) {
        pthread_atfork(NULL, NULL, forget);
        the.account_key = PyUnicode_InternFromString("trace");
        the.task_key = PyUnicode_InternFromString("_trace_task");
    }
    return the.account_key && the.task_key ? PyModule_AddFunctions(module, functions) : -1;
}
