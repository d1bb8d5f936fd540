// SPDX-License-Identifier: MIT
/* Rows of WebSockets: method WS, and a name that begins with what it was. While only the statistics
 * listen they are counted without a call of Python, as those of HTTP are. */
#define PY_SSIZE_T_CLEAN
#include "worker/py/py_websocket.h"

#include "common/base/clk.h"
#include "common/metric/stats.h"
#include "worker/py/py_journal.h"
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

/* "what name": the same object for the same two, so that its row is found by identity. Borrowed. */
static PyObject *row_name(const char *what, PyObject *name)
{
    static PyObject *known; /* (what, name) → text */
    if (!known)
        known = PyDict_New();
    if (!method)
        method = PyUnicode_InternFromString("WS");
    PyObject *of = known ? PyDict_GetItemString(known, what) : NULL;
    if (known && !of) {
        of = PyDict_New();
        const int rc = of ? PyDict_SetItemString(known, what, of) : -1;
        Py_XDECREF(of);
        if (rc < 0)
            return NULL;
    }
    PyObject *text = of ? PyDict_GetItemWithError(of, name) : NULL;
    if (text || !of || PyErr_Occurred())
        return text;
    if (PyDict_GET_SIZE(of) >= NAMES_MOST)
        PyDict_Clear(of);
    text = PyUnicode_FromFormat("%s %S", what, name);
    const int rc = text ? PyDict_SetItem(of, name, text) : -1;
    Py_XDECREF(text);
    return rc < 0 ? NULL : text;
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

static int count_directly(struct websocket *s, PyObject *name, const struct ws_row *row)
{
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
    PyObject *tags = is_given(row->tags) ? row->tags : s->tags;
    measure(row, &measures);
    if (rc == 0)
        rc = py_stats_record(stats, method, name, &q);
    if (rc == 0 && __builtin_expect(py_tags_wanted, 0))
        rc = py_tags_note(s->session->user, tags, method, name, &q);
    if (rc == 0 && __builtin_expect(py_journal_wanted, 0))
        py_journal_note(stats, s->session->user, tags, method, name, &q);
    Py_XDECREF(repr);
    return rc;
}

static PyObject *object_or_none(PyObject *o)
{
    return o ? o : Py_None;
}

int websocket_row(struct websocket *s, const struct ws_row *row)
{
    if (!s->session)
        return 0;
    PyObject *name = row_name(row->what, is_given(row->name) ? row->name : s->name);
    if (!name)
        return -1;
    Py_INCREF(name); /* Python code may make the table of names anew */
    int rc = 0;
    if (session_records_directly(s->session)) {
        rc = count_directly(s, name, row);
    } else {
        PyObject *ms = row->time_us == STATS_NO_TIME
                           ? Py_NewRef(Py_None)
                           : PyFloat_FromDouble((double)row->time_us / 1000);
        PyObject *result = ms ? PyObject_CallFunction(
                                    ws_glue.report, "OOOOOKOOOO", s, s->session, method, name, ms,
                                    (unsigned long long)row->bytes, object_or_none(row->answer),
                                    object_or_none(row->error), object_or_none(row->context),
                                    object_or_none(is_given(row->tags) ? row->tags : s->tags))
                              : NULL;
        Py_XDECREF(ms);
        Py_XDECREF(result);
        rc = result ? 0 : -1;
    }
    Py_DECREF(name);
    return rc;
}

int websocket_aside(struct websocket *s, const char *what, PyObject *name,
                    enum py_stats_aside aside)
{
    if (!s->session)
        return 0;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *text = row_name(what, is_given(name) ? name : s->name);
    if (text && (!s->session->handlers || PyList_GET_SIZE(s->session->handlers)))
        py_stats_aside(session_stats(s->session), method, text, aside, 1);
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
    if (s)
        py_series_count(s, number);
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
    const struct ws_row row = {.what = "close", .error = error, .time_us = STATS_NO_TIME};
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
        .what = "message", .time_us = STATS_NO_TIME, .bytes = len, .received_bytes = wire_bytes};
    return websocket_row(s, &row);
}
