// SPDX-License-Identifier: MIT
/* Files of gates: what is taken, and what is said of those that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/store/contrast.h"
#include "tests/unit/folder.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/katydid-gate-XXXXXX";

static int load(struct gate *g, const void *bytes, size_t len, char **why)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    *why = NULL;
    return gate_load(g, path, why);
}

static void refused(const void *bytes, size_t len, const char *because)
{
    struct gate g = gate_usual;
    char *why;
    assert_int_equal(load(&g, bytes, len, &why), -1);
    assert_non_null(strstr(why, because));
    free(why);
}

static void rules_are_taken(void **state)
{
    static const char text[] = "[tool.katydid.gate]\nbaseline = \"latest\"\ncant_tell = \"fail\"\n"
                               "[[tool.katydid.gate.rules]]\nstat = \"p95\"\nmargin = \"10%\"\n";
    struct gate g = gate_usual;
    char *why;
    (void)state;
    assert_int_equal(load(&g, text, strlen(text), &why), 0);
    assert_null(why);
    assert_int_equal(g.count, 1);
    assert_int_equal(g.rules[0].figure, FIGURE_P95);
    assert_true(g.fails_unsure);
    assert_string_equal(g.baseline, "latest");
}

static void what_is_none_is_refused_and_nothing_is_kept(void **state)
{
    (void)state;
    refused("a\0b", 3, "cannot be read");
    refused("\xff = 1", 5, "cannot be read");
    refused("a = [", 5, "no good TOML");
    refused("[gate]\nrules = 1\n", 17, path);
}

static void a_gate_says_what_is_wrong_with_it(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"{\"rules\":[{\"stat\":\"p95ms\"}]}", "did you mean p95?"},
        {"{\"rules\":[{\"stat\":\"p95\",\"margin\":\"5pp\"}]}", "a percentage, such as 5%"},
        {"{\"rules\":[{\"stat\":\"fail_ratio\",\"margin\":\"5%\"}]}", "percentage points"},
        {"{\"rules\":[{\"stat\":\"p95\",\"where\":\"row\"}]}", "total, rows, or rows>=1%"},
        {"{\"rules\":[{\"stat\":\"p95\",\"floor\":\"1\"}]}", "a time"},
        {"{\"cant_tell\":\"maybe\"}", "give pass, fail or retry"},
        {"{\"cant_tell\":true}", "cant_tell: give a text"},
        {"{\"rule\":[]}", "there is no key 'rule' (did you mean rules?)"},
        {"{\"rules\":[]}", "a list of one or more"},
        {"{\"rules\":{\"stat\":\"p95\"}}", "a list of one or more"},
        {"{\"rules\":[{\"stat\":\"p95\"},{\"stat\":\"p99\",\"margn\":\"5%\"}]}",
         "rule 2: there is no key 'margn' (did you mean margin?)"},
        {"{\"rules\":[{\"stat\":\"p95\",\"direction\":1}]}", "direction: give a text"},
        {"{\"rules\":[{\"margin\":\"5%\"}]}", "it has no stat"},
        {"{\"rules\":[\"p95\"]}", "no table of keys"},
        {"[]", "no table of keys"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gate g = gate_usual;
        char *why = NULL;
        json_t *from = json_loads(cases[i].json, 0, NULL);
        assert_int_equal(gate_read(&g, from, &why), -1);
        assert_non_null(strstr(why, cases[i].words));
        free(why);
        json_decref(from);
    }
    struct gate g = gate_usual;
    char *why = NULL;
    json_t *from =
        json_loads("{\"baseline\":\"pinned:x\",\"cant_tell\":\"fail\",\"rules\":[{\"stat\":"
                   "\"p99\",\"where\":\"rows>=2.5%\",\"margin\":\"7%\",\"floor\":\"3ms\"}]}",
                   0, NULL);
    assert_int_equal(gate_read(&g, from, &why), 0);
    assert_int_equal(g.count, 1);
    assert_true(g.fails_unsure && g.rules[0].is_of_rows);
    assert_true(fabs(g.rules[0].least_share - 0.025) < 1e-9);
    assert_true(fabs(g.rules[0].margin.share - 0.07) < 1e-9 && g.rules[0].margin.floor > 2.9);
    assert_string_equal(g.baseline, "pinned:x");
    json_decref(from);
}

static void put_project(const char *folder, const char *text)
{
    char to[64];
    snprintf(to, sizeof to, "%s/pyproject.toml", folder);
    FILE *file = fopen(to, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* Whatever else is in it is none of our business. */
static void the_gate_of_the_project_holds_where_none_is_given(void **state)
{
    char here[] = "/tmp/katydid-project-XXXXXX", *why = NULL;
    struct gate g;
    (void)state;
    assert_non_null(mkdtemp(here));
    assert_int_equal(chdir(here), 0);
    assert_int_equal(gate_given(&g, NULL, &why), GATE_USUAL);
    put_project(here, "[tool.x]\na = [[[\n");
    assert_int_equal(gate_given(&g, NULL, &why), GATE_USUAL);
    put_project(here, "[tool.katydid]\nusers = 3\n# [tool.katydid.gate]\n");
    assert_int_equal(gate_given(&g, NULL, &why), GATE_USUAL);
    assert_int_equal(g.count, gate_usual.count);
    put_project(here, "[tool.katydid]\nusers = 3\n[tool.katydid.gate]\nbaseline = \"pinned:x\"\n"
                      "rules = [{stat = \"p50\", margin = \"7%\"}]\n");
    assert_int_equal(gate_given(&g, NULL, &why), GATE_GIVEN);
    assert_true(g.count == 1 && g.rules[0].figure == FIGURE_P50);
    assert_string_equal(g.baseline, "pinned:x");
    static const char text[] = "cant_tell = \"fail\"\n";
    assert_int_equal(load(&g, text, strlen(text), &why), 0);
    assert_int_equal(gate_given(&g, path, &why), GATE_GIVEN); /* one that is given holds */
    assert_true(g.count == gate_usual.count && g.fails_unsure);
    put_project(here, "[tool.katydid.gate]\nrule = 1\n");
    assert_int_equal(gate_given(&g, NULL, &why), -1);
    assert_string_equal(why, "pyproject.toml: there is no key 'rule' (did you mean rules?)");
    free(why);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(remove_with_files(here), 0);
}

static int make_file(void **state)
{
    (void)state;
    const int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_taken),
        cmocka_unit_test(what_is_none_is_refused_and_nothing_is_kept),
        cmocka_unit_test(a_gate_says_what_is_wrong_with_it),
        cmocka_unit_test(the_gate_of_the_project_holds_where_none_is_given),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
