// SPDX-License-Identifier: MIT
/* What all pools of a process share, and memory that is used again.
 *
 * Free lists are bounded: a peak does not stay allocated.
 * An ordinary exchange takes everything but a large body from them.
 */
#include "worker/http/fetch_int.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "worker/net/tls.h"

#define FREE_MAX 1024u
#define DEFAULT_MAX_BODY (UINT64_C(256) * 1024 * 1024)

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct fetch_engine *e = arg;
    while (e->kicked) {
        struct lane *lane = e->kicked;
        engine_unkick(e, lane);
        pool_run_queue(lane);
    }
}

/* TLS libraries write with write(2): a peer that is gone must not kill the process. */
static void ignore_sigpipe(void)
{
    struct sigaction old;
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
        const struct sigaction ignore = {.sa_handler = SIG_IGN};
        sigaction(SIGPIPE, &ignore, NULL);
    }
}

struct fetch_engine *fetch_engine_new(struct event_base *base)
{
    ignore_sigpipe();
    struct fetch_engine *e = mem_zalloc(sizeof *e);
    e->base = base;
    e->dns = dns_new(base);
    e->tls = tls_new();
    e->deadlines = deadlines_new(base);
    e->limits.max_body = DEFAULT_MAX_BODY;
    e->kick = evtimer_new(base, on_kick, e);
    return e;
}

void fetch_engine_set_limits(struct fetch_engine *e, struct fetch_limits limits)
{
    e->limits = limits;
}

static void free_memory(struct fetch_engine *e)
{
    while (e->free_conns) {
        struct conn *c = e->free_conns;
        e->free_conns = c->next;
        free(c);
    }
    while (e->free_fetches) {
        struct fetch *f = e->free_fetches;
        e->free_fetches = f->next;
        free(f);
    }
    while (e->free_blocks) {
        struct hresp_block *b = e->free_blocks;
        e->free_blocks = b->next;
        free(b);
    }
}

void fetch_engine_free(struct fetch_engine *e)
{
    if (!e)
        return;
    event_free(e->kick);
    for (size_t i = 0; i < e->origins.cap; i++)
        origin_free(e->origins.slots[i].value);
    map_fini(&e->origins);
    deadlines_free(e->deadlines);
    tls_free(e->tls);
    dns_free(e->dns);
    free_memory(e);
    free(e);
}

struct fetch_counters fetch_engine_counters(const struct fetch_engine *e)
{
    struct fetch_counters counters = e->counters;
    counters.dns_lookups = dns_lookups(e->dns);
    return counters;
}

struct fetch *engine_fetch_get(struct fetch_engine *e)
{
    struct fetch *f = e->free_fetches;
    if (!f)
        return mem_zalloc(sizeof *f);
    e->free_fetches = f->next;
    e->free_fetch_count--;
    memset(f, 0, sizeof *f);
    return f;
}

void engine_fetch_put(struct fetch_engine *e, struct fetch *f)
{
    if (e->free_fetch_count == FREE_MAX) {
        free(f);
        return;
    }
    f->next = e->free_fetches;
    e->free_fetches = f;
    e->free_fetch_count++;
}

struct conn *engine_conn_get(struct fetch_engine *e)
{
    struct conn *c = e->free_conns;
    if (!c)
        return mem_zalloc(sizeof *c);
    e->free_conns = c->next;
    e->free_conn_count--;
    memset(c, 0, sizeof *c);
    return c;
}

void engine_conn_put(struct fetch_engine *e, struct conn *c)
{
    if (e->free_conn_count == FREE_MAX) {
        free(c);
        return;
    }
    c->next = e->free_conns;
    e->free_conns = c;
    e->free_conn_count++;
}

struct hresp_block *engine_block_get(struct fetch_engine *e)
{
    struct hresp_block *b = e->free_blocks;
    if (!b)
        return mem_realloc(NULL, sizeof *b);
    e->free_blocks = b->next;
    e->free_block_count--;
    return b;
}

void engine_block_put(struct fetch_engine *e, struct hresp_block *b)
{
    if (!b)
        return;
    if (e->free_block_count == FREE_MAX) {
        free(b);
        return;
    }
    b->next = e->free_blocks;
    e->free_blocks = b;
    e->free_block_count++;
}

void engine_kick(struct fetch_engine *e, struct lane *lane)
{
    if (lane->is_kicked)
        return;
    lane->is_kicked = true;
    lane->next_kicked = e->kicked;
    e->kicked = lane;
    event_active(e->kick, EV_TIMEOUT, 0);
}

void engine_unkick(struct fetch_engine *e, struct lane *lane)
{
    if (!lane->is_kicked)
        return;
    struct lane **at = &e->kicked;
    while (*at != lane)
        at = &(*at)->next_kicked;
    *at = lane->next_kicked;
    lane->is_kicked = false;
}
