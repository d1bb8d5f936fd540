// SPDX-License-Identifier: MIT
/* Where a level changed over runs: steps are found where they are, noise is none, and what is said
 * of them counts only runs that can be trusted. Seeded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/metric/stats.h"
#include "master/store/context.h"
#include "master/store/trend.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST 500

static uint64_t seed;

static double uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform());
}

/* Noise of 3 % around levels[i] until ends[i]. */
static size_t make(double *x, const double *levels, const size_t *ends, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        for (; n < ends[i]; n++)
            x[n] = log(levels[i]) + 0.03 * normal();
    return n;
}

static bool has_near(const size_t *cuts, size_t count, size_t wanted, size_t at_most_off)
{
    for (size_t i = 0; i < count; i++)
        if (cuts[i] <= wanted + at_most_off && wanted <= cuts[i] + at_most_off)
            return true;
    return false;
}

static void steps_are_found_where_they_are(void **state)
{
    (void)state;
    static const struct {
        double levels[3];
        size_t ends[3], count, at_most_off;
    } cases[] = {
        {{100, 120}, {30, 60}, 2, 0},           {{100, 110}, {30, 60}, 2, 2},
        {{100, 105}, {40, 80}, 2, 8},           {{100, 130, 100}, {30, 60, 90}, 3, 0},
        {{100, 110, 125}, {20, 60, 100}, 3, 2}, {{100, 80}, {50, 56}, 2, 0},
    };
    double x[MOST], p[MOST];
    size_t cuts[MOST], wanted = 0, met = 0, more = 0;
    for (uint64_t draw = 1; draw <= 20; draw++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            seed = draw * 977 + i;
            const size_t n = make(x, cases[i].levels, cases[i].ends, cases[i].count);
            const size_t found = trend_cuts(x, n, cuts, p);
            for (size_t k = 0; k + 1 < cases[i].count; k++, wanted++)
                met += has_near(cuts, found, cases[i].ends[k], cases[i].at_most_off);
            more += found >= cases[i].count;
            for (size_t k = 0; k < found; k++)
                assert_true(p[k] < TREND_P);
        }
    assert_true(met >= wanted * 95 / 100);
    assert_true(more <= wanted * 5 / 100);
}

static void noise_alone_has_few_cuts(void **state)
{
    (void)state;
    double x[MOST], p[MOST];
    size_t cuts[MOST], with_cuts = 0;
    for (uint64_t draw = 1; draw <= 200; draw++) {
        seed = draw * 7919;
        const size_t n = make(x, (const double[]){100}, (const size_t[]){60}, 1);
        with_cuts += trend_cuts(x, n, cuts, p) > 0;
    }
    assert_true(with_cuts <= 200 * 15 / 100); /* the cut is where chance is greatest: more than p */
}

static void too_few_and_equal_values_have_none(void **state)
{
    (void)state;
    static const double same[8] = {1, 1, 1, 1, 1, 1, 1, 1}, two[4] = {1, 1, 9, 9};
    double p[MOST];
    size_t cuts[MOST];
    for (size_t n = 0; n < 4; n++)
        assert_int_equal(trend_cuts(two, n, cuts, p), 0);
    assert_int_equal(trend_cuts(same, 8, cuts, p), 0);
    assert_int_equal(trend_cuts(two, 4, cuts, p), 1);
    assert_int_equal(cuts[0], 2);
}

static size_t read_numbers(const json_t *list, size_t *numbers)
{
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one) numbers[i] = (size_t)json_integer_value(one);
    return json_array_size(list);
}

/* tests/unit/golden/make_trend.py. It lets the deviation of all values stand for that of a sample,
 * and looks at 50 runs at a time: so it has a few cuts more. */
static void cuts_are_those_of_another_tool(void **state)
{
    (void)state;
    json_t *all = json_load_file("tests/unit/golden/trend_otava.json", 0, NULL), *series;
    double x[MOST], p[MOST];
    size_t i, ours[MOST], theirs[MOST], same = 0;
    assert_int_equal(json_array_size(all), 42);
    json_array_foreach(all, i, series)
    {
        const json_t *values = json_object_get(series, "values"), *value;
        size_t k, n = 0;
        json_array_foreach(values, k, value) x[n++] = log(json_number_value(value));
        const size_t a = trend_cuts(x, n, ours, p);
        const size_t b = read_numbers(json_object_get(series, "cuts"), theirs);
        bool is_same = a == b;
        for (k = 0; k < a && is_same; k++)
            is_same = has_near(theirs, b, ours[k], 1);
        same += is_same;
    }
    json_decref(all);
    assert_true(same >= 38);
}

/* Its sample of two metrics over ten commits: it finds nothing in the first, and in the second that
 * the seventh is lower (p = 5e-6). */
static void so_they_are_in_its_own_sample(void **state)
{
    (void)state;
    static const double metrics[2][10] = {
        {154023, 138455, 143112, 149190, 132098, 151344, 155145, 148889, 149466, 148209},
        {10.43, 10.23, 10.29, 10.91, 10.34, 10.69, 9.23, 9.11, 9.13, 9.03}};
    double x[10], p[10];
    size_t cuts[10];
    for (size_t metric = 0; metric < 2; metric++) {
        for (size_t i = 0; i < 10; i++)
            x[i] = log(metrics[metric][i]);
        assert_int_equal(trend_cuts(x, 10, cuts, p), metric);
    }
    assert_int_equal(cuts[0], 6);
    assert_true(p[0] < 1e-4);
}

static json_t *point(const char *id, double value, bool is_good)
{
    return json_pack("{s:s,s:f,s:b}", "id", id, "value", value, "is_good", is_good);
}

static void what_cannot_be_trusted_counts_nowhere(void **state)
{
    (void)state;
    json_t *points = json_array();
    static const double values[] = {100, 101, 99,  100, 5000, 100, 131,
                                    129, 130, 130, 131, 129,  160};
    for (size_t i = 0; i < 13; i++)
        json_array_append_new(points, point((const char[]){(char)('a' + i), 0}, values[i], i != 4));
    json_array_insert_new(points, 2,
                          json_pack("{s:s,s:n,s:b}", "id", "none", "value", "is_good", 1));
    json_t *told = trend_describe(points, false);
    json_t *changes = json_object_get(told, "changes"), *steps = json_object_get(told, "steps");
    assert_int_equal(json_array_size(steps), 2);
    assert_int_equal(json_array_size(changes), 1);
    const json_t *change = json_array_get(changes, 0);
    assert_string_equal(json_string_value(json_object_get(change, "id")), "g");
    assert_int_equal(json_integer_value(json_object_get(change, "at")), 7);
    assert_true(json_number_value(json_object_get(change, "change")) > 1.25);
    const json_t *expected = json_object_get(told, "expected"); /* 160 is beyond */
    assert_true(json_number_value(json_array_get(expected, 0)) < 129 &&
                json_number_value(json_array_get(expected, 1)) < 160);
    json_decref(told);
    json_decref(points);
    points = json_array();
    told = trend_describe(points, true);
    assert_int_equal(json_array_size(json_object_get(told, "steps")), 0);
    assert_true(json_is_null(json_object_get(told, "expected")));
    json_decref(told);
    json_decref(points);
}

static void add(struct stats *s, const char *name, int count, uint64_t us)
{
    struct tally *t = stats_row(s, "GET", 3, name, strlen(name));
    for (int i = 0; i < count; i++)
        stats_add(s, t, 1, us, 10);
}

/* Rows of one side alone come first, then what contributed most. */
static void rows_are_listed_by_what_they_contributed(void **state)
{
    (void)state;
    struct stats a, b;
    stats_init(&a, 1, STATS_LIMITS_DEFAULT);
    stats_init(&b, 1, STATS_LIMITS_DEFAULT);
    add(&a, "/little", 10, 1000);
    add(&b, "/little", 10, 1100);
    add(&a, "/much", 10, 1000);
    add(&b, "/much", 10, 9000);
    add(&a, "/gone", 1, 1000);
    add(&b, "/new", 1, 1000);
    struct tally *row = stats_row(&b, "GET", 3, "/much", 5);
    stats_add_failure(&b, row, 1, "no money", 8);
    json_t *before =
        json_pack("{s:s,s:i,s:{s:s}}", "version", "1", "users", 5, "git", "commit", "a");
    json_t *after =
        json_pack("{s:s,s:i,s:{s:s}}", "version", "1", "users", 6, "git", "commit", "b");
    const struct contrast_run one = {.stats = &a, .meta = before},
                              two = {.stats = &b, .meta = after};
    json_t *context = context_of(&one, &two);
    char *text = json_dumps(json_object_get(context, "environment"), JSON_COMPACT);
    assert_string_equal(text, "[[\"commit\",\"a\",\"b\"],[\"users\",5,6]]");
    free(text);
    text = json_dumps(json_object_get(context, "failures"), JSON_COMPACT);
    assert_string_equal(text, "{\"gone\":[],\"new\":[[\"GET\",\"/much\",\"no money\",1]]}");
    free(text);
    const json_t *rows = json_object_get(context, "rows");
    const char *names[4];
    for (size_t i = 0; i < 4; i++)
        names[i] = json_string_value(json_array_get(json_array_get(rows, i), 1));
    assert_int_equal(json_array_size(rows), 4);
    assert_string_equal(names[2], "/much");
    assert_string_equal(names[3], "/little");
    assert_int_equal(json_array_size(json_array_get(rows, 0)),
                     json_array_size(json_object_get(context, "row_columns")));
    json_decref(context);
    json_decref(before);
    json_decref(after);
    stats_fini(&a);
    stats_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_found_where_they_are),
        cmocka_unit_test(noise_alone_has_few_cuts),
        cmocka_unit_test(too_few_and_equal_values_have_none),
        cmocka_unit_test(cuts_are_those_of_another_tool),
        cmocka_unit_test(so_they_are_in_its_own_sample),
        cmocka_unit_test(what_cannot_be_trusted_counts_nowhere),
        cmocka_unit_test(rows_are_listed_by_what_they_contributed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
