// SPDX-License-Identifier: MIT
#pragma once
/* Responses, and the exchanges that fill them. */
#include "worker/py/hub.h"
#include "worker/py/py_client_call.h"
#include "worker/py/py_trace.h"

struct response {
    PyObject_HEAD struct park park; /* while in flight */
    struct fetch *fetch;
    const struct fetch_response *got; /* of fetch, once it is done */
    struct pool_ref *pool;
    struct session *session; /* owned */
    struct site *site;       /* owned */
    PyObject *target, *payload;
    struct asked *asked;
    size_t body_len; /* that was asked with it */
    PyObject *method, *name, *context, *tags;
    /* Made when asked for, or set by somebody. */
    PyObject *content, *headers, *url, *encoding, *reason, *history, *cookies, *elapsed, *request;
    PyObject *raw, *next, *error, *meta, *manual, *timeout;
    PyObject *verdict; /* NULL = by our table; else None or what the status is reported as */
    uint64_t duration_ns;
    uint64_t ended_ns; /* of this exchange: CLOCK_MONOTONIC */
    struct trace_mark trace;
    int status;          /* -1 = None */
    bool reports_itself; /* somebody gave this object a _report_request */
    bool is_catch, is_entered, is_reported, is_consumed, is_stream, is_awaiting;
    bool is_discarded;  /* its body was not kept */
    bool is_followed;   /* where it redirects to */
    bool is_reached;    /* the target may have counted this request, or one that led to it */
    bool is_meta_shown; /* somebody has request_meta and may have changed it */
    bool is_unmeasured; /* its event is fired; the statistics have not had its measures yet */
};
extern PyTypeObject *response_type;

struct response *response_new(PyTypeObject *type); /* a blank one of this class */
PyObject *response_url(struct response *r);        /* new */
PyObject *response_reason(struct response *r);
/* "1.1", "2"; NULL: nothing of an answer came. */
static inline const char *response_http_version(const struct response *r)
{
    const unsigned version = r->got ? r->got->version : 0;
    return !version ? NULL : version >= 20 ? "2" : version >= 11 ? "1.1" : "1.0";
}
const struct fetch_header *response_header(const struct response *r, const char *name,
                                           const struct fetch_header *after);
/* (name, value) onto a list. False: the error is set. */
bool response_add_pair(PyObject *list, const struct fetch_header *h);
PyObject *response_make_headers(struct response *r);
PyObject *response_make_trailers(struct response *r); /* those that have come */
PyObject *response_make_encoding(struct response *r);
PyObject *response_text(struct response *r, void *closure);
PyObject *response_json(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames);

/* ---- the exchange: py_client_exchange.c */

PyObject *exchange_discard_bodies(PyObject *module, PyObject *whether); /* _katydid's */
/* Whether its body is not to be kept; NULL or None: as the run has it. -1 with an exception. */
int exchange_discards(struct fetch_request *q, PyObject *whether);
void exchange_begin(struct response *r, struct fetch_request *q); /* q need not outlive the call */
/* Parks until it is done. 0: r->got is set, perhaps with an error; -1: something was thrown into
 * the greenlet; the exchange is cancelled, and counted as cut where it has a name. */
int exchange_end(struct response *r);
/* What of a request follows from the method: r->asked is there. */
void exchange_take_method(struct fetch_request *q, const struct response *r);
/* Parks until something is told of r->fetch; -1: something was thrown into the greenlet. */
int exchange_wait(struct response *r);
/* The exception for a failed exchange (new). */
PyObject *exchange_error(struct response *r);
bool exchange_failed(const struct response *r);
PyObject *exchange_call(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *exchange_read(struct response *r, PyObject *size);

/* ---- the fast road: py_client_request.c */

PyObject *request_call(struct session *s, const struct call_arguments *a);
void request_take_cookies(struct response *r); /* Set-Cookie of r into its session */
