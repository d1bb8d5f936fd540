// SPDX-License-Identifier: MIT
/* An option that may stand without its value: --http2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "master/options/options.h"

enum { WORDS = 4 };

static const struct {
    const char *words[WORDS], *variable;
    const char *http2, *class; /* what comes of it; NULL: none */
} cases[] = {
    {{"A"}, NULL, NULL, "A"},
    {{"--http2"}, NULL, "true", NULL},
    {{"--http2", "A"}, NULL, "true", "A"},
    {{"--http2", "-u", "1"}, NULL, "true", NULL},
    {{"--http2=false"}, NULL, "false", NULL},
    {{"--http2=prior-knowledge", "A"}, NULL, "prior-knowledge", "A"},
    {{"--http2", "prior-knowledge", "A"}, NULL, "prior-knowledge", "A"},
    {{"--http2", "FALSE", "A"}, NULL, "false", "A"},
    {{NULL}, "prior-knowledge", "prior-knowledge", NULL},
    {{"--http2=false"}, "true", "false", NULL},
};

static void test_with_and_without(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *argv[WORDS + 1] = {(char *)(uintptr_t) "katydid"};
        int argc = 1;
        for (; argc <= WORDS && cases[i].words[argc - 1]; argc++)
            argv[argc] = (char *)(uintptr_t)cases[i].words[argc - 1];
        struct options o;
        unsetenv("KATYDID_HTTP2");
        if (cases[i].variable)
            setenv("KATYDID_HTTP2", cases[i].variable, 1);
        assert_int_equal(options_parse(&o, argc, argv, NULL), 0);
        if (cases[i].http2)
            assert_string_equal(o.http2, cases[i].http2);
        else
            assert_null(o.http2);
        if (cases[i].class)
            assert_string_equal(o.user_classes[0], cases[i].class);
        else
            assert_true(!o.user_classes || !o.user_classes[0]);
        options_fini(&o);
    }
}

static void test_a_value_that_is_none(void **state)
{
    (void)state;
    char *argv[] = {(char *)(uintptr_t) "katydid", (char *)(uintptr_t) "--http2=3"};
    struct options o;
    unsetenv("KATYDID_HTTP2");
    assert_int_equal(options_parse(&o, 2, argv, NULL), 2);
    options_fini(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_and_without),
        cmocka_unit_test(test_a_value_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
