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
/* Of a call that has a traceparent, whosever. "": it has none. */
void py_trace_id(const struct response *r, char id[TRACE_ID_ROOM]);

int py_trace_init(PyObject *module);
