// SPDX-License-Identifier: MIT
/* throttle: how long who tries tokens has to wait. */
#include "master/web/throttle.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

static void after_five_failures_the_waits_double(void **state)
{
    static const int waits[] = {1, 2, 4, 8, 16, 32, 60, 60};
    struct throttle *t = throttle_new(100);
    double now = 100;
    (void)state;
    for (int i = 0; i < THROTTLE_FREE; i++)
        assert_int_equal(throttle_begin(t, "10.0.0.1", now), 0);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        assert_int_equal(throttle_begin(t, "10.0.0.1", now), waits[i]);
        now += waits[i] - 0.5;
        assert_int_equal(throttle_begin(t, "10.0.0.1", now), 1);
        now += 0.5;
        assert_int_equal(throttle_begin(t, "10.0.0.1", now), 0);
    }
    assert_int_equal(throttle_begin(t, "10.0.0.2", now), 0);
    now += THROTTLE_FORGET_S + THROTTLE_LONGEST_S + 1;
    for (int i = 0; i < THROTTLE_FREE; i++)
        assert_int_equal(throttle_begin(t, "10.0.0.1", now), 0);
    throttle_free(t);
}

static void who_succeeds_did_not_fail(void **state)
{
    struct throttle *t = throttle_new(0);
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(throttle_begin(t, "10.0.0.1", 0), 0);
        throttle_succeeded(t, "10.0.0.1");
    }
    for (int i = 0; i < THROTTLE_FREE - 1; i++)
        assert_int_equal(throttle_begin(t, "10.0.0.1", 0), 0);
    assert_int_equal(throttle_begin(t, "10.0.0.1", 0), 0);
    throttle_succeeded(t, "10.0.0.1");
    assert_int_equal(throttle_begin(t, "10.0.0.1", 0), 0);
    assert_int_equal(throttle_begin(t, "10.0.0.1", 0), 1);
    throttle_free(t);
}

static void a_network_of_ipv6_is_one_peer(void **state)
{
    struct throttle *t = throttle_new(0);
    (void)state;
    for (int i = 0; i < THROTTLE_FREE; i++) {
        char address[40];
        snprintf(address, sizeof address, "2001:db8:0:1::%x", i + 1);
        assert_int_equal(throttle_begin(t, address, 0), 0);
    }
    assert_int_equal(throttle_begin(t, "2001:db8:0:1:ffff::9", 0), 1);
    assert_int_equal(throttle_begin(t, "2001:db8:0:2::1", 0), 0);
    for (int i = 0; i < THROTTLE_FREE; i++)
        assert_int_equal(throttle_begin(t, "::ffff:10.0.0.1", 0), 0);
    assert_int_equal(throttle_begin(t, "10.0.0.1", 0), 1);
    throttle_free(t);
}

static void many_addresses_share_turns(void **state)
{
    struct throttle *t = throttle_new(0);
    char address[32];
    int heard = 0;
    (void)state;
    for (int i = 0; i < 200; i++) {
        snprintf(address, sizeof address, "10.0.%d.%d", i / 100, i % 100);
        heard += throttle_begin(t, address, 0) == 0;
    }
    assert_int_equal(heard, (int)THROTTLE_BURST);
    /* who was told to wait is heard after it */
    snprintf(address, sizeof address, "10.0.%d.%d", 0, 60);
    assert_int_equal(throttle_begin(t, address, 61), 0);
    throttle_free(t);
}

static void the_table_is_bounded(void **state)
{
    struct throttle *t = throttle_new(0);
    (void)state;
    for (int i = 0; i < 3 * THROTTLE_PEERS_MAX; i++) {
        char address[32];
        snprintf(address, sizeof address, "10.%d.%d.1", i / 250, i % 250);
        const int wait = throttle_begin(t, address, i);
        assert_true(wait >= 0 && wait <= (int)THROTTLE_LONGEST_S);
    }
    throttle_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_five_failures_the_waits_double),
        cmocka_unit_test(who_succeeds_did_not_fail),
        cmocka_unit_test(a_network_of_ipv6_is_one_peer),
        cmocka_unit_test(many_addresses_share_turns),
        cmocka_unit_test(the_table_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
