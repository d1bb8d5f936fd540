// SPDX-License-Identifier: MIT
/* The dialogue with the host: events and their answers, calls of user code, load shapes. */
#include "tests/unit/nodes_bench.h"

static struct bench *with_script(void)
{
    struct bench *b = new_bench();
    b->nodes.host.has_script = true;
    return b;
}

static void on(struct bench *b, struct message msg)
{
    script_on_message(&b->nodes, &msg);
}

static void done(struct bench *b, uint64_t id)
{
    on(b, (struct message){.kind = MESSAGE_DONE, .done = {.id = id}});
}

static void call(struct bench *b, enum call_method method, double users, double rate)
{
    on(b, (struct message){.kind = MESSAGE_CALL,
                           .call = {.method = method, .users = users, .spawn_rate = rate}});
}

static void fire(struct bench *b, enum listened listened)
{
    script_fire(&b->nodes, listened, 1, &(struct event_args){0});
}

static void nobody_is_waited_for_who_is_not_there(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    fire(b, HEAR_TEST_START); /* no script yet */
    assert_seen(b, "heard:test_start", "");
    b->nodes.host.has_script = true;
    b->nodes.host.is_alive = false;
    fire(b, HEAR_QUIT);
    assert_seen(b, "heard:quit", "");
    free_bench(b);
}

static void an_event_is_heard_when_it_was_answered(void **unused)
{
    (void)unused;
    struct bench *b = with_script();
    fire(b, HEAR_TEST_START);
    fire(b, HEAR_TEST_STOPPING);
    assert_seen(b, "", "katydid_event>host katydid_event>host");
    done(b, 2);
    assert_seen(b, "host-says heard:test_stopping", "");
    done(b, 77); /* of no event */
    done(b, 2);  /* said twice */
    assert_seen(b, "host-says host-says", "");
    done(b, 1);
    assert_seen(b, "host-says heard:test_start", "");
    free_bench(b);
}

static void a_host_that_is_gone_keeps_nobody_waiting(void **unused)
{
    (void)unused;
    struct bench *b = with_script();
    fire(b, HEAR_TEST_START);
    fire(b, HEAR_TEST_STOP);
    assert_seen(b, "", "katydid_event>host katydid_event>host");
    script_forget_events(&b->nodes);
    assert_seen(b, "heard:test_start heard:test_stop", "");
    free_bench(b);
}

/* It hears the others as a worker. */
static void a_local_host_is_asked_for_few_events(void **unused)
{
    (void)unused;
    struct bench *b = with_script();
    b->nodes.is_local = true;
    fire(b, HEAR_TEST_STOPPING);
    assert_seen(b, "heard:test_stopping", "");
    fire(b, HEAR_TEST_START);
    fire(b, HEAR_QUITTING);
    fire(b, HEAR_QUIT);
    assert_seen(b, "", "katydid_event>host katydid_event>host katydid_event>host");
    free_bench(b);
}

static void calls_of_user_code_are_events(void **unused)
{
    (void)unused;
    struct bench *b = with_script();
    roster_join(&b->machine.roster, roster_get(&b->machine.roster, "w"), true);
    call(b, CALL_START, 10, 2);
    assert_seen(b, "start", "");
    assert_true(b->machine.load.users > 9 && b->machine.load.spawn_rate < 3);
    run_start(&b->machine.run, 10, 2, 0, 7, bench_now(b));
    call(b, CALL_START, 20, 2);
    assert_seen(b, "aim", "");
    call(b, CALL_STOP, 0, 0);
    call(b, CALL_QUIT, 0, 0);
    assert_seen(b, "stop quit", "");
    on(b, (struct message){.kind = MESSAGE_CALL,
                           .call = {.method = CALL_QUIT, .has_exit_code = true, .exit_code = 3}});
    assert_seen(b, "host-exit quit", "");
    free_bench(b);
}

static void a_start_without_sense_is_none(void **unused)
{
    (void)unused;
    struct bench *b = with_script();
    roster_join(&b->machine.roster, roster_get(&b->machine.roster, "w"), true);
    call(b, CALL_START, -1, 2);
    call(b, CALL_START, 1, 0);
    call(b, CALL_START, 1e12, 1);
    assert_seen(b, "", "");
    roster_find(&b->machine.roster, "w")->state = WORKER_GONE;
    call(b, CALL_START, 1, 1); /* nobody is there to run it */
    assert_seen(b, "", "");
    free_bench(b);
}

static void why_code_stopped_a_run_is_kept(void **unused)
{
    (void)unused;
    struct bench *b = with_script();
    struct message msg = {.kind = MESSAGE_CALL,
                          .call = {.method = CALL_STOP, .reason = "too slow"}};
    on(b, msg); /* no run is on */
    assert_string_equal(b->nodes.stop_reason, "");
    run_start(&b->machine.run, 1, 1, 0, 7, bench_now(b));
    on(b, msg);
    assert_string_equal(b->nodes.stop_reason, "too slow");
    assert_non_null(strstr(b->nodes.notice, "too slow"));
    snprintf(msg.call.reason, sizeof msg.call.reason, "another");
    on(b, msg);
    assert_string_equal(b->nodes.stop_reason, "too slow"); /* the first one is the reason */
    free_bench(b);
}

static void ticked(struct bench *b, enum tick_result result, double users, double rate)
{
    on(b, (struct message){.kind = MESSAGE_TICKED,
                           .ticked = {.result = result,
                                      .users = users,
                                      .spawn_rate = rate,
                                      .error = (char *)(uintptr_t) "no"}});
}

static void a_shape_is_asked_each_second_and_obeyed_when_it_changes(void **unused)
{
    (void)unused;
    struct bench *b = with_script();
    roster_join(&b->machine.roster, roster_get(&b->machine.roster, "w"), true);
    b->machine.is_shaped = true; /* as the machine takes ON_SHAPE */
    assert_null(script_begin_shape(&b->nodes));
    assert_seen(b, "shape", "katydid_tick>host katydid_state>host");
    script_second(&b->nodes); /* it has not answered: not asked again */
    assert_seen(b, "", "katydid_state>host");
    ticked(b, TICK_AIM, 10, 2);
    assert_seen(b, "start", "");
    run_start(&b->machine.run, 10, 2, 0, 7, bench_now(b));
    script_second(&b->nodes);
    ticked(b, TICK_AIM, 10, 2);
    assert_seen(b, "", "katydid_tick>host katydid_state>host");
    ticked(b, TICK_AIM, 20, 2);
    assert_seen(b, "aim", "");
    ticked(b, TICK_END, 0, 0);
    assert_seen(b, "end", "");
    free_bench(b);
}

static void a_shape_that_fails_ends_the_run_as_an_error(void **unused)
{
    (void)unused;
    struct bench *b = with_script();
    b->machine.is_shaped = true;
    ticked(b, TICK_ERROR, 0, 0);
    assert_seen(b, "host-says end", "");
    ticked(b, TICK_AIM, -1, 1);
    assert_seen(b, "host-says end", "");
    b->machine.is_shaped = false; /* it has ended: a late answer counts for nothing */
    ticked(b, TICK_AIM, 5, 1);
    assert_seen(b, "", "");
    free_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_waited_for_who_is_not_there),
        cmocka_unit_test(an_event_is_heard_when_it_was_answered),
        cmocka_unit_test(a_host_that_is_gone_keeps_nobody_waiting),
        cmocka_unit_test(a_local_host_is_asked_for_few_events),
        cmocka_unit_test(calls_of_user_code_are_events),
        cmocka_unit_test(a_start_without_sense_is_none),
        cmocka_unit_test(why_code_stopped_a_run_is_kept),
        cmocka_unit_test(a_shape_is_asked_each_second_and_obeyed_when_it_changes),
        cmocka_unit_test(a_shape_that_fails_ends_the_run_as_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
