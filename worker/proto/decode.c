// SPDX-License-Identifier: MIT
/* A chain of stages. Each takes what it can from its input and gives what it can to its output,
 * which is the next stage's small buffer, or the caller's; round and round until nothing moves. */
#define ZLIB_CONST
#include "worker/proto/decode.h"

#include <brotli/decode.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

#include "common/base/mem.h"

#define BETWEEN_SIZE (16u * 1024) /* buffer between two stages */
#define OUT_STEP (16u * 1024)     /* room made in the caller's output at a time */
#define ZSTD_WINDOW_LOG 23        /* RFC 9659: 8 MiB is all that may be asked of us */

enum coding { CODING_GZIP, CODING_DEFLATE, CODING_BR, CODING_ZSTD };

struct span {
    const uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len;
};

struct stage {
    enum coding coding;
    union {
        z_stream zlib;
        BrotliDecoderState *brotli;
        ZSTD_DStream *zstd;
    } u;
    bool is_open, has_begun, has_ended;
    bool is_over;         /* what still comes is behind the end, and ignored */
    bool may_hold_output; /* its last run filled the room it had */
    uint8_t held[4];      /* first bytes, until they tell what follows */
    uint8_t held_len;
    uint8_t *input; /* not of the first stage */
    size_t input_at, input_len;
};

struct decode {
    unsigned count;
    struct stage stages[DECODE_MAX_CODINGS];
};

/* Keeps input back until there are `want` bytes to decide by; true when there are. */
static bool hold(struct stage *s, struct span *io, size_t want)
{
    while (s->held_len < want && io->in_len) {
        s->held[s->held_len++] = *io->in++;
        io->in_len--;
    }
    return s->held_len >= want;
}

/* ---- zlib ---- */

static bool zlib_open(struct stage *s, int window_bits)
{
    s->is_open = inflateInit2(&s->u.zlib, window_bits) == Z_OK;
    return s->is_open;
}

static bool zlib_run(struct stage *s, struct span *io)
{
    z_stream *z = &s->u.zlib;
    z->next_in = io->in;
    z->avail_in = io->in_len < UINT32_MAX ? (uInt)io->in_len : UINT32_MAX;
    z->next_out = io->out;
    z->avail_out = io->out_len < UINT32_MAX ? (uInt)io->out_len : UINT32_MAX;
    const int result = inflate(z, Z_NO_FLUSH);
    io->in_len -= (size_t)(z->next_in - io->in);
    io->in = z->next_in;
    io->out_len -= (size_t)(z->next_out - io->out);
    io->out = z->next_out;
    if (result == Z_STREAM_END)
        s->has_ended = true;
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR;
}

/* Runs the bytes held back as if they had come just now. */
static bool zlib_run_held(struct stage *s, struct span *io)
{
    struct span held = {s->held, s->held_len, io->out, io->out_len};
    const bool ok = zlib_run(s, &held);
    io->out = held.out;
    io->out_len = held.out_len;
    return ok;
}

/* Behind the end of a gzip member: another one, or what is ignored. */
static bool gzip_next(struct stage *s, struct span *io)
{
    if (!hold(s, io, 2))
        return true;
    if (s->held[0] != 0x1F || s->held[1] != 0x8B) {
        s->is_over = true;
        return true;
    }
    s->has_ended = false;
    const bool ok = inflateReset(&s->u.zlib) == Z_OK && zlib_run_held(s, io);
    s->held_len = 0;
    return ok;
}

static bool gzip_step(struct stage *s, struct span *io)
{
    if (!s->is_open && !zlib_open(s, 15 + 16))
        return false;
    return s->has_ended ? gzip_next(s, io) : zlib_run(s, io);
}

/* RFC 9110 says zlib format, some servers send raw deflate: the first two bytes tell. */
static bool deflate_open(struct stage *s, struct span *io)
{
    if (!hold(s, io, 2))
        return true;
    const bool is_zlib = (s->held[0] & 0x0F) == 8 && (s->held[0] * 256u + s->held[1]) % 31 == 0;
    return zlib_open(s, is_zlib ? 15 : -15) && zlib_run_held(s, io);
}

static bool deflate_step(struct stage *s, struct span *io)
{
    if (!s->is_open && !deflate_open(s, io))
        return false;
    if (s->is_open && !s->has_ended && !zlib_run(s, io))
        return false;
    s->is_over = s->has_ended;
    return true;
}

/* ---- brotli and zstd ---- */

static bool brotli_step(struct stage *s, struct span *io)
{
    if (!s->is_open) {
        s->u.brotli = BrotliDecoderCreateInstance(NULL, NULL, NULL);
        s->is_open = s->u.brotli != NULL;
        if (!s->is_open)
            return false;
    }
    const BrotliDecoderResult result = BrotliDecoderDecompressStream(
        s->u.brotli, &io->in_len, &io->in, &io->out_len, &io->out, NULL);
    s->has_ended = s->is_over = result == BROTLI_DECODER_RESULT_SUCCESS;
    return result != BROTLI_DECODER_RESULT_ERROR;
}

/* RFC 8878: a frame, or one to be skipped. libzstd also reads formats from before the RFC, and
 * takes one for them, or not, depending on where its input was cut; nobody sends them. */
static bool zstd_is_magic(const uint8_t *b)
{
    const bool is_frame = b[0] == 0x28 && b[1] == 0xB5 && b[2] == 0x2F && b[3] == 0xFD;
    const bool is_skippable = (b[0] & 0xF0) == 0x50 && b[1] == 0x2A && b[2] == 0x4D && b[3] == 0x18;
    return is_frame || is_skippable;
}

static bool zstd_run(struct stage *s, struct span *io)
{
    ZSTD_inBuffer in = {io->in, io->in_len, 0};
    ZSTD_outBuffer out = {io->out, io->out_len, 0};
    const size_t result = ZSTD_decompressStream(s->u.zstd, &out, &in);
    if (ZSTD_isError(result))
        return false;
    if (in.pos || out.pos)
        s->has_ended = result == 0;
    io->in += in.pos;
    io->in_len -= in.pos;
    io->out += out.pos;
    io->out_len -= out.pos;
    return true;
}

static bool zstd_open(struct stage *s)
{
    s->u.zstd = ZSTD_createDStream();
    s->is_open = s->u.zstd != NULL;
    if (s->is_open)
        ZSTD_DCtx_setParameter(s->u.zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    return s->is_open;
}

/* The magic number of every frame is looked at here, in one piece. */
static bool zstd_step(struct stage *s, struct span *io)
{
    if (!s->is_open && !zstd_open(s))
        return false;
    if (s->held_len < 4) {
        if (!hold(s, io, 4))
            return true;
        if (!zstd_is_magic(s->held)) {
            s->is_over = s->has_ended;
            return s->is_over;
        }
        struct span magic = {s->held, 4, io->out, io->out_len};
        if (!zstd_run(s, &magic))
            return false;
    }
    if (io->in_len || s->may_hold_output) {
        if (!zstd_run(s, io))
            return false;
    }
    if (s->has_ended)
        s->held_len = 0; /* another frame may follow */
    return true;
}

/* ---- the chain ---- */

static bool stage_run(struct stage *s, struct span *io)
{
    switch (s->coding) {
    case CODING_GZIP:
        return gzip_step(s, io);
    case CODING_DEFLATE:
        return deflate_step(s, io);
    case CODING_BR:
        return brotli_step(s, io);
    case CODING_ZSTD:
        return zstd_step(s, io);
    }
    return false;
}

/* Only when it can get on: zstd takes repeated calls that move nothing for an error. */
static bool stage_step(struct stage *s, struct span *io)
{
    if (!io->out_len || (!io->in_len && !s->may_hold_output))
        return true;
    s->has_begun = true;
    const bool ok = s->is_over || stage_run(s, io);
    if (s->is_over)
        io->in_len = 0;
    s->may_hold_output = io->out_len == 0;
    return ok;
}

static bool coding_of(const char *name, size_t len, enum coding *coding)
{
    static const struct {
        const char *name;
        enum coding coding;
    } known[] = {{"gzip", CODING_GZIP},
                 {"x-gzip", CODING_GZIP},
                 {"deflate", CODING_DEFLATE},
                 {"br", CODING_BR},
                 {"zstd", CODING_ZSTD}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].name) == len && strncasecmp(known[i].name, name, len) == 0) {
            *coding = known[i].coding;
            return true;
        }
    }
    return false;
}

/* The last coding applied is the first to be undone: stages are kept in that order. */
static bool add_stage(struct decode **d, const char *name, size_t len)
{
    enum coding coding;
    if (!len || (len == 8 && strncasecmp(name, "identity", 8) == 0))
        return true;
    if (!coding_of(name, len, &coding))
        return false;
    if (!*d)
        *d = mem_zalloc(sizeof **d);
    if ((*d)->count == DECODE_MAX_CODINGS)
        return false;
    memmove((*d)->stages + 1, (*d)->stages, (*d)->count * sizeof *(*d)->stages);
    (*d)->stages[0] = (struct stage){.coding = coding};
    (*d)->count++;
    return true;
}

bool decode_add(struct decode **d, const char *codings, size_t len)
{
    const char *const end = codings + len;
    bool is_known = true;
    while (codings < end) {
        const char *comma = memchr(codings, ',', (size_t)(end - codings));
        const char *stop = comma ? comma : end;
        while (codings < stop && (*codings == ' ' || *codings == '\t'))
            codings++;
        const char *last = stop;
        while (last > codings && (last[-1] == ' ' || last[-1] == '\t'))
            last--;
        is_known &= add_stage(d, codings, (size_t)(last - codings));
        codings = comma ? comma + 1 : end;
    }
    return is_known;
}

static void stage_close(struct stage *s)
{
    free(s->input);
    if (!s->is_open)
        return;
    switch (s->coding) {
    case CODING_GZIP:
    case CODING_DEFLATE:
        inflateEnd(&s->u.zlib);
        break;
    case CODING_BR:
        BrotliDecoderDestroyInstance(s->u.brotli);
        break;
    case CODING_ZSTD:
        ZSTD_freeDStream(s->u.zstd);
        break;
    }
}

void decode_free(struct decode *d)
{
    if (!d)
        return;
    for (unsigned i = 0; i < d->count; i++)
        stage_close(&d->stages[i]);
    free(d);
}

/* Runs stage i once between its input and its output. Sets *moved when a byte moved. */
static bool run_stage(struct decode *d, unsigned i, struct span *io, bool *moved)
{
    const size_t in_len = io->in_len, out_len = io->out_len;
    if (!stage_step(&d->stages[i], io))
        return false;
    if (io->in_len != in_len || io->out_len != out_len)
        *moved = true;
    return true;
}

/* One stage of a longer chain; first and last use the caller's buffers. */
static bool run_inner(struct decode *d, unsigned i, struct span *caller, bool *moved)
{
    struct stage *s = &d->stages[i];
    struct span io = *caller;
    if (i > 0) {
        io.in = s->input ? s->input + s->input_at : NULL; /* nothing has come this far yet */
        io.in_len = s->input_len - s->input_at;
    }
    struct stage *next = i + 1 < d->count ? s + 1 : NULL;
    if (next) {
        if (!next->input)
            next->input = mem_realloc(NULL, BETWEEN_SIZE);
        if (next->input_at == next->input_len)
            next->input_at = next->input_len = 0;
        io.out = next->input + next->input_len;
        io.out_len = BETWEEN_SIZE - next->input_len;
    }
    if (!run_stage(d, i, &io, moved))
        return false;
    if (i > 0) {
        s->input_at = s->input_len - io.in_len;
    } else {
        caller->in = io.in;
        caller->in_len = io.in_len;
    }
    if (next) {
        next->input_len = BETWEEN_SIZE - io.out_len;
    } else {
        caller->out = io.out;
        caller->out_len = io.out_len;
    }
    return true;
}

enum decode_step decode_write(struct decode *d, const char **bytes, size_t *len, struct sbuf *out,
                              size_t max)
{
    bool moved = true;
    while (moved) {
        if (out->len >= max)
            return DECODE_FULL;
        const size_t left = max - out->len;
        const size_t room = left < OUT_STEP ? left : OUT_STEP;
        if (!sbuf_try_reserve(out, room))
            return DECODE_NO_MEMORY;
        struct span io = {(const uint8_t *)*bytes, *len, (uint8_t *)out->data + out->len, room};
        moved = false;
        for (unsigned i = d->count; i-- > 0;) {
            if (!run_inner(d, i, &io, &moved))
                return DECODE_BAD;
        }
        *bytes = (const char *)io.in;
        *len = io.in_len;
        out->len += room - io.out_len;
        out->data[out->len] = 0;
    }
    return DECODE_OK;
}

bool decode_is_complete(const struct decode *d)
{
    for (unsigned i = 0; i < d->count; i++) {
        const struct stage *s = &d->stages[i];
        if (s->has_begun && !s->has_ended)
            return false;
    }
    return true;
}
