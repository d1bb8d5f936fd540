// SPDX-License-Identifier: MIT
/* _katydid.Metric: a custom metric as Python code holds it. A value without tags, or with tags
 * whose texts are the same objects as before, costs no look at a text. */
#include "worker/py/py_mod.h"
#include "worker/py/py_group.h"
#include "worker/py/py_journal.h"
#include "worker/py/py_metric.h"
#include "worker/py/py_series.h"

struct py_metric {
    PyObject_HEAD struct metric *metric;
    struct series *plain; /* without tags; NULL until there is a value */
    struct series_cache *cache;
    bool is_apart; /* in no file of values */
};

static struct series *series_by_text(struct py_metric *m, PyObject *tags)
{
    struct series_tags list = {.count = 0};
    struct series *s =
        series_tags_add_dict(&list, tags) == 0 ? series_tags_series(&list, m->metric) : NULL;
    series_tags_fini(&list);
    return s;
}

static struct series *series_with(struct py_metric *m, PyObject *tags)
{
    struct series_key key = {.count = 0};
    Py_ssize_t at = 0;
    PyObject *name, *value;
    if (!PyDict_Check(tags))
        return series_by_text(m, tags); /* which says what is wrong */
    while (PyDict_Next(tags, &at, &name, &value)) {
        series_key_add(&key, name);
        series_key_add(&key, value);
    }
    struct series *s = series_cache_find(m->cache, &key).first;
    if (s)
        return s;
    s = series_by_text(m, tags);
    if (s)
        series_cache_keep(&m->cache, &key, (struct series_pair){s, NULL});
    return s;
}

static struct series *series_for(struct py_metric *m, PyObject *tags)
{
    if (tags && tags != Py_None)
        return series_with(m, tags);
    if (!m->plain)
        m->plain = series_of(py_series_table(), m->metric, py_series_table()->tags.none);
    return m->plain;
}

/* add(value, tags=None) */
static PyObject *add(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    struct py_metric *m = (struct py_metric *)self;
    const Py_ssize_t named = names ? PyTuple_GET_SIZE(names) : 0;
    PyObject *tags = count > 1 ? args[1] : NULL;
    if (named == 1 && count == 1 &&
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "tags") == 0)
        tags = args[count];
    else if (named || count < 1 || count > 2)
        return PyErr_Format(PyExc_TypeError, "add() takes a value and tags");
    const double number = PyFloat_AsDouble(args[0]);
    if (number == -1 && PyErr_Occurred())
        return NULL;
    struct series *s = series_for(m, tags);
    if (!s)
        return NULL;
    if (py_series_count(s, number) && __builtin_expect(py_journal_values_wanted, 0) && !m->is_apart)
        py_journal_value(s, number, py_group_path());
    Py_RETURN_NONE;
}

static PyObject *refuse(enum metric_problem why, const char *name)
{
    switch (why) {
    case METRIC_BAD_NAME:
        return PyErr_Format(
            PyExc_ValueError,
            "'%s' cannot be the name of a metric: take a letter or underscore, then "
            "letters, digits, dots and underscores, at most %d in all",
            name, METRIC_NAME_MOST);
    case METRIC_BAD_UNIT:
        return PyErr_Format(
            PyExc_ValueError,
            "metric '%s': the unit must be a text of at most %d bytes, and the scale "
            "a number above 0, at most 1e9",
            name, METRIC_UNIT_MOST);
    case METRIC_TOO_MANY:
        return PyErr_Format(PyExc_ValueError, "metric '%s': there are too many metrics", name);
    case METRIC_OTHER_KIND:
    case METRIC_OK:
        break;
    }
    return PyErr_Format(PyExc_ValueError, "metric '%s' exists with another type, unit or scale",
                        name);
}

static PyObject *new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"kind", "name", "unit", "scale", "apart", NULL};
    int kind, is_apart = 0;
    const char *name, *unit = "";
    double scale = METRIC_SCALE;
    enum metric_problem why;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "is|sdp:Metric", py_names(names), &kind, &name,
                                     &unit, &scale, &is_apart))
        return NULL;
    if (kind < 0 || kind >= METRIC_KINDS)
        return PyErr_Format(PyExc_ValueError, "no kind of a metric: %d", kind);
    struct metric *metric =
        series_metric(py_series_table(), name,
                      (struct metric_kind_of){(enum metric_kind)kind, unit, scale}, &why);
    struct py_metric *m = metric ? (struct py_metric *)type->tp_alloc(type, 0) : NULL;
    if (m) {
        m->metric = metric;
        m->is_apart = is_apart;
    }
    return m ? (PyObject *)m : metric ? NULL : refuse(why, name);
}

static void dealloc(PyObject *self)
{
    series_cache_free(((struct py_metric *)self)->cache);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef methods[] = {
    {"add", (PyCFunction)(void (*)(void))add, METH_FASTCALL | METH_KEYWORDS,
     "add(value, tags=None): counts one value"},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.Metric",
    .tp_doc =
        "Metric(kind, name, unit='', scale=1000, apart=False): kind 0 counter, 1 gauge, 2 rate, 3 "
        "trend; apart: in no file of values",
    .tp_basicsize = sizeof(struct py_metric),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = new,
    .tp_dealloc = dealloc,
    .tp_methods = methods,
};

struct series *py_metric_series(PyObject *metric, PyObject *tags)
{
    if (PyObject_TypeCheck(metric, &type))
        return series_for((struct py_metric *)metric, tags);
    PyErr_SetString(PyExc_TypeError, "that is no metric");
    return NULL;
}

int py_metric_init(PyObject *module)
{
    return PyModule_AddType(module, &type);
}
