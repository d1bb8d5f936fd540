// SPDX-License-Identifier: MIT
/* Heads of requests. nghttp2 begins the stream with a head of its method alone, and its frame is
 * put out with the block that stands for the whole list. It must be the next frame with a head: the
 * one before might change the table. */
#include <stdlib.h>
#include <string.h>

#include "common/base/map.h"
#include "common/base/mem.h"
#include "worker/http2/h2.h"

#define FRAME_HEAD 9u
#define CONTINUATION 9u
#define PLAIN_MOST 2048u /* bytes of a list that is remembered */

enum { METHOD, PATH = 3 }; /* in a list */

struct head_written {
    int32_t id; /* the stream with whose head it was learned */
    uint32_t block_len;
    size_t count, plain;
    struct fields_part *parts;
    char *text; /* names and values */
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
    k->written_hash = 0;
}

/* ---- submitted ------------------------------------------------------------------------------ */

static bool is_same(const struct head_written *w, const struct head_list *l)
{
    const char *at = w->text;
    if (w->count != l->count || w->plain != l->plain)
        return false;
    for (size_t i = 0; i < l->count; i++) {
        const nghttp2_nv *nv = &l->nv[i];
        if (nv->namelen != w->parts[i].name_len || nv->valuelen != w->parts[i].value_len ||
            memcmp(at, nv->name, nv->namelen) != 0 ||
            memcmp(at + nv->namelen, nv->value, nv->valuelen) != 0)
            return false;
        at += nv->namelen + nv->valuelen;
    }
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
    w->plain = l->plain;
    w->parts = (struct fields_part *)(void *)(w + 1);
    char *to = w->text = (char *)(w->parts + l->count);
    for (size_t i = 0; i < l->count; i++) {
        const nghttp2_nv *nv = &l->nv[i];
        w->parts[i] = (struct fields_part){(uint16_t)nv->namelen, (uint16_t)nv->valuelen};
        mem_copy(to, nv->name, nv->namelen);
        mem_copy(to + nv->namelen, nv->value, nv->valuelen);
        to += nv->namelen + nv->valuelen;
    }
    return w;
}

/* Whether one like it was written before: by what is likely to differ. */
static bool comes_again(struct heads *k, const struct head_list *l)
{
    const nghttp2_nv *path = &l->nv[PATH];
    const uint64_t hash = map_hash(l->plain << 8 | l->count, path->value, path->valuelen);
    const bool is_again = hash == k->written_hash;
    k->written_hash = hash;
    return is_again && l->plain <= PLAIN_MOST;
}

static int32_t submit(struct h2 *h, struct fetch *f, const struct head_list *l, size_t count)
{
    return nghttp2_submit_request(h->session, NULL, l->nv, count, l->body, f);
}

int32_t heads_submit(struct h2 *h, struct fetch *f, const struct head_list *l)
{
    struct heads *k = &h->heads;
    h2x_of(f)->head_more = 0;
    if (!is_indexed(&l->nv[METHOD]) || !is_next(h))
        return submit(h, f, l, l->count);
    if (k->written && is_same(k->written, l)) {
        const int32_t id = submit(h, f, l, METHOD + 1);
        k->stub_id = id > 0 ? id : 0;
        h2x_of(f)->head_more = k->written->block_len - 1;
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

static void put_whole(struct heads *k, struct sbuf *out, const uint8_t *stub)
{
    const struct head_written *w = k->written;
    uint8_t frame[FRAME_HEAD];
    mem_copy(frame, stub, sizeof frame);
    frame[0] = 0;
    frame[1] = (uint8_t)(w->block_len >> 8);
    frame[2] = (uint8_t)w->block_len;
    sbuf_add(out, frame, sizeof frame);
    sbuf_add(out, w->block, w->block_len);
    k->stub_id = 0;
}

/* The block that stands for the list from now on, if it may. */
static void learn(struct heads *k, const uint8_t *frame, size_t len)
{
    uint16_t ends[HEADS_FIELDS_MOST];
    const uint8_t *block = frame + FRAME_HEAD;
    const size_t block_len = len - FRAME_HEAD;
    struct head_written *w = k->writing;
    bool inserts;
    const bool is_plain = frame[3] == NGHTTP2_HEADERS && heads_u24(frame) == block_len &&
                          (frame[4] & ~NGHTTP2_FLAG_END_STREAM) == NGHTTP2_FLAG_END_HEADERS;
    if (!is_plain || !heads_fields(block, block_len, ends, &inserts) || inserts) {
        const uint64_t hash = k->written_hash; /* the next one may change nothing */
        heads_forget_written(k);
        k->written_hash = hash;
    } else if (w && w->id == heads_stream(frame)) {
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
        put_whole(k, out, bytes);
        return;
    }
    if (is_head)
        learn(k, bytes, len);
    sbuf_add(out, bytes, len);
}
