// SPDX-License-Identifier: MIT
#pragma once
/* varint: whole numbers in as few bytes as they need (LEB128), and numbers of both signs as those.
 */
#include <stdbool.h>
#include <stdint.h>

#define VARINT_MAX 10 /* bytes */

static inline unsigned char *varint_put(unsigned char *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *p++ = (unsigned char)(value | 0x80);
    *p++ = (unsigned char)value;
    return p;
}

/* Of bytes that this program wrote. */
static inline uint64_t varint_get(const unsigned char **p)
{
    uint64_t value = *(*p)++;
    if (value < 0x80)
        return value;
    value &= 0x7F;
    for (unsigned shift = 7;; shift += 7) {
        uint64_t byte = *(*p)++;
        value |= (byte & 0x7F) << shift;
        if (byte < 0x80)
            return value;
    }
}

/* Of a stranger's: false when it is cut short, padded or over 64 bits. */
static inline bool varint_read(const unsigned char **p, const unsigned char *end, uint64_t *value)
{
    if (*p < end && **p < 0x80) { /* nearly always */
        *value = *(*p)++;
        return true;
    }
    uint64_t v = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        uint64_t byte = *(*p)++;
        if (shift == 63 && byte > 1)
            return false;
        v |= (byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = v;
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

/* 0, -1, 1, -2 … as 0, 1, 2, 3 … */
static inline uint64_t varint_of_signed(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t varint_signed(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}
