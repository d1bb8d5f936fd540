// SPDX-License-Identifier: MIT
/* Rows of WebSockets: method WS, and a name that begins with what it was. While only the statistics
 * listen they are counted without a call of Python, as those of HTTP are. */
#define PY_SSIZE_T_CLEAN
#include "worker/py/py_websocket.h"

#include <stdlib.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/metric/stats.h"
#include "worker/py/py_client_json.h"
#include "worker/py/py_group.h"
#include "worker/py/py_journal.h"
#include "worker/py/py_sample.h"
#include "worker/py/py_samples.h"
#include "worker/py/py_series.h"
#include "worker/py/py_tags.h"

#define NAMES_MOST                                                                                 \
    1024 /* names are few; a test that makes one for each message has no use of this */

struct ws_glue ws_glue;

/* ---- errors --------------------------------------------------------------------------------- */

int websocket_raise(PyObject *error)
{
    if (error)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(error);
    return -1;
}

PyObject *websocket_end_error(const struct websocket *s)
{
    static const char *const whys[] = {
        [WS_IS_OPEN] = "open", [WS_CLOSED] = "closed", [WS_ENDED] = "ended",
        [WS_LOST] = "lost",    [WS_BROKEN] = "broken", [WS_SILENT] = "silent",
    };
    static const struct ws_end never = {.why = WS_ENDED, .code = WS_CODE_LOST, .text = ""};
    const struct ws_end *e = s->ws ? ws_end(s->ws) : &never;
    const char *why = !s->ws ? "never" : whys[e->why];
    return PyObject_CallFunction(ws_glue.end_error, "siins#", why, (int)e->code, e->sys,
                                 (Py_ssize_t)e->unsent, e->text ? e->text : "",
                                 (Py_ssize_t)e->text_len);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static PyObject *method; /* "WS" */

/* "request name": the same object for the same two, so that its row is found by identity.
 * Borrowed. */
static PyObject *row_name(enum ws_what what, PyObject *name)
{
    static const char *const whats[ROW_KINDS] = {"request", "ping", "close", "message"};
    static struct {
        PyObject *texts;       /* name → text */
        PyObject *name, *text; /* the last one, which is mostly the next as well */
    } known[ROW_KINDS], *of;
    of = &known[what];
    if (name == of->name)
        return of->text;
    if (!method)
        method = PyUnicode_InternFromString("WS");
    if (!of->texts && !(of->texts = PyDict_New()))
        return NULL;
    PyObject *text = Py_XNewRef(PyDict_GetItemWithError(of->texts, name));
    if (!text && !PyErr_Occurred()) {
        if (PyDict_GET_SIZE(of->texts) >= NAMES_MOST)
            PyDict_Clear(of->texts);
        text = PyUnicode_FromFormat("%s %S", whats[what], name);
        if (text && PyDict_SetItem(of->texts, name, text) < 0)
            Py_CLEAR(text);
    }
    if (!text)
        return NULL;
    Py_XSETREF(of->text, text);
    Py_XSETREF(of->name, Py_NewRef(name));
    return text;
}

static void measure(const struct ws_row *row, struct measures *m)
{
    measures_init(m);
    m->extra.sent_bytes = row->sent_bytes;
    m->extra.received_bytes = row->received_bytes;
    if (!row->times)
        return;
    m->extra.phased = 1;
    fetch_phases(row->times, row->times->last_byte, m->extra.phase_us);
    if (row->times->first_byte)
        m->part_us[PART_wait] = m->extra.phase_us[PHASE_WAIT];
}

static PyObject *object_or_none(PyObject *o)
{
    return o ? o : Py_None;
}

static PyObject *row_tags(const struct websocket *s, const struct ws_row *row)
{
    return is_given(row->tags) ? row->tags : s->tags;
}

/* ---- of single requests --------------------------------------------------------------------- */

struct told { /* one that is being counted */
    struct websocket *s;
    const struct ws_row *row;
    PyObject *name, *url; /* the url: owned; NULL: not asked for yet */
    struct trace_mark mark;
    bool is_measured; /* its event's numbers were taken */
};

/* Borrowed; NULL: there is none. */
static PyObject *url_of(struct told *t)
{
    if (!t->url)
        t->url = PyObject_GetAttrString((PyObject *)t->s, "url");
    if (!t->url)
        PyErr_Clear();
    return t->url;
}

static struct told told_of(struct websocket *s, const struct ws_row *row, PyObject *name)
{
    struct told t = {.s = s, .row = row, .name = name};
    if (__builtin_expect(py_trace_wanted, 0) && row->message)
        t.mark = py_trace_mark(s->session->user);
    return t;
}

/* As it went over the wire; own: memory for it. */
static struct sample_text text_of(PyObject *o, struct sbuf *own)
{
    Py_ssize_t len = 0;
    if (!is_given(o))
        return (struct sample_text){NULL, 0};
    if (PyBytes_Check(o))
        return (struct sample_text){PyBytes_AS_STRING(o), (size_t)PyBytes_GET_SIZE(o)};
    const char *text = PyUnicode_Check(o) ? PyUnicode_AsUTF8AndSize(o, &len) : NULL;
    if (text)
        return (struct sample_text){text, (size_t)len};
    const bool is_json = !PyUnicode_Check(o) && json_write(own, o);
    PyErr_Clear();
    return is_json ? (struct sample_text){own->data, own->len} : (struct sample_text){NULL, 0};
}

static void keep_sample(struct told *t, const struct py_stats_request *q)
{
    const struct ws_row *row = t->row;
    const uint64_t now = clk_mono_ns();
    const uint64_t took_ns = row->time_us == STATS_NO_TIME ? 0 : row->time_us * 1000;
    struct sbuf sent = {0}, answer = {0};
    char id[TRACE_ID_ROOM];
    if (!py_samples_want(session_stats(t->s->session), q))
        return;
    py_trace_hex(&t->mark, id);
    struct sample s = {.trace = py_trace_is_told(&t->mark) ? id : NULL,
                       .user = t->s->session->user,
                       .method = method,
                       .name = t->name,
                       .url = url_of(t),
                       .at = clk_steady() -
                             (double)(row->times ? now - row->times->start : took_ns) / 1e9,
                       .time_ns = took_ns,
                       .measures = q->measures};
    s.sent = text_of(row->message, &sent);
    s.answer = text_of(row->answer, &answer);
    py_samples_keep(&s, q);
    sbuf_fini(&sent);
    sbuf_fini(&answer);
}

static void tell_span(struct told *t, const char *failure, size_t len, const char *outcome)
{
    const struct ws_row *row = t->row;
    if (!row->times || !py_trace_is_told(&t->mark))
        return;
    const struct trace_call call = {.mark = &t->mark,
                                    .link = &t->s->trace,
                                    .protocol = "websocket",
                                    .user = t->s->session->user,
                                    .method = method,
                                    .name = t->name,
                                    .url = url_of(t),
                                    .start_ns = row->times->start,
                                    .end_ns = row->times->last_byte};
    py_trace_call(&call, failure, len, outcome);
}

/* ---- straight to the statistics ---------------------------------------------------------------
 */

static int count_directly(struct told *t)
{
    struct websocket *s = t->s;
    const struct ws_row *row = t->row;
    PyObject *name = t->name;
    if (!PyList_GET_SIZE(s->session->handlers))
        return 0;
    struct measures measures;
    struct py_stats_request q = {
        .time_us = row->time_us, .bytes = row->bytes, .measures = &measures};
    struct py_stats *stats = session_stats(s->session);
    PyObject *repr = row->error ? PyObject_Repr(row->error) : NULL;
    Py_ssize_t len = 0;
    q.failure = repr ? PyUnicode_AsUTF8AndSize(repr, &len) : NULL;
    q.failure_len = (size_t)len;
    int rc = row->error && !q.failure ? -1 : 0;
    PyObject *tags = row_tags(s, row);
    measure(row, &measures);
    if (rc == 0)
        rc = py_stats_record(stats, method, name, &q);
    if (rc == 0 && __builtin_expect(py_tags_wanted, 0))
        rc = py_tags_note(s->session->user, tags, method, name, &q);
    if (rc == 0 && __builtin_expect(py_journal_wanted, 0)) {
        q.url = url_of(t);
        py_journal_note(stats, s->session->user, tags, method, name, &q);
    }
    if (rc == 0)
        tell_span(t, q.failure, q.failure_len, NULL);
    if (rc == 0 && __builtin_expect(q.slow_row || q.new, 0))
        keep_sample(t, &q);
    Py_XDECREF(repr);
    return rc;
}

/* ---- as an event ------------------------------------------------------------------------------
 */

struct firing { /* on the heap: while its greenlet waits in a listener, its stack is elsewhere */
    struct firing *next;
    PyObject *greenlet, *answer; /* borrowed */
    struct told *told;           /* on that stack */
};

static struct firing *the_firings; /* the newest first */

/* The one of this greenlet whose response is the answer, which knows nothing of us; or NULL. */
static struct told *told_by(PyObject *response)
{
    PyObject *const current = the_firings ? hub_current() : NULL;
    for (const struct firing *f = the_firings; f; f = f->next)
        if (f->answer == response && f->greenlet == current)
            return f->told;
    return NULL;
}

static void end_firing(struct firing *f)
{
    struct firing **at = &the_firings;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    free(f);
}

static int fire(struct told *t)
{
    struct websocket *s = t->s;
    const struct ws_row *row = t->row;
    PyObject *ms = row->time_us == STATS_NO_TIME ? Py_NewRef(Py_None)
                                                 : PyFloat_FromDouble((double)row->time_us / 1000);
    struct firing *f = mem_zalloc(sizeof *f);
    *f = (struct firing){the_firings, hub_current(), object_or_none(row->answer), t};
    the_firings = f;
    PyObject *result =
        ms ? PyObject_CallFunction(ws_glue.report, "OOOOOKOOOO", s, s->session, method, t->name, ms,
                                   (unsigned long long)row->bytes, object_or_none(row->answer),
                                   object_or_none(row->error), object_or_none(row->context),
                                   object_or_none(row_tags(s, row)))
           : NULL;
    end_firing(f);
    Py_XDECREF(ms);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static bool knows_event(PyObject *response)
{
    return told_by(response) != NULL;
}

static bool measure_event(PyObject *response, uint64_t us, struct measures *m)
{
    struct told *t = told_by(response);
    (void)us;
    if (t->is_measured)
        return false;
    t->is_measured = true;
    measure(t->row, m);
    return true;
}

static void note_event(PyObject *response, const struct py_stats_request *q)
{
    keep_sample(told_by(response), q);
}

static void trace_event(PyObject *response, const struct py_stats_request *q)
{
    struct told *t = told_by(response);
    tell_span(t, q->failure, q->failure_len, NULL);
    t->mark.is_sampled = false; /* once */
}

static void name_event(PyObject *response, PyObject **user, PyObject **tags,
                       struct py_stats_request *q)
{
    struct told *t = told_by(response);
    (void)tags;
    *user = t->s->session->user;
    q->url = url_of(t);
}

void websocket_count_hook(void)
{
    static struct py_stats_hooks hooks = {.knows = knows_event,
                                          .measure = measure_event,
                                          .note = note_event,
                                          .tags = name_event,
                                          .trace = trace_event};
    py_stats_hook(&hooks);
}

int websocket_row(struct websocket *s, const struct ws_row *row)
{
    if (!s->session)
        return 0;
    PyObject *name = row_name(row->what, is_given(row->name) ? row->name : s->name);
    if (!name)
        return -1;
    Py_INCREF(name); /* Python code may make the table of names anew */
    struct told t = told_of(s, row, name);
    const int rc = session_records_directly(s->session) ? count_directly(&t) : fire(&t);
    Py_XDECREF(t.url);
    Py_DECREF(name);
    return rc;
}

int websocket_aside(struct websocket *s, const struct ws_row *row, enum py_stats_aside aside)
{
    if (!s->session)
        return 0;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *name = row_name(row->what, is_given(row->name) ? row->name : s->name);
    if (name && (!s->session->handlers || PyList_GET_SIZE(s->session->handlers))) {
        py_stats_aside(session_stats(s->session), method, name, aside, 1);
        struct told t = told_of(s, row, name);
        tell_span(&t, NULL, 0, aside == ASIDE_CUT ? "cut" : "discarded");
        Py_XDECREF(t.url);
    }
    PyErr_Clear();
    PyErr_Restore(type, value, trace);
    return 0;
}

/* ---- series --------------------------------------------------------------------------------- */

/* As katydid.websocket declares them; NULL: a locustfile has one of another kind by that name. */
static struct series *series_named(const char *name, enum metric_kind kind, const char *unit)
{
    enum metric_problem why;
    struct metric *m = series_metric(py_series_table(), name,
                                     (struct metric_kind_of){kind, unit, METRIC_SCALE}, &why);
    return m ? series_of(py_series_table(), m, py_series_table()->tags.none) : NULL;
}

static void add(struct series *s, double number)
{
    if (!s)
        return;
    py_series_count(s, number);
    if (__builtin_expect(py_journal_values_wanted, 0))
        py_journal_value(s, number, py_group_path());
}

static unsigned open_count;

void websocket_opened(struct websocket *s)
{
    if (!s->session)
        return;
    s->is_counted = true;
    s->sent = series_named("ws_msgs_sent", METRIC_COUNTER, "");
    s->received = series_named("ws_msgs_received", METRIC_COUNTER, "");
    add(series_named("ws_sessions", METRIC_COUNTER, ""), 1);
    add(series_named("ws_open", METRIC_GAUGE, ""), ++open_count);
}

void websocket_closed(struct websocket *s)
{
    if (!s->is_counted)
        return;
    s->is_counted = false;
    add(series_named("ws_open", METRIC_GAUGE, ""), --open_count);
    add(series_named("ws_session_duration", METRIC_TREND, "ms"),
        (double)(clk_mono_ns() - s->opened_ns) / 1e6);
    const struct ws_end *e = ws_end(s->ws);
    const bool is_well =
        e->why == WS_CLOSED &&
        (e->code == WS_CODE_NORMAL || e->code == WS_CODE_GOING_AWAY || e->code == WS_CODE_NONE);
    if (s->is_closing || is_well || e->why == WS_IS_OPEN)
        return;
    PyObject *error = websocket_end_error(s);
    const struct ws_row row = {.what = ROW_CLOSE, .error = error, .time_us = STATS_NO_TIME};
    if (!error || websocket_row(s, &row) < 0)
        PyErr_WriteUnraisable((PyObject *)s);
    Py_XDECREF(error);
}

void websocket_note_end(struct websocket *s)
{
    if (s->ws && ws_end(s->ws)->why != WS_IS_OPEN)
        websocket_closed(s);
}

int websocket_raise_end(struct websocket *s)
{
    websocket_note_end(s);
    return websocket_raise(websocket_end_error(s));
}

int websocket_count(struct websocket *s, bool is_sent, size_t len, uint64_t wire_bytes)
{
    add(is_sent ? s->sent : s->received, 1);
    if (!s->counts_messages || is_sent)
        return 0;
    const struct ws_row row = {
        .what = ROW_MESSAGE, .time_us = STATS_NO_TIME, .bytes = len, .received_bytes = wire_bytes};
    return websocket_row(s, &row);
}
