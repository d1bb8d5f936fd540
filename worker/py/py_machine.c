// SPDX-License-Identifier: MIT
/* py_machine: the run machine (common/run/machine.h) as the runners of the library have it,
 * _katydid.Machine. Users are dealt by Python, by a dispatcher that may be a program's own; how the
 * process ends is the program's affair, so nothing of the orderly end is here.
 *
 *   machine.on(event, …)   what happened; the time is taken here
 *   machine.next()         what is to be done, one by one: a tuple that begins with its name
 */
#include "worker/py/py_mod.h"

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/run/machine.h"
#include "common/run/run_log.h"

#include <stdlib.h>
#include <string.h>

struct py_machine {
    PyObject_HEAD struct machine m;
};

static struct machine *of(PyObject *self)
{
    return &((struct py_machine *)self)->m;
}

static struct run_clock now(void)
{
    const struct clk_moment moment = clk_now();
    return (struct run_clock){moment.mono, moment.steady};
}

static PyObject *machine_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    int is_local;
    (void)kwargs;
    if (!PyArg_ParseTuple(args, "p:Machine", &is_local))
        return NULL;
    PyObject *self = type->tp_alloc(type, 0);
    if (self)
        of(self)->rules = (struct machine_rules){
            .is_local = is_local,
            .is_locust = true,
            .deals_outside = true,
            .autoquit_s = -1,
        };
    return self;
}

static void machine_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    machine_fini(of(self));
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- events ---- */

static const struct {
    const char *name;
    enum machine_event_kind kind;
} event_names[] = {
    {"start", ON_START},
    {"aim", ON_AIM},
    {"stop", ON_STOP},
    {"dealt", ON_DEALT},
    {"heard", ON_HEARD},
    {"time", ON_TIME},
    {"second", ON_SECOND},
    {"came", ON_WORKER_CAME},
    {"back", ON_WORKER_BACK},
    {"beat", ON_WORKER_BEAT},
    {"spawns", ON_WORKER_SPAWNS},
    {"users", ON_WORKER_USERS},
    {"busy", ON_WORKER_BUSY},
    {"stopped", ON_WORKER_STOPPED},
    {"report", ON_WORKER_REPORT},
    {"quit", ON_WORKER_QUIT},
    {"lost", ON_WORKER_LOST},
};

static enum machine_event_kind event_kind(const char *name)
{
    for (size_t i = 0; i < sizeof event_names / sizeof *event_names; i++)
        if (!strcmp(event_names[i].name, name))
            return event_names[i].kind;
    return MACHINE_EVENTS;
}

static bool listened_kind(const char *name, enum listened *l)
{
    for (*l = HEAR_SETUP; *l <= HEAR_TEARDOWN; (*l)++)
        if (!strcmp(listened_name(*l), name))
            return true;
    return false;
}

/* What a worker of Locust's says in its heartbeats. */
static enum beat beat_kind(const char *state)
{
    return !strcmp(state, "ready")      ? BEAT_READY
           : !strcmp(state, "spawning") ? BEAT_SPAWNING
           : !strcmp(state, "running")  ? BEAT_RUNNING
                                        : BEAT_OTHER;
}

static int unknown(const char *what, const char *name)
{
    PyErr_Format(PyExc_ValueError, "%s: there is no %s", what, name);
    return -1;
}

static int read_event(struct machine *m, PyObject *args, PyObject *kwargs, struct machine_event *e)
{
    static const char *const names[] = {"event",    "worker", "users",     "is_last", "beat",
                                        "listened", "run",    "is_failed", NULL};
    const char *name, *worker = NULL, *beat = "", *listened = NULL;
    int is_last = 0, is_failed = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "s|zIpszIp:on", py_names(names), &name, &worker,
                                     &e->users, &is_last, &beat, &listened, &e->run, &is_failed))
        return -1;
    e->is_failed = is_failed;
    e->kind = event_kind(name);
    e->worker = worker ? roster_find(&m->roster, worker) : NULL;
    e->is_last = is_last;
    e->beat = beat_kind(beat);
    e->is_running = e->kind == ON_WORKER_USERS && is_last;
    if (e->kind == MACHINE_EVENTS || (listened && !listened_kind(listened, &e->listened)))
        return unknown(name, "event of that name");
    if (e->kind >= ON_WORKER_CAME && !e->worker)
        return unknown(name, "worker of that name");
    return 0;
}

static PyObject *on(PyObject *self, PyObject *args, PyObject *kwargs)
{
    struct machine_event e = {.kind = MACHINE_EVENTS};
    if (read_event(of(self), args, kwargs, &e) != 0)
        return NULL;
    machine_on(of(self), &e, now());
    return Py_NewRef(Py_None);
}

/* ---- actions ---- */

/* DO_NOTE, DO_SEND_STATE and DO_PUBLISH concern a page, DO_DEAL a dispatch of the machine's: there
 * is none. */
static const char *const action_names[] = {
    [DO_CLEAR] = "clear",
    [DO_TELL] = "tell",
    [DO_FIRE] = "fire",
    [DO_TELL_SPAWNED] = "tell_spawned",
    [DO_CANCEL_SETUP] = "cancel_setup",
    [DO_STOP_WORKER] = "stop_worker",
    [DO_STOP_STRAY] = "stop_worker",
    [DO_QUIT_WORKER] = "stop_worker",
};

static void add_line(void *arg, enum log_level level, const char *logger, const char *text)
{
    PyObject **list = arg;
    PyObject *decoded = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    PyObject *line = decoded ? Py_BuildValue("isN", (int)level, logger, decoded) : NULL;
    if (*list && (!line || PyList_Append(*list, line) != 0))
        Py_CLEAR(*list);
    Py_XDECREF(line);
}

/* ("tell", [(level, logger, text)]) */
static PyObject *told(const struct machine *m, const struct machine_action *a)
{
    PyObject *list = PyList_New(0);
    run_log_to(m, a, add_line, &list);
    return list ? Py_BuildValue("sN", "tell", list) : NULL;
}

static PyObject *action_from(const struct machine *m, const struct machine_action *a)
{
    const char *name = action_names[a->kind];
    if (a->kind == DO_TELL)
        return told(m, a);
    if (a->kind == DO_FIRE)
        return Py_BuildValue("ssI", name, listened_name(a->listened), a->run);
    if (a->worker)
        return Py_BuildValue("ss", name, a->worker->id);
    if (a->kind == DO_TELL_SPAWNED)
        return Py_BuildValue("sI", name, a->users);
    return Py_BuildValue("(s)", name);
}

static PyObject *next(PyObject *self, PyObject *unused)
{
    struct machine_action a;
    (void)unused;
    while (machine_next(of(self), &a))
        if (a.kind < sizeof action_names / sizeof *action_names && action_names[a.kind])
            return action_from(of(self), &a);
    return Py_NewRef(Py_None);
}

/* ---- what it goes by ---- */

static PyObject *rules(PyObject *self, PyObject *args)
{
    struct machine_rules *r = &of(self)->rules;
    if (!PyArg_ParseTuple(args, "ddI:rules", &r->stop_timeout_s, &r->settle_s,
                          &of(self)->roster.liveness))
        return NULL;
    return Py_NewRef(Py_None);
}

/* What runs once a run; 0: for ever. */
static PyObject *once(PyObject *self, PyObject *args)
{
    struct machine_rules *r = &of(self)->rules;
    int has_setup, has_teardown;
    if (!PyArg_ParseTuple(args, "pdpd:once", &has_setup, &r->setup_time_s, &has_teardown,
                          &r->teardown_time_s))
        return NULL;
    r->has_setup = has_setup;
    r->has_teardown = has_teardown;
    return Py_NewRef(Py_None);
}

static PyObject *load(PyObject *self, PyObject *args)
{
    double users, rate;
    if (!PyArg_ParseTuple(args, "dd:load", &users, &rate))
        return NULL;
    if (!(users >= 0 && users <= UINT32_MAX && rate > 0)) {
        PyErr_SetString(PyExc_ValueError, "users and spawn rate of a test");
        return NULL;
    }
    of(self)->load.users = users;
    of(self)->load.spawn_rate = rate;
    return Py_NewRef(Py_None);
}

/* ---- workers ---- */

static PyObject *join(PyObject *self, PyObject *id)
{
    const char *text = PyUnicode_AsUTF8(id);
    struct roster *r = &of(self)->roster;
    if (!text)
        return NULL;
    struct worker *w = roster_get(r, text);
    roster_set_users(r, w, NULL, 0);
    return PyBool_FromLong(roster_join(r, w, false));
}

/* The worker was heard of. */
static PyObject *heard(PyObject *self, PyObject *id)
{
    const char *text = PyUnicode_AsUTF8(id);
    struct worker *w = text ? roster_find(&of(self)->roster, text) : NULL;
    if (w)
        w->liveness = roster_liveness(&of(self)->roster);
    return text ? PyBool_FromLong(w != NULL) : NULL;
}

static PyObject *state_of(PyObject *self, PyObject *id)
{
    const char *text = PyUnicode_AsUTF8(id);
    struct worker *w = text ? roster_find(&of(self)->roster, text) : NULL;
    if (!text)
        return NULL;
    return w ? PyUnicode_FromString(worker_state_name(w)) : Py_NewRef(Py_None);
}

static int read_users(PyObject *dict, struct class_users *users)
{
    PyObject *name, *count;
    Py_ssize_t at = 0;
    for (size_t i = 0; PyDict_Next(dict, &at, &name, &count); i++) {
        const char *text = PyUnicode_AsUTF8(name);
        const long long n = text ? PyLong_AsLongLong(count) : -1;
        if (!text || (n == -1 && PyErr_Occurred()))
            return -1;
        users[i].name = (char *)(uintptr_t)text;
        users[i].users = n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (unsigned)n;
    }
    return 0;
}

static PyObject *set_users(PyObject *self, PyObject *args)
{
    const char *id;
    PyObject *dict;
    if (!PyArg_ParseTuple(args, "sO!:set_users", &id, &PyDict_Type, &dict))
        return NULL;
    struct worker *w = roster_find(&of(self)->roster, id);
    struct class_users *users = mem_zalloc(((size_t)PyDict_Size(dict) + 1) * sizeof *users);
    const int rc = read_users(dict, users);
    if (rc == 0 && w)
        roster_set_users(&of(self)->roster, w, users, (size_t)PyDict_Size(dict));
    free(users);
    return rc == 0 ? Py_NewRef(Py_None) : NULL;
}

#define MOST_MISSED 256

/* A second has passed: the ids of those who are missing from now on. */
static PyObject *tick(PyObject *self, PyObject *unused)
{
    struct worker *missed[MOST_MISSED];
    const size_t n = roster_tick(&of(self)->roster, missed, MOST_MISSED);
    PyObject *ids = PyList_New(0);
    (void)unused;
    for (size_t i = 0; ids && i < n; i++) {
        PyObject *id = PyUnicode_FromString(missed[i]->id);
        if (!id || PyList_Append(ids, id) != 0)
            Py_CLEAR(ids);
        Py_XDECREF(id);
    }
    return ids;
}

/* ---- what is known ---- */

static PyObject *get_state(PyObject *self, void *unused)
{
    (void)unused;
    return PyUnicode_FromString(run_state_name(of(self)->run.state));
}

static PyObject *get_is_active(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(run_is_active(&of(self)->run));
}

static PyObject *get_has_actions(PyObject *self, void *unused)
{
    const struct machine *m = of(self);
    (void)unused;
    return PyBool_FromLong(m->action_next < m->action_count);
}

static PyObject *get_obstacle(PyObject *self, void *unused)
{
    const char *why = machine_obstacle(of(self));
    (void)unused;
    return why ? PyUnicode_FromString(why) : Py_NewRef(Py_None);
}

#define WITH_KEYWORDS(f) ((PyCFunction)(void (*)(void))(f))

static PyMethodDef methods[] = {
    {"on", WITH_KEYWORDS(on), METH_VARARGS | METH_KEYWORDS,
     "on(event, worker=None, users=0, is_last=False, beat='', listened=None, run=0, "
     "is_failed=False)"},
    {"next", next, METH_NOARGS, "next() -> (action, ...) or None"},
    {"rules", rules, METH_VARARGS, "rules(stop_timeout, settle, liveness)"},
    {"once", once, METH_VARARGS, "once(has_setup, seconds, has_teardown, seconds)"},
    {"load", load, METH_VARARGS, "load(users, spawn_rate)"},
    {"join", join, METH_O, "join(worker id) -> whether there was room; it runs no users"},
    {"heard", heard, METH_O, "heard(worker id) -> whether it is known"},
    {"state_of", state_of, METH_O, "state_of(worker id), or None"},
    {"set_users", set_users, METH_VARARGS, "set_users(worker id, {class name: users})"},
    {"tick", tick, METH_NOARGS, "tick() -> [worker id]: those that are missing from now on"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"state", get_state, NULL, "of the run", NULL},
    {"is_active", get_is_active, NULL, "whether the run is spawning or running", NULL},
    {"has_actions", get_has_actions, NULL, "whether next() has something", NULL},
    {"obstacle", get_obstacle, NULL, "why no run can start, or None", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static char doc[] = "Machine(is_local): decides about a run of this process's runner";

static PyType_Slot slots[] = {
    {Py_tp_new, machine_new}, {Py_tp_dealloc, machine_dealloc},
    {Py_tp_methods, methods}, {Py_tp_getset, getset},
    {Py_tp_doc, doc},         {0, NULL},
};

static PyType_Spec spec = {
    .name = "_katydid.Machine",
    .basicsize = sizeof(struct py_machine),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int py_machine_init(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&spec);
    const int rc = type ? PyModule_AddObjectRef(module, "Machine", type) : -1;
    Py_XDECREF(type);
    return rc;
}
