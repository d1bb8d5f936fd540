// SPDX-License-Identifier: MIT
#include "common/metric/hist_few.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct hist_few) <= 64, "a cache line");

bool hist_few_add(struct hist_few *few, unsigned bucket, uint64_t n)
{
    unsigned i = few->count;
    while (i > 0 && few->bucket[i - 1].at > bucket)
        i--;
    if (i > 0 && few->bucket[i - 1].at == bucket) {
        if (n > (unsigned)UINT16_MAX - few->bucket[i - 1].n)
            return false;
        few->bucket[i - 1].n = (uint16_t)(few->bucket[i - 1].n + n);
        return true;
    }
    if (few->count == HIST_FEW || n > UINT16_MAX)
        return false;
    memmove(&few->bucket[i + 1], &few->bucket[i], (few->count - i) * sizeof few->bucket[0]);
    few->bucket[i] = (struct hist_few_bucket){(uint16_t)bucket, (uint16_t)n};
    few->count++;
    return true;
}
