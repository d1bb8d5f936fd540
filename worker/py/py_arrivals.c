// SPDX-License-Identifier: MIT
/* _katydid.Arrivals: the arrivals of one scenario on this worker, and the users that wait for them.
 *
 * A timer of the loop goes from one due time to the next. What is due goes to the user that waits
 * since the shortest time, else into the queue, else it is dropped; all that without Python.
 * Whoever takes an arrival late finds its due time with it: nothing forgets how late it was.
 *
 *   due = started + dropped + cut; cut: it was due, and the test ended before a user took it
 *
 * Word of another share may come when arrivals that it is about are over. Those that were handed
 * out here, and now belong to another worker too, are counted (repeated); those that became ours
 * start late. So none is lost, and none is started twice without being counted.
 *
 * Counted as series (py_series.h) with the tag scenario, in the second in which the arrival was
 * due, whenever it was started or dropped. Loop thread only.
 */
#include "worker/py/py_mod.h"
#include "worker/py/hub.h"
#include "worker/py/loop.h"
#include "worker/py/py_late.h"
#include "worker/py/py_series.h"

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/plan/chance.h"
#include "common/plan/ledger.h"
#include "common/plan/scenario.h"
#include "common/plan/stripe.h"

#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The loop is not woken more often than that: above 5,000 arrivals/s here some start up to so much
 * late, together with the next, which costs half as much as a turn of the loop for each. */
#define LEAST_APART_NS 200000
#define LEAST_IDLE 8 /* users that are to wait, so that none has to be made when one is due */

struct due { /* an arrival whose time came */
    uint64_t at_ns, index;
};

struct counted { /* one of the numbers */
    uint64_t all, told;
    uint64_t recent; /* of all: in that second, and not in the series yet */
    int64_t second;
    struct series *series;
};

struct taker { /* a user that waits for an arrival; on the heap while it does */
    struct park park;
    struct taker *below, *above; /* in the stack of those who wait */
    struct due due;              /* what it was handed; at_ns 0: nothing yet */
};

struct arriving {
    PyObject_HEAD struct scenario scenario;
    struct stripes stripes;
    struct arrivals walk, before; /* before: without the arrival that is awaited */
    uint64_t begin_ns;            /* monotonic: the scenario's start; 0: it is not running */
    uint64_t next_ns;             /* monotonic; 0: none is awaited */
    uint64_t next_index;
    uint64_t woken_ns; /* when what was due was handed out last */
    struct event timer;
    struct taker *top;
    unsigned idle, pool, most, most_queued;
    unsigned entered;  /* users that may take arrivals: those who do not wait are busy */
    struct due *queue; /* a ring; room for most_queued */
    uint64_t taken;    /* the index of the arrival that started last */
    unsigned queue_first, queued;
    struct park grower;
    struct counted numbers[ITERATIONS_TOLD];
    double steady_s;             /* steady time less the monotonic clock */
    struct series *delay, *time; /* time: of iterations; or NULL */
};

static struct arriving *of(PyObject *self)
{
    return (struct arriving *)self;
}

/* ---- counting ------------------------------------------------------------------------------- */

static void flush(struct counted *c)
{
    if (c->recent)
        py_series_count_at(c->series, (double)c->recent, (double)c->second);
    c->recent = 0;
}

static void count_at(struct arriving *a, enum iterations_number n, uint64_t more, uint64_t at_ns)
{
    struct counted *c = &a->numbers[n];
    const int64_t second = (int64_t)((double)at_ns / 1e9 + a->steady_s);
    if (second != c->second)
        flush(c);
    c->second = second;
    c->recent += more;
    c->all += more;
}

/* Setting the clocks right may move steady time. */
static void read_clocks(struct arriving *a)
{
    const struct clk_moment now = clk_now();
    a->steady_s = now.steady - now.mono;
}

/* ---- what is due ---------------------------------------------------------------------------- */

static bool wants_users(const struct arriving *a)
{
    const unsigned twentieth = a->pool / 20,
                   least = twentieth > LEAST_IDLE ? twentieth : LEAST_IDLE;
    return a->begin_ns && a->idle < least && a->pool < a->most;
}

static void look_at_pool(struct arriving *a)
{
    if (wants_users(a))
        hub_wake(&a->grower);
}

static void leave_stack(struct arriving *a, struct taker *t)
{
    if (t->above)
        t->above->below = t->below;
    else
        a->top = t->below;
    if (t->below)
        t->below->above = t->above;
    a->idle--;
}

static void hand_out(struct arriving *a, struct due due)
{
    struct taker *t = a->top;
    if (t) {
        leave_stack(a, t);
        t->due = due;
        hub_wake(&t->park);
    } else if (a->queued < a->most_queued) {
        a->queue[(a->queue_first + a->queued++) % a->most_queued] = due;
    } else {
        count_at(a, ITERATIONS_DROPPED, 1, due.at_ns);
    }
    look_at_pool(a);
}

/* Finds the next arrival of ours. */
static void await_next(struct arriving *a)
{
    a->before = a->walk;
    a->next_index = stripes_next(&a->stripes, a->walk.next);
    const int64_t at = a->next_index == UINT64_MAX ? -1 : arrivals_take(&a->walk, a->next_index);
    a->next_ns = at < 0 ? 0 : a->begin_ns + (uint64_t)at;
}

static void arm(struct arriving *a)
{
    if (!a->next_ns)
        return;
    const uint64_t now = clk_mono_ns();
    const uint64_t soonest = a->woken_ns + LEAST_APART_NS,
                   at = a->next_ns > soonest ? a->next_ns : soonest;
    struct timeval tv = loop_timeval(at > now ? (double)(at - now) / 1e9 : 0);
    evtimer_add(&a->timer, &tv);
}

static void take_due(struct arriving *a)
{
    while (a->next_ns && a->next_ns <= clk_mono_ns()) {
        count_at(a, ITERATIONS_DUE, 1, a->next_ns);
        hand_out(a, (struct due){a->next_ns, a->next_index});
        await_next(a);
    }
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    struct arriving *a = arg;
    (void)fd, (void)what;
    take_due(a);
    a->woken_ns = clk_mono_ns();
    arm(a);
}

/* ---- users ---------------------------------------------------------------------------------- */

/* The delay in seconds with which it starts now. */
static PyObject *start(struct arriving *a, struct due due)
{
    const uint64_t now = clk_mono_ns();
    const double delay_s = now > due.at_ns ? (double)(now - due.at_ns) / 1e9 : 0;
    a->taken = due.index;
    count_at(a, ITERATIONS_STARTED, 1, due.at_ns);
    py_series_count(a->delay, delay_s * 1e3);
    return py_late_set(delay_s) == 0 ? PyFloat_FromDouble(delay_s) : NULL;
}

/* What it does at its end is no iteration. */
static void end_iteration(void)
{
    PyObject *error, *value, *trace;
    PyErr_Fetch(&error, &value, &trace);
    py_late_set(-1);
    PyErr_Restore(error, value, trace);
}

/* A user that is killed gives back what it was handed. */
static void give_back(struct arriving *a, struct taker *t)
{
    if (!t->due.at_ns)
        leave_stack(a, t);
    else if (a->begin_ns)
        hand_out(a, t->due);
    else
        count_at(a, ITERATIONS_CUT, 1, t->due.at_ns);
}

static PyObject *take(PyObject *self, PyObject *unused)
{
    struct arriving *a = of(self);
    (void)unused;
    if (a->queued) {
        const struct due due = a->queue[a->queue_first];
        a->queue_first = (a->queue_first + 1) % a->most_queued;
        a->queued--;
        if (hub_sleep(0) == 0) /* others are to run as well */
            return start(a, due);
        give_back(a, &(struct taker){.due = due});
        return NULL;
    }
    struct taker *t = mem_zalloc(sizeof *t);
    t->below = a->top;
    if (a->top)
        a->top->above = t;
    a->top = t;
    a->idle++;
    Py_INCREF(self);
    const int rc = hub_park(&t->park);
    if (rc != 0) {
        give_back(a, t);
        end_iteration();
    }
    PyObject *result = rc == 0 ? start(a, t->due) : NULL;
    free(t);
    Py_DECREF(self);
    return result;
}

/* Of the arrival that started last, just now: a number that is the same in each run with the same
 * seed, on any number of workers; None: there is no seed. */
static PyObject *chance(PyObject *self, PyObject *unused)
{
    const struct arriving *a = of(self);
    (void)unused;
    if (!a->scenario.is_seeded)
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLongLong(
        chance_bits(chance_key(a->scenario.seed, a->scenario.name) + CHANCE_GAMMA / 3, a->taken));
}

/* took(seconds): an iteration lasted so long, of a scenario where that matters (is_timed). */
static PyObject *took(PyObject *self, PyObject *seconds)
{
    const struct arriving *a = of(self);
    const double s = PyFloat_AsDouble(seconds);
    if (s == -1 && PyErr_Occurred())
        return NULL;
    if (a->time)
        py_series_count(a->time, s * 1e3);
    Py_RETURN_NONE;
}

static PyObject *join(PyObject *self, PyObject *unused)
{
    (void)unused;
    of(self)->pool++;
    Py_RETURN_NONE;
}

static PyObject *enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    of(self)->entered++;
    Py_RETURN_NONE;
}

static PyObject *done(PyObject *self, PyObject *unused)
{
    (void)unused;
    of(self)->entered--;
    Py_RETURN_NONE;
}

static PyObject *leave(PyObject *self, PyObject *unused)
{
    (void)unused;
    of(self)->pool--;
    look_at_pool(of(self));
    Py_RETURN_NONE;
}

/* Waits until users are wanted; how many. */
static PyObject *wanted(PyObject *self, PyObject *unused)
{
    struct arriving *a = of(self);
    (void)unused;
    while (!wants_users(a))
        if (hub_park(&a->grower) != 0)
            return NULL;
    const unsigned more = a->pool / 20 + LEAST_IDLE + a->queued, room = a->most - a->pool;
    return PyLong_FromUnsignedLong(more < room ? more : room);
}

/* ---- from its start to its end -------------------------------------------------------------- */

/* One share of `stride`, rounded up for the first ones: all of them make the whole. */
static unsigned share(uint32_t whole, const struct stripe *s)
{
    return s->stride ? (whole + s->stride - 1 - s->offset) / s->stride : 0;
}

/* begin(elapsed_s): the scenario began so long ago (negative: it is to begin); later again: no
 * change. */
static PyObject *begin(PyObject *self, PyObject *elapsed)
{
    struct arriving *a = of(self);
    const double elapsed_s = PyFloat_AsDouble(elapsed);
    if (elapsed_s == -1 && PyErr_Occurred())
        return NULL;
    if (a->begin_ns)
        Py_RETURN_NONE;
    const double at = (double)clk_mono_ns() - elapsed_s * 1e9 + (double)a->scenario.start_ns;
    a->begin_ns = (uint64_t)(at < 1 ? 1 : at);
    read_clocks(a);
    arrivals_begin(&a->walk, &a->scenario.plan);
    await_next(a);
    on_due(-1, 0, a);
    look_at_pool(a);
    Py_RETURN_NONE;
}

/* The epoch begins before the place where we are. */
static void catch_up(struct arriving *a, const struct stripes *old, uint64_t from)
{
    const uint64_t here = a->before.next;
    struct arrivals walk;
    uint64_t i = stripes_only(old, &a->stripes, from, here);
    for (; i != UINT64_MAX; i = stripes_only(old, &a->stripes, i + 1, here))
        count_at(a, ITERATIONS_REPEATED, 1, clk_mono_ns());
    i = stripes_only(&a->stripes, old, from, here);
    if (i != UINT64_MAX)
        arrivals_begin(&walk, &a->scenario.plan);
    for (; i != UINT64_MAX; i = stripes_only(&a->stripes, old, i + 1, here)) {
        const int64_t at = arrivals_take(&walk, i);
        if (at < 0)
            break;
        count_at(a, ITERATIONS_DUE, 1, a->begin_ns + (uint64_t)at);
        hand_out(a, (struct due){a->begin_ns + (uint64_t)at, i});
    }
}

/* share(from, offset, stride): from that index on, ours are those of the stripe. */
static PyObject *set_share(PyObject *self, PyObject *args)
{
    struct arriving *a = of(self);
    unsigned long long from;
    struct stripe s;
    if (!PyArg_ParseTuple(args, "KII:share", &from, &s.offset, &s.stride))
        return NULL;
    s.from = from;
    const struct stripes old = a->stripes;
    if (!stripes_add(&a->stripes, s))
        return PyErr_Format(PyExc_ValueError, "no stripe: %u of %u", s.offset, s.stride);
    const unsigned most_queued = share(a->scenario.max_queue, &s);
    a->most = share(a->scenario.max_users, &s);
    if (most_queued > a->most_queued) { /* it only grows: what waits is kept */
        struct due *queue = mem_zalloc(most_queued * sizeof *queue);
        for (unsigned i = 0; i < a->queued; i++)
            queue[i] = a->queue[(a->queue_first + i) % a->most_queued];
        free(a->queue);
        a->queue = queue;
        a->queue_first = 0;
        a->most_queued = most_queued;
    }
    if (a->begin_ns) {
        catch_up(a, &old, from);
        a->walk = a->before;
        await_next(a);
        on_due(-1, 0, a);
    }
    Py_RETURN_NONE;
}

/* change(text): the plan is that from now on. What it has in common with the one before was dealt
 * with: it goes on from the same arrival. */
static PyObject *change(PyObject *self, PyObject *text)
{
    struct arriving *a = of(self);
    const char *utf8 = PyUnicode_AsUTF8(text);
    struct scenario fresh;
    char *why = NULL;
    if (!utf8)
        return NULL;
    if (!scenario_read(&fresh, utf8, &why)) {
        PyErr_SetString(PyExc_ValueError, why);
        free(why);
        return NULL;
    }
    const uint64_t here = a->before.next;
    if (a->begin_ns) /* one that waits for another one may begin sooner */
        a->begin_ns = (uint64_t)((int64_t)a->begin_ns + fresh.start_ns - a->scenario.start_ns);
    scenario_fini(&a->scenario);
    a->scenario = fresh;
    a->scenario.plan.ramp = &a->scenario.ramp;
    if (a->begin_ns && scenario_is_open(&a->scenario)) {
        arrivals_begin(&a->walk, &a->scenario.plan);
        if (here > 0)
            arrivals_take(&a->walk, here - 1);
        await_next(a);
        on_due(-1, 0, a);
    }
    Py_RETURN_NONE;
}

static void tell(struct arriving *a)
{
    for (int i = 0; i < ITERATIONS_TOLD; i++) {
        flush(&a->numbers[i]);
        a->numbers[i].told = a->numbers[i].all;
    }
    read_clocks(a);
}

static PyObject *note(PyObject *self, PyObject *unused)
{
    (void)unused;
    tell(of(self));
    Py_RETURN_NONE;
}

/* No arrival any more. What was due, and waits, is cut. */
static PyObject *end(PyObject *self, PyObject *unused)
{
    struct arriving *a = of(self);
    (void)unused;
    if (a->begin_ns)
        take_due(a);
    evtimer_del(&a->timer);
    a->begin_ns = a->next_ns = 0;
    for (; a->queued; a->queued--) {
        count_at(a, ITERATIONS_CUT, 1, a->queue[a->queue_first].at_ns);
        a->queue_first = (a->queue_first + 1) % a->most_queued;
    }
    tell(a);
    Py_RETURN_NONE;
}

/* [due, started, dropped, cut, repeated, users, waiting, busy users] of this worker, as counted
 * until note() */
static PyObject *numbers(PyObject *self, PyObject *unused)
{
    const struct arriving *a = of(self);
    const struct counted *n = a->numbers;
    (void)unused;
    return Py_BuildValue("[KKKKKIII]", n[ITERATIONS_DUE].told, n[ITERATIONS_STARTED].told,
                         n[ITERATIONS_DROPPED].told, n[ITERATIONS_CUT].told,
                         n[ITERATIONS_REPEATED].told, a->pool, a->queued, a->entered - a->idle);
}

/* count(word, n): so many more, of iterations that others start. */
static PyObject *count(PyObject *self, PyObject *args)
{
    const char *word;
    unsigned long long n;
    if (!PyArg_ParseTuple(args, "sK:count", &word, &n))
        return NULL;
    for (int i = 0; i < ITERATIONS_TOLD; i++)
        if (!strcmp(iterations_metrics[i] + strlen("iterations_"), word)) {
            count_at(of(self), (enum iterations_number)i, n, clk_mono_ns());
            Py_RETURN_NONE;
        }
    return PyErr_Format(PyExc_ValueError, "no number of iterations: %s", word);
}

/* ---- the type ------------------------------------------------------------------------------- */

static struct series *make_series(const char *metric, enum metric_kind kind, PyObject *scenario)
{
    enum metric_problem why;
    struct series_tags tags = {.count = 0};
    struct metric *m = series_metric(
        py_series_table(), metric,
        (struct metric_kind_of){kind, kind == METRIC_TREND ? "ms" : "", METRIC_SCALE}, &why);
    struct series *s = NULL;
    if (!m)
        PyErr_Format(PyExc_ValueError, "metric '%s' exists with another type, unit or scale",
                     metric);
    else if (series_tags_add(&tags, "scenario", scenario) == 0)
        s = series_tags_series(&tags, m);
    series_tags_fini(&tags);
    return s;
}

static int make_all_series(struct arriving *a)
{
    PyObject *name = PyUnicode_FromString(a->scenario.name);
    bool is_good = name != NULL;
    for (int i = 0; is_good && i < ITERATIONS_TOLD; i++)
        is_good = (a->numbers[i].series =
                       make_series(iterations_metrics[i], METRIC_COUNTER, name)) != NULL;
    is_good = is_good && (!scenario_is_open(&a->scenario) ||
                          (a->delay = make_series("start_delay", METRIC_TREND, name)) != NULL);
    if (is_good && a->scenario.executor == SCENARIO_FIND_KNEE)
        is_good = (a->time = make_series("iteration_time", METRIC_TREND, name)) != NULL;
    Py_XDECREF(name);
    return is_good ? 0 : -1;
}

static PyObject *new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const char *text;
    char *why = NULL;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "s:Arrivals", &text))
        return NULL;
    struct arriving *a = of(type->tp_alloc(type, 0));
    if (!a)
        return NULL;
    evtimer_assign(&a->timer, hub_base(), on_due, a);
    read_clocks(a);
    if (!scenario_read(&a->scenario, text, &why)) {
        PyErr_SetString(PyExc_ValueError, why);
        free(why);
        Py_DECREF(a);
        return NULL;
    }
    a->scenario.plan.ramp = &a->scenario.ramp;
    if ((scenario_is_open(&a->scenario) || scenario_is_counted(&a->scenario)) &&
        make_all_series(a) != 0)
        Py_CLEAR(a);
    return (PyObject *)a;
}

static void dealloc(PyObject *self)
{
    struct arriving *a = of(self);
    evtimer_del(&a->timer);
    scenario_fini(&a->scenario);
    free(a->queue);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *get_text(PyObject *self, void *which)
{
    const struct scenario *s = &of(self)->scenario;
    const char *const texts[] = {s->name, s->user_class, s->task, s->pool};
    const char *text = texts[(uintptr_t)which];
    return text ? PyUnicode_FromString(text) : Py_NewRef(Py_None);
}

/* Its env, or its tags: a new dict. */
static PyObject *get_pairs(PyObject *self, void *is_tags)
{
    const struct scenario *s = &of(self)->scenario;
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
    const struct scenario *s = &of(self)->scenario;
    const int64_t times[] = {s->graceful_ns, s->ramp_down_ns, s->start_ns};
    return PyFloat_FromDouble((double)times[(uintptr_t)which] / 1e9);
}

static PyObject *get_iterations(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLongLong(of(self)->scenario.iterations);
}

static PyObject *get_is_each(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(of(self)->scenario.executor == SCENARIO_PER_VU_ITERATIONS);
}

static PyObject *get_is_of_all(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(scenario_is_of_all(&of(self)->scenario));
}

static PyObject *get_is_timed(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(of(self)->time != NULL);
}

static PyObject *get_is_open(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(scenario_is_open(&of(self)->scenario));
}

/* [(seconds, users at its begin, users at its end), …] of a scenario of users. */
static PyObject *get_stages(PyObject *self, void *unused)
{
    const struct ramp *r = &of(self)->scenario.ramp;
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

static PyGetSetDef attributes[] = {
    {"name", get_text, NULL, NULL, (void *)0},
    {"user_class", get_text, NULL, NULL, (void *)1},
    {"task", get_text, NULL, NULL, (void *)2},
    {"pool", get_text, NULL, NULL, (void *)3},
    {"env", get_pairs, NULL, NULL, NULL},
    {"tags", get_pairs, NULL, NULL, (void *)1},
    {"graceful_s", get_time, NULL, NULL, (void *)0},
    {"ramp_down_s", get_time, NULL, NULL, (void *)1},
    {"start_s", get_time, NULL, NULL, (void *)2},
    {"is_open", get_is_open, NULL, NULL, NULL},
    {"is_timed", get_is_timed, NULL, NULL, NULL},
    {"is_of_all", get_is_of_all, NULL, NULL, NULL},
    {"iterations", get_iterations, NULL, NULL, NULL},
    {"is_each", get_is_each, NULL, NULL, NULL},
    {"stages", get_stages, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef methods[] = {
    {"begin", begin, METH_O, "begin(elapsed_s): it began so long ago"},
    {"share", set_share, METH_VARARGS, "share(from, offset, stride): which arrivals are ours"},
    {"chance", chance, METH_NOARGS, "chance() -> int or None: of the arrival just taken"},
    {"change", change, METH_O, "change(text): its plan is another one from now on"},
    {"take", take, METH_NOARGS, "take() -> seconds it is late: waits for an arrival"},
    {"wanted", wanted, METH_NOARGS, "wanted() -> n: waits until more users are needed"},
    {"took", took, METH_O, "took(seconds): so long an iteration was, if is_timed"},
    {"join", join, METH_NOARGS, "join(): there is one more user"},
    {"enter", enter, METH_NOARGS, "enter(): the user is ready for arrivals"},
    {"done", done, METH_NOARGS, "done(): ... and not any more"},
    {"leave", leave, METH_NOARGS, "leave(): there is one user less"},
    {"note", note, METH_NOARGS, "note(): counts what happened since the last time"},
    {"end", end, METH_NOARGS, "end(): no arrival any more"},
    {"numbers", numbers, METH_NOARGS, "numbers() -> list"},
    {"count", count, METH_VARARGS, "count(word, n): so many iterations more"},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "_katydid.Arrivals",
    .tp_doc = "Arrivals(text): the arrivals of a scenario on this worker; of users that loop, "
              "only what it says.",
    .tp_basicsize = sizeof(struct arriving),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = new,
    .tp_dealloc = dealloc,
    .tp_methods = methods,
    .tp_getset = attributes,
};

int py_arrivals_init(PyObject *module)
{
    return PyModule_AddType(module, &type);
}
