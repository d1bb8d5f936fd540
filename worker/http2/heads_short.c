// SPDX-License-Identifier: MIT
/* Exchanges that nghttp2 hears of only if it must.
 *
 * Where the head of a request was written before, and the answer that is likely to come was read
 * before, both are written and read here, and the stream begins and ends without nghttp2, for which
 * that is half of all the work of it. What it does not know of is at most one stream that is open,
 * those that are over, and as many bytes of bodies as SPENT_MOST.
 *
 * Anything else that the server says than that answer, whole in one read, or a PING, has nghttp2
 * told before it reads on (heads_tell): it is made to begin the newest of these streams, with all
 * those bytes for its body, and what it has to say of it, which was said, is left out. Streams
 * with smaller numbers are closed for it by that. From then on the exchange is one as any other. */
#include <string.h>

#include "worker/http2/h2.h"

#define FRAME_HEAD 9u
#define SPENT_MOST 16384u /* bytes; within the window of any connection and stream at its begin */
#define ID_MOST 0x7fff0000 /* the last ones are for nghttp2, which sees to their end */

/* ---- telling nghttp2 ------------------------------------------------------------------------ */

static ssize_t read_spent(nghttp2_session *session, int32_t id, uint8_t *to, size_t len,
                          uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    uint32_t *spent = source->ptr;
    const size_t n = *spent < len ? *spent : len;
    (void)session, (void)id, (void)arg;
    memset(to, 0, n);
    *spent -= (uint32_t)n;
    if (!*spent)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* What it has to say of that stream was said; the rest waits for the next write. */
static void drop_frames(struct h2 *h, int32_t id)
{
    const uint8_t *bytes;
    for (ssize_t n; (n = nghttp2_session_mem_send(h->session, &bytes)) > 0;)
        if (n < (ssize_t)FRAME_HEAD || heads_stream(bytes) != id)
            sbuf_add(&h->out, bytes, (size_t)n);
}

void heads_tell(struct h2 *h)
{
    static const nghttp2_nv method = {(uint8_t *)(uintptr_t) ":method",
                                      (uint8_t *)(uintptr_t) "GET", 7, 3,
                                      NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
    struct heads *k = &h->heads;
    const nghttp2_data_provider spent = {.source.ptr = &k->short_spent,
                                         .read_callback = read_spent};
    struct fetch *f = k->short_of;
    const int32_t id = k->short_id;
    if (!id || h->is_lost)
        return;
    k->short_of = NULL;
    k->short_id = 0;
    k->telling = id;
    nghttp2_session_set_next_stream_id(h->session, id);
    nghttp2_submit_request(h->session, NULL, &method, 1, k->short_spent ? &spent : NULL, f);
    drop_frames(h, id);
    if (!f) { /* it is over */
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
        drop_frames(h, id);
    }
    k->telling = 0;
}

void heads_forget_short(struct h2 *h, const struct fetch *f)
{
    if (h->heads.short_of != f)
        return;
    heads_tell(h);
    h->heads.short_of = NULL;
}

/* ---- out ------------------------------------------------------------------------------------ */

static bool is_ordinary(const struct fetch *f)
{
    const struct fetch_request *r = &f->request;
    return r->mode == FETCH_COLLECT && !r->is_in_pieces && !r->head_only && !f->is_body_held;
}

static bool has_window(const struct h2 *h, size_t len)
{
    const size_t all = h->heads.short_spent + len;
    return !len ||
           (all <= SPENT_MOST &&
            (ssize_t)all <= nghttp2_session_get_remote_window_size(h->session) &&
            all <= nghttp2_session_get_remote_settings(h->session,
                                                       NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE));
}

/* The number of the next stream; 0: nghttp2 is to begin it. */
static int32_t next_id(const struct h2 *h, const struct fetch *f)
{
    const struct heads *k = &h->heads;
    const struct head_read *r = k->read[HEADS_FIRST];
    if (!h->is_told || h->has_goaway || h->conn->exchange_count > 1 || !r || !r->is_known ||
        !is_ordinary(f) || !has_window(h, f->request.body_len))
        return 0;
    const uint32_t id =
        k->short_id ? (uint32_t)k->short_id + 2 : nghttp2_session_get_next_stream_id(h->session);
    return id < ID_MOST ? (int32_t)id : 0;
}

static void put_body(struct sbuf *out, int32_t id, const char *bytes, size_t len)
{
    uint8_t head[FRAME_HEAD];
    heads_frame(head, len, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id);
    sbuf_add(out, head, sizeof head);
    sbuf_add(out, bytes, len);
}

bool heads_send_short(struct h2 *h, struct fetch *f, struct head_list *l)
{
    struct heads *k = &h->heads;
    struct h2x *x = h2x_of(f);
    struct sbuf *out = &f->engine->out;
    const size_t len = f->request.body_len;
    const int32_t id = next_id(h, f);
    const uint8_t end = l->body ? 0 : NGHTTP2_FLAG_END_STREAM;
    if (!id || !heads_put_known(h, l, id, end, out))
        return false;
    f->engine->counters.heads_wire += out->len - FRAME_HEAD;
    if (l->body)
        put_body(out, id, f->request.body, len);
    f->response.sent_bytes += out->len;
    x->id = k->short_id = id;
    k->short_of = f;
    k->short_spent += (uint32_t)len;
    x->body_sent = len;
    x->is_sent = true;
    stream_wrote(h, f);
    write_frames(h, out);
    return true;
}

/* ---- in ------------------------------------------------------------------------------------- */

size_t heads_take_short(struct h2 *h, const uint8_t *frame, size_t there)
{
    struct heads *k = &h->heads;
    struct fetch *f = k->short_of;
    const struct head_read *r = k->read[HEADS_FIRST];
    if (!f || !r || !r->is_known || there < FRAME_HEAD + r->block_len ||
        frame[3] != NGHTTP2_HEADERS || frame[4] != NGHTTP2_FLAG_END_HEADERS ||
        heads_stream(frame) != k->short_id || heads_u24(frame) != r->block_len ||
        memcmp(frame + FRAME_HEAD, r->block, r->block_len) != 0)
        return 0;
    const size_t whole = heads_find_whole(k, r, f, frame, there);
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
