// SPDX-License-Identifier: MIT
/* What a run's figures say of its thresholds: at the exact boundaries, without data, in the middle
 * of a run. Windows are in test_windows.c. */
#include "tests/unit/verdict_story.h"
#include <jansson.h>

/* A million samples, of which exactly as many as p95 allows are slower. */
static void a_gate_is_exact_at_its_rank(void **state)
{
    (void)state;
    static const char *const texts[] = {"p95 < 100ms",  "p95 <= 100ms",    "p(99.9) < 200ms",
                                        "max <= 200ms", "min >= 99.999ms", "med == 100ms"};
    struct story *s = begin(texts, 6);
    add(s, 0, 1, 950000, 100000, 0);
    add(s, 0, 1, 50000, 200000, 0);
    tell(s, 1);
    assert_int_equal(state_of(s, 0), VERDICT_FAIL); /* 100 is not below 100 */
    assert_int_equal(state_of(s, 2), VERDICT_FAIL);
    assert_int_equal(state_of(s, 3), VERDICT_PASS);
    assert_int_equal(state_of(s, 4), VERDICT_PASS);
    assert_int_equal(state_of(s, 1), VERDICT_PASS); /* but at most that */
    assert_int_equal(state_of(s, 5), VERDICT_PASS);
    const double p95 = verdict_result(s->v, 0).value;
    assert_true(p95 >= 100 && p95 <= 100); /* the limit is in its bucket */
    add(s, 1, 1, 1, 200000, 0);            /* now one more is slower than p95 allows */
    tell(s, 2);
    assert_true(verdict_result(s->v, 1).value > 190);
    assert_int_equal(state_of(s, 1), VERDICT_FAIL);
    end(s);
}

static void a_ratio_is_compared_as_counts(void **state)
{
    (void)state;
    static const char *const texts[] = {"fail_ratio < 1%",         "fail_ratio <= 1%",
                                        "fail_ratio <= 0.01",      "fail_ratio == 1%",
                                        "fail_ratio < 1.0000001%", "http_req_failed: rate<=1e-2"};
    struct story *s = begin(texts, 6);
    add(s, 0, 1, 700, 1000, 7); /* 7/700: 0.01 is not what a division says */
    tell(s, 1);
    assert_int_equal(state_of(s, 0), VERDICT_FAIL);
    for (size_t i = 1; i < 6; i++)
        assert_int_equal(state_of(s, i), VERDICT_PASS);
    add(s, 1, 1, 1, 1000, 1);
    tell(s, 2);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(state_of(s, i), VERDICT_FAIL);
    end(s);
}

static void without_data_there_is_no_pass(void **state)
{
    (void)state;
    static const char *const texts[] = {"p95 of 'GET /crat' < 300ms",
                                        "p95 of nothing_like_it < 300ms",
                                        "avg of 'POST /pay' < 300ms, no_data=pass",
                                        "count of 'GET /cart' >= 0",
                                        "fails of 'PUT /*' < 3",
                                        "count > 0",
                                        "p95 < 1s over 30s",
                                        "p95 < 1s, min_samples=50",
                                        "p95 < 1s, warmup=60s",
                                        "rate of checkout_errors < 1%, no_data=warn"};
    struct story *s = begin(texts, 10);
    add(s, 0, 1, 10, 1000, 0);
    tell(s, 5);
    assert_int_equal(state_of(s, 0), VERDICT_NOT_YET);
    finish(s);
    static const enum verdict_state states[] = {
        VERDICT_NO_DATA, VERDICT_NO_DATA, VERDICT_NO_DATA, VERDICT_PASS,    VERDICT_NO_DATA,
        VERDICT_PASS,    VERDICT_NO_DATA, VERDICT_NO_DATA, VERDICT_NO_DATA, VERDICT_NO_DATA};
    for (size_t i = 0; i < 10; i++)
        if (state_of(s, i) != states[i])
            fail_msg("%s: %s", texts[i], verdict_state_name(state_of(s, i)));
    assert_string_equal(verdict_result(s->v, 0).why,
                        "no row 'GET /crat'; did you mean 'GET /cart'?");
    assert_non_null(strstr(verdict_result(s->v, 1).why, "no metric nothing_like_it"));
    assert_non_null(strstr(verdict_result(s->v, 6).why, "shorter than the window"));
    assert_non_null(strstr(verdict_result(s->v, 7).why, "fewer than 50 samples"));
    assert_non_null(strstr(verdict_result(s->v, 8).why, "warm-up"));
    assert_int_equal(verdict_failed(s->v), 6);
    end(s);
}

static void before_the_first_answer_nothing_is_too_few(void **state)
{
    (void)state;
    static const char *const texts[] = {"rps > 1, stop", "count of 'GET /cart' >= 5",
                                        "rps > 1 for 2s", "fails < 1", "count of 'POST /pay' > 0"};
    struct story *s = begin(texts, 5);
    tell(s, 3);
    assert_int_equal(verdict_stops(s->v), -1);
    assert_int_equal(state_of(s, 0), VERDICT_NOT_YET);
    assert_int_equal(state_of(s, 1), VERDICT_NOT_YET);
    assert_int_equal(state_of(s, 2), VERDICT_FAIL);
    assert_int_equal(state_of(s, 3), VERDICT_PASS);
    add(s, 3, 1, 60, 1000, 0);
    tell(s, 4);
    assert_int_equal(state_of(s, 0), VERDICT_PASS);
    assert_int_equal(state_of(s, 1), VERDICT_PASS);
    finish(s);
    assert_int_equal(state_of(s, 4), VERDICT_FAIL);
    assert_int_equal(verdict_result(s->v, 4).failed_at, BEGIN + 3);
    end(s);
}

/* Users that are being stopped are not too few of them. */
static void levels_are_judged_while_there_is_load(void **state)
{
    (void)state;
    static const char *const texts[] = {"users >= 3", "vus: value>0", "vus_max: value>2"};
    struct story *s = begin(texts, 3);
    s->users = 3;
    tell(s, 3);
    verdict_tail(s->v, BEGIN + 3.5);
    s->users = 0;
    tell(s, 5);
    finish(s);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(state_of(s, i), VERDICT_PASS);
        assert_true(verdict_result(s->v, i).value > 2.9);
    }
    end(s);
}

/* A test that is over within its first second had users, too. */
static void a_level_of_a_tail_alone_is_judged(void **state)
{
    (void)state;
    static const char *const texts[] = {"users >= 0", "users >= 3"};
    struct story *s = begin(texts, 2);
    s->users = 2;
    verdict_tail(s->v, BEGIN + 0.5);
    tell(s, 1);
    s->users = 0;
    tell(s, 2);
    finish(s);
    assert_int_equal(state_of(s, 0), VERDICT_PASS);
    assert_int_equal(state_of(s, 1), VERDICT_FAIL);
    assert_true(verdict_result(s->v, 1).value == 2);
    end(s);
}

static void warm_up_and_reset_move_the_begin(void **state)
{
    (void)state;
    static const char *const texts[] = {"max < 300ms, warmup=3s", "max < 300ms"};
    struct story *s = begin(texts, 2);
    add(s, 0, 1, 1, 500000, 0);
    add(s, 2, 1, 1, 500000, 0);
    for (int i = 3; i < 20; i++)
        add(s, i, 1, 1, 1000, 0);
    tell(s, 6);
    assert_int_equal(state_of(s, 0), VERDICT_PASS);
    assert_int_equal(state_of(s, 1), VERDICT_FAIL);
    verdict_begin(s->v, BEGIN + 6, 0);
    verdict_row(s->v, 1, "GET", "/cart");
    assert_int_equal(state_of(s, 1), VERDICT_NOT_YET);
    tell(s, 10);
    assert_int_equal(state_of(s, 1), VERDICT_PASS);
    assert_int_equal(verdict_result(s->v, 1).failed_at, 0);
    end(s);
}

static void a_cumulative_one_recovers_unless_it_stopped_the_test(void **state)
{
    (void)state;
    static const char *const texts[] = {"fail_ratio < 50%", "fail_ratio < 50%, stop",
                                        "fail_ratio < 50%, stop, after=3s"};
    struct story *s = begin(texts, 3);
    add(s, 0, 1, 10, 1000, 10);
    for (int i = 1; i < 10; i++)
        add(s, i, 1, 100, 1000, 0);
    tell(s, 1);
    assert_int_equal(verdict_turned(s->v), 0);
    assert_int_equal(verdict_stops(s->v), 1);
    assert_int_equal(verdict_stops(s->v), -1); /* once */
    tell(s, 10);
    finish(s);
    assert_int_equal(state_of(s, 0), VERDICT_PASS);
    assert_int_equal(verdict_result(s->v, 0).failed_at, BEGIN);
    assert_int_equal(state_of(s, 1), VERDICT_FAIL);
    assert_int_equal(state_of(s, 2), VERDICT_PASS);
    assert_int_equal(verdict_failed(s->v), 1);
    end(s);
}

static void after_counts_from_the_begin_and_is_strict(void **state)
{
    (void)state;
    static const char *const texts[] = {"fail_ratio < 50%, stop, after=3s"};
    struct story *s = begin(texts, 1);
    for (int i = 0; i < 10; i++)
        add(s, i, 1, 10, 1000, 10);
    tell(s, 3);
    assert_int_equal(verdict_stops(s->v), -1);
    tell(s, 4);
    assert_int_equal(verdict_stops(s->v), 0);
    end(s);
}

static void what_is_not_valid_is_said(void **state)
{
    (void)state;
    static const char *const texts[] = {"max < 300ms", "max < 300ms within 2s", "max > 0.001ms"};
    struct story *s = begin(texts, 3);
    s->invalid_from = BEGIN + 4;
    s->invalid_to = BEGIN + 6;
    for (int i = 0; i < 10; i++)
        add(s, i, 1, 10, i == 8 ? 500000 : 1000, 0);
    tell(s, 4);
    assert_true(verdict_result(s->v, 0).is_valid);
    tell(s, 10);
    finish(s);
    assert_false(verdict_result(s->v, 0).is_valid);
    assert_true(verdict_result(s->v, 1).is_valid); /* it failed in seconds 7 and 8 */
    assert_false(verdict_result(s->v, 2).is_valid);
    struct sbuf line = {0};
    const struct verdict_result r = verdict_result(s->v, 0);
    verdict_line(&r, 0, &line);
    assert_string_equal(line.data, "THRESHOLD fail max < 300ms: 500.0ms (n=100) first at 22:13:28 "
                                   "(measurement not valid)");
    sbuf_fini(&line);
    end(s);
}

static void metrics_of_the_script_are_judged_by_their_kind(void **state)
{
    (void)state;
    static const char *const texts[] = {"rate of checkout < 0.5%", "value of checkout < 3",
                                        "count of checkout >= 1000", "users >= 5",
                                        "users >= 7 within 2s"};
    struct story *s = begin(texts, 5);
    s->has_metric = true;
    s->users = 6;
    s->metric = (struct verdict_metric){
        .kind = VERDICT_RATE, .count = 1000, .hits = 5, .scale = 1, .factor = 1};
    tell(s, 3);
    finish(s);
    assert_int_equal(state_of(s, 0), VERDICT_FAIL); /* 5 of 1000 are not below 0.5 % */
    assert_int_equal(state_of(s, 1), VERDICT_NO_DATA);
    assert_int_equal(state_of(s, 2), VERDICT_PASS);
    assert_int_equal(state_of(s, 3), VERDICT_PASS);
    assert_int_equal(state_of(s, 4), VERDICT_FAIL);
    end(s);
}

static void expect_shown(struct story *s, size_t index, const char *words)
{
    struct sbuf line = {0};
    const struct verdict_result r = verdict_result(s->v, index);
    verdict_line(&r, 0, &line);
    if (!strstr(line.data, words))
        fail_msg("'%s' is not in '%s'", words, line.data);
    sbuf_fini(&line);
}

static void values_of_the_script_have_the_unit_of_its_metric(void **state)
{
    (void)state;
    static const char *const texts[] = {"count of checkout > 1", "rate of checkout > 0.1",
                                        "value of checkout > 1", "avg of checkout > 1"};
    static const struct {
        size_t index;
        struct verdict_metric metric;
        const char *shown;
    } cases[] = {
        {0, {.kind = VERDICT_COUNTER, .count = 4, .sum = 12.5, .unit = "EUR"}, ": 12.5 EUR (n=4)"},
        {1, {.kind = VERDICT_COUNTER, .count = 4, .sum = 12, .unit = "EUR"}, ": 4 EUR/s (n=4)"},
        {1, {.kind = VERDICT_COUNTER, .count = 4, .sum = 12}, ": 4/s (n=4)"},
        {1, {.kind = VERDICT_RATE, .count = 4, .hits = 2, .unit = "EUR"}, ": 0.5 (n=4)"},
        {2, {.kind = VERDICT_GAUGE, .count = 4, .last = 7, .unit = "kg"}, ": 7 kg (n=4)"},
        {3, {.kind = VERDICT_TREND, .count = 4, .sum = 12, .unit = "EUR"}, ": 3 EUR (n=4)"},
        {3, {.kind = VERDICT_TREND, .count = 4, .sum = 12, .unit = "a\nb"}, ": 3 a?b (n=4)"},
        {3, {.kind = VERDICT_TREND, .count = 4, .sum = 12, .unit = "ms"}, ": 3ms (n=4)"},
        {3,
         {.kind = VERDICT_TREND, .count = 4, .sum = 12, .unit = "s", .factor = 1000},
         ": 3000ms (n=4)"},
        {0, {.kind = VERDICT_TREND, .count = 4, .sum = 12, .unit = "EUR"}, ": 4 (n=4)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct story *s = begin(texts, 4);
        s->has_metric = true;
        s->metric = cases[i].metric;
        s->metric.scale = 1;
        s->metric.factor = s->metric.factor > 0 ? s->metric.factor : 1;
        tell(s, 3);
        expect_shown(s, cases[i].index, cases[i].shown);
        struct sbuf json = {0};
        verdict_write(s->v, &json);
        json_t *list = json_loads(json.data, 0, NULL);
        assert_non_null(list);
        json_decref(list);
        sbuf_fini(&json);
        end(s);
    }
}

static void tags_that_nothing_has_are_no_pass_beside_those_that_something_has(void **state)
{
    (void)state;
    static const char *const texts[] = {"count of {tier:gold} > 3", "count of {tier:glod} < 9",
                                        "rps of {tier:silver} < 9", "p95 of {tier:glod} < 9s"};
    struct story *s = begin(texts, 4);
    s->has_metric = true;
    s->metric = (struct verdict_metric){
        .kind = VERDICT_RATE, .count = 4, .hits = 2, .scale = 1, .factor = 1};
    tell(s, 4);
    assert_string_equal(why_of(s, 0), "");
    assert_string_equal(why_of(s, 1),
                        "no requests with {tier:glod} yet; did you mean '{tier:gold}'?");
    finish(s);
    assert_int_equal(state_of(s, 0), VERDICT_PASS);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(state_of(s, i), VERDICT_NO_DATA);
    end(s);
}

static void arrivals_that_were_dropped_are_counted(void **state)
{
    (void)state;
    static const char *const texts[] = {"dropped < 1", "dropped_iterations: count<8",
                                        "dropped_iterations: rate<1", "dropped < 1 for 2s"};
    struct story *s = begin(texts, 4);
    tell(s, 1); /* no scenario: nothing is due */
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(state_of(s, i), VERDICT_PASS);
    s->has_metric = true;
    s->metric = (struct verdict_metric){
        .kind = VERDICT_COUNTER, .count = 2, .sum = 7, .scale = 1, .factor = 1};
    tell(s, 4);
    static const enum verdict_state wanted[] = {VERDICT_FAIL, VERDICT_PASS, VERDICT_FAIL,
                                                VERDICT_FAIL};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(state_of(s, i), wanted[i]);
    assert_true(verdict_result(s->v, 0).value > 6.9 && verdict_result(s->v, 0).value < 7.1);
    end(s);
}

static void a_name_begins_no_line_of_its_own(void **state)
{
    (void)state;
    static const char *const texts[] = {"count of '/x\r\n::error::y\x1b[2J' >= 0"};
    struct story *s = begin(texts, 1);
    struct sbuf line = {0};
    tell(s, 3);
    finish(s);
    sbuf_adds(&line, "before\n");
    const struct verdict_result r = verdict_result(s->v, 0);
    verdict_line(&r, 0, &line);
    assert_true(strchr(line.data + strlen("before\n"), '\n') == NULL);
    assert_null(strpbrk(line.data, "\r\x1b"));
    sbuf_fini(&line);
    end(s);
}

static void a_misspelt_row_is_told_while_the_run_is_on(void **state)
{
    (void)state;
    static const char *const texts[] = {"p95 of 'GET /crat' < 300ms", "p95 of 'GET /cart' < 1s",
                                        "rate of checkotu < 1", "p95 < 1s for 30s",
                                        "p95 of '/later' < 300ms, warmup=3s"};
    struct story *s = begin(texts, 5);
    add(s, 0, 1, 10, 1000, 0);
    tell(s, 1);
    assert_string_equal(why_of(s, 0), "");
    tell(s, 3);
    assert_string_equal(why_of(s, 0), "no row 'GET /crat' yet; did you mean 'GET /cart'?");
    assert_int_equal(state_of(s, 0), VERDICT_NOT_YET);
    assert_string_equal(why_of(s, 1), "");
    assert_non_null(strstr(why_of(s, 2), "no metric checkotu yet"));
    assert_string_equal(why_of(s, 3), "");
    assert_non_null(strstr(why_of(s, 4), "no row '/later' yet"));
    verdict_row(s->v, 3, "GET", "/crat");
    verdict_row(s->v, 3, "GET", "/later");
    tell(s, 5);
    assert_string_equal(why_of(s, 0), "");
    assert_string_equal(why_of(s, 4), "");
    end(s);
}

static void other_thresholds_in_a_run_keep_what_stays(void **state)
{
    (void)state;
    static const char *const texts[] = {"max < 300ms", "p95 < 1s"};
    struct story *s = begin(texts, 2);
    struct threshold_list l = {0};
    char *why = NULL;
    add(s, 0, 1, 1, 500000, 0);
    for (int i = 1; i < 10; i++)
        add(s, i, 1, 1, 1000, 0);
    tell(s, 2);
    assert_int_equal(threshold_list_text(&l, "count > 5", "page", &why), 0);
    assert_int_equal(threshold_list_text(&l, "max < 300ms", "page", &why), 0);
    verdict_set(s->v, &l);
    threshold_list_fini(&l);
    tell(s, 4);
    assert_int_equal(verdict_count(s->v), 2);
    assert_int_equal(state_of(s, 1), VERDICT_FAIL);
    assert_int_equal(verdict_result(s->v, 1).failed_at, BEGIN);
    end(s);
}

static void results_are_json(void **state)
{
    (void)state;
    static const char *const texts[] = {"cart \"fast\": p95 of 'GET /cart' < 300ms for 30s, stop",
                                        "fail_ratio < 1%", "p95 of 'x' < 3"};
    struct story *s = begin(texts, 3);
    struct sbuf out = {0};
    add(s, 0, 1, 10, 1000, 1);
    tell(s, 2);
    finish(s);
    verdict_write(s->v, &out);
    json_t *all = json_loads(out.data, 0, NULL);
    assert_int_equal(json_array_size(all), 3);
    const json_t *first = json_array_get(all, 0), *third = json_array_get(all, 2);
    assert_string_equal(json_string_value(json_object_get(first, "name")), "cart \"fast\"");
    assert_string_equal(json_string_value(json_object_get(first, "mode")), "for");
    assert_string_equal(json_string_value(json_object_get(third, "state")), "no data");
    assert_true(json_is_null(json_object_get(third, "value")));
    json_decref(all);
    sbuf_fini(&out);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gate_is_exact_at_its_rank),
        cmocka_unit_test(a_ratio_is_compared_as_counts),
        cmocka_unit_test(without_data_there_is_no_pass),
        cmocka_unit_test(before_the_first_answer_nothing_is_too_few),
        cmocka_unit_test(levels_are_judged_while_there_is_load),
        cmocka_unit_test(a_level_of_a_tail_alone_is_judged),
        cmocka_unit_test(warm_up_and_reset_move_the_begin),
        cmocka_unit_test(a_cumulative_one_recovers_unless_it_stopped_the_test),
        cmocka_unit_test(after_counts_from_the_begin_and_is_strict),
        cmocka_unit_test(what_is_not_valid_is_said),
        cmocka_unit_test(metrics_of_the_script_are_judged_by_their_kind),
        cmocka_unit_test(values_of_the_script_have_the_unit_of_its_metric),
        cmocka_unit_test(tags_that_nothing_has_are_no_pass_beside_those_that_something_has),
        cmocka_unit_test(arrivals_that_were_dropped_are_counted),
        cmocka_unit_test(a_name_begins_no_line_of_its_own),
        cmocka_unit_test(a_misspelt_row_is_told_while_the_run_is_on),
        cmocka_unit_test(other_thresholds_in_a_run_keep_what_stays),
        cmocka_unit_test(results_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
