// SPDX-License-Identifier: MIT
#include "worker/py/py_tags.h"

#include "common/metric/labelled.h"
#include "common/metric/stats.h"
#include "worker/proto/client.h"
#include "worker/py/py_group.h"
#include "worker/py/py_late.h"
#include "worker/py/py_mod.h"
#include "worker/py/py_owner.h"
#include "worker/py/py_series.h"
#include "worker/py/py_stats.h"

#include <assert.h>
#include <errno.h>

#define WANTED_MOST 8 /* keys */

struct kept_apart {                   /* by some keys, as series of two metrics */
    PyObject *keys;                   /* tuple of interned str; owned; NULL: none yet */
    struct metric *duration, *failed; /* a trend in ms and a rate */
    struct series_cache *cache;       /* of both */
};

static struct {
    struct kept_apart tags;   /* that somebody wants to look at */
    struct kept_apart labels; /* that outputs want */
    PyObject *run;            /* dict of --tag; owned */
    PyObject *group, *class,
        *empty; /* the keys of what is no tag; what an absent one is cached as */
    PyObject *status, *expected, *truth[2];                   /* keys; "false" and "true" */
    PyObject *proto, *error_code, *url, *error, *tls_version; /* keys */
    PyObject *tags_name, *sample_tags;                        /* of attributes */
    PyObject *numbers[2000];                                  /* as texts, once they were seen */
    PyObject *versions[3];                                    /* HTTP/1.0, 1.1 and 2.0 */
    PyObject *tls_versions[4];                                /* tls1.0 to tls1.3 */
    struct metric *corrected; /* of arrivals, from when they were due */
    struct series_cache *cache_of_corrected;
} the;

bool py_tags_wanted;
static bool is_looked_at; /* tags are; beside labels */
static bool has_k6_times; /* duration leaves out what k6 does. Beside what is looked at anyway */

/* ---- what a request has --------------------------------------------------------------------- */

struct sources {              /* the first that has a key counts */
    PyObject *request, *user; /* a dict; whose attributes are asked; borrowed or NULL */
    PyObject *tags, *sample;  /* attributes of the user, once one was needed; owned or NULL */
    bool is_asked;
};

static PyObject *found(PyObject *dict, PyObject *key)
{
    if (!dict || !PyDict_Check(dict) || !PyDict_GET_SIZE(dict))
        return NULL;
    PyObject *value = PyDict_GetItemWithError(dict, key);
    if (__builtin_expect(!value && PyErr_Occurred(), 0))
        PyErr_Clear(); /* of a key in it that cannot be compared */
    return value;
}

/* An attribute that is not there is the usual case, and an exception for it would be dear. */
static PyObject *attribute(PyObject *user, PyObject *name)
{
    PyObject *value = NULL;
    if (py_optional_attribute(user, name, &value) < 0)
        PyErr_Clear();
    return value;
}

static PyObject *found_at_user(struct sources *from, PyObject *key)
{
    if (!from->user)
        return NULL;
    if (!from->is_asked) {
        from->tags = attribute(from->user, the.tags_name);
        from->sample = attribute(from->user, the.sample_tags);
        from->is_asked = true;
    }
    PyObject *value = found(from->tags, key);
    return value ? value : found(from->sample, key);
}

/* Borrowed, or NULL. */
static PyObject *number_text(int number, int most)
{
    if (number <= 0 || number > most)
        return NULL;
    if (!the.numbers[number])
        the.numbers[number] = PyUnicode_FromFormat("%d", number);
    return the.numbers[number];
}

/* Borrowed, or NULL: there was no answer. */
static PyObject *version_text(const struct fetch_response *got)
{
    if (!got || !got->status)
        return NULL;
    return the.versions[got->version >= 20 ? 2 : got->version >= 11];
}

static PyObject *tls_text(const struct fetch_response *got)
{
    const unsigned version = got ? got->tls_version : 0;
    return version >= 10 && version <= 13 ? the.tls_versions[version - 10] : NULL;
}

/* k6's: the code of HTTP/2 behind that of its kind. */
static int http2_code(const struct fetch_response *got)
{
    enum { GOAWAY = 1610, STREAM = 1630, LAST = 0xd };
    const int kind = got->error == FETCH_GOAWAY ? GOAWAY : STREAM;
    return got->sys <= LAST ? kind + 1 + got->sys : kind;
}

int py_tags_error_code(const struct py_stats_request *q)
{
    static const struct {
        enum fetch_error error;
        int sys, code; /* sys 0: any */
    } known[] = {
        {FETCH_RESOLVE, 0, 1101},        {FETCH_CONNECT, ECONNREFUSED, 1212},
        {FETCH_CONNECT, 0, 1210},        {FETCH_CONNECT_TIMEOUT, 0, 1211},
        {FETCH_RESET, ECONNRESET, 1220}, {FETCH_READ_TIMEOUT, 0, 1050},
        {FETCH_TOTAL_TIMEOUT, 0, 1050},  {FETCH_TLS, 0, 1300},
        {FETCH_TLS_VERIFY, 0, 1300},
    };
    if (!q->got || q->got->error == FETCH_OK)
        return q->status >= 400 && q->status < 600 ? 1000 + q->status : 0;
    if (q->got->error == FETCH_GOAWAY || q->got->error == FETCH_STREAM_RESET)
        return http2_code(q->got);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].error == q->got->error && (!known[i].sys || known[i].sys == q->got->sys))
            return known[i].code;
    return 1000;
}

/* Borrowed, or NULL: what a request has of itself, kept from one to the next. */
static PyObject *own_value(const struct sources *from, PyObject *key,
                           const struct py_stats_request *q)
{
    if (key == the.status)
        return number_text(q->status, 599);
    if (key == the.proto)
        return version_text(q->got);
    if (key == the.error_code)
        return number_text(py_tags_error_code(q), 1999);
    if (key == the.expected)
        return the.truth[q->failure == NULL];
    if (key == the.tls_version)
        return tls_text(q->got);
    if (key == the.class && from->user)
        return ((PyHeapTypeObject *)Py_TYPE(from->user))->ht_name;
    return NULL;
}

/* New, or NULL: the same of what has a text of its own for each request. */
static PyObject *made_value(PyObject *key, const struct py_stats_request *q)
{
    PyObject *value = NULL;
    if (key == the.error && q->failure)
        value = PyUnicode_DecodeUTF8(q->failure, (Py_ssize_t)q->failure_len, "replace");
    else if (key == the.url && q->response)
        value = PyObject_GetAttr(q->response, the.url);
    if (PyErr_Occurred())
        PyErr_Clear();
    return value;
}

/* New, or NULL; the user's code may run. */
static PyObject *value_of(struct sources *from, PyObject *key, const struct py_stats_request *q)
{
    PyObject *value = found(from->request, key);
    if (!value && key == the.group)
        value = py_group_path();
    if (!value)
        value = found_at_user(from, key);
    if (!value)
        value = found(the.run, key);
    if (!value)
        value = own_value(from, key, q);
    value = value ? Py_NewRef(value) : made_value(key, q);
    if (value == Py_None || (value && PyUnicode_Check(value) && !PyUnicode_GET_LENGTH(value)))
        Py_CLEAR(value); /* takes the tag away */
    return value;
}

/* ---- series --------------------------------------------------------------------------------- */

static struct series *series_by_text(const struct series_key *k, PyObject *keys, struct metric *m)
{
    struct series_tags tags = {.count = 0};
    int rc =
        series_tags_add(&tags, "method", k->part[0]) | series_tags_add(&tags, "name", k->part[1]);
    for (Py_ssize_t i = 0; rc == 0 && i < PyTuple_GET_SIZE(keys); i++) {
        const char *key = PyUnicode_AsUTF8(PyTuple_GET_ITEM(keys, i));
        if (k->part[i + 2] != the.empty)
            rc = key ? series_tags_add(&tags, key, k->part[i + 2]) : -1;
    }
    struct series *s = rc == 0 ? series_tags_series(&tags, m) : NULL;
    series_tags_fini(&tags);
    return s;
}

static struct series_pair series_for(struct kept_apart *by, const struct series_key *k)
{
    struct series_pair pair = series_cache_find(by->cache, k);
    if (__builtin_expect(pair.second != NULL, 1))
        return pair;
    pair.first = series_by_text(k, by->keys, by->duration);
    pair.second = pair.first ? series_by_text(k, by->keys, by->failed) : NULL;
    if (pair.second)
        series_cache_keep(&by->cache, k, pair);
    return pair;
}

static int count_corrected(const struct series_key *k, uint64_t time_us, double now)
{
    const uint64_t late_us = py_late_us();
    if (late_us == STATS_NO_TIME)
        return 0;
    struct series *s = series_cache_find(the.cache_of_corrected, k).first;
    if (!s && (s = series_by_text(k, the.tags.keys, the.corrected)))
        series_cache_keep(&the.cache_of_corrected, k, (struct series_pair){s, NULL});
    if (s)
        py_series_count_at(s, (double)(time_us + late_us) / 1000, now);
    return s ? 0 : -1;
}

/* k6's time of a request: from a connection that is there to the last byte. */
static uint64_t time_of(const struct py_stats_request *q)
{
    const struct tally_extra *extra = q->measures ? &q->measures->extra : NULL;
    if (__builtin_expect(!has_k6_times, 1) || !extra || !extra->phased ||
        q->time_us == STATS_NO_TIME)
        return q->time_us;
    return extra->phase_us[PHASE_SEND] + extra->phase_us[PHASE_WAIT] +
           extra->phase_us[PHASE_RECEIVE];
}

static int count(const struct series_key *k, struct series_pair pair,
                 const struct py_stats_request *q)
{
    if (!pair.second)
        return -1;
    py_series_count_request(&pair, time_of(q), q->failure != NULL, q->now);
    if (__builtin_expect(py_late_wanted, 0) && q->time_us != STATS_NO_TIME)
        return count_corrected(k, q->time_us, q->now);
    return 0;
}

/* ---- the same call again -------------------------------------------------------------------- */

/* A call whose tags= are all those that are wanted, and no others, is known by the identity of its
 * parts: then nothing is asked of user, group and run. A slot is a line of the processor's cache,
 * as beside a request all that is looked at is cold. */
#define AGAIN_SLOTS 128
#define AGAIN_TAGS 2
static struct again {
    PyObject *method, *name;       /* owned; NULL: free */
    PyObject *tag[2 * AGAIN_TAGS]; /* key, value, …, as the dict has them; owned; str */
    struct series_pair pair;
} __attribute__((aligned(64))) again[AGAIN_SLOTS];
static_assert(sizeof(struct again) == 64, "a slot is a line");

static struct again *slot_of(PyObject *method, PyObject *name, PyObject *value)
{
    const uintptr_t mixed = (uintptr_t)name ^ ((uintptr_t)method >> 3) ^ ((uintptr_t)value << 3);
    return &again[(mixed * UINT64_C(0x9E3779B97F4A7C15)) >> 57];
}

/* The tags in their order; false: they are not of that kind. */
static bool parts_of(PyObject *tags, PyObject *part[2 * AGAIN_TAGS])
{
    Py_ssize_t at = 0;
    if (!tags || !PyDict_CheckExact(tags) || PyDict_GET_SIZE(tags) > AGAIN_TAGS ||
        PyDict_GET_SIZE(tags) != PyTuple_GET_SIZE(the.tags.keys))
        return false;
    for (Py_ssize_t i = 0; i < PyDict_GET_SIZE(tags); i++)
        if (!PyDict_Next(tags, &at, &part[2 * i], &part[2 * i + 1]))
            return false;
    return true;
}

static const struct series_pair *same_call(PyObject *method, PyObject *name,
                                           PyObject *const part[2 * AGAIN_TAGS])
{
    const struct again *slot = slot_of(method, name, part[1]);
    if (slot->method != method || slot->name != name)
        return NULL;
    for (int i = 0; i < 2 * AGAIN_TAGS; i++)
        if (slot->tag[i] != part[i])
            return NULL;
    return &slot->pair;
}

static void forget_call(struct again *slot)
{
    struct again old = *slot;
    *slot = (struct again){0};
    Py_XDECREF(old.method);
    Py_XDECREF(old.name);
    for (int i = 0; i < 2 * AGAIN_TAGS; i++)
        Py_XDECREF(old.tag[i]);
}

/* Whether all that the key has came out of these tags, by strings that stay what they are. The
 * user's code may have run since the request was looked at first. */
static bool is_to_keep(const struct series_key *key, PyObject *tags,
                       PyObject *const part[2 * AGAIN_TAGS])
{
    for (unsigned i = 0; i < key->count; i++)
        if (!PyUnicode_CheckExact(key->part[i]) || key->part[i] == the.empty)
            return false;
    for (int i = 0; i < 2 * AGAIN_TAGS; i++)
        if (part[i] && !PyUnicode_CheckExact(part[i]))
            return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(the.tags.keys); i++)
        if (found(tags, PyTuple_GET_ITEM(the.tags.keys, i)) != key->part[i + 2])
            return false;
    return true;
}

static void keep_call(const struct series_key *key, PyObject *tags, struct series_pair pair)
{
    PyObject *part[2 * AGAIN_TAGS] = {NULL};
    if (!parts_of(tags, part) || !is_to_keep(key, tags, part))
        return;
    struct again *slot = slot_of(key->part[0], key->part[1], part[1]);
    forget_call(slot);
    *slot = (struct again){.method = Py_NewRef(key->part[0]), .name = Py_NewRef(key->part[1])};
    for (int i = 0; i < 2 * AGAIN_TAGS; i++)
        slot->tag[i] = Py_XNewRef(part[i]);
    slot->pair = pair;
}

/* ---- a request ------------------------------------------------------------------------------ */

struct request { /* one that ended */
    struct sources *from;
    PyObject *method, *name;
    const struct py_stats_request *q;
};

/* Its key by these, with references to all but the first two parts. Whether it has some of them. */
static bool key_of(const struct request *r, PyObject *keys, struct series_key *key)
{
    bool has_some = false;
    series_key_add(key, r->method);
    series_key_add(key, r->name);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(keys); i++) {
        PyObject *tag = PyTuple_GET_ITEM(keys, i), *value = value_of(r->from, tag, r->q);
        series_key_add(key, value ? value : Py_NewRef(the.empty));
        has_some |= value || tag == the.status || tag == the.error_code; /* or 0 of them */
    }
    return has_some;
}

static void forget_key(struct series_key *key)
{
    while (key->count > 2)
        Py_DECREF(key->part[--key->count]);
}

static int note(const struct request *r)
{
    struct series_key key = {.count = 0};
    int rc = 0;
    if (key_of(r, the.tags.keys, &key) || has_k6_times) {
        const struct series_pair pair = series_for(&the.tags, &key);
        rc = count(&key, pair, r->q);
        if (rc == 0)
            keep_call(&key, r->from->request, pair);
    }
    forget_key(&key);
    return rc;
}

static int note_known(const struct request *r)
{
    PyObject *part[2 * AGAIN_TAGS] = {NULL};
    const struct series_pair *pair = !py_late_wanted && parts_of(r->from->request, part)
                                         ? same_call(r->method, r->name, part)
                                         : NULL;
    if (__builtin_expect(!pair, 0))
        return note(r);
    py_series_count_request(pair, time_of(r->q), r->q->failure != NULL, r->q->now);
    return 0;
}

/* An event that names no user is of the one whose greenlet it is. */
static int note_labels(const struct request *r)
{
    struct series_key key = {.count = 0};
    int rc = 0;
    PyObject *user = r->from->user ? NULL : py_owner();
    if (user && user != Py_None)
        r->from->user = user;
    if (key_of(r, the.labels.keys, &key)) {
        const struct series_pair pair = series_for(&the.labels, &key);
        if (pair.second)
            py_series_count_request(&pair, r->q->time_us, r->q->failure != NULL, r->q->now);
        else
            rc = -1;
    }
    forget_key(&key);
    Py_XDECREF(user);
    return rc;
}

int py_tags_note(PyObject *user, PyObject *tags, PyObject *method, PyObject *name,
                 const struct py_stats_request *q)
{
    struct sources from = {.request = tags, .user = user == Py_None ? NULL : user};
    const struct request r = {&from, method, name, q};
    int rc = 0;
    if (q->is_apart)
        return 0;
    if (is_looked_at)
        rc = note_known(&r);
    if (rc == 0 && the.labels.keys)
        rc = note_labels(&r);
    Py_XDECREF(from.tags);
    Py_XDECREF(from.sample);
    return rc;
}

/* ---- what is wanted ------------------------------------------------------------------------- */

static PyObject *interned(PyObject *keys)
{
    PyObject *tuple = PySequence_Tuple(keys);
    for (Py_ssize_t i = 0; tuple && i < PyTuple_GET_SIZE(tuple); i++) {
        PyObject *key = PyTuple_GET_ITEM(tuple, i);
        const char *text = PyUnicode_Check(key) ? PyUnicode_AsUTF8(key) : NULL;
        if (!text || !tags_is_key(text) || PyTuple_GET_SIZE(tuple) > WANTED_MOST) {
            PyErr_Format(PyExc_ValueError, "at most %d keys of tags, each a name: %R", WANTED_MOST,
                         keys);
            Py_CLEAR(tuple);
            break;
        }
        Py_INCREF(key);
        PyUnicode_InternInPlace(&key);
        PyTuple_SET_ITEM(tuple, i, key);
    }
    return tuple;
}

/* Takes the keys; a cache's keys are by the place of what was wanted. */
static void keep_apart(struct kept_apart *by, PyObject *keys)
{
    series_cache_free(by->cache);
    by->cache = NULL;
    Py_XSETREF(by->keys, keys);
}

/* series_tags(keys, run_tags, has_k6_times, labels=()) */
static PyObject *series_tags(PyObject *module, PyObject *args)
{
    PyObject *keys, *run, *labels = NULL;
    int is_as_k6;
    (void)module;
    if (!PyArg_ParseTuple(args, "OO!p|O:series_tags", &keys, &PyDict_Type, &run, &is_as_k6,
                          &labels))
        return NULL;
    PyObject *tuple = interned(keys), *of_labels = tuple && labels ? interned(labels) : NULL;
    if (!tuple || (labels && !of_labels)) {
        Py_XDECREF(tuple);
        return NULL;
    }
    if (of_labels && !PyTuple_GET_SIZE(of_labels))
        Py_CLEAR(of_labels);
    keep_apart(&the.tags, tuple);
    keep_apart(&the.labels, of_labels);
    series_cache_free(the.cache_of_corrected);
    the.cache_of_corrected = NULL;
    for (size_t i = 0; i < AGAIN_SLOTS; i++)
        forget_call(&again[i]);
    Py_XSETREF(the.run, Py_NewRef(run));
    has_k6_times = is_as_k6;
    is_looked_at = PyTuple_GET_SIZE(tuple) > 0 || is_as_k6;
    py_tags_wanted = is_looked_at || the.labels.keys;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"series_tags", series_tags, METH_VARARGS,
     "series_tags(keys, run_tags, has_k6_times, labels=()): the keys of tags that make series of "
     "requests from now on, the tags that all requests have, and whether their times are without "
     "DNS, connecting and TLS; then each request makes one. labels: keys of tags that outputs tell "
     "requests apart by."},
    {NULL, NULL, 0, NULL},
};

static struct metric *trend(const char *name)
{
    enum metric_problem why;
    return series_metric(py_series_table(), name,
                         (struct metric_kind_of){METRIC_TREND, "ms", METRIC_SCALE}, &why);
}

static struct metric *rate(const char *name)
{
    enum metric_problem why;
    return series_metric(py_series_table(), name,
                         (struct metric_kind_of){METRIC_RATE, "", METRIC_SCALE}, &why);
}

int py_tags_init(PyObject *module)
{
    if (!the.group) {
        the.group = PyUnicode_InternFromString("group");
        the.class = PyUnicode_InternFromString("class");
        the.empty = PyUnicode_InternFromString("");
        the.status = PyUnicode_InternFromString("status");
        the.proto = PyUnicode_InternFromString("proto");
        the.error_code = PyUnicode_InternFromString("error_code");
        the.url = PyUnicode_InternFromString("url");
        the.error = PyUnicode_InternFromString("error");
        the.tls_version = PyUnicode_InternFromString("tls_version");
        the.versions[0] = PyUnicode_InternFromString("HTTP/1.0");
        the.versions[1] = PyUnicode_InternFromString("HTTP/1.1");
        the.versions[2] = PyUnicode_InternFromString("HTTP/2.0");
        for (int i = 0; i < 4; i++)
            the.tls_versions[i] = PyUnicode_FromFormat("tls1.%d", i);
        the.expected = PyUnicode_InternFromString("expected_response");
        the.truth[0] = PyUnicode_InternFromString("false");
        the.truth[1] = PyUnicode_InternFromString("true");
        the.tags_name = PyUnicode_InternFromString("tags");
        the.sample_tags = PyUnicode_InternFromString("sample_tags");
        the.tags.duration = trend("http_req_duration");
        the.tags.failed = rate("http_req_failed");
        the.corrected = trend("http_req_corrected");
        the.labels.duration = trend(LABELLED_DURATION);
        the.labels.failed = rate(LABELLED_FAILED);
    }
    return PyErr_Occurred() ? -1 : PyModule_AddFunctions(module, functions);
}
