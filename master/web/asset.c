// SPDX-License-Identifier: MIT
/* asset: see asset.h. The files themselves are in a generated file. */
#include "master/web/asset.h"

#include "common/base/sbuf.h"

#include <string.h>
#define ZLIB_CONST /* zlib only reads its input: let the type say so */
#include <zlib.h>

const struct asset *asset_find(const char *path)
{
    for (size_t i = 0; i < asset_count; i++) {
        if (strcmp(assets[i].path, path) == 0)
            return &assets[i];
    }
    return NULL;
}

bool asset_inflate(const struct asset *a, struct sbuf *out)
{
    z_stream z = {0};
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return false;
    sbuf_reserve(out, a->plain_len + 1);
    z.next_in = a->gzip;
    z.avail_in = (unsigned)a->gzip_len;
    z.next_out = (unsigned char *)out->data + out->len;
    z.avail_out = (unsigned)a->plain_len + 1;
    bool is_ok = inflate(&z, Z_FINISH) == Z_STREAM_END;
    out->len += z.total_out;
    out->data[out->len] = '\0';
    inflateEnd(&z);
    return is_ok;
}
