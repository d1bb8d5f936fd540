// SPDX-License-Identifier: MIT
/* A request out, a response in, on an established connection.
 *
 * The common exchange is one write at the start, one read event, one read. What was read completely
 * is not read again: a short read has drained the socket, a complete response needs no more.
 *
 * Kept connections: the server may close one in the moment in which a request is written to it.
 * That request goes out again on a new one: always when the server cannot have it, else as often
 * as the caller allows (idempotent methods).
 *
 * Early answers: a server may answer and close before it took the whole request (413), so after a
 * failed write what it sent is still read; only the end of that reading ends the exchange.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/http1/head.h"
#include "worker/http1/hresp.h"
#include "worker/http1/hresp_known.h"
#include "worker/http1/http1.h"
#include "worker/net/sock.h"
#include "worker/net/tls.h"
#include "worker/proto/arrival.h"
#include "worker/proto/fetch_int.h"

#define ROUNDS_MAX 16          /* reads for one connection before others have their turn */
#define HEAD_KEPT 65536u       /* bytes of memory for heads; a longer one has it for itself */
#define CONTINUE_WAIT_MS 1000u /* for a server that does not say whether it wants the body */
#define ONE_PIECE 4096u /* bytes of head and body: up to here one piece is written, not two */

/* A body that its owner gives piece by piece: what of it is on its way, as the wire has it. */
struct pieces {
    struct sbuf wire;
    size_t sent;
    bool is_last;
};

struct h1 { /* of one exchange */
    struct hresp parser;
    struct hresp_block *block; /* NULL: nothing of the answer has come */
    const char *head;          /* its head as text, until it is sent: the engine's, or own_head */
    char *own_head;            /* NULL: it went out at once */
    struct pieces *pieces;     /* NULL: none was given */
    size_t head_len, head_sent, body_sent;
    int write_errno;      /* why writing was given up; 0 = it was not */
    bool is_joined;       /* the body lies behind the head */
    bool is_writing_over; /* everything written, or given up after a failed write */
    bool is_awaiting;     /* ... and nothing has come; counted by the engine */
};
static_assert(sizeof(struct hresp_block) <= ENGINE_BLOCK_SIZE, "a head's memory is a block");

static struct h1 *h1_of(struct fetch *f)
{
    return fetch_state(f);
}

static void give_up(struct fetch *f, enum fetch_error error, int sys, const char *text)
{
    fetch_failed(f, error, sys, NULL);
    if (text)
        fetch_set_text(f, text);
    fetch_end(f);
    fetch_tell_end(f);
}

/* ---- out ---- */

static int parts_left(const struct fetch *f, const struct h1 *h, struct iovec parts[2])
{
    const struct fetch_request *r = &f->request;
    int count = 0;
    if (h->head_sent < h->head_len)
        parts[count++] =
            (struct iovec){(char *)(uintptr_t)h->head + h->head_sent,
                           h->head_len - h->head_sent + (h->is_joined ? r->body_len : 0)};
    if (h->is_joined && count)
        return count;
    if (h->body_sent < r->body_len && !f->is_body_held)
        parts[count++] =
            (struct iovec){(char *)(uintptr_t)r->body + h->body_sent, r->body_len - h->body_sent};
    else if (h->pieces && h->pieces->sent < h->pieces->wire.len)
        parts[count++] = (struct iovec){h->pieces->wire.data + h->pieces->sent,
                                        h->pieces->wire.len - h->pieces->sent};
    return count;
}

static void advance(struct h1 *h, size_t n)
{
    const size_t head_left = h->head_len - h->head_sent;
    const size_t of_head = n < head_left ? n : head_left;
    h->head_sent += of_head;
    h->body_sent += n - of_head;
    if (h->pieces)
        h->pieces->sent += n - of_head;
}

static void set_awaiting(struct fetch *f, bool is)
{
    struct h1 *h = h1_of(f);
    f->engine->counters.awaiting += (uint64_t)is - h->is_awaiting;
    h->is_awaiting = is;
}

static void sent_all(struct fetch *f)
{
    struct h1 *h = h1_of(f);
    set_awaiting(f, !f->response.times.first_byte);
    f->response.was_sent = true;
    f->response.sent_bytes = h->head_sent + h->body_sent;
    h->is_writing_over = true;
    f->last_io_ns = f->response.times.sent_last = clk_mono_ns();
    if (!f->conn->has_served && !f->conn->stream.tls && !f->response.times.first_byte)
        conn_tell_once(f->conn);
    conn_watch(f->conn, EV_READ);
    fetch_tell(f, FETCH_SENT);
}

/* The head is out, which asks whether the body is wanted. */
static void await_continue(struct fetch *f)
{
    const uint32_t limit_ms = f->request.read_timeout_ms;
    const bool is_short = limit_ms && limit_ms < CONTINUE_WAIT_MS;
    f->response.was_sent = true; /* what there is to count */
    f->last_io_ns = f->response.times.sent_last = clk_mono_ns();
    fetch_start_phase(f, is_short ? limit_ms : CONTINUE_WAIT_MS, f->last_io_ns);
    conn_watch(f->conn, EV_READ);
}

static void want_piece(struct fetch *f)
{
    f->is_piece_wanted = true;
    conn_watch(f->conn, EV_READ);
    fetch_tell(f, FETCH_WANTED);
}

/* False when that ended the exchange. */
static bool write_failed(struct fetch *f, int sys)
{
    if (sys == EPIPE || sys == ECONNRESET) {
        h1_of(f)->is_writing_over = true;
        h1_of(f)->write_errno = sys;
        conn_watch(f->conn, EV_READ);
        conn_tell_again(f->conn); /* a reset that came with the last answer was told of then */
        return true;
    }
    give_up(f, FETCH_WRITE, sys, NULL);
    return false;
}

/* What others write next takes the place of the engine's head. */
static void keep_head(struct h1 *h)
{
    h->is_joined = false;
    if (!h->own_head && h->head_sent < h->head_len)
        h->head = h->own_head = mem_dup(h->head, h->head_len);
}

static void write_head(struct fetch *f)
{
    struct h1 *h = h1_of(f);
    struct sbuf *head = &f->engine->out;
    if (head->cap > HEAD_KEPT)
        sbuf_fini(head);
    sbuf_clear(head);
    head_write(head, &f->request);
    h->head_len = head->len;
    const size_t body_len = f->is_body_held ? 0 : f->request.body_len;
    h->is_joined = body_len && head->len + body_len <= ONE_PIECE;
    if (h->is_joined)
        sbuf_add(head, f->request.body, body_len);
    h->head = head->data;
}

static bool write_on(struct fetch *f)
{
    struct stream *s = &f->conn->stream;
    struct h1 *h = h1_of(f);
    struct iovec parts[2];
    int count;
    while ((count = parts_left(f, h, parts)) > 0) {
        const long n = s->ops->write(s, parts, count);
        if (n == STREAM_AGAIN) {
            keep_head(h);
            conn_watch(f->conn, EV_READ | EV_WRITE);
            return true;
        }
        if (n < 0)
            return write_failed(f, s->sys);
        advance(h, (size_t)n);
        if (f->conn->watched & EV_WRITE)
            f->last_io_ns = clk_mono_ns();
    }
    if (f->is_body_held)
        await_continue(f);
    else if (f->request.is_in_pieces && !(h->pieces && h->pieces->is_last))
        want_piece(f);
    else
        sent_all(f);
    return true;
}

static void give(struct fetch *f, const void *bytes, size_t len)
{
    struct h1 *h = h1_of(f);
    if (!h->pieces)
        h->pieces = mem_zalloc(sizeof *h->pieces);
    struct sbuf *wire = &h->pieces->wire;
    const bool is_chunked = f->request.is_chunked;
    sbuf_clear(wire);
    h->pieces->sent = 0;
    h->pieces->is_last = len == 0;
    if (is_chunked)
        sbuf_addf(wire, "%zx\r\n", len);
    sbuf_add(wire, bytes, len);
    if (is_chunked)
        sbuf_adds(wire, "\r\n");
    write_on(f);
}

static bool send_body(struct fetch *f)
{
    f->is_body_held = false;
    f->response.times.first_byte = 0; /* that was not of the answer */
    f->last_io_ns = clk_mono_ns();
    fetch_start_phase(f, f->request.read_timeout_ms, f->last_io_ns);
    return write_on(f);
}

/* An answer before the body was asked for: it is not sent, and this connection would wait for it.
 */
static void keep_body(struct fetch *f)
{
    f->is_body_held = false;
    h1_of(f)->is_writing_over = true;
    f->conn->is_unusable = true;
}

static void send_request(struct fetch *f)
{
    struct conn *c = f->conn;
    struct fetch_times *times = &f->response.times;
    /* On a warm connection the start was a moment ago: one clock reading does for both. */
    const uint64_t now = f->is_starting && c->has_served ? times->start : clk_mono_ns();
    f->last_io_ns = times->sent_first = now;
    if (f->request.read_timeout_ms || f->phase_deadline.queue)
        fetch_start_phase(f, f->request.read_timeout_ms, now);
    write_head(f);
    write_on(f);
}

/* ---- in ---- */

static bool on_body(void *arg, const char *bytes, size_t len)
{
    struct fetch *f = arg;
    struct hresp *p = &h1_of(f)->parser;
    const enum fetch_error error = fetch_body_add(f, bytes, len, p->is_stable);
    if (error == FETCH_OK)
        return true;
    p->error = error;
    p->what = NULL;
    return false;
}

/* Memory for the answer is taken when it comes, not while it is waited for: of many exchanges that
 * wait, those that end next use the same. */
/* Answers to the same request begin alike: hresp_known.h. Two that share a place cost no more than
 * those that never do. */
static struct hresp_known *known_answer(const struct fetch_request *r)
{
    static struct hresp_known known[32];
    const size_t len = r->path_len;
    const size_t mixed =
        len * 31 + (len ? (uint8_t)r->path[len - 1] + (uint8_t)r->path[len / 2] * 7u : 0);
    return &known[mixed % (sizeof known / sizeof *known)];
}

static void expect_answer(struct fetch *f)
{
    struct h1 *h = h1_of(f);
    if (h->block)
        return;
    h->block = engine_block_get(f->engine);
    hresp_init(&h->parser, h->block, f->request.head_only ? HRESP_HEAD_ONLY : HRESP_NORMAL);
    h->parser.on_body = on_body;
    h->parser.arg = f;
    h->parser.known = known_answer(&f->request);
}

static void take_texts(struct fetch *f)
{
    struct fetch_response *r = &f->response;
    const struct hresp *p = &h1_of(f)->parser;
    r->reason = p->reason;
    r->reason_len = p->reason_len;
    r->headers = p->headers;
    r->header_count = p->header_count;
    r->trailers = p->headers + p->header_count;
    r->trailer_count = p->trailer_count;
    r->head = p->head;
    r->head_len = p->head_len;
}

static enum fetch_error take_head(struct fetch *f)
{
    struct fetch_response *r = &f->response;
    const struct hresp *p = &h1_of(f)->parser;
    r->status = hresp_status(p);
    r->version = 10 + hresp_minor(p);
    take_texts(f);
    f->has_head = true;
    if (f->is_body_held)
        keep_body(f);
    if (!hresp_keeps_alive(p))
        f->conn->is_unusable = true;
    f->has_length = hresp_length(p, &f->length);
    return fetch_body_begin(f, p->stable_left);
}

/* TLS may hold bytes back that no event tells of. They must not belong to a next response. */
static bool has_surplus(struct conn *c)
{
    struct fetch_engine *e = c->lane->pool->engine;
    struct stream *s = &c->stream;
    return s->ops->has_pending(s) && s->ops->read(s, e->in, sizeof e->in) != STREAM_AGAIN;
}

static void complete(struct fetch *f, uint64_t now_ns)
{
    f->response.times.last_byte = now_ns;
    f->is_body_whole = true;
    const enum fetch_error error = fetch_body_finish(f);
    if (error != FETCH_OK)
        fetch_failed(f, error, 0, "compressed body ends early");
    fetch_end(f);
    fetch_tell_end(f);
}

/* Parses what was read. False when that ended the exchange. */
static bool take_bytes(struct fetch *f, const char *bytes, size_t len, uint64_t now_ns)
{
    struct hresp *parser = &h1_of(f)->parser;
    expect_answer(f);
    for (;;) {
        size_t used;
        const enum hresp_step step = hresp_feed(parser, bytes, len, &used);
        bytes += used;
        len -= used;
        if (parser->in_trailers)
            take_texts(f);
        if (step == HRESP_MORE)
            return true;
        if (step == HRESP_HEAD) {
            const enum fetch_error error = take_head(f);
            if (error == FETCH_OK)
                continue;
            give_up(f, error, 0, NULL);
            return false;
        }
        if (step == HRESP_BAD) {
            give_up(f, parser->error, 0, parser->what);
            return false;
        }
        if (hresp_status(parser) == 101) {
            conn_watch(f->conn, 0);
            fetch_hand_over(f, bytes, len);
        }
        if (len || !hresp_keeps_alive(parser) || has_surplus(f->conn))
            f->conn->is_unusable = true;
        complete(f, now_ns);
        return false;
    }
}

static uint64_t newest_io_ns(const struct fetch *f)
{
    const struct fetch_times *t = &f->response.times;
    return t->first_byte ? t->first_byte : t->sent_first;
}

/* The same of an orderly end, which has no stamp: it came with the last that was heard of the peer,
 * and not before the last bytes. */
static uint64_t end_arrived_ns(const struct fetch *f)
{
    const uint64_t now = clk_mono_ns();
    const uint64_t heard = now - sock_quiet_ns(&f->conn->stream);
    const uint64_t bytes = f->arrived_ns ? f->arrived_ns : f->response.times.sent_last;
    return heard > bytes ? heard : bytes;
}

/* ---- again ---- */

/* Whether the server may have something of a request whose connection ended without an answer. */
static bool may_be_taken(struct fetch *f, bool is_eof)
{
    const size_t written = h1_of(f)->head_sent + h1_of(f)->body_sent;
    /* Closed in order before the first of these bytes came: its machine confirmed none of them.
     * After a reset that says nothing, a confirmation may have been on its way. */
    return written && (!is_eof || sock_unacknowledged(&f->conn->stream) < written);
}

/* Sends the request again where that is right; false: it has failed. */
static bool send_again(struct fetch *f, bool is_eof)
{
    const bool was_kept = f->conn->has_served;
    if (h1_of(f)->pieces)
        return false;
    if (f->response.times.first_byte || !(was_kept || f->request.resends_on_new))
        return false;
    const bool is_safe = was_kept && !may_be_taken(f, is_eof);
    if (!is_safe && f->request.resends == 0)
        return false;
    if (!is_safe) {
        f->request.resends--;
        f->response.resent += f->response.was_sent;
    }
    fetch_start_over(f);
    return true;
}

static void on_eof(struct fetch *f)
{
    if (send_again(f, true))
        return;
    struct h1 *h = h1_of(f);
    f->conn->is_unusable = true;
    const enum fetch_error error = hresp_eof(&h->parser);
    if (error == FETCH_OK)
        complete(f, end_arrived_ns(f));
    else if (h->write_errno) /* the write was told of the reset, the read is not again */
        give_up(f, FETCH_RESET, h->write_errno, NULL);
    else
        give_up(f, error, 0, h->parser.what);
}

static void on_broken(struct fetch *f)
{
    if (send_again(f, false))
        return;
    const struct stream *s = &f->conn->stream;
    if (s->tls && s->sys == EPROTO)
        give_up(f, FETCH_TLS, 0, tls_text(f->engine->tls));
    else
        give_up(f, FETCH_RESET, s->sys, NULL);
}

/* A quick server's answer arrives before the clock was read after the write. */
static void first_arrived(struct fetch_times *t, uint64_t arrived)
{
    t->first_byte = arrived;
    if (t->sent_last > arrived)
        t->sent_last = arrived;
}

/* ENDED: the connection has gone on to other things or is no more, and the exchange may be freed;
 * neither is to be looked at again. */
enum progress { ENDED, DRAINED, MORE };

/* What is sure to be of a body is read straight to where it is collected. */
static char *place_of_next(struct fetch *f, size_t *room)
{
    struct fetch_engine *e = f->engine;
    const uint64_t left = hresp_left(&h1_of(f)->parser);
    char *place = left ? fetch_body_place(f, left, room) : NULL;
    if (!place)
        *room = sizeof e->in;
    return place ? place : e->in;
}

static enum progress read_once(struct fetch *f)
{
    struct stream *s = &f->conn->stream;
    size_t room;
    char *place = place_of_next(f, &room);
    const long n = s->ops->read(s, place, room);
    if (n == STREAM_AGAIN)
        return DRAINED;
    if (n <= 0) {
        n == 0 ? on_eof(f) : on_broken(f);
        return ENDED;
    }
    const uint64_t now = clk_mono_ns();
    const uint64_t arrived = arrival_ns(s, newest_io_ns(f), now);
    f->last_io_ns = now;
    f->arrived_ns = arrived;
    if (!f->response.times.first_byte) {
        first_arrived(&f->response.times, arrived);
        set_awaiting(f, false);
    }
    if ((size_t)n == room)
        conn_tell_again(f->conn);
    if (!take_bytes(f, place, (size_t)n, arrived))
        return ENDED;
    if (f->is_body_held && h1_of(f)->parser.says_continue && !send_body(f))
        return ENDED;
    return (size_t)n == room || s->ops->has_pending(s) ? MORE : DRAINED;
}

/* Streaming: tells the owner about the head, then whenever it waits and there is something. */
static void tell_reader(struct fetch *f, bool had_head)
{
    if (fetch_body_is_full(f))
        conn_watch(f->conn, 0);
    if (f->has_head && (!had_head || f->body.len > f->body_read))
        fetch_tell(f, had_head ? FETCH_DATA : FETCH_HEAD);
}

static void read_on(struct conn *c)
{
    struct fetch *f = c->exchanges;
    const bool had_head = f->has_head;
    enum progress progress = MORE;
    for (int round = 0; progress == MORE && round < ROUNDS_MAX; round++) {
        progress = read_once(f);
        if (progress == ENDED)
            return;
        if (fetch_body_is_full(f))
            break;
    }
    conn_tell_again(c);
    if (progress == MORE)
        conn_read_on(c);
    if (f->request.mode == FETCH_STREAM)
        tell_reader(f, had_head);
}

/* Nothing may come now. What TLS handles by itself (a new ticket) is nothing. */
static bool is_stale(struct conn *c)
{
    struct fetch_engine *e = c->lane->pool->engine;
    return c->stream.ops->read(&c->stream, e->in, sizeof e->in) != STREAM_AGAIN;
}

static void on_event(struct conn *c, short what)
{
    struct fetch *f = c->exchanges;
    if (!f) {
        if (is_stale(c))
            conn_close(c);
        return;
    }
    if (what & EV_CLOSED)
        c->is_unusable = true;
    if (what & EV_WRITE && !h1_of(f)->is_writing_over && !write_on(f))
        return;
    if (what & (EV_READ | EV_CLOSED | EV_TIMEOUT))
        read_on(c);
}

static void resume(struct fetch *f)
{
    struct conn *c = f->conn;
    if (c->watched)
        return;
    f->last_io_ns = clk_mono_ns();
    conn_watch(c, h1_of(f)->is_writing_over ? EV_READ : EV_READ | EV_WRITE);
    if (c->stream.ops->has_pending(&c->stream))
        event_active(&c->event, EV_READ, 0);
}

static bool leave(struct fetch *f)
{
    f->response.sent_bytes = h1_of(f)->head_sent + h1_of(f)->body_sent;
    return f->is_body_whole && f->response.error == FETCH_OK && f->response.was_sent;
}

static void drop(struct fetch *f)
{
    struct h1 *h = h1_of(f);
    set_awaiting(f, false);
    hresp_fini(&h->parser);
    engine_block_put(f->engine, h->block);
    free(h->own_head);
    if (h->pieces) {
        sbuf_fini(&h->pieces->wire);
        free(h->pieces);
    }
}

const struct protocol http1 = {
    .name = "http/1.1",
    .capacity = 1,
    .state_size = sizeof(struct h1),
    .send = send_request,
    .send_body = send_body,
    .give = give,
    .event = on_event,
    .is_stale = is_stale,
    .leave = leave,
    .resume = resume,
    .drop = drop,
};
