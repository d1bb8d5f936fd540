// SPDX-License-Identifier: MIT
/* Values of other metrics in the files of requests: what k6 has beside those of requests, and what
 * the script counts itself.
 *
 * As with requests, what needs Python is gathered first, and a value of a user without tags of its
 * own finds its place by the identity of its series, class and group. */
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/metric/series.h"
#include "worker/py/py_client.h"
#include "worker/py/py_journal.h"
#include "worker/py/py_journal_parts.h"
#include "worker/py/py_owner.h"
#include "worker/py/py_mod.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 256

enum of_k6 { ITERATIONS, ITERATION_DURATION, DROPPED_ITERATIONS, VUS, VUS_MAX, OF_K6 };
static const struct journal_metric of_k6[OF_K6] = {
    [ITERATIONS] = {"iterations", "counter", "default"},
    [ITERATION_DURATION] = {"iteration_duration", "trend", "time"},
    [DROPPED_ITERATIONS] = {"dropped_iterations", "counter", "default"},
    [VUS] = {"vus", "gauge", "default"},
    [VUS_MAX] = {"vus_max", "gauge", "default"},
};

struct slot {
    const struct series *series; /* NULL: of k6's that belong to the user alone */
    PyObject *class, *group;     /* owned; NULL: none */
    struct journal_place *place; /* NULL: free */
};

static struct slot *slots;
static uint32_t most_users;

bool py_journal_values_wanted;

/* ---- places --------------------------------------------------------------------------------- */

struct key {
    const struct series *series;
    PyObject *class, *group; /* borrowed, or NULL */
};

static struct slot *slot_of(const struct key *k)
{
    const uintptr_t mixed =
        ((uintptr_t)k->series >> 4) ^ ((uintptr_t)k->class << 1) ^ ((uintptr_t)k->group << 2);
    return &slots[(mixed * UINT64_C(0x9E3779B97F4A7C15)) >> 56];
}

static struct journal_place *place_known(const struct key *k)
{
    const struct slot *s = slot_of(k);
    return s->series == k->series && s->class == k->class && s->group == k->group ? s->place : NULL;
}

static void slot_clear(struct slot *s)
{
    const struct slot old = *s;
    *s = (struct slot){.place = NULL};
    Py_XDECREF(old.class);
    Py_XDECREF(old.group);
}

static void remember(const struct key *k, struct journal_place *place)
{
    struct slot *s = slot_of(k);
    if (!journal_place_is_kept(place))
        return;
    slot_clear(s);
    *s = (struct slot){k->series, Py_XNewRef(k->class), Py_XNewRef(k->group), place};
}

static void pack_place(struct sbuf *texts, const struct key *k, const struct sources *from)
{
    const struct tags *own = k->series ? k->series->tags : NULL;
    journal_pack(texts, "", 0); /* method and name: none */
    journal_pack(texts, "", 0);
    sources_pack_user(texts, from, own, k->class, k->group);
    sources_pack_tags(texts, from, own);
}

/* ---- values --------------------------------------------------------------------------------- */

static void put(struct journals *js, struct journal_place *place, uint32_t user,
                const struct journal_value *list, size_t count)
{
    const uint64_t now_us = clk_mono_ns() / 1000 + journal_files.ahead_us;
    unsigned full = journals_put_values(js, place, now_us, user, list, count, JOURNALS_ALL);
    if (full && !journal_place_is_kept(place)) {
        journals_drop_values(js, full, count); /* while others record it would go */
        return;
    }
    while (full) {
        journal_files_wait(js, full);
        full = journals_put_values(js, place, now_us, user, list, count, full);
    }
}

/* owner: a user, or NULL. */
static void gather(const struct series *series, PyObject *group, PyObject *owner,
                   const struct journal_value *list, size_t count)
{
    struct journals *js = journal_files.journals;
    const struct key key = {series, sources_class(owner), group};
    struct sources from;
    struct sbuf texts = scratch_take();
    sources_get(&from, owner, NULL);
    const bool is_usual = !from.user && !from.sample;
    struct journal_place *place = is_usual ? place_known(&key) : NULL;
    const uint32_t user = sources_number(owner);
    if (!place)
        pack_place(&texts, &key, &from);
    if (js == journal_files.journals && !journal_files.is_ended) {
        if (!place) {
            place = journals_place(js, &texts);
            if (is_usual)
                remember(&key, place);
        }
        put(js, place, user, list, count);
    }
    sources_drop(&from);
    scratch_give(&texts);
}

/* has_user: they are of the user whose greenlet runs. An exception that is set stays. */
static void note(const struct series *series, PyObject *group, bool has_user,
                 const struct journal_value *list, size_t count)
{
    PyObject *type, *value, *trace;
    if (journal_files.is_ended) {
        journals_drop_values(journal_files.journals, JOURNALS_ALL, count);
        return;
    }
    PyErr_Fetch(&type, &value, &trace);
    PyObject *owner = has_user ? py_owner() : NULL;
    gather(series, group, owner, list, count);
    Py_XDECREF(owner);
    PyErr_Restore(type, value, trace);
}

static struct journal_metric metric_of(const struct metric *m)
{
    static const char *const types[METRIC_KINDS] = {[METRIC_COUNTER] = "counter",
                                                    [METRIC_GAUGE] = "gauge",
                                                    [METRIC_RATE] = "rate",
                                                    [METRIC_TREND] = "trend"};
    const bool is_bytes = strcmp(m->unit, "B") == 0 || strcmp(m->unit, "bytes") == 0;
    return (struct journal_metric){m->name, types[m->kind],
                                   strcmp(m->unit, "ms") == 0 ? "time"
                                   : is_bytes                 ? "data"
                                                              : "default"};
}

void py_journal_value(const struct series *s, double number, PyObject *group)
{
    const struct journal_value v = {OF_K6 + s->metric->number, metric_of(s->metric), number};
    note(s, group, true, &v, 1);
}

void py_journal_dropped(const struct series *s, uint64_t count)
{
    const struct journal_value v = {DROPPED_ITERATIONS, of_k6[DROPPED_ITERATIONS], (double)count};
    note(s, NULL, false, &v, 1);
}

/* ---- from Python ---------------------------------------------------------------------------- */

/* journal_iteration(began): the user that runs has ended one; began: as of time.perf_counter. */
static PyObject *iteration(PyObject *module, PyObject *began)
{
    const double at = PyFloat_AsDouble(began);
    (void)module;
    if (at == -1 && PyErr_Occurred())
        return NULL;
    if (!py_journal_values_wanted)
        Py_RETURN_NONE;
    const uint64_t took_us = (uint64_t)(fmax(0, (double)clk_mono_ns() / 1e9 - at) * 1e6 + 0.5);
    const struct journal_value list[] = {
        {ITERATIONS, of_k6[ITERATIONS], 1},
        {ITERATION_DURATION, of_k6[ITERATION_DURATION], (double)took_us / 1000}};
    note(NULL, NULL, true, list, 2);
    Py_RETURN_NONE;
}

/* journal_vus(count): so many are there now. */
static PyObject *vus(PyObject *module, PyObject *count)
{
    const uint32_t now = (uint32_t)PyLong_AsUnsignedLongMask(count);
    (void)module;
    if (PyErr_Occurred())
        return NULL;
    if (!py_journal_values_wanted || journal_files.is_ended)
        Py_RETURN_NONE;
    most_users = now > most_users ? now : most_users;
    const struct journal_value list[] = {{VUS, of_k6[VUS], now},
                                         {VUS_MAX, of_k6[VUS_MAX], most_users}};
    note(NULL, NULL, false, list, 2);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"journal_iteration", iteration, METH_O,
     "journal_iteration(began): the user that runs has ended an iteration, that it began then "
     "(time.perf_counter)."},
    {"journal_vus", vus, METH_O, "journal_vus(count): so many are there now."},
    {NULL, NULL, 0, NULL},
};

int py_journal_values_init(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}

/* ---- the files ------------------------------------------------------------------------------ */

void py_journal_values_open(void)
{
    most_users = 0;
    slots = mem_zalloc(SLOTS * sizeof *slots);
    py_journal_values_wanted = py_journal_wanted && journals_have_values(journal_files.journals);
}

void py_journal_values_forget(void)
{
    for (size_t i = 0; slots && i < SLOTS; i++)
        slot_clear(&slots[i]);
}

void py_journal_values_close(void)
{
    py_journal_values_wanted = false;
    py_journal_values_forget();
    free(slots);
    slots = NULL;
}
