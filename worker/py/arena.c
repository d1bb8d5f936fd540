// SPDX-License-Identifier: MIT
/* arena: page memory for the Python stacks of many greenlets.
 *
 * CPython maps a 16 KiB chunk for each greenlet's Python frames and unmaps it at its end. With
 * 100,000 users that is a system call for each start and end, and chunks freed in any order leave
 * holes until the kernel's limit of mappings (65,530) ends the process. Here chunks are cut from
 * large slabs that stay mapped. Of the free chunks, KEEP_WARM keep their pages; the pages of
 * others go back to the kernel. Huge pages are refused: they would make a whole chunk resident
 * where usually one page of it is touched.
 * A user's first chunk is smaller (py_stack.c).
 * All other requests (object arenas) go where CPython sends them. Called with the GIL held.
 */
#include "worker/py/arena.h"

#include "common/base/mem.h"

#include <Python.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    CHUNK = 16 * 1024,
    SLAB = 4 * 1024 * 1024,
    KEEP_WARM = 2048,
    SMALL_SLAB = 128 * ARENA_SMALL
};

static PyObjectArenaAllocator original;
static struct {
    char *next, *end; /* what is left of the newest slab */
    void **items;     /* free chunks, the latest last */
    size_t count, cap;
} chunks;
static void *first_small; /* free ones, each with the next in its first word */

static void *cut_chunk(void)
{
    if (chunks.next == chunks.end) {
        void *slab = mmap(NULL, SLAB, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (slab == MAP_FAILED)
            return NULL;
        madvise(slab, SLAB, MADV_NOHUGEPAGE);
        chunks.next = slab;
        chunks.end = chunks.next + SLAB;
    }
    void *chunk = chunks.next;
    chunks.next += CHUNK;
    return chunk;
}

static void *arena_alloc(void *ctx, size_t size)
{
    (void)ctx;
    if (size != CHUNK)
        return original.alloc(original.ctx, size);
    return chunks.count ? chunks.items[--chunks.count] : cut_chunk();
}

static void arena_free(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    if (size == ARENA_SMALL) {
        *(void **)ptr = first_small;
        first_small = ptr;
        return;
    }
    if (size != CHUNK) {
        original.free(original.ctx, ptr, size);
        return;
    }
    if (chunks.count == chunks.cap) {
        size_t cap = chunks.cap ? chunks.cap * 2 : 1024;
        void **items = mem_try_realloc(chunks.items, cap * sizeof *items);
        if (!items) {
            original.free(original.ctx, ptr, size); /* a hole is better than a leak */
            return;
        }
        chunks.items = items;
        chunks.cap = cap;
    }
    if (chunks.count >= KEEP_WARM)
        madvise(ptr, CHUNK, MADV_DONTNEED);
    chunks.items[chunks.count++] = ptr;
}

static bool cut_small(void)
{
    char *slab = mmap(NULL, SMALL_SLAB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slab == MAP_FAILED)
        return false;
    for (char *at = slab + SMALL_SLAB - ARENA_SMALL; at >= slab; at -= ARENA_SMALL) {
        *(void **)(void *)at = first_small;
        first_small = at;
    }
    return true;
}

/* Not malloc's: between the stacks that greenlet copies there, they would leave holes. */
void *arena_small_chunk(void)
{
    if (!original.free || (!first_small && !cut_small()))
        return NULL;
    void *chunk = first_small;
    first_small = *(void **)chunk;
    return chunk;
}

void arena_install(void)
{
    PyObject_GetArenaAllocator(&original);
    PyObject_SetArenaAllocator(&(PyObjectArenaAllocator){NULL, arena_alloc, arena_free});
}
