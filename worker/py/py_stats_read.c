// SPDX-License-Identifier: MIT
/* py_stats_read: the statistics as Python sees them.
 *
 * Two ways to look: rows, total, failures and percentile answer with everything since the start of
 * the test; take() with what is new since the last take(), from which locust.stats keeps its
 * entries up to date at a cost that follows what happened, not how much there is.
 */
#include "worker/py/py_stats_parts.h"

#include "common/wire/report.h"

#include <string.h>

enum buckets { BUCKETS_NONE, BUCKETS_LOCUST, BUCKETS_FINE };

static int put(PyObject *dict, const char *key, PyObject *value)
{
    int rc = value ? PyDict_SetItemString(dict, key, value) : -1;
    Py_XDECREF(value);
    return rc;
}

static PyObject *str_from(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *float_or_none(bool is_known, double value)
{
    return is_known ? PyFloat_FromDouble(value) : Py_NewRef(Py_None);
}

static int put_count(PyObject *dict, int64_t key, uint64_t n)
{
    PyObject *k = PyLong_FromLongLong(key), *v = PyLong_FromUnsignedLongLong(n);
    int rc = k && v ? PyDict_SetItem(dict, k, v) : -1;
    Py_XDECREF(k);
    Py_XDECREF(v);
    return rc;
}

struct dict_fill {
    PyObject *dict;
    int rc;
};

static void put_bucket(void *arg, uint64_t bucket_ms, uint64_t n)
{
    struct dict_fill *fill = arg;
    if (fill->rc == 0)
        fill->rc = put_count(fill->dict, (int64_t)bucket_ms, n);
}

/* {milliseconds as a float: count}, as fine as the histogram is */
static void put_fine(void *arg, uint64_t mid_us, uint64_t n)
{
    struct dict_fill *fill = arg;
    PyObject *k = PyFloat_FromDouble((double)mid_us / 1000), *v = PyLong_FromUnsignedLongLong(n);
    if (fill->rc == 0)
        fill->rc = k && v ? PyDict_SetItem(fill->dict, k, v) : -1;
    Py_XDECREF(k);
    Py_XDECREF(v);
}

static PyObject *buckets_of(const struct tally *t, enum buckets kind)
{
    struct dict_fill fill = {PyDict_New(), 0};
    if (fill.dict && kind == BUCKETS_FINE)
        hist_each(&t->hist, put_fine, &fill);
    else if (fill.dict)
        report_locust_buckets(&t->hist, put_bucket, &fill);
    if (fill.rc != 0)
        Py_CLEAR(fill.dict);
    return fill.dict;
}

static PyObject *requests_by_second(const struct tally *t)
{
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict && i < STATS_SECONDS; i++)
        if (t->recent[i].requests && put_count(dict, t->recent[i].second, t->recent[i].requests))
            Py_CLEAR(dict);
    return dict;
}

static PyObject *failures_by_second(const struct tally *t)
{
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict && i < STATS_SECONDS; i++)
        if (t->recent[i].failures && put_count(dict, t->recent[i].second, t->recent[i].failures))
            Py_CLEAR(dict);
    return dict;
}

static PyObject *row_dict(const struct tally *t, double started_at, enum buckets kind)
{
    PyObject *d = PyDict_New();
    if (!d)
        return NULL;
    bool is_timed = t->min_us <= t->max_us;
    if (put(d, "method", str_from(t->method)) || put(d, "name", str_from(t->name)) ||
        put(d, "num_requests", PyLong_FromUnsignedLongLong(t->requests)) ||
        put(d, "num_none_requests", PyLong_FromUnsignedLongLong(t->none_requests)) ||
        put(d, "num_failures", PyLong_FromUnsignedLongLong(t->failures)) ||
        put(d, "cut", PyLong_FromUnsignedLongLong(t->cut)) ||
        put(d, "discarded", PyLong_FromUnsignedLongLong(t->discarded)) ||
        put(d, "resent", PyLong_FromUnsignedLongLong(t->resent)) ||
        put(d, "total_response_time", PyFloat_FromDouble((double)t->sum_us / 1000)) ||
        put(d, "min_response_time", float_or_none(is_timed, (double)t->min_us / 1000)) ||
        put(d, "max_response_time", float_or_none(is_timed, (double)t->max_us / 1000)) ||
        put(d, "total_content_length", PyLong_FromUnsignedLongLong(t->bytes)) ||
        put(d, "start_time", PyFloat_FromDouble(started_at)) ||
        put(d, "last_request_timestamp", float_or_none(t->last_at > 0, t->last_at)) ||
        put(d, "num_reqs_per_sec", requests_by_second(t)) ||
        put(d, "num_fail_per_sec", failures_by_second(t)) ||
        (kind != BUCKETS_NONE && put(d, "response_times", buckets_of(t, kind))))
        Py_CLEAR(d);
    return d;
}

/* Appends item (stolen) to list. */
static int append(PyObject *list, PyObject *item)
{
    int rc = item ? PyList_Append(list, item) : -1;
    Py_XDECREF(item);
    return rc;
}

/* Rows without anything in them only when wanted. */
static PyObject *row_list(const struct stats *s, enum buckets kind, bool with_empty)
{
    PyObject *list = PyList_New(0);
    for (const struct tally *t = s->rows; list && t; t = t->next)
        if ((with_empty || !tally_is_empty(t)) &&
            append(list, row_dict(t, s->started_at, kind)) != 0)
            Py_CLEAR(list);
    return list;
}

static PyObject *failure_list(const struct stats *s)
{
    PyObject *list = PyList_New(0);
    for (const struct failure *f = s->failures; list && f; f = f->next) {
        PyObject *item = Py_BuildValue("{s:N,s:N,s:N,s:K,s:d,s:d}", "method", str_from(f->method),
                                       "name", str_from(f->name), "error", str_from(f->text),
                                       "occurrences", (unsigned long long)f->count, "first_seen",
                                       f->first_at, "last_seen", f->last_at);
        if (append(list, item) != 0)
            Py_CLEAR(list);
    }
    return list;
}

/* ---- everything since the start ------------------------------------------------------------- */

static const struct stats *settled(PyObject *self)
{
    py_stats_settle((struct py_stats *)self);
    return &((struct py_stats *)self)->total;
}

static int parse_histograms(PyObject *args, PyObject *kwargs, enum buckets *kind)
{
    static const char *const names[] = {"histograms", NULL};
    int wanted = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p", KEYWORDS(names), &wanted))
        return -1;
    *kind = wanted ? BUCKETS_LOCUST : BUCKETS_NONE;
    return 0;
}

static PyObject *rows(PyObject *self, PyObject *args, PyObject *kwargs)
{
    enum buckets kind;
    return parse_histograms(args, kwargs, &kind) ? NULL : row_list(settled(self), kind, true);
}

static PyObject *total(PyObject *self, PyObject *args, PyObject *kwargs)
{
    enum buckets kind;
    if (parse_histograms(args, kwargs, &kind))
        return NULL;
    const struct stats *s = settled(self);
    return row_dict(&s->total, s->started_at, kind);
}

static PyObject *failures(PyObject *self, PyObject *unused)
{
    (void)unused;
    return failure_list(settled(self));
}

static PyObject *exceptions(PyObject *self, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    (void)unused;
    for (const struct exception *e = settled(self)->exceptions; list && e; e = e->next) {
        PyObject *item =
            Py_BuildValue("{s:N,s:N,s:K}", "msg", str_from(e->message), "traceback",
                          str_from(e->traceback), "count", (unsigned long long)e->count);
        if (append(list, item) != 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *percentile(PyObject *self, PyObject *args)
{
    const char *method, *name;
    double q;
    if (!PyArg_ParseTuple(args, "ssd:percentile", &method, &name, &q))
        return NULL;
    const struct stats *s = settled(self);
    bool is_total = !*method && strcmp(name, s->total.name) == 0;
    const struct tally *row = is_total ? &s->total : stats_find(s, method, name);
    return PyFloat_FromDouble(row ? tally_quantile_ms(row, q) : 0);
}

/* What a row, or the total, has since the last report. None: nothing. */
static PyObject *unreported(PyObject *self, PyObject *args)
{
    struct py_stats *s = (struct py_stats *)self;
    const char *method, *name;
    if (!PyArg_ParseTuple(args, "ss:unreported", &method, &name))
        return NULL;
    py_stats_want(s, &s->unsent, &s->has_unsent);
    bool is_total = !*method && strcmp(name, s->unsent.total.name) == 0;
    const struct tally *row = is_total ? &s->unsent.total : stats_find(&s->unsent, method, name);
    if (!row || tally_is_empty(row))
        Py_RETURN_NONE;
    return row_dict(row, s->total.started_at, BUCKETS_LOCUST);
}

static PyObject *unreported_failures(PyObject *self, PyObject *unused)
{
    struct py_stats *s = (struct py_stats *)self;
    (void)unused;
    py_stats_want(s, &s->unsent, &s->has_unsent);
    return failure_list(&s->unsent);
}

/* ---- what is new ---------------------------------------------------------------------------- */

static PyObject *take(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"fine", NULL};
    struct py_stats *s = (struct py_stats *)self;
    int is_fine = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:take", KEYWORDS(names), &is_fine))
        return NULL;
    bool is_first = !s->has_unread;
    py_stats_want(s, &s->unread, &s->has_unread);
    if (!s->is_unread && !is_first)
        Py_RETURN_NONE;
    enum buckets kind = is_fine ? BUCKETS_FINE : BUCKETS_LOCUST;
    PyObject *taken = Py_BuildValue("NNN", row_dict(&s->unread.total, s->total.started_at, kind),
                                    row_list(&s->unread, kind, is_first), failure_list(&s->unread));
    if (taken) { /* else the next one has it all */
        stats_reset(&s->unread, s->total.started_at);
        s->is_unread = false;
    }
    return taken;
}

PyMethodDef py_stats_readers[] = {
    {"rows", WITH_KEYWORDS(rows), METH_VARARGS | METH_KEYWORDS,
     "rows(histograms=False): one dict per (method, name) since the start"},
    {"total", WITH_KEYWORDS(total), METH_VARARGS | METH_KEYWORDS,
     "total(histograms=False): the aggregate as such a dict"},
    {"failures", failures, METH_NOARGS, "One dict per failure since the start."},
    {"exceptions", exceptions, METH_NOARGS, "One dict per exception since the start."},
    {"percentile", percentile, METH_VARARGS,
     "percentile(method, name, q): milliseconds; '' and 'Aggregated' for the total"},
    {"unreported", unreported, METH_VARARGS,
     "unreported(method, name): the dict of what was counted there since the last report, or None"},
    {"unreported_failures", unreported_failures, METH_NOARGS,
     "One dict per failure since the last report."},
    {"take", WITH_KEYWORDS(take), METH_VARARGS | METH_KEYWORDS,
     "take(fine=False): what is new since the last take, as (total, rows, failures) of such dicts; "
     "None when there is nothing. fine: histograms by microseconds, not by Locust's buckets"},
    {NULL, NULL, 0, NULL},
};
