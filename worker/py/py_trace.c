// SPDX-License-Identifier: MIT
/* A span is written (py_span.h) as soon as its request ended, into a buffer of bounded size, which
 * is taken by pieces. What finds no room is counted.
 *
 * Whether a call is sampled follows from its trace id, by the 56 lowest bits, as OpenTelemetry's
 * samplers do it: a back end that samples by the same share keeps the same traces.
 */
#include "worker/py/py_trace.h"

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/base/varint.h"
#include "worker/py/py_client_record.h"
#include "worker/py/py_mod.h"
#include "worker/py/py_span.h"
#include "worker/py/py_stats.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BUFFER_BYTES (4u << 20)
#define PIECE_BYTES (256u << 10)
#define RANDOM_BITS 56
#define HEADER "traceparent"
#define HEADERS_USUAL 96

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

/* Of a request: below the task of its user, if that is traced. user: or NULL. */
static struct trace_mark mark_of(PyObject *user)
{
    PyObject *kept = NULL;
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

static void write_value(const struct trace_mark *m, char value[static TRACE_VALUE_LEN])
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
    char value[TRACE_VALUE_LEN];
    if (old->count + 1 > HEADERS_USUAL)
        headers = mem_zalloc((old->count + 1) * sizeof *headers);
    write_value(m, value);
    memcpy(headers, old->headers, old->count * sizeof *headers);
    headers[old->count] = (struct fetch_header){HEADER, value, sizeof HEADER - 1, TRACE_VALUE_LEN};
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
    r->trace = mark_of(r->session ? r->session->user : NULL);
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
        r->trace = mark_of(r->session ? r->session->user : NULL);
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
    else if (h && h->value && h->value_len >= TRACE_VALUE_LEN)
        *(char *)mempcpy(id, h->value + 3, TRACE_ID_ROOM - 1) = 0;
}

/* ---- a span --------------------------------------------------------------------------------- */

static void put_place(struct sbuf *b, struct response *r)
{
    struct sbuf url = {0};
    size_t root_len, target_len;
    const char *root = span_text_of(r->site->root, &root_len);
    const char *target = span_text_of(r->target, &target_len);
    sbuf_add(&url, root, root_len);
    sbuf_add(&url, target, target_len);
    span_url(b, url.data ? url.data : "", url.len);
    sbuf_fini(&url);
    span_server(b, r->site->authority, r->site->authority_len, r->site->is_tls);
}

static void put_answer(struct sbuf *b, const struct response *r)
{
    const char *version = response_http_version(r);
    if (r->status > 0)
        span_number(b, "http.response.status_code", (uint64_t)r->status);
    if (version)
        span_word(b, "network.protocol.version", version);
    if (r->history && PyList_CheckExact(r->history) && PyList_GET_SIZE(r->history))
        span_number(b, "http.request.resend_count", (uint64_t)PyList_GET_SIZE(r->history));
}

/* The class of an exception that is written as CLASS(…); the status of an answer. */
static void put_error_type(struct sbuf *b, int status, const char *failure, size_t len)
{
    char number[16];
    size_t name = 0;
    while (name < len && (failure[name] == '_' || failure[name] == '.' ||
                          (failure[name] >= '0' && failure[name] <= '9') ||
                          ((failure[name] | 32) >= 'a' && (failure[name] | 32) <= 'z')))
        name++;
    if (status >= 400) {
        snprintf(number, sizeof number, "%d", status);
        span_word(b, "error.type", number);
    } else if (name && name < len && failure[name] == '(') {
        span_text(b, "error.type", failure, name);
    } else {
        span_word(b, "error.type", "_OTHER");
    }
}

static void put_event(struct sbuf *b, const char *name, uint64_t mono_ns)
{
    if (mono_ns)
        span_event(b, name, mono_ns + the.ahead_ns);
}

static void put_events(struct sbuf *b, const struct fetch_times *t)
{
    put_event(b, "name resolved", t->resolved);
    put_event(b, "connected", t->connected);
    put_event(b, "TLS established", t->secured);
    put_event(b, "request sent", t->sent_last);
    put_event(b, "first byte received", t->first_byte);
}

/* What all spans of requests have. */
static void put_request(struct sbuf *b, PyObject *user, PyObject *method, PyObject *name)
{
    struct sbuf whole = {0};
    size_t method_len, name_len;
    const char *verb = span_text_of(method, &method_len), *row = span_text_of(name, &name_len);
    name_len = name_len < SPAN_TEXT_MOST ? name_len : SPAN_TEXT_MOST;
    sbuf_add(&whole, verb, method_len);
    sbuf_addc(&whole, ' ');
    sbuf_add(&whole, row, name_len);
    span_name(b, whole.data, whole.len);
    sbuf_fini(&whole);
    span_text(b, "request.name", row, name_len);
    span_word(b, "user_agent.synthetic.type", "test");
    if (is_given(user))
        span_word(b, "katydid.user_class", Py_TYPE(user)->tp_name);
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
    span_times(b, start + the.ahead_ns, end + the.ahead_ns);
}

/* failure, outcome: NULL, or what went wrong; what became of one that is not reported. */
static void put_span(struct sbuf *b, struct response *r, const char *failure, size_t len,
                     const char *outcome)
{
    const size_t at = span_open(b, &r->trace, SPAN_CLIENT);
    size_t method_len;
    const char *method = span_text_of(r->method, &method_len);
    put_request(b, r->session ? r->session->user : NULL, r->method, r->name);
    span_text(b, "http.request.method", method, method_len);
    put_times(b, r);
    if (r->site && r->target)
        put_place(b, r);
    put_answer(b, r);
    if (outcome)
        span_word(b, "katydid.outcome", outcome);
    if (failure)
        put_error_type(b, r->status, failure, len);
    if (r->got)
        put_events(b, &r->got->times);
    if (failure)
        span_failure(b, failure, len);
    span_close(b, at);
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

/* ---- of other protocols --------------------------------------------------------------------- */

/* "/package.Service/Method" */
static void put_procedure(struct sbuf *b, const struct trace_call *c)
{
    size_t len;
    const char *path = span_text_of(c->procedure, &len);
    const char *slash = len > 1 ? memchr(path + 1, '/', len - 1) : NULL;
    span_word(b, "rpc.system", c->protocol);
    if (!slash)
        return;
    span_text(b, "rpc.service", path + 1, (size_t)(slash - path - 1));
    span_text(b, "rpc.method", slash + 1, (size_t)(path + len - slash - 1));
    if (c->has_status)
        span_number(b, "rpc.grpc.status_code", c->status);
}

static void put_url(struct sbuf *b, PyObject *url)
{
    size_t len;
    const char *text = span_text_of(url, &len), *authority = strstr(text, "://");
    span_url(b, text, len);
    if (!authority)
        return;
    const bool is_tls = authority > text && authority[-1] == 's';
    authority += 3;
    const size_t all = strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', all);
    const char *host = at ? at + 1 : authority;
    span_server(b, host, (size_t)(authority + all - host), is_tls);
}

static void put_call(struct sbuf *b, const struct trace_call *c, const char *failure, size_t len,
                     const char *outcome)
{
    const size_t at = span_open(b, c->mark, SPAN_CLIENT);
    put_request(b, c->user, c->method, c->name);
    span_times(b, c->start_ns + the.ahead_ns, c->end_ns + the.ahead_ns);
    if (c->procedure)
        put_procedure(b, c);
    else
        span_word(b, "network.protocol.name", c->protocol);
    put_url(b, c->url);
    if (outcome)
        span_word(b, "katydid.outcome", outcome);
    if (failure && c->error)
        span_word(b, "error.type", c->error);
    else if (failure)
        put_error_type(b, 0, failure, len);
    if (c->times)
        put_events(b, c->times);
    put_event(b, "first message received", c->first_message_ns);
    if (c->link && c->link->span)
        span_link(b, c->link);
    if (failure)
        span_failure(b, failure, len);
    span_close(b, at);
}

struct trace_mark py_trace_mark(PyObject *user)
{
    return mark_of(user);
}

void py_trace_write(const struct trace_mark *mark, char value[static TRACE_VALUE_LEN])
{
    write_value(mark, value);
}

void py_trace_hex(const struct trace_mark *mark, char id[TRACE_ID_ROOM])
{
    *put_hex(put_hex(id, mark->high), mark->low) = 0;
}

bool py_trace_is_told(const struct trace_mark *mark)
{
    return mark->span && mark->is_sampled && the.has_spans;
}

void py_trace_call(const struct trace_call *c, const char *failure, size_t len, const char *outcome)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (py_trace_is_told(c->mark) && has_room())
        put_call(&the.spans, c, failure, len, outcome);
    PyErr_Restore(type, value, trace);
}

/* ---- tasks ---------------------------------------------------------------------------------- */

static void put_task(struct sbuf *b, const struct task *t, PyObject *user, PyObject *name,
                     PyObject *failure)
{
    size_t name_len, len;
    const char *class = Py_TYPE(user)->tp_name, *text = span_text_of(name, &name_len);
    struct sbuf whole = {0};
    const size_t at = span_open(b, &t->mark, SPAN_INTERNAL);
    sbuf_addf(&whole, "%s.%.*s", class,
              (int)(name_len < SPAN_TEXT_MOST ? name_len : SPAN_TEXT_MOST), text);
    span_name(b, whole.data, whole.len);
    span_times(b, t->began_ns + the.ahead_ns, clk_mono_ns() + the.ahead_ns);
    span_word(b, "katydid.user_class", class);
    text = span_text_of(failure, &len);
    if (len)
        span_failure(b, text, len);
    span_close(b, at);
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
