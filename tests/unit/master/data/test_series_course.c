// SPDX-License-Identifier: MIT
#include "master/data/series_course.h"

#include "common/base/sbuf.h"
#include "master/data/series_list.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define T0 1700000000

static void add(struct series_store *store, enum metric_kind kind, const char *shop, int64_t second,
                double number)
{
    static const char *const names[METRIC_KINDS] = {"sold", "stock", "found", "basket"};
    enum metric_problem why;
    struct series_table *t = series_store_table(store);
    struct metric *m =
        series_metric(t, names[kind], (struct metric_kind_of){kind, "EUR", METRIC_SCALE}, &why);
    struct series *s = series_of(t, m, tags_of(&t->tags, &(struct tag){"shop", shop}, 1));
    struct value v;
    struct value_read read;
    struct sbuf bytes = {0};
    value_init(&v);
    value_add(&v, kind, METRIC_SCALE, number, (double)second);
    value_put(&bytes, &v, kind);
    const unsigned char *p = (unsigned char *)bytes.data;
    assert_true(value_read(&p, p + bytes.len, kind, &read));
    series_store_add(store, s, second, &read);
    value_fini(&v);
    sbuf_fini(&bytes);
}

static json_t *course(const struct series_store *store, const struct series_course *of)
{
    struct sbuf out = {0};
    assert_true(series_course_json(store, of, &out));
    json_t *root = json_loads(out.data, 0, NULL);
    assert_non_null(root);
    sbuf_fini(&out);
    return root;
}

static double at(const json_t *root, size_t point, size_t column)
{
    return json_number_value(
        json_array_get(json_array_get(json_object_get(root, "points"), point), column));
}

static void a_course_is_what_was_counted_in_each_step(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    (void)state;
    for (int i = 0; i < 10; i++) {
        add(store, METRIC_TREND, "north", T0 + i, i);
        add(store, METRIC_TREND, "south", T0 + i, -2);
        add(store, METRIC_RATE, "north", T0 + i, i != 3);
    }
    series_store_close(store, T0 + 8); /* the last ones are open still */
    const struct tag north = {"shop", "north"};
    json_t *one = course(store, &(struct series_course){"basket", &north, 1, T0, T0 + 10, 5, 0});
    assert_int_equal(json_array_size(json_object_get(one, "points")), 2);
    assert_true(at(one, 0, 0) == T0 && at(one, 0, 1) == 5 && at(one, 0, 3) == 10);
    assert_true(at(one, 1, 4) == 5 && at(one, 1, 5) == 9);
    assert_true(at(one, 1, 7) > 6.95 && at(one, 1, 7) < 7.05);
    json_t *all = course(store, &(struct series_course){"basket", NULL, 0, T0, T0 + 10, 10, 0});
    assert_true(at(all, 0, 1) == 20 && at(all, 0, 4) == -2 && at(all, 0, 3) == 25);
    json_t *rate = course(store, &(struct series_course){"found", NULL, 0, T0 + 2, T0 + 5, 1, 0});
    assert_int_equal(json_array_size(json_object_get(rate, "points")), 3);
    assert_true(at(rate, 1, 1) == 1 && at(rate, 1, 2) == 0 && at(rate, 0, 2) == 1);
    json_t *none = course(store, &(struct series_course){"fonud", NULL, 0, T0, T0 + 5, 1, 0});
    assert_int_equal(json_array_size(json_object_get(none, "points")), 0);
    json_decref(one);
    json_decref(all);
    json_decref(rate);
    json_decref(none);
    series_store_free(store);
}

static void values_above_a_limit_are_counted_when_asked_for(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    (void)state;
    for (int i = 0; i < 10; i++) {
        add(store, METRIC_TREND, "north", T0 + i, i);
        add(store, METRIC_COUNTER, "north", T0 + i, i);
    }
    series_store_close(store, T0 + 8);
    json_t *trend =
        course(store, &(struct series_course){
                          .metric = "basket", .from = T0, .to = T0 + 10, .step = 5, .above = 2.5});
    assert_string_equal(json_string_value(json_array_get(json_object_get(trend, "columns"), 11)),
                        "above");
    assert_true(at(trend, 0, 11) == 2 && at(trend, 1, 11) == 5);
    json_t *counter = course(
        store, &(struct series_course){.metric = "sold", .from = T0, .to = T0 + 10, .above = 2.5});
    assert_true(
        json_is_null(json_array_get(json_array_get(json_object_get(counter, "points"), 0), 11)));
    json_t *unasked =
        course(store, &(struct series_course){.metric = "basket", .from = T0, .to = T0 + 10});
    assert_int_equal(json_array_size(json_array_get(json_object_get(unasked, "points"), 0)), 11);
    json_decref(trend);
    json_decref(counter);
    json_decref(unasked);
    series_store_free(store);
}

static void what_is_kept_coarsely_has_coarse_steps(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    (void)state;
    for (int i = 0; i < 12000; i++) {
        add(store, METRIC_COUNTER, "a", T0 + i, 1);
        series_store_close(store, T0 + i);
    }
    json_t *old = course(store, &(struct series_course){"sold", NULL, 0, T0, T0 + 600, 1, 0});
    double sum = 0;
    for (size_t i = 0; i < json_array_size(json_object_get(old, "points")); i++)
        sum += at(old, i, 3);
    assert_int_equal(json_integer_value(json_object_get(old, "step")), 10);
    assert_true(sum == 600);
    json_decref(old);
    series_store_free(store);
}

static void a_full_list_has_the_histograms_of_trends(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    struct sbuf out = {0};
    (void)state;
    for (int i = 0; i < 3; i++)
        add(store, METRIC_TREND, "north", T0 + i, 0.1);
    add(store, METRIC_TREND, "north", T0, -0.2);
    add(store, METRIC_COUNTER, "north", T0, 1);
    struct series_list *l = series_list_full(store);
    series_list_json(l, NULL, &out);
    json_t *list = json_loads(out.data, 0, NULL);
    const json_t *hist = json_object_get(json_array_get(list, 0), "histogram");
    json_t *wanted = json_pack("{s:i, s:f, s:[[ii]], s:[[ii]]}", "sub_bits", 7, "scale", 1000.0,
                               "buckets", 100, 3, "negative", 200, 1);
    json_t *scale = json_object_get(hist, "scale");
    assert_true(json_is_number(scale));
    json_object_set_new((json_t *)(uintptr_t)hist, "scale", json_real(json_number_value(scale)));
    assert_true(json_equal(hist, wanted));
    assert_null(json_object_get(json_array_get(list, 1), "histogram"));
    json_decref(wanted);
    json_decref(list);
    sbuf_fini(&out);
    series_list_unref(l);
    l = series_list_new(store, SERIES_LIST_LIVE); /* for the page: without */
    series_list_json(l, NULL, &out);
    assert_null(strstr(out.data, "histogram"));
    sbuf_fini(&out);
    series_list_unref(l);
    series_store_free(store);
}

static void a_list_of_a_range_has_what_was_there(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    struct sbuf out = {0};
    (void)state;
    add(store, METRIC_COUNTER, "early", T0, 3);
    add(store, METRIC_COUNTER, "late", T0 + 20, 4);
    add(store, METRIC_TREND, "late", T0 + 20, -4);
    series_store_close(store, T0 + 30);
    struct series_list *l = series_list_range(store, T0 + 10, T0 + 30, SERIES_LIST_LIVE);
    assert_int_equal(l->count, 2);
    assert_string_equal(series_row_tag(&l->rows[1], "shop"), "late");
    assert_true(l->rows[1].sum == 4 && l->rows[0].quantile[SERIES_P50] == -4);
    series_list_unref(l);
    series_report_json(store, T0, T0 + 30, 1 << 20, &out);
    json_t *root = json_loads(out.data, 0, NULL);
    const json_t *courses = json_object_get(root, "courses");
    assert_int_equal(json_array_size(courses), 3);
    assert_true(at(json_array_get(courses, 0), 0, 1) == 1);
    json_decref(root);
    sbuf_fini(&out);
    series_store_free(store);
}

static void said(struct series_store *store, unsigned index, const char *worker, double value,
                 double when)
{
    const struct series *s = series_store_all(store)->list[0];
    series_store_said(store, s, index, worker,
                      &(struct value_read){.numbers = {.last = value, .last_at = when}});
}

static void a_list_says_what_each_worker_said_last_of_a_gauge(void **state)
{
    struct series_store *store = series_store_new(SERIES_STORE_BYTES);
    struct sbuf out = {0};
    (void)state;
    add(store, METRIC_GAUGE, "north", T0, 7);
    add(store, METRIC_COUNTER, "north", T0, 1);
    said(store, 1, "w1", 7, T0 + 0.5);
    said(store, 2, "w\"2", 2, T0 + 0.25);
    series_store_close(store, T0 + 2);
    struct series_list *l = series_list_range(store, T0, T0 + 1, SERIES_LIST_LIVE);
    assert_int_equal(l->rows[1].said_count, 2);
    series_list_unref(l);
    l = series_list_range(store, T0 + 1, T0 + 2, SERIES_LIST_LIVE);
    assert_int_equal(l->count, 0);
    series_list_unref(l);
    said(store, 2, "w\"2", 3, T0 + 1.25); /* no more of that range */
    l = series_list_range(store, T0, T0 + 1, SERIES_LIST_LIVE);
    assert_int_equal(l->rows[1].said_count, 0);
    series_list_unref(l);
    l = series_list_new(store, SERIES_LIST_LIVE);
    series_list_json(l, "stock", &out);
    json_t *list = json_loads(out.data, 0, NULL);
    const json_t *gauge = json_array_get(list, 0);
    json_t *wanted = json_pack("[{s:s,s:f,s:f},{s:s,s:f,s:f}]", "worker", "w1", "value", 7.0, "at",
                               T0 + 0.5, "worker", "w\"2", "value", 3.0, "at", T0 + 1.25);
    assert_string_equal(json_string_value(json_object_get(gauge, "worker")), "w\"2");
    assert_int_equal(json_array_size(json_object_get(gauge, "workers")), json_array_size(wanted));
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const json_t *is = json_array_get(json_object_get(gauge, "workers"), i),
                     *should = json_array_get(wanted, i);
        assert_true(json_equal(json_object_get(is, "worker"), json_object_get(should, "worker")));
        assert_true(json_number_value(json_object_get(is, "value")) ==
                    json_number_value(json_object_get(should, "value")));
        assert_true(json_number_value(json_object_get(is, "at")) ==
                    json_number_value(json_object_get(should, "at")));
    }
    json_decref(wanted);
    json_decref(list);
    sbuf_fini(&out);
    series_list_json_but(l, "stock", &out);
    assert_null(strstr(out.data, "worker"));
    sbuf_fini(&out);
    series_list_unref(l);
    series_store_reset(store); /* it is of the figures that were */
    add(store, METRIC_GAUGE, "north", T0 + 5, 9);
    l = series_list_new(store, SERIES_LIST_LIVE);
    assert_int_equal(l->rows[0].said_count, 0);
    series_list_unref(l);
    series_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_course_is_what_was_counted_in_each_step),
        cmocka_unit_test(values_above_a_limit_are_counted_when_asked_for),
        cmocka_unit_test(what_is_kept_coarsely_has_coarse_steps),
        cmocka_unit_test(a_full_list_has_the_histograms_of_trends),
        cmocka_unit_test(a_list_of_a_range_has_what_was_there),
        cmocka_unit_test(a_list_says_what_each_worker_said_last_of_a_gauge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
