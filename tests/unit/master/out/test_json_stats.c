// SPDX-License-Identifier: MIT
/* --json: the same text as stock Locust's where both measure the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/golden_stats.h"
#include "master/out/json_stats.h"
#include <jansson.h>

static void json_is_that_of_locust(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    golden_load(&s);
    json_stats(&s, &b);
    golden_compare(&b, "stats.json");
    json_stats(&s, &b); /* and printing it twice gives it twice: nothing was reset */
    golden_compare(&b, "stats.json");
    stats_fini(&s);
}

static void an_empty_run_is_an_empty_list(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    stats_row(&s, "GET", 3, "/", 1); /* a row without samples is left out */
    json_stats(&s, &b);
    assert_string_equal(b.data, "[]");
    sbuf_fini(&b);
    stats_fini(&s);
}

static void times_fall_into_locusts_buckets(void **state)
{
    (void)state;
    static const struct {
        uint64_t us;
        const char *bucket;
    } cases[] = {
        {400, "0"},        {1400, "1"},       {99400, "99"},      {99600, "100"},
        {104000, "100"},   {116000, "120"},   {994000, "990"},    {996000, "1000"},
        {1040000, "1000"}, {1060000, "1100"}, {9960000, "10000"}, {58760000, "59000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stats s;
        struct sbuf b = {0};
        stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
        struct tally *row = stats_row(&s, "GET", 3, "/", 1);
        stats_add(&s, row, GOLDEN_START, cases[i].us, 0);
        stats_add(&s, row, GOLDEN_START, cases[i].us, 0);
        json_stats(&s, &b);
        json_t *j = json_loads(b.data, 0, NULL);
        json_t *times = json_object_get(json_array_get(j, 0), "response_times");
        assert_int_equal(json_object_size(times), 1);
        if (json_integer_value(json_object_get(times, cases[i].bucket)) != 2)
            fail_msg("%llu us: want bucket %s, got %s", (unsigned long long)cases[i].us,
                     cases[i].bucket, json_object_iter_key(json_object_iter(times)));
        json_decref(j);
        sbuf_fini(&b);
        stats_fini(&s);
    }
}

static void any_name_is_valid_json(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    static const char name[] = "/\"\\\n\x01 \xc3\xa9";
    struct tally *row = stats_row(&s, "GET", 3, name, sizeof name - 1);
    stats_add(&s, row, GOLDEN_START, STATS_NO_TIME, 0);
    json_stats(&s, &b);
    json_t *j = json_loads(b.data, 0, NULL), *entry = json_array_get(j, 0);
    assert_string_equal(json_string_value(json_object_get(entry, "name")), name);
    assert_true(json_is_null(json_object_get(entry, "min_response_time")));
    assert_int_equal(json_integer_value(json_object_get(entry, "num_none_requests")), 1);
    json_decref(j);
    sbuf_fini(&b);
    stats_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_that_of_locust),
        cmocka_unit_test(an_empty_run_is_an_empty_list),
        cmocka_unit_test(times_fall_into_locusts_buckets),
        cmocka_unit_test(any_name_is_valid_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
