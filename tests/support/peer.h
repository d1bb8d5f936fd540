// SPDX-License-Identifier: MIT
#pragma once
/* peer: a scripted server in threads of the test program, on loopback, port 0.
 *
 * Each accepted connection runs the test's serve function in a thread of its own, blocking, plain
 * or TLS. peer_stop closes the listener, shuts every connection down and joins all threads.
 */
#include "tests/support/peer_conn.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define PEER_MAX_CONNS 4096

typedef void peer_serve(struct peer_conn *c);

struct peer {
    int fd;
    uint16_t port;
    peer_serve *serve;
    SSL_CTX *tls; /* NULL = plain; borrowed */
    void *arg;
    pthread_t thread;
    pthread_mutex_t closing; /* of a connection: its descriptor may be another's right after */
    atomic_int count, open;
    struct peer_conn conns[PEER_MAX_CONNS];
};

static inline void *peer_conn_main(void *arg)
{
    struct peer_conn *c = arg;
    if (c->peer->tls) {
        c->ssl = SSL_new(c->peer->tls);
        SSL_set_fd(c->ssl, c->fd);
    }
    if (!c->ssl || SSL_accept(c->ssl) == 1)
        c->peer->serve(c);
    SSL_free(c->ssl);
    free(c->request);
    c->ssl = NULL;
    c->peer->open--;
    pthread_mutex_lock(&c->peer->closing);
    close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&c->peer->closing);
    return NULL;
}

static inline void *peer_main(void *arg)
{
    struct peer *p = arg;
    while (p->count < PEER_MAX_CONNS) {
        const int fd = accept(p->fd, NULL, NULL);
        if (fd < 0 && errno == EMFILE) { /* a test of no more files has just taken them all */
            usleep(1000);
            continue;
        }
        if (fd < 0)
            break;
        struct peer_conn *c = &p->conns[p->count];
        *c = (struct peer_conn){.peer = p, .fd = fd, .index = p->count};
        p->open++;
        p->count++;
        pthread_create(&c->thread, NULL, peer_conn_main, c);
    }
    return NULL;
}

static inline int peer_listen(int family, uint16_t *port)
{
    const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    const int failed = family == AF_INET6 ? bind(fd, (struct sockaddr *)&v6, sizeof v6)
                                          : bind(fd, (struct sockaddr *)&v4, sizeof v4);
    if (failed || listen(fd, 1024) != 0 || getsockname(fd, (struct sockaddr *)&bound, &len) != 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                     : ((struct sockaddr_in *)&bound)->sin_port);
    return fd;
}

static inline struct peer *peer_start(peer_serve *serve, SSL_CTX *tls, void *arg)
{
    struct peer *p = calloc(1, sizeof *p);
    pthread_mutex_init(&p->closing, NULL);
    p->serve = serve;
    p->tls = tls;
    p->arg = arg;
    p->fd = peer_listen(AF_INET, &p->port);
    assert(p->fd >= 0);
    pthread_create(&p->thread, NULL, peer_main, p);
    return p;
}

/* Waits until the server has closed every connection there was; true when it did within the time.
 */
static inline bool peer_await_all_closed(struct peer *p, int timeout_ms)
{
    for (;; timeout_ms--, usleep(1000)) {
        bool has_open = false;
        pthread_mutex_lock(&p->closing);
        for (int i = 0; i < p->count; i++)
            has_open |= p->conns[i].fd >= 0;
        pthread_mutex_unlock(&p->closing);
        if (!has_open || timeout_ms <= 0)
            return !has_open;
    }
}

static inline void peer_stop(struct peer *p)
{
    shutdown(p->fd, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->fd);
    for (int i = 0; i < p->count; i++) {
        pthread_mutex_lock(&p->closing);
        if (p->conns[i].fd >= 0)
            shutdown(p->conns[i].fd, SHUT_RDWR);
        pthread_mutex_unlock(&p->closing);
        pthread_join(p->conns[i].thread, NULL);
    }
    pthread_mutex_destroy(&p->closing);
    free(p);
}
