// SPDX-License-Identifier: MIT
/* So many iterations over workers: never one too many, all of them in the end. */
#include "common/plan/chance.h"
#include "common/plan/ration.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

static void together_they_start_all_and_no_more(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 50; seed++) {
        struct ration q = {.total = 1 + chance_bits(seed, 0) % 5000};
        const size_t workers = 1 + seed % 7;
        uint64_t started[7] = {0}, granted[7] = {0}, sum = 0;
        for (unsigned turn = 1; !ration_is_done(&q); turn++) {
            char name[8];
            const size_t w = chance_bits(seed, turn) % workers;
            snprintf(name, sizeof name, "w%zu", w);
            granted[w] = ration_ask(&q, name, workers, started[w], started[w],
                                    1 + chance_bits(seed, turn) % 90);
            assert_true(granted[w] >= started[w]);
            started[w] = granted[w];
            ration_ask(&q, name, workers, started[w], started[w], 0);
            assert_true(turn < 100000);
        }
        for (size_t w = 0; w < workers; w++)
            sum += started[w];
        assert_int_equal(sum, q.total);
        ration_fini(&q);
    }
}

static void nobody_takes_everything_at_once(void **state)
{
    struct ration q = {.total = 100};
    (void)state;
    assert_int_equal(ration_ask(&q, "a", 2, 0, 0, 1000), 25);
    assert_int_equal(ration_ask(&q, "a", 2, 0, 0, 10), 25); /* it has as many */
    assert_int_equal(ration_ask(&q, "b", 2, 0, 0, 5), 5);
    assert_int_equal(ration_ask(&q, "b", 2, 5, 3, 5), 10);
    assert_int_equal(ration_ask(&q, "b", 2, 4, 2, 5), 10); /* an old word */
    ration_fini(&q);
}

static void what_a_lost_worker_held_is_not_given_again(void **state)
{
    struct ration q = {.total = 4};
    (void)state;
    assert_int_equal(ration_ask(&q, "a", 1, 0, 0, 2), 2);
    assert_int_equal(ration_ask(&q, "b", 1, 0, 0, 1), 1);
    assert_int_equal(ration_ask(&q, "b", 1, 1, 1, 1), 2);
    assert_true(ration_is_granted(&q) && !ration_is_done(&q));
    ration_ask(&q, "b", 1, 2, 2, 1);
    ration_lost(&q, "a");
    assert_true(ration_is_done(&q));
    ration_ask(&q, "a", 1, 1, 0, 0); /* it is back, and at it */
    assert_false(ration_is_done(&q));
    ration_fini(&q);
}

static void what_a_worker_that_left_had_not_started_is_given_again(void **state)
{
    struct ration q = {.total = 12};
    (void)state;
    assert_int_equal(ration_ask(&q, "a", 1, 0, 0, 6), 6);
    assert_int_equal(ration_ask(&q, "b", 1, 0, 0, 3), 3);
    assert_int_equal(ration_return(&q, "a", 4), 2);
    assert_int_equal(ration_return(&q, "a", 4), 0);
    assert_int_equal(q.granted, 7);
    assert_false(q.is_returned); /* whoever needs more asks */
    ration_give(&q, "b", 5);
    assert_int_equal(ration_return(&q, "b", 7), 1);
    assert_true(q.is_returned);
    ration_give(&q, "c", 1);
    assert_false(q.is_returned);
    assert_true(ration_is_granted(&q) && !ration_is_done(&q));
    ration_ask(&q, "c", 1, 1, 1, 0);
    assert_true(ration_is_done(&q)); /* a's last ones were cut off with it */
    ration_fini(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(together_they_start_all_and_no_more),
        cmocka_unit_test(nobody_takes_everything_at_once),
        cmocka_unit_test(what_a_lost_worker_held_is_not_given_again),
        cmocka_unit_test(what_a_worker_that_left_had_not_started_is_given_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
