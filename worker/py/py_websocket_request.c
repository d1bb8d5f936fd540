// SPDX-License-Identifier: MIT
/* A message and its answer, as one request.
 *
 * Its time goes from before the first byte is written to the kernel's stamp of the answer's last
 * one. Messages that are no answer go to on_message, or wait for recv() in their order.
 */
#define PY_SSIZE_T_CLEAN
#include "worker/py/py_websocket.h"

#include <stddef.h>
#include <stdlib.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/metric/stats.h"
#include "worker/py/py_arguments.h"
#include "worker/py/py_client_json.h"
#include "worker/py/py_mod.h"

struct asking {
    PyObject *message, *match, *name, *timeout, *tags, *context; /* NULL where it was not said */
    double seconds;
    bool is_json;
    struct fetch_times times;
    uint64_t sent_bytes, received_bytes, bytes; /* of the answer */
};

/* Those that came in between. */
struct others {
    struct ws_message **list;
    size_t count, room, bytes;
};

static void others_add(struct others *o, struct ws_message *m)
{
    if (o->count == o->room) {
        o->room = o->room ? o->room * 2 : 8;
        o->list = mem_realloc(o->list, o->room * sizeof *o->list);
    }
    o->list[o->count++] = m;
    o->bytes += m->len;
}

static void others_back(struct others *o, struct websocket *s)
{
    while (o->count) {
        struct ws_message *m = o->list[--o->count];
        if (s->ws)
            ws_put_back(s->ws, m);
        else
            ws_message_free(m);
    }
    free(o->list);
}

static PyObject *decoded(const struct ws_message *m, bool is_json)
{
    if (!is_json || m->opcode != WS_TEXT)
        return websocket_object(m);
    PyObject *value = json_read(m->bytes, (Py_ssize_t)m->len);
    if (value || PyErr_Occurred())
        return value;
    PyObject *text = websocket_object(m);
    value = text ? PyObject_CallOneArg(ws_glue.json_loads, text) : NULL;
    if (!value && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear(); /* it is none; match() may still know it */
        return text;
    }
    Py_XDECREF(text);
    return value;
}

/* 1: it is the answer. What a message lacks that match() looks at says that it is not. */
static int matches(PyObject *match, PyObject *value)
{
    if (!is_given(match))
        return 1;
    PyObject *verdict = PyObject_CallOneArg(match, value);
    const int is = verdict ? PyObject_IsTrue(verdict) : -1;
    Py_XDECREF(verdict);
    if (is >= 0)
        return is;
    if (!PyErr_ExceptionMatches(PyExc_LookupError) && !PyErr_ExceptionMatches(PyExc_TypeError) &&
        !PyErr_ExceptionMatches(PyExc_AttributeError))
        return -1;
    PyErr_Clear();
    return 0;
}

static int send_message(struct websocket *s, struct asking *a)
{
    struct sbuf json = {0};
    Py_buffer view = {.obj = NULL};
    const char *bytes = NULL;
    size_t len = 0;
    bool is_text = true;
    PyObject *text = NULL;
    int rc = 0;
    if (!a->is_json) {
        rc = websocket_bytes(a->message, &view, &bytes, &len, &is_text);
    } else if (json_write(&json, a->message)) {
        bytes = json.data;
        len = json.len;
    } else {
        PyErr_Clear();
        text = PyObject_CallOneArg(ws_glue.json_dumps, a->message);
        rc = text ? websocket_bytes(text, &view, &bytes, &len, &is_text) : -1;
    }
    if (rc == 0) {
        const uint64_t before = s->ws ? ws_numbers(s->ws).sent_bytes : 0;
        a->times.start = a->times.sent_first = clk_mono_ns();
        rc = websocket_send(s, is_text ? WS_TEXT : WS_BINARY, true, bytes, len);
        a->times.sent_last = clk_mono_ns();
        a->sent_bytes = s->ws ? ws_numbers(s->ws).sent_bytes - before : 0;
    }
    PyBuffer_Release(&view);
    Py_XDECREF(text);
    sbuf_fini(&json);
    return rc;
}

static double left(const struct asking *a)
{
    if (a->seconds < 0)
        return -1;
    const double gone = (double)(clk_mono_ns() - a->times.start) / 1e9;
    return gone < a->seconds ? a->seconds - gone : 0;
}

/* What is no answer. -1 with an exception. */
static int set_aside(struct websocket *s, struct others *o, struct ws_message *m, PyObject *value)
{
    PyObject *on_message = PyObject_GetAttrString((PyObject *)s, "on_message"), *result = NULL;
    const bool is_wanted = is_given(on_message);
    if (is_wanted)
        result = PyObject_CallOneArg(on_message, value);
    Py_XDECREF(on_message);
    if (!on_message || is_wanted) {
        Py_XDECREF(result);
        ws_message_free(m);
        return result ? 0 : -1;
    }
    others_add(o, m);
    if (o->bytes <= s->most_waiting)
        return 0;
    return websocket_raise(PyObject_CallFunction(ws_glue.busy_error, "n", (Py_ssize_t)o->bytes));
}

static void note_answer(struct asking *a, const struct ws_message *m)
{
    struct fetch_times *t = &a->times;
    t->first_byte = t->last_byte = m->arrived_ns > t->start ? m->arrived_ns : t->start;
    if (t->sent_last > t->last_byte) /* a quick server's comes before the clock was read */
        t->sent_last = t->last_byte;
    a->received_bytes = m->wire_bytes;
    a->bytes = m->len;
}

/* The answer (new); NULL with an exception. was_judging: it came of match() or on_message. */
static PyObject *wait_answer(struct websocket *s, struct asking *a, bool *was_judging)
{
    struct others others = {0};
    PyObject *answer = NULL;
    int is = 0;
    while (is == 0) {
        struct ws_message *m = websocket_next(s, left(a));
        if (!m)
            break;
        if (m->opcode == WS_CLOSE) {
            ws_message_free(m);
            websocket_raise_end(s);
            break;
        }
        *was_judging = true;
        PyObject *value = decoded(m, a->is_json);
        is = !value ? -1 : m->opcode > WS_CLOSE ? 0 : matches(a->match, value);
        if (is == 0) {
            is = set_aside(s, &others, m, value);
        } else {
            if (is == 1)
                note_answer(a, m);
            ws_message_free(m);
        }
        if (is == 1)
            answer = Py_NewRef(value);
        Py_XDECREF(value);
        *was_judging = is != 0;
    }
    others_back(&others, s);
    return answer;
}

/* ---- what came of it ------------------------------------------------------------------------ */

static struct ws_row row_of(struct asking *a, PyObject *answer, PyObject *error)
{
    if (!answer)
        a->times.last_byte = clk_mono_ns();
    const uint64_t took = a->times.last_byte - a->times.start;
    return (struct ws_row){.what = ROW_REQUEST,
                           .name = a->name,
                           .tags = a->tags,
                           .context = a->context,
                           .message = a->message,
                           .answer = answer,
                           .error = error,
                           .time_us = took / 1000,
                           .bytes = a->bytes,
                           .times = &a->times,
                           .sent_bytes = a->sent_bytes,
                           .received_bytes = a->received_bytes};
}

static int record(struct websocket *s, struct asking *a, PyObject *answer, PyObject *error)
{
    const struct ws_row row = row_of(a, answer, error);
    return websocket_row(s, &row);
}

/* A failure is one of the socket's; what a task or its end threw in cut the request off; what
 * match() raised discards it. Keeps the exception. */
static void record_failed(struct websocket *s, struct asking *a, bool was_judging)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    const int is_ours = value ? PyObject_IsInstance(value, ws_glue.failure) : 0;
    if (is_ours == 1 && !was_judging) {
        if (record(s, a, NULL, value) < 0)
            PyErr_WriteUnraisable((PyObject *)s);
    } else if (a->sent_bytes) {
        const struct ws_row row = row_of(a, NULL, NULL);
        websocket_aside(s, &row, was_judging ? ASIDE_DISCARDED : ASIDE_CUT);
    }
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
}

/* ---- the call ------------------------------------------------------------------------------- */

static struct argument list[] = {
    {"message", offsetof(struct asking, message), NULL},
    {"match", offsetof(struct asking, match), NULL},
    {"name", offsetof(struct asking, name), NULL},
    {"timeout", offsetof(struct asking, timeout), NULL},
    {"tags", offsetof(struct asking, tags), NULL},
    {"context", offsetof(struct asking, context), NULL},
};
static const struct arguments arguments = {list, sizeof list / sizeof *list,
                                           sizeof list / sizeof *list};

int websocket_request_init(void)
{
    return arguments_init(&arguments);
}

static bool is_json(PyObject *message)
{
    return !PyUnicode_Check(message) && !PyBytes_Check(message) && !PyByteArray_Check(message) &&
           !PyMemoryView_Check(message);
}

static int take_arguments(struct asking *a, PyObject *const *args, Py_ssize_t count,
                          PyObject *kwnames)
{
    if (arguments_parse(&arguments, a, args, count, kwnames) < 0)
        return -1;
    if (is_given(a->match) && !PyCallable_Check(a->match)) {
        /* it would be true of no message, and the request would wait for ever */
        PyErr_Format(PyExc_TypeError, "match is a function of a message, not %R", a->match);
        return -1;
    }
    a->is_json = is_json(a->message);
    return is_given(a->timeout) ? websocket_seconds(a->timeout, &a->seconds) : 0;
}

PyObject *websocket_request(PyObject *self, PyObject *const *args, Py_ssize_t count,
                            PyObject *kwnames)
{
    struct websocket *s = (struct websocket *)self;
    struct asking a = {.seconds = s->timeout};
    bool was_judging = false;
    if (take_arguments(&a, args, count, kwnames) < 0)
        return NULL;
    PyObject *answer = send_message(s, &a) == 0 ? wait_answer(s, &a, &was_judging) : NULL;
    if (!answer) {
        if (a.times.start && s->session)
            record_failed(s, &a, was_judging);
        return NULL;
    }
    if (s->session && record(s, &a, answer, NULL) < 0)
        Py_CLEAR(answer);
    return answer;
}
