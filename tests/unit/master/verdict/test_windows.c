// SPDX-License-Identifier: MIT
/* Thresholds that look at windows of a run: when they fail, and what is undecided. */
#include "tests/unit/verdict_story.h"

/* An outage of 10 s late in a run: windows see it, the whole run hardly does. */
static void an_outage_is_seen_by_windows_only(void **state)
{
    (void)state;
    static const char *const texts[] = {"p90 < 300ms",          "p95 of 'GET /cart' < 300ms for 5s",
                                        "p95 < 300ms for 20s",  "p95 < 300ms within 10s",
                                        "avg < 300ms over 30s", "fail_ratio < 5% for 3s"};
    struct story *s = begin(texts, 6);
    for (int i = 0; i < 110; i++) {
        const bool is_out = i >= 90 && i < 100;
        add(s, i, 1, 100, is_out ? 2000000 : 50000, is_out ? 100 : 0);
    }
    tell(s, 94);
    assert_int_equal(state_of(s, 1), VERDICT_PASS); /* four seconds of it */
    tell(s, 95);
    assert_int_equal(state_of(s, 1), VERDICT_FAIL);
    assert_int_equal(verdict_result(s->v, 1).failed_at, BEGIN + 94);
    tell(s, 110);
    finish(s);
    assert_int_equal(state_of(s, 0), VERDICT_PASS);
    assert_int_equal(state_of(s, 1), VERDICT_FAIL); /* also after it is over */
    assert_int_equal(state_of(s, 2), VERDICT_PASS);
    assert_int_equal(state_of(s, 3), VERDICT_FAIL);
    assert_int_equal(verdict_result(s->v, 3).failed_at, BEGIN + 90); /* 100 of 1000 are slow */
    assert_int_equal(state_of(s, 4), VERDICT_FAIL);
    assert_int_equal(state_of(s, 5), VERDICT_FAIL);
    assert_int_equal(verdict_failed(s->v), 4);
    end(s);
}

/* Ten seconds of nothing but failures in the ninth of ten minutes are 1.6 % of the run. */
static void an_outage_in_the_ninth_minute_is_forgiven_by_the_whole_run_only(void **state)
{
    (void)state;
    static const char *const texts[] = {"fail_ratio < 2%", "fail_ratio < 50% for 5s", "p95 < 300ms",
                                        "p95 < 300ms for 5s", "fail_ratio < 50% for 11s"};
    struct story *s = begin(texts, 5);
    for (int i = 0; i < 600; i++) {
        const bool is_out = i >= 500 && i < 510;
        add(s, i, 1, 20, is_out ? 10000000 : 50000, is_out ? 20 : 0);
    }
    tell(s, 504);
    assert_int_equal(verdict_failed(s->v), 0);
    tell(s, 505); /* five seconds of it are there */
    assert_int_equal(state_of(s, 1), VERDICT_FAIL);
    assert_int_equal(state_of(s, 3), VERDICT_FAIL);
    tell(s, 600);
    finish(s);
    assert_int_equal(state_of(s, 0), VERDICT_PASS);
    assert_int_equal(state_of(s, 2), VERDICT_PASS);
    assert_int_equal(state_of(s, 4), VERDICT_PASS);
    assert_int_equal(verdict_failed(s->v), 2);
    assert_int_equal(verdict_result(s->v, 1).failed_at, BEGIN + 504);
    end(s);
}

/* What comes of users that are being ended decides no window; what was decided stays. */
static void a_stop_in_the_middle_of_a_window_leaves_it_undecided(void **state)
{
    (void)state;
    static const char *const texts[] = {"max < 300ms for 5s",   "max < 300ms for 3s, stop",
                                        "max < 300ms over 20s", "fail_ratio < 50% within 9s",
                                        "count > 150",          "max < 300ms for 30s"};
    struct story *s = begin(texts, 6);
    for (int i = 0; i < 20; i++)
        add(s, i, 1, 10, i >= 10 ? 500000 : 50000, i >= 13 ? 10 : 0);
    tell(s, 13); /* three slow seconds, then the button */
    assert_int_equal(verdict_stops(s->v), 1);
    verdict_tail(s->v, BEGIN + 13);
    tell(s, 20);
    finish(s);
    assert_int_equal(state_of(s, 0), VERDICT_PASS);
    assert_int_equal(state_of(s, 1), VERDICT_FAIL);
    assert_int_equal(state_of(s, 2), VERDICT_NO_DATA); /* there never were 20 s of load */
    assert_int_equal(state_of(s, 3), VERDICT_PASS);
    assert_int_equal(state_of(s, 4), VERDICT_PASS); /* they count all the same */
    assert_int_equal(state_of(s, 5), VERDICT_PASS); /* ten seconds held: 30 bad ones were not */
    end(s);
}

static void a_second_without_samples_neither_extends_nor_resets(void **state)
{
    (void)state;
    static const char *const texts[] = {"p95 < 300ms for 3s", "rps > 5 for 3s"};
    struct story *s = begin(texts, 2);
    add(s, 0, 1, 1, 500000, 0);
    add(s, 1, 1, 1, 500000, 0);
    tell(s, 8);
    assert_int_equal(state_of(s, 0), VERDICT_NOT_YET); /* two of three, and no good one */
    assert_int_equal(state_of(s, 1), VERDICT_FAIL);    /* none at all is few enough */
    add(s, 8, 1, 1, 500000, 0);
    tell(s, 9);
    assert_int_equal(state_of(s, 0), VERDICT_FAIL);
    end(s);
}

/* Too few bad seconds for a `for`: what is shown holds, as the state says; with no good one at all
 * there is nothing to say yet. */
static void what_a_window_shows_agrees_with_its_state(void **state)
{
    (void)state;
    static const char *const texts[] = {"max < 300ms for 2s", "max < 300ms for 3s"};
    struct story *s = begin(texts, 2);
    add(s, 0, 1, 3, 50000, 0);
    add(s, 1, 1, 7, 500000, 0);
    tell(s, 2);
    struct verdict_result r = verdict_result(s->v, 0);
    assert_int_equal(r.state, VERDICT_PASS);
    assert_true(r.value < 51 && r.n == 3);
    assert_true(r.spark[1] > 499);
    add(s, 2, 1, 8, 600000, 0);
    tell(s, 3);
    r = verdict_result(s->v, 0);
    assert_int_equal(r.state, VERDICT_FAIL);
    assert_true(r.value > 599 && r.n == 8);
    finish(s);
    assert_int_equal(state_of(s, 1), VERDICT_PASS);
    assert_true(verdict_result(s->v, 1).value < 51);
    end(s);
}

static void a_window_without_a_good_second_is_not_decided_before_it_is_full(void **state)
{
    (void)state;
    static const char *const texts[] = {"max < 300ms for 5s"};
    struct story *s = begin(texts, 1);
    for (int i = 0; i < 9; i += 3)
        add(s, i, 1, 1, 500000, 0);
    tell(s, 9);
    assert_int_equal(state_of(s, 0), VERDICT_NOT_YET);
    assert_true(verdict_result(s->v, 0).value > 499);
    finish(s);
    assert_int_equal(state_of(s, 0), VERDICT_NO_DATA);
    assert_string_equal(verdict_result(s->v, 0).why,
                        "only 3 seconds had something to judge, and each violates it");
    end(s);
}

/* The mean of a window is that of its requests, not of its seconds. */
/* Each second of it had too few for the percentile, and each violated: that is one verdict. */
static void a_for_that_failed_is_not_called_too_few_as_well(void **state)
{
    (void)state;
    static const char *const texts[] = {"p95 < 300ms for 5s", "p95 < 300ms for 20s", "p95 < 300ms",
                                        "p95 < 900ms for 5s"};
    struct story *s = begin(texts, 4);
    for (int i = 0; i < 6; i++)
        add(s, i, 1, 2, 500000, 0);
    tell(s, 6);
    finish(s);
    struct verdict_result r = verdict_result(s->v, 0);
    assert_int_equal(r.state, VERDICT_FAIL);
    assert_string_equal(r.why, "");
    r = verdict_result(s->v, 1);
    assert_int_equal(r.state, VERDICT_NO_DATA);
    assert_string_equal(r.why, "the run was shorter than the window");
    r = verdict_result(s->v, 2); /* of the whole run it is the slowest of 12 */
    assert_int_equal(r.state, VERDICT_FAIL);
    assert_string_equal(r.why, "too few samples for p95: 12, and it takes 20");
    r = verdict_result(s->v, 3);
    assert_int_equal(r.state, VERDICT_PASS);
    assert_string_equal(r.why, "too few samples for p95: 2, and it takes 20");
    end(s);
}

static void a_window_is_merged_and_not_averaged(void **state)
{
    (void)state;
    static const char *const texts[] = {"avg < 200ms within 2s", "p50 < 200ms over 2s"};
    struct story *s = begin(texts, 2);
    add(s, 0, 1, 999, 100000, 0);
    add(s, 1, 1, 1, 10000000, 0);
    tell(s, 2);
    assert_int_equal(state_of(s, 0), VERDICT_PASS);
    assert_int_equal(state_of(s, 1), VERDICT_PASS);
    assert_true(verdict_result(s->v, 0).value < 110);
    end(s);
}

static void a_short_run_of_nothing_but_violations_is_no_pass(void **state)
{
    (void)state;
    static const char *const texts[] = {"p95 < 300ms for 30s"};
    struct story *s = begin(texts, 1);
    for (int i = 0; i < 10; i++)
        add(s, i, 1, 1, 500000, 0);
    tell(s, 10);
    finish(s);
    assert_int_equal(state_of(s, 0), VERDICT_NO_DATA);
    end(s);
}

static void what_comes_no_more_is_none_a_second(void **state)
{
    (void)state;
    static const char *const texts[] = {"rps of {tier:gold} > 1 for 2s",
                                        "rate of checkout > 1 for 2s", "rate of checkout{a:b} > 1",
                                        "fail_ratio of {tier:gold} < 1%"};
    struct story *s = begin(texts, 4);
    s->has_metric = true;
    s->metric = (struct verdict_metric){.kind = VERDICT_COUNTER, .scale = 1, .factor = 1};
    tell(s, 3);
    assert_int_equal(state_of(s, 0), VERDICT_FAIL);
    assert_int_equal(state_of(s, 1), VERDICT_FAIL);
    assert_int_equal(state_of(s, 2), VERDICT_NOT_YET); /* it may still come */
    assert_int_equal(state_of(s, 3), VERDICT_NOT_YET); /* a share of nothing is none */
    finish(s);
    assert_int_equal(state_of(s, 2), VERDICT_FAIL);
    assert_int_equal(state_of(s, 3), VERDICT_NO_DATA);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outage_is_seen_by_windows_only),
        cmocka_unit_test(an_outage_in_the_ninth_minute_is_forgiven_by_the_whole_run_only),
        cmocka_unit_test(a_stop_in_the_middle_of_a_window_leaves_it_undecided),
        cmocka_unit_test(a_second_without_samples_neither_extends_nor_resets),
        cmocka_unit_test(what_a_window_shows_agrees_with_its_state),
        cmocka_unit_test(a_window_without_a_good_second_is_not_decided_before_it_is_full),
        cmocka_unit_test(a_for_that_failed_is_not_called_too_few_as_well),
        cmocka_unit_test(a_window_is_merged_and_not_averaged),
        cmocka_unit_test(a_short_run_of_nothing_but_violations_is_no_pass),
        cmocka_unit_test(what_comes_no_more_is_none_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
