// SPDX-License-Identifier: MIT
/* Blocks of HPACK (RFC 7541), as far as one need read them to know what they change. */
#include "worker/http2/heads.h"

#include <string.h>

/* What follows an integer, whose first byte has some bits of other meaning. NULL: it is cut off, or
 * larger than anything here. */
static const uint8_t *integer(const uint8_t *at, const uint8_t *end, uint8_t mask, uint32_t *value)
{
    if (at == end)
        return NULL;
    *value = *at++ & mask;
    if (*value < mask)
        return at;
    for (unsigned shift = 0; shift < 21 && at < end; shift += 7) {
        *value += (uint32_t)(*at & 0x7f) << shift;
        if (!(*at++ & 0x80))
            return at;
    }
    return NULL;
}

static const uint8_t *string(const uint8_t *at, const uint8_t *end)
{
    uint32_t len;
    at = integer(at, end, 0x7f, &len);
    return at && len <= (size_t)(end - at) ? at + len : NULL;
}

static const uint8_t *field(const uint8_t *at, const uint8_t *end, bool *inserts)
{
    uint32_t index;
    const bool is_inserted = heads_is_inserted(*at);
    if (*at & 0x80)
        return integer(at, end, 0x7f, &index);
    if ((*at & 0xe0) == 0x20) /* the size of the table */
        return NULL;
    *inserts |= is_inserted;
    at = integer(at, end, is_inserted ? 0x3f : 0x0f, &index);
    if (at && !index)
        at = string(at, end);
    return at ? string(at, end) : NULL;
}

unsigned heads_fields(const uint8_t *block, size_t len, uint16_t ends[HEADS_FIELDS_MOST],
                      bool *inserts)
{
    const uint8_t *at = block, *const end = block + len;
    unsigned count = 0;
    *inserts = false;
    if (len > HEADS_BLOCK_MOST)
        return 0;
    while (at && at < end && count < HEADS_FIELDS_MOST) {
        at = field(at, end, inserts);
        if (at)
            ends[count++] = (uint16_t)(at - block);
    }
    return at == end ? count : 0;
}

uint32_t heads_u24(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
}

void heads_frame(uint8_t to[9], size_t len, uint8_t type, uint8_t flags, int32_t id)
{
    const uint8_t head[] = {
        (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len,       type,       flags,
        (uint8_t)(id >> 24),  (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id};
    memcpy(to, head, sizeof head);
}

int32_t heads_stream(const uint8_t *frame)
{
    return (int32_t)((uint32_t)(frame[5] & 0x7f) << 24 | heads_u24(frame + 6));
}
