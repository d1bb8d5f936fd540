// SPDX-License-Identifier: MIT
/* What the page asks for, from the command to the orders that are sent: a whole master without
 * processes, link or loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/master_bench.h"

static void a_start_ends_in_orders(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = join(b, "w");
    assert_true(ask(b, swarm(4, 4)).is_ok);
    assert_int_equal(b->m.machine.run.state, RUN_SPAWNING);
    turn(b);
    assert_true(was_sent(b, "spawn>w"));
    struct class_users users = {(char *)(uintptr_t) "Shopper", 4};
    roster_set_users(&b->m.machine.roster, w, &users, 1);
    run_on(&b->m, &(struct machine_event){.kind = ON_WORKER_USERS, .worker = w});
    assert_int_equal(b->m.machine.run.state, RUN_RUNNING);
    assert_true(was_sent(b, "spawning_complete>w"));
    assert_true(just(b, CMD_STOP).is_ok);
    assert_true(was_sent(b, "stop>w"));
    assert_int_equal(b->m.machine.run.state, RUN_STOPPING);
    assert_int_equal(w->state, WORKER_STOPPING);
    free_bench(b);
}

static void what_cannot_be_done_is_refused_and_changes_nothing(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    assert_non_null(strstr(ask(b, swarm(4, 4)).text, "No worker"));
    join(b, "w");
    assert_string_equal(ask(b, swarm(-1, 4)).field, "users");
    assert_string_equal(ask(b, swarm(4, -1)).field, "spawn_rate");
    struct command edit = swarm(4, 4);
    edit.is_edit = true;
    assert_non_null(strstr(ask(b, edit).text, "No test is running"));
    assert_int_equal(b->m.machine.run.state, RUN_READY);
    assert_true(ask(b, swarm(4, 4)).is_ok);
    assert_non_null(strstr(ask(b, swarm(8, 4)).text, "running already"));
    assert_int_equal(b->m.machine.run.target_users, 4);
    b->m.machine.is_shaped = true;
    assert_non_null(strstr(ask(b, edit).text, "load shape"));
    free_bench(b);
}

static void a_check_changes_nothing(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    join(b, "w");
    struct command c = swarm(4, 4);
    c.is_check = true;
    assert_true(ask(b, c).is_ok);
    assert_int_equal(b->m.machine.run.state, RUN_READY);
    assert_true(b->m.machine.load.users < 0);
    free_bench(b);
}

static void a_running_test_is_edited(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    join(b, "w");
    ask(b, swarm(4, 4));
    struct command edit = swarm(10, 5);
    edit.is_edit = true;
    edit.run_time_s = 60;
    assert_true(ask(b, edit).is_ok);
    assert_int_equal(b->m.machine.run.target_users, 10);
    assert_true(b->m.machine.run.time_limit_at > 0);
    struct command lift = swarm(-1, -1);
    lift.is_edit = true;
    lift.run_time_s = 0;
    assert_true(ask(b, lift).is_ok);
    assert_int_equal(b->m.machine.run.target_users, 10);
    assert_true(b->m.machine.run.time_limit_at <= 0);
    free_bench(b);
}

static void a_mark_belongs_to_a_run(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    join(b, "w");
    assert_false(ask(b, (struct command){.kind = CMD_MARKER, .text = mem_strdup("now")}).is_ok);
    ask(b, swarm(4, 4));
    assert_true(ask(b, (struct command){.kind = CMD_MARKER, .text = mem_strdup("now")}).is_ok);
    assert_string_equal(
        ask(b, (struct command){.kind = CMD_MARKER, .text = mem_strdup("once"), .at = 5}).field,
        "at");
    free_bench(b);
}

static void after_the_end_has_begun_nothing_starts(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    join(b, "w");
    assert_true(ask(b, swarm(4, 4)).is_ok);
    assert_true(just(b, CMD_QUIT).is_ok); /* the worker is waited for */
    assert_int_equal(b->m.machine.finish, FINISH_STOP);
    assert_non_null(strstr(ask(b, swarm(4, 4)).text, "shutting down"));
    assert_false(ask(b, (struct command){.kind = CMD_TRY}).is_ok);
    assert_false(just(b, CMD_RELOAD).is_ok);
    assert_true(just(b, CMD_STOP).is_ok); /* it is on its way */
    free_bench(b);
}

static void figures_are_reset(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct stats *s = &b->m.record.stats;
    join(b, "w");
    ask(b, swarm(4, 4));
    stats_add(s, stats_row(s, "GET", 3, "/", 1), master_now().unix_time, 1000, 1);
    assert_true(just(b, CMD_RESET).is_ok);
    assert_int_equal(s->total.requests, 0);
    assert_int_equal(b->m.machine.run.state, RUN_SPAWNING); /* the run goes on */
    free_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_ends_in_orders),
        cmocka_unit_test(what_cannot_be_done_is_refused_and_changes_nothing),
        cmocka_unit_test(a_check_changes_nothing),
        cmocka_unit_test(a_running_test_is_edited),
        cmocka_unit_test(a_mark_belongs_to_a_run),
        cmocka_unit_test(after_the_end_has_begun_nothing_starts),
        cmocka_unit_test(figures_are_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
