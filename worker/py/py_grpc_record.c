// SPDX-License-Identifier: MIT
/* What becomes of a call in the figures: a row of the method `grpc`, for the first message of a
 * stream one of `grpc first`; and what the target has of it beside rows, when its user was stopped.
 *
 * As with HTTP: while only the statistics listen, numbers go straight there; else an event is fired
 * whose `response` is the call. Single calls are shown as well: samples, spans.
 */
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_record.h"
#include "worker/py/py_grpc.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/metric/stats.h"
#include "worker/py/py_group.h"
#include "worker/py/py_journal.h"
#include "worker/py/py_sample.h"
#include "worker/py/py_samples.h"
#include "worker/py/py_series.h"
#include "worker/py/py_tags.h"

static PyObject *kind, *kind_first; /* "grpc", "grpc first" */

PyObject *grpc_failure_text(const struct rpc *c)
{
    PyObject *details = PyUnicode_DecodeUTF8(c->details.data ? c->details.data : "",
                                             (Py_ssize_t)c->details.len, "replace");
    PyObject *text =
        details ? PyUnicode_FromFormat("StatusCode.%s: %U", grpc_status_name(c->status), details)
                : NULL;
    Py_XDECREF(details);
    return text;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static void measure(const struct rpc *c, uint64_t time_us, struct measures *m)
{
    const struct fetch_response *got = c->got;
    struct tally_extra *extra = &m->extra;
    const bool is_answered = got && got->status >= 100 && got->error == FETCH_OK;
    uint64_t known_us = 0;
    measures_init(m);
    extra->phased = 1;
    extra->status[!is_answered ? 0 : got->status < 600 ? got->status / 100 : 5] = 1;
    if (got) {
        fetch_phases(&got->times, c->ended_ns, extra->phase_us);
        extra->sent_bytes = got->sent_bytes;
        extra->received_bytes = got->head_len + got->wire_body_len;
    }
    for (unsigned p = 0; p < PHASES; p++)
        known_us += extra->phase_us[p];
    if (time_us != STATS_NO_TIME && time_us > known_us)
        extra->phase_us[PHASE_QUEUE] += time_us - known_us;
    if (got && got->times.first_byte)
        m->part_us[PART_wait] = extra->phase_us[PHASE_WAIT];
}

static uint64_t time_us(const struct rpc *c)
{
    return c->ended_ns > c->started_ns ? (c->ended_ns - c->started_ns) / 1000 : 0;
}

static struct session *session_of(const struct rpc *c)
{
    return c->method->channel->session;
}

/* Borrowed; NULL with an exception. */
static PyObject *url_of(const struct rpc *c)
{
    struct grpc_method *m = c->method;
    if (!m->url)
        m->url = PyUnicode_Concat(m->channel->root, m->path);
    return m->url;
}

/* ---- of single calls ------------------------------------------------------------------------ */

/* What was sent or received of messages: they are bytes that nobody can read. */
static struct sample_text size_text(char text[64], unsigned long long bytes, const char *of)
{
    const int len = snprintf(text, 64, "(%llu bytes of %s)", bytes, of);
    return (struct sample_text){text, (size_t)len};
}

static const char *trace_id(const struct rpc *c, char id[TRACE_ID_ROOM])
{
    const struct fetch_header *h = grpc_header(c->head->headers, c->head->count, "traceparent");
    if (!h || h->value_len < TRACE_VALUE_LEN)
        return NULL;
    *(char *)mempcpy(id, h->value + 3, TRACE_ID_ROOM - 1) = 0; /* ours or the script's */
    return id;
}

static void keep_sample(const struct rpc *c, const struct py_stats_request *q)
{
    char id[TRACE_ID_ROOM], sent[64], answer[64];
    const struct fetch_response *got = c->got;
    const uint64_t now = clk_mono_ns();
    if (!py_samples_want(session_stats(session_of(c)), q))
        return;
    struct sample s = {.trace = trace_id(c, id),
                       .user = session_of(c)->user,
                       .method = kind,
                       .name = c->name,
                       .url = url_of(c),
                       .at = clk_steady() - (double)(now - c->started_ns) / 1e9,
                       .time_ns = time_us(c) * 1000,
                       .measures = q->measures,
                       .asked = {c->head->headers, c->head->count}};
    if (!s.url)
        PyErr_Clear();
    if (c->out.len >= GRPC_PREFIX)
        s.sent = size_text(sent, c->out.len - GRPC_PREFIX, "a message");
    if (c->received)
        s.answer = size_text(answer, c->received, "messages");
    if (got) {
        s.status = got->status;
        s.received = (struct sample_headers){got->headers, got->header_count};
        s.trailers = (struct sample_headers){got->trailers, got->trailer_count};
    }
    py_samples_keep(&s, q);
}

static void tell_span(struct rpc *c, const char *failure, size_t len, const char *outcome)
{
    if (!py_trace_is_told(&c->trace))
        return;
    const struct trace_call call = {.mark = &c->trace,
                                    .protocol = "grpc",
                                    .user = session_of(c)->user,
                                    .method = kind,
                                    .name = c->name,
                                    .url = url_of(c),
                                    .procedure = c->method->path,
                                    .start_ns = c->started_ns,
                                    .end_ns = c->ended_ns,
                                    .first_message_ns = c->first_ns,
                                    .times = c->got ? &c->got->times : NULL,
                                    .error = grpc_status_name(c->status),
                                    .status = c->status,
                                    .has_status = !outcome};
    if (!call.url)
        PyErr_Clear();
    py_trace_call(&call, failure, len, outcome);
    c->trace.is_sampled = false; /* once */
}

/* ---- straight to the statistics ---------------------------------------------------------------
 */

static int record_direct(struct rpc *c, PyObject *method, struct py_stats_request *q)
{
    struct session *s = session_of(c);
    struct py_stats *stats = session_stats(s);
    if (!PyList_GET_SIZE(s->handlers))
        return 0;
    if (py_stats_record(stats, method, c->name, q) != 0)
        return -1;
    if (__builtin_expect(py_tags_wanted, 0) &&
        py_tags_note(s->user, c->tags, method, c->name, q) != 0)
        return -1;
    if (__builtin_expect(py_journal_wanted, 0)) {
        q->url = url_of(c);
        py_journal_note(stats, s->user, c->tags, method, c->name, q);
    }
    return 0;
}

/* ---- events --------------------------------------------------------------------------------- */

static int put(PyObject *dict, const char *key, PyObject *value)
{
    const int rc = value ? PyDict_SetItemString(dict, key, value) : -1;
    Py_XDECREF(value);
    return rc;
}

static PyObject *event_context(const struct rpc *c)
{
    PyObject *user = session_of(c)->user;
    return PyObject_CallFunctionObjArgs(glue.user_context, user ? user : Py_None,
                                        c->context ? c->context : Py_None, NULL);
}

static int fire(struct rpc *c, PyObject *method, uint64_t us, PyObject *error)
{
    PyObject *event = session_of(c)->request_event;
    if (!is_given(event))
        return 0;
    const double ago = (double)(clk_mono_ns() - c->started_ns) / 1e9;
    PyObject *d = PyDict_New(), *none = PyTuple_New(0), *result = NULL;
    PyObject *function = PyObject_GetAttrString(event, "fire");
    if (d && none && function && put(d, "request_type", Py_NewRef(method)) == 0 &&
        put(d, "name", Py_NewRef(c->name)) == 0 &&
        put(d, "response_time", PyFloat_FromDouble((double)us / 1000)) == 0 &&
        put(d, "response_length", PyLong_FromUnsignedLongLong(c->received)) == 0 &&
        put(d, "exception", Py_NewRef(error ? error : Py_None)) == 0 &&
        put(d, "context", event_context(c)) == 0 &&
        put(d, "response", Py_NewRef((PyObject *)c)) == 0 &&
        put(d, "start_time", PyFloat_FromDouble(clk_wall() - ago)) == 0 &&
        put(d, "url", Py_XNewRef(url_of(c))) == 0)
        result = PyObject_Call(function, none, d);
    Py_XDECREF(d);
    Py_XDECREF(none);
    Py_XDECREF(function);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* Whether its status is one that the script said it takes for good: 1, 0, or -1 with an exception.
 */
static int is_expected(const struct rpc *c)
{
    return c->ok ? PySequence_Contains(c->ok, PyTuple_GET_ITEM(grpc_glue.codes, c->status)) : 0;
}

int grpc_record(struct rpc *c, PyObject *error)
{
    if (c->is_recorded)
        return 0;
    c->is_recorded = true;
    if (c->got && c->got->resent)
        grpc_record_aside(c, ASIDE_RESENT, c->got->resent);
    const int is_good = error ? is_expected(c) : 0;
    if (is_good < 0)
        return -1;
    error = is_good ? NULL : error;
    if (!session_records_directly(session_of(c))) {
        c->is_unmeasured = true;
        return fire(c, kind, time_us(c), error);
    }
    struct measures measures;
    PyObject *text = error ? grpc_failure_text(c) : NULL;
    Py_ssize_t len = 0;
    const char *failure = text ? PyUnicode_AsUTF8AndSize(text, &len) : NULL;
    if (error && !failure) {
        Py_XDECREF(text);
        return -1;
    }
    struct py_stats_request q = {.time_us = time_us(c),
                                 .bytes = c->received,
                                 .failure = failure,
                                 .failure_len = (size_t)len,
                                 .measures = &measures,
                                 .status = (int)c->status,
                                 .got = c->got};
    measure(c, q.time_us, &measures);
    const int rc = record_direct(c, kind, &q);
    if (__builtin_expect(py_trace_wanted, 0) && rc == 0)
        tell_span(c, q.failure, q.failure_len, NULL);
    if (__builtin_expect(q.slow_row || q.new, 0))
        keep_sample(c, &q);
    Py_XDECREF(text);
    return rc;
}

int grpc_record_first(struct rpc *c)
{
    const uint64_t us = c->first_ns > c->started_ns ? (c->first_ns - c->started_ns) / 1000 : 0;
    if (!session_records_directly(session_of(c)))
        return fire(c, kind_first, us, NULL);
    struct py_stats_request q = {.time_us = us, .bytes = c->received};
    return record_direct(c, kind_first, &q);
}

void grpc_record_aside(struct rpc *c, enum py_stats_aside what, unsigned n)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (record_aside_of(session_of(c), kind, c->name, what, n) < 0)
        PyErr_Clear();
    if (__builtin_expect(py_trace_wanted, 0) && what != ASIDE_RESENT)
        tell_span(c, NULL, 0, what == ASIDE_CUT ? "cut" : "discarded");
    PyErr_Restore(type, value, trace);
}

/* ---- counters of streams, by k6's names ------------------------------------------------------ */

static struct series *counter(const char *name)
{
    enum metric_problem why;
    struct series_table *table = py_series_table();
    struct metric *m =
        series_metric(table, name, (struct metric_kind_of){METRIC_COUNTER, "", METRIC_SCALE}, &why);
    return m ? series_of(table, m, table->tags.none) : NULL;
}

void grpc_count(enum grpc_counted what)
{
    static const char *const names[] = {"grpc_streams", "grpc_streams_msgs_sent",
                                        "grpc_streams_msgs_received"};
    static struct series *kept[GRPC_COUNTERS];
    if (!kept[what])
        kept[what] = counter(names[what]);
    if (!kept[what])
        return;
    py_series_count(kept[what], 1);
    if (__builtin_expect(py_journal_values_wanted, 0))
        py_journal_value(kept[what], 1, py_group_path());
}

/* ---- events that come back ------------------------------------------------------------------- */

static bool knows_event(PyObject *response)
{
    return Py_IS_TYPE(response, &grpc_call_type);
}

static bool measure_event(PyObject *response, uint64_t us, struct measures *measures)
{
    struct rpc *c = (struct rpc *)response;
    if (!c->is_unmeasured || !c->is_over)
        return false;
    c->is_unmeasured = false;
    measure(c, us, measures);
    return true;
}

static void note_event(PyObject *response, const struct py_stats_request *q)
{
    keep_sample((struct rpc *)response, q);
}

/* Of the first message of a stream, too, before the call is over. */
static void trace_event(PyObject *response, const struct py_stats_request *q)
{
    struct rpc *c = (struct rpc *)response;
    if (c->is_recorded)
        tell_span(c, q->failure, q->failure_len, NULL);
}

static void name_event(PyObject *response, PyObject **user, PyObject **tags,
                       struct py_stats_request *q)
{
    const struct rpc *c = (struct rpc *)response;
    *user = session_of(c)->user;
    *tags = c->tags ? c->tags : *tags;
    q->status = (int)c->status;
    q->got = c->got;
    q->url = url_of(c);
    if (!q->url)
        PyErr_Clear();
}

void grpc_record_hook(void)
{
    kind = PyUnicode_InternFromString("grpc");
    kind_first = PyUnicode_InternFromString("grpc first");
    static struct py_stats_hooks hooks = {.knows = knows_event,
                                          .measure = measure_event,
                                          .note = note_event,
                                          .tags = name_event,
                                          .trace = trace_event};
    py_stats_hook(&hooks);
}
