// SPDX-License-Identifier: MIT
/* A load generator that cannot get a few kilobytes is of no use to its test: it says so and aborts
 * at the place, instead of limping on with a hole in its numbers. */
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p, size_t size)
{
    if (!p && size) {
        fprintf(stderr, "out of memory: %zu bytes were refused\n", size);
        abort();
    }
    return p;
}

void mem_refused(const char *what)
{
    fprintf(stderr, "out of memory: %s was refused\n", what);
    abort();
}

void *mem_try_realloc(void *p, size_t size)
{
    return realloc(p, size);
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size), size);
}

void *mem_realloc(void *p, size_t size)
{
    return checked(realloc(p, size), size);
}

void *mem_dup(const void *bytes, size_t len)
{
    char *copy = checked(malloc(len + 1), len + 1);
    if (len)
        memcpy(copy, bytes, len);
    copy[len] = 0;
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_dup(text, strlen(text));
}
