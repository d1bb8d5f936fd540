// SPDX-License-Identifier: MIT
/* How a connection comes to be: resolve, connect (each address in turn; or a Unix socket by its
 * path), ask the proxy for a tunnel, TLS handshake. Each step either waits for the connection's
 * event or ends in ready or failed.
 *
 * A connection is dialed for one exchange; when that goes, the attempt goes with it.
 */
#include "worker/proto/circle.h"

#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/addresses.h"
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/net/sock.h"
#include "worker/net/tls.h"

/* A Unix socket whose listener has a full queue tells nobody when there is room. */
#define FULL_WAIT_US 1000
#define FULL_MOST_NS UINT64_C(60000000000)

#define NO_SOURCE EPFNOSUPPORT /* none of the system's own: errors.py of pylib has its words */

enum dial_step {
    DIAL_RESOLVE,
    DIAL_CONNECT,
    DIAL_CONNECTED,
    DIAL_TUNNEL,
    DIAL_HANDSHAKE,
};

struct dial {
    struct conn *conn;
    enum dial_step step;
    struct dns_query query;
    unsigned next_addr;
    int last_errno;
    void *tunnel; /* the state of one that is asked for */
    struct event again;
    uint64_t since_ns; /* of a Unix socket */
};

static struct fetch_engine *engine_of(const struct conn *c)
{
    return c->lane->pool->engine;
}

static const char *dialed_host(const struct conn *c)
{
    const struct fetch_origin *o = c->lane->origin;
    return o->proxy_host ? o->proxy_host : o->host;
}

void dial_cancel(struct conn *c)
{
    struct dial *d = c->dial;
    c->dial = NULL;
    evtimer_del(&d->again);
    dns_cancel(&d->query);
    if (d->step == DIAL_CONNECT) /* refused, or nobody answered in time: it may have moved */
        dns_forget(engine_of(c)->dns, dialed_host(c));
    if (d->tunnel)
        c->lane->origin->protocols->tunnel->close(d->tunnel);
    free(d);
}

static void failed(struct conn *c, enum fetch_error error, int sys, const char *text)
{
    struct fetch *f = c->exchanges;
    fetch_failed(f, error, sys, NULL);
    if (text)
        fetch_set_text(f, text);
    fetch_end(f);
    fetch_tell_end(f);
}

/* What was agreed on, or goes without saying. */
static const struct protocol *agreed(const struct conn *c)
{
    const struct protocols *known = c->lane->origin->protocols;
    const struct protocol *spoken = known->plain;
    size_t len = 0;
    const char *name = c->stream.tls ? tls_protocol(&c->stream, &len) : NULL;
    for (const struct protocol *const *p = known->list; c->stream.tls && *p; p++) {
        spoken = *p;
        if (name && strlen(spoken->name) == len && !memcmp(spoken->name, name, len))
            break;
    }
    return spoken;
}

static void ready(struct conn *c)
{
    struct fetch_engine *e = engine_of(c);
    dial_cancel(c);
    c->protocol = agreed(c);
    e->counters.connections_opened++;
    e->counters.connections_open++;
    if (c->protocol->open)
        c->protocol->open(c);
    pool_opened(c);
    fetch_run(c->exchanges);
}

/* ---- TLS ---- */

static void shake(struct conn *c)
{
    struct fetch_engine *e = engine_of(c);
    switch (tls_handshake(&c->stream)) {
    case TLS_WANT_READ:
        conn_watch(c, EV_READ);
        return;
    case TLS_WANT_WRITE:
        conn_watch(c, EV_WRITE);
        return;
    case TLS_FAILED:
        failed(c, FETCH_TLS, c->stream.sys, tls_text(e->tls));
        return;
    case TLS_NOT_TRUSTED:
        failed(c, FETCH_TLS_VERIFY, 0, tls_text(e->tls));
        return;
    case TLS_DONE:
        break;
    }
    c->exchanges->response.times.secured = clk_mono_ns();
    if (tls_is_resumed(&c->stream))
        e->counters.tls_resumed++;
    ready(c);
}

static void secure(struct conn *c)
{
    if (!c->lane->origin->is_tls) {
        ready(c);
        return;
    }
    struct tls_origin *o = origin_tls(c->lane->origin);
    if (!o) {
        failed(c, FETCH_TLS, 0, tls_text(engine_of(c)->tls));
        return;
    }
    c->dial->step = DIAL_HANDSHAKE;
    tls_start(o, &c->stream);
    shake(c);
}

/* ---- proxy ---- */

static void go_on_asking(struct conn *c)
{
    struct tunnel_failure why = {0};
    switch (c->lane->origin->protocols->tunnel->go(c->dial->tunnel, &c->stream, &why)) {
    case TUNNEL_READ:
        conn_watch(c, EV_READ);
        return;
    case TUNNEL_WRITE:
        conn_watch(c, EV_WRITE);
        return;
    case TUNNEL_FAILED:
        failed(c, FETCH_PROXY, why.sys, why.text);
        return;
    case TUNNEL_DONE:
        c->exchanges->response.times.connected = clk_mono_ns();
        secure(c);
        return;
    }
}

static void start_tunnel(struct conn *c)
{
    struct dial *d = c->dial;
    d->tunnel = c->lane->origin->protocols->tunnel->open(engine_of(c), c->lane->origin);
    d->step = DIAL_TUNNEL;
    go_on_asking(c);
}

/* ---- TCP ---- */

static void connected(struct conn *c)
{
    c->dial->step = DIAL_CONNECTED;
    c->exchanges->response.times.connected = clk_mono_ns();
    if (c->lane->origin->proxy_host)
        start_tunnel(c);
    else
        secure(c);
}

/* As sock_connect; NO_SOURCE: there is no address to come from of the family of that one. */
static int start(struct conn *c, const union sock_addr *to, uint16_t port)
{
    struct fetch_engine *e = engine_of(c);
    const struct fetch_pool *p = c->lane->pool;
    struct sockaddr_storage from;
    if (!e->sources)
        return sock_connect(&c->stream, to, port, NULL);
    const uint32_t n = p->config.is_of_many ? e->next_source++ : p->source;
    if (!addresses_at(e->sources, to->any.sa_family, n, &from))
        return NO_SOURCE;
    return sock_connect(&c->stream, to, port, &from);
}

static void connect_next(struct conn *c)
{
    struct dial *d = c->dial;
    const struct fetch_origin *o = c->lane->origin;
    const uint16_t port = o->proxy_host ? o->proxy_port : o->port;
    d->step = DIAL_CONNECT;
    while (d->next_addr < d->query.count) {
        d->last_errno = start(c, &d->query.addrs[d->next_addr++], port);
        if (d->last_errno == 0) {
            conn_watch(c, EV_WRITE);
            return;
        }
        if (d->last_errno == EMFILE || d->last_errno == ENFILE) {
            failed(c, FETCH_NO_FILES, d->last_errno, NULL);
            return;
        }
    }
    failed(c, FETCH_CONNECT, d->last_errno, NULL);
}

static void check_connect(struct conn *c)
{
    const int sys = sock_error(&c->stream);
    if (sys == 0) {
        connected(c);
        return;
    }
    c->dial->last_errno = sys;
    conn_watch(c, 0);
    c->stream.ops->close(&c->stream);
    connect_next(c);
}

/* ---- Unix sockets ---- */

static void connect_path(struct conn *c)
{
    struct dial *d = c->dial;
    const struct timeval wait = {0, FULL_WAIT_US};
    d->step = DIAL_CONNECT;
    d->last_errno = sock_connect_path(&c->stream, c->lane->origin->host);
    if (d->last_errno == 0)
        conn_watch(c, EV_WRITE);
    else if (d->last_errno == EAGAIN && clk_mono_ns() - d->since_ns < FULL_MOST_NS)
        evtimer_add(&d->again, &wait);
    else
        failed(c,
               d->last_errno == EMFILE || d->last_errno == ENFILE ? FETCH_NO_FILES : FETCH_CONNECT,
               d->last_errno == EAGAIN ? ETIMEDOUT : d->last_errno, NULL);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    connect_path(arg);
}

/* ---- names ---- */

static void resolved(struct dns_query *q)
{
    struct conn *c = ((struct dial *)((char *)q - offsetof(struct dial, query)))->conn;
    if (q->eai != 0) {
        failed(c, FETCH_RESOLVE, q->eai, gai_strerror(q->eai));
        return;
    }
    c->exchanges->response.times.resolved = clk_mono_ns();
    connect_next(c);
}

void dial_start(struct conn *c)
{
    struct fetch *f = c->exchanges;
    struct dial *d = mem_zalloc(sizeof *d);
    d->conn = c;
    d->query.done = resolved;
    d->since_ns = f->response.times.dialed;
    evtimer_assign(&d->again, engine_of(c)->base, on_again, c);
    c->dial = d;
    /* Who has waited for another's connection goes on with the time that is left. */
    if (f->request.connect_timeout_ms && !f->phase_deadline.queue)
        fetch_start_phase(f, f->request.connect_timeout_ms, clk_mono_ns());
    if (dialed_host(c)[0] == '/') {
        f->response.times.resolved = d->since_ns; /* all of it is connecting */
        connect_path(c);
    } else if (dns_lookup(engine_of(c)->dns, dialed_host(c), &d->query)) {
        resolved(&d->query);
    }
}

void dial_event(struct conn *c)
{
    switch (c->dial->step) {
    case DIAL_RESOLVE: /* not watched yet */
    case DIAL_CONNECTED:
        return;
    case DIAL_CONNECT:
        check_connect(c);
        return;
    case DIAL_TUNNEL:
        go_on_asking(c);
        return;
    case DIAL_HANDSHAKE:
        shake(c);
        return;
    }
}
