// SPDX-License-Identifier: MIT
#include "master/history.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define NOW 1700000000.0

static void report(struct history *h, double from, double to, uint64_t requests, uint64_t time_us)
{
    struct hist hist;
    hist_init(&hist);
    hist_add(&hist, time_us, requests);
    history_add(h, &(struct history_delta){.from = from,
                                           .to = to,
                                           .requests = requests,
                                           .failures = requests / 10,
                                           .timed = requests,
                                           .sum_us = requests * time_us,
                                           .hist = &hist});
    hist_fini(&hist);
}

static void near(double got, double want)
{
    if (fabs(got - want) > 0.01 * fabs(want) + 1e-6)
        fail_msg("got %f, want %f", got, want);
}

static void reports_that_drift_make_no_holes(void **state)
{
    (void)state;
    struct history *h = history_new();
    history_clear(h, NOW);
    double at = NOW;
    for (int i = 0; i < 30; i++, at += 1.037)
        report(h, at, at + 1.037, 1037, 20000);
    history_close(h, NOW + 30);
    size_t count;
    const struct view_point *points = history_points(h, &count);
    assert_int_equal(count, 30);
    for (size_t i = 0; i < count; i++) {
        near(points[i].rps, 1000);
        near(points[i].fail_rps, 103 / 1.037);
        near(points[i].p50, 20);
        near(points[i].mean_ms, 20);
    }
    history_free(h);
}

static void reports_of_three_seconds_are_spread(void **state)
{
    (void)state;
    struct history *h = history_new();
    history_clear(h, NOW);
    report(h, NOW, NOW + 3, 300, 5000);
    history_close(h, NOW + 3);
    size_t count;
    const struct view_point *points = history_points(h, &count);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++)
        near(points[i].rps, 100);
    history_free(h);
}

static void late_reports_go_to_the_oldest_open_second(void **state)
{
    (void)state;
    struct history *h = history_new();
    history_clear(h, NOW);
    history_users(h, NOW + 0.5, 7, 10);
    history_users(h, NOW + 5, 9, 10);
    history_close(h, NOW + 4);
    report(h, NOW, NOW + 1, 50, 5000);
    history_close(h, NOW + 6);
    size_t count;
    const struct view_point *points = history_points(h, &count);
    assert_int_equal(count, 6);
    assert_int_equal(points[0].users, 7);
    assert_int_equal(points[3].users, 7);
    assert_int_equal(points[5].users, 9);
    assert_true(isnan(points[0].p50));
    near(points[4].rps, 50);
    history_free(h);
}

static void only_the_last_hour_is_kept(void **state)
{
    (void)state;
    struct history *h = history_new();
    history_clear(h, NOW);
    for (int i = 0; i < HISTORY_MAX + 50; i++)
        history_users(h, NOW + i, (unsigned)i, 1);
    history_close(h, NOW + HISTORY_MAX + 50);
    size_t count;
    const struct view_point *points = history_points(h, &count);
    assert_int_equal(count, HISTORY_MAX);
    assert_int_equal(points[0].users, 50);
    history_users(h, NOW + 1e6, 3, 1); /* the clock jumped */
    history_close(h, NOW + 1e6 + 1);
    points = history_points(h, &count);
    assert_int_equal(count, HISTORY_MAX);
    assert_int_equal(points[count - 1].users, 3);
    history_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_that_drift_make_no_holes),
        cmocka_unit_test(reports_of_three_seconds_are_spread),
        cmocka_unit_test(late_reports_go_to_the_oldest_open_second),
        cmocka_unit_test(only_the_last_hour_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
