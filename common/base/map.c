// SPDX-License-Identifier: MIT
/* Linear probing at a load of at most one half. The hash reads eight bytes at a time and folds a
 * 64 x 64 bit product, because keys are mostly URLs of 5 to 50 bytes and sit on the hot path. */
#include "common/base/map.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load(const unsigned char *p, size_t n)
{
    uint64_t word = 0;
    memcpy(&word, p, n);
    return word;
}

uint64_t map_hash(uint64_t seed, const void *bytes, size_t len)
{
    const uint64_t odd1 = UINT64_C(0x9E3779B97F4A7C15), odd2 = UINT64_C(0xD6E8FEB86659FD93);
    const unsigned char *p = bytes;
    uint64_t h = seed ^ (len * odd1);
    for (; len > 8; len -= 8, p += 8)
        h = fold(h ^ load(p, 8), odd2);
    if (len == 8)
        h ^= load(p, 8);
    else if (len >= 4)
        h ^= load(p, 4) | load(p + len - 4, 4) << 32;
    else if (len)
        h ^= (uint64_t)p[0] | (uint64_t)p[len / 2] << 8 | (uint64_t)p[len - 1] << 16;
    return fold(h ^ odd1, odd2);
}

void *map_find(const struct map *m, uint64_t hash, bool (*is)(const void *value, const void *key),
               const void *key)
{
    if (!m->cap)
        return NULL;
    for (size_t i = hash & (m->cap - 1); m->slots[i].value; i = (i + 1) & (m->cap - 1))
        if (m->slots[i].hash == hash && is(m->slots[i].value, key))
            return m->slots[i].value;
    return NULL;
}

static void place(struct map *m, uint64_t hash, void *value)
{
    size_t i = hash & (m->cap - 1);
    while (m->slots[i].value)
        i = (i + 1) & (m->cap - 1);
    m->slots[i] = (struct map_slot){hash, value};
}

static void grow(struct map *m)
{
    struct map old = *m;
    m->cap = old.cap ? old.cap * 2 : 16;
    m->slots = mem_zalloc(m->cap * sizeof *m->slots);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].value)
            place(m, old.slots[i].hash, old.slots[i].value);
    free(old.slots);
}

void map_add(struct map *m, uint64_t hash, void *value)
{
    if (m->count * 2 >= m->cap)
        grow(m);
    place(m, hash, value);
    m->count++;
}

void map_remove(struct map *m, uint64_t hash, const void *value)
{
    const size_t mask = m->cap - 1;
    size_t hole = hash & mask;
    while (m->slots[hole].value != value)
        hole = (hole + 1) & mask;
    /* What lies behind and may lie here moves up, so that no search ends too early. */
    for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        const size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        m->slots[hole] = m->slots[i];
        hole = i;
    }
    m->slots[hole] = (struct map_slot){0};
    m->count--;
}

void map_clear(struct map *m)
{
    if (m->count)
        memset(m->slots, 0, m->cap * sizeof *m->slots);
    m->count = 0;
}

void map_fini(struct map *m)
{
    free(m->slots);
    *m = (struct map){0};
}
