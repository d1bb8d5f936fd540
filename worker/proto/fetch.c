// SPDX-License-Identifier: MIT
/* The life of an exchange: start, deadlines, end, and the calls of its owner.
 *
 * Every end goes through fetch_end, which detaches the connection first; fetch_tell, always the
 * last thing done to an exchange in a callback, then tells the owner, who may start or free
 * exchanges right there.
 */
#include "worker/proto/circle.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/net/tls.h"
#include "worker/proto/decode.h"

const char *fetch_error_text(enum fetch_error e)
{
    static const char *const texts[] = {
#define X(name, text) [FETCH_##name] = text,
        FETCH_ERRORS(X)
#undef X
    };
    return (size_t)e < sizeof texts / sizeof *texts ? texts[e] : "unknown error";
}

/* ---- deadlines ---- */

static void timed_out(struct fetch *f, enum fetch_error error)
{
    fetch_failed(f, error, 0, NULL);
    fetch_end(f);
    fetch_tell_end(f);
}

static void on_total(struct deadline *d)
{
    struct fetch *f = (struct fetch *)((char *)d - offsetof(struct fetch, total_deadline));
    timed_out(f, FETCH_TOTAL_TIMEOUT);
}

/* A streamed body that its reader leaves alone is not late, nor is who waits for its owner. */
static bool is_awaited(const struct fetch *f)
{
    if (f->is_piece_wanted)
        return false;
    return !f->has_head || f->request.mode == FETCH_COLLECT || f->is_reader_waiting;
}

/* Reads do not touch the deadline; it looks at the time of the last one when it fires. */
static void on_phase(struct deadline *d)
{
    struct fetch *f = (struct fetch *)((char *)d - offsetof(struct fetch, phase_deadline));
    if (f->state == FETCH_IS_QUEUED && !f->lane->dialing_count)
        return; /* it waits for others to end now */
    if (f->state == FETCH_IS_QUEUED || f->state == FETCH_IS_DIALING) {
        timed_out(f, FETCH_CONNECT_TIMEOUT);
        return;
    }
    if (f->is_body_held) {
        f->protocol->send_body(f);
        return;
    }
    const uint64_t now = clk_mono_ns();
    const uint64_t quiet_ns = is_awaited(f) ? now - f->last_io_ns : 0;
    const uint64_t limit_ns = (uint64_t)f->request.read_timeout_ms * 1000000;
    if (quiet_ns >= limit_ns)
        timed_out(f, FETCH_READ_TIMEOUT);
    else
        fetch_start_phase(f, (uint32_t)((limit_ns - quiet_ns + 999999) / 1000000), now);
}

void fetch_start_phase(struct fetch *f, uint32_t timeout_ms, uint64_t now_ns)
{
    if (!timeout_ms) {
        deadline_clear(&f->phase_deadline);
        return;
    }
    f->phase_deadline.fire = on_phase;
    deadline_set(f->engine->deadlines, &f->phase_deadline, timeout_ms, now_ns);
}

/* ---- start and end ---- */

struct fetch *fetch_start(struct fetch_pool *p, const struct fetch_request *r, fetch_event_cb *told,
                          void *arg)
{
    HANDLE_IS(p, POOL_TAG);
    struct fetch_engine *e = p->engine;
    struct fetch *f = engine_fetch_get(e);
    f->engine = e;
    f->request = *r;
    f->told = told;
    f->arg = arg;
    f->is_starting = true;
    f->is_reader_waiting = r->mode == FETCH_STREAM;
    f->response.times.start = clk_mono_ns();
    if (r->total_timeout_ms) {
        f->total_deadline.fire = on_total;
        deadline_set(e->deadlines, &f->total_deadline, r->total_timeout_ms,
                     f->response.times.start);
    }
    pool_assign(p, f);
    f->is_starting = false;
    return f;
}

void fetch_set_text(struct fetch *f, const char *text)
{
    free(f->own_text);
    f->own_text = mem_strdup(text);
    f->response.text = f->own_text;
}

void fetch_failed(struct fetch *f, enum fetch_error error, int sys, const char *text)
{
    f->response.error = error;
    f->response.sys = sys;
    f->response.text = text;
}

static void publish_body(struct fetch *f)
{
    if (f->request.mode == FETCH_STREAM || f->response.body)
        return;
    f->response.body = f->body.data;
    f->response.body_len = f->body.len;
}

void fetch_run(struct fetch *f)
{
    f->protocol = f->conn->protocol;
    f->state = FETCH_IS_RUNNING;
    f->is_body_held =
        f->request.awaits_continue && (f->request.body_len || f->request.is_in_pieces);
    f->response.was_reused = f->conn->has_served;
    f->response.tls_version = tls_version(&f->conn->stream);
    f->protocol->send(f);
}

static void drop_state(struct fetch *f)
{
    if (f->protocol)
        f->protocol->drop(f);
    f->protocol = NULL;
}

static void forget_sending(struct fetch *f)
{
    struct fetch_times *t = &f->response.times;
    const size_t state_size = f->protocol->state_size;
    drop_state(f);
    memset(fetch_state(f), 0, state_size);
    f->response.was_sent = f->is_piece_wanted = false;
    deadline_clear(&f->phase_deadline);
    *t = (struct fetch_times){.start = t->start};
}

void fetch_start_over(struct fetch *f)
{
    struct conn *c = f->conn;
    struct lane *lane = c->lane;
    forget_sending(f);
    conn_release(c, f, false);
    pool_dial(lane, f, clk_mono_ns());
}

void fetch_queue_again(struct fetch *f, bool is_kept)
{
    struct conn *c = f->conn;
    struct fetch_pool *pool = c->lane->pool;
    forget_sending(f);
    conn_release(c, f, is_kept);
    pool_assign(pool, f);
}

void fetch_end(struct fetch *f)
{
    struct conn *c = f->conn;
    if (f->state == FETCH_IS_QUEUED && f->lane)
        pool_unqueue(f);
    f->state = FETCH_IS_OVER;
    if (c)
        conn_release(c, f, !c->dial && c->protocol->leave(f));
    deadline_clear(&f->phase_deadline);
    deadline_clear(&f->total_deadline);
    publish_body(f);
}

void fetch_tell(struct fetch *f, enum fetch_event what)
{
    if (f->is_starting || !(f->request.events & what))
        return;
    if (f->request.mode == FETCH_STREAM && !(what & (FETCH_SENT | FETCH_WANTED))) {
        if (!f->is_reader_waiting)
            return;
        f->is_reader_waiting = false;
    }
    f->told(f->arg, what);
}

void fetch_tell_end(struct fetch *f)
{
    fetch_tell(f, f->response.error == FETCH_OK ? FETCH_END : FETCH_ERROR);
}

/* ---- the owner's calls ---- */

bool fetch_wants_piece(const struct fetch *f)
{
    return f->is_piece_wanted && f->state == FETCH_IS_RUNNING;
}

void fetch_give(struct fetch *f, const void *bytes, size_t len)
{
    HANDLE_IS(f, FETCH_TAG);
    assert(fetch_wants_piece(f));
    f->is_piece_wanted = false;
    f->last_io_ns = clk_mono_ns();
    f->is_starting = true;
    f->protocol->give(f, bytes, len);
    f->is_starting = false;
}

bool fetch_is_done(const struct fetch *f)
{
    return f->state == FETCH_IS_OVER || (f->has_head && f->request.mode == FETCH_STREAM);
}

const struct fetch_response *fetch_response(const struct fetch *f)
{
    return &f->response;
}

char *fetch_take_body(struct fetch *f, size_t *len)
{
    HANDLE_IS(f, FETCH_TAG);
    struct fetch_response *r = &f->response;
    *len = r->body_len;
    char *body;
    if (f->body.data && r->body == f->body.data)
        body = sbuf_take(&f->body);
    else
        body = mem_dup(r->body, r->body_len);
    r->body = NULL;
    r->body_len = 0;
    return body;
}

void fetch_cancel(struct fetch *f)
{
    HANDLE_IS(f, FETCH_TAG);
    if (f->state == FETCH_IS_OVER)
        return;
    fetch_failed(f, FETCH_CANCELLED, 0, NULL);
    fetch_end(f);
}

void fetch_free(struct fetch *f)
{
    if (!f)
        return;
    fetch_cancel(f);
    drop_state(f);
    fetch_drop_stream(f);
    decode_free(f->decode);
    free(f->own_text);
    engine_body_put(f->engine, &f->body);
    sbuf_fini(&f->undecoded);
    sbuf_fini(&f->arrivals);
    engine_fetch_put(f->engine, f);
}
