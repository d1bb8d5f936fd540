// SPDX-License-Identifier: MIT
/* Whether the server is still there, as fetch_pool_config.ping_ms says. Whatever comes of it is an
 * answer. A machine that is gone without a word is noticed by nothing else while nobody asks it for
 * anything, and by a request only when its time is over. */
#include "worker/http2/h2.h"

#include <stddef.h>

#include "common/base/clk.h"

static const struct fetch_pool_config *config(const struct h2 *h)
{
    return &h->conn->lane->pool->config;
}

static void wait_ms(struct h2 *h, uint32_t ms, uint64_t now_ns)
{
    deadline_set(h->conn->lane->pool->engine->deadlines, &h->quiet, ms, now_ns);
}

static void ask(struct h2 *h, uint64_t now_ns)
{
    h->pinged_ns = now_ns;
    nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
    write_all(h);
}

static uint64_t left_ms(uint64_t since_ns, uint64_t now_ns, uint32_t ms)
{
    const uint64_t gone = now_ns - since_ns, all = ms * UINT64_C(1000000);
    return gone < all ? (all - gone + 999999) / 1000000 : 0;
}

static void on_quiet(struct deadline *d)
{
    struct h2 *h = (struct h2 *)((char *)d - offsetof(struct h2, quiet));
    const struct fetch_pool_config *c = config(h);
    const bool is_unanswered = h->pinged_ns && h->now_ns < h->pinged_ns;
    const uint64_t now = clk_mono_ns();
    const uint64_t since_ns = is_unanswered ? h->pinged_ns : h->now_ns;
    const uint32_t limit_ms = is_unanswered && c->ping_wait_ms ? c->ping_wait_ms : c->ping_ms;
    const uint64_t left = left_ms(since_ns, now, limit_ms);
    /* never longer, for with an answer the time until the next ping begins */
    wait_ms(h, left && left < c->ping_ms ? (uint32_t)left : c->ping_ms, now);
    if (left)
        return;
    h->pinged_ns = 0;
    if (is_unanswered)
        h->read_last(h); /* the answer may be there, where the loop was late */
    else if (!c->pings_busy_only || h->conn->exchanges)
        ask(h, now);
}

void ping_start(struct h2 *h, void (*read_last)(struct h2 *h))
{
    if (!config(h)->ping_ms)
        return;
    h->now_ns = clk_mono_ns();
    h->quiet.fire = on_quiet;
    h->read_last = read_last;
    wait_ms(h, config(h)->ping_ms, h->now_ns);
}

void ping_stop(struct h2 *h)
{
    deadline_clear(&h->quiet);
}
