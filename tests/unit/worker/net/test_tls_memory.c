// SPDX-License-Identifier: MIT
/* Buffers for records come back to who asks next; those of other threads, and all else, do not. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "worker/net/tls.h"

enum { RECORD = 16 * 1024 + 300, MANY = 50 };

static void *on_other_thread(void *arg)
{
    void **piece = arg;
    OPENSSL_free(*piece);
    *piece = OPENSSL_malloc(RECORD);
    memset(*piece, 1, RECORD);
    return NULL;
}

static void test_buffers(void **state)
{
    (void)state;
    char *all[MANY];
    tls_keep_buffers();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            all[i] = OPENSSL_malloc(RECORD + (i % 3) * 16);
            memset(all[i], i, RECORD + (size_t)(i % 3) * 16);
        }
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(all[i][0], i);
            assert_int_equal(all[i][RECORD + i % 3 * 16 - 1], i);
        }
        all[0] = OPENSSL_realloc(all[0], 3 * RECORD);
        assert_int_equal(all[0][RECORD - 1], 0);
        for (int i = 0; i < MANY; i++)
            OPENSSL_free(all[i]);
    }
    OPENSSL_free(NULL);
    void *piece = OPENSSL_malloc(RECORD);
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, on_other_thread, &piece), 0);
    pthread_join(other, NULL);
    OPENSSL_free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_buffers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
