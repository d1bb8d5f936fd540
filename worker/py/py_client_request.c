// SPDX-License-Identifier: MIT
/* The fast road: one call of a session from arguments to recorded result.
 *
 * Steps: target, body and head are formatted; the exchange runs while the greenlet is parked;
 * cookies are taken; redirects are followed in the same way; the outcome is recorded or kept for
 * the with block. Every step before the exchange may choose the plain road (pylib) without trace.
 */
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_record.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/py/py_stats.h"

enum { MAX_REDIRECTS_DEFAULT = 30 };

/* ---- the plain road ------------------------------------------------------------------------- */

static int keep(PyObject *dict, const char *name, PyObject *value)
{
    return value ? PyDict_SetItemString(dict, name, value) : 0;
}

static PyObject *call_kwargs(const struct call *c)
{
    PyObject *d = PyDict_New();
    if (!d)
        return NULL;
    int failed = 0;
#define KEEP(name) failed |= keep(d, #name, c->name);
    KEEP(data)
    KEEP(json)
    KEEP(params)
    KEEP(headers)
    KEEP(cookies)
    KEEP(files)
    KEEP(auth)
    KEEP(timeout)
    KEEP(proxies)
    KEEP(hooks)
    KEEP(stream)
    KEEP(verify)
    KEEP(cert)
#undef KEEP
    failed |= keep(d, "allow_redirects", c->allow_redirects ? Py_True : Py_False);
    if (c->extra)
        failed |= PyDict_Update(d, c->extra);
    if (failed)
        Py_CLEAR(d);
    return d;
}

/* A verb where request() was replaced: that one is called, as requests does. */
static PyObject *overridden_call(struct session *s, const struct call *c)
{
    PyObject *kwargs = call_kwargs(c);
    PyObject *args = PyTuple_Pack(2, c->method, c->url);
    PyObject *function = PyObject_GetAttrString((PyObject *)s, "request");
    PyObject *result = NULL;
    int failed = !kwargs || !args || !function;
    if (!failed) {
        failed = keep(kwargs, "name", c->name) | keep(kwargs, "context", c->context) |
                 keep(kwargs, "tags", c->tags) |
                 keep(kwargs, "max_response_size", c->max_response_size) |
                 keep(kwargs, "discard_response_body", c->discard_response_body);
        if (c->catch_response)
            failed |= keep(kwargs, "catch_response", Py_True);
        if (!failed)
            result = PyObject_Call(function, args, kwargs);
    }
    Py_XDECREF(kwargs);
    Py_XDECREF(args);
    Py_XDECREF(function);
    return result;
}

static PyObject *plain_call(struct session *s, const struct call *c)
{
    struct fetch_request checked;
    if (call_size_limit(c, &checked) != ROAD_FAST)
        return NULL;
    PyObject *kwargs = call_kwargs(c);
    if (!kwargs)
        return NULL;
    PyObject *name = is_given(c->name) ? c->name : s->request_name;
    PyObject *result = PyObject_CallFunctionObjArgs(
        s->is_fast ? glue.fast_plain_request : glue.plain_request, (PyObject *)s, c->method, c->url,
        is_given(name) ? name : Py_None, c->catch_response ? Py_True : Py_False,
        is_given(c->context) ? c->context : Py_None, kwargs, is_given(c->tags) ? c->tags : Py_None,
        is_given(c->max_response_size) ? c->max_response_size : Py_None,
        is_given(c->discard_response_body) ? c->discard_response_body : Py_None, NULL);
    Py_DECREF(kwargs);
    return result;
}

/* ---- cookies -------------------------------------------------------------------------------- */

void request_take_cookies(struct response *r)
{
    const struct fetch_header *h = response_header(r, "set-cookie", NULL);
    if (!h)
        return;
    struct jar_place place = {.is_tls = r->site->is_tls, .path = PyUnicode_DATA(r->target)};
    place.path_len = (size_t)PyUnicode_GET_LENGTH(r->target);
    const char *host = NULL;
    size_t host_len = 0;
    asked_host(r, &host, &host_len);
    jar_place_host(&place, host, host_len);
    const double now = clk_steady();
    for (; h; h = response_header(r, "set-cookie", h)) {
        struct cookie c;
        if (!jar_parse(&c, h->value, h->value_len, &place, now))
            continue;
        const bool is_expired = c.expires != 0 && c.expires <= now;
        if (session_set_cookie(r->session, &c, is_expired) < 0)
            PyErr_Clear(); /* a cookie that is no text; http.cookiejar drops it as well */
    }
}

/* ---- sending -------------------------------------------------------------------------------- */

static PyTypeObject *class_for(const struct session *s, bool is_catch)
{
    if (!s->is_fast)
        return (PyTypeObject *)glue.response_class;
    return (PyTypeObject *)(is_catch ? glue.fast_catch_class : glue.fast_response_class);
}

static void outgoing_fini(struct outgoing *out)
{
    site_put(out->site);
    out->site = NULL;
    Py_CLEAR(out->target);
    Py_CLEAR(out->payload);
}

/* A response that owns what belongs to this request; takes asked. NULL with an exception. */
static struct response *start_response(struct session *s, bool is_catch, struct outgoing *out,
                                       struct asked *asked)
{
    struct pool_ref *pool = session_pool(s);
    struct response *r = pool ? response_new(class_for(s, is_catch)) : NULL;
    if (!r) {
        asked_put(asked);
        return NULL;
    }
    r->asked = asked;
    r->body_len = (size_t)out->body_len;
    r->session = (struct session *)Py_NewRef((PyObject *)s);
    r->pool = pool_ref_get(pool);
    r->site = site_ref(out->site);
    r->target = out->target;
    r->payload = out->payload;
    out->target = out->payload = NULL;
    r->is_catch = is_catch;
    return r;
}

/* An empty Location leads nowhere; geventhttpclient follows one of several as little. */
static bool has_location(const struct response *r)
{
    const struct fetch_header *h = response_header(r, "location", NULL);
    if (!h || (!h->value_len && !response_header(r, "location", h)))
        return false;
    return !r->session->is_fast || !response_header(r, "location", h);
}

static bool is_redirect(const struct response *r)
{
    switch (r->status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return has_location(r);
    default:
        return false;
    }
}

/* The body of a redirect that is followed is nobody's: what is wrong with it does no harm. */
static bool is_harmless(const struct response *r)
{
    const enum fetch_error error = r->got->error;
    return (error == FETCH_DECODE || error == FETCH_INCOMPLETE) && is_redirect(r);
}

static void send(struct response *r, struct fetch_request *q, const struct outgoing *out)
{
    asked_request(r, q);
    q->body = out->body;
    q->body_len = (size_t)out->body_len;
    exchange_begin(r, q);
}

/* A failed exchange leaves status 0 and r->error. -1 with an exception. */
static int await(struct response *r)
{
    if (exchange_end(r) < 0)
        return -1;
    if (!exchange_failed(r) || (r->is_followed && is_harmless(r))) {
        request_take_cookies(r);
        return 0;
    }
    r->error = exchange_error(r);
    r->status = 0;
    return r->error ? 0 : -1;
}

/* ---- redirects ------------------------------------------------------------------------------ */

static long max_redirects(const struct session *s)
{
    if (!s->max_redirects)
        return MAX_REDIRECTS_DEFAULT;
    const long most = PyLong_AsLong(s->max_redirects);
    PyErr_Clear();
    return most;
}

/* glue.redirect(response) → (method, root, target, headers, body or None, url) or an exception
 * instance that ends the chain. */
static struct response *next_hop(struct response *r, PyObject *parts, const struct call *c,
                                 struct fetch_request *q)
{
    PyObject *method = NULL, *root = NULL, *target = NULL, *pairs = NULL, *body = NULL, *url = NULL;
    struct session *s = r->session;
    if (!PyArg_ParseTuple(parts, "UUUO!OU", &method, &root, &target, &PyList_Type, &pairs, &body,
                          &url))
        return NULL;
    PyObject *verify = is_given(c->verify) ? c->verify : s->verify;
    PyObject *cert = is_given(c->cert) ? c->cert : s->cert;
    if (!verify)
        verify = s->is_fast ? Py_False : Py_True;
    struct outgoing out = {.site =
                               site_get(root, verify, cert ? cert : Py_None, Py_None, s->http2)};
    if (!out.site)
        return NULL;
    out.target = Py_NewRef(target);
    if (body != Py_None) {
        out.payload = Py_NewRef(body);
        out.body = PyBytes_Check(body) ? PyBytes_AS_STRING(body)
                                       : PyUnicode_AsUTF8AndSize(body, &out.body_len);
        out.body_len = PyBytes_Check(body) ? PyBytes_GET_SIZE(body) : out.body_len;
    }
    struct asked *asked = asked_of_pairs(method, pairs);
    struct response *next = asked ? start_response(s, r->is_catch, &out, asked) : NULL;
    outgoing_fini(&out);
    if (!next)
        return NULL;
    next->method = Py_NewRef(r->method);
    next->name = Py_XNewRef(r->name);
    next->context = Py_XNewRef(r->context);
    next->tags = Py_XNewRef(r->tags);
    next->duration_ns = r->duration_ns;
    next->url = Py_NewRef(url); /* with its fragment */
    next->timeout = Py_XNewRef(r->timeout);
    next->is_reached = r->is_reached;
    next->trace = r->trace;
    r->is_reported = true; /* from here on the whole chain is next's to count */
    next->is_followed = true;
    exchange_take_method(q, next);
    send(next, q, &out);
    if (await(next) < 0)
        Py_CLEAR(next);
    return next;
}

/* The error that ends a chain takes the place of the response, as in Locust. */
static struct response *chain_failed(struct response *r, PyObject *error)
{
    PyObject *blank = PyObject_CallOneArg(
        r->session->is_fast ? glue.fast_redirect_failed : glue.redirect_failed, (PyObject *)r);
    if (!blank)
        return NULL;
    struct response *failed = (struct response *)blank;
    failed->session = (struct session *)Py_NewRef((PyObject *)r->session);
    failed->method = Py_NewRef(r->method);
    failed->name = Py_XNewRef(r->name);
    failed->context = Py_XNewRef(r->context);
    failed->tags = Py_XNewRef(r->tags);
    failed->site = site_ref(r->site);
    failed->target = Py_XNewRef(r->target);
    failed->duration_ns = r->duration_ns;
    failed->is_catch = r->is_catch;
    failed->is_reached = r->is_reached;
    failed->trace = r->trace;
    r->is_reported = true;
    failed->status = 0;
    failed->error = Py_NewRef(error);
    return failed;
}

/* Follows the chain that starts at r; takes r, gives the last response. NULL with an exception. */
static struct response *follow(struct response *r, const struct call *c, struct fetch_request *q)
{
    PyObject *hops = PyList_New(0);
    const long most = max_redirects(r->session);
    while (hops && r && is_redirect(r)) {
        PyObject *earlier = PyList_GetSlice(hops, 0, PyList_GET_SIZE(hops));
        if (!earlier || PyList_Append(hops, (PyObject *)r) < 0) {
            Py_XDECREF(earlier);
            break;
        }
        Py_XSETREF(r->history, earlier);
        PyObject *parts =
            PyList_GET_SIZE(hops) > most
                ? PyObject_CallFunction(glue.too_many_redirects, "Ol", r, most)
                : PyObject_CallOneArg(r->session->is_fast ? glue.fast_redirect : glue.redirect,
                                      (PyObject *)r);
        struct response *next = NULL;
        if (parts)
            next = PyTuple_Check(parts) ? next_hop(r, parts, c, q) : chain_failed(r, parts);
        Py_XDECREF(parts);
        Py_SETREF(r, next);
        if (r && r->error)
            break;
    }
    if (r && !PyErr_Occurred() && !r->error)
        Py_XSETREF(r->history, Py_XNewRef(hops));
    Py_XDECREF(hops);
    if (PyErr_Occurred())
        Py_CLEAR(r);
    return r;
}

/* ---- the call ------------------------------------------------------------------------------- */

static enum road prepare(struct session *s, const struct call *c, struct outgoing *out,
                         struct asked **asked, struct fetch_request *q)
{
    enum road road = session_road(s);
    if (road == ROAD_FAST && (is_given(c->files) || is_given(c->hooks) || is_given(c->proxies) ||
                              c->extra || (is_given(c->stream) && c->stream != Py_False)))
        road = ROAD_PLAIN;
    if (road == ROAD_FAST)
        road = call_timeouts(s, c->timeout, q);
    if (road == ROAD_FAST)
        road = call_size_limit(c, q);
    if (road == ROAD_FAST)
        road = call_target(s, c, out);
    if (road == ROAD_FAST)
        road = call_body(s, c, out);
    return road == ROAD_FAST ? call_head(s, c, out, asked) : road;
}

static PyObject *default_name(const struct session *s, const struct call *c,
                              const struct outgoing *out)
{
    if (is_given(c->name) && PyObject_IsTrue(c->name) == 1)
        return Py_NewRef(c->name);
    if (is_given(s->request_name))
        return Py_NewRef(s->request_name);
    return Py_NewRef(s->is_fast ? c->url : out->target);
}

/* Reports now, or leaves it to the with block. */
static PyObject *finish(struct response *r, bool is_catch)
{
    if (is_catch)
        return (PyObject *)r;
    if (record_without_block(r) == 0)
        return (PyObject *)r;
    Py_DECREF(r);
    return NULL;
}

static PyObject *own_url(const struct session *s, PyObject *url)
{
    const char *text = PyUnicode_AsUTF8(url);
    if ((text && site_is_absolute(text)) || !s->base_url || !PyUnicode_Check(s->base_url))
        return Py_NewRef(url);
    return session_join(s, url);
}

/* Sent, or NULL with an exception. */
static struct response *send_call(struct session *s, struct call *c, struct outgoing *out,
                                  struct asked *asked, struct fetch_request *q)
{
    PyObject *name = default_name(s, c, out);
    const struct outgoing sent = *out;
    struct response *r = start_response(s, c->catch_response, out, asked);
    if (!r) {
        Py_DECREF(name);
        return NULL;
    }
    r->method = Py_NewRef(c->method);
    r->name = name;
    r->context = is_given(c->context) ? Py_NewRef(c->context) : NULL;
    if (s->is_fast && sent.is_rewritten)
        r->url = own_url(s, c->url); /* as the caller wrote it */
    r->tags = is_given(c->tags) ? Py_NewRef(c->tags) : NULL;
    r->timeout = is_given(c->timeout) ? Py_NewRef(c->timeout) : NULL;
    r->is_followed = c->allow_redirects;
    if (__builtin_expect(py_trace_wanted, 0))
        py_trace_begin(r);
    exchange_take_method(q, r);
    if (exchange_discards(q, c->discard_response_body) < 0) {
        Py_DECREF(r);
        return NULL;
    }
    send(r, q, &sent);
    return r;
}

static int wait_while_held(const struct session *s)
{
    PyObject *wait = Py_NewRef(client_hold); /* may be exchanged while we wait */
    PyObject *answer = PyObject_CallOneArg(wait, is_given(s->user) ? s->user : Py_None);
    Py_DECREF(wait);
    Py_XDECREF(answer);
    return answer ? 0 : -1;
}

/* What a call is made of is on the stack until the request is sent, and no longer: greenlet moves
 * away what is there while it is waited for. The response of a request that is sent, or NULL: then
 * *result is what the call comes to. */
__attribute__((noinline)) static struct response *
begin(struct session *s, const struct call_arguments *a, PyObject **result)
{
    struct call c;
    struct outgoing out = {0};
    struct fetch_request q = {0};
    struct asked *asked = NULL;
    struct response *r = NULL;
    enum road road = ROAD_ERROR;
    *result = NULL;
    if (call_parse(&c, s, a) < 0)
        goto out;
    if (Py_TYPE(s)->tp_version_tag != s->class_version)
        session_look(s);
    if (s->calls_request && !c.is_request) {
        *result = overridden_call(s, &c);
        goto out;
    }
    if (client_hold && wait_while_held(s) < 0)
        goto out;
    road = prepare(s, &c, &out, &asked, &q);
    if (road == ROAD_FAST)
        r = send_call(s, &c, &out, asked, &q);
    if (road == ROAD_PLAIN)
        *result = plain_call(s, &c);
out:
    outgoing_fini(&out);
    Py_XDECREF(c.extra);
    return r;
}

/* Takes r; the same arguments again. */
__attribute__((noinline)) static struct response *
follow_call(struct session *s, const struct call_arguments *a, struct response *r)
{
    struct call c;
    struct fetch_request q = {0};
    if (call_parse(&c, s, a) == 0 && call_timeouts(s, c.timeout, &q) == ROAD_FAST &&
        call_size_limit(&c, &q) == ROAD_FAST && exchange_discards(&q, c.discard_response_body) == 0)
        r = follow(r, &c, &q);
    else
        Py_CLEAR(r);
    Py_XDECREF(c.extra);
    return r;
}

PyObject *request_call(struct session *s, const struct call_arguments *a)
{
    PyObject *result;
    struct response *r = begin(s, a, &result);
    if (!r)
        return result;
    if (await(r) < 0) {
        Py_DECREF(r);
        return NULL;
    }
    if (r->is_followed && is_redirect(r) && !(s->is_fast && max_redirects(s) == 0))
        r = follow_call(s, a, r);
    return r ? finish(r, r->is_catch) : NULL;
}
