// SPDX-License-Identifier: MIT
#include "master/store/line_reader.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define READ_BYTES 65536
#define GZIP_WINDOW (15 + 16) /* with a header and trailer of gzip */

enum packing { PACKED_NOT, PACKED_GZIP, PACKED_ZSTD };

struct line_reader {
    char *path;
    int fd;
    enum packing packing;
    z_stream gzip;
    ZSTD_DCtx *zstd;
    char raw[READ_BYTES];
    size_t raw_len, raw_at;
    bool is_over;     /* all of the file is read */
    bool is_cut;      /* a member or frame has begun and not ended */
    bool has_more;    /* of what was read, which found no room */
    struct sbuf text; /* unpacked */
    size_t at;
};

static int fill(struct line_reader *r)
{
    ssize_t n;
    do
        n = read(r->fd, r->raw, sizeof r->raw);
    while (n < 0 && errno == EINTR);
    r->raw_at = 0;
    r->raw_len = n > 0 ? (size_t)n : 0;
    r->is_over = n == 0;
    return n < 0 ? -1 : 0;
}

static enum packing packing_of(const struct line_reader *r)
{
    return r->raw_len >= 2 && memcmp(r->raw, "\x1f\x8b", 2) == 0           ? PACKED_GZIP
           : r->raw_len >= 4 && memcmp(r->raw, "\x28\xb5\x2f\xfd", 4) == 0 ? PACKED_ZSTD
                                                                           : PACKED_NOT;
}

struct line_reader *line_reader_open(const char *path, char **why)
{
    struct line_reader *r = mem_zalloc(sizeof *r);
    r->path = mem_strdup(path);
    r->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0 || fill(r) != 0) {
        *why = sbuf_words("%s: %s", path, strerror(errno));
        line_reader_close(r);
        return NULL;
    }
    r->packing = packing_of(r);
    if (r->packing == PACKED_GZIP && inflateInit2(&r->gzip, GZIP_WINDOW) != Z_OK)
        mem_refused("gzip");
    if (r->packing == PACKED_ZSTD && !(r->zstd = ZSTD_createDCtx()))
        mem_refused("zstd");
    return r;
}

/* So much was read and unpacked: nothing at all says nothing of where that ended. */
static void note(struct line_reader *r, size_t taken, size_t made, bool is_end)
{
    r->raw_at += taken;
    r->text.len += made;
    r->has_more = made == READ_BYTES;
    if (taken || made)
        r->is_cut = !is_end;
}

static bool inflate_more(struct line_reader *r)
{
    z_stream *z = &r->gzip;
    z->next_in = (Bytef *)r->raw + r->raw_at;
    z->avail_in = (uInt)(r->raw_len - r->raw_at);
    z->next_out = (Bytef *)r->text.data + r->text.len;
    z->avail_out = READ_BYTES;
    const int rc = inflate(z, Z_NO_FLUSH);
    note(r, r->raw_len - r->raw_at - z->avail_in, READ_BYTES - z->avail_out, rc == Z_STREAM_END);
    if (rc == Z_STREAM_END)
        inflateReset(z);
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR;
}

static bool expand_more(struct line_reader *r)
{
    ZSTD_inBuffer in = {r->raw + r->raw_at, r->raw_len - r->raw_at, 0};
    ZSTD_outBuffer out = {r->text.data + r->text.len, READ_BYTES, 0};
    const size_t rc = ZSTD_decompressStream(r->zstd, &out, &in);
    note(r, in.pos, out.pos, rc == 0);
    return !ZSTD_isError(rc);
}

/* Some more text; false, and *why unless it is the end. */
static bool read_more(struct line_reader *r, char **why)
{
    bool is_good = true;
    if (!r->has_more && r->raw_at == r->raw_len && !r->is_over && fill(r) != 0) {
        *why = sbuf_words("%s: %s", r->path, strerror(errno));
        return false;
    }
    if (r->is_over && !r->has_more) {
        if (r->is_cut)
            *why = sbuf_words("%s: it is cut off", r->path);
        return false;
    }
    sbuf_reserve(&r->text, READ_BYTES);
    if (r->packing == PACKED_NOT) {
        sbuf_add(&r->text, r->raw, r->raw_len);
        r->raw_at = r->raw_len;
    } else {
        is_good = r->packing == PACKED_GZIP ? inflate_more(r) : expand_more(r);
    }
    if (!is_good)
        *why = sbuf_words("%s: it is damaged", r->path);
    return is_good;
}

const char *line_reader_next(struct line_reader *r, size_t *len, char **why)
{
    size_t looked = 0;
    for (;;) {
        const size_t left = r->text.len - r->at;
        const char *from = left ? r->text.data + r->at : NULL;
        const char *end = left > looked ? memchr(from + looked, '\n', left - looked) : NULL;
        if (end) {
            *len = (size_t)(end - from);
            r->at += *len + 1;
            return from;
        }
        looked = left;
        if (left > LINE_MOST) {
            *why = sbuf_words("%s: it has a line that is too long", r->path);
            return NULL;
        }
        if (left)
            memmove(r->text.data, from, left);
        r->text.len = left;
        r->at = 0;
        if (read_more(r, why))
            continue;
        if (*why || !left)
            return NULL;
        *len = left; /* a last line without an end */
        r->at = left;
        return r->text.data;
    }
}

void line_reader_close(struct line_reader *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        close(r->fd);
    if (r->packing == PACKED_GZIP)
        inflateEnd(&r->gzip);
    ZSTD_freeDCtx(r->zstd);
    sbuf_fini(&r->text);
    free(r->path);
    free(r);
}
