// SPDX-License-Identifier: MIT
#pragma once
/* py_websocket: _katydid.WebSocket, and how what it did is counted. After Python.h; loop thread,
 * with the GIL.
 *
 *   py_websocket.c          the object, from its handshake to its end
 *   py_websocket_request.c  a message and its answer, measured
 *   py_websocket_io.c       waits, sending, receiving
 *   py_websocket_count.c    rows, series, events; errors
 *
 * What a libevent callback can reach (the waits) is inside the object, which closes its socket
 * before it goes. Exceptions and the texts of failures are made in Python (katydid._ws_errors).
 */
#include "worker/net/deadline.h"
#include "worker/py/hub.h"
#include "worker/py/py_client_session.h"
#include "worker/py/py_trace.h"
#include "worker/websocket/websocket.h"

struct wait { /* of one greenlet at a time */
    struct park park;
    struct deadline deadline;
    bool is_on, is_late;
};

struct websocket {
    PyObject_HEAD struct ws *ws; /* NULL: never connected */
    struct site *site;           /* owned; its origin the stream needs */
    struct session *session;     /* owned; whose statistics count; NULL: nobody's */
    PyObject *name;              /* of its rows; owned; while there is a session */
    PyObject *tags;              /* of its rows, or NULL */
    struct wait reading, writing, leaving;
    struct ready news; /* pongs and the end, for the statistics */
    struct series *sent, *received;
    double timeout;                 /* of what waits, in seconds; negative: none */
    uint64_t opened_ns, arrived_ns; /* the second: the last message that was taken */
    struct trace_mark trace;        /* of its handshake */
    size_t most_waiting;            /* bytes of messages nobody takes */
    bool sends_bytes_as_text, counts_messages;
    bool is_counted; /* among the open ones */
    bool is_closing; /* its end is no failure: somebody here wanted it */
};
extern PyTypeObject websocket_type;

#define WS_GLUE(X)                                                                                 \
    X(end_error) X(timeout_error) X(busy_error) X(report) X(json_dumps) X(json_loads) X(failure)
struct ws_glue {
#define X(name) PyObject *name;
    WS_GLUE(X)
#undef X
};
extern struct ws_glue ws_glue;

void websocket_event(void *arg, unsigned what); /* of struct ws: wakes who waits */
int websocket_is_free(const struct wait *w);    /* -1 with an exception: another greenlet waits */
int websocket_wait_once(struct wait *w);        /* as hub_park */
int websocket_raise(PyObject *error);           /* steals it; -1 */

/* The next message; NULL with an exception. seconds: negative for no limit. */
struct ws_message *websocket_next(struct websocket *s, double seconds);
/* A frame is sent and the kernel's, or -1 with an exception. */
int websocket_send(struct websocket *s, enum ws_opcode opcode, bool is_last, const char *bytes,
                   size_t len);
/* str or bytes (new); NULL with an exception. */
PyObject *websocket_object(const struct ws_message *m);
PyObject *websocket_end_error(const struct websocket *s); /* new */
/* A number of seconds, None for none: into *seconds. -1 with an exception. */
int websocket_seconds(PyObject *value, double *seconds);
/* Of str or anything with a buffer; *is_text. released by PyBuffer_Release if view->obj. */
int websocket_bytes(PyObject *data, Py_buffer *view, const char **bytes, size_t *len,
                    bool *is_text);

/* request(message, match, name, timeout, tags, context); the object's on_message gets what is no
 * answer. */
PyObject *websocket_request(PyObject *self, PyObject *const *args, Py_ssize_t count,
                            PyObject *kwnames);
int websocket_request_init(void); /* -1 with an exception */

/* ---- counting */

enum ws_what { ROW_REQUEST, ROW_PING, ROW_CLOSE, ROW_MESSAGE, ROW_KINDS };
struct ws_row {
    enum ws_what what;
    PyObject *name;                            /* of this one; NULL: the socket's */
    PyObject *tags, *context, *answer, *error; /* or NULL */
    PyObject *message;                         /* that was sent: of a request; or NULL */
    uint64_t time_us;                          /* or STATS_NO_TIME */
    uint64_t bytes;                            /* of the answer */
    const struct fetch_times *times;           /* NULL: it has no phases */
    uint64_t sent_bytes, received_bytes;       /* on the wire */
};
/* -1 with what a listener raised. Nothing while nobody counts. */
int websocket_row(struct websocket *s, const struct ws_row *row);
/* A request that was sent and is not reported. Keeps an exception that is set. */
int websocket_aside(struct websocket *s, const struct ws_row *row, enum py_stats_aside aside);
void websocket_count_hook(void); /* once there is a session */
void websocket_opened(struct websocket *s);
void websocket_closed(struct websocket *s); /* once: series */
/* The same, if it has ended. Before anybody here hears of the end: what they do then, such as close
 * it, makes it no end of theirs. */
void websocket_note_end(struct websocket *s);
int websocket_raise_end(struct websocket *s); /* -1, with what it ended by */
/* A message went out or came in: series, and its row where that is wanted. */
int websocket_count(struct websocket *s, bool is_sent, size_t len, uint64_t wire_bytes);

int py_websocket_init(PyObject *module);
