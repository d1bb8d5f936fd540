// SPDX-License-Identifier: MIT
#include "common/run/run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static struct run_clock at(double mono)
{
    return (struct run_clock){mono, 1700000000 + mono};
}

static void a_run_goes_through_its_states(void **state)
{
    (void)state;
    struct run r = {0};
    assert_string_equal(run_state_name(r.state), "ready");
    assert_false(run_is_active(&r));
    run_start(&r, 10, 2.5, 0, 7, at(100));
    assert_string_equal(run_state_name(r.state), "spawning");
    assert_true(run_is_active(&r));
    run_spawned(&r);
    assert_string_equal(run_state_name(r.state), "running");
    run_aim(&r, 20, 5);
    assert_int_equal(r.state, RUN_SPAWNING);
    assert_int_equal(r.target_users, 20);
    run_spawned(&r);
    run_stop(&r, 60, at(130));
    assert_string_equal(run_state_name(r.state), "stopping");
    assert_false(run_is_active(&r));
    run_stopped(&r, at(131));
    assert_string_equal(run_state_name(r.state), "stopped");
    assert_true(r.ended_at > r.started_at);
    assert_true(run_age_s(&r, at(500)) > 30.9 && run_age_s(&r, at(500)) < 31.1);
}

/* Wherever people set their clocks to in the meantime. */
static void a_run_is_as_old_as_it_took(void **state)
{
    (void)state;
    for (double step = -3600; step <= 3600; step += 1800) {
        struct run r = {0};
        run_start(&r, 1, 1, 0, 7, at(100));
        run_stop(&r, 60, (struct run_clock){120, at(120).unix_time + step});
        run_stopped(&r, (struct run_clock){121, at(121).unix_time + step});
        assert_true(run_age_s(&r, (struct run_clock){500, 1}) > 20.9);
        assert_true(run_age_s(&r, (struct run_clock){500, 1}) < 21.1);
    }
}

static void each_start_is_another_run(void **state)
{
    (void)state;
    struct run r = {0};
    char first[sizeof r.id];
    run_start(&r, 1, 1, 0, 7, at(1));
    memcpy(first, r.id, sizeof first);
    run_stop(&r, 1, at(2));
    run_stopped(&r, at(3));
    run_start(&r, 1, 1, 0, 7, at(4));
    assert_string_not_equal(first, r.id);
    assert_int_equal(r.number, 2);
    assert_true(r.ended_at <= 0);
}

static void the_run_time_counts_from_the_start(void **state)
{
    (void)state;
    struct run r = {0};
    run_start(&r, 10, 1, 30, 7, at(100));
    assert_int_equal(run_due(&r, 129.9), RUN_DUE_NOTHING);
    assert_int_equal(run_due(&r, 130), RUN_DUE_TIME_LIMIT);
    run_limit(&r, 60);
    assert_int_equal(run_due(&r, 130), RUN_DUE_NOTHING);
    assert_int_equal(run_due(&r, 160), RUN_DUE_TIME_LIMIT);
    run_limit(&r, 0);
    assert_int_equal(run_due(&r, 1e9), RUN_DUE_NOTHING);
}

static void stopping_has_an_end(void **state)
{
    (void)state;
    struct run r = {0};
    run_start(&r, 10, 1, 30, 7, at(100));
    run_stop(&r, 60, at(110));
    assert_int_equal(run_due(&r, 169), RUN_DUE_NOTHING);
    assert_int_equal(run_due(&r, 170), RUN_DUE_STOP_LIMIT);
    run_stopped(&r, at(170));
    assert_int_equal(run_due(&r, 1e9), RUN_DUE_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_goes_through_its_states),
        cmocka_unit_test(a_run_is_as_old_as_it_took),
        cmocka_unit_test(each_start_is_another_run),
        cmocka_unit_test(the_run_time_counts_from_the_start),
        cmocka_unit_test(stopping_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
