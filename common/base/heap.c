// SPDX-License-Identifier: MIT
#include "common/base/heap.h"

#include <malloc.h>
#include <stdlib.h>

#define HEAPS 3
#define LARGE (256 << 10)
#define KEPT (4 << 20) /* at the end of the main heap, so that it does not breathe all the time */

void heap_settle(void)
{
#ifdef __GLIBC__
    if (getenv("MALLOC_ARENA_MAX"))
        return;
    mallopt(M_ARENA_MAX, HEAPS);
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_TRIM_THRESHOLD, KEPT);
#endif
}
