// SPDX-License-Identifier: MIT
#include "master/data/view_build.h"
#include "tests/support/cpu.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define NOW 1700000000.0

static struct tally *row(struct stats *s, const char *method, const char *name)
{
    return stats_row(s, method, strlen(method), name, strlen(name));
}

static void rows_are_sorted_and_keep_their_ids(void **state)
{
    (void)state;
    struct stats s;
    struct view_builder *m = view_builder_new();
    stats_init(&s, NOW, STATS_LIMITS_DEFAULT);
    stats_add(&s, row(&s, "GET", "/b"), NOW, 20000, 10);
    stats_add(&s, row(&s, "POST", "/a"), NOW, 40000, 30);
    struct view *one = view_builder_build(m, &(struct view){.state = "running"}, &s);
    stats_add(&s, row(&s, "GET", "/a"), NOW, 1000, 0);
    stats_add_failure(&s, row(&s, "GET", "/a"), NOW, "no", 2);
    struct view *two = view_builder_build(m, &(struct view){.state = "running"}, &s);
    assert_int_equal(one->row_count, 2);
    assert_string_equal(one->rows[0].name, "/a");
    assert_int_equal(two->row_count, 3);
    assert_string_equal(two->rows[0].method, "GET");
    assert_string_equal(two->rows[1].method, "POST");
    assert_int_equal(two->rows[1].id, one->rows[0].id);
    assert_int_equal(two->rows[2].id, one->rows[1].id);
    assert_int_equal(two->rows[0].failures, 1);
    assert_int_equal(two->failure_count, 1);
    assert_string_equal(two->failures[0].text, "no");
    assert_int_equal(two->total.requests, 3);
    assert_string_equal(two->total.name, "Aggregated");
    assert_true(one->rows[1].p50 > 19.8 && one->rows[1].p50 < 20.2);
    assert_true(one->tick == 1 && two->tick == 2);
    view_unref(one);
    view_unref(two);
    stats_fini(&s);
    view_builder_free(m);
}

static void only_what_changed_counts_as_changed(void **state)
{
    (void)state;
    struct stats s;
    struct view_builder *m = view_builder_new();
    stats_init(&s, NOW, STATS_LIMITS_DEFAULT);
    stats_add(&s, row(&s, "GET", "/old"), NOW, 20000, 10);
    stats_add(&s, row(&s, "GET", "/new"), NOW + 60, 20000, 10);
    view_unref(view_builder_build(m, &(struct view){.state = ""}, &s));
    stats_add(&s, row(&s, "GET", "/new"), NOW + 60, 20000, 10);
    struct view *v = view_builder_build(m, &(struct view){.state = ""}, &s);
    assert_int_equal(v->rows[0].changed_tick, 2);
    assert_string_equal(v->rows[1].name, "/old");
    assert_int_equal(v->rows[1].changed_tick, 1);
    uint32_t id = v->rows[0].id;
    view_unref(v);
    stats_clear(&s, NOW);
    view_builder_forget(m);
    stats_add(&s, row(&s, "GET", "/new"), NOW, 20000, 10);
    v = view_builder_build(m, &(struct view){.state = ""}, &s);
    assert_int_not_equal(v->rows[0].id, id);
    assert_int_equal(v->rows[0].changed_tick, 3);
    view_unref(v);
    stats_fini(&s);
    view_builder_free(m);
}

static void the_wait_has_percentiles_of_its_own(void **state)
{
    struct stats s;
    struct view_builder *m = view_builder_new();
    struct measures more;
    (void)state;
    stats_init(&s, NOW, STATS_LIMITS_DEFAULT);
    measures_init(&more);
    for (uint64_t us = 1000; us <= 10000; us += 1000) {
        stats_add(&s, row(&s, "GET", "/http"), NOW, us, 10);
        more.part_us[PART_wait] = us / 2;
        stats_add_measures(&s, row(&s, "GET", "/http"), us, &more);
    }
    stats_add(&s, row(&s, "GET", "/own"), NOW, 1000, 10);
    stats_add_measures(&s, row(&s, "GET", "/own"), STATS_NO_TIME,
                       &more); /* of none that has a time */
    struct view *v = view_builder_build(m, &(struct view){.state = ""}, &s);
    assert_true(fabs(v->rows[0].wait_p50 - 2.5) < 0.02 && fabs(v->rows[0].wait_p90 - 4.5) < 0.03);
    assert_true(v->rows[0].wait_p99 <= v->rows[0].max_ms && v->rows[0].p50 > 4.9);
    assert_true(isnan(v->rows[1].wait_p50) && v->rows[1].p50 > 0);
    view_unref(v);
    stats_fini(&s);
    view_builder_free(m);
}

static void a_view_outlives_what_it_was_made_of(void **state)
{
    (void)state;
    struct stats s;
    struct view_builder *m = view_builder_new();
    stats_init(&s, NOW, STATS_LIMITS_DEFAULT);
    stats_add(&s, row(&s, "GET", "/x"), NOW, 20000, 10);
    char worker[] = "host_1", state_name[] = "ready";
    struct view_worker workers[] = {{.id = worker, .state = state_name, .users = 4}};
    struct view_point points[] = {{.second = 5, .rps = 2}};
    struct view head = {.state = "running",
                        .workers = workers,
                        .worker_count = 1,
                        .points = points,
                        .point_count = 1};
    struct view *v = view_builder_build(m, &head, &s);
    view_ref(v);
    view_unref(v);
    stats_fini(&s);
    view_builder_free(m);
    memset(worker, 'x', sizeof worker - 1);
    memset(points, 0, sizeof points);
    assert_string_equal(v->workers[0].id, "host_1");
    assert_string_equal(v->rows[0].name, "/x");
    assert_int_equal(v->points[0].second, 5);
    assert_string_equal(v->notice, "");
    view_unref(v);
}

static double build_ms(struct view_builder *m, const struct stats *s)
{
    uint64_t start = cpu_ns();
    view_unref(view_builder_build(m, &(struct view){.state = ""}, s));
    return (double)(cpu_ns() - start) / 1e6;
}

static void quantiles_are_those_of_the_statistics(void **state)
{
    (void)state;
    struct stats s;
    struct view_builder *m = view_builder_new();
    stats_init(&s, NOW, STATS_LIMITS_DEFAULT);
    struct tally *t = row(&s, "GET", "/x");
    for (unsigned i = 0; i < 1234; i++)
        stats_add(&s, t, NOW, 100 + i * i % 7919 * 31, 10);
    struct view *v = view_builder_build(m, &(struct view){.state = ""}, &s);
    const double want[] = {0.5,  v->rows[0].p50, 0.9,   v->rows[0].p90, 0.95, v->rows[0].p95,
                           0.99, v->rows[0].p99, 0.999, v->rows[0].p999};
    for (size_t i = 0; i < 10; i += 2)
        assert_true(fabs(tally_quantile_ms(t, want[i]) - want[i + 1]) < 1e-9);
    view_unref(v);
    stats_fini(&s);
    view_builder_free(m);
}

static void a_thousand_rows_are_cheap(void **state)
{
    (void)state;
    struct stats s;
    struct view_builder *m = view_builder_new();
    char name[32];
    stats_init(&s, NOW, STATS_LIMITS_DEFAULT);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "/page/%u", i % 1000);
        stats_add(&s, row(&s, "GET", name), NOW, 1000 + i * 7 % 90000, 10);
    }
    view_unref(view_builder_build(m, &(struct view){.state = ""}, &s));
    double idle_ms = 1e9, busy_ms = 1e9; /* the best of some, as the machine may be busy */
    for (int round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 1000; i++) {
            snprintf(name, sizeof name, "/page/%u", i);
            stats_add(&s, row(&s, "GET", name), NOW, 5000, 10);
        }
        busy_ms = fmin(busy_ms, build_ms(m, &s));
        idle_ms = fmin(idle_ms, build_ms(m, &s));
    }
    print_message("1,000 rows: %.2f ms unchanged, %.2f ms all changed\n", idle_ms, busy_ms);
#ifndef KATYDID_SANITIZE
    assert_true(idle_ms < 50); /* below 1 ms on an idle machine */
#endif
    stats_fini(&s);
    view_builder_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted_and_keep_their_ids),
        cmocka_unit_test(only_what_changed_counts_as_changed),
        cmocka_unit_test(the_wait_has_percentiles_of_its_own),
        cmocka_unit_test(a_view_outlives_what_it_was_made_of),
        cmocka_unit_test(quantiles_are_those_of_the_statistics),
        cmocka_unit_test(a_thousand_rows_are_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
