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
#define MS(of) ((struct metric_kind_of){of, "ms", METRIC_SCALE})

static struct metric *metric(struct series_table *t, const char *name, enum metric_kind kind)
{
    enum metric_problem why;
    struct metric *m = series_metric(t, name, MS(kind), &why);
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
    series_init(&t, (struct series_limits){2, 10, 100});
    struct metric *m = metric(&t, "shop.checkout_time", METRIC_TREND);
    assert_ptr_equal(m, metric(&t, "shop.checkout_time", METRIC_TREND));
    assert_null(series_metric(&t, "shop.checkout_time", MS(METRIC_GAUGE), &why));
    assert_int_equal(why, METRIC_OTHER_KIND);
    assert_null(series_metric(&t, "shop.checkout_time",
                              (struct metric_kind_of){METRIC_TREND, "B", METRIC_SCALE}, &why));
    assert_int_equal(why, METRIC_OTHER_KIND);
    assert_null(series_metric(&t, "shop.checkout_time",
                              (struct metric_kind_of){METRIC_TREND, "ms", 1}, &why));
    assert_int_equal(why, METRIC_OTHER_KIND);
    assert_null(series_metric(&t, "x", (struct metric_kind_of){METRIC_TREND, "ms", NAN}, &why));
    assert_int_equal(why, METRIC_BAD_UNIT);
    assert_null(series_metric(
        &t, "x", (struct metric_kind_of){METRIC_TREND, "far too long a unit", 1}, &why));
    assert_int_equal(why, METRIC_BAD_UNIT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null(series_metric(&t, bad[i], MS(METRIC_RATE), &why));
        assert_int_equal(why, METRIC_BAD_NAME);
    }
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_null(series_metric(&t, name, MS(METRIC_RATE), &why));
    name[METRIC_NAME_MOST] = 0;
    assert_non_null(series_metric(&t, name, MS(METRIC_RATE), &why));
    assert_null(series_metric(&t, "third", MS(METRIC_RATE), &why));
    assert_int_equal(why, METRIC_TOO_MANY);
    series_fini(&t);
}

static void each_kind_accumulates_in_its_way(void **state)
{
    struct series_table t;
    (void)state;
    series_init(&t, SERIES_LIMITS_DEFAULT);
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
    assert_true(rate->value.trues == 75 && rate->value.count == 100);
    const double p90 = value_quantile(&trend->value, trend->metric->scale, 0.9);
    assert_true(fabs(p90 - 90) < 0.4 && trend->value.sum == 5050 && trend->value.max == 100);
    assert_false(series_add(counter, -1, T0));
    assert_false(series_add(trend, NAN, T0) || series_add(gauge, INFINITY, T0));
    assert_true(series_add(trend, -5, T0) && trend->value.min == -5);
    assert_true(series_add(trend, 1e300, T0) && trend->value.hist->count == 101);
    assert_int_equal(counter->value.count, 100);
    series_fini(&t);
}

static void too_many_series_are_one_and_sums_stay_right(void **state)
{
    struct series_table t;
    char user[16];
    (void)state;
    series_init(&t, (struct series_limits){4, 3, 100});
    struct metric *sold = metric(&t, "sold", METRIC_COUNTER),
                  *seen = metric(&t, "seen", METRIC_COUNTER);
    for (int i = 0; i < 20; i++) {
        snprintf(user, sizeof user, "u%d", i % 10);
        series_add(of(&t, sold, "user", user), 1, T0);
    }
    assert_int_equal(sold->series_count, 3);
    assert_true(sold->other && sold->other->is_other && sold->other->value.count == 14);
    assert_ptr_equal(of(&t, sold, "user", "u1"), of(&t, sold, "user", "u1"));
    assert_false(of(&t, seen, "user", "u9")->is_other); /* a limit of each metric */
    assert_int_equal(of(&t, sold, "user", "u0")->id, 1);
    series_fini(&t);
}

static void all_series_together_have_a_limit(void **state)
{
    struct series_table t;
    (void)state;
    series_init(&t, (struct series_limits){4, 10, 3});
    struct metric *m = metric(&t, "a", METRIC_COUNTER), *n = metric(&t, "b", METRIC_COUNTER);
    for (int i = 0; i < 3; i++)
        assert_false(of(&t, m, "user", (const char *[]){"x", "y", "z"}[i])->is_other);
    assert_true(of(&t, n, "user", "x")->is_other);
    series_fini(&t);
}

static void a_metric_knows_its_series(void **state)
{
    struct series_table t;
    int gold = 0, all = 0;
    (void)state;
    series_init(&t, SERIES_LIMITS_DEFAULT);
    struct metric *m = metric(&t, "time", METRIC_TREND);
    of(&t, metric(&t, "other", METRIC_TREND), "tier", "gold");
    for (int i = 0; i < 100; i++) {
        const struct tag tags[] = {{"tier", i % 2 ? "gold" : "tin"}, {"page", i % 5 ? "a" : "b"}};
        series_add(series_of(&t, m, tags_of(&t.tags, tags, 2)), i, T0);
    }
    for (const struct series *s = m->first; s; s = s->next) {
        all++;
        gold += series_has(s, &(struct tag){"tier", "gold"}, 1);
        assert_false(series_has(s, &(struct tag){"city", "gold"}, 1));
        assert_true(series_has(s, NULL, 0));
    }
    assert_true(all == 4 && gold == 2);
    assert_null(series_find_metric(&t, "tim"));
    assert_ptr_equal(series_find_metric(&t, "time"), m);
    series_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_metric_is_registered_once),
        cmocka_unit_test(each_kind_accumulates_in_its_way),
        cmocka_unit_test(too_many_series_are_one_and_sums_stay_right),
        cmocka_unit_test(all_series_together_have_a_limit),
        cmocka_unit_test(a_metric_knows_its_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
