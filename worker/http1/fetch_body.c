// SPDX-License-Identifier: MIT
/* Body bytes on their way from the parser to the caller.
 *
 * Collected: into one buffer, or not copied at all when the whole of a small body lies behind its
 * head. Streamed: through a buffer of about STREAM_HIGH; compressed input that would overfill it
 * waits undecoded, and while anything waits the connection is not read. A bomb thus costs the same
 * memory as any other body.
 */
#include "worker/http1/fetch_int.h"

#include <string.h>

#include "common/base/clk.h"
#include "worker/http1/decode.h"

#define EARLY_RESERVE (UINT64_C(1) << 20) /* do not believe more of an announced length at once */

/* A body of no coding that is known is handed over as it is; one of several of which some are not
 * known is nothing anybody could read. */
static void open_decoder(struct fetch *f)
{
    uint32_t at = 0;
    bool is_known = true;
    const struct fetch_header *h;
    while ((h = hresp_find(&f->parser, "content-encoding", &at)))
        is_known &= decode_add(&f->decode, h->value, h->value_len);
    f->is_undecodable = f->decode && !is_known;
}

enum fetch_error fetch_body_begin(struct fetch *f)
{
    uint64_t len = 0;
    const bool is_known = hresp_length(&f->parser, &len);
    if (!f->request.keep_encoded)
        open_decoder(f);
    if (f->request.mode == FETCH_STREAM || f->decode || !is_known)
        return FETCH_OK;
    if (len > f->engine->limits.max_body)
        return FETCH_BODY_TOO_LARGE;
    if (len > f->parser.stable_left)
        if (!sbuf_try_reserve(&f->body, len < EARLY_RESERVE ? len : EARLY_RESERVE))
            return FETCH_NO_MEMORY;
    return FETCH_OK;
}

static bool stop(struct fetch *f, enum fetch_error error)
{
    f->parser.error = error;
    f->parser.what = NULL;
    return false;
}

static enum fetch_error error_of(enum decode_step step)
{
    return step == DECODE_BAD         ? FETCH_DECODE
           : step == DECODE_NO_MEMORY ? FETCH_NO_MEMORY
                                      : FETCH_OK;
}

static bool collect(struct fetch *f, const char *bytes, size_t len)
{
    const uint64_t max = f->engine->limits.max_body;
    if (f->decode) {
        const enum fetch_error error =
            f->is_undecodable ? FETCH_DECODE
                              : error_of(decode_write(f->decode, &bytes, &len, &f->body, max + 1));
        if (error != FETCH_OK)
            return stop(f, error);
        return f->body.len <= max || stop(f, FETCH_BODY_TOO_LARGE);
    }
    uint64_t whole;
    if (f->parser.is_stable && hresp_length(&f->parser, &whole) && whole == len) {
        f->response.body = bytes;
        f->response.body_len = len;
        return true;
    }
    if (len > max - f->body.len)
        return stop(f, FETCH_BODY_TOO_LARGE);
    if (!sbuf_try_reserve(&f->body, len))
        return stop(f, FETCH_NO_MEMORY);
    sbuf_add(&f->body, bytes, len);
    return true;
}

/* Moves undecoded bytes on as far as there is room. */
static enum fetch_error decode_waiting(struct fetch *f)
{
    const char *bytes = f->undecoded.data;
    size_t len = f->undecoded.len;
    const enum decode_step step =
        decode_write(f->decode, &bytes, &len, &f->body, f->body_read + STREAM_HIGH);
    if (len)
        memmove(f->undecoded.data, bytes, len);
    f->undecoded.len = len;
    f->has_more_decoded = step == DECODE_FULL;
    return error_of(step);
}

static bool pass_on(struct fetch *f, const char *bytes, size_t len)
{
    if (!f->decode) {
        sbuf_add(&f->body, bytes, len);
        return true;
    }
    if (f->is_undecodable)
        return stop(f, FETCH_DECODE);
    sbuf_add(&f->undecoded, bytes, len);
    const enum fetch_error error = decode_waiting(f);
    return error == FETCH_OK || stop(f, error);
}

bool fetch_body_add(void *fetch, const char *bytes, size_t len)
{
    struct fetch *f = fetch;
    f->response.wire_body_len += len;
    return f->request.mode == FETCH_STREAM ? pass_on(f, bytes, len) : collect(f, bytes, len);
}

static bool has_waiting(const struct fetch *f)
{
    return f->undecoded.len || f->has_more_decoded;
}

enum fetch_error fetch_body_finish(struct fetch *f)
{
    if (!f->decode || has_waiting(f) || decode_is_complete(f->decode))
        return FETCH_OK;
    return FETCH_DECODE;
}

bool fetch_body_is_full(const struct fetch *f)
{
    return f->request.mode == FETCH_STREAM &&
           (has_waiting(f) || f->body.len - f->body_read >= STREAM_HIGH);
}

/* ---- the reader ---- */

static size_t take(struct fetch *f, void *buffer, size_t len)
{
    const size_t there = f->body.len - f->body_read;
    const size_t n = len < there ? len : there;
    memcpy(buffer, f->body.data + f->body_read, n);
    f->body_read += n;
    if (f->body_read == f->body.len) {
        sbuf_clear(&f->body);
        f->body_read = 0;
    }
    return n;
}

/* After the reader made room: decode what waits, else let the connection be read again. */
static void refill(struct fetch *f)
{
    if (has_waiting(f) && f->body.len == 0) {
        enum fetch_error error = decode_waiting(f);
        if (error == FETCH_OK && f->is_body_whole)
            error = fetch_body_finish(f);
        if (error != FETCH_OK) {
            fetch_failed(f, error, 0, NULL);
            fetch_end(f);
            return;
        }
    }
    if (f->conn && !fetch_body_is_full(f))
        fetch_io_resume(f);
}

long fetch_read(struct fetch *f, void *buffer, size_t len)
{
    if (f->body.len == f->body_read)
        refill(f);
    if (f->body.len > f->body_read && len) {
        const size_t n = take(f, buffer, len);
        refill(f);
        return (long)n;
    }
    if (f->response.error != FETCH_OK)
        return -2;
    if (f->state == FETCH_IS_OVER)
        return 0;
    f->is_reader_waiting = true;
    f->last_io_ns = clk_mono_ns();
    return -1;
}
