// SPDX-License-Identifier: MIT
#include "worker/py/py_series.h"

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/metric/stats.h"
#include "common/wire/report_series.h"
#include "worker/py/py_mod.h"

#include <stdlib.h>
#include <string.h>

#define WAITING_MOST (4u << 20) /* bytes of seconds that no report took yet */

static struct {
    struct series_table table;
    struct series_writer writer;
    struct metric *rejected;
} the;

struct series_table *py_series_table(void)
{
    return &the.table;
}

/* ---- counting ------------------------------------------------------------------------------- */

static bool has_room(void)
{
    return the.writer.bytes.len < WAITING_MOST;
}

static void begin_second(struct series *s, int64_t second)
{
    if (s->value.count && has_room())
        report_series_put(&the.writer, s, s->second);
    if (!s->value.count)
        s->second = second;
}

static inline void in_second(struct series *s, double now)
{
    const int64_t second = (int64_t)now;
    if (__builtin_expect(s->second != second, 0))
        begin_second(s, second);
}

static bool count(struct series *s, double number, double now)
{
    in_second(s, now);
    return series_add(s, number, now);
}

void py_series_count_true(struct series *s, bool is_true, double now)
{
    in_second(s, now);
    value_add_true(&s->value, is_true);
}

void py_series_count_request(const struct series_pair *of, uint64_t time_us, bool is_failed,
                             double now)
{
    if (time_us != STATS_NO_TIME) {
        in_second(of->first, now);
        value_add_us(&of->first->value, time_us);
    }
    py_series_count_true(of->second, is_failed, now);
}

static void count_rejected(const struct metric *m)
{
    const struct tag tag = {"metric", m->name};
    count(series_of(&the.table, the.rejected, tags_of(&the.table.tags, &tag, 1)), 1,
          clk_steady_coarse());
}

bool py_series_count_at(struct series *s, double number, double now)
{
    if (__builtin_expect(count(s, number, now), 1))
        return true;
    count_rejected(s->metric);
    return false;
}

bool py_series_count(struct series *s, double number)
{
    return py_series_count_at(s, number, clk_steady_coarse());
}

/* ---- by identity ---------------------------------------------------------------------------- */

#define CACHE_BITS 11
#define CACHE_SLOTS (1u << CACHE_BITS)
#define CACHE_PROBES 4 /* slots that a key may be in, one after the other */

struct series_cache {
    struct cache_slot {          /* beside a request it is cold: what a look needs lies together */
        struct series_pair pair; /* NULL: free */
        struct series_key key;   /* owned here; count 0: free */
    } slots[CACHE_SLOTS];
};

static size_t first_slot(const struct series_key *k)
{
    uintptr_t mixed = k->count;
    for (unsigned i = 0; i < k->count; i++)
        mixed = (mixed ^ ((uintptr_t)k->part[i] >> 4)) * UINT64_C(0x9E3779B97F4A7C15);
    return mixed >> (64 - CACHE_BITS);
}

static bool is_same_key(const struct series_key *a, const struct series_key *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (a->part[i] != b->part[i])
            return false;
    return true;
}

struct series_pair series_cache_find(const struct series_cache *c, const struct series_key *k)
{
    const struct series_pair none = {NULL, NULL};
    if (!c || k->count > SERIES_KEY_MOST)
        return none;
    const size_t first = first_slot(k);
    for (size_t i = 0; i < CACHE_PROBES; i++) {
        const struct cache_slot *slot = &c->slots[(first + i) % CACHE_SLOTS];
        if (__builtin_expect(is_same_key(&slot->key, k), 1))
            return slot->pair;
        if (!slot->key.count)
            break;
    }
    return none;
}

/* For a key that is not there: a free one, else that of an older key. */
static struct cache_slot *slot_for(struct series_cache *c, const struct series_key *k)
{
    const size_t first = first_slot(k);
    for (size_t i = 0; i < CACHE_PROBES; i++)
        if (!c->slots[(first + i) % CACHE_SLOTS].key.count)
            return &c->slots[(first + i) % CACHE_SLOTS];
    return &c->slots[first];
}

static void slot_clear(struct cache_slot *slot)
{
    struct cache_slot old = *slot;
    *slot = (struct cache_slot){.pair = {NULL, NULL}};
    for (unsigned i = 0; i < old.key.count; i++)
        Py_DECREF(old.key.part[i]);
}

void series_cache_keep(struct series_cache **c, const struct series_key *k, struct series_pair p)
{
    if (k->count > SERIES_KEY_MOST)
        return;
    for (unsigned i = 0; i < k->count; i++)
        if (!PyUnicode_CheckExact(k->part[i]))
            return;
    if (!*c)
        *c = mem_zalloc(sizeof **c);
    struct cache_slot *slot = slot_for(*c, k);
    for (unsigned i = 0; i < k->count; i++)
        Py_INCREF(k->part[i]);
    slot_clear(slot);
    *slot = (struct cache_slot){.pair = p, .key = *k};
}

void series_cache_free(struct series_cache *c)
{
    for (size_t i = 0; c && i < CACHE_SLOTS; i++)
        slot_clear(&c->slots[i]);
    free(c);
}

/* ---- tags ----------------------------------------------------------------------------------- */

/* UTF-8 of an object's str, kept by the list. NULL with an exception. */
static const char *text_of(struct series_tags *t, PyObject *o)
{
    const char *text = PyUnicode_Check(o) ? PyUnicode_AsUTF8(o) : NULL;
    if (text)
        return text;
    PyErr_Clear();
    PyObject *str = PyObject_Str(o);
    PyObject *bytes = str ? PyUnicode_AsEncodedString(str, "utf-8", "backslashreplace") : NULL;
    if (!t->texts && bytes)
        t->texts = PyList_New(0);
    if (bytes && t->texts && PyList_Append(t->texts, bytes) == 0)
        text = PyBytes_AS_STRING(bytes);
    Py_XDECREF(str);
    Py_XDECREF(bytes);
    return text;
}

int series_tags_add(struct series_tags *t, const char *key, PyObject *value)
{
    const char *text = value == Py_None ? "" : text_of(t, value);
    size_t at = 0;
    if (!text)
        return -1;
    while (at < t->count && strcmp(t->list[at].key, key) != 0)
        at++;
    if (at == TAGS_MOST) {
        PyErr_Format(PyExc_ValueError, "more than %d tags", TAGS_MOST);
        return -1;
    }
    t->list[at] = (struct tag){key, text};
    t->count += at == t->count;
    return 0;
}

int series_tags_add_dict(struct series_tags *t, PyObject *tags)
{
    Py_ssize_t at = 0;
    PyObject *key, *value;
    if (!tags || tags == Py_None)
        return 0;
    if (!PyDict_Check(tags)) {
        PyErr_Format(PyExc_TypeError, "tags must be a dict, not %s", Py_TYPE(tags)->tp_name);
        return -1;
    }
    while (PyDict_Next(tags, &at, &key, &value)) {
        const char *text = text_of(t, key);
        if (!text || series_tags_add(t, text, value) != 0)
            return -1;
    }
    return 0;
}

void series_tags_fini(struct series_tags *t)
{
    Py_CLEAR(t->texts);
    t->count = 0;
}

static void refuse_tags(const struct series_tags *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (!tags_is_key(t->list[i].key)) {
            PyErr_Format(PyExc_ValueError,
                         "'%s' cannot be the key of a tag: take a letter or underscore, then "
                         "letters, digits and underscores",
                         t->list[i].key);
            return;
        }
    PyErr_Format(PyExc_ValueError, "more than %d tags", TAGS_MOST);
}

struct series *series_tags_series(const struct series_tags *t, struct metric *m)
{
    const struct tags *set = tags_of(&the.table.tags, t->list, t->count);
    if (!set)
        refuse_tags(t);
    return set ? series_of(&the.table, m, set) : NULL;
}

/* ---- reports -------------------------------------------------------------------------------- */

static PyObject *bytes_or_none(const struct sbuf *b)
{
    return b->len ? PyBytes_FromStringAndSize(b->data, (Py_ssize_t)b->len) : Py_NewRef(Py_None);
}

static void (*before_report)(void);

void py_series_before_report(void (*tell)(void))
{
    before_report = tell;
}

/* series_report(number) → (values, names) for that report, each bytes or None. */
static PyObject *report(PyObject *module, PyObject *number)
{
    struct sbuf names = {0};
    const unsigned long n = PyLong_AsUnsignedLongMask(number);
    (void)module;
    if (n == (unsigned long)-1 && PyErr_Occurred())
        return NULL;
    if (before_report)
        before_report();
    for (size_t i = 0; i < the.table.count; i++)
        if (the.table.list[i]->value.count)
            report_series_put(&the.writer, the.table.list[i], the.table.list[i]->second);
    if (the.writer.bytes.len)
        report_series_names(&the.table, the.writer.number, (uint32_t)n, &names);
    PyObject *result = Py_BuildValue("NN", bytes_or_none(&the.writer.bytes), bytes_or_none(&names));
    sbuf_fini(&names);
    if (!result)
        return NULL; /* the next report has it all */
    sbuf_fini(&the.writer.bytes);
    the.writer.number++;
    return result;
}

/* series_names() → those of every series that was ever reported, or None. */
static PyObject *all_names(PyObject *module, PyObject *unused)
{
    struct sbuf names = {0};
    (void)module, (void)unused;
    report_series_all_names(&the.table, &names);
    PyObject *bytes = bytes_or_none(&names);
    sbuf_fini(&names);
    return bytes;
}

static PyObject *heard(PyObject *module, PyObject *number)
{
    const unsigned long n = PyLong_AsUnsignedLongMask(number);
    (void)module;
    if (n == (unsigned long)-1 && PyErr_Occurred())
        return NULL;
    report_series_heard(&the.table, (uint32_t)n);
    Py_RETURN_NONE;
}

static PyObject *forget(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    report_series_forget(&the.table);
    Py_RETURN_NONE;
}

void py_series_clear(void)
{
    for (size_t i = 0; i < the.table.count; i++)
        value_clear(&the.table.list[i]->value);
    sbuf_fini(&the.writer.bytes);
    the.writer.number++;
}

static PyObject *clear(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    py_series_clear();
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"series_report", report, METH_O,
     "series_report(number) → (values, names): what was counted in series since the last report, "
     "as "
     "bytes, and the names that the master may not know; each may be None."},
    {"series_names", all_names, METH_NOARGS,
     "The names of every series that was ever reported, as bytes, or None."},
    {"series_heard", heard, METH_O, "The master has the report of that number."},
    {"series_forget", forget, METH_NOARGS, "The master is another one, or may be."},
    {"series_clear", clear, METH_NOARGS, "Forgets what was counted and not reported."},
    {NULL, NULL, 0, NULL},
};

int py_series_init(PyObject *module)
{
    enum metric_problem why;
    if (!the.writer.number) {
        series_init(&the.table, SERIES_LIMITS_DEFAULT);
        the.writer.number = 1;
        the.rejected =
            series_metric(&the.table, "metrics_rejected",
                          (struct metric_kind_of){METRIC_COUNTER, "", METRIC_SCALE}, &why);
    }
    return PyModule_AddFunctions(module, functions);
}
