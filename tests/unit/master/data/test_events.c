// SPDX-License-Identifier: MIT
#include "master/data/events.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#define NOW 1700000000.0

static void events_are_in_the_order_of_their_time(void **state)
{
    (void)state;
    struct events *e = events_new();
    events_add(e, NOW, "start", "%d users", 10);
    events_add(e, NOW + 9, "stop", "Test stopped");
    events_add(e, NOW + 4, "marker", "%s", "deploy");
    struct events_list *l = events_snapshot(e);
    events_add(e, NOW + 10, "reset", "later");
    events_free(e);
    assert_int_equal(l->count, 3);
    assert_string_equal(l->events[0].text, "10 users");
    assert_string_equal(l->events[1].kind, "marker");
    assert_string_equal(l->events[2].kind, "stop");
    events_list_unref(l);
}

static void a_flood_of_one_kind_leaves_the_others(void **state)
{
    (void)state;
    struct events *e = events_new();
    events_add(e, NOW, "start", "start");
    for (int i = 0; i < 3 * EVENTS_MAX; i++)
        events_add(e, NOW + i, "stage", "%d", i);
    struct events_list *l = events_snapshot(e);
    assert_int_equal(l->count, EVENTS_MAX);
    assert_int_equal(l->total, 3 * EVENTS_MAX + 1);
    assert_string_equal(l->events[0].kind, "start");
    assert_string_equal(l->events[1].text, "2001");
    events_list_unref(l);
    events_free(e);
}

static void a_long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    char text[2 * EVENTS_TEXT_MAX];
    memset(text, 'a', sizeof text);
    memcpy(text + EVENTS_TEXT_MAX - 1, "\303\244", 3);
    struct events *e = events_new();
    events_add(e, NOW, "marker", "%s", text);
    struct events_list *l = events_snapshot(e);
    assert_int_equal(strlen(l->events[0].text), EVENTS_TEXT_MAX - 1);
    events_list_unref(l);
    events_free(e);
}

/* Busy for `busy` seconds from second `at` on. */
static void watch(struct events *e, int at, int busy, unsigned worker)
{
    for (int i = 0; i < busy; i++)
        events_watch(e, NOW + at + i + 1, worker, "w",
                     &(struct events_health){.cpu = 95, .lag_ms = 2});
    events_watch(e, NOW + at + busy + 1, worker, "w",
                 &(struct events_health){.cpu = 30, .lag_ms = 2});
}

static void five_seconds_make_a_worker_saturated_from_the_first_on(void **state)
{
    (void)state;
    struct events *e = events_new();
    watch(e, 0, 4, 0);
    struct events_list *l = events_snapshot(e);
    assert_int_equal(l->saturation_count, 0);
    events_list_unref(l);
    watch(e, 10, 8, 0);
    l = events_snapshot(e);
    assert_int_equal(l->saturation_count, 1);
    assert_true(l->saturations[0].from == NOW + 10 && l->saturations[0].to == NOW + 18);
    assert_string_equal(l->saturations[0].why, "cpu");
    assert_int_equal(l->count, 1);
    assert_string_equal(l->events[0].kind, "saturated");
    assert_true(events_saturated_s(e) == 8);
    assert_false(events_is_saturated(e, NOW + 19));
    events_list_unref(l);
    watch(e, 14, 8, 1); /* overlaps: 14 to 22 */
    assert_true(events_saturated_s(e) == 12);
    events_clear(e);
    for (int i = 1; i <= 6; i++)
        events_watch(e, NOW + i, 3, "late", &(struct events_health){.cpu = 10, .lag_ms = 250});
    assert_true(events_is_saturated(e, NOW + 7));
    l = events_snapshot(e);
    assert_string_equal(l->saturations[0].why, "lag");
    assert_int_equal(l->saturations[0].worker, 3);
    events_list_unref(l);
    events_worker_idle(e, 3);
    assert_false(events_is_saturated(e, NOW + 7));
    events_free(e);
}

static void a_loop_that_stood_still_was_late_all_the_while(void **state)
{
    (void)state;
    struct events *e = events_new();
    events_watch(e, NOW + 20, 0, "w",
                 &(struct events_health){.cpu = 10, .lag_ms = 1500}); /* not long enough */
    events_watch(e, NOW + 21, 0, "w", &(struct events_health){.cpu = 10, .lag_ms = 1});
    assert_true(events_saturated_s(e) == 0);
    events_watch(e, NOW + 40, 0, "w", &(struct events_health){.cpu = 10, .lag_ms = 8000});
    events_watch(e, NOW + 41, 0, "w", &(struct events_health){.cpu = 10, .lag_ms = 1});
    struct events_list *l = events_snapshot(e);
    assert_int_equal(l->saturation_count, 1);
    assert_true(l->saturations[0].from == NOW + 32 && l->saturations[0].to == NOW + 40);
    events_list_unref(l);
    events_free(e);
}

/* A task that computes has both: a busy processor, and a loop that stood still. The first report of
 * a run counts for a second, however long it was in coming. */
static void a_loop_that_a_task_kept_stood_still_as_long(void **state)
{
    (void)state;
    struct events *e = events_new();
    events_watch(e, NOW + 7, 0, "w",
                 &(struct events_health){.cpu = 99, .lag_ms = 6500, .seconds = 1});
    events_watch(e, NOW + 8, 0, "w", &(struct events_health){.cpu = 10, .lag_ms = 1, .seconds = 1});
    assert_true(events_saturated_s(e) == 6.5);
    events_free(e);
}

static void a_worker_at_the_limit_of_its_container_is_saturated(void **state)
{
    (void)state;
    struct events *e = events_new();
    const struct events_health some = {.cpu = 20, .lag_ms = 40, .cores = 0.5, .throttled = 10};
    const struct events_health held = {.cpu = 20, .lag_ms = 40, .cores = 0.5, .throttled = 70};
    const struct events_health full = {.cpu = 49, .lag_ms = 40, .cores = 0.5, .seconds = 3};
    for (int i = 1; i <= 8; i++)
        events_watch(e, NOW + i, 0, "w", &some);
    assert_true(events_saturated_s(e) == 0 && !events_has_cause(e, "quota"));
    for (int i = 9; i <= 14; i++)
        events_watch(e, NOW + i, 0, "w", &held);
    struct events_list *l = events_snapshot(e);
    assert_string_equal(l->saturations[0].why, "quota");
    assert_non_null(strstr(l->events[0].text, "40 % of 0.5 cores, throttled in 70 %"));
    events_list_unref(l);
    assert_true(events_saturated_s(e) == 6 && events_has_cause(e, "quota"));
    events_worker_idle(e, 0);
    events_watch(e, NOW + 103, 0, "w", &full); /* reports of three seconds each */
    events_watch(e, NOW + 106, 0, "w", &full);
    assert_true(events_saturated_s(e) == 12);
    events_free(e);
}

/* Beside a busy neighbour on its core: half a processor, and never late by more than a slice. */
static void a_worker_that_waits_for_a_processor_is_saturated(void **state)
{
    (void)state;
    struct events *e = events_new();
    const struct events_health some = {.cpu = 75, .lag_ms = 8, .starved = 20};
    const struct events_health most = {.cpu = 49, .lag_ms = 8, .starved = 51};
    for (int i = 1; i <= 8; i++)
        events_watch(e, NOW + i, 0, "w", &some);
    for (int i = 11; i <= 14; i++)
        events_watch(e, NOW + i, 0, "w", &most);
    events_watch(e, NOW + 15, 0, "w", &some); /* four seconds are not five */
    assert_true(events_saturated_s(e) == 0);
    for (int i = 21; i <= 30; i++)
        events_watch(e, NOW + i, 0, "w", &most);
    events_watch(e, NOW + 31, 0, "w", &some);
    struct events_list *l = events_snapshot(e);
    assert_int_equal(l->saturation_count, 1);
    assert_string_equal(l->saturations[0].why, "starved");
    assert_true(l->saturations[0].from == NOW + 20 && l->saturations[0].to == NOW + 30);
    assert_non_null(strstr(l->events[0].text, "Worker w: waited for a processor in 51 % of"));
    events_list_unref(l);
    assert_true(events_has_cause(e, "starved") && !events_has_cause(e, "cpu"));
    events_free(e);
}

/* A few requests a second, each of them some milliseconds late. */
static void a_worker_with_little_to_do_is_starved_by_less(void **state)
{
    (void)state;
    struct events *e = events_new();
    const struct events_health cases[] = {
        {.cpu = 1, .lag_ms = 20, .starved = 5}, {.cpu = 40, .lag_ms = 20, .starved = 8},
        {.cpu = 8, .lag_ms = 20, .starved = 8}, {.cpu = 0, .lag_ms = 20, .starved = 0},
        {.cpu = 1, .lag_ms = 20, .starved = 8},
    };
    for (unsigned worker = 0; worker < 5; worker++)
        for (int i = 1; i <= 6; i++)
            events_watch(e, NOW + i, worker, "w", &cases[worker]);
    struct events_list *l = events_snapshot(e);
    assert_int_equal(l->saturation_count, 1);
    assert_int_equal(l->saturations[0].worker, 4);
    assert_string_equal(l->saturations[0].why, "starved");
    events_list_unref(l);
    events_free(e);
}

/* The limit of a container keeps a loop waiting too: that is the cause which can be mended. */
static void a_limit_explains_the_wait(void **state)
{
    (void)state;
    struct events *e = events_new();
    const struct events_health held = {
        .cpu = 40, .lag_ms = 60, .cores = 0.4, .throttled = 95, .starved = 60};
    const struct events_health full = {.cpu = 97, .lag_ms = 250, .starved = 30};
    const struct events_health late = {.cpu = 20, .lag_ms = 250, .starved = 70};
    for (int i = 1; i <= 6; i++) {
        events_watch(e, NOW + i, 0, "held", &held);
        events_watch(e, NOW + i, 1, "full", &full);
        events_watch(e, NOW + i, 2, "late", &late);
    }
    struct events_list *l = events_snapshot(e);
    assert_int_equal(l->saturation_count, 3);
    assert_string_equal(l->saturations[0].why, "quota");
    assert_string_equal(l->saturations[1].why, "cpu");
    assert_string_equal(l->saturations[2].why, "starved");
    events_list_unref(l);
    events_free(e);
}

/* A standstill, and then a neighbour that stays: what is told first is not the whole truth. */
static void the_cause_is_that_of_most_of_the_time(void **state)
{
    (void)state;
    struct events *e = events_new();
    const struct events_health still = {.cpu = 5, .lag_ms = 3000};
    const struct events_health most = {.cpu = 49, .lag_ms = 8, .starved = 51};
    events_watch(e, NOW + 3, 0, "w", &still);
    struct events_list *l = events_snapshot(e);
    assert_string_equal(l->saturations[0].why, "lag");
    events_list_unref(l);
    for (int i = 4; i <= 9; i++)
        events_watch(e, NOW + i, 0, "w", &most);
    l = events_snapshot(e);
    assert_int_equal(l->saturation_count, 1);
    assert_string_equal(l->saturations[0].why, "starved");
    assert_true(l->saturations[0].from == NOW && l->saturations[0].to == NOW + 9);
    events_list_unref(l);
    events_free(e);
}

static void a_worker_that_does_not_tell_its_lag_is_not_late(void **state)
{
    (void)state;
    struct events *e = events_new();
    for (int i = 1; i <= 10; i++)
        events_watch(e, NOW + i, 0, "stock",
                     &(struct events_health){.cpu = 50, .lag_ms = -1, .starved = -1});
    assert_true(events_saturated_s(e) == 0);
    events_free(e);
}

/* Nothing else shows it: too many users that are ready to run at a time. */
static void a_worker_that_begins_arrivals_late_is_saturated(void **state)
{
    (void)state;
    struct events *e = events_new();
    for (int i = 1; i <= 6; i++) {
        events_watch(e, NOW + i, 0, "few", &(struct events_health){.cpu = 70, .late_starts = 1});
        events_watch(e, NOW + i, 1, "many", &(struct events_health){.cpu = 70, .late_starts = 2});
    }
    struct events_list *l = events_snapshot(e);
    assert_int_equal(l->saturation_count, 1);
    assert_int_equal(l->saturations[0].worker, 1);
    assert_string_equal(l->saturations[0].why, "delay");
    assert_true(l->saturations[0].to - l->saturations[0].from == 6);
    assert_non_null(strstr(l->events[0].text, "Worker many: 2 % of its arrivals began more than"));
    events_list_unref(l);
    assert_true(events_restore_saturation(e, NOW + 20, NOW + 25, 0, "delay"));
    events_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_in_the_order_of_their_time),
        cmocka_unit_test(a_flood_of_one_kind_leaves_the_others),
        cmocka_unit_test(a_long_text_is_cut_at_a_character),
        cmocka_unit_test(five_seconds_make_a_worker_saturated_from_the_first_on),
        cmocka_unit_test(a_loop_that_stood_still_was_late_all_the_while),
        cmocka_unit_test(a_loop_that_a_task_kept_stood_still_as_long),
        cmocka_unit_test(a_worker_at_the_limit_of_its_container_is_saturated),
        cmocka_unit_test(a_worker_that_waits_for_a_processor_is_saturated),
        cmocka_unit_test(a_worker_with_little_to_do_is_starved_by_less),
        cmocka_unit_test(a_worker_that_begins_arrivals_late_is_saturated),
        cmocka_unit_test(a_limit_explains_the_wait),
        cmocka_unit_test(the_cause_is_that_of_most_of_the_time),
        cmocka_unit_test(a_worker_that_does_not_tell_its_lag_is_not_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
