// SPDX-License-Identifier: MIT
/* A request costs one look into a small cache from the identity of its (method, name) strings to
 * their row, because a locustfile passes the same constants again and again; the cache owns the
 * strings, so an address cannot come to mean another text. Strings made for one request miss it
 * and pay for a hash of their text.
 *
 * What Python asks for (rows, totals, percentiles) is the sum of both tables, added up on demand.
 */
#include "worker/py/py_stats.h"

#include "common/base/clk.h"
#include "common/base/sbuf.h"
#include "common/stats/stats.h"
#include "common/wire/report.h"

#include <math.h>
#include <string.h>

#define CACHE_SLOTS 1024
#define MAX_TIME_US (UINT64_C(1) << 43) /* 100 days: sums of such times still fit */
#define MAX_BYTES (UINT64_C(1) << 50)

/* CPython 3.11 wants char **, and does not write to it. */
#define KEYWORDS(names) ((char **)(uintptr_t)(names))

struct cache_slot {
    PyObject *method, *name; /* owned */
    struct tally *row;
};

static struct {
    struct stats live, total;
    struct cache_slot cache[CACHE_SLOTS];
} the;

/* The UTF-8 of any object that names something. keep is owned by the caller, NULL or not. */
struct text {
    const char *s;
    Py_ssize_t len;
    PyObject *keep;
};

static int text_from_bytes(struct text *t, PyObject *bytes)
{
    t->keep = bytes;
    return bytes ? PyBytes_AsStringAndSize(bytes, (char **)(void *)&t->s, &t->len) : -1;
}

static int text_get(struct text *t, PyObject *o)
{
    *t = (struct text){.s = ""};
    if (o == Py_None)
        return 0;
    if (!PyUnicode_Check(o)) {
        PyObject *str = PyObject_Str(o);
        int rc =
            str ? text_from_bytes(t, PyUnicode_AsEncodedString(str, "utf-8", "backslashreplace"))
                : -1;
        Py_XDECREF(str);
        return rc;
    }
    t->s = PyUnicode_AsUTF8AndSize(o, &t->len);
    if (t->s)
        return 0;
    PyErr_Clear(); /* lone surrogates */
    return text_from_bytes(t, PyUnicode_AsEncodedString(o, "utf-8", "backslashreplace"));
}

/* A failure's text: a str as it is, anything else by its repr, as Locust shows exceptions. */
static int text_get_failure(struct text *t, PyObject *o)
{
    if (PyUnicode_Check(o))
        return text_get(t, o);
    *t = (struct text){.s = ""};
    PyObject *repr = PyObject_Repr(o);
    int rc = repr ? text_from_bytes(t, PyUnicode_AsEncodedString(repr, "utf-8", "backslashreplace"))
                  : -1;
    Py_XDECREF(repr);
    return rc;
}

static void text_done(struct text *t)
{
    Py_CLEAR(t->keep);
}

struct stats *py_stats_live(void)
{
    return &the.live;
}

static void cache_clear(void)
{
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        struct cache_slot old = the.cache[i];
        the.cache[i] = (struct cache_slot){0};
        Py_XDECREF(old.method);
        Py_XDECREF(old.name);
    }
}

static struct tally *row_by_text(PyObject *method, PyObject *name)
{
    struct text m = {0}, n = {0};
    struct tally *row = NULL;
    if (text_get(&m, method) == 0 && text_get(&n, name) == 0)
        row = stats_row(&the.live, m.s, (size_t)m.len, n.s, (size_t)n.len);
    text_done(&m);
    text_done(&n);
    return row;
}

static struct tally *row_of(PyObject *method, PyObject *name)
{
    uintptr_t mixed = (uintptr_t)name ^ ((uintptr_t)method >> 3);
    struct cache_slot *slot = &the.cache[(mixed * UINT64_C(0x9E3779B97F4A7C15)) >> 54];
    if (__builtin_expect(slot->method == method && slot->name == name, 1))
        return slot->row;
    struct tally *row = row_by_text(method, name);
    if (row && PyUnicode_CheckExact(method) && PyUnicode_CheckExact(name)) {
        struct cache_slot old = *slot;
        Py_INCREF(method);
        Py_INCREF(name);
        *slot = (struct cache_slot){method, name, row};
        Py_XDECREF(old.method);
        Py_XDECREF(old.name);
    }
    return row;
}

static const char *find_in(const char *text, size_t len, const char *what)
{
    return memmem(text, len, what, strlen(what));
}

/* "<X object at 0x7f…>" differs each time; Locust writes each such address as 0x...., and so do we:
 * true when out holds the text to use. */
static bool mask_address(const char *text, size_t len, struct sbuf *out)
{
    const char *at = find_in(text, len, "object at 0x");
    if (!at)
        return false;
    const char *address = at + strlen("object at "), *end = text + len;
    const char *close = memchr(address, '>', (size_t)(end - address));
    if (!close)
        return false;
    size_t n = (size_t)(close - address);
    for (const char *hit; (hit = memmem(text, (size_t)(end - text), address, n)); text = hit + n) {
        sbuf_add(out, text, (size_t)(hit - text));
        sbuf_adds(out, "0x....");
    }
    sbuf_add(out, text, (size_t)(end - text));
    return true;
}

static void record_failure(struct tally *row, double now, const char *text, size_t len)
{
    struct sbuf masked = {0};
    if (mask_address(text, len, &masked))
        stats_add_failure(&the.live, row, now, masked.data, masked.len);
    else
        stats_add_failure(&the.live, row, now, text, len);
    sbuf_fini(&masked);
}

int py_stats_record(PyObject *method, PyObject *name, uint64_t time_us, uint64_t bytes,
                    const char *failure, size_t failure_len)
{
    struct tally *row = row_of(method, name);
    if (!row)
        return -1;
    double now = clk_wall_coarse();
    if (time_us > MAX_TIME_US && time_us != STATS_NO_TIME)
        time_us = MAX_TIME_US;
    stats_add(&the.live, row, now, time_us, bytes < MAX_BYTES ? bytes : MAX_BYTES);
    if (failure)
        record_failure(row, now, failure, failure_len);
    return 0;
}

int py_stats_cut(PyObject *method, PyObject *name)
{
    struct tally *row = row_of(method, name);
    if (!row)
        return -1;
    stats_add_cut(&the.live, row);
    return 0;
}

/* Milliseconds as user code gives them: None and NaN are "no time", below 0 is 0. */
static int time_from(PyObject *ms, uint64_t *time_us)
{
    *time_us = STATS_NO_TIME;
    if (ms == Py_None)
        return 0;
    double value = PyFloat_AsDouble(ms);
    if (value == -1 && PyErr_Occurred())
        return -1;
    if (!isnan(value))
        *time_us = value <= 0                            ? 0
                   : value * 1000 >= (double)MAX_TIME_US ? MAX_TIME_US
                                                         : (uint64_t)(value * 1000 + 0.5);
    return 0;
}

static PyObject *stats_record(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"method", "name",         "response_time",
                                        "length", "failure_text", NULL};
    PyObject *method, *name, *ms, *failure = Py_None;
    double length = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO|dO:stats_record", KEYWORDS(names), &method,
                                     &name, &ms, &length, &failure))
        return NULL;
    uint64_t time_us;
    struct text text = {0};
    if (time_from(ms, &time_us) != 0 ||
        (failure != Py_None && text_get_failure(&text, failure) != 0))
        return NULL;
    uint64_t bytes = length > 0 ? length < (double)MAX_BYTES ? (uint64_t)length : MAX_BYTES : 0;
    int rc = py_stats_record(method, name, time_us, bytes, failure != Py_None ? text.s : NULL,
                             (size_t)text.len);
    text_done(&text);
    if (rc != 0)
        return NULL;
    return Py_NewRef(Py_None);
}

static PyObject *stats_failure(PyObject *module, PyObject *args)
{
    PyObject *method, *name, *failure;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOO:stats_failure", &method, &name, &failure))
        return NULL;
    struct tally *row = row_of(method, name);
    struct text text;
    if (!row || text_get_failure(&text, failure) != 0)
        return NULL;
    record_failure(row, clk_wall_coarse(), text.s, (size_t)text.len);
    text_done(&text);
    return Py_NewRef(Py_None);
}

static PyObject *stats_cut(PyObject *module, PyObject *args)
{
    PyObject *method, *name;
    (void)module;
    if (!PyArg_ParseTuple(args, "OO:stats_cut", &method, &name) || py_stats_cut(method, name) != 0)
        return NULL;
    return Py_NewRef(Py_None);
}

static PyObject *stats_exception(PyObject *module, PyObject *args)
{
    PyObject *message, *traceback, *result = NULL;
    struct text m = {0}, t = {0};
    (void)module;
    if (!PyArg_ParseTuple(args, "OO:stats_exception", &message, &traceback))
        return NULL;
    if (text_get(&m, message) == 0 && text_get(&t, traceback) == 0) {
        stats_add_exception(&the.live, clk_wall(), m.s, t.s, "", 1);
        result = Py_NewRef(Py_None);
    }
    text_done(&m);
    text_done(&t);
    return result;
}

static PyObject *stats_clear_all(PyObject *module, PyObject *unused)
{
    double now = clk_wall();
    (void)module;
    (void)unused;
    cache_clear();
    stats_clear(&the.live, now);
    stats_clear(&the.total, now);
    return Py_NewRef(Py_None);
}

static PyObject *stats_reset_all(PyObject *module, PyObject *unused)
{
    double now = clk_wall();
    (void)module;
    (void)unused;
    stats_reset(&the.live, now);
    stats_reset(&the.total, now);
    return Py_NewRef(Py_None);
}

static PyObject *take_report(struct sbuf *packed)
{
    PyObject *bytes = PyBytes_FromStringAndSize(packed->data, (Py_ssize_t)packed->len);
    sbuf_fini(packed);
    if (!bytes)
        return NULL; /* nothing was folded: the next report has it all */
    stats_merge(&the.total, &the.live);
    stats_reset(&the.live, clk_wall());
    return bytes;
}

static PyObject *stats_report(PyObject *module, PyObject *unused)
{
    struct sbuf packed = {0};
    (void)module;
    (void)unused;
    report_pack(&the.live, &packed);
    return take_report(&packed);
}

static PyObject *stats_report_locust(PyObject *module, PyObject *unused)
{
    struct sbuf packed = {0};
    (void)module;
    (void)unused;
    sbuf_addc(&packed, '\x83'); /* msgpack: a map of the three pairs that follow */
    report_pack_locust(&the.live, &packed);
    return take_report(&packed);
}

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

static PyObject *buckets_of(const struct tally *t)
{
    struct dict_fill fill = {PyDict_New(), 0};
    if (fill.dict)
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

static PyObject *row_dict(const struct tally *t, int with_histogram)
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
        put(d, "total_response_time", PyFloat_FromDouble((double)t->sum_us / 1000)) ||
        put(d, "min_response_time", float_or_none(is_timed, (double)t->min_us / 1000)) ||
        put(d, "max_response_time", float_or_none(is_timed, (double)t->max_us / 1000)) ||
        put(d, "total_content_length", PyLong_FromUnsignedLongLong(t->bytes)) ||
        put(d, "start_time", PyFloat_FromDouble(the.total.started_at)) ||
        put(d, "last_request_timestamp", float_or_none(t->last_at > 0, t->last_at)) ||
        put(d, "num_reqs_per_sec", requests_by_second(t)) ||
        put(d, "num_fail_per_sec", failures_by_second(t)) ||
        (with_histogram && put(d, "response_times", buckets_of(t))))
        Py_CLEAR(d);
    return d;
}

/* total + live as a table of its own; the caller ends it with stats_fini. */
static void sum_tables(struct stats *sum)
{
    stats_init(sum, the.total.started_at, the.total.limits);
    stats_merge(sum, &the.total);
    stats_merge(sum, &the.live);
}

/* Appends item (stolen) to list. */
static int append(PyObject *list, PyObject *item)
{
    int rc = item ? PyList_Append(list, item) : -1;
    Py_XDECREF(item);
    return rc;
}

static PyObject *stats_rows(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"histograms", NULL};
    int with_histograms = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:stats_rows", KEYWORDS(names),
                                     &with_histograms))
        return NULL;
    PyObject *list = PyList_New(0);
    struct stats sum;
    sum_tables(&sum);
    for (const struct tally *t = sum.rows; list && t; t = t->next)
        if (append(list, row_dict(t, with_histograms)) != 0)
            Py_CLEAR(list);
    stats_fini(&sum);
    return list;
}

static PyObject *stats_total(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"histograms", NULL};
    int with_histograms = 0;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:stats_total", KEYWORDS(names),
                                     &with_histograms))
        return NULL;
    struct tally sum = the.total.total; /* borrows its strings */
    hist_init(&sum.hist);
    sum.failed = NULL;
    if (with_histograms)
        hist_merge(&sum.hist, &the.total.total.hist);
    tally_merge(&sum, &the.live.total);
    PyObject *dict = row_dict(&sum, with_histograms);
    sum.method = sum.name = NULL;
    tally_fini(&sum);
    return dict;
}

static PyObject *stats_failures(PyObject *module, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    struct stats sum;
    (void)module;
    (void)unused;
    sum_tables(&sum);
    for (const struct failure *f = sum.failures; list && f; f = f->next) {
        PyObject *item = Py_BuildValue("{s:N,s:N,s:N,s:K,s:d,s:d}", "method", str_from(f->method),
                                       "name", str_from(f->name), "error", str_from(f->text),
                                       "occurrences", (unsigned long long)f->count, "first_seen",
                                       f->first_at, "last_seen", f->last_at);
        if (append(list, item) != 0)
            Py_CLEAR(list);
    }
    stats_fini(&sum);
    return list;
}

static PyObject *stats_exceptions(PyObject *module, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    struct stats sum;
    (void)module;
    (void)unused;
    sum_tables(&sum);
    for (const struct exception *e = sum.exceptions; list && e; e = e->next) {
        PyObject *item =
            Py_BuildValue("{s:N,s:N,s:K}", "msg", str_from(e->message), "traceback",
                          str_from(e->traceback), "count", (unsigned long long)e->count);
        if (append(list, item) != 0)
            Py_CLEAR(list);
    }
    stats_fini(&sum);
    return list;
}

static const struct tally *find_row(const struct stats *s, const char *method, const char *name)
{
    if (!*method && strcmp(name, s->total.name) == 0)
        return &s->total;
    return stats_find(s, method, name);
}

static PyObject *stats_percentile(PyObject *module, PyObject *args)
{
    const char *method, *name;
    double q;
    (void)module;
    if (!PyArg_ParseTuple(args, "ssd:stats_percentile", &method, &name, &q))
        return NULL;
    struct tally sum = {.min_us = UINT64_MAX};
    const struct stats *tables[] = {&the.total, &the.live};
    for (size_t i = 0; i < 2; i++) {
        const struct tally *row = find_row(tables[i], method, name);
        if (row)
            tally_merge(&sum, row);
    }
    double ms = tally_quantile_ms(&sum, q);
    tally_fini(&sum);
    return PyFloat_FromDouble(ms);
}

#define WITH_KEYWORDS(f) ((PyCFunction)(void (*)(void))(f))

static PyMethodDef functions[] = {
    {"stats_record", WITH_KEYWORDS(stats_record), METH_VARARGS | METH_KEYWORDS,
     "stats_record(method, name, response_time_ms_or_None, length=0, failure_text=None)"},
    {"stats_failure", stats_failure, METH_VARARGS, "stats_failure(method, name, text)"},
    {"stats_cut", stats_cut, METH_VARARGS, "stats_cut(method, name)"},
    {"stats_exception", stats_exception, METH_VARARGS, "stats_exception(message, traceback)"},
    {"stats_clear", stats_clear_all, METH_NOARGS, "Forgets every row."},
    {"stats_reset", stats_reset_all, METH_NOARGS, "Zeroes every row."},
    {"stats_report", stats_report, METH_NOARGS,
     "What was counted since the last report, as bytes in Katydid's dialect."},
    {"stats_report_locust", stats_report_locust, METH_NOARGS,
     "The same as a msgpack map {stats, stats_total, errors} in Locust's dialect."},
    {"stats_rows", WITH_KEYWORDS(stats_rows), METH_VARARGS | METH_KEYWORDS,
     "stats_rows(histograms=False): one dict per (method, name) since the start"},
    {"stats_total", WITH_KEYWORDS(stats_total), METH_VARARGS | METH_KEYWORDS,
     "stats_total(histograms=False): the aggregate as such a dict"},
    {"stats_failures", stats_failures, METH_NOARGS, "One dict per failure since the start."},
    {"stats_exceptions", stats_exceptions, METH_NOARGS, "One dict per exception since the start."},
    {"stats_percentile", stats_percentile, METH_VARARGS,
     "stats_percentile(method, name, q): milliseconds; '' and 'Aggregated' for the total"},
    {NULL, NULL, 0, NULL},
};

int py_stats_init(PyObject *module)
{
    if (!the.live.index) {
        double now = clk_wall();
        stats_init(&the.live, now, STATS_LIMITS_DEFAULT);
        stats_init(&the.total, now, STATS_LIMITS_DEFAULT);
    }
    return PyModule_AddFunctions(module, functions);
}
