// SPDX-License-Identifier: MIT
#pragma once
/* websocket: an open WebSocket on a stream that a handshake left (worker/proto/upgrade.h).
 *
 * Loop thread only, without the GIL. What happens is told to the owner from libevent's callbacks
 * and from within ws_begin and ws_send; there it must only note it (hub_wake): nothing of ws may be
 * called, and least of all ws_free.
 *
 * A socket has two ends: it is over when no message will come any more (the owner may take those
 * that wait), and gone when its connection is closed. In between the peer has close_timeout_ms to
 * close it, as the standard wants it.
 *
 * Memory: messages that nobody takes are limited to max_waiting bytes (and what one read brought
 * more); then the connection is not read. What is sent is limited by its owner, who waits while
 * ws_is_sending; answers to pings are left out while PONGS_MAX bytes wait. An idle socket keeps no
 * buffer.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/net/stream.h"
#include "worker/websocket/reader.h"

struct deadlines;
struct fetch_engine;
struct ws;

enum ws_event {
    WS_ARRIVED = 1,  /* a message is there */
    WS_SENT_ALL = 2, /* nothing waits to be sent any more */
    WS_PONGED = 4,   /* ws_take_pong has something */
    WS_OVER = 8,
    WS_GONE = 16,
};
typedef void ws_event_cb(void *arg, unsigned what); /* one or more of them */

struct ws_terms {
    size_t max_message; /* bytes, decompressed */
    size_t max_waiting;
    struct ws_deflate_terms deflate;
    uint32_t close_timeout_ms;
    uint32_t ping_every_ms;   /* 0: none but those that are asked for */
    uint32_t ping_timeout_ms; /* for the answer to one of those; 0: none is waited for */
    bool shows_control;       /* pings and pongs are messages too */
};

/* Takes *s. The origin of the stream must outlive it. */
struct ws *ws_new(struct fetch_engine *e, struct stream *s, const struct ws_terms *terms,
                  ws_event_cb *told, void *arg);
/* Begins to read, first what came with the answer of the handshake. */
void ws_begin(struct ws *w, const char *bytes, size_t len, uint64_t arrived_ns);
void ws_free(struct ws *w); /* at once, whatever its state; accepts NULL */

enum ws_sent {
    WS_WRITTEN, /* all of it is the kernel's */
    WS_WAITING, /* WS_SENT_ALL tells when it is */
    WS_UNSENT,  /* it is over, or about to be; or no memory to compress it */
};
enum ws_sent ws_send(struct ws *w, enum ws_opcode opcode, bool is_last, const void *bytes,
                     size_t len);
bool ws_is_sending(const struct ws *w);
size_t ws_unsent(const struct ws *w); /* bytes that wait */

/* A ping whose answer is timed. At most WS_CONTROL_MAX bytes. */
enum ws_sent ws_ping(struct ws *w, const void *bytes, size_t len);
/* How long one took, in ns, and when its answer arrived; false: none that was not told. */
bool ws_take_pong(struct ws *w, uint64_t *took_ns);

struct ws_message *ws_take(struct ws *w); /* the oldest; owned; NULL: none. Of WS_CLOSE: the last */
void ws_put_back(struct ws *w, struct ws_message *m); /* it is the oldest again; w takes it */

/* Sends a close frame, unless one was sent. reason: UTF-8, cut at 123 bytes. code WS_CODE_NONE:
 * without any. */
void ws_close(struct ws *w, unsigned code, const char *reason, size_t len);
/* Closes the connection now. */
void ws_abort(struct ws *w);

enum ws_why {
    WS_IS_OPEN,
    WS_CLOSED, /* by a close frame of the peer; code, text: what it said */
    WS_ENDED,  /* by us: ws_abort, or no answer to our close */
    WS_LOST,   /* the connection ended without one; sys: errno or 0 */
    WS_BROKEN, /* the peer broke the rules, or a limit: code, text */
    WS_SILENT, /* no pong in time */
};
struct ws_end {
    enum ws_why why;
    bool is_ours; /* we sent the first close frame */
    unsigned code;
    int sys;
    size_t unsent;    /* bytes that waited to be sent */
    const char *text; /* never NULL */
    size_t text_len;
};
const struct ws_end *ws_end(const struct ws *w); /* why is WS_IS_OPEN until it is over */
bool ws_is_gone(const struct ws *w);

struct ws_numbers {
    uint64_t sent_bytes, received_bytes; /* frames as they are on the wire */
    uint64_t sent_messages, received_messages;
};
struct ws_numbers ws_numbers(const struct ws *w);
struct deadlines *ws_deadlines(const struct ws *w); /* those of its loop */
int ws_fd(const struct ws *w);                      /* -1: gone */
