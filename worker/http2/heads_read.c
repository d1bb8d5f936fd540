// SPDX-License-Identifier: MIT
/* Heads of answers. What was read is looked through frame by frame; each head, and what follows it,
 * is given to nghttp2 by itself, so that there is no doubt which one it speaks of. */
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "worker/http2/h2.h"

#define FRAME_HEAD 9u
#define PUSH_PROMISE 5u
#define CONTINUATION 9u
#define TABLE_SIZE 4096u /* that of the server is never larger, for we say nothing of it */
#define ENTRY_EXTRA 32u  /* RFC 7541 4.1 */

struct head_read {
    uint32_t block_len, stub_len, text_len, count;
    uint32_t table_bytes; /* that it puts into the table; 0: it changes nothing */
    uint32_t filled;      /* of the table, by it alone; only counted as long as it is not known */
    bool is_known;        /* its meaning; else what it is for while the table changes */
    int status;
    struct fields_part *parts;
    char *text; /* names and values */
    uint8_t *block, *stub;
};

static void forget(struct heads *k, int kind)
{
    free(k->read[kind]);
    k->read[kind] = NULL;
}

void heads_forget_read(struct heads *k)
{
    for (int kind = 0; kind < HEADS_KINDS; kind++)
        forget(k, kind);
}

/* ---- one that came before ------------------------------------------------------------------- */

/* A frame with less in it, at the end of that which it stands for. Where it begins. */
static size_t put_stub(struct heads *k, struct head_read *r, uint8_t *frame)
{
    const size_t from = r->block_len - r->stub_len;
    uint8_t *to = frame + from;
    memmove(to, frame, FRAME_HEAD);
    to[0] = 0;
    to[1] = (uint8_t)(r->stub_len >> 8);
    to[2] = (uint8_t)r->stub_len;
    mem_copy(to + FRAME_HEAD, r->stub, r->stub_len);
    k->recalled = r;
    return from;
}

bool heads_recall(struct h2 *h, struct fetch *f)
{
    const struct head_read *r = h->heads.recalled;
    struct h2x *x = h2x_of(f);
    if (!r)
        return true;
    h->head_of = NULL; /* what is in the stub is known */
    f->engine->counters.heads_plain += r->text_len;
    if (!x->is_trailer) {
        x->status = r->status;
        f->engine->counters.heads_plain += sizeof ":status200" - 1;
        return fields_add_all(&x->fields, r->text, r->text_len, r->parts, r->count);
    }
    const char *at = r->text;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct fields_part p = r->parts[i];
        if (!stream_header(f, at, p.name_len, at + p.name_len, p.value_len))
            return false;
        at += p.name_len + p.value_len;
    }
    return true;
}

uint32_t heads_block_len(const struct h2 *h, uint32_t len)
{
    return h->heads.recalled ? h->heads.recalled->block_len : len;
}

/* ---- one that comes again ------------------------------------------------------------------- */

static bool is_length(const struct fetch_header *h)
{
    return h->name_len == 14 && !memcmp(h->name, "content-length", 14);
}

/* Without putting anything into the table. False: it is none that one is likely to meet. */
static bool add_to_stub(struct head_read *r, const uint8_t *field, size_t len)
{
    uint8_t *to = r->stub + r->stub_len;
    const uint8_t index = field[0] & 0x3f;
    size_t begin = 0;
    if (heads_is_inserted(field[0])) {
        begin = index < 0x0f ? 1 : 2;
        if (index == 0x3f || r->stub_len + begin + len - 1 > r->block_len)
            return false;
        to[0] = begin == 1 ? index : 0x0f;
        if (begin == 2)
            to[1] = (uint8_t)(index - 0x0f);
        field++;
        len--;
    }
    if (r->stub_len + begin + len > r->block_len)
        return false;
    mem_copy(to + begin, field, len);
    r->stub_len += (uint32_t)(begin + len);
    return true;
}

/* ends: of all fields, that for the status first, if it is there. */
static bool put_fields(struct head_read *r, const struct fetch_header *list, const uint16_t *ends,
                       bool has_status)
{
    char *to = r->text;
    if (has_status && !add_to_stub(r, r->block, ends[0]))
        return false;
    if (has_status && heads_is_inserted(r->block[0]))
        r->table_bytes += ENTRY_EXTRA;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct fetch_header *h = &list[i];
        const uint32_t field = has_status ? i + 1 : i, begin = field ? ends[field - 1] : 0;
        r->parts[i] = (struct fields_part){(uint16_t)h->name_len, (uint16_t)h->value_len};
        mem_copy(to, h->name, h->name_len);
        mem_copy(to + h->name_len, h->value, h->value_len);
        to += h->name_len + h->value_len;
        if (heads_is_inserted(r->block[begin]))
            r->table_bytes += ENTRY_EXTRA + h->name_len + h->value_len;
        if (has_status && is_length(h) && !add_to_stub(r, r->block + begin, ends[field] - begin))
            return false;
    }
    return true;
}

static size_t text_size(const struct fetch_header *list, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += list[i].name_len + list[i].value_len;
    return size;
}

void heads_learn(struct h2 *h, struct fetch *f)
{
    struct heads *k = &h->heads;
    struct h2x *x = h2x_of(f);
    uint16_t ends[HEADS_FIELDS_MOST];
    const bool is_first = k->learning_kind == HEADS_FIRST;
    const uint32_t before = is_first ? 0 : (uint32_t)f->response.header_count;
    const size_t len = k->learning_len;
    bool inserts;
    if (!k->learning || (is_first && x->status < 200) || x->fault)
        return;
    const struct fetch_header *list = x->fields.headers + before;
    const uint32_t count = x->fields.count - before;
    const size_t text_len = text_size(list, count);
    if (heads_fields(k->learning, len, ends, &inserts) != count + is_first || text_len > UINT16_MAX)
        return; /* nghttp2 has left out what it does not like */
    struct head_read *r = mem_zalloc(sizeof *r + count * sizeof *r->parts + 2 * len + text_len);
    r->block_len = (uint32_t)len;
    r->text_len = (uint32_t)text_len;
    r->count = count;
    r->status = x->status;
    r->parts = (struct fields_part *)(void *)(r + 1);
    r->block = (uint8_t *)(r->parts + count);
    r->stub = r->block + len;
    r->text = (char *)r->stub + len;
    mem_copy(r->block, k->learning, len);
    r->is_known = !inserts || k->is_learning_last;
    if (!put_fields(r, list, ends, is_first)) {
        free(r);
        r = NULL;
    }
    forget(k, k->learning_kind);
    k->read[k->learning_kind] = r;
}

/* ---- what was read -------------------------------------------------------------------------- */

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

/* A frame that begins a head, of which so many bytes are there. How many to leave out. */
static size_t look_at(struct h2 *h, uint8_t *frame, size_t there)
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
    if (is_same && r->is_known)
        return put_stub(k, r, frame);
    if (!is_plain || !heads_fields(block, len, ends, &inserts)) {
        heads_forget_read(k);
        return 0;
    }
    for (int other = 0; inserts && other < HEADS_KINDS; other++)
        if (!is_same || other != kind)
            forget(k, other);
    if (f && is_to_learn(k, kind, block, len, is_same)) {
        k->learning = block;
        k->learning_len = len;
        k->learning_kind = (uint8_t)kind;
    }
    return 0;
}

static int give(struct h2 *h, const uint8_t *bytes, size_t len)
{
    const ssize_t rc = len ? nghttp2_session_mem_recv(h->session, bytes, len) : 0;
    h->heads.recalled = NULL;
    h->heads.learning = NULL;
    return rc < 0 ? (int)rc : 0;
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
            at += begin_frame(k, frame, there);
        } else {
            const uint32_t frame_len = heads_u24(frame);
            if (is_of_heads(frame[3])) {
                const int rc = give(h, bytes + from, at - from);
                if (rc < 0)
                    return rc;
                from = at + look_at(h, frame, there);
            }
            k->frame_left = frame_len;
            at += FRAME_HEAD;
        }
    }
    return give(h, bytes + from, len - from);
}
