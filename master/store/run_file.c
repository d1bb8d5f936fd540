// SPDX-License-Identifier: MIT
#include "master/store/run_file.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/whole.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define LEVEL 3 /* of zstd */
#define MODE 0600

static const char MAGIC[6] = "KDRUN";
static const char FRAME_MAGIC[4] = {'K', 'D', 'F', 'R'};

struct file_head {
    char magic[6];
    uint16_t version;
};

struct frame_head {
    char magic[4];
    uint8_t kind, level, zeros[2];
    int64_t from, to;
    uint32_t len, packed, crc, zero; /* zero: to a multiple of 8 */
};

#define RUN_FILE_TAG 0x72756e66u /* "runf" */

struct run_file {
    uint32_t tag; /* handle.h */
    int fd;
    char *path;
    uint64_t end; /* of the last whole frame */
    struct run_frame *frames;
    size_t count;
    struct sbuf scratch;
    ZSTD_CCtx *packer;
    ZSTD_DCtx *unpacker;
};

static int read_at(int fd, void *to, size_t len, uint64_t at)
{
    for (char *p = to; len > 0;) {
        const ssize_t n = pread(fd, p, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? EBADMSG : errno;
            return -1;
        }
        p += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return 0;
}

static uint32_t crc_of(const struct frame_head *h, const void *packed)
{
    struct frame_head plain = *h;
    plain.crc = 0;
    const uLong crc = crc32(0, (const Bytef *)&plain, sizeof plain);
    return (uint32_t)crc32(crc, packed, h->packed);
}

static void note_frame(struct run_file *f, const struct frame_head *h, uint64_t at)
{
    if (f->count % 64 == 0)
        f->frames = mem_realloc(f->frames, (f->count + 64) * sizeof *f->frames);
    f->frames[f->count++] = (struct run_frame){.kind = (enum run_frame_kind)h->kind,
                                               .level = h->level,
                                               .from = h->from,
                                               .to = h->to,
                                               .len = h->len,
                                               .packed = h->packed,
                                               .at = at};
    f->end = at + sizeof *h + h->packed;
}

static struct run_file *make(int fd, const char *path)
{
    struct run_file *f = mem_zalloc(sizeof *f);
    HANDLE_MADE(f, RUN_FILE_TAG);
    f->fd = fd;
    f->path = mem_strdup(path);
    f->end = sizeof(struct file_head);
    return f;
}

void run_file_close(struct run_file *f)
{
    if (!f)
        return;
    HANDLE_IS(f, RUN_FILE_TAG);
    if (f->fd >= 0)
        close(f->fd);
    ZSTD_freeCCtx(f->packer);
    ZSTD_freeDCtx(f->unpacker);
    sbuf_fini(&f->scratch);
    free(f->frames);
    free(f->path);
    HANDLE_ENDS(f);
    free(f);
}

struct run_file *run_file_create(const char *path)
{
    struct file_head head = {.version = RUN_FILE_VERSION};
    memcpy(head.magic, MAGIC, sizeof MAGIC);
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, MODE);
    if (fd < 0)
        return NULL;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 || (errno = whole_write(fd, &head, sizeof head)) != 0) {
        const int error = errno;
        close(fd);
        unlink(path);
        errno = error;
        return NULL;
    }
    return make(fd, path);
}

/* The whole frames there are. */
static void list_frames(struct run_file *f, uint64_t size)
{
    struct frame_head h;
    for (uint64_t at = f->end; at + sizeof h <= size; at = f->end) {
        if (read_at(f->fd, &h, sizeof h, at) != 0 ||
            memcmp(h.magic, FRAME_MAGIC, sizeof h.magic) != 0 || h.packed > size - at - sizeof h)
            return;
        note_frame(f, &h, at);
    }
}

/* A pipe or a device in its place would keep whoever opens or reads it waiting. */
static int open_regular(const char *path, struct stat *about)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -1;
    int error = fstat(fd, about) != 0 ? errno : S_ISREG(about->st_mode) ? 0 : EBADMSG;
    if (error) {
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

struct run_file *run_file_open(const char *path)
{
    struct file_head head;
    struct stat about;
    const int fd = open_regular(path, &about);
    if (fd < 0)
        return NULL;
    struct run_file *f = make(fd, path);
    int error = 0;
    if (read_at(fd, &head, sizeof head, 0) != 0)
        error = errno;
    else if (memcmp(head.magic, MAGIC, sizeof MAGIC) != 0)
        error = EBADMSG;
    else if (head.version > RUN_FILE_VERSION)
        error = ENOTSUP;
    if (error) {
        run_file_close(f);
        errno = error;
        return NULL;
    }
    list_frames(f, (uint64_t)about.st_size);
    return f;
}

/* What a write left in part is taken back, so that the next frame begins where the last one ends.
 */
static int put_packed(struct run_file *f, struct frame_head *h, const void *packed)
{
    h->crc = crc_of(h, packed);
    if ((errno = whole_write(f->fd, h, sizeof *h)) == 0 &&
        (errno = whole_write(f->fd, packed, h->packed)) == 0) {
        note_frame(f, h, f->end);
        return 0;
    }
    const int error = errno;
    if (ftruncate(f->fd, (off_t)f->end) != 0)
        return -1;
    errno = error;
    return -1;
}

int run_file_put(struct run_file *f, const struct run_frame *head, const void *bytes, size_t len)
{
    HANDLE_IS(f, RUN_FILE_TAG);
    if (len > RUN_FRAME_MAX) {
        errno = EFBIG;
        return -1;
    }
    if (!f->packer)
        f->packer = ZSTD_createCCtx();
    sbuf_clear(&f->scratch);
    sbuf_reserve(&f->scratch, ZSTD_compressBound(len));
    const size_t packed =
        f->packer ? ZSTD_compressCCtx(f->packer, f->scratch.data, f->scratch.cap, bytes, len, LEVEL)
                  : (size_t)-1;
    if (!f->packer || ZSTD_isError(packed)) {
        errno = ENOMEM;
        return -1;
    }
    struct frame_head h = {.kind = (uint8_t)head->kind,
                           .level = (uint8_t)head->level,
                           .from = head->from,
                           .to = head->to,
                           .len = (uint32_t)len,
                           .packed = (uint32_t)packed};
    memcpy(h.magic, FRAME_MAGIC, sizeof h.magic);
    return put_packed(f, &h, f->scratch.data);
}

int run_file_sync(struct run_file *f)
{
    HANDLE_IS(f, RUN_FILE_TAG);
    return fdatasync(f->fd);
}

uint64_t run_file_bytes(const struct run_file *f)
{
    HANDLE_IS(f, RUN_FILE_TAG);
    return f->end;
}

size_t run_file_count(const struct run_file *f)
{
    HANDLE_IS(f, RUN_FILE_TAG);
    return f->count;
}

const struct run_frame *run_file_frame(const struct run_file *f, size_t i)
{
    HANDLE_IS(f, RUN_FILE_TAG);
    return &f->frames[i];
}

/* A frame as it is in the file, into scratch. */
static int read_packed(struct run_file *f, size_t i, struct frame_head *h)
{
    const struct run_frame *frame = &f->frames[i];
    sbuf_clear(&f->scratch);
    if (!sbuf_try_reserve(&f->scratch, frame->packed + 1)) {
        errno = ENOMEM;
        return -1;
    }
    if (read_at(f->fd, h, sizeof *h, frame->at) != 0 ||
        read_at(f->fd, f->scratch.data, frame->packed, frame->at + sizeof *h) != 0)
        return -1;
    if (h->packed == frame->packed && h->len == frame->len && h->len <= RUN_FRAME_MAX &&
        crc_of(h, f->scratch.data) == h->crc)
        return 0;
    errno = EBADMSG;
    return -1;
}

int run_file_read(struct run_file *f, size_t i, struct sbuf *out)
{
    HANDLE_IS(f, RUN_FILE_TAG);
    struct frame_head h;
    sbuf_clear(out);
    if (read_packed(f, i, &h) != 0)
        return -1;
    if (!f->unpacker)
        f->unpacker = ZSTD_createDCtx();
    if (!f->unpacker || !sbuf_try_reserve(out, h.len + 1u)) {
        errno = ENOMEM;
        return -1;
    }
    const size_t len =
        ZSTD_decompressDCtx(f->unpacker, out->data, h.len, f->scratch.data, h.packed);
    if (ZSTD_isError(len) || len != h.len) {
        errno = EBADMSG;
        return -1;
    }
    out->len = len;
    out->data[len] = '\0';
    return 0;
}

static int copy_frames(struct run_file *from, struct run_file *to,
                       bool (*keep)(void *arg, const struct run_frame *frame), void *arg)
{
    for (size_t i = 0; i < from->count; i++) {
        struct frame_head h;
        if (!keep(arg, &from->frames[i]))
            continue;
        if (read_packed(from, i, &h) != 0 || put_packed(to, &h, from->scratch.data) != 0)
            return -1;
    }
    return run_file_sync(to);
}

int run_file_thin(struct run_file *f, bool (*keep)(void *arg, const struct run_frame *frame),
                  void *arg)
{
    HANDLE_IS(f, RUN_FILE_TAG);
    struct sbuf path = {0};
    sbuf_addf(&path, "%s.new", f->path);
    unlink(path.data);
    struct run_file *thin = run_file_create(path.data);
    const int rc = thin && copy_frames(f, thin, keep, arg) == 0 && rename(path.data, f->path) == 0;
    const int error = errno;
    if (rc) { /* f is the new one from now on */
        struct run_file old = *f;
        f->fd = thin->fd;
        f->frames = thin->frames;
        f->count = thin->count;
        f->end = thin->end;
        thin->fd = old.fd;
        thin->frames = old.frames;
    } else if (thin) {
        unlink(path.data);
    }
    run_file_close(thin);
    sbuf_fini(&path);
    errno = error;
    return rc ? 0 : -1;
}

bool run_file_is_written(const char *path)
{
    struct stat about;
    const int fd = open_regular(path, &about);
    if (fd < 0)
        return false;
    const bool is_free = flock(fd, LOCK_SH | LOCK_NB) == 0;
    close(fd);
    return !is_free;
}
