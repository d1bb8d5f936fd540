// SPDX-License-Identifier: MIT
#pragma once
/* journal_ring: records of bytes from one thread to one other, without a lock. A record lies in one
 * piece; the place of one that has been taken is free as soon as it is released. */
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct journal_ring {
    char *bytes;
    size_t size;                 /* a power of two */
    _Atomic uint64_t put, taken; /* bytes, since the begin */
    uint64_t room_for;           /* of the one who puts: what it knows of `taken` */
};

void ring_init(struct journal_ring *r, size_t bytes);
void ring_fini(struct journal_ring *r);
size_t ring_used(const struct journal_ring *r);

/* Where a record of that size may be written; NULL: there is no room now. ring_put makes it one. */
void *ring_room(struct journal_ring *r, unsigned kind, size_t size);
void ring_put(struct journal_ring *r);
/* The oldest record; NULL: there is none. It stays until ring_release. */
const void *ring_peek(struct journal_ring *r, unsigned *kind, size_t *size);
void ring_release(struct journal_ring *r);
