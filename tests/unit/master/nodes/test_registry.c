// SPDX-License-Identifier: MIT
/* Workers come, beat, fall silent and go: what they are told, and what the run machine hears. */
#include "tests/unit/nodes_bench.h"

static void beat(struct bench *b, const char *node, const char *state, const char *token)
{
    struct message_heartbeat h = {.cpu_percent = 5};
    snprintf(h.state, sizeof h.state, "%s", state);
    registry_heartbeat(&b->nodes, node, &h, token);
}

static void who_joins_is_told_so(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    const struct message_ready ours = {.is_accepted = true, .is_katydid = true};
    registry_ready(&b->nodes, "w", &ours);
    assert_seen(b, "came:w", "ack>w");
    registry_ready(&b->nodes, "w", &ours); /* again: it had nothing to do */
    assert_seen(b, "came:w", "ack>w");
    roster_find(&b->machine.roster, "w")->state = WORKER_RUNNING;
    registry_ready(&b->nodes, "w", &ours);
    assert_seen(b, "came:w:was-running", "ack>w");
    roster_find(&b->machine.roster, "w")->state = WORKER_MISSING;
    registry_ready(&b->nodes, "w", &ours);
    assert_seen(b, "came:w:was-missing", "ack>w");
    free_bench(b);
}

static void the_host_hears_of_workers(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    const struct message_ready ours = {.is_accepted = true, .is_katydid = true};
    b->nodes.host.has_script = true;
    registry_ready(&b->nodes, "w", &ours);
    assert_seen(b, "came:w", "ack>w katydid_event>host");
    free_bench(b);
}

static void workers_of_before_locust_2_are_refused(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    const struct message_ready old = {.is_accepted = false};
    registry_ready(&b->nodes, "w", &old);
    assert_seen(b, "", "");
    assert_null(roster_find(&b->machine.roster, "w"));
    free_bench(b);
}

/* After a restart of the master: ours reconnect, Locust's answer "stop" by joining anew. */
static void strangers_that_beat_are_asked_to_join(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    for (int i = 0; i < 3; i++) {
        beat(b, "w", "running", "");
        assert_seen(b, "", "reconnect>w");
    }
    beat(b, "w", "running", "");
    assert_seen(b, "", "stop>w");
    free_bench(b);
}

static void a_beat_is_answered_and_reported(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = join(b, "w", false);
    w->liveness = 1;
    beat(b, "w", "running", "");
    assert_seen(b, "beat:w", "heartbeat>w");
    assert_true(w->liveness > 1);
    b->tunables.cpu_warning_percent = 4;
    beat(b, "w", "running", "");
    assert_seen(b, "beat:w busy:w", "heartbeat>w");
    w->state = WORKER_GONE;
    beat(b, "w", "running", "");
    assert_seen(b, "", ""); /* it said good-bye */
    free_bench(b);
}

static void nobody_beats_in_the_place_of_one_of_ours(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = join(b, "w", true);
    assert_int_equal(strlen(w->token), 32);
    beat(b, "w", "ready", ""); /* it has not shown yet that it knows its token */
    assert_seen(b, "beat:w", "heartbeat>w");
    beat(b, "w", "ready", w->token);
    assert_seen(b, "beat:w", "heartbeat>w");
    beat(b, "w", "ready", "");
    assert_seen(b, "", "");
    assert_int_equal(b->record.trouble.stray, 1);
    free_bench(b);
}

static void seconds(struct bench *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        b->now += 1;
        registry_second(&b->nodes);
    }
}

static void silence_is_a_loss_and_a_beat_the_return(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = join(b, "w", true);
    seconds(b, 3);
    assert_seen(b, "", "");
    seconds(b, 3);
    assert_seen(b, "lost:w", "katydid_gone>host");
    assert_int_equal(w->state, WORKER_MISSING);
    seconds(b, 10);
    assert_seen(b, "", ""); /* once */
    beat(b, "w", "running", "");
    assert_seen(b, "back:w", "heartbeat>w");
    free_bench(b);
}

/* Silent is who has said nothing in the mail that was read. */
static void nobody_is_lost_while_there_is_unread_mail(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    join(b, "w", true);
    b->nodes.inbox.has_unread = true;
    seconds(b, 20);
    assert_seen(b, "", "");
    free_bench(b);
}

static void a_process_that_ends_is_lost_unless_it_said_goodbye(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = join(b, "w", true);
    registry_process_ended(&b->nodes, "w", 137);
    assert_seen(b, "lost:w:ended", "katydid_gone>host");
    assert_int_equal(w->state, WORKER_GONE);
    registry_process_ended(&b->nodes, "w", 137);
    registry_process_ended(&b->nodes, "nobody", 1);
    registry_process_ended(&b->nodes, NULL, 1);
    assert_seen(b, "", "");
    free_bench(b);
}

/* The only process of a local run may compute for long: should it end, we are told. */
static void a_local_run_waits_for_its_process(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    b->nodes.is_local = true;
    join(b, "host", true);
    seconds(b, 500);
    assert_seen(b, "", "");
    free_bench(b);
}

static void what_a_run_lost_is_told_with_its_bound(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = join(b, "w", true);
    run_start(&b->machine.run, 1, 1, 0, 7, bench_now(b));
    w->requests = 5;
    w->last_report_at = bench_wall(b);
    b->now += 8;
    registry_process_ended(&b->nodes, "w", 137);
    assert_int_equal(b->record.losses.count, 1);
    assert_true(b->record.losses.first->bound_s > 7 && b->record.losses.first->bound_s < 10);
    assert_true(b->nodes.notice[0]);
    absence_forget(&b->nodes); /* the next run begins */
    assert_int_equal(b->record.losses.count, 0);
    assert_false(b->nodes.notice[0]);
    free_bench(b);
}

static void one_that_is_lost_before_its_first_report_may_have_run_users(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *idle = join(b, "idle", true), *w = join(b, "w", true);
    run_start(&b->machine.run, 1, 1, 0, 7, bench_now(b));
    w->has_load = true;
    registry_process_ended(&b->nodes, idle->id, 137);
    assert_int_equal(b->record.losses.count, 0);
    registry_process_ended(&b->nodes, w->id, 137);
    assert_int_equal(b->record.losses.count, 1);
    worker_begin_run(w);
    assert_false(w->has_load);
    free_bench(b);
}

/* A master that stood still hears nobody: that is no silence of theirs. */
static void a_standstill_of_the_master_loses_nobody(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = join(b, "w", true);
    run_start(&b->machine.run, 1, 1, 0, 7, bench_now(b));
    absence_second(&b->nodes);
    w->liveness = 0;
    b->now += 30;
    absence_second(&b->nodes);
    registry_second(&b->nodes);
    assert_seen(b, "", "");
    assert_true(w->gap.is_open);
    assert_int_equal(b->record.losses.count, 1);
    free_bench(b);
}

static void a_standstill_in_the_first_second_is_told(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = join(b, "w", true);
    absence_forget(&b->nodes);
    run_start(&b->machine.run, 1, 1, 0, 7, bench_now(b));
    b->now += 6;
    absence_second(&b->nodes);
    assert_true(w->gap.is_open);
    assert_int_equal(b->record.losses.count, 1);
    free_bench(b);
}

/* Of whom nobody knows, one line a second; of workers as many as a large cluster writes at once. */
static void lines_that_strangers_cause_are_few(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    for (int kind = 0; kind < LINES_KINDS; kind++) {
        int written = 0;
        for (int i = 0; i < 20000; i++)
            written += nodes_may_log(&b->nodes, kind);
        assert_int_equal(written, kind == LINES_WORKERS ? 1000 : 1);
    }
    for (int i = 0; i < 10; i++) /* nobody has joined under that name */
        registry_ended_early(&b->nodes, "x", 1);
    assert_int_equal(line_limit_told(&b->nodes.lines[LINES_STRANGER]), 19999 + 10);
    free_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_joins_is_told_so),
        cmocka_unit_test(the_host_hears_of_workers),
        cmocka_unit_test(workers_of_before_locust_2_are_refused),
        cmocka_unit_test(strangers_that_beat_are_asked_to_join),
        cmocka_unit_test(a_beat_is_answered_and_reported),
        cmocka_unit_test(nobody_beats_in_the_place_of_one_of_ours),
        cmocka_unit_test(silence_is_a_loss_and_a_beat_the_return),
        cmocka_unit_test(nobody_is_lost_while_there_is_unread_mail),
        cmocka_unit_test(a_process_that_ends_is_lost_unless_it_said_goodbye),
        cmocka_unit_test(a_local_run_waits_for_its_process),
        cmocka_unit_test(what_a_run_lost_is_told_with_its_bound),
        cmocka_unit_test(one_that_is_lost_before_its_first_report_may_have_run_users),
        cmocka_unit_test(a_standstill_of_the_master_loses_nobody),
        cmocka_unit_test(a_standstill_in_the_first_second_is_told),
        cmocka_unit_test(lines_that_strangers_cause_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
