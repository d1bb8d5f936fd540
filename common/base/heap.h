// SPDX-License-Identifier: MIT
#pragma once
/* heap: how the C library's allocator is to keep what was freed, and what it has. Elsewhere than
 * with glibc nothing is done, and nothing is known. */
#include <stdbool.h>
#include <stddef.h>

/* For a process that runs for days with many threads that do little each: before the first thread.
 * glibc gives every thread a heap of its own, up to eight for each processor, and keeps in it what
 * the largest answer of that thread took; and once a large piece was freed, the next lie among
 * small ones. Here threads share few heaps, and a large piece that is freed is the kernel's again.
 * What took a moment leaves holes among what stays, which glibc keeps until the very end of a heap
 * is free: once a minute a thread gives the kernel their pages, if they are many. Whoever sets
 * MALLOC_ARENA_MAX knows better. */
void heap_settle(void);

/* Bytes that were asked for and not given back, with what the allocator adds; and those that lie
 * free in its heaps, of which the kernel may have the pages. Takes as long as there are free
 * pieces, up to milliseconds: not for a loop. */
struct heap_use {
    size_t used, unused;
};
struct heap_use heap_use(void);

/* Now, if so many bytes lie free. Whoever asks for memory meanwhile waits, for milliseconds. */
bool heap_give_back(size_t least);
