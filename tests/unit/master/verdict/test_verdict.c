// SPDX-License-Identifier: MIT
/* What a run's figures say of its thresholds: at the exact boundaries, in windows, without data. */
#include "common/base/sbuf.h"
#include "master/verdict/verdict.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 600
#define ROWS 3
#define BEGIN 1700000000

/* A run of up to SECONDS seconds: what each row had in each of them. */
struct story {
    struct tally seconds[SECONDS][ROWS];
    double users;
    int64_t invalid_from, invalid_to;
    bool has_metric;
    struct verdict_metric metric;
    struct verdict *v;
    int64_t told;
};

static void read_row(void *arg, uint32_t row, int64_t from, int64_t to, struct tally *t)
{
    struct story *s = arg;
    for (int64_t at = from; at < to; at++)
        for (uint32_t r = 1; r <= ROWS; r++)
            if (row == 0 || row == r)
                tally_merge(t, &s->seconds[at - BEGIN][r - 1]);
}

static bool read_metric(void *arg, const struct threshold *of, int64_t from, int64_t to,
                        struct verdict_metric *out)
{
    struct story *s = arg;
    (void)from;
    (void)to;
    *out = s->metric;
    if (of->stat == STAT_DROPPED || of->stat == STAT_LATE)
        return s->has_metric;
    if (of->scope == SCOPE_TAGS)
        return s->has_metric && strcmp(of->tags[0].value, "gold") == 0;
    return s->has_metric && of->metric && strcmp(of->metric, "checkout") == 0;
}

static char *nearest(void *arg, const struct threshold *of)
{
    (void)arg;
    return of->scope == SCOPE_TAGS ? strdup("{tier:gold}") : NULL;
}

static double gauge(void *arg, enum threshold_stat stat, const char *worker)
{
    struct story *s = arg;
    return stat == STAT_USERS && !worker ? s->users : NAN;
}

static bool is_valid(void *arg, int64_t from, int64_t to)
{
    struct story *s = arg;
    return to <= s->invalid_from || from >= s->invalid_to;
}

static struct verdict_feed feed_of(struct story *s)
{
    return (struct verdict_feed){.arg = s,
                                 .read = read_row,
                                 .metric = read_metric,
                                 .nearest = nearest,
                                 .gauge = gauge,
                                 .is_valid = is_valid};
}

static struct story *begin(const char *const *texts, size_t count)
{
    struct story *s = calloc(1, sizeof *s);
    struct threshold_list l = {0};
    char *why = NULL;
    for (size_t i = 0; i < SECONDS; i++)
        for (size_t r = 0; r < ROWS; r++)
            tally_init(&s->seconds[i][r], NULL, NULL);
    for (size_t i = 0; i < count; i++)
        if (threshold_list_text(&l, texts[i], "test", &why) != 0)
            fail_msg("%s", why);
    s->v = verdict_new();
    verdict_set(s->v, &l);
    threshold_list_fini(&l);
    verdict_begin(s->v, BEGIN, 0);
    verdict_row(s->v, 1, "GET", "/cart");
    verdict_row(s->v, 2, "POST", "/pay");
    verdict_row(s->v, 3, "GROUP", "checkout");
    s->told = BEGIN;
    return s;
}

static void end(struct story *s)
{
    verdict_free(s->v);
    for (size_t i = 0; i < SECONDS; i++)
        for (size_t r = 0; r < ROWS; r++)
            tally_fini(&s->seconds[i][r]);
    free(s);
}

/* n requests of that time in one second of a row, some of them failed. */
static void add(struct story *s, int64_t second, size_t row, uint64_t n, uint64_t us,
                uint64_t failed)
{
    struct tally *t = &s->seconds[second][row - 1];
    hist_add(&t->hist, us, n);
    t->requests += n;
    t->failures += failed;
    t->sum_us += n * us;
    if (us < t->min_us)
        t->min_us = us;
    if (us > t->max_us)
        t->max_us = us;
}

static void tell(struct story *s, int64_t upto)
{
    const struct verdict_feed feed = feed_of(s);
    for (; s->told < BEGIN + upto; s->told++)
        verdict_second(s->v, s->told, 1, &feed);
}

static void finish(struct story *s)
{
    const struct verdict_feed feed = feed_of(s);
    verdict_end(s->v, &feed);
}

static enum verdict_state state_of(struct story *s, size_t i)
{
    return verdict_result(s->v, i).state;
}

static const char *why_of(const struct story *s, size_t index)
{
    return verdict_result(s->v, index).why;
}

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
    const double p95 = verdict_result(s->v, 0).value;
    assert_true(p95 >= 99.6 && p95 <= 100.4); /* within a bucket */
    add(s, 1, 1, 1, 200000, 0);               /* now one more is slower than p95 allows */
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
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(state_of(s, i), VERDICT_FAIL);
    assert_int_equal(state_of(s, 3), VERDICT_NOT_YET); /* a share of nothing is none */
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
        cmocka_unit_test(an_outage_is_seen_by_windows_only),
        cmocka_unit_test(an_outage_in_the_ninth_minute_is_forgiven_by_the_whole_run_only),
        cmocka_unit_test(a_stop_in_the_middle_of_a_window_leaves_it_undecided),
        cmocka_unit_test(a_second_without_samples_neither_extends_nor_resets),
        cmocka_unit_test(what_a_window_shows_agrees_with_its_state),
        cmocka_unit_test(a_window_without_a_good_second_is_not_decided_before_it_is_full),
        cmocka_unit_test(a_window_is_merged_and_not_averaged),
        cmocka_unit_test(without_data_there_is_no_pass),
        cmocka_unit_test(a_short_run_of_nothing_but_violations_is_no_pass),
        cmocka_unit_test(warm_up_and_reset_move_the_begin),
        cmocka_unit_test(a_cumulative_one_recovers_unless_it_stopped_the_test),
        cmocka_unit_test(after_counts_from_the_begin_and_is_strict),
        cmocka_unit_test(what_is_not_valid_is_said),
        cmocka_unit_test(metrics_of_the_script_are_judged_by_their_kind),
        cmocka_unit_test(values_of_the_script_have_the_unit_of_its_metric),
        cmocka_unit_test(tags_that_nothing_has_are_no_pass_beside_those_that_something_has),
        cmocka_unit_test(what_comes_no_more_is_none_a_second),
        cmocka_unit_test(arrivals_that_were_dropped_are_counted),
        cmocka_unit_test(a_name_begins_no_line_of_its_own),
        cmocka_unit_test(a_misspelt_row_is_told_while_the_run_is_on),
        cmocka_unit_test(other_thresholds_in_a_run_keep_what_stays),
        cmocka_unit_test(results_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
