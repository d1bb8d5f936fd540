// SPDX-License-Identifier: MIT
/* Stories of runs and ends, in which events follow on one another; test_machine.c has each event by
 * itself. */
#include "common/run/exit_code.h"
#include "tests/unit/machine_drive.h"

static void the_host_may_die_in_each_state(void **unused)
{
    (void)unused;
    for (enum state s = 0; s < DONE; s++) {
        struct bench *b = bench_at(s);
        struct drive d = {0};
        drive(b, &d, (struct machine_event){.kind = ON_FAULT, .number = EXIT_FAILED});
        hear_all(b, &d);
        drive(b, &d, (struct machine_event){.kind = ON_QUIT});
        check_end(b, &d, s);
        free_bench(b);
    }
}

static void a_signal_ends_all_from_each_state(void **unused)
{
    (void)unused;
    for (enum state s = 0; s < CHILDREN; s++) {
        struct bench *b = bench_at(s);
        struct drive d = {0};
        if (s != ENDING) /* which had its signal */
            drive(b, &d,
                  (struct machine_event){.kind = ON_SIGNAL, .number = SIGTERM, .has_script = true});
        check_end(b, &d, s);
        free_bench(b);
    }
}

static void a_second_signal_leaves_at_once_in_each_state(void **unused)
{
    (void)unused;
    const struct machine_event signal = {.kind = ON_SIGNAL, .number = SIGINT, .has_script = true};
    for (enum state s = 0; s < DONE; s++) {
        struct bench *b = bench_at(s);
        if (s != ENDING && s != JUDGING && s != WRITING && s != CHILDREN)
            on(b, signal);
        assert_string_equal(on(b, signal), "signal:9 leave:130 => done");
        free_bench(b);
    }
}

static void lose_both(struct bench *b, struct drive *d, bool has_ended)
{
    drive(b, d,
          (struct machine_event){.kind = ON_WORKER_LOST, .worker = b->a, .has_ended = has_ended});
    drive(b, d,
          (struct machine_event){.kind = ON_WORKER_LOST, .worker = b->b, .has_ended = has_ended});
}

static void without_workers_a_run_ends_from_each_state(void **unused)
{
    (void)unused;
    for (int i = 0; i < 4; i++)
        for (enum state s = UNHEARD; s <= STOPPED; s++) {
            struct bench *b = bench_at(s);
            struct drive d = {0};
            const bool was_active = run_is_active(&b->m.run);
            b->m.rules.is_headless = i & 1;
            lose_both(b, &d, i & 2);
            hear_all(b, &d);
            assert_int_equal(b->m.run.state, RUN_STOPPED);
            assert_int_equal(b->m.is_deserted, was_active);
            assert_int_equal(d.leaves, was_active && b->m.rules.is_headless);
            if (d.leaves)
                assert_int_equal(d.code, EXIT_DESERTED);
            free_bench(b);
        }
}

static void the_last_worker_that_says_goodbye_is_no_loss(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(RUNNING);
    struct drive d = {0};
    of(b, ON_WORKER_QUIT, b->a);
    drive(b, &d, (struct machine_event){.kind = ON_WORKER_QUIT, .worker = b->b});
    assert_int_equal(b->m.run.state, RUN_STOPPED);
    assert_false(b->m.is_deserted);
    free_bench(b);
}

/* --reset-stats is about the ramp that people asked for. */
static void users_of_a_lost_worker_reset_nothing(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    b->m.rules.resets_stats = true;
    go(b, SETTLING);
    users_run(b, b->a);
    assert_string_equal(users_run(b, b->b), "fire:spawning_complete tell-spawned \"spawned\" "
                                            "\"reset\" reset state publish -> running");
    on(b, (struct machine_event){.kind = ON_WORKER_LOST, .worker = b->b, .has_ended = true});
    assert_string_equal(just(b, ON_TIME), "deal \"step\"");
    assert_string_equal(users_run(b, b->a), "\"spawned\" state publish -> running");
    b->m.load.users = 6;
    just(b, ON_AIM);
    just(b, ON_TIME);
    assert_non_null(strstr(users_run(b, b->a), "reset"));
    free_bench(b);
}

/* A ramp that people asked for counts as one, also when a worker is lost in the middle of it. */
static void a_worker_lost_in_the_ramp_does_not_hide_it(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    b->m.rules.resets_stats = true;
    go(b, SETTLING);
    on(b, (struct machine_event){.kind = ON_WORKER_LOST, .worker = b->b, .has_ended = true});
    just(b, ON_TIME);
    assert_string_equal(users_run(b, b->a), "fire:spawning_complete tell-spawned \"spawned\" "
                                            "\"reset\" reset state publish -> running");
    free_bench(b);
}

/* The load does not go on for a listener that does not come back. */
static void a_slow_listener_keeps_no_users_alive(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(UNTOLD);
    const struct machine_event late = heard(b, HEAR_TEST_STOPPING);
    b->now += 61;
    assert_string_equal(just(b, ON_SECOND), "\"slow listener\" \"stopping\" stop:a stop:b");
    assert_string_equal(on(b, late), "");
    all_stop(b);
    assert_int_equal(b->m.run.state, RUN_STOPPED);
    assert_string_equal(on(b, late), "");
    just(b, ON_START);
    just(b, ON_STOP);
    assert_string_equal(on(b, late), ""); /* it was about the run before */
    assert_string_equal(on(b, heard(b, HEAR_TEST_STOPPING)), "\"stopping\" stop:a stop:b");
    free_bench(b);
}

static void a_start_listener_of_an_earlier_run_deals_nothing(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(UNHEARD);
    struct machine_event late = heard(b, HEAR_TEST_START);
    just(b, ON_STOP);
    on(b, heard(b, HEAR_TEST_STOPPING));
    all_stop(b);
    just(b, ON_START);
    on(b, late);
    assert_null(b->m.dispatch);
    on(b, heard(b, HEAR_TEST_START));
    assert_non_null(b->m.dispatch);
    free_bench(b);
}

static void a_stop_in_a_ramp_down_stops(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(RUNNING);
    b->m.load.users = 1;
    just(b, ON_AIM);
    just(b, ON_TIME);
    assert_string_equal(just(b, ON_STOP), "state publish fire:test_stopping -> stopping");
    b->now += 1;
    assert_string_equal(just(b, ON_TIME), "");
    assert_string_equal(just(b, ON_SECOND), "");
    assert_string_equal(users_run(b, b->a), "");
    assert_string_equal(just(b, ON_STOP), ""); /* the second one is no other stop */
    assert_string_equal(on(b, heard(b, HEAR_TEST_STOPPING)), "\"stopping\" stop:a stop:b");
    assert_string_equal(just(b, ON_STOP), "");
    all_stop(b);
    assert_int_equal(b->m.run.state, RUN_STOPPED);
    free_bench(b);
}

/* Ours is done when it is ready again, one of Locust's when its last report is in. */
static void a_run_is_over_when_all_have_delivered(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(STOPPING);
    of(b, ON_WORKER_STOPPED, b->a);
    of(b, ON_WORKER_STOPPED, b->b);
    roster_join(&b->m.roster, b->a, true);
    assert_string_equal(of(b, ON_WORKER_CAME, b->a), "");
    assert_string_equal(of(b, ON_WORKER_REPORT, b->b),
                        "close note:stopped state publish fire:test_stop -> stopped");
    free_bench(b);
}

static void a_stop_that_went_to_a_broken_connection_is_said_again(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(STOPPING);
    roster_join(&b->m.roster, b->a, true);
    assert_string_equal(of(b, ON_WORKER_CAME, b->a), "stop:a");
    assert_int_equal(b->m.run.state, RUN_STOPPING);
    free_bench(b);
}

static const char *beats(struct bench *b, double after_s, enum beat beat)
{
    b->now += after_s;
    return on(b, (struct machine_event){.kind = ON_WORKER_BEAT, .worker = b->a, .beat = beat});
}

static void a_stop_that_a_worker_does_not_heed_is_said_again(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(RUNNING);
    on(b, (struct machine_event){.kind = ON_STOP});
    on(b, (struct machine_event){
              .kind = ON_HEARD, .listened = HEAR_TEST_STOPPING, .run = b->m.run.number});
    assert_int_equal(b->a->state, WORKER_STOPPING);
    assert_string_equal(beats(b, 0.5, BEAT_RUNNING), ""); /* was on its way */
    assert_string_equal(beats(b, 2, BEAT_OTHER), "");     /* it is at it */
    assert_string_equal(beats(b, 1, BEAT_RUNNING), "stop:a");
    assert_string_equal(beats(b, 1, BEAT_SPAWNING), "");
    assert_string_equal(beats(b, 1, BEAT_SPAWNING), "stop:a");
    assert_int_equal(b->a->state, WORKER_STOPPING);
    of(b, ON_WORKER_STOPPED, b->a);
    assert_string_equal(beats(b, 3, BEAT_RUNNING), ""); /* it has said its last word */
    free_bench(b);
}

static void an_order_that_a_worker_has_not_heard_is_sent_again(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(RUNNING);
    struct dispatch_worker *d = dispatch_find_worker(b->m.dispatch, b->a->id);
    b->a->order = (struct worker_order){.sent = 7, .heard = 6, .at = b->now};
    d->is_changed = false;
    assert_string_equal(beats(b, 1, BEAT_RUNNING), ""); /* may be on its way */
    assert_string_equal(beats(b, 1.5, BEAT_RUNNING), "deal");
    assert_true(d->is_changed);
    assert_string_equal(beats(b, 1, BEAT_RUNNING), "");
    assert_string_equal(beats(b, 1.5, BEAT_SPAWNING), "deal");
    b->a->order.heard = 7;
    assert_string_equal(beats(b, 5, BEAT_RUNNING), "");
    b->a->order = (struct worker_order){.sent = 9, .heard = 0}; /* it does not say which */
    assert_string_equal(beats(b, 5, BEAT_RUNNING), "");
    free_bench(b);
}

static void a_stray_worker_is_stopped_until_it_does(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(STOPPED);
    assert_string_equal(beats(b, 1, BEAT_RUNNING), "stray:a");
    assert_string_equal(beats(b, 1, BEAT_RUNNING), "");
    assert_string_equal(beats(b, 1, BEAT_RUNNING), "stray:a");
    free_bench(b);
}

static void what_was_not_delivered_in_time_is_told(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(STOPPING);
    of(b, ON_WORKER_STOPPED, b->a); /* the other one owes its last reports */
    b->now += 3600;
    assert_string_equal(on(b, (struct machine_event){.kind = ON_SECOND}),
                        "\"stop timeout\" miss:b close note:stopped state "
                        "publish fire:test_stop -> stopped");
    free_bench(b);
}

static void a_stock_worker_that_reports_no_more_is_excused(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(STOPPING);
    of(b, ON_WORKER_STOPPED, b->a);
    of(b, ON_WORKER_STOPPED, b->b);
    roster_join(&b->m.roster, b->a, true);
    roster_join(&b->m.roster, b->b, false);
    b->now += 3;
    assert_string_equal(just(b, ON_SECOND), "");
    b->now += 2;
    assert_string_equal(just(b, ON_SECOND),
                        "close note:stopped state publish fire:test_stop -> stopped");
    free_bench(b);
}

static void an_order_that_was_not_sent_is_sent_again(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(RUNNING);
    assert_string_equal(just(b, ON_SECOND), "");
    dispatch_find_worker(b->m.dispatch, "a")->is_changed = true;
    assert_string_equal(just(b, ON_SECOND), "deal");
    told(b);
    assert_string_equal(just(b, ON_SECOND), "");
    free_bench(b);
}

static void counts_have_their_time_to_settle(void **unused)
{
    (void)unused;
    static const struct {
        bool has_stock;
        double rule, wait_s;
    } cases[] = {{true, -1, 1}, {false, -1, 10}, {true, 3, 3}, {false, 0.5, 0.5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench *b = new_bench();
        b->m.rules.settle_s = cases[i].rule;
        b->b->is_katydid = !cases[i].has_stock;
        go(b, SETTLING);
        assert_true(machine_wakes_at(&b->m) - b->now < cases[i].wait_s + 1e-6);
        b->now += cases[i].wait_s - 0.01;
        assert_string_equal(just(b, ON_TIME), "");
        b->now += 0.02;
        assert_non_null(strstr(just(b, ON_TIME), "\"unsettled\""));
        assert_true(machine_wakes_at(&b->m) <= 0);
        free_bench(b);
    }
}

static void a_ramp_takes_its_time(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    b->m.load.users = 5;
    b->m.load.spawn_rate = 2;
    go(b, RAMP);
    unsigned users[3];
    for (size_t i = 0; i < 3; i++) {
        assert_true(machine_wakes_at(&b->m) >= b->now && machine_wakes_at(&b->m) < b->now + 1.1);
        b->now = machine_wakes_at(&b->m);
        assert_string_equal(just(b, ON_TIME), "deal \"step\"");
        users[i] = dispatch_user_count(b->m.dispatch);
    }
    assert_true(users[0] == 2 && users[1] == 4 && users[2] == 5);
    assert_true(b->now > 101.9 && b->now < 102.1);
    free_bench(b);
}

static void a_time_limit_ends_the_run(void **unused)
{
    (void)unused;
    for (int is_headless = 0; is_headless < 2; is_headless++) {
        struct bench *b = new_bench();
        struct drive d = {0};
        b->m.rules.is_headless = is_headless;
        b->m.load.run_time_s = 30;
        go(b, RUNNING);
        assert_true(machine_wakes_at(&b->m) > 129.9 && machine_wakes_at(&b->m) < 130.1);
        b->now = 129.9;
        assert_string_equal(just(b, ON_TIME), "");
        b->now = 130.1;
        drive(b, &d, (struct machine_event){.kind = ON_TIME});
        assert_int_equal(b->m.run.state, RUN_STOPPED);
        assert_int_equal(d.leaves, is_headless);
        assert_true(machine_wakes_at(&b->m) <= 0);
        free_bench(b);
    }
}

static void a_time_limit_outlives_a_run_that_code_has_stopped(void **unused)
{
    (void)unused;
    for (int is_started_again = 0; is_started_again < 2; is_started_again++) {
        struct bench *b = new_bench();
        struct drive d = {0};
        b->m.rules.is_headless = true;
        b->m.load.run_time_s = 30;
        go(b, RUNNING);
        b->now = 110;
        drive(b, &d, (struct machine_event){.kind = ON_STOP});
        assert_int_equal(b->m.run.state, RUN_STOPPED);
        b->now = 120;
        if (is_started_again)
            drive(b, &d, (struct machine_event){.kind = ON_START});
        assert_true(machine_wakes_at(&b->m) > 119.9 && machine_wakes_at(&b->m) < 130.1);
        b->now = 129.9;
        drive(b, &d, (struct machine_event){.kind = ON_TIME});
        assert_int_equal(d.leaves, 0);
        b->now = 130.1;
        drive(b, &d, (struct machine_event){.kind = ON_TIME});
        assert_int_equal(d.leaves, 1);
        free_bench(b);
    }
}

static void a_shaped_test_that_code_stops_ends_the_process(void **unused)
{
    (void)unused;
    for (int is_headless = 0; is_headless < 2; is_headless++) {
        struct bench *b = new_bench();
        struct drive d = {0};
        b->m.rules.is_headless = is_headless;
        drive(b, &d, (struct machine_event){.kind = ON_SHAPE});
        go(b, RUNNING);
        drive(b, &d, (struct machine_event){.kind = ON_STOP});
        assert_int_equal(b->m.run.state, RUN_STOPPED);
        assert_int_equal(d.leaves, is_headless);
        free_bench(b);
    }
}

static void a_limit_can_be_changed_and_lifted(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(RUNNING);
    b->m.load.run_time_s = 10;
    just(b, ON_LIMIT);
    assert_true(machine_wakes_at(&b->m) > 109.9 && machine_wakes_at(&b->m) < 110.1);
    b->m.load.run_time_s = 0;
    just(b, ON_LIMIT);
    assert_true(machine_wakes_at(&b->m) <= 0);
    free_bench(b);
}

static void a_page_may_quit_by_itself(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    b->m.rules.is_auto = true;
    b->m.rules.autoquit_s = 5;
    go(b, OVER);
    b->now += 4;
    assert_string_equal(just(b, ON_SECOND), "");
    b->now += 2;
    assert_string_equal(just(b, ON_SECOND), "\"autoquit\" \"teardown\" fire:quitting => event");
    free_bench(b);
}

static void a_shape_ends_with_its_run(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    just(b, ON_SHAPE);
    assert_true(b->m.is_shaped);
    go(b, RUNNING);
    assert_string_equal(just(b, ON_AIM), "\"aim\" note:stage state publish -> spawning");
    on(b, (struct machine_event){.kind = ON_END, .reason = END_SHAPE_OVER});
    assert_false(b->m.is_shaped);
    assert_int_equal(b->m.run.state, RUN_STOPPING);
    free_bench(b);
}

static void a_shape_without_a_run_can_end_the_process(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct drive d = {0};
    b->m.rules.is_headless = true;
    just(b, ON_SHAPE);
    drive(b, &d, (struct machine_event){.kind = ON_END, .reason = END_SHAPE_OVER});
    assert_int_equal(d.leaves, 1);
    free_bench(b);
}

static void what_stops_a_start(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(STOPPING);
    assert_non_null(strstr(machine_obstacle(&b->m), "still stopping"));
    free_bench(b);
    b = bench_at(LAST);
    assert_non_null(strstr(machine_obstacle(&b->m), "shutting down"));
    free_bench(b);
    b = new_bench();
    of(b, ON_WORKER_QUIT, b->a);
    of(b, ON_WORKER_QUIT, b->b);
    assert_non_null(strstr(machine_obstacle(&b->m), "No worker"));
    assert_string_equal(just(b, ON_START), "");
    free_bench(b);
}

/* The strongest reason wins, whatever came first. */
static void the_exit_code(void **unused)
{
    (void)unused;
    static const struct {
        bool has_exited, has_said, has_fault, is_deserted, is_unhandled;
        int failed, unwritable, code;
    } cases[] = {
        {.code = 0},
        {.is_unhandled = true, .code = EXIT_UNHANDLED},
        {.is_unhandled = true, .failed = 1, .code = 1},
        {.failed = 1, .is_deserted = true, .code = EXIT_DESERTED},
        {.failed = 1, .has_fault = true, .is_deserted = true, .code = 8},
        {.failed = 1, .has_said = true, .has_fault = true, .code = 5},
        {.failed = 1, .has_said = true, .has_fault = true, .has_exited = true, .code = 6},
        {.unwritable = EXIT_OUTPUT_FILE, .code = EXIT_OUTPUT_FILE},
        {.failed = 1, .unwritable = EXIT_OUTPUT_FILE, .code = EXIT_OUTPUT_FILE},
        {.has_said = true, .unwritable = EXIT_OUTPUT_FILE, .code = 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench *b = bench_at(OVER);
        struct drive d = {.failed = cases[i].failed, .unwritable = cases[i].unwritable};
        b->m.is_deserted = cases[i].is_deserted;
        if (cases[i].has_fault)
            on(b, (struct machine_event){.kind = ON_FAULT, .number = 8});
        on(b, (struct machine_event){.kind = ON_HOST_SAYS,
                                     .has_number = cases[i].has_said,
                                     .number = 5,
                                     .is_unhandled = cases[i].is_unhandled});
        if (cases[i].has_exited)
            on(b, (struct machine_event){.kind = ON_HOST_EXIT, .number = 6});
        drive(b, &d, (struct machine_event){.kind = ON_QUIT});
        assert_int_equal(d.code, cases[i].code);
        free_bench(b);
    }
}

static void a_last_word_of_user_code_counts(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(LAST);
    on(b, (struct machine_event){.kind = ON_HOST_EXIT, .number = 6});
    on(b, heard(b, HEAR_QUIT));
    assert_string_equal(just(b, ON_CHILDREN), "leave:6 => done");
    free_bench(b);
}

static const char *host_ends(struct bench *b, int code, int signal_number)
{
    return on(
        b, (struct machine_event){
               .kind = ON_HOST_ENDED, .number = code, .signal = signal_number, .has_script = true});
}

static void a_host_that_goes_takes_the_master_with_it(void **unused)
{
    static const struct {
        enum state at;
        bool is_local;
        int code, signal, exit_code;
    } cases[] = {
        {READY, false, 6, 0, 6},
        {RUNNING, false, 0, SIGKILL, EXIT_FAILED},
        {READY, true, 0, SIGKILL, EXIT_FAILED},
        {RUNNING, true, 0, SIGKILL, EXIT_DESERTED},
        {RUNNING, true, 0, 0, 0},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench *b = bench_at(cases[i].at);
        struct drive d = {.failed = 1};
        b->m.rules.is_local = cases[i].is_local;
        host_ends(b, cases[i].code, cases[i].signal);
        assert_int_equal(b->m.finish, FINISH_NOT); /* first its users are lost */
        drive(b, &d, (struct machine_event){.kind = ON_CHILDREN, .children = 1});
        hear_all(b, &d);
        settle_workers(b);
        drive(b, &d, (struct machine_event){.kind = ON_SECOND, .children = 0});
        assert_int_equal(d.leaves, 1);
        assert_int_equal(d.code, cases[i].exit_code);
        free_bench(b);
    }
}

static void a_host_that_cannot_load_the_locustfile_ends_all(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(READY);
    b->m.is_open = false;
    assert_string_equal(host_ends(b, 65, 0), "leave:65 => done");
    free_bench(b);
    b = bench_at(READY);
    b->m.is_open = false;
    assert_string_equal(host_ends(b, 1, SIGKILL), "\"host unloaded\" leave:1 => done");
    free_bench(b);
}

static const char *expect(struct bench *b, size_t workers)
{
    return on(b,
              (struct machine_event){.kind = ON_EXPECT, .expected = workers, .has_script = true});
}

static void a_run_that_begins_by_itself_waits_for_workers(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(READY);
    assert_string_equal(expect(b, 2), ""); /* it does not begin by itself */
    b->m.rules.is_auto = true;
    b->m.is_open = false;
    assert_string_equal(expect(b, 2), "");
    just(b, ON_OPEN);
    assert_string_equal(expect(b, 3), "\"waiting\"");
    assert_string_equal(expect(b, 3), ""); /* said once a second */
    b->now += 1000;                        /* without a limit: for ever */
    assert_string_equal(expect(b, 3), "\"waiting\"");
    assert_string_equal(expect(b, 2), "begin");
    assert_string_equal(expect(b, 2), ""); /* once */
    free_bench(b);
    b = bench_at(READY);
    b->m.rules.is_auto = true;
    host_ends(b, 6, 0);
    assert_string_equal(expect(b, 2), ""); /* there is nobody to run it */
    free_bench(b);
}

static void without_workers_no_run_begins(void **unused)
{
    (void)unused;
    struct bench *b = bench_at(READY);
    struct drive d = {0};
    b->m.rules.is_auto = true;
    b->m.rules.max_wait_s = 5;
    b->now += 6;
    drive(b, &d, (struct machine_event){.kind = ON_EXPECT, .expected = 3, .has_script = true});
    assert_int_equal(d.code, EXIT_NO_WORKERS);
    assert_int_equal(d.leaves, 1);
    free_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_may_die_in_each_state),
        cmocka_unit_test(a_signal_ends_all_from_each_state),
        cmocka_unit_test(a_second_signal_leaves_at_once_in_each_state),
        cmocka_unit_test(without_workers_a_run_ends_from_each_state),
        cmocka_unit_test(the_last_worker_that_says_goodbye_is_no_loss),
        cmocka_unit_test(users_of_a_lost_worker_reset_nothing),
        cmocka_unit_test(a_worker_lost_in_the_ramp_does_not_hide_it),
        cmocka_unit_test(a_slow_listener_keeps_no_users_alive),
        cmocka_unit_test(a_start_listener_of_an_earlier_run_deals_nothing),
        cmocka_unit_test(a_stop_in_a_ramp_down_stops),
        cmocka_unit_test(a_run_is_over_when_all_have_delivered),
        cmocka_unit_test(a_stop_that_went_to_a_broken_connection_is_said_again),
        cmocka_unit_test(a_stop_that_a_worker_does_not_heed_is_said_again),
        cmocka_unit_test(an_order_that_a_worker_has_not_heard_is_sent_again),
        cmocka_unit_test(a_stray_worker_is_stopped_until_it_does),
        cmocka_unit_test(what_was_not_delivered_in_time_is_told),
        cmocka_unit_test(a_stock_worker_that_reports_no_more_is_excused),
        cmocka_unit_test(an_order_that_was_not_sent_is_sent_again),
        cmocka_unit_test(counts_have_their_time_to_settle),
        cmocka_unit_test(a_ramp_takes_its_time),
        cmocka_unit_test(a_time_limit_ends_the_run),
        cmocka_unit_test(a_time_limit_outlives_a_run_that_code_has_stopped),
        cmocka_unit_test(a_shaped_test_that_code_stops_ends_the_process),
        cmocka_unit_test(a_limit_can_be_changed_and_lifted),
        cmocka_unit_test(a_page_may_quit_by_itself),
        cmocka_unit_test(a_shape_ends_with_its_run),
        cmocka_unit_test(a_shape_without_a_run_can_end_the_process),
        cmocka_unit_test(what_stops_a_start),
        cmocka_unit_test(the_exit_code),
        cmocka_unit_test(a_last_word_of_user_code_counts),
        cmocka_unit_test(a_host_that_goes_takes_the_master_with_it),
        cmocka_unit_test(a_host_that_cannot_load_the_locustfile_ends_all),
        cmocka_unit_test(a_run_that_begins_by_itself_waits_for_workers),
        cmocka_unit_test(without_workers_no_run_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
