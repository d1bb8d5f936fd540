// SPDX-License-Identifier: MIT
#include "common/metric/value.h"

#include "common/base/sbuf.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define T0 1700000000.0

static void quantiles_are_right_for_any_sign(void **state)
{
    struct value v;
    (void)state;
    value_init(&v);
    for (int i = -50; i < 50; i++)
        value_add(&v, METRIC_TREND, 1000, i, T0);
    assert_true(value_quantile(&v, 1000, 0) == -50 && value_quantile(&v, 1000, 1) == 49);
    for (int percent = 1; percent < 100; percent++) {
        const double exact = percent - 51, /* the sample at rank ceil(q * n) */
            q = value_quantile(&v, 1000, percent / 100.0);
        assert_true(fabs(q - exact) <= fabs(exact) * 0.004);
    }
    value_fini(&v);
}

static void a_value_beyond_the_histogram_is_its_end(void **state)
{
    struct value v;
    (void)state;
    value_init(&v);
    assert_true(value_add(&v, METRIC_TREND, 1000, 1e300, T0));
    assert_true(value_add(&v, METRIC_TREND, 1000, 0.0001, T0)); /* rounds to 0 */
    assert_true(v.count == 2 && v.max == 1e300);
    assert_true(value_quantile(&v, 1000, 0.5) == 0.0001);
    value_fini(&v);
}

static void merging_keeps_the_latest_gauge(void **state)
{
    struct value a, b;
    (void)state;
    value_init(&a);
    value_init(&b);
    value_add(&a, METRIC_GAUGE, 1, 5, T0 + 2);
    value_add(&b, METRIC_GAUGE, 1, 7, T0 + 1);
    value_merge(&b, &a);
    assert_true(b.last == 5 && b.max == 7 && b.min == 5 && b.count == 2);
    value_clear(&a);
    value_merge(&b, &a); /* nothing */
    assert_true(b.last == 5 && b.min == 5 && b.count == 2);
    value_fini(&a);
    value_fini(&b);
}

static void fill(struct value *v, enum metric_kind kind)
{
    value_init(v);
    for (int i = 0; i < 1000; i++)
        value_add(v, kind, 1000,
                  kind == METRIC_RATE      ? i % 3
                  : kind == METRIC_COUNTER ? i
                                           : i - 300,
                  T0 + i);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (int kind = 0; kind < METRIC_KINDS; kind++) {
        struct value v, again;
        struct value_read read;
        struct sbuf bytes = {0};
        fill(&v, (enum metric_kind)kind);
        value_init(&again);
        value_put(&bytes, &v, (enum metric_kind)kind);
        const unsigned char *p = (unsigned char *)bytes.data, *end = p + bytes.len;
        assert_true(value_read(&p, end, (enum metric_kind)kind, &read) && p == end);
        value_add_read(&again, &read);
        assert_true(again.count == v.count && again.trues == v.trues && again.sum == v.sum);
        assert_true(again.min == v.min && again.max == v.max && again.last == v.last);
        for (double q = 0; q <= 1; q += 0.01)
            assert_true(value_quantile(&v, 1000, q) == value_quantile(&again, 1000, q));
        for (size_t len = 0; len < bytes.len; len++) { /* cut short: refused */
            p = (unsigned char *)bytes.data;
            assert_false(value_read(&p, p + len, (enum metric_kind)kind, &read));
        }
        sbuf_fini(&bytes);
        value_fini(&v);
        value_fini(&again);
    }
}

static void numbers_that_disagree_are_refused(void **state)
{
    static const unsigned char more_true_than_all[] = {2, 3}, none[] = {0, 0};
    unsigned char counter[25] = {1};
    const double nan = NAN, one = 1, two = 2;
    struct value_read read;
    const unsigned char *p = more_true_than_all;
    (void)state;
    assert_false(value_read(&p, p + 2, METRIC_RATE, &read));
    p = none;
    assert_false(value_read(&p, p + 2, METRIC_RATE, &read));
    memcpy(counter + 1, &one, 8);
    memcpy(counter + 9, &two, 8);
    memcpy(counter + 17, &one, 8);
    p = counter; /* least above most */
    assert_false(value_read(&p, p + 25, METRIC_COUNTER, &read));
    memcpy(counter + 9, &one, 8);
    p = counter;
    assert_true(value_read(&p, p + 25, METRIC_COUNTER, &read));
    memcpy(counter + 1, &nan, 8);
    p = counter;
    assert_false(value_read(&p, p + 25, METRIC_COUNTER, &read));
}

/* What requests take is what value_add does. */
static void the_short_ways_come_to_the_same(void **state)
{
    (void)state;
    static const uint64_t times[] = {0,
                                     1,
                                     999,
                                     1000,
                                     1001,
                                     123456,
                                     7654321,
                                     3599999999,
                                     UINT64_C(3600000000),
                                     UINT64_C(1) << 43};
    struct value one, other;
    value_init(&one);
    value_init(&other);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        value_add_us(&one, times[i]);
        value_add(&other, METRIC_TREND, 1000, (double)times[i] / 1000, 5);
    }
    for (uint64_t us = 1; us < UINT64_C(4000000000); us += us / 7 + 1) {
        value_add_us(&one, us);
        value_add(&other, METRIC_TREND, 1000, (double)us / 1000, 5);
    }
    struct sbuf a = {0}, b = {0};
    value_put(&a, &one, METRIC_TREND);
    value_put(&b, &other, METRIC_TREND);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    sbuf_fini(&a);
    sbuf_fini(&b);
    value_fini(&one);
    value_fini(&other);
    for (int i = 0; i < 5; i++) {
        value_add_true(&one, i % 2);
        value_add(&other, METRIC_RATE, 1000, i % 2, 5);
    }
    assert_true(one.count == other.count && one.trues == other.trues && one.trues == 2);
    value_fini(&one);
    value_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_right_for_any_sign),
        cmocka_unit_test(a_value_beyond_the_histogram_is_its_end),
        cmocka_unit_test(merging_keeps_the_latest_gauge),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(numbers_that_disagree_are_refused),
        cmocka_unit_test(the_short_ways_come_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
