// SPDX-License-Identifier: MIT
#include "common/run/roster.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>

static struct worker *join(struct roster *r, const char *id)
{
    struct worker *w = roster_get(r, id);
    assert_non_null(w);
    assert_true(roster_join(r, w, true));
    return w;
}

static void an_index_is_for_good(void **state)
{
    (void)state;
    struct roster r = {0};
    assert_non_null(roster_get(&r, "stranger"));
    assert_int_equal(join(&r, "a")->index, 0);
    assert_int_equal(join(&r, "b")->index, 1);
    roster_find(&r, "a")->state = WORKER_GONE;
    assert_int_equal(join(&r, "a")->index, 0);
    assert_int_equal(join(&r, "c")->index, 2);
    assert_int_equal(roster_active_count(&r), 3);
    assert_null(roster_find(&r, "d"));
    roster_fini(&r);
}

static void silence_makes_a_worker_missing_after_five_seconds(void **state)
{
    (void)state;
    struct roster r = {0};
    struct worker *missed[4], *a = join(&r, "a"), *b = join(&r, "b");
    for (int second = 1; second <= 4; second++) {
        assert_int_equal(roster_tick(&r, missed, 4), 0);
        b->liveness = ROSTER_LIVENESS;
    }
    assert_int_equal(roster_tick(&r, missed, 4), 1);
    assert_ptr_equal(missed[0], a);
    assert_int_equal(a->state, WORKER_MISSING);
    assert_string_equal(worker_state_name(a), "missing");
    assert_int_equal(roster_active_count(&r), 1);
    assert_int_equal(roster_tick(&r, missed, 4), 0);
    roster_fini(&r);
}

static void strangers_fill_neither_the_memory_nor_the_roster(void **state)
{
    (void)state;
    struct roster r = {0};
    char id[32];
    struct worker *mine = join(&r, "mine");
    for (int i = 0; i < 3 * ROSTER_MAX_STRANGERS; i++) {
        snprintf(id, sizeof id, "stranger-%d", i);
        assert_non_null(roster_get(&r, id));
        assert_true(r.count <= ROSTER_MAX_STRANGERS + 1);
    }
    assert_null(roster_find(&r, "stranger-0"));
    assert_ptr_equal(roster_find(&r, id), roster_get(&r, id));
    assert_ptr_equal(roster_find(&r, "mine"), mine);
    assert_int_equal(join(&r, id)->index, 1);
    roster_fini(&r);
}

static void workers_are_counted_now_and_not_ever(void **state)
{
    (void)state;
    struct roster r = {0};
    char id[32];
    for (int i = 0; i < 3 * ROSTER_MAX; i++) {
        snprintf(id, sizeof id, "w%d", i);
        struct worker *w = join(&r, id);
        roster_set_users(&r, w, (struct class_users[]){{(char[]){"A"}, 1}}, 1);
        if (i > 0)
            w->state = i % 2 ? WORKER_GONE : WORKER_MISSING;
        assert_true(w->index < ROSTER_MAX && r.count <= ROSTER_MAX + 1);
    }
    assert_int_equal(roster_find(&r, "w0")->index, 0);
    assert_int_equal(roster_user_count(&r), r.count); /* the forgotten ones have no users */
    assert_int_equal(roster_class_users(&r, "A"), r.count);
    for (size_t i = 0; i < r.count; i++)
        r.workers[i]->state = WORKER_RUNNING;
    for (int i = (int)r.count; i < ROSTER_MAX; i++) {
        snprintf(id, sizeof id, "more%d", i);
        join(&r, id);
    }
    assert_false(roster_join(&r, roster_get(&r, "one too many"), true));
    roster_fini(&r);
}

/* A report that was made, and came, at such times: is the gap filled? */
static bool fills(struct worker *w, const char *epoch, uint64_t seq, double made_at, double came_at)
{
    assert_true(worker_take_report(w, epoch, seq));
    worker_clock_shift(w, came_at, made_at, 2);
    return worker_fills_gap(w, made_at);
}

static void a_gap_is_filled_when_each_report_since_has_come(void **state)
{
    (void)state;
    struct roster r = {0};
    struct worker *w = join(&r, "a");
    assert_false(fills(w, "e", 5, 105, 105));
    worker_begin_gap(w);
    assert_false(fills(w, "e", 6, 106, 106)); /* was on its way when the gap began */
    worker_end_gap(w, 108.5);
    assert_false(fills(w, "e", 9, 109, 109)); /* 7 and 8 are still to come */
    assert_false(fills(w, "e", 7, 107, 109));
    assert_true(fills(w, "e", 8, 108, 109));
    worker_begin_gap(w);
    worker_end_gap(w, 110);
    assert_false(fills(w, "f", 10, 111, 111)); /* another process: what the old one had is gone */
    roster_fini(&r);
}

/* Away, back and away again before all had come; and another process in the place of the first. */
static void a_gap_that_was_not_filled_goes_on(void **state)
{
    (void)state;
    struct roster r = {0};
    struct worker *w = join(&r, "a");
    assert_false(fills(w, "e", 5, 105, 105));
    worker_begin_gap(w);
    worker_end_gap(w, 108.5);
    assert_false(fills(w, "e", 9, 109, 109));
    worker_begin_gap(w);
    worker_end_gap(w, 112);
    assert_false(fills(w, "e", 10, 113, 113)); /* 6 to 8 are still to come */
    for (uint64_t seq = 6; seq <= 7; seq++)
        assert_false(fills(w, "e", seq, 100 + (double)seq, 113));
    assert_true(fills(w, "e", 8, 108, 113));
    w->gap.is_open = false;
    worker_begin_gap(w);
    worker_end_gap(w, 120);
    assert_false(fills(w, "f", 1, 121, 121));
    worker_begin_gap(w);
    worker_end_gap(w, 125);
    assert_true(fills(w, "f", 2, 126, 126));
    roster_fini(&r);
}

/* The reports of a master's standstill come one after the other when it is over. */
static void a_gap_is_not_filled_by_the_first_of_a_queue(void **state)
{
    (void)state;
    struct roster r = {0};
    struct worker *w = join(&r, "a");
    const double behind = 500; /* the worker's clock */
    assert_false(fills(w, "e", 5, 105 - behind, 105));
    worker_begin_gap(w);
    worker_end_gap(w, 109.2);
    for (uint64_t seq = 6; seq <= 9; seq++)
        assert_false(fills(w, "e", seq, 100 + (double)seq - behind, 109.3));
    assert_true(fills(w, "e", 10, 110 - behind, 110));
    roster_fini(&r);
}

/* Nothing had come before it: all that the worker ever numbered belongs to the gap. */
static void a_gap_may_begin_before_the_first_report(void **state)
{
    (void)state;
    struct roster r = {0};
    struct worker *w = join(&r, "a");
    w->is_katydid = true;
    worker_begin_gap(w);
    worker_end_gap(w, 101);
    assert_false(fills(w, "e", 2, 102, 102)); /* 1 is still to come */
    assert_true(fills(w, "e", 1, 101, 102));
    roster_fini(&r);
}

static void each_report_counts_once(void **state)
{
    (void)state;
    struct roster r = {0};
    struct worker *w = join(&r, "a");
    assert_true(worker_take_report(w, "e1", 5)); /* the first one of an epoch need not be 1 */
    assert_false(worker_take_report(w, "e1", 5));
    assert_true(worker_take_report(w, "e1", 7));
    assert_true(worker_take_report(w, "e1", 6)); /* late, but not yet seen */
    assert_false(worker_take_report(w, "e1", 6));
    assert_false(worker_take_report(w, "e1", 7));
    assert_true(worker_take_report(w, "e1", 4));
    assert_true(worker_take_report(w, "e1", 200));
    assert_false(worker_take_report(w, "e1", 7)); /* too old to know */
    assert_true(worker_take_report(w, "e1", 199));
    assert_true(worker_take_report(w, "e2", 1));
    assert_false(worker_take_report(w, "e2", 1));
    roster_fini(&r);
}

static void users_add_up_by_class(void **state)
{
    (void)state;
    struct roster r = {0};
    char *const a = (char[]){"A"}, *const b = (char[]){"B"};
    struct worker *one = join(&r, "1"), *two = join(&r, "2");
    roster_set_users(&r, one, (struct class_users[]){{a, 3}, {b, 1}}, 2);
    roster_set_users(&r, two, (struct class_users[]){{b, 4}}, 1);
    roster_set_users(&r, one, (struct class_users[]){{a, 5}, {b, 1}}, 2);
    assert_int_equal(roster_user_count(&r), 10);
    assert_int_equal(roster_class_users(&r, "B"), 5);
    roster_set_users(&r, two, NULL, 0);
    assert_int_equal(roster_user_count(&r), 6);
    roster_fini(&r);
}

static void a_clock_that_differs_is_not_a_report_that_is_late(void **state)
{
    (void)state;
    struct worker right = {0}, ahead = {0}, behind = {0};
    assert_int_equal(worker_clock_shift(&right, 1000, 999.9, 2), 0);
    assert_int_equal(worker_clock_shift(&ahead, 1000, 1030.2, 2), -30);
    assert_int_equal(worker_clock_shift(&behind, 1000, 900, 2), 100);
    for (int built = 1001; built < 1009; built++) /* held up, and all there at once */
        assert_int_equal(worker_clock_shift(&right, 1010, built, 2), 0);
    assert_int_equal(worker_clock_shift(&right, 1010, 1009.9, 2), 0);
    assert_int_equal(worker_clock_shift(&right, 1011, 951, 2), 0); /* somebody set it back */
    assert_int_equal(worker_clock_shift(&right, 1012, 952, 2), 0);
    assert_int_equal(worker_clock_shift(&right, 1013, 953, 2), 60);
    assert_int_equal(worker_clock_shift(&right, 1014, 1013.9, 2), 0); /* and put it right again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_is_for_good),
        cmocka_unit_test(silence_makes_a_worker_missing_after_five_seconds),
        cmocka_unit_test(strangers_fill_neither_the_memory_nor_the_roster),
        cmocka_unit_test(workers_are_counted_now_and_not_ever),
        cmocka_unit_test(a_gap_is_filled_when_each_report_since_has_come),
        cmocka_unit_test(a_gap_that_was_not_filled_goes_on),
        cmocka_unit_test(a_gap_is_not_filled_by_the_first_of_a_queue),
        cmocka_unit_test(a_gap_may_begin_before_the_first_report),
        cmocka_unit_test(each_report_counts_once),
        cmocka_unit_test(users_add_up_by_class),
        cmocka_unit_test(a_clock_that_differs_is_not_a_report_that_is_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
