// SPDX-License-Identifier: MIT
/* The types _katydid.Session (base of HttpSession and FastHttpSession) and _katydid.Pool.
 *
 * Attributes are one pointer each, NULL until touched (see py_client_session.c); the verbs parse
 * their arguments and start the call. A class or an instance that replaces request() has its verbs
 * call that; one that replaces another method that requests calls on itself loses the fast road, so
 * the replacement is called. Classes are patched at any time: the interpreter gives a class that
 * changed, itself or in a base, another version tag, so that an unchanged one costs a comparison.
 */
#include "worker/py/py_client_call.h"
#include "worker/py/py_client_glue.h"
#include "worker/py/py_client_record.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"

PyTypeObject *session_type;

/* ---- shared connections --------------------------------------------------------------------- */

/* A pool that several sessions share: HTTPClientPool of pylib holds one. */
struct pool_object {
    PyObject_HEAD struct pool_ref *ref;
    struct fetch_pool_config config;
};
static PyTypeObject *pool_type;

static PyObject *pool_make(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"max_idle", "max_connections", "ping", NULL};
    unsigned idle = 10, most = 0;
    double ping = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|IId", KEYWORD_NAMES(names), &idle, &most,
                                     &ping))
        return NULL;
    struct pool_object *self = (struct pool_object *)type->tp_alloc(type, 0);
    if (self)
        self->config = (struct fetch_pool_config){.max_idle_per_origin = idle,
                                                  .max_per_origin = most,
                                                  .max_shared = most ? most : idle,
                                                  .ping_ms = call_milliseconds(ping),
                                                  .is_of_many = true};
    return (PyObject *)self;
}

static void pool_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    pool_ref_put(((struct pool_object *)self)->ref);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *pool_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct pool_object *pool = (struct pool_object *)self;
    if (pool->ref)
        fetch_pool_close_idle(pool->ref->pool);
    Py_RETURN_NONE;
}

struct pool_ref *pool_object_ref(PyObject *owner)
{
    struct pool_object *pool = (struct pool_object *)owner;
    if (!pool->ref)
        pool->ref = pool_ref_new(pool->config);
    return pool->ref ? pool_ref_get(pool->ref) : NULL;
}

/* ---- attributes ----------------------------------------------------------------------------- */

/* The Python jar, made from ours at the first touch. */
static PyObject *session_make_cookies(struct session *s)
{
    PyObject *rows = PyList_New(0);
    for (uint32_t i = 0; rows && i < s->jar.count; i++) {
        PyObject *row = session_cookie_row(&s->jar.cookies[i]);
        if (!row || PyList_Append(rows, row) < 0)
            Py_CLEAR(rows);
        Py_XDECREF(row);
    }
    PyObject *jar = rows ? PyObject_CallOneArg(glue.make_cookies, rows) : NULL;
    Py_XDECREF(rows);
    return jar;
}

enum kind {
    NONE,
    YES,
    NO,
    EMPTY,
    THIRTY,
    HEADERS,
    PROXIES,
    HOOKS,
    PARAMS,
    COOKIES,
    ADAPTERS,
    AGENT
};

struct attribute {
    size_t at;
    enum kind kind;
};

static PyObject **slot_of(struct session *s, const struct attribute *a)
{
    return (PyObject **)(void *)((char *)s + a->at);
}

static PyObject *make_default(struct session *s, enum kind kind)
{
    switch (kind) {
    case NONE:
        Py_RETURN_NONE;
    case YES:
        return Py_NewRef(s->is_fast ? Py_False : Py_True);
    case NO:
        Py_RETURN_FALSE;
    case EMPTY:
        return PyUnicode_FromString("");
    case THIRTY:
        return PyLong_FromLong(30);
    case HEADERS:
        return PyObject_CallOneArg(glue.make_headers, (PyObject *)s);
    case PROXIES:
        return PyObject_CallNoArgs(glue.make_proxies);
    case HOOKS:
        return PyObject_CallNoArgs(glue.make_hooks);
    case PARAMS:
        return PyObject_CallNoArgs(glue.make_params);
    case COOKIES:
        return session_make_cookies(s);
    case ADAPTERS:
        return PyObject_CallOneArg(glue.make_adapters, (PyObject *)s);
    case AGENT:
        return PyObject_CallOneArg(glue.make_agent, (PyObject *)s);
    }
    Py_UNREACHABLE();
}

/* Constants need no place of their own; what can be changed in place is kept. */
static bool is_kept(enum kind kind)
{
    return kind >= HEADERS;
}

static PyObject *attribute_get(PyObject *self, void *closure)
{
    struct session *s = (struct session *)self;
    const struct attribute *a = closure;
    PyObject **slot = slot_of(s, a);
    if (*slot)
        return Py_NewRef(*slot);
    if (is_kept(a->kind) && glue_need() < 0)
        return NULL;
    PyObject *value = make_default(s, a->kind);
    if (value && is_kept(a->kind))
        *slot = Py_NewRef(value);
    return value;
}

static void refresh_handlers(struct session *s)
{
    Py_CLEAR(s->handlers);
    PyObject *list = s->request_event ? PyObject_GetAttrString(s->request_event, "_counted") : NULL;
    if (list && PyList_CheckExact(list))
        s->handlers = Py_NewRef(list);
    Py_XDECREF(list);
    PyErr_Clear();
}

static void forget_derived(struct session *s, const struct attribute *a)
{
    const PyObject *const *changed = (void *)slot_of(s, a);
    if (changed == (void *)&s->request_event)
        refresh_handlers(s);
    if (changed == (void *)&s->cookies)
        s->jar_version = -1;
    if (changed == (void *)&s->trust_env)
        s->is_env_checked = false;
    if (changed == (void *)&s->base_url || changed == (void *)&s->verify ||
        changed == (void *)&s->cert) {
        site_put(s->site);
        s->site = NULL;
        Py_CLEAR(s->site_path);
    }
}

static int attribute_set(PyObject *self, PyObject *value, void *closure)
{
    struct session *s = (struct session *)self;
    const struct attribute *a = closure;
    if (value && a->kind == COOKIES) {
        if (glue_need() < 0)
            return -1;
        value = PyObject_CallOneArg(glue.adopt_cookies, value);
        if (!value)
            return -1;
        jar_fini(&s->jar);
    } else {
        Py_XINCREF(value);
    }
    Py_XSETREF(*slot_of(s, a), value);
    forget_derived(s, a);
    if (a->kind == AGENT && s->is_fast)
        return PyObject_SetAttrString(self, "_has_own_agent", Py_True);
    return 0;
}

static PyObject *has_adapters(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(((struct session *)self)->adapters != NULL);
}

/* Nobody has set or looked at what changes how a request is made, but for auth, verify, cookies. */
static PyObject *is_untouched(PyObject *self, void *closure)
{
    (void)closure;
    const struct session *s = (struct session *)self;
    const bool is = !s->headers && !s->proxies && !s->hooks && !s->params && !s->adapters;
    return PyBool_FromLong(is);
}

#define ATTRIBUTE(name, kind)                                                                      \
    {                                                                                              \
#name, attribute_get, attribute_set, NULL, &(struct attribute)                             \
        {                                                                                          \
            offsetof(struct session, name), kind                                                   \
        }                                                                                          \
    }

static PyGetSetDef session_attributes[] = {
    ATTRIBUTE(base_url, NONE),
    ATTRIBUTE(request_event, NONE),
    ATTRIBUTE(user, NONE),
    ATTRIBUTE(request_name, NONE),
    ATTRIBUTE(headers, HEADERS),
    ATTRIBUTE(auth, NONE),
    ATTRIBUTE(proxies, PROXIES),
    ATTRIBUTE(hooks, HOOKS),
    ATTRIBUTE(params, PARAMS),
    ATTRIBUTE(verify, YES),
    ATTRIBUTE(cert, NONE),
    ATTRIBUTE(cookies, COOKIES),
    {"cookiejar", attribute_get, attribute_set, NULL,
     &(struct attribute){offsetof(struct session, cookies), COOKIES}},
    ATTRIBUTE(adapters, ADAPTERS),
    ATTRIBUTE(stream, NO),
    ATTRIBUTE(trust_env, YES),
    ATTRIBUTE(max_redirects, THIRTY),
    ATTRIBUTE(client, AGENT),
    ATTRIBUTE(auth_header, NONE),
    {"_has_adapters", has_adapters, NULL, NULL, NULL},
    {"_is_untouched", is_untouched, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static int session_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    session_look_at_name((struct session *)self, name);
    return PyObject_GenericSetAttr(self, name, value);
}

/* ---- life ----------------------------------------------------------------------------------- */

static PyObject *session_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    if (glue_need() < 0)
        return NULL;
    struct session *s = (struct session *)type->tp_alloc(type, 0);
    if (!s)
        return NULL;
    s->is_fast = PyType_IsSubtype(type, (PyTypeObject *)glue.fast_session_class);
    session_look(s);
    s->jar_version = -1;
    s->concurrency = 10;
    return (PyObject *)s;
}

/* By hand: clang-format stacks such lists into stairs, anew in every run. */
/* clang-format off */
#define SESSION_OBJECTS(X)                                                                         \
    X(base_url) X(request_event) X(user) X(request_name) X(headers) X(auth) X(proxies) X(hooks)    \
    X(params) X(verify) X(cert) X(cookies) X(adapters) X(stream) X(trust_env) X(max_redirects)     \
    X(client) X(pool_owner) X(handlers) X(site_path) X(auth_header)
/* clang-format on */

static int session_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct session *s = (struct session *)self;
    Py_VISIT(Py_TYPE(self));
#define X(name) Py_VISIT(s->name);
    SESSION_OBJECTS(X)
#undef X
    return 0;
}

static int session_clear(PyObject *self)
{
    struct session *s = (struct session *)self;
#define X(name) Py_CLEAR(s->name);
    SESSION_OBJECTS(X)
#undef X
    return 0;
}

static void session_dealloc(PyObject *self)
{
    struct session *s = (struct session *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    session_clear(self);
    site_put(s->site);
    jar_fini(&s->jar);
    if (s->lines)
        head_lines_fini(s->lines);
    free(s->lines);
    pool_ref_put(s->pool);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- methods -------------------------------------------------------------------------------- */

#define VERBS(X)                                                                                   \
    X(get, GET, CALL_PLAIN_VERB)                                                                   \
    X(options, OPTIONS, CALL_PLAIN_VERB)                                                           \
    X(head, HEAD, CALL_PLAIN_VERB)                                                                 \
    X(post, POST, CALL_DATA_VERB)                                                                  \
    X(put, PUT, CALL_DATA_VERB)                                                                    \
    X(patch, PATCH, CALL_DATA_VERB)                                                                \
    X(delete, DELETE, CALL_PLAIN_VERB)
static struct {
#define X(function, method, positional) PyObject *method;
    VERBS(X)
#undef X
} verbs;

#define X(function, method, positional)                                                            \
    static PyObject *session_##function(PyObject *self, PyObject *const *args, Py_ssize_t count,   \
                                        PyObject *kwnames)                                         \
    {                                                                                              \
        return request_call(                                                                       \
            (struct session *)self,                                                                \
            &(struct call_arguments){verbs.method, args, count, kwnames, positional});             \
    }
VERBS(X)
#undef X

static PyObject *session_request(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                 PyObject *kwnames)
{
    return request_call((struct session *)self,
                        &(struct call_arguments){NULL, args, count, kwnames, CALL_REQUEST});
}

static PyObject *session_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    struct session *s = (struct session *)self;
    if (s->pool && !s->pool_owner)
        fetch_pool_close_idle(s->pool->pool);
    Py_RETURN_NONE;
}

/* What the Python part of a session sets once: limits of a FastHttpSession, a shared pool. */
static PyObject *session_configure(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"connect_timeout",
                                        "network_timeout",
                                        "concurrency",
                                        "pool",
                                        "is_plain",
                                        "http2",
                                        "ping",
                                        "fails_refused",
                                        "max_connections",
                                        "max_body",
                                        "ping_wait",
                                        "pings_busy_only",
                                        NULL};
    struct session *s = (struct session *)self;
    PyObject *pool = NULL; /* not said: as it is */
    int is_odd = s->is_odd, http2 = (int)s->http2, fails_refused = s->fails_refused;
    int pings_busy_only = s->pings_busy_only;
    double ping = s->ping_ms / 1e3, ping_wait = s->ping_wait_ms / 1e3;
    unsigned long long max_body = s->max_body;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$ddIOpidpIKdp", KEYWORD_NAMES(names),
                                     &s->connect_timeout, &s->network_timeout, &s->concurrency,
                                     &pool, &is_odd, &http2, &ping, &fails_refused, &s->max_shared,
                                     &max_body, &ping_wait, &pings_busy_only))
        return NULL;
    if (http2 < HTTP2_NEVER || http2 > HTTP2_BY_PRIOR_KNOWLEDGE)
        return PyErr_Format(PyExc_ValueError, "http2 is 0, 1 or 2");
    s->is_odd = is_odd;
    s->http2 = (enum http2_use)http2;
    s->ping_ms = call_milliseconds(ping);
    s->ping_wait_ms = call_milliseconds(ping_wait);
    s->pings_busy_only = pings_busy_only;
    s->max_body = max_body;
    s->fails_refused = fails_refused;
    if (pool && pool != Py_None && !PyObject_TypeCheck(pool, pool_type))
        return PyErr_Format(PyExc_TypeError, "pool must be a _katydid.Pool");
    if (pool)
        Py_XSETREF(s->pool_owner, pool == Py_None ? NULL : Py_NewRef(pool));
    pool_ref_put(s->pool);
    s->pool = NULL;
    Py_RETURN_NONE;
}

/* _cookie_header(host, target, is_tls) → the Cookie header's value, or None */
static PyObject *session_cookie_header(PyObject *self, PyObject *args)
{
    struct session *s = (struct session *)self;
    const char *host = NULL, *target = NULL;
    int is_tls = 0;
    if (!PyArg_ParseTuple(args, "ssp", &host, &target, &is_tls))
        return NULL;
    const enum road road = session_jar(s);
    if (road == ROAD_ERROR)
        return NULL;
    const struct jar_place place = {host, strlen(host), target, strlen(target), is_tls};
    struct sbuf text = {0};
    if (road == ROAD_FAST)
        jar_header(&text, &s->jar, &place, clk_steady());
    PyObject *value = text.len ? PyUnicode_DecodeLatin1(text.data, (Py_ssize_t)text.len, NULL)
                               : Py_NewRef(Py_None);
    sbuf_fini(&text);
    return value;
}

#define FAST_METHOD(name, function)                                                                \
    {                                                                                              \
        name, (PyCFunction)(void (*)(void))function, METH_FASTCALL | METH_KEYWORDS, NULL           \
    }
/* _count_aside("cut" | "discarded" | "resent", method, name, n) */
static PyObject *session_count_aside(PyObject *self, PyObject *args)
{
    static const char *const names[] = {
        [ASIDE_CUT] = "cut", [ASIDE_DISCARDED] = "discarded", [ASIDE_RESENT] = "resent"};
    const char *what = NULL;
    PyObject *method = NULL, *name = NULL;
    unsigned n = 0;
    if (!PyArg_ParseTuple(args, "sOOI", &what, &method, &name, &n))
        return NULL;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(what, names[i]) &&
            record_aside_of((struct session *)self, method, name, (enum py_stats_aside)i, n) < 0)
            return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef session_methods[] = {
#define X(function, method, positional) FAST_METHOD(#function, session_##function),
    VERBS(X)
#undef X
        FAST_METHOD("request", session_request),
    {"close", session_close, METH_NOARGS, NULL},
    {"_count_aside", session_count_aside, METH_VARARGS, NULL},
    {"_cookie_header", session_cookie_header, METH_VARARGS, NULL},
    {"_configure", (PyCFunction)(void (*)(void))session_configure, METH_VARARGS | METH_KEYWORDS,
     NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot session_slots[] = {
    {Py_tp_new, session_new},
    {Py_tp_dealloc, session_dealloc},
    {Py_tp_traverse, session_traverse},
    {Py_tp_clear, session_clear},
    {Py_tp_setattro, session_setattro},
    {Py_tp_methods, session_methods},
    {Py_tp_getset, session_attributes},
    {Py_tp_doc, (void *)(uintptr_t) "HTTP session: the C half of locust.clients.HttpSession."},
    {0, NULL},
};
static PyType_Spec session_spec = {
    .name = "_katydid.Session",
    .basicsize = sizeof(struct session),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = session_slots,
};

static PyMethodDef pool_methods[] = {
    {"close", pool_close, METH_NOARGS, "Closes the idle connections."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot pool_slots[] = {
    {Py_tp_new, pool_make},
    {Py_tp_dealloc, pool_dealloc},
    {Py_tp_methods, pool_methods},
    {Py_tp_doc,
     (void *)(uintptr_t) "Pool(max_idle=10, max_connections=0, ping=0): connections that "
                         "sessions share."},
    {0, NULL},
};
static PyType_Spec pool_spec = {
    .name = "_katydid.Pool",
    .basicsize = sizeof(struct pool_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = pool_slots,
};

int session_init(PyObject *module)
{
#define X(function, method, positional) verbs.method = PyUnicode_InternFromString(#method);
    VERBS(X)
#undef X
    session_type = (PyTypeObject *)PyType_FromSpec(&session_spec);
    pool_type = (PyTypeObject *)PyType_FromSpec(&pool_spec);
    if (!session_type || !pool_type)
        return -1;
    if (PyModule_AddObjectRef(module, "Session", (PyObject *)session_type) < 0)
        return -1;
    return PyModule_AddObjectRef(module, "Pool", (PyObject *)pool_type);
}
