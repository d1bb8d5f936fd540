// SPDX-License-Identifier: MIT
/* What is no handle of a module ends the program at its door. */
#include "common/base/handle.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct thing {
    uint32_t tag;
    int value;
};
#define THING_TAG 0x7468696eu

static void use(const struct thing *t)
{
    HANDLE_IS(t, THING_TAG);
}

static bool is_let_in(const struct thing *t)
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 2);
        use(t);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT));
    return status == 0;
}

static void only_what_was_made_and_not_freed_is_let_in(void **state)
{
    (void)state;
    struct thing t = {.value = 1};
    assert_false(is_let_in(NULL));
    assert_false(is_let_in(&t));
    HANDLE_MADE(&t, THING_TAG);
    assert_true(is_let_in(&t));
    HANDLE_ENDS(&t);
    assert_false(is_let_in(&t));
}

static void use_at_first(struct thing *t)
{
    HANDLE_USED(t, THING_TAG);
}

static void what_begins_as_zeros_is_known_from_its_first_use(void **state)
{
    (void)state;
    struct thing t = {0};
    use_at_first(&t);
    assert_true(is_let_in(&t));
    use_at_first(&t);
    assert_true(is_let_in(&t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_made_and_not_freed_is_let_in),
        cmocka_unit_test(what_begins_as_zeros_is_known_from_its_first_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
