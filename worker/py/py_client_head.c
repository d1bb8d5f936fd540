// SPDX-License-Identifier: MIT
/* What a call asks: method and headers, cookies, credentials.
 *
 * Problem: merging headers the way requests does costs it some 100 µs.
 * Design: those of the session come ready made, those of the call override them in place as a
 * CaseInsensitiveDict would. The list is made of borrowed slices, then copied once, into one piece
 * of memory that belongs to the response. How it is written on the wire is the protocol's. Values
 * that requests rejects or treats in a special way give ROAD_PLAIN.
 */
#include "worker/py/py_client_call.h"
#include "worker/py/py_client_glue.h"

#include <string.h>
#include <strings.h>

#include "common/base/clk.h"
#include "common/base/mem.h"

/* ---- headers of the call -------------------------------------------------------------------- */

enum { MAX_OWN_HEADERS = 64 };

struct own { /* headers of the call, a name once */
    struct own_header {
        const char *name, *value; /* value NULL: takes the session's line away */
        uint32_t name_len, value_len;
        bool is_written;
    } headers[MAX_OWN_HEADERS];
    Py_ssize_t count;
};

static bool is_name(const struct own_header *h, const char *name)
{
    return h->name_len == strlen(name) && !strncasecmp(h->name, name, h->name_len);
}

static bool is_spelled(const struct own_header *h, const char *name)
{
    return h->name_len == strlen(name) && !memcmp(h->name, name, h->name_len);
}

/* The header of that name whatever its spelling, if it has a value. */
static const struct own_header *own_find(const struct own *own, const char *name)
{
    const size_t len = strlen(name);
    for (Py_ssize_t i = 0; i < own->count; i++) {
        const struct own_header *h = &own->headers[i];
        if (h->name_len == len && !strncasecmp(h->name, name, len))
            return h->value ? h : NULL;
    }
    return NULL;
}

/* As in a CaseInsensitiveDict: the place of the first, spelling and value of the last. */
static bool own_put(struct own *own, const struct own_header *h)
{
    for (Py_ssize_t i = 0; i < own->count; i++) {
        struct own_header *old = &own->headers[i];
        if (old->name_len == h->name_len && !strncasecmp(old->name, h->name, h->name_len)) {
            *old = *h;
            return true;
        }
    }
    if (own->count == MAX_OWN_HEADERS)
        return false;
    own->headers[own->count++] = *h;
    return true;
}

static bool own_add(struct own *own, const char *name, const char *value, size_t value_len)
{
    const struct own_header h = {.name = name,
                                 .value = value,
                                 .name_len = (uint32_t)strlen(name),
                                 .value_len = (uint32_t)value_len};
    return own_put(own, &h);
}

/* What requests takes: its first character is no space, and no line ends in it. */
static bool is_plain_text(const char *bytes, size_t len, bool is_name)
{
    const uint8_t first = len ? (uint8_t)*bytes : 0;
    if (first && (first == ' ' || (first >= '\t' && first <= '\r') ||
                  (first >= 0x1c && first <= 0x1f) || first == 0x85 || first == 0xa0))
        return false;
    if (is_name && (len == 0 || memchr(bytes, ':', len)))
        return false;
    return !memchr(bytes, '\n', len) && !memchr(bytes, '\r', len) && !memchr(bytes, 0, len);
}

/* What geventhttpclient takes: tokens as names, no controls but tabs in values. */
static bool is_fast_text(const char *bytes, size_t len, bool is_name)
{
    if (is_name)
        return site_is_token(bytes, (Py_ssize_t)len);
    for (size_t i = 0; i < len; i++) {
        const uint8_t byte = (uint8_t)bytes[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static bool is_good_text(PyObject *text, bool is_name, bool is_fast)
{
    if (!PyUnicode_Check(text) || PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND ||
        (is_name && !PyUnicode_IS_ASCII(text)))
        return false;
    const char *bytes = PyUnicode_DATA(text);
    const size_t len = (size_t)PyUnicode_GET_LENGTH(text);
    return is_fast ? is_fast_text(bytes, len, is_name) : is_plain_text(bytes, len, is_name);
}

static enum road add_own(struct own *own, PyObject *name, PyObject *value, bool is_fast)
{
    if (!is_good_text(name, true, is_fast))
        return ROAD_PLAIN;
    if (!(value == Py_None && !is_fast) && !is_good_text(value, false, is_fast))
        return ROAD_PLAIN;
    struct own_header h = {.name = PyUnicode_DATA(name),
                           .name_len = (uint32_t)PyUnicode_GET_LENGTH(name)};
    if (value != Py_None) {
        h.value = PyUnicode_DATA(value);
        h.value_len = (uint32_t)PyUnicode_GET_LENGTH(value);
    }
    if (is_name(&h, "content-length") || is_name(&h, "transfer-encoding") || is_name(&h, "expect"))
        return ROAD_PLAIN;
    return own_put(own, &h) ? ROAD_FAST : ROAD_PLAIN;
}

static enum road read_own(struct own *own, PyObject *headers, bool is_fast)
{
    if (!is_given(headers))
        return ROAD_FAST;
    if (!PyDict_CheckExact(headers))
        return ROAD_PLAIN;
    PyObject *name = NULL, *value = NULL;
    Py_ssize_t at = 0;
    while (PyDict_Next(headers, &at, &name, &value))
        if (add_own(own, name, value, is_fast) != ROAD_FAST)
            return ROAD_PLAIN;
    return ROAD_FAST;
}

/* ---- the list ------------------------------------------------------------------------------- */

enum { MAX_HEADERS = 256, MAX_ADDED_HEADERS = 8 };

struct list {
    struct fetch_header headers[MAX_HEADERS]; /* borrowed */
    size_t count;
};

/* value: NULL = what the protocol says there. */
static void put(struct list *list, const char *name, size_t name_len, const char *value,
                size_t value_len)
{
    list->headers[list->count++] = (struct fetch_header){
        .name = name,
        .value = value,
        .name_len = (uint32_t)name_len,
        .value_len = (uint32_t)value_len,
    };
}

static void put_own(struct list *list, struct own_header *h)
{
    h->is_written = true;
    if (h->value)
        put(list, h->name, h->name_len, h->value, h->value_len);
}

static bool line_is(const struct fetch_header *h, const char *name)
{
    return h->name_len == strlen(name) && !strncasecmp(h->name, name, h->name_len);
}

static struct own_header *own_in_place_of(struct own *own, const struct fetch_header *line)
{
    for (Py_ssize_t i = 0; i < own->count; i++)
        if (own->headers[i].name_len == line->name_len &&
            !strncasecmp(own->headers[i].name, line->name, line->name_len))
            return &own->headers[i];
    return NULL;
}

/* Session lines in their order, each replaced or dropped as the call's headers say. */
static void put_session_lines(struct list *list, const struct head_lines *lines, struct own *own)
{
    for (Py_ssize_t i = 0; i < lines->count; i++) {
        struct own_header *found = own_in_place_of(own, &lines->headers[i]);
        if (found)
            put_own(list, found);
        else
            list->headers[list->count++] = lines->headers[i];
    }
}

static void put_own_lines(struct list *list, const struct head_lines *lines, struct own *own)
{
    put_session_lines(list, lines, own);
    for (Py_ssize_t i = 0; i < own->count; i++)
        if (!own->headers[i].is_written)
            put_own(list, &own->headers[i]);
}

static bool has_session_line(const struct head_lines *lines, const char *name)
{
    for (Py_ssize_t i = 0; i < lines->count; i++)
        if (line_is(&lines->headers[i], name))
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

/* "Basic …" of two texts. */
static enum road basic_auth(struct sbuf *out, PyObject *user, PyObject *password)
{
    PyObject *const parts[] = {user, password};
    for (int i = 0; i < 2; i++)
        if (!PyUnicode_Check(parts[i]) || PyUnicode_KIND(parts[i]) != PyUnicode_1BYTE_KIND)
            return ROAD_PLAIN;
    struct sbuf pair = scratch_take();
    for (int i = 0; i < 2; i++) {
        if (i)
            sbuf_addc(&pair, ':');
        sbuf_add(&pair, PyUnicode_DATA(parts[i]), (size_t)PyUnicode_GET_LENGTH(parts[i]));
    }
    sbuf_adds(out, "Basic ");
    put_base64(out, (const uint8_t *)pair.data, pair.len);
    scratch_give(&pair);
    return ROAD_FAST;
}

static enum road basic_auth_object(struct sbuf *out, PyObject *auth)
{
    PyObject *user = PyObject_GetAttrString(auth, "username");
    PyObject *password = PyObject_GetAttrString(auth, "password");
    enum road road = user && password ? basic_auth(out, user, password) : ROAD_PLAIN;
    Py_XDECREF(user);
    Py_XDECREF(password);
    PyErr_Clear();
    return road;
}

static enum road auth_value(struct sbuf *out, PyObject *auth)
{
    if (PyTuple_CheckExact(auth) && PyTuple_GET_SIZE(auth) == 2)
        return basic_auth(out, PyTuple_GET_ITEM(auth, 0), PyTuple_GET_ITEM(auth, 1));
    return (PyObject *)Py_TYPE(auth) == glue.http_basic_auth ? basic_auth_object(out, auth)
                                                             : ROAD_PLAIN;
}

/* What the credentials of the call, or of the session, say in an Authorization line; nothing when
 * there are none. */
static enum road read_auth(struct sbuf *out, const struct session *s, const struct call *c)
{
    PyObject *auth = is_given(c->auth) || s->is_fast ? c->auth : s->auth;
    if (is_given(auth))
        return auth_value(out, auth);
    if (!s->is_fast || !is_given(s->auth_header))
        return ROAD_FAST;
    if (!is_good_text(s->auth_header, false, true))
        return ROAD_PLAIN;
    sbuf_add(out, PyUnicode_DATA(s->auth_header), (size_t)PyUnicode_GET_LENGTH(s->auth_header));
    return ROAD_FAST;
}

static enum road put_cookies(struct list *list, struct session *s, const struct call *c,
                             const struct outgoing *out, const struct own *own, struct sbuf *text)
{
    if (is_given(c->cookies) && (!PyDict_CheckExact(c->cookies) || PyDict_GET_SIZE(c->cookies)))
        return ROAD_PLAIN;
    if (!s->jar.count || own_find(own, "cookie"))
        return ROAD_FAST;
    struct jar_place place = {.is_tls = out->site->is_tls, .path = PyUnicode_DATA(out->target)};
    place.path_len = (size_t)PyUnicode_GET_LENGTH(out->target);
    const struct own_header *host = own_find(own, "host");
    if (host)
        jar_place_host(&place, host->value, host->value_len);
    else
        jar_place_host(&place, out->site->authority, out->site->authority_len);
    jar_header(text, &s->jar, &place, clk_steady_coarse());
    if (text->len)
        put(list, "Cookie", 6, text->data, text->len);
    return ROAD_FAST;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static bool is_good_request_line(PyObject *method, PyObject *target)
{
    if (!PyUnicode_CheckExact(method) || !PyUnicode_IS_ASCII(method) || !PyUnicode_IS_ASCII(target))
        return false;
    const Py_ssize_t len = PyUnicode_GET_LENGTH(method);
    const char *name = PyUnicode_DATA(method);
    for (Py_ssize_t i = 0; i < len; i++)
        if (name[i] < 'A' || name[i] > 'Z')
            return false;
    return len > 0;
}

static void put_length(struct list *list, const char *name)
{
    put(list, name, sizeof "Content-Length" - 1, NULL, 0);
}

static void put_host(struct list *list)
{
    put(list, "Host", 4, NULL, 0);
}

static bool is_method(PyObject *method, const char *name)
{
    return !strcmp(PyUnicode_DATA(method), name);
}

static bool is_missing(const struct head_lines *lines, const struct own *own, const char *name)
{
    for (Py_ssize_t i = 0; i < own->count; i++)
        if (is_name(&own->headers[i], name))
            return !own->headers[i].value;
    return !has_session_line(lines, name);
}

/* Which layers below requests would say something of their own. */
static void put_defaults(struct list *list, const struct session *s, const struct head_lines *lines,
                         const struct own *own)
{
    if (!s->headers && !own->count)
        return;
    if (is_missing(lines, own, "accept-encoding"))
        put(list, "Accept-Encoding", 15, "identity", 8);
    if (is_missing(lines, own, "user-agent"))
        put(list, "User-Agent", 10, PyUnicode_DATA(glue.bare_agent),
            (size_t)PyUnicode_GET_LENGTH(glue.bare_agent));
}

struct writing { /* of one head; its texts are borrowed until it is copied */
    struct session *session;
    const struct call *call;
    const struct outgoing *out;
    const struct head_lines *lines;
    struct own own;
    struct list list;
    struct sbuf auth, cookies;
};

/* As requests, urllib3 and http.client write it. */
static enum road plain_head(struct writing *w)
{
    const struct outgoing *out = w->out;
    struct list *list = &w->list;
    if (!own_find(&w->own, "host"))
        put_host(list);
    put_defaults(list, w->session, w->lines, &w->own);
    put_own_lines(list, w->lines, &w->own);
    const enum road road = put_cookies(list, w->session, w->call, out, &w->own, &w->cookies);
    if (road != ROAD_FAST)
        return road;
    PyObject *method = w->call->method;
    if (out->body_len || !(is_method(method, "GET") || is_method(method, "HEAD")))
        put_length(list, "Content-Length");
    if (out->content_type && is_missing(w->lines, &w->own, "content-type"))
        put(list, "Content-Type", 12, out->content_type, strlen(out->content_type));
    if (!w->auth.len)
        return ROAD_FAST;
    if (own_find(&w->own, "authorization") ||
        (w->session->headers && has_session_line(w->lines, "authorization")))
        return ROAD_PLAIN;
    put(list, "Authorization", 13, w->auth.data, w->auth.len);
    return ROAD_FAST;
}

static bool has_spelling(const struct own *own, const char *name, const char *lower)
{
    for (Py_ssize_t i = 0; i < own->count; i++)
        if (is_spelled(&own->headers[i], name) || is_spelled(&own->headers[i], lower))
            return true;
    return false;
}

static bool add_missing(struct own *own, const char *name, const char *lower, const char *value)
{
    return has_spelling(own, name, lower) || own_add(own, name, value, strlen(value));
}

/* What FastHttpSession adds to the headers of a call, in its order. */
static enum road complete_fast(const struct outgoing *out, const struct sbuf *auth, struct own *own)
{
    if (auth->len && !own_add(own, "Authorization", auth->data, auth->len))
        return ROAD_PLAIN;
    bool fits = add_missing(own, "Accept-Encoding", "accept-encoding", "gzip, deflate, br");
    if (out->is_json)
        fits = fits && add_missing(own, "Content-Type", "content-type", "application/json") &&
               add_missing(own, "Accept", "accept", "application/json");
    return fits ? ROAD_FAST : ROAD_PLAIN;
}

/* As geventhttpclient writes it: Host and Content-Length come last, unless its user agent knew the
 * length when it chose the type. */
static enum road fast_head(struct writing *w)
{
    const struct outgoing *out = w->out;
    struct list *list = &w->list;
    enum road road = complete_fast(out, &w->auth, &w->own);
    if (road != ROAD_FAST)
        return road;
    put_own_lines(list, w->lines, &w->own);
    const bool has_type = !is_missing(w->lines, &w->own, "content-type");
    const bool is_early = out->body_len && (out->is_form || (out->is_text && !has_type));
    if (out->content_type && out->body_len && !has_type)
        put(list, "content-type", 12, out->content_type, strlen(out->content_type));
    if (is_early)
        put_length(list, "content-length");
    road = put_cookies(list, w->session, w->call, out, &w->own, &w->cookies);
    if (!own_find(&w->own, "host"))
        put_host(list);
    PyObject *method = w->call->method;
    const bool is_upload =
        is_method(method, "POST") || is_method(method, "PUT") || is_method(method, "PATCH");
    if (!is_early && (out->body_len || is_upload))
        put_length(list, "Content-Length");
    return road;
}

/* No Python from here on: what is borrowed stays. */
static enum road write_head(struct writing *w, struct asked **asked)
{
    struct session *s = w->session; // cppcheck-suppress ctuuninitvar ; call_head sets it
    PyObject *method = w->call->method;
    w->own.count = 0;
    w->list.count = 0;
    enum road road = read_own(&w->own, w->call->headers, s->is_fast);
    if (road != ROAD_FAST)
        return road;
    if (!is_good_request_line(method, w->out->target) ||
        w->lines->count > MAX_HEADERS - MAX_OWN_HEADERS - MAX_ADDED_HEADERS)
        return ROAD_PLAIN;
    if (s->headers && (has_session_line(w->lines, "host") || has_session_line(w->lines, "cookie") ||
                       has_session_line(w->lines, "content-length") ||
                       has_session_line(w->lines, "transfer-encoding")))
        return ROAD_PLAIN;
    road = s->is_fast ? fast_head(w) : plain_head(w);
    if (road == ROAD_FAST)
        *asked = asked_new(PyUnicode_DATA(method), (size_t)PyUnicode_GET_LENGTH(method),
                           w->list.headers, w->list.count);
    return road;
}

static enum road make_head(struct session *s, const struct call *c, const struct outgoing *out,
                           struct asked **asked)
{
    struct writing w; /* its lists are not cleared: they are long */
    w.session = s;
    w.call = c;
    w.out = out;
    w.auth = scratch_take();
    w.cookies = scratch_take();
    enum road road = read_auth(&w.auth, s, c);
    if (road == ROAD_FAST)
        road = session_lines(s, &w.lines);
    if (road == ROAD_FAST)
        road = write_head(&w, asked);
    scratch_give(&w.cookies);
    scratch_give(&w.auth);
    return road;
}

/* ---- what many ask -------------------------------------------------------------------------- */

/* Calls without headers, cookies and credentials, of sessions with the default headers, ask the
 * same but for target and body. One list, made once, serves them all, and so does what the protocol
 * made of it. */
struct usual {
    PyObject *method; /* owned: an address cannot come to mean another text */
    const char *type; /* of the body; the static string itself */
    unsigned kind;    /* what else the list depends on */
    struct asked *asked;
};

static bool is_usual(const struct session *s, const struct call *c, const struct outgoing *out)
{
    return !s->headers && !s->jar.count && !is_given(c->headers) && !is_given(c->cookies) &&
           !is_given(c->auth) && !is_given(s->is_fast ? s->auth_header : s->auth) &&
           PyUnicode_IS_ASCII(out->target);
}

static unsigned kind_of(const struct session *s, const struct outgoing *out)
{
    return (unsigned)s->is_fast | (unsigned)(out->body_len > 0) << 1 | (unsigned)out->is_json << 2 |
           (unsigned)out->is_form << 3 | (unsigned)out->is_text << 4 | (unsigned)s->http2 << 5;
}

static void keep_usual(struct usual *u, const struct usual *key, struct asked *asked)
{
    const struct usual old = *u;
    asked->kept = mem_zalloc(sizeof *asked->kept);
    *u = *key;
    u->method = Py_NewRef(key->method);
    u->asked = asked_ref(asked);
    asked_put(old.asked);
    Py_XDECREF(old.method);
}

static enum road usual_head(struct session *s, const struct call *c, const struct outgoing *out,
                            struct asked **asked)
{
    static struct usual usuals[32];
    const struct usual key = {c->method, out->content_type, kind_of(s, out), NULL};
    struct usual *u =
        &usuals[((uintptr_t)key.method >> 5 ^ key.kind) % (sizeof usuals / sizeof *usuals)];
    if (u->method == key.method && u->type == key.type && u->kind == key.kind) {
        *asked = asked_ref(u->asked);
        return ROAD_FAST;
    }
    const enum road road = make_head(s, c, out, asked);
    if (road == ROAD_FAST)
        keep_usual(u, &key, *asked);
    return road;
}

enum road call_head(struct session *s, const struct call *c, const struct outgoing *out,
                    struct asked **asked)
{
    const enum road road = session_jar(s);
    if (road != ROAD_FAST)
        return road;
    return is_usual(s, c, out) ? usual_head(s, c, out, asked) : make_head(s, c, out, asked);
}
