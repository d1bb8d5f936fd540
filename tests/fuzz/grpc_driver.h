// SPDX-License-Identifier: MIT
#pragma once
/* What the fuzzer of gRPC's messages does with an input, and a unit test with its own: it is what
 * comes of a body, in pieces, and it is read as a stream is, message by message. */
#include <assert.h>
#include <string.h>

#include "worker/grpc/message.h"

struct grpc_driven {
    size_t messages, bytes, left, memory;
    size_t claimed; /* of one that is too large */
    enum grpc_read end;
};

static inline void grpc_drive(const uint8_t *bytes, size_t len, size_t piece, uint64_t most,
                              struct grpc_driven *d)
{
    struct grpc_reader r = {.most = most};
    size_t at = 0;
    *d = (struct grpc_driven){.end = GRPC_MORE};
    for (size_t done = 0; d->end == GRPC_MORE && done < len;) {
        const size_t n = len - done < piece ? len - done : piece;
        char *to = grpc_reader_room(&r, n);
        assert(to);
        memcpy(to, bytes + done, n);
        grpc_reader_put(&r, n);
        done += n;
        struct grpc_message m = {0};
        while ((d->end = grpc_reader_next(&r, &m)) == GRPC_MESSAGE) {
            assert(m.len <= most && m.len + GRPC_PREFIX <= done - at);
            assert(!m.len || !memcmp(m.bytes, bytes + at + GRPC_PREFIX, m.len));
            at += GRPC_PREFIX + m.len;
            d->messages++;
            d->bytes += m.len;
        }
        if (d->end == GRPC_TOO_LARGE) {
            assert(m.len > most);
            d->claimed = m.len;
        }
        assert(r.bytes.cap <= 2 * (done - at + piece) + 4096);
    }
    d->left = grpc_reader_left(&r);
    d->memory = r.bytes.cap;
    grpc_reader_fini(&r);
}
