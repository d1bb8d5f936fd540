// SPDX-License-Identifier: MIT
#include "worker/websocket/utf8.h"

#include <string.h>

/* What follows a first byte. False: there is no such one. */
static bool begin(struct utf8_check *c, uint8_t byte)
{
    c->low = 0x80;
    c->high = 0xBF;
    if (byte < 0xC2 || byte > 0xF4)
        return false;
    c->wanted = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    if (byte == 0xE0)
        c->low = 0xA0; /* shorter ones would do */
    else if (byte == 0xED)
        c->high = 0x9F; /* surrogates */
    else if (byte == 0xF0)
        c->low = 0x90;
    else if (byte == 0xF4)
        c->high = 0x8F; /* above U+10FFFF */
    return true;
}

static size_t skip_ascii(const uint8_t *at, size_t len)
{
    const size_t all = len;
    uint64_t word;
    while (len >= sizeof word) {
        memcpy(&word, at, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
        at += sizeof word;
        len -= sizeof word;
    }
    while (len && *at < 0x80) {
        at++;
        len--;
    }
    return all - len;
}

bool utf8_check_more(struct utf8_check *c, const void *bytes, size_t len)
{
    const uint8_t *at = bytes, *end = at + len;
    for (;;) {
        if (!c->wanted)
            at += skip_ascii(at, (size_t)(end - at));
        if (at == end)
            return true;
        const uint8_t byte = *at++;
        if (!c->wanted) {
            if (!begin(c, byte))
                return false;
            continue;
        }
        if (byte < c->low || byte > c->high)
            return false;
        c->low = 0x80;
        c->high = 0xBF;
        c->wanted--;
    }
}
