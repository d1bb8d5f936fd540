// SPDX-License-Identifier: MIT
#include "master/proto/proto_in.h"
#include "master/data/samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct samples *s, const char *name, const char *error, double time_ms, int number)
{
    struct sample_in in = {.is_failed = error != NULL,
                           .method = (char *)(uintptr_t) "GET",
                           .name = (char *)(uintptr_t)name,
                           .error = (char *)(uintptr_t)error,
                           .time_ms = time_ms};
    sbuf_addf(&in.json, "{\"n\":%d}", number);
    samples_add(s, "w", &in);
    sbuf_fini(&in.json);
}

static const char *written(const struct samples *s, const char *name, const char *error)
{
    static char text[4096];
    struct sbuf out = {0};
    samples_write(s, "GET", name, error, &out);
    snprintf(text, sizeof text, "%s", out.data);
    sbuf_fini(&out);
    return text;
}

static void test_the_newest_failures_and_the_slowest_requests_stay(void **state)
{
    (void)state;
    struct samples *s = samples_new(SAMPLES_BYTES);
    for (int i = 1; i <= 7; i++)
        add(s, "/", "boom", i, i);
    for (int i = 1; i <= 12; i++)
        add(s, "/", NULL, i % 2 ? i : 100 - i, i);
    assert_int_equal(samples_count(s, "GET", "/", "boom"), SAMPLES_PER_FAILURE);
    assert_int_equal(samples_count(s, "GET", "/", NULL), SAMPLES_PER_ROW);
    assert_string_equal(written(s, "/", "boom"),
                        "{\"samples\":[{\"n\":7,\"worker\":\"w\"},{\"n\":6,\"worker\":\"w\"},"
                        "{\"n\":5,\"worker\":\"w\"},{\"n\":4,\"worker\":\"w\"},"
                        "{\"n\":3,\"worker\":\"w\"}]}\n");
    const char *slow = written(s, "/", NULL);
    assert_non_null(strstr(slow, "[{\"n\":2,")); /* 98 ms */
    assert_null(strstr(slow, "\"n\":1,"));
    assert_string_equal(written(s, "/other", NULL), "{\"samples\":[]}\n");
    assert_string_equal(written(s, "/", ""), "{\"samples\":[]}\n");
    samples_clear(s);
    assert_int_equal(samples_count(s, "GET", "/", "boom"), 0);
    samples_free(s);
}

static void test_all_of_them_as_many_as_fit_the_freshest_first(void **state)
{
    (void)state;
    struct samples *s = samples_new(SAMPLES_BYTES);
    struct sbuf out = {0};
    samples_write_all(s, 1000, &out);
    assert_string_equal(out.data, "{\"kinds\":[],\"left_out\":0}");
    add(s, "/a", "boom", 1, 1);
    add(s, "/b", NULL, 1, 2);
    out.len = 0;
    samples_write_all(s, 1000, &out);
    assert_string_equal(out.data, "{\"kinds\":[[\"GET\",\"/b\",null,[{\"n\":2,\"worker\":\"w\"}]],"
                                  "[\"GET\",\"/a\",\"boom\",[{\"n\":1,\"worker\":\"w\"}]]],"
                                  "\"left_out\":0}");
    out.len = 0;
    samples_write_all(s, 60, &out);
    assert_string_equal(out.data, "{\"kinds\":[[\"GET\",\"/b\",null,[{\"n\":2,\"worker\":\"w\"}]]],"
                                  "\"left_out\":1}");
    sbuf_fini(&out);
    samples_free(s);
}

static void test_memory_is_bounded_and_the_fresh_stays(void **state)
{
    (void)state;
    struct samples *s = samples_new(20000);
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "/%d", i);
        add(s, name, "boom", i, i);
        add(s, "/often", NULL, i, i);
    }
    assert_int_equal(samples_count(s, "GET", "/0", "boom"), 0);
    assert_int_equal(samples_count(s, "GET", "/999", "boom"), 1);
    assert_int_equal(samples_count(s, "GET", "/often", NULL), SAMPLES_PER_ROW);
    samples_free(s);
}

/* ---- what comes by the wire ------------------------------------------------------------------ */

struct seen {
    int samples, lines;
    char json[512];
};

static void see_sample(void *arg, struct sample_in *in)
{
    struct seen *seen = arg;
    seen->samples++;
    snprintf(seen->json, sizeof seen->json, "%s", in->json.data);
}

static void see_line(void *arg, const struct line_in *line)
{
    struct seen *seen = arg;
    seen->lines++;
    snprintf(seen->json, sizeof seen->json, "%.0f %s %s %s", line->at, line->level, line->logger,
             line->text);
}

#define SLICE(text)                                                                                \
    (struct slice)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static void test_samples_of_the_wire(void **state)
{
    (void)state;
    struct seen seen = {0};
    /* {"run": "r", "samples": bin of [{kind, method, name, error, time_ms, x}]} */
#define SAMPLE                                                                                     \
    "\x91\x86\xa4kind\xa6"                                                                         \
    "failed\xa6method\xa3GET\xa4name\xa1/\xa5"                                                     \
    "error\xa2<\xff\xa7time_ms\x05\xa1x\xcb\x7f\xf8\0\0\0\0\0\0"
    const char good[] = "\x82\xa3run\xa1r\xa7samples\xc4\x3d" SAMPLE;
    assert_true(proto_samples(SLICE(good), "r", see_sample, &seen));
    assert_int_equal(seen.samples, 1);
    assert_string_equal(seen.json, "{\"kind\":\"failed\",\"method\":\"GET\",\"name\":\"/\","
                                   "\"error\":\"<\\ufffd\",\"time_ms\":5,\"x\":null}");
    assert_true(proto_samples(SLICE(good), "another run", see_sample, &seen));
    assert_int_equal(seen.samples, 1);
    for (size_t len = 0; len < sizeof good - 1; len++)
        assert_false(proto_samples((struct slice){good, len}, "r", see_sample, &seen));
    assert_false(proto_samples(SLICE("\x05"), "r", see_sample, &seen));
    assert_false(proto_samples(SLICE("\x81\xa7samples\xc4\x05\xdd\xff\xff\xff\xff"), "r",
                               see_sample, &seen));
    assert_int_equal(seen.samples, 1);
}

static void test_lines_and_answers_of_the_wire(void **state)
{
    (void)state;
    struct seen seen = {0};
    uint64_t dropped = 0;
    assert_true(proto_lines(SLICE("\x82\xa7"
                                  "dropped\x07\xa5lines\x92\x94\x05\xa4INFO\xa1"
                                  "a\xa1t\x91\x05"),
                            &dropped, see_line, &seen));
    assert_int_equal(dropped, 7);
    assert_int_equal(seen.lines, 1);
    assert_string_equal(seen.json, "5 INFO a t");
    assert_false(proto_lines(SLICE("\x81\xa5lines\x05"), &dropped, see_line, &seen));
    struct message_answer a;
    assert_true(proto_answer(SLICE("\x82\xa2id\x03\xa6result\x81\xa1"
                                   "a\x91\xc3"),
                             &a));
    assert_int_equal(a.id, 3);
    assert_null(a.error);
    assert_string_equal(a.result, "{\"a\":[true]}");
    answer_fini(&a);
    assert_true(proto_answer(SLICE("\x83\xa2id\x03\xa5"
                                   "error\xa3why\xa5"
                                   "field\xa1"
                                   "f"),
                             &a));
    assert_string_equal(a.error, "why");
    assert_string_equal(a.field, "f");
    answer_fini(&a);
    assert_false(proto_answer(SLICE("\x81\xa5"
                                    "error\xa3why"),
                              &a));
    answer_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_failures_and_the_slowest_requests_stay),
        cmocka_unit_test(test_all_of_them_as_many_as_fit_the_freshest_first),
        cmocka_unit_test(test_memory_is_bounded_and_the_fresh_stays),
        cmocka_unit_test(test_samples_of_the_wire),
        cmocka_unit_test(test_lines_and_answers_of_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
