// SPDX-License-Identifier: MIT
#pragma once
/* py_trace: W3C trace context (--trace). Each request of ours that has no traceparent of its own
 * gets one, and of the share that is sampled a span is kept for the master (docs/wire.md). All
 * requests of one call (redirects, a second try with credentials) have the same. After Python.h;
 * with the GIL. While nothing is traced, nothing of this costs anything.
 *
 * Where tasks are traced, too, the requests of one execution of a task are one trace, below its
 * span.
 *
 * Ids are random, whatever --seed says: those of two runs must not meet in one store.
 */
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

struct fetch_times;
struct py_stats_request;
struct response;

struct trace_mark {           /* of a call */
    uint64_t high, low, span; /* span 0: it has none of ours */
    uint64_t parent;          /* 0: none */
    bool is_sampled;
};

extern bool py_trace_wanted; /* to be read only */

/* Only to be called while py_trace_wanted: */
/* What r is asked with gets a traceparent; r has the mark. */
void py_trace_begin(struct response *r);
/* The same of one of several exchanges of a call: account keeps the mark, or is None. */
int py_trace_begin_of(struct response *r, PyObject *account);
/* It ended, as q says. Leaves no exception. */
void py_trace_note(struct response *r, const struct py_stats_request *q);
/* It was sent, and is not reported: what became of it. Keeps an exception that is set. */
void py_trace_aside(struct response *r, const char *outcome);

#define TRACE_ID_ROOM 33
#define TRACE_VALUE_LEN 55 /* 00-TRACE-SPAN-01 */
/* Of a call that has a traceparent, whosever. "": it has none. */
void py_trace_id(const struct response *r, char id[TRACE_ID_ROOM]);

/* ---- calls of other protocols than HTTP */

/* A new one: below the user's task, if that is traced. user: or NULL. */
struct trace_mark py_trace_mark(PyObject *user);
/* The value of its traceparent; its trace id. */
void py_trace_write(const struct trace_mark *mark, char value[static TRACE_VALUE_LEN]);
void py_trace_hex(const struct trace_mark *mark, char id[TRACE_ID_ROOM]);

/* Borrowed; NULL, 0: it has none. Times by CLOCK_MONOTONIC. */
struct trace_call {
    const struct trace_mark *mark,
        *link;            /* its own; of a span of another trace that it goes with */
    const char *protocol; /* "grpc" … */
    PyObject *user, *method, *name, *url, *procedure; /* the last: "/package.Service/Method" */
    uint64_t start_ns, end_ns, first_message_ns;
    const struct fetch_times *times;
    const char *error; /* what kind of failure it is, where that has a name */
    unsigned status;   /* of gRPC */
    bool has_status;
};
bool py_trace_is_told(const struct trace_mark *mark); /* whether its span is wanted */
/* It ended. failure, outcome: as of py_trace_note and py_trace_aside, NULL: none. Keeps an
 * exception that is set. */
void py_trace_call(const struct trace_call *c, const char *failure, size_t len,
                   const char *outcome);

int py_trace_init(PyObject *module);
