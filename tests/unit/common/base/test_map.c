// SPDX-License-Identifier: MIT
/* A map against a plain array, with hashes that collide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/map.h"

#define VALUES 200

static int values[VALUES];

static bool is_value(const void *value, const void *key)
{
    return value == key;
}

/* Few homes, at the end of the table too: chains are long, and go round its end. */
static uint64_t hash_of(unsigned i)
{
    return (uint64_t)(i % 7) * UINT64_C(0xFFFFFFFFFFFFFFF3);
}

static void test_add_and_remove(void **state)
{
    (void)state;
    struct map m = {0};
    bool is_in[VALUES] = {false};
    size_t count = 0;
    uint32_t seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        seed = seed * 1664525 + 1013904223;
        const unsigned i = (seed >> 8) % VALUES;
        if (is_in[i])
            map_remove(&m, hash_of(i), &values[i]);
        else
            map_add(&m, hash_of(i), &values[i]);
        is_in[i] = !is_in[i];
        count += is_in[i] ? 1 : (size_t)-1;
        assert_int_equal(m.count, count);
        if (round % 100)
            continue;
        for (unsigned k = 0; k < VALUES; k++)
            assert_int_equal(map_find(&m, hash_of(k), is_value, &values[k]) != NULL, is_in[k]);
    }
    map_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_add_and_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
