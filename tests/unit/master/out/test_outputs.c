// SPDX-License-Identifier: MIT
/* What holds between the main thread and outputs on threads of their own: nobody waits for a slow
 * one, what is left out is counted, everything is written at the end, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/out/outputs.h"
#include "common/base/clk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "tests/unit/snapshots.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW 1700000000.0
#define WAIT_S 20 /* for what must happen */

/* ---- an output of the test's own: it writes down what is asked of it --------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct sbuf said; /* by all of them, in their order */

struct probe {
    const char *name;
    int gate;            /* < 0: open; else so many calls may pass */
    int begun;           /* calls */
    const char *failing; /* the call that fails: "check", "open", "tick" or "end" */
    uint64_t requests;   /* of the last snapshot */
    pthread_t thread;
};

static int say(struct probe *p, const char *what, const struct snapshot *s, char **why)
{
    pthread_mutex_lock(&lock);
    p->begun++;
    p->thread = pthread_self();
    pthread_cond_broadcast(&changed);
    while (p->gate == 0)
        pthread_cond_wait(&changed, &lock);
    p->gate -= p->gate > 0;
    p->requests = s ? s->stats.total.requests : p->requests;
    sbuf_addf(&said, "%s%s.%s", said.len ? " " : "", p->name, what);
    bool is_good = !p->failing || strcmp(p->failing, what) != 0;
    pthread_mutex_unlock(&lock);
    if (is_good)
        return 0;
    *why = mem_strdup("no room");
    return -1;
}

static int check(void *self, const struct snapshot *s, char **why)
{
    return say(self, "check", s, why);
}
static int begin(void *self, const struct snapshot *s, char **why)
{
    return say(self, "open", s, why);
}
static int tick(void *self, const struct snapshot *s, char **why)
{
    return say(self, "tick", s, why);
}
static int end(void *self, const struct snapshot *s, char **why)
{
    return say(self, "end", s, why);
}
static void release(void *self)
{
    say(self, "close", NULL, NULL);
}
static double each_second(const void *self, const struct wishes *w)
{
    (void)self;
    (void)w;
    return 1;
}

static struct output probe_output(struct probe *p)
{
    return (struct output){.name = p->name,
                           .self = p,
                           .interval_s = each_second,
                           .check = check,
                           .open = begin,
                           .tick = tick,
                           .run_end = end,
                           .close = release};
}

static void open_gate(struct probe *p, int calls)
{
    pthread_mutex_lock(&lock);
    p->gate = calls;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void await_calls(struct probe *p, int calls)
{
    uint64_t until = clk_mono_ns() + WAIT_S * UINT64_C(1000000000);
    int rc = 0;
    pthread_mutex_lock(&lock);
    while (p->begun < calls && rc == 0)
        rc = clk_cond_wait(&changed, &lock, until);
    pthread_mutex_unlock(&lock);
    assert_int_equal(rc, 0);
}

static void assert_said(const char *want)
{
    pthread_mutex_lock(&lock);
    assert_string_equal(said.data ? said.data : "", want);
    sbuf_clear(&said);
    pthread_mutex_unlock(&lock);
}

static void await_said(const char *last)
{
    uint64_t until = clk_mono_ns() + WAIT_S * UINT64_C(1000000000);
    for (bool is_said = false; !is_said; usleep(1000)) {
        pthread_mutex_lock(&lock);
        is_said = said.data && strstr(said.data, last);
        pthread_mutex_unlock(&lock);
        assert_true(clk_mono_ns() < until);
    }
}

/* ---- statistics, snapshots and the log --------------------------------------------------- */

static struct stats stats;
static struct snapshot_maker *maker;
static struct sbuf lines;
static double mono;

static void on_line(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    sbuf_addf(&lines, "%s\n", line);
}

static int set_up(void **state)
{
    (void)state;
    stats_init(&stats, NOW, STATS_LIMITS_DEFAULT);
    maker = snapshot_maker_new();
    mono = 1000;
    sbuf_adds(&lines, "");
    log_set_sink(on_line, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    snapshot_maker_free(maker);
    stats_fini(&stats);
    sbuf_fini(&lines);
    sbuf_fini(&said);
    return 0;
}

static struct snapshot *next_second(void)
{
    stats_add(&stats, stats_row(&stats, "GET", 3, "/", 1), NOW, 1000, 10);
    struct snapshot *s = snapshot_at(maker, &stats, NOW, 1);
    s->mono = ++mono;
    return s;
}

static void tick_all(struct outputs *all)
{
    struct snapshot *s = next_second();
    assert_true(outputs_are_due(all, s->mono, true, &s->wishes));
    outputs_tick(all, s);
    snapshot_unref(s);
}

static int open_all(struct outputs *all, char **why)
{
    struct snapshot *s = next_second();
    int rc = outputs_open(all, s, WAIT_S, why);
    snapshot_unref(s);
    return rc;
}

static struct outputs *opened(struct output a, struct output b)
{
    char *why = NULL;
    struct outputs *all = outputs_new();
    outputs_add(all, a);
    if (b.name)
        outputs_add(all, b);
    assert_int_equal(open_all(all, &why), 0);
    sbuf_clear(&said);
    return all;
}

static void begin_end(struct outputs *all)
{
    struct snapshot *s = next_second();
    outputs_run_end(all, s);
    snapshot_unref(s);
}

static void await_end(struct outputs *all)
{
    uint64_t until = clk_mono_ns() + WAIT_S * UINT64_C(1000000000);
    while (!outputs_are_done(all, (double)clk_mono_ns() / 1e9)) {
        assert_true(clk_mono_ns() < until);
        usleep(1000);
    }
}

static uint64_t dropped_of(struct outputs *all, const char *name, const char *trouble)
{
    struct output_state list[OUTPUTS_MAX];
    size_t count = outputs_list(all, list);
    uint64_t dropped = 0;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(list[i].name, name)) {
            assert_string_equal(list[i].trouble, trouble);
            dropped = list[i].dropped;
        }
        free(list[i].trouble);
    }
    return dropped;
}

/* ---- tests -------------------------------------------------------------------------------- */

static void each_is_called_in_order_on_a_thread_of_its_own(void **state)
{
    (void)state;
    char *why = NULL;
    struct probe a = {.name = "a", .gate = -1}, b = {.name = "b", .gate = -1};
    struct outputs *all = outputs_new();
    outputs_add(all, probe_output(&a));
    outputs_add(all, probe_output(&b));
    assert_int_equal(open_all(all, &why), 0);
    pthread_mutex_lock(&lock);
    assert_non_null(strstr(said.data, "a.open"));
    assert_non_null(strstr(said.data, "b.open"));
    sbuf_clear(&said);
    pthread_mutex_unlock(&lock);
    tick_all(all);
    assert_true(outputs_settle(all, WAIT_S));
    sbuf_clear(&said);
    begin_end(all);
    await_end(all);
    assert_said("a.end b.end");
    assert_int_equal(a.requests, 3); /* open, tick and end: each has one more */
    assert_false(outputs_have_failed(all));
    assert_false(pthread_equal(a.thread, b.thread));
    assert_false(pthread_equal(a.thread, pthread_self()));
    outputs_close(all, WAIT_S);
    assert_int_equal(lines.len, 0);
}

static void nobody_waits_for_a_slow_one(void **state)
{
    (void)state;
    struct probe slow = {.name = "slow", .gate = -1}, good = {.name = "good", .gate = -1};
    struct outputs *all = opened(probe_output(&slow), probe_output(&good));
    open_gate(&slow, 0);
    int before = slow.begun;
    tick_all(all);
    await_calls(&slow, before + 1); /* it is at this one, and stays there */
    for (int i = 0; i < OUTPUTS_QUEUE_TICKS + 5; i++) {
        tick_all(all);
        await_calls(&good, 2 + 2 + i); /* check, open, and each tick */
    }
    assert_int_equal(dropped_of(all, "slow", ""), 5);
    assert_int_equal(dropped_of(all, "good", ""), 0);
    assert_non_null(strstr(lines.data, "slow: writing takes too long"));
    open_gate(&slow, -1);
    begin_end(all);
    await_end(all);
    assert_int_equal(slow.requests, stats.total.requests);
    assert_non_null(strstr(lines.data, "slow: 5 of 16 ticks were left out: they could not"));
    assert_null(strstr(lines.data, "good"));
    assert_false(outputs_have_failed(all)); /* at the end it has everything */
    outputs_close(all, WAIT_S);
}

static void a_tick_that_fails_is_counted_and_told_once(void **state)
{
    (void)state;
    struct probe p = {.name = "p", .gate = -1, .failing = "tick"};
    struct outputs *all = opened(probe_output(&p), (struct output){0});
    for (int i = 0; i < 4; i++) {
        tick_all(all);
        assert_true(outputs_settle(all, WAIT_S));
    }
    assert_int_equal(dropped_of(all, "p", "no room"), 4);
    char *first = strstr(lines.data, "p: no room");
    assert_non_null(first);
    assert_null(strstr(first + 1, "p: no room"));
    begin_end(all);
    await_end(all);
    assert_non_null(strstr(lines.data, "p: 4 of 4 ticks were left out: no room"));
    assert_false(outputs_have_failed(all));
    outputs_close(all, WAIT_S);
}

static void an_end_that_fails_is_told_and_the_others_go_on(void **state)
{
    (void)state;
    struct probe a = {.name = "a", .gate = -1, .failing = "end"}, b = {.name = "b", .gate = -1};
    struct outputs *all = opened(probe_output(&a), probe_output(&b));
    begin_end(all);
    await_end(all);
    assert_said("a.end b.end");
    assert_non_null(strstr(lines.data, "no room"));
    assert_true(outputs_have_failed(all));
    outputs_close(all, WAIT_S);
}

static void nothing_is_opened_when_one_cannot_be(void **state)
{
    (void)state;
    char *why = NULL;
    struct probe a = {.name = "a", .gate = -1}, b = {.name = "b", .gate = -1, .failing = "check"};
    struct outputs *all = outputs_new();
    outputs_add(all, probe_output(&a));
    outputs_add(all, probe_output(&b));
    assert_int_equal(open_all(all, &why), -1);
    assert_string_equal(why, "no room");
    outputs_close(all, WAIT_S);
    assert_null(strstr(said.data, "open"));
    assert_non_null(strstr(said.data, "a.close"));
    free(why);
}

static void an_opening_that_takes_long_holds_nothing_up(void **state)
{
    (void)state;
    char *why = NULL;
    struct probe late = {.name = "late", .gate = 1, .failing = "open"};
    struct outputs *all = outputs_new();
    struct snapshot *s = next_second();
    outputs_add(all, probe_output(&late));
    assert_int_equal(outputs_open(all, s, 0.05, &why), 0); /* its check passes, its open hangs */
    snapshot_unref(s);
    tick_all(all);
    await_calls(&late, 2);
    open_gate(&late, -1);
    assert_true(outputs_settle(all, WAIT_S));
    begin_end(all);
    await_end(all);
    assert_said("late.check late.open"); /* it failed in the end: no tick, no run_end */
    assert_int_equal(dropped_of(all, "late", "no room"), 1);
    assert_true(outputs_have_failed(all));
    outputs_close(all, WAIT_S);
}

static void one_that_hangs_at_the_end_is_given_up(void **state)
{
    (void)state;
    static struct probe hung = {.name = "hung", .gate = -1}, next = {.name = "next", .gate = -1};
    struct output o = probe_output(&hung);
    o.patience_s = 0.2;
    struct outputs *all = opened(o, probe_output(&next));
    open_gate(&hung, 0);
    begin_end(all);
    await_end(all);
    assert_said("next.end");
    assert_non_null(strstr(lines.data, "hung: given up after 0 s"));
    assert_true(outputs_have_failed(all));
    int begun = hung.begun;
    outputs_close(all, 0.1); /* does not wait for it */
    open_gate(&hung, -1);
    await_calls(&hung, begun + 1); /* it closes all the same, when it can */
    await_said("hung.close");
}

static void rows_that_stay_are_shared_and_never_change(void **state)
{
    (void)state;
    stats_add(&stats, stats_row(&stats, "GET", 3, "/still", 6), NOW, 5000, 10);
    struct snapshot *one = next_second(), *two = next_second();
    const struct tally *still = one->stats.rows, *moving = still->next;
    assert_string_equal(still->name, "/still");
    assert_ptr_equal(still->name, two->stats.rows->name);
    assert_ptr_not_equal(moving->hist.octave, two->stats.rows->next->hist.octave);
    assert_int_equal(moving->hist.count, 1);
    assert_int_equal(two->stats.rows->next->hist.count, 2);
    stats_clear(&stats, NOW + 1);
    struct snapshot *three = next_second();
    assert_int_equal(three->stats.row_count, 1);
    snapshot_maker_free(maker); /* snapshots outlive it */
    maker = NULL;
    assert_string_equal(one->stats.rows->name, "/still");
    assert_int_equal(tally_quantile_ms(one->stats.rows, 1), 5);
    snapshot_unref(one);
    snapshot_unref(two);
    snapshot_unref(three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_called_in_order_on_a_thread_of_its_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nobody_waits_for_a_slow_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_tick_that_fails_is_counted_and_told_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_end_that_fails_is_told_and_the_others_go_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_opened_when_one_cannot_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_opening_that_takes_long_holds_nothing_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_hangs_at_the_end_is_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_that_stay_are_shared_and_never_change, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
