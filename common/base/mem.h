// SPDX-License-Identifier: MIT
#pragma once
/* mem: memory that is there, or the program ends with a message that says so.
 *
 * Small and bounded pieces, which is nearly all, come from here. How much a peer or a user's file
 * may make grow has a limit that is checked first; a body, whose limit is far beyond a machine's
 * memory, asks mem_try_realloc and fails alone. What a library could not get for itself is an error
 * like any other of its errors where there is somebody to tell, and mem_refused where there is not.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

void *mem_zalloc(size_t size); /* zeroed */
void *mem_realloc(void *p, size_t size);
void *mem_try_realloc(void *p, size_t size);  /* NULL: refused, and p is as it was */
void *mem_dup(const void *bytes, size_t len); /* a NUL follows the copy */
char *mem_strdup(const char *text);
/* memcpy, which must not have NULL, not even for no bytes; here an empty piece may be one. */
static inline void mem_copy(void *to, const void *bytes, size_t len)
{
    if (len)
        memcpy(to, bytes, len);
}
/* A variable of the environment and its value, by which glibc asks for huge pages from a program's
 * start on (worker/main.c). */
#define MEM_HUGE_PAGES_NAME "GLIBC_TUNABLES"
#define MEM_HUGE_PAGES_VALUE "glibc.malloc.hugetlb=1"
void mem_refused(const char *what) __attribute__((noreturn)); /* says so, and aborts */
