// SPDX-License-Identifier: MIT
#include "worker/journal/journal_ring.h"

#include "common/base/mem.h"

#include <stdbool.h>
#include <stdlib.h>

#define SKIP UINT32_MAX /* the kind of what fills up the end, as no record is in two pieces */

struct head {
    uint32_t size; /* of all of it, a multiple of 8 */
    uint32_t kind, bytes;
    uint32_t unused;
};

void ring_init(struct journal_ring *r, size_t bytes)
{
    size_t size = 4096;
    while (size < bytes)
        size *= 2;
    *r = (struct journal_ring){.bytes = mem_zalloc(size), .size = size};
}

void ring_fini(struct journal_ring *r)
{
    free(r->bytes);
    r->bytes = NULL;
}

size_t ring_used(const struct journal_ring *r)
{
    return (size_t)(atomic_load_explicit(&r->put, memory_order_relaxed) -
                    atomic_load_explicit(&r->taken, memory_order_relaxed));
}

static struct head *at(const struct journal_ring *r, uint64_t where)
{
    return (struct head *)(void *)(r->bytes + (where & (r->size - 1)));
}

/* What the other side has taken is looked up only when what is known does not do. */
static bool has_room(struct journal_ring *r, uint64_t put, size_t size)
{
    if (put + size - r->room_for <= r->size)
        return true;
    r->room_for = atomic_load_explicit(&r->taken, memory_order_acquire);
    return put + size - r->room_for <= r->size;
}

void *ring_room(struct journal_ring *r, unsigned kind, size_t bytes)
{
    const size_t size = (sizeof(struct head) + bytes + 7) & ~(size_t)7;
    uint64_t put = atomic_load_explicit(&r->put, memory_order_relaxed);
    const size_t left = r->size - (size_t)(put & (r->size - 1));
    const size_t skipped = left < size ? left : 0;
    if (!has_room(r, put, skipped + size))
        return NULL;
    if (skipped >= sizeof(struct head))
        *at(r, put) = (struct head){.size = (uint32_t)skipped, .kind = SKIP};
    if (skipped) {
        put += skipped;
        atomic_store_explicit(&r->put, put, memory_order_release);
    }
    struct head *h = at(r, put);
    *h = (struct head){.size = (uint32_t)size, .kind = kind, .bytes = (uint32_t)bytes};
    return h + 1;
}

void ring_put(struct journal_ring *r)
{
    const uint64_t put = atomic_load_explicit(&r->put, memory_order_relaxed);
    atomic_store_explicit(&r->put, put + at(r, put)->size, memory_order_release);
}

const void *ring_peek(struct journal_ring *r, unsigned *kind, size_t *bytes)
{
    const uint64_t put = atomic_load_explicit(&r->put, memory_order_acquire);
    uint64_t taken = atomic_load_explicit(&r->taken, memory_order_relaxed);
    while (taken != put) {
        const size_t left = r->size - (size_t)(taken & (r->size - 1));
        const struct head *h = left < sizeof *h ? NULL : at(r, taken);
        if (h && h->kind != SKIP) {
            *kind = h->kind;
            *bytes = h->bytes;
            return h + 1;
        }
        taken += h ? h->size : left;
        atomic_store_explicit(&r->taken, taken, memory_order_release);
    }
    return NULL;
}

void ring_release(struct journal_ring *r)
{
    const uint64_t taken = atomic_load_explicit(&r->taken, memory_order_relaxed);
    atomic_store_explicit(&r->taken, taken + at(r, taken)->size, memory_order_release);
}
