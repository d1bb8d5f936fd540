// SPDX-License-Identifier: MIT
/* Recording: how a finished request becomes a statistic or an event.
 *
 * No listener, no cost: while the built-in listener is the only one, the numbers go straight into
 * the statistics, no dict, no exception object and no call. As soon as there is another listener,
 * or user code has looked at request_meta, Locust's event is fired with that dict.
 * Every request that reached the target ends in exactly one of: reported here, cut, discarded.
 */
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_record.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/metric/stats.h"
#include "worker/py/py_journal.h"
#include "worker/py/py_samples.h"
#include "worker/py/py_stats.h"
#include "worker/py/py_tags.h"

/* ---- failure texts -------------------------------------------------------------------------- */

/* repr(exception), or the string itself. */
static PyObject *failure_text(PyObject *exception)
{
    return PyUnicode_Check(exception) ? Py_NewRef(exception) : PyObject_Repr(exception);
}

/* Where this session's requests are counted. */
static struct py_stats *stats_of(const struct response *r)
{
    return session_stats(r->session);
}

/* ---- numbers of a response ------------------------------------------------------------------ */

static uint64_t response_length(const struct response *r)
{
    if (r->got && !r->error && !r->is_stream)
        return r->is_discarded ? r->got->wire_body_len : r->got->body_len;
    if (r->is_stream) {
        const struct fetch_header *h = response_header(r, "content-length", NULL);
        char digits[24] = {0};
        if (!h || h->value_len >= sizeof digits)
            return 0;
        memcpy(digits, h->value, h->value_len);
        return strtoull(digits, NULL, 10);
    }
    return r->content && PyBytes_Check(r->content) ? (uint64_t)PyBytes_GET_SIZE(r->content) : 0;
}

/* LocustUserAgent.valid_response_codes */
static bool is_fast_valid(int status)
{
    return (status >= 200 && status <= 208) || status == 226 || (status >= 301 && status <= 304) ||
           status == 307 || status == 308;
}

bool record_is_bad_status(const struct response *r)
{
    if (r->verdict)
        return r->verdict != Py_None;
    if (r->session && r->session->is_fast)
        return !is_fast_valid(r->status);
    return r->status >= 400 && r->status < 600;
}

PyObject *record_bad_status(struct response *r)
{
    return r->verdict ? Py_NewRef(r->verdict) : PyObject_CallOneArg(glue.bad_status, (PyObject *)r);
}

/* repr() of the exception that a bad status stands for, without making it. */
static PyObject *bad_status_text(struct response *r)
{
    if (r->verdict)
        return PyObject_Repr(r->verdict);
    if (r->session->is_fast)
        return PyUnicode_FromFormat("LocustBadStatusCode(code=%d)", r->status);
    PyObject *reason = response_reason(r);
    PyObject *message =
        reason ? PyUnicode_FromFormat("%d %s Error: %S for url: %S", r->status,
                                      r->status < 500 ? "Client" : "Server", reason, r->name)
               : NULL;
    PyObject *text = message ? PyUnicode_FromFormat("HTTPError(%R)", message) : NULL;
    Py_XDECREF(reason);
    Py_XDECREF(message);
    return text;
}

/* The exception this response stands for by itself (new), or None. */
static PyObject *default_exception(struct response *r)
{
    if (r->error)
        return r->session->is_fast ? Py_NewRef(r->error)
                                   : PyObject_CallOneArg(glue.root_error, r->error);
    if (!record_is_bad_status(r))
        Py_RETURN_NONE;
    if (r->session->is_fast)
        return record_bad_status(r);
    return PyObject_CallFunctionObjArgs(glue.http_error, (PyObject *)r, r->name, NULL);
}

/* ---- request_meta --------------------------------------------------------------------------- */

static int put(PyObject *dict, const char *key, PyObject *value)
{
    const int result = value ? PyDict_SetItemString(dict, key, value) : -1;
    Py_XDECREF(value);
    return result;
}

/* What request_meta says of an exception: that of the report, None before it. */
static PyObject *reported_exception(struct response *r)
{
    if (!r->is_reported)
        Py_RETURN_NONE;
    if (r->manual && r->manual != Py_None)
        return Py_NewRef(PyExceptionInstance_Check(r->manual) ? r->manual : Py_None);
    return default_exception(r);
}

static PyObject *first_url(struct response *r)
{
    if (r->history && PyList_CheckExact(r->history) && PyList_GET_SIZE(r->history))
        return PyObject_GetAttrString(PyList_GET_ITEM(r->history, 0), "url");
    if (r->site && r->target && !r->session->is_fast)
        return PyUnicode_Concat(r->site->root, r->target);
    return PyObject_GetAttrString((PyObject *)r, "url");
}

PyObject *record_meta(struct response *r)
{
    if (r->meta)
        return r->meta;
    PyObject *m = PyDict_New();
    if (!m || !r->session || !r->name)
        return r->meta = m;
    PyObject *user = r->session->user ? r->session->user : Py_None;
    PyObject *context = r->context ? r->context : Py_None;
    int failed = put(m, "request_type", Py_NewRef(r->method)) |
                 put(m, "response_time", PyFloat_FromDouble((double)r->duration_ns / 1e6)) |
                 put(m, "name", Py_NewRef(r->name));
    if (!failed)
        failed =
            put(m, "context", PyObject_CallFunctionObjArgs(glue.user_context, user, context, NULL));
    if (!failed)
        failed = put(m, "response", Py_NewRef((PyObject *)r)) |
                 put(m, "exception", reported_exception(r)) |
                 put(m, "start_time", PyFloat_FromDouble(measure_wall_start(r))) |
                 put(m, "url", first_url(r)) |
                 put(m, "response_length", PyLong_FromUnsignedLongLong(response_length(r)));
    if (failed)
        Py_CLEAR(m);
    return r->meta = m;
}

/* ---- reporting ------------------------------------------------------------------------------ */

int record_fire(struct response *r)
{
    PyObject *meta = record_meta(r);
    if (!meta || !r->session)
        return meta ? 0 : -1;
    r->is_unmeasured = true;
    if (session_records_directly(r->session))
        return PyList_GET_SIZE(r->session->handlers) ? py_stats_record_event(stats_of(r), meta) : 0;
    PyObject *event = r->session->request_event;
    if (!event || event == Py_None)
        return 0;
    PyObject *function = PyObject_GetAttrString(event, "fire");
    PyObject *none = PyTuple_New(0);
    PyObject *result = function && none ? PyObject_Call(function, none, meta) : NULL;
    Py_XDECREF(function);
    Py_XDECREF(none);
    Py_XDECREF(result);
    if (!r->is_meta_shown)
        Py_CLEAR(r->meta); /* it refers to r: without it, r goes when its last user lets go */
    return result ? 0 : -1;
}

enum { REPORT, EXIT, LOOKED_FOR };

/* Whether code put a method of its own over the class, or a base. Asked of the class anew when its
 * version is another one than last time. */
static bool is_replaced(const struct response *r, int which)
{
    static const char *const names[LOOKED_FOR] = {"_report_request", "__exit__"};
    static struct {
        PyTypeObject *type; /* borrowed; never looked into */
        unsigned version;
        bool is_replaced[LOOKED_FOR];
    } looks[2];
    PyTypeObject *type = r->ob_base.ob_type;
    const bool is_fast = r->session && r->session->is_fast;
    if (__builtin_expect(looks[is_fast].type != type ||
                             looks[is_fast].version != type->tp_version_tag ||
                             looks[is_fast].version == 0,
                         0)) {
        looks[is_fast].type = type;
        for (int i = 0; i < LOOKED_FOR; i++) {
            PyObject *own = PyObject_GetAttrString((PyObject *)type, names[i]);
            PyObject *original = PyDict_GetItemString(response_type->tp_dict, names[i]);
            looks[is_fast].is_replaced[i] = own && own != original;
            Py_XDECREF(own);
        }
        looks[is_fast].version = type->tp_version_tag; /* the lookups gave it one */
        PyErr_Clear();
    }
    return looks[is_fast].is_replaced[which];
}

/* By this object, too. */
static bool reports_itself(const struct response *r)
{
    return __builtin_expect(r->reports_itself, 0) || is_replaced(r, REPORT);
}

static int fire(struct response *r, PyObject *exception)
{
    PyObject *meta = record_meta(r);
    if (!meta || PyDict_SetItemString(meta, "exception", exception) < 0)
        return -1;
    if (!reports_itself(r))
        return record_fire(r);
    PyObject *result = PyObject_CallMethod((PyObject *)r, "_report_request", NULL);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static bool is_direct(const struct response *r)
{
    return !r->meta && session_records_directly(r->session) && !reports_itself(r);
}

static int record_direct(struct response *r, PyObject *text)
{
    if (!PyList_GET_SIZE(r->session->handlers))
        return 0;
    Py_ssize_t len = 0;
    const char *failure = text ? PyUnicode_AsUTF8AndSize(text, &len) : NULL;
    if (text && !failure)
        return -1;
    struct measures measures;
    struct py_stats_request q = {.time_us = r->duration_ns / 1000,
                                 .bytes = response_length(r),
                                 .failure = failure,
                                 .failure_len = (size_t)len,
                                 .measures = &measures,
                                 .status = r->status,
                                 .got = r->got,
                                 .response = (PyObject *)r};
    measure_response(r, q.time_us, &measures);
    if (py_stats_record(stats_of(r), r->method, r->name, &q) != 0 ||
        (__builtin_expect(py_tags_wanted, 0) &&
         py_tags_note(r->session->user, r->tags, r->method, r->name, &q) != 0))
        return -1;
    if (__builtin_expect(py_journal_wanted, 0))
        py_journal_note(stats_of(r), r->session->user, r->tags, r->method, r->name, &q);
    if (__builtin_expect(py_trace_wanted, 0))
        py_trace_note(r, &q);
    if (__builtin_expect(q.slow_row || q.new, 0))
        py_samples_note(r, &q);
    return 0;
}

int record_outcome(struct response *r, PyObject *exception)
{
    r->is_reported = true;
    if (!is_direct(r))
        return fire(r, exception);
    PyObject *text = exception == Py_None ? NULL : failure_text(exception);
    const int result = exception == Py_None || text ? record_direct(r, text) : -1;
    Py_XDECREF(text);
    return result;
}

int record_default_outcome(struct response *r)
{
    if (is_direct(r) && !r->error) {
        PyObject *text = record_is_bad_status(r) ? bad_status_text(r) : NULL;
        r->is_reported = true;
        const int result = text || !record_is_bad_status(r) ? record_direct(r, text) : -1;
        Py_XDECREF(text);
        return result;
    }
    PyObject *exception = default_exception(r);
    PyObject *told = r->meta ? PyDict_GetItemString(r->meta, "exception") : NULL;
    if (exception == Py_None && told) /* user code may have put one into request_meta */
        Py_SETREF(exception, Py_NewRef(told));
    const int result = exception ? record_outcome(r, exception) : -1;
    Py_XDECREF(exception);
    return result;
}

int record_without_block(struct response *r)
{
    if (!r->session || r->session->is_fast || __builtin_expect(!is_replaced(r, EXIT), 1))
        return record_default_outcome(r);
    PyObject *result =
        PyObject_CallMethod((PyObject *)r, "__exit__", "OOO", Py_None, Py_None, Py_None);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

int record_aside_of(struct session *s, PyObject *method, PyObject *name, enum py_stats_aside what,
                    unsigned n)
{
    const bool is_counting =
        s->handlers ? PyList_GET_SIZE(s->handlers) > 0 : is_given(s->request_event);
    return is_counting ? py_stats_aside(session_stats(s), method, name, what, n) : 0;
}

void record_aside(struct response *r, enum py_stats_aside what, unsigned n)
{
    if (!r->session || !r->method || !r->name)
        return;
    PyObject *type = NULL, *value = NULL, *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    if (record_aside_of(r->session, r->method, r->name, what, n) < 0)
        PyErr_Clear();
    PyErr_Restore(type, value, trace);
    if (__builtin_expect(py_trace_wanted, 0) && what != ASIDE_RESENT)
        py_trace_aside(r, what == ASIDE_CUT ? "cut" : "discarded");
}

void record_lost(struct response *r)
{
    if (r->is_reported)
        return;
    r->is_reported = true;
    if (r->is_reached)
        record_aside(r, ASIDE_DISCARDED, 1);
}

/* ---- the with block ------------------------------------------------------------------------- */

static PyObject *locust_error(PyObject *text)
{
    PyErr_SetObject(glue.locust_error, text);
    return NULL;
}

/* A FastResponse without catch_response is a context manager that only lets go of the body. */
static bool is_plain_fast(const struct response *r)
{
    return r->session && r->session->is_fast && !r->is_catch;
}

PyObject *record_enter(struct response *r, PyObject *unused)
{
    (void)unused;
    r->is_entered = true;
    if (!r->is_catch && !is_plain_fast(r))
        return locust_error(glue.with_without_catch);
    return Py_NewRef((PyObject *)r);
}

static bool has_manual(const struct response *r)
{
    return r->manual && r->manual != Py_None;
}

PyObject *record_exit(struct response *r, PyObject *const *args, Py_ssize_t count)
{
    PyObject *type = count > 0 ? args[0] : Py_None, *value = count > 1 ? args[1] : Py_None;
    if (!r->session || !r->name || is_plain_fast(r))
        Py_RETURN_FALSE;
    if (has_manual(r)) {
        PyObject *exception = PyExceptionInstance_Check(r->manual) ? r->manual : Py_None;
        return record_outcome(r, exception) < 0 ? NULL : PyBool_FromLong(type == Py_None);
    }
    if (type == Py_None)
        return record_default_outcome(r) < 0 ? NULL : Py_NewRef(Py_True);
    if (PyObject_IsInstance(value, glue.response_error) == 1)
        return record_outcome(r, value) < 0 ? NULL : Py_NewRef(Py_True);
    record_lost(r); /* what left the block is not recorded; its request was made, though */
    Py_RETURN_FALSE;
}

static PyObject *not_entered(const struct response *r, PyObject *text)
{
    return locust_error(is_plain_fast(r) ? glue.no_catch : text);
}

PyObject *record_success(struct response *r, PyObject *unused)
{
    (void)unused;
    if (!r->is_entered || is_plain_fast(r))
        return not_entered(r, glue.success_not_entered);
    Py_XSETREF(r->manual, Py_NewRef(Py_True));
    Py_RETURN_NONE;
}

PyObject *record_failure(struct response *r, PyObject *why)
{
    if (!r->is_entered || is_plain_fast(r))
        return not_entered(r, glue.failure_not_entered);
    const int is_exception = PyObject_IsInstance(why, PyExc_Exception);
    PyObject *manual =
        is_exception == 1 ? Py_NewRef(why) : PyObject_CallOneArg(glue.catch_response_error, why);
    if (!manual)
        return NULL;
    Py_XSETREF(r->manual, manual);
    Py_RETURN_NONE;
}

static PyObject *raise_it(PyObject *exception)
{
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    return NULL;
}

PyObject *record_raise_for_status(struct response *r, PyObject *unused)
{
    (void)unused;
    if (has_manual(r)) {
        if (PyExceptionInstance_Check(r->manual))
            return raise_it(r->manual);
        Py_RETURN_NONE;
    }
    if (r->error)
        return raise_it(r->error);
    if (!record_is_bad_status(r))
        Py_RETURN_NONE;
    PyObject *url = PyObject_GetAttrString((PyObject *)r, "url");
    PyObject *exception = NULL;
    if (url && r->session && r->session->is_fast)
        exception = record_bad_status(r);
    else if (url)
        exception = PyObject_CallFunctionObjArgs(glue.http_error, (PyObject *)r, url, NULL);
    Py_XDECREF(url);
    if (exception)
        raise_it(exception);
    Py_XDECREF(exception);
    return NULL;
}

/* ---- events that come back ------------------------------------------------------------------ */

static bool knows_event(PyObject *response)
{
    return PyObject_TypeCheck(response, response_type);
}

static bool measure_event(PyObject *response, uint64_t time_us, struct measures *measures)
{
    struct response *r = (struct response *)response;
    if (!r->is_unmeasured)
        return false;
    r->is_unmeasured = false;
    measure_response(r, time_us, measures);
    return true;
}

static void name_event(PyObject *response, PyObject **user, PyObject **tags,
                       struct py_stats_request *q)
{
    const struct response *r = (struct response *)response;
    if (!r->session)
        return;
    *user = r->session->user;
    *tags = r->tags ? r->tags : *tags;
    q->status = r->status;
    q->got = r->got;
    q->response = response;
}

static void note_event(PyObject *response, const struct py_stats_request *q)
{
    py_samples_note((struct response *)response, q);
}

static void trace_event(PyObject *response, const struct py_stats_request *q)
{
    py_trace_note((struct response *)response, q);
}

void record_hook_events(void)
{
    static struct py_stats_hooks hooks = {.knows = knows_event,
                                          .measure = measure_event,
                                          .note = note_event,
                                          .tags = name_event,
                                          .trace = trace_event,
                                          .forget = py_samples_forget};
    py_stats_hook(&hooks);
}
