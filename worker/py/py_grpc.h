// SPDX-License-Identifier: MIT
#pragma once
/* py_grpc: gRPC calls in C, as katydid.grpc gives them to Python. After Python.h; loop thread, with
 * the GIL.
 *
 *   py_grpc_channel.c  Channel and Method: arguments, a call of one request and one answer
 *   py_grpc_call.c     Call: what it is asked, from Python
 *   py_grpc_run.c      the life of a call: start, messages both ways, its end
 *   py_grpc_head.c     headers and metadata, both ways
 *   py_grpc_record.c   rows, events, what is beside the rows
 *
 * Messages are bytes here: what makes them of objects is the user's. A call's connections, user,
 * listeners and statistics are those of a session (py_client_session.h).
 */
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "worker/grpc/coding.h"
#include "worker/grpc/message.h"
#include "worker/grpc/status.h"
#include "worker/proto/client.h"
#include "worker/py/hub.h"
#include "worker/py/py_client_session.h"
#include "worker/py/py_mod.h"
#include "worker/py/py_trace.h"

/* A list of headers, for calls that have the same. */
struct grpc_head {
    unsigned refs;
    struct fetch_header *headers;
    size_t count;
    char *text;
    struct fetch_kept kept;
    uint64_t timeout_ns;
    enum grpc_coding coding;
    bool is_traced; /* has a traceparent of ours: it is of one call */
};

struct grpc_channel {
    PyObject_HEAD struct session *session;
    const struct fetch_origin *origin;
    PyObject *authority, *user_agent; /* str, ASCII */
    PyObject *metadata;               /* of every call, or NULL */
    PyObject *root;                   /* str: scheme and authority */
    double timeout;                   /* of calls that have none; 0: none */
    uint64_t max_send, max_receive;
    enum grpc_coding coding;
    bool is_coding_refused; /* the server cannot read it */
};

struct grpc_method {
    PyObject_HEAD vectorcallfunc vectorcall;
    struct grpc_channel *channel;
    PyObject *path, *serialize, *deserialize; /* path: str, ASCII; the others may be NULL */
    PyObject *url;                            /* str; NULL: not made yet */
    struct grpc_head *head;                   /* of the last call without metadata; or NULL */
    bool is_in_pieces, is_stream;             /* the request is many; the answer is */
    bool needs_coding;                        /* without compression it failed as well */
};
extern PyTypeObject grpc_channel_type, grpc_method_type, grpc_call_type;

/* Of one call, as it was asked for; borrowed, NULL where it was not said. */
struct grpc_args {
    PyObject *request, *timeout, *metadata, *credentials, *wait_for_ready, *compression;
    PyObject *name, *tags, *context, *ok;
};

struct rpc {
    PyObject_HEAD struct park reader, sender;
    struct grpc_method *method;
    PyObject *name, *tags, *context; /* the last two may be NULL */
    PyObject *ok;                    /* tuple of statuses that are no failures, or NULL */
    struct fetch *fetch;             /* NULL: nothing was sent */
    const struct fetch_response *got;
    struct grpc_head *head;
    struct sbuf out;              /* the request, as it is sent */
    struct grpc_reader in;        /* of a stream */
    struct sbuf details;          /* when it is over */
    PyObject *message, *metadata; /* of one that may be sent again; or NULL */
    uint64_t started_ns, deadline_ns /* 0: none */, ended_ns, first_ns /* message; 0: none yet */;
    uint64_t received; /* bytes of messages */
    struct trace_mark trace;
    enum grpc_status status;
    enum grpc_coding coding; /* of requests */
    bool is_over, is_recorded, is_unmeasured;
    bool is_awaited;   /* a greenlet reads */
    bool is_closing;   /* the last request was given */
    bool is_patient;   /* wait_for_ready */
    bool is_cut_short; /* its status came within a message */
};

/* What pylib gives: bound once. */
struct grpc_glue {
    PyObject *codes;     /* tuple of status codes, in their order */
    PyObject *error;     /* error(call): an exception */
    PyObject *metadatum; /* metadatum(key, value) */
    PyObject *future;    /* future(call): an object that is one */
};
extern struct grpc_glue grpc_glue;

/* ---- py_grpc_head.c ---- */

/* A reference; NULL with an exception. metadata: or NULL. mark: for a traceparent, if the metadata
 * have none; or NULL. */
struct grpc_head *grpc_head_get(struct grpc_method *m, PyObject *metadata, uint64_t timeout_ns,
                                enum grpc_coding coding, const struct trace_mark *mark);
void grpc_head_put(struct grpc_head *head); /* accepts NULL */
/* A tuple (new) of what an answer says. */
PyObject *grpc_metadata(const struct fetch_header *list, size_t count);

/* ---- py_grpc_record.c ---- */

/* Counts a call that is over, once; error: an exception, or NULL. -1 with what a listener raised.
 */
int grpc_record(struct rpc *c, PyObject *error);
int grpc_record_first(struct rpc *c); /* the first message of a stream */
void grpc_record_aside(struct rpc *c, enum py_stats_aside what, unsigned n);
enum grpc_counted { GRPC_STREAMS, GRPC_SENT, GRPC_RECEIVED, GRPC_COUNTERS };
void grpc_count(enum grpc_counted what);          /* in the counters of streams, by k6's names */
PyObject *grpc_failure_text(const struct rpc *c); /* new */
void grpc_record_hook(void);

/* ---- py_grpc_run.c ---- */

/* A call that has not begun. NULL with an exception. */
struct rpc *grpc_call_new(struct grpc_method *m, const struct grpc_args *a);
/* Sends what there is to send; a stream's messages follow. -1 with an exception; a call that could
 * not begin is over. */
int grpc_begin(struct rpc *c, PyObject *message);
/* The one answer (new), or NULL: the call is over and has failed, or there is an exception. */
PyObject *grpc_finish(struct rpc *c);
/* What the method makes of them (new); NULL: the call has failed by it. */
PyObject *grpc_deserialized(struct rpc *c, PyObject *bytes);
/* The next message of a stream (new); NULL: the call is over, or there is an exception. */
PyObject *grpc_receive(struct rpc *c);
/* The next request; NULL: that was the last. 1: given, 0: the call is over, -1: an exception. */
int grpc_send(struct rpc *c, PyObject *message);
int grpc_await_head(struct rpc *c); /* -1 with an exception */
/* Until it is over; messages are kept. -1 with an exception. */
int grpc_await_end(struct rpc *c);
/* By the user's wish: it is over. */
void grpc_stop(struct rpc *c, enum grpc_status s, const char *details);
void grpc_abandon(struct rpc *c); /* nobody wants it any more: if sent, it is discarded */
/* The exception (new) that a failed call stands for. */
PyObject *grpc_error(struct rpc *c);

/* ---- py_grpc_call.c ---- */

/* The one answer (new), when the call is over and counted; NULL with its exception. */
PyObject *grpc_answer(struct rpc *c);

int py_grpc_init(PyObject *module);
