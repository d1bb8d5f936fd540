// SPDX-License-Identifier: MIT
/* Which connection serves which exchange.
 *
 * One lane per origin and pool: idle connections, most recently used first, so that few stay warm
 * and the rest can be dropped; and exchanges that wait because the lane has all the connections it
 * may have. A session talks to few origins, but a target may redirect it to new ones without end:
 * it keeps the lanes that it used last. The newest is looked at first, the others are found by a
 * map.
 */
#include "worker/http1/fetch_int.h"

#include <stdlib.h>

#include "common/base/clk.h"
#include "common/base/mem.h"

/* Idle at most this long: the loop has just looked at it. Longer: the caller may have blocked the
 * loop meanwhile, so ask the socket itself whether the server has closed, or has said something
 * (408) that must not be taken for an answer. What it does after that, fetch_io sees to. */
#define TRUSTED_IDLE_NS UINT64_C(10000000)

#define LANES_MAX 64u    /* of a pool, but for those that are busy */
#define LOOKED_AT_MAX 8u /* of those, for one to give up */

struct fetch_pool *fetch_pool_new(struct fetch_engine *e, struct fetch_pool_config config)
{
    struct fetch_pool *p = mem_zalloc(sizeof *p);
    p->engine = e;
    p->config = config;
    return p;
}

static void close_idle(struct lane *lane)
{
    while (lane->idle) {
        struct conn *c = lane->idle;
        pool_drop(c);
        conn_close(c);
    }
}

void fetch_pool_close_idle(struct fetch_pool *p)
{
    for (struct lane *lane = p->lanes; lane; lane = lane->next)
        close_idle(lane);
}

struct lane_key {
    const struct fetch_pool *pool;
    const struct fetch_origin *origin;
};

static uint64_t lane_hash(const struct lane_key *key)
{
    return map_hash(0, key, sizeof *key);
}

static bool lane_is(const void *value, const void *key)
{
    const struct lane *lane = value;
    const struct lane_key *k = key;
    return lane->pool == k->pool && lane->origin == k->origin;
}

static void unlink_lane(struct lane *lane)
{
    struct fetch_pool *p = lane->pool;
    *(lane->prev ? &lane->prev->next : &p->lanes) = lane->next;
    *(lane->next ? &lane->next->prev : &p->last_lane) = lane->prev;
}

static void link_first(struct lane *lane)
{
    struct fetch_pool *p = lane->pool;
    lane->prev = NULL;
    lane->next = p->lanes;
    *(lane->next ? &lane->next->prev : &p->last_lane) = lane;
    p->lanes = lane;
}

static void lane_free(struct lane *lane)
{
    struct fetch_pool *p = lane->pool;
    const struct lane_key key = {p, lane->origin};
    close_idle(lane);
    engine_unkick(p->engine, lane);
    unlink_lane(lane);
    p->lane_count--;
    map_remove(&p->engine->lanes, lane_hash(&key), lane);
    fetch_origin_put(lane->origin);
    free(lane);
}

void fetch_pool_free(struct fetch_pool *p)
{
    if (!p)
        return;
    while (p->lanes)
        lane_free(p->lanes);
    free(p);
}

static void make_room(struct fetch_pool *p)
{
    struct lane *lane = p->last_lane;
    for (unsigned i = 0; lane && i < LOOKED_AT_MAX && p->lane_count >= LANES_MAX; i++) {
        struct lane *newer = lane->prev;
        if (lane->open_count == lane->idle_count && !lane->queue)
            lane_free(lane);
        lane = newer;
    }
}

static struct lane *lane_new(struct fetch_pool *p, const struct lane_key *key, uint64_t hash)
{
    make_room(p);
    struct lane *lane = mem_zalloc(sizeof *lane);
    lane->pool = p;
    lane->origin = origin_ref(key->origin);
    p->lane_count++;
    map_add(&p->engine->lanes, hash, lane);
    return lane;
}

static struct lane *lane_get(struct fetch_pool *p, const struct fetch_origin *origin)
{
    if (p->lanes && p->lanes->origin == origin)
        return p->lanes;
    const struct lane_key key = {p, origin};
    const uint64_t hash = lane_hash(&key);
    struct lane *lane = map_find(&p->engine->lanes, hash, lane_is, &key);
    if (lane)
        unlink_lane(lane);
    else
        lane = lane_new(p, &key, hash);
    link_first(lane);
    return lane;
}

void pool_drop(struct conn *c)
{
    struct lane *lane = c->lane;
    *(c->prev ? &c->prev->next : &lane->idle) = c->next;
    *(c->next ? &c->next->prev : &lane->oldest) = c->prev;
    c->next = c->prev = NULL;
    lane->idle_count--;
    c->phase = CONN_BUSY;
}

/* Has the peer closed, or sent something nobody asked for? */
static bool is_stale(struct conn *c)
{
    struct fetch_engine *e = c->lane->pool->engine;
    return c->stream.ops->read(&c->stream, e->in, sizeof e->in) != STREAM_AGAIN;
}

static struct conn *take_idle(struct lane *lane, uint64_t now_ns)
{
    while (lane->idle) {
        struct conn *c = lane->idle;
        pool_drop(c);
        if (now_ns - c->idle_since_ns <= TRUSTED_IDLE_NS || !is_stale(c))
            return c;
        conn_close(c);
    }
    return NULL;
}

static void enqueue(struct lane *lane, struct fetch *f)
{
    f->state = FETCH_IS_QUEUED;
    f->lane = lane;
    f->next = NULL;
    f->prev = lane->queue_tail;
    *(lane->queue_tail ? &lane->queue_tail->next : &lane->queue) = f;
    lane->queue_tail = f;
}

void pool_unqueue(struct fetch *f)
{
    struct lane *lane = f->lane;
    *(f->prev ? &f->prev->next : &lane->queue) = f->next;
    *(f->next ? &f->next->prev : &lane->queue_tail) = f->prev;
    f->next = f->prev = NULL;
    f->lane = NULL;
}

static bool has_room(const struct lane *lane)
{
    const unsigned max = lane->pool->config.max_per_origin;
    return lane->idle || !max || lane->open_count < max;
}

void pool_dial(struct lane *lane, struct fetch *f, uint64_t now_ns)
{
    f->state = FETCH_IS_DIALING;
    f->response.times.dialed = now_ns;
    dial_start(conn_new(lane, f));
}

static void serve(struct lane *lane, struct fetch *f, uint64_t now_ns)
{
    struct conn *c = take_idle(lane, now_ns);
    if (!c) {
        pool_dial(lane, f, now_ns);
        return;
    }
    c->fetch = f;
    c->was_reused = true;
    f->conn = c;
    lane->pool->engine->counters.connections_reused++;
    fetch_io_send(f);
}

void pool_assign(struct fetch_pool *p, struct fetch *f)
{
    struct lane *lane = lane_get(p, f->request.origin);
    if (lane->queue || !has_room(lane))
        enqueue(lane, f);
    else
        serve(lane, f, f->response.times.start);
}

void pool_run_queue(struct lane *lane)
{
    /* Each round takes one exchange off the queue, but the callback of one that fails at once may
     * free what is looked at here: one a turn, the rest in the next. */
    struct fetch *f = lane->queue;
    if (!f || !has_room(lane))
        return;
    const bool has_more = f->next != NULL;
    pool_unqueue(f);
    if (has_more)
        engine_kick(lane->pool->engine, lane);
    serve(lane, f, clk_mono_ns());
}

void pool_keep(struct conn *c)
{
    struct lane *lane = c->lane;
    c->phase = CONN_IDLE;
    c->prev = NULL;
    c->next = lane->idle;
    *(c->next ? &c->next->prev : &lane->oldest) = c;
    lane->idle = c;
    lane->idle_count++;
    if (lane->queue)
        engine_kick(lane->pool->engine, lane);
    if (lane->idle_count > lane->pool->config.max_idle_per_origin) {
        struct conn *oldest = lane->oldest;
        pool_drop(oldest);
        conn_close(oldest);
    }
}
