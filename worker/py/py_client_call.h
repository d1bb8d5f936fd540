// SPDX-License-Identifier: MIT
#pragma once
/* A call: from arguments to what is asked. */
#include "worker/py/py_client_session.h"

struct call {
    PyObject *method, *url; /* borrowed, as everything here */
    PyObject *name, *context, *data, *json, *params, *headers, *cookies, *files, *auth, *timeout,
        *proxies, *hooks, *stream, *verify, *cert, *tags, *max_response_size,
        *discard_response_body;
    PyObject *extra; /* owned: a dict of what only a FastHttpSession takes, or NULL */
    bool catch_response, allow_redirects, is_request;
};
enum call_kind { CALL_PLAIN_VERB, CALL_DATA_VERB, CALL_REQUEST }; /* which positional arguments */
struct call_arguments {                                           /* as a method gets them */
    PyObject *method; /* of a verb; NULL: it is one of them */
    PyObject *const *args;
    Py_ssize_t count;
    PyObject *kwnames;
    enum call_kind kind;
};
/* Whatever comes of it, c->extra is the caller's to let go. -1 with a TypeError. */
int call_parse(struct call *c, const struct session *s, const struct call_arguments *a);

/* What goes on the wire. Strings borrowed until the response owns them. */
struct outgoing {
    struct site *site; /* owned */
    PyObject *target;  /* owned: path and query */
    PyObject *payload; /* owned: bytes, str or NULL */
    const char *body;
    Py_ssize_t body_len;
    const char *content_type;       /* when the caller gave none */
    bool is_json, is_form, is_text; /* how the body was given */
    bool is_rewritten;              /* the URL is not the caller's text any more */
};
enum road call_target(struct session *s, const struct call *c, struct outgoing *out);
enum road call_body(struct session *s, const struct call *c, struct outgoing *out);
struct response;
/* What is asked, but for the body: in one piece of memory of its own, which lives as long as a
 * response of it does. Not changed once it is made: requests that ask the same share one. */
struct asked {
    unsigned refs;
    bool is_head, is_idempotent; /* the method */
    const char *method;
    uint32_t method_len, count;
    struct fetch_kept *kept;       /* NULL: nobody asks the same again */
    struct fetch_header headers[]; /* count of them, then their text */
};
/* method and headers are copied. */
struct asked *asked_ref(struct asked *a);
void asked_put(struct asked *a); /* accepts NULL */
struct asked *asked_new(const char *method, size_t method_len, const struct fetch_header *headers,
                        size_t count);
/* Of a list of (name, value) as bytes; NULL with an exception. */
struct asked *asked_of_pairs(PyObject *method, PyObject *pairs);
PyObject *asked_pairs(const struct response *r); /* new: the list again, as str */
enum { ASKED_NUMBER = 24 };
/* One of them with its value, also where the protocol says it; number: memory for that. */
struct fetch_header asked_header(const struct response *r, uint32_t i, char number[ASKED_NUMBER]);
const struct fetch_header *asked_find(const struct asked *a, const char *name);
/* What it is to be sent to; the authority that its Host says. */
void asked_request(const struct response *r, struct fetch_request *q);
void asked_host(const struct response *r, const char **host, size_t *len);

/* What is to be asked: py_client_head.c. */
enum road call_head(struct session *s, const struct call *c, const struct outgoing *out,
                    struct asked **asked);
uint32_t call_milliseconds(double seconds); /* 0, no limit: also for what does not fit */
enum road call_timeouts(struct session *s, PyObject *timeout, struct fetch_request *q);
enum road call_size_limit(const struct call *c, struct fetch_request *q);
