// SPDX-License-Identifier: MIT
#include "common/metric/series.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define T0 1700000000.0

static struct metric *metric(struct series_table *t, const char *name, enum metric_kind kind)
{
    enum metric_problem why;
    struct metric *m = series_metric(t, name, kind, UNIT_MS, &why);
    assert_non_null(m);
    return m;
}

static struct series *of(struct series_table *t, struct metric *m, const char *key,
                         const char *value)
{
    return series_of(t, m, tags_of(&t->tags, &(struct tag){key, value}, 1));
}

static void a_metric_is_registered_once(void **state)
{
    static const char *const bad[] = {"", "9a", ".a", "a b", "a-b", "\xc3\xa4"};
    struct series_table t;
    enum metric_problem why;
    char name[METRIC_NAME_MOST + 2];
    (void)state;
    series_init(&t, 2, 10);
    struct metric *m = metric(&t, "shop.checkout_time", METRIC_TREND);
    assert_ptr_equal(m, metric(&t, "shop.checkout_time", METRIC_TREND));
    assert_null(series_metric(&t, "shop.checkout_time", METRIC_GAUGE, UNIT_MS, &why));
    assert_int_equal(why, METRIC_OTHER_KIND);
    assert_null(series_metric(&t, "shop.checkout_time", METRIC_TREND, UNIT_BYTES, &why));
    assert_int_equal(why, METRIC_OTHER_KIND);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(series_metric(&t, bad[i], METRIC_RATE, UNIT_NONE, &why));
        assert_int_equal(why, METRIC_BAD_NAME);
    }
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_null(series_metric(&t, name, METRIC_RATE, UNIT_NONE, &why));
    name[METRIC_NAME_MOST] = 0;
    assert_non_null(series_metric(&t, name, METRIC_RATE, UNIT_NONE, &why));
    assert_null(series_metric(&t, "third", METRIC_RATE, UNIT_NONE, &why));
    assert_int_equal(why, METRIC_TOO_MANY);
    series_fini(&t);
}

static void each_kind_accumulates_in_its_way(void **state)
{
    struct series_table t;
    (void)state;
    series_init(&t, 10, 10);
    struct series *counter = of(&t, metric(&t, "sold", METRIC_COUNTER), "a", "b");
    struct series *gauge = of(&t, metric(&t, "stock", METRIC_GAUGE), "a", "b");
    struct series *rate = of(&t, metric(&t, "ok", METRIC_RATE), "a", "b");
    struct series *trend = of(&t, metric(&t, "time", METRIC_TREND), "a", "b");
    for (int i = 1; i <= 100; i++) {
        series_add(counter, i, T0 + i);
        series_add(gauge, i, T0 + (i % 50));
        series_add(rate, i % 4, T0);
        series_add(trend, i, T0);
    }
    assert_true(counter->value.sum == 5050 && counter->value.count == 100);
    assert_true(gauge->value.last == 99 && gauge->value.min == 1 && gauge->value.max == 100);
    assert_true(rate->value.hits == 75 && rate->value.count == 100);
    const double p90 =
        (double)hist_quantile_us(&trend->value.hist, 0.9) / series_scale(trend->metric->unit);
    assert_true(fabs(p90 - 90) < 0.4 && trend->value.sum == 5050 && trend->value.max == 100);
    assert_false(series_add(counter, -1, T0));
    assert_false(series_add(trend, NAN, T0) || series_add(gauge, INFINITY, T0));
    assert_true(series_add(trend, -5, T0) && trend->value.min == -5);
    assert_true(series_add(trend, 1e300, T0) && trend->value.hist.count == 102);
    assert_int_equal(counter->value.count, 100);
    series_fini(&t);
}

static void too_many_series_are_one_and_sums_stay_right(void **state)
{
    struct series_table t;
    char user[16];
    (void)state;
    series_init(&t, 4, 3);
    struct metric *sold = metric(&t, "sold", METRIC_COUNTER),
                  *seen = metric(&t, "seen", METRIC_COUNTER);
    for (int i = 0; i < 20; i++) {
        snprintf(user, sizeof user, "u%d", i % 10);
        series_add(of(&t, sold, "user", user), 1, T0);
    }
    struct series all;
    series_begin(&all, sold);
    series_sum(&t, sold, t.tags.none, &all);
    assert_true(all.value.sum == 20 && sold->series_count == 3);
    assert_true(sold->other && sold->other->is_other && sold->other->value.count == 14);
    assert_ptr_equal(of(&t, sold, "user", "u1"), of(&t, sold, "user", "u1"));
    assert_false(of(&t, seen, "user", "u9")->is_other); /* a limit of each metric */
    assert_int_equal(of(&t, sold, "user", "u0")->id, 1);
    series_fini(&t);
}

static void a_query_is_the_sum_of_what_matches(void **state)
{
    struct series_table t;
    (void)state;
    series_init(&t, 4, 100);
    struct metric *m = metric(&t, "time", METRIC_TREND);
    for (int i = 0; i < 100; i++) {
        const struct tag tags[] = {{"tier", i % 2 ? "gold" : "tin"}, {"page", i % 5 ? "a" : "b"}};
        series_add(series_of(&t, m, tags_of(&t.tags, tags, 2)), i, T0);
    }
    struct series sum;
    series_begin(&sum, m);
    series_sum(&t, m, tags_of(&t.tags, &(struct tag){"tier", "gold"}, 1), &sum);
    assert_true(sum.value.count == 50 && sum.value.sum == 2500);
    assert_true(sum.value.min == 1 && sum.value.max == 99 && sum.value.hist.count == 50);
    hist_fini(&sum.value.hist);
    series_fini(&t);
}

static void merging_keeps_the_latest_gauge(void **state)
{
    struct series_table one, two;
    (void)state;
    series_init(&one, 4, 10);
    series_init(&two, 4, 10);
    struct series *a = of(&one, metric(&one, "g", METRIC_GAUGE), "k", "v");
    struct series *b = of(&two, metric(&two, "g", METRIC_GAUGE), "k", "v");
    series_add(a, 5, T0 + 2);
    series_add(b, 7, T0 + 1);
    series_merge(b, a);
    assert_true(b->value.last == 5 && b->value.max == 7 && b->value.count == 2);
    series_zero(a);
    series_merge(b, a); /* nothing */
    assert_true(b->value.last == 5 && b->value.min == 5 && b->value.count == 2);
    series_fini(&one);
    series_fini(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_metric_is_registered_once),
        cmocka_unit_test(each_kind_accumulates_in_its_way),
        cmocka_unit_test(too_many_series_are_one_and_sums_stay_right),
        cmocka_unit_test(a_query_is_the_sum_of_what_matches),
        cmocka_unit_test(merging_keeps_the_latest_gauge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
