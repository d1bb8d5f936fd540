// SPDX-License-Identifier: MIT
#include "master/data/series_store.h"

#include "common/base/heap.h"
#include "common/base/sbuf.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#define T0 1700000000u

static struct series *series(struct series_store *store, const char *name, enum metric_kind kind,
                             const char *shop)
{
    enum metric_problem why;
    struct series_table *t = series_store_table(store);
    struct metric *m =
        series_metric(t, name, (struct metric_kind_of){kind, "EUR", METRIC_SCALE}, &why);
    assert_non_null(m);
    return series_of(t, m, tags_of(&t->tags, &(struct tag){"shop", shop}, 1));
}

static void add(struct series_store *store, struct series *s, int64_t second, double number)
{
    struct value v;
    struct value_read read;
    struct sbuf bytes = {0};
    value_init(&v);
    value_add(&v, s->metric->kind, s->metric->scale, number, (double)second);
    value_put(&bytes, &v, s->metric->kind);
    const unsigned char *p = (unsigned char *)bytes.data;
    assert_true(value_read(&p, p + bytes.len, s->metric->kind, &read));
    series_store_add(store, s, second, &read);
    value_fini(&v);
    sbuf_fini(&bytes);
}

static bool ask(const struct series_store *store, const char *metric, const char *shop,
                uint32_t from, uint32_t to, struct series_value *out)
{
    const struct tag tag = {"shop", shop};
    return series_store_read(store, &(struct series_query){metric, &tag, shop != NULL}, from, to,
                             out);
}

static void a_range_is_what_was_counted_in_it(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    struct series_value v;
    (void)state;
    series_value_init(&v);
    struct series *north = series(store, "basket", METRIC_TREND, "north"),
                  *south = series(store, "basket", METRIC_TREND, "south");
    for (uint32_t i = 0; i < 100; i++) {
        add(store, north, T0 + i, i);
        add(store, south, T0 + i, -1);
        series_store_close(store, T0 + i - 1); /* the last ones are open */
    }
    assert_true(ask(store, "basket", "north", T0 + 10, T0 + 20, &v));
    assert_true(v.n == 10 && v.sum == 145 && v.min == 10 && v.max == 19);
    assert_true(fabs(series_value_quantile(&v, 0.5) - 14) < 0.1);
    assert_true(ask(store, "basket", "north", SERIES_FROM_START, SERIES_TO_NOW, &v));
    assert_true(v.n == 100 && v.sum == 4950 && v.hist.count == 100);
    assert_true(ask(store, "basket", "north", SERIES_FROM_START, T0 + 98, &v)); /* complete ones */
    assert_true(v.n == 98 && v.sum == 4753 && v.hist.count == 98);
    assert_true(ask(store, "basket", NULL, T0 + 95, SERIES_TO_NOW, &v));
    assert_true(v.n == 10 && v.sum == 95 + 96 + 97 + 98 + 99 - 5 && v.negative.count == 5);
    assert_int_equal(v.kind, METRIC_TREND);
    assert_string_equal(v.unit, "EUR");
    series_value_fini(&v);
    series_store_free(store);
}

static void no_such_series_is_told_from_no_data(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    struct series_value v;
    (void)state;
    series_value_init(&v);
    add(store, series(store, "stock", METRIC_GAUGE, "north"), T0, 7);
    assert_false(ask(store, "stok", NULL, SERIES_FROM_START, SERIES_TO_NOW, &v));
    assert_false(ask(store, "stock", "nort", SERIES_FROM_START, SERIES_TO_NOW, &v));
    assert_int_equal(v.kind, METRIC_GAUGE);
    assert_true(ask(store, "stock", "north", T0 + 1, T0 + 2, &v));
    assert_true(v.n == 0 && v.min == 0 && v.max == 0);
    assert_true(ask(store, "stock", "north", T0, T0 + 1, &v) && v.last == 7);
    series_store_clear(store);
    assert_false(ask(store, "stock", NULL, SERIES_FROM_START, SERIES_TO_NOW, &v));
    assert_int_equal(series_store_clears(store), 1);
    series_value_fini(&v);
    series_store_free(store);
}

static void a_late_value_goes_to_the_oldest_open_second(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    struct series_value v;
    (void)state;
    series_value_init(&v);
    struct series *s = series(store, "sold", METRIC_COUNTER, "a");
    add(store, s, T0, 1);
    series_store_close(store, T0 + 5);
    add(store, s, T0 + 7, 2);
    add(store, s, T0 + 1, 4);
    assert_true(ask(store, "sold", NULL, T0 + 5, T0 + 6, &v) && v.sum == 4);
    series_store_close(store, T0 + 10);
    assert_true(ask(store, "sold", NULL, T0 + 5, T0 + 6, &v) && v.sum == 4);
    assert_true(ask(store, "sold", NULL, SERIES_FROM_START, T0 + 10, &v) && v.sum == 7);
    series_value_fini(&v);
    series_store_free(store);
}

static void a_rate_knows_when_it_was_false(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    (void)state;
    struct series *s = series(store, "checks", METRIC_RATE, "a");
    for (uint32_t i = 0; i < 10; i++)
        add(store, s, T0 + i, i != 3 && i != 6);
    const struct series_times times = series_store_times(store, s);
    assert_true(times.first == T0 && times.last == T0 + 9);
    assert_true(times.first_false == T0 + 3 && times.last_false == T0 + 6);
    series_store_free(store);
}

static void a_reset_begins_anew_and_keeps_series(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    struct series_value v;
    (void)state;
    series_value_init(&v);
    struct series *s = series(store, "sold", METRIC_COUNTER, "a");
    add(store, s, T0, 1);
    series_store_close(store, T0 + 1);
    add(store, s, T0 + 1, 1);
    series_store_reset(store);
    assert_true(ask(store, "sold", "a", SERIES_FROM_START, SERIES_TO_NOW, &v) && v.n == 0);
    add(store, s, T0 + 2, 5);
    assert_true(ask(store, "sold", "a", SERIES_FROM_START, SERIES_TO_NOW, &v) && v.sum == 5);
    series_value_fini(&v);
    series_store_free(store);
}

#ifndef KATYDID_SANITIZE /* whose allocator is another */

static void what_it_takes_is_what_the_heap_gave(void **state)
{
    (void)state;
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    char shop[16];
    size_t began = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        for (int k = 0; k < 20; k++) {
            snprintf(shop, sizeof shop, "%d", k);
            add(store, series(store, "basket", METRIC_TREND, shop), T0 + i, (i * 7 + k) % 97);
        }
        series_store_close(store, T0 + i);
        if (i == 200) /* the whole run's histograms have all values */
            began = heap_use().used - series_store_bytes(store);
        if (i > 200 && i % 100 == 0) {
            const size_t gave = heap_use().used - began;
            assert_in_range(series_store_bytes(store), gave / 10 * 9, gave);
        }
    }
    series_store_free(store);
}

#endif

static void a_long_run_loses_resolution_and_nothing_else(void **state)
{
    static const size_t limits[] = {SERIES_STORE_BYTES, 20000};
    (void)state;
    for (size_t l = 0; l < 2; l++) {
        struct series_store *store = series_store_new(limits[l]);
        struct series_value v;
        uint64_t n = 0;
        series_value_init(&v);
        for (uint32_t i = 0; i < 40000; i++) {
            add(store, series(store, "basket", METRIC_TREND, i % 2 ? "a" : "b"), T0 + i, i % 7);
            series_store_close(store, T0 + i);
        }
        series_store_close(store, T0 + 40000);
        assert_in_range(series_store_bytes(store), 0, limits[l] < 750000 ? limits[l] : 750000);
        assert_true(ask(store, "basket", NULL, SERIES_FROM_START, SERIES_TO_NOW, &v));
        assert_true(v.n == 40000 && v.hist.count == 40000);
        assert_true(ask(store, "basket", "a", T0 + 39995, SERIES_TO_NOW, &v) && v.n <= 5);
        for (uint32_t hour = T0 - T0 % 3600; hour < T0 + 40000; hour += 3600, n += v.n)
            assert_true(ask(store, "basket", NULL, hour, hour + 3600, &v));
        assert_int_equal(n, 40000);
        series_value_fini(&v);
        series_store_free(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_is_what_was_counted_in_it),
        cmocka_unit_test(no_such_series_is_told_from_no_data),
        cmocka_unit_test(a_late_value_goes_to_the_oldest_open_second),
        cmocka_unit_test(a_rate_knows_when_it_was_false),
        cmocka_unit_test(a_reset_begins_anew_and_keeps_series),
        cmocka_unit_test(a_long_run_loses_resolution_and_nothing_else),
#ifndef KATYDID_SANITIZE
        cmocka_unit_test(what_it_takes_is_what_the_heap_gave),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
