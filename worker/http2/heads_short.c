// SPDX-License-Identifier: MIT
/* Exchanges that nghttp2 hears of only if it must: their requests.
 *
 * Where the head of a request was written before, and the answer that is likely to come was read
 * before, both are written and read here (heads_read.c), and the stream begins and ends without
 * nghttp2, for which that is half of all the work of it. What it does not know of is at most one
 * stream that is open, those that are over, and as many bytes of bodies as SPENT_MOST. */
#include "worker/http2/h2.h"

#define FRAME_HEAD 9u
#define SPENT_MOST 16384u  /* bytes; within the window of any connection and stream at its begin */
#define ID_MOST 0x7fff0000 /* the last ones are for nghttp2, which sees to their end */

static bool is_ordinary(const struct fetch *f)
{
    const struct fetch_request *r = &f->request;
    return r->mode == FETCH_COLLECT && !r->is_in_pieces && !r->head_only && !f->is_body_held;
}

static bool has_window(const struct h2 *h, size_t len)
{
    const size_t all = h->heads.short_spent + len;
    return !len || (all <= SPENT_MOST &&
                    (ssize_t)all <= nghttp2_session_get_remote_window_size(h->session) &&
                    all <= nghttp2_session_get_remote_settings(
                               h->session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE));
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
