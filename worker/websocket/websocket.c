// SPDX-License-Identifier: MIT
/* The common message is one write, or one read event and one read. Frames go out through the
 * engine's buffer; only what the kernel does not take at once is kept. */
#include "worker/websocket/websocket.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/net/tls.h"
#include "worker/proto/arrival.h"
#include "worker/proto/fetch_int.h"

#define WS_TAG 0x77736f63u /* "wsoc" */
#define ROUNDS_MAX 16      /* reads for one connection before others have their turn */
#define OUT_KEPT 65536u  /* bytes of the engine's buffer that stay; a longer message has its own */
#define PONGS_MAX 65536u /* bytes that wait to be sent, above which pings go unanswered */
#define PINGS_MAX 64u    /* that wait for an answer, above which the oldest is forgotten */
#define REASON_MAX 123u
#define NS_PER_MS UINT64_C(1000000)

struct ping {
    struct ping *next;
    uint64_t sent_ns; /* of one that was answered: how long it took */
    uint8_t len;
    char bytes[];
};

enum state {
    OPEN,
    CLOSING,  /* our close frame is sent, theirs is awaited */
    DRAINING, /* over; the peer's end is awaited, what comes is thrown away */
    GONE,
};

struct ws {
    uint32_t tag;
    enum state state;
    struct event event;
    struct stream stream;
    struct fetch_engine *engine;
    ws_event_cb *told;
    void *arg;
    struct ws_terms terms;
    struct ws_reader reader;
    struct ws_message *first, **last;
    size_t waiting; /* bytes of those */
    struct sbuf out;
    size_t out_sent;
    struct ping *pings, **last_ping, *answered;
    unsigned ping_count;
    uint64_t read_ns;   /* of the last read */
    uint64_t pinged_ns; /* the last ping that nobody asked for; 0: none yet */
    struct deadline closing, pinging;
    struct ws_numbers numbers;
    struct ws_end end;
    char *text; /* memory of end.text */
    short watched;
    bool is_close_sent, is_write_broken, is_paused, is_in_message, awaits_pong;
};

static void tell(struct ws *w, unsigned what)
{
    if (what)
        w->told(w->arg, what);
}

/* ---- the event ------------------------------------------------------------------------------ */

static void on_event(evutil_socket_t fd, short what, void *arg);

static void watch(struct ws *w, short events)
{
    if (w->watched == events)
        return;
    if (w->watched)
        event_del(&w->event);
    w->watched = events;
    if (!events)
        return;
    event_assign(&w->event, w->engine->base, w->stream.fd, (short)(events | EV_PERSIST), on_event,
                 w);
    if (event_add(&w->event, NULL) != 0)
        mem_refused("a connection's event");
}

bool ws_is_sending(const struct ws *w)
{
    return !w->is_write_broken && w->out.len > w->out_sent;
}

size_t ws_unsent(const struct ws *w)
{
    return w->out.len - w->out_sent;
}

static void watch_what_is_wanted(struct ws *w)
{
    short events = 0;
    if (w->state != GONE && !w->is_paused)
        events |= EV_READ;
    if (w->state != GONE && ws_is_sending(w))
        events |= EV_WRITE;
    watch(w, events);
}

/* ---- ends ----------------------------------------------------------------------------------- */

static void free_pings(struct ping **list)
{
    while (*list) {
        struct ping *p = *list;
        *list = p->next;
        free(p);
    }
}

static unsigned close_stream(struct ws *w)
{
    if (w->state == GONE)
        return 0;
    w->state = GONE;
    watch(w, 0);
    deadline_clear(&w->closing);
    deadline_clear(&w->pinging);
    w->stream.ops->close(&w->stream);
    ws_reader_fini(&w->reader);
    sbuf_fini(&w->out);
    w->out_sent = 0;
    free_pings(&w->pings);
    w->last_ping = &w->pings;
    w->ping_count = 0;
    return WS_GONE | WS_SENT_ALL;
}

static unsigned set_over(struct ws *w, struct ws_end end)
{
    if (w->end.why != WS_IS_OPEN)
        return 0;
    w->text = mem_dup(end.text ? end.text : "", end.text_len);
    end.text = w->text;
    end.is_ours = w->end.is_ours;
    end.unsent = ws_unsent(w);
    w->end = end;
    deadline_clear(&w->pinging);
    return WS_OVER;
}

static void on_close_timeout(struct deadline *d)
{
    struct ws *w = (struct ws *)((char *)d - offsetof(struct ws, closing));
    const unsigned over = set_over(w, (struct ws_end){.why = WS_ENDED, .code = WS_CODE_LOST});
    tell(w, over | close_stream(w));
}

/* The peer has its time to close the connection. */
static void drain(struct ws *w)
{
    w->state = DRAINING;
    w->is_paused = false;
    if (!w->closing.queue) {
        w->closing.fire = on_close_timeout;
        deadline_set(w->engine->deadlines, &w->closing,
                     w->terms.close_timeout_ms ? w->terms.close_timeout_ms : 1, clk_mono_ns());
    }
    watch_what_is_wanted(w);
}

static unsigned lost(struct ws *w, int sys)
{
    const unsigned over = set_over(w, (struct ws_end){
                                          .why = WS_LOST,
                                          .code = WS_CODE_LOST,
                                          .sys = sys,
                                      });
    return over | close_stream(w);
}

/* ---- out ------------------------------------------------------------------------------------ */

/* False: the peer is gone. What it said before may still be read. */
static bool write_some(struct ws *w, const char *bytes, size_t len, size_t *written)
{
    *written = 0;
    while (*written < len) {
        const struct iovec part = {(char *)(uintptr_t)bytes + *written, len - *written};
        const long n = w->stream.ops->write(&w->stream, &part, 1);
        if (n == STREAM_AGAIN)
            return true;
        if (n < 0) {
            w->is_write_broken = true;
            return false;
        }
        *written += (size_t)n;
    }
    return true;
}

static unsigned write_on(struct ws *w)
{
    size_t n;
    const bool is_well = write_some(w, w->out.data + w->out_sent, w->out.len - w->out_sent, &n);
    w->out_sent += n;
    w->numbers.sent_bytes += n;
    unsigned told = 0;
    if (!is_well || w->out_sent == w->out.len)
        told = WS_SENT_ALL;
    if (w->out_sent == w->out.len) {
        sbuf_fini(&w->out);
        w->out_sent = 0;
    }
    watch_what_is_wanted(w);
    return told;
}

/* One frame, whole in frame; what the kernel does not take is kept. */
static enum ws_sent put(struct ws *w, const struct sbuf *frame)
{
    size_t n = 0;
    if (!ws_is_sending(w) && !write_some(w, frame->data, frame->len, &n))
        return WS_UNSENT;
    w->numbers.sent_bytes += n;
    if (n == frame->len)
        return WS_WRITTEN;
    if (w->out_sent > w->out.len / 2) {
        w->out.len -= w->out_sent;
        memmove(w->out.data, w->out.data + w->out_sent, w->out.len);
        w->out_sent = 0;
    }
    sbuf_add(&w->out, frame->data + n, frame->len - n);
    watch_what_is_wanted(w);
    return WS_WAITING;
}

static enum ws_sent send_frame(struct ws *w, unsigned opcode, bool is_last, bool rsv1,
                               const void *bytes, size_t len)
{
    struct sbuf *frame = &w->engine->out;
    if (w->is_write_broken || w->state == GONE)
        return WS_UNSENT;
    if (frame->cap > OUT_KEPT)
        sbuf_fini(frame);
    sbuf_clear(frame);
    ws_frame_write(frame, opcode, is_last, rsv1, bytes, len);
    return put(w, frame);
}

static enum ws_sent send_compressed(struct ws *w, unsigned opcode, const void *bytes, size_t len)
{
    static struct sbuf packed; /* what one message needs the next may use */
    const enum ws_sent sent = ws_deflate(&packed, w->terms.deflate.own_bits, bytes, len)
                                  ? send_frame(w, opcode, true, true, packed.data, packed.len)
                                  : WS_UNSENT;
    if (packed.cap > 2 * OUT_KEPT)
        sbuf_fini(&packed);
    return sent;
}

enum ws_sent ws_send(struct ws *w, enum ws_opcode opcode, bool is_last, const void *bytes,
                     size_t len)
{
    HANDLE_IS(w, WS_TAG);
    if (w->state != OPEN || (ws_is_control(opcode) && len > WS_CONTROL_MAX))
        return WS_UNSENT;
    if (ws_is_control(opcode))
        return send_frame(w, opcode, true, false, bytes, len);
    const bool is_whole = is_last && !w->is_in_message;
    w->is_in_message = !is_last;
    w->numbers.sent_messages += is_last;
    if (is_whole && w->terms.deflate.is_on)
        return send_compressed(w, opcode, bytes, len);
    return send_frame(w, opcode, is_last, false, bytes, len);
}

static void send_close(struct ws *w, unsigned code, const char *reason, size_t len)
{
    char payload[2 + REASON_MAX] = {(char)(code >> 8), (char)code};
    if (w->is_close_sent)
        return;
    w->is_close_sent = true;
    if (len > REASON_MAX)
        for (len = REASON_MAX; len && ((unsigned char)reason[len] & 0xC0) == 0x80;)
            len--;
    mem_copy(payload + 2, reason, len);
    send_frame(w, WS_CLOSE, true, false, payload, code == WS_CODE_NONE ? 0 : 2 + len);
}

void ws_close(struct ws *w, unsigned code, const char *reason, size_t len)
{
    HANDLE_IS(w, WS_TAG);
    if (w->state != OPEN)
        return;
    w->end.is_ours = true;
    w->state = CLOSING;
    w->is_paused = false; /* their close frame is behind what waits */
    deadline_clear(&w->pinging);
    send_close(w, code, reason, len);
    w->closing.fire = on_close_timeout;
    deadline_set(w->engine->deadlines, &w->closing,
                 w->terms.close_timeout_ms ? w->terms.close_timeout_ms : 1, clk_mono_ns());
    watch_what_is_wanted(w);
}

void ws_abort(struct ws *w)
{
    HANDLE_IS(w, WS_TAG);
    const unsigned over = set_over(w, (struct ws_end){.why = WS_ENDED, .code = WS_CODE_LOST});
    tell(w, over | close_stream(w));
}

/* ---- pings ---------------------------------------------------------------------------------- */

enum ws_sent ws_ping(struct ws *w, const void *bytes, size_t len)
{
    HANDLE_IS(w, WS_TAG);
    const uint64_t now = clk_mono_ns();
    const enum ws_sent sent = ws_send(w, WS_PING, true, bytes, len);
    if (sent == WS_UNSENT)
        return sent;
    struct ping *p = mem_zalloc(sizeof *p + len);
    p->sent_ns = now;
    p->len = (uint8_t)len;
    mem_copy(p->bytes, bytes, len);
    *w->last_ping = p;
    w->last_ping = &p->next;
    if (++w->ping_count > PINGS_MAX) {
        p = w->pings;
        w->pings = p->next;
        w->ping_count--;
        free(p);
    }
    return sent;
}

/* A pong answers the ping that it repeats, and with it those before. */
static unsigned ponged(struct ws *w, uint64_t arrived_ns)
{
    const struct ws_reader *r = &w->reader;
    struct ping *p = w->pings;
    while (p && (p->len != r->control_len || memcmp(p->bytes, r->control, p->len) != 0))
        p = p->next;
    if (!p)
        return 0; /* nobody asked */
    while (w->pings != p) {
        struct ping *earlier = w->pings;
        w->pings = earlier->next;
        w->ping_count--;
        free(earlier);
    }
    w->pings = p->next;
    w->ping_count--;
    if (!w->pings)
        w->last_ping = &w->pings;
    w->awaits_pong = false;
    p->sent_ns = arrived_ns > p->sent_ns ? arrived_ns - p->sent_ns : 0;
    p->next = w->answered;
    w->answered = p;
    return WS_PONGED;
}

bool ws_take_pong(struct ws *w, uint64_t *took_ns)
{
    struct ping *p = w->answered;
    if (!p)
        return false;
    *took_ns = p->sent_ns;
    w->answered = p->next;
    free(p);
    return true;
}

/* When there is something to do about pings again: the next is due, or an answer is late. */
static void await_ping_time(struct ws *w, uint64_t now)
{
    const uint64_t every_ns = w->terms.ping_every_ms * NS_PER_MS;
    uint64_t at = w->pinged_ns + every_ns;
    if (at <= now)
        at = now + every_ns;
    const uint64_t late = w->pinged_ns + w->terms.ping_timeout_ms * NS_PER_MS;
    if (w->awaits_pong && late > now && late < at)
        at = late;
    deadline_set(w->engine->deadlines, &w->pinging,
                 (uint32_t)((at - now + NS_PER_MS - 1) / NS_PER_MS), now);
}

static void on_ping_time(struct deadline *d)
{
    static uint64_t number;
    struct ws *w = (struct ws *)((char *)d - offsetof(struct ws, pinging));
    const uint64_t now = clk_mono_ns(), most_ns = w->terms.ping_timeout_ms * NS_PER_MS;
    const bool is_waited_for = w->awaits_pong && most_ns;
    /* while it is not read, an answer may be there all the same */
    if (is_waited_for && !w->is_paused && now - w->pinged_ns >= most_ns) {
        const unsigned over = set_over(w, (struct ws_end){.why = WS_SILENT, .code = WS_CODE_LOST});
        tell(w, over | close_stream(w));
        return;
    }
    if (!is_waited_for && now - w->pinged_ns >= w->terms.ping_every_ms * NS_PER_MS) {
        number++;
        w->awaits_pong = ws_ping(w, &number, sizeof number) != WS_UNSENT;
        w->pinged_ns = now;
    }
    await_ping_time(w, now);
}

/* ---- in ------------------------------------------------------------------------------------- */

static unsigned enqueue(struct ws *w, struct ws_message *m, uint64_t arrived_ns)
{
    m->next = NULL;
    m->arrived_ns = arrived_ns;
    *w->last = m;
    w->last = &m->next;
    w->waiting += m->len + sizeof *m;
    if (w->waiting > w->terms.max_waiting && w->state == OPEN) {
        w->is_paused = true;
        watch_what_is_wanted(w);
    }
    return WS_ARRIVED;
}

static unsigned closed_by_peer(struct ws *w, uint64_t arrived_ns)
{
    const struct ws_reader *r = &w->reader;
    const uint8_t *c = (const uint8_t *)r->control;
    const unsigned code = r->control_len ? (unsigned)c[0] << 8 | c[1] : WS_CODE_NONE;
    const size_t text_len = r->control_len ? r->control_len - 2u : 0;
    unsigned told = enqueue(w, ws_message_new(WS_CLOSE, r->control, r->control_len), arrived_ns);
    told |= set_over(w, (struct ws_end){.why = WS_CLOSED,
                                        .code = code,
                                        .text = r->control_len ? r->control + 2 : NULL,
                                        .text_len = text_len});
    send_close(w, code, NULL, 0);
    drain(w);
    return told;
}

static unsigned control(struct ws *w, uint64_t arrived_ns)
{
    const struct ws_reader *r = &w->reader;
    const uint8_t opcode = r->frame.opcode;
    unsigned told = 0;
    w->numbers.received_bytes += 2u + r->control_len;
    if (opcode == WS_CLOSE)
        return closed_by_peer(w, arrived_ns);
    if (opcode == WS_PING && w->state == OPEN && ws_unsent(w) < PONGS_MAX)
        send_frame(w, WS_PONG, true, false, r->control, r->control_len);
    if (opcode == WS_PONG)
        told = ponged(w, arrived_ns);
    if (w->terms.shows_control)
        told |= enqueue(w, ws_message_new(opcode, r->control, r->control_len), arrived_ns);
    return told;
}

static unsigned broken(struct ws *w)
{
    const struct ws_reader *r = &w->reader;
    const unsigned told = set_over(
        w, (struct ws_end){
               .why = WS_BROKEN, .code = r->code, .text = r->what, .text_len = strlen(r->what)});
    send_close(w, r->code, NULL, 0);
    drain(w);
    return told;
}

static unsigned take_bytes(struct ws *w, const char *bytes, size_t len, uint64_t arrived_ns)
{
    unsigned told = 0;
    size_t used = 0;
    while (w->state == OPEN || w->state == CLOSING) {
        bytes += used;
        len -= used;
        const enum ws_step step = ws_reader_feed(&w->reader, bytes, len, &used);
        if (step == WS_MORE)
            break;
        if (step == WS_MESSAGE) {
            struct ws_message *m = ws_reader_take(&w->reader);
            w->numbers.received_bytes += m->wire_bytes;
            w->numbers.received_messages++;
            if (w->state == OPEN)
                told |= enqueue(w, m, arrived_ns);
            else
                ws_message_free(m); /* who closes has read enough */
        } else {
            told |= step == WS_CONTROL ? control(w, arrived_ns) : broken(w);
        }
    }
    return told;
}

static unsigned read_on(struct ws *w)
{
    char *in = w->engine->in;
    const size_t size = sizeof w->engine->in;
    struct stream *s = &w->stream;
    unsigned told = 0;
    for (int round = 0; round < ROUNDS_MAX && !w->is_paused; round++) {
        const long n = s->ops->read(s, in, size);
        if (n == STREAM_AGAIN)
            return told;
        if (n <= 0)
            return told | lost(w, n ? s->sys : 0);
        const uint64_t now = clk_mono_ns();
        const uint64_t arrived = arrival_ns(s, w->read_ns, now);
        w->read_ns = now;
        told |= take_bytes(w, in, (size_t)n, arrived);
        if ((size_t)n < size && !s->ops->has_pending(s))
            return told;
    }
    if (w->watched & EV_READ && s->ops->has_pending(s)) {
        const struct timeval now = {0, 0}; /* no event tells of what TLS holds */
        event_add(&w->event, &now);
    }
    return told;
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct ws *w = arg;
    unsigned told = 0;
    if (what & EV_TIMEOUT) { /* of read_on: it has taken the event out */
        const short events = w->watched;
        w->watched = 0;
        watch(w, events);
    }
    if (what & EV_WRITE && ws_is_sending(w))
        told |= write_on(w);
    if (what & (EV_READ | EV_TIMEOUT))
        told |= read_on(w);
    tell(w, told);
}

/* ---- the owner's calls ---------------------------------------------------------------------- */

struct ws *ws_new(struct fetch_engine *e, struct stream *s, const struct ws_terms *terms,
                  ws_event_cb *told, void *arg)
{
    struct ws *w = mem_zalloc(sizeof *w);
    HANDLE_MADE(w, WS_TAG);
    w->engine = e;
    w->told = told;
    w->arg = arg;
    w->terms = *terms;
    w->last = &w->first;
    w->last_ping = &w->pings;
    w->reader.max_message = terms->max_message;
    w->reader.terms = terms->deflate;
    w->read_ns = clk_mono_ns();
    tls_move(&w->stream, s);
    return w;
}

void ws_begin(struct ws *w, const char *bytes, size_t len, uint64_t arrived_ns)
{
    HANDLE_IS(w, WS_TAG);
    w->pinging.fire = on_ping_time;
    if (w->terms.ping_every_ms)
        deadline_set(w->engine->deadlines, &w->pinging, w->terms.ping_every_ms, clk_mono_ns());
    unsigned told = len ? take_bytes(w, bytes, len, arrived_ns) : 0;
    watch_what_is_wanted(w);
    if (w->state != GONE && w->stream.ops->has_pending(&w->stream))
        told |= read_on(w);
    tell(w, told);
}

void ws_free(struct ws *w)
{
    if (!w)
        return;
    HANDLE_IS(w, WS_TAG);
    close_stream(w);
    while (w->first)
        ws_message_free(ws_take(w));
    free_pings(&w->answered);
    free(w->text);
    HANDLE_ENDS(w);
    free(w);
}

struct ws_message *ws_take(struct ws *w)
{
    HANDLE_IS(w, WS_TAG);
    struct ws_message *m = w->first;
    if (!m)
        return NULL;
    w->first = m->next;
    if (!w->first)
        w->last = &w->first;
    w->waiting -= m->len + sizeof *m;
    if (w->is_paused && w->waiting <= w->terms.max_waiting / 2) {
        w->is_paused = false;
        watch_what_is_wanted(w);
        if (w->state != GONE && w->stream.ops->has_pending(&w->stream))
            event_active(&w->event, EV_READ, 0);
    }
    return m;
}

void ws_put_back(struct ws *w, struct ws_message *m)
{
    HANDLE_IS(w, WS_TAG);
    m->next = w->first;
    m->was_taken = true;
    if (!w->first)
        w->last = &m->next;
    w->first = m;
    w->waiting += m->len + sizeof *m;
}

const struct ws_end *ws_end(const struct ws *w)
{
    return &w->end;
}

bool ws_is_gone(const struct ws *w)
{
    return w->state == GONE;
}

struct ws_numbers ws_numbers(const struct ws *w)
{
    return w->numbers;
}

struct deadlines *ws_deadlines(const struct ws *w)
{
    return w->engine->deadlines;
}

int ws_fd(const struct ws *w)
{
    return w->stream.fd;
}
