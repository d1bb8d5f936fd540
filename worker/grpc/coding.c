// SPDX-License-Identifier: MIT
#include "worker/grpc/coding.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "common/base/mem.h"
#include "worker/proto/decode.h"

enum { WINDOW_OF_GZIP = 15 + 16, WINDOW_OF_ZLIB = 15, MEMORY_LEVEL = 8 };

static const char *const names[GRPC_CODINGS] = {"identity", "deflate", "gzip"};

const char *grpc_coding_name(enum grpc_coding coding)
{
    return names[coding];
}

enum grpc_coding grpc_coding_of(const char *name, size_t len)
{
    int i = 0;
    while (i < GRPC_CODINGS && (strlen(names[i]) != len || memcmp(names[i], name, len) != 0))
        i++;
    return (enum grpc_coding)i;
}

/* Made once for each: it is a quarter of a megabyte. */
static z_stream *deflater(enum grpc_coding coding)
{
    static struct {
        z_stream z;
        bool is_made;
    } made[GRPC_CODINGS];
    z_stream *z = &made[coding].z;
    const int window = coding == GRPC_GZIP ? WINDOW_OF_GZIP : WINDOW_OF_ZLIB;
    if (made[coding].is_made)
        deflateReset(z);
    else if (deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, MEMORY_LEVEL,
                          Z_DEFAULT_STRATEGY) != Z_OK)
        mem_refused("the compression of gRPC");
    made[coding].is_made = true;
    return z;
}

void grpc_compress(enum grpc_coding coding, const char *bytes, size_t len, struct sbuf *out)
{
    if (coding == GRPC_IDENTITY) {
        sbuf_add(out, bytes, len);
        return;
    }
    z_stream *z = deflater(coding);
    const size_t bound = deflateBound(z, (uLong)len);
    sbuf_reserve(out, bound);
    z->next_in = (Bytef *)(uintptr_t)bytes;
    z->avail_in = (uInt)len; /* a message has less than 4 GiB */
    z->next_out = (Bytef *)out->data + out->len;
    z->avail_out = (uInt)bound;
    deflate(z, Z_FINISH);
    out->len += bound - z->avail_out;
    out->data[out->len] = 0;
}

enum grpc_inflated grpc_decompress(enum grpc_coding coding, const char *bytes, size_t len,
                                   uint64_t most, struct sbuf *out)
{
    struct decode *d = NULL;
    enum decode_step step = DECODE_BAD;
    const bool has_some = len > 0;
    if (decode_add(&d, names[coding], strlen(names[coding])) && d)
        step = decode_write(d, &bytes, &len, out, most + 1);
    const bool is_whole = step == DECODE_OK && has_some && decode_is_complete(d);
    decode_free(d);
    if (step == DECODE_FULL || step == DECODE_NO_MEMORY || out->len > most)
        return GRPC_INFLATED_TOO_LARGE;
    return is_whole ? GRPC_INFLATED : GRPC_NOT_INFLATED;
}
