// SPDX-License-Identifier: MIT
/* live: see live.h.
 *
 * Threads: civetweb gives each socket a thread that reads (on_text), and calls on_ready before and
 * on_close after; on_ready starts the writer, on_close joins it. The lock guards the list of
 * viewers, each viewer's state and the shared text; nobody holds it while writing or waiting for
 * a view.
 *
 * Viewers at the same mark that show the same columns need the same bytes: the last texts made are
 * kept and shared, and so is their deflated form, for viewers that take it.
 *
 * civetweb's write blocks until its time is over and may leave half a frame behind. Whatever is
 * not written completely ends the socket: nothing more is written to it, and the reading thread
 * leaves at the peer's next word, its close, or its silence (listen.c: pings). A writer must not
 * call mg_close_connection: outside the reading loop that closes at once, and clears the user
 * data, so that on_close would not find the writer it has to join.
 */
#include "master/web/live.h"

#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include "master/web/bridge.h"
#include "master/web/feed.h"
#include "master/web/form.h"
#include "master/web/intake.h"

#include <civetweb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* zlib only reads its input: let the type say so */
#include <zlib.h>

#define VIEW_WAIT_MS 500   /* how late a writer may notice that its socket is gone */
#define TEXTS_PER_S_MAX 20 /* from one viewer, besides the answers to ticks */
#define TEXTS_SHARED 4
#define PACK_FROM_BYTES 1400 /* below that, one packet carries it anyway */
#define PACK_LEVEL 1

struct text { /* one encoded tick, shared by writers */
    int refs;
    struct feed_mark before, after;
    uint64_t tick;
    struct sbuf bytes, packed;
    bool was_packed; /* packed is made when somebody needs it, and does not change then */
};

struct viewer {
    struct live *live;
    struct mg_connection *conn;
    pthread_t writer;
    pthread_cond_t changed;
    struct feed_mark mark;           /* the writer's own */
    uint64_t under_way[LIVE_WINDOW]; /* ticks sent and not acknowledged; 0 = free */
    uint64_t sent_at_ns;             /* of the last tick; the writer's own */
    uint64_t ask_at_ns;              /* whether it may stay */
    uint64_t columns;                /* asked for; the writer takes them over into its mark */
    bool takes_packed, is_paused, is_closing;
    bool is_over;        /* nothing more is written, whatever is read ends it */
    int64_t text_second; /* texts received in this second */
    int text_count;
    struct viewer *next;
};

#define LIVE_TAG 0x6c697665u /* "live" */

struct live {
    uint32_t tag; /* handle.h */
    struct bridge *bridge;
    struct live_door door;
    pthread_mutex_t lock;
    struct viewer *viewers;
    int count;
    bool is_stopping;
    struct text *shared[TEXTS_SHARED];
    size_t next_shared; /* the oldest */
    z_stream packer;
    bool has_packer;
};

struct live *live_new(struct bridge *b, const struct live_door *door)
{
    struct live *l = mem_zalloc(sizeof *l);
    HANDLE_MADE(l, LIVE_TAG);
    l->bridge = b;
    l->door = *door;
    pthread_mutex_init(&l->lock, NULL);
    l->has_packer = deflateInit(&l->packer, PACK_LEVEL) == Z_OK;
    return l;
}

static void text_unref(struct text *t) /* under the lock */
{
    if (t == NULL || --t->refs > 0)
        return;
    sbuf_fini(&t->bytes);
    sbuf_fini(&t->packed);
    free(t);
}

void live_free(struct live *l)
{
    if (l == NULL)
        return;
    HANDLE_IS(l, LIVE_TAG);
    for (size_t i = 0; i < TEXTS_SHARED; i++)
        text_unref(l->shared[i]);
    if (l->has_packer)
        deflateEnd(&l->packer);
    pthread_mutex_destroy(&l->lock);
    HANDLE_ENDS(l);
    free(l);
}

bool live_has_room(struct live *l)
{
    HANDLE_IS(l, LIVE_TAG);
    pthread_mutex_lock(&l->lock);
    bool has_room = l->count < LIVE_SOCKETS_MAX && !l->is_stopping;
    pthread_mutex_unlock(&l->lock);
    return has_room;
}

/* -- the writer -- */

static void end_viewer(struct viewer *w)
{
    pthread_mutex_lock(&w->live->lock);
    w->is_over = true;
    pthread_mutex_unlock(&w->live->lock);
}

static bool send_frame(struct viewer *w, int opcode, const struct sbuf *bytes)
{
    if (mg_websocket_write(w->conn, opcode, bytes->data, bytes->len) == (int)bytes->len)
        return true;
    end_viewer(w);
    return false;
}

static void send_bye(struct viewer *w, const char *why)
{
    struct sbuf text = {0};
    static const char normal_closure[2] = {0x03, (char)0xe8};
    sbuf_addf(&text, "{\"type\":\"bye\",\"why\":\"%s\"}", why);
    bool is_sent = send_frame(w, MG_WEBSOCKET_OPCODE_TEXT, &text);
    sbuf_fini(&text);
    if (!is_sent)
        return;
    mg_websocket_write(w->conn, MG_WEBSOCKET_OPCODE_CONNECTION_CLOSE, normal_closure,
                       sizeof normal_closure);
    end_viewer(w);
}

static struct text *text_new(const struct view *v, const struct feed_mark *mark)
{
    struct text *t = mem_zalloc(sizeof *t);
    t->refs = 1;
    t->tick = v->tick;
    t->before = t->after = *mark;
    feed_tick(v, &t->after, &t->bytes);
    return t;
}

/* The tick after `mark` for this view: a shared one if it fits, else a new one. Under the lock. */
static struct text *find_text(struct live *l, const struct view *v, const struct feed_mark *mark)
{
    for (size_t i = 0; i < TEXTS_SHARED; i++) {
        struct text *t = l->shared[i];
        if (t != NULL && t->tick == v->tick && memcmp(&t->before, mark, sizeof *mark) == 0)
            return t;
    }
    struct text **to = &l->shared[l->next_shared++ % TEXTS_SHARED];
    text_unref(*to);
    *to = text_new(v, mark);
    return *to;
}

/* Leaves t->packed empty where that fails or gains nothing. Under the lock. */
static void pack(struct live *l, struct text *t)
{
    if (t->was_packed || t->bytes.len < PACK_FROM_BYTES || !l->has_packer)
        return;
    t->was_packed = true;
    deflateReset(&l->packer);
    size_t bound = deflateBound(&l->packer, t->bytes.len);
    sbuf_reserve(&t->packed, bound);
    l->packer.next_in = (const unsigned char *)t->bytes.data;
    l->packer.avail_in = (unsigned)t->bytes.len;
    l->packer.next_out = (unsigned char *)t->packed.data;
    l->packer.avail_out = (unsigned)bound;
    if (deflate(&l->packer, Z_FINISH) == Z_STREAM_END && l->packer.total_out < t->bytes.len)
        t->packed.len = l->packer.total_out;
}

static struct text *text_for(struct viewer *w, const struct view *v)
{
    struct live *l = w->live;
    pthread_mutex_lock(&l->lock);
    w->mark.columns = w->columns;
    struct text *t = find_text(l, v, &w->mark);
    t->refs++;
    if (w->takes_packed)
        pack(l, t);
    pthread_mutex_unlock(&l->lock);
    return t;
}

enum turn { TURN_SEND, TURN_WAIT, TURN_TOO_SLOW, TURN_STOP, TURN_CLOSED };

static bool has_window(const struct viewer *w)
{
    for (int i = 0; i < LIVE_WINDOW; i++) {
        if (w->under_way[i] == 0)
            return true;
    }
    return false;
}

/* Waits until this viewer may be sent something, at most VIEW_WAIT_MS. */
static enum turn wait_turn(struct viewer *w)
{
    struct live *l = w->live;
    const uint64_t until = clk_mono_ns() + VIEW_WAIT_MS * UINT64_C(1000000);
    enum turn turn = TURN_SEND;
    pthread_mutex_lock(&l->lock);
    if (!w->is_closing && !l->is_stopping && (w->is_paused || !has_window(w)))
        clk_cond_wait(&w->changed, &l->lock, until);
    if (w->is_closing)
        turn = TURN_CLOSED;
    else if (l->is_stopping)
        turn = TURN_STOP;
    else if (!has_window(w) && clk_mono_ns() - w->sent_at_ns > LIVE_PATIENCE_S * 1000000000ULL)
        turn = TURN_TOO_SLOW;
    else if (w->is_paused || !has_window(w))
        turn = TURN_WAIT;
    pthread_mutex_unlock(&l->lock);
    return turn;
}

/* Before it is sent: the answer may come before the writer goes on. */
static void note_under_way(struct viewer *w, uint64_t tick)
{
    pthread_mutex_lock(&w->live->lock);
    for (int i = 0; i < LIVE_WINDOW; i++) {
        if (w->under_way[i] == 0) {
            w->under_way[i] = tick;
            break;
        }
    }
    pthread_mutex_unlock(&w->live->lock);
}

/* A tick, with a hello in front when the master or the run is not the one of the last tick. Takes
 * the view, and lets go of it before it sends: a slow reader keeps nothing from being forgotten. */
static bool send_tick(struct viewer *w, struct view *v, bool *is_greeted)
{
    struct sbuf hello = {0};
    uint64_t tick = v->tick;
    if (!*is_greeted || strcmp(w->mark.run, v->run_id) != 0)
        feed_hello(v, &hello);
    struct text *t = text_for(w, v);
    view_unref(v);
    note_under_way(w, tick);
    bool is_ok = hello.len == 0 || send_frame(w, MG_WEBSOCKET_OPCODE_TEXT, &hello);
    *is_greeted |= is_ok;
    sbuf_fini(&hello);
    bool is_packed = w->takes_packed && t->packed.len > 0;
    is_ok = is_ok && (is_packed ? send_frame(w, MG_WEBSOCKET_OPCODE_BINARY, &t->packed)
                                : send_frame(w, MG_WEBSOCKET_OPCODE_TEXT, &t->bytes));
    w->mark = t->after;
    w->sent_at_ns = clk_mono_ns();
    pthread_mutex_lock(&w->live->lock);
    text_unref(t);
    pthread_mutex_unlock(&w->live->lock);
    return is_ok;
}

static bool may_stay(struct viewer *w)
{
    struct live *l = w->live;
    bool is_told = true;
    if (clk_mono_ns() < w->ask_at_ns)
        return true;
    bool may = l->door.may_stay(l->door.arg, w->conn, &is_told);
    uint64_t pause_s = is_told ? LIVE_ASK_S : LIVE_ASK_MUTE_S;
    w->ask_at_ns = clk_mono_ns() + pause_s * UINT64_C(1000000000);
    return may;
}

static void *write_ticks(void *arg)
{
    struct viewer *w = arg;
    bool is_greeted = false;
    uint64_t tick = 0; /* the first view is sent at once */
    for (;;) {
        enum turn turn = wait_turn(w);
        if (turn == TURN_CLOSED)
            return NULL;
        if (turn == TURN_STOP || turn == TURN_TOO_SLOW) {
            send_bye(w, turn == TURN_STOP ? "stopping" : "too slow");
            return NULL;
        }
        if (!may_stay(w)) {
            send_bye(w, "no longer admitted");
            return NULL;
        }
        if (turn == TURN_WAIT)
            continue;
        uint64_t asked_ns = clk_mono_ns();
        struct view *v = bridge_wait_view(w->live->bridge, tick, VIEW_WAIT_MS);
        if (v == NULL && clk_mono_ns() - asked_ns < VIEW_WAIT_MS * 500000ULL) {
            send_bye(w, "stopping"); /* the bridge is closed: it no longer waits */
            return NULL;
        }
        if (v == NULL)
            continue;
        tick = v->tick;
        if (!send_tick(w, v, &is_greeted))
            return NULL;
    }
}

/* -- civetweb's side -- */

static void unlink_viewer(struct live *l, struct viewer *w) /* under the lock */
{
    for (struct viewer **at = &l->viewers; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            l->count--;
            return;
        }
    }
}

static void read_query(struct viewer *w)
{
    struct form query;
    struct query_error ignored; /* it was looked at before the handshake */
    const char *text = mg_get_request_info(w->conn)->query_string;
    if (text == NULL)
        return;
    if (form_parse(&query, text, strlen(text))) {
        const char *packing = form_get(&query, "pack");
        w->takes_packed = packing != NULL && strcmp(packing, "deflate") == 0;
        feed_mark_query(&w->mark, &query, &ignored);
        w->columns = w->mark.columns;
    }
    form_fini(&query);
}

static int on_connect(const struct mg_connection *conn, void *arg)
{
    (void)conn;
    return live_has_room(arg) ? 0 : 1;
}

static void on_ready(struct mg_connection *conn, void *arg)
{
    struct live *l = arg;
    struct viewer *w = mem_zalloc(sizeof *w);
    mg_set_user_connection_data(conn, w);
    w->live = l;
    w->conn = conn;
    read_query(w);
    w->ask_at_ns = clk_mono_ns() + LIVE_ASK_S * UINT64_C(1000000000);
    pthread_cond_init(&w->changed, NULL);
    pthread_mutex_lock(&l->lock);
    w->next = l->viewers;
    l->viewers = w;
    l->count++;
    pthread_mutex_unlock(&l->lock);
    if (pthread_create(&w->writer, NULL, write_ticks, w) != 0) {
        pthread_mutex_lock(&l->lock);
        unlink_viewer(l, w);
        pthread_mutex_unlock(&l->lock);
        pthread_cond_destroy(&w->changed);
        free(w);
        mg_set_user_connection_data(conn, NULL);
    }
}

/* Under the lock. Whether it answers a tick: of those there are no more than ticks. */
static bool apply(struct viewer *w, const struct intake_live *m)
{
    bool is_answer = false;
    switch (m->kind) {
    case LIVE_ACK:
        for (int i = 0; i < LIVE_WINDOW; i++) {
            is_answer |= w->under_way[i] != 0 && w->under_way[i] <= m->tick;
            if (w->under_way[i] <= m->tick)
                w->under_way[i] = 0;
        }
        break;
    case LIVE_PAUSE:
        w->is_paused = true;
        break;
    case LIVE_RESUME:
        w->is_paused = false;
        break;
    case LIVE_SUB:
        w->columns = m->columns;
        break;
    }
    pthread_cond_signal(&w->changed);
    return is_answer;
}

static bool is_flood(struct viewer *w)
{
    int64_t second = (int64_t)(clk_mono_ns() / 1000000000ULL);
    if (w->text_second != second) {
        w->text_second = second;
        w->text_count = 0;
    }
    return ++w->text_count > TEXTS_PER_S_MAX;
}

/* 1 keeps the socket, 0 ends it. */
static int on_text(struct mg_connection *conn, int flags, char *bytes, size_t len, void *arg)
{
    struct viewer *w = mg_get_user_connection_data(conn);
    struct intake_live m;
    int opcode = flags & 0x0f;
    (void)arg;
    if (w == NULL || opcode == MG_WEBSOCKET_OPCODE_CONNECTION_CLOSE)
        return 0;
    if (opcode == MG_WEBSOCKET_OPCODE_PING || opcode == MG_WEBSOCKET_OPCODE_PONG)
        return 1;
    bool is_whole = (flags & 0x80) != 0;
    if (opcode != MG_WEBSOCKET_OPCODE_TEXT || !is_whole || !intake_live(bytes, len, &m))
        return 0;
    pthread_mutex_lock(&w->live->lock);
    bool is_over = w->is_over;
    bool is_answer = apply(w, &m);
    pthread_mutex_unlock(&w->live->lock);
    return !is_over && (is_answer || !is_flood(w)) ? 1 : 0;
}

static void on_close(const struct mg_connection *conn, void *arg)
{
    struct live *l = arg;
    struct viewer *w = mg_get_user_connection_data(conn);
    if (w == NULL)
        return;
    pthread_mutex_lock(&l->lock);
    w->is_closing = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&l->lock);
    pthread_join(w->writer, NULL);
    pthread_mutex_lock(&l->lock);
    unlink_viewer(l, w);
    pthread_mutex_unlock(&l->lock);
    pthread_cond_destroy(&w->changed);
    free(w);
}

void live_attach(struct live *l, struct mg_context *ctx)
{
    HANDLE_IS(l, LIVE_TAG);
    mg_set_websocket_handler(ctx, "**", on_connect, on_ready, on_text, on_close, l);
}

void live_stop(struct live *l)
{
    HANDLE_IS(l, LIVE_TAG);
    pthread_mutex_lock(&l->lock);
    l->is_stopping = true;
    for (struct viewer *w = l->viewers; w != NULL; w = w->next)
        pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&l->lock);
}
