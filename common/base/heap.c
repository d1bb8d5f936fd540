// SPDX-License-Identifier: MIT
#include "common/base/heap.h"

#include "common/base/thread.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAPS 3
#define LARGE (256 << 10)
#define KEPT (1 << 20) /* at the end of each heap, so that it does not breathe all the time */
#define GIVE_BACK_S 60
#define HOLES (4 << 20) /* those are left alone: the next answer takes them */

#ifdef __GLIBC__

struct heap_use heap_use(void)
{
    const struct mallinfo2 all = mallinfo2();
    return (struct heap_use){.used = all.uordblks + all.hblkhd, .unused = all.fordblks};
}

bool heap_give_back(size_t least)
{
    return heap_use().unused >= least && malloc_trim(0) == 1;
}

static void *give_back_for_ever(void *arg)
{
    for (;;) {
        sleep(GIVE_BACK_S);
        heap_give_back(HOLES);
    }
    return arg;
}

void heap_settle(void)
{
    if (getenv("MALLOC_ARENA_MAX"))
        return;
    mallopt(M_ARENA_MAX, HEAPS);
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_TRIM_THRESHOLD, KEPT);
    thread_start(NULL, give_back_for_ever, NULL);
}

#else

struct heap_use heap_use(void)
{
    return (struct heap_use){0};
}

bool heap_give_back(size_t least)
{
    (void)least;
    return false;
}

void heap_settle(void)
{
}

#endif
