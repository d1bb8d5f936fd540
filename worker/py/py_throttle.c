// SPDX-License-Identifier: MIT
/* _katydid.Throttle: how many requests a second the users of a scenario send at most. Each waits
 * for the next slot of ours; slots that nobody took are gone, so that there is no burst. Loop
 * thread only. */
#include "worker/py/py_mod.h"
#include "worker/py/hub.h"

#include "common/base/clk.h"
#include "common/plan/scenario.h"
#include "common/plan/stripe.h"

#include <stdlib.h>

struct throttle {
    PyObject_HEAD struct scenario scenario;
    struct arrivals walk;
    struct stripes share;
    uint64_t begin_ns; /* monotonic; 0: not yet */
};

static struct throttle *throttle_of(PyObject *self)
{
    return (struct throttle *)self;
}

/* The index of the first slot that may be later than that. */
static uint64_t first_after(const struct throttle *t, int64_t at_ns)
{
    const struct ramp *r = &t->scenario.ramp;
    const ramp_area passed = ramp_until(r, at_ns) / (2 * (ramp_area)r->denominator);
    return (uint64_t)passed > t->walk.next ? (uint64_t)passed : t->walk.next;
}

/* Nanoseconds until the next slot, which is taken; 0: there is no limit now. */
static int64_t take_slot(struct throttle *t)
{
    const uint64_t now = clk_mono_ns();
    const int64_t at_ns = now > t->begin_ns ? (int64_t)(now - t->begin_ns) : 0;
    int64_t slot_ns = -1;
    do {
        const uint64_t index = stripes_next(&t->share, first_after(t, at_ns));
        slot_ns = index == UINT64_MAX ? -1 : arrivals_take(&t->walk, index);
    } while (slot_ns >= 0 && slot_ns < at_ns);
    return slot_ns < 0 ? 0 : slot_ns - at_ns;
}

/* A request of a user is about to be sent. */
static PyObject *take(PyObject *self, PyObject *unused)
{
    struct throttle *t = throttle_of(self);
    (void)unused;
    const int64_t wait_ns = t->begin_ns ? take_slot(t) : 0;
    if (wait_ns > 0 && hub_sleep((double)wait_ns / 1e9) != 0)
        return NULL;
    Py_RETURN_NONE;
}

/* follow(elapsed_s, offset, stride): its scenario began so long ago; ours is one slot of stride. */
static PyObject *follow(PyObject *self, PyObject *args)
{
    struct throttle *t = throttle_of(self);
    struct stripe s = {.from = 0};
    double elapsed_s;
    if (!PyArg_ParseTuple(args, "dII:follow", &elapsed_s, &s.offset, &s.stride))
        return NULL;
    if (!stripes_add(&t->share, s))
        return PyErr_Format(PyExc_ValueError, "no stripe: %u of %u", s.offset, s.stride);
    const double at = (double)clk_mono_ns() - elapsed_s * 1e9;
    t->begin_ns = (uint64_t)(at < 1 ? 1 : at);
    Py_RETURN_NONE;
}

static PyObject *new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const char *rates;
    char *why = NULL;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "s:Throttle", &rates))
        return NULL;
    struct throttle *t = throttle_of(type->tp_alloc(type, 0));
    if (!t)
        return NULL;
    if (!scenario_throttle(&t->scenario, "throttle", rates, &why)) {
        PyErr_SetString(PyExc_ValueError, why);
        free(why);
        Py_DECREF(t);
        return NULL;
    }
    arrivals_begin(&t->walk, &t->scenario.plan);
    return (PyObject *)t;
}

static void dealloc(PyObject *self)
{
    scenario_fini(&throttle_of(self)->scenario);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef methods[] = {
    {"follow", follow, METH_VARARGS, "follow(elapsed_s, offset, stride): its scenario's begin"},
    {"take", take, METH_NOARGS, "take(): waits until a request may be sent"},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.Throttle",
    .tp_doc = "Throttle(rates): so many requests a second at most, such as 100/s.",
    .tp_basicsize = sizeof(struct throttle),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = new,
    .tp_dealloc = dealloc,
    .tp_methods = methods,
};

int py_throttle_init(PyObject *module)
{
    return PyModule_AddType(module, &type);
}
