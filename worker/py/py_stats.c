// SPDX-License-Identifier: MIT
/* py_stats: counting.
 *
 * A request costs one look into a small cache from the identity of its (method, name) strings to
 * their row, because a locustfile passes the same constants again and again; the cache owns the
 * strings, so an address cannot come to mean another text. Strings made for one request miss it
 * and pay for a hash of their text.
 */
#include "worker/py/py_stats_parts.h"

#include "common/base/clk.h"
#include "common/base/sbuf.h"
#include "worker/py/py_group.h"
#include "worker/py/py_journal.h"
#include "worker/py/py_late.h"
#include "worker/py/py_series.h"
#include "worker/py/py_tags.h"
#include "worker/py/py_trace.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define MAX_TIME_US (UINT64_C(1) << 43) /* 100 days: sums of such times still fit */
#define MAX_BYTES (UINT64_C(1) << 50)

static struct py_stats *the_default;
static struct py_stats_hooks *the_hooks; /* the newest first */

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

static void cache_clear(struct py_stats *s)
{
    for (size_t i = 0; i < STATS_CACHE_SLOTS; i++) {
        struct stats_cache_slot old = s->cache[i];
        s->cache[i] = (struct stats_cache_slot){0};
        Py_XDECREF(old.method);
        Py_XDECREF(old.name);
    }
}

static struct tally *row_by_text(struct py_stats *s, PyObject *method, PyObject *name)
{
    struct text m = {0}, n = {0};
    struct tally *row = NULL;
    if (text_get(&m, method) == 0 && text_get(&n, name) == 0)
        row = stats_row(&s->live, m.s, (size_t)m.len, n.s, (size_t)n.len);
    text_done(&m);
    text_done(&n);
    return row;
}

static struct tally *row_of(struct py_stats *s, PyObject *method, PyObject *name)
{
    uintptr_t mixed = (uintptr_t)name ^ ((uintptr_t)method >> 3);
    struct stats_cache_slot *slot = &s->cache[(mixed * UINT64_C(0x9E3779B97F4A7C15)) >> 54];
    if (__builtin_expect(slot->method == method && slot->name == name, 1))
        return slot->row;
    struct tally *row = row_by_text(s, method, name);
    if (row && PyUnicode_CheckExact(method) && PyUnicode_CheckExact(name)) {
        struct stats_cache_slot old = *slot;
        Py_INCREF(method);
        Py_INCREF(name);
        *slot = (struct stats_cache_slot){method, name, row};
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

static const struct failure *count_failure(struct py_stats *s, struct tally *row, double now,
                                           const char *text, size_t len)
{
    struct sbuf masked = {0};
    const bool is_masked = mask_address(text, len, &masked);
    const struct failure *f = is_masked
                                  ? stats_add_failure(&s->live, row, now, masked.data, masked.len)
                                  : stats_add_failure(&s->live, row, now, text, len);
    sbuf_fini(&masked);
    return f;
}

/* From when it was to start, if that is known. */
static void note_late(struct py_stats *s, struct tally *row, uint64_t time_us)
{
    const uint64_t late_us = time_us == STATS_NO_TIME ? STATS_NO_TIME : py_late_us();
    if (late_us != STATS_NO_TIME)
        stats_add_part(&s->live, row, PART_corrected, time_us + late_us);
}

int py_stats_record(struct py_stats *s, PyObject *method, PyObject *name,
                    struct py_stats_request *q)
{
    q->is_apart = __builtin_expect(py_group_open, 0) && py_group_note(q->time_us, q->failure);
    if (q->is_apart)
        return 0;
    struct tally *row = row_of(s, method, name);
    if (!row)
        return -1;
    const double now = q->now = clk_steady_coarse();
    if (q->time_us > MAX_TIME_US && q->time_us != STATS_NO_TIME)
        q->time_us = MAX_TIME_US;
    stats_add(&s->live, row, now, q->time_us, q->bytes < MAX_BYTES ? q->bytes : MAX_BYTES);
    if (q->measures) {
        stats_add_measures(&s->live, row, q->time_us, q->measures);
        if (q->time_us > row->notice_us && q->time_us != STATS_NO_TIME)
            q->slow_row = row;
    }
    if (__builtin_expect(py_late_wanted, 0))
        note_late(s, row, q->time_us);
    if (!q->failure)
        return 0;
    if (q->time_us != STATS_NO_TIME)
        stats_add_part(&s->live, row, PART_failed, q->time_us);
    const struct failure *f = count_failure(s, row, now, q->failure, q->failure_len);
    if (q->measures && f->count == 1)
        q->new = f;
    return 0;
}

int py_stats_aside(struct py_stats *s, PyObject *method, PyObject *name, enum py_stats_aside what,
                   unsigned n)
{
    if (py_group_open && py_group_is_apart())
        return 0;
    struct tally *row = row_of(s, method, name);
    if (!row)
        return -1;
    switch (what) {
    case ASIDE_CUT:
        stats_add_cut(&s->live, row);
        break;
    case ASIDE_DISCARDED:
        stats_add_discarded(&s->live, row);
        break;
    case ASIDE_RESENT:
        stats_add_resent(&s->live, row, n);
        break;
    }
    return 0;
}

/* ---- from Python ---------------------------------------------------------------------------- */

/* Milliseconds as user code gives them: None and NaN are "no time", below 0 is 0. */
static int time_from(PyObject *ms, uint64_t *time_us)
{
    *time_us = STATS_NO_TIME;
    if (!ms || ms == Py_None)
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

static int length_from(PyObject *length, uint64_t *bytes)
{
    double value = length && length != Py_None ? PyFloat_AsDouble(length) : 0;
    *bytes = value > 0 ? value < (double)MAX_BYTES ? (uint64_t)value : MAX_BYTES : 0;
    return value == -1 && PyErr_Occurred() ? -1 : 0;
}

/* What an event has beside its numbers; each may be NULL. */
struct event_of {
    PyObject *response, *tags;
};

/* Of the client whose response it is; NULL: of none of ours. */
static const struct py_stats_hooks *hooks_of(PyObject *response)
{
    const struct py_stats_hooks *hooks = response ? the_hooks : NULL;
    while (hooks && !hooks->knows(response))
        hooks = hooks->next;
    return hooks;
}

/* For who wants requests by their tags, or each of them. */
static int note_tags(const struct py_stats *s, const struct event_of *of,
                     const struct py_stats_hooks *hooks, PyObject *method, PyObject *name,
                     struct py_stats_request *q)
{
    PyObject *user = NULL, *tags = of->tags;
    if (hooks)
        hooks->tags(of->response, &user, &tags, q);
    const int rc = py_tags_wanted ? py_tags_note(user, tags, method, name, q) : 0;
    if (py_journal_wanted && rc == 0)
        py_journal_note(s, user, tags, method, name, q);
    return rc;
}

static int record(struct py_stats *s, PyObject *method, PyObject *name, PyObject *ms,
                  PyObject *length, PyObject *failure, const struct event_of *of)
{
    struct py_stats_request q = {0};
    struct measures measures;
    struct text text = {0};
    if (time_from(ms, &q.time_us) != 0 || length_from(length, &q.bytes) != 0 ||
        (failure && text_get_failure(&text, failure) != 0))
        return -1;
    q.failure = failure ? text.s : NULL;
    q.failure_len = (size_t)text.len;
    const struct py_stats_hooks *hooks = hooks_of(of->response);
    if (hooks && hooks->measure(of->response, q.time_us, &measures))
        q.measures = &measures;
    int rc = py_stats_record(s, method, name, &q);
    if (rc == 0 && hooks && (q.slow_row || q.new))
        hooks->note(of->response, &q);
    if (rc == 0 && hooks && __builtin_expect(py_trace_wanted, 0))
        hooks->trace(of->response, &q);
    if (rc == 0 && (py_tags_wanted || py_journal_wanted))
        rc = note_tags(s, of, hooks, method, name, &q);
    text_done(&text);
    return rc;
}

/* Borrowed; NULL: it is not there. */
static PyObject *field(PyObject *fields, PyObject **key, const char *name)
{
    if (!*key)
        *key = PyUnicode_InternFromString(name);
    PyObject *value = *key ? PyDict_GetItemWithError(fields, *key) : NULL;
    if (!value)
        PyErr_Clear();
    return value;
}

int py_stats_record_event(struct py_stats *s, PyObject *fields)
{
    static struct {
        PyObject *method, *name, *exception, *response, *tags, *time, *length;
    } keys; /* owned: made once, where a name given as text would be one for each event */
    PyObject *method = field(fields, &keys.method, "request_type");
    PyObject *name = field(fields, &keys.name, "name");
    PyObject *exception = field(fields, &keys.exception, "exception");
    const struct event_of of = {field(fields, &keys.response, "response"),
                                field(fields, &keys.tags, "tags")};
    const int is_failure = exception ? PyObject_IsTrue(exception) : 0;
    if (is_failure < 0)
        return -1;
    return record(s, method ? method : Py_None, name ? name : Py_None,
                  field(fields, &keys.time, "response_time"),
                  field(fields, &keys.length, "response_length"), is_failure ? exception : NULL,
                  &of);
}

static PyObject *call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    if (PyTuple_GET_SIZE(args))
        return PyErr_Format(PyExc_TypeError, "a request event has keyword arguments only");
    if (kwargs && py_stats_record_event((struct py_stats *)self, kwargs) != 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *record_method(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"method", "name",         "response_time",
                                        "length", "failure_text", NULL};
    PyObject *method, *name, *ms, *length = NULL, *failure = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO|OO:record", KEYWORDS(names), &method, &name,
                                     &ms, &length, &failure))
        return NULL;
    if (record((struct py_stats *)self, method, name, ms, length,
               failure == Py_None ? NULL : failure, &(struct event_of){NULL, NULL}) != 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *failure_method(PyObject *self, PyObject *args)
{
    struct py_stats *s = (struct py_stats *)self;
    PyObject *method, *name, *failure;
    if (!PyArg_ParseTuple(args, "OOO:failure", &method, &name, &failure))
        return NULL;
    struct tally *row = row_of(s, method, name);
    struct text text;
    if (!row || text_get_failure(&text, failure) != 0)
        return NULL;
    count_failure(s, row, clk_steady_coarse(), text.s, (size_t)text.len);
    text_done(&text);
    Py_RETURN_NONE;
}

static PyObject *cut_method(PyObject *self, PyObject *args)
{
    PyObject *method, *name;
    if (!PyArg_ParseTuple(args, "OO:cut", &method, &name) ||
        py_stats_aside((struct py_stats *)self, method, name, ASIDE_CUT, 1) != 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *exception_method(PyObject *self, PyObject *args)
{
    PyObject *message, *traceback, *result = NULL;
    const char *type = "";
    struct text m = {0}, t = {0};
    if (!PyArg_ParseTuple(args, "OO|s:exception", &message, &traceback, &type))
        return NULL;
    if (text_get(&m, message) == 0 && text_get(&t, traceback) == 0) {
        const double now = clk_steady();
        stats_note_exception(&((struct py_stats *)self)->live,
                             &(struct exception){.message = (char *)(uintptr_t)m.s,
                                                 .traceback = (char *)(uintptr_t)t.s,
                                                 .type = (char *)(uintptr_t)type,
                                                 .nodes = (char *)(uintptr_t) "",
                                                 .count = 1,
                                                 .first_at = now,
                                                 .last_at = now});
        result = Py_NewRef(Py_None);
    }
    text_done(&m);
    text_done(&t);
    return result;
}

/* ---- the tables ----------------------------------------------------------------------------- */

static bool is_empty(const struct stats *s)
{
    return tally_is_empty(&s->total) && !s->exceptions && !s->failures;
}

/* All that is counted now goes where it is kept; not to what is unsent. */
static void live_to_total(struct py_stats *s)
{
    if (s->has_unread)
        stats_merge(&s->unread, &s->live);
    s->is_unread = s->has_unread;
    stats_move(&s->total, &s->live, clk_steady());
}

void py_stats_settle(struct py_stats *s)
{
    if (is_empty(&s->live))
        return;
    if (s->has_unsent)
        stats_merge(&s->unsent, &s->live);
    live_to_total(s);
}

static void use_table(const struct py_stats *s, struct stats *wanted, bool *has)
{
    if (*has)
        return;
    stats_init(wanted, s->total.started_at, s->total.limits);
    wanted->has_few = true;
    stats_merge(wanted, &s->total);
    *has = true;
}

void py_stats_want(struct py_stats *s, struct stats *wanted, bool *has)
{
    use_table(s, wanted, has);
    py_stats_settle(s);
}

/* Of thousands of rows each is visited twice where it is `live`, and five times where not. */
struct stats *py_stats_unsent(struct py_stats *s)
{
    use_table(s, &s->unsent, &s->has_unsent);
    if (is_empty(&s->unsent))
        return &s->live;
    py_stats_settle(s);
    return &s->unsent;
}

void py_stats_sent(struct py_stats *s, struct stats *table)
{
    if (table == &s->live)
        live_to_total(s);
    else
        stats_reset(table, clk_steady());
}

static void tell_forget(void)
{
    for (const struct py_stats_hooks *h = the_hooks; h; h = h->next)
        if (h->forget)
            h->forget();
}

static void for_all(struct py_stats *s, void (*what)(struct stats *table, double now))
{
    double now = clk_steady();
    if (s->has_unsent)
        tell_forget();
    if (s->has_unsent || s == the_default)
        py_series_clear();
    what(&s->live, now);
    what(&s->total, now);
    if (s->has_unsent)
        what(&s->unsent, now);
    if (s->has_unread)
        what(&s->unread, now);
    s->is_unread = false;
}

static PyObject *clear_method(PyObject *self, PyObject *unused)
{
    struct py_stats *s = (struct py_stats *)self;
    (void)unused;
    cache_clear(s);
    for_all(s, stats_clear);
    Py_RETURN_NONE;
}

static PyObject *clear_requests_method(PyObject *self, PyObject *unused)
{
    struct py_stats *s = (struct py_stats *)self;
    (void)unused;
    cache_clear(s);
    for_all(s, stats_clear_requests);
    Py_RETURN_NONE;
}

static PyObject *reset_method(PyObject *self, PyObject *unused)
{
    (void)unused;
    for_all((struct py_stats *)self, stats_reset_requests);
    Py_RETURN_NONE;
}

/* ---- the type ------------------------------------------------------------------------------- */

static PyObject *new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":Stats", KEYWORDS(names)))
        return NULL;
    struct py_stats *s = (struct py_stats *)type->tp_alloc(type, 0);
    if (!s)
        return NULL;
    double now = clk_steady();
    stats_init(&s->live, now, STATS_LIMITS_DEFAULT);
    stats_init(&s->total, now, STATS_LIMITS_DEFAULT);
    s->live.has_few = s->total.has_few = true;
    return (PyObject *)s;
}

static void dealloc(PyObject *self)
{
    struct py_stats *s = (struct py_stats *)self;
    cache_clear(s);
    Py_CLEAR(s->names.bytes);
    if (s->has_unsent)
        tell_forget();
    stats_fini(&s->live);
    stats_fini(&s->total);
    if (s->has_unsent)
        stats_fini(&s->unsent);
    if (s->has_unread)
        stats_fini(&s->unread);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef methods[] = {
    {"record", WITH_KEYWORDS(record_method), METH_VARARGS | METH_KEYWORDS,
     "record(method, name, response_time_ms_or_None, length=0, failure_text=None)"},
    {"failure", failure_method, METH_VARARGS, "failure(method, name, text)"},
    {"cut", cut_method, METH_VARARGS, "cut(method, name)"},
    {"exception", exception_method, METH_VARARGS,
     "exception(message, traceback, name of its class, or none)"},
    {"clear", clear_method, METH_NOARGS, "Forgets every row and exception."},
    {"clear_requests", clear_requests_method, METH_NOARGS, "Forgets every row."},
    {"reset", reset_method, METH_NOARGS, "Zeroes every row."},
    {NULL, NULL, 0, NULL},
};

PyTypeObject py_stats_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.Stats",
    .tp_doc = "Statistics of one test; as a listener it counts request events.",
    .tp_basicsize = sizeof(struct py_stats),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = new,
    .tp_dealloc = dealloc,
    .tp_call = call,
    .tp_methods = methods,
};

void py_stats_hook(struct py_stats_hooks *hooks)
{
    for (const struct py_stats_hooks *h = the_hooks; h; h = h->next)
        if (h == hooks)
            return;
    hooks->next = the_hooks;
    the_hooks = hooks;
}

bool py_stats_is_reported(const struct py_stats *s)
{
    return s->has_unsent;
}

struct py_stats *py_stats_default(void)
{
    return the_default;
}

static int add_methods(PyMethodDef *defs)
{
    for (PyMethodDef *m = defs; m->ml_name; m++) {
        PyObject *descr = PyDescr_NewMethod(&py_stats_type, m); /* new */
        int rc = descr ? PyDict_SetItemString(py_stats_type.tp_dict, m->ml_name, descr) : -1;
        Py_XDECREF(descr);
        if (rc != 0)
            return -1;
    }
    PyType_Modified(&py_stats_type);
    return 0;
}

/* stats_record and so on: the methods of the default one. */
static int add_functions(PyObject *module, const PyMethodDef *defs)
{
    for (const PyMethodDef *m = defs; m->ml_name; m++) {
        char name[64];
        snprintf(name, sizeof name, "stats_%s", m->ml_name);
        PyObject *bound = PyObject_GetAttrString((PyObject *)the_default, m->ml_name); /* new */
        int rc = bound ? PyModule_AddObjectRef(module, name, bound) : -1;
        Py_XDECREF(bound);
        if (rc != 0)
            return -1;
    }
    return 0;
}

int py_stats_init(PyObject *module)
{
    if (PyModule_AddType(module, &py_stats_type) != 0 || add_methods(py_stats_readers) != 0 ||
        add_methods(py_stats_reports) != 0)
        return -1;
    if (!the_default)
        the_default = (struct py_stats *)PyObject_CallNoArgs((PyObject *)&py_stats_type);
    PyObject *o = (PyObject *)the_default;
    if (!o || PyModule_AddObjectRef(module, "stats", o) != 0 ||
        PyModule_AddObjectRef(module, "record_request", o) != 0 ||
        add_functions(module, methods) != 0 || add_functions(module, py_stats_readers) != 0)
        return -1;
    return add_functions(module, py_stats_reports);
}
