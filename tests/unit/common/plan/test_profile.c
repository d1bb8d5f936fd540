// SPDX-License-Identifier: MIT
/* profile: the steps that have names, against what they are in closed form, and what they refuse.
 */
#include "common/plan/profile.h"
#include "tests/unit/scenario_given.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define S 1000000000LL
#define PI 3.14159265358979323846
#define MOST 20000

static int64_t times[MOST];

static struct scenario *of(const char *stages)
{
    struct sbuf text = {0};
    sbuf_addf(&text, "p:ramping-arrival-rate:stages=%s", stages);
    struct scenario *s = scenario_given(text.data);
    sbuf_fini(&text);
    return s;
}

static uint64_t list(const struct scenario *s)
{
    struct arrivals a;
    uint64_t n = 0;
    arrivals_begin(&a, &s->plan);
    for (int64_t at; (at = arrivals_take(&a, a.next)) >= 0; n++) {
        assert_true(n < MOST && (!n || at >= times[n - 1]));
        times[n] = at;
    }
    return n;
}

/* Its arrivals, into `times`; it has no more, and they are the same when it is written and read. */
static uint64_t arrivals_of(const char *stages)
{
    static int64_t first[MOST];
    struct scenario *s = of(stages);
    struct sbuf text = {0};
    const uint64_t n = list(s);
    assert_int_equal(n, s->plan.count);
    memcpy(first, times, sizeof first);
    scenario_write(s, &text);
    struct scenario *again = scenario_given(text.data);
    assert_int_equal(list(again), n);
    assert_memory_equal(first, times, n * sizeof *times);
    scenario_drop(again);
    scenario_drop(s);
    sbuf_fini(&text);
    return n;
}

/* The same arrivals as of stages that say what the step means. */
static void means(const char *step, const char *stages)
{
    static int64_t first[MOST];
    const uint64_t n = arrivals_of(step);
    memcpy(first, times, sizeof first);
    if (arrivals_of(stages) != n || memcmp(first, times, n * sizeof *times) != 0)
        fail_msg("'%s' is not '%s'", step, stages);
}

static void steps_are_stages_with_names(void **state)
{
    (void)state;
    means("nothingFor(4),constantUsersPerSec(20).during(15)", "4:0,0:20/s,15:20/s");
    means("constantUsersPerSec(20).during(\"2 minutes\")", "0:20,2m:20");
    means("rampUsersPerSec(10).to(20).during(10 seconds)", "0:10/s,10s:20/s");
    means("rampUsersPerSec(10).during(1m).to(20),30s:0/s", "0:10/s,1m:20/s,30s:0/s");
    means("rampUsers(90).during(60)", "0:1.5/s,60s:1.5/s");
    means("rampUsers(1000).during(3s)", "0:1000/3s,3s:1000/3s");
    means("incrementUsersPerSec(5).times(3).eachLevelLasting(10)"
          ".separatedByRampsLasting(4).startingFrom(10)",
          "0:10,10:10,4:15,10:15,4:20,10:20");
    means("incrementUsersPerSec(5).times(2).eachLevelLasting(10).separatedByRampsLasting(4)",
          "4:5,10:5,4:10,10:10");
    means("incrementUsersPerSec(0.5).times(3).eachLevelLasting(10).startingFrom(1/3s)",
          "0:1/3s,10:1/3s,0:5/6s,10:5/6s,0:8/6s,10:8/6s");
    means("step(20/m).times(3).lasting(1m)", "0:20/m,1m:20/m,0:40/m,1m:40/m,0:60/m,1m:60/m");
    means("spike(10).to(200).after(1m).lasting(10s).during(2m)",
          "0:10,1m:10,0:200,10s:200,0:10,50s:10");
}

/* Kolmogorov and Smirnov's distance of times[from, to) to an even spread over [begin, end). */
static double uneven(uint64_t from, uint64_t to, int64_t begin, int64_t end)
{
    double most = 0;
    for (uint64_t i = from; i < to; i++) {
        const double share = (double)(times[i] - begin) / (double)(end - begin),
                     n = (double)(to - from), k = (double)(i - from);
        most = fmax(most, fmax((k + 1) / n - share, share - k / n));
    }
    return most;
}

/* Each step has as many as ever, in its own time; those of the others are where they were. */
static void randomized_steps_have_their_count(void **state)
{
    (void)state;
    assert_int_equal(arrivals_of("nothingFor(1),rampUsers(500).during(10).randomized(),"
                                 "constantUsersPerSec(10).during(5),"
                                 "rampUsersPerSec(0).to(100).during(4).randomized"),
                     500 + 50 + 200);
    assert_true(times[0] >= S && times[499] <= 11 * S && times[550] >= 16 * S);
    assert_true(times[749] <= 20 * S);
    for (int i = 0; i < 50; i++)
        assert_int_equal(times[500 + i], 11 * S + i * S / 10 + S / 20);
    assert_true(uneven(0, 500, S, 11 * S) < 1.63 / sqrt(500) && uneven(0, 500, S, 11 * S) > 0.004);
    struct scenario *s = of("rampUsers(20).during(2s).randomized()"),
                    *other = of("rampUsers(20).during(2s).randomized(),seed=8");
    struct sbuf line = {0};
    scenario_describe(s, &line);
    assert_non_null(strstr(line.data, ", 10/s → 10/s in 2s at random, for 2s: 20 arr"));
    assert_true(scenario_is_random(s));
    assert_int_equal(list(s), 20);
    const int64_t first = times[0];
    assert_int_equal(list(other), 20);
    assert_true(times[0] != first);
    sbuf_fini(&line);
    scenario_drop(s);
    scenario_drop(other);
}

static void at_once_is_at_once(void **state)
{
    (void)state;
    assert_int_equal(arrivals_of("atOnceUsers(10)"), 10);
    assert_true(times[0] == 0 && times[9] == 0);
    assert_int_equal(arrivals_of("10s:4/s,atOnceUsers(7),nothingFor(5),atOnceUsers(2)"), 29);
    assert_true(times[19] < 10 * S && times[20] == 10 * S && times[26] == 10 * S);
    assert_true(times[27] == 15 * S && times[28] == 15 * S);
}

/* ∫ m + a·sin(2πt/p) = m·t + a·p/2π·(1 − cos(2πt/p)) is k + ½ at arrival k. */
static void a_sine_is_exact(void **state)
{
    (void)state;
    const uint64_t n = arrivals_of("sine(50).amplitude(50).period(8s).during(60s)");
    const double whole = 50 * 60 + 50 * 8 / (2 * PI) * (1 - cos(2 * PI * 60 / 8));
    assert_int_equal(n, (uint64_t)(whole + 0.5));
    for (uint64_t k = 0; k < n; k++)
        for (int more = 0; more < 2; more++) { /* to a nanosecond: not yet, and then */
            const double t = (double)(times[k] + more) / 1e9;
            const double area = 50 * t + 50 * 8 / (2 * PI) * (1 - cos(2 * PI * t / 8));
            assert_true(more ? area > (double)k + 0.5 - 1e-6 : area < (double)k + 0.5 + 1e-6);
        }
    assert_int_equal(arrivals_of("sine(20/s).amplitude(300/m).period(1m).during(10m)"), 12000);
    assert_int_equal(arrivals_of("sine(20).amplitude(0).period(1m).during(10s)"), 200);
    assert_true(llabs(times[7] - 375000000) <= 1);
}

/* Of n in d, arrival k is where (n + 2)·(1 + erf(t/u − z))/2 − 1 is k + ½, as erf(z) = n/(n + 2)
 * and u = d/2z say. */
static void a_peak_is_where_the_error_function_says(void **state)
{
    (void)state;
    const uint64_t n = arrivals_of("stressPeakUsers(1000).during(20)");
    uint64_t middle = 0;
    double low = 0, high = 10;
    for (int i = 0; i < 200; i++)
        *(erf((low + high) / 2) < 1000.0 / 1002 ? &low : &high) = (low + high) / 2;
    assert_int_equal(n, 1000);
    for (uint64_t k = 0; k < n; k++) {
        const double x = (double)times[k] / 1e9 / (20 / (2 * low)) - low;
        assert_true(fabs(1002 * (1 + erf(x)) / 2 - 1 - ((double)k + 0.5)) < 1e-4);
        assert_true(llabs(times[k] + times[n - 1 - k] - 20 * S) <= 2); /* symmetric */
        middle += times[k] > 5 * S && times[k] < 15 * S;
    }
    assert_true(middle > 850); /* erf(z/2), z = 2.19: 88 % */
    assert_int_equal(arrivals_of("stressPeakUsers(1).during(20)"), 1);
    assert_true(llabs(times[0] - 10 * S) <= 1);
    assert_int_equal(arrivals_of("heavisideUsers(9999).during(20)"), 9999);
}

static void a_list_is_when_it_says(void **state)
{
    (void)state;
    assert_int_equal(arrivals_of("at(0 1500 0 20)"), 4);
    assert_true(times[0] == 0 && times[1] == 1500000 && times[2] == 1500000);
    assert_true(times[3] == 1520000);
    assert_int_equal(arrivals_of("1s:3/s,at(250000 500000),atOnceUsers(1)"), 4); /* 1½ before */
    assert_int_equal(arrivals_of("2s:3/s,at(250000 500000)"), 5);
    assert_true(times[3] == 2250000000 && times[4] == 2750000000);
}

/* A pause, or another rate, takes nothing away of what was before, and of the rest nothing. */
static void a_curve_can_be_cut(void **state)
{
    static const char *const all[] = {
        "sine(50).amplitude(50).period(8s).during(60s)",
        "stressPeakUsers(1000).during(60)",
        "3s:5/s,atOnceUsers(7),at(5000000 8000000 8000000 30000000),nothingFor(5)",
    };
    static int64_t first[MOST];
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct scenario *s = of(all[i]);
        struct sbuf text = {0};
        char *why = NULL;
        const uint64_t n = list(s);
        memcpy(first, times, sizeof first);
        assert_true(scenario_changed(
            s, &(struct scenario_change){.at_ns = 21 * S, .resumed_ns = 31 * S}, &text, &why));
        struct scenario *paused = scenario_given(text.data);
        assert_true(paused->ramp.length_ns == s->ramp.length_ns + 10 * S);
        assert_int_equal(list(paused), n);
        for (uint64_t k = 0; k < n; k++)
            assert_true(llabs(times[k] - first[k] - (first[k] >= 21 * S ? 10 * S : 0)) <= 3);
        scenario_drop(paused);
        scenario_drop(s);
        sbuf_fini(&text);
    }
}

static void users_have_steps_too(void **state)
{
    static const int64_t aims[] = {3, 5, 0, 2, 4};
    (void)state;
    struct scenario *s =
        scenario_given("u:ramping-vus:stages=rampConcurrentUsers(1).to(3).during(5),"
                       "constantConcurrentUsers(5).during(5),nothingFor(1s),"
                       "step(2).times(2).lasting(3s)");
    assert_int_equal(s->ramp.count, 5);
    assert_int_equal(s->users, 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(s->ramp.stages[i].to == aims[i] * (s->ramp.denominator / S));
    scenario_drop(s);
}

static void defaults_fit_to_what_comes_at_once(void **state)
{
    (void)state;
    struct scenario *s = of("atOnceUsers(500),1m:1/s");
    assert_int_equal(s->max_queue, 500);
    assert_int_equal(s->max_users, 5000);
    scenario_drop(s);
}

static void refused(const char *stages, const char *because)
{
    struct sbuf text = {0};
    struct scenario s;
    char *why = NULL;
    sbuf_addf(&text, "p:ramping-arrival-rate:stages=%s", stages);
    if (scenario_read(&s, text.data, &why))
        fail_msg("'%s' was taken", stages);
    if (!strstr(why, because))
        fail_msg("'%s': \"%s\" does not say \"%s\"", stages, why, because);
    free(why);
    sbuf_fini(&text);
}

static void what_is_no_step_is_said(void **state)
{
    (void)state;
    refused("rampUser(10).during(5)", "there is no step 'rampUser': it is one of nothingFor");
    refused("rampUsers(10)", "rampUsers needs during(");
    refused("rampUsers(10).during(5).to(5)", "rampUsers takes no to(");
    refused("rampUsers(10).during(5).during(5)", "'during' is given twice");
    refused("rampUsers(10).in(5)", "there is no word 'in'");
    refused("atOnceUsers(10).randomized()", "atOnceUsers takes no randomized(");
    refused("rampUsers(10).during(5).randomized(),phase=k6", "randomized() does not go with phase");
    refused("rampUsers(10).during(5).randomized(),distribution=poisson", "does not go with phase");
    refused("rampUsers(ten).during(5)", "'ten' is no whole number");
    refused("rampUsers(10).during(fast)", "'fast' is no duration");
    refused("rampUsersPerSec(x).to(5).during(5)", "'x' is no rate");
    refused("rampUsers(10", "is no step");
    refused("rampUsers(10)during(5)", "is no step");
    refused("constantConcurrentUsers(10).during(5)", "goes with ramping-vus");
    refused("sine(5).amplitude(6).period(1m).during(1m)", "below 0");
    refused("sine(5).amplitude(5).period(0).during(1m)", "longer than 0");
    refused("spike(5).to(6).after(1m).lasting(1m).during(1m)", "it is over");
    refused("constantUsersPerSec(20000000).during(5)", "too large");
    refused("at(1 2 x)", "whole numbers of µs");
    refused("at()", "whole numbers of µs");
    refused("nothingFor(5s)", "no stage has a rate above 0");
    refused("forever:2/s,rampUsers(10).during(5)", "nothing comes behind");
}

static void the_plan_is_said_in_words(void **state)
{
    (void)state;
    struct scenario *s = of("atOnceUsers(5),rampUsersPerSec(1).to(4).during(1m),"
                            "sine(2/s).amplitude(1/s).period(1m).during(5m),at(0 5000000)");
    struct sbuf line = {0};
    scenario_describe(s, &line);
    assert_non_null(strstr(line.data, ", 5 at once → 1/s in 0s → 4/s in 1m → "
                                      "sine(2/s).amplitude(1/s).period(1m).during(5m) → 2 at"));
    assert_non_null(strstr(line.data, " → 2 at times of a list in 5s, for 6m5s: 757 arrivals"));
    sbuf_fini(&line);
    scenario_drop(s);
    s = of("stressPeakUsers(1000).during(20s)");
    scenario_describe(s, &line);
    assert_non_null(strstr(line.data, ", stressPeakUsers(1000).during(20s), for 20s: 1000 arr"));
    sbuf_fini(&line);
    scenario_drop(s);
}

static void the_first_step_of_one_kind_only_says_what_they_are_of(void **state)
{
    (void)state;
    assert_true(profile_is_of_rates("rampUsers(10).during(5)"));
    assert_true(profile_is_of_rates("nothingFor(4s),atOnceUsers(10)"));
    assert_true(profile_is_of_rates("nothingFor(4s), step(5).times(3).lasting(2s), sine(5)"));
    assert_true(profile_is_of_rates("nothingFor(1),replay(times.csv).speed(2)"));
    assert_false(profile_is_of_rates("nothingFor(4s),constantConcurrentUsers(10).during(5)"));
    assert_false(profile_is_of_rates("step(5).times(3).lasting(2s)"));
    assert_false(profile_is_of_rates("30s:100,atOnceUsers(10)"));
    assert_false(profile_is_of_rates(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_stages_with_names),
        cmocka_unit_test(randomized_steps_have_their_count),
        cmocka_unit_test(at_once_is_at_once),
        cmocka_unit_test(a_sine_is_exact),
        cmocka_unit_test(a_peak_is_where_the_error_function_says),
        cmocka_unit_test(a_list_is_when_it_says),
        cmocka_unit_test(a_curve_can_be_cut),
        cmocka_unit_test(users_have_steps_too),
        cmocka_unit_test(defaults_fit_to_what_comes_at_once),
        cmocka_unit_test(what_is_no_step_is_said),
        cmocka_unit_test(the_plan_is_said_in_words),
        cmocka_unit_test(the_first_step_of_one_kind_only_says_what_they_are_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
