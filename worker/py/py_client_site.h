// SPDX-License-Identifier: MIT
#pragma once
/* Sites and URLs: where a request goes, and which bytes of a target stand for themselves. */
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "worker/proto/client.h"
#include "worker/py/py_client.h"

/* scheme://authority under one TLS profile and proxy. Interned while somebody refers to it, or it
 * is among those used last. */
struct site {
    struct site *next, *prev; /* used last first, while it is interned */
    unsigned refs;
    PyObject *key; /* of the interned ones */
    const struct fetch_origin *origin;
    PyObject *root;        /* "http://host:port" */
    const char *authority; /* of the root */
    size_t authority_len;
    bool is_tls;
    bool is_forwarded; /* plain, by a proxy */
};

/* Whether a session speaks HTTP/2: over TLS if the server agrees, or without asking; or nothing
 * else, as gRPC. */
enum http2_use { HTTP2_NEVER, HTTP2_BY_ALPN, HTTP2_BY_PRIOR_KNOWLEDGE, HTTP2_ONLY };

/* A reference; NULL with an exception. root: normal form, or with ws:// and wss:// for HTTP/1.1 on
 * a connection that the answer may turn into another (always tunnelled by a proxy). verify, cert,
 * proxy as requests has them. */
struct site *site_get(PyObject *root, PyObject *verify, PyObject *cert, PyObject *proxy,
                      enum http2_use http2);
struct site *site_ref(struct site *site);
void site_put(struct site *site);       /* accepts NULL */
bool site_is_absolute(const char *url); /* http://…, https://…, http+unix://… */
/* Bytes of url up to the path when it is http(s)://authority in normal form, or http+unix:// and
 * the escaped path of a Unix socket; else 0. */
Py_ssize_t site_root_length(const char *url, Py_ssize_t len);
/* Whether requests would leave these bytes of a path and query as they are. */
bool site_is_normal_target(const char *text, Py_ssize_t len);
/* The same of geventhttpclient, which keeps other characters. */
bool site_is_fast_target(const char *text, Py_ssize_t len);
bool site_is_token(const char *text, Py_ssize_t len); /* RFC 9110 5.6.2 */
/* Percent-encodes as urllib.parse.quote_plus. */
void site_quote_plus(struct sbuf *out, const char *text, Py_ssize_t len);
/* key=value&… of a dict of scalars (or lists of them). PLAIN when it holds anything else. */
enum road site_urlencode(struct sbuf *out, PyObject *dict);
void site_init(void);
bool site_is_loop_thread(void);
const struct protocols *client_protocols(enum http2_use use); /* py_client_protocols.c */
void client_count_http2(void); /* what it did since the last time, in metrics; py_client_http2.c */
struct fetch_engine *site_engine(void); /* NULL with an exception when there is no loop here */
