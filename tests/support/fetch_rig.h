// SPDX-License-Identifier: MIT
#pragma once
/* fetch_rig: an engine, a pool and a loop for the tests of fetch; every wait has a deadline. */
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/http1/http1.h"
#include "worker/proto/client.h"
#include "worker/proto/polls.h"

#define RIG_PATIENCE_MS 60000

static const struct protocol *const rig_list[] = {&http1, NULL};
static const struct protocols rig_protocols = {
    .list = rig_list, .plain = &http1, .tunnel = &http1_tunnel};

struct rig {
    struct event_base *base;
    struct event *tick; /* keeps every turn short */
    struct fetch_engine *engine;
    struct fetch_pool *pool;
    const struct fetch_origin *origin;
    struct fetch_request request; /* what the next rig_start takes besides path and origin */
    uint64_t polled_ns;           /* as the worker's loop tells it */
    unsigned calls;               /* of the callback */
    struct rig_head *heads;       /* of all exchanges, until rig_fini */
};

struct rig_head {
    struct rig_head *next;
    struct fetch_header headers[2];
    char path[256];
};

static inline void rig_on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

/* At most a tick long. */
static inline void rig_turn(struct rig *r)
{
    const uint64_t began_ns = clk_mono_ns();
    event_base_loop(r->base, EVLOOP_ONCE);
    if (!event_base_got_break(r->base))
        r->polled_ns = began_ns;
}

static inline void rig_init_with(struct rig *r, const struct fetch_target *t,
                                 struct fetch_pool_config config, const struct protocols *protocols)
{
    const struct timeval tick = {0, 10000};
    *r = (struct rig){.base = event_base_new()};
    r->tick = event_new(r->base, -1, EV_PERSIST, rig_on_tick, r);
    event_add(r->tick, &tick);
    r->engine = fetch_engine_new(r->base, protocols);
    fetch_engine_set_polls(r->engine, &r->polled_ns);
    rig_turn(r);
    r->pool = fetch_pool_new(r->engine, config);
    r->origin = fetch_origin_get(r->engine, t);
}

static inline void rig_init(struct rig *r, const struct fetch_target *t,
                            struct fetch_pool_config config)
{
    rig_init_with(r, t, config, &rig_protocols);
}

static inline void rig_fini(struct rig *r)
{
    fetch_pool_free(r->pool);
    fetch_engine_free(r->engine);
    event_free(r->tick);
    event_base_free(r->base);
    while (r->heads) {
        struct rig_head *head = r->heads;
        r->heads = head->next;
        free(head);
    }
}

static inline void rig_on_event(void *arg, enum fetch_event what)
{
    (void)what;
    ((struct rig *)arg)->calls++;
}

/* "GET path" with the rig's settings. */
static inline struct fetch *rig_start(struct rig *r, const char *method, const char *path)
{
    struct rig_head *head = mem_zalloc(sizeof *head);
    struct fetch_request q = r->request;
    head->next = r->heads;
    r->heads = head;
    head->headers[0] = (struct fetch_header){"Host", "x", 4, 1};
    head->headers[1] = (struct fetch_header){"Content-Length", NULL, 14, 0};
    snprintf(head->path, sizeof head->path, "%s", path);
    q.method = method; /* a literal */
    q.method_len = strlen(method);
    q.authority = "x";
    q.authority_len = 1;
    q.path = head->path;
    q.path_len = strlen(head->path);
    q.headers = head->headers;
    q.header_count = q.body_len ? 2 : 1;
    q.origin = r->origin;
    q.events = q.mode == FETCH_STREAM ? FETCH_READABLE : FETCH_OVER;
    return fetch_start(r->pool, &q, rig_on_event, r);
}

static inline void rig_run_for(struct rig *r, unsigned ms)
{
    const uint64_t end = clk_mono_ns() + ms * UINT64_C(1000000);
    while (clk_mono_ns() < end)
        rig_turn(r);
}

/* Runs the loop until what is true; false after RIG_PATIENCE_MS. */
#define rig_until(r, what)                                                                         \
    ({                                                                                             \
        const uint64_t rig_end = clk_mono_ns() + RIG_PATIENCE_MS * UINT64_C(1000000);              \
        while (!(what) && clk_mono_ns() < rig_end)                                                 \
            rig_turn(r);                                                                           \
        (bool)(what);                                                                              \
    })

/* Starts and waits; the caller frees. */
static inline struct fetch *rig_get(struct rig *r, const char *path)
{
    struct fetch *f = rig_start(r, "GET", path);
    if (!rig_until(r, fetch_is_done(f)))
        fprintf(stderr, "%s did not end\n", path);
    return f;
}
