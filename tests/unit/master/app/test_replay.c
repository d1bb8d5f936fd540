// SPDX-License-Identifier: MIT
/* replay(FILE): the times of a file become the list that workers get, or it is said which line is
 * wrong. */
#include "common/base/mem.h"
#include "master/app/replay.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static int make_file(void **state)
{
    (void)state;
    strcpy(path, "/tmp/katydid-times-XXXXXX");
    const int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "we");
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* What comes of replay(FILE) with that behind it. */
static char *resolved(const char *behind, char **why)
{
    char text[200];
    snprintf(text, sizeof text, "a:b:stages=replay(%s)%s", path, behind);
    return replay_resolved(text, why);
}

static void expect(const char *file, const char *behind, const char *want)
{
    char *why = NULL;
    write_file(file);
    char *got = resolved(behind, &why);
    assert_null(why);
    assert_string_equal(got, want);
    free(got);
}

static void expect_why(const char *file, const char *behind, const char *words)
{
    char *why = NULL;
    write_file(file);
    char *got = resolved(behind, &why);
    if (got || !strstr(why, words))
        fail_msg("'%s' is not in '%s'", words, got ? got : why);
    free(why);
}

static void times_become_the_distances_between_them(void **state)
{
    (void)state;
    expect("0\n0.5\n2\n", "", "a:b:stages=at(0 500000 1500000)");
    expect("2\n0\n0.5\n", "", "a:b:stages=at(0 500000 1500000)"); /* whatever the order */
    expect("1\n3", ".speed(2)", "a:b:stages=at(500000 1000000)");
    expect("1\n", ",max_users=5", "a:b:stages=at(1000000),max_users=5");
}

static void lines_are_read_as_people_write_them(void **state)
{
    (void)state;
    expect("\xef\xbb\xbf"
           "time,what\n# a remark\n\n 1 ,x\n2\ty\n\"3\";z\n",
           "", "a:b:stages=at(1000000 1000000 1000000)");
    expect("{\"u\": 9, \"t\": 1.25}\r\n{\"t\":2}\n", "", "a:b:stages=at(1250000 750000)");
    expect("1700000010\n1700000000\n", "", "a:b:stages=at(0 10000000)"); /* since 1970 */
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    (void)state;
    expect_why("1\n2x\n", "", ":2: no time");
    expect_why("1\n\n-3\n", "", ":3: no time");
    expect_why("{\"x\": 1}\n", "", ":1: no time");
    expect_why("at\n# none\n", "", "there is no time in it");
    expect_why("0\n900000000\n", "", "too late");
    expect_why("1\n", ".speed(0)", "speed takes a number");
    expect_why("1\n", ".speed(2", "speed takes a number");
    char *why = NULL;
    assert_null(replay_resolved("a:b:stages=replay(/no/such/file)", &why));
    assert_non_null(strstr(why, "/no/such/file: No such file"));
    free(why);
    assert_null(replay_resolved("a:b:stages=replay()", &why));
    assert_non_null(strstr(why, "write replay(FILE)"));
    free(why);
}

static void what_is_no_replay_stays(void **state)
{
    char *why = NULL;
    (void)state;
    char *got = replay_resolved("buy:constant-arrival-rate:rate=20/s,duration=5m", &why);
    assert_string_equal(got, "buy:constant-arrival-rate:rate=20/s,duration=5m");
    free(got);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)
    const struct CMUnitTest tests[] = {
        T(times_become_the_distances_between_them),
        T(lines_are_read_as_people_write_them),
        T(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(what_is_no_replay_stays),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
