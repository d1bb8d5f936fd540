// SPDX-License-Identifier: MIT
/* Rows of single requests out of histograms: as many as there were, with their times, and those
 * that failed with why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/sink/timescale_rows.h"
#include "tests/unit/snapshots.h"
#include <math.h>
#include <string.h>

#define START 1700000000.0

struct sum {
    uint64_t rows, requests, failures, untimed, of_404, of_other_name;
    double ms;
};

static void take(void *arg, const struct timescale_row *r)
{
    struct sum *s = arg;
    s->rows++;
    s->requests += r->weight;
    s->failures += r->exception ? r->weight : 0;
    s->of_404 += r->exception && !strcmp(r->exception, "404") ? r->weight : 0;
    s->of_other_name += !strcmp(r->name, "(other)") ? r->weight : 0;
    if (isnan(r->ms))
        s->untimed += r->weight;
    else
        s->ms += r->ms * (double)r->weight;
    assert_true(r->at > START && r->at <= START + 2);
}

static struct sum sum_of(const struct snapshot *s, const struct snapshot *since, uint64_t most)
{
    struct sum sum = {0};
    const struct timescale_wish w = {.s = s,
                                     .since = since,
                                     .from = START + 1,
                                     .to = START + 2,
                                     .run_at = START,
                                     .names = 2,
                                     .most = most};
    timescale_rows(&w, take, &sum);
    return sum;
}

static void add(struct stats *s, const char *name, unsigned n, uint64_t us, const char *failure)
{
    struct tally *row = stats_row(s, "GET", 3, name, strlen(name));
    for (unsigned i = 0; i < n; i++) {
        stats_add(s, row, START + 1, us, 100);
        if (failure)
            stats_add_failure(s, row, START + 1, failure, strlen(failure));
        if (failure && us != STATS_NO_TIME)
            hist_add(tally_part(row, PART_failed), us, 1);
    }
}

static void every_request_is_in_a_row(void **state)
{
    struct stats s;
    (void)state;
    stats_init(&s, START, STATS_LIMITS_DEFAULT);
    add(&s, "/a", 5, 1000, NULL);
    add(&s, "/a", 2, 9000, "500");
    struct snapshot *before = snapshot_of(&s, START + 1, 1);
    add(&s, "/a", 1000, 2000, NULL);
    add(&s, "/a", 100, 7000, "404");
    add(&s, "/b", 50, 30000, NULL);
    add(&s, "/b", 7, STATS_NO_TIME, "404");
    add(&s, "/b", 3, STATS_NO_TIME, NULL);
    add(&s, "/c", 11, 1000, NULL);
    struct snapshot *after = snapshot_of(&s, START + 2, 1);
    for (uint64_t most = 1; most < 5000; most *= 7) {
        const struct sum sum = sum_of(after, before, most);
        assert_int_equal(sum.requests, 1171);
        assert_int_equal(sum.failures, 107);
        assert_int_equal(sum.of_404, 107);
        assert_int_equal(sum.untimed, 10);
        assert_int_equal(sum.of_other_name, 11);
        assert_true(sum.rows <= most + 8);
        assert_true(fabs(sum.ms - (1000 * 2 + 100 * 7 + 50 * 30 + 11)) < 0.005 * sum.ms);
    }
    assert_int_equal(sum_of(after, before, 5000).rows, 1171);
    assert_int_equal(sum_of(after, NULL, 5000).requests, 1178);
    assert_int_equal(sum_of(after, before, 0).rows, 0);
    snapshot_unref(before);
    snapshot_unref(after);
    stats_fini(&s);
}

/* Workers of stock Locust do not tell which times are of those that failed. */
static void failures_without_times_of_their_own_are_counted(void **state)
{
    struct stats s;
    (void)state;
    stats_init(&s, START, STATS_LIMITS_DEFAULT);
    struct tally *row = stats_row(&s, "GET", 3, "/", 1);
    for (int i = 0; i < 100; i++) {
        stats_add(&s, row, START + 1, 1000, 1);
        if (i % 4 == 0)
            stats_add_failure(&s, row, START + 1, "404", 3);
    }
    struct snapshot *only = snapshot_of(&s, START + 2, 1);
    const struct sum sum = sum_of(only, NULL, 1000);
    assert_int_equal(sum.requests, 100);
    assert_int_equal(sum.failures, 25);
    snapshot_unref(only);
    stats_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_in_a_row),
        cmocka_unit_test(failures_without_times_of_their_own_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
