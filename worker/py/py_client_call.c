// SPDX-License-Identifier: MIT
/* A call: from Python arguments to target, body and limits.
 *
 * Keyword names are compared by pointer (call sites intern them); URLs and bodies of the usual
 * types are turned into bytes here. What is unusual gives ROAD_PLAIN before anything happened.
 */
#include "worker/py/py_client_call.h"
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_json.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* ---- arguments ------------------------------------------------------------------------------ */

/* By hand: clang-format stacks such lists into stairs, anew in every run. */
/* clang-format off */
#define KEYWORDS(X)                                                                                \
    X(name) X(context) X(data) X(json) X(params) X(headers) X(cookies) X(files) X(auth)            \
    X(timeout) X(proxies) X(hooks) X(stream) X(verify) X(cert) X(tags) X(max_response_size)        \
    X(discard_response_body)
/* clang-format on */

static struct {
#define X(name) PyObject *name;
    KEYWORDS(X)
    X(catch_response) X(allow_redirects) X(url) X(method)
#undef X
} names;

int call_init(void)
{
    site_init();
#define X(name) names.name = PyUnicode_InternFromString(#name);
    KEYWORDS(X)
    X(catch_response)
    X(allow_redirects)
    X(url)
    X(method)
#undef X
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject **field_of(struct call *c, PyObject *name)
{
#define X(field)                                                                                   \
    if (name == names.field)                                                                       \
        return &c->field;
    X(url)
    X(method)
    KEYWORDS(X)
#undef X
    return NULL;
}

/* The same for a name that is not interned (from **kwargs built at run time). */
static PyObject *interned(PyObject *name)
{
#define X(field)                                                                                   \
    if (PyUnicode_Compare(name, names.field) == 0)                                                 \
        return names.field;
    X(url)
    X(method)
    X(catch_response)
    X(allow_redirects)
    KEYWORDS(X)
#undef X
    return NULL;
}

static int set_flag(bool *flag, PyObject *value)
{
    const int truth = PyObject_IsTrue(value);
    if (truth < 0)
        return -1;
    *flag = truth;
    return 0;
}

static int set_extra(struct call *c, const struct session *s, PyObject *name, PyObject *value)
{
    if (!s->is_fast) {
        PyErr_Format(PyExc_TypeError, "Session.request() got an unexpected keyword argument '%U'",
                     name);
        return -1;
    }
    if (!c->extra)
        c->extra = PyDict_New();
    return c->extra ? PyDict_SetItem(c->extra, name, value) : -1;
}

static int set_keyword(struct call *c, const struct session *s, PyObject *name, PyObject *value)
{
    if (name == names.tags && !c->tags) { /* the last of many, and of every request */
        c->tags = value;
        return 0;
    }
    PyObject **field = field_of(c, name);
    if (!field && name != names.catch_response && name != names.allow_redirects) {
        PyObject *known = interned(name);
        return known ? set_keyword(c, s, known, value) : set_extra(c, s, name, value);
    }
    if (!field)
        return set_flag(name == names.catch_response ? &c->catch_response : &c->allow_redirects,
                        value);
    const bool is_verb_method = name == names.method && !c->is_request;
    if (*field || is_verb_method) {
        PyErr_Format(PyExc_TypeError, "got multiple values for argument '%U'", name);
        return -1;
    }
    *field = value;
    return 0;
}

static PyObject *const *const plain_order[] = {&names.url, NULL};
static PyObject *const *const data_order[] = {&names.url, &names.data, &names.json, NULL};
static PyObject *const *const request_order[] = {&names.method,         &names.url,     &names.name,
                                                 &names.catch_response, &names.context, NULL};
static PyObject *const *const fast_order[] = {&names.method,         &names.url,
                                              &names.name,           &names.data,
                                              &names.catch_response, &names.stream,
                                              &names.headers,        &names.auth,
                                              &names.json,           &names.allow_redirects,
                                              &names.context,        NULL};

/* HEAD is what requests does not follow by itself. */
static bool is_head(PyObject *method)
{
    return method && PyUnicode_GET_LENGTH(method) == 4 && *(char *)PyUnicode_DATA(method) == 'H';
}

int call_parse(struct call *c, const struct session *s, const struct call_arguments *a)
{
    PyObject *const *args = a->args, *kwnames = a->kwnames;
    const Py_ssize_t count = a->count;
    PyObject *const *const *order = a->kind == CALL_PLAIN_VERB  ? plain_order
                                    : a->kind == CALL_DATA_VERB ? data_order
                                    : s->is_fast                ? fast_order
                                                                : request_order;
    *c = (struct call){.method = a->method,
                       .allow_redirects = s->is_fast || !is_head(a->method),
                       .is_request = a->kind == CALL_REQUEST};
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!order[i]) {
            PyErr_Format(PyExc_TypeError, "takes %zd positional arguments but %zd were given",
                         i + 1, count + 1);
            return -1;
        }
        if (set_keyword(c, s, *order[i], args[i]) < 0)
            return -1;
    }
    const Py_ssize_t keywords = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < keywords; i++)
        if (set_keyword(c, s, PyTuple_GET_ITEM(kwnames, i), args[count + i]) < 0)
            return -1;
    if (!c->url || !c->method) {
        PyErr_Format(PyExc_TypeError, "missing required argument: '%s'",
                     c->method ? "url" : "method");
        return -1;
    }
    return 0;
}

/* ---- target --------------------------------------------------------------------------------- */

static bool is_good_target(const struct session *s, const char *text, Py_ssize_t len)
{
    return s->is_fast ? site_is_fast_target(text, len) : site_is_normal_target(text, len);
}

/* Splits an absolute URL. own: the call has TLS settings of its own. */
static enum road absolute_target(struct session *s, const struct call *c, PyObject *url,
                                 struct outgoing *out)
{
    Py_ssize_t len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(url, &len);
    const Py_ssize_t root_len = text ? site_root_length(text, len) : 0;
    if (!root_len || !is_good_target(s, text + root_len, len - root_len)) {
        PyErr_Clear();
        return ROAD_PLAIN;
    }
    PyObject *root = PyUnicode_FromStringAndSize(text, root_len);
    PyObject *verify = is_given(c->verify) ? c->verify : s->verify;
    PyObject *cert = is_given(c->cert) ? c->cert : s->cert;
    if (!verify)
        verify = s->is_fast ? Py_False : Py_True;
    out->site = root ? site_get(root, verify, cert ? cert : Py_None, Py_None, s->http2) : NULL;
    Py_XDECREF(root);
    out->target = PyUnicode_FromStringAndSize(text + root_len, len - root_len);
    return out->site && out->target ? ROAD_FAST : ROAD_ERROR;
}

static bool is_absolute(PyObject *url)
{
    const char *text = PyUnicode_AsUTF8(url);
    if (!text)
        PyErr_Clear(); /* lone surrogates */
    return text && (*text | ' ') == 'h' && site_is_absolute(text);
}

/* base_url + url, when both are in normal form. */
static enum road relative_target(struct session *s, const struct call *c, struct outgoing *out)
{
    Py_ssize_t len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(c->url, &len);
    if (!text) {
        PyErr_Clear();
        return ROAD_PLAIN;
    }
    enum road road = session_site(s);
    if (road != ROAD_FAST)
        return road;
    const bool is_base = len == 0 && s->site_path; /* that is all of it */
    if (is_base)
        text = PyUnicode_AsUTF8AndSize(s->site_path, &len);
    if (!is_good_target(s, text, len))
        return ROAD_PLAIN;
    out->site = site_ref(s->site);
    out->target = is_base        ? Py_NewRef(s->site_path)
                  : s->site_path ? PyUnicode_Concat(s->site_path, c->url)
                                 : Py_NewRef(c->url);
    return out->target ? ROAD_FAST : ROAD_ERROR;
}

/* What is not in normal form, by way of the normalisation of requests, or of geventhttpclient. */
static enum road normalised_target(struct session *s, const struct call *c, struct outgoing *out)
{
    PyObject *url = PyObject_CallFunctionObjArgs(s->is_fast ? glue.fast_url : glue.normal_url,
                                                 s->base_url, c->url, NULL);
    if (!url)
        return ROAD_ERROR;
    enum road road = ROAD_PLAIN;
    if (url != Py_None) {
        PyObject *verify = s->verify ? s->verify : s->is_fast ? Py_False : Py_True;
        const char *text = PyUnicode_AsUTF8(url);
        Py_ssize_t len = text ? (Py_ssize_t)strlen(text) : 0;
        const Py_ssize_t root_len = text ? site_root_length(text, len) : 0;
        if (root_len && !strchr(text, '#')) {
            PyObject *root = PyUnicode_FromStringAndSize(text, root_len);
            out->site = root
                            ? site_get(root, verify, s->cert ? s->cert : Py_None, Py_None, s->http2)
                            : NULL;
            Py_XDECREF(root);
            out->target = PyUnicode_FromStringAndSize(text + root_len, len - root_len);
            road = out->site && out->target ? ROAD_FAST : ROAD_ERROR;
        }
    }
    Py_DECREF(url);
    out->is_rewritten = true;
    return PyErr_Occurred() ? ROAD_ERROR : road;
}

/* Adds params to the target as requests does. */
static enum road add_params(PyObject *params, PyObject **target)
{
    struct sbuf query = scratch_take();
    Py_ssize_t len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(*target, &len);
    sbuf_add(&query, text, (size_t)len);
    sbuf_addc(&query, memchr(text, '?', (size_t)len) ? '&' : '?');
    const size_t start = query.len;
    enum road road = site_urlencode(&query, params);
    if (road == ROAD_FAST && query.len > start) {
        PyObject *joined = PyUnicode_FromStringAndSize(query.data, (Py_ssize_t)query.len);
        if (joined)
            Py_SETREF(*target, joined);
        else
            road = ROAD_ERROR;
    }
    scratch_give(&query);
    return road;
}

enum road call_target(struct session *s, const struct call *c, struct outgoing *out)
{
    if (!PyUnicode_CheckExact(c->url))
        return ROAD_PLAIN;
    const bool has_own_tls = is_given(c->verify) || is_given(c->cert);
    enum road road = ROAD_FAST;
    if (is_absolute(c->url)) {
        road = absolute_target(s, c, c->url, out);
    } else if (has_own_tls) {
        PyObject *url =
            s->base_url && PyUnicode_Check(s->base_url) ? session_join(s, c->url) : NULL;
        road = url ? absolute_target(s, c, url, out) : ROAD_PLAIN;
        Py_XDECREF(url);
        PyErr_Clear();
    } else {
        road = relative_target(s, c, out);
    }
    if (road == ROAD_PLAIN && !has_own_tls)
        road = normalised_target(s, c, out);
    if (road == ROAD_FAST && is_given(c->params))
        road = add_params(c->params, &out->target);
    out->is_rewritten |= is_given(c->params);
    return road;
}

/* ---- body ----------------------------------------------------------------------------------- */

static enum road text_body(PyObject *text, struct outgoing *out)
{
    out->payload = Py_NewRef(text);
    out->body = PyUnicode_AsUTF8AndSize(text, &out->body_len);
    if (out->body)
        return ROAD_FAST;
    PyErr_Clear();
    return ROAD_PLAIN;
}

/* The bytes of json.dumps(value); NULL when json's encoder refuses. */
static PyObject *json_bytes(PyObject *value)
{
    struct sbuf text = scratch_take();
    PyObject *written = json_write(&text, value)
                            ? PyBytes_FromStringAndSize(text.data, (Py_ssize_t)text.len)
                            : NULL;
    scratch_give(&text);
    if (written)
        return written;
    PyErr_Clear();
    PyObject *string = PyObject_CallOneArg(glue.json_encode, value);
    PyObject *bytes = string ? PyUnicode_AsUTF8String(string) : NULL;
    Py_XDECREF(string);
    return bytes;
}

static enum road json_body(struct session *s, PyObject *json, struct outgoing *out)
{
    out->payload = json_bytes(json);
    if (!out->payload) {
        PyErr_Clear(); /* the plain road raises it again, in requests' words */
        return ROAD_PLAIN;
    }
    out->body = PyBytes_AS_STRING(out->payload);
    out->body_len = PyBytes_GET_SIZE(out->payload);
    out->content_type = s->is_fast ? NULL : "application/json";
    out->is_json = true;
    return ROAD_FAST;
}

static enum road form_body(PyObject *form, struct outgoing *out, bool is_fast)
{
    struct sbuf encoded = scratch_take();
    enum road road = site_urlencode(&encoded, form);
    PyObject *text = road == ROAD_FAST
                         ? PyUnicode_FromStringAndSize(encoded.data, (Py_ssize_t)encoded.len)
                         : NULL;
    scratch_give(&encoded);
    if (!text)
        return road == ROAD_FAST ? ROAD_ERROR : road;
    road = text_body(text, out);
    Py_DECREF(text);
    out->is_form = true;
    out->content_type = is_fast ? "application/x-www-form-urlencoded; charset=utf-8"
                                : "application/x-www-form-urlencoded";
    return road;
}

static bool is_falsy(PyObject *value)
{
    return !is_given(value) || PyObject_Not(value) == 1;
}

/* urlencode of geventhttpclient writes lists as Python does: not ours. */
static bool has_lists(PyObject *dict)
{
    PyObject *key = NULL, *value = NULL;
    Py_ssize_t at = 0;
    while (PyDict_Next(dict, &at, &key, &value))
        if (PyList_Check(value) || value == Py_None)
            return true;
    return false;
}

enum road call_body(struct session *s, const struct call *c, struct outgoing *out)
{
    PyObject *data = c->data;
    if (!is_given(data) ||
        (!PyUnicode_CheckExact(data) && !PyBytes_CheckExact(data) && !PyDict_CheckExact(data))) {
        if (is_given(data) && !(PyList_CheckExact(data) && !PyList_GET_SIZE(data)))
            return ROAD_PLAIN;
        return is_given(c->json) ? json_body(s, c->json, out) : ROAD_FAST;
    }
    if (is_falsy(data))
        return is_given(c->json) ? json_body(s, c->json, out) : ROAD_FAST;
    if (PyDict_CheckExact(data))
        return s->is_fast && has_lists(data) ? ROAD_PLAIN : form_body(data, out, s->is_fast);
    if (s->is_fast)
        out->content_type =
            PyBytes_CheckExact(data) ? "application/octet-stream" : "text/plain; charset=utf-8";
    out->is_text = PyUnicode_CheckExact(data);
    if (out->is_text)
        return text_body(data, out);
    out->payload = Py_NewRef(data);
    out->body = PyBytes_AS_STRING(data);
    out->body_len = PyBytes_GET_SIZE(data);
    return ROAD_FAST;
}

/* ---- limits --------------------------------------------------------------------------------- */

uint32_t call_milliseconds(double seconds)
{
    const double ms = ceil(seconds * 1000);
    return ms > 0 && ms < UINT32_MAX ? (uint32_t)ms : 0;
}

static enum road milliseconds(PyObject *value, uint32_t *out)
{
    if (value == Py_None)
        return ROAD_FAST;
    if (!PyFloat_CheckExact(value) && !PyLong_CheckExact(value))
        return ROAD_PLAIN;
    const double seconds = PyFloat_AsDouble(value);
    PyErr_Clear();
    if (!(seconds > 0) || seconds > 4e6)
        return ROAD_PLAIN;
    *out = (uint32_t)ceil(seconds * 1000);
    return ROAD_FAST;
}

enum road call_timeouts(struct session *s, PyObject *timeout, struct fetch_request *q)
{
    if (s->is_fast) {
        q->connect_timeout_ms = call_milliseconds(s->connect_timeout);
        q->read_timeout_ms = call_milliseconds(s->network_timeout);
        return is_given(timeout) ? ROAD_PLAIN : ROAD_FAST;
    }
    if (!is_given(timeout))
        return ROAD_FAST;
    if (PyTuple_CheckExact(timeout) && PyTuple_GET_SIZE(timeout) == 2) {
        const enum road road = milliseconds(PyTuple_GET_ITEM(timeout, 0), &q->connect_timeout_ms);
        return road == ROAD_FAST ? milliseconds(PyTuple_GET_ITEM(timeout, 1), &q->read_timeout_ms)
                                 : road;
    }
    q->read_timeout_ms = 0;
    const enum road road = milliseconds(timeout, &q->read_timeout_ms);
    q->connect_timeout_ms = q->read_timeout_ms;
    return road;
}

enum road call_size_limit(const struct call *c, struct fetch_request *q)
{
    if (!is_given(c->max_response_size))
        return ROAD_FAST;
    int overflow = 1;
    const long long bytes = PyLong_Check(c->max_response_size)
                                ? PyLong_AsLongLongAndOverflow(c->max_response_size, &overflow)
                                : 0;
    if (overflow || bytes <= 0 || PyBool_Check(c->max_response_size)) {
        PyErr_Format(PyExc_ValueError,
                     "max_response_size is a number of bytes above 0, or None, not %R",
                     c->max_response_size);
        return ROAD_ERROR;
    }
    q->max_body = (uint64_t)bytes;
    return ROAD_FAST;
}
