// SPDX-License-Identifier: MIT
/* folder: what a killed process left is removed, and nothing else. */
#include "master/nodes/private_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void touch(const char *folder, const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* A folder of a process that was killed. */
static void leave_one(const char *base, char *path, size_t size)
{
    int ends[2], status, lock;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *made = folder_make(base, &lock);
        char inner[300];
        snprintf(inner, sizeof inner, "%s/inner", made);
        mkdir(inner, 0700);
        touch(inner, "file");
        (void)!write(ends[1], made, strlen(made) + 1);
        raise(SIGKILL);
    }
    assert_true(read(ends[0], path, size) > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(ends[0]);
    close(ends[1]);
}

static void only_what_nobody_owns_is_removed(void **state)
{
    char base[] = "/tmp/test_folder.XXXXXX", dead[300], plain[64], link_path[64], other[64];
    int lock;
    (void)state;
    assert_non_null(mkdtemp(base));
    char *mine = folder_make(base, &lock);
    assert_non_null(mine);
    leave_one(base, dead, sizeof dead);
    snprintf(plain, sizeof plain, "%s/katydid-plain", base); /* no lock: being made */
    mkdir(plain, 0700);
    snprintf(other, sizeof other, "%s/other", base);
    mkdir(other, 0700);
    touch(other, FOLDER_LOCK);
    snprintf(link_path, sizeof link_path, "%s/katydid-link", base);
    assert_int_equal(symlink(other, link_path), 0);
    folder_clean(base);
    assert_false(is_there(dead));
    assert_true(is_there(mine) && is_there(plain) && is_there(other) && is_there(link_path));
    close(lock);
    folder_clean(base);
    assert_false(is_there(mine));
    free(mine);
    folder_remove(base);
    assert_false(is_there(base));
    folder_clean("/nowhere");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_nobody_owns_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
