// SPDX-License-Identifier: MIT
/* Which connection serves which exchange.
 *
 * One lane per origin and pool: connections that have room for more, most recently used first, so
 * that few stay warm and the rest can be dropped; and exchanges that wait because the lane has all
 * the connections it may have, or because one is being made that will carry several of them. A
 * session talks to few origins, but a target may redirect it to new ones without end: it keeps the
 * lanes that it used last. The newest is looked at first, the others are found by a map.
 */
#include "worker/proto/circle.h"

#include <stdlib.h>

#include "common/base/clk.h"
#include "common/base/mem.h"

/* Read, or looked at by the loop, at most this long ago. Longer: the caller may have blocked the
 * loop meanwhile, so ask the socket itself whether the server has closed, or has said something
 * (408) that must not be taken for an answer. What it does after that, the protocol sees to. */
#define TRUSTED_NS UINT64_C(10000000)

#define LANES_MAX 64u    /* of a pool, but for those that are busy */
#define LOOKED_AT_MAX 8u /* of those, for one to give up */

struct fetch_pool *fetch_pool_new(struct fetch_engine *e, struct fetch_pool_config config)
{
    struct fetch_pool *p = mem_zalloc(sizeof *p);
    HANDLE_IS(e, ENGINE_TAG);
    HANDLE_MADE(p, POOL_TAG);
    p->engine = e;
    p->config = config;
    p->source = e->next_source++;
    return p;
}

static void close_idle(struct lane *lane)
{
    for (struct conn *c = lane->open, *next; c; c = next) {
        next = c->next;
        if (!c->exchanges)
            conn_close(c);
    }
}

void fetch_pool_close_idle(struct fetch_pool *p)
{
    HANDLE_IS(p, POOL_TAG);
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
        if (lane->conn_count == lane->idle_count && !lane->queue)
            lane_free(lane);
        lane = newer;
    }
}

/* Before a first connection says which protocol it speaks: the best that it may turn out to be. */
static unsigned expected_capacity(const struct fetch_origin *origin)
{
    const struct protocol *const *p = origin->protocols->list;
    unsigned most = 1;
    if (!origin->is_tls)
        return origin->protocols->plain->capacity;
    for (; *p; p++)
        most = (*p)->capacity > most ? (*p)->capacity : most;
    return most;
}

static struct lane *lane_new(struct fetch_pool *p, const struct lane_key *key, uint64_t hash)
{
    make_room(p);
    struct lane *lane = mem_zalloc(sizeof *lane);
    lane->pool = p;
    lane->origin = origin_ref(key->origin);
    lane->expected = expected_capacity(key->origin);
    lane->is_shared = lane->expected > 1;
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

/* ---- connections with room ------------------------------------------------------------------ */

static void list_first(struct conn *c)
{
    struct lane *lane = c->lane;
    c->is_listed = true;
    c->prev = NULL;
    c->next = lane->open;
    *(c->next ? &c->next->prev : &lane->oldest) = c;
    lane->open = c;
    lane->idle_count += !c->exchanges;
}

void pool_unlist(struct conn *c)
{
    struct lane *lane = c->lane;
    if (!c->is_listed)
        return;
    c->is_listed = false;
    *(c->prev ? &c->prev->next : &lane->open) = c->next;
    *(c->next ? &c->next->prev : &lane->oldest) = c->prev;
    lane->idle_count -= !c->exchanges;
}

void pool_put(struct conn *c, struct fetch *f)
{
    if (c->is_listed && c->exchange_count + 1 >= c->capacity)
        pool_unlist(c);
    else if (c->is_listed)
        c->lane->idle_count -= !c->exchanges;
    f->conn = c;
    f->prev = NULL;
    f->next = c->exchanges;
    if (f->next)
        f->next->prev = f;
    c->exchanges = f;
    c->exchange_count++;
}

void pool_take(struct conn *c, struct fetch *f)
{
    *(f->prev ? &f->prev->next : &c->exchanges) = f->next;
    if (f->next)
        f->next->prev = f->prev;
    f->next = f->prev = NULL;
    f->conn = NULL;
    c->exchange_count--;
    if (c->is_listed)
        c->lane->idle_count += !c->exchanges;
}

static void kick_queue(struct lane *lane)
{
    if (lane->queue)
        engine_kick(lane->pool->engine, lane);
}

void pool_told(struct conn *c)
{
    c->lane->untold_count -= c->is_untold;
    c->is_untold = false;
}

static void set_capacity(struct conn *c, unsigned capacity)
{
    c->capacity = capacity;
    if (c->exchange_count >= capacity)
        pool_unlist(c);
    else if (!c->is_listed && !c->is_unusable)
        list_first(c);
    kick_queue(c->lane);
}

void pool_set_capacity(struct conn *c, unsigned capacity)
{
    HANDLE_IS(c, CONN_TAG);
    pool_told(c);
    if (capacity)
        c->lane->expected = capacity;
    set_capacity(c, capacity);
}

void pool_retire(struct conn *c)
{
    HANDLE_IS(c, CONN_TAG);
    if (c->is_retired)
        return;
    c->is_retired = c->is_unusable = true;
    c->lane->retired_count++;
    pool_told(c);
    pool_unlist(c);
    kick_queue(c->lane);
}

void pool_opened(struct conn *c)
{
    c->lane->dialing_count--;
    c->lane->is_shared = c->protocol->capacity > 1;
    if (!c->capacity) {
        pool_set_capacity(c, c->protocol->capacity);
        return;
    }
    c->is_untold = true;
    c->lane->untold_count++;
    set_capacity(c, c->capacity);
}

static void close_oldest_idle(struct lane *lane)
{
    struct conn *c = lane->oldest;
    while (c->exchanges)
        c = c->prev;
    conn_close(c);
}

void pool_left(struct conn *c)
{
    struct lane *lane = c->lane;
    if (!c->is_listed && c->exchange_count < c->capacity)
        list_first(c);
    kick_queue(lane);
    if (lane->idle_count > lane->pool->config.max_idle_per_origin)
        close_oldest_idle(lane);
}

static bool is_trusted(const struct conn *c, uint64_t now_ns)
{
    const uint64_t *polled_ns = c->lane->pool->engine->polled_ns;
    return now_ns - c->idle_since_ns <= TRUSTED_NS ||
           (polled_ns && now_ns - *polled_ns <= TRUSTED_NS);
}

/* One to put an exchange on. */
static struct conn *find_open(struct lane *lane, uint64_t now_ns)
{
    struct conn *c;
    while ((c = lane->open)) {
        if (c->exchanges || is_trusted(c, now_ns) || !c->protocol->is_stale(c))
            return c;
        conn_close(c);
    }
    return NULL;
}

/* ---- exchanges ------------------------------------------------------------------------------ */

static void enqueue(struct lane *lane, struct fetch *f)
{
    f->state = FETCH_IS_QUEUED;
    f->lane = lane;
    f->next = NULL;
    f->prev = lane->queue_tail;
    *(lane->queue_tail ? &lane->queue_tail->next : &lane->queue) = f;
    lane->queue_tail = f;
    lane->queued_count++;
    if (lane->is_shared && lane->dialing_count && f->request.connect_timeout_ms)
        fetch_start_phase(f, f->request.connect_timeout_ms, clk_mono_ns());
}

void pool_unqueue(struct fetch *f)
{
    struct lane *lane = f->lane;
    *(f->prev ? &f->prev->next : &lane->queue) = f->next;
    *(f->next ? &f->next->prev : &lane->queue_tail) = f->prev;
    f->next = f->prev = NULL;
    f->lane = NULL;
    lane->queued_count--;
}

/* Whether the first of that many that wait is served now: by a connection with room, or by a new
 * one, unless those that are being made, or have not said how many they take, will have room for
 * all of them. */
static bool can_serve(const struct lane *lane, unsigned waiting)
{
    const struct fetch_pool_config *config = &lane->pool->config;
    const unsigned max =
        lane->is_shared && config->max_shared ? config->max_shared : config->max_per_origin;
    if (lane->open)
        return true;
    const uint64_t coming = lane->dialing_count + lane->untold_count;
    if (coming && coming * (lane->expected - 1) >= waiting)
        return false;
    return !max || lane->conn_count - lane->retired_count < max;
}

void pool_dial(struct lane *lane, struct fetch *f, uint64_t now_ns)
{
    f->state = FETCH_IS_DIALING;
    f->response.times.dialed = now_ns;
    dial_start(conn_new(lane, f));
}

static void serve(struct lane *lane, struct fetch *f, uint64_t now_ns)
{
    struct conn *c = find_open(lane, now_ns);
    if (!c) {
        pool_dial(lane, f, now_ns);
        return;
    }
    pool_put(c, f);
    lane->pool->engine->counters.connections_reused++;
    fetch_run(f);
}

void pool_assign(struct fetch_pool *p, struct fetch *f)
{
    const struct fetch_origin *origin = f->request.origin;
    struct lane *lane = lane_get(p, origin->instead ? origin->instead : origin);
    if (!lane->queue && can_serve(lane, 1)) {
        serve(lane, f, f->response.times.start);
        return;
    }
    enqueue(lane, f);
    if (can_serve(lane, lane->queued_count)) /* with this one they are too many to wait */
        engine_kick(p->engine, lane);
}

void pool_run_queue(struct lane *lane)
{
    /* Each round takes one exchange off the queue, but the callback of one that fails at once may
     * free what is looked at here: one a turn, the rest in the next. */
    struct fetch *f = lane->queue;
    if (!f || !can_serve(lane, lane->queued_count))
        return;
    pool_unqueue(f);
    kick_queue(lane);
    serve(lane, f, clk_mono_ns());
}
