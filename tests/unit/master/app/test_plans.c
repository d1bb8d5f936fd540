// SPDX-License-Identifier: MIT
/* Scenarios of a run: what they ask of it, to whom they are dealt, and how they are changed while
 * they run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/master_bench.h"
#include <math.h>

static void add(struct bench *b, const char *text)
{
    struct plan_list *l = &b->m.plans.list;
    char *why = NULL;
    struct scenario *s = mem_zalloc(sizeof *s);
    l->all = mem_realloc(l->all, (l->count + 1) * sizeof *l->all);
    if (!scenario_read(s, text, &why))
        fail_msg("%s", why);
    s->user_class = mem_strdup("Shopper");
    l->all[l->count++] = s;
}

static void free_plans(struct bench *b)
{
    plans_fini(&b->m);
    free_bench(b);
}

/* As when its first users are there and ten seconds are over. */
static void let_run(struct bench *b)
{
    plans_begin(&b->m);
    b->m.machine.run.state = RUN_RUNNING;
    b->m.machine.run.started_mono = b->m.plans.begun_at = master_now().mono - 10;
}

static void expect_refusal(struct bench *b, const char *json, const char *field, const char *words)
{
    const struct command_result r = plans_control(&b->m, json);
    assert_false(r.is_ok);
    assert_string_equal(r.field, field);
    if (!strstr(r.text, words))
        fail_msg("'%s' is not in '%s'", words, r.text);
}

static void expect_change(struct bench *b, const char *json, const char *words)
{
    const struct command_result r = plans_control(&b->m, json);
    if (!r.is_ok || !strstr(r.text, words))
        fail_msg("'%s' is not in '%s'", words, r.text);
}

static void a_run_is_as_its_scenarios_want_it(void **state)
{
    (void)state;
    struct bench *b = new_bench();
    add(b, "buy:constant-arrival-rate:rate=20/s,duration=30s,users=3,max_users=9,graceful_stop=7s");
    add(b, "look:constant-arrival-rate:rate=5/s,duration=10s,start_time=50s,users=2,max_users=2");
    add(b, "loop:constant-vus:vus=4,duration=20s");
    plans_begin(&b->m);
    assert_int_equal(b->m.machine.load.users, 5); /* those of users come when they begin */
    assert_int_equal(b->m.nodes.pool_count, 3);
    assert_string_equal(b->m.nodes.pools[0].name, "Shopper");
    assert_int_equal(b->m.plans.users, 5);
    for (int i = 0; i < 3; i++)
        assert_non_null(b->m.nodes.scenarios[i]);
    assert_null(b->m.nodes.scenarios[3]);
    assert_true(plans_graceful_s(&b->m) >= 7);
    b->m.machine.run.started_mono = 100;
    b->m.plans.begun_at = 101;
    assert_true(fabs(plans_run_time_s(&b->m) - (61 + PLANS_AT_END_S)) < 1e-9);
    b->m.machine.load.run_time_s = 20; /* that was asked for */
    assert_true(fabs(plans_run_time_s(&b->m) - 20) < 1e-9);
    free_plans(b);
}

static void a_test_without_scenarios_has_none(void **state)
{
    (void)state;
    struct bench *b = new_bench();
    plans_begin(&b->m);
    assert_null(b->m.nodes.scenarios);
    assert_true(b->m.machine.load.users < 0);
    assert_true(plans_spawned(&b->m) <= 0);
    plans_second(&b->m);
    assert_false(plans_follow_on(&b->m));
    assert_null(b->sent.data);
    free_plans(b);
}

static void shares_are_sent_when_the_users_are_there(void **state)
{
    (void)state;
    struct bench *b = new_bench();
    add(b, "buy:constant-arrival-rate:rate=20/s,duration=30s,users=2,max_users=9");
    struct worker *w = join(b, "w");
    assert_true(ask(b, swarm(9, 9)).is_ok); /* what the scenarios say holds */
    turn(b);
    assert_true(was_sent(b, "spawn>w"));
    assert_false(was_sent(b, "katydid_scenarios>w"));
    struct class_users users = {(char *)(uintptr_t) "Shopper", 2};
    roster_set_users(&b->m.machine.roster, w, &users, 1);
    run_on(&b->m, &(struct machine_event){.kind = ON_WORKER_USERS, .worker = w});
    assert_true(was_sent(b, "katydid_scenarios>w"));
    sbuf_clear(&b->sent);
    plans_second(&b->m); /* nobody came or went */
    assert_false(was_sent(b, "katydid_scenarios>w"));
    expect_refusal(b, "{\"name\":\"buy\",\"rate\":9}", "name", "It has not begun");
    free_plans(b);
}

static void beat(struct bench *b, const char *id, uint64_t shares)
{
    const struct message_heartbeat h = {.state = "running", .order = 1, .shares = shares};
    registry_heartbeat(&b->m.nodes, id, &h, "");
}

/* As if no heartbeat could be under way any more. */
static void look_later(struct bench *b)
{
    sbuf_clear(&b->sent);
    for (size_t i = 0; i < b->m.plans.post_count; i++)
        b->m.plans.posts[i].at -= 60;
    plans_second(&b->m);
}

static void shares_are_sent_until_they_are_heard(void **state)
{
    (void)state;
    struct bench *b = new_bench();
    add(b, "buy:constant-arrival-rate:rate=20/s,duration=1h,users=2,max_users=9");
    struct worker *w = join(b, "w");
    assert_true(ask(b, swarm(9, 9)).is_ok);
    turn(b);
    struct class_users users = {(char *)(uintptr_t) "Shopper", 2};
    roster_set_users(&b->m.machine.roster, w, &users, 1);
    run_on(&b->m, &(struct machine_event){.kind = ON_WORKER_USERS, .worker = w});
    beat(b, "w", 0);
    sbuf_clear(&b->sent);
    plans_second(&b->m); /* it may be under way */
    assert_false(was_sent(b, "katydid_scenarios>w"));
    look_later(b);
    assert_true(was_sent(b, "katydid_scenarios>w"));
    plans_deal_anew(&b->m);
    assert_int_equal(b->m.plans.posts[0].count, 2);
    beat(b, "w", 1);
    look_later(b); /* the second one alone */
    assert_true(was_sent(b, "katydid_scenarios>w"));
    assert_int_equal(b->m.plans.posts[0].count, 1);
    beat(b, "w", 2);
    look_later(b);
    assert_false(was_sent(b, "katydid_scenarios>w"));
    plans_deal_anew(&b->m);
    beat(b, "w", UINT64_MAX); /* it says nothing of them */
    look_later(b);
    assert_false(was_sent(b, "katydid_scenarios>w"));
    free_plans(b);
}

static void what_cannot_be_changed_is_refused(void **state)
{
    (void)state;
    struct bench *b = new_bench();
    add(b, "buy:constant-arrival-rate:rate=20/s,duration=1h,users=3,max_users=9");
    add(b, "loop:constant-vus:vus=4,duration=1h");
    expect_refusal(b, "{\"name\":\"buy\",\"rate\":1}", "", "No scenario runs");
    let_run(b);
    expect_refusal(b, "[]", "", "Write a JSON object");
    expect_refusal(b, "{\"rate\":1}", "name", "Give the name");
    expect_refusal(b, "{\"name\":\"sell\",\"rate\":1}", "name", "no scenario of that name");
    expect_refusal(b, "{\"name\":\"buy\",\"speed\":1}", "speed", "no such field");
    expect_refusal(b, "{\"name\":\"buy\"}", "rate", "Give one of");
    expect_refusal(b, "{\"name\":\"buy\",\"rate\":1,\"paused\":true}", "rate", "Give one of");
    expect_refusal(b, "{\"name\":\"buy\",\"paused\":1}", "rate", "Give one of");
    expect_refusal(b, "{\"name\":\"buy\",\"users\":1}", "rate", "It has a rate");
    expect_refusal(b, "{\"name\":\"loop\",\"rate\":1}", "users", "It has users");
    expect_refusal(b, "{\"name\":\"buy\",\"rate\":\"fast\"}", "rate", "fast");
    expect_refusal(b, "{\"name\":\"loop\",\"users\":1.5}", "users", "");
    expect_refusal(b, "{\"name\":\"buy\",\"stages\":\"soon\"}", "stages", "");
    assert_null(b->m.plans.given); /* nothing has changed */
    free_plans(b);
}

static void a_change_is_of_this_run_alone(void **state)
{
    (void)state;
    struct bench *b = new_bench();
    add(b, "buy:constant-arrival-rate:rate=20/s,duration=1h,users=3,max_users=9");
    add(b, "loop:constant-vus:vus=4,duration=1h");
    let_run(b);
    char *given = mem_strdup(b->m.plans.texts[0]);
    const double end_s = plans_run_time_s(&b->m);
    expect_change(b, "{\"name\":\"buy\",\"rate\":\"50/s\"}", "Rate of buy: 20/s → 50/s");
    expect_change(b, "{\"name\":\"loop\",\"users\":7}", "Users of loop: 4 → 7");
    assert_string_not_equal(b->m.plans.texts[0], given);
    assert_true(fabs(plans_run_time_s(&b->m) - end_s) < 1e-6); /* for the time that is left */
    expect_change(b, "{\"name\":\"buy\",\"stages\":[[\"2m\",\"80/s\"]]}", "2m:80/s");
    struct events_list *events = events_snapshot(b->m.record.events);
    assert_int_equal(events->count, 3);
    events_list_unref(events);
    plans_begin(&b->m);
    assert_string_equal(b->m.plans.texts[0], given);
    free(given);
    free_plans(b);
}

static void events_are(struct bench *b, const char *const *texts, size_t count)
{
    struct events_list *l = events_snapshot(b->m.record.events);
    assert_int_equal(l->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(l->events[i].kind, "stage");
        assert_string_equal(l->events[i].text, texts[i]);
    }
    events_list_unref(l);
}

/* Each once, where it began, however seldom somebody looks. */
static void stages_are_events(void **state)
{
    static const char *const texts[] = {
        "Stage 1 of loop: 2 users in 2s", "Stage 2 of loop: 2 users for 3s",
        "Stage 1 of buy: 20/s for 2s",    "Stage 3 of loop: 1 user at once",
        "Stage 4 of loop: 9 users in 1m", "Stage 2 of buy: 80/s in 1m",
    };
    static const double after_s[] = {0, 2, 4, 5, 5, 6};
    (void)state;
    struct bench *b = new_bench();
    add(b, "loop:ramping-vus:stages=2s:2,3s:2,0s:1,1m:9");
    add(b, "buy:ramping-arrival-rate:start_time=4s,start_rate=20/s,stages=2s:20/s,1m:80/s");
    add(b, "even:constant-vus:vus=4,duration=1h");
    plans_begin(&b->m);
    plans_tell_stages(&b->m);
    events_are(b, texts, 0); /* nothing has begun */
    let_run(b);
    b->m.plans.stopped_at = b->m.plans.begun_at + 5.5;
    for (int i = 0; i < 2; i++)
        plans_tell_stages(&b->m);
    events_are(b, texts, 5);
    b->m.plans.stopped_at = 0;
    plans_tell_stages(&b->m);
    events_are(b, texts, 6);
    struct events_list *l = events_snapshot(b->m.record.events);
    for (size_t i = 0; i < 6; i++)
        assert_true(fabs(l->events[i].at - l->events[0].at - after_s[i]) < 0.01);
    events_list_unref(l);
    free_plans(b);
}

static void a_long_list_of_stages_is_named_now_and_then(void **state)
{
    struct sbuf text = {0};
    (void)state;
    struct bench *b = new_bench();
    sbuf_adds(&text, "loop:ramping-vus:stages=1s:1");
    for (int i = 2; i <= 950; i++)
        sbuf_addf(&text, ",1s:%d", i);
    add(b, text.data);
    sbuf_clear(&text);
    let_run(b);
    b->m.plans.begun_at = master_now().mono - 960; /* machines are up for longer */
    plans_tell_stages(&b->m);
    struct events_list *l = events_snapshot(b->m.record.events);
    assert_in_range(l->count, SCENARIO_NAMED_STAGES / 2, SCENARIO_NAMED_STAGES);
    assert_string_equal(l->events[1].text, "Stage 11 of loop: 11 users in 1s");
    events_list_unref(l);
    sbuf_fini(&text);
    free_plans(b);
}

static void a_throttle_is_changed(void **state)
{
    (void)state;
    struct bench *b = new_bench();
    add(b, "buy:constant-arrival-rate:rate=20/s,users=3,max_users=9,throttle=5/s");
    add(b, "loop:constant-vus:vus=4,duration=1h");
    add(b, "some:shared-iterations:vus=4,iterations=9");
    let_run(b);
    expect_change(b, "{\"name\":\"buy\",\"throttle\":50}", "Throttle of buy: 5/s → 50/s");
    expect_change(b, "{\"name\":\"buy\",\"throttle\":null}", "Throttle of buy: 50/s → none");
    expect_change(b, "{\"name\":\"loop\",\"throttle\":[[\"1m\",\"8/s\"],[0,2],[5,2]]}",
                  "Throttle of loop: none → ");
    expect_change(b, "{\"name\":\"some\",\"throttle\":\"9/m\"}", "none → 0.15/s");
    expect_refusal(b, "{\"name\":\"loop\",\"throttle\":\"fast\"}", "throttle", "write 100/s");
    expect_refusal(b, "{\"name\":\"loop\",\"throttle\":3,\"users\":3}", "rate", "Give one of");
    assert_true(plans_run_time_s(&b->m) <= 0);
    free_plans(b);
}

static void one_of_them_is_ended(void **state)
{
    (void)state;
    struct bench *b = new_bench();
    add(b, "buy:constant-arrival-rate:rate=20/s,users=3,max_users=9");
    add(b, "loop:constant-vus:vus=4,duration=1h");
    let_run(b);
    assert_true(plans_run_time_s(&b->m) <= 0); /* that has no end */
    expect_refusal(b, "{\"name\":\"buy\",\"ended\":false}", "rate", "ended (true)");
    expect_change(b, "{\"name\":\"buy\",\"paused\":true}", "paused");
    expect_change(b, "{\"name\":\"buy\",\"ended\":true}", "Rate of buy: ");
    assert_false(plans_is_paused(&b->m.plans, 0));
    assert_true(plans_run_time_s(&b->m) > 3500);
    expect_change(b, "{\"name\":\"loop\",\"ended\":true}", "Users of loop: 4 → ended");
    assert_true(plans_run_time_s(&b->m) < 20);
    free_plans(b);
}

static double start_s(const struct bench *b, size_t i)
{
    return (double)b->m.plans.list.all[i]->start_ns / 1e9;
}

/* Whoever is to begin when another one is over does so, wherever that moves its end. */
static void what_follows_moves_with_the_end(void **state)
{
    (void)state;
    struct bench *b = new_bench();
    size_t bad;
    char *why;
    add(b, "buy:constant-arrival-rate:rate=20/s,duration=1h");
    add(b, "look:constant-arrival-rate:rate=20/s,duration=1h,start_after=buy,start_time=5s");
    add(b, "last:constant-vus:vus=2,duration=1m,start_after=look");
    assert_true(scenario_order(b->m.plans.list.all, 3, &bad, &why));
    let_run(b);
    assert_true(fabs(start_s(b, 1) - 3605) < 1e-6 && fabs(start_s(b, 2) - 7205) < 1e-6);
    expect_change(b, "{\"name\":\"buy\",\"rate\":50}", "50/s");
    assert_true(fabs(start_s(b, 1) - 3605) < 0.01);
    expect_change(b, "{\"name\":\"buy\",\"stages\":\"1m:20/s\"}", "1m:20/s");
    assert_true(fabs(start_s(b, 1) - 75.3) < 0.2 && fabs(start_s(b, 2) - 3675.3) < 0.2);
    expect_change(b, "{\"name\":\"buy\",\"paused\":true}", "paused");
    assert_true(fabs(start_s(b, 1) - 75.3) < 0.2);
    b->m.plans.begun_at -= 20;
    expect_change(b, "{\"name\":\"buy\",\"paused\":false}", "paused");
    assert_true(fabs(start_s(b, 1) - 95.3) < 0.4 && fabs(start_s(b, 2) - 3695.3) < 0.4);
    expect_change(b, "{\"name\":\"buy\",\"ended\":true}", "ended");
    assert_true(fabs(start_s(b, 1) - 35.3) < 0.4 && fabs(start_s(b, 2) - 3635.3) < 0.4);
    free_plans(b);
}

static char *said_of(const struct bench *b, size_t i)
{
    struct sbuf text = {0};
    scenario_write(b->m.plans.list.all[i], &text);
    return sbuf_take(&text);
}

/* What is shown and stored of a run is what repeats it. */
static void a_seed_that_nobody_gave_is_of_the_run(void **state)
{
    (void)state;
    struct bench *b = new_bench();
    add(b, "buy:constant-arrival-rate:rate=20/s,duration=1h,distribution=poisson");
    add(b, "look:constant-arrival-rate:rate=20/s,duration=1h,distribution=poisson,seed=7");
    add(b, "even:constant-arrival-rate:rate=20/s,duration=1h");
    b->m.live.seed = -1;
    plans_begin(&b->m);
    char *first = said_of(b, 0);
    assert_non_null(strstr(first, ",seed="));
    assert_string_equal(first, b->m.plans.texts[0]);
    assert_null(strstr(b->m.plans.texts[2], ",seed="));
    plans_begin(&b->m);
    assert_string_not_equal(first, b->m.plans.texts[0]);
    assert_non_null(strstr(b->m.plans.texts[1], ",seed=7"));
    free(first);
    free_plans(b);
}

static void what_is_paused_goes_on_later(void **state)
{
    (void)state;
    struct bench *b = new_bench();
    add(b, "buy:constant-arrival-rate:rate=20/s,duration=1h,users=3,max_users=9");
    let_run(b);
    expect_change(b, "{\"name\":\"buy\",\"paused\":false}", "It is so already");
    expect_change(b, "{\"name\":\"buy\",\"paused\":true}", "Rate of buy: 20/s → paused");
    assert_true(plans_is_paused(&b->m.plans, 0));
    expect_change(b, "{\"name\":\"buy\",\"paused\":true}", "It is so already");
    expect_refusal(b, "{\"name\":\"buy\",\"rate\":1}", "paused", "resume it first");
    expect_change(b, "{\"name\":\"buy\",\"paused\":false}", "Rate of buy: paused → 20/s");
    assert_false(plans_is_paused(&b->m.plans, 0));
    free_plans(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_as_its_scenarios_want_it),
        cmocka_unit_test(a_test_without_scenarios_has_none),
        cmocka_unit_test(shares_are_sent_when_the_users_are_there),
        cmocka_unit_test(shares_are_sent_until_they_are_heard),
        cmocka_unit_test(what_cannot_be_changed_is_refused),
        cmocka_unit_test(a_change_is_of_this_run_alone),
        cmocka_unit_test(stages_are_events),
        cmocka_unit_test(a_long_list_of_stages_is_named_now_and_then),
        cmocka_unit_test(a_throttle_is_changed),
        cmocka_unit_test(one_of_them_is_ended),
        cmocka_unit_test(what_follows_moves_with_the_end),
        cmocka_unit_test(a_seed_that_nobody_gave_is_of_the_run),
        cmocka_unit_test(what_is_paused_goes_on_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
