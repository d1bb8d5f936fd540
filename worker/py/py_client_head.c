// SPDX-License-Identifier: MIT
/* The request head: request line, headers, cookies, credentials.
 *
 * Problem: merging headers the way requests does costs it some 100 µs.
 * Design: head lines of the session come ready made, those of the call override them in place as a
 * CaseInsensitiveDict would; the whole head is written once into a buffer that all calls share.
 * Values that requests rejects or treats in a special way give ROAD_PLAIN.
 */
#include "worker/py/py_client.h"

#include <string.h>
#include <strings.h>

#include "common/base/clk.h"

/* ---- headers of the call
 * ----------------------------------------------------------------------------------- */

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
    jar_header(head, &s->jar, &place, clk_steady_coarse());
    if (head->len == start + 8)
        head->len = start;
    else
        sbuf_add(head, "\r\n", 2);
    return ROAD_FAST;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static enum road put_request_line(struct sbuf *head, PyObject *method, PyObject *target)
{
    if (!PyUnicode_CheckExact(method) || !PyUnicode_IS_ASCII(method) || !PyUnicode_IS_ASCII(target))
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
    sbuf_add(head, "Content-Length: ", 16);
    json_write_integer(head, out->body_len);
    sbuf_add(head, "\r\n", 2);
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
