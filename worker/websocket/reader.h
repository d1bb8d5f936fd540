// SPDX-License-Identifier: MIT
#pragma once
/* reader: from bytes of a server to messages and control frames. No I/O, no clock.
 *
 * Every rule of RFC 6455 that a server can break is looked at here; the first breach ends the
 * reading with the code that a close is to say. A message costs the memory that has come of it, not
 * what its head announces, and at most max_message bytes, also after it is decompressed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/websocket/deflate.h"
#include "worker/websocket/frame.h"
#include "worker/websocket/utf8.h"

/* A message, or a control frame that somebody wants to see. */
struct ws_message {
    struct ws_message *next;
    uint64_t arrived_ns; /* its last byte, CLOCK_MONOTONIC */
    uint64_t wire_bytes; /* of its frames, heads included */
    size_t len;
    uint8_t opcode;
    bool was_taken; /* and put back */
    char bytes[];
};
void ws_message_free(struct ws_message *m); /* accepts NULL */

struct ws_reader {
    size_t max_message;
    uint8_t head[WS_HEAD_MAX]; /* of a frame, as far as it has come */
    uint8_t head_len;
    bool is_in_frame;
    struct ws_head frame;
    uint64_t left;       /* of its payload */
    uint64_t wire_bytes; /* of the message so far */
    /* the message */
    struct ws_message *message; /* its memory; NULL: none was needed yet */
    size_t room;
    uint8_t opcode; /* 0: none is under way */
    bool is_compressed;
    struct utf8_check utf8;
    struct ws_deflate_terms terms;
    struct ws_inflate *inflate; /* NULL: no compressed message has come */
    uint8_t control_len;
    char *control; /* WS_CONTROL_MAX bytes, from the first control frame on */
    unsigned code; /* of WS_BAD */
    const char *what;
};

/* Zero-initialised but for max_message and terms. */
void ws_reader_fini(struct ws_reader *r);

enum ws_step {
    WS_MORE,    /* all was taken */
    WS_MESSAGE, /* ws_reader_take has it */
    WS_CONTROL, /* frame.opcode, control, control_len */
    WS_BAD,     /* code, what */
};
/* used: how far it came. After MESSAGE and CONTROL it is called again, also with no bytes left. */
enum ws_step ws_reader_feed(struct ws_reader *r, const char *bytes, size_t len, size_t *used);
struct ws_message *ws_reader_take(struct ws_reader *r); /* owned */
/* A message of that many bytes that its owner fills. */
struct ws_message *ws_message_new(uint8_t opcode, const void *bytes, size_t len);
