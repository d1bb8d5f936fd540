// SPDX-License-Identifier: MIT
/* Whether the server is still there, as fetch_pool_config.ping_ms says. Whatever comes of it is an
 * answer. A machine that is gone without a word is noticed by nothing else while nobody asks it for
 * anything, and by a request only when its time is over. */
#include "worker/http2/h2.h"

#include <stddef.h>

#include "common/base/clk.h"

static uint32_t limit_ms(const struct h2 *h)
{
    return h->conn->lane->pool->config.ping_ms;
}

static void wait_from(struct h2 *h, uint32_t ms, uint64_t now_ns)
{
    deadline_set(h->conn->lane->pool->engine->deadlines, &h->quiet, ms, now_ns);
}

static void on_quiet(struct deadline *d)
{
    struct h2 *h = (struct h2 *)((char *)d - offsetof(struct h2, quiet));
    const uint64_t now = clk_mono_ns(), limit_ns = limit_ms(h) * UINT64_C(1000000);
    const uint64_t quiet_ns = now - h->now_ns;
    if (quiet_ns < limit_ns) {
        h->is_pinged = false;
        wait_from(h, (uint32_t)((limit_ns - quiet_ns + 999999) / 1000000), now);
        return;
    }
    wait_from(h, limit_ms(h), now);
    if (h->is_pinged) { /* the answer may be there, where the loop was late */
        h->is_pinged = false;
        h->read_last(h);
        return;
    }
    h->is_pinged = true;
    nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
    write_all(h);
}

void ping_start(struct h2 *h, void (*read_last)(struct h2 *h))
{
    if (!limit_ms(h))
        return;
    h->now_ns = clk_mono_ns();
    h->quiet.fire = on_quiet;
    h->read_last = read_last;
    wait_from(h, limit_ms(h), h->now_ns);
}

void ping_stop(struct h2 *h)
{
    deadline_clear(&h->quiet);
}
