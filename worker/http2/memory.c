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

/* ---- small pieces ---------------------------------------------------------------------------
 *
 * A stream, its frames and the headers that come cost nghttp2 ten to twenty of them, which the next
 * stream needs again: they wait here, by their size.
 */

#define STEP 16u
#define SMALL_MOST (512u + sizeof(struct head))
#define WAITING_MOST (64u * 1024) /* bytes, of a size */

struct head {    /* before what nghttp2 has */
    size_t size; /* with this; 0: too large to wait here */
};
struct waiting { /* in what nghttp2 had; no larger than a step */
    struct waiting *next;
    size_t count; /* from this one on */
};
static struct waiting *lists[SMALL_MOST / STEP + 1];

static void *piece_new(size_t size)
{
    const size_t room = ((size ? size : 1) + STEP - 1) & ~(size_t)(STEP - 1);
    const size_t whole = room + sizeof(struct head);
    const bool is_small = whole <= SMALL_MOST;
    struct waiting *w = is_small ? lists[whole / STEP] : NULL;
    if (w) {
        lists[whole / STEP] = w->next;
        return w;
    }
    struct head *head = mem_try_realloc(NULL, whole);
    if (!head)
        return NULL;
    head->size = is_small ? whole : 0;
    return head + 1;
}

static void piece_free(void *piece)
{
    struct head *head = (struct head *)piece - 1;
    struct waiting *w = piece, **list = &lists[head->size / STEP];
    const size_t count = *list ? (*list)->count + 1 : 1;
    if (!head->size || count * head->size > WAITING_MOST) {
        free(head);
        return;
    }
    *w = (struct waiting){*list, count};
    *list = w;
}

static void *piece_resized(void *piece, size_t size)
{
    struct head *head = (struct head *)piece - 1;
    if (!head->size) {
        head = mem_try_realloc(head, sizeof *head + size);
        return head ? head + 1 : NULL;
    }
    const size_t had = head->size - sizeof *head;
    void *larger = size > had ? piece_new(size) : piece;
    if (larger && larger != piece) {
        memcpy(larger, piece, had);
        piece_free(piece);
    }
    return larger;
}

/* ---- nghttp2's calls ------------------------------------------------------------------------ */

static void *on_malloc(size_t size, void *m)
{
    void *memory = take(m, size);
    return memory ? memory : piece_new(size);
}

static void *on_calloc(size_t count, size_t size, void *m)
{
    const size_t whole = count * size; /* nghttp2's own structures: no overflow */
    void *memory = take(m, whole);
    if (memory)
        return memory;
    memory = piece_new(whole);
    return memory ? memset(memory, 0, whole) : NULL;
}

static void on_free(void *memory, void *m)
{
    if (memory && !is_inside(m, memory))
        piece_free(memory);
}

static void *on_realloc(void *old, size_t size, void *arg)
{
    struct h2_memory *m = arg;
    if (!old)
        return on_malloc(size, m);
    if (!is_inside(m, old))
        return piece_resized(old, size);
    const size_t most = (size_t)((char *)m + PIECE - (char *)old);
    void *memory = piece_new(size);
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
