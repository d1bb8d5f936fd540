// SPDX-License-Identifier: MIT
/* Equal runs are repeated until the figures of the gate are known to within its margins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "master/store/narrow.h"
#include "master/store/run_id.h"
#include "tests/unit/history_folder.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *ids;

static int open_new(void **state)
{
    (void)state;
    ids = json_array();
    return open_history_folder();
}

static int close_it(void **state)
{
    (void)state;
    json_decref(ids);
    return close_history_folder();
}

/* A run whose p95 is so, and of whose requests that share failed. */
static void add(double p95, double fail_ratio)
{
    char id[16], *why = NULL;
    snprintf(id, sizeof id, "%zu", json_array_size(ids));
    json_t *rows = json_pack("[[s,s,i,f,f,f,f,f,f,f,f,f]]", "", "", 100, fail_ratio, 10.0, 5.0, 5.0,
                             6.0, 7.0, p95, 9.0, 10.0);
    assert_int_equal(history_put_rows(h, id, rows, &why), 0);
    json_decref(rows);
    json_array_append_new(ids, json_string(id));
}

static struct gate gate_of(enum contrast_figure f, double margin)
{
    return (struct gate){.rules = {{f, false, 0, {margin, 0, false, f == FIGURE_FAIL_RATIO}}},
                         .count = 1};
}

static bool is_enough(const struct gate *g, const struct stats *now, const char *words)
{
    struct sbuf out = {0};
    const bool is_narrow = narrow_enough(&(struct narrow_ask){h, ids, now, g}, &out);
    if (words && (!out.data || !strstr(out.data, words)))
        fail_msg("'%s' is not in '%s'", words, out.data ? out.data : "");
    sbuf_fini(&out);
    return is_narrow;
}

static void two_runs_say_nothing_of_how_much_they_differ(void **state)
{
    (void)state;
    const struct gate g = gate_of(FIGURE_P95, 0.05);
    assert_false(is_enough(&g, NULL, NULL));
    add(100, 0);
    assert_false(is_enough(&g, NULL, "of 1 run, which says too little"));
    add(100, 0);
    assert_false(is_enough(&g, NULL, "of 2 runs"));
    add(100, 0);
    assert_true(is_enough(&g, NULL, "p95 is known to ± 0 %; its margin is 5 %"));
}

/* By hand: t(0.975, 4) = 2.7764, the deviation of ln {98, 99, 100, 101, 102} is 0.015813: ± 1.98 %.
 */
static void the_interval_is_students(void **state)
{
    (void)state;
    struct gate g = gate_of(FIGURE_P95, 0.019);
    for (int i = -2; i <= 2; i++)
        add(100 + i, 0);
    assert_false(is_enough(&g, NULL, "p95 is known to ± 2 %"));
    g.rules[0].margin.share = 0.021;
    assert_true(is_enough(&g, NULL, NULL));
    g.rules[0].margin.share = 0.001;
    g.rules[0].margin.floor = 2.1; /* ms, of 100 */
    assert_true(is_enough(&g, NULL, NULL));
}

static void shares_are_known_in_points(void **state)
{
    (void)state;
    const struct gate g = gate_of(FIGURE_FAIL_RATIO, 0.001);
    for (int i = 0; i < 3; i++)
        add(100, 0);
    assert_true(is_enough(&g, NULL, "± 0 pp; its margin is 0.1 pp"));
    add(100, 0.01);
    assert_false(is_enough(&g, NULL, NULL));
}

/* The run that is just over is no row of the table yet. */
static void the_run_that_is_over_counts_with_its_rows(void **state)
{
    (void)state;
    struct stats s;
    struct gate g = gate_of(FIGURE_P95, 0.05);
    stats_init(&s, 0, STATS_LIMITS_DEFAULT);
    add(100, 0);
    add(100, 0);
    hist_add(&s.total.hist, 100000, 2000);
    s.total.requests = 2000;
    s.total.sum_us = 200000000;
    assert_true(is_enough(&g, &s, NULL));
    struct tally *row = stats_row(&s, "GET", 3, "/a", 2);
    tally_merge(row, &s.total);
    g.rules[1] = g.rules[0];
    g.rules[1].is_of_rows = true;
    g.rules[1].least_share = 0.01;
    g.count = 2;
    assert_false(is_enough(&g, &s, "p95 of GET /a is of 1 run"));
    stats_fini(&s);
}

static void each_figure_of_all_requests_is_told(void **state)
{
    (void)state;
    struct sbuf out = {0};
    for (int i = 0; i < 3; i++)
        add(120, 0.5);
    narrow_table(&(struct narrow_ask){h, ids, NULL, &gate_usual}, &out);
    assert_non_null(strstr(out.data, "p95        120 ms ± 0 %; its margin is 5 %\n"));
    assert_non_null(strstr(out.data, "fail_ratio 50.00 % ± 0 pp; its margin is 0.1 pp\n"));
    sbuf_fini(&out);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_new, close_it)
    const struct CMUnitTest tests[] = {
        TEST(two_runs_say_nothing_of_how_much_they_differ),
        TEST(the_interval_is_students),
        TEST(shares_are_known_in_points),
        TEST(the_run_that_is_over_counts_with_its_rows),
        TEST(each_figure_of_all_requests_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
