// SPDX-License-Identifier: MIT
#pragma once
/* chance: random numbers by counting: number n of a key is a function of both, and of nothing else.
 * So every worker knows the whole sequence, and no two need to talk about it.
 *
 * The output function of SplitMix64 over key + n · γ (Steele, Lea, Flood: Fast splittable
 * pseudorandom number generators, OOPSLA 2014).
 */
#include <math.h>
#include <stdint.h>

#define CHANCE_GAMMA 0x9e3779b97f4a7c15u /* 2^64 over the golden ratio, odd */

static inline uint64_t chance_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The key of what has a seed and a name. */
static inline uint64_t chance_key(uint64_t seed, const char *name)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return chance_mix(seed + chance_mix(h + CHANCE_GAMMA));
}

static inline uint64_t chance_bits(uint64_t key, uint64_t n)
{
    return chance_mix(key + (n + 1) * CHANCE_GAMMA);
}

/* In (0, 1], 53 bits of it: its logarithm is finite. */
static inline double chance_unit(uint64_t key, uint64_t n)
{
    return (double)((chance_bits(key, n) >> 11) + 1) * 0x1p-53;
}
