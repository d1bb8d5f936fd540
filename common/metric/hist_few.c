// SPDX-License-Identifier: MIT
#include "common/metric/hist_few.h"

#include "common/base/mem.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define SIZE_OF(room) (sizeof(struct hist_few) + (room) * sizeof(struct hist_few_bucket))

static_assert(SIZE_OF(HIST_FEW_FIRST) == 64, "a cache line");

/* Whether there is room for one more. */
static bool make_room(struct hist_few **few)
{
    const unsigned room = *few ? (*few)->room : 0, more = room ? 2 * room + 1 : HIST_FEW_FIRST;
    if (*few && (*few)->count < room)
        return true;
    if (more > HIST_FEW_MOST)
        return false;
    *few = mem_realloc(*few, SIZE_OF(more));
    if (!room)
        (*few)->count = 0;
    (*few)->room = (uint16_t)more;
    return true;
}

/* Of the first that is not below it. */
static unsigned place_of(const struct hist_few *few, unsigned bucket)
{
    unsigned low = 0, high = few ? few->count : 0;
    while (low < high) {
        const unsigned middle = (low + high) / 2;
        if (few->bucket[middle].at < bucket)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool hist_few_add(struct hist_few **few, unsigned bucket, uint64_t n)
{
    const unsigned i = place_of(*few, bucket);
    struct hist_few_bucket *at = *few ? &(*few)->bucket[i] : NULL;
    if (at && i < (*few)->count && at->at == bucket) {
        if (n > (unsigned)UINT16_MAX - at->n)
            return false;
        at->n = (uint16_t)(at->n + n);
        return true;
    }
    if (n > UINT16_MAX || !make_room(few))
        return false;
    at = &(*few)->bucket[i];
    memmove(at + 1, at, ((*few)->count - i) * sizeof *at);
    *at = (struct hist_few_bucket){(uint16_t)bucket, (uint16_t)n};
    (*few)->count++;
    return true;
}
