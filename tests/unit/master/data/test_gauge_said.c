// SPDX-License-Identifier: MIT
#include "master/data/gauge_said.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void each_worker_has_its_own_latest(void **state)
{
    struct gauge_said g = {0};
    size_t count;
    (void)state;
    gauge_said_note(&g, 3, 1, "w1", 10, 100);
    gauge_said_note(&g, 3, 2, "w2", 20, 101);
    gauge_said_note(&g, 3, 1, "w1", 11, 102);
    gauge_said_note(&g, 3, 2, "w2", 21, 99); /* a late report */
    gauge_said_note(&g, 9, 2, "w2", -5, 99);
    const struct said *list = gauge_said_list(&g, 3, &count);
    assert_int_equal(count, 2);
    assert_string_equal(g.names[list[0].worker], "w1");
    assert_true(list[0].value == 11 && list[0].at == 102);
    assert_string_equal(g.names[list[1].worker], "w2");
    assert_true(list[1].value == 20 && list[1].at == 101);
    gauge_said_list(&g, 9, &count);
    assert_int_equal(count, 1);
    gauge_said_list(&g, 4, &count);
    assert_int_equal(count, 0);
    gauge_said_list(&g, 4000, &count);
    assert_int_equal(count, 0);
    gauge_said_fini(&g);
    gauge_said_list(&g, 3, &count);
    assert_int_equal(count, 0);
}

static void an_index_that_is_given_again_is_another_worker(void **state)
{
    struct gauge_said g = {0};
    size_t count;
    (void)state;
    gauge_said_note(&g, 1, 1, "old", 10, 100);
    gauge_said_note(&g, 1, 1, "new", 20, 101);
    gauge_said_note(&g, 1, 7, "old", 30, 102); /* came back */
    const struct said *list = gauge_said_list(&g, 1, &count);
    assert_int_equal(count, 2);
    assert_true(list[0].value == 30 && list[1].value == 20);
    gauge_said_fini(&g);
}

static void there_is_a_limit(void **state)
{
    struct gauge_said g = {0};
    size_t count;
    (void)state;
    for (uint32_t i = 1; i <= SAID_MOST + 3; i++)
        gauge_said_note(&g, i, 1, "w", i, 1);
    assert_int_equal(g.count, SAID_MOST);
    assert_int_equal(g.left_out, 3);
    gauge_said_note(&g, 5, 1, "w", -1, 2); /* who has a place keeps it */
    assert_true(gauge_said_list(&g, 5, &count)->value == -1);
    gauge_said_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_worker_has_its_own_latest),
        cmocka_unit_test(an_index_that_is_given_again_is_another_worker),
        cmocka_unit_test(there_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
