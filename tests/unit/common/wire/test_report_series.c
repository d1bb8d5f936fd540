// SPDX-License-Identifier: MIT
#include "common/wire/report_series.h"

#include "common/wire/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define T0 INT64_C(1700000000)

struct rig { /* a writer's table, and a reader's */
    struct series_table from, to;
    struct series_writer writer;
    struct series_ids ids;
    struct sbuf names;
    uint64_t values, dropped;
    int64_t second;
    double sum;
};

static void begin(struct rig *r)
{
    *r = (struct rig){0};
    series_init(&r->from, SERIES_LIMITS_DEFAULT);
    series_init(&r->to, SERIES_LIMITS_DEFAULT);
}

static void end(struct rig *r)
{
    series_fini(&r->from);
    series_fini(&r->to);
    sbuf_fini(&r->writer.bytes);
    sbuf_fini(&r->names);
    series_ids_fini(&r->ids);
}

static struct series *series(struct rig *r, const char *name, enum metric_kind kind,
                             const char *value)
{
    enum metric_problem why;
    struct metric *m =
        series_metric(&r->from, name, (struct metric_kind_of){kind, "EUR", METRIC_SCALE}, &why);
    assert_non_null(m);
    return series_of(&r->from, m, tags_of(&r->from.tags, &(struct tag){"shop", value}, 1));
}

static void on_value(void *arg, struct series *s, int64_t second, const struct value_read *more)
{
    struct rig *r = arg;
    r->values++;
    r->dropped += !s;
    r->second = second;
    r->sum += more->numbers.sum;
    if (s)
        value_add_read(&s->value, more);
}

static int deliver(struct rig *r, uint64_t clears)
{
    const struct series_bytes in = {r->writer.bytes.data, r->names.data, r->writer.bytes.len,
                                    r->names.len};
    return report_series_merge(&r->to, &r->ids, clears, &in,
                               &(struct series_watch){on_value, r, 10});
}

static void put(struct rig *r, struct series *s, double number, int64_t second, uint32_t report)
{
    series_add(s, number, (double)second);
    r->writer.number = report;
    report_series_put(&r->writer, s, second);
}

static void what_is_counted_arrives(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    put(&r, series(&r, "sold", METRIC_COUNTER, "b"), 5, T0, 1);
    put(&r, series(&r, "basket", METRIC_TREND, "a"), 12.5, T0, 1);
    put(&r, series(&r, "sold", METRIC_COUNTER, "b"), 7, T0 - 1, 1);
    assert_true(report_series_names(&r.from, 1, 1, &r.names));
    assert_int_equal(deliver(&r, 0), 0);
    const struct metric *sold = series_find_metric(&r.to, "sold"),
                        *basket = series_find_metric(&r.to, "basket");
    assert_true(sold->first->value.sum == 12 && basket->first->value.max == 12.5);
    assert_string_equal(basket->unit, "EUR");
    assert_string_equal(tags_get(basket->first->tags, "shop"), "a");
    assert_true(r.values == 3 && r.second == T0 - 1 + 10);
    assert_true(series(&r, "sold", METRIC_COUNTER, "b")->value.count == 0); /* told */
    end(&r);
}

static void names_are_told_until_they_are_heard(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    struct series *s = series(&r, "sold", METRIC_COUNTER, "b");
    put(&r, s, 1, T0, 1);
    assert_true(report_series_names(&r.from, 1, 1, &r.names));
    sbuf_clear(&r.writer.bytes); /* is lost */
    put(&r, s, 2, T0, 2);
    sbuf_clear(&r.names);
    assert_true(report_series_names(&r.from, 2, 2, &r.names));
    assert_int_equal(deliver(&r, 0), 0);
    report_series_heard(&r.from, 1);
    sbuf_clear(&r.writer.bytes);
    sbuf_clear(&r.names);
    put(&r, s, 4, T0, 3);
    assert_false(report_series_names(&r.from, 3, 3, &r.names));
    assert_int_equal(deliver(&r, 0), 0);
    assert_true(r.sum == 6);
    report_series_forget(&r.from);
    put(&r, s, 8, T0, 4);
    assert_true(report_series_names(&r.from, 4, 4, &r.names));
    end(&r);
}

static void what_has_no_name_is_asked_for_and_counts_once(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    put(&r, series(&r, "sold", METRIC_COUNTER, "a"), 1, T0, 1);
    put(&r, series(&r, "sold", METRIC_COUNTER, "b"), 1, T0, 1);
    assert_int_equal(deliver(&r, 0), REPORT_NAMELESS);
    assert_true(r.values == 0 && r.to.count == 0);
    assert_true(report_series_all_names(&r.from, &r.names));
    assert_int_equal(deliver(&r, 0), 0);
    sbuf_clear(&r.names);
    assert_int_equal(deliver(&r, 0), 0);               /* the same ids, known now */
    assert_int_equal(deliver(&r, 1), REPORT_NAMELESS); /* the table was cleared */
    assert_true(r.values == 4);
    end(&r);
}

static void another_kind_under_the_same_name_is_dropped(void **state)
{
    struct rig r;
    enum metric_problem why;
    (void)state;
    begin(&r);
    series_metric(&r.to, "sold", (struct metric_kind_of){METRIC_GAUGE, "", 1}, &why);
    put(&r, series(&r, "sold", METRIC_COUNTER, "a"), 1, T0, 1);
    put(&r, series(&r, "bought", METRIC_COUNTER, "a"), 1, T0, 1);
    report_series_names(&r.from, 1, 1, &r.names);
    assert_int_equal(deliver(&r, 0), 0);
    assert_true(r.values == 2 && r.dropped == 1);
    end(&r);
}

static void what_found_no_place_arrives_as_that(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    r.from.limits.series_most = 1;
    put(&r, series(&r, "sold", METRIC_COUNTER, "a"), 1, T0, 1);
    put(&r, series(&r, "sold", METRIC_COUNTER, "b"), 3, T0, 1);
    put(&r, series(&r, "sold", METRIC_COUNTER, "c"), 4, T0, 1);
    report_series_names(&r.from, 1, 1, &r.names);
    assert_int_equal(deliver(&r, 0), 0);
    const struct metric *m = series_find_metric(&r.to, "sold");
    assert_true(m->other && m->other->value.sum == 7 && m->other->is_other);
    end(&r);
}

static void what_is_cut_or_altered_counts_nothing(void **state)
{
    struct rig r;
    (void)state;
    begin(&r);
    put(&r, series(&r, "basket", METRIC_TREND, "a"), 12.5, T0, 1);
    put(&r, series(&r, "sold", METRIC_COUNTER, "a"), 1, T0, 1);
    report_series_names(&r.from, 1, 1, &r.names);
    const size_t whole = r.writer.bytes.len, names = r.names.len;
    for (size_t len = 1; len < whole; len++) {
        const uint64_t before = r.values;
        r.writer.bytes.len = len;
        const int rc = deliver(&r, 0);
        assert_true(rc == 0 || rc == -1);
        assert_true(r.values == before + (rc == 0 && before < r.values)); /* a whole one, or none */
    }
    assert_true(r.values <= 1);
    r.writer.bytes.len = whole;
    r.values = 0;
    for (r.names.len = 1; r.names.len < names; r.names.len++)
        assert_int_equal(deliver(&r, 0), -1);
    assert_int_equal(r.values, 0);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_counted_arrives),
        cmocka_unit_test(names_are_told_until_they_are_heard),
        cmocka_unit_test(what_has_no_name_is_asked_for_and_counts_once),
        cmocka_unit_test(another_kind_under_the_same_name_is_dropped),
        cmocka_unit_test(what_found_no_place_arrives_as_that),
        cmocka_unit_test(what_is_cut_or_altered_counts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
