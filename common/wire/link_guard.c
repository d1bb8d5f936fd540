// SPDX-License-Identifier: MIT
/* ZeroMQ asks a socket at inproc://zeromq.zap.01 (RFC 27) whether a peer that has proved to own a
 * key may come in, one question a handshake. Peers that have no key, or do not know the master's,
 * fail before that, and are an event of the socket only. */
#include "common/wire/link_guard.h"

#include "common/base/mem.h"
#include "common/wire/keys.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#define ZAP "inproc://zeromq.zap.01"
#define ZAP_FRAMES 7 /* version, request, domain, address, identity, mechanism, key; no key: 6 */
#define EVENT_BYTES 6

struct link_guard {
    pthread_t thread;
    void *router, *questions, *events;
    int end_fd;
    unsigned char worker_public[KEYS_BYTES];
    atomic_uint_fast64_t refused;
};

void *link_events_open(void *context, void *socket, int events)
{
    char name[64];
    snprintf(name, sizeof name, "inproc://katydid.events.%p", socket);
    if (zmq_socket_monitor(socket, name, events) != 0)
        return NULL;
    void *reader = zmq_socket(context, ZMQ_PAIR);
    const int none = 0; /* no limit: ZeroMQ's thread would wait for a reader */
    if (reader && zmq_setsockopt(reader, ZMQ_RCVHWM, &none, sizeof none) == 0 &&
        zmq_connect(reader, name) == 0)
        return reader;
    const int error = errno;
    if (reader)
        zmq_close(reader);
    zmq_socket_monitor(socket, NULL, 0);
    errno = error;
    return NULL;
}

void link_events_close(void *socket, void *events)
{
    if (!events)
        return;
    zmq_socket_monitor(socket, NULL, 0);
    zmq_close(events);
}

/* One frame of a message, up to size bytes of it; its length, -1: none. */
static int take(void *socket, void *to, size_t size, bool *has_more)
{
    int len;
    while ((len = zmq_recv(socket, to, size, ZMQ_DONTWAIT)) < 0 && errno == EINTR)
        ;
    size_t more_len = sizeof(int);
    int more = 0;
    if (len >= 0)
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_len);
    *has_more = more;
    return len;
}

int link_events_next(void *events, int *value)
{
    unsigned char what[EVENT_BYTES], rest[8];
    bool has_more = false;
    const int len = take(events, what, sizeof what, &has_more);
    while (has_more && take(events, rest, sizeof rest, &has_more) >= 0)
        ;
    if (len < EVENT_BYTES)
        return 0;
    uint16_t event;
    uint32_t number;
    memcpy(&event, what, sizeof event);
    memcpy(&number, what + sizeof event, sizeof number);
    *value = (int)number;
    return event;
}

static void say(void *socket, const void *bytes, size_t len, int flags)
{
    zmq_send(socket, bytes, len, flags | ZMQ_DONTWAIT);
}

static void answer(struct link_guard *g, const char *request, size_t request_len, bool may_come)
{
    const char *code = may_come ? "200" : "400", *text = may_come ? "OK" : "this key is unknown";
    say(g->questions, "1.0", 3, ZMQ_SNDMORE);
    say(g->questions, request, request_len, ZMQ_SNDMORE);
    say(g->questions, code, 3, ZMQ_SNDMORE);
    say(g->questions, text, strlen(text), ZMQ_SNDMORE);
    say(g->questions, "", 0, ZMQ_SNDMORE);
    say(g->questions, "", 0, 0);
}

static bool is(const char *frame, int len, const char *text)
{
    return len == (int)strlen(text) && memcmp(frame, text, strlen(text)) == 0;
}

/* Whether there was a question. */
static bool answer_next(struct link_guard *g)
{
    char frames[ZAP_FRAMES][256];
    int lens[ZAP_FRAMES] = {0}, count = 0;
    bool has_more = true;
    for (; has_more && count < ZAP_FRAMES; count++) {
        lens[count] = take(g->questions, frames[count], sizeof *frames, &has_more);
        if (lens[count] < 0)
            return false;
    }
    while (has_more) { /* none of ZeroMQ's questions has more */
        char rest[8];
        if (take(g->questions, rest, sizeof rest, &has_more) < 0)
            break;
        count++;
    }
    const bool is_worker = count == ZAP_FRAMES && is(frames[5], lens[5], "CURVE") &&
                           lens[6] == KEYS_BYTES &&
                           CRYPTO_memcmp(frames[6], g->worker_public, KEYS_BYTES) == 0;
    const bool is_open = is(frames[2], lens[2], LINK_GUARD_OPEN) && is(frames[5], lens[5], "NULL");
    answer(g, frames[1], lens[1] > (int)sizeof *frames ? sizeof *frames : (size_t)lens[1],
           is_worker || is_open);
    return true;
}

static void count_events(struct link_guard *g)
{
    int value;
    for (int event; (event = link_events_next(g->events, &value)) != 0;)
        atomic_fetch_add(&g->refused, 1);
}

static void *guard_main(void *arg)
{
    struct link_guard *g = arg;
    zmq_pollitem_t items[] = {{.socket = g->questions, .events = ZMQ_POLLIN},
                              {.socket = g->events, .events = ZMQ_POLLIN},
                              {.fd = g->end_fd, .events = ZMQ_POLLIN}};
    while (!items[2].revents) {
        if (zmq_poll(items, 3, -1) < 0 && errno != EINTR)
            break;
        while (answer_next(g))
            ;
        count_events(g);
    }
    return NULL;
}

static void release(struct link_guard *g)
{
    link_events_close(g->router, g->events);
    if (g->questions) {
        zmq_unbind(g->questions, ZAP); /* at once: ZeroMQ closes sockets later */
        zmq_close(g->questions);
    }
    if (g->end_fd >= 0)
        close(g->end_fd);
    free(g);
}

/* Signals are the loop's. */
static int start(struct link_guard *g)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const int error = pthread_create(&g->thread, NULL, guard_main, g);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

struct link_guard *link_guard_new(void *context, void *socket, const struct keys *k)
{
    struct link_guard *g = mem_zalloc(sizeof *g);
    g->router = socket;
    memcpy(g->worker_public, k->worker_public, KEYS_BYTES);
    g->end_fd = eventfd(0, EFD_CLOEXEC);
    g->questions = g->end_fd >= 0 ? zmq_socket(context, ZMQ_REP) : NULL;
    if (g->questions && zmq_bind(g->questions, ZAP) == 0)
        g->events = link_events_open(
            context, socket, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    int error = g->events ? start(g) : errno;
    if (error == 0)
        return g;
    release(g);
    errno = error;
    return NULL;
}

void link_guard_free(struct link_guard *g)
{
    if (!g)
        return;
    const uint64_t one = 1;
    if (write(g->end_fd, &one, sizeof one) == (ssize_t)sizeof one)
        pthread_join(g->thread, NULL);
    release(g);
}

uint64_t link_guard_refused(const struct link_guard *g)
{
    return atomic_load(&g->refused);
}
