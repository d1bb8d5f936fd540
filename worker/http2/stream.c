// SPDX-License-Identifier: MIT
/* One exchange: its request's body out, its answer in, and what an end of it means.
 *
 * Sent again is what the server certainly has not looked at: streams it refused (REFUSED_STREAM, or
 * beyond the last one of its GOAWAY), once each, and what it wants by HTTP/1.1. An answer 421 is
 * asked for once more on a new connection. A connection that ends without a GOAWAY leaves it open
 * what was taken: then the rules of HTTP/1.1 hold (worker/http1/exchange.c).
 *
 * A response that is whole ends its exchange even if the request is not: servers answer early.
 */
#include "worker/http2/h2.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/net/sock.h"
#include "worker/net/tls.h"
#include "worker/proto/arrival.h"

#define CONTINUE_WAIT_MS 1000u /* for a server that does not say whether it wants the body */
#define RETRIES_MAX 1
#define RETRIES_OF_GOAWAY_MAX 5 /* a server may end connections as often as it likes */
#define RESETS_MAX 100          /* of ours in a second: servers take more for an attack */
#define SECOND_NS UINT64_C(1000000000)

/* ---- lists ---------------------------------------------------------------------------------- */

static void add(struct h2 *h, int which, struct fetch *f)
{
    struct h2_list *list = &h->lists[which];
    struct h2_link *link = &h2x_of(f)->links[which];
    if (link->is_in)
        return;
    *link = (struct h2_link){.is_in = true};
    *(list->last ? &h2x_of(list->last)->links[which].next : &list->first) = f;
    list->last = f;
}

static void take_off(struct h2 *h, int which, struct fetch *f)
{
    struct h2_list *list = &h->lists[which];
    struct h2_link *link = &h2x_of(f)->links[which];
    struct fetch **at = &list->first, *before = NULL;
    if (!link->is_in)
        return;
    for (; *at != f; at = &h2x_of(before)->links[which].next)
        before = *at;
    *at = link->next;
    if (list->last == f)
        list->last = before;
    link->is_in = false;
}

void stream_note(struct h2 *h, struct fetch *f)
{
    add(h, H2_NEWS, f);
}

void stream_wrote(struct h2 *h, struct fetch *f)
{
    add(h, H2_WROTE, f);
}

struct fetch *stream_next_wrote(struct h2 *h)
{
    struct fetch *f = h->lists[H2_WROTE].first;
    if (f)
        take_off(h, H2_WROTE, f);
    return f;
}

/* A server may close a connection whose client resets many streams; another is better then. */
static void count_reset(struct h2 *h)
{
    const uint64_t now = clk_mono_ns();
    if (now - h->resets_since_ns > SECOND_NS) {
        h->resets_since_ns = now;
        h->resets = 0;
    }
    if (++h->resets > RESETS_MAX)
        pool_retire(h->conn);
}

bool stream_detach(struct h2 *h, struct fetch *f)
{
    struct h2x *x = h2x_of(f);
    take_off(h, H2_NEWS, f);
    take_off(h, H2_WROTE, f);
    if (h->head_of == f)
        h->head_of = NULL;
    heads_forget_short(h, f);
    if (x->id <= 0 || x->is_closed || h->is_lost)
        return false;
    x->is_closed = true;
    nghttp2_session_set_stream_user_data(h->session, x->id, NULL);
    nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, x->id, NGHTTP2_CANCEL);
    count_reset(h);
    return true;
}

void stream_set_awaiting(struct fetch *f, bool is)
{
    struct h2x *x = h2x_of(f);
    f->engine->counters.awaiting += (uint64_t)is - x->is_awaiting;
    x->is_awaiting = is;
}

void stream_set_open(struct fetch *f, bool is)
{
    struct h2x *x = h2x_of(f);
    f->engine->counters.streams_open += (uint64_t)is - x->is_open;
    x->is_open = is;
}

/* ---- out ------------------------------------------------------------------------------------ */

ssize_t stream_read_body(struct h2 *h, struct fetch *f, uint8_t *to, size_t len, uint32_t *flags)
{
    struct h2x *x = h2x_of(f);
    const struct fetch_request *r = &f->request;
    const char *body = r->is_in_pieces ? x->piece.data : r->body;
    const size_t left = (r->is_in_pieces ? x->piece.len : r->body_len) - x->body_sent;
    const bool is_last = !r->is_in_pieces || x->is_last_piece;
    if (f->is_body_held || (!left && !is_last)) {
        stream_wrote(h, f);
        return NGHTTP2_ERR_DEFERRED;
    }
    const size_t n = left < len ? left : len;
    mem_copy(to, body + x->body_sent, n);
    x->body_sent += n;
    if (is_last && n == left)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* The head is out, which asks whether the body is wanted. */
static void await_continue(struct fetch *f, uint64_t now_ns)
{
    const uint32_t limit_ms = f->request.read_timeout_ms;
    const bool is_short = limit_ms && limit_ms < CONTINUE_WAIT_MS;
    f->response.was_sent = true; /* what there is to count */
    f->last_io_ns = f->response.times.sent_last = now_ns;
    fetch_start_phase(f, is_short ? limit_ms : CONTINUE_WAIT_MS, now_ns);
}

void stream_written(struct fetch *f, uint64_t now_ns)
{
    struct h2x *x = h2x_of(f);
    f->last_io_ns = now_ns;
    if (x->is_sent) {
        stream_set_awaiting(f, !f->response.times.first_byte);
        f->response.was_sent = true;
        f->response.times.sent_last = now_ns;
        fetch_tell(f, FETCH_SENT);
    } else if (f->is_body_held) {
        await_continue(f, now_ns);
    } else if (f->request.is_in_pieces && !x->is_last_piece) {
        f->is_piece_wanted = true;
        fetch_tell(f, FETCH_WANTED);
    }
}

/* ---- in ------------------------------------------------------------------------------------- */

static uint64_t arrived_ns(const struct h2 *h, const struct fetch *f)
{
    const struct fetch_times *t = &f->response.times;
    return arrival_ns(&h->conn->stream, t->first_byte ? t->first_byte : t->sent_first, h->now_ns);
}

static void find_fault(struct h2 *h, struct fetch *f, enum fetch_error error)
{
    h2x_of(f)->fault = error;
    stream_note(h, f);
}

void stream_head_begins(struct fetch *f)
{
    struct h2x *x = h2x_of(f);
    x->is_trailer = f->has_head;
    if (x->is_trailer)
        return;
    fields_start(&x->fields, x->fields.block ? x->fields.block : engine_block_get(f->engine));
    x->status = 0;
}

void stream_refuse_head(struct h2 *h, struct fetch *f)
{
    find_fault(h, f, FETCH_HEAD_TOO_LARGE);
    if (!h->conn->is_unusable)
        pool_retire(h->conn); /* the head may have no end, and with it the connection ends */
}

/* Behind the head's: what is known of these, and of a body that lies there, may move. */
static bool take_trailer(struct fetch *f, const void *name, size_t name_len, const void *value,
                         size_t value_len)
{
    struct fields *s = &h2x_of(f)->fields;
    struct fetch_response *r = &f->response;
    const bool has_body = r->body >= s->text && r->body < s->text + s->text_len;
    const ptrdiff_t body_at = has_body ? r->body - s->text : 0;
    if (!fields_add(s, name, name_len, value, value_len))
        return false;
    if (has_body)
        r->body = s->text + body_at;
    r->headers = s->headers;
    r->trailers = s->headers + r->header_count;
    r->trailer_count = s->count - r->header_count;
    return true;
}

bool stream_header(struct fetch *f, const void *name, size_t name_len, const void *value,
                   size_t value_len)
{
    struct h2x *x = h2x_of(f);
    if (x->is_trailer)
        return take_trailer(f, name, name_len, value, value_len);
    if (name_len == 7 && !memcmp(name, ":status", 7)) {
        const char *digits = value; /* three: nghttp2 has seen to it */
        x->status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + digits[2] - '0';
        return true;
    }
    return fields_add(&x->fields, name, name_len, value, value_len);
}

/* Whatever the server says of a request that it has begun to answer, it is not asked again. */
static bool is_again(struct fetch *f, unsigned max)
{
    return f->retries < max && !f->has_head && !h2x_of(f)->was_given;
}

static enum fetch_error take_head(struct fetch *f, bool is_end)
{
    struct h2x *x = h2x_of(f);
    struct fetch_response *r = &f->response;
    r->status = x->status;
    r->version = 20;
    r->reason = fields_reason(x->status);
    r->reason_len = strlen(r->reason);
    r->headers = x->fields.headers;
    r->header_count = x->fields.count;
    f->has_head = true;
    f->is_body_held = false;
    f->has_length = !is_end && !f->request.head_only && fields_length(&x->fields, &f->length);
    return fetch_body_begin(f, 0);
}

void stream_head_ends(struct h2 *h, struct fetch *f, bool is_end)
{
    struct h2x *x = h2x_of(f);
    f->last_io_ns = h->now_ns;
    x->is_whole |= is_end;
    stream_note(h, f);
    if (is_end)
        f->response.times.last_byte = arrived_ns(h, f);
    if (x->is_trailer)
        return;
    if (x->status < 200) {
        x->is_interim = true;
        x->says_continue |= x->status == 100;
        return;
    }
    f->response.times.first_byte = arrived_ns(h, f);
    if (f->response.times.sent_last > f->response.times.first_byte) /* before the clock was read */
        f->response.times.sent_last = f->response.times.first_byte;
    stream_set_awaiting(f, false);
    if (x->status == 421 && is_again(f, RETRIES_MAX)) {
        x->is_misdirected = true;
        return;
    }
    const enum fetch_error error = take_head(f, is_end);
    if (error != FETCH_OK)
        find_fault(h, f, error);
}

void stream_data(struct h2 *h, struct fetch *f, const uint8_t *bytes, size_t len)
{
    struct h2x *x = h2x_of(f);
    const char *kept = NULL;
    f->last_io_ns = h->now_ns;
    if (x->fault || x->is_misdirected)
        return;
    if (f->request.is_stamped)
        f->arrived_ns = arrived_ns(h, f);
    if (f->has_length && f->length == len && f->request.mode == FETCH_COLLECT &&
        !f->request.discards)
        kept = fields_put_behind(&x->fields, bytes, len);
    const enum fetch_error error = fetch_body_add(f, kept ? kept : (const char *)bytes, len, kept);
    if (error != FETCH_OK) {
        find_fault(h, f, error);
        return;
    }
    if (h->heads.whole.body) /* nghttp2 does not know of it */
        return;
    x->unconsumed += len;
    if (f->request.mode == FETCH_STREAM) {
        f->response.times.data = arrived_ns(h, f);
        stream_note(h, f);
    }
    if (fetch_body_is_full(f))
        return;
    nghttp2_session_consume_stream(h->session, x->id, x->unconsumed);
    x->unconsumed = 0;
}

void stream_data_ends(struct h2 *h, struct fetch *f)
{
    f->last_io_ns = h->now_ns;
    h2x_of(f)->is_whole = true;
    f->response.times.last_byte = arrived_ns(h, f);
    stream_note(h, f);
}

/* ---- the end -------------------------------------------------------------------------------- */

void stream_give_up(struct fetch *f, enum fetch_error error, int sys, const char *text)
{
    fetch_failed(f, error, sys, NULL);
    if (text)
        fetch_set_text(f, text);
    fetch_end(f);
    fetch_tell_end(f);
}

static void send_again(struct h2 *h, struct fetch *f)
{
    const bool is_kept = !h->is_lost;
    stream_detach(h, f);
    fetch_queue_again(f, is_kept);
}

/* What the server has not looked at. */
static void send_refused_again(struct h2 *h, struct fetch *f)
{
    f->retries++;
    f->engine->counters.retries++;
    send_again(h, f);
}

static void complete(struct fetch *f)
{
    f->is_body_whole = true;
    const enum fetch_error error = fetch_body_finish(f);
    if (error != FETCH_OK)
        fetch_failed(f, error, 0, "compressed body ends early");
    fetch_end(f);
    fetch_tell_end(f);
}

static void fail_by_code(struct fetch *f, enum fetch_error error, const char *what, uint32_t code)
{
    char text[120];
    snprintf(text, sizeof text, "%s: %s (0x%x)", what, nghttp2_http2_strerror(code), code);
    stream_give_up(f, error, (int)(code & INT32_MAX), text);
}

static void fail_by_goaway(struct h2 *h, struct fetch *f)
{
    const bool is_others = h->has_culprit && h2x_of(f)->id != h->goaway_last;
    fail_by_code(f, FETCH_GOAWAY,
                 is_others        ? "connection ended by the server for another request"
                 : h->goaway_code ? "connection ended by the server"
                                  : "connection ended by the server before the answer that its "
                                    "GOAWAY left open",
                 h->goaway_code);
}

/* The peer broke the rules in this stream. */
static void fail_by_fault(struct h2 *h, struct fetch *f)
{
    const struct h2x *x = h2x_of(f);
    const char *what = *h->said ? h->said : NULL;
    if (f->has_length && x->body_bytes < f->length) {
        stream_give_up(f, FETCH_INCOMPLETE, 0, NULL);
        return;
    }
    if (f->has_length && x->body_bytes > f->length)
        what = "more body than Content-Length says";
    else if (!f->has_head && x->is_interim)
        what = "body after an interim answer, without a final one";
    stream_give_up(f, FETCH_FRAMING, 0, what);
}

/* Whoever asks again makes it worse. */
static bool wants_calm(const struct h2 *h)
{
    return h->has_goaway && h->goaway_code == NGHTTP2_ENHANCE_YOUR_CALM;
}

static void closed(struct h2 *h, struct fetch *f)
{
    const struct h2x *x = h2x_of(f);
    const bool is_refused = x->code == NGHTTP2_REFUSED_STREAM;
    const bool is_theirs = x->is_reset || (is_refused && h->has_goaway);
    const bool is_final = wants_calm(h) || (f->request.fails_refused && !h->has_goaway);
    f->engine->counters.refused += is_refused && x->is_reset;
    if (!is_theirs)
        fail_by_fault(h, f);
    else if (is_refused && !is_final &&
             is_again(f, h->has_goaway ? RETRIES_OF_GOAWAY_MAX : RETRIES_MAX))
        send_refused_again(h, f);
    else if (is_refused && h->has_goaway && h->goaway_code)
        fail_by_goaway(h, f);
    else if (x->code == NGHTTP2_HTTP_1_1_REQUIRED && is_again(f, RETRIES_MAX)) {
        origin_fall_back(f->request.origin);
        pool_retire(h->conn);
        send_refused_again(h, f);
    } else
        fail_by_code(f, FETCH_STREAM_RESET, "stream reset by the server", x->code);
}

/* Streaming: tells the owner about the head, then whenever it waits and there is something. */
static void tell_reader(struct fetch *f)
{
    struct h2x *x = h2x_of(f);
    const bool is_head = !x->is_head_told;
    if (!f->has_head || f->request.mode != FETCH_STREAM)
        return;
    x->is_head_told = true;
    if (is_head || f->body.len > f->body_read)
        fetch_tell(f, is_head ? FETCH_HEAD : FETCH_DATA);
}

void stream_settle_first(struct h2 *h)
{
    struct fetch *f = h->lists[H2_NEWS].first;
    struct h2x *x = h2x_of(f);
    take_off(h, H2_NEWS, f);
    if (x->is_untold) {
        f->protocol->send(f);
    } else if (x->fault) {
        stream_give_up(f, x->fault, 0, NULL);
    } else if (x->is_misdirected) {
        f->response.resent += f->response.was_sent;
        pool_retire(h->conn);
        f->retries++;
        send_again(h, f);
    } else if (x->is_whole && f->has_head) {
        acks_answered(h);
        complete(f);
    } else if (x->is_closed) {
        closed(h, f);
    } else if (x->says_continue && f->is_body_held) {
        f->protocol->send_body(f);
    } else {
        tell_reader(f);
    }
}

/* ---- the connection's end ------------------------------------------------------------------- */

/* Closed in order before the first of its bytes came: the server's machine confirmed none. */
static bool is_untaken(const struct h2 *h, struct fetch *f, bool is_eof)
{
    const size_t written = (size_t)(h->written - h2x_of(f)->written_before);
    return f->response.was_reused && is_eof && sock_unacknowledged(&h->conn->stream) >= written;
}

static bool lost_again(struct h2 *h, struct fetch *f, bool is_eof)
{
    const bool is_refused =
        h2x_of(f)->is_untold || (h->has_goaway && h2x_of(f)->id > h->goaway_last);
    if (f->response.times.first_byte || h2x_of(f)->was_given || wants_calm(h))
        return false;
    if ((is_refused && is_again(f, RETRIES_OF_GOAWAY_MAX)) ||
        (is_untaken(h, f, is_eof) && is_again(f, RETRIES_MAX))) {
        send_refused_again(h, f);
        return true;
    }
    if (!f->request.resends || !(f->response.was_reused || f->request.resends_on_new))
        return false;
    f->request.resends--;
    f->response.resent += f->response.was_sent;
    send_again(h, f);
    return true;
}

void stream_lost(struct h2 *h, struct fetch *f, enum fetch_error error, int sys)
{
    const bool is_eof = error == FETCH_CLOSED;
    if ((is_eof || error == FETCH_RESET) && lost_again(h, f, is_eof))
        return;
    if (h->has_goaway && (h->goaway_code || (is_eof && !f->has_head)) && error != FETCH_FRAMING)
        fail_by_goaway(h, f);
    else if (is_eof && f->has_head)
        stream_give_up(f, FETCH_INCOMPLETE, 0, NULL);
    else if (is_eof && h->write_errno) /* the write was told of the reset, the read is not again */
        stream_give_up(f, FETCH_RESET, h->write_errno, NULL);
    else if (error == FETCH_TLS)
        stream_give_up(f, error, 0, tls_text(f->engine->tls));
    else
        stream_give_up(f, error, sys, error == FETCH_FRAMING && *h->said ? h->said : NULL);
}
