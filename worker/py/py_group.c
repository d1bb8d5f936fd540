// SPDX-License-Identifier: MIT
/* _katydid.Group(name): a context manager. Three series a group, by its path: how long it took
 * (group_duration), how long its requests took (group_busy), whether it failed (group_failed); and
 * how many the end of the test cut off (group_cut).
 *
 * What is apart (setup and teardown of the run) has its requests in series of the group alone: they
 * are none of the run's. */
#include "worker/py/py_group.h"

#include "common/base/clk.h"
#include "common/metric/stats.h"
#include "worker/py/py_journal.h"
#include "worker/py/py_mod.h"
#include "worker/py/py_series.h"

#include <string.h>

struct group {
    PyObject_HEAD PyObject *name, *path; /* path: NULL before it is entered */
    struct group *parent;
    uint64_t started_ns, busy_us;
    bool is_failed, is_open, is_apart;
};

static struct counted { /* by path */
    const char *name, *unit;
    enum metric_kind kind;
    bool is_k6s; /* and so in files of values */
    struct metric *metric;
    struct series_cache *cache;
} duration = {.name = "group_duration", .unit = "ms", .kind = METRIC_TREND, .is_k6s = true},
  busy = {.name = "group_busy", .unit = "ms", .kind = METRIC_TREND},
  failed = {.name = "group_failed", .unit = "", .kind = METRIC_RATE},
  cut = {.name = "group_cut", .unit = "", .kind = METRIC_COUNTER},
  apart_time = {.name = "http_req_duration", .unit = "ms", .kind = METRIC_TREND},
  apart_failed = {.name = "http_req_failed", .unit = "", .kind = METRIC_RATE};

static PyObject *the_current; /* the context variable */
unsigned py_group_open;

static PyTypeObject type;

/* Borrowed: the context keeps it. */
static struct group *current(void)
{
    PyObject *group = NULL;
    if (PyContextVar_Get(the_current, NULL, &group) != 0) {
        PyErr_Clear();
        return NULL;
    }
    Py_XDECREF(group);
    return group && Py_IS_TYPE(group, &type) ? (struct group *)group : NULL;
}

PyObject *py_group_path(void)
{
    const struct group *g = py_group_open ? current() : NULL;
    return g ? g->path : NULL;
}

bool py_group_is_apart(void)
{
    const struct group *g = current();
    return g && g->is_apart;
}

static int make_current(struct group *g)
{
    PyObject *token = PyContextVar_Set(the_current, g ? (PyObject *)g : Py_None);
    Py_XDECREF(token);
    return token ? 0 : -1;
}

static int count(struct counted *c, PyObject *path, double number)
{
    struct series_key key = {.count = 1, .part = {path}};
    struct series *s = series_cache_find(c->cache, &key).first;
    if (!s) {
        struct series_tags tags = {.count = 0};
        s = series_tags_add(&tags, "group", path) == 0 ? series_tags_series(&tags, c->metric)
                                                       : NULL;
        series_tags_fini(&tags);
        if (!s)
            return -1;
        series_cache_keep(&c->cache, &key, (struct series_pair){s, NULL});
    }
    py_series_count(s, number);
    if (__builtin_expect(py_journal_values_wanted, 0) && c->is_k6s)
        py_journal_value(s, number, path);
    return 0;
}

bool py_group_note(uint64_t time_us, bool is_failed)
{
    struct group *g = current();
    if (!g)
        return false;
    g->busy_us += time_us == STATS_NO_TIME ? 0 : time_us;
    g->is_failed |= is_failed;
    if (!g->is_apart)
        return false;
    int rc = count(&apart_failed, g->path, is_failed);
    if (time_us != STATS_NO_TIME)
        rc |= count(&apart_time, g->path, (double)time_us / 1000);
    if (rc != 0)
        PyErr_Clear();
    return true;
}

/* ---- the context manager ---- */

static PyObject *new (PyTypeObject *t, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"name", "apart", NULL};
    PyObject *name;
    int is_apart = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U|p:group", py_names(names), &name, &is_apart))
        return NULL;
    if (!PyUnicode_GET_LENGTH(name)) {
        PyErr_SetString(PyExc_ValueError, "a group needs a name");
        return NULL;
    }
    struct group *g = (struct group *)t->tp_alloc(t, 0);
    if (!g)
        return NULL;
    g->name = Py_NewRef(name);
    g->is_apart = is_apart;
    return (PyObject *)g;
}

static PyObject *enter(PyObject *self, PyObject *unused)
{
    struct group *g = (struct group *)self, *parent = current();
    (void)unused;
    if (g->is_open) {
        PyErr_SetString(PyExc_RuntimeError, "this group is open already: make another one");
        return NULL;
    }
    PyObject *path =
        parent ? PyUnicode_FromFormat("%U / %U", parent->path, g->name) : Py_NewRef(g->name);
    if (path && parent) /* series are found by the identity of their tags */
        PyUnicode_InternInPlace(&path);
    if (!path || make_current(g) != 0) {
        Py_XDECREF(path);
        return NULL;
    }
    PyUnicode_InternInPlace(&path); /* so that its series are found by identity */
    Py_XSETREF(g->path, path);
    g->parent = (struct group *)Py_XNewRef((PyObject *)parent);
    g->is_apart |= parent && parent->is_apart;
    g->busy_us = 0;
    g->is_failed = false;
    g->is_open = true;
    g->started_ns = clk_mono_ns();
    py_group_open++;
    return Py_NewRef(self);
}

/* Whether what left the block says that its part of the task did not work: not the end of the user,
 * nor Locust's ways to leave a task. */
static bool is_failure(PyObject *raised)
{
    static const char *const ways[] = {"StopUser", "InterruptTaskSet", "RescheduleTask",
                                       "RescheduleTaskImmediately", "StopTest"};
    if (raised == Py_None)
        return false;
    const char *name = PyType_Check(raised) ? ((PyTypeObject *)raised)->tp_name : "";
    const char *dot = strrchr(name, '.');
    name = dot ? dot + 1 : name;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(name, ways[i]) == 0)
            return false;
    return true;
}

static bool is_end(PyObject *raised)
{
    return raised != Py_None && !PyObject_IsSubclass(raised, PyExc_Exception);
}

static PyObject *leave(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    struct group *g = (struct group *)self, *parent = g->parent;
    PyObject *raised = n > 0 ? args[0] : Py_None;
    int rc = 0;
    if (!g->is_open)
        Py_RETURN_FALSE;
    const double took_ms = (double)(clk_mono_ns() - g->started_ns) / 1e6;
    g->is_open = false;
    g->parent = NULL;
    py_group_open--;
    g->is_failed |= is_failure(raised);
    if (parent) {
        parent->busy_us += g->busy_us;
        parent->is_failed |= g->is_failed && !is_end(raised);
    }
    rc = make_current(parent);
    Py_XDECREF(parent);
    if (is_end(raised))
        rc |= count(&cut, g->path, 1);
    else
        rc |= count(&duration, g->path, took_ms) |
              count(&busy, g->path, (double)g->busy_us / 1000) |
              count(&failed, g->path, g->is_failed);
    if (rc != 0)
        return NULL;
    Py_RETURN_FALSE;
}

static void dealloc(PyObject *self)
{
    struct group *g = (struct group *)self;
    py_group_open -= g->is_open;
    Py_XDECREF(g->name);
    Py_XDECREF(g->path);
    Py_XDECREF((PyObject *)g->parent);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef methods[] = {
    {"__enter__", enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))leave, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.Group",
    .tp_doc = "Group(name): a part of a task that is measured as one; a context manager.",
    .tp_basicsize = sizeof(struct group),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = new,
    .tp_dealloc = dealloc,
    .tp_methods = methods,
};

static void make_metric(struct counted *c)
{
    enum metric_problem why;
    if (!c->metric)
        c->metric = series_metric(py_series_table(), c->name,
                                  (struct metric_kind_of){c->kind, c->unit, METRIC_SCALE}, &why);
}

int py_group_init(PyObject *module)
{
    make_metric(&duration);
    make_metric(&busy);
    make_metric(&failed);
    make_metric(&cut);
    make_metric(&apart_time);
    make_metric(&apart_failed);
    if (!the_current)
        the_current = PyContextVar_New("katydid.group", NULL);
    return the_current ? PyModule_AddType(module, &type) : -1;
}
