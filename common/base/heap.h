// SPDX-License-Identifier: MIT
#pragma once
/* heap: how the C library's allocator is to keep what was freed. */

/* For a process that runs for days with many threads that do little each: before the first thread.
 * glibc gives every thread a heap of its own, up to eight for each processor, and keeps in it what
 * the largest answer of that thread took; and once a large piece was freed, the next lie among
 * small ones. Here threads share few heaps, and a large piece that is freed is the kernel's again.
 * Whoever sets MALLOC_ARENA_MAX knows better. */
void heap_settle(void);
