// SPDX-License-Identifier: MIT
/* listen: see listen.h. Limits of civetweb: 64 threads, of which the live sockets may take
 * LIVE_SOCKETS_MAX; 16 KB of headers; 5 s for a read or a write to get on, which the front keeps
 * from mattering. No keep-alive: every answer ends its connection (reply.h). No document root, no
 * cross-origin answers. */
#include "master/web/listen.h"

#include "common/base/clk.h"
#include "common/base/sbuf.h"
#include "common/base/thread.h"
#include "master/web/front.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* -- address -- */

/* IPv4 first: it is what most clients try. */
static bool resolve(const char *bound, int port, struct addrinfo **found, char **why)
{
    char service[16];
    struct addrinfo hints = {
        .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
    snprintf(service, sizeof service, "%d", port);
    int rc = getaddrinfo(bound, service, &hints, found);
    hints.ai_family = AF_INET6;
    if (rc != 0)
        rc = getaddrinfo(bound, service, &hints, found);
    return rc == 0 ||
           sbuf_refuse(
               why,
               "the web host %s does not resolve (%s); give an address of this machine with "
               "--web-host, or \"*\" for every interface",
               bound, gai_strerror(rc));
}

static bool fail_to_bind(int error, const char *bound, int port, char **why)
{
    if (error == EADDRINUSE)
        return sbuf_refuse(
            why,
            "the page cannot listen on %s port %d: it is in use; choose another with "
            "--web-port, or end the program that has it",
            bound, port);
    if (error == EACCES)
        return sbuf_refuse(why,
                           "the page may not listen on %s port %d; choose a port above 1023 with "
                           "--web-port",
                           bound, port);
    if (error == EADDRNOTAVAIL)
        return sbuf_refuse(why,
                           "the page cannot listen on %s: no interface of this machine has that "
                           "address; give another with --web-host",
                           bound);
    return sbuf_refuse(why, "the page cannot listen on %s port %d: %s", bound, port,
                       strerror(error));
}

/* A listening socket; -1 with words. "::" takes IPv4 too. */
static int open_listener(const struct addrinfo *a, const char *bound, int port, char **why)
{
    int on = 1, off = 0;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        sbuf_refuse(why, "cannot open a socket for the page: %s", strerror(errno));
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (a->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 512) == 0)
        return fd;
    fail_to_bind(errno, bound, port, why);
    close(fd);
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return 0;
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                          : ((struct sockaddr_in *)&at)->sin_port);
}

static bool load_tls(struct listen *l, const struct web_config *c, char **why)
{
    if ((c->tls_cert != NULL) != (c->tls_key != NULL))
        return sbuf_refuse(why, "--tls-cert and --tls-key must be given together");
    if (c->tls_cert == NULL)
        return true;
    l->has_tls = true;
    l->cert = c->tls_cert;
    l->key = c->tls_key;
    l->tls = front_load_tls(c->tls_cert, c->tls_key, why);
    return l->tls != NULL;
}

bool web_check_tls(const struct web_config *c, char **why)
{
    struct listen l = {.fd = -1};
    *why = NULL;
    bool is_ok = load_tls(&l, c, why);
    SSL_CTX_free(l.tls);
    return is_ok;
}

bool listen_init(struct listen *l, const struct web_config *c, const char *bound, char **why)
{
    struct addrinfo *found = NULL;
    memset(l, 0, sizeof *l);
    l->fd = -1;
    if (!load_tls(l, c, why) || !resolve(bound, c->port, &found, why))
        return false;
    l->fd = open_listener(found, bound, c->port, why);
    bool is_ok = l->fd >= 0;
    if (is_ok)
        l->port = port_of(l->fd);
    freeaddrinfo(found);
    const char *options[] = {"listening_ports",
                             "127.0.0.1:0",
                             "num_threads",
                             "64",
                             "enable_keep_alive",
                             "no",
                             "request_timeout_ms",
                             "5000",
                             "websocket_timeout_ms",
                             "2000",
                             "enable_websocket_ping_pong",
                             "yes",
                             "decode_url", /* path.h does, once and for all */
                             "no",
                             "tcp_nodelay",
                             "1",
                             "max_request_size",
                             "16384",
                             "access_control_allow_origin",
                             "",
                             "enable_directory_listing",
                             "no",
                             NULL};
    memcpy(l->options, options, sizeof options);
    return is_ok;
}

bool listen_start(struct listen *l, struct mg_context *ctx, const char *secret, char **why)
{
    struct mg_server_port ports[4];
    if (mg_get_server_ports(ctx, 4, ports) > 0)
        l->inner_port = ports[0].port;
    l->front = front_start(&(struct front_config){.fd = l->fd,
                                                  .tls = l->tls,
                                                  .cert = l->cert,
                                                  .key = l->key,
                                                  .inner_port = l->inner_port,
                                                  .secret = secret});
    l->fd = -1;
    l->tls = NULL;
    return l->front != NULL ||
           sbuf_refuse(why, "the page cannot listen: there is no memory or thread");
}

void listen_stop(struct listen *l)
{
    front_stop(l->front);
    l->front = NULL;
    if (l->fd >= 0)
        close(l->fd);
    SSL_CTX_free(l->tls);
}

/* -- the end -- */

#define STOP_TURN_MS 10

struct stopper {
    struct mg_context *ctx;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool has_ended;
};

static void *stop_server(void *arg)
{
    struct stopper *s = arg;
    mg_stop(s->ctx);
    pthread_mutex_lock(&s->lock);
    s->has_ended = true;
    pthread_cond_signal(&s->ended);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* civetweb's accepting thread looks up once in two seconds, or when somebody connects. */
static void knock(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void)!connect(fd, (struct sockaddr *)&at, sizeof at);
    close(fd);
}

void listen_end(const struct listen *l, struct mg_context *ctx)
{
    struct stopper s = {
        .ctx = ctx, .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    if (!thread_start(&thread, stop_server, &s)) {
        mg_stop(ctx);
        return;
    }
    pthread_mutex_lock(&s.lock);
    while (!s.has_ended) {
        knock(l->inner_port);
        clk_cond_wait(&s.ended, &s.lock, clk_mono_ns() + STOP_TURN_MS * UINT64_C(1000000));
    }
    pthread_mutex_unlock(&s.lock);
    pthread_join(thread, NULL);
}
