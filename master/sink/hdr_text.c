// SPDX-License-Identifier: MIT
#include "master/sink/hdr_text.h"
#include "common/base/mem.h"
#include "common/base/varint.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define COOKIE_V2 0x1c849313u /* with words of 8 bytes: 0x10 */
#define COOKIE_PACKED_V2 0x1c849314u
#define DIGITS 2

static void add_be(struct sbuf *out, uint64_t number, unsigned bytes)
{
    while (bytes-- > 0)
        sbuf_addc(out, (char)(number >> bytes * 8));
}

/* ZigZag and LEB128: of a count above 2^55 the format would have the ninth byte whole; none is. */
static void add_count(struct sbuf *out, int64_t count)
{
    sbuf_add_varint(out, (uint64_t)count << 1 ^ (count < 0 ? UINT64_MAX : 0));
}

/* All buckets up to the last that has some; empty ones are a negative number of them. */
static void add_counts(struct sbuf *out, const struct hist *h)
{
    int64_t empty = 0;
    for (unsigned o = 0; o < HIST_OCTAVES; o++)
        for (unsigned i = 0; i < HIST_SUB_COUNT; i++) {
            const uint64_t n = h->octave[o] ? h->octave[o][i] : 0;
            if (!n) {
                empty++;
                continue;
            }
            if (empty)
                add_count(out, -empty);
            empty = 0;
            add_count(out, n < INT64_MAX >> 9 ? (int64_t)n : INT64_MAX >> 9);
        }
}

static void add_double(struct sbuf *out, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    add_be(out, bits, 8);
}

static void encode(struct sbuf *out, const struct hist *h)
{
    struct sbuf counts = {0};
    add_counts(&counts, h);
    add_be(out, COOKIE_V2, 4);
    add_be(out, counts.len, 4);
    add_be(out, 0, 4); /* the normalizing offset */
    add_be(out, DIGITS, 4);
    add_be(out, 1, 8); /* the least value that is told apart */
    add_be(out, HIST_MAX_US, 8);
    add_double(out, 1);
    sbuf_add(out, counts.data, counts.len);
    sbuf_fini(&counts);
}

void hdr_text_add(struct sbuf *out, const struct hist *h)
{
    struct sbuf plain = {0}, packed = {0};
    encode(&plain, h);
    uLongf len = compressBound(plain.len);
    Bytef *bytes = mem_zalloc(len);
    if (compress(bytes, &len, (const Bytef *)plain.data, plain.len) != Z_OK)
        mem_refused("zlib");
    add_be(&packed, COOKIE_PACKED_V2, 4);
    add_be(&packed, len, 4);
    sbuf_add(&packed, bytes, len);
    free(bytes);
    sbuf_reserve(out, packed.len * 4 / 3 + 8);
    out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->data + out->len,
                                        (const unsigned char *)packed.data, (int)packed.len);
    sbuf_fini(&plain);
    sbuf_fini(&packed);
}
