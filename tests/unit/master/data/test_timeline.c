// SPDX-License-Identifier: MIT
#include "master/data/timeline.h"
#include "master/data/timeline_read.h"
#include "common/base/mem.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#define NOW 1700000003
#define BIG ((size_t)1 << 30)

static uint32_t dice = 1;
static uint32_t roll(uint32_t below)
{
    dice = dice * 1664525u + 1013904223u;
    return (dice >> 8) % below;
}

/* One row of a report: n requests that took these times. */
static struct tally made_row(uint32_t n, uint32_t failures)
{
    struct tally t;
    tally_init(&t, NULL, NULL);
    t.requests = n;
    t.failures = failures;
    t.bytes = 100ull * n;
    t.discarded = n % 3;
    t.resent = n % 2;
    t.extra.status[2] = n - failures;
    t.extra.status[5] = failures;
    t.extra.phased = n;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t us = 1000 + roll(100000);
        t.sum_us += us;
        t.extra.phase_us[PHASE_WAIT] += us;
        t.min_us = us < t.min_us ? us : t.min_us;
        t.max_us = us > t.max_us ? us : t.max_us;
        hist_add(&t.hist, us, 1);
        if (i < failures)
            hist_add(tally_part(&t, PART_failed), us, 1);
    }
    return t;
}

static void put_row(struct timeline *t, uint32_t id, const struct tally *row)
{
    struct sbuf hist = {0}, failed = {0};
    hist_pack(&row->hist, &hist);
    if (row->failed)
        hist_pack(row->failed, &failed);
    timeline_row(t, id, row,
                 &(struct tally_packed){{hist.data, hist.len}, {{failed.data, failed.len}}});
    sbuf_fini(&hist);
    sbuf_fini(&failed);
}

static void same_hist(const struct hist *a, const struct hist *b)
{
    struct sbuf x = {0}, y = {0};
    hist_pack(a, &x);
    hist_pack(b, &y);
    assert_int_equal(x.len, y.len);
    if (x.len > 0)
        assert_memory_equal(x.data, y.data, x.len);
    sbuf_fini(&x);
    sbuf_fini(&y);
}

static void same(const struct tally *got, const struct tally *want)
{
    static const struct hist none;
    assert_int_equal(got->requests, want->requests);
    assert_int_equal(got->none_requests, want->none_requests);
    assert_int_equal(got->failures, want->failures);
    assert_int_equal(got->cut, want->cut);
    assert_int_equal(got->discarded, want->discarded);
    assert_int_equal(got->resent, want->resent);
    assert_int_equal(got->bytes, want->bytes);
    assert_int_equal(got->sum_us, want->sum_us);
    assert_int_equal(got->min_us, want->min_us);
    assert_int_equal(got->max_us, want->max_us);
    assert_memory_equal(&got->extra, &want->extra, sizeof got->extra);
    same_hist(&got->hist, &want->hist);
    same_hist(got->failed ? got->failed : &none, want->failed ? want->failed : &none);
}

/* A run of two workers and some rows, and the same figures kept the simple way. */
#define ROWS 4
#define WORKERS 2
struct truth {
    size_t seconds;
    struct tally (*rows)[ROWS + 1]; /* per second; the last one is the total */
    struct tally workers[WORKERS];
    uint64_t kinds[3];
};

static struct timeline *make_run(struct truth *truth, size_t seconds, size_t limit)
{
    struct timeline *t = timeline_new(limit);
    timeline_clear(t, NOW);
    *truth = (struct truth){.seconds = seconds};
    truth->rows = mem_zalloc(seconds * sizeof *truth->rows);
    for (size_t w = 0; w < WORKERS; w++)
        tally_init(&truth->workers[w], NULL, NULL);
    for (size_t s = 0; s < seconds; s++) {
        struct tally *rows = truth->rows[s];
        for (size_t i = 0; i <= ROWS; i++)
            tally_init(&rows[i], NULL, NULL);
        for (uint32_t w = 0; w < WORKERS; w++) {
            timeline_report(t, w, NOW + (double)s, NOW + (double)s + 1);
            for (uint32_t i = 0; i < ROWS; i++) {
                uint32_t n = roll(4);
                if (n == 0)
                    continue;
                struct tally row = made_row(n, roll(n + 1));
                put_row(t, i + 1, &row);
                tally_merge(&rows[i], &row);
                tally_merge(&rows[ROWS], &row);
                tally_merge(&truth->workers[w], &row);
                if (row.failures > 0) {
                    timeline_failure(t, i % 3, &(struct failure){.count = row.failures});
                    truth->kinds[i % 3] += row.failures;
                }
                tally_fini(&row);
            }
            struct timeline_health h = {.index = w,
                                        .samples = 1,
                                        .users_sum = w + 5,
                                        .cpu_sum = 500,
                                        .cpu_max = 500,
                                        .has_lag = 1,
                                        .lag_us = 100 + (uint32_t)s % 7};
            timeline_health(t, NOW + (double)s + 0.5, &h);
        }
        timeline_users(t, NOW + (double)s + 0.5, 7, 10);
        timeline_close(t, NOW + (double)s - 1);
        timeline_work(t, false);
    }
    timeline_close(t, NOW + (double)seconds);
    return t;
}

static void truth_fini(struct truth *truth)
{
    for (size_t s = 0; s < truth->seconds; s++)
        for (size_t i = 0; i <= ROWS; i++)
            tally_fini(&truth->rows[s][i]);
    for (size_t w = 0; w < WORKERS; w++)
        tally_fini(&truth->workers[w]);
    free(truth->rows);
}

static void check_range(const struct timeline_snap *snap, const struct truth *truth, int64_t from,
                        int64_t to)
{
    struct timeline_plan plan;
    struct timeline_merge merge;
    timeline_plan(snap, from, to, &plan);
    timeline_merge_init(&merge, plan.blocks, plan.count);
    int64_t first = plan.from < NOW ? NOW : plan.from, last = NOW + (int64_t)truth->seconds;
    last = plan.to < last ? plan.to : last;
    size_t seen = 0;
    while (timeline_merge_next(&merge, false)) {
        if (merge.id >= TIMELINE_WORKER)
            continue;
        struct tally want;
        tally_init(&want, NULL, NULL);
        for (int64_t s = first; s < last; s++)
            tally_merge(&want, &truth->rows[s - NOW][merge.id == 0 ? ROWS : merge.id - 1]);
        same(&merge.sum, &want);
        tally_fini(&want);
        seen++;
    }
    assert_true(seen <= ROWS + 1);
    timeline_merge_fini(&merge);
    timeline_plan_fini(&plan);
}

static void any_range_is_what_was_measured_in_it(void **state)
{
    (void)state;
    struct truth truth;
    struct timeline *t = make_run(&truth, 1500, BIG);
    struct timeline_snap *snap = timeline_snapshot(t);
    assert_int_equal(snap->until, NOW + 1500);
    assert_int_equal(snap->first, NOW);
    check_range(snap, &truth, NOW, NOW + 1500);
    check_range(snap, &truth, 0, INT64_MAX / 2);
    for (int i = 0; i < 40; i++) {
        int64_t from = NOW + roll(1500), to = from + 1 + roll(1500);
        check_range(snap, &truth, from, to);
    }
    timeline_snap_unref(snap);
    timeline_free(t);
    truth_fini(&truth);
}

static void a_long_range_is_read_from_few_blocks(void **state)
{
    (void)state;
    struct truth truth;
    struct timeline_plan plan;
    struct timeline *t = make_run(&truth, 3000, BIG);
    struct timeline_snap *snap = timeline_snapshot(t);
    timeline_plan(snap, NOW + 1, NOW + 2901, &plan);
    assert_in_range(plan.count, 4, 4 + 2 * (9 + 5 + 9));
    assert_int_equal(plan.resolution, 1);
    timeline_plan_fini(&plan);
    timeline_snap_unref(snap);
    timeline_free(t);
    truth_fini(&truth);
}

static void workers_and_failures_add_up(void **state)
{
    (void)state;
    struct truth truth;
    struct timeline_plan plan;
    struct timeline_failed *kinds;
    struct timeline_health *healths;
    struct timeline *t = make_run(&truth, 700, BIG);
    struct timeline_snap *snap = timeline_snapshot(t);
    timeline_plan(snap, NOW, NOW + 700, &plan);
    for (uint32_t w = 0; w < WORKERS; w++) {
        struct tally got;
        tally_init(&got, NULL, NULL);
        timeline_read_row(&plan, TIMELINE_WORKER + w, &got);
        same(&got, &truth.workers[w]);
        tally_fini(&got);
    }
    assert_int_equal(timeline_merge_failures(plan.blocks, plan.count, &kinds), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(kinds[i].count, truth.kinds[i]);
        assert_true(kinds[i].first >= NOW && kinds[i].first < NOW + 60);
        assert_true(kinds[i].last < NOW + 700 && kinds[i].last > NOW + 640);
    }
    assert_int_equal(timeline_merge_healths(plan.blocks, plan.count, &healths), WORKERS);
    assert_int_equal(healths[1].samples, 700);
    assert_int_equal(healths[1].users_sum, 700 * 6);
    assert_int_equal(healths[1].lag_us, 106);
    free(kinds);
    free(healths);
    timeline_plan_fini(&plan);
    timeline_snap_unref(snap);
    timeline_free(t);
    truth_fini(&truth);
}

/* Over its budget a timeline gets coarser at its oldest end, and loses nothing. */
static void a_small_budget_costs_resolution_only(void **state)
{
    (void)state;
    struct truth truth;
    struct timeline *t = make_run(&truth, 4000, 402000);
    struct timeline_snap *snap = timeline_snapshot(t);
    assert_true(snap->bytes <= 402000);
    assert_true(snap->levels[0].covers_from > NOW);
    assert_true(timeline_resolution(snap, NOW) > 1);
    assert_int_equal(timeline_resolution(snap, NOW + 3990), 1);
    check_range(snap, &truth, NOW, NOW + 4000);
    check_range(snap, &truth, 0, INT64_MAX / 2);
    for (int i = 0; i < 25; i++) {
        int64_t from = NOW + roll(4000), to = from + 1 + roll(4000);
        check_range(snap, &truth, from, to);
    }
    timeline_snap_unref(snap);
    timeline_free(t);
    truth_fini(&truth);
}

/* Sixty of these seconds would be more than all the memory there is. */
static void large_seconds_stay_within_the_budget_too(void **state)
{
    (void)state;
    const size_t limit = 800000;
    struct timeline *t = timeline_new(limit);
    struct tally row = made_row(10, 1);
    timeline_clear(t, NOW);
    for (int second = 0; second < 300; second++) {
        timeline_report(t, 0, NOW + second, NOW + second + 1);
        for (uint32_t id = 1; id <= 400; id++)
            put_row(t, id, &row);
        timeline_close(t, NOW + second + 1);
        timeline_work(t, false);
        struct timeline_snap *snap = timeline_snapshot(t);
        if (snap->bytes > limit)
            fail_msg("%zu bytes after %d seconds", snap->bytes, second);
        timeline_snap_unref(snap);
    }
    tally_fini(&row);
    timeline_free(t);
}

static void only_an_hour_of_seconds_is_kept(void **state)
{
    (void)state;
    struct truth truth;
    struct timeline *t = make_run(&truth, 4500, BIG);
    struct timeline_snap *snap = timeline_snapshot(t);
    assert_int_equal(timeline_resolution(snap, NOW), 10);
    assert_int_equal(timeline_resolution(snap, NOW + 4500 - 3600), 1);
    check_range(snap, &truth, 0, INT64_MAX / 2);
    timeline_snap_unref(snap);
    timeline_free(t);
    truth_fini(&truth);
}

struct sums {
    uint64_t requests;
    size_t steps;
    double rps, users, lag;
};

static void sum_step(void *arg, const struct timeline_step *step)
{
    struct sums *sums = arg;
    sums->requests += step->sum->requests;
    sums->steps++;
    sums->users = step->users;
    sums->lag = step->lag_ms;
    assert_true(step->seconds > 0);
}

static void the_steps_of_a_series_add_up(void **state)
{
    (void)state;
    struct truth truth;
    struct timeline *t = make_run(&truth, 1234, BIG);
    struct timeline_snap *snap = timeline_snapshot(t);
    uint64_t want = truth.workers[0].requests + truth.workers[1].requests;
    for (uint32_t step = 0; step < 100; step += 7) {
        struct sums sums = {0};
        struct timeline_ask ask = {.from = 0, .to = INT64_MAX / 2, .step = step, .max_steps = 720};
        assert_true(timeline_settle(snap, &ask));
        timeline_read_steps(snap, &ask, sum_step, &sums);
        assert_int_equal(sums.requests, want);
        assert_true(sums.steps <= 1234);
        if (step == 0)
            assert_true(sums.steps <= 720);
        assert_true(sums.users == 7);
        assert_true(sums.lag > 0.099 && sums.lag < 0.107);
    }
    timeline_snap_unref(snap);
    timeline_free(t);
    truth_fini(&truth);
}

/* ---- reports in time ---- */

static void report(struct timeline *t, double from, double to, uint32_t requests)
{
    struct tally row = made_row(requests, requests / 10);
    timeline_report(t, 0, from, to);
    put_row(t, 1, &row);
    tally_fini(&row);
}

static uint64_t requests_of(const struct timeline_plan *plan, uint32_t id)
{
    struct tally got;
    tally_init(&got, NULL, NULL);
    timeline_read_row(plan, id, &got);
    uint64_t requests = got.requests;
    tally_fini(&got);
    return requests;
}

static void what_nobody_told_is_no_workers(void **state)
{
    (void)state;
    struct timeline *t = timeline_new(BIG);
    struct timeline_plan plan;
    timeline_clear(t, NOW);
    for (uint32_t i = 0; i < 3; i++) {
        struct tally row = made_row(10 * (i + 1), 0);
        timeline_report(t, i == 2 ? TIMELINE_NOBODY : i, NOW, NOW + 1);
        put_row(t, 1, &row);
        tally_fini(&row);
    }
    timeline_close(t, NOW + 2);
    timeline_work(t, true);
    struct timeline_snap *snap = timeline_snapshot(t);
    timeline_plan(snap, NOW, NOW + 2, &plan);
    assert_int_equal(requests_of(&plan, TIMELINE_WORKER), 10);
    assert_int_equal(requests_of(&plan, TIMELINE_WORKER + 1), 20);
    assert_int_equal(requests_of(&plan, 1), 60);
    assert_int_equal(requests_of(&plan, TIMELINE_TOTAL), 60);
    timeline_plan_fini(&plan);
    timeline_snap_unref(snap);
    timeline_free(t);
}

static void same_as(const struct timeline_plan *plan, uint32_t id, const struct tally *want)
{
    struct tally got;
    tally_init(&got, NULL, NULL);
    timeline_read_row(plan, id, &got);
    same(&got, want);
    tally_fini(&got);
}

/* More than are added up at a time; each tells twice of the same rows, one of a row of its own. */
static void many_workers_that_tell_of_the_same_rows_add_up(void **state)
{
    enum { WORKERS_MANY = 300, SHARED = 3 };
    (void)state;
    struct timeline *t = timeline_new(BIG);
    struct timeline_plan plan;
    struct tally rows[SHARED], total, last;
    timeline_clear(t, NOW);
    for (size_t i = 0; i < SHARED; i++)
        tally_init(&rows[i], NULL, NULL);
    tally_init(&total, NULL, NULL);
    tally_init(&last, NULL, NULL);
    for (uint32_t i = 0; i < 2 * WORKERS_MANY; i++) {
        timeline_report(t, i % WORKERS_MANY, NOW, NOW + 1);
        for (uint32_t k = 0; k < SHARED + (i == WORKERS_MANY - 1); k++) {
            struct tally row = made_row(1 + roll(5), roll(2));
            put_row(t, 10 + k, &row);
            tally_merge(&total, &row);
            if (k < SHARED)
                tally_merge(&rows[k], &row);
            if (i % WORKERS_MANY == WORKERS_MANY - 1)
                tally_merge(&last, &row);
            tally_fini(&row);
        }
    }
    timeline_close(t, NOW + 2);
    timeline_work(t, true);
    struct timeline_snap *snap = timeline_snapshot(t);
    timeline_plan(snap, NOW, NOW + 2, &plan);
    for (uint32_t k = 0; k < SHARED; k++) {
        same_as(&plan, 10 + k, &rows[k]);
        tally_fini(&rows[k]);
    }
    same_as(&plan, TIMELINE_TOTAL, &total);
    same_as(&plan, TIMELINE_WORKER + WORKERS_MANY - 1, &last);
    assert_true(requests_of(&plan, TIMELINE_WORKER) > 0);
    assert_true(requests_of(&plan, 10 + SHARED) > 0);
    tally_fini(&total);
    tally_fini(&last);
    timeline_plan_fini(&plan);
    timeline_snap_unref(snap);
    timeline_free(t);
}

static void near(double got, double want)
{
    if (fabs(got - want) > 0.02 * fabs(want) + 1.01)
        fail_msg("got %f, want %f", got, want);
}

static void reports_that_drift_make_no_holes(void **state)
{
    (void)state;
    struct timeline *t = timeline_new(BIG);
    timeline_clear(t, NOW);
    double at = NOW;
    for (int i = 0; i < 15; i++, at += 1.37)
        report(t, at, at + 1.37, 1370);
    timeline_close(t, NOW + 14);
    size_t count;
    const struct view_point *points = timeline_points(t, &count);
    assert_int_equal(count, 14);
    for (size_t i = 1; i < count; i++) {
        near(points[i].rps, 1000);
        near(points[i].fail_rps, 100);
        assert_true(points[i].p50 > 40 && points[i].p50 < 60);
    }
    timeline_free(t);
}

static void failures_are_where_the_requests_of_their_report_are(void **state)
{
    (void)state;
    struct timeline *t = timeline_new(BIG);
    timeline_clear(t, NOW);
    report(t, NOW, NOW + 3, 300);
    timeline_failure(t, 1, &(struct failure){.count = 30});
    timeline_close(t, NOW + 4);
    timeline_work(t, true);
    struct timeline_snap *snap = timeline_snapshot(t);
    uint64_t sum = 0;
    for (int64_t second = NOW; second < NOW + 3; second++) {
        struct timeline_plan plan;
        struct timeline_failed *kinds;
        timeline_plan(snap, second, second + 1, &plan);
        assert_int_equal(timeline_merge_failures(plan.blocks, plan.count, &kinds), 1);
        near((double)kinds[0].count, 10);
        sum += kinds[0].count;
        free(kinds);
        timeline_plan_fini(&plan);
    }
    assert_int_equal(sum, 30);
    timeline_snap_unref(snap);
    timeline_free(t);
}

static void reports_of_few_requests_make_no_holes_in_sum(void **state)
{
    (void)state;
    struct timeline *t = timeline_new(BIG);
    timeline_clear(t, NOW);
    for (int i = 0; i < 4; i++) {
        timeline_report(t, 0, NOW + 3 * i, NOW + 3 * i + 3);
        for (uint32_t id = 1; id <= 900; id++) {
            struct tally row = made_row(1, 0);
            put_row(t, id, &row);
            tally_fini(&row);
        }
    }
    timeline_close(t, NOW + 12);
    size_t count;
    uint64_t sum = 0;
    const struct view_point *points = timeline_points(t, &count);
    assert_int_equal(count, 12);
    for (size_t i = 0; i < count; i++) {
        assert_true(points[i].rps > 270 && points[i].rps < 330);
        sum += (uint64_t)points[i].rps;
    }
    assert_int_equal(sum, 3600);
    timeline_free(t);
}

static void late_reports_go_to_the_oldest_open_second(void **state)
{
    (void)state;
    struct timeline *t = timeline_new(BIG);
    timeline_clear(t, NOW);
    timeline_users(t, NOW + 0.5, 7, 10);
    timeline_users(t, NOW + 5, 9, 10);
    timeline_close(t, NOW + 4);
    report(t, NOW, NOW + 1, 50);
    timeline_close(t, NOW + 6);
    size_t count;
    const struct view_point *points = timeline_points(t, &count);
    assert_int_equal(count, 6);
    assert_int_equal(points[0].users, 7);
    assert_int_equal(points[3].users, 7);
    assert_int_equal(points[5].users, 9);
    assert_true(isnan(points[0].p50));
    near(points[4].rps, 50);
    timeline_free(t);
}

static void a_reset_divides_what_was_from_what_comes(void **state)
{
    (void)state;
    struct timeline *t = timeline_new(BIG);
    struct tally got;
    struct timeline_plan plan;
    tally_init(&got, NULL, NULL);
    timeline_clear(t, NOW);
    report(t, NOW, NOW + 1, 50);
    report(t, NOW + 1, NOW + 2, 60);
    timeline_reset(t, NOW + 2.4);
    report(t, NOW + 1.9, NOW + 2.9, 7);
    timeline_close(t, NOW + 4);
    struct timeline_snap *snap = timeline_snapshot(t);
    assert_int_equal(snap->since, NOW + 3);
    timeline_plan(snap, snap->since, NOW + 100, &plan);
    timeline_read_row(&plan, 0, &got);
    assert_int_equal(got.requests, 7);
    timeline_plan_fini(&plan);
    tally_zero(&got);
    timeline_plan(snap, 0, NOW + 3, &plan);
    timeline_read_row(&plan, 0, &got);
    assert_int_equal(got.requests, 110);
    timeline_plan_fini(&plan);
    timeline_snap_unref(snap);
    tally_fini(&got);
    timeline_free(t);
}

static void a_clock_that_jumps_leaves_a_gap(void **state)
{
    (void)state;
    struct timeline *t = timeline_new(BIG);
    timeline_clear(t, NOW);
    report(t, NOW, NOW + 1, 50);
    timeline_users(t, NOW + 1e6, 3, 1);
    report(t, NOW + 1e6, NOW + 1e6 + 1, 20);
    timeline_close(t, NOW + 1e6 + 1);
    timeline_work(t, true);
    struct timeline_snap *snap = timeline_snapshot(t);
    struct sums sums = {0};
    struct timeline_ask ask = {.from = 0, .to = INT64_MAX / 2, .max_steps = 720};
    assert_true(timeline_settle(snap, &ask));
    timeline_read_steps(snap, &ask, sum_step, &sums);
    assert_int_equal(sums.requests, 70);
    assert_true(sums.steps <= 20);
    timeline_snap_unref(snap);
    timeline_free(t);
}

/* What a reader holds stays as it was while the run goes on, starts anew and ends. */
static void a_snapshot_never_changes(void **state)
{
    (void)state;
    struct truth truth;
    struct timeline *t = make_run(&truth, 95, BIG);
    struct timeline_snap *snap = timeline_snapshot(t);
    for (int i = 0; i < 200; i++) {
        report(t, NOW + 95 + i, NOW + 96 + i, 5);
        timeline_close(t, NOW + 96 + i);
        timeline_work(t, false);
        timeline_snap_unref(timeline_snapshot(t));
    }
    check_range(snap, &truth, 0, INT64_MAX / 2);
    timeline_clear(t, NOW + 1000);
    check_range(snap, &truth, NOW + 3, NOW + 90);
    timeline_free(t);
    check_range(snap, &truth, NOW + 13, NOW + 95);
    timeline_snap_unref(snap);
    truth_fini(&truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_range_is_what_was_measured_in_it),
        cmocka_unit_test(a_long_range_is_read_from_few_blocks),
        cmocka_unit_test(workers_and_failures_add_up),
        cmocka_unit_test(a_small_budget_costs_resolution_only),
        cmocka_unit_test(large_seconds_stay_within_the_budget_too),
        cmocka_unit_test(only_an_hour_of_seconds_is_kept),
        cmocka_unit_test(the_steps_of_a_series_add_up),
        cmocka_unit_test(what_nobody_told_is_no_workers),
        cmocka_unit_test(many_workers_that_tell_of_the_same_rows_add_up),
        cmocka_unit_test(reports_that_drift_make_no_holes),
        cmocka_unit_test(failures_are_where_the_requests_of_their_report_are),
        cmocka_unit_test(reports_of_few_requests_make_no_holes_in_sum),
        cmocka_unit_test(late_reports_go_to_the_oldest_open_second),
        cmocka_unit_test(a_reset_divides_what_was_from_what_comes),
        cmocka_unit_test(a_clock_that_jumps_leaves_a_gap),
        cmocka_unit_test(a_snapshot_never_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
