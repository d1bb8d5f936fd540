// SPDX-License-Identifier: MIT
/* Whose a request or a value is: its user's class, scenario, group and tags, as texts. */
#include "worker/py/py_journal_parts.h"
#include "worker/py/py_owner.h"

#include "common/metric/tags.h"
#include "worker/py/py_client_session.h"
#include "worker/py/py_mod.h"

#include <string.h>

static struct {
    PyObject *tags, *sample_tags, *number, *scenario, *group, *class; /* names */
    uint32_t last_user; /* the highest number that was given */
} the;

struct journal_files journal_files;

void journal_files_wait(struct journals *js, unsigned which)
{
    journal_files.waiting++;
    Py_BEGIN_ALLOW_THREADS;
    journals_await_room(js, which);
    Py_END_ALLOW_THREADS;
    journal_files.waiting--;
}

/* ---- texts ---------------------------------------------------------------------------------- */

struct source_text sources_text(PyObject *o)
{
    struct source_text u = {.text = {"", 0}};
    Py_ssize_t len = 0;
    char *bytes = NULL;
    if (!o || o == Py_None)
        return u;
    if (PyUnicode_Check(o)) {
        const char *text = PyUnicode_AsUTF8AndSize(o, &len);
        if (text)
            u.text = (struct journal_text){text, (size_t)len};
        if (text)
            return u;
        PyErr_Clear(); /* lone surrogates */
    }
    PyObject *str = PyObject_Str(o);
    u.keep = str ? PyUnicode_AsEncodedString(str, "utf-8", "backslashreplace") : NULL;
    Py_XDECREF(str);
    if (u.keep && PyBytes_AsStringAndSize(u.keep, &bytes, &len) == 0)
        u.text = (struct journal_text){bytes, (size_t)len};
    else
        PyErr_Clear();
    return u;
}

void sources_pack(struct sbuf *texts, PyObject *o)
{
    struct source_text u = sources_text(o);
    journal_pack(texts, u.text.text, u.text.len);
    Py_XDECREF(u.keep);
}

/* ---- what a request has --------------------------------------------------------------------- */

#define SOURCES 4

static PyObject *dict_or_null(PyObject *o) /* steals */
{
    if (o && PyDict_Check(o) && PyDict_GET_SIZE(o))
        return o;
    Py_XDECREF(o);
    return NULL;
}

static PyObject *of_user(PyObject *user, PyObject *name)
{
    PyObject *value = NULL;
    if (!is_given(user))
        return NULL;
    if (py_optional_attribute(user, name, &value) < 0)
        PyErr_Clear();
    return dict_or_null(value);
}

void sources_get(struct sources *from, PyObject *user, PyObject *tags)
{
    from->request = dict_or_null(Py_XNewRef(tags));
    from->user = of_user(user, the.tags);
    from->sample = of_user(user, the.sample_tags);
    from->run = dict_or_null(Py_XNewRef(journal_files.run_tags));
}

void sources_drop(struct sources *from)
{
    Py_XDECREF(from->request);
    Py_XDECREF(from->user);
    Py_XDECREF(from->sample);
    Py_XDECREF(from->run);
}

/* Borrowed, or NULL. */
static PyObject *found(PyObject *const *dicts, size_t count, PyObject *key)
{
    for (size_t i = 0; i < count; i++) {
        PyObject *value = dicts[i] ? PyDict_GetItemWithError(dicts[i], key) : NULL;
        if (value)
            return value;
        if (PyErr_Occurred())
            PyErr_Clear(); /* of a key in it that cannot be compared */
    }
    return NULL;
}

/* Tags by these names stand elsewhere in a line. */
static bool is_own(PyObject *key)
{
    static const char *const own[] = {"method",     "name",   "scenario",   "group",
                                      "class",      "url",    "status",     "proto",
                                      "error",      "worker", "error_code", "expected_response",
                                      "tls_version"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (PyUnicode_CompareWithASCIIString(key, own[i]) == 0)
            return true;
    return false;
}

static void pack_part(struct sbuf *texts, const struct tags *more, const char *key,
                      PyObject *otherwise)
{
    const char *own = more ? tags_get(more, key) : NULL;
    if (own)
        journal_pack(texts, own, strlen(own));
    else
        sources_pack(texts, otherwise);
}

void sources_pack_user(struct sbuf *texts, const struct sources *from, const struct tags *more,
                       PyObject *class, PyObject *group)
{
    PyObject *const dicts[SOURCES] = {from->request, from->user, from->sample, from->run};
    PyObject *of_tags = found(dicts, SOURCES, the.class);
    pack_part(texts, more, "class", of_tags ? of_tags : class);
    pack_part(texts, more, "scenario", found(dicts, SOURCES, the.scenario));
    pack_part(texts, more, "group", group ? group : found(dicts, SOURCES, the.group));
}

/* Tags that values have in other places than others. */
static bool is_part(const char *key)
{
    return strcmp(key, "class") == 0 || strcmp(key, "scenario") == 0 || strcmp(key, "group") == 0 ||
           strcmp(key, "worker") == 0;
}

static size_t pack_more(struct sbuf *texts, const struct tags *more)
{
    size_t count = 0;
    for (uint32_t i = 0; more && i < more->count; i++) {
        const struct tag *t = &more->list[i];
        if (is_part(t->key))
            continue;
        journal_pack(texts, t->key, strlen(t->key));
        journal_pack(texts, t->value, strlen(t->value));
        count++;
    }
    return count;
}

static bool has_tag(const struct tags *more, PyObject *key)
{
    for (uint32_t i = 0; more && i < more->count; i++)
        if (PyUnicode_CompareWithASCIIString(key, more->list[i].key) == 0)
            return true;
    return false;
}

void sources_pack_tags(struct sbuf *texts, const struct sources *from, const struct tags *more)
{
    PyObject *const dicts[SOURCES] = {from->request, from->user, from->sample, from->run};
    size_t count = pack_more(texts, more);
    for (size_t i = 0; i < SOURCES; i++) {
        PyObject *key, *value;
        Py_ssize_t at = 0;
        while (dicts[i] && count < JOURNAL_TAGS_MOST && PyDict_Next(dicts[i], &at, &key, &value)) {
            if (!PyUnicode_Check(key) || is_own(key) || has_tag(more, key) ||
                found(dicts, i, key) || value == Py_None)
                continue;
            Py_INCREF(key);
            Py_INCREF(value);
            sources_pack(texts, key);
            sources_pack(texts, value);
            Py_DECREF(key);
            Py_DECREF(value);
            count++;
        }
    }
}

PyObject *sources_class(PyObject *user)
{
    return is_given(user) ? ((PyHeapTypeObject *)Py_TYPE(user))->ht_name : NULL;
}

uint32_t sources_number(PyObject *user)
{
    PyObject *number = NULL;
    uint32_t n = 0;
    if (!is_given(user))
        return 0;
    if (py_optional_attribute(user, the.number, &number) > 0) {
        n = (uint32_t)PyLong_AsUnsignedLongMask(number);
    } else if (!PyErr_Occurred()) {
        n = ++the.last_user;
        number = PyLong_FromUnsignedLong(n);
        if (number)
            PyObject_SetAttr(user, the.number, number);
    }
    Py_XDECREF(number);
    PyErr_Clear();
    return n;
}

void sources_init(void)
{
    the.tags = PyUnicode_InternFromString("tags");
    the.sample_tags = PyUnicode_InternFromString("sample_tags");
    the.number = PyUnicode_InternFromString("_journal_number");
    the.scenario = PyUnicode_InternFromString("scenario");
    the.group = PyUnicode_InternFromString("group");
    the.class = PyUnicode_InternFromString("class");
    py_owner_init();
}
