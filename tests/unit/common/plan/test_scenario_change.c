// SPDX-License-Identifier: MIT
/* A scenario that is changed while it runs: what was before the change stays as it was, arrival by
 * arrival, and the list goes on without a gap or a burst. */
#include "common/base/mem.h"
#include "common/plan/chance.h"
#include "tests/unit/scenario_given.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define S 1000000000LL

static struct scenario *changed(const struct scenario *s, struct scenario_change c)
{
    struct sbuf text = {0};
    char *why = NULL;
    if (!scenario_changed(s, &c, &text, &why))
        fail_msg("%s: %s", s->name, why);
    struct scenario *other = scenario_given(text.data);
    sbuf_fini(&text);
    return other;
}

/* The times up to at_ns are the same, to a microsecond where the middle of a ramp is rounded. */
static void same_until(const struct scenario *a, const struct scenario *b, int64_t at_ns)
{
    struct arrivals one, other;
    uint64_t n = 0;
    arrivals_begin(&one, &a->plan);
    arrivals_begin(&other, &b->plan);
    for (;; n++) {
        const int64_t x = arrivals_take(&one, n), y = arrivals_take(&other, n);
        if (x < 0 || x > at_ns - 1000000)
            break;
        assert_true(llabs(x - y) <= 200000);
    }
    assert_true(n > 0);
}

static const char *const plans[] = {
    "a:constant-arrival-rate:rate=20/s,duration=60s",
    "a:constant-arrival-rate:rate=1/3s",
    "a:ramping-arrival-rate:rate=3/s,stages=20s:80/s,10s:80/s,0:5/s,30s:0/s",
    "a:ramping-arrival-rate:stages=5s:7/m,20s:30/s,forever:2/s",
    "a:constant-arrival-rate:rate=9/s,duration=60s,distribution=poisson,seed=5",
};

static void another_rate_goes_on_from_the_point_that_was_reached(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
        for (int64_t at = 12 * S + 345000000; at < 50 * S; at += 13 * S) {
            struct scenario *s = scenario_given(plans[i]);
            struct scenario *fast =
                changed(s, (struct scenario_change){.at_ns = at, .level = "50/s"});
            same_until(s, fast, at);
            assert_true(llabs(fast->ramp.length_ns - s->ramp.length_ns) < 2 || s->is_endless);
            const double before = ramp_arrivals(&s->ramp, ramp_until(&s->ramp, at)),
                         after = ramp_arrivals(&fast->ramp, ramp_until(&fast->ramp, at + 4 * S));
            assert_true(after - before > 199.9 && after - before < 200.1);
            scenario_drop(fast);
            scenario_drop(s);
        }
}

static void a_pause_shifts_what_is_left(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        struct scenario *s = scenario_given(plans[i]);
        const int64_t at = 7 * S + 500000000, until = 30 * S;
        struct scenario *paused = changed(s, (struct scenario_change){.at_ns = at});
        struct scenario *on =
            changed(s, (struct scenario_change){.at_ns = at, .resumed_ns = until});
        same_until(s, paused, at);
        same_until(s, on, at);
        assert_true(paused->is_endless && ramp_per_s(&paused->ramp, at + S) == 0);
        for (int64_t more = 0; more < 40 * S; more += S) {
            const double was = ramp_arrivals(&s->ramp, ramp_until(&s->ramp, at + more)),
                         is = ramp_arrivals(&on->ramp, ramp_until(&on->ramp, until + more));
            assert_true(was - is < 0.1 && is - was < 0.1);
        }
        assert_true(s->is_endless ||
                    llabs(on->ramp.length_ns - s->ramp.length_ns - (until - at)) < 2);
        scenario_drop(on);
        scenario_drop(paused);
        scenario_drop(s);
    }
}

static void other_stages_begin_with_what_there_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        struct scenario *s = scenario_given(plans[i]);
        const int64_t at = 12 * S + 345000000;
        struct scenario *other = changed(
            s, (struct scenario_change){.at_ns = at, .stages = "10s:40/s,0:8/s,forever:8/s"});
        same_until(s, other, at);
        const double before = ramp_per_s(&s->ramp, at), sum = (before + 40) / 2 * 10,
                     reached = ramp_arrivals(&s->ramp, ramp_until(&s->ramp, at)),
                     after = ramp_arrivals(&other->ramp, ramp_until(&other->ramp, at + 10 * S));
        assert_true(fabs(after - reached - sum) < 0.1);
        assert_true(fabs(ramp_per_s(&other->ramp, at + 11 * S) - 8) < 0.001 && other->is_endless);
        scenario_drop(other);
        scenario_drop(s);
    }
    struct scenario *s = scenario_given("u:constant-vus:users=3");
    struct scenario *other =
        changed(s, (struct scenario_change){.at_ns = 9 * S, .stages = "10s:8,5s:0"});
    assert_int_equal(ramp_per_s(&other->ramp, 18999999999LL) + 0.5, 8);
    assert_true(!other->is_endless && other->ramp.length_ns == 24 * S);
    scenario_drop(other);
    scenario_drop(s);
}

static void changes_may_follow_one_another(void **state)
{
    struct scenario *s = scenario_given(plans[0]);
    (void)state;
    for (int n = 1; n <= 200; n++) {
        struct scenario *next = changed(
            s, (struct scenario_change){.at_ns = n * S / 4, .level = n % 2 ? "40/s" : "300/m"});
        scenario_drop(s);
        s = next;
    }
    assert_true(ramp_arrivals(&s->ramp, s->ramp.area) > 5 + 100 * 11.2 &&
                ramp_arrivals(&s->ramp, s->ramp.area) < 5 + 100 * 11.3 + 60);
    scenario_drop(s);
}

static void users_change_too(void **state)
{
    struct scenario *s = scenario_given("u:externally-controlled:vus=3,maxVUs=9,duration=1m");
    (void)state;
    struct scenario *more = changed(s, (struct scenario_change){.at_ns = 10 * S, .level = "7"});
    assert_int_equal(ramp_per_s(&more->ramp, 5 * S) + 0.5, 3);
    assert_int_equal(ramp_per_s(&more->ramp, 11 * S) + 0.5, 7);
    struct scenario *none = changed(more, (struct scenario_change){.at_ns = 20 * S});
    assert_int_equal(ramp_per_s(&none->ramp, 15 * S) + 0.5, 7);
    assert_int_equal(ramp_per_s(&none->ramp, 21 * S) + 0.5, 0);
    scenario_drop(none);
    scenario_drop(more);
    scenario_drop(s);
}

static void one_that_is_ended_was_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        const int64_t at = 12 * S + 345000000;
        struct scenario *s = scenario_given(plans[i]),
                        *ended = changed(s, (struct scenario_change){.at_ns = at, .is_end = true});
        same_until(s, ended, at);
        assert_int_equal(ended->ramp.length_ns, at);
        assert_false(ended->is_endless);
        scenario_drop(ended);
        scenario_drop(s);
    }
    struct scenario *stairs = scenario_given("k:find-knee:step=10/s,max_rate=50/s"),
                    *ended =
                        changed(stairs, (struct scenario_change){.at_ns = 25 * S, .is_end = true});
    same_until(stairs, ended, 25 * S);
    assert_true(ended->ramp.length_ns == 25 * S && ended->plan.count == 450);
    scenario_drop(ended);
    scenario_drop(stairs);
}

static void what_cannot_be_changed_is_said(void **state)
{
    static const struct {
        const char *text, *level, *why;
    } all[] = {
        {"a:constant-arrival-rate:rate=20/s,duration=5s", "30/s", "it is over"},
        {"a:constant-arrival-rate:rate=20/s", "fast", "fast is no rate"},
        {"a:constant-vus:users=3", "3/s", "3/s is no number of users"},
        {"a:shared-iterations:users=3,iterations=9", "3", "of so many iterations"},
        {"a:constant-arrival-rate:rate=20/s", NULL, "'9s:5/s,task=other' are no stages"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct scenario *s = scenario_given(all[i].text);
        struct sbuf out = {0};
        char *why = NULL;
        assert_false(scenario_changed(s,
                                      &(struct scenario_change){.at_ns = 10 * S,
                                                                .level = all[i].level,
                                                                .stages = "9s:5/s,task=other"},
                                      &out, &why));
        assert_non_null(strstr(why, all[i].why));
        free(why);
        sbuf_fini(&out);
        scenario_drop(s);
    }
}

static struct scenario *slots_of(const struct scenario *s)
{
    struct scenario *plan = mem_zalloc(sizeof *plan);
    char *why = NULL;
    if (!scenario_throttle(plan, "t", s->throttle, &why))
        fail_msg("%s: %s", s->throttle, why);
    return plan;
}

static struct scenario *throttled(const struct scenario *s, int64_t at_ns, const char *rates)
{
    struct sbuf text = {0};
    char *why = NULL;
    if (!scenario_throttled(s, at_ns, rates, &text, &why))
        fail_msg("%s", why);
    struct scenario *other = scenario_given(text.data);
    sbuf_fini(&text);
    return other;
}

static void free_all(struct scenario **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        scenario_fini(list[i]);
        free(list[i]);
    }
}

/* Slots before the change are the same, and there is none too many or too few behind it. */
static void another_throttle_goes_on_from_the_slot_that_was_reached(void **state)
{
    static const char *const rates[] = {"40/s", "30s:100/s,30s:0/s",
                                        "reachRps(80).in(20s),holdFor(9s)"};
    const int64_t at = 7 * S + 123000000;
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct sbuf text = {0};
        sbuf_addf(&text, "u:constant-vus:class=A,users=5,throttle=%s", rates[i]);
        struct scenario *s = scenario_given(text.data), *fast = throttled(s, at, "90/s"),
                        *was = slots_of(s), *is = slots_of(fast);
        same_until(was, is, at);
        const double before = ramp_arrivals(&was->ramp, ramp_until(&was->ramp, at)),
                     later = ramp_arrivals(&is->ramp, ramp_until(&is->ramp, at + 10 * S));
        assert_true(fabs(later - before - 900) < 0.01);
        assert_true(fabs(scenario_throttle_per_s(fast, at + 1) - 90) < 1e-6);
        free_all((struct scenario *[]){s, fast, was, is}, 4);
        sbuf_fini(&text);
    }
}

static void a_throttle_comes_and_goes(void **state)
{
    (void)state;
    struct scenario *s = scenario_given("u:constant-vus:class=A,users=5"),
                    *held = throttled(s, 5 * S, "20/s"), *let = throttled(held, 9 * S, NULL),
                    *again = throttled(let, 12 * S, "30/s");
    assert_true(scenario_throttle_per_s(s, 0) < 0 && scenario_throttle_per_s(held, 4 * S) < 0);
    assert_true(fabs(scenario_throttle_per_s(held, 6 * S) - 20) < 1e-6);
    assert_true(fabs(scenario_throttle_per_s(let, 8 * S) - 20) < 1e-6);
    assert_true(scenario_throttle_per_s(let, 10 * S) < 0 &&
                scenario_throttle_per_s(again, 11 * S) < 0);
    assert_true(fabs(scenario_throttle_per_s(again, 13 * S) - 30) < 1e-6);
    struct scenario *was = slots_of(let), *is = slots_of(again);
    same_until(was, is, 9 * S);
    free_all((struct scenario *[]){s, held, let, again, was, is}, 6);
}

static void a_throttle_that_cannot_be_is_refused(void **state)
{
    struct sbuf text = {0};
    char *why = NULL;
    (void)state;
    struct scenario *s = scenario_given("u:constant-vus:class=A,users=5,duration=9s");
    assert_false(scenario_throttled(s, S, NULL, &text, &why));
    free(why);
    assert_false(scenario_throttled(s, S, "5/s,users=9", &text, &why));
    free(why);
    assert_false(scenario_throttled(s, 20 * S, "5/s", &text, &why));
    free(why);
    free_all(&s, 1);
    s = scenario_given("u:constant-vus:class=A,users=5,duration=9s,throttle=5/s");
    assert_false(scenario_throttled(s, S, "30x", &text, &why));
    assert_non_null(strstr(why, "'30x' is no throttle"));
    assert_null(strstr(why, "ns"));
    free(why);
    free_all(&s, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_rate_goes_on_from_the_point_that_was_reached),
        cmocka_unit_test(a_pause_shifts_what_is_left),
        cmocka_unit_test(other_stages_begin_with_what_there_is),
        cmocka_unit_test(changes_may_follow_one_another),
        cmocka_unit_test(users_change_too),
        cmocka_unit_test(one_that_is_ended_was_as_it_was),
        cmocka_unit_test(what_cannot_be_changed_is_said),
        cmocka_unit_test(another_throttle_goes_on_from_the_slot_that_was_reached),
        cmocka_unit_test(a_throttle_comes_and_goes),
        cmocka_unit_test(a_throttle_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
