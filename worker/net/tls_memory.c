// SPDX-License-Identifier: MIT
/* OpenSSL's memory for a record: so that idle connections have none it is taken and given back with
 * each read and each write (SSL_MODE_RELEASE_BUFFERS), which of pieces this large costs malloc as
 * much as half of the encryption. Here they wait for the next one. */
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "worker/net/tls.h"

enum { LEAST = 16 << 10, MOST = 20 << 10, SLACK = 64, KINDS = 4, KEPT_MOST = 8 };

struct piece {
    struct piece *next;
};
struct kind {
    size_t size; /* as it was asked for; 0: there is no such kind yet */
    struct piece *first;
    unsigned count;
};

static _Thread_local struct kind *kinds; /* NULL: not on this thread */

static struct kind *kind_of(size_t size)
{
    for (struct kind *k = kinds; k && k < kinds + KINDS; k++) {
        if (!k->size)
            k->size = size;
        if (k->size == size)
            return k;
    }
    return NULL;
}

static void *on_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    struct kind *k = size >= LEAST && size <= MOST ? kind_of(size) : NULL;
    if (!k || !k->first)
        return mem_try_realloc(NULL, size);
    struct piece *p = k->first;
    k->first = p->next;
    k->count--;
    return p;
}

static void *on_realloc(void *memory, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return mem_try_realloc(memory, size);
}

static void on_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    const size_t size = memory && kinds ? malloc_usable_size(memory) : 0;
    for (struct kind *k = kinds; size >= LEAST && k < kinds + KINDS; k++)
        if (k->size && size >= k->size && size - k->size < SLACK && k->count < KEPT_MOST) {
            struct piece *p = memory;
            p->next = k->first;
            k->first = p;
            k->count++;
            return;
        }
    free(memory);
}

void tls_keep_buffers(void)
{
#ifndef KATYDID_SANITIZE /* which finds what is used after its end */
    static struct kind of_this_thread[KINDS];
    if (CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free))
        kinds = of_this_thread;
#endif
}
