// SPDX-License-Identifier: MIT
/* Heads of answers. What was read is looked through frame by frame; each head is given to nghttp2
 * with no other behind it, so that there is no doubt which one it speaks of. */
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "worker/http2/h2.h"

#define FRAME_HEAD 9u
#define PUSH_PROMISE 5u
#define CONTINUATION 9u
#define TABLE_SIZE 4096u /* that of the server is never larger, for we say nothing of it */

static bool is_of_heads(uint8_t type)
{
    return type == NGHTTP2_HEADERS || type == PUSH_PROMISE || type == CONTINUATION;
}

/* Whether nghttp2 is to be asked what it means. */
static bool is_to_learn(struct heads *k, int kind, const uint8_t *block, size_t len, bool is_same)
{
    struct head_read *r = k->read[kind];
    const uint64_t before = k->read_hash[kind];
    k->is_learning_last = is_same && r->filled >= TABLE_SIZE;
    if (is_same) {
        r->filled += r->table_bytes;
        return k->is_learning_last;
    }
    k->read_hash[kind] = map_hash(1, block, len);
    return k->read_hash[kind] == before;
}

/* A head that came before and all that follows it up to the end of its answer, if that is here, in
 * one frame and what else there may be: how many bytes, and k->whole. What is to be collected
 * alone, for windows of streams are nghttp2's. */
static size_t find_whole(struct heads *k, const struct head_read *r, const struct fetch *f,
                         const uint8_t *frame, size_t there)
{
    const struct head_read *t = k->read[HEADS_TRAILER];
    const size_t before = FRAME_HEAD + r->block_len;
    const uint8_t *data = frame + before;
    if (f->has_head || f->request.mode != FETCH_COLLECT || f->request.head_only ||
        r->status == 204 || r->status == 304 || there < before + FRAME_HEAD ||
        data[3] != NGHTTP2_DATA || heads_stream(data) != heads_stream(frame))
        return 0;
    const size_t len = heads_u24(data), end = before + FRAME_HEAD + len;
    if (there < end || (r->has_length && r->length != len))
        return 0;
    k->whole = (struct heads_whole){.body = data + FRAME_HEAD, .body_len = len};
    if (data[4] == NGHTTP2_FLAG_END_STREAM)
        return end;
    const uint8_t *last = frame + end;
    if (data[4] || there < end + FRAME_HEAD || !t || !t->is_known ||
        there - end - FRAME_HEAD < t->block_len || heads_u24(last) != t->block_len ||
        last[3] != NGHTTP2_HEADERS ||
        last[4] != (NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM) ||
        heads_stream(last) != heads_stream(frame) ||
        memcmp(last + FRAME_HEAD, t->block, t->block_len) != 0)
        return 0;
    k->whole.trailer = t;
    return end + FRAME_HEAD + t->block_len;
}

static int give(struct h2 *h, const uint8_t *bytes, size_t len)
{
    const ssize_t rc = len ? nghttp2_session_mem_recv(h->session, bytes, len) : 0;
    h->heads.recalled = NULL;
    h->heads.learning = NULL;
    h->heads.whole.body = NULL;
    return rc < 0 ? (int)rc : 0;
}

/* A frame with less in it: of a whole answer what says that it has come, else what its body has to
 * go by. */
static int give_stub(struct h2 *h, struct fetch *f, uint8_t *frame, size_t there, size_t *done)
{
    struct heads *k = &h->heads;
    const struct head_read *r = k->recalled;
    const size_t whole = find_whole(k, r, f, frame, there);
    const uint32_t len = whole ? r->status_len : r->stub_len;
    *done = whole ? whole : FRAME_HEAD + r->block_len;
    if (whole) {
        frame[4] |= NGHTTP2_FLAG_END_STREAM;
        k->owed += (uint32_t)k->whole.body_len;
    } else {
        k->whole.body = NULL;
    }
    frame[1] = (uint8_t)(len >> 8);
    frame[2] = (uint8_t)len;
    mem_copy(frame + FRAME_HEAD, r->stub, len);
    return give(h, frame, FRAME_HEAD + len);
}

/* A frame that begins a head, of which so many bytes are there. done: that nghttp2 need not have.
 */
static int look_at_head(struct h2 *h, uint8_t *frame, size_t there, size_t *done)
{
    struct heads *k = &h->heads;
    const uint32_t len = heads_u24(frame);
    uint8_t *block = frame + FRAME_HEAD;
    uint16_t ends[HEADS_FIELDS_MOST];
    bool inserts;
    const bool is_plain = frame[3] == NGHTTP2_HEADERS && there - FRAME_HEAD >= len &&
                          (frame[4] & ~NGHTTP2_FLAG_END_STREAM) == NGHTTP2_FLAG_END_HEADERS;
    const int32_t id = heads_stream(frame);
    struct fetch *f = is_plain && id ? nghttp2_session_get_stream_user_data(h->session, id) : NULL;
    const int kind = f && f->has_head ? HEADS_TRAILER : HEADS_FIRST;
    struct head_read *r = f ? k->read[kind] : NULL;
    const bool is_same = r && r->block_len == len && !memcmp(r->block, block, len);
    if (is_same && r->is_known) {
        k->recalled = r;
        return give_stub(h, f, frame, there, done);
    }
    if (!is_plain || !heads_fields(block, len, ends, &inserts)) {
        heads_forget_read(k);
        return 0;
    }
    for (int other = 0; inserts && other < HEADS_KINDS; other++)
        if (!is_same || other != kind)
            heads_forget_kind(k, other);
    if (f && is_to_learn(k, kind, block, len, is_same)) {
        k->learning = block;
        k->learning_len = len;
        k->learning_kind = (uint8_t)kind;
    }
    return 0;
}

/* An answer of which nghttp2 was told no more than that it begins and ends. */
void heads_take_whole(struct h2 *h, struct fetch *f)
{
    struct h2x *x = h2x_of(f);
    const struct heads_whole whole = h->heads.whole;
    stream_head_ends(h, f, false);
    x->frame_bytes += FRAME_HEAD;
    x->body_bytes += whole.body_len;
    if (whole.body_len)
        stream_data(h, f, whole.body, whole.body_len);
    if (!whole.trailer) {
        stream_data_ends(h, f);
        return;
    }
    x->frame_bytes += FRAME_HEAD + whole.trailer->block_len;
    f->engine->counters.heads_wire += whole.trailer->block_len;
    stream_head_begins(f);
    if (heads_recall(h, f, whole.trailer))
        stream_head_ends(h, f, true);
    else
        stream_refuse_head(h, f);
}

/* What was read of the answer that nghttp2 does not know of, if that is whole: how many bytes. 0:
 * nghttp2 is to be told. */
static size_t take_short(struct h2 *h, const uint8_t *frame, size_t there)
{
    struct heads *k = &h->heads;
    struct fetch *f = k->short_of;
    const struct head_read *r = k->read[HEADS_FIRST];
    if (!f || !r || !r->is_known || there < FRAME_HEAD + r->block_len ||
        frame[3] != NGHTTP2_HEADERS || frame[4] != NGHTTP2_FLAG_END_HEADERS ||
        heads_stream(frame) != k->short_id || heads_u24(frame) != r->block_len ||
        memcmp(frame + FRAME_HEAD, r->block, r->block_len) != 0)
        return 0;
    const size_t whole = find_whole(k, r, f, frame, there);
    if (!whole)
        return 0;
    struct h2x *x = h2x_of(f);
    k->owed += (uint32_t)k->whole.body_len;
    k->short_of = NULL;
    x->is_closed = true;
    x->frame_bytes += FRAME_HEAD + r->block_len;
    f->engine->counters.heads_wire += r->block_len;
    stream_head_begins(f);
    if (heads_recall(h, f, r))
        heads_take_whole(h, f);
    else
        stream_refuse_head(h, f);
    k->whole.body = NULL;
    return whole;
}

/* The same of any frame that matters here. */
static int look_at(struct h2 *h, uint8_t *frame, size_t there, size_t *done)
{
    *done = take_short(h, frame, there);
    if (*done)
        return 0;
    heads_tell(h);
    return is_of_heads(frame[3]) ? look_at_head(h, frame, there, done) : 0;
}

/* Of a frame whose own head is not whole yet: how many bytes there are of it. */
static size_t begin_frame(struct heads *k, const uint8_t *bytes, size_t len)
{
    const size_t left = FRAME_HEAD - k->frame_begun, n = len < left ? len : left;
    mem_copy(k->frame + k->frame_begun, bytes, n);
    k->frame_begun = (uint8_t)(k->frame_begun + n);
    if (k->frame_begun < FRAME_HEAD)
        return n;
    if (is_of_heads(k->frame[3]))
        heads_forget_read(k);
    k->frame_begun = 0;
    k->frame_left = heads_u24(k->frame);
    return n;
}

int heads_read(struct h2 *h, uint8_t *bytes, size_t len)
{
    struct heads *k = &h->heads;
    size_t at = 0, from = 0;
    while (at < len) {
        const size_t there = len - at;
        uint8_t *frame = bytes + at;
        if (k->frame_left) {
            const size_t n = k->frame_left < there ? k->frame_left : there;
            k->frame_left -= (uint32_t)n;
            at += n;
        } else if (k->frame_begun || there < FRAME_HEAD) {
            heads_tell(h);
            at += begin_frame(k, frame, there);
        } else {
            size_t done = 0;
            if (is_of_heads(frame[3]) || (k->short_id && frame[3] != NGHTTP2_PING)) {
                int rc = give(h, bytes + from, at - from);
                from = at;
                if (rc == 0)
                    rc = look_at(h, frame, there, &done);
                if (rc < 0)
                    return rc;
            }
            if (done) {
                from = at += done;
            } else {
                k->frame_left = heads_u24(frame);
                at += FRAME_HEAD;
            }
        }
    }
    return give(h, bytes + from, len - from);
}
