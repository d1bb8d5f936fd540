// SPDX-License-Identifier: MIT
/* Loop and threads share three things under one lock: the questions that no thread has taken, those
 * that are answered, and how many threads there are. */
#include "worker/net/resolver.h"

#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/thread.h"

#define RESOLVER_TAG 0x7265736fu /* "reso" */

struct questions { /* first in, first out */
    struct question *first, **end;
};

struct resolver {
    uint32_t tag;
    struct event_base *base;
    void (*answered)(struct question *q);
    struct event *bell; /* pending while questions are open, so that an idle loop can end */
    size_t open_count;  /* questions that were asked and not taken back from the threads */
    pthread_mutex_t lock;
    /* Under the lock. */
    struct questions fresh, known;
    struct question *done;
    unsigned threads, busy_new; /* busy with new names */
    bool is_closed;             /* the loop is gone: the last thread frees all */
    int fd;                     /* rings the bell */
};

static void question_free(struct question *q)
{
    free(q->host);
    free(q);
}

static void put(struct questions *to, struct question *q)
{
    *to->end = q;
    to->end = &q->next;
}

static struct question *take(struct questions *from)
{
    struct question *q = from->first;
    if (!q)
        return NULL;
    from->first = q->next;
    q->next = NULL;
    if (!from->first)
        from->end = &from->first;
    return q;
}

static void destroy(struct resolver *r)
{
    struct question *asked;
    while ((asked = take(&r->known)) || (asked = take(&r->fresh)))
        question_free(asked);
    while (r->done) {
        struct question *q = r->done;
        r->done = q->next;
        question_free(q);
    }
    if (r->fd >= 0)
        close(r->fd);
    pthread_mutex_destroy(&r->lock);
    HANDLE_ENDS(r);
    free(r);
}

/* ---- threads ---- */

static void note_addresses(struct question *q, const struct addrinfo *found)
{
    for (; found && q->count < DNS_MAX_ADDRS; found = found->ai_next) {
        const bool is_v4 = found->ai_family == AF_INET;
        if (!is_v4 && found->ai_family != AF_INET6)
            continue;
        union sock_addr *a = &q->addrs[q->count++];
        memset(a, 0, sizeof *a);
        memcpy(a, found->ai_addr, is_v4 ? sizeof a->v4 : sizeof a->v6);
    }
    if (!q->count)
        q->eai = EAI_NONAME;
}

static void look_up(struct question *q)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    struct addrinfo *found = NULL;
    q->eai = getaddrinfo(q->host, NULL, &hints, &found);
    if (q->eai != 0)
        return;
    note_addresses(q, found);
    freeaddrinfo(found);
}

/* The lock is held. */
static struct question *take_asked(struct resolver *r)
{
    struct question *q = r->is_closed ? NULL : take(&r->known);
    if (q || r->is_closed || r->busy_new == DNS_MAX_NEW)
        return q;
    q = take(&r->fresh);
    r->busy_new += q != NULL;
    return q;
}

static void hand_back(struct resolver *r, struct question *q)
{
    const uint64_t one = 1;
    q->next = r->done;
    r->done = q;
    if (write(r->fd, &one, sizeof one) < 0)
        return; /* full: it rings already */
}

static void *thread_main(void *resolver)
{
    struct resolver *r = resolver;
    struct question *q;
    pthread_mutex_lock(&r->lock);
    while ((q = take_asked(r))) {
        if (q->asker) {
            pthread_mutex_unlock(&r->lock);
            look_up(q);
            pthread_mutex_lock(&r->lock);
        }
        r->busy_new -= q->is_new;
        hand_back(r, q);
    }
    const bool is_last = --r->threads == 0 && r->is_closed;
    pthread_mutex_unlock(&r->lock);
    if (is_last)
        destroy(r);
    return NULL;
}

/* ---- the loop ---- */

static void on_bell(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct resolver *r = arg;
    uint64_t rings;
    if (read(fd, &rings, sizeof rings) < 0)
        return;
    pthread_mutex_lock(&r->lock);
    struct question *done = r->done;
    r->done = NULL;
    pthread_mutex_unlock(&r->lock);
    while (done) {
        struct question *q = done;
        done = q->next;
        r->open_count--;
        if (q->asker)
            r->answered(q); /* may forget others of the list */
        question_free(q);
    }
    if (!r->open_count)
        event_del(r->bell);
}

struct resolver *resolver_new(struct event_base *base, void (*answered)(struct question *q))
{
    struct resolver *r = mem_zalloc(sizeof *r);
    HANDLE_MADE(r, RESOLVER_TAG);
    r->base = base;
    r->answered = answered;
    r->fresh.end = &r->fresh.first;
    r->known.end = &r->known.first;
    r->fd = -1;
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

/* The first name needs it; a run against literals opens nothing. */
static bool has_bell(struct resolver *r)
{
    if (r->fd < 0) {
        r->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        r->bell = r->fd < 0 ? NULL : event_new(r->base, r->fd, EV_READ | EV_PERSIST, on_bell, r);
    }
    return r->bell != NULL;
}

void resolver_free(struct resolver *r)
{
    HANDLE_IS(r, RESOLVER_TAG);
    if (r->bell)
        event_free(r->bell);
    pthread_mutex_lock(&r->lock);
    r->is_closed = true;
    const bool is_last = r->threads == 0;
    pthread_mutex_unlock(&r->lock);
    if (is_last)
        destroy(r);
}

struct question *resolver_ask(struct resolver *r, const char *host, bool is_new, void *asker)
{
    HANDLE_IS(r, RESOLVER_TAG);
    if (!has_bell(r))
        return NULL;
    struct question *q = mem_zalloc(sizeof *q);
    q->resolver = r;
    q->host = mem_strdup(host);
    q->is_new = is_new;
    q->asker = asker;
    r->open_count++;
    event_add(r->bell, NULL);
    pthread_mutex_lock(&r->lock);
    if (r->threads < DNS_MAX_THREADS && thread_start(NULL, thread_main, r))
        r->threads++;
    if (r->threads) {
        put(is_new ? &r->fresh : &r->known, q);
    } else { /* no thread can be had: answered in the next turn, as others are */
        q->eai = EAI_AGAIN;
        hand_back(r, q);
    }
    pthread_mutex_unlock(&r->lock);
    return q;
}

void resolver_forget(struct question *q)
{
    pthread_mutex_lock(&q->resolver->lock);
    q->asker = NULL;
    pthread_mutex_unlock(&q->resolver->lock);
}
