// SPDX-License-Identifier: MIT
/* The life of an exchange: start, deadlines, end, and the calls of its owner.
 *
 * Every end goes through fetch_end, which detaches the connection first; fetch_notify, always the
 * last thing done to an exchange in a callback, then tells the owner, who may start or free
 * exchanges right there.
 */
#include "worker/http1/fetch_int.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/http1/decode.h"

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
    fetch_notify(f);
}

static void on_total(struct deadline *d)
{
    struct fetch *f = (struct fetch *)((char *)d - offsetof(struct fetch, total_deadline));
    timed_out(f, FETCH_TOTAL_TIMEOUT);
}

/* A streamed body that its reader leaves alone is not late. */
static bool is_awaited(const struct fetch *f)
{
    return !f->has_head || f->request.mode == FETCH_COLLECT || f->is_reader_waiting;
}

/* Reads do not touch the deadline; it looks at the time of the last one when it fires. */
static void on_phase(struct deadline *d)
{
    struct fetch *f = (struct fetch *)((char *)d - offsetof(struct fetch, phase_deadline));
    if (f->state == FETCH_IS_DIALING) {
        timed_out(f, FETCH_CONNECT_TIMEOUT);
        return;
    }
    if (f->is_body_held) {
        fetch_io_send_body(f);
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

static void await_answer(struct fetch *f)
{
    hresp_init(&f->parser, f->block, f->request.head_only ? HRESP_HEAD_ONLY : HRESP_NORMAL);
    f->parser.on_body = fetch_body_add;
    f->parser.arg = f;
    f->is_body_held = f->request.awaits_continue && f->request.body_len;
}

struct fetch *fetch_start(struct fetch_pool *p, const struct fetch_request *r, fetch_done_cb *done,
                          void *arg)
{
    struct fetch_engine *e = p->engine;
    struct fetch *f = engine_fetch_get(e);
    f->engine = e;
    f->request = *r;
    f->done = done;
    f->arg = arg;
    f->is_starting = true;
    f->is_reader_waiting = r->mode == FETCH_STREAM;
    f->block = engine_block_get(e);
    await_answer(f);
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

void fetch_start_over(struct fetch *f)
{
    struct conn *c = f->conn;
    struct fetch_times *t = &f->response.times;
    struct lane *lane = c->lane;
    hresp_fini(&f->parser);
    await_answer(f);
    free(f->own_head);
    f->own_head = NULL;
    f->head_sent = f->body_sent = f->head_len = 0;
    f->write_errno = 0;
    f->is_writing_over = f->response.was_sent = false;
    deadline_clear(&f->phase_deadline);
    *t = (struct fetch_times){.start = t->start};
    c->fetch = NULL;
    conn_close(c);
    pool_dial(lane, f, clk_mono_ns());
}

void fetch_end(struct fetch *f)
{
    struct conn *c = f->conn;
    f->response.sent_bytes = f->head_sent + f->body_sent;
    if (f->state == FETCH_IS_QUEUED && f->lane)
        pool_unqueue(f);
    f->state = FETCH_IS_OVER;
    f->conn = NULL;
    if (c) {
        c->fetch = NULL;
        const bool is_good = f->is_body_whole && f->response.error == FETCH_OK &&
                             f->response.was_sent && !c->is_unusable;
        c->idle_since_ns = f->response.times.last_byte;
        if (is_good)
            pool_keep(c);
        else
            conn_close(c);
    }
    deadline_clear(&f->phase_deadline);
    deadline_clear(&f->total_deadline);
    publish_body(f);
}

void fetch_notify(struct fetch *f)
{
    if (f->is_starting)
        return;
    if (f->request.mode == FETCH_STREAM && !f->is_reader_waiting)
        return;
    f->is_reader_waiting = false;
    f->done(f->arg);
}

/* ---- the owner's calls ---- */

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
    hresp_fini(&f->parser);
    engine_block_put(f->engine, f->block);
    decode_free(f->decode);
    free(f->own_head);
    free(f->own_text);
    sbuf_fini(&f->body);
    sbuf_fini(&f->undecoded);
    engine_fetch_put(f->engine, f);
}
