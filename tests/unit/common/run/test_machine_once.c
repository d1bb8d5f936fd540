// SPDX-License-Identifier: MIT
/* Stories of setup and teardown, which run once a run; other stories are in test_machine_stories.c.
 */
#include "common/run/exit_code.h"
#include "tests/unit/machine_drive.h"

static struct bench *with_setup(void)
{
    struct bench *b = new_bench();
    b->m.rules.has_setup = b->m.rules.has_teardown = true;
    b->m.rules.setup_time_s = b->m.rules.teardown_time_s = 60;
    b->m.load.run_time_s = 100;
    assert_string_equal(just(b, ON_START),
                        "\"aim\" clear \"setup\" state publish fire:setup -> spawning");
    assert_true(machine_wakes_at(&b->m) <= 0);
    return b;
}

static void the_load_begins_when_setup_is_over(void **unused)
{
    (void)unused;
    struct bench *b = with_setup();
    b->now += 30;
    assert_string_equal(on(b, heard(b, HEAR_SETUP)),
                        "began note:start state publish fire:test_start");
    assert_true(b->m.run.started_mono >= b->now - 0.001);
    assert_true(machine_wakes_at(&b->m) > b->now + 99);   /* the time limit is the load's */
    assert_string_equal(on(b, heard(b, HEAR_SETUP)), ""); /* once */
    on(b, heard(b, HEAR_TEST_START));
    just(b, ON_STOP);
    on(b, heard(b, HEAR_TEST_STOPPING));
    settle_workers(b);
    assert_int_equal(b->m.run.state, RUN_STOPPED);
    const char *seen = on(b, heard(b, HEAR_TEST_STOP));
    assert_non_null(strstr(seen, "\"undo\" state publish fire:teardown"));
    assert_non_null(strstr(machine_obstacle(&b->m), "teardown"));
    assert_string_equal(on(b, heard(b, HEAR_TEARDOWN)), "state publish over");
    assert_null(machine_obstacle(&b->m));
    free_bench(b);
}

static void a_setup_that_fails_begins_nothing(void **unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) { /* it says so; it says nothing; on a page */
        struct bench *b = with_setup();
        struct machine_event e = heard(b, HEAR_SETUP);
        b->m.rules.is_headless = i < 2;
        e.is_failed = true;
        b->now += i == 1 ? 66 : 1;
        const char *seen = i == 1 ? just(b, ON_SECOND) : on(b, e);
        assert_ptr_equal(strstr(seen, "\"setup failed\" close note:stopped"), seen);
        assert_null(strstr(seen, "test_st"));
        assert_int_equal(b->m.run.state, RUN_STOPPED);
        assert_int_equal(b->m.finish, i < 2 ? FINISH_EVENT : FINISH_NOT);
        if (i == 0) {
            on(b, heard(b, HEAR_QUITTING));
            assert_int_equal(b->m.exit_code, EXIT_SETUP);
        }
        free_bench(b);
    }
}

static void a_stop_ends_setup(void **unused)
{
    (void)unused;
    struct bench *b = with_setup();
    assert_string_equal(just(b, ON_STOP),
                        "cancel-setup close note:stopped state publish over -> stopped");
    struct machine_event late = heard(b, HEAR_SETUP);
    assert_string_equal(on(b, late), "");
    assert_false(b->m.is_setup_failed);
    free_bench(b);
}

/* There is nobody left to load anything: that is no test that passed. */
static void the_last_worker_that_quits_in_setup_is_no_orderly_end(void **unused)
{
    (void)unused;
    struct bench *b = with_setup();
    b->m.rules.is_headless = true;
    on(b, (struct machine_event){.kind = ON_WORKER_QUIT, .worker = b->a});
    assert_int_equal(b->m.finish, FINISH_NOT);
    on(b, (struct machine_event){.kind = ON_WORKER_QUIT, .worker = b->b});
    on(b, heard(b, HEAR_QUITTING));
    assert_int_equal(b->m.exit_code, EXIT_DESERTED);
    free_bench(b);
}

static void a_teardown_that_hangs_holds_nobody_up(void **unused)
{
    (void)unused;
    struct bench *b = with_setup();
    on(b, heard(b, HEAR_SETUP));
    on(b, heard(b, HEAR_TEST_START));
    just(b, ON_QUIT);
    on(b, heard(b, HEAR_TEST_STOPPING));
    settle_workers(b);
    on(b, heard(b, HEAR_TEST_STOP));
    assert_int_equal(b->m.finish, FINISH_STOP);
    b->now += 70;
    const char *seen = just(b, ON_SECOND);
    assert_non_null(strstr(seen, "\"undo failed\""));
    assert_true(b->m.is_teardown_failed);
    assert_int_equal(b->m.finish, FINISH_EVENT);
    free_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_load_begins_when_setup_is_over),
        cmocka_unit_test(a_setup_that_fails_begins_nothing),
        cmocka_unit_test(a_stop_ends_setup),
        cmocka_unit_test(the_last_worker_that_quits_in_setup_is_no_orderly_end),
        cmocka_unit_test(a_teardown_that_hangs_holds_nobody_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
