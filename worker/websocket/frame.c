// SPDX-License-Identifier: MIT
#include "worker/websocket/frame.h"

#include <string.h>
#include <sys/random.h>

bool ws_code_is_valid(unsigned code)
{
    if (code >= 3000 && code <= 4999)
        return true;
    return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

int ws_head_read(const uint8_t *bytes, size_t len, struct ws_head *head)
{
    if (len < 2)
        return 0;
    const unsigned said = bytes[1] & 127u;
    const size_t more = said == 127 ? 8 : said == 126 ? 2 : 0;
    head->opcode = bytes[0] & 15;
    head->is_last = bytes[0] & 128;
    head->rsv = bytes[0] >> 4 & 7;
    head->is_masked = bytes[1] & 128;
    if (len < 2 + more)
        return 0;
    head->len = more ? 0 : said;
    for (size_t i = 0; i < more; i++)
        head->len = head->len << 8 | bytes[2 + i];
    if (head->len >> 63)
        return -1;
    return (int)(2 + more);
}

/* splitmix64 from a seed of the kernel's: masks keep a proxy on the way from taking a payload for a
 * request, and are no secret. */
uint32_t ws_mask_new(void)
{
    static uint64_t state;
    if (!state && getrandom(&state, sizeof state, 0) != (ssize_t)sizeof state)
        state = (uint64_t)(uintptr_t)&state;
    state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = state;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(z ^ z >> 31);
}

void ws_mask(void *to, const void *from, size_t len, uint32_t mask)
{
    const uint64_t twice = (uint64_t)mask << 32 | mask;
    char *t = to;
    const char *f = from;
    while (len >= sizeof twice) {
        uint64_t word;
        memcpy(&word, f, sizeof word);
        word ^= twice;
        memcpy(t, &word, sizeof word);
        t += sizeof word;
        f += sizeof word;
        len -= sizeof word;
    }
    char key[sizeof twice];
    memcpy(key, &twice, sizeof key);
    for (size_t i = 0; i < len; i++)
        t[i] = (char)(f[i] ^ key[i]);
}

void ws_frame_write(struct sbuf *out, unsigned opcode, bool is_last, bool rsv1, const void *bytes,
                    size_t len)
{
    const uint32_t mask = ws_mask_new();
    sbuf_reserve(out, len + WS_HEAD_MAX + sizeof mask);
    uint8_t *to = (uint8_t *)out->data + out->len;
    *to++ = (uint8_t)(opcode | (is_last ? 128u : 0) | (rsv1 ? 64u : 0));
    const size_t more = len > UINT16_MAX ? 8 : len > WS_CONTROL_MAX ? 2 : 0;
    *to++ = (uint8_t)(128u | (more == 8 ? 127u : more ? 126u : len));
    for (size_t i = more; i > 0; i--)
        *to++ = (uint8_t)(len >> (8 * (i - 1)));
    memcpy(to, &mask, sizeof mask);
    to += sizeof mask;
    ws_mask(to, bytes, len, mask);
    to += len;
    *to = 0;
    out->len = (size_t)((char *)to - out->data);
}
