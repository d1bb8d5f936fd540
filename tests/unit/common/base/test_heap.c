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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(many_threads_share_few_heaps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
