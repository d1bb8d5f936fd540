// SPDX-License-Identifier: MIT
/* Weights of workers: as they are written, and as they are measured. */
#include "common/plan/weights.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

static void names_hosts_and_indexes_are_known(void **state)
{
    struct weights w;
    char *why;
    (void)state;
    assert_true(weights_read(&w, "big-*=4,2=7,small-?_ab12=3,odd=name=9", &why));
    assert_int_equal(weights_of(&w, "big-1_0123", 0), 4);
    assert_int_equal(weights_of(&w, "big-1_0123", 2), 4); /* the first that fits */
    assert_int_equal(weights_of(&w, "other_0123", 2), 7);
    assert_int_equal(weights_of(&w, "small-1_ab12", 9), 3);
    assert_int_equal(weights_of(&w, "small-1_ab13", 9), 1);
    assert_int_equal(weights_of(&w, "odd=name_1", 9), 9);
    assert_false(w.is_auto);
    weights_fini(&w);
    assert_true(weights_read(&w, NULL, &why) && weights_of(&w, "a_1", 0) == 1);
    assert_true(weights_read(&w, "auto", &why) && w.is_auto);
    assert_int_equal(weights_of(&w, "a_1", 0), WEIGHTS_MEAN);
    weights_fini(&w);
}

static void what_are_no_weights_is_refused(void **state)
{
    static const char *const wrong[] = {"",     ",",     "a",      "a=",    "=4",      "a=0",
                                        "a=-1", "a=1.5", "a=1001", "a=4,b", "a=four,", "auto,a=1"};
    struct weights w;
    char *why;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(weights_read(&w, wrong[i], &why));
        assert_non_null(why);
        free(why);
    }
}

static void capacity_is_what_was_done_with_the_processor(void **state)
{
    struct weighed w = {.busy = 0};
    (void)state;
    for (int s = 0; s < 9; s++)
        weighed_second(&w, 0.5, 200);
    assert_true(weighed_capacity(&w, 1) <= 0); /* too early */
    for (int s = 0; s < 40; s++)
        weighed_second(&w, 0.5, 200);
    assert_true(fabs(weighed_capacity(&w, 1) - 400) < 1e-6);
    assert_true(fabs(weighed_capacity(&w, 0.25) - 100) < 1e-6);
    for (int s = 0; s < 60; s++)
        weighed_second(&w, 0.01, 4); /* it has next to nothing to do */
    assert_true(weighed_capacity(&w, 1) <= 0);
}

static void weights_follow_what_is_clearly_other(void **state)
{
    unsigned weights[] = {WEIGHTS_MEAN, WEIGHTS_MEAN, WEIGHTS_MEAN};
    (void)state;
    assert_false(weighed_weigh((double[]){100, 110, 95}, weights, 3));
    assert_false(weighed_weigh((double[]){100, 0, 500}, weights, 3)); /* nobody knows */
    assert_true(weighed_weigh((double[]){100, 100, 400}, weights, 3));
    assert_int_equal(weights[0], 8);
    assert_int_equal(weights[1], 8);
    assert_int_equal(weights[2], 32);
    assert_false(weighed_weigh((double[]){110, 100, 390}, weights, 3));
}

static void what_no_weight_is_nearer_to_is_no_change(void **state)
{
    unsigned weights[] = {WEIGHTS_MEAN, WEIGHTS_MEAN};
    const double slow[] = {4, 96}, slowest[] = {1, 1e6};
    (void)state;
    assert_true(weighed_weigh(slow, weights, 2));
    assert_int_equal(weights[0], 1); /* 1.28 */
    assert_false(weighed_weigh(slow, weights, 2));
    assert_false(weighed_weigh(slowest, weights, 2)); /* less than 1 is no weight */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_hosts_and_indexes_are_known),
        cmocka_unit_test(what_are_no_weights_is_refused),
        cmocka_unit_test(capacity_is_what_was_done_with_the_processor),
        cmocka_unit_test(weights_follow_what_is_clearly_other),
        cmocka_unit_test(what_no_weight_is_nearer_to_is_no_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
