// SPDX-License-Identifier: MIT
#include "master/nodes/line_limit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static unsigned lines(struct line_limit *h, double at, unsigned wanted, double burst, double rate)
{
    unsigned written = 0;
    for (unsigned i = 0; i < wanted; i++)
        written += line_limit_allows(h, at, burst, rate);
    return written;
}

static void one_line_a_second_and_a_count_of_the_rest(void **state)
{
    (void)state;
    struct line_limit h = {0};
    for (int second = 100; second < 110; second++)
        assert_int_equal(lines(&h, second, 1000, 1, 1), 1);
    assert_int_equal(lines(&h, 109.5, 10, 1, 1), 0);
    assert_int_equal(line_limit_told(&h), 10 * 999 + 10);
    assert_int_equal(line_limit_told(&h), 0);
}

static void what_comes_at_once_and_then_no_more_is_written(void **state)
{
    (void)state;
    struct line_limit h = {0};
    assert_int_equal(lines(&h, 100, 500, 500, 10), 500);
    assert_int_equal(lines(&h, 101, 500, 500, 10), 10);
    assert_int_equal(lines(&h, 1000, 800, 500, 10), 500);
    assert_int_equal(lines(&h, 999, 1, 500, 10), 0); /* whatever the clock says */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_a_second_and_a_count_of_the_rest),
        cmocka_unit_test(what_comes_at_once_and_then_no_more_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
