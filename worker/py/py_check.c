// SPDX-License-Identifier: MIT
/* _katydid.check: what a test expects of an answer, counted by name (katydid.check).
 *
 *   check(response, {name: predicate, …}, tags=None, fail=False) → whether all of them held
 *   check.that(name, ok, tags=None) → whether ok is true
 *
 * A check that holds costs its predicate and one look by the identity of its name. */
#include "common/base/clk.h"
#include "worker/py/py_client_record.h"
#include "worker/py/py_group.h"
#include "worker/py/py_journal.h"
#include "worker/py/py_mod.h"
#include "worker/py/py_samples.h"
#include "worker/py/py_series.h"

struct py_check {
    PyObject_HEAD vectorcallfunc vectorcall;
};

static struct metric *the_checks;
static struct series_cache *the_cache;

/* ---- counting ---- */

static struct series *series_by_text(PyObject *name, PyObject *group, PyObject *tags)
{
    struct series_tags list = {.count = 0};
    struct series *s = NULL;
    if (series_tags_add_dict(&list, tags) == 0 &&
        (!group || series_tags_add(&list, "group", group) == 0) &&
        series_tags_add(&list, "check", name) == 0)
        s = series_tags_series(&list, the_checks);
    series_tags_fini(&list);
    return s;
}

static struct series *series_for(PyObject *name, PyObject *tags)
{
    PyObject *group = py_group_path(), *key, *value;
    struct series_key by = {.count = 0};
    Py_ssize_t at = 0;
    series_key_add(&by, name);
    if (group)
        series_key_add(&by, group);
    while (tags && PyDict_Check(tags) && PyDict_Next(tags, &at, &key, &value)) {
        series_key_add(&by, key);
        series_key_add(&by, value);
    }
    struct series *s = series_cache_find(the_cache, &by).first;
    if (s)
        return s;
    s = series_by_text(name, group, tags);
    if (s)
        series_cache_keep(&the_cache, &by, (struct series_pair){s, NULL});
    return s;
}

/* The text of an exception that is set, which is cleared; or of the name alone. NULL: no memory. */
static PyObject *words_of(PyObject *name)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    PyObject *words = value ? PyUnicode_FromFormat("check failed: %S: %R", name, value)
                            : PyUnicode_FromFormat("check failed: %S", name);
    if (!words)
        PyErr_Clear();
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return words;
}

/* One of those that fail in a second is kept with what was sent and received. */
static void note_failure(PyObject *response, PyObject *name, const struct series *s)
{
    const bool is_wanted = s->value.count - s->value.trues == 1 && response &&
                           PyObject_TypeCheck(response, response_type);
    PyObject *words = is_wanted ? words_of(name) : NULL;
    const char *text = words ? PyUnicode_AsUTF8(words) : NULL;
    if (text)
        py_samples_note_check((struct response *)response, text);
    PyErr_Clear();
    Py_XDECREF(words);
}

static void count_in(struct series *s, bool has_held)
{
    py_series_count_true(s, has_held, clk_steady_coarse());
    if (__builtin_expect(py_journal_values_wanted, 0))
        py_journal_value(s, has_held, py_group_path());
}

/* The usual case, without a look at exceptions and samples. */
static int count_held(PyObject *name, PyObject *tags)
{
    struct series *s = series_for(name, tags);
    if (s)
        count_in(s, true);
    return s ? 1 : -1;
}

/* 1: held, 0: not, -1: to be raised. ok: -1 with what the predicate raised. */
static int count(PyObject *response, PyObject *name, int ok, PyObject *tags)
{
    if (__builtin_expect(ok > 0, 1))
        return count_held(name, tags);
    if (ok < 0 && !PyErr_ExceptionMatches(PyExc_Exception))
        return -1; /* the end of the user */
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    struct series *s = series_for(name, tags);
    if (!s) {
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(trace);
        return -1;
    }
    count_in(s, false);
    PyErr_Restore(type, value, trace);
    note_failure(response, name, s);
    return 0;
}

static int outcome(PyObject *response, PyObject *predicate)
{
    if (predicate == Py_True || predicate == Py_False)
        return predicate == Py_True;
    if (!PyCallable_Check(predicate))
        return PyObject_IsTrue(predicate);
    PyObject *result = PyObject_CallOneArg(predicate, response);
    const int ok = result ? PyObject_IsTrue(result) : -1;
    Py_XDECREF(result);
    return ok;
}

/* ---- from Python ---- */

struct arguments {
    PyObject *response, *checks, *tags;
    bool is_failing;
};

static int take_keyword(struct arguments *a, PyObject *name, PyObject *value)
{
    if (PyUnicode_CompareWithASCIIString(name, "tags") == 0) {
        a->tags = value;
        return 0;
    }
    if (PyUnicode_CompareWithASCIIString(name, "fail") == 0) {
        const int truth = PyObject_IsTrue(value);
        a->is_failing = truth > 0;
        return truth < 0 ? -1 : 0;
    }
    PyErr_Format(PyExc_TypeError, "check() got an unexpected keyword argument '%U'", name);
    return -1;
}

static int parse(struct arguments *a, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    if (count < 2 || count > 3) {
        PyErr_SetString(PyExc_TypeError, "check() takes a response, a dict of checks and tags");
        return -1;
    }
    *a = (struct arguments){
        .response = args[0], .checks = args[1], .tags = count > 2 ? args[2] : NULL};
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); i++)
        if (take_keyword(a, PyTuple_GET_ITEM(names, i), args[count + i]) != 0)
            return -1;
    if (!PyDict_Check(a->checks)) {
        PyErr_Format(PyExc_TypeError, "the checks must be a dict {name: predicate}, not %s",
                     Py_TYPE(a->checks)->tp_name);
        return -1;
    }
    return 0;
}

static int fail_response(PyObject *response, PyObject *name)
{
    PyObject *result = PyObject_CallMethod(response, "failure", "O", name);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* A predicate may do whatever it wants, also with the dict: what is walked is held. */
static PyObject *call(PyObject *self, PyObject *const *args, size_t nargs, PyObject *names)
{
    struct arguments a;
    PyObject *name, *predicate, *failed = NULL;
    Py_ssize_t at = 0;
    int held = 1;
    (void)self;
    if (parse(&a, args, PyVectorcall_NARGS(nargs), names) != 0)
        return NULL;
    while (held >= 0 && PyDict_Next(a.checks, &at, &name, &predicate)) {
        Py_INCREF(name);
        Py_INCREF(predicate);
        held = count(a.response, name, outcome(a.response, predicate), a.tags);
        if (held == 0 && !failed)
            failed = Py_NewRef(name);
        Py_DECREF(name);
        Py_DECREF(predicate);
    }
    if (held >= 0 && failed && a.is_failing && fail_response(a.response, failed) != 0)
        held = -1;
    const bool is_all = !failed;
    Py_XDECREF(failed);
    return held < 0 ? NULL : PyBool_FromLong(is_all);
}

/* Where that argument of `that` goes; -1: there is none of that name. */
static int place_of(PyObject *name)
{
    static const char *const names[] = {"name", "ok", "tags"};
    for (int i = 0; i < 3; i++)
        if (PyUnicode_CompareWithASCIIString(name, names[i]) == 0)
            return i;
    return -1;
}

static int parse_that(PyObject *to[3], PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    if (count > 3) {
        PyErr_Format(PyExc_TypeError, "that() takes at most 3 arguments (%zd given)", count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        to[i] = args[i];
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        const int at = place_of(name);
        if (at < 0 || to[at]) {
            PyErr_Format(PyExc_TypeError, "that() got %s argument '%U'",
                         at < 0 ? "an unexpected keyword" : "multiple values for", name);
            return -1;
        }
        to[at] = args[count + i];
    }
    if (to[0] && to[1])
        return 0;
    PyErr_Format(PyExc_TypeError, "that() missing required argument '%s'", to[0] ? "ok" : "name");
    return -1;
}

static PyObject *that(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{
    PyObject *given[3] = {NULL, NULL, NULL}; /* name, ok, tags */
    (void)self;
    if (parse_that(given, args, nargs, names) != 0)
        return NULL;
    const int held = count(NULL, given[0], PyObject_IsTrue(given[1]), given[2]);
    return held < 0 ? NULL : PyBool_FromLong(held);
}

static PyMethodDef methods[] = {
    {"that", (PyCFunction)(void (*)(void))that, METH_FASTCALL | METH_KEYWORDS,
     "that(name, ok, tags=None): counts a check that passed if ok is true; returns whether it is"},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.Check",
    .tp_doc = "check(response, {name: predicate}, tags=None, fail=False) → whether all held",
    .tp_basicsize = sizeof(struct py_check),
    .tp_vectorcall_offset = offsetof(struct py_check, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_methods = methods,
};

int py_check_init(PyObject *module)
{
    enum metric_problem why;
    if (!the_checks)
        the_checks = series_metric(py_series_table(), "checks",
                                   (struct metric_kind_of){METRIC_RATE, "", METRIC_SCALE}, &why);
    if (PyType_Ready(&type) != 0)
        return -1;
    struct py_check *check = PyObject_New(struct py_check, &type);
    if (!check)
        return -1;
    check->vectorcall = call;
    return PyModule_AddObject(module, "check", (PyObject *)check);
}
