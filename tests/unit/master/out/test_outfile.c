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

static int remove_claimed(void **state)
{
    unlink("link");
    unlink("hard");
    unlink("loop");
    unlink("folder");
    unlink("new");
    return remove_folder(state);
}

static int claim(const void *owner, const char *path)
{
    char *why = NULL;
    const int rc = outfile_claim(owner, "--junit", path, &why);
    if (rc != 0)
        assert_non_null(strstr(why, "is written by --junit too"));
    free(why);
    return rc;
}

/* However it is spelled, and whether it is there or not. */
static void test_a_file_has_one_owner(void **state)
{
    static const char a, b;
    (void)state;
    assert_int_equal(claim(&a, "a/b/../../there"), 0);
    assert_int_equal(claim(&a, "there"), 0);
    assert_int_equal(claim(&b, "there"), -1);
    assert_int_equal(claim(&b, "./a//../there"), -1);
    assert_int_equal(symlink("a", "folder"), 0);
    assert_int_equal(claim(&b, "folder/../there"), -1);
    assert_int_equal(symlink("there", "link"), 0); /* to what is not there */
    assert_int_equal(claim(&b, "link"), -1);
    FILE *f = fopen("there", "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(link("there", "hard"), 0);
    assert_int_equal(claim(&a, "there"), 0);
    assert_int_equal(claim(&b, "hard"), -1);
    assert_int_equal(claim(&b, "new"), 0);
    assert_int_equal(claim(&a, "new"), -1);
    outfile_release(&b); /* what it had is anybody's again, what others have is not */
    assert_int_equal(claim(&a, "new"), 0);
    assert_int_equal(claim(&b, "there"), -1);
}

static void test_what_is_no_ordinary_file_may_have_several(void **state)
{
    static const char a, b;
    (void)state;
    assert_int_equal(claim(&a, "/dev/null"), 0);
    assert_int_equal(claim(&b, "/dev/null"), 0);
}

static void test_names_that_get_more_are_compared_with_such_only(void **state)
{
    static const char a, b;
    char *why = NULL;
    (void)state;
    assert_int_equal(outfile_claim_stem(&a, "--out json", "new.json", &why), 0);
    assert_int_equal(outfile_claim(&b, "--summary", "new.json", &why), 0);
    assert_int_equal(outfile_claim_stem(&b, "--out csv", "./new.json", &why), -1);
    assert_non_null(strstr(why, "is written by --out json too"));
    free(why);
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
        cmocka_unit_test_setup_teardown(test_a_file_has_one_owner, make_folder, remove_claimed),
        cmocka_unit_test_setup_teardown(test_what_is_no_ordinary_file_may_have_several, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_names_that_get_more_are_compared_with_such_only,
                                        make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
