// SPDX-License-Identifier: MIT
/* dispatch: step for step against stock Locust (golden/dispatch_*.json, made by
 * golden/make_dispatch.py), and our own rules when workers come and go. */
#include "common/run/dispatch.h"
#include "tests/support/cpu.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct dispatch *make_dispatch(const json_t *spec)
{
    struct dispatch_class classes[16];
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(spec, "classes"), i, row)
    {
        classes[i] = (struct dispatch_class){
            json_string_value(json_array_get(row, 0)),
            json_number_value(json_array_get(row, 1)),
            (unsigned)json_integer_value(json_array_get(row, 2)),
            false,
        };
    }
    struct dispatch *d = dispatch_new(classes, i);
    json_array_foreach(json_object_get(spec, "workers"), i, row)
    {
        dispatch_add_worker(d, json_string_value(row));
    }
    return d;
}

static void check_map(struct dispatch *d, const json_t *workers, const json_t *map, const char *at)
{
    size_t w;
    json_t *counts;
    json_array_foreach(map, w, counts)
    {
        const char *id = json_string_value(json_array_get(workers, w));
        const struct dispatch_worker *worker = dispatch_find_worker(d, id);
        for (size_t c = 0; c < json_array_size(counts); c++) {
            unsigned want = (unsigned)json_integer_value(json_array_get(counts, c));
            if (worker->counts[c] != want)
                fail_msg("%s: worker %s class %s has %u users, Locust gives %u", at, id,
                         dispatch_class_name(d, c), worker->counts[c], want);
        }
    }
}

static void check_ramp(struct dispatch *d, const json_t *workers, const json_t *ramp,
                       const char *at)
{
    const char *names[16] = {NULL};
    const json_t *classes = json_object_get(ramp, "classes");
    for (size_t i = 0; i < json_array_size(classes); i++)
        names[i] = json_string_value(json_array_get(classes, i));
    dispatch_aim(d, (unsigned)json_integer_value(json_object_get(ramp, "users")),
                 json_number_value(json_object_get(ramp, "rate")),
                 json_is_array(classes) ? names : NULL);
    const double want_pause = json_number_value(json_object_get(ramp, "pause"));
    size_t step;
    json_t *map;
    json_array_foreach(json_object_get(ramp, "maps"), step, map)
    {
        assert_false(dispatch_is_done(d));
        double pause = dispatch_step(d);
        check_map(d, workers, map, at);
        if (pause >= 0)
            assert_true(pause > want_pause - 1e-9 && pause < want_pause + 1e-9);
    }
    if (json_is_null(json_object_get(ramp, "steps")))
        assert_true(dispatch_is_done(d));
}

static void deals_as_locust_does(void **state)
{
    json_error_t error;
    char path[256];
    snprintf(path, sizeof path, "tests/unit/golden/dispatch_%s.json", (const char *)*state);
    json_t *cases = json_load_file(path, 0, &error);
    if (!cases)
        fail_msg("%s: %s", path, error.text);
    assert_true(json_array_size(cases) > 0);
    size_t i, r;
    json_t *spec, *ramp;
    json_array_foreach(cases, i, spec)
    {
        struct dispatch *d = make_dispatch(spec);
        json_array_foreach(json_object_get(spec, "ramps"), r, ramp)
        {
            char at[64];
            snprintf(at, sizeof at, "%s case %zu ramp %zu", (const char *)*state, i, r);
            check_ramp(d, json_object_get(spec, "workers"), ramp, at);
        }
        dispatch_free(d);
    }
    json_decref(cases);
}

/* Locust's dispatcher as an iterator: what it gives next, around dispatch_step and _spread. */
struct iterator {
    struct dispatch *d;
    unsigned target;
    bool is_spread_due, is_over;
};

static void change(struct iterator *it, const json_t *step)
{
    const char *what = json_string_value(json_array_get(step, 0));
    const json_t *arg = json_array_get(step, 1);
    if (!strcmp(what, "aim")) {
        it->target = (unsigned)json_integer_value(arg);
        dispatch_aim(it->d, it->target, json_number_value(json_array_get(step, 2)), NULL);
        it->is_over = false;
        it->is_spread_due |= dispatch_user_count(it->d) == it->target;
        return;
    }
    if (!strcmp(what, "go"))
        return;
    if (!strcmp(what, "add"))
        dispatch_add_worker(it->d, json_string_value(arg));
    else
        dispatch_remove_worker(it->d, json_string_value(arg));
    dispatch_spread(it->d);
    it->is_spread_due = true;
}

/* False: it has come to its end. */
static bool next_of(struct iterator *it)
{
    if (it->is_over)
        return false;
    if (it->is_spread_due) {
        it->is_spread_due = false;
        return true;
    }
    it->is_over = dispatch_user_count(it->d) == it->target;
    if (!it->is_over)
        dispatch_step(it->d);
    return !it->is_over;
}

static void check_workers(struct dispatch *d, const json_t *wanted, const char *at)
{
    const char *id;
    const json_t *counts;
    assert_int_equal(dispatch_worker_count(d), json_object_size(wanted));
    json_object_foreach((json_t *)(uintptr_t)wanted, id, counts)
    {
        const struct dispatch_worker *w = dispatch_find_worker(d, id);
        for (size_t c = 0; c < json_array_size(counts); c++)
            if (w->counts[c] != json_integer_value(json_array_get(counts, c)))
                fail_msg("%s: worker %s class %s has %u users", at, id, dispatch_class_name(d, c),
                         w->counts[c]);
    }
}

static void spreads_anew_as_locust_does(void **state)
{
    json_error_t error;
    json_t *cases = json_load_file("tests/unit/golden/dispatch_workers.json", 0, &error);
    (void)state;
    if (!cases)
        fail_msg("%s", error.text);
    assert_true(json_array_size(cases) > 0);
    size_t i, s;
    json_t *spec, *step;
    json_array_foreach(cases, i, spec)
    {
        struct iterator it = {.d = make_dispatch(spec)};
        json_array_foreach(json_object_get(spec, "steps"), s, step)
        {
            const json_t *wanted = json_array_get(step, json_array_size(step) - 1);
            char at[64];
            snprintf(at, sizeof at, "case %zu step %zu", i, s);
            change(&it, step);
            if (next_of(&it) != json_is_object(wanted))
                fail_msg("%s: there should be %s step", at, it.is_over ? "a" : "no");
            if (json_is_object(wanted))
                check_workers(it.d, wanted, at);
        }
        dispatch_free(it.d);
    }
    json_decref(cases);
}

static void users_are_placed_by_hand(void **state)
{
    (void)state;
    const struct dispatch_class classes[] = {{"A", 1, 0, false}, {"B", 1, 1, false}};
    struct dispatch *d = dispatch_new(classes, 2);
    assert_false(dispatch_place(d, "A"));
    dispatch_add_worker(d, "w_2");
    dispatch_add_worker(d, "w_1");
    assert_string_equal(dispatch_take_class(d), "B");
    assert_string_equal(dispatch_take_class(d), "A");
    assert_true(dispatch_place(d, "A"));
    assert_true(dispatch_place(d, "B"));
    assert_false(dispatch_place(d, "C"));
    assert_int_equal(dispatch_find_worker(d, "w_1")->counts[0], 1);
    assert_int_equal(dispatch_find_worker(d, "w_2")->counts[1], 1);
    assert_int_equal(dispatch_user_count(d), 2);
    dispatch_free(d);
}

static struct dispatch *running(unsigned users, double rate, const char *const *workers, size_t n)
{
    const struct dispatch_class classes[] = {
        {"A", 3, 0, false}, {"B", 1, 0, false}, {"C", 1, 2, false}};
    struct dispatch *d = dispatch_new(classes, 3);
    for (size_t i = 0; i < n; i++)
        dispatch_add_worker(d, workers[i]);
    dispatch_aim(d, users, rate, NULL);
    while (!dispatch_is_done(d))
        dispatch_step(d);
    return d;
}

static void assert_balanced(struct dispatch *d)
{
    unsigned least = UINT32_MAX, most = 0;
    for (size_t i = 0; i < dispatch_worker_count(d); i++) {
        unsigned load = dispatch_worker(d, i)->load;
        least = load < least ? load : least;
        most = load > most ? load : most;
    }
    assert_in_range(most - least, 0, 1);
}

static const char *const FOUR[] = {"h_1", "h_2", "h_3", "h_4"};

static void users_of_a_lost_worker_move_at_the_spawn_rate(void **state)
{
    (void)state;
    struct dispatch *d = running(40, 4, FOUR, 4);
    unsigned before[3];
    for (size_t c = 0; c < 3; c++)
        before[c] = dispatch_class_users(d, c);
    dispatch_remove_worker(d, "h_2");
    assert_int_equal(dispatch_user_count(d), 30);
    assert_false(dispatch_is_done(d));
    assert_true(dispatch_step(d) > 0.99);
    assert_int_equal(dispatch_user_count(d), 34);
    assert_true(dispatch_step(d) > 0);
    assert_true(dispatch_step(d) < 0);
    assert_int_equal(dispatch_user_count(d), 40);
    for (size_t c = 0; c < 3; c++)
        assert_int_equal(dispatch_class_users(d, c), before[c]);
    assert_balanced(d);
    dispatch_free(d);
}

static void a_worker_that_joins_gets_its_share_at_once(void **state)
{
    (void)state;
    struct dispatch *d = running(30, 5, FOUR, 2);
    for (size_t i = 0; i < 2; i++)
        dispatch_worker(d, i)->is_changed = false;
    dispatch_add_worker(d, "h_9");
    assert_true(dispatch_is_done(d));
    assert_int_equal(dispatch_find_worker(d, "h_9")->load, 10);
    assert_int_equal(dispatch_user_count(d), 30);
    assert_balanced(d);
    for (size_t i = 0; i < 3; i++)
        assert_true(dispatch_worker(d, i)->is_changed);
    dispatch_add_worker(d, "h_8");
    assert_balanced(d);
    dispatch_aim(d, 50, 10, NULL);
    while (!dispatch_is_done(d))
        dispatch_step(d);
    assert_balanced(d);
    dispatch_free(d);
}

static void users_wait_for_a_worker_when_all_are_lost(void **state)
{
    (void)state;
    struct dispatch *d = running(10, 10, FOUR, 2);
    dispatch_remove_worker(d, "h_1");
    dispatch_remove_worker(d, "h_2");
    assert_true(dispatch_is_done(d));
    assert_true(dispatch_step(d) < 0);
    dispatch_add_worker(d, "h_3");
    assert_false(dispatch_is_done(d));
    dispatch_step(d);
    assert_int_equal(dispatch_find_worker(d, "h_3")->load, 10);
    dispatch_free(d);
}

static void only_fixed_users_are_placed_again_after_a_loss(void **state)
{
    (void)state;
    const struct dispatch_class classes[] = {{"A", 0, 4, false}};
    struct dispatch *d = dispatch_new(classes, 1);
    dispatch_add_worker(d, "h_1");
    dispatch_add_worker(d, "h_2");
    dispatch_aim(d, 10, 10, NULL);
    dispatch_step(d);
    assert_true(dispatch_is_done(d));
    dispatch_remove_worker(d, "h_1");
    assert_false(dispatch_is_done(d));
    dispatch_step(d);
    assert_int_equal(dispatch_find_worker(d, "h_2")->load, 4);
    dispatch_free(d);
}

static void assert_even(struct dispatch *d, size_t workers, unsigned a, unsigned b)
{
    assert_int_equal(dispatch_worker_count(d), workers);
    for (size_t w = 0; w < workers; w++) {
        const struct dispatch_worker *each = dispatch_worker(d, w);
        assert_int_equal(each->counts[0], a / workers + (w < a % workers));
        assert_int_equal(each->counts[1], b / workers + (w < b % workers));
    }
}

static void each_worker_has_the_same_share_of_even_classes(void **state)
{
    (void)state;
    const struct dispatch_class classes[] = {{"A", 0, 10, true}, {"B", 0, 2, true}};
    struct dispatch *d = dispatch_new(classes, 2);
    for (const char *const *id = (const char *const[]){"h_3", "h_1", "h_5", NULL}; *id; id++)
        dispatch_add_worker(d, *id);
    dispatch_aim(d, 12, 12, NULL);
    dispatch_step(d);
    assert_even(d, 3, 10, 2);
    dispatch_add_worker(d, "h_2"); /* before others */
    assert_even(d, 4, 10, 2);
    dispatch_remove_worker(d, "h_1");
    dispatch_step(d);
    assert_even(d, 3, 10, 2);
    dispatch_remove_worker(d, "h_5");
    dispatch_remove_worker(d, "h_2");
    dispatch_step(d);
    assert_even(d, 1, 10, 2);
    dispatch_free(d);
}

static unsigned load_of(struct dispatch *d, const char *id)
{
    return dispatch_find_worker(d, id)->load;
}

static struct dispatch *three_and_one(struct dispatch_class of)
{
    struct dispatch *d = dispatch_new(&of, 1);
    dispatch_add_worker(d, "big_1");
    dispatch_add_worker(d, "small_1");
    dispatch_weigh(d, "big_1", 3);
    dispatch_weigh(d, "nobody_1", 9);
    return d;
}

/* Each has its part of every few, whoever comes or goes. */
static void users_are_dealt_by_weight(void **state)
{
    (void)state;
    struct dispatch *d = three_and_one((struct dispatch_class){.name = "A", .weight = 1});
    for (unsigned users = 4; users <= 48; users += 4) {
        dispatch_aim(d, users, 100, NULL);
        dispatch_step(d);
        assert_int_equal(load_of(d, "big_1"), users / 4 * 3);
        assert_int_equal(load_of(d, "small_1"), users / 4);
    }
    dispatch_add_weighed(d, "big_2", 3);
    assert_int_equal(load_of(d, "big_2"), 20);
    dispatch_remove_worker(d, "small_1");
    while (dispatch_step(d) >= 0)
        ;
    assert_int_equal(load_of(d, "big_1"), 24);
    assert_int_equal(load_of(d, "big_2"), 24);
    dispatch_free(d);
}

/* Those of a scenario with a rate, as its arrivals are (stripe_deal). */
static void even_classes_are_dealt_as_arrivals_are(void **state)
{
    (void)state;
    struct dispatch *d =
        three_and_one((struct dispatch_class){.name = "B", .fixed_count = 42, .is_even = true});
    dispatch_aim(d, 42, 100, NULL);
    dispatch_step(d);
    assert_int_equal(load_of(d, "big_1") + load_of(d, "small_1"), 42);
    assert_true(load_of(d, "small_1") == 10 || load_of(d, "small_1") == 11);
    dispatch_add_weighed(d, "big_2", 3);
    assert_int_equal(load_of(d, "big_1"), 18);
    assert_int_equal(load_of(d, "small_1"), 6);
    dispatch_remove_worker(d, "big_1");
    while (dispatch_step(d) >= 0)
        ;
    assert_int_equal(load_of(d, "big_2") + load_of(d, "small_1"), 42);
    assert_true(load_of(d, "small_1") == 10 || load_of(d, "small_1") == 11);
    dispatch_free(d);
}

static void large_is_fast(void **state)
{
    (void)state;
    struct dispatch_class classes[30];
    char names[30][8];
    for (size_t i = 0; i < 30; i++) {
        snprintf(names[i], sizeof names[i], "C%02zu", i);
        classes[i] =
            (struct dispatch_class){names[i], 1.0 + (double)(i % 7), i % 10 ? 0 : 5, false};
    }
    uint64_t start = cpu_ns();
    struct dispatch *d = dispatch_new(classes, 30);
    for (unsigned i = 0; i < 1000; i++) {
        char id[32];
        snprintf(id, sizeof id, "host%u_%u", i % 100, i);
        dispatch_add_worker(d, id);
    }
    dispatch_aim(d, 100000, 5000, NULL);
    while (!dispatch_is_done(d))
        dispatch_step(d);
    double took = (double)(cpu_ns() - start) / 1e9;
    assert_int_equal(dispatch_user_count(d), 100000);
    assert_balanced(d);
    print_message("100,000 users on 1,000 workers: %.3f s\n", took);
#ifndef KATYDID_SANITIZE
    assert_true(took < 10); /* 0.1 s */
#endif
    dispatch_free(d);
}

int main(void)
{
    static char fixed[] = "fixed", random[] = "random";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(deals_as_locust_does, fixed),
        cmocka_unit_test_prestate(deals_as_locust_does, random),
        cmocka_unit_test(spreads_anew_as_locust_does),
        cmocka_unit_test(users_are_placed_by_hand),
        cmocka_unit_test(users_of_a_lost_worker_move_at_the_spawn_rate),
        cmocka_unit_test(a_worker_that_joins_gets_its_share_at_once),
        cmocka_unit_test(users_wait_for_a_worker_when_all_are_lost),
        cmocka_unit_test(only_fixed_users_are_placed_again_after_a_loss),
        cmocka_unit_test(each_worker_has_the_same_share_of_even_classes),
        cmocka_unit_test(users_are_dealt_by_weight),
        cmocka_unit_test(even_classes_are_dealt_as_arrivals_are),
        cmocka_unit_test(large_is_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
