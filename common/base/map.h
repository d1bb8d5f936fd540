// SPDX-License-Identifier: MIT
#pragma once
/* map: a hash index over objects that live elsewhere. Open addressing, grows, never shrinks.
 *
 * The caller hashes the key (map_hash), and says by a callback whether an object has that key; the
 * index holds the full 64-bit hash, so the callback runs on true hits almost only. Keys and
 * objects stay the caller's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t hash;
    void *value; /* NULL = free */
};

struct map {
    struct map_slot *slots; /* owned; a power of two of them */
    size_t count, cap;
};

/* Mixes in bytes; chain calls over the parts of a key, starting from any seed. Not for secrets. */
uint64_t map_hash(uint64_t seed, const void *bytes, size_t len);

void *map_find(const struct map *m, uint64_t hash, bool (*is)(const void *value, const void *key),
               const void *key);
/* value must not be NULL, and its key not be in the map. */
void map_add(struct map *m, uint64_t hash, void *value);
void map_remove(struct map *m, uint64_t hash, const void *value); /* it must be there */
void map_clear(struct map *m);                                    /* keeps the memory */
void map_fini(struct map *m);
