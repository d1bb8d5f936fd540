// SPDX-License-Identifier: MIT
/* What _katydid.Arrivals says of its scenario. */
#include "worker/py/py_mod.h"
#include "worker/py/py_arrivals.h"

#include <string.h>

static PyObject *get_text(PyObject *self, void *which)
{
    const struct scenario *s = &arriving_of(self)->scenario;
    const char *const texts[] = {s->name, s->user_class, s->task, s->pool, s->throttle};
    const char *text = texts[(uintptr_t)which];
    return text ? PyUnicode_FromString(text) : Py_NewRef(Py_None);
}

/* Its env, or its tags: a new dict. */
static PyObject *get_pairs(PyObject *self, void *is_tags)
{
    const struct scenario *s = &arriving_of(self)->scenario;
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict && i < s->pair_count; i++) {
        const char *text = s->pairs[i].value;
        if (s->pairs[i].is_tag != (is_tags != NULL))
            continue;
        PyObject *value = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
        if (!value || PyDict_SetItemString(dict, s->pairs[i].name, value) != 0)
            Py_CLEAR(dict);
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *get_time(PyObject *self, void *which)
{
    const struct scenario *s = &arriving_of(self)->scenario;
    const int64_t times[] = {s->graceful_ns, s->ramp_down_ns, s->start_ns};
    return PyFloat_FromDouble((double)times[(uintptr_t)which] / 1e9);
}

static PyObject *get_iterations(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(arriving_of(self)->scenario.iterations);
}

static PyObject *get_is_each(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(arriving_of(self)->scenario.executor == SCENARIO_PER_VU_ITERATIONS);
}

static PyObject *get_is_of_all(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(scenario_is_of_all(&arriving_of(self)->scenario));
}

static PyObject *get_is_timed(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(arriving_of(self)->time != NULL);
}

static PyObject *get_is_fresh(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(arriving_of(self)->scenario.is_fresh);
}

static PyObject *get_is_open(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(scenario_is_open(&arriving_of(self)->scenario));
}

/* Users that are more than its share. */
static PyObject *get_surplus(PyObject *self, void *unused)
{
    const struct arriving *a = arriving_of(self);
    (void)unused;
    return PyLong_FromUnsignedLong(a->pool > a->most ? a->pool - a->most : 0);
}

/* [(seconds, users at its begin, users at its end), …] of a scenario of users. */
static PyObject *get_stages(PyObject *self, void *unused)
{
    const struct ramp *r = &arriving_of(self)->scenario.ramp;
    PyObject *list = PyList_New(0);
    (void)unused;
    for (size_t i = 0; list && i < r->count; i++) {
        const struct ramp_stage *stage = &r->stages[i];
        PyObject *item =
            Py_BuildValue("dLL", (double)stage->length_ns / 1e9,
                          (long long)((ramp_area)stage->from * 1000000000 / r->denominator),
                          (long long)((ramp_area)stage->to * 1000000000 / r->denominator));
        if (!item || PyList_Append(list, item) != 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

PyGetSetDef arrivals_attributes[] = {
    {"name", get_text, NULL, NULL, (void *)0},
    {"user_class", get_text, NULL, NULL, (void *)1},
    {"task", get_text, NULL, NULL, (void *)2},
    {"pool", get_text, NULL, NULL, (void *)3},
    {"throttle", get_text, NULL, NULL, (void *)4},
    {"env", get_pairs, NULL, NULL, NULL},
    {"tags", get_pairs, NULL, NULL, (void *)1},
    {"graceful_s", get_time, NULL, NULL, (void *)0},
    {"ramp_down_s", get_time, NULL, NULL, (void *)1},
    {"start_s", get_time, NULL, NULL, (void *)2},
    {"is_fresh", get_is_fresh, NULL, NULL, NULL},
    {"is_open", get_is_open, NULL, NULL, NULL},
    {"is_timed", get_is_timed, NULL, NULL, NULL},
    {"is_of_all", get_is_of_all, NULL, NULL, NULL},
    {"iterations", get_iterations, NULL, NULL, NULL},
    {"is_each", get_is_each, NULL, NULL, NULL},
    {"surplus", get_surplus, NULL, NULL, NULL},
    {"stages", get_stages, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
