// SPDX-License-Identifier: MIT
#include "common/base/sbuf.h"
#include "common/metric/stats.h"
#include "common/wire/pack.h"
#include "common/wire/written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 1700000000.0

static void fill(struct stats *s)
{
    stats_init(s, T0, STATS_LIMITS_DEFAULT);
    struct tally *row = stats_row(s, "GET", 3, "/a", 2);
    for (uint64_t ms = 10; ms <= 30; ms += 10)
        stats_add(s, row, T0, ms * 1000, 5);
    stats_add_failure(s, row, T0, "bad", 3);
    stats_add_exception(s, T0, "boom", "here", "local", 2);
}

/* {"rows": [{"method", "name", key: value}]} */
static void row_of(struct sbuf *out, const char *key, double value)
{
    pack_map(out, 1);
    pack_text(out, "rows");
    pack_array(out, 1);
    pack_map(out, 3);
    pack_text(out, "method");
    pack_text(out, "GET");
    pack_text(out, "name");
    pack_text(out, "/a");
    pack_text(out, key);
    pack_number(out, value);
}

static int apply(struct stats *s, struct sbuf *bytes)
{
    struct written_of of = {.node = "local"};
    int rc = written_apply(s, bytes->data, bytes->len, &of);
    sbuf_fini(bytes);
    return rc;
}

static void test_counts_shift_in_the_row_alone(void **state)
{
    struct stats s;
    struct sbuf b = {0};
    (void)state;
    fill(&s);
    row_of(&b, "num_requests", 4);
    assert_int_equal(apply(&s, &b), 0);
    assert_int_equal(s.rows->requests, 7);
    assert_int_equal(s.total.requests, 3);
    row_of(&b, "num_requests", -100);
    assert_int_equal(apply(&s, &b), 0);
    assert_int_equal(s.rows->requests, 0); /* never below */
    stats_fini(&s);
}

static void test_a_removed_row_is_hidden_until_it_counts(void **state)
{
    struct stats s;
    struct sbuf b = {0};
    const struct tally **rows;
    (void)state;
    fill(&s);
    row_of(&b, "is_zeroed", 1);
    assert_int_equal(apply(&s, &b), 0);
    assert_int_equal(s.rows->requests, 0);
    assert_false(tally_is_hidden(s.rows));
    row_of(&b, "is_removed", 1);
    assert_int_equal(apply(&s, &b), 0);
    assert_int_equal(stats_sorted(&s, &rows), 0);
    free(rows);
    stats_reset(&s, T0);
    assert_true(tally_is_hidden(s.rows));
    stats_add(&s, s.rows, T0, 1000, 5);
    assert_int_equal(stats_sorted(&s, &rows), 1);
    free(rows);
    stats_fini(&s);
}

static void list_of(struct sbuf *out, const char *list, const char *const *texts, const char *count,
                    double more)
{
    pack_map(out, 1);
    pack_text(out, list);
    pack_array(out, 1);
    pack_map(out, 4);
    for (size_t i = 0; i < 6; i++)
        pack_text(out, texts[i]);
    pack_text(out, count);
    pack_number(out, more);
}

static void test_errors_and_exceptions_that_are_taken_away_are_gone(void **state)
{
    static const char *const error[] = {"method", "GET", "name", "/a", "error", "bad"};
    static const char *const exception[] = {"msg", "boom", "traceback", "here", "x", "y"};
    struct stats s;
    struct sbuf b = {0};
    (void)state;
    fill(&s);
    list_of(&b, "errors", error, "occurrences", -1);
    assert_int_equal(apply(&s, &b), 0);
    assert_int_equal(s.failure_count, 0);
    assert_null(s.failures);
    list_of(&b, "errors", error, "occurrences", 3); /* and come again, at the list's end */
    assert_int_equal(apply(&s, &b), 0);
    assert_int_equal(s.failures->count, 3);
    list_of(&b, "exceptions", exception, "count", -1);
    assert_int_equal(apply(&s, &b), 0);
    assert_int_equal(s.exceptions->count, 1);
    list_of(&b, "exceptions", exception, "count", -5);
    assert_int_equal(apply(&s, &b), 0);
    assert_null(s.exceptions);
    stats_fini(&s);
}

static int apply_of_part(struct stats *s, struct sbuf *bytes)
{
    struct written_of of = {.node = "w1", .is_part = true};
    int rc = written_apply(s, bytes->data, bytes->len, &of);
    sbuf_fini(bytes);
    return rc;
}

static void test_the_extremes_of_a_part_only_widen_those_of_the_row(void **state)
{
    struct stats s;
    struct sbuf b = {0};
    (void)state;
    fill(&s);
    row_of(&b, "min_response_time", 15);
    assert_int_equal(apply_of_part(&s, &b), 0);
    row_of(&b, "max_response_time", 25);
    assert_int_equal(apply_of_part(&s, &b), 0);
    row_of(&b, "last_request_timestamp", T0 - 5);
    assert_int_equal(apply_of_part(&s, &b), 0);
    assert_int_equal(s.rows->min_us, 10000);
    assert_int_equal(s.rows->max_us, 30000);
    assert_true(s.rows->last_at == T0);
    row_of(&b, "max_response_time", 35);
    assert_int_equal(apply_of_part(&s, &b), 0);
    assert_int_equal(s.rows->max_us, 35000);
    row_of(&b, "max_response_time", 20);
    assert_int_equal(apply(&s, &b), 0);
    assert_int_equal(s.rows->max_us, 20000);
    stats_fini(&s);
}

static void test_what_is_malformed_is_left_out(void **state)
{
    struct stats s;
    struct sbuf b = {0};
    (void)state;
    fill(&s);
    sbuf_adds(&b, "\x93garbage");
    assert_int_equal(apply(&s, &b), -1);
    row_of(&b, "response_times", 3);
    assert_int_equal(apply(&s, &b), -1);
    assert_int_equal(s.rows->hist.count, 3);
    row_of(&b, "num_requests", 1e300);
    assert_int_equal(apply(&s, &b), 0); /* bounded */
    stats_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_shift_in_the_row_alone),
        cmocka_unit_test(test_a_removed_row_is_hidden_until_it_counts),
        cmocka_unit_test(test_errors_and_exceptions_that_are_taken_away_are_gone),
        cmocka_unit_test(test_the_extremes_of_a_part_only_widen_those_of_the_row),
        cmocka_unit_test(test_what_is_malformed_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
