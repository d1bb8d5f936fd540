// SPDX-License-Identifier: MIT
#pragma once
/* frame: heads of frames, in and out, and masks (RFC 6455 5). Bytes only; no I/O, no state but the
 * source of masks.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};
#define WS_CONTROL_MAX 125u /* payload of a control frame */
#define WS_HEAD_MAX 10u     /* of a frame from a server, which is not masked */

/* Codes of a close; 1005 and 1006 are never sent. */
enum ws_code {
    WS_CODE_NORMAL = 1000,
    WS_CODE_GOING_AWAY = 1001,
    WS_CODE_PROTOCOL = 1002,
    WS_CODE_NONE = 1005,
    WS_CODE_LOST = 1006,
    WS_CODE_NOT_UTF8 = 1007,
    WS_CODE_TOO_BIG = 1009,
};
/* Whether a peer may send it. */
bool ws_code_is_valid(unsigned code);

struct ws_head {
    uint8_t opcode;
    bool is_last; /* FIN */
    uint8_t rsv;  /* the three bits; 4 is RSV1 */
    bool is_masked;
    uint64_t len;
};
static inline bool ws_is_control(unsigned opcode)
{
    return opcode & 8;
}

/* The head that begins there: its length in bytes; 0: more is needed; -1: none that there can be.
 * Of one that is masked, the key follows the head. */
int ws_head_read(const uint8_t *bytes, size_t len, struct ws_head *head);

/* Appends a masked frame. rsv1: it begins a message that is compressed. */
void ws_frame_write(struct sbuf *out, unsigned opcode, bool is_last, bool rsv1, const void *bytes,
                    size_t len);

/* Four bytes that nobody can foretell from the bytes masked with others. Loop thread only. */
uint32_t ws_mask_new(void);
/* to may be from. */
void ws_mask(void *to, const void *from, size_t len, uint32_t mask);
