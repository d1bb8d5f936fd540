// SPDX-License-Identifier: MIT
#pragma once
/* What the response fuzzer does with an input; the unit test replays its corpus through the same.
 *
 * The first two bytes choose the split and the kind; the rest is what the server says. It is parsed
 * whole and in pieces: both ways must agree on everything, and every result must keep the limits
 * and point into the parser's own memory.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/sbuf.h"
#include "worker/proto/decode.h"
#include "worker/http1/hresp.h"

#define DRIVER_BODY_MAX (1u << 20)

struct driven {
    enum fetch_error error;
    int status;
    uint32_t header_count, head_len, trailer_count;
    struct sbuf text; /* head, headers, raw body, trailers */
    struct sbuf decoded;
    struct decode *decode;
    bool is_decoding_bad, keeps_alive;
};

static inline bool driver_body(void *arg, const char *bytes, size_t len)
{
    struct driven *d = arg;
    sbuf_add(&d->text, bytes, len);
    if (d->decode && !d->is_decoding_bad && d->decoded.len < DRIVER_BODY_MAX)
        d->is_decoding_bad =
            decode_write(d->decode, &bytes, &len, &d->decoded, DRIVER_BODY_MAX) == DECODE_BAD;
    assert(d->decoded.len <= DRIVER_BODY_MAX);
    return true;
}

/* All of them lie between those two places. */
static inline void driver_lines(struct driven *d, const struct fetch_header *lines, uint32_t count,
                                const char *from, const char *to)
{
    for (const struct fetch_header *h = lines; h < lines + count; h++) {
        assert(h->name >= from && h->name + h->name_len <= to);
        assert(h->value >= from && h->value + h->value_len <= to);
        assert(h->name_len > 0);
        sbuf_add(&d->text, h->name, h->name_len);
        sbuf_addc(&d->text, '=');
        sbuf_add(&d->text, h->value, h->value_len);
    }
}

/* The trailers, and the head where it is now. */
static inline void driver_end(struct driven *d, const struct hresp *r)
{
    d->trailer_count = r->trailer_count;
    if (!r->in_trailers)
        return;
    assert(r->header_count + r->trailer_count <= FETCH_MAX_HEADERS);
    assert(r->text_len <= FETCH_MAX_HEAD && r->header_count == d->header_count);
    driver_lines(d, r->headers, r->header_count, r->head, r->head + r->head_len);
    driver_lines(d, r->headers + r->header_count, r->trailer_count, r->head + r->head_len,
                 r->text + r->text_len);
}

static inline void driver_head(struct driven *d, const struct hresp *r)
{
    d->status = hresp_status(r);
    d->header_count = r->header_count;
    d->head_len = r->head_len;
    assert(d->status >= 101 && d->status <= 999);
    assert(r->header_count <= FETCH_MAX_HEADERS && r->head_len <= FETCH_MAX_HEAD);
    sbuf_add(&d->text, r->head, r->head_len);
    driver_lines(d, r->headers, r->header_count, r->head, r->head + r->head_len);
    uint32_t at = 0;
    const struct fetch_header *h = hresp_find(r, "content-encoding", &at);
    if (h && !decode_add(&d->decode, h->value, h->value_len)) {
        decode_free(d->decode);
        d->decode = NULL;
    }
}

static inline void driver_parse(struct driven *d, const uint8_t *bytes, size_t len, size_t piece,
                                enum hresp_kind kind)
{
    struct hresp_block *block = malloc(sizeof *block);
    struct hresp r;
    enum hresp_step step = HRESP_MORE;
    hresp_init(&r, block, kind);
    r.on_body = driver_body;
    r.arg = d;
    while (len && step == HRESP_MORE) {
        const size_t n = len < piece ? len : piece;
        char *copy = malloc(n);
        memcpy(copy, bytes, n);
        size_t at = 0;
        do {
            size_t used;
            step = hresp_feed(&r, copy + at, n - at, &used);
            at += used;
            assert(at <= n);
            if (step == HRESP_HEAD)
                driver_head(d, &r);
        } while (step == HRESP_HEAD);
        assert(step != HRESP_MORE || at == n);
        free(copy);
        bytes += n;
        len -= n;
    }
    d->error = step == HRESP_BAD ? r.error : step == HRESP_END ? FETCH_OK : hresp_eof(&r);
    assert(step != HRESP_BAD || r.error != FETCH_OK);
    driver_end(d, &r);
    d->keeps_alive = d->error == FETCH_OK && hresp_keeps_alive(&r);
    hresp_fini(&r);
    free(block);
}

static inline void driver_fini(struct driven *d)
{
    sbuf_fini(&d->text);
    sbuf_fini(&d->decoded);
    decode_free(d->decode);
}

static inline void response_drive(const uint8_t *bytes, size_t len)
{
    if (len < 2)
        return;
    const enum hresp_kind kind = bytes[1] & 1 ? HRESP_HEAD_ONLY : HRESP_NORMAL;
    const size_t piece = 1u + bytes[0];
    struct driven whole = {0}, split = {0};
    driver_parse(&whole, bytes + 2, len - 2, SIZE_MAX, kind);
    driver_parse(&split, bytes + 2, len - 2, piece, kind);
    assert(whole.status == split.status);
    assert(whole.header_count == split.header_count && whole.head_len == split.head_len);
    /* A limit on framing or head may fall a piece earlier or later, the grammar may not. */
    if (len < 60000) {
        assert(whole.error == split.error);
        assert(whole.trailer_count == split.trailer_count);
        assert(whole.text.len == split.text.len);
        assert(!whole.text.len || !memcmp(whole.text.data, split.text.data, whole.text.len));
        assert(whole.is_decoding_bad == split.is_decoding_bad);
        assert(whole.keeps_alive == split.keeps_alive);
    }
    driver_fini(&whole);
    driver_fini(&split);
}
