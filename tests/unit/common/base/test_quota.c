// SPDX-License-Identifier: MIT
#include "common/base/quota.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", top, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void make(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", top, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(top, "/tmp/katydid-quota-XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", top);
    return system(command);
}

/* mounts: with "@" for the folder. */
static struct quota_use read_it(struct quota *q, const char *groups, const char *mounts)
{
    char at[2][256], text[512];
    const char *mark = strchr(mounts, '@');
    snprintf(at[0], sizeof at[0], "%s/groups", top);
    snprintf(at[1], sizeof at[1], "%s/mounts", top);
    put("groups", groups);
    snprintf(text, sizeof text, "%.*s%s%s", mark ? (int)(mark - mounts) : 0, mounts,
             mark ? top : "", mark ? mark + 1 : mounts);
    put("mounts", text);
    quota_find(q, at[0], at[1]);
    q->rest = 5; /* this machine's own are not looked for */
    return quota_read(q);
}

static void a_container_of_version_2_sees_its_own_group(void **state)
{
    (void)state;
    struct quota q = {0};
    put("cpu.max", "50000 100000\n");
    put("cpu.stat", "usage_usec 7\nnr_periods 20\nnr_throttled 5\nthrottled_usec 900\n");
    struct quota_use u =
        read_it(&q, "0::/\n", "30 23 0:26 / @ rw,nosuid shared:4 - cgroup2 cgroup rw\n");
    assert_true(u.cores > 0.499 && u.cores < 0.501);
    assert_int_equal(u.periods, 20);
    assert_int_equal(u.throttled, 5);
    put("cpu.max", "max 100000\n");
    assert_true(quota_read(&q).cores <= 0);
}

static void a_limit_above_counts_and_the_tightest_one_rules(void **state)
{
    (void)state;
    struct quota q = {0};
    make("pod");
    make("pod/app");
    put("pod/cpu.max", "20000 100000\n");
    put("pod/cpu.stat", "nr_periods 9\nnr_throttled 8\n");
    put("pod/app/cpu.max", "max 100000\n");
    put("pod/app/cpu.stat", "nr_periods 0\nnr_throttled 0\n");
    const char *mounts = "30 23 0:26 / @ rw - cgroup2 cgroup rw\n";
    struct quota_use u = read_it(&q, "0::/pod/app\n", mounts);
    assert_true(u.cores > 0.199 && u.cores < 0.201);
    assert_int_equal(u.throttled, 8);
    put("pod/app/cpu.max", "10000 100000\n");
    u = read_it(&q, "0::/pod/app\n", mounts);
    assert_true(u.cores > 0.099 && u.cores < 0.101);
}

static void version_1_is_read_beside_version_2(void **state)
{
    (void)state;
    struct quota q = {0};
    make("abc");
    put("abc/cpu.cfs_quota_us", "5000\n");
    put("abc/cpu.cfs_period_us", "100000\n");
    put("abc/cpu.stat", "nr_periods 3\nnr_throttled 2\nthrottled_time 1234567\n");
    struct quota_use u = read_it(&q, "4:cpuset:/other\n3:cpu,cpuacct:/docker/abc\n0::/\n",
                                 "31 30 0:27 /docker @ rw - cgroup cgroup rw,cpu,cpuacct\n"
                                 "32 30 0:28 / /nowhere rw - cgroup2 cgroup2 rw\n");
    assert_true(u.cores > 0.049 && u.cores < 0.051);
    assert_int_equal(u.throttled, 2);
    put("abc/cpu.cfs_quota_us", "-1\n");
    assert_true(quota_read(&q).cores <= 0);
}

static void where_there_is_none_nothing_is_told(void **state)
{
    (void)state;
    struct quota q = {0};
    assert_true(read_it(&q, "", "").cores <= 0);
    assert_true(read_it(&q, "0::/gone\n", "1 2 0:3 / @ rw - cgroup2 x rw\n").cores <= 0);
    quota_find(&q, "/nowhere", "/nowhere");
    assert_string_equal(q.folder, "");
    struct quota real = {0};
    quota_read(&real); /* whatever this machine has */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_container_of_version_2_sees_its_own_group, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_limit_above_counts_and_the_tightest_one_rules, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(version_1_is_read_beside_version_2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_there_is_none_nothing_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
