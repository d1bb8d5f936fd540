// SPDX-License-Identifier: MIT
/* The shared test vectors (tests/vectors/make.py): what they say is what the core counts. */
#include "common/base/sbuf.h"
#include "common/metric/stats.h"
#include "common/wire/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#define PARTS_MOST 8

static double number(const json_t *of, const char *key)
{
    return json_number_value(json_object_get(of, key));
}

static void same(const json_t *expected, const char *key, double got)
{
    double want = number(expected, key);
    if (!(got >= want && got <= want)) /* to the last digit */
        fail_msg("%s: got %.17g, want %.17g", key, got, want);
}

static void count(struct stats *parts, const json_t *sample)
{
    struct stats *s = &parts[json_integer_value(json_array_get(sample, 0))];
    const json_t *us = json_array_get(sample, 2);
    double at = (double)json_integer_value(json_array_get(sample, 1));
    struct tally *row = stats_row(s, "GET", 3, "/", 1);
    stats_add(s, row, at, json_is_null(us) ? STATS_NO_TIME : (uint64_t)json_integer_value(us),
              (uint64_t)json_integer_value(json_array_get(sample, 3)));
    if (json_integer_value(json_array_get(sample, 4)))
        stats_add_failure(s, row, at, "bad", 3);
}

static void read_samples(struct stats *sum, const json_t *each)
{
    struct stats parts[PARTS_MOST];
    size_t i;
    json_t *sample;
    for (i = 0; i < PARTS_MOST; i++)
        stats_init(&parts[i], number(each, "start"), STATS_LIMITS_DEFAULT);
    stats_init(sum, number(each, "start"), STATS_LIMITS_DEFAULT);
    json_array_foreach(json_object_get(each, "samples"), i, sample) count(parts, sample);
    for (i = 0; i < PARTS_MOST; i++) {
        stats_merge(sum, &parts[i]);
        stats_fini(&parts[i]);
    }
}

struct pairs {
    const json_t *expected;
    size_t next;
};

static void next_pair(void *arg, uint64_t ms, uint64_t n)
{
    struct pairs *p = arg;
    const json_t *pair = json_array_get(p->expected, p->next++);
    assert_int_equal(ms, json_integer_value(json_array_get(pair, 0)));
    assert_int_equal(n, json_integer_value(json_array_get(pair, 1)));
}

static void pack_expected(const json_t *hist, struct sbuf *out)
{
    size_t i;
    json_t *n;
    json_array_foreach(hist, i, n)
    {
        uint64_t left = (uint64_t)json_integer_value(n);
        for (; left > 127; left >>= 7)
            sbuf_addc(out, (char)(left | 0x80));
        sbuf_addc(out, (char)left);
    }
}

static void check_hist(const struct tally *t, const json_t *expected)
{
    struct sbuf got = {0}, want = {0};
    struct pairs buckets = {json_object_get(expected, "core_buckets"), 0};
    pack_expected(json_object_get(expected, "hist"), &want);
    hist_pack_pairs(&t->hist, &got);
    assert_int_equal(got.len, want.len);
    if (want.len)
        assert_memory_equal(got.data, want.data, want.len);
    sbuf_fini(&got);
    sbuf_fini(&want);
    report_locust_buckets(&t->hist, next_pair, &buckets);
}

static void check(const struct tally *t, const struct stats *s, const json_t *expected)
{
    size_t i;
    json_t *pair;
    same(expected, "count", (double)t->requests);
    same(expected, "failed", (double)t->failures);
    same(expected, "none", (double)t->none_requests);
    same(expected, "mean_ms", tally_mean_ms(t));
    same(expected, "total_rps", tally_total_rps(t, s));
    same(expected, "total_fail_rps", tally_total_fail_rps(t, s));
    same(expected, "current_rps", tally_current_rps(t, s));
    same(expected, "current_fail_rps", tally_current_fail_rps(t, s));
    json_array_foreach(json_object_get(expected, "quantiles_ms"), i, pair)
    {
        double q = json_number_value(json_array_get(pair, 0));
        double want = json_number_value(json_array_get(pair, 1)), got = tally_quantile_ms(t, q);
        if (!(got >= want && got <= want))
            fail_msg("quantile %g: got %.17g, want %.17g", q, got, want);
    }
    check_hist(t, expected);
}

static void test_the_core_agrees(void **state)
{
    json_error_t error;
    json_t *all = json_load_file("tests/vectors/statistics.json", 0, &error), *each;
    size_t i;
    (void)state;
    assert_non_null(all);
    json_array_foreach(all, i, each)
    {
        struct stats s;
        print_message("%s\n", json_string_value(json_object_get(each, "name")));
        read_samples(&s, each);
        check(s.rows, &s, json_object_get(each, "expected"));
        check(&s.total, &s, json_object_get(each, "expected"));
        stats_fini(&s);
    }
    assert_true(i >= 10);
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_core_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
