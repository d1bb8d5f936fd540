// SPDX-License-Identifier: MIT
/* scenario_json: k6's dictionaries as texts of ours, and what they cannot be. */
#include "master/app/scenario_json.h"
#include "common/plan/scenario.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void becomes(const char *json, const char *text)
{
    char *why = NULL;
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    char *found = scenario_json_text("a", value, &why);
    if (!found)
        fail_msg("%s: %s", json, why);
    assert_string_equal(found, text);
    free(found);
    json_decref(value);
}

static void refused(const char *json, const char *because)
{
    char *why = NULL;
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    char *found = scenario_json_text("a", value, &why);
    if (found)
        fail_msg("%s was taken: %s", json, found);
    if (!strstr(why, because) || !strstr(why, "scenario 'a': "))
        fail_msg("%s: \"%s\" does not say \"%s\"", json, why, because);
    free(why);
    json_decref(value);
}

static void k6_dictionaries_are_read(void **state)
{
    (void)state;
    becomes(
        "{\"executor\":\"constant-arrival-rate\",\"rate\":4,\"timeUnit\":\"1s\",\"duration\":2000,"
        "\"preAllocatedVUs\":3,\"exec\":\"default\",\"startTime\":null}",
        "a:constant-arrival-rate:rate=4,timeUnit=1s,duration=2000ms,preAllocatedVUs=3,phase=k6,"
        "on_busy=drop");
    becomes("{\"executor\":\"ramping-arrival-rate\",\"startRate\":0.5,\"stages\":[{\"duration\":"
            "\"2s\",\"target\":10},{\"target\":0,\"duration\":500}],\"on_busy\":\"queue\","
            "\"distribution\":\"poisson\"}",
            "a:ramping-arrival-rate:startRate=0.500000,stages=2s:10,500ms:0,on_busy=queue,"
            "distribution=poisson");
    becomes("{\"executor\":\"ramping-arrival-rate\",\"stages\":[[\"1m\",\"3/s\"]],\"phase\":"
            "\"middle\",\"max_queue\":3}",
            "a:ramping-arrival-rate:stages=1m:3/s,phase=middle,max_queue=3");
    becomes("{\"executor\":\"x-arrival-rate\",\"env\":{\"A\":\"1,2\",\"B\":5,\"E\":\"\"},\"tags\":"
            "{\"p\":\"9%\"}}",
            "a:x-arrival-rate:env.A=1%2c2,env.B=5,env.E=,tag.p=9%25,phase=k6,on_busy=drop");
    becomes("{\"executor\":\"x\"}", "a:x");
    becomes("{\"executor\":\"x\",\"stages\":[\"rampUsers(9).during(5)\",[\"1m\",3],\"2m:4\"]}",
            "a:x:stages=rampUsers(9).during(5),1m:3,2m:4");
    becomes("{\"executor\":\"constant-vus\",\"duration\":\"1m\"}",
            "a:constant-vus:duration=1m,vus=1");
    becomes("{\"executor\":\"ramping-vus\",\"stages\":[{\"duration\":\"1m\",\"target\":5}],"
            "\"gracefulRampDown\":500}",
            "a:ramping-vus:stages=1m:5,gracefulRampDown=500ms,startVUs=1");
    becomes("{\"executor\":\"shared-iterations\",\"vus\":3,\"maxDuration\":90000}",
            "a:shared-iterations:vus=3,maxDuration=90000ms,iterations=1");
    becomes("{\"executor\":\"constant-vus\",\"vus\":3}", "a:constant-vus:vus=3");
    becomes("\"constant-arrival-rate:rate=1/s\"", "a:constant-arrival-rate:rate=1/s");
}

static void what_they_cannot_be_is_named(void **state)
{
    (void)state;
    refused("3", "needs an \"executor\"");
    refused("{}", "needs an \"executor\"");
    refused("{\"executor\":7}", "needs an \"executor\"");
    refused("{\"error\":\"no class\"}", "no class");
    refused("{\"executor\":\"x\",\"rate\":[1]}", "rate takes a text or a number");
    refused("{\"executor\":\"x\",\"duration\":\"30\"}", "needs a unit, such as 30s");
    refused("{\"executor\":\"x\",\"class\":\"A,rate=1\"}", "has a comma");
    refused("{\"executor\":\"x\",\"stages\":[{\"duration\":\"1s\"}]}", "stage 1 needs");
    refused("{\"executor\":\"x\",\"stages\":[{\"duration\":\"1s\",\"target\":1,\"rate\":2}]}",
            "stage 1 needs");
    refused("{\"executor\":\"x\",\"stages\":[5]}", "stage 1 needs");
    refused("{\"executor\":\"x\",\"env\":\"A=1\"}", "env is a dictionary");
    refused("{\"executor\":\"x\",\"env\":{\"A\":[1]}}", "env takes a text or a number");
    refused("{\"executor\":\"x\",\"tags\":{\"a=b\":1}}", "cannot be the name of tag");
}

/* The list that k6 was seen to start, to the millisecond (docs/load-models.md, phase). */
static void k6_plans_are_due_at_k6s_times(void **state)
{
    static const int64_t first_ms[] = {632, 894, 1095, 1264, 1414, 1549};
    struct scenario s;
    struct arrivals walk;
    char *why = NULL;
    (void)state;
    json_t *value = json_loads(
        "{\"executor\":\"ramping-arrival-rate\",\"stages\":[{\"duration\":\"2s\",\"target\":10},"
        "{\"duration\":\"1s\",\"target\":10},{\"duration\":\"1s\",\"target\":0}],"
        "\"preAllocatedVUs\":5}",
        0, NULL);
    char *text = scenario_json_text("a", value, &why);
    assert_true(scenario_read(&s, text, &why));
    assert_int_equal(s.plan.count, 25);
    assert_int_equal(s.on_busy, SCENARIO_DROP);
    assert_int_equal(s.max_users, 5);
    arrivals_begin(&walk, &s.plan);
    for (size_t i = 0; i < sizeof first_ms / sizeof *first_ms; i++)
        assert_int_equal(arrivals_take(&walk, i) / 1000000, first_ms[i]);
    assert_int_equal(arrivals_take(&walk, 24), 4000000000LL);
    assert_int_equal(arrivals_take(&walk, 25), -1);
    scenario_fini(&s);
    free(text);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(k6_dictionaries_are_read),
        cmocka_unit_test(what_they_cannot_be_is_named),
        cmocka_unit_test(k6_plans_are_due_at_k6s_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
