// SPDX-License-Identifier: MIT
/* Stories of workers that are away for long, and of a machine that was: what people are told, and
 * that each report counts once. test_losses.c has the words, test_roster.c the gaps. */
#include "common/wire/report.h"
#include "tests/unit/nodes_bench.h"

#define REQUESTS 10 /* of each report */

/* Report number seq, made so many seconds ago, comes in. */
static void reports(struct bench *b, const char *node, uint64_t seq, double ago)
{
    struct stats s;
    struct sbuf bytes = {0};
    struct message msg = {.kind = MESSAGE_STATS};
    const double made_at = bench_now(b).unix_time - ago;
    stats_init(&s, made_at, STATS_LIMITS_DEFAULT);
    for (int i = 0; i < REQUESTS; i++)
        stats_add(&s, stats_row(&s, "GET", 3, "/", 1), made_at, 1000, 1);
    report_pack(&s, &bytes);
    msg.stats = (struct message_stats){.is_katydid = true,
                                       .epoch = "e",
                                       .seq = seq,
                                       .sent_at = made_at,
                                       .report = {bytes.data, bytes.len}};
    snprintf(msg.stats.run, sizeof msg.stats.run, "%s", b->machine.run.id);
    b->nodes.inbox.handled = (struct clk_moment){b->now, bench_now(b).unix_time};
    inbox_handle(&b->nodes, node, &msg);
    stats_fini(&s);
    sbuf_fini(&bytes);
}

static void beats(struct bench *b, const struct worker *w)
{
    const struct message_heartbeat h = {.cpu_percent = 5, .state = "running"};
    registry_heartbeat(&b->nodes, w->id, &h, w->token);
}

static void second(struct bench *b)
{
    b->now += 1;
    absence_second(&b->nodes);
    registry_second(&b->nodes);
}

static struct worker *run_with(struct bench *b, const char *id)
{
    struct worker *w = join(b, id, true);
    w->state = WORKER_RUNNING;
    w->has_load = true;
    return w;
}

static bool is_told(const struct bench *b, const char *words)
{
    return strstr(b->nodes.notice, words) != NULL;
}

/* Its link is cut for longer than it keeps its users; what it had not delivered comes afterwards.
 */
static void a_partition_of_70_seconds_loses_a_share_and_no_figure(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *cut = run_with(b, "cut"), *other = run_with(b, "other");
    int lost_after = 0;
    run_start(&b->machine.run, 2, 2, 0, 7, bench_now(b));
    for (uint64_t s = 1; s <= 3; s++) {
        second(b);
        beats(b, cut);
        beats(b, other);
        reports(b, cut->id, s, 0);
    }
    for (int s = 1; s <= 70; s++) {
        second(b);
        beats(b, other);
        if (cut->state == WORKER_MISSING && !lost_after) {
            lost_after = s;
            assert_true(is_told(b, "Worker cut was lost at "));
            assert_true(is_told(b, "at most "));
            assert_true(is_told(b, "Its users move to the other workers."));
        }
    }
    assert_int_equal(lost_after, 5); /* it holds them back by then: test_node_silence.py */
    assert_int_equal(other->state, WORKER_RUNNING);
    assert_int_equal(b->record.losses.count, 1);

    beats(b, cut);
    cut->state = WORKER_RUNNING; /* which is for the machine to say */
    assert_true(is_told(b, "Worker cut is back: it was not heard from "));
    assert_true(is_told(b, "(70 s)") && is_told(b, " is still to come."));
    for (uint64_t seq = 4; seq <= 6; seq++) { /* before it held its users back */
        reports(b, cut->id, seq, 70 - (double)(seq - 3));
        reports(b, cut->id, seq, 70 - (double)(seq - 3)); /* sent again */
    }
    assert_true(is_told(b, " is still to come."));
    second(b);
    beats(b, cut);
    reports(b, cut->id, 7, 0);
    assert_true(is_told(b, "(70 s). Everything that it measured has arrived."));
    assert_int_equal(b->record.losses.count, 1);
    assert_int_equal(b->record.stats.total.requests, 7 * REQUESTS);
    free_bench(b);
}

/* All of a test on one machine, which is suspended for an hour: the monotonic clock stands
 * meanwhile, so nobody was silent; but people look at the clock on the wall. */
static void a_suspended_machine_loses_nobody_and_says_how_long(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = run_with(b, "w");
    run_start(&b->machine.run, 1, 1, 0, 7, bench_now(b));
    second(b);
    beats(b, w);
    reports(b, w->id, 1, 0);
    b->asleep = 3600;
    second(b);
    assert_int_equal(w->state, WORKER_RUNNING);
    assert_true(is_told(b, "The master stood still from "));
    assert_true(is_told(b, "(3601 s): workers hold their users back"));
    assert_true(is_told(b, " is still to come."));
    reports(b, w->id, 2, 0.5); /* was on its way */
    assert_true(is_told(b, " is still to come."));
    second(b);
    beats(b, w);
    reports(b, w->id, 3, 0);
    assert_true(is_told(b, "Everything that was measured meanwhile has arrived."));
    assert_int_equal(b->record.losses.count, 1);
    assert_int_equal(b->record.stats.total.requests, 3 * REQUESTS);
    free_bench(b);
}

/* That of one worker alone: for the master it was silent, and its own clock is late from now on. */
static void a_worker_on_a_suspended_machine_is_back_with_all_it_has(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = run_with(b, "w"), *other = run_with(b, "other");
    run_start(&b->machine.run, 2, 2, 0, 7, bench_now(b));
    second(b);
    beats(b, w);
    reports(b, w->id, 1, 0);
    for (int s = 0; s < 600; s++) {
        second(b);
        beats(b, other);
    }
    assert_true(b->record.losses.count == 1 && w->state == WORKER_MISSING);
    beats(b, w);
    w->state = WORKER_RUNNING;
    for (uint64_t seq = 2; seq <= 6; seq++) {
        reports(b, w->id, seq, 600);
        second(b);
        beats(b, w);
        beats(b, other);
    }
    assert_true(is_told(b, "Worker w is back: it was not heard from "));
    assert_true(is_told(b, "(600 s). Everything that it measured has arrived."));
    assert_int_equal(b->record.stats.total.requests, 6 * REQUESTS);
    free_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partition_of_70_seconds_loses_a_share_and_no_figure),
        cmocka_unit_test(a_suspended_machine_loses_nobody_and_says_how_long),
        cmocka_unit_test(a_worker_on_a_suspended_machine_is_back_with_all_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
