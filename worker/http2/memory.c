// SPDX-License-Identifier: MIT
/* Memory of a connection that lasts as long as it does.
 *
 * nghttp2 takes 25 KB at once for a session, of which 16 are a buffer for the largest frame, and
 * ordinary frames touch its beginning. In one piece, from the beginning of a page, that and the
 * connection's own are three pages; among other memory they were a fourth, and parts of others.
 * A piece that is given back is none of the process's memory until it is used again, and zero then.
 */
#include "worker/http2/h2.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/mem.h"

#define PIECE (7u * 4096)
#define PIECES_AT_ONCE 64u

struct h2_memory {
    size_t used;
    bool is_open; /* what is asked for comes out of the piece */
};

#ifdef KATYDID_SANITIZE
#define IS_IN_PIECES false /* what is used after its end is found */
#else
#define IS_IN_PIECES true
#endif

static struct {
    void **list;
    size_t count, cap;
} spare;

static void give_back(void *piece)
{
    if (spare.count == spare.cap) {
        spare.cap += PIECES_AT_ONCE;
        spare.list = mem_realloc(spare.list, spare.cap * sizeof *spare.list);
    }
    spare.list[spare.count++] = piece;
}

static void map_more(void)
{
    char *pieces = mmap(NULL, (size_t)PIECE * PIECES_AT_ONCE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pieces == MAP_FAILED)
        mem_refused("HTTP/2 connections");
    madvise(pieces, (size_t)PIECE * PIECES_AT_ONCE, MADV_NOHUGEPAGE);
    for (unsigned i = PIECES_AT_ONCE; i-- > 0;)
        give_back(pieces + (size_t)i * PIECE);
}

static bool is_inside(const struct h2_memory *m, const void *memory)
{
    return (const char *)memory >= (const char *)m &&
           (const char *)memory < (const char *)m + PIECE;
}

/* Zeroed; NULL: there is no room. */
static void *take(struct h2_memory *m, size_t size)
{
    const size_t whole = (size + 15) & ~(size_t)15;
    if (!m->is_open || size > PIECE || whole > PIECE - m->used)
        return NULL;
    m->used += whole;
    return (char *)m + m->used - whole;
}

static void *on_malloc(size_t size, void *m)
{
    void *memory = take(m, size);
    return memory ? memory : mem_try_realloc(NULL, size);
}

static void *on_calloc(size_t count, size_t size, void *m)
{
    void *memory = take(m, count * size); /* nghttp2's own structures: no overflow */
    if (memory)
        return memory;
    memory = mem_try_realloc(NULL, count * size);
    return memory ? memset(memory, 0, count * size) : NULL;
}

static void on_free(void *memory, void *m)
{
    if (!is_inside(m, memory))
        free(memory);
}

static void *on_realloc(void *old, size_t size, void *arg)
{
    struct h2_memory *m = arg;
    if (!old)
        return on_malloc(size, m);
    if (!is_inside(m, old))
        return mem_try_realloc(old, size);
    const size_t most = (size_t)((char *)m + PIECE - (char *)old);
    void *memory = mem_try_realloc(NULL, size);
    return memory ? memcpy(memory, old, size < most ? size : most) : NULL;
}

struct h2 *memory_new(void)
{
    if (!IS_IN_PIECES)
        return mem_zalloc(sizeof(struct h2));
    if (!spare.count)
        map_more();
    struct h2_memory *m = spare.list[--spare.count];
    *m = (struct h2_memory){.used = sizeof *m, .is_open = true};
    struct h2 *h = take(m, sizeof *h);
    h->memory = m;
    return h;
}

int memory_session(struct h2 *h, const nghttp2_session_callbacks *callbacks,
                   const nghttp2_option *option)
{
    if (!h->memory)
        return nghttp2_session_client_new2(&h->session, callbacks, h, option);
    nghttp2_mem mem = {h->memory, on_malloc, on_free, on_calloc, on_realloc};
    const int rc = nghttp2_session_client_new3(&h->session, callbacks, h, option, &mem);
    h->memory->is_open = false;
    return rc;
}

void memory_free(struct h2 *h)
{
    struct h2_memory *m = h->memory;
    if (!m) {
        free(h);
        return;
    }
    madvise(m, PIECE, MADV_DONTNEED);
    give_back(m);
}
