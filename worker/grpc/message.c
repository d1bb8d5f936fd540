// SPDX-License-Identifier: MIT
#include "worker/grpc/message.h"

#include <string.h>

void grpc_prefix(char to[GRPC_PREFIX], bool is_compressed, uint32_t len)
{
    to[0] = is_compressed;
    for (int i = 1; i < GRPC_PREFIX; i++)
        to[i] = (char)(len >> (8 * (4 - i)));
}

enum grpc_read grpc_message_at(const char *body, size_t len, size_t *at, uint64_t most,
                               struct grpc_message *m)
{
    const size_t there = len - *at;
    if (there < GRPC_PREFIX)
        return GRPC_MORE;
    const uint8_t *prefix = (const uint8_t *)body + *at;
    m->is_compressed = prefix[0];
    m->len = (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 | prefix[4];
    m->bytes = body + *at + GRPC_PREFIX;
    if (prefix[0] > 1)
        return GRPC_BAD_FLAG;
    if (m->len > most)
        return GRPC_TOO_LARGE;
    if (there - GRPC_PREFIX < m->len)
        return GRPC_MORE;
    *at += GRPC_PREFIX + m->len;
    return GRPC_MESSAGE;
}

char *grpc_reader_room(struct grpc_reader *r, size_t len)
{
    if (r->taken) {
        r->bytes.len -= r->taken;
        memmove(r->bytes.data, r->bytes.data + r->taken, r->bytes.len);
        r->taken = 0;
    }
    return sbuf_try_reserve(&r->bytes, len) ? r->bytes.data + r->bytes.len : NULL;
}

void grpc_reader_put(struct grpc_reader *r, size_t len)
{
    r->bytes.len += len;
    r->bytes.data[r->bytes.len] = 0;
}

enum grpc_read grpc_reader_next(struct grpc_reader *r, struct grpc_message *m)
{
    return grpc_message_at(r->bytes.data, r->bytes.len, &r->taken, r->most, m);
}

size_t grpc_reader_left(const struct grpc_reader *r)
{
    return r->bytes.len - r->taken;
}

void grpc_reader_fini(struct grpc_reader *r)
{
    sbuf_fini(&r->bytes);
    r->taken = 0;
}
