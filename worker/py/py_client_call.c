// SPDX-License-Identifier: MIT
/* A call: from Python arguments to target, body and request head.
 *
 * Problem: merging headers, URL and body the way requests does costs it some 150 µs.
 * Design: keyword names are compared by pointer (call sites intern them); head lines of the
 * session come ready made, those of the call override them in place as a CaseInsensitiveDict
 * would; the whole head is written once into a buffer that all calls share. What is unusual
 * (bytes in odd places, values that requests rejects) gives ROAD_PLAIN before anything happened.
 */
#include "worker/py/py_client.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "common/base/clk.h"

/* ---- arguments ------------------------------------------------------------------------------ */

#define KEYWORDS(X)                                                                                \
    X(name) X(context) X(data) X(json) X(params) X(headers) X(cookies) X(files) X(auth)            \
    X(timeout) X(proxies) X(hooks) X(stream) X(verify) X(cert)

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
    X(catch_response) X(allow_redirects) X(url) X(method)
#undef X
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject **field_of(struct call *c, PyObject *name)
{
#define X(field)                                                                                   \
    if (name == names.field)                                                                       \
        return &c->field;
    X(url) X(method) KEYWORDS(X)
#undef X
    return NULL;
}

/* The same for a name that is not interned (from **kwargs built at run time). */
static PyObject *interned(PyObject *name)
{
#define X(field)                                                                                   \
    if (PyUnicode_Compare(name, names.field) == 0)                                                 \
        return names.field;
    X(url) X(method) X(catch_response) X(allow_redirects) KEYWORDS(X)
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
        PyErr_Format(PyExc_TypeError, "Session.request() got an unexpected keyword argument '%U'", name);
        return -1;
    }
    if (!c->extra)
        c->extra = PyDict_New();
    return c->extra ? PyDict_SetItem(c->extra, name, value) : -1;
}

static int set_keyword(struct call *c, const struct session *s, PyObject *name, PyObject *value)
{
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

enum { MAX_POSITIONAL = 11 };
static PyObject *const *const plain_order[] = {&names.url, NULL};
static PyObject *const *const data_order[] = {&names.url, &names.data, &names.json, NULL};
static PyObject *const *const request_order[] = {&names.method,         &names.url,
                                                 &names.name,           &names.catch_response,
                                                 &names.context,        NULL};
static PyObject *const *const fast_order[] = {
    &names.method,  &names.url,  &names.name, &names.data,            &names.catch_response,
    &names.stream,  &names.headers, &names.auth, &names.json, &names.allow_redirects,
    &names.context, NULL};

int call_parse(struct call *c, const struct session *s, PyObject *const *args, Py_ssize_t count,
               PyObject *kwnames, int positional_kind)
{
    PyObject *const *const *order = positional_kind == CALL_PLAIN_VERB  ? plain_order
                                    : positional_kind == CALL_DATA_VERB ? data_order
                                    : s->is_fast                        ? fast_order
                                                                        : request_order;
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
        PyErr_Format(PyExc_TypeError, "missing required argument: '%s'", c->method ? "url"
                                                                                   : "method");
        return -1;
    }
    return 0;
}

/* ---- target --------------------------------------------------------------------------------- */

static bool is_given(PyObject *value)
{
    return value && value != Py_None;
}

static bool is_good_target(const struct session *s, const char *text, Py_ssize_t len)
{
    return s->is_fast ? site_is_possible_target(text, len) : site_is_normal_target(text, len);
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
    out->site = root ? site_get(root, verify, cert ? cert : Py_None, Py_None) : NULL;
    Py_XDECREF(root);
    out->target = PyUnicode_FromStringAndSize(text + root_len, len - root_len);
    return out->site && out->target ? ROAD_FAST : ROAD_ERROR;
}

static bool is_absolute(PyObject *url)
{
    const char *text = PyUnicode_AsUTF8(url);
    return text && (!strncasecmp(text, "http://", 7) || !strncasecmp(text, "https://", 8));
}

/* base_url + url, when both are in normal form. */
static enum road relative_target(struct session *s, const struct call *c, struct outgoing *out)
{
    Py_ssize_t len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(c->url, &len);
    enum road road = session_site(s);
    if (road != ROAD_FAST)
        return road;
    if (!text || !is_good_target(s, text, len)) {
        PyErr_Clear();
        return ROAD_PLAIN;
    }
    out->site = s->site;
    out->target = s->site_path ? PyUnicode_Concat(s->site_path, c->url) : Py_NewRef(c->url);
    return out->target ? ROAD_FAST : ROAD_ERROR;
}

/* What is not in normal form, by way of requests' own normalisation. */
static enum road normalised_target(struct session *s, const struct call *c, struct outgoing *out)
{
    PyObject *url = PyObject_CallFunctionObjArgs(glue.normal_url, s->base_url, c->url, NULL);
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
            out->site = root ? site_get(root, verify, s->cert ? s->cert : Py_None, Py_None)
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
    static struct sbuf query;
    sbuf_clear(&query);
    Py_ssize_t len = 0;
    const char *text = PyUnicode_AsUTF8AndSize(*target, &len);
    sbuf_add(&query, text, (size_t)len);
    sbuf_addc(&query, memchr(text, '?', (size_t)len) ? '&' : '?');
    const size_t start = query.len;
    enum road road = site_urlencode(&query, params);
    if (road != ROAD_FAST || query.len == start)
        return road;
    PyObject *joined = PyUnicode_FromStringAndSize(query.data, (Py_ssize_t)query.len);
    if (!joined)
        return ROAD_ERROR;
    Py_SETREF(*target, joined);
    return ROAD_FAST;
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
        PyObject *url = s->base_url ? PyUnicode_Concat(s->base_url, c->url) : NULL;
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
    static struct sbuf text;
    sbuf_clear(&text);
    if (json_write(&text, value))
        return PyBytes_FromStringAndSize(text.data, (Py_ssize_t)text.len);
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
    out->content_type = "application/json";
    out->accept = s->is_fast ? "application/json" : NULL;
    return ROAD_FAST;
}

static enum road form_body(PyObject *form, struct outgoing *out, bool is_fast)
{
    static struct sbuf encoded;
    sbuf_clear(&encoded);
    enum road road = site_urlencode(&encoded, form);
    if (road != ROAD_FAST)
        return road;
    PyObject *text = PyUnicode_FromStringAndSize(encoded.data, (Py_ssize_t)encoded.len);
    if (!text)
        return ROAD_ERROR;
    road = text_body(text, out);
    Py_DECREF(text);
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
    if (!is_given(data) || (!PyUnicode_CheckExact(data) && !PyBytes_CheckExact(data) &&
                            !PyDict_CheckExact(data))) {
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
    if (PyUnicode_CheckExact(data))
        return text_body(data, out);
    out->payload = Py_NewRef(data);
    out->body = PyBytes_AS_STRING(data);
    out->body_len = PyBytes_GET_SIZE(data);
    return ROAD_FAST;
}

/* ---- head ----------------------------------------------------------------------------------- */

enum { MAX_OWN_HEADERS = 64 };

struct own { /* headers of the call */
    struct own_header {
        const char *name, *value; /* value NULL: takes the session's line away */
        uint32_t name_len, value_len;
        bool is_written;
    } headers[MAX_OWN_HEADERS];
    Py_ssize_t count;
    bool has_cookie, has_type, has_accept, has_auth;
    const struct own_header *host;
};

static bool is_name(const struct own_header *h, const char *name)
{
    return h->name_len == strlen(name) && !strncasecmp(h->name, name, h->name_len);
}

static bool is_good_text(PyObject *text, bool is_name)
{
    if (!PyUnicode_CheckExact(text) || PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND)
        return false;
    const char *bytes = PyUnicode_DATA(text);
    const size_t len = (size_t)PyUnicode_GET_LENGTH(text);
    if (len && (*bytes == ' ' || (*bytes >= '\t' && *bytes <= '\r')))
        return false;
    if (is_name && (len == 0 || memchr(bytes, ':', len)))
        return false;
    return !memchr(bytes, '\n', len) && !memchr(bytes, '\r', len) && !memchr(bytes, 0, len);
}

static enum road add_own(struct own *own, PyObject *name, PyObject *value)
{
    if (!is_good_text(name, true) || (value != Py_None && !is_good_text(value, false)) ||
        own->count == MAX_OWN_HEADERS)
        return ROAD_PLAIN;
    struct own_header *h = &own->headers[own->count++];
    *h = (struct own_header){.name = PyUnicode_DATA(name),
                             .name_len = (uint32_t)PyUnicode_GET_LENGTH(name)};
    if (value != Py_None) {
        h->value = PyUnicode_DATA(value);
        h->value_len = (uint32_t)PyUnicode_GET_LENGTH(value);
    }
    if (is_name(h, "content-length") || is_name(h, "transfer-encoding") || is_name(h, "expect"))
        return ROAD_PLAIN;
    if (!h->value)
        return ROAD_FAST;
    own->has_cookie |= is_name(h, "cookie");
    own->has_type |= is_name(h, "content-type");
    own->has_accept |= is_name(h, "accept");
    own->has_auth |= is_name(h, "authorization");
    if (is_name(h, "host"))
        own->host = h;
    return ROAD_FAST;
}

static enum road read_own(struct own *own, PyObject *headers)
{
    if (!is_given(headers))
        return ROAD_FAST;
    if (!PyDict_CheckExact(headers))
        return ROAD_PLAIN;
    PyObject *name = NULL, *value = NULL;
    Py_ssize_t at = 0;
    while (PyDict_Next(headers, &at, &name, &value))
        if (add_own(own, name, value) != ROAD_FAST)
            return ROAD_PLAIN;
    return ROAD_FAST;
}

static void put_line(struct sbuf *head, const char *name, size_t name_len, const char *value,
                     size_t value_len)
{
    sbuf_reserve(head, name_len + value_len + 4);
    char *to = head->data + head->len;
    memcpy(to, name, name_len);
    memcpy(to + name_len, ": ", 2);
    memcpy(to + name_len + 2, value, value_len);
    memcpy(to + name_len + 2 + value_len, "\r\n", 3);
    head->len += name_len + value_len + 4;
}

static void put_own(struct sbuf *head, struct own_header *h)
{
    h->is_written = true;
    if (h->value)
        put_line(head, h->name, h->name_len, h->value, h->value_len);
}

static bool line_is(const char *line, const struct head_line *at, const char *name)
{
    return at->name_len == strlen(name) && !strncasecmp(line, name, at->name_len);
}

/* Session lines in their order, each replaced or dropped as the call's headers say. */
static void put_session_lines(struct sbuf *head, const struct head_lines *lines, struct own *own)
{
    if (!own->count) {
        sbuf_add(head, lines->text.data, lines->text.len);
        return;
    }
    for (Py_ssize_t i = 0; i < lines->count; i++) {
        const struct head_line *l = &lines->lines[i];
        const char *text = lines->text.data + l->at;
        struct own_header *found = NULL;
        for (Py_ssize_t k = 0; k < own->count && !found; k++)
            if (own->headers[k].name_len == l->name_len &&
                !strncasecmp(own->headers[k].name, text, l->name_len))
                found = &own->headers[k];
        if (found)
            put_own(head, found);
        else
            sbuf_add(head, text, l->len);
    }
}

static bool has_session_line(const struct head_lines *lines, const char *name)
{
    for (Py_ssize_t i = 0; i < lines->count; i++)
        if (line_is(lines->text.data + lines->lines[i].at, &lines->lines[i], name))
            return true;
    return false;
}

/* ---- credentials, cookies ------------------------------------------------------------------- */

static void put_base64(struct sbuf *out, const uint8_t *in, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        const size_t left = len - i;
        const unsigned bits = (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) |
                              (left > 2 ? in[i + 2] : 0);
        sbuf_addc(out, digits[bits >> 18]);
        sbuf_addc(out, digits[bits >> 12 & 63]);
        sbuf_addc(out, left > 1 ? digits[bits >> 6 & 63] : '=');
        sbuf_addc(out, left > 2 ? digits[bits & 63] : '=');
    }
}

static enum road basic_auth(struct sbuf *head, PyObject *user, PyObject *password)
{
    static struct sbuf pair;
    sbuf_clear(&pair);
    PyObject *const parts[] = {user, password};
    for (int i = 0; i < 2; i++) {
        if (!PyUnicode_Check(parts[i]) || PyUnicode_KIND(parts[i]) != PyUnicode_1BYTE_KIND)
            return ROAD_PLAIN;
        if (i)
            sbuf_addc(&pair, ':');
        sbuf_add(&pair, PyUnicode_DATA(parts[i]), (size_t)PyUnicode_GET_LENGTH(parts[i]));
    }
    sbuf_adds(head, "Authorization: Basic ");
    put_base64(head, (const uint8_t *)pair.data, pair.len);
    sbuf_add(head, "\r\n", 2);
    return ROAD_FAST;
}

static enum road basic_auth_object(struct sbuf *head, PyObject *auth)
{
    PyObject *user = PyObject_GetAttrString(auth, "username");
    PyObject *password = PyObject_GetAttrString(auth, "password");
    enum road road = user && password ? basic_auth(head, user, password) : ROAD_PLAIN;
    Py_XDECREF(user);
    Py_XDECREF(password);
    PyErr_Clear();
    return road;
}

static enum road put_auth(struct sbuf *head, const struct session *s, PyObject *auth,
                          const struct own *own)
{
    if (!is_given(auth)) {
        if (s->is_fast && is_given(s->auth_header) && PyUnicode_Check(s->auth_header)) {
            const char *text = PyUnicode_AsUTF8(s->auth_header);
            put_line(head, "Authorization", 13, text, strlen(text));
            return own->has_auth ? ROAD_PLAIN : ROAD_FAST;
        }
        auth = s->auth;
    }
    if (!is_given(auth))
        return ROAD_FAST;
    if (own->has_auth)
        return ROAD_PLAIN;
    if (PyTuple_CheckExact(auth) && PyTuple_GET_SIZE(auth) == 2)
        return basic_auth(head, PyTuple_GET_ITEM(auth, 0), PyTuple_GET_ITEM(auth, 1));
    return (PyObject *)Py_TYPE(auth) == glue.http_basic_auth ? basic_auth_object(head, auth)
                                                             : ROAD_PLAIN;
}

/* Without the port and, for IPv6, the brackets. */
static void place_host(struct jar_place *place, const char *host, size_t len)
{
    if (len && *host == '[') {
        const char *end = memchr(host, ']', len);
        place->host = host + 1;
        place->host_len = end ? (size_t)(end - host - 1) : len - 1;
        return;
    }
    const char *colon = memchr(host, ':', len);
    place->host = host;
    place->host_len = colon ? (size_t)(colon - host) : len;
}

static enum road put_cookies(struct sbuf *head, struct session *s, const struct call *c,
                             const struct outgoing *out, const struct own *own)
{
    enum road road = session_jar(s);
    if (road != ROAD_FAST)
        return road;
    if (is_given(c->cookies) && (!PyDict_CheckExact(c->cookies) || PyDict_GET_SIZE(c->cookies)))
        return ROAD_PLAIN;
    if (!s->jar.count || own->has_cookie)
        return ROAD_FAST;
    struct jar_place place = {.is_tls = out->site->is_tls, .path = PyUnicode_DATA(out->target)};
    place.path_len = (size_t)PyUnicode_GET_LENGTH(out->target);
    if (own->host)
        place_host(&place, own->host->value, own->host->value_len);
    else
        place_host(&place, out->site->host_line.data + 6, out->site->host_line.len - 8);
    const size_t start = head->len;
    sbuf_add(head, "Cookie: ", 8);
    jar_header(head, &s->jar, &place, clk_wall_coarse());
    if (head->len == start + 8)
        head->len = start;
    else
        sbuf_add(head, "\r\n", 2);
    return ROAD_FAST;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static enum road put_request_line(struct sbuf *head, PyObject *method, PyObject *target)
{
    if (!PyUnicode_CheckExact(method) || !PyUnicode_IS_ASCII(method) ||
        !PyUnicode_IS_ASCII(target))
        return ROAD_PLAIN;
    const size_t method_len = (size_t)PyUnicode_GET_LENGTH(method);
    size_t target_len = (size_t)PyUnicode_GET_LENGTH(target);
    const char *name = PyUnicode_DATA(method), *path = PyUnicode_DATA(target);
    while (target_len > 1 && path[0] == '/' && path[1] == '/') {
        path++;
        target_len--;
    }
    sbuf_reserve(head, method_len + target_len + 16);
    for (size_t i = 0; i < method_len; i++) {
        if (name[i] < 'A' || name[i] > 'Z')
            return ROAD_PLAIN;
        head->data[i] = name[i];
    }
    head->data[method_len] = ' ';
    memcpy(head->data + method_len + 1, path, target_len);
    memcpy(head->data + method_len + 1 + target_len, " HTTP/1.1\r\n", 12);
    head->len = method_len + target_len + 12;
    return ROAD_FAST;
}

static void put_length(struct sbuf *head, const struct session *s, PyObject *method,
                       const struct outgoing *out)
{
    const char *name = PyUnicode_DATA(method);
    bool needs_zero = strcmp(name, "GET") != 0 && strcmp(name, "HEAD") != 0;
    if (s->is_fast)
        needs_zero = !strcmp(name, "POST") || !strcmp(name, "PUT") || !strcmp(name, "PATCH");
    if (!out->body_len && !needs_zero)
        return;
    char digits[24];
    const int len = snprintf(digits, sizeof digits, "%zd", out->body_len);
    put_line(head, "Content-Length", 14, digits, (size_t)len);
}

enum road call_head(struct session *s, const struct call *c, const struct outgoing *out,
                    struct sbuf *head)
{
    const struct head_lines *lines = NULL;
    struct own own;
    own.count = 0;
    own.has_cookie = own.has_type = own.has_accept = own.has_auth = false;
    own.host = NULL;
    sbuf_clear(head);
    enum road road = session_lines(s, &lines);
    if (road == ROAD_FAST)
        road = read_own(&own, c->headers);
    if (road == ROAD_FAST)
        road = put_request_line(head, c->method, out->target);
    if (road != ROAD_FAST)
        return road;
    if (s->headers && (has_session_line(lines, "host") || has_session_line(lines, "cookie") ||
                       has_session_line(lines, "content-length")))
        return ROAD_PLAIN;
    if (!own.host)
        sbuf_add(head, out->site->host_line.data, out->site->host_line.len);
    put_session_lines(head, lines, &own);
    for (Py_ssize_t i = 0; i < own.count; i++)
        if (!own.headers[i].is_written)
            put_own(head, &own.headers[i]);
    road = put_cookies(head, s, c, out, &own);
    if (road != ROAD_FAST)
        return road;
    put_length(head, s, c->method, out);
    if (out->content_type && !own.has_type &&
        !(s->headers && has_session_line(lines, "content-type")))
        put_line(head, "Content-Type", 12, out->content_type, strlen(out->content_type));
    if (out->accept && !own.has_accept && !(s->headers && has_session_line(lines, "accept")))
        put_line(head, "Accept", 6, out->accept, strlen(out->accept));
    if (s->headers && (is_given(c->auth) || is_given(s->auth)) &&
        has_session_line(lines, "authorization"))
        return ROAD_PLAIN;
    road = put_auth(head, s, c->auth, &own);
    sbuf_add(head, "\r\n", 2);
    return road;
}

/* ---- timeouts ------------------------------------------------------------------------------- */

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
        q->connect_timeout_ms = (uint32_t)ceil(s->connect_timeout * 1000);
        q->read_timeout_ms = (uint32_t)ceil(s->network_timeout * 1000);
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
