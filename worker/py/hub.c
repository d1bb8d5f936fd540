// SPDX-License-Identifier: MIT
/* hub: parks and wakes greenlets; owns the main loop's event_base and ready list.
 *
 * A greenlet parks by switching to gevent's hub greenlet, which runs the turn (loop.c); the turn
 * switches back to whoever was woken. While the turn runs what is ready, who parks switches to the
 * next one that was woken at once: of many that are ready, each costs one switch and not two.
 * Between greenlets only heap memory is shared.
 * A parked greenlet is kept alive by its park, and counts as a reason for the loop to go on.
 */
#include "worker/py/loop.h"
#include "worker/py/py_mod.h"
#include "common/base/mem.h"
#include <event2/event.h>
#include <greenlet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { NAPS = 64 };

struct nap { /* one sleep */
    struct park park;
    struct event timer;
    union {
        struct nap *next_free;
        PyObject *thrown; /* what its sleep raises at its end, or NULL; owned: see end_sleepers */
    };
};

static _Thread_local bool is_here;
static struct event_base *base;
uint64_t hub_polled_ns;
static int first_fd = -1; /* that was opened when base was made */
static struct ready_list queue;
static PyObject *resumed; /* who was switched to last, owned; NULL while the hub runs */
static Py_ssize_t parked;
static struct nap *free_naps;
static struct nap **nap_slabs; /* of NAPS each, so that a sleeper can be found by its greenlet */
static size_t nap_slab_count;

struct event_base *hub_base(void)
{
    return base;
}

struct ready_list *hub_queue(void)
{
    return &queue;
}

int hub_first_fd(void)
{
    return first_fd;
}

bool hub_is_here(void)
{
    return is_here;
}

Py_ssize_t hub_parked(void)
{
    return parked;
}

void hub_ready(struct ready *r)
{
    ready_add(&queue, r);
}

void hub_raise(const char *name, const char *message)
{
    PyObject *module = PyImport_ImportModule("gevent.exceptions"); /* new */
    PyObject *type = module ? PyObject_GetAttrString(module, name) : NULL;
    if (type)
        PyErr_SetString(type, message);
    Py_XDECREF(type);
    Py_XDECREF(module);
}

/* gevent's hub greenlet, new reference. It is the loop's error handler while it runs. */
static PyObject *hub_greenlet(void)
{
    struct loop *l = loop_main();
    if (l && l->error_handler && PyGreenlet_Check(l->error_handler))
        return Py_NewRef(l->error_handler);
    PyObject *gevent = PyImport_ImportModule("gevent");
    PyObject *hub = gevent ? PyObject_CallMethod(gevent, "get_hub", NULL) : NULL;
    Py_XDECREF(gevent);
    return hub;
}

/* The switch to a park's greenlet. The reference is ours from now on: p may be gone after it. The
 * greenlet may end long before we are switched back to, and greenlet looks at it then (where it
 * was built with assertions): so it is kept until then. */
static PyObject *resume(struct park *p)
{
    PyObject *greenlet = p->greenlet;
    p->greenlet = NULL;
    Py_XSETREF(resumed, Py_NewRef(greenlet));
    PyObject *result = PyGreenlet_Switch((PyGreenlet *)greenlet, NULL, NULL);
    Py_DECREF(greenlet);
    return result;
}

static void run_park(struct ready *r)
{
    PyObject *result = resume((struct park *)r);
    PyObject *last = resumed; /* one that r's greenlet, when it parked, or another switched to */
    resumed = NULL;
    if (!result && loop_main())
        loop_handle_error(loop_main(), last);
    else if (!result)
        PyErr_WriteUnraisable(last);
    Py_XDECREF(result);
    Py_XDECREF(last);
}

/* Another park that may go on in this turn. */
static struct park *take_next(const struct park *self)
{
    struct loop *l = loop_main();
    struct ready *r = ready_first(&queue);
    if (!l || !r || r->run != run_park || r == &self->ready || !loop_takes_one(l))
        return NULL;
    ready_remove(r);
    return (struct park *)r;
}

void hub_run_ready(void)
{
    enum { MOST = 256 }; /* then whoever drives us has its turn */
    struct ready *r;
    for (unsigned i = 0; i < MOST && (r = ready_take(&queue)) != NULL; i++)
        r->run(r);
}

PyObject *hub_current(void)
{
    PyObject *self = (PyObject *)PyGreenlet_GetCurrent(); /* new */
    Py_XDECREF(self);
    return self;
}

/* After the switch back: 0 when it was the wake that brought us here. */
static int unpark(struct park *p, PyObject *result)
{
    bool is_woken = p->is_woken;
    ready_remove(&p->ready);
    Py_CLEAR(p->greenlet);
    p->is_woken = false;
    if (!result)
        return -1;
    Py_DECREF(result);
    if (is_woken)
        return 0;
    hub_raise("InvalidSwitchError", "switched to a greenlet that waits for something else");
    return -1;
}

/* Switches in any case; when p is woken already, it comes back with the next turn. */
static int park(struct park *p)
{
    PyObject *hub = hub_greenlet();
    if (!hub)
        return -1;
    PyObject *self = (PyObject *)PyGreenlet_GetCurrent(); /* new */
    if (!self || self == hub) {
        if (self)
            hub_raise("BlockingSwitchOutError",
                      "Impossible to call blocking function in the event loop callback");
        Py_XDECREF(self);
        Py_DECREF(hub);
        return -1;
    }
    p->greenlet = self;
    p->ready.run = run_park;
    if (p->is_woken)
        ready_add(&queue, &p->ready);
    if (parked++ == 0 && guest_is_on())
        guest_keep(true);
    struct park *next = take_next(p);
    PyObject *result = next ? resume(next) : PyGreenlet_Switch((PyGreenlet *)hub, NULL, NULL);
    if (--parked == 0 && guest_is_on())
        guest_keep(false);
    Py_DECREF(hub);
    return unpark(p, result);
}

int hub_park(struct park *p)
{
    if (p->is_woken) {
        p->is_woken = false;
        return 0;
    }
    if (!is_here) {
        PyErr_SetString(PyExc_RuntimeError, "this can wait in the thread of the main loop only");
        return -1;
    }
    return park(p);
}

void hub_wake(struct park *p)
{
    if (p->is_woken)
        return;
    p->is_woken = true;
    if (p->greenlet)
        ready_add(&queue, &p->ready);
}

/* ---- sleep ---------------------------------------------------------------------------------- */

static void nap_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    hub_wake(&((struct nap *)arg)->park);
}

static void more_naps(void)
{
    struct nap *slab = mem_zalloc(NAPS * sizeof *slab);
    nap_slabs = mem_realloc(nap_slabs, (nap_slab_count + 1) * sizeof(struct nap *));
    nap_slabs[nap_slab_count++] = slab;
    for (size_t i = NAPS; i-- > 0;) {
        struct nap *n = &slab[i];
        evtimer_assign(&n->timer, base, nap_over, n);
        n->next_free = free_naps;
        free_naps = n;
    }
}

static struct nap *nap_new(void)
{
    if (!free_naps)
        more_naps();
    struct nap *n = free_naps;
    free_naps = n->next_free;
    n->thrown = NULL;
    return n;
}

enum nap_over { NAP_FAILED = -1, NAP_OVER, NAP_ENDED /* by end_sleepers */ };

/* The sleep is over, by whatever ended it. */
static enum nap_over nap_end(struct nap *n, int rc, bool raises)
{
    PyObject *thrown = n->thrown;
    evtimer_del(&n->timer);
    n->next_free = free_naps;
    free_naps = n;
    if (!thrown)
        return rc ? NAP_FAILED : NAP_OVER;
    if (rc == 0 && raises)
        PyErr_SetNone(thrown);
    Py_DECREF(thrown);
    return rc || raises ? NAP_FAILED : NAP_ENDED;
}

static enum nap_over nap(double seconds, bool raises)
{
    if (!is_here) {
        PyErr_SetString(PyExc_RuntimeError, "this can wait in the thread of the main loop only");
        return NAP_FAILED;
    }
    struct nap *n = nap_new();
    if (seconds > 0) {
        struct timeval tv = loop_timeval(seconds);
        evtimer_add(&n->timer, &tv);
    } else {
        n->park.is_woken = true;
    }
    return nap_end(n, park(&n->park), raises);
}

int hub_sleep(double seconds)
{
    return nap(seconds, true) == NAP_OVER ? 0 : -1;
}

/* Elsewhere than on the main loop's thread: gevent's own, which blocks that thread only. */
static PyObject *sleep_elsewhere(PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    PyObject *module = PyImport_ImportModule("katydid_boot"); /* new */
    PyObject *func = module ? PyObject_GetAttrString(module, "gevent_sleep") : NULL;
    PyObject *result = func ? PyObject_Vectorcall(func, args, n, names) : NULL;
    Py_XDECREF(func);
    Py_XDECREF(module);
    return result;
}

static PyObject *sleep_here(PyObject *const *args, Py_ssize_t n, PyObject *names, bool raises)
{
    if (!is_here || guest_is_on() || names || n > 1)
        return sleep_elsewhere(args, n, names);
    double seconds = n ? PyFloat_AsDouble(args[0]) : 0;
    if (seconds == -1 && PyErr_Occurred())
        return NULL;
    if (isnan(seconds)) {
        PyErr_SetString(PyExc_ValueError, "Invalid value NaN (not a number)");
        return NULL;
    }
    if (seconds > LOOP_MAX_SECONDS) {
        PyErr_SetString(PyExc_OverflowError, "sleep length is too large");
        return NULL;
    }
    struct loop *l = loop_main();
    if (seconds <= 0 && l && l->callback_count > 0) /* those were there first */
        return sleep_elsewhere(args, n, names);
    const enum nap_over over = nap(seconds, raises);
    return over == NAP_FAILED ? NULL : Py_NewRef(over == NAP_ENDED ? Py_True : Py_None);
}

static PyObject *py_sleep(PyObject *module, PyObject *const *args, Py_ssize_t n, PyObject *names)
{
    (void)module;
    return sleep_here(args, n, names, true);
}

static PyObject *give_way(PyObject *module, PyObject *turn)
{
    (void)module;
    enum { TURNS = 256 }; /* numbers that cost no memory */
    const struct loop *l = loop_main();
    const long seen = turn == Py_None ? TURNS : PyLong_AsLong(turn);
    if (seen == -1 && PyErr_Occurred())
        return NULL;
    if (seen != TURNS && (!l || seen == (long)(l->turns % TURNS))) {
        PyObject *slept = sleep_here(NULL, 0, NULL, true);
        if (!slept)
            return NULL;
        Py_DECREF(slept);
    }
    return PyLong_FromLong(l ? (long)(l->turns % TURNS) : 0);
}

static PyObject *py_rest(PyObject *module, PyObject *seconds)
{
    (void)module;
    return sleep_here(&seconds, 1, NULL, false);
}

static struct nap *nap_at(size_t index)
{
    return &nap_slabs[index / NAPS][index % NAPS];
}

/* A table of naps by their greenlets: places, a power of two in number, each with the number of a
 * nap, plus 1, or 0. It may be out of date: who looks sees whether the nap is the greenlet's. */
struct sleepers {
    uint32_t *places;
    size_t count; /* of places; 0: no table */
};

static struct sleepers sleepers_of(PyObject *bytes)
{
    const size_t count = (size_t)PyBytes_GET_SIZE(bytes) / sizeof(uint32_t);
    return (struct sleepers){(uint32_t *)(void *)PyBytes_AS_STRING(bytes), count};
}

static size_t place_of(const struct sleepers *s, const PyObject *greenlet)
{
    const uint64_t mixed = (uint64_t)(uintptr_t)greenlet * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(mixed >> 32) & (s->count - 1);
}

static void note_sleeper(const struct sleepers *s, size_t index)
{
    const PyObject *greenlet = nap_at(index)->park.greenlet;
    if (!greenlet)
        return;
    size_t place = place_of(s, greenlet);
    while (s->places[place])
        place = (place + 1) & (s->count - 1);
    s->places[place] = (uint32_t)index + 1;
}

static struct nap *nap_of(const struct sleepers *s, const PyObject *greenlet)
{
    if (!s->count)
        return NULL;
    for (size_t place = place_of(s, greenlet); s->places[place];
         place = (place + 1) & (s->count - 1)) {
        struct nap *n = nap_at(s->places[place] - 1);
        if (n->park.greenlet == greenlet)
            return n;
    }
    return NULL;
}

/* For 500,000 in a few ms: a dictionary would take the loop for a good part of a second. */
static PyObject *sleepers(PyObject *module, PyObject *none)
{
    (void)module, (void)none;
    const size_t naps = is_here ? nap_slab_count * NAPS : 0;
    size_t places = naps ? 2 : 0;
    while (places < 2 * naps)
        places *= 2;
    const size_t size = places * sizeof(uint32_t);
    PyObject *found = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (!found)
        return NULL;
    memset(PyBytes_AS_STRING(found), 0, size);
    const struct sleepers s = sleepers_of(found);
    for (size_t i = 0; i < naps; i++)
        note_sleeper(&s, i);
    return found;
}

/* Whether it still sleeps. */
static bool end_nap(const struct sleepers *s, const PyObject *greenlet, PyObject *raised)
{
    struct nap *n = nap_of(s, greenlet);
    if (!n)
        return false;
    if (!n->thrown)
        n->thrown = Py_NewRef(raised);
    hub_wake(&n->park);
    return true;
}

/* Throwing into a greenlet unwinds its C++ frames twice; a sleep that raises does not. */
static PyObject *end_sleepers(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *greenlets = NULL, *asleep = NULL, *raised = NULL;
    if (!PyArg_ParseTuple(args, "O!SO:end_sleepers", &PyList_Type, &greenlets, &asleep, &raised))
        return NULL;
    const struct sleepers s = sleepers_of(asleep);
    PyObject *others = PyList_New(0);
    for (Py_ssize_t i = 0; others && i < PyList_GET_SIZE(greenlets); i++) {
        PyObject *greenlet = PyList_GET_ITEM(greenlets, i);
        if (!end_nap(&s, greenlet, raised) && PyList_Append(others, greenlet))
            Py_CLEAR(others);
    }
    return others;
}

static PyMethodDef methods[] = {
    {"sleepers", sleepers, METH_NOARGS, "sleepers(): who is in sleep(), for end_sleepers()"},
    {"end_sleepers", end_sleepers, METH_VARARGS,
     "end_sleepers(list, sleepers(), exception class): sleep() raises it in these greenlets at "
     "their next turn; returns those that do not sleep"},
    {"sleep", (PyCFunction)(void (*)(void))py_sleep, METH_FASTCALL | METH_KEYWORDS,
     "sleep(seconds=0): wait while others run; 0 lets run what is ready"},
    {"give_way", give_way, METH_O,
     "give_way(turn): the loop's turn that it is, some 256 told apart; while it is `turn`, "
     "sleep(0) "
     "comes first. None: just which it is"},
    {"rest", py_rest, METH_O,
     "rest(seconds): sleep(), which returns True, and raises nothing, when end_sleepers() ends it"},
    {0},
};

struct event_base *hub_base_new(void)
{
    struct event_base *b = NULL;
    struct event_config *config = event_config_new();
    /* One thread uses a base: no locks. Without PRECISE_TIMER sleeps end up to 4 ms early. */
    if (config &&
        !event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_PRECISE_TIMER))
        b = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return b;
}

int py_hub_init(PyObject *module)
{
    PyGreenlet_Import();
    if (!_PyGreenlet_API)
        return -1;
    ready_list_init(&queue);
    first_fd = epoll_create1(EPOLL_CLOEXEC); /* gets the number that the base's will get */
    if (first_fd >= 0)
        close(first_fd);
    base = hub_base_new();
    if (!base) {
        PyErr_SetString(PyExc_OSError, "cannot create an event loop");
        return -1;
    }
    is_here = true;
    return PyModule_AddFunctions(module, methods);
}
