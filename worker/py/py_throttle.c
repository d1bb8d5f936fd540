// SPDX-License-Identifier: MIT
/* _katydid.Throttle: how many requests a second the users of a scenario send at most. Slots are the
 * arrivals of a plan, of which this worker has a share. Who has to wait for one stands in a line,
 * and the first of it takes the next slot when that has come: so another plan, or share, counts for
 * all of them at once. Slots that came while nobody waited are gone, so that there is no burst.
 * Loop thread only. */
#include "worker/py/py_mod.h"
#include "worker/py/hub.h"
#include "worker/py/loop.h"
#include "worker/py/py_stripe.h"

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/plan/scenario.h"

#include <event2/event.h>
#include <stdlib.h>

#define AT_ONCE_NS 20000 /* a slot so near is not worth a wait */

struct waiter { /* on the heap while it waits */
    struct park park;
    struct waiter *next;
    bool is_served;
};

struct throttle {
    PyObject_HEAD struct scenario scenario;
    struct arrivals walk, before; /* before: without the slot that is awaited */
    struct stripes share;
    uint64_t begin_ns; /* monotonic; 0: not yet */
    int64_t slot_ns;   /* since then: the one that is awaited, while somebody waits */
    struct waiter *first, **end;
    struct event timer;
};

static struct throttle *throttle_of(PyObject *self)
{
    return (struct throttle *)self;
}

static int64_t now_of(const struct throttle *t)
{
    return (int64_t)clk_mono_ns() - (int64_t)t->begin_ns;
}

/* Slots that are due until then; about, where chance has a part in it, but the same everywhere. */
static uint64_t slots_until(const struct throttle *t, int64_t at_ns)
{
    const struct ramp *r = &t->scenario.ramp;
    return at_ns > 0 ? (uint64_t)(ramp_until(r, at_ns) / (2 * (ramp_area)r->denominator)) : 0;
}

/* Awaits the next slot of ours with no smaller index. Behind the last one nothing is limited: that
 * is when the plan ends. */
static void await_slot(struct throttle *t, uint64_t index)
{
    t->before = t->walk;
    index = stripes_next(&t->share, index > t->walk.next ? index : t->walk.next);
    const int64_t at_ns = index == UINT64_MAX ? -1 : arrivals_take(&t->walk, index);
    t->slot_ns = at_ns < 0 ? t->scenario.ramp.length_ns : at_ns;
}

/* The first slot that is not over, for somebody who comes while nobody waits. */
static void find_slot(struct throttle *t, int64_t now_ns)
{
    await_slot(t, slots_until(t, now_ns));
    while (t->slot_ns < now_ns && t->slot_ns < t->scenario.ramp.length_ns)
        await_slot(t, t->walk.next);
}

static void arm(struct throttle *t)
{
    const int64_t wait_ns = t->slot_ns - now_of(t);
    struct timeval tv = loop_timeval(wait_ns > 0 ? (double)wait_ns / 1e9 : 0);
    event_base_update_cache_time(hub_base());
    evtimer_add(&t->timer, &tv);
}

static void serve(struct throttle *t)
{
    const int64_t now_ns = now_of(t);
    while (t->first && t->slot_ns <= now_ns) {
        struct waiter *w = t->first;
        t->first = w->next;
        w->is_served = true;
        hub_wake(&w->park);
        await_slot(t, t->walk.next);
    }
    if (t->first) {
        arm(t);
        return;
    }
    t->end = &t->first;
    t->walk = t->before; /* nobody takes it, yet */
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    serve(arg);
}

static void leave_line(struct throttle *t, struct waiter *w)
{
    struct waiter **at = &t->first;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (!w->next)
        t->end = at;
    if (!t->first) {
        evtimer_del(&t->timer);
        t->walk = t->before;
    }
}

static int stand_in_line(struct throttle *t)
{
    struct waiter *w = mem_zalloc(sizeof *w);
    const bool is_first = !t->first;
    *t->end = w;
    t->end = &w->next;
    if (is_first)
        arm(t);
    Py_INCREF(t);
    const int rc = hub_park(&w->park);
    if (!w->is_served)
        leave_line(t, w); /* its user ends */
    free(w);
    Py_DECREF(t);
    return rc;
}

/* take(): a request of a user is about to be sent. */
static PyObject *take(PyObject *self, PyObject *unused)
{
    struct throttle *t = throttle_of(self);
    (void)unused;
    if (!t->begin_ns)
        Py_RETURN_NONE;
    const int64_t now_ns = now_of(t);
    if (!t->first) {
        if (now_ns >= t->scenario.ramp.length_ns)
            Py_RETURN_NONE;
        find_slot(t, now_ns);
        if (t->slot_ns - now_ns <= AT_ONCE_NS)
            Py_RETURN_NONE;
    }
    return stand_in_line(t) == 0 ? Py_NewRef(Py_None) : NULL;
}

/* Those who wait do it for another slot, perhaps. */
static void look_again(struct throttle *t)
{
    if (!t->first)
        return;
    t->walk = t->before;
    await_slot(t, t->walk.next);
    serve(t);
}

/* follow(elapsed_s, at_s, share, only): its scenario began so long ago; ours are the slots of that
 * share, from the one on that is due at_s after the begin, where there are only so many users (0:
 * no matter how many). */
static PyObject *follow(PyObject *self, PyObject *args)
{
    struct throttle *t = throttle_of(self);
    struct stripe s;
    double elapsed_s, at_s;
    unsigned only;
    if (!PyArg_ParseTuple(args, "ddO&I:follow", &elapsed_s, &at_s, py_stripe, &s, &only))
        return NULL;
    if (only)
        s = stripe_of_only(s, only);
    s.from = slots_until(t, (int64_t)(at_s * 1e9));
    if (s.stride || !t->share.count) /* users that are to go have the old one */
        stripes_add(&t->share, s);
    if (!t->begin_ns) {
        const double at = (double)clk_mono_ns() - elapsed_s * 1e9;
        t->begin_ns = (uint64_t)(at < 1 ? 1 : at);
    }
    look_again(t);
    Py_RETURN_NONE;
}

static bool read_plan(struct scenario *plan, const char *rates)
{
    char *why = NULL;
    if (scenario_throttle(plan, "throttle", rates, &why))
        return true;
    PyErr_SetString(PyExc_ValueError, why);
    free(why);
    return false;
}

/* change(rates): they are these from now on; what they have in common with those before is over. */
static PyObject *change(PyObject *self, PyObject *text)
{
    struct throttle *t = throttle_of(self);
    const char *rates = PyUnicode_AsUTF8(text);
    struct scenario fresh;
    if (!rates || !read_plan(&fresh, rates))
        return NULL;
    const uint64_t here = t->first ? t->before.next : t->walk.next;
    scenario_fini(&t->scenario);
    t->scenario = fresh;
    t->scenario.plan.ramp = &t->scenario.ramp;
    arrivals_begin(&t->walk, &t->scenario.plan);
    if (here > 0)
        arrivals_take(&t->walk, here - 1);
    t->before = t->walk;
    look_again(t);
    Py_RETURN_NONE;
}

static PyObject *new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const char *rates;
    struct scenario plan;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "s:Throttle", &rates) || !read_plan(&plan, rates))
        return NULL;
    struct throttle *t = throttle_of(type->tp_alloc(type, 0));
    if (!t) {
        scenario_fini(&plan);
        return NULL;
    }
    t->scenario = plan;
    t->scenario.plan.ramp = &t->scenario.ramp;
    t->end = &t->first;
    evtimer_assign(&t->timer, hub_base(), on_timer, t);
    arrivals_begin(&t->walk, &t->scenario.plan);
    return (PyObject *)t;
}

static void dealloc(PyObject *self)
{
    struct throttle *t = throttle_of(self);
    evtimer_del(&t->timer);
    scenario_fini(&t->scenario);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef methods[] = {
    {"follow", follow, METH_VARARGS,
     "follow(elapsed_s, at_s, share, only): its scenario's begin, and which slots are ours"},
    {"take", take, METH_NOARGS, "take(): waits until a request may be sent"},
    {"change", change, METH_O, "change(rates): other ones from now on"},
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
