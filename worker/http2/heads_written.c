// SPDX-License-Identifier: MIT
/* Heads of requests. nghttp2 begins the stream with a head of its method alone, and its frame is
 * put out with the block that stands for the whole list. It must be the next frame with a head: the
 * one before might change the table.
 *
 * What differs from one request to the next is in no table: the path and the length of the body,
 * which nghttp2 does not index. They are put into the block. */
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "worker/http2/h2.h"

#define FRAME_HEAD 9u
#define CONTINUATION 9u
#define PLAIN_MOST 2048u /* bytes of a list that is remembered */

enum { METHOD, PATH = 3 }; /* in a list: what comes before the path is put into a kept one */

struct span { /* of a block */
    uint16_t begin, end;
};

struct head_written {
    uint64_t kept; /* the list's, if it was one that is kept */
    int32_t id;    /* the stream with whose head it was learned */
    uint32_t block_len;
    size_t count;
    size_t length; /* which of the list is that of the body; 0: none is */
    struct span path_at, length_at;
    struct fields_part *parts;
    char *text; /* names and values */
    const char *path_text, *length_text;
    uint8_t *block;
};

static void drop(struct head_written **w)
{
    if (*w)
        free((*w)->block);
    free(*w);
    *w = NULL;
}

void heads_forget_written(struct heads *k)
{
    drop(&k->written);
    drop(&k->writing);
}

/* ---- submitted ------------------------------------------------------------------------------ */

static size_t find_length(const struct head_list *l)
{
    for (size_t i = l->count; i-- > PATH + 1;)
        if (l->nv[i].namelen == 14 && !memcmp(l->nv[i].name, "content-length", 14))
            return i;
    return 0;
}

static size_t fixed_size(const struct head_list *l, size_t length)
{
    return l->plain - l->nv[PATH].valuelen - (length ? l->nv[length].valuelen : 0);
}

static bool is_value(const struct head_written *w, const nghttp2_nv *nv, size_t i, const char *at)
{
    return nv->valuelen == w->parts[i].value_len && !memcmp(at, nv->value, nv->valuelen);
}

/* But for what differs. */
static bool is_same(struct head_written *w, const struct head_list *l)
{
    const char *at = w->text;
    const size_t count = l->kept && l->kept == w->kept ? PATH : l->count;
    if (w->count != l->count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const nghttp2_nv *nv = &l->nv[i];
        const bool differs = i == PATH || (i == w->length && i);
        if (nv->namelen != w->parts[i].name_len || memcmp(at, nv->name, nv->namelen) != 0 ||
            (!differs && !is_value(w, nv, i, at + nv->namelen)))
            return false;
        at += w->parts[i].name_len + w->parts[i].value_len;
    }
    w->kept = l->kept;
    return true;
}

/* The methods that HPACK has an index for. */
static bool is_indexed(const nghttp2_nv *method)
{
    return (method->valuelen == 3 && !memcmp(method->value, "GET", 3)) ||
           (method->valuelen == 4 && !memcmp(method->value, "POST", 4));
}

static bool is_next(const struct h2 *h)
{
    return !h->write_errno && h->out_sent == h->out.len &&
           nghttp2_session_get_outbound_queue_size(h->session) == 0;
}

static struct head_written *copy(const struct head_list *l)
{
    struct head_written *w = mem_zalloc(sizeof *w + l->count * sizeof *w->parts + l->plain);
    w->count = l->count;
    w->length = find_length(l);
    w->parts = (struct fields_part *)(void *)(w + 1);
    char *to = w->text = (char *)(w->parts + l->count);
    for (size_t i = 0; i < l->count; i++) {
        const nghttp2_nv *nv = &l->nv[i];
        w->parts[i] = (struct fields_part){(uint16_t)nv->namelen, (uint16_t)nv->valuelen};
        mem_copy(to, nv->name, nv->namelen);
        mem_copy(to + nv->namelen, nv->value, nv->valuelen);
        if (i == PATH)
            w->path_text = to + nv->namelen;
        else if (i == w->length)
            w->length_text = to + nv->namelen;
        to += nv->namelen + nv->valuelen;
    }
    return w;
}

/* Whether one like it was written before: by what is likely to differ. */
static bool comes_again(struct heads *k, const struct head_list *l)
{
    const uint64_t like = fixed_size(l, find_length(l)) << 8 | (l->count & 0xff);
    const bool is_again = like == k->written_like;
    k->written_like = like;
    return is_again && l->plain <= PLAIN_MOST;
}

/* ---- the block ------------------------------------------------------------------------------ */

static size_t put_int(uint8_t *to, size_t value)
{
    size_t n = 0;
    if (value < 0x7f) {
        to[n++] = (uint8_t)value;
        return n;
    }
    to[n++] = 0x7f;
    for (value -= 0x7f; value >= 0x80; value >>= 7)
        to[n++] = (uint8_t)(value | 0x80);
    to[n++] = (uint8_t)value;
    return n;
}

/* A field whose name has that index, and which goes into no table. */
static void put_field(struct sbuf *out, const char *index, size_t index_len, const nghttp2_nv *nv)
{
    uint8_t len[8];
    sbuf_add(out, index, index_len);
    sbuf_add(out, len, put_int(len, nv->valuelen));
    sbuf_add(out, nv->value, nv->valuelen);
}

/* The block of that list, with what differs in it. */
static void put_block(const struct head_written *w, const struct head_list *l, struct sbuf *out)
{
    const nghttp2_nv *path = &l->path, *length = w->length ? &l->length : NULL;
    uint32_t from = 0;
    if (!is_value(w, path, PATH, w->path_text)) {
        sbuf_add(out, w->block, w->path_at.begin);
        put_field(out, "\x04", 1, path);
        from = w->path_at.end;
    }
    if (length && !is_value(w, length, w->length, w->length_text)) {
        sbuf_add(out, w->block + from, w->length_at.begin - from);
        put_field(out, "\x0f\x0d", 2, length);
        from = w->length_at.end;
    }
    sbuf_add(out, w->block + from, w->block_len - from);
}

/* What is put into a block, where the writing of it does not reach. False: it has no room there. */
static bool keep_what_differs(const struct head_written *w, struct head_list *l)
{
    l->path = l->nv[PATH];
    if (!w->length)
        return true;
    l->length = l->nv[w->length];
    if (l->length.valuelen > sizeof l->number)
        return false;
    mem_copy(l->number, l->length.value, l->length.valuelen);
    l->length.value = (uint8_t *)l->number;
    return true;
}

static int32_t submit(struct h2 *h, struct fetch *f, const struct head_list *l, size_t count)
{
    return nghttp2_submit_request(h->session, NULL, l->nv, count, l->body, f);
}

bool heads_put_known(struct h2 *h, struct head_list *l, int32_t id, uint8_t flags, struct sbuf *out)
{
    struct head_written *w = h->heads.written;
    uint8_t head[FRAME_HEAD] = {0};
    if (!w || !is_indexed(&l->nv[METHOD]) || !is_next(h) || l->plain > PLAIN_MOST ||
        !is_same(w, l) || !keep_what_differs(w, l))
        return false;
    sbuf_clear(out);
    sbuf_add(out, head, sizeof head);
    put_block(w, l, out);
    heads_frame((uint8_t *)out->data, out->len - FRAME_HEAD, NGHTTP2_HEADERS,
                flags | NGHTTP2_FLAG_END_HEADERS, id);
    return true;
}

int32_t heads_submit(struct h2 *h, struct fetch *f, struct head_list *l)
{
    struct heads *k = &h->heads;
    h2x_of(f)->head_more = 0;
    if (!is_indexed(&l->nv[METHOD]) || !is_next(h))
        return submit(h, f, l, l->count);
    if (k->written && l->plain <= PLAIN_MOST && is_same(k->written, l) &&
        keep_what_differs(k->written, l)) {
        const int32_t id = submit(h, f, l, METHOD + 1);
        k->stub_id = id > 0 ? id : 0;
        k->stub_of = l;
        return id;
    }
    const bool is_again = comes_again(k, l);
    const int32_t id = submit(h, f, l, l->count);
    if (is_again && id > 0) {
        drop(&k->writing);
        k->writing = copy(l);
        k->writing->id = id;
    }
    return id;
}

bool heads_is_held(const struct h2 *h)
{
    return h->heads.stub_id != 0;
}

int32_t heads_submit_whole(struct h2 *h, struct fetch *f, const struct head_list *l)
{
    struct heads *k = &h->heads;
    nghttp2_session_set_stream_user_data(h->session, k->stub_id, NULL);
    nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, k->stub_id, NGHTTP2_CANCEL);
    k->stub_id = 0;
    h2x_of(f)->head_more = 0;
    return submit(h, f, l, l->count);
}

/* ---- written -------------------------------------------------------------------------------- */

static void put_whole(struct h2 *h, struct sbuf *out, const uint8_t *stub)
{
    struct heads *k = &h->heads;
    struct fetch *f = nghttp2_session_get_stream_user_data(h->session, k->stub_id);
    const size_t at = out->len;
    sbuf_add(out, stub, FRAME_HEAD);
    put_block(k->written, k->stub_of, out);
    const size_t len = out->len - at - FRAME_HEAD;
    out->data[at] = 0;
    out->data[at + 1] = (char)(len >> 8);
    out->data[at + 2] = (char)len;
    if (f)
        h2x_of(f)->head_more = (uint32_t)len - heads_u24(stub);
    k->stub_id = 0;
}

static struct span field_at(const uint16_t *ends, size_t i)
{
    return (struct span){i ? ends[i - 1] : 0, ends[i]};
}

/* The block that stands for the list from now on, if it may. */
static void learn(struct heads *k, const uint8_t *frame, size_t len)
{
    uint16_t ends[HEADS_FIELDS_MOST];
    const uint8_t *block = frame + FRAME_HEAD;
    const size_t block_len = len - FRAME_HEAD;
    struct head_written *w = k->writing;
    bool inserts;
    unsigned count = 0;
    const bool is_plain = frame[3] == NGHTTP2_HEADERS && heads_u24(frame) == block_len &&
                          (frame[4] & ~NGHTTP2_FLAG_END_STREAM) == NGHTTP2_FLAG_END_HEADERS;
    if (is_plain)
        count = heads_fields(block, block_len, ends, &inserts);
    if (!count || inserts) {
        heads_forget_written(k);
    } else if (w && w->id == heads_stream(frame) && count == w->count) {
        w->path_at = field_at(ends, PATH);
        w->length_at = field_at(ends, w->length);
        w->block = mem_realloc(NULL, block_len);
        mem_copy(w->block, block, block_len);
        w->block_len = (uint32_t)block_len;
        drop(&k->written);
        k->written = w;
        k->writing = NULL;
    }
}

void heads_write(struct h2 *h, struct sbuf *out, const uint8_t *bytes, size_t len)
{
    struct heads *k = &h->heads;
    const bool is_head =
        len >= FRAME_HEAD && (bytes[3] == NGHTTP2_HEADERS || bytes[3] == CONTINUATION);
    if (is_head && k->stub_id && heads_stream(bytes) == k->stub_id) {
        put_whole(h, out, bytes);
        return;
    }
    if (is_head)
        learn(k, bytes, len);
    sbuf_add(out, bytes, len);
}
