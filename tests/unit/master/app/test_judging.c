// SPDX-License-Identifier: MIT
/* What comes of a run's figures: the exit code, the words for it, and what the API tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/run/exit_code.h"
#include "tests/unit/master_bench.h"
#include <jansson.h>

static struct bench *new_judge(const char *threshold)
{
    struct bench *b = new_bench();
    char *why = NULL;
    b->m.live.check_fail_ratio = b->m.live.check_rps = b->m.live.check_avg_response_time = -1;
    if (threshold) {
        assert_int_equal(threshold_list_text(&b->m.gates.given, threshold, "--threshold", &why), 0);
        gates_settle(&b->m);
    }
    judging_begin(&b->m);
    return b;
}

static void free_judge(struct bench *b)
{
    gates_fini(&b->m);
    free_bench(b);
}

static void request(struct bench *b, unsigned ms, bool is_failed)
{
    struct stats *s = &b->m.record.stats;
    struct tally *row = stats_row(s, "GET", 3, "/", 1);
    stats_add(s, row, s->started_at + 1, ms * 1000u, 10);
    if (is_failed)
        stats_add_failure(s, row, s->started_at + 1, "no", 2);
}

static void lose_a_worker(struct bench *b)
{
    losses_add(&b->m.record.losses, "w", 10, 12, 1);
}

static void expect_reasons(const struct bench *b, const char *want)
{
    char *reasons = judging_reasons(&b->m);
    assert_string_equal(reasons ? reasons : "", want);
    free(reasons);
}

static void without_a_judgement_the_code_stays(void **state)
{
    (void)state;
    struct bench *b = new_judge(NULL);
    request(b, 100, true);
    assert_int_equal(judging_code(&b->m, 1), 1);
    expect_reasons(b, "");
    lose_a_worker(b); /* nobody asked */
    assert_int_equal(judging_code(&b->m, 0), 0);
    expect_reasons(b, "");
    free_judge(b);
}

static void checks_of_the_plug_in_decide(void **state)
{
    (void)state;
    struct bench *b = new_judge(NULL);
    b->m.live.check_fail_ratio = 0.4;
    b->m.live.check_avg_response_time = 150;
    request(b, 100, false);
    request(b, 100, false);
    request(b, 100, true);
    assert_true(judging_forgives_failures(&b->m));
    assert_int_equal(judging_code(&b->m, 0), 0);
    assert_false(judging_says(&b->m, EXIT_CHECKS));
    request(b, 900, false);
    assert_int_equal(judging_code(&b->m, 0), EXIT_CHECKS);
    assert_true(judging_says(&b->m, EXIT_CHECKS));
    assert_false(judging_says(&b->m, 7)); /* that is the user's own */
    expect_reasons(b, "1 check failed; 1 request failed");
    free_judge(b);
}

static void the_worst_reason_is_the_code(void **state)
{
    (void)state;
    struct bench *b = new_judge(NULL);
    b->m.machine.is_teardown_failed = true;
    assert_int_equal(judging_code(&b->m, 1), EXIT_TEARDOWN);
    b->m.live.check_avg_response_time = 1;
    request(b, 100, false);
    assert_int_equal(judging_code(&b->m, 1), EXIT_CHECKS);
    b->m.live.fail_on_invalid = true;
    assert_int_equal(judging_code(&b->m, 1), EXIT_CHECKS);
    lose_a_worker(b);
    assert_int_equal(judging_code(&b->m, 1), EXIT_INVALID);
    expect_reasons(b, "measurement not valid; 1 check failed; teardown failed");
    b->m.live.is_locust = true; /* it has no such codes */
    assert_int_equal(judging_code(&b->m, 1), EXIT_FAILED);
    free_judge(b);
}

static void a_threshold_without_figures_fails(void **state)
{
    (void)state;
    struct bench *b = new_judge("p95 < 300ms");
    b->m.machine.run.number = 1;
    b->m.machine.run.state = RUN_STOPPED;
    b->m.machine.run.started_at = b->m.machine.run.ended_at = master_now().unix_time;
    assert_int_equal(judging_code(&b->m, 0), EXIT_THRESHOLDS);
    expect_reasons(b, "1 threshold without data");
    struct sbuf lines = {0}, written = {0};
    judging_lines(&b->m, &lines);
    assert_non_null(strstr(lines.data, "p95 < 300ms"));
    judging_write(&b->m, &written);
    json_t *told = json_loads(written.data, 0, NULL);
    assert_non_null(told);
    assert_true(json_is_true(json_object_get(told, "over")));
    assert_false(json_is_true(json_object_get(told, "passed")));
    assert_true(json_is_true(json_object_get(told, "valid")));
    assert_int_equal(json_integer_value(json_object_get(told, "failed")), 1);
    assert_int_equal(json_array_size(json_object_get(told, "thresholds")), 1);
    json_decref(told);
    sbuf_fini(&lines);
    sbuf_fini(&written);
    free_judge(b);
}

static void what_is_not_valid_is_told_with_its_seconds(void **state)
{
    (void)state;
    struct bench *b = new_judge(NULL);
    struct sbuf lines = {0}, written = {0};
    lose_a_worker(b);
    judging_lines(&b->m, &lines);
    assert_non_null(strstr(lines.data, "not valid: worker w, from "));
    judging_write(&b->m, &written);
    json_t *told = json_loads(written.data, 0, NULL);
    const json_t *span = json_array_get(json_object_get(told, "invalid"), 0);
    assert_true(json_number_value(json_array_get(span, 0)) == 10);
    assert_string_equal(json_string_value(json_array_get(span, 3)), "w");
    assert_string_equal(json_string_value(json_array_get(span, 4)), "lost");
    assert_false(json_is_true(json_object_get(told, "valid")));
    json_decref(told);
    sbuf_fini(&lines);
    sbuf_fini(&written);
    free_judge(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_judgement_the_code_stays),
        cmocka_unit_test(checks_of_the_plug_in_decide),
        cmocka_unit_test(the_worst_reason_is_the_code),
        cmocka_unit_test(a_threshold_without_figures_fails),
        cmocka_unit_test(what_is_not_valid_is_told_with_its_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
