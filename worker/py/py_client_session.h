// SPDX-License-Identifier: MIT
#pragma once
/* Sessions: what a HttpSession and a FastHttpSession are in C. */
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/py/py_client.h"
#include "worker/py/py_client_jar.h"
#include "worker/py/py_client_site.h"
#include "worker/py/py_stats.h"

struct pool_ref {
    unsigned refs;
    struct fetch_pool *pool;
};
struct pool_ref *pool_ref_new(struct fetch_pool_config config); /* NULL with an exception */
struct pool_ref *pool_ref_get(struct pool_ref *pool);
void pool_ref_put(struct pool_ref *pool);          /* accepts NULL */
struct pool_ref *pool_object_ref(PyObject *owner); /* of a _katydid.Pool; owned */

/* The headers of a session, which each of its requests has, and the dict they were made from. */
struct head_lines {
    struct fetch_header *headers;
    Py_ssize_t count;
    struct sbuf text;    /* of all of them */
    PyObject **snapshot; /* count × (key, value) */
};
void head_lines_fini(struct head_lines *lines);

struct session {
    PyObject_HEAD PyObject *base_url, *request_event, *user, *request_name;
    /* requests' attributes. NULL = never touched: the default. */
    PyObject *headers, *auth, *proxies, *hooks, *params, *verify, *cert, *cookies, *adapters;
    PyObject *stream, *trust_env, *max_redirects;
    PyObject *client, *auth_header; /* Fast: the user agent facade; text */
    PyObject *pool_owner;           /* a Pool shared with other sessions, or NULL */
    PyObject *handlers;             /* the list in request_event, or NULL */
    struct head_lines *lines;       /* of headers when touched; NULL = defaults */
    struct site *site;              /* of base_url, owned; NULL = to be found */
    PyObject *site_path;            /* path part of base_url, or NULL */
    struct pool_ref *pool;
    struct jar jar;
    double connect_timeout, network_timeout; /* Fast; seconds, 0 = none */
    long jar_version;                        /* of the Python jar when `jar` was copied from it */
    unsigned concurrency;                    /* Fast: connections per host */
    unsigned class_version;                  /* of the class when it was last looked at */
    enum http2_use http2;
    uint64_t max_body;              /* fetch_request's */
    uint32_t max_shared;            /* fetch_pool_config's */
    uint32_t ping_ms, ping_wait_ms; /* the same */
    uint32_t user_number;           /* of the user in journals; 0: none was given yet */
    bool is_fast, is_plain_class, is_env_checked, is_env_free, is_odd; /* odd: never fast */
    bool calls_request;          /* its verbs call self.request() */
    bool fails_refused;          /* fetch_request's */
    bool pings_busy_only;        /* fetch_pool_config's */
    bool has_request, is_hooked; /* this object has a request(), another method of its own */
};
extern PyTypeObject *session_type;

/* The connections of this session, made when first needed. NULL with an exception. */
struct pool_ref *session_pool(struct session *s);
/* The session's default header lines; PLAIN when its headers are nothing we can read. */
enum road session_lines(struct session *s, const struct head_lines **lines);
/* Whether hooks, adapters, environment and the class leave a call on the fast road. */
enum road session_road(struct session *s);
/* Finds is_plain_class and calls_request; again whenever the class has another version. */
void session_look(struct session *s);
void session_look_at_name(struct session *s, PyObject *name); /* which is about to be set on it */
void session_bound(void);                                     /* glue has the classes, unchanged */
/* Makes s->site and s->site_path from base_url. */
enum road session_site(struct session *s);
/* base_url + url (new). base_url is a str. */
PyObject *session_join(const struct session *s, PyObject *url);
/* Brings s->jar up to date with the Python jar. */
enum road session_jar(struct session *s);
int session_set_cookie(struct session *s, struct cookie *cookie, bool is_expired);
PyObject *session_cookie_row(const struct cookie *c);   /* new: what glue.jar_set takes */
bool session_records_directly(const struct session *s); /* only the statistics listen, or nobody */
/* The statistics among the listeners, else the default ones. Borrowed. */
struct py_stats *session_stats(const struct session *s);

static inline bool is_given(PyObject *value)
{
    return value && value != Py_None;
}
