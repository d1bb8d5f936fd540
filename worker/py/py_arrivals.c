// SPDX-License-Identifier: MIT
/* _katydid.Arrivals: the arrivals of one scenario on this worker, and the users that wait for them.
 *
 * One timer of the loop, of all scenarios here, goes from one due time to the next. What is due
 * goes to the user that waits since the shortest time, else into the queue, else it is dropped; all
 * that without Python. A user that has done an iteration takes the next one at once, if it is due:
 * then it neither waits nor is woken. Whoever takes an arrival late finds its due time with it:
 * nothing forgets how late it was.
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
#include "worker/py/loop.h"
#include "worker/py/py_arrivals.h"
#include "worker/py/py_client_site.h"
#include "worker/py/py_late.h"
#include "worker/py/py_series.h"
#include "worker/py/py_stripe.h"

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/plan/chance.h"

#include <event2/event.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

/* Arrivals that are due so soon after the first one start with the last of them: the loop wakes
 * once for all, which costs half as much as a turn for each. None is later than that by it, and one
 * that has no other near it is not late at all. */
#define TOGETHER_NS 300000
#define MOST_LOOKED_AT 8 /* ... one by one */
/* Iterations of a scenario that follow one another in a turn of the loop: so many, and for so long
 * where they compute. */
#define MOST_AT_ONCE 16
#define MOST_NS_AT_ONCE 2000000
#define LEAST_IDLE 8 /* users that are to wait, so that none has to be made when one is due */
#define AHEAD_S                                                                                    \
    0.025 /* ... and as many as are due meanwhile: so long may the processor be away               \
           */

/* ---- what is due ---------------------------------------------------------------------------- */

static bool wants_users(const struct arriving *a)
{
    unsigned least = LEAST_IDLE;
    if (a->pool / 20 > least)
        least = a->pool / 20;
    if (a->made_before > least)
        least = a->made_before;
    if (a->made_ahead > least)
        least = a->made_ahead;
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
        due.has_waited = true;
        a->queue[(a->queue_first + a->queued++) % a->most_queued] = due;
        if (a->queued > a->most_waiting)
            a->most_waiting = a->queued;
    } else {
        arrivals_count(a, ITERATIONS_DROPPED, 1, due.at_ns);
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

/* The awaited one: its time came. */
static struct due take_one(struct arriving *a)
{
    const struct due due = {.at_ns = a->next_ns, .index = a->next_index};
    arrivals_count(a, ITERATIONS_DUE, 1, due.at_ns);
    await_next(a);
    return due;
}

static void take_due(struct arriving *a)
{
    while (a->next_ns && a->next_ns <= clk_mono_ns())
        hand_out(a, take_one(a));
}

/* ---- the timer ------------------------------------------------------------------------------ */

static struct {
    struct event timer;
    struct ready turn; /* the timer was there: after those whose answers came in this turn */
    bool is_made;
    struct arriving *first; /* of those that run */
    uint64_t at_ns;         /* when it will be there next */
    bool is_full;           /* ... with more than one, as far as one can know */
    struct fetch_engine *engine;
} tick;

/* When the last one of a is due that is by then. */
static uint64_t last_due(const struct arriving *a, uint64_t until_ns)
{
    struct arrivals walk = a->walk;
    uint64_t last = 0;
    int64_t at = a->next_ns ? (int64_t)(a->next_ns - a->begin_ns) : -1;
    for (int i = 0; at >= 0 && a->begin_ns + (uint64_t)at <= until_ns; i++) {
        if (i == MOST_LOOKED_AT)
            return until_ns; /* so many that this is as good */
        last = a->begin_ns + (uint64_t)at;
        const uint64_t index = stripes_next(&a->stripes, walk.next);
        at = index == UINT64_MAX ? -1 : arrivals_take(&walk, index);
    }
    return last;
}

static void arm(void)
{
    uint64_t first = UINT64_MAX;
    for (const struct arriving *a = tick.first; a; a = a->next)
        if (a->next_ns && a->next_ns < first)
            first = a->next_ns;
    tick.is_full = false;
    if (first == UINT64_MAX)
        return;
    tick.at_ns = first;
    for (const struct arriving *a = tick.first; a; a = a->next) {
        const uint64_t last = last_due(a, first + TOGETHER_NS);
        if (last > tick.at_ns)
            tick.at_ns = last;
    }
    tick.is_full = tick.at_ns > first;
    const uint64_t now = clk_mono_ns();
    struct timeval tv = loop_timeval(tick.at_ns > now ? (double)(tick.at_ns - now) / 1e9 : 0);
    event_base_update_cache_time(hub_base()); /* of the turn's begin: it would come too early */
    evtimer_add(&tick.timer, &tv);
}

/* Another plan or share, or the timer: what is due is handed out now. */
static void look_again(void)
{
    for (struct arriving *a = tick.first; a; a = a->next)
        take_due(a);
    arm();
}

static void run_turn(struct ready *r)
{
    (void)r;
    look_again();
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    hub_ready(&tick.turn);
}

/* Whether every user here that does an iteration waits for an answer over HTTP, of which the kernel
 * notes when it comes. */
static bool all_await_answers(void)
{
    uint64_t busy = 0;
    for (const struct arriving *a = tick.first; a; a = a->next) {
        if (!a->is_alone)
            return false;
        busy += a->entered - a->idle;
    }
    return busy && busy == fetch_engine_counters(tick.engine).awaiting;
}

/* Before the loop waits, where the timer is about to wake it anyway: then answers that come until
 * then are read with the next arrivals. They are measured by the kernel's stamps: that they lie
 * there for a while changes none of their times. Half of all turns of the loop are saved so. */
static void wait_for_tick(void)
{
    if (!tick.is_full || !all_await_answers())
        return;
    const struct timespec at = {(time_t)(tick.at_ns / 1000000000), (long)(tick.at_ns % 1000000000)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL); /* or a signal: the poll looks */
}

static int make_timer(void)
{
    struct loop *l = loop_main();
    tick.engine = site_engine();
    if (!tick.engine)
        return -1;
    evtimer_assign(&tick.timer, hub_base(), on_timer, NULL);
    tick.turn.run = run_turn;
    tick.is_made = true;
    prctl(PR_SET_TIMERSLACK, 1); /* 50 µs else */
    if (l)
        l->before_wait = wait_for_tick;
    return 0;
}

static void begin_ticking(struct arriving *a)
{
    a->next = tick.first;
    tick.first = a;
}

static void end_ticking(const struct arriving *a)
{
    struct arriving **at = &tick.first;
    while (*at && *at != a)
        at = &(*at)->next;
    if (*at)
        *at = a->next;
    if (!tick.first && tick.is_made)
        evtimer_del(&tick.timer);
}

/* ---- users ---------------------------------------------------------------------------------- */

/* Of the arrival that starts just now: a number that is the same in each run with the same seed, on
 * any number of workers; None: there is no seed. */
static PyObject *chance(const struct arriving *a, uint64_t index)
{
    if (!a->scenario.is_seeded)
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLongLong(
        chance_bits(chance_key(a->scenario.seed, a->scenario.name) + CHANCE_GAMMA / 3, index));
}

static PyObject *start(struct arriving *a, struct due due)
{
    const uint64_t now = clk_mono_ns();
    const double delay_s = now > due.at_ns ? (double)(now - due.at_ns) / 1e9 : 0;
    arrivals_count(a, ITERATIONS_STARTED, 1, due.at_ns);
    if (!due.has_waited)
        arrivals_began(delay_s);
    py_series_count(a->delay, delay_s * 1e3);
    return py_late_begin(delay_s, due.index) == 0 ? chance(a, due.index) : NULL;
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
        arrivals_count(a, ITERATIONS_CUT, 1, t->due.at_ns);
}

/* Whether one more may start before the loop turns: who waits for an answer lets others run. */
static bool takes_one(struct arriving *a)
{
    const struct loop *l = loop_main();
    const uint64_t now = clk_mono_ns();
    if (l && l->turns != a->turn) {
        a->at_once = 0;
        a->turn_ns = now;
    }
    a->turn = l ? l->turns : 0;
    return a->at_once++ < MOST_AT_ONCE && now - a->turn_ns < MOST_NS_AT_ONCE;
}

/* What is due when a user is done need not wait for the tick. */
static bool is_next_now(struct arriving *a)
{
    return a->next_ns && a->next_ns <= clk_mono_ns() && takes_one(a);
}

static PyObject *take(PyObject *self, PyObject *unused)
{
    struct arriving *a = arriving_of(self);
    (void)unused;
    if (a->queued) {
        const struct due due = a->queue[a->queue_first];
        a->queue_first = (a->queue_first + 1) % a->most_queued;
        a->queued--;
        if (takes_one(a) || hub_sleep(0) == 0)
            return start(a, due);
        give_back(a, &(struct taker){.due = due});
        return NULL;
    }
    if (is_next_now(a))
        return start(a, take_one(a));
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

/* took(seconds): an iteration lasted so long, of a scenario where that matters (is_timed). */
static PyObject *took(PyObject *self, PyObject *seconds)
{
    const struct arriving *a = arriving_of(self);
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
    arriving_of(self)->pool++;
    Py_RETURN_NONE;
}

static PyObject *enter(PyObject *self, PyObject *unused)
{
    (void)unused;
    arriving_of(self)->entered++;
    Py_RETURN_NONE;
}

static PyObject *done(PyObject *self, PyObject *unused)
{
    (void)unused;
    arriving_of(self)->entered--;
    Py_RETURN_NONE;
}

static PyObject *leave(PyObject *self, PyObject *unused)
{
    (void)unused;
    arriving_of(self)->pool--;
    look_at_pool(arriving_of(self));
    Py_RETURN_NONE;
}

/* Waits until more users are wanted. */
static PyObject *wanted(PyObject *self, PyObject *unused)
{
    struct arriving *a = arriving_of(self);
    (void)unused;
    while (!wants_users(a))
        if (hub_park(&a->grower) != 0)
            return NULL;
    Py_RETURN_NONE;
}

/* ---- from its start to its end -------------------------------------------------------------- */

static unsigned share(uint32_t whole, const struct stripe *s)
{
    return (unsigned)stripe_below(s, whole);
}

static const struct stripe *newest(const struct arriving *a)
{
    return a->stripes.count ? &a->stripes.epochs[a->stripes.count - 1] : NULL;
}

/* part(n): of so many users (or whatever) so many are ours, by the newest share. */
static PyObject *part(PyObject *self, PyObject *of)
{
    const struct stripe *s = newest(arriving_of(self));
    const unsigned long long n = PyLong_AsUnsignedLongLong(of);
    if (PyErr_Occurred())
        return NULL;
    return PyLong_FromUnsignedLongLong(s ? stripe_below(s, n) : 0);
}

/* With the share that it has. */
static void reserve(struct arriving *a)
{
    const struct stripe *s = newest(a);
    const double due = ceil(scenario_peak_per_s(&a->scenario) * AHEAD_S);
    a->most = s ? share(a->scenario.max_users, s) : 0;
    a->made_before = s && a->scenario.is_fresh ? share(a->scenario.users, s) : 0;
    a->made_ahead = s ? share((uint32_t)fmin(due, a->scenario.max_users), s) : 0;
}

/* begin(elapsed_s, is_alone): the scenario began so long ago (negative: it is to begin); later
 * again: no change. is_alone: all users here are of scenarios with arrivals. */
static PyObject *begin(PyObject *self, PyObject *args)
{
    struct arriving *a = arriving_of(self);
    double elapsed_s;
    int is_alone;
    if (!PyArg_ParseTuple(args, "dp:begin", &elapsed_s, &is_alone) ||
        (!tick.is_made && make_timer() != 0))
        return NULL;
    a->is_alone = is_alone;
    if (a->begin_ns)
        Py_RETURN_NONE;
    const double at = (double)clk_mono_ns() - elapsed_s * 1e9 + (double)a->scenario.start_ns;
    a->begin_ns = (uint64_t)(at < 1 ? 1 : at);
    arrivals_read_clocks(a);
    arrivals_begin(&a->walk, &a->scenario.plan);
    await_next(a);
    begin_ticking(a);
    look_again();
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
        arrivals_count(a, ITERATIONS_REPEATED, 1, clk_mono_ns());
    i = stripes_only(&a->stripes, old, from, here);
    if (i != UINT64_MAX)
        arrivals_begin(&walk, &a->scenario.plan);
    for (; i != UINT64_MAX; i = stripes_only(&a->stripes, old, i + 1, here)) {
        const int64_t at = arrivals_take(&walk, i);
        if (at < 0)
            break;
        arrivals_count(a, ITERATIONS_DUE, 1, a->begin_ns + (uint64_t)at);
        hand_out(a, (struct due){a->begin_ns + (uint64_t)at, i, true});
    }
}

/* away(from): from that index on, and until the next share begins, ours were others': the master
 * did not hear us. */
static PyObject *set_away(PyObject *self, PyObject *index)
{
    struct arriving *a = arriving_of(self);
    const unsigned long long from = PyLong_AsUnsignedLongLong(index);
    if (PyErr_Occurred())
        return NULL;
    a->away_from = from;
    a->was_away = true;
    Py_RETURN_NONE;
}

/* share([from, …]): from that index on, ours are those of the stripe. */
static PyObject *set_share(PyObject *self, PyObject *list)
{
    struct arriving *a = arriving_of(self);
    struct stripe s;
    if (!py_stripe(list, &s))
        return NULL;
    const struct stripes old = a->stripes;
    const bool was_away = a->was_away && a->away_from < s.from;
    const uint64_t from = was_away ? a->away_from : s.from;
    a->was_away = false;
    if (was_away)
        stripes_add(&a->stripes, (struct stripe){.from = from});
    stripes_add(&a->stripes, s);
    const unsigned most_queued = share(a->scenario.max_queue, &s);
    reserve(a);
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
        look_again();
    }
    Py_RETURN_NONE;
}

/* again([skipped, …], count, is_unsure, share): so many arrivals of that share, behind the first
 * ones, were left by a worker that is gone; of these all are ours whose place in the list is of our
 * own share. */
static PyObject *again(PyObject *self, PyObject *args)
{
    struct arriving *a = arriving_of(self);
    unsigned long long count;
    struct stripe left, own;
    struct arrivals walk;
    int is_unsure;
    if (!PyArg_ParseTuple(args, "O&KpO&:again", py_stripe, &left, &count, &is_unsure, py_stripe,
                          &own))
        return NULL;
    if (!a->begin_ns)
        Py_RETURN_NONE;
    arrivals_begin(&walk, &a->scenario.plan);
    for (uint64_t i = stripe_next(&own, 0); i < count; i = stripe_next(&own, i + 1)) {
        const uint64_t index = stripe_nth(&left, left.from + i);
        const int64_t at = arrivals_take(&walk, index);
        if (at < 0)
            break;
        arrivals_count(a, ITERATIONS_DUE, 1, a->begin_ns + (uint64_t)at);
        if (is_unsure)
            arrivals_count(a, ITERATIONS_REPEATED, 1, clk_mono_ns());
        hand_out(a, (struct due){a->begin_ns + (uint64_t)at, index, true});
    }
    Py_RETURN_NONE;
}

/* change(text): the plan is that from now on. What it has in common with the one before was dealt
 * with: it goes on from the same arrival. */
static PyObject *change(PyObject *self, PyObject *text)
{
    struct arriving *a = arriving_of(self);
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
    reserve(a);
    if (a->begin_ns && scenario_is_open(&a->scenario)) {
        arrivals_begin(&a->walk, &a->scenario.plan);
        if (here > 0)
            arrivals_take(&a->walk, here - 1);
        await_next(a);
        look_again();
    }
    Py_RETURN_NONE;
}

static PyObject *note(PyObject *self, PyObject *unused)
{
    (void)unused;
    arrivals_tell(arriving_of(self));
    Py_RETURN_NONE;
}

/* No arrival any more. What was due, and waits, is cut. */
static PyObject *end(PyObject *self, PyObject *unused)
{
    struct arriving *a = arriving_of(self);
    (void)unused;
    if (a->begin_ns)
        take_due(a);
    end_ticking(a);
    a->begin_ns = a->next_ns = 0;
    for (; a->queued; a->queued--) {
        arrivals_count(a, ITERATIONS_CUT, 1, a->queue[a->queue_first].at_ns);
        a->queue_first = (a->queue_first + 1) % a->most_queued;
    }
    arrivals_tell(a);
    Py_RETURN_NONE;
}

/* ---- the type ------------------------------------------------------------------------------- */

static PyObject *new (PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const char *text;
    char *why = NULL;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "s:Arrivals", &text))
        return NULL;
    struct arriving *a = arriving_of(type->tp_alloc(type, 0));
    if (!a)
        return NULL;
    arrivals_read_clocks(a);
    if (!scenario_read(&a->scenario, text, &why)) {
        PyErr_SetString(PyExc_ValueError, why);
        free(why);
        Py_DECREF(a);
        return NULL;
    }
    a->scenario.plan.ramp = &a->scenario.ramp;
    if ((scenario_is_open(&a->scenario) || scenario_is_counted(&a->scenario)) &&
        arrivals_make_series(a) != 0)
        Py_CLEAR(a);
    return (PyObject *)a;
}

static void dealloc(PyObject *self)
{
    struct arriving *a = arriving_of(self);
    end_ticking(a);
    scenario_fini(&a->scenario);
    free(a->queue);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef methods[] = {
    {"begin", begin, METH_VARARGS, "begin(elapsed_s, is_alone): it began so long ago"},
    {"away", set_away, METH_O, "away(from): since when, until the next share, none were"},
    {"share", set_share, METH_O, "share([from, …]): which arrivals are ours"},
    {"part", part, METH_O, "part(n): so many of n are ours"},
    {"again", again, METH_VARARGS,
     "again([skipped, …], count, is_unsure, share): of one that is gone"},
    {"change", change, METH_O, "change(text): its plan is another one from now on"},
    {"take", take, METH_NOARGS, "take() -> int or None: waits for an arrival; its chance"},
    {"wanted", wanted, METH_NOARGS, "wanted(): waits until more users are needed"},
    {"took", took, METH_O, "took(seconds): so long an iteration was, if is_timed"},
    {"join", join, METH_NOARGS, "join(): there is one more user"},
    {"enter", enter, METH_NOARGS, "enter(): the user is ready for arrivals"},
    {"done", done, METH_NOARGS, "done(): ... and not any more"},
    {"leave", leave, METH_NOARGS, "leave(): there is one user less"},
    {"note", note, METH_NOARGS, "note(): counts what happened since the last time"},
    {"end", end, METH_NOARGS, "end(): no arrival any more"},
    {"numbers", arrivals_numbers, METH_NOARGS, "numbers() -> list"},
    {"count", arrivals_count_more, METH_VARARGS, "count(word, n): so many iterations more"},
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
    .tp_getset = arrivals_attributes,
};

int py_arrivals_init(PyObject *module)
{
    return PyModule_AddType(module, &type);
}
