// SPDX-License-Identifier: MIT
/* What all pools of a process share, and memory that is used again.
 *
 * Free lists are bounded: a peak does not stay allocated.
 * An ordinary exchange takes everything but a large body from them.
 */
#include "worker/proto/circle.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/addresses.h"
#include "common/base/mem.h"
#include "worker/net/tls.h"
#include "worker/proto/polls.h"
#include "worker/proto/sources.h"

#define SPARE_LEAST (UINT64_C(128) << 10)
#define SPARE_MOST (UINT64_C(17) << 20) /* what a body of 8 to 16 MiB grows to */

#ifdef KATYDID_SANITIZE
#define SPARES_MAX 0u /* what is used after its end is found at once */
#else
#define SPARES_MAX 1024u
#endif
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

/* Of an exchange with the largest state: which protocol it will get is not known at its start. */
static size_t fetch_size(const struct protocols *protocols)
{
    size_t most = 0;
    for (; protocols; protocols = protocols->next) {
        most = protocols->plain->state_size > most ? protocols->plain->state_size : most;
        for (const struct protocol *const *p = protocols->list; *p; p++)
            most = (*p)->state_size > most ? (*p)->state_size : most;
    }
    return sizeof(struct fetch) + most;
}

struct fetch_engine *fetch_engine_new(struct event_base *base, const struct protocols *protocols)
{
    ignore_sigpipe();
    struct fetch_engine *e = mem_zalloc(sizeof *e);
    HANDLE_MADE(e, ENGINE_TAG);
    e->base = base;
    e->protocols = protocols;
    e->fetch_size = fetch_size(protocols);
    e->tls = tls_new();
    e->deadlines = deadlines_new(base);
    e->dns = dns_new(base, e->deadlines);
    e->limits.max_body = DEFAULT_MAX_BODY;
    e->kick = evtimer_new(base, on_kick, e);
    return e;
}

void fetch_engine_set_sources(struct fetch_engine *e, struct addresses *sources, uint32_t first)
{
    HANDLE_IS(e, ENGINE_TAG);
    addresses_free(e->sources);
    e->sources = sources;
    e->next_source = first;
}

void fetch_engine_set_polls(struct fetch_engine *e, const uint64_t *began_ns)
{
    HANDLE_IS(e, ENGINE_TAG);
    e->polled_ns = began_ns;
}

void fetch_engine_set_limits(struct fetch_engine *e, struct fetch_limits limits)
{
    HANDLE_IS(e, ENGINE_TAG);
    e->limits = limits;
}

static void free_spares(struct spares *list)
{
    while (list->first) {
        struct spare *spare = list->first;
        list->first = spare->next;
        free(spare);
    }
}

void fetch_engine_free(struct fetch_engine *e)
{
    if (!e)
        return;
    HANDLE_IS(e, ENGINE_TAG);
    event_free(e->kick);
    addresses_free(e->sources);
    for (size_t i = 0; i < e->origins.cap; i++)
        origin_free(e->origins.slots[i].value);
    map_fini(&e->origins);
    map_fini(&e->lanes);
    dns_free(e->dns);
    deadlines_free(e->deadlines);
    tls_free(e->tls);
    free_spares(&e->conns);
    free_spares(&e->fetches);
    free_spares(&e->blocks);
    for (size_t i = 0; i < BODY_SPARES; i++)
        sbuf_fini(&e->bodies[i]);
    sbuf_fini(&e->out);
    HANDLE_ENDS(e);
    free(e);
}

struct fetch_counters fetch_engine_counters(const struct fetch_engine *e)
{
    HANDLE_IS(e, ENGINE_TAG);
    struct fetch_counters counters = e->counters;
    counters.dns_lookups = dns_lookups(e->dns);
    counters.origins = e->origins.count;
    return counters;
}

static void *spare_take(struct spares *list)
{
    struct spare *memory = list->first;
    if (!memory)
        return NULL;
    list->first = memory->next;
    list->count--;
    return memory;
}

static void spare_give(struct spares *list, void *memory)
{
    struct spare *spare = memory;
    if (list->count == SPARES_MAX) {
        free(memory);
        return;
    }
    spare->next = list->first;
    list->first = spare;
    list->count++;
}

static void *take_zeroed(struct spares *list, size_t size)
{
    void *memory = spare_take(list);
    return memory ? memset(memory, 0, size) : mem_zalloc(size);
}

struct fetch *engine_fetch_get(struct fetch_engine *e)
{
    struct fetch *f = take_zeroed(&e->fetches, e->fetch_size);
    HANDLE_MADE(f, FETCH_TAG);
    return f;
}

void engine_fetch_put(struct fetch_engine *e, struct fetch *f)
{
    HANDLE_ENDS(f);
    spare_give(&e->fetches, f);
}

struct conn *engine_conn_get(struct fetch_engine *e)
{
    struct conn *c = take_zeroed(&e->conns, sizeof(struct conn));
    HANDLE_MADE(c, CONN_TAG);
    return c;
}

void engine_conn_put(struct fetch_engine *e, struct conn *c)
{
    HANDLE_ENDS(c);
    spare_give(&e->conns, c);
}

void *engine_block_get(struct fetch_engine *e)
{
    void *block = spare_take(&e->blocks);
    return block ? block : mem_realloc(NULL, ENGINE_BLOCK_SIZE);
}

void engine_block_put(struct fetch_engine *e, void *block)
{
    if (block)
        spare_give(&e->blocks, block);
}

/* The pages of a large body need not be made and cleared anew for the next. */
void engine_body_get(struct fetch_engine *e, struct sbuf *body, uint64_t length)
{
    if (length < SPARE_LEAST / 2)
        return;
    for (struct sbuf *b = e->bodies; b < e->bodies + BODY_SPARES; b++)
        if (b->cap > length && b->cap / 4 < length) {
            *body = *b;
            *b = (struct sbuf){0};
            return;
        }
}

void engine_body_put(struct fetch_engine *e, struct sbuf *body)
{
    struct sbuf *least = e->bodies;
    for (struct sbuf *b = least + 1; b < e->bodies + BODY_SPARES; b++)
        least = b->cap < least->cap ? b : least;
    if (body->cap > least->cap && body->cap >= SPARE_LEAST && body->cap <= SPARE_MOST) {
        const struct sbuf kept = {.data = body->data, .cap = body->cap};
        *body = *least;
        *least = kept;
    }
    sbuf_fini(body);
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
