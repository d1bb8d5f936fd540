// SPDX-License-Identifier: MIT
/* The tables on the console: equal to stock Locust's where both measure the same, and safe to
 * print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/golden_stats.h"
#include "master/out/console.h"
#include "master/data/number_text.h"

static struct percentile_columns usual;

static int make_usual(void **state)
{
    (void)state;
    usual = percentile_columns(&tunables_usual.report);
    return 0;
}

static void add(struct stats *s, const char *method, const char *name, double at, uint64_t us)
{
    stats_add(s, stats_row(s, method, strlen(method), name, strlen(name)), at, us, 10);
}

static void fail_with(struct stats *s, const char *name, const char *text)
{
    stats_add_failure(s, stats_row(s, "GET", 3, name, strlen(name)), GOLDEN_START, text,
                      strlen(text));
}

static void tables_are_those_of_locust(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    golden_load(&s);
    console_add_stats(&b, &s, true, 80);
    golden_compare(&b, "console_current.txt");
    console_add_stats(&b, &s, false, 80);
    golden_compare(&b, "console_total.txt");
    console_add_percentiles(&b, &s, &usual, 80);
    golden_compare(&b, "percentiles.txt");
    console_add_errors(&b, &s, 80);
    golden_compare(&b, "errors.txt");
    stats_fini(&s);
}

static void an_empty_run_has_tables_too(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    console_add_stats(&b, &s, true, 80);
    assert_non_null(strstr(b.data, "Aggregated"));
    assert_non_null(
        strstr(b.data, "0     0(0.00%) |      0       0       0      0 |    0.00        0.00"));
    console_add_errors(&b, &s, 80);
    console_add_aside(&b, &s);
    assert_null(strstr(b.data, "Error report"));
    assert_null(strstr(b.data, "cut off"));
    sbuf_clear(&b);
    console_add_percentiles(&b, &s, &usual, 80);
    assert_null(strstr(b.data, "Aggregated")); /* no samples, no row */
    sbuf_fini(&b);
    stats_fini(&s);
}

static void times_are_cut_and_percentiles_never_exceed_max(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    for (int i = 0; i < 9; i++)
        add(&s, "GET", "/", GOLDEN_START + 1, 1700); /* 1.7 ms: rounds to 2, max prints 1 */
    console_add_stats(&b, &s, false, 80);
    assert_non_null(strstr(b.data, "|      1       1       1      1 |"));
    sbuf_clear(&b);
    console_add_percentiles(&b, &s, &usual, 80);
    assert_non_null(
        strstr(b.data, "        1      1      1      1      1      1      1      1      1      1"
                       "      1      9"));
    sbuf_fini(&b);
    stats_fini(&s);
}

static void texts_of_strangers_cannot_move_the_cursor(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    add(&s, "GET", "/\033[2J\r\n\xe2\x80\xae\xc2\x9b", GOLDEN_START, 5000);
    fail_with(&s, "/a\033]0;x\007", "bad\nline\xe2\x80\xa8");
    console_add_stats(&b, &s, true, 80);
    console_add_percentiles(&b, &s, &usual, 80);
    console_add_errors(&b, &s, 80);
    assert_non_null(strstr(b.data, "/\\x1b[2J\\r\\n\\u202e\\x9b "));
    assert_non_null(strstr(b.data, "GET /a\\x1b]0;x\\x07: bad\\nline\\u2028"));
    for (const char *p = b.data; *p; p++)
        assert_true((unsigned char)*p >= 0x20 || *p == '\n');
    sbuf_fini(&b);
    stats_fini(&s);
}

static void times_from_the_intended_start_have_a_table(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    add(&s, "GET", "/", GOLDEN_START + 1, 2000);
    add(&s, "GET", "/closed", GOLDEN_START + 1, 2000);
    console_add_corrected(&b, &s, &usual, 80);
    assert_int_equal(b.len, 0); /* nobody had one */
    stats_add_part(&s, stats_row(&s, "GET", 3, "/", 1), PART_corrected, 900000);
    console_add_corrected(&b, &s, &usual, 80);
    assert_non_null(
        strstr(b.data, "Response time percentiles from the intended start (approximated)\n"));
    assert_null(strstr(b.data, "      2      2")); /* not cut at the longest request */
    assert_null(strstr(b.data, "/closed"));
    sbuf_fini(&b);
    stats_fini(&s);
}

static void failure_texts_are_unwrapped(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"CatchResponseError('no token')", "GET /: no token "},
        {"CatchResponseError(\"it's\")", "GET /: it's "},
        {"CatchResponseError('it\\'s')",
         "GET /: 'it\\'s' "}, /* escapes: left as Python wrote them */
        {"CatchResponseError(7)", "GET /: 7 "},
        {"CatchResponseError()", "GET /:  "},
        {"ValueError('x')", "GET /: ValueError('x') "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stats s;
        struct sbuf b = {0};
        stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
        fail_with(&s, "/", cases[i][0]);
        console_add_errors(&b, &s, 80);
        if (!strstr(b.data, cases[i][1]))
            fail_msg("%s: want '%s', got %s", cases[i][0], cases[i][1], b.data);
        sbuf_fini(&b);
        stats_fini(&s);
    }
}

static void requests_that_are_none_are_told_apart_from_failures(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    struct tally *row = stats_row(&s, "GET", 3, "/", 1);
    stats_add_cut(&s, row);
    console_add_aside(&b, &s);
    assert_string_equal(b.data,
                        "1 request was cut off in flight when the test ended (not a failure)\n\n");
    sbuf_clear(&b);
    stats_add_cut(&s, row);
    console_add_aside(&b, &s);
    assert_string_equal(b.data,
                        "2 requests were cut off in flight when the test ended (not failures)\n\n");
    stats_reset(&s, GOLDEN_START);
    sbuf_clear(&b);
    stats_add_discarded(&s, row);
    stats_add_resent(&s, row, 2);
    console_add_aside(&b, &s);
    assert_string_equal(b.data,
                        "1 request was answered, but its task raised or ended before it judged the "
                        "answer (not a failure)\n\n"
                        "2 requests were sent again: their connection closed before an answer (not "
                        "failures)\n\n");
    sbuf_fini(&b);
    stats_fini(&s);
}

static void percentiles_are_those_the_locustfile_wants(void **state)
{
    (void)state;
    const struct percentile_columns wanted =
        percentile_columns(&(struct tunables_shares){{0.99, 0.57, 1}, 3});
    struct stats s;
    struct sbuf b = {0};
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    struct tally *row = stats_row(&s, "GET", 3, "/", 1);
    for (unsigned ms = 1; ms <= 100; ms++)
        stats_add(&s, row, GOLDEN_START, ms * 1000, 0);
    console_add_percentiles(&b, &s, &wanted, 4);
    assert_non_null(strstr(b.data, "Name      99%  57.0%   100% # reqs\n"));
    assert_non_null(strstr(b.data, "--------|----|--------|------|------|------\n"));
    assert_non_null(strstr(b.data, "GET      /          99     57    100    100\n"));
    sbuf_fini(&b);
    stats_fini(&s);
}

static void names_get_the_room_the_terminal_has(void **state)
{
    (void)state;
    static const unsigned cases[][2] = {{0, 80},   {160, 80}, {500, 80}, {120, 40},
                                        {100, 20}, {89, 9},   {80, 8},   {20, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(console_name_width(cases[i][0]), cases[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_those_of_locust),
        cmocka_unit_test(an_empty_run_has_tables_too),
        cmocka_unit_test(times_are_cut_and_percentiles_never_exceed_max),
        cmocka_unit_test(texts_of_strangers_cannot_move_the_cursor),
        cmocka_unit_test(times_from_the_intended_start_have_a_table),
        cmocka_unit_test(failure_texts_are_unwrapped),
        cmocka_unit_test(requests_that_are_none_are_told_apart_from_failures),
        cmocka_unit_test(percentiles_are_those_the_locustfile_wants),
        cmocka_unit_test(names_get_the_room_the_terminal_has),
    };
    return cmocka_run_group_tests(tests, make_usual, NULL);
}
