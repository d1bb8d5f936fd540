// SPDX-License-Identifier: MIT
/* What needs Python of a request (its texts, tags and user) is gathered first, for that may run the
 * user's code, in which another request may end; what is put into the journals then is put without.
 *
 * A locustfile passes the same names again and again: a request without tags of its own finds its
 * place by the identity of these. */
#include "worker/py/py_journal.h"

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/metric/stats.h"
#include "worker/journal/journal.h"
#include "worker/py/py_client_response.h"
#include "worker/py/py_group.h"
#include "worker/py/py_journal_parts.h"
#include "worker/py/py_mod.h"
#include "worker/py/py_owner.h"
#include "worker/py/py_tags.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define SLOTS 1024

static_assert((int)JOURNAL_QUEUE == PHASE_QUEUE && (int)JOURNAL_RECEIVE == PHASE_RECEIVE &&
                  (int)JOURNAL_PHASES == PHASES,
              "a journal's phases are those of the statistics");

struct slot {
    PyObject *method, *name, *class, *group; /* owned; the last two NULL: none */
    struct journal_place *place;
};

static struct {
    const struct py_stats *stats; /* whose requests these are; borrowed */
    PyObject *url;                /* a name */
    struct slot *slots;
} the;

bool py_journal_wanted;

/* ---- places' texts ------------------------------------------------------------------------- */

struct place_key {
    PyObject *method, *name, *class, *group; /* borrowed, the last two may be NULL */
};

static void pack_place(struct sbuf *texts, const struct place_key *k, const struct sources *from)
{
    sources_pack(texts, k->method);
    sources_pack(texts, k->name);
    sources_pack_user(texts, from, NULL, k->class, k->group);
    sources_pack_tags(texts, from, NULL);
}

/* ---- places --------------------------------------------------------------------------------- */

static struct slot *slot_of(const struct place_key *k)
{
    const uintptr_t mixed = (uintptr_t)k->name ^ ((uintptr_t)k->method >> 3) ^
                            ((uintptr_t)k->class << 1) ^ ((uintptr_t)k->group << 2);
    return &the.slots[(mixed * UINT64_C(0x9E3779B97F4A7C15)) >> 54];
}

static void slot_clear(struct slot *s)
{
    const struct slot old = *s;
    *s = (struct slot){0};
    Py_XDECREF(old.method);
    Py_XDECREF(old.name);
    Py_XDECREF(old.class);
    Py_XDECREF(old.group);
}

static struct journal_place *place_known(const struct place_key *k)
{
    const struct slot *s = slot_of(k);
    return s->method == k->method && s->name == k->name && s->class == k->class &&
                   s->group == k->group
               ? s->place
               : NULL;
}

static void remember(const struct place_key *k, struct journal_place *place)
{
    struct slot *s = slot_of(k);
    if (!PyUnicode_CheckExact(k->method) || !PyUnicode_CheckExact(k->name) ||
        !journal_place_is_kept(place))
        return;
    slot_clear(s);
    *s = (struct slot){Py_NewRef(k->method), Py_NewRef(k->name), Py_XNewRef(k->class),
                       Py_XNewRef(k->group), place};
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* s: the session that asked, where it keeps the number; or NULL. */
static uint32_t user_number(struct session *s, PyObject *user)
{
    if (!s || !is_given(user))
        return sources_number(user);
    if (!s->user_number)
        s->user_number = sources_number(user);
    return s->user_number;
}

static uint32_t at_most_u32(uint64_t number)
{
    return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

static void take_measures(struct journal_numbers *n, const struct measures *m)
{
    n->is_measured = true;
    n->sent_bytes = m->extra.sent_bytes;
    n->received_bytes = m->extra.received_bytes;
    for (int p = 0; p < JOURNAL_PHASES; p++)
        n->phase_us[p] = at_most_u32(m->extra.phase_us[p]);
}

static void take_numbers(struct journal_numbers *n, PyObject *user,
                         const struct py_stats_request *q)
{
    struct response *r = (struct response *)q->response;
    const bool is_ours = r && q->measures && r->ended_ns;
    n->ended_us = (is_ours ? r->ended_ns : clk_mono_ns()) / 1000 + journal_files.ahead_us;
    n->time_us = q->time_us == STATS_NO_TIME ? JOURNAL_NO_TIME : q->time_us;
    n->bytes = q->bytes;
    n->is_failed = q->failure != NULL;
    n->status = q->status > 0 ? (uint16_t)q->status : 0;
    n->user = user_number(r ? r->session : NULL, user);
    if (r)
        n->error_code = (uint16_t)py_tags_error_code(q);
    if (q->got && q->got->status) {
        n->version = (uint8_t)q->got->version;
        n->tls_version = (uint8_t)q->got->tls_version;
    }
    if (q->measures)
        take_measures(n, q->measures);
}

/* That was asked first, where redirects followed. New, or NULL. */
static PyObject *url_of(const struct py_stats_request *q)
{
    struct response *r = (struct response *)q->response;
    PyObject *asked = q->response, *url;
    if (!r)
        return Py_XNewRef(q->url);
    if (r->history && PyList_CheckExact(r->history) && PyList_GET_SIZE(r->history))
        asked = PyList_GET_ITEM(r->history, 0);
    else if (r->site && r->target && !r->url)
        return PyUnicode_Concat(r->site->root, r->target);
    Py_INCREF(asked);
    url = PyObject_GetAttr(asked, the.url);
    Py_DECREF(asked);
    return url;
}

static struct journal_text reason_of(const struct py_stats_request *q)
{
    const struct fetch_response *got = q->got;
    if (!got || !got->reason || utf8_valid_prefix(got->reason, got->reason_len) != got->reason_len)
        return (struct journal_text){"", 0};
    return (struct journal_text){got->reason, got->reason_len};
}

/* ---- the hook ------------------------------------------------------------------------------- */

static void put(struct journals *js, struct journal_place *place, const struct journal_request *r)
{
    unsigned full = journals_put(js, place, r, JOURNALS_ALL);
    if (full && !journal_place_is_kept(place)) {
        journals_drop(js, full); /* while others record it would go */
        return;
    }
    while (full) {
        journal_files_wait(js, full);
        full = journals_put(js, place, r, full);
    }
}

void py_journal_note(const struct py_stats *s, PyObject *user, PyObject *tags, PyObject *method,
                     PyObject *name, const struct py_stats_request *q)
{
    if (s != the.stats || q->is_apart)
        return;
    if (journal_files.is_ended) {
        journals_drop(journal_files.journals, JOURNALS_ALL);
        return;
    }
    PyObject *owner = is_given(user) ? Py_NewRef(user) : py_owner();
    const struct place_key key = {method, name, sources_class(owner), py_group_path()};
    struct journals *js = journal_files.journals;
    struct journal_request r = {.error = {q->failure ? q->failure : "", q->failure_len},
                                .reason = reason_of(q)};
    struct sources from;
    struct sbuf texts = scratch_take();
    PyObject *url = url_of(q);
    const struct source_text url_text = sources_text(url);
    r.url = url_text.text;
    sources_get(&from, owner, tags);
    take_numbers(&r.n, owner, q);
    const bool is_usual = !from.request && !from.user && !from.sample;
    struct journal_place *place =
        is_usual && js == journal_files.journals ? place_known(&key) : NULL;
    if (!place)
        pack_place(&texts, &key, &from);
    if (js == journal_files.journals &&
        !journal_files.is_ended) { /* else the user's code has ended the run meanwhile */
        if (!place) {
            place = journals_place(js, &texts);
            if (is_usual)
                remember(&key, place);
        }
        put(js, place, &r);
    }
    PyErr_Clear();
    Py_XDECREF(url_text.keep);
    Py_XDECREF(url);
    Py_XDECREF(owner);
    sources_drop(&from);
    scratch_give(&texts);
}

/* ---- from Python ---------------------------------------------------------------------------- */

static void close_all(void)
{
    py_journal_wanted = false;
    for (size_t i = 0; the.slots && i < SLOTS; i++)
        slot_clear(&the.slots[i]);
    free(the.slots);
    the.slots = NULL;
    py_journal_values_close();
    if (!journal_files.waiting) /* else another thread is in there; what is left is little */
        journals_free(journal_files.journals);
    journal_files.journals = NULL;
    the.stats = NULL;
}

static int read_wish(PyObject *tuple, struct journal_wish *w)
{
    int is_more, waits;
    Py_ssize_t bytes;
    w->metrics = NULL;
    if (!PyArg_ParseTuple(tuple, "sszppn|z:journals_open", &w->format, &w->path, &w->time, &is_more,
                          &waits, &bytes, &w->metrics))
        return -1;
    w->is_more = is_more;
    w->waits = waits;
    w->buffer_bytes = bytes > 0 ? (size_t)bytes : 0;
    return 0;
}

/* journals_open([(format, path, time, is_more, waits, buffer_bytes, metrics=None)], worker, stats)
 */
static PyObject *open_method(PyObject *module, PyObject *args)
{
    PyObject *list, *stats;
    const char *worker;
    struct journal_wish wishes[JOURNALS_MOST];
    (void)module;
    if (!PyArg_ParseTuple(args, "O!zO!:journals_open", &PyList_Type, &list, &worker, &py_stats_type,
                          &stats))
        return NULL;
    const Py_ssize_t count = PyList_GET_SIZE(list);
    if (count > JOURNALS_MOST)
        return PyErr_Format(PyExc_ValueError, "at most %d files of requests", JOURNALS_MOST);
    for (Py_ssize_t i = 0; i < count; i++)
        if (read_wish(PyList_GET_ITEM(list, i), &wishes[i]) != 0)
            return NULL;
    close_all();
    journal_files.journals = journals_open(wishes, (size_t)count, worker);
    if (!journal_files.journals)
        return PyErr_Format(PyExc_OSError, "files of requests: no thread can be started, or the "
                                           "format is not known");
    const struct clk_moment now = clk_now();
    journal_files.ahead_us = (uint64_t)((now.steady - now.mono) * 1e6);
    the.stats = (const struct py_stats *)stats;
    the.slots = mem_zalloc(SLOTS * sizeof *the.slots);
    journal_files.is_ended = false;
    py_journal_wanted = count > 0;
    py_journal_values_open();
    Py_RETURN_NONE;
}

static PyObject *tags_method(PyObject *module, PyObject *tags)
{
    (void)module;
    if (!PyDict_Check(tags))
        return PyErr_Format(PyExc_TypeError, "tags must be a dict");
    for (size_t i = 0; the.slots && i < SLOTS; i++)
        slot_clear(&the.slots[i]); /* their places have the tags that were */
    py_journal_values_forget();
    Py_XSETREF(journal_files.run_tags, Py_NewRef(tags));
    Py_RETURN_NONE;
}

static PyObject *users_method(PyObject *module, PyObject *args)
{
    unsigned all;
    PyObject *classes, *name, *count;
    Py_ssize_t at = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "IO!:journals_users", &all, &PyDict_Type, &classes))
        return NULL;
    if (!journal_files.journals)
        Py_RETURN_NONE;
    journals_users(journal_files.journals, NULL, all);
    while (PyDict_Next(classes, &at, &name, &count)) {
        const char *text = PyUnicode_AsUTF8(name);
        if (!text)
            return NULL;
        journals_users(journal_files.journals, text, (uint32_t)PyLong_AsUnsignedLongMask(count));
    }
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *user_method(PyObject *module, PyObject *user)
{
    (void)module;
    const bool is_asked_for = py_journal_wanted || py_tags_wanted;
    return is_asked_for && py_owner_set(user) != 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *state_method(PyObject *module, PyObject *unused)
{
    const size_t count = journal_files.journals ? journals_count(journal_files.journals) : 0;
    PyObject *list = PyList_New((Py_ssize_t)count);
    (void)module, (void)unused;
    for (size_t i = 0; list && i < count; i++) {
        const struct journal_state s = journals_state(journal_files.journals, i);
        PyObject *one =
            Py_BuildValue("KKKKzzO", (unsigned long long)s.offered, (unsigned long long)s.written,
                          (unsigned long long)s.dropped, (unsigned long long)s.values_dropped,
                          s.trouble, s.note, s.is_done ? Py_True : Py_False);
        if (one)
            PyList_SET_ITEM(list, (Py_ssize_t)i, one);
        else
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *end_method(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    journal_files.is_ended = true;
    if (journal_files.journals)
        journals_end(journal_files.journals);
    Py_RETURN_NONE;
}

static PyObject *close_method(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    close_all();
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"journals_open", open_method, METH_VARARGS,
     "journals_open([(format, path, time or None, is_more, waits, buffer_bytes, metrics=None)], "
     "worker or None, stats): from now on each request that is counted in stats goes there. "
     "metrics: what is to be told of them (journal.h)."},
    {"journals_tags", tags_method, METH_O, "journals_tags(dict): what all requests have."},
    {"journals_users", users_method, METH_VARARGS,
     "journals_users(all, {class: count}): there are now."},
    {"journals_user", user_method, METH_O,
     "journals_user(user): the greenlet that runs is that user's, and what it spawns."},
    {"journals_state", state_method, METH_NOARGS,
     "journals_state() → [(offered, written, dropped, values dropped, trouble or None, note or "
     "None, is_done)]; the first three are requests."},
    {"journals_end", end_method, METH_NOARGS, "No more requests: has the files finished."},
    {"journals_close", close_method, METH_NOARGS, "What is not written is given up."},
    {NULL, NULL, 0, NULL},
};

/* The threads are the parent's. */
static void forget(void)
{
    py_journal_wanted = false;
    py_journal_values_wanted = false;
}

int py_journal_init(PyObject *module)
{
    if (!the.url) {
        pthread_atfork(NULL, NULL, forget);
        the.url = PyUnicode_InternFromString("url");
        sources_init();
    }
    return PyErr_Occurred() ? -1 : PyModule_AddFunctions(module, functions);
}
