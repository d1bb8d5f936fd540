// SPDX-License-Identifier: MIT
/* scenario: texts in, plans out; what a refusal says; and that what is written is read as the same.
 */
#include "common/plan/scenario.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void refused(const char *text, const char *because)
{
    struct scenario s;
    char *why = NULL;
    if (scenario_read(&s, text, &why))
        fail_msg("'%s' was taken", text);
    if (!strstr(why, because))
        fail_msg("'%s': \"%s\" does not say \"%s\"", text, why, because);
    free(why);
}

static void described(const char *text, const char *as)
{
    struct scenario s, again;
    char *why = NULL;
    struct sbuf written = {0}, line = {0}, line_again = {0};
    if (!scenario_read(&s, text, &why))
        fail_msg("'%s': %s", text, why);
    scenario_describe(&s, &line);
    assert_string_equal(line.data, as);
    scenario_write(&s, &written);
    if (!scenario_read(&again, written.data, &why))
        fail_msg("'%s': %s", written.data, why);
    scenario_describe(&again, &line_again);
    assert_string_equal(line_again.data, as);
    assert_true(again.plan.count == s.plan.count && again.plan.key == s.plan.key);
    assert_true(again.users == s.users && again.ramp_down_ns == s.ramp_down_ns);
    scenario_fini(&s);
    scenario_fini(&again);
    sbuf_fini(&written);
    sbuf_fini(&line);
    sbuf_fini(&line_again);
}

static void what_is_read(void **state)
{
    (void)state;
    described("buy:constant-arrival-rate:rate=20/s,duration=5m",
              "buy: constant-arrival-rate of ?, 20/s, for 5m: 6000 arrivals; users 10 to 200, then "
              "20 wait, "
              "then dropped; 30s to finish");
    described("buy:constant-arrival-rate:rate=20/s,duration=5m,fresh=true,class=Buyer*3+Browser",
              "buy: constant-arrival-rate of Buyer*3+Browser, 20/s, for 5m: 6000 arrivals; a new "
              "user each, at most 200 at a time, then 20 wait, then dropped; 30s to finish");
    refused("b:constant-arrival-rate:rate=1/s,class=A*0+B",
            "class=A*0+B: write one User class, or");
    refused("b:constant-arrival-rate:rate=1/s,class=A+", "class=A+: write one User class, or");
    refused("b:constant-arrival-rate:rate=1/s,class=+A", "class=+A: write one User class, or");
    refused("b:constant-arrival-rate:rate=1/s,class=A++B", "class=A++B: write one User class, or");
    refused("b:constant-arrival-rate:rate=1/s,class=A\nB", "class: control characters are no part");
    refused("b:constant-arrival-rate:rate=1/s,task=a\x1b[2J",
            "task: control characters are no part");
    refused("b:constant-arrival-rate:rate=1/s,class=A*x+B",
            "class=A*x+B: write one User class, or");
    refused("b:constant-vus:users=1,class=A+B", "several classes go with arrival rates");
    refused("b:constant-vus:users=1,fresh=true", "fresh goes with arrival rates");
    described("buy:constant-arrival-rate:class=Buyer,task=pay,rate=1/3s",
              "buy: constant-arrival-rate of Buyer.pay, 0.333333/s, until the test ends; users 10 "
              "to 100, then "
              "1 wait, then dropped; 30s to finish");
    described("r:ramping-arrival-rate:start_rate=10/s,stages=2m:10/s,90s:0.5/s,0s:5/s,1h:300/"
              "m,on_busy=drop",
              "r: ramping-arrival-rate of ?, 10/s → 10/s in 2m → 0.5/s in 1m30s → 5/s in 0s → 5/s "
              "in 1h, for "
              "1h3m30s: 19672 arrivals; users 10 to 10, then dropped; 30s to finish");
    described("p:constant-arrival-rate:rate=50/"
              "s,duration=20,distribution=poisson-fixed,seed=18446744073709551615",
              "p: constant-arrival-rate of ?, 50/s, for 20s: 1000 arrivals, poisson-fixed, seed "
              "18446744073709551615; users 10 to 500, then 50 wait, then dropped; 30s to finish");
}

static void a_ramp_may_stay_for_ever(void **state)
{
    (void)state;
    described(
        "r:ramping-arrival-rate:rate=10/s,stages=2m:200/s,forever:150/s",
        "r: ramping-arrival-rate of ?, 10/s → 200/s in 2m → 150/s in 0s, until the test ends; "
        "users 20 to 2000, then 200 wait, then dropped; 30s to finish");
    refused("r:ramping-arrival-rate:stages=forever:2/s,1m:3/s", "nothing comes behind");
}

static void a_staircase_is_said_in_words(void **state)
{
    (void)state;
    described("k:find-knee:step=20/s,max_rate=400/s,distribution=poisson,seed=3",
              "k: find-knee of ?, 20/s, and 20/s more every 10s until the target is saturated, to "
              "400/s at most, for 3m20s: about 42000 arrivals, poisson, seed 3; users 40 to 4000, "
              "then 400 wait, then dropped; 30s to finish");
    described("k:find-knee:step=1/3s,start_rate=2/s,level=4s",
              "k: find-knee of ?, 2/s, and 0.333333/s more every 4s until the target is saturated, "
              "to 35/s at most, for 6m40s: 7400 arrivals; users 10 to 350, then 35 wait, then "
              "dropped; 30s to finish");
    described("k:find-knee:step=20/s,max_rate=400/s,goodput=95%",
              "k: find-knee of ?, 20/s, and 20/s more every 10s until the target is saturated or "
              "has a goodput below 95 %, to 400/s at most, for 3m20s: 42000 arrivals; users 40 to "
              "4000, then 400 wait, then dropped; 30s to finish");
    refused("k:find-knee:step=20/s,goodput=95", "goodput=95: it takes the least share");
    refused("k:find-knee:step=20/s,goodput=0", "it takes the least share");
    refused("k:find-knee:step=20/s,goodput=nan", "it takes the least share");
    refused("k:find-knee:step=20/s,goodput=.5x", "it takes the least share");
    refused("k:constant-arrival-rate:rate=10/s,goodput=.5", "go with find-knee");
    refused("k:constant-vus:users=10,goodput=.5", "arrival rates");
    refused("k:find-knee:max_rate=10/s", "it needs a step above 0");
    refused("k:find-knee:step=10/s,level=3s", "level must be 4s or more");
    refused("k:find-knee:step=10/s,max_rate=30/s", "there must be 4 levels or more");
    refused("k:find-knee:step=10/s,start_rate=50/s,max_rate=30/s",
            "there must be 4 levels or more");
    refused("k:find-knee:step=10/s,level=2h", "level must be 1h or less");
    refused("k:find-knee:step=1/s,max_rate=5000/s", "these are 5000 levels, and 1000 are the most");
    refused("k:find-knee:step=0.000001/s", "its highest level, 0.0001/s, has 0.001 arrivals");
    refused("k:find-knee:step=99999999/s", "must be 10000000/s or less");
    refused("k:find-knee:step=1/s,start_rate=20000000/s", "must be 10000000/s or less");
    refused("k:find-knee:step=3000000/s", "there must be 4 levels or more");
    refused("k:find-knee:step=10/s,stages=1m:3/s", "do not go with find-knee");
    refused("k:constant-arrival-rate:rate=10/s,step=3/s", "go with find-knee");
    refused("k:constant-vus:users=10,level=9s", "level goes with arrival rates");
}

static void users_may_loop(void **state)
{
    (void)state;
    described("u:constant-vus:vus=50,duration=5m,env.A=1",
              "u: constant-vus of ?, 50 users, for 5m; 30s to finish");
    described(
        "u:constant-vus:class=A,task=t,users=3,start_time=5s,graceful_stop=0",
        "u: constant-vus of A.t, 3 users, until the test ends, beginning after 5s; 0s to finish");
    described(
        "u:ramping-vus:startVUs=1,stages=30s:100,5m:100,0:7,1s:0,gracefulRampDown=1s",
        "u: ramping-vus of ?, 1 → 100 in 30s → 100 in 5m → 7 in 0s → 0 in 1s users, for 5m31s; "
        "30s to finish");
    described(
        "u:ramping-vus:stages=30s:100,forever:20",
        "u: ramping-vus of ?, 0 → 100 in 30s → 20 in 0s users, until the test ends; 30s to finish");
    refused("u:constant-vus:duration=5m", "it needs users");
    refused("u:constant-vus:users=5,duration=0", "over at once");
    refused("u:constant-vus:users=5,rate=3", "rate goes with arrival rates, not with constant-vus");
    refused("u:constant-vus:users=5,stages=1m:3", "goes with ramping-vus");
    refused("u:ramping-vus:users=5", "it needs stages");
    refused("u:ramping-vus:users=5,stages=1m:3", "do not go with stages");
    refused("u:ramping-vus:stages=1m:3/s", "is no stage");
    refused("u:ramping-vus:stages=1m:0", "no stage has a user");
    refused("u:constant-arrival-rate:rate=1/s,startVUs=3", "go with ramping-vus");
}

static void users_may_come_one_by_one(void **state)
{
    (void)state;
    described("u:constant-vus:users=50,spawn_rate=5,duration=1m,class=Clerk",
              "u: constant-vus of Clerk, 0 → 50 in 10s users, for 1m10s; 30s to finish");
    described("u:constant-vus:users=3,spawn_rate=30/m,class=Clerk",
              "u: constant-vus of Clerk, 0 → 3 in 6s users, until the test ends; 30s to finish");
    refused("u:constant-vus:users=3,spawn_rate=0", "spawn_rate must be above 0");
    refused("u:ramping-vus:stages=1m:3,spawn_rate=1", "spawn_rate goes with constant-vus");
    refused("u:constant-arrival-rate:rate=3,spawn_rate=1", "spawn_rate goes with constant-vus");
}

/* As if those before had been. */
static void the_first_stages_may_be_left_out(void **state)
{
    (void)state;
    described("r:ramping-arrival-rate:class=A,start_rate=10/s,stages=2m:20/s,90s:1/3s,1h:300/m,"
              "from_stage=3,users=1,max_users=1",
              "r: ramping-arrival-rate of A, 0.333333/s → 5/s in 1h, for 1h: 9600 arrivals; users "
              "1 to 1, then 5 wait, then dropped; 30s to finish");
    described("r:ramping-arrival-rate:class=A,rate=10/s,stages=2m:20/s,forever:1/s,from_stage=2,"
              "users=1,max_users=1",
              "r: ramping-arrival-rate of A, 20/s → 1/s in 0s, until the test ends; users 1 to 1, "
              "then 1 wait, then dropped; 30s to finish");
    described("u:ramping-vus:class=A,start_users=7,stages=1m:3,2m:5,from_stage=2",
              "u: ramping-vus of A, 3 → 5 in 2m users, for 2m; 30s to finish");
    described("u:ramping-vus:class=A,start_users=7,stages=1m:3,from_stage=1",
              "u: ramping-vus of A, 7 → 3 in 1m users, for 1m; 30s to finish");
    described("u:ramping-vus:class=A,stages=rampConcurrentUsers(2).to(8).during(1m),2m:5,"
              "from_stage=2",
              "u: ramping-vus of A, 8 → 5 in 2m users, for 2m; 30s to finish");
    refused("u:ramping-vus:stages=1m:3,from_stage=0", "from_stage counts from 1");
    refused("u:ramping-vus:stages=1m:3,from_stage=2", "there are not so many stages");
    refused("u:constant-vus:users=3,from_stage=2", "from_stage goes with stages");
    refused("a:constant-arrival-rate:rate=3,from_stage=2", "from_stage goes with stages");
}

static void requests_may_be_throttled(void **state)
{
    (void)state;
    described("u:constant-vus:users=5,class=A,throttle=1m:100/s,forever:100/s,duration=5m",
              "u: constant-vus of A, 5 users, for 5m; 30s to finish; requests throttled: 0/s → "
              "100/s for 1m, then 100/s");
    described("u:constant-vus:users=5,class=A,duration=5m,throttle=reachRps(100).in(10s),holdFor(1."
              "minute),"
              "jumpToRps(50),holdFor(2h)",
              "u: constant-vus of A, 5 users, for 5m; 30s to finish; requests throttled: 0/s → "
              "100/s for 10s, then 100/s for 1m, then 50/s for 2h, then any number");
    described(
        "u:constant-vus:users=5,class=A,duration=5m,throttle=30s:none,1m:20/s",
        "u: constant-vus of A, 5 users, for 5m; 30s to finish; requests throttled: any number "
        "for 30s, then 20/s for 1m, then any number");
    described("r:constant-arrival-rate:rate=1/s,users=1,max_users=1,class=A,throttle=300/m",
              "r: constant-arrival-rate of A, 1/s, until the test ends; users 1 to 1, then 1 wait, "
              "then dropped; 30s to finish; requests throttled: 5/s");
    refused("u:constant-vus:users=5,throttle=fast", "throttle=fast: write a rate, such as 100/s");
    refused("u:constant-vus:users=5,throttle=0/s", "throttle=0/s: write a rate");
    refused("u:constant-vus:users=5,throttle=1m:x", "throttle=1m:x: write a rate");
    refused("u:constant-vus:users=5,throttle=holdFor(1m)", "throttle=holdFor(1m): write a rate");
    refused("u:constant-vus:users=5,throttle=reachRps(5)", "throttle=reachRps(5): write a rate");
}

static void k6_words_are_read(void **state)
{
    (void)state;
    described("a-1:constant-arrival-rate:rate=4,timeUnit=1s,duration=2s,preAllocatedVUs=3,maxVUs=5,"
              "on_busy=drop,"
              "phase=k6,startTime=1500ms,gracefulStop=0s",
              "a-1: constant-arrival-rate of ?, 4/s, for 2s: 9 arrivals, beginning after 1.5s, at "
              "k6's times; "
              "users 3 to 5, then dropped; 0s to finish");
    described("b:ramping-arrival-rate:startRate=0,timeUnit=1s,stages=2s:10,1s:10,1s:0,"
              "preAllocatedVUs=5,phase=k6",
              "b: ramping-arrival-rate of ?, 0/s → 10/s in 2s → 10/s in 1s → 0/s in 1s, for 4s: 25 "
              "arrivals, at "
              "k6's times; users 5 to 100, then 10 wait, then dropped; 30s to finish");
    described("c:constant-arrival-rate:rate=90,timeUnit=1m,duration=1m",
              "c: constant-arrival-rate of ?, 1.5/s, for 1m: 90 arrivals; users 10 to 100, then 2 "
              "wait, then "
              "dropped; 30s to finish");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    refused("", "is no scenario");
    refused("buy", "is no scenario");
    refused("b y:constant-arrival-rate:rate=1/s", "cannot be the name");
    refused("b:constant-rate:rate=1/s",
            "executor 'constant-rate' is not known: it is one of constant-arrival-rate");
    refused("b:constant-arrival-rate", "needs a rate");
    refused("b:constant-arrival-rate:rate=0/s", "needs a rate above 0");
    refused("b:constant-arrival-rate:rate=fast", "rate=fast is no rate");
    refused("b:constant-arrival-rate:rate=1/fortnight", "is no rate");
    refused("b:constant-arrival-rate:rate=-1/s", "is no rate");
    refused("b:constant-arrival-rate:rate=1e9/s", "is no rate");
    refused("b:constant-arrival-rate:rate=100000000/s", "too large");
    refused("b:constant-arrival-rate:rate=1/s,rate=2/s", "'rate' is given twice");
    refused("b:constant-arrival-rate:rate=1/s,maxVUs=2,max_users=3", "'max_users' is given twice");
    refused("b:constant-arrival-rate:rate=1/s,vus=2", "there is no key 'vus'");
    refused("b:constant-arrival-rate:rate=1/s,duration=", "'duration' has no value");
    refused("b:constant-arrival-rate:rate=1/s,duration=5x", "duration=5x is no duration");
    refused("b:constant-arrival-rate:rate=1/s,duration=0", "over at once");
    refused("b:constant-arrival-rate:rate=1/s,stages=1m:2/s",
            "stages go with ramping-arrival-rate");
    refused("b:constant-arrival-rate:rate", "is no key=value");
    refused("b:ramping-arrival-rate:rate=1/s", "needs stages");
    refused("b:ramping-arrival-rate:stages=1m:0/s", "no stage has a rate above 0");
    refused("b:ramping-arrival-rate:stages=1m", "'1m' is no stage");
    refused("b:ramping-arrival-rate:stages=1m:2/s,duration=5m", "duration does not go with stages");
    refused("b:ramping-arrival-rate:stages=1m:2/s,rate=1/s,start_rate=1/s",
            "begins with one of them");
    refused("b:constant-arrival-rate:rate=1/s,on_busy=wait", "on_busy 'wait' is not known");
    refused("b:constant-arrival-rate:rate=1/s,distribution=uniform ", "is not known");
    refused("b:constant-arrival-rate:rate=1/s,on_busy=drop,max_queue=3",
            "does not go with on_busy=drop");
    refused("b:constant-arrival-rate:rate=1/s,phase=k6,distribution=poisson",
            "phase=k6 does not go");
    refused("b:constant-arrival-rate:rate=1/s,distribution=poisson-fixed", "needs a duration");
    refused("b:constant-arrival-rate:rate=1/s,users=5,max_users=4", "less than users=5");
    refused("b:constant-arrival-rate:rate=1/s,users=0", "users must be 1");
    refused("b:constant-arrival-rate:rate=1/s,users=many", "takes a whole number");
    refused("b:constant-arrival-rate:rate=1/s,time_unit=0s", "longer than 0");
}

static void iterations_are_counted(void **state)
{
    (void)state;
    described(
        "b:shared-iterations:class=B,users=5,iterations=200",
        "b: shared-iterations of B, 5 users, 200 iterations together, for at most 10m; 30s to "
        "finish");
    described("b:per-vu-iterations:vus=5,iterations=20,maxDuration=1h,start_time=5s",
              "b: per-vu-iterations of ?, 5 users, 20 iterations each, which are 100, for at most "
              "1h, beginning after 5s; 30s to finish");
    described("b:shared-iterations:iterations=1,graceful_stop=0",
              "b: shared-iterations of ?, 1 user, 1 iteration together, for at most 10m; 0s to "
              "finish");
    described("i:shared-iterations:iterations=7,pool=*", "i: 7 iterations of all users together");
    described("e:externally-controlled:vus=3,maxVUs=9,duration=1m",
              "e: externally-controlled of ?, 3 users, for 1m; 30s to finish");
    refused("b:shared-iterations:users=5", "needs iterations");
    refused("b:shared-iterations:users=5,iterations=4", "iterations=4 is less than users=5");
    refused("b:shared-iterations:users=0,iterations=4", "users must be 1");
    refused("b:shared-iterations:iterations=0", "iterations=0: it takes a whole number from 1");
    refused("b:per-vu-iterations:users=1000000,iterations=100000000", "too many iterations");
    refused("b:shared-iterations:iterations=4,duration=1m", "max_duration, not duration");
    refused("b:shared-iterations:iterations=4,rate=1/s", "rate goes with arrival rates, not with");
    refused("b:constant-vus:users=4,iterations=4",
            "iterations goes with shared-iterations and per-vu-iterations, not with constant-vus");
    refused("b:constant-vus:users=4,max_users=5", "max_users goes with arrival rates");
    refused("b:constant-arrival-rate:rate=1/s,max_duration=4", "max_duration goes with");
    refused("b:ramping-arrival-rate:stages=1m:5/s,iterations=4", "iterations goes with");
    refused("e:externally-controlled:vus=3,maxVUs=2", "max_users=2 is less than users=3");
}

/* So many, however odd the rate. */
static void arrivals_may_be_so_many(void **state)
{
    static const char *const rates[] = {"20/s", "1/3s", "0.7/s", "33/m", "999/s", "7/1m"};
    static const char *const more[] = {"", ",phase=k6", ",distribution=poisson-fixed,seed=3"};
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        for (size_t k = 0; k < sizeof more / sizeof *more; k++)
            for (unsigned n = 1; n < 40; n += 19) {
                struct scenario s, again;
                struct sbuf text = {0};
                char *why = NULL;
                sbuf_addf(&text, "a:constant-arrival-rate:rate=%s,iterations=%u%s", rates[i], n,
                          more[k]);
                if (!scenario_read(&s, text.data, &why))
                    fail_msg("%s", why);
                assert_int_equal(s.plan.count, n);
                assert_false(s.is_endless);
                sbuf_clear(&text);
                scenario_write(&s, &text);
                assert_true(scenario_read(&again, text.data, &why));
                assert_int_equal(again.plan.count, n);
                scenario_fini(&s);
                scenario_fini(&again);
                sbuf_fini(&text);
            }
    refused("a:constant-arrival-rate:rate=1/s,iterations=4,duration=4s", "one of them says");
    refused("a:constant-arrival-rate:rate=1/s,iterations=4,distribution=poisson", "poisson-fixed");
    refused("a:constant-arrival-rate:rate=1/m,iterations=900000000000", "too large");
}

static void env_and_tags_come_through(void **state)
{
    struct scenario s, again;
    char *why;
    struct sbuf text = {0};
    (void)state;
    assert_true(scenario_read(
        &s, "b:constant-arrival-rate:env.URL=http://a/?x=1%2cy=2,rate=1/s,tag.kind=a%25b,env.E=",
        &why));
    assert_int_equal(s.pair_count, 3);
    assert_string_equal(s.pairs[0].value, "http://a/?x=1,y=2");
    assert_true(s.pairs[1].is_tag && !strcmp(s.pairs[1].value, "a%b") && !*s.pairs[2].value);
    scenario_write(&s, &text);
    assert_true(scenario_read(&again, text.data, &why));
    assert_int_equal(again.pair_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(again.pairs[i].name, s.pairs[i].name);
        assert_string_equal(again.pairs[i].value, s.pairs[i].value);
    }
    sbuf_fini(&text);
    scenario_fini(&s);
    scenario_fini(&again);
}

static void ordered(const char *const *texts, size_t count, const char *because)
{
    struct scenario list[4], *pointers[4];
    char *why = NULL;
    size_t bad;
    for (size_t i = 0; i < count; i++) {
        assert_true(scenario_read(&list[i], texts[i], &why));
        pointers[i] = &list[i];
    }
    assert_int_equal(scenario_order(pointers, count, &bad, &why), because == NULL);
    if (because)
        assert_non_null(strstr(why, because));
    else
        assert_true(list[0].start_ns == 17000000000LL && list[1].start_ns == 2000000000LL);
    free(why);
    for (size_t i = 0; i < count; i++)
        scenario_fini(&list[i]);
}

static void one_begins_after_the_other(void **state)
{
    (void)state;
    ordered(
        (const char *[]){"a:constant-arrival-rate:rate=1/s,duration=1s,start_after=b,start_time=5s",
                         "b:constant-arrival-rate:rate=1/s,duration=10s,start_time=2s"},
        2, NULL);
    ordered((const char *[]){"a:constant-arrival-rate:rate=1/s,duration=1s,start_after=b",
                             "b:constant-arrival-rate:rate=1/s,duration=1s,start_after=a"},
            2, "wait for one another");
    ordered((const char *[]){"a:constant-arrival-rate:rate=1/s,duration=1s,start_after=c"}, 1,
            "there is no scenario of that name");
    ordered((const char *[]){"a:constant-arrival-rate:rate=1/s,duration=1s,start_after=b",
                             "b:constant-arrival-rate:rate=1/s"},
            2, "no duration");
}

static void what_follows_iterations_begins_at_the_latest_then(void **state)
{
    struct scenario list[3], *all[] = {&list[0], &list[1], &list[2]};
    static const char *const texts[] = {
        "a:shared-iterations:iterations=5,max_duration=1m",
        "b:constant-arrival-rate:rate=1/s,duration=10s,start_after=a",
        "c:constant-vus:users=1,start_after=b,start_time=2s"};
    struct sbuf text = {0};
    char *why;
    size_t bad;
    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_true(scenario_read(&list[i], texts[i], &why));
    assert_true(scenario_order(all, 3, &bad, &why));
    assert_true(list[1].start_ns == 60000000000LL && list[2].start_ns == 72000000000LL);
    assert_true(!list[0].may_be_sooner && list[1].may_be_sooner && list[2].may_be_sooner);
    assert_string_equal(list[2].follows, "b");
    scenario_describe(&list[2], &text);
    assert_non_null(strstr(text.data, ", beginning when 'b' is over, at the latest after 1m12s; "));
    sbuf_fini(&text);
    scenario_with_start(&list[2], 7000000000LL, &text);
    assert_non_null(strstr(text.data, "start_time=7000000000ns"));
    sbuf_fini(&text);
    for (size_t i = 0; i < 3; i++)
        scenario_fini(&list[i]);
}

static void durations_are_exact(void **state)
{
    int64_t ns;
    (void)state;
    assert_true(scenario_duration("1h1m1.5s", &ns) && ns == 3661500000000LL);
    assert_true(scenario_duration("0.1ms", &ns) && ns == 100000);
    assert_true(scenario_duration("7", &ns) && ns == 7000000000LL);
    assert_true(scenario_duration("2d", &ns) && ns == 172800000000000LL);
    assert_false(scenario_duration("1m7", &ns));
    assert_false(scenario_duration("", &ns));
    assert_false(scenario_duration("s", &ns));
    assert_false(scenario_duration("1.2.3s", &ns));
    assert_false(scenario_duration("99999999999h", &ns));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read),
        cmocka_unit_test(a_ramp_may_stay_for_ever),
        cmocka_unit_test(a_staircase_is_said_in_words),
        cmocka_unit_test(users_may_loop),
        cmocka_unit_test(users_may_come_one_by_one),
        cmocka_unit_test(the_first_stages_may_be_left_out),
        cmocka_unit_test(requests_may_be_throttled),
        cmocka_unit_test(k6_words_are_read),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(iterations_are_counted),
        cmocka_unit_test(arrivals_may_be_so_many),
        cmocka_unit_test(env_and_tags_come_through),
        cmocka_unit_test(one_begins_after_the_other),
        cmocka_unit_test(what_follows_iterations_begins_at_the_latest_then),
        cmocka_unit_test(durations_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
