// SPDX-License-Identifier: MIT
/* One connection and its event.
 *
 * The event stays registered for reading from the first response to the close, so requests on a
 * warm connection touch no epoll set. While idle it tells when the server closes. */
#include "worker/http1/fetch_int.h"

#include "common/base/clk.h"

static void on_idle(struct conn *c)
{
    /* Nothing may come now. What TLS handles by itself (a new ticket) is nothing. */
    struct fetch_engine *e = c->lane->pool->engine;
    if (c->stream.ops->read(&c->stream, e->in, sizeof e->in) == STREAM_AGAIN)
        return;
    pool_drop(c);
    conn_close(c);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct conn *c = arg;
    if (what & EV_TIMEOUT) { /* of conn_read_on: it has taken the event out */
        const short events = c->watched;
        c->watched = 0;
        conn_watch(c, events);
    }
    switch ((enum conn_phase)c->phase) {
    case CONN_BUSY:
        fetch_io_event(c, what);
        break;
    case CONN_IDLE:
        on_idle(c);
        break;
    case CONN_DIALING:
        dial_event(c);
        break;
    }
}

struct conn *conn_new(struct lane *lane, struct fetch *f)
{
    struct fetch_engine *e = lane->pool->engine;
    struct conn *c = engine_conn_get(e);
    c->lane = lane;
    c->fetch = f;
    c->phase = CONN_DIALING;
    c->stream.fd = -1;
    f->conn = c;
    lane->open_count++;
    return c;
}

/* EV_CLOSED comes along: with the last bytes of a response it tells that the server has closed. */
void conn_watch(struct conn *c, short events)
{
    if (c->watched == events)
        return;
    if (c->watched)
        event_del(&c->event);
    c->watched = events;
    if (!events)
        return;
    const short closed = events & EV_READ ? EV_CLOSED : 0;
    event_assign(&c->event, c->lane->pool->engine->base, c->stream.fd,
                 (short)(events | closed | EV_PERSIST), on_event, c);
    event_add(&c->event, NULL);
}

/* An event that makes itself active in its callback would keep timers and other sockets waiting for
 * as long as bytes come. What lies in the socket wakes the next turn by itself; what TLS holds, a
 * timer that is over. */
void conn_read_on(struct conn *c)
{
    const struct timeval now = {0, 0};
    if (c->watched && c->stream.ops->has_pending(&c->stream))
        event_add(&c->event, &now);
}

void conn_close(struct conn *c)
{
    struct lane *lane = c->lane;
    struct fetch_engine *e = lane->pool->engine;
    if (c->dial)
        dial_cancel(c);
    conn_watch(c, 0);
    if (c->phase != CONN_DIALING)
        e->counters.connections_open--;
    if (c->stream.fd >= 0)
        c->stream.ops->close(&c->stream);
    lane->open_count--;
    if (lane->queue)
        engine_kick(e, lane);
    engine_conn_put(e, c);
}
