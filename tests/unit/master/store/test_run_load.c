// SPDX-License-Identifier: MIT
/* Runs of other loads are not compared, and what they differ by is no noise between runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "common/metric/stats.h"
#include "master/store/history_words.h"
#include "master/store/run_load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a scenario as GET api/v1/scenarios has it. */
static json_t *scenario(const char *name, bool is_open, double length_s, const char *stages)
{
    json_t *plan = json_pack("{s:s,s:b,s:b,s:f,s:o,s:i,s:i}", "name", name, "is_open", is_open,
                             "is_of_all", false, "begins_s", 0.0, "stages",
                             json_loads(stages, 0, NULL), "due", 600, "started", 300);
    json_object_set_new(plan, "length_s", length_s > 0 ? json_real(length_s) : json_null());
    return plan;
}

static json_t *run_of(const char *id, json_t *scenarios, double elapsed_s)
{
    json_t *run = json_pack("{s:s,s:s,s:b,s:i,s:n,s:s}", "id", id, "run", id, "valid", true,
                            "plans", (int)json_array_size(scenarios), "users", "state", "done");
    json_t *all = json_pack("{s:o,s:f}", "scenarios", scenarios, "elapsed_s", elapsed_s);
    run_load_note(run, all);
    json_decref(all);
    return run;
}

static json_t *arrivals(const char *id, const char *stages, double length_s, double elapsed_s)
{
    return run_of(id, json_pack("[o]", scenario("shop", true, length_s, stages)), elapsed_s);
}

/* What is said when those are compared, and nothing is forced; NULL: they are. Frees them. */
static char *refusal(json_t *a, json_t *b)
{
    struct stats stats;
    struct contrast c;
    stats_init(&stats, 0, STATS_LIMITS_DEFAULT);
    stats.total.requests = 1;
    const struct contrast_run before = {NULL, &stats, a}, after = {NULL, &stats, b};
    contrast_make(&c, &(struct contrast_ask){.before = &before,
                                             .before_count = 1,
                                             .after = &after,
                                             .after_count = 1,
                                             .gate = &gate_usual});
    char *why = c.refusal ? mem_strdup(c.refusal) : NULL;
    contrast_fini(&c);
    stats_fini(&stats);
    json_decref(a);
    json_decref(b);
    return why;
}

static void refused(json_t *a, json_t *b, const char *because)
{
    char *why = refusal(a, b);
    assert_non_null(why);
    if (!strstr(why, because))
        fail_msg("'%s' does not say '%s'", why, because);
    free(why);
}

static void compared(json_t *a, json_t *b)
{
    char *why = refusal(a, b);
    if (why)
        fail_msg("%s", why);
}

static void other_arrivals_are_another_load(void **state)
{
    (void)state;
    refused(arrivals("A", "[[60,20,20]]", 60, 60), arrivals("B", "[[60,40,40]]", 60, 60),
            "the load differs: 20 arrivals/s in A, 40 in B");
    refused(arrivals("A", "[[60,20,20]]", 60, 60), arrivals("B", "[[60,21.2,21.2]]", 60, 60),
            "21.2 in B");
    compared(arrivals("A", "[[60,20,20]]", 60, 60), arrivals("B", "[[60,20.9,20.9]]", 60, 60));
}

static void the_rate_counts_and_not_how_long_it_was_on(void **state)
{
    (void)state;
    compared(arrivals("A", "[[60,20,20]]", 60, 60), arrivals("B", "[[120,20,20]]", 120, 120));
    compared(arrivals("A", "[[60,20,20]]", 60, 60), /* a slow target ends later */
             arrivals("B", "[[60,20,20]]", 60, 89));
    compared(arrivals("A", "[[null,20,20]]", 0, 50), arrivals("B", "[[null,20,20]]", 0, 10));
    compared(arrivals("A", "[[60,0,40]]", 60, 60), arrivals("B", "[[60,20,20]]", 60, 60));
    refused(arrivals("A", "[[60,0,40]]", 60, 60), arrivals("B", "[[60,0,40]]", 60, 30),
            "20 arrivals/s in A, 10 in B"); /* it was stopped */
    refused(arrivals("A", "[[10,0,40],[null,40,40]]", 0, 20),
            arrivals("B", "[[10,0,20],[null,20,20]]", 0, 20), "30 arrivals/s in A, 15 in B");
}

static void users_of_scenarios_are_load_too(void **state)
{
    (void)state;
    refused(run_of("A", json_pack("[o]", scenario("s", false, 60, "[[60,3,3]]")), 60),
            run_of("B", json_pack("[o]", scenario("s", false, 60, "[[60,6,6]]")), 60),
            "the load differs: 3 users in A, 6 in B");
}

static void what_moves_from_one_scenario_to_another_is_told(void **state)
{
    static const char *const stages[] = {"[[60,10,10]]", "[[60,20,20]]"};
    json_t *runs[2];
    (void)state;
    for (int i = 0; i < 2; i++)
        runs[i] = run_of(i ? "B" : "A",
                         json_pack("[o,o]", scenario("in", true, 60, stages[i]),
                                   scenario("out", true, 60, stages[1 - i])),
                         60);
    refused(runs[0], runs[1], "scenario 'in' has 10 arrivals/s in A, 20 in B");
}

static void what_an_older_katydid_stored_is_compared_as_it_was(void **state)
{
    (void)state;
    json_t *old = arrivals("A", "[[60,20,20]]", 60, 60);
    assert_int_equal(json_object_del(old, "load"), 0);
    compared(old, arrivals("B", "[[60,40,40]]", 60, 60));
    json_t *users =
        json_pack("{s:s,s:b,s:i,s:f}", "id", "A", "valid", true, "plans", 0, "users", 20.0);
    refused(users, arrivals("B", "[[60,40,40]]", 60, 60), "B has scenarios, A has not");
}

static void odd_ones_from_elsewhere_are_borne(void **state)
{
    static const char *const loads[] = {"7", "[]", "[7,{}]", "[{\"name\":7,\"rate\":\"x\"}]",
                                        "[{\"name\":\"shop\",\"rate\":1e308},"
                                        "{\"name\":\"shop\",\"rate\":1e308}]"};
    (void)state;
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        json_t *odd = arrivals("A", "[[60,20,20]]", 60, 60);
        json_object_set_new(odd, "load", json_loads(loads[i], JSON_DECODE_ANY, NULL));
        free(refusal(odd, arrivals("B", "[[60,20,20]]", 60, 60)));
    }
}

/* ---- how much runs differ is not learnt from others ---- */

static char folder[] = "/tmp/katydid-load-XXXXXX";
static struct history *h;

static int open_history(void **state)
{
    char *why = NULL;
    (void)state;
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return mkdtemp(folder) && (h = history_open(folder, true, &why)) ? 0 : -1;
}

static int close_history(void **state)
{
    char path[sizeof folder + 16];
    static const char *const ends[] = {"", "-wal", "-shm"};
    (void)state;
    history_close(h);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s/runs.db%s", folder, ends[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void store(json_t *run)
{
    char *why = NULL;
    assert_int_equal(history_put(h, run, &why), 0);
    json_decref(run);
}

static void runs_of_another_load_say_nothing_of_the_noise(void **state)
{
    (void)state;
    store(arrivals("same", "[[60,20,20]]", 60, 60));
    store(arrivals("double", "[[60,40,40]]", 60, 60));
    json_t *users = arrivals("users", "[[60,20,20]]", 60, 60);
    json_object_set_new(users, "plans", json_integer(0));
    json_object_del(users, "load");
    store(users);
    json_t *like = arrivals("now", "[[60,20,20]]", 60, 60), *alike = history_alike(h, like);
    assert_int_equal(json_array_size(alike), 1);
    assert_string_equal(json_string_value(json_array_get(alike, 0)), "same");
    json_decref(alike);
    json_decref(like);
}

static json_t *at_target(const char *id, const char *host, const char *tag)
{
    json_t *run = arrivals(id, "[[60,20,20]]", 60, 60);
    json_object_set_new(run, "host", json_string(host));
    json_object_set_new(run, "tags", tag ? json_pack("{s:s}", "target", tag) : json_object());
    return run;
}

static void nor_do_runs_against_another_target(void **state)
{
    (void)state;
    store(at_target("same", "http://a", "small"));
    store(at_target("host", "http://b", "small"));
    store(at_target("tag", "http://a", "large"));
    store(at_target("bare", "http://a", NULL));
    json_t *like = at_target("now", "http://a", "small"), *alike = history_alike(h, like);
    assert_int_equal(json_array_size(alike), 1);
    assert_string_equal(json_string_value(json_array_get(alike, 0)), "same");
    json_decref(alike);
    json_decref(like);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_arrivals_are_another_load),
        cmocka_unit_test(the_rate_counts_and_not_how_long_it_was_on),
        cmocka_unit_test(users_of_scenarios_are_load_too),
        cmocka_unit_test(what_moves_from_one_scenario_to_another_is_told),
        cmocka_unit_test(what_an_older_katydid_stored_is_compared_as_it_was),
        cmocka_unit_test(odd_ones_from_elsewhere_are_borne),
        cmocka_unit_test_setup_teardown(runs_of_another_load_say_nothing_of_the_noise, open_history,
                                        close_history),
        cmocka_unit_test_setup_teardown(nor_do_runs_against_another_target, open_history,
                                        close_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
