// SPDX-License-Identifier: MIT
/* Queues hang in a small hash table by duration. A queue's timer is armed when its first deadline
 * comes and then only when it has fired: clearing the head costs no timer operation, the timer
 * finds out when it fires. */
#include "worker/net/deadline.h"

#include <event2/event.h>
#include <stdlib.h>

#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/mem.h"

#define BUCKETS 256u
#define EXACT_MS 1024u /* up to here every millisecond has its queue */
#define STEPS_PER_DOUBLING 64u

struct deadline_queue {
    struct deadline_queue *next;
    struct deadline *head, *tail;
    struct event *timer;
    uint32_t duration_ms;
};

#define DEADLINES_TAG 0x64656164u /* "dead" */

struct deadlines {
    uint32_t tag;
    struct event_base *base;
    struct deadline_queue *buckets[BUCKETS];
};

struct deadlines *deadlines_new(struct event_base *base)
{
    struct deadlines *all = mem_zalloc(sizeof *all);
    HANDLE_MADE(all, DEADLINES_TAG);
    all->base = base;
    return all;
}

void deadlines_free(struct deadlines *all)
{
    if (!all)
        return;
    HANDLE_IS(all, DEADLINES_TAG);
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct deadline_queue *q = all->buckets[i];
        while (q) {
            struct deadline_queue *next = q->next;
            event_free(q->timer);
            free(q);
            q = next;
        }
    }
    HANDLE_ENDS(all);
    free(all);
}

static void arm(struct deadline_queue *q, uint64_t now_ns)
{
    const uint64_t at = q->head->at_ns;
    const uint64_t wait_us = at > now_ns ? (at - now_ns + 999) / 1000 : 0;
    const struct timeval tv = {(time_t)(wait_us / 1000000), (suseconds_t)(wait_us % 1000000)};
    if (event_add(q->timer, &tv) != 0)
        mem_refused("a deadline's timer"); /* else none of its deadlines would ever come */
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct deadline_queue *q = arg;
    const uint64_t now = clk_mono_ns();
    while (q->head && q->head->at_ns <= now) {
        struct deadline *d = q->head;
        deadline_clear(d);
        d->fire(d);
    }
    if (q->head && !event_pending(q->timer, EV_TIMEOUT, NULL))
        arm(q, now);
}

static uint32_t rounded(uint32_t ms)
{
    if (ms <= EXACT_MS)
        return ms;
    const unsigned bits = 31 - (unsigned)__builtin_clz(ms);
    const uint32_t step = (UINT32_C(1) << bits) / STEPS_PER_DOUBLING;
    const uint64_t up = ((uint64_t)ms + step - 1) / step * step;
    return up > UINT32_MAX ? UINT32_MAX : (uint32_t)up;
}

static struct deadline_queue *queue_get(struct deadlines *all, uint32_t ms)
{
    struct deadline_queue **bucket = &all->buckets[(ms * UINT32_C(2654435761)) >> 24];
    for (struct deadline_queue *q = *bucket; q; q = q->next) {
        if (q->duration_ms == ms)
            return q;
    }
    struct deadline_queue *q = mem_zalloc(sizeof *q);
    q->duration_ms = ms;
    q->timer = evtimer_new(all->base, on_timer, q);
    if (!q->timer)
        mem_refused("a deadline's timer");
    q->next = *bucket;
    *bucket = q;
    return q;
}

void deadline_set(struct deadlines *all, struct deadline *d, uint32_t after_ms, uint64_t now_ns)
{
    HANDLE_IS(all, DEADLINES_TAG);
    deadline_clear(d);
    struct deadline_queue *q = queue_get(all, rounded(after_ms));
    d->queue = q;
    d->at_ns = now_ns + (uint64_t)q->duration_ms * 1000000;
    d->next = NULL;
    d->prev = q->tail;
    *(q->tail ? &q->tail->next : &q->head) = d;
    q->tail = d;
    if (q->head == d && !event_pending(q->timer, EV_TIMEOUT, NULL))
        arm(q, now_ns);
}

void deadline_clear(struct deadline *d)
{
    struct deadline_queue *q = d->queue;
    if (!q)
        return;
    *(d->prev ? &d->prev->next : &q->head) = d->next;
    *(d->next ? &d->next->prev : &q->tail) = d->prev;
    d->queue = NULL;
    d->next = d->prev = NULL;
}
