// SPDX-License-Identifier: MIT
/* CONNECT: how a proxy is asked for a connection through it, whatever is spoken there afterwards.
 */
#include "worker/http1/http1.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "worker/http1/hresp.h"
#include "worker/proto/fetch_int.h"

struct asking {
    struct fetch_engine *engine;
    struct sbuf ask;
    size_t asked;
    struct hresp_block *block;
    struct hresp answer;
    char *reason; /* memory of a failure's text */
};

static void *start(struct fetch_engine *e, const struct fetch_origin *o)
{
    struct asking *a = mem_zalloc(sizeof *a);
    const bool is_v6 = strchr(o->host, ':') != NULL;
    const char *open = is_v6 ? "[" : "", *close = is_v6 ? "]" : "";
    sbuf_addf(&a->ask, "CONNECT %s%s%s:%u HTTP/1.1\r\nHost: %s%s%s:%u\r\n", open, o->host, close,
              o->port, open, o->host, close, o->port);
    if (o->proxy_auth)
        sbuf_addf(&a->ask, "Proxy-Authorization: %s\r\n", o->proxy_auth);
    sbuf_adds(&a->ask, "\r\n");
    a->engine = e;
    a->block = engine_block_get(e);
    hresp_init(&a->answer, a->block, HRESP_HEAD_ONLY);
    return a;
}

static enum tunnel_step fail(struct tunnel_failure *why, int sys, const char *text)
{
    *why = (struct tunnel_failure){sys, text};
    return TUNNEL_FAILED;
}

static enum tunnel_step answered(struct asking *a, size_t left, struct tunnel_failure *why)
{
    const int status = hresp_status(&a->answer);
    if (status < 200 || status > 299) {
        a->reason = mem_dup(a->answer.reason, a->answer.reason_len);
        return fail(why, status, a->reason);
    }
    return left ? fail(why, status, "proxy sent bytes nobody asked for") : TUNNEL_DONE;
}

static enum tunnel_step read_answer(struct asking *a, struct stream *s, struct tunnel_failure *why)
{
    struct fetch_engine *e = a->engine;
    const long n = s->ops->read(s, e->in, sizeof e->in);
    if (n == STREAM_AGAIN)
        return TUNNEL_READ;
    if (n <= 0)
        return fail(why, 0, n ? strerror(s->sys) : "proxy closed the connection");
    size_t used;
    const enum hresp_step step = hresp_feed(&a->answer, e->in, (size_t)n, &used);
    if (step == HRESP_HEAD)
        return answered(a, (size_t)n - used, why);
    return step == HRESP_BAD ? fail(why, 0, a->answer.what) : TUNNEL_READ;
}

static enum tunnel_step go(void *state, struct stream *s, struct tunnel_failure *why)
{
    struct asking *a = state;
    if (a->asked == a->ask.len)
        return read_answer(a, s, why);
    const struct iovec part = {a->ask.data + a->asked, a->ask.len - a->asked};
    const long n = s->ops->write(s, &part, 1);
    if (n == STREAM_FAILED)
        return fail(why, 0, strerror(s->sys));
    if (n > 0)
        a->asked += (size_t)n;
    return a->asked < a->ask.len ? TUNNEL_WRITE : TUNNEL_READ;
}

static void end(void *state)
{
    struct asking *a = state;
    hresp_fini(&a->answer);
    engine_block_put(a->engine, a->block);
    sbuf_fini(&a->ask);
    free(a->reason);
    free(a);
}

const struct tunnel http1_tunnel = {.open = start, .go = go, .close = end};
