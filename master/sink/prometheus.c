// SPDX-License-Identifier: MIT
/* prometheus: a port that Prometheus scrapes, without the page and its guards. The output keeps the
 * newest snapshot; a thread with a loop of its own answers, one request after another. */
#include "common/base/http_coding.h"
#include "common/base/mem.h"
#include "common/base/thread.h"
#include "common/base/sbuf.h"
#include "master/sink/exposition.h"
#include "master/sink/http_post.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_S 5
#define HEAD_MOST 16384
#define DEFAULT_PORT 9646

struct scraped {
    struct sink_spec *spec;
    char *host;
    int port;
    struct event_base *base;
    struct evhttp *server;
    struct event *ends;
    pthread_t thread;
    bool is_on;
    pthread_mutex_t lock; /* of: */
    struct snapshot *newest;
    struct output_counts counts; /* sent: scrapes */
};

static struct snapshot *newest(struct scraped *p)
{
    pthread_mutex_lock(&p->lock);
    struct snapshot *s = p->newest;
    if (s)
        snapshot_ref(s);
    pthread_mutex_unlock(&p->lock);
    return s;
}

static void take(struct scraped *p, const struct snapshot *s)
{
    struct snapshot *own = (struct snapshot *)(uintptr_t)s;
    snapshot_ref(own);
    pthread_mutex_lock(&p->lock);
    struct snapshot *old = p->newest;
    p->newest = own;
    pthread_mutex_unlock(&p->lock);
    snapshot_unref(old);
}

static void answer(struct evhttp_request *r, void *arg)
{
    struct scraped *p = arg;
    struct snapshot *s = newest(p);
    struct sbuf out = {0};
    if (!s) {
        evhttp_send_error(r, 503, NULL);
        return;
    }
    const struct evkeyvalq *in = evhttp_request_get_input_headers(r);
    const char *type = exposition_write(s, NULL, p->spec, evhttp_find_header(in, "Accept"), &out);
    snapshot_unref(s);
    evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Type", type);
    if (http_takes_coding(evhttp_find_header(in, "Accept-Encoding"), "gzip")) {
        http_gzip(&out);
        evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Encoding", "gzip");
    }
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, out.data, out.len);
    evhttp_send_reply(r, 200, "OK", body);
    evbuffer_free(body);
    sbuf_fini(&out);
    __atomic_add_fetch(&p->counts.sent, 1, __ATOMIC_RELAXED);
}

static void *serve(void *arg)
{
    event_base_dispatch(((struct scraped *)arg)->base);
    return NULL;
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    event_base_loopbreak(arg);
}

static int open_port(void *self, const struct snapshot *first, char **why)
{
    struct scraped *p = self;
    evthread_use_pthreads();
    p->base = event_base_new();
    p->server = p->base ? evhttp_new(p->base) : NULL;
    if (!p->server)
        mem_refused("libevent");
    evhttp_set_timeout(p->server, REQUEST_S);
    evhttp_set_max_headers_size(p->server, HEAD_MOST);
    evhttp_set_max_body_size(p->server, 0);
    evhttp_set_allowed_methods(p->server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_cb(p->server, "/metrics", answer, p);
    if (evhttp_bind_socket(p->server, p->host, (ev_uint16_t)p->port) != 0) {
        *why = sink_words(p->spec, "cannot listen on %s:%d: %s; give another one, such as :9647",
                          p->host, p->port, strerror(errno));
        return -1;
    }
    p->ends = event_new(p->base, -1, EV_PERSIST, on_end, p->base);
    event_add(p->ends, &(struct timeval){3600, 0}); /* keeps the loop */
    take(p, first);
    p->is_on = thread_start(&p->thread, serve, p);
    return 0;
}

static double interval_s(const void *self, const struct wishes *w)
{
    (void)self;
    (void)w;
    return 1;
}

static int tick(void *self, const struct snapshot *s, char **why)
{
    (void)why;
    take(self, s);
    return 0;
}

static void close_it(void *self)
{
    struct scraped *p = self;
    if (p->is_on) {
        event_active(p->ends, EV_TIMEOUT, 0);
        pthread_join(p->thread, NULL);
    }
    if (p->ends)
        event_free(p->ends);
    if (p->server)
        evhttp_free(p->server);
    if (p->base)
        event_base_free(p->base);
    snapshot_unref(p->newest);
    pthread_mutex_destroy(&p->lock);
    sink_spec_free(p->spec);
    free(p->host);
    free(p);
}

/* [HOST]:PORT; only this machine, unless a host is given. */
static bool read_target(struct scraped *p, const char *target)
{
    const char *colon = target ? strrchr(target, ':') : NULL;
    char *end;
    p->port = DEFAULT_PORT;
    p->host = mem_strdup("127.0.0.1");
    if (!target)
        return true;
    if (!colon)
        return false;
    p->port = (int)strtol(colon + 1, &end, 10);
    if (colon > target) {
        const bool is_bracketed = target[0] == '[' && colon[-1] == ']';
        free(p->host);
        p->host = mem_dup(target + is_bracketed, (size_t)(colon - target) - 2 * is_bracketed);
        if (!strcmp(p->host, "*")) {
            free(p->host);
            p->host = mem_strdup("0.0.0.0");
        }
    }
    return end != colon + 1 && !*end && p->port > 0 && p->port < 65536;
}

static int make(struct sink_spec *spec, struct output *out, char **why)
{
    struct scraped *p = mem_zalloc(sizeof *p);
    p->spec = spec;
    pthread_mutex_init(&p->lock, NULL);
    *out = (struct output){.name = spec->name,
                           .self = p,
                           .ends_apart = true,
                           .patience_s = 5,
                           .counts = &p->counts,
                           .interval_s = interval_s,
                           .open = open_port,
                           .tick = tick,
                           .run_end = tick,
                           .close = close_it};
    if (read_target(p, spec->target))
        return 0;
    *why =
        sink_words(spec, "'%s' is no port: give one such as :9646 or 0.0.0.0:9646", spec->target);
    close_it(p);
    return -1;
}

static const struct sink_key KEYS[] = {
    SINK_CLASSIC_KEY,
    {"names", SINK_NUMBER, SINK_NAMES_MOST, "1 100000",
     "rows with a name of their own; the others are sent as one, (other)"},
    SINK_LABELS_KEY,
};

const struct sink_kind sink_prometheus = {
    "prometheus",
    "a port that Prometheus scrapes, at /metrics; the page's port has that, too",
    ":9646",
    KEYS,
    sizeof KEYS / sizeof KEYS[0],
    make,
};
