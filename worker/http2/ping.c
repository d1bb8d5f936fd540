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
    wait_ms(h, config(h)->ping_wait_ms ? config(h)->ping_wait_ms : config(h)->ping_ms, now_ns);
    h->pinged_ns = now_ns;
    nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
    write_all(h);
}

static void on_quiet(struct deadline *d)
{
    struct h2 *h = (struct h2 *)((char *)d - offsetof(struct h2, quiet));
    const bool is_unanswered = h->pinged_ns && h->now_ns < h->pinged_ns;
    const uint64_t now = clk_mono_ns(), after_ns = config(h)->ping_ms * UINT64_C(1000000);
    const uint64_t quiet_ns = now - h->now_ns;
    h->pinged_ns = 0;
    if (is_unanswered) {
        wait_ms(h, config(h)->ping_ms, now);
        h->read_last(h); /* the answer may be there, where the loop was late */
    } else if (quiet_ns < after_ns) {
        wait_ms(h, (uint32_t)((after_ns - quiet_ns + 999999) / 1000000), now);
    } else if (config(h)->pings_busy_only && !h->conn->exchanges) {
        wait_ms(h, config(h)->ping_ms, now);
    } else {
        ask(h, now);
    }
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
