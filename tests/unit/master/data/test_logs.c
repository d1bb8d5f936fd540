// SPDX-License-Identifier: MIT
#include "common/base/sbuf.h"
#include "master/data/logs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 1700000000.0

static const char *written(struct logs *l, uint64_t since, size_t limit)
{
    static struct sbuf out;
    sbuf_clear(&out);
    logs_write(l, since, limit, SIZE_MAX, &out);
    return out.data;
}

static void test_lines_repeats_and_since(void **state)
{
    (void)state;
    struct logs *l = logs_new();
    logs_add_line(l, T0, "master", "[2026-01-31 23:59:59,999] vm/WARNING/katydid.master: a/b: <c>");
    logs_add(l, T0, "w1", T0, "INFO", "root", "same");
    logs_add(l, T0, "w2", T0, "INFO", "root", "same");
    logs_add(l, T0, "w1", T0 + 1, "INFO", "root", "same");
    assert_string_equal(
        written(l, 0, 10),
        "{\"seq\":4,\"first\":1,\"dropped\":0,\"lines\":["
        "[1,1700000000.000,\"WARNING\",\"master\",\"katydid.master\",\"a/b: <c>\",1],"
        "[3,1700000000.000,\"INFO\",\"w2\",\"root\",\"same\",1],"
        "[4,1700000001.000,\"INFO\",\"w1\",\"root\",\"same\",2]]}\n");
    assert_string_equal(written(l, 3, 10),
                        "{\"seq\":4,\"first\":1,\"dropped\":0,\"lines\":["
                        "[4,1700000001.000,\"INFO\",\"w1\",\"root\",\"same\",2]]}\n");
    assert_non_null(strstr(written(l, 0, 1), "[[4,"));
    assert_non_null(strstr(written(l, 4, 10), "\"lines\":[]"));
    struct sbuf few = {0};
    logs_write(l, 0, 10, strlen("same") * 2, &few);
    assert_non_null(strstr(few.data, "\"lines\":[[3,")); /* the newest that fit */
    sbuf_fini(&few);
    logs_add_line(l, T0, "master", "no line of ours");
    assert_non_null(strstr(written(l, 4, 10), "\"INFO\",\"master\",\"\",\"no line of ours\",1]"));
    logs_free(l);
}

static void test_no_part_of_a_line_is_long(void **state)
{
    (void)state;
    struct logs *l = logs_new();
    char *text = malloc(100001);
    memset(text, 'x', 100000);
    text[100000] = '\0';
    logs_add(l, T0, "w", T0, text, text, text);
    logs_add(l, T0, "w", T0, text, text, text);
    assert_true(strlen(written(l, 0, 10)) < LOGS_TEXT_MAX + 1000);
    assert_non_null(strstr(written(l, 0, 10), "x\",2]]")); /* the same once more */
    free(text);
    logs_free(l);
}

static void test_a_chatterer_is_bounded_and_others_are_heard(void **state)
{
    (void)state;
    struct logs *l = logs_new();
    char text[32];
    for (int i = 0; i < 3 * LOGS_BURST; i++) {
        snprintf(text, sizeof text, "line %d", i);
        logs_add(l, T0, "loud", T0, "INFO", "root", text);
    }
    logs_add(l, T0, "quiet", T0, "INFO", "root", "heard");
    logs_add_dropped(l, 5);
    assert_int_equal(logs_seq(l), LOGS_BURST + 1);
    snprintf(text, sizeof text, "\"dropped\":%d,", 2 * LOGS_BURST + 5);
    assert_non_null(strstr(written(l, LOGS_BURST, 10), text));
    assert_non_null(strstr(written(l, LOGS_BURST, 10), "heard"));
    logs_add(l, T0 + 1, "loud", T0, "INFO", "root", "again");
    assert_int_equal(logs_seq(l), LOGS_BURST + 2);
    for (int i = 0; i < 2 * LOGS_LINES; i++) {
        snprintf(text, sizeof text, "line %d", i);
        logs_add(l, T0 + i, "slow", T0 + i, "INFO", "root", text);
    }
    snprintf(text, sizeof text, "\"first\":%d,", 2 * LOGS_LINES + LOGS_BURST + 2 - LOGS_LINES + 1);
    assert_non_null(strstr(written(l, 0, 1), text));
    logs_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_repeats_and_since),
        cmocka_unit_test(test_no_part_of_a_line_is_long),
        cmocka_unit_test(test_a_chatterer_is_bounded_and_others_are_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
