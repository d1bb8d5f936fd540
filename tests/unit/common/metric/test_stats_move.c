// SPDX-License-Identifier: MIT
#include "common/metric/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 1700000000.0

/* A table that is moved to another: nothing is lost or counted twice, and numbers mean the same. */
#include "common/metric/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 1700000000.0

static void count(struct stats *s, const char *name, double at, int i)
{
    struct tally *row = stats_row(s, "GET", 3, name, strlen(name));
    stats_add(s, row, at, (uint64_t)i * 1000, 10);
    if (i % 7 == 0)
        stats_add_failure(s, row, at, "x", 1);
}

/* Again and again, with rows that come in between. */
static void test_moves_are_the_same_as_counting_in_one_table(void **state)
{
    (void)state;
    struct stats one, live, all, other;
    stats_init(&one, T0, STATS_LIMITS_DEFAULT);
    stats_init(&live, T0, STATS_LIMITS_DEFAULT);
    stats_init(&all, T0, STATS_LIMITS_DEFAULT);
    stats_init(&other, T0, STATS_LIMITS_DEFAULT);
    for (int turn = 0; turn < 5; turn++) {
        for (int i = 0; i < 40; i++) {
            char name[16];
            snprintf(name, sizeof name, "/%d", (turn * i) % (turn + 3));
            count(&one, name, T0 + turn, i);
            count(&live, name, T0 + turn, i);
        }
        if (turn == 3)
            stats_merge(&other, &live);
        stats_move(&all, &live, T0 + turn);
        assert_true(tally_is_empty(&live.total) && !live.failures);
        for (const struct tally *t = live.rows; t; t = t->next)
            assert_true(tally_is_empty(t));
    }
    assert_int_equal(all.total.requests, one.total.requests);
    assert_int_equal(all.total.hist.count, one.total.hist.count);
    assert_int_equal(all.row_count, one.row_count);
    assert_int_equal(all.failure_count, one.failure_count);
    for (const struct tally *t = one.rows; t; t = t->next) {
        const struct tally *m = stats_find(&all, t->method, t->name);
        assert_int_equal(m->requests, t->requests);
        assert_int_equal(m->failures, t->failures);
        assert_int_equal(m->sum_us, t->sum_us);
        assert_memory_equal(m->recent, t->recent, sizeof t->recent);
        assert_int_equal(m->number, stats_find(&live, t->method, t->name)->number);
    }
    for (const struct tally *t = other.rows; t; t = t->next)
        assert_int_equal(t->number, stats_find(&live, t->method, t->name)->number);
    stats_fini(&live);
    stats_fini(&one);
    stats_fini(&all);
    stats_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves_are_the_same_as_counting_in_one_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
