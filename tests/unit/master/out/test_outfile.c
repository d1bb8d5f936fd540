// SPDX-License-Identifier: MIT
#include "master/out/outfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_outfile.XXXXXX");
    return mkdtemp(folder) ? chdir(folder) : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink("there");
    rmdir("a/b");
    rmdir("a");
    return chdir("/") == 0 ? rmdir(folder) : -1;
}

static void test_folders_are_made_and_nothing_else_is_left(void **state)
{
    (void)state;
    char *why = NULL;
    assert_int_equal(outfile_check("--html", "a/b/report.html", &why), 0);
    assert_int_equal(access("a/b", W_OK), 0);
    assert_int_not_equal(access("a/b/report.html", F_OK), 0);
    assert_int_equal(outfile_check("--html", "plain", &why), 0);
    assert_int_not_equal(access("plain", F_OK), 0);
    assert_int_equal(outfile_make_folders(""), 0);
}

static void test_a_file_that_is_there_keeps_what_it_has(void **state)
{
    (void)state;
    char *why = NULL;
    struct stat s;
    FILE *f = fopen("there", "w");
    assert_non_null(f);
    fputs("kept", f);
    fclose(f);
    assert_int_equal(outfile_check("--logfile", "there", &why), 0);
    assert_int_equal(stat("there", &s), 0);
    assert_int_equal(s.st_size, 4);
    assert_int_equal(outfile_check("--logfile", "/dev/null", &why), 0);
}

static void test_what_cannot_be_written_is_told(void **state)
{
    (void)state;
    const char *const paths[] = {"/dev/null/x", "/proc/x/y", folder};
    for (size_t i = 0; i < 3; i++) {
        char *why = NULL;
        assert_int_equal(outfile_check("--csv", paths[i], &why), -1);
        assert_non_null(strstr(why, paths[i]));
        assert_non_null(strstr(why, "--csv"));
        free(why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folders_are_made_and_nothing_else_is_left, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_there_keeps_what_it_has, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_written_is_told, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
