// SPDX-License-Identifier: MIT
#include "common/base/clk.h"
#include "common/base/runq.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/katydid-runq-XXXXXX");
    const int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static bool read_text(const char *text, uint64_t *ns)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return runq_read(path, ns);
}

static void the_second_number_is_the_wait(void **state)
{
    (void)state;
    uint64_t ns = 7;
    assert_true(read_text("725327 18446744073709551615 1\n", &ns));
    assert_true(ns == UINT64_MAX);
    assert_true(read_text("725327 0 1\n", &ns));
    assert_true(ns == 0);
}

static void a_kernel_that_does_not_count_tells_nothing(void **state)
{
    (void)state;
    uint64_t ns;
    assert_false(read_text("0 0 0\n", &ns));
    assert_false(read_text("", &ns));
    assert_false(read_text("12 34\n", &ns));
    assert_false(read_text("none\n", &ns));
    assert_false(runq_read("/nowhere/schedstat", &ns));
}

/* On this machine, whatever else runs on it: nobody waits longer than there is time. */
static void what_is_told_of_this_thread_fits_into_the_time(void **state)
{
    (void)state;
    uint64_t before, after;
    const uint64_t begin = clk_mono_ns();
    if (!runq_waited(&before)) {
        assert_false(runq_waited(&after));
        return;
    }
    while (clk_mono_ns() - begin < 20 * UINT64_C(1000000))
        ;
    assert_true(runq_waited(&after));
    assert_true(after >= before);
    assert_true(after - before <= clk_mono_ns() - begin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_second_number_is_the_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_kernel_that_does_not_count_tells_nothing, set_up,
                                        tear_down),
        cmocka_unit_test(what_is_told_of_this_thread_fits_into_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
