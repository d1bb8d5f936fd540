// SPDX-License-Identifier: MIT
#pragma once
/* protobuf: messages as bytes, written from front to back. A message within one is opened and
 * closed; its length is put in when it is known. What has the value that a reader takes for
 * missing, 0 or no text, may be left out by who writes. */
#include "common/base/sbuf.h"
#include "common/base/varint.h"
#include <string.h>

enum { PB_VARINT, PB_FIXED64, PB_BYTES };

static inline void pb_key(struct sbuf *b, unsigned field, unsigned type)
{
    sbuf_add_varint(b, field << 3 | type);
}

static inline void pb_uint(struct sbuf *b, unsigned field, uint64_t value)
{
    pb_key(b, field, PB_VARINT);
    sbuf_add_varint(b, value);
}

static inline void pb_int(struct sbuf *b, unsigned field, int64_t value) /* int32, int64 */
{
    pb_uint(b, field, (uint64_t)value);
}

static inline void pb_sint(struct sbuf *b, unsigned field, int64_t value) /* zig-zag */
{
    pb_uint(b, field, varint_of_signed(value));
}

static inline void pb_fixed(struct sbuf *b, uint64_t value) /* without a key, for packed ones */
{
    unsigned char bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    sbuf_add(b, bytes, sizeof bytes);
}

static inline void pb_fixed64(struct sbuf *b, unsigned field, uint64_t value)
{
    pb_key(b, field, PB_FIXED64);
    pb_fixed(b, value);
}

static inline uint64_t pb_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline void pb_double(struct sbuf *b, unsigned field, double value)
{
    pb_fixed64(b, field, pb_bits(value));
}

static inline void pb_bytes(struct sbuf *b, unsigned field, const void *bytes, size_t len)
{
    pb_key(b, field, PB_BYTES);
    sbuf_add_varint(b, len);
    sbuf_add(b, bytes, len);
}

/* Returns where it begins, for pb_close. */
static inline size_t pb_open(struct sbuf *b, unsigned field)
{
    pb_key(b, field, PB_BYTES);
    sbuf_addc(b, 0); /* its length, if that is below 128 */
    return b->len;
}

static inline void pb_close(struct sbuf *b, size_t at)
{
    unsigned char bytes[VARINT_MAX];
    const size_t len = b->len - at, size = (size_t)(varint_put(bytes, len) - bytes);
    if (size > 1) {
        sbuf_add(b, bytes, size - 1); /* room */
        memmove(b->data + at + size - 1, b->data + at, len);
    }
    memcpy(b->data + at - 1, bytes, size);
    b->data[b->len] = 0;
}
