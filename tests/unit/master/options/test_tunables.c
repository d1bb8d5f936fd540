// SPDX-License-Identifier: MIT
/* What a locustfile may set in the master, and what it may not. */
#include "master/options/tunables.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool set(struct tunables *t, const char *name, double value)
{
    return tunables_set(t, name, &value, 1);
}

static void numbers_within_reason_are_taken(void **state)
{
    (void)state;
    struct tunables t = tunables_usual;
    assert_true(set(&t, "CONSOLE_STATS_INTERVAL_SEC", 10));
    assert_true(t.table_interval_s > 9.9 && t.table_interval_s < 10.1);
    assert_true(set(&t, "CPU_WARNING_THRESHOLD", 50));
    assert_true(t.cpu_warning_percent > 49.9 && t.cpu_warning_percent < 50.1);
    assert_true(set(&t, "NOTHING_OF_OURS", -1));
}

static void others_change_nothing(void **state)
{
    (void)state;
    struct tunables t = tunables_usual;
    assert_false(set(&t, "CONSOLE_STATS_INTERVAL_SEC", 0));
    assert_false(set(&t, "CSV_STATS_INTERVAL_SEC", NAN));
    assert_false(set(&t, "STATS_NAME_WIDTH", INFINITY));
    assert_false(set(&t, "PERCENTILES_TO_CHART", 1.5));
    assert_false(tunables_set(&t, "PERCENTILES_TO_REPORT", NULL, 0));
    assert_false(tunables_set(&t, "HEARTBEAT_LIVENESS", (double[]){1, 2}, 2));
    const double seven[7] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7};
    assert_false(tunables_set(&t, "PERCENTILES_TO_STATISTICS", seven, 7));
    assert_true(tunables_set(&t, "PERCENTILES_TO_REPORT", seven, 7));
    assert_int_equal(t.report.count, 7);
    t.report = tunables_usual.report;
    assert_memory_equal(&t, &tunables_usual, sizeof t);
}

static void a_worker_may_miss_beats_of_a_second_or_more(void **state)
{
    (void)state;
    struct tunables t = tunables_usual;
    assert_int_equal(tunables_liveness(&t), 3);
    assert_true(set(&t, "HEARTBEAT_INTERVAL", 0.5));
    assert_int_equal(tunables_liveness(&t), 3);
    assert_true(set(&t, "HEARTBEAT_INTERVAL", 10) && set(&t, "HEARTBEAT_LIVENESS", 4));
    assert_int_equal(tunables_liveness(&t), 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_within_reason_are_taken),
        cmocka_unit_test(others_change_nothing),
        cmocka_unit_test(a_worker_may_miss_beats_of_a_second_or_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
