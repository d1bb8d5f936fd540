// SPDX-License-Identifier: MIT
/* How a connection comes to be: resolve, connect (each address in turn), ask the proxy for a
 * tunnel, TLS handshake. Each step either waits for the connection's event or ends in ready or
 * failed.
 *
 * A connection is dialed for one exchange; when that goes, the attempt goes with it.
 */
#include "worker/http1/fetch_int.h"

#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/net/sock.h"
#include "worker/net/tls.h"

enum dial_step {
    DIAL_RESOLVE,
    DIAL_CONNECT,
    DIAL_CONNECTED,
    DIAL_ASK_PROXY,
    DIAL_PROXY_ANSWER,
    DIAL_HANDSHAKE,
};

struct dial {
    struct conn *conn;
    enum dial_step step;
    struct dns_query query;
    unsigned next_addr;
    int last_errno;
    struct sbuf ask; /* the CONNECT request */
    size_t asked;
    struct hresp_block *block;
    struct hresp answer;
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
    dns_cancel(&d->query);
    if (d->step == DIAL_CONNECT) /* refused, or nobody answered in time: it may have moved */
        dns_forget(engine_of(c)->dns, dialed_host(c));
    if (d->block) {
        hresp_fini(&d->answer);
        engine_block_put(engine_of(c), d->block);
    }
    sbuf_fini(&d->ask);
    free(d);
}

static void failed(struct conn *c, enum fetch_error error, int sys, const char *text)
{
    struct fetch *f = c->fetch;
    fetch_failed(f, error, sys, NULL);
    if (text)
        fetch_set_text(f, text);
    fetch_end(f);
    fetch_notify(f);
}

static void ready(struct conn *c)
{
    struct fetch_engine *e = engine_of(c);
    dial_cancel(c);
    c->phase = CONN_BUSY;
    e->counters.connections_opened++;
    e->counters.connections_open++;
    fetch_io_send(c->fetch);
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
    c->fetch->response.times.secured = clk_mono_ns();
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

static void proxy_answered(struct conn *c, size_t left)
{
    const struct hresp *answer = &c->dial->answer;
    const int status = hresp_status(answer);
    if (status < 200 || status > 299) {
        char *reason = mem_dup(answer->reason, answer->reason_len);
        failed(c, FETCH_PROXY, status, reason);
        free(reason);
    } else if (left) {
        failed(c, FETCH_PROXY, status, "proxy sent bytes nobody asked for");
    } else {
        c->fetch->response.times.connected = clk_mono_ns();
        secure(c);
    }
}

static void read_answer(struct conn *c)
{
    struct fetch_engine *e = engine_of(c);
    const long n = c->stream.ops->read(&c->stream, e->in, sizeof e->in);
    if (n == STREAM_AGAIN)
        return;
    if (n <= 0) {
        failed(c, FETCH_PROXY, 0, n ? strerror(c->stream.sys) : "proxy closed the connection");
        return;
    }
    size_t used;
    struct hresp *answer = &c->dial->answer;
    const enum hresp_step step = hresp_feed(answer, e->in, (size_t)n, &used);
    if (step == HRESP_HEAD)
        proxy_answered(c, (size_t)n - used);
    else if (step == HRESP_BAD)
        failed(c, FETCH_PROXY, 0, answer->what);
}

static void ask_proxy(struct conn *c)
{
    struct dial *d = c->dial;
    struct stream *s = &c->stream;
    const struct iovec part = {d->ask.data + d->asked, d->ask.len - d->asked};
    const long n = s->ops->write(s, &part, 1);
    if (n == STREAM_FAILED) {
        failed(c, FETCH_PROXY, 0, strerror(s->sys));
        return;
    }
    if (n > 0)
        d->asked += (size_t)n;
    if (d->asked < d->ask.len) {
        conn_watch(c, EV_WRITE);
        return;
    }
    d->step = DIAL_PROXY_ANSWER;
    conn_watch(c, EV_READ);
}

static void start_tunnel(struct conn *c)
{
    struct dial *d = c->dial;
    const struct fetch_origin *o = c->lane->origin;
    const bool is_v6 = strchr(o->host, ':') != NULL;
    const char *open = is_v6 ? "[" : "", *close = is_v6 ? "]" : "";
    sbuf_addf(&d->ask, "CONNECT %s%s%s:%u HTTP/1.1\r\nHost: %s%s%s:%u\r\n", open, o->host, close,
              o->port, open, o->host, close, o->port);
    if (o->proxy_auth)
        sbuf_addf(&d->ask, "Proxy-Authorization: %s\r\n", o->proxy_auth);
    sbuf_adds(&d->ask, "\r\n");
    d->block = engine_block_get(engine_of(c));
    hresp_init(&d->answer, d->block, HRESP_HEAD_ONLY);
    d->step = DIAL_ASK_PROXY;
    ask_proxy(c);
}

/* ---- TCP ---- */

static void connected(struct conn *c)
{
    c->dial->step = DIAL_CONNECTED;
    c->fetch->response.times.connected = clk_mono_ns();
    if (c->lane->origin->proxy_host)
        start_tunnel(c);
    else
        secure(c);
}

static void connect_next(struct conn *c)
{
    struct dial *d = c->dial;
    const struct fetch_origin *o = c->lane->origin;
    const uint16_t port = o->proxy_host ? o->proxy_port : o->port;
    d->step = DIAL_CONNECT;
    while (d->next_addr < d->query.count) {
        d->last_errno = sock_connect(&c->stream, &d->query.addrs[d->next_addr++], port);
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

/* ---- names ---- */

static void resolved(struct dns_query *q)
{
    struct conn *c = ((struct dial *)((char *)q - offsetof(struct dial, query)))->conn;
    if (q->eai != 0) {
        failed(c, FETCH_RESOLVE, q->eai, gai_strerror(q->eai));
        return;
    }
    c->fetch->response.times.resolved = clk_mono_ns();
    connect_next(c);
}

void dial_start(struct conn *c)
{
    struct fetch *f = c->fetch;
    struct dial *d = mem_zalloc(sizeof *d);
    d->conn = c;
    d->query.done = resolved;
    c->dial = d;
    if (f->request.connect_timeout_ms)
        fetch_start_phase(f, f->request.connect_timeout_ms, clk_mono_ns());
    if (dns_lookup(engine_of(c)->dns, dialed_host(c), &d->query))
        resolved(&d->query);
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
    case DIAL_ASK_PROXY:
        ask_proxy(c);
        return;
    case DIAL_PROXY_ANSWER:
        read_answer(c);
        return;
    case DIAL_HANDSHAKE:
        shake(c);
        return;
    }
}
