// SPDX-License-Identifier: MIT
/* Sites and URLs: where a request goes and how its target is written.
 *
 * Problem: requests normalises every URL with urllib3's parser, some 20 µs. Nearly all URLs of a
 * load test are already in normal form.
 * Design: a byte table says which characters requests leaves alone; a URL made only of these is
 * used as it is. Anything else (percent signs, spaces, dots to collapse, upper-case hosts,
 * credentials) is normalised by requests' own code, then looked at again.
 * Sites are interned in a dict keyed by (root, verify, cert, proxy[, http2]), at most SITES_MAX of
 * them, those used last: a target may redirect to ever new hosts.
 */
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_site.h"
#include "worker/py/hub.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/hex.h"
#include "common/base/mem.h"
#include "worker/proto/polls.h"

enum { SITES_MAX = 1024 };

static PyObject *sites; /* (root, verify, cert, proxy[, http2]) → capsule of struct site */
static struct site *newest, *oldest;
static struct fetch_engine *engine;
static unsigned long loop_thread; /* where the engine lives */

bool site_is_loop_thread(void)
{
    return !engine || PyThread_get_thread_ident() == loop_thread;
}

struct fetch_engine *site_engine(void)
{
    if (engine)
        return engine;
    if (!hub_base()) {
        PyErr_SetString(PyExc_RuntimeError, "the HTTP client needs katydid's event loop");
        return NULL;
    }
    engine = fetch_engine_new(hub_base(), client_protocols(HTTP2_NEVER));
    fetch_engine_set_polls(engine, &hub_polled_ns);
    loop_thread = PyThread_get_thread_ident();
    return engine;
}

/* ---- characters ----------------------------------------------------------------------------- */

#define PASS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
#define SUB_DELIMS "!$&'()*+,;="

enum { IN_TARGET = 1, IN_HOST = 2, UNRESERVED = 4, IN_FAST_TARGET = 8, IN_TOKEN = 16 };
static uint8_t classes[256];

static void mark(const char *bytes, uint8_t class)
{
    for (; *bytes; bytes++)
        classes[(uint8_t)*bytes] |= class;
}

void site_init(void)
{
    mark(PASS SUB_DELIMS ":@/?", IN_TARGET);
    mark("abcdefghijklmnopqrstuvwxyz0123456789-._", IN_HOST);
    mark(PASS, UNRESERVED);
    mark(PASS SUB_DELIMS ":@/?[]", IN_FAST_TARGET);
    mark(PASS "!#$%&'*+^`|", IN_TOKEN);
}

bool site_is_normal_target(const char *text, Py_ssize_t len)
{
    if (len == 0 || text[0] != '/')
        return false;
    for (Py_ssize_t i = 0; i < len; i++)
        if (!(classes[(uint8_t)text[i]] & IN_TARGET))
            return false;
    return text[len - 1] != '?' && !strstr(text, "/.");
}

/* An escape that is needed: of a byte that cannot stand for itself. */
static bool is_escape(const char *text, Py_ssize_t left)
{
    const int byte = hex_escaped(text, (size_t)left);
    return byte >= 0 && !(classes[byte] & UNRESERVED);
}

bool site_is_fast_target(const char *text, Py_ssize_t len)
{
    if (len == 0 || text[0] != '/' || (len > 1 && text[1] == '/'))
        return false;
    for (Py_ssize_t i = 0; i < len; i++) {
        const bool is_kept = classes[(uint8_t)text[i]] & IN_FAST_TARGET;
        if (!is_kept && !is_escape(text + i, len - i))
            return false;
        if (text[i] == ';' && (i + 1 == len || text[i + 1] == '?'))
            return false; /* urlparse() takes parameters without a name away */
    }
    return text[len - 1] != '?';
}

bool site_is_token(const char *text, Py_ssize_t len)
{
    for (Py_ssize_t i = 0; i < len; i++)
        if (!(classes[(uint8_t)text[i]] & IN_TOKEN))
            return false;
    return len > 0;
}

static Py_ssize_t digits_from(const char *text, Py_ssize_t at, Py_ssize_t len)
{
    while (at < len && text[at] >= '0' && text[at] <= '9')
        at++;
    return at;
}

#define UNIX_SCHEME "http+unix://"
#define UNIX_AUTHORITY "localhost" /* what Host says there */
enum { UNIX_SCHEME_LEN = sizeof UNIX_SCHEME - 1 };

static bool is_unix(const char *url)
{
    return !strncasecmp(url, UNIX_SCHEME, UNIX_SCHEME_LEN);
}

bool site_is_absolute(const char *url)
{
    return !strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8) || is_unix(url);
}

/* Of http+unix://: what is escaped is an absolute path, without a NUL. */
static Py_ssize_t unix_root_length(const char *url, Py_ssize_t len)
{
    Py_ssize_t at = UNIX_SCHEME_LEN;
    if (hex_escaped(url + at, (size_t)(len - at)) != '/')
        return 0;
    while (at < len && url[at] != '/' && url[at] != '?' && url[at] != '#')
        if (url[at] == '%' && hex_escaped(url + at, (size_t)(len - at)) <= 0)
            return 0;
        else
            at++;
    return at == len || url[at] == '/' ? at : 0;
}

/* Others, as tabs, urlsplit takes out or refuses. */
static bool is_in_brackets(char c)
{
    return classes[(uint8_t)c] & IN_HOST || c == ':' || c == '%';
}

Py_ssize_t site_root_length(const char *url, Py_ssize_t len)
{
    Py_ssize_t at = 7;
    if (len > UNIX_SCHEME_LEN && !memcmp(url, UNIX_SCHEME, UNIX_SCHEME_LEN))
        return unix_root_length(url, len);
    if (len > 8 && !memcmp(url, "https://", 8))
        at = 8;
    else if (len <= 7 || memcmp(url, "http://", 7) != 0)
        return 0;
    const Py_ssize_t host = at;
    if (url[at] == '[') {
        for (at++; at < len && is_in_brackets(url[at]); at++)
            ;
        if (at == len || url[at++] != ']')
            return 0;
    } else {
        while (at < len && (classes[(uint8_t)url[at]] & IN_HOST))
            at++;
    }
    if (at == host || url[host] == '.')
        return 0;
    if (at < len && url[at] == ':') {
        const Py_ssize_t end = digits_from(url, at + 1, len);
        if (end == at + 1 || end > at + 6 || strtoul(url + at + 1, NULL, 10) > UINT16_MAX)
            return 0;
        at = end;
    }
    return at == len || url[at] == '/' ? at : 0;
}

void site_quote_plus(struct sbuf *out, const char *text, Py_ssize_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    sbuf_reserve(out, (size_t)len * 3);
    char *to = out->data + out->len;
    for (Py_ssize_t i = 0; i < len; i++) {
        const uint8_t byte = (uint8_t)text[i];
        if (classes[byte] & UNRESERVED) {
            *to++ = (char)byte;
        } else if (byte == ' ') {
            *to++ = '+';
        } else {
            *to++ = '%';
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        }
    }
    *to = 0;
    out->len = (size_t)(to - out->data);
}

/* ---- form encoding -------------------------------------------------------------------------- */

static enum road add_scalar(struct sbuf *out, PyObject *value)
{
    Py_ssize_t len = 0;
    if (PyUnicode_CheckExact(value)) {
        const char *text = PyUnicode_AsUTF8AndSize(value, &len);
        if (!text) {
            PyErr_Clear();
            return ROAD_PLAIN;
        }
        site_quote_plus(out, text, len);
        return ROAD_FAST;
    }
    if (PyBytes_CheckExact(value)) {
        site_quote_plus(out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
        return ROAD_FAST;
    }
    if (!PyLong_CheckExact(value) && !PyFloat_CheckExact(value) && !PyBool_Check(value))
        return ROAD_PLAIN;
    PyObject *string = PyObject_Str(value);
    if (!string)
        return ROAD_ERROR;
    const char *text = PyUnicode_AsUTF8AndSize(string, &len);
    site_quote_plus(out, text, len);
    Py_DECREF(string);
    return ROAD_FAST;
}

static enum road add_pair(struct sbuf *out, PyObject *key, PyObject *value, size_t start)
{
    if (value == Py_None)
        return ROAD_FAST;
    if (out->len > start)
        sbuf_addc(out, '&');
    enum road road = add_scalar(out, key);
    if (road != ROAD_FAST)
        return road;
    sbuf_addc(out, '=');
    return add_scalar(out, value);
}

enum road site_urlencode(struct sbuf *out, PyObject *dict)
{
    if (!PyDict_CheckExact(dict))
        return ROAD_PLAIN;
    const size_t start = out->len;
    PyObject *key = NULL, *value = NULL;
    Py_ssize_t at = 0;
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (!PyUnicode_CheckExact(key))
            return ROAD_PLAIN;
        enum road road = ROAD_FAST;
        if (!PyList_CheckExact(value))
            road = add_pair(out, key, value, start);
        else
            for (Py_ssize_t i = 0; road == ROAD_FAST && i < PyList_GET_SIZE(value); i++)
                road = add_pair(out, key, PyList_GET_ITEM(value, i), start);
        if (road != ROAD_FAST)
            return road;
    }
    return ROAD_FAST;
}

/* ---- sites ---------------------------------------------------------------------------------- */

/* http://, https://, or ws:// and wss:// for a connection that is to be taken over. */
static bool is_upgrading(const char *root)
{
    return root[0] == 'w';
}

static void unescape(const char *text, char *to)
{
    while (*text) {
        const int byte = hex_escaped(text, strlen(text));
        *to++ = byte < 0 ? *text : (char)byte;
        text += byte < 0 ? 1 : 3;
    }
    *to = 0;
}

/* The authority of root into host (NUL-terminated, without brackets) and port. */
static void split_root(const char *root, struct site *site, char *host, uint16_t *port)
{
    if (is_unix(root)) {
        site->authority = UNIX_AUTHORITY;
        site->authority_len = sizeof UNIX_AUTHORITY - 1;
        unescape(root + UNIX_SCHEME_LEN, host);
        return;
    }
    const char *colons = strstr(root, "://");
    site->is_tls = colons[-1] == 's' && !(is_upgrading(root) && colons == root + 2);
    const char *from = colons + 3;
    const char *end = from + strlen(from);
    const char *colon = strrchr(from, ':');
    site->authority = from;
    site->authority_len = (size_t)(end - from);
    *port = site->is_tls ? 443 : 80;
    if (colon && !strchr(colon, ']')) {
        *port = (uint16_t)strtoul(colon + 1, NULL, 10);
        end = colon;
    }
    if (*from == '[' && end[-1] == ']') {
        from++;
        end--;
    }
    memcpy(host, from, (size_t)(end - from));
    host[end - from] = 0;
}

static const char *text_or_null(PyObject *value)
{
    return value == Py_None ? NULL : PyUnicode_AsUTF8(value);
}

/* Fills the TLS part of target from glue.ca_file(verify, cert) → (verify, ca, cert, key), which
 * owns the strings. */
static PyObject *fill_tls(struct fetch_target *target, PyObject *verify, PyObject *cert)
{
    PyObject *parts = PyObject_CallFunctionObjArgs(glue.ca_file, verify, cert, NULL);
    if (!parts)
        return NULL;
    target->tls_profile = (struct fetch_tls){
        .verify = PyObject_IsTrue(PyTuple_GetItem(parts, 0)) == 1,
        .ca_file = text_or_null(PyTuple_GetItem(parts, 1)),
        .cert_file = text_or_null(PyTuple_GetItem(parts, 2)),
        .key_file = text_or_null(PyTuple_GetItem(parts, 3)),
    };
    return parts;
}

static int fill_proxy(struct fetch_target *target, PyObject *proxy)
{
    const char *host = NULL, *auth = NULL;
    unsigned short port = 0;
    if (proxy == Py_None)
        return 0;
    if (!PyArg_ParseTuple(proxy, "sHz", &host, &port, &auth))
        return -1;
    target->proxy_host = host;
    target->proxy_port = port;
    target->proxy_auth = auth;
    return 0;
}

static struct site *site_new(PyObject *root, PyObject *verify, PyObject *cert, PyObject *proxy,
                             enum http2_use http2)
{
    struct fetch_engine *e = site_engine();
    const char *text = PyUnicode_AsUTF8(root);
    if (!e || !text)
        return NULL;
    if (is_upgrading(text))
        http2 = HTTP2_NEVER;
    struct site *site = mem_zalloc(sizeof *site);
    char *host = mem_realloc(NULL, strlen(text) + 1);
    struct fetch_target target = {.host = host, .protocols = client_protocols(http2)};
    split_root(text, site, host, &target.port);
    target.tls = site->is_tls;
    target.tunnels = is_upgrading(text);
    PyObject *tls = site->is_tls ? fill_tls(&target, verify, cert) : Py_NewRef(Py_None);
    if (tls && fill_proxy(&target, proxy) == 0) {
        site->refs = 1;
        site->root = Py_NewRef(root);
        site->is_forwarded = target.proxy_host && !site->is_tls && !target.tunnels;
        site->origin = fetch_origin_get(e, &target);
    } else {
        free(site);
        site = NULL;
    }
    Py_XDECREF(tls);
    free(host);
    return site;
}

struct site *site_ref(struct site *site)
{
    site->refs++;
    return site;
}

void site_put(struct site *site)
{
    if (!site || --site->refs)
        return;
    fetch_origin_put(site->origin);
    Py_DECREF(site->root);
    free(site);
}

static void unlink_site(struct site *site)
{
    *(site->prev ? &site->prev->next : &newest) = site->next;
    *(site->next ? &site->next->prev : &oldest) = site->prev;
}

static void link_newest(struct site *site)
{
    site->prev = NULL;
    site->next = newest;
    *(newest ? &newest->prev : &oldest) = site;
    newest = site;
}

static struct site *find(PyObject *key)
{
    PyObject *found = PyDict_GetItemWithError(sites, key);
    return found ? PyCapsule_GetPointer(found, NULL) : NULL;
}

/* The interned ones have a reference of their own. */
static int intern(struct site *site, PyObject *key)
{
    PyObject *capsule = PyCapsule_New(site, NULL, NULL);
    const int failed = !capsule || PyDict_SetItem(sites, key, capsule) < 0;
    Py_XDECREF(capsule);
    if (failed)
        return -1;
    site->key = Py_NewRef(key);
    link_newest(site_ref(site));
    return 0;
}

static void forget_oldest(void)
{
    struct site *site = oldest;
    PyObject *key = site->key;
    unlink_site(site);
    site->key = NULL;
    if (PyDict_DelItem(sites, key) < 0)
        PyErr_Clear();
    Py_DECREF(key);
    site_put(site);
}

static struct site *site_make(PyObject *key, PyObject *root, PyObject *verify, PyObject *cert,
                              PyObject *proxy, enum http2_use http2)
{
    while (oldest && PyDict_GET_SIZE(sites) >= SITES_MAX)
        forget_oldest();
    struct site *site = site_new(root, verify, cert, proxy, http2);
    struct site *other = site ? find(key) : NULL; /* made meanwhile: site_new runs Python */
    if (other || (site && intern(site, key) < 0)) {
        site_put(site);
        site = other ? site_ref(other) : NULL;
    }
    return site;
}

struct site *site_get(PyObject *root, PyObject *verify, PyObject *cert, PyObject *proxy,
                      enum http2_use http2)
{
    if (!sites)
        sites = PyDict_New();
    PyObject *key = http2 ? Py_BuildValue("(OOOOi)", root, verify, cert, proxy, (int)http2)
                          : PyTuple_Pack(4, root, verify, cert, proxy);
    if (!key)
        return NULL;
    struct site *site = find(key);
    if (site) {
        unlink_site(site);
        link_newest(site_ref(site));
    } else if (!PyErr_Occurred()) {
        site = site_make(key, root, verify, cert, proxy, http2);
    }
    Py_DECREF(key);
    return site;
}
