// SPDX-License-Identifier: MIT
#pragma once
/* deflate: permessage-deflate (RFC 7692) on zlib.
 *
 * What is sent is compressed without a look at earlier messages, by a compressor that all sockets
 * share: it costs a socket no memory. What is received needs a window for the whole life of a
 * socket (32 KB, from its first compressed message on), unless the server said that it forgets.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"

struct ws_deflate_terms { /* what was agreed on */
    bool is_on;
    uint8_t own_bits;    /* window of what is sent, 8 to 15 */
    uint8_t server_bits; /* ... and received */
    bool server_forgets; /* server_no_context_takeover */
};

/* Replaces out's contents by the payload of a compressed message. False: no memory. */
bool ws_deflate(struct sbuf *out, unsigned own_bits, const void *bytes, size_t len);

struct ws_inflate;
struct ws_inflate *ws_inflate_new(const struct ws_deflate_terms *terms);
void ws_inflate_free(struct ws_inflate *i); /* accepts NULL */

enum ws_inflated { WS_INFLATED_ALL, WS_INFLATED_FULL, WS_INFLATED_BAD, WS_INFLATED_NO_MEMORY };
/* Takes from *bytes and writes up to room bytes; FULL: there may be more. */
enum ws_inflated ws_inflate(struct ws_inflate *i, const uint8_t **bytes, size_t *len, void *to,
                            size_t room, size_t *written);
/* After a message, whose last four bytes were given as any others (ws_inflate_tail). */
void ws_inflate_end(struct ws_inflate *i);
extern const uint8_t ws_inflate_tail[4]; /* that the sender left out */
