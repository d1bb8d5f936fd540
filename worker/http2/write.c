// SPDX-License-Identifier: MIT
/* What nghttp2 has to say, out: as much as there is in one write. What the socket has no room for
 * waits in memory that is given back when it is gone. */
#include "worker/http2/h2.h"

#include <errno.h>

#include "common/base/clk.h"

#define BATCH_SIZE (64u * 1024) /* written at once */
#define OWED_MOST (4u << 20)    /* a quarter of the connection's window */
#define OUT_KEPT 65536u         /* bytes of memory that the engine keeps for what is written */

/* What comes of it is read: a server may have answered before it closed. */
static void write_failed(struct h2 *h)
{
    struct conn *c = h->conn;
    h->write_errno = c->stream.sys ? c->stream.sys : EPIPE;
    sbuf_fini(&h->out);
    h->out_sent = 0;
    conn_watch(c, EV_READ);
    event_active(&c->event, EV_READ, 0);
}

/* How many of the bytes the socket took. */
static size_t write_some(struct h2 *h, const char *bytes, size_t len)
{
    struct stream *s = &h->conn->stream;
    size_t done = 0;
    while (done < len) {
        const struct iovec part = {(char *)(uintptr_t)bytes + done, len - done};
        const long n = s->ops->write(s, &part, 1);
        if (n == STREAM_AGAIN)
            break;
        if (n < 0) {
            write_failed(h);
            break;
        }
        done += (size_t)n;
    }
    h->written += done;
    return done;
}

/* False: the socket has no room for what it had none for before. */
static bool write_rest(struct h2 *h)
{
    if (h->out_sent == h->out.len)
        return true;
    h->out_sent += write_some(h, h->out.data + h->out_sent, h->out.len - h->out_sent);
    if (h->out_sent < h->out.len)
        return false;
    sbuf_fini(&h->out);
    h->out_sent = 0;
    return true;
}

/* Given back of the connection's window: for what nghttp2 has not seen. */
static void give_back(struct h2 *h, struct sbuf *batch)
{
    uint32_t *owed = &h->heads.owed;
    const uint8_t update[] = {0,
                              0,
                              4,
                              NGHTTP2_WINDOW_UPDATE,
                              0,
                              0,
                              0,
                              0,
                              0,
                              (uint8_t)(*owed >> 24),
                              (uint8_t)(*owed >> 16),
                              (uint8_t)(*owed >> 8),
                              (uint8_t)*owed};
    sbuf_add(batch, update, sizeof update);
    *owed = 0;
}

/* What nghttp2 has to say, up to a batch. */
static struct sbuf *next_batch(struct h2 *h)
{
    struct sbuf *batch = &h->conn->lane->pool->engine->out;
    const uint8_t *bytes;
    ssize_t n;
    if (batch->cap > 2 * OUT_KEPT)
        sbuf_fini(batch);
    sbuf_clear(batch);
    while (batch->len < BATCH_SIZE && (n = nghttp2_session_mem_send(h->session, &bytes)) > 0)
        heads_write(h, batch, bytes, (size_t)n);
    if (h->heads.owed >= OWED_MOST)
        give_back(h, batch);
    return batch;
}

static void tell_written(struct h2 *h)
{
    struct fetch *f;
    if (!h->lists[H2_WROTE].first)
        return;
    const uint64_t now = clk_mono_ns();
    while (h->conn && (f = stream_next_wrote(h)))
        stream_written(f, now);
}

static void put(struct h2 *h, const struct sbuf *bytes)
{
    const size_t done = write_some(h, bytes->data, bytes->len);
    if (done < bytes->len && !h->write_errno)
        sbuf_add(&h->out, bytes->data + done, bytes->len - done);
}

void write_frames(struct h2 *h, const struct sbuf *frames)
{
    put(h, frames);
    if (h->write_errno)
        return;
    if (h->out.len) {
        conn_watch(h->conn, EV_READ | EV_WRITE);
        return;
    }
    conn_watch(h->conn, EV_READ);
    tell_written(h);
}

/* Whether there may be something; asking for it costs more. */
static bool has_words(const struct h2 *h)
{
    return nghttp2_session_want_write(h->session) || h->heads.owed >= OWED_MOST;
}

void write_all(struct h2 *h)
{
    struct conn *c = h->conn;
    while (!h->write_errno && write_rest(h)) {
        const struct sbuf *batch = has_words(h) ? next_batch(h) : NULL;
        if (!batch || !batch->len) {
            conn_watch(c, EV_READ);
            if (stream_has_news(h) && !h->is_inside) /* of streams that the writing closed */
                event_active(&c->event, EV_READ, 0);
            tell_written(h);
            return;
        }
        put(h, batch);
    }
    if (!h->write_errno)
        conn_watch(c, EV_READ | EV_WRITE);
}

void write_leave(struct h2 *h)
{
    struct stream *s = &h->conn->stream;
    if (h->is_lost || h->write_errno || h->out_sent < h->out.len)
        return;
    nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
    const struct sbuf *last = next_batch(h);
    if (last->len)
        s->ops->write(s, &(struct iovec){last->data, last->len}, 1);
}
