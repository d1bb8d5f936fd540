// SPDX-License-Identifier: MIT
/* Session: the C base of HttpSession and FastHttpSession.
 *
 * Problem: a requests.Session costs some 30 KB with its adapters, pools, header dicts and jar, and
 * 100,000 users have one each.
 * Design: every attribute is a descriptor over one pointer, NULL until somebody touches it; the
 * default is made by pylib at that moment and from then on belongs to the user's code, which may
 * change it in place at any time. What the fast road derived from such an object is checked
 * against it by comparing pointers (head lines) or a version (cookies) at each request.
 */
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_session.h"
#include "worker/py/py_stats.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

static struct head_lines default_lines, fast_lines;

/* ---- connections ---------------------------------------------------------------------------- */

struct pool_ref *pool_ref_new(struct fetch_pool_config config)
{
    struct fetch_engine *engine = site_engine();
    if (!engine)
        return NULL;
    struct pool_ref *pool = mem_zalloc(sizeof *pool);
    *pool = (struct pool_ref){.refs = 1, .pool = fetch_pool_new(engine, config)};
    return pool;
}

struct pool_ref *pool_ref_get(struct pool_ref *pool)
{
    pool->refs++;
    return pool;
}

void pool_ref_put(struct pool_ref *pool)
{
    if (!pool || --pool->refs)
        return;
    fetch_pool_free(pool->pool);
    free(pool);
}

struct pool_ref *session_pool(struct session *s)
{
    if (s->pool)
        return s->pool;
    if (s->pool_owner)
        s->pool = pool_object_ref(s->pool_owner);
    else
        s->pool = pool_ref_new(
            (struct fetch_pool_config){.max_idle_per_origin = s->is_fast ? s->concurrency : 10,
                                       .max_per_origin = s->is_fast ? s->concurrency : 0,
                                       .max_shared = s->max_shared ? s->max_shared : 1,
                                       .ping_ms = s->ping_ms,
                                       .ping_wait_ms = s->ping_wait_ms,
                                       .pings_busy_only = s->pings_busy_only});
    return s->pool;
}

/* ---- default header lines ------------------------------------------------------------------- */

void head_lines_fini(struct head_lines *l)
{
    for (Py_ssize_t i = 0; i < l->count * 2; i++)
        Py_DECREF(l->snapshot[i]);
    sbuf_fini(&l->text);
    free(l->headers);
    free(l->snapshot);
    *l = (struct head_lines){0};
}

/* The dict behind a mapping of headers: itself, or the store of a CaseInsensitiveDict whose
 * values are (name, value). NULL when it is neither. */
static PyObject *headers_dict(PyObject *headers, bool *is_store)
{
    *is_store = false;
    if (PyDict_CheckExact(headers))
        return Py_NewRef(headers);
    if ((PyObject *)Py_TYPE(headers) != glue.case_insensitive_dict)
        return NULL;
    *is_store = true;
    PyObject *store = PyObject_GetAttrString(headers, "_store");
    if (store && !PyDict_Check(store))
        Py_CLEAR(store);
    PyErr_Clear();
    return store;
}

static bool is_same_dict(const struct head_lines *l, PyObject *dict)
{
    if (PyDict_GET_SIZE(dict) != l->count)
        return false;
    PyObject *key = NULL, *value = NULL;
    Py_ssize_t at = 0;
    for (Py_ssize_t i = 0; PyDict_Next(dict, &at, &key, &value); i++)
        if (l->snapshot[2 * i] != key || l->snapshot[2 * i + 1] != value)
            return false;
    return true;
}

/* Texts that no client refuses: visible at their start, no controls. */
static bool is_plain_text(PyObject *value)
{
    if (!PyUnicode_Check(value) || PyUnicode_KIND(value) != PyUnicode_1BYTE_KIND)
        return false;
    const uint8_t *text = PyUnicode_1BYTE_DATA(value);
    const Py_ssize_t len = PyUnicode_GET_LENGTH(value);
    for (Py_ssize_t i = 0; i < len; i++)
        if ((text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            return false;
    return !len || (*text > ' ' && *text != 0x85 && *text != 0xa0);
}

static bool has_line(const struct head_lines *l, PyObject *name)
{
    const size_t len = (size_t)PyUnicode_GET_LENGTH(name);
    for (Py_ssize_t i = 0; i < l->count; i++)
        if (l->headers[i].name_len == len &&
            !strncasecmp(l->headers[i].name, PyUnicode_DATA(name), len))
            return true;
    return false;
}

/* The text has room for it. */
static const char *add_text(struct head_lines *l, PyObject *text, uint32_t *len)
{
    const char *at = l->text.data + l->text.len;
    *len = (uint32_t)PyUnicode_GET_LENGTH(text);
    sbuf_add(&l->text, PyUnicode_DATA(text), *len);
    return at;
}

static bool is_good_line(const struct head_lines *l, PyObject *name, PyObject *value)
{
    return is_plain_text(name) && is_plain_text(value) &&
           site_is_token(PyUnicode_DATA(name), PyUnicode_GET_LENGTH(name)) && !has_line(l, name);
}

/* The next of a dict; false at its end, or where its value is not what it should be. */
static bool next_line(PyObject *dict, bool is_store, Py_ssize_t *at, PyObject *pair[2],
                      PyObject *line[2])
{
    if (!PyDict_Next(dict, at, &pair[0], &pair[1]))
        return false;
    const bool is_pair = is_store && PyTuple_CheckExact(pair[1]) && PyTuple_GET_SIZE(pair[1]) == 2;
    line[0] = is_pair ? PyTuple_GET_ITEM(pair[1], 0) : pair[0];
    line[1] = is_pair ? PyTuple_GET_ITEM(pair[1], 1) : pair[1];
    return !is_store || is_pair;
}

/* Bytes of all names and values; 0 when there are others than texts. */
static size_t lines_length(PyObject *dict, bool is_store)
{
    PyObject *pair[2], *line[2];
    Py_ssize_t at = 0, count = 0;
    size_t len = 1;
    while (next_line(dict, is_store, &at, pair, line)) {
        if (!PyUnicode_Check(line[0]) || !PyUnicode_Check(line[1]))
            return 0;
        len += (size_t)(PyUnicode_GET_LENGTH(line[0]) + PyUnicode_GET_LENGTH(line[1]));
        count++;
    }
    return count == PyDict_GET_SIZE(dict) ? len : 0;
}

static enum road fill_lines(struct head_lines *l, PyObject *dict, bool is_store)
{
    const size_t size = (size_t)PyDict_GET_SIZE(dict), len = lines_length(dict, is_store);
    if (!len)
        return ROAD_PLAIN;
    l->headers = mem_zalloc((size_t)(size + 1) * sizeof *l->headers);
    l->snapshot = mem_zalloc((size_t)(2 * size + 1) * sizeof *l->snapshot);
    sbuf_reserve(&l->text, len); /* at once: it must not move */
    PyObject *pair[2], *line[2];
    for (Py_ssize_t at = 0; next_line(dict, is_store, &at, pair, line); l->count++) {
        if (!is_good_line(l, line[0], line[1]))
            return ROAD_PLAIN;
        struct fetch_header *h = &l->headers[l->count];
        h->name = add_text(l, line[0], &h->name_len);
        h->value = add_text(l, line[1], &h->value_len);
        l->snapshot[2 * l->count] = Py_NewRef(pair[0]);
        l->snapshot[2 * l->count + 1] = Py_NewRef(pair[1]);
    }
    return ROAD_FAST;
}

static enum road make_lines(struct head_lines *l, PyObject *headers)
{
    bool is_store = false;
    PyObject *dict = headers_dict(headers, &is_store);
    if (!dict)
        return ROAD_PLAIN;
    enum road road = ROAD_FAST;
    if (!l->snapshot || !is_same_dict(l, dict)) {
        head_lines_fini(l);
        road = fill_lines(l, dict, is_store);
    }
    Py_DECREF(dict);
    if (road != ROAD_FAST)
        head_lines_fini(l);
    return road;
}

enum road session_lines(struct session *s, const struct head_lines **lines)
{
    if (!s->headers) {
        struct head_lines *shared = s->is_fast ? &fast_lines : &default_lines;
        *lines = shared;
        if (shared->snapshot)
            return ROAD_FAST;
        return make_lines(shared, s->is_fast ? glue.fast_headers : glue.default_headers);
    }
    if (!s->lines)
        s->lines = mem_zalloc(sizeof *s->lines);
    *lines = s->lines;
    return make_lines(s->lines, s->headers);
}

/* ---- which road ----------------------------------------------------------------------------- */

static bool is_empty(PyObject *value)
{
    return !value || value == Py_None || (PyDict_CheckExact(value) && !PyDict_GET_SIZE(value));
}

/* hooks == {"response": []} or nothing at all */
static bool has_hooks(PyObject *hooks)
{
    if (is_empty(hooks))
        return false;
    if (!PyDict_CheckExact(hooks))
        return true;
    PyObject *key = NULL, *value = NULL;
    Py_ssize_t at = 0;
    while (PyDict_Next(hooks, &at, &key, &value))
        if (!PyList_CheckExact(value) || PyList_GET_SIZE(value))
            return true;
    return false;
}

static enum road environment_road(struct session *s)
{
    if (s->is_fast || s->trust_env == Py_False)
        return ROAD_FAST;
    if (!s->is_env_checked) {
        PyObject *is_free = PyObject_CallNoArgs(glue.is_env_free);
        if (!is_free)
            return ROAD_ERROR;
        s->is_env_free = is_free == Py_True;
        s->is_env_checked = true;
        Py_DECREF(is_free);
    }
    return s->is_env_free ? ROAD_FAST : ROAD_PLAIN;
}

enum road session_road(struct session *s)
{
    if (!s->is_plain_class || s->is_odd || s->adapters || !site_is_loop_thread())
        return ROAD_PLAIN;
    if (!is_empty(s->proxies) || !is_empty(s->params) || has_hooks(s->hooks))
        return ROAD_PLAIN;
    if (s->stream && s->stream != Py_False && s->stream != Py_None)
        return ROAD_PLAIN;
    return environment_road(s);
}

enum road session_site(struct session *s)
{
    if (s->site)
        return ROAD_FAST;
    if (!s->base_url || !PyUnicode_Check(s->base_url))
        return ROAD_PLAIN;
    Py_ssize_t len = 0;
    const char *url = PyUnicode_AsUTF8AndSize(s->base_url, &len);
    const Py_ssize_t root_len = url ? site_root_length(url, len) : 0;
    if (!root_len || (len > root_len && !site_is_normal_target(url + root_len, len - root_len)) ||
        memchr(url, '?', (size_t)len)) {
        PyErr_Clear();
        return ROAD_PLAIN;
    }
    PyObject *root = PyUnicode_FromStringAndSize(url, root_len);
    PyObject *verify = s->verify ? s->verify : s->is_fast ? Py_False : Py_True;
    struct site *site = site_get(root, verify, s->cert ? s->cert : Py_None, Py_None, s->http2);
    Py_XDECREF(root);
    if (!site)
        return ROAD_ERROR;
    if (len > root_len + 1) { /* a bare slash is that of the paths */
        s->site_path = PyUnicode_FromStringAndSize(url + root_len, len - root_len);
        if (!s->site_path) {
            site_put(site);
            return ROAD_ERROR;
        }
    }
    s->site = site;
    return ROAD_FAST;
}

/* base_url + url. The slash of a bare host is not said twice. */
PyObject *session_join(const struct session *s, PyObject *url)
{
    Py_ssize_t len = 0;
    const char *base = PyUnicode_AsUTF8AndSize(s->base_url, &len), *path = PyUnicode_AsUTF8(url);
    if (!base || !path)
        return NULL;
    const bool is_bare =
        *path == '/' && len && base[len - 1] == '/' && site_root_length(base, len) == len - 1;
    if (!is_bare)
        return PyUnicode_Concat(s->base_url, url);
    return PyUnicode_FromFormat("%.*s%s", (int)(len - 1), base, path);
}

bool session_records_directly(const struct session *s)
{
    if (!s->handlers || PyList_GET_SIZE(s->handlers) > 1)
        return false;
    return PyList_GET_SIZE(s->handlers) == 0 || py_stats_check(PyList_GET_ITEM(s->handlers, 0));
}

struct py_stats *session_stats(const struct session *s)
{
    const Py_ssize_t count = s && s->handlers ? PyList_GET_SIZE(s->handlers) : 0;
    for (Py_ssize_t i = 0; i < count; i++)
        if (py_stats_check(PyList_GET_ITEM(s->handlers, i)))
            return (struct py_stats *)PyList_GET_ITEM(s->handlers, i);
    return py_stats_default();
}

/* ---- cookies -------------------------------------------------------------------------------- */

/* A text of a Python jar as the bytes of a header; NULL when it has none. */
static const char *header_bytes(PyObject *text)
{
    if (!PyUnicode_Check(text) || PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND)
        return NULL;
    const char *bytes = PyUnicode_DATA(text);
    return strlen(bytes) == (size_t)PyUnicode_GET_LENGTH(text) ? bytes : NULL;
}

static enum road copy_row(struct jar *jar, PyObject *row)
{
    PyObject *name = NULL, *value = NULL, *domain = NULL, *path = NULL;
    double expires = 0;
    int is_secure = 0;
    if (!PyArg_ParseTuple(row, "UOUUdp", &name, &value, &domain, &path, &expires, &is_secure))
        return ROAD_ERROR;
    const char *parts[] = {header_bytes(name), value == Py_None ? NULL : header_bytes(value),
                           header_bytes(domain), header_bytes(path)};
    if (!parts[0] || (!parts[1] && value != Py_None) || !parts[2] || !parts[3])
        return ROAD_PLAIN;
    if ((parts[1] && strpbrk(parts[1], "\r\n")) || strpbrk(parts[0], "\r\n"))
        return ROAD_PLAIN; /* refused there */
    struct cookie c = cookie_make(parts[0], parts[1], parts[2], parts[3]);
    c.expires = expires;
    c.is_secure = is_secure;
    jar_put(jar, c);
    return ROAD_FAST;
}

static enum road copy_jar(struct session *s)
{
    PyObject *rows = PyObject_CallOneArg(glue.jar_rows, s->cookies);
    if (!rows)
        return ROAD_ERROR;
    enum road road = rows == Py_None ? ROAD_PLAIN : ROAD_FAST;
    if (road == ROAD_FAST)
        jar_fini(&s->jar);
    for (Py_ssize_t i = 0; road == ROAD_FAST && i < PyList_GET_SIZE(rows); i++)
        road = copy_row(&s->jar, PyList_GET_ITEM(rows, i));
    Py_DECREF(rows);
    return road;
}

/* Our kind of Python jar carries the number of its changes; jar_rows gives None for one that we
 * cannot stand in for. */
enum road session_jar(struct session *s)
{
    if (!s->cookies)
        return ROAD_FAST;
    static PyObject *name;
    if (!name)
        name = PyUnicode_InternFromString("katydid_changes");
    PyObject *changes = PyObject_GetAttr(s->cookies, name);
    const long version = changes ? PyLong_AsLong(changes) : -1;
    Py_XDECREF(changes);
    if (version < 0) {
        PyErr_Clear();
        return ROAD_PLAIN;
    }
    if (version == s->jar_version)
        return ROAD_FAST;
    enum road road = copy_jar(s);
    if (road == ROAD_FAST)
        s->jar_version = version;
    return road;
}

static PyObject *header_text(const char *bytes)
{
    return PyUnicode_DecodeLatin1(bytes, (Py_ssize_t)strlen(bytes), NULL);
}

/* name, value, domain, path, expires, secure, domain_specified, path_specified, http_only */
PyObject *session_cookie_row(const struct cookie *c)
{
    const char *t = c->text;
    return Py_BuildValue("(NNNNdOOOO)", header_text(t),
                         c->has_value ? header_text(t + c->value_at) : Py_NewRef(Py_None),
                         header_text(t + c->domain_at), header_text(t + c->path_at), c->expires,
                         c->is_secure ? Py_True : Py_False, c->has_domain ? Py_True : Py_False,
                         c->has_path ? Py_True : Py_False, c->is_http_only ? Py_True : Py_False);
}

/* Takes the cookie: into our jar, or into the Python jar once there is one. */
int session_set_cookie(struct session *s, struct cookie *cookie, bool is_expired)
{
    if (!s->cookies) {
        if (is_expired) {
            jar_remove(&s->jar, cookie);
            cookie_fini(cookie);
        } else {
            jar_put(&s->jar, *cookie);
        }
        return 0;
    }
    PyObject *row = session_cookie_row(cookie);
    cookie_fini(cookie);
    PyObject *done = row ? PyObject_CallFunction(glue.jar_set, "OOO", s->cookies, row,
                                                 is_expired ? Py_True : Py_False)
                         : NULL;
    Py_XDECREF(row);
    Py_XDECREF(done);
    return done ? 0 : -1;
}
