// SPDX-License-Identifier: MIT
#pragma once
/* ready: the list of what runs next, one per loop. A ring with a sentinel: taking an entry off
 * needs no list. Only the loop's own thread may touch it; no GIL needed. See hub.h for entries.
 */
#include "worker/py/hub.h"

struct ready_list {
    struct ready ring; /* next = first, prev = last */
};

static inline void ready_list_init(struct ready_list *l)
{
    l->ring.next = l->ring.prev = &l->ring;
}

static inline bool ready_list_empty(const struct ready_list *l)
{
    return l->ring.next == &l->ring;
}

static inline void ready_add(struct ready_list *l, struct ready *r)
{
    if (r->is_queued)
        return;
    r->is_queued = true;
    r->next = &l->ring;
    r->prev = l->ring.prev;
    l->ring.prev->next = r;
    l->ring.prev = r;
}

static inline void ready_remove(struct ready *r)
{
    if (!r->is_queued)
        return;
    r->is_queued = false;
    r->prev->next = r->next;
    r->next->prev = r->prev;
}

static inline struct ready *ready_first(struct ready_list *l)
{
    return ready_list_empty(l) ? NULL : l->ring.next;
}

/* The first entry, taken off; NULL when there is none. */
static inline struct ready *ready_take(struct ready_list *l)
{
    struct ready *r = ready_first(l);
    if (r)
        ready_remove(r);
    return r;
}
