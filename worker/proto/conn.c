// SPDX-License-Identifier: MIT
/* One connection and its event.
 *
 * The event stays registered for reading from the first response to the close, so requests on a
 * warm connection touch no epoll set. While nothing is on it, it tells when the server closes. */
#include "worker/proto/circle.h"

#include "common/base/mem.h"

enum { READS_A_TURN = 32 };

static bool is_driven(const struct fetch_engine *e)
{
    return e->polled_ns && *e->polled_ns;
}

/* The events that are left stay with the base, and are not asked for again. */
static void break_off(struct fetch_engine *e)
{
    if (++e->told_once % READS_A_TURN == 0 && is_driven(e))
        event_base_loopbreak(e->base);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct conn *c = arg;
    if (c->is_told_once)
        break_off(c->lane->pool->engine);
    if (what & EV_TIMEOUT) { /* of conn_read_on: it has taken the event out */
        const short events = c->watched;
        c->watched = 0;
        conn_watch(c, events);
    }
    if (c->dial)
        dial_event(c);
    else
        c->protocol->event(c, what);
}

struct conn *conn_new(struct lane *lane, struct fetch *f)
{
    struct conn *c = engine_conn_get(lane->pool->engine);
    c->lane = lane;
    c->stream.fd = -1;
    lane->conn_count++;
    lane->dialing_count++;
    pool_put(c, f);
    return c;
}

/* Without it the exchanges would wait for ever. */
static void add_event(struct conn *c, const struct timeval *after)
{
    if (event_add(&c->event, after) != 0)
        mem_refused("a connection's event");
}

/* EV_CLOSED comes along: with the last bytes of a response it tells that the server has closed. */
void conn_watch(struct conn *c, short events)
{
    HANDLE_IS(c, CONN_TAG);
    if (c->watched == events)
        return;
    if (c->watched)
        event_del(&c->event);
    c->watched = events;
    if (!events)
        return;
    const short closed = events & EV_READ ? EV_CLOSED : 0;
    const short once = c->is_told_once ? EV_ET : 0;
    event_assign(&c->event, c->lane->pool->engine->base, c->stream.fd,
                 (short)(events | closed | once | EV_PERSIST), on_event, c);
    add_event(c, NULL);
}

void conn_tell_once(struct conn *c)
{
    c->is_told_once = is_driven(c->lane->pool->engine);
}

void conn_tell_again(struct conn *c)
{
    const short events = c->watched;
    if (!c->is_told_once)
        return;
    c->is_told_once = false;
    conn_watch(c, 0);
    conn_watch(c, events);
}

/* An event that makes itself active in its callback would keep timers and other sockets waiting for
 * as long as bytes come. What lies in the socket wakes the next turn by itself; what TLS holds, a
 * timer that is over. */
void conn_read_on(struct conn *c)
{
    HANDLE_IS(c, CONN_TAG);
    const struct timeval now = {0, 0};
    if (c->watched && c->stream.ops->has_pending(&c->stream))
        add_event(c, &now);
}

void conn_release(struct conn *c, struct fetch *f, bool goes_on)
{
    HANDLE_IS(c, CONN_TAG);
    pool_take(c, f);
    c->has_served = true;
    c->idle_since_ns = f->response.times.last_byte ? f->last_io_ns : 0;
    if (goes_on && !c->is_unusable && (c->exchanges || c->capacity)) {
        pool_left(c);
        return;
    }
    c->is_unusable = true;
    pool_unlist(c);
    if (!c->exchanges)
        conn_close(c);
}

void conn_close(struct conn *c)
{
    HANDLE_IS(c, CONN_TAG);
    struct lane *lane = c->lane;
    struct fetch_engine *e = lane->pool->engine;
    pool_unlist(c);
    pool_told(c);
    if (c->dial)
        dial_cancel(c);
    conn_watch(c, 0);
    if (c->protocol) {
        e->counters.connections_open--;
        if (c->protocol->close)
            c->protocol->close(c);
    } else {
        lane->dialing_count--;
    }
    if (c->stream.fd >= 0)
        c->stream.ops->close(&c->stream);
    lane->conn_count--;
    lane->retired_count -= c->is_retired;
    if (lane->queue)
        engine_kick(e, lane);
    engine_conn_put(e, c);
}
