// SPDX-License-Identifier: MIT
#include "worker/journal/journal_file.h"

#include "common/base/mem.h"
#include "common/base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define GZIP_LEVEL 1 /* lines are much alike: more buys little, and costs the load's processor */
#define ZSTD_LEVEL 1
#define GZIP_WINDOW (15 + 16) /* zlib: with a header and trailer of gzip */

/* Room on the disk is asked for beforehand, of files that grow large: blocks that a write must find
 * one by one are a third of what it costs. */
#define RESERVE_FROM ((off_t)8 << 20)
#define RESERVE_BYTES ((off_t)16 << 20)

enum packing { PACKED_NOT, PACKED_GZIP, PACKED_ZSTD };

struct journal_file {
    int fd;
    char *path;
    enum packing packing;
    bool is_regular;
    off_t end;      /* of what is whole, of a regular file */
    off_t reserved; /* up to where there is room; behind the end it is given back */
    z_stream gzip;
    ZSTD_CCtx *zstd;
    struct sbuf packed;
};

static enum packing packing_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && strcmp(dot, ".gz") == 0    ? PACKED_GZIP
           : dot && strcmp(dot, ".zst") == 0 ? PACKED_ZSTD
                                             : PACKED_NOT;
}

static void make_packer(struct journal_file *f)
{
    if (f->packing == PACKED_GZIP &&
        deflateInit2(&f->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        mem_refused("gzip");
    if (f->packing == PACKED_ZSTD) {
        f->zstd = ZSTD_createCCtx();
        if (!f->zstd)
            mem_refused("zstd");
    }
}

/* Folders of the path that are not there are made, as those of other files are. */
static void make_folders(const char *path)
{
    char *copy = mem_strdup(path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(copy, 0777); /* if it cannot be, the open says so */
        *slash = '/';
    }
    free(copy);
}

static int open_path(const char *path, bool is_more)
{
    const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (is_more ? O_APPEND : O_TRUNC);
    if (strcmp(path, "-") == 0)
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (*path)
        make_folders(path);
    return open(path, flags, 0666);
}

struct journal_file *journal_file_open(const char *path, bool is_more)
{
    struct stat st;
    const int fd = open_path(path, is_more);
    if (fd < 0)
        return NULL;
    struct journal_file *f = mem_zalloc(sizeof *f);
    f->fd = fd;
    f->path = mem_strdup(path);
    f->packing = packing_of(path);
    f->is_regular = strcmp(path, "-") != 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    f->end = f->is_regular ? st.st_size : 0;
    make_packer(f);
    return f;
}

bool journal_file_is_empty(const struct journal_file *f)
{
    return f->end == 0;
}

bool journal_file_is_packed(const struct journal_file *f)
{
    return f->packing != PACKED_NOT;
}

static int pack_gzip(struct journal_file *f, const char *bytes, size_t len)
{
    z_stream *z = &f->gzip;
    sbuf_reserve(&f->packed, deflateBound(z, len));
    z->next_in = (Bytef *)(uintptr_t)bytes;
    z->avail_in = (uInt)len;
    z->next_out = (Bytef *)f->packed.data;
    z->avail_out = (uInt)f->packed.cap;
    const int rc = deflate(z, Z_FINISH);
    f->packed.len = f->packed.cap - z->avail_out;
    deflateReset(z);
    return rc == Z_STREAM_END ? 0 : EIO;
}

static int pack_zstd(struct journal_file *f, const char *bytes, size_t len)
{
    sbuf_reserve(&f->packed, ZSTD_compressBound(len));
    const size_t n =
        ZSTD_compressCCtx(f->zstd, f->packed.data, f->packed.cap, bytes, len, ZSTD_LEVEL);
    f->packed.len = ZSTD_isError(n) ? 0 : n;
    return ZSTD_isError(n) ? EIO : 0;
}

/* Where that cannot be had, a write tells what is wrong, if anything is. */
static void reserve(struct journal_file *f, size_t more)
{
    if (!f->is_regular || f->end < RESERVE_FROM || f->end + (off_t)more <= f->reserved)
        return;
    f->reserved = f->end + (off_t)more + RESERVE_BYTES;
    fallocate(f->fd, FALLOC_FL_KEEP_SIZE, f->end, f->reserved - f->end);
}

static void give_back(struct journal_file *f)
{
    struct stat st;
    if (f->reserved > f->end && fstat(f->fd, &st) == 0 && st.st_size == f->end &&
        ftruncate(f->fd, f->end) != 0)
        f->reserved = 0; /* it stays reserved: nobody misses it but df */
}

/* What was written in part is no line, and no block. */
static void cut_back(struct journal_file *f)
{
    const int error = errno;
    if (f->is_regular && ftruncate(f->fd, f->end) != 0)
        f->is_regular = false; /* nothing is to be done about it */
    errno = error;
}

int journal_file_put(struct journal_file *f, const char *bytes, size_t len)
{
    int error = 0;
    sbuf_clear(&f->packed);
    if (f->packing == PACKED_GZIP)
        error = pack_gzip(f, bytes, len);
    else if (f->packing == PACKED_ZSTD)
        error = pack_zstd(f, bytes, len);
    if (error)
        return error;
    const char *out = f->packing ? f->packed.data : bytes;
    const size_t out_len = f->packing ? f->packed.len : len;
    reserve(f, out_len);
    error = whole_write(f->fd, out, out_len);
    if (error)
        cut_back(f);
    else
        f->end += (off_t)out_len;
    return error;
}

enum journal_place_of_file journal_file_look(const struct journal_file *f)
{
    struct stat ours, there;
    if (!f->is_regular || fstat(f->fd, &ours) != 0)
        return FILE_IS_THERE;
    if (ours.st_nlink == 0)
        return FILE_IS_REMOVED;
    if (stat(f->path, &there) != 0)
        return errno == ENOENT || errno == ENOTDIR ? FILE_IS_MOVED : FILE_IS_THERE;
    return there.st_ino == ours.st_ino && there.st_dev == ours.st_dev ? FILE_IS_THERE
                                                                      : FILE_IS_MOVED;
}

int journal_file_close(struct journal_file *f)
{
    give_back(f);
    const int error = close(f->fd) != 0 && errno != EINTR ? errno : 0;
    if (f->packing == PACKED_GZIP)
        deflateEnd(&f->gzip);
    ZSTD_freeCCtx(f->zstd);
    sbuf_fini(&f->packed);
    free(f->path);
    free(f);
    return error;
}
