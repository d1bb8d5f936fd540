// SPDX-License-Identifier: MIT
#include "worker/websocket/deflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "common/base/mem.h"

#define BITS_MIN 8
#define BITS_MAX 15
#define MEM_LEVEL 8
#define STEP 65536u /* zlib counts in unsigned; and how much is reserved at once */

const uint8_t ws_inflate_tail[4] = {0x00, 0x00, 0xFF, 0xFF};

/* One compressor per window, made when it is first needed: a run sees one or two of them. */
static z_stream *compressor(unsigned bits)
{
    static z_stream *made[BITS_MAX + 1];
    if (bits <
        BITS_MIN + 1) /* zlib has none of 8; what 9 writes never looks back further than 250 */
        bits = BITS_MIN + 1;
    if (bits > BITS_MAX)
        bits = BITS_MAX;
    if (!made[bits]) {
        z_stream *z = mem_zalloc(sizeof *z);
        if (deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -(int)bits, MEM_LEVEL,
                         Z_DEFAULT_STRATEGY) != Z_OK) {
            free(z);
            return NULL;
        }
        made[bits] = z;
    }
    return made[bits];
}

static bool compress_step(z_stream *z, struct sbuf *out, int flush)
{
    do {
        sbuf_reserve(out, STEP);
        z->next_out = (Bytef *)out->data + out->len;
        z->avail_out = STEP;
        if (deflate(z, flush) == Z_STREAM_ERROR)
            return false;
        out->len += STEP - z->avail_out;
    } while (z->avail_out == 0);
    return true;
}

bool ws_deflate(struct sbuf *out, unsigned own_bits, const void *bytes, size_t len)
{
    z_stream *z = compressor(own_bits);
    const char *at = bytes;
    sbuf_clear(out);
    if (!z || deflateReset(z) != Z_OK)
        return false;
    do {
        const size_t piece = len < STEP ? len : STEP;
        z->next_in = (Bytef *)(uintptr_t)at;
        z->avail_in = (uInt)piece;
        at += piece;
        len -= piece;
        if (!compress_step(z, out, len ? Z_NO_FLUSH : Z_SYNC_FLUSH))
            return false;
    } while (len);
    if (out->len >= sizeof ws_inflate_tail)
        out->len -= sizeof ws_inflate_tail;
    if (!out->len) /* an empty message: an empty stored block, whose length is left out */
        sbuf_addc(out, 0);
    out->data[out->len] = 0;
    return true;
}

struct ws_inflate {
    z_stream z;
    bool is_open, forgets;
    uint8_t bits;
};

struct ws_inflate *ws_inflate_new(const struct ws_deflate_terms *terms)
{
    struct ws_inflate *i = mem_zalloc(sizeof *i);
    i->forgets = terms->server_forgets;
    i->bits = terms->server_bits < BITS_MIN ? BITS_MIN : terms->server_bits;
    return i;
}

static void close_stream(struct ws_inflate *i)
{
    if (i->is_open)
        inflateEnd(&i->z);
    i->is_open = false;
}

void ws_inflate_free(struct ws_inflate *i)
{
    if (!i)
        return;
    close_stream(i);
    free(i);
}

static bool open_stream(struct ws_inflate *i)
{
    if (!i->is_open) {
        i->z = (z_stream){0};
        i->is_open = inflateInit2(&i->z, -(int)i->bits) == Z_OK;
    }
    return i->is_open;
}

enum ws_inflated ws_inflate(struct ws_inflate *i, const uint8_t **bytes, size_t *len, void *to,
                            size_t room, size_t *written)
{
    *written = 0;
    if (!open_stream(i))
        return WS_INFLATED_NO_MEMORY;
    const uInt given = (uInt)(*len < STEP ? *len : STEP), most = (uInt)(room < STEP ? room : STEP);
    i->z.next_in = (Bytef *)(uintptr_t)*bytes;
    i->z.avail_in = given;
    i->z.next_out = to;
    i->z.avail_out = most;
    const int rc = inflate(&i->z, Z_SYNC_FLUSH);
    *bytes += given - i->z.avail_in;
    *len -= given - i->z.avail_in;
    *written = most - i->z.avail_out;
    if (rc == Z_STREAM_END) { /* a last block: what comes next may look back all the same */
        if (inflateResetKeep(&i->z) != Z_OK)
            return WS_INFLATED_BAD;
        return *len ? WS_INFLATED_FULL : WS_INFLATED_ALL;
    }
    if (rc == Z_MEM_ERROR)
        return WS_INFLATED_NO_MEMORY;
    if (rc != Z_OK && rc != Z_BUF_ERROR)
        return WS_INFLATED_BAD;
    return *len || i->z.avail_out == 0 ? WS_INFLATED_FULL : WS_INFLATED_ALL;
}

void ws_inflate_end(struct ws_inflate *i)
{
    if (i->forgets)
        close_stream(i);
}
