// SPDX-License-Identifier: MIT
/* A connection: nghttp2's session, its bytes in and out, and the protocol's table.
 *
 * One read is given to nghttp2 as a whole; then the news of its exchanges are settled, and what it
 * has to say (window updates, acknowledgements) goes out in one write. A request on a warm
 * connection is one write too.
 *
 * Concurrency: how many streams a server takes is known once its SETTINGS are there. Servers refuse
 * what is above it even before, so until then there is one. And they may end the connection of a
 * head that is larger than they say there, so until then a large one waits.
 *
 * Windows are large, that bodies do not wait for the round trip. That of the connection is refilled
 * as bytes come; that of a stream not while its reader has enough (fetch_body_is_full), so that a
 * slow reader holds up its own stream, and costs a window of memory at most.
 */
#include "worker/http2/h2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/http2/http2.h"

#define CAPACITY_LIKELY 100u /* what servers usually say */
#define CAPACITY_MAX 1000u   /* whatever they say */
#define STREAM_WINDOW (1 << 20)
#define CONNECTION_WINDOW (16 << 20)
#define UNTOLD_HEAD_MOST 8192 /* what any server takes; others wait for its SETTINGS */
#define ROUNDS_MAX 16         /* reads for one connection before others have their turn */

static struct h2 *h2_of(const struct conn *c)
{
    return c->state;
}

/* ---- nghttp2's calls ------------------------------------------------------------------------ */

static struct fetch *exchange_of(nghttp2_session *session, int32_t id)
{
    return id ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

static ssize_t on_read_body(nghttp2_session *session, int32_t id, uint8_t *to, size_t len,
                            uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    (void)source;
    struct fetch *f = exchange_of(session, id);
    return f ? stream_read_body(arg, f, to, len, flags) : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    struct fetch *f = h->head_of = exchange_of(session, frame->hd.stream_id);
    if (!f)
        return 0;
    stream_head_begins(f);
    const struct head_read *r = h->heads.recalled;
    if (!r || heads_recall(h, f, r))
        return 0;
    stream_refuse_head(h, f);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
    (void)session, (void)frame, (void)flags;
    struct h2 *h = arg;
    struct fetch *f = h->head_of;
    if (!f)
        return 0;
    f->engine->counters.heads_plain += name_len + value_len;
    if (stream_header(f, name, name_len, value, value_len))
        return 0;
    stream_refuse_head(h, f);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t len, void *arg)
{
    (void)flags;
    struct fetch *f = exchange_of(session, id);
    if (!f) {
        nghttp2_session_consume(session, id, len);
        return 0;
    }
    nghttp2_session_consume_connection(session, len);
    stream_data(arg, f, bytes, len);
    return 0;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *arg)
{
    (void)arg;
    struct fetch *f = hd->type == NGHTTP2_DATA ? exchange_of(session, hd->stream_id) : NULL;
    if (f)
        h2x_of(f)->body_bytes += hd->length;
    return 0;
}

static void take_settings(struct h2 *h)
{
    heads_forget_written(&h->heads); /* its table may be another now */
    h->is_told = true;
    for (struct fetch *f = h->conn->exchanges; f; f = f->next)
        if (h2x_of(f)->is_untold)
            stream_note(h, f);
    const uint32_t most =
        nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    if (!h->conn->is_unusable)
        pool_set_capacity(h->conn, most < CAPACITY_MAX ? most : CAPACITY_MAX);
}

static void take_goaway(struct h2 *h, const nghttp2_goaway *goaway)
{
    h->has_goaway = true;
    h->goaway_last = goaway->last_stream_id;
    h->goaway_code = goaway->error_code;
    /* The last that it looked at, as nginx says it of a head that is too large. */
    h->has_culprit = goaway->error_code == NGHTTP2_ENHANCE_YOUR_CALM &&
                     exchange_of(h->session, goaway->last_stream_id);
    if (goaway->error_code == NGHTTP2_HTTP_1_1_REQUIRED)
        origin_fall_back(h->conn->lane->origin);
    pool_retire(h->conn);
}

static void take_frame(struct h2 *h, struct fetch *f, const nghttp2_frame *frame)
{
    const bool is_end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    h2x_of(f)->frame_bytes += 9;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        const struct head_read *r = h->heads.recalled;
        const uint32_t len = r ? r->block_len : (uint32_t)frame->hd.length;
        h2x_of(f)->frame_bytes += len;
        f->engine->counters.heads_wire += len;
        if (h->heads.whole.body) {
            heads_take_whole(h, f);
        } else {
            stream_head_ends(h, f, is_end);
            heads_learn(h, f);
        }
    } else if (frame->hd.type == NGHTTP2_DATA && is_end) {
        stream_data_ends(h, f);
    } else if (frame->hd.type == NGHTTP2_RST_STREAM) {
        h2x_of(f)->is_reset = true;
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct h2 *h = arg;
    struct fetch *f = exchange_of(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
        take_settings(h);
    else if (frame->hd.type == NGHTTP2_GOAWAY)
        take_goaway(h, &frame->goaway);
    else if (f)
        take_frame(h, f, frame);
    return 0;
}

/* What ends the connection, unless nghttp2 has said it in better words. */
static void blame(struct h2 *h, const char *what)
{
    if (!h->said[0])
        snprintf(h->said, sizeof h->said, "%s: %s", fetch_error_text(FETCH_FRAMING), what);
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct fetch *f = exchange_of(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_GOAWAY)
        blame(arg, nghttp2_http2_strerror(frame->goaway.error_code));
    if (!f || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        frame->hd.stream_id == ((struct h2 *)arg)->heads.telling)
        return 0;
    f->response.sent_bytes += frame->hd.length + 9;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        f->response.sent_bytes += h2x_of(f)->head_more;
        f->engine->counters.heads_wire += frame->hd.length + h2x_of(f)->head_more;
    }
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        h2x_of(f)->is_sent = true;
        stream_wrote(arg, f);
    }
    return 0;
}

static int on_closed(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
    struct fetch *f = exchange_of(session, id);
    if (!f)
        return 0;
    h2x_of(f)->is_closed = true;
    h2x_of(f)->code = code;
    stream_note(arg, f);
    return 0;
}

static int on_wrong(nghttp2_session *session, int code, const char *text, size_t len, void *arg)
{
    (void)session, (void)code;
    struct h2 *h = arg;
    snprintf(h->said, sizeof h->said, "%.*s", (int)len, text);
    return 0;
}

/* ---- made ---------------------------------------------------------------------------------- */

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *all = NULL;
    if (nghttp2_session_callbacks_new(&all) != 0)
        mem_refused("HTTP/2");
    nghttp2_session_callbacks_set_on_begin_frame_callback(all, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(all, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, on_closed);
    nghttp2_session_callbacks_set_error_callback2(all, on_wrong);
    return all;
}

static nghttp2_option *make_option(void)
{
    nghttp2_option *option = NULL;
    if (nghttp2_option_new(&option) != 0)
        mem_refused("HTTP/2");
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_send_header_block_length(option, FETCH_MAX_HEAD);
    return option;
}

/* Made once, of every connection alike. */
static void make_session(struct h2 *h)
{
    static nghttp2_session_callbacks *callbacks;
    static nghttp2_option *option;
    if (!callbacks) {
        callbacks = make_callbacks();
        option = make_option();
    }
    if (memory_session(h, callbacks, option) != 0)
        mem_refused("an HTTP/2 connection");
}

/* ---- ended --------------------------------------------------------------------------------- */

static void free_session(struct h2 *h)
{
    nghttp2_session_del(h->session);
    heads_forget_read(&h->heads);
    heads_forget_written(&h->heads);
    sbuf_fini(&h->out);
    memory_free(h);
}

static void close_session(struct conn *c)
{
    struct h2 *h = h2_of(c);
    ping_stop(h);
    write_leave(h);
    c->lane->pool->engine->counters.shared_open--;
    h->conn = NULL;
    if (!h->is_inside)
        free_session(h);
}

/* ---- an exchange ---------------------------------------------------------------------------- */

/* Peers say how large a head they take; one that is larger ends the connection for all. And nghttp2
 * sends none above our own limit, which it would tell as a fault of the stream. plain: bytes of
 * names and values. */
static bool is_head_too_large(struct h2 *h, struct fetch *f, size_t plain, size_t count)
{
    const uint32_t theirs =
        nghttp2_session_get_remote_settings(h->session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
    const bool is_theirs = theirs < FETCH_MAX_HEAD;
    const uint32_t most = is_theirs ? theirs : FETCH_MAX_HEAD;
    const size_t size = plain + count * 32; /* as RFC 9113 6.5.2 counts: above what nghttp2 does */
    char text[120];
    if (size <= most)
        return false;
    snprintf(text, sizeof text, "request head of %zu bytes: %s no more than %u", size,
             is_theirs ? "the server takes" : "this client sends", most);
    stream_give_up(f, FETCH_HEAD_REFUSED, 0, text);
    return true;
}

static void start_clock(struct fetch *f)
{
    struct fetch_times *t = &f->response.times;
    f->response.was_reused = !t->dialed;
    /* On a warm connection the start was a moment ago: one clock reading does for both. */
    const uint64_t now = f->is_starting && !t->dialed ? t->start : clk_mono_ns();
    f->last_io_ns = t->sent_first = now;
    if (f->request.read_timeout_ms || f->phase_deadline.queue)
        fetch_start_phase(f, f->request.read_timeout_ms, now);
}

static struct head_list list_of(struct fetch *f, char number[FIELDS_NUMBER])
{
    static const nghttp2_data_provider body = {.read_callback = on_read_body};
    const bool has_body = f->request.body_len || f->request.is_in_pieces;
    struct head_list list = {.body = has_body ? &body : NULL};
    list.count = fields_of_request(&f->request, &f->engine->out, number, &list.nv);
    list.plain = fields_size(list.nv, list.count);
    list.kept = f->request.kept ? f->request.kept->number : 0;
    return list;
}

static void send_request(struct fetch *f)
{
    struct h2 *h = h2_of(f->conn);
    struct h2x *x = h2x_of(f);
    char number[FIELDS_NUMBER];
    start_clock(f);
    struct head_list list = list_of(f, number);
    if (is_head_too_large(h, f, list.plain, list.count))
        return;
    x->is_untold = !h->is_told && list.plain + list.count * 32 > UNTOLD_HEAD_MOST;
    if (x->is_untold)
        return;
    f->engine->counters.heads_plain += list.plain;
    x->written_before = h->written;
    stream_set_open(f, true);
    if (heads_send_short(h, f, &list))
        return;
    heads_tell(h);
    x->id = heads_submit(h, f, &list);
    if (x->id > 0)
        write_all(h);
    if (heads_is_held(h)) {
        list = list_of(f, number); /* what was written may lie over it */
        x->id = heads_submit_whole(h, f, &list);
        write_all(h);
    }
    if (x->id < 0) { /* no numbers left, or a GOAWAY of ours */
        pool_retire(h->conn);
        fetch_queue_again(f, true);
    }
}

static bool send_body(struct fetch *f)
{
    struct h2 *h = h2_of(f->conn);
    f->is_body_held = false;
    f->last_io_ns = clk_mono_ns();
    fetch_start_phase(f, f->request.read_timeout_ms, f->last_io_ns);
    nghttp2_session_resume_data(h->session, h2x_of(f)->id);
    write_all(h);
    return true;
}

static void give(struct fetch *f, const void *bytes, size_t len)
{
    struct h2 *h = h2_of(f->conn);
    struct h2x *x = h2x_of(f);
    sbuf_clear(&x->piece);
    sbuf_add(&x->piece, bytes, len);
    x->body_sent = 0;
    x->is_last_piece = len == 0;
    x->was_given = true;
    nghttp2_session_resume_data(h->session, x->id);
    write_all(h);
}

static void resume(struct fetch *f)
{
    struct h2 *h = h2_of(f->conn);
    struct h2x *x = h2x_of(f);
    if (!x->unconsumed || x->is_closed)
        return;
    f->last_io_ns = clk_mono_ns();
    nghttp2_session_consume_stream(h->session, x->id, x->unconsumed);
    x->unconsumed = 0;
    write_all(h);
}

static bool leave(struct fetch *f)
{
    struct h2 *h = h2_of(f->conn);
    f->response.head_len = h2x_of(f)->frame_bytes;
    stream_set_open(f, false);
    if (stream_detach(h, f))
        write_all(h);
    return !h->is_lost;
}

static void drop(struct fetch *f)
{
    struct h2x *x = h2x_of(f);
    stream_set_awaiting(f, false);
    stream_set_open(f, false);
    fields_fini(&x->fields);
    engine_block_put(f->engine, x->fields.block);
    sbuf_fini(&x->piece);
}

/* ---- in ------------------------------------------------------------------------------------- */

static void settle(struct h2 *h)
{
    while (h->conn && stream_has_news(h))
        stream_settle_first(h);
}

/* The connection is of no more use to anybody. */
static void lose(struct h2 *h, enum fetch_error error, int sys)
{
    struct conn *c = h->conn;
    h->is_lost = true;
    pool_retire(c);
    if (!c->exchanges)
        conn_close(c);
    while (h->conn && c->exchanges)
        stream_lost(h, c->exchanges, error, sys);
}

static void lost_by_read(struct h2 *h, long n)
{
    const struct stream *s = &h->conn->stream;
    if (n == 0)
        lose(h, FETCH_CLOSED, 0);
    else if (s->tls && s->sys == EPROTO)
        lose(h, FETCH_TLS, 0);
    else
        lose(h, FETCH_RESET, s->sys);
}

/* 1: there may be more; 0: there is not; -1: the connection has ended, which *end says by what. */
static int read_once(struct h2 *h, long *end)
{
    struct conn *c = h->conn;
    struct fetch_engine *e = c->lane->pool->engine;
    const long n = c->stream.ops->read(&c->stream, e->in, sizeof e->in);
    if (n == STREAM_AGAIN)
        return 0;
    *end = n;
    if (n <= 0)
        return -1;
    h->now_ns = clk_mono_ns();
    const int rc = heads_read(h, (uint8_t *)e->in, (size_t)n);
    if (rc < 0) {
        blame(h, nghttp2_strerror(rc));
        return -1;
    }
    return (size_t)n == sizeof e->in || c->stream.ops->has_pending(&c->stream);
}

static void read_on(struct h2 *h)
{
    int more = 1;
    for (int round = 0; more > 0 && round < ROUNDS_MAX; round++) {
        long end = 0;
        more = read_once(h, &end);
        settle(h);
        if (!h->conn)
            return;
        if (more < 0) {
            end > 0 ? lose(h, FETCH_FRAMING, 0) : lost_by_read(h, end);
            return;
        }
    }
    if (more)
        conn_read_on(h->conn);
    write_all(h);
}

/* What nghttp2 noted while it wrote; and whether it has come to an end with the peer. */
static void finish(struct h2 *h)
{
    while (h->conn && stream_has_news(h)) {
        settle(h);
        if (h->conn)
            write_all(h);
    }
    if (h->conn && !nghttp2_session_want_read(h->session) &&
        !nghttp2_session_want_write(h->session))
        lose(h, h->has_goaway ? FETCH_CLOSED : FETCH_FRAMING, 0);
}

static void begin_turn(struct h2 *h)
{
    h->is_inside = true;
    h->said[0] = 0;
}

static void end_turn(struct h2 *h)
{
    h->is_inside = false;
    if (!h->conn)
        free_session(h);
    else if (!h->conn->exchanges && (h->conn->is_retired || !h->conn->capacity))
        conn_close(h->conn); /* nobody would come back to it */
}

static void read_last(struct h2 *h)
{
    const uint64_t before_ns = h->now_ns;
    begin_turn(h);
    read_on(h);
    finish(h);
    if (h->conn && h->now_ns == before_ns)
        lose(h, FETCH_RESET, ETIMEDOUT);
    end_turn(h);
}

static void on_event(struct conn *c, short what)
{
    struct h2 *h = h2_of(c);
    begin_turn(h);
    if (what & EV_WRITE)
        write_all(h);
    if (h->conn && what & (EV_READ | EV_CLOSED | EV_TIMEOUT)) {
        acks_read_again(h);
        read_on(h);
    }
    finish(h);
    end_turn(h);
}

/* What comes while there is nothing on it is the server's to say: settings, a ping, a GOAWAY. */
static bool is_stale(struct conn *c)
{
    struct h2 *h = h2_of(c);
    long end;
    int more = 1;
    for (int round = 0; more > 0 && round < ROUNDS_MAX; round++)
        more = read_once(h, &end);
    if (more < 0)
        return true;
    write_all(h);
    return c->is_retired || h->write_errno;
}

static void open_session(struct conn *c)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, FETCH_MAX_HEAD},
    };
    struct h2 *h = memory_new();
    h->conn = c;
    make_session(h);
    if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof *settings) != 0 ||
        nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
                                              CONNECTION_WINDOW) != 0)
        mem_refused("an HTTP/2 connection");
    c->state = h;
    c->capacity = 1; /* until it says */
    c->lane->pool->engine->counters.shared_open++;
    ping_start(h, read_last);
}

const struct protocol http2 = {
    .name = "h2",
    .capacity = CAPACITY_LIKELY,
    .state_size = sizeof(struct h2x),
    .open = open_session,
    .close = close_session,
    .send = send_request,
    .send_body = send_body,
    .give = give,
    .event = on_event,
    .is_stale = is_stale,
    .leave = leave,
    .resume = resume,
    .drop = drop,
};
