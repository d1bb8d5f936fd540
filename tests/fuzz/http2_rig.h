// SPDX-License-Identifier: MIT
#pragma once
/* A connection of HTTP/2 in memory, and exchanges on it: for fuzzers, and for unit tests with
 * servers of their own. */
#include <assert.h>
#include <event2/event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "worker/http2/http2.h"
#include "worker/proto/circle.h"

enum { DRIVER_STREAMS = 3, DRIVER_BODY_MAX = 1 << 20 };

static struct {
    const uint8_t *bytes; /* what the server says */
    size_t len, piece;
    bool is_closed, is_over; /* by the client; by the server */
} driver_peer;

static inline long driver_read(struct stream *s, void *buffer, size_t len)
{
    size_t n = driver_peer.len < len ? driver_peer.len : len;
    (void)s;
    n = n < driver_peer.piece ? n : driver_peer.piece;
    if (!n)
        return driver_peer.is_over ? 0 : STREAM_AGAIN;
    memcpy(buffer, driver_peer.bytes, n);
    driver_peer.bytes += n;
    driver_peer.len -= n;
    return (long)n;
}

static inline long driver_write(struct stream *s, const struct iovec *parts, int count)
{
    (void)s, (void)count;
    return (long)parts[0].iov_len;
}

static inline bool driver_has_pending(const struct stream *s)
{
    (void)s;
    return false;
}

static inline void driver_close(struct stream *s)
{
    close(s->fd);
    s->fd = -1;
    driver_peer.is_closed = true;
}

static inline void driver_note(void *arg, enum fetch_event what)
{
    if (what & FETCH_OVER)
        ++*(unsigned *)arg;
}

/* The second one streams, the third has a body. */
static inline struct fetch *driver_start(struct fetch_engine *e, struct conn *c, int i,
                                         unsigned *told)
{
    static const struct fetch_header headers[] = {{"Host", NULL, 4, 0},
                                                  {"Content-Length", NULL, 14, 0}};
    struct fetch *f = engine_fetch_get(e);
    f->engine = e;
    f->told = driver_note;
    f->arg = told;
    f->retries = UINT8_MAX; /* not again: that would be on a connection of its own */
    f->response.times.start = 1;
    f->request = (struct fetch_request){.origin = c->lane->origin,
                                        .method = i == 2 ? "POST" : "GET",
                                        .method_len = i == 2 ? 4 : 3,
                                        .authority = "x",
                                        .authority_len = 1,
                                        .path = "/",
                                        .path_len = 1,
                                        .headers = headers,
                                        .header_count = i == 2 ? 2 : 1,
                                        .body = i == 2 ? "body" : NULL,
                                        .body_len = i == 2 ? 4 : 0,
                                        .events = i == 1 ? FETCH_READABLE : FETCH_OVER,
                                        .mode = i == 1 ? FETCH_STREAM : FETCH_COLLECT};
    f->is_reader_waiting = i == 1;
    pool_put(c, f);
    fetch_run(f);
    return f;
}

static inline size_t driver_read_stream(struct fetch *f)
{
    char buffer[4096];
    size_t all = 0;
    for (long n; (n = fetch_read(f, buffer, sizeof buffer)) > 0;)
        all += (size_t)n;
    return all;
}

struct driver_rig {
    struct fetch_engine *engine;
    struct fetch_pool *pool;
    const struct fetch_origin *origin;
    struct lane lane;
    struct conn *conn;
};

/* A connection on which nothing was said yet, and where no other can be made. */
static inline void driver_open(struct driver_rig *rig, size_t piece)
{
    static const struct protocol *const list[] = {&http2, NULL};
    static const struct protocols protocols = {.list = list, .plain = &http2};
    static struct event_base *base;
    static struct fetch_engine *e;
    if (!base) {
        base = event_base_new();
        e = fetch_engine_new(base, &protocols);
        fetch_engine_set_limits(e, (struct fetch_limits){DRIVER_BODY_MAX});
    }
    const struct fetch_target target = {.host = "127.0.0.1", .port = 1};
    static const struct stream_ops ops = {driver_read, driver_write, driver_has_pending,
                                          driver_close};
    rig->engine = e;
    rig->pool = fetch_pool_new(
        e,
        (struct fetch_pool_config){.max_idle_per_origin = 1, .max_per_origin = 1, .max_shared = 1});
    rig->origin = fetch_origin_get(e, &target);
    rig->lane =
        (struct lane){.pool = rig->pool, .origin = rig->origin, .conn_count = 1, .is_shared = true};
    struct conn *c = rig->conn = engine_conn_get(e);
    memset(&driver_peer, 0, sizeof driver_peer);
    driver_peer.piece = piece;
    c->lane = &rig->lane;
    c->stream = (struct stream){.ops = &ops, .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    c->protocol = &http2;
    e->counters.connections_open++;
    http2.open(c);
}

/* The server closes. */
static inline void driver_end(struct driver_rig *rig)
{
    driver_peer.is_over = true;
    if (!driver_peer.is_closed)
        http2.event(rig->conn, EV_READ);
}

/* Nothing is left of it. */
static inline void driver_fini(struct driver_rig *rig)
{
    const struct fetch_counters left = fetch_engine_counters(rig->engine);
    assert(driver_peer.is_closed && rig->lane.conn_count == 0 && !rig->lane.open &&
           rig->lane.retired_count == 0);
    assert(left.connections_open == 0 && left.awaiting == 0 && left.streams_open == 0);
    fetch_origin_put(rig->origin);
    fetch_pool_free(rig->pool);
}
