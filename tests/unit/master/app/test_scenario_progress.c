// SPDX-License-Identifier: MIT
/* scenario_progress: what the page is told of a scenario is its plan as it was resolved, and the
 * numbers as they are. */
#include "master/app/scenario_progress.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *written(const char *text, const struct scenario_progress *f)
{
    struct scenario s;
    struct sbuf out = {0};
    char *why = NULL;
    if (!scenario_read(&s, text, &why))
        fail_msg("'%s': %s", text, why);
    scenario_progress_write(&s, f, &out);
    json_t *value = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    scenario_fini(&s);
    sbuf_fini(&out);
    return value;
}

static double number(const json_t *value, const char *key)
{
    const json_t *found = json_object_get(value, key);
    if (!json_is_number(found))
        fail_msg("%s is no number", key);
    return json_number_value(found);
}

static void stage_is(const json_t *value, size_t i, double length_s, double from, double to)
{
    const json_t *stage = json_array_get(json_object_get(value, "stages"), i);
    if (length_s < 0)
        assert_true(json_is_null(json_array_get(stage, 0)));
    else
        assert_true(json_number_value(json_array_get(stage, 0)) == length_s);
    assert_float_equal(json_number_value(json_array_get(stage, 1)), from, 1e-9);
    assert_float_equal(json_number_value(json_array_get(stage, 2)), to, 1e-9);
}

static void a_plan_is_told_in_stages(void **state)
{
    const struct scenario_progress before = {.now_s = -1};
    (void)state;
    json_t *v = written("buy:ramping-arrival-rate:class=Buyer,task=pay,start_time=3s,stages=2m:80,"
                        "0s:20,500ms:20,forever:30/m",
                        &before);
    assert_string_equal(json_string_value(json_object_get(v, "executor")), "ramping-arrival-rate");
    assert_string_equal(json_string_value(json_object_get(v, "class")), "Buyer");
    assert_string_equal(json_string_value(json_object_get(v, "task")), "pay");
    assert_true(json_is_true(json_object_get(v, "is_open")));
    assert_true(json_is_null(json_object_get(v, "length_s")));
    assert_null(json_object_get(v, "arrivals"));
    assert_true(number(v, "begins_s") == 3 && number(v, "level") == 0);
    stage_is(v, 0, 120, 0, 80);
    const size_t stages = json_array_size(json_object_get(v, "stages"));
    stage_is(v, stages - 1, -1, 0.5, 0.5);
    json_decref(v);

    v = written("staff:ramping-vus:class=Clerk,start_users=2,stages=10s:12", &before);
    assert_true(json_is_false(json_object_get(v, "is_open")));
    assert_true(number(v, "length_s") == 10 && number(v, "max_users") == 12);
    stage_is(v, 0, 10, 2, 12);
    json_decref(v);
}

static void numbers_are_told_as_they_are(void **state)
{
    struct series_value delay;
    (void)state;
    series_value_init(&delay);
    delay.scale = 1000; /* ms in a histogram of microseconds */
    for (int i = 0; i < 100; i++)
        hist_add(&delay.hist, i < 90 ? 500 : i < 98 ? 50000 : 200000, 1);
    delay.n = 100;
    delay.sum = 845;
    delay.max = 200;
    const struct scenario_progress f = {.now_s = 30,
                                        .is_on = true,
                                        .numbers = {120, 100, 15, 5, 1, 4, 2},
                                        .rate = 19.5,
                                        .users = 12,
                                        .waiting = 3,
                                        .busy = 11,
                                        .most_waiting = 7,
                                        .most_users = 9,
                                        .delay = &delay};
    json_t *v = written("buy:ramping-arrival-rate:stages=60s:60/s", &f);
    assert_true(number(v, "due") == 120 && number(v, "started") == 100);
    assert_true(number(v, "dropped") == 15 && number(v, "cut") == 5 && number(v, "lost") == 2);
    assert_true(number(v, "repeated") == 1 && number(v, "interrupted") == 4 &&
                number(v, "users") == 12);
    assert_true(number(v, "busy") == 11 && number(v, "waiting") == 3 &&
                number(v, "most_waiting") == 7 && number(v, "most_users") == 9 &&
                number(v, "arrivals") == 1800);
    assert_float_equal(number(v, "level"), 30, 1e-6);
    const json_t *late = json_object_get(v, "late");
    assert_true(number(late, "1") == 10 && number(late, "10") == 10 && number(late, "100") == 2);
    assert_float_equal(number(json_object_get(v, "start_delay"), "p99"), 200, 1);
    json_decref(v);

    v = written("buy:ramping-arrival-rate:stages=60s:60/s",
                &(struct scenario_progress){.now_s = 9});
    assert_true(number(v, "level") == 0); /* the run is over */
    assert_true(json_is_null(json_object_get(v, "start_delay")));
    json_decref(v);
    series_value_fini(&delay);
}

static void names_are_texts_of_json(void **state)
{
    (void)state;
    json_t *v = written("a:constant-arrival-rate:class=Büyer,task=say \"hi\",rate=2",
                        &(struct scenario_progress){.now_s = -1});
    assert_string_equal(json_string_value(json_object_get(v, "task")), "say \"hi\"");
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_told_in_stages),
        cmocka_unit_test(numbers_are_told_as_they_are),
        cmocka_unit_test(names_are_texts_of_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
