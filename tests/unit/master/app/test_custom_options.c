// SPDX-License-Identifier: MIT
/* Options of the locustfile beside ours: what is unclear without them, and what they change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/options/options.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 16

static char dir[] = "/tmp/katydid-custom-XXXXXX";

static int enter_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir) || chdir(dir) != 0)
        return -1;
    clearenv();
    return setenv("HOME", dir, 1);
}

static int leave_dir(void **state)
{
    (void)state;
    return chdir("/") == 0 && rmdir(dir) == 0 ? 0 : -1;
}

struct line {
    char *copy, *argv[WORDS_MAX];
    int argc;
};

static void split(struct line *l, const char *words)
{
    static char program[] = "katydid";
    *l = (struct line){.copy = strdup(words), .argv = {program}, .argc = 1};
    for (char *rest = l->copy, *word; (word = strsep(&rest, " "));)
        l->argv[l->argc++] = word;
}

static void write_conf(const char *text)
{
    FILE *f = fopen("locust.conf", "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static const struct option_custom list[] = {
    {"--tag", false}, {"--user", false}, {"-q", true}, {"-c", false}, {"--run-fast", true}};
static const struct option_customs customs = {list, 5};

static void the_locustfiles_options_are_told_from_ours(void **state)
{
    (void)state;
    static const struct {
        const char *words, *extra, *dest, *value;
    } cases[] = {
        {"--tag x", "--tag x ", "tags", "null"},
        {"--tags x", "", "tags", "[\"x\"]"},
        {"--user 5 --users 7", "--user 5 ", "num_users", "7"},
        {"-ql", "-q ", "list_commands", "true"},
        {"-lqu5", "-q ", "num_users", "5"},
        {"-lcx y", "-cx y ", "list_commands", "true"},
        {"--run-t 5", "", "run_time", "5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options o;
        struct line l;
        char extra[256] = "";
        split(&l, cases[i].words);
        assert_int_equal(options_parse(&o, l.argc, l.argv, &customs), 0);
        for (size_t k = 0; k < o.extra_count; k++)
            strcat(strcat(extra, o.extra[k]), " ");
        char *text = options_json(&o);
        json_t *json = json_loads(text, 0, NULL);
        char *value = json_dumps(json_object_get(json, cases[i].dest), JSON_ENCODE_ANY);
        assert_string_equal(extra, cases[i].extra);
        assert_string_equal(value, cases[i].value);
        free(value);
        json_decref(json);
        free(text);
        options_fini(&o);
        free(l.copy);
    }
}

static void a_name_that_means_ours_and_theirs_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"--ta x", "--run 5", "--use 3"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options o;
        struct line l;
        split(&l, cases[i]);
        assert_int_equal(options_parse(&o, l.argc, l.argv, &customs), 2);
        options_fini(&o);
        free(l.copy);
    }
}

static void a_setting_of_the_locustfile_keeps_its_place(void **state)
{
    (void)state;
    struct options o;
    struct line l;
    split(&l, "-l");
    write_conf("users = 3\ntag = x\n");
    assert_int_equal(options_parse(&o, l.argc, l.argv, &customs), 0);
    assert_null(o.tags);
    assert_non_null(strstr(o.settings[0], "\"place\":\"locust.conf:2\""));
    assert_null(o.settings[1]);
    options_fini(&o);
    assert_int_equal(options_parse(&o, l.argc, l.argv, NULL), 0);
    assert_string_equal(o.tags[0], "x");
    assert_true(o.is_unclear);
    options_fini(&o);
    unlink("locust.conf");
    free(l.copy);
}

static void what_may_be_an_option_of_the_locustfile_is_unclear(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        bool is_unclear;
    } cases[] = {{"--tags x -u5 -lV A", false},
                 {"--tag x", true},
                 {"--tag=x", true},
                 {"--mine x", false},
                 {"-lq", true},
                 {"-ql", true},
                 {"-q", false},
                 {"-- --tag", false},
                 {"-5", false},
                 {"--mas x", true},
                 {"-u=5 -u 5", false},
                 {"--locustfile=a", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct line l;
        split(&l, cases[i].words);
        if (options_are_unclear(l.argc, l.argv) != cases[i].is_unclear)
            fail_msg("%s", cases[i].words);
        free(l.copy);
    }
}

static void the_locustfile_can_be_found_without_the_rest(void **state)
{
    (void)state;
    struct options o;
    struct line l;
    split(&l, "--tag x -u many --locustf a.py --work --headless=what");
    write_conf("users = many\nmaster-port = 7\n");
    setenv("LOCUST_MASTER_NODE_HOST", "m", 1);
    assert_int_equal(options_parse_first(&o, l.argc, l.argv), 0);
    assert_string_equal(o.locustfile, "a.py");
    assert_string_equal(o.master_host, "m");
    assert_int_equal(o.master_port, 7);
    assert_true(o.worker);
    options_fini(&o);
    unsetenv("LOCUST_MASTER_NODE_HOST");
    unlink("locust.conf");
    free(l.copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_locustfiles_options_are_told_from_ours),
        cmocka_unit_test(a_name_that_means_ours_and_theirs_is_refused),
        cmocka_unit_test(a_setting_of_the_locustfile_keeps_its_place),
        cmocka_unit_test(what_may_be_an_option_of_the_locustfile_is_unclear),
        cmocka_unit_test(the_locustfile_can_be_found_without_the_rest),
    };
    return cmocka_run_group_tests(tests, enter_dir, leave_dir);
}
