// SPDX-License-Identifier: MIT
#include "common/base/heap.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 24
#define PIECES 2000
#define PIECE 16000

static pthread_barrier_t all_there;

static void *use_memory(void *arg)
{
    (void)arg;
    char *volatile p = malloc(100); /* that is not left out */
    pthread_barrier_wait(&all_there);
    free(p);
    return NULL;
}

static size_t heaps(void)
{
    char *text = NULL;
    size_t len = 0, count = 0;
    FILE *to = open_memstream(&text, &len);
    malloc_info(0, to);
    fclose(to);
    for (const char *at = text; (at = strstr(at, "<heap ")) != NULL; at++)
        count++;
    free(text);
    return count;
}

static void many_threads_share_few_heaps(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    pthread_barrier_init(&all_there, NULL, THREADS);
    heap_settle();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_memory, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(heaps(), 1, 3);
    pthread_barrier_destroy(&all_there);
}

#ifndef KATYDID_SANITIZE /* whose allocator is another */

static size_t resident(void)
{
    size_t size = 0, pages = 0;
    FILE *from = fopen("/proc/self/statm", "r");
    assert_non_null(from);
    assert_int_equal(fscanf(from, "%zu %zu", &size, &pages), 2);
    fclose(from);
    return pages * 4096;
}

/* As after a large answer: what stays lies between what went. */
static void holes_are_given_back(void **state)
{
    (void)state;
    static char *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = memset(malloc(PIECE), 1, PIECE);
    const size_t full = resident();
    const struct heap_use before = heap_use();
    for (size_t i = 0; i < PIECES; i++)
        if (i % 10)
            free(pieces[i]);
    const struct heap_use after = heap_use();
    assert_in_range(before.used - after.used, PIECES / 10 * 9 * PIECE, PIECES * (PIECE + 64));
    assert_true(after.unused > PIECES / 10 * 8 * PIECE);
    assert_true(resident() > full / 10 * 9);
    assert_false(heap_give_back(SIZE_MAX));
    assert_true(heap_give_back(PIECE));
    assert_true(resident() < full / 2);
    for (size_t i = 0; i < PIECES; i += 10)
        free(pieces[i]);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_share_few_heaps),
#ifndef KATYDID_SANITIZE
        cmocka_unit_test(holes_are_given_back),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
