// SPDX-License-Identifier: MIT
#pragma once
/* What the fuzzer of WebSocket does with an input, and a unit test with its own: it is what a
 * server sends, read in pieces.
 *
 * Whatever comes, a message is within its limit, a text is UTF-8, and a control frame is short;
 * after a breach of the rules there is a code that may be sent. However it is cut up, the same is
 * read.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "worker/websocket/reader.h"

enum { DRIVER_MESSAGE_MAX = 4096 };

struct driven {
    unsigned messages, controls, code; /* code: of the breach that ended it, 0: none */
    uint64_t sum;                      /* of all that was read */
};

static inline void driver_add(struct driven *d, unsigned kind, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    d->sum = (d->sum ^ kind ^ len) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < len; i++)
        d->sum = (d->sum ^ at[i]) * UINT64_C(0x100000001b3);
}

static inline void driver_message(struct driven *d, struct ws_message *m)
{
    struct utf8_check utf8 = {0};
    assert(m->len <= DRIVER_MESSAGE_MAX && (m->opcode == WS_TEXT || m->opcode == WS_BINARY));
    if (m->opcode == WS_TEXT)
        assert(utf8_check_more(&utf8, m->bytes, m->len) && utf8_check_is_whole(&utf8));
    driver_add(d, m->opcode, m->bytes, m->len);
    d->messages++;
    ws_message_free(m);
}

static inline void websocket_drive(const uint8_t *bytes, size_t len, size_t piece, bool deflates,
                                   struct driven *d)
{
    struct ws_reader r = {.max_message = DRIVER_MESSAGE_MAX,
                          .terms = {.is_on = deflates, .own_bits = 15, .server_bits = 15}};
    *d = (struct driven){0};
    while (len && !d->code) {
        size_t n = len < piece ? len : piece;
        char *copy = malloc(n); /* what is read beyond its end is seen */
        memcpy(copy, bytes, n);
        bytes += n;
        len -= n;
        const char *at = copy;
        for (enum ws_step step = WS_MESSAGE; step != WS_MORE && !d->code;) {
            size_t used = 0;
            step = ws_reader_feed(&r, at, n, &used);
            assert(used <= n);
            at += used;
            n -= used;
            if (step == WS_MESSAGE)
                driver_message(d, ws_reader_take(&r));
            if (step == WS_CONTROL) {
                assert(r.control_len <= WS_CONTROL_MAX && ws_is_control(r.frame.opcode));
                driver_add(d, r.frame.opcode, r.control, r.control_len);
                d->controls++;
            }
            if (step == WS_BAD)
                d->code = r.code;
        }
        assert(d->code || n == 0);
        free(copy);
    }
    assert(!d->code || (ws_code_is_valid(d->code) && r.what));
    ws_reader_fini(&r);
}
