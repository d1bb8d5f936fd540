// SPDX-License-Identifier: MIT
#pragma once
/* fail_malloc: malloc and its family, of which any one call can be made to fail, in the whole
 * program: libraries too. It counts the calls and what is not freed, and can note which place in
 * the program made which call. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* The ones below this: a sanitizer's, where there is one, else libc's. */
#define FAIL_ALLOC_BELOW(type, name, ...)                                                          \
    type __libc_##name(__VA_ARGS__);                                                               \
    type __interceptor_##name(__VA_ARGS__) __attribute__((weak));
FAIL_ALLOC_BELOW(void *, malloc, size_t)
FAIL_ALLOC_BELOW(void *, calloc, size_t, size_t)
FAIL_ALLOC_BELOW(void *, realloc, void *, size_t)
FAIL_ALLOC_BELOW(void, free, void *)
#define FAIL_ALLOC_CALL(name, ...)                                                                 \
    (__interceptor_##name ? __interceptor_##name(__VA_ARGS__) : __libc_##name(__VA_ARGS__))

static atomic_long fail_alloc_live; /* blocks that were given and not freed */
static atomic_long fail_alloc_made; /* allocations since it was set to 0 */
static atomic_long fail_alloc_at;   /* the one to refuse; 0 none */

/* Which is of which place in the program. */
enum { FAIL_ALLOC_MOST = 1 << 16, FAIL_ALLOC_MEM = 3 };
static const void *fail_alloc_places[FAIL_ALLOC_MOST];
static const void *fail_alloc_mem[FAIL_ALLOC_MEM]; /* those in base/mem.h */
static bool fail_alloc_notes;

static bool fail_alloc_refuses(const void *place)
{
    const long n = atomic_fetch_add(&fail_alloc_made, 1) + 1;
    if (fail_alloc_notes && n <= FAIL_ALLOC_MOST)
        fail_alloc_places[n - 1] = place;
    if (n != atomic_load(&fail_alloc_at))
        return false;
    errno = ENOMEM;
    return true;
}

static void *fail_alloc_counted(void *p)
{
    if (p)
        atomic_fetch_add(&fail_alloc_live, 1);
    return p;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    return fail_alloc_refuses(__builtin_return_address(0))
               ? NULL
               : fail_alloc_counted(FAIL_ALLOC_CALL(malloc, size));
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
    return fail_alloc_refuses(__builtin_return_address(0))
               ? NULL
               : fail_alloc_counted(FAIL_ALLOC_CALL(calloc, n, size));
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t size)
{
    if (fail_alloc_refuses(__builtin_return_address(0)))
        return NULL;
    void *q = FAIL_ALLOC_CALL(realloc, p, size);
    return p ? q : fail_alloc_counted(q);
}

__attribute__((visibility("default"))) void free(void *p)
{
    if (p)
        atomic_fetch_sub(&fail_alloc_live, 1);
    FAIL_ALLOC_CALL(free, p);
}
