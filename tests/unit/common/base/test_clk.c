// SPDX-License-Identifier: MIT
/* The wall clock is the test's: clock_gettime is ours here. */
#include "common/base/clk.h"
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <sys/syscall.h>
#include <unistd.h>

static long shift_s;

int clock_gettime(clockid_t id, struct timespec *t)
{
    const int rc = (int)syscall(SYS_clock_gettime, id, t);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
        t->tv_sec += shift_s;
    return rc;
}

static void steady_time_begins_as_the_wall_clock(void **state)
{
    (void)state;
    assert_true(fabs(clk_steady() - clk_wall()) < 0.5);
    assert_true(fabs(clk_steady_coarse() - clk_wall()) < 0.5);
}

static void setting_the_clock_does_not_move_it(void **state)
{
    (void)state;
    const double before = clk_steady();
    const struct clk_moment at = clk_now();
    for (shift_s = -3600; shift_s <= 3600; shift_s += 600) {
        assert_true(clk_steady() >= before && clk_steady() < before + 5);
        assert_true(clk_steady_coarse() > before - 0.1 && clk_steady_coarse() < before + 5);
        const struct clk_moment now = clk_now();
        assert_true(fabs((now.steady - at.steady) - (now.mono - at.mono)) < 1e-3);
    }
    shift_s = 0;
}

static void an_anchor_brings_it_back_to_the_wall_clock(void **state)
{
    (void)state;
    shift_s = -1800;
    const double by = clk_steady_anchor();
    assert_true(fabs(by + 1800) < 0.5);
    assert_true(fabs(clk_steady() - clk_wall()) < 0.5);
    shift_s = 0;
    assert_true(fabs(clk_steady_anchor() - 1800) < 0.5);
}

static void a_wait_ends_by_the_monotonic_clock(void **state)
{
    (void)state;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    const uint64_t until = clk_mono_ns() + UINT64_C(30000000);
    int rc = 0;
    pthread_mutex_lock(&lock);
    while (rc == 0)
        rc = clk_cond_wait(&cond, &lock, until);
    pthread_mutex_unlock(&lock);
    assert_int_equal(rc, ETIMEDOUT);
    assert_true(clk_mono_ns() >= until);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady_time_begins_as_the_wall_clock),
        cmocka_unit_test(setting_the_clock_does_not_move_it),
        cmocka_unit_test(an_anchor_brings_it_back_to_the_wall_clock),
        cmocka_unit_test(a_wait_ends_by_the_monotonic_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
