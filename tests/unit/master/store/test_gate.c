// SPDX-License-Identifier: MIT
/* Files of gates: what is taken, and what is said of those that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/store/contrast.h"
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
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
