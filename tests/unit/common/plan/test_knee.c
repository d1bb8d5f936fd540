// SPDX-License-Identifier: MIT
/* knee: against targets whose capacity is known: c servers in a queue, in simulated time, and a
 * target that follows the law itself. */
#include "common/plan/chance.h"
#include "common/plan/knee.h"
#include "common/base/mem.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_S 12
#define SETTLE_S 2
#define MOST_SERVERS 64
#define MOST_DONE 200000

/* ---- a queue with c servers ------------------------------------------------------------------ */

struct queue {
    unsigned servers;
    double per_s;    /* of each server */
    bool is_regular; /* neither arrivals nor times are random */
    double free_at[MOST_SERVERS];
    double arrived[MOST_DONE], ended[MOST_DONE];
    size_t count;
    uint64_t key, drawn;
};

static double gap(struct queue *q, double rate)
{
    return (q->is_regular ? 1 : -log(chance_unit(q->key, q->drawn++))) / rate;
}

static void arrive(struct queue *q, double at)
{
    unsigned first = 0;
    for (unsigned i = 1; i < q->servers; i++)
        first = q->free_at[i] < q->free_at[first] ? i : first;
    const double begin = fmax(at, q->free_at[first]);
    q->free_at[first] = begin + gap(q, q->per_s);
    assert_true(q->count < MOST_DONE);
    q->arrived[q->count] = at;
    q->ended[q->count++] = q->free_at[first];
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct knee_second second_of(const struct queue *q, double from)
{
    static double times[MOST_DONE];
    struct knee_second s = {0};
    size_t n = 0;
    for (size_t i = 0; i < q->count; i++) {
        const double end = q->ended[i];
        s.under_way += q->arrived[i] < from + 1 && end >= from + 1;
        if (end < from || end >= from + 1)
            continue;
        s.done++;
        s.busy_s += end - q->arrived[i];
        times[n++] = (end - q->arrived[i]) * 1e3;
    }
    qsort(times, n, sizeof *times, by_size);
    s.p50_ms = n ? times[n / 2] : 0;
    return s;
}

/* Climbs until the rule says stop, or so many levels are done. */
static enum knee_stop climb(struct queue *q, struct knee *k, double step, size_t most)
{
    double at = 0;
    for (size_t level = 0; level < most && knee_stop(k) == KNEE_GOES_ON; level++) {
        const double rate = step * (double)(level + 1), begin = LEVEL_S * (double)level;
        for (at = fmax(at, begin); at < begin + LEVEL_S; at += gap(q, rate))
            arrive(q, at);
        struct knee_level l = {
            .offered = rate, .from_s = begin + SETTLE_S, .to_s = begin + LEVEL_S};
        l.seconds = mem_zalloc(LEVEL_S * sizeof *l.seconds);
        for (int s = SETTLE_S; s < LEVEL_S; s++)
            l.seconds[l.count++] = second_of(q, begin + s);
        knee_add(k, &l);
    }
    return knee_stop(k);
}

static double erlang_c(unsigned c, double a)
{
    double term = 1, sum = 0;
    for (unsigned k = 0; k < c; k++) {
        sum += term;
        term *= a / (k + 1);
    }
    term *= c / (c - a);
    return term / (sum + term);
}

/* The rate at which X/R of an M/M/c queue is greatest. */
static double knee_of_queue(unsigned c, double per_s)
{
    double best = 0, at = 0;
    for (double rate = 1; rate < c * per_s; rate++) {
        const double r = 1 / per_s + erlang_c(c, rate / per_s) / (c * per_s - rate);
        if (rate / r > best) {
            best = rate / r;
            at = rate;
        }
    }
    return at;
}

static void within(double value, double truth, double share, const char *what, unsigned c)
{
    if (fabs(value - truth) > share * truth)
        fail_msg("%s with %u servers: %g instead of %g", what, c, value, truth);
}

static void a_queues_capacity_is_found(void **state)
{
    static const unsigned servers[] = {1, 2, 4, 8, 16, 64};
    static struct queue q;
    (void)state;
    for (size_t i = 0; i < sizeof servers / sizeof *servers; i++)
        for (uint64_t seed = 1; seed <= 5; seed++) {
            const unsigned c = servers[i];
            struct knee k = {0};
            struct knee_result r;
            q = (struct queue){.servers = c, .per_s = 400.0 / c, .key = chance_key(seed, "queue")};
            assert_int_equal(climb(&q, &k, 40, 30), KNEE_FOUND);
            knee_results(&k, &r);
            assert_true(r.has_capacity && r.is_measured && r.has_law && r.has_knee);
            within(r.capacity.value, 400, 0.05, "capacity", c);
            assert_true(r.capacity.low <= r.capacity.value && r.capacity.value <= r.capacity.high);
            within((r.capacity.low + r.capacity.high) / 2, 400, 0.05, "confidence", c);
            within(r.knee.value, knee_of_queue(c, 400.0 / c), 0.25, "knee", c);
            assert_true(r.knee.low <= r.knee.value && r.knee.value <= r.knee.high);
            knee_fini(&k);
        }
}

static void what_keeps_up_is_not_stopped(void **state)
{
    static struct queue q;
    struct knee k = {0};
    struct knee_result r;
    (void)state;
    q = (struct queue){.servers = 8, .per_s = 200, .key = 7};
    assert_int_equal(climb(&q, &k, 40, 20), KNEE_GOES_ON); /* to half of what it can do */
    for (size_t i = 0; i < k.count; i++)
        assert_false(k.levels[i].is_saturated);
    knee_results(&k, &r);
    assert_false(r.is_measured);
    knee_fini(&k);
}

static void a_regular_target_is_exact(void **state)
{
    static struct queue q;
    struct knee k = {0};
    struct knee_result r;
    (void)state;
    q = (struct queue){.servers = 3, .per_s = 100, .is_regular = true};
    assert_int_equal(climb(&q, &k, 45, 30), KNEE_FOUND); /* 315 is too much */
    assert_int_equal(k.count, 8);
    assert_true(!k.levels[5].is_saturated && k.levels[6].is_saturated);
    knee_results(&k, &r);
    within(r.capacity.value, 300, 0.005, "capacity", 3);
    knee_fini(&k);
}

/* ---- a target that follows the law ----------------------------------------------------------- */

static struct knee_level level_of(double offered, double done, double ms)
{
    struct knee_level l = {.offered = offered, .count = 10};
    l.seconds = mem_zalloc(10 * sizeof *l.seconds);
    for (int i = 0; i < 10; i++)
        l.seconds[i] = (struct knee_second){done, done * ms / 1e3, done * ms / 1e3, ms};
    return l;
}

static void the_law_is_found_again(void **state)
{
    static const double laws[][3] = {
        {100, 0.05, 0.002}, {50, 0, 0.01}, {20, 0.5, 0}, {75, 0.02, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++) {
        const double lambda = laws[i][0], sigma = laws[i][1], kappa = laws[i][2];
        struct knee k = {0};
        struct knee_result r;
        for (int n = 1; n <= 6; n++) {
            const double x = lambda * n / (1 + sigma * (n - 1) + kappa * n * (n - 1));
            const struct knee_level l = level_of(x, x, n / x * 1e3);
            knee_add(&k, &l);
        }
        knee_results(&k, &r);
        assert_true(r.has_law && !r.is_measured);
        assert_true(fabs(r.lambda - lambda) < 1e-6 && fabs(r.sigma - sigma) < 1e-9);
        assert_true(fabs(r.kappa - kappa) < 1e-9 && r.fit > 0.999999);
        double best = 0, at = 0, most = 0;
        for (double n = 0.01; n < 1000; n += 0.01) {
            const double x = lambda * n / (1 + sigma * (n - 1) + kappa * n * (n - 1));
            at = x * x / n > best ? n : at;
            best = fmax(best, x * x / n);
            most = fmax(most, x);
        }
        assert_true(fabs(r.users - at) < 0.02);
        within(r.capacity.value, kappa > 0 ? most : lambda / sigma, 1e-4, "maximum", 0);
        knee_fini(&k);
    }
}

static void what_does_not_bend_has_no_knee(void **state)
{
    struct knee k = {0};
    struct knee_result r;
    (void)state;
    knee_results(&k, &r);
    assert_true(!r.has_law && !r.has_capacity && !r.has_knee);
    for (int n = 1; n <= 6; n++) {
        const struct knee_level l = level_of(100 * n, 100 * n, 10);
        knee_add(&k, &l);
    }
    knee_results(&k, &r);
    assert_true(r.has_law && !r.has_capacity && !r.has_knee);
    knee_fini(&k);
}

static void a_late_generator_is_no_slow_target(void **state)
{
    struct knee k = {0};
    struct knee_result r;
    (void)state;
    for (int n = 1; n <= 5; n++) {
        const struct knee_level l = level_of(100 * n, 100 * n, 10 + n);
        knee_add(&k, &l);
    }
    for (int n = 6; n <= 7; n++) {
        struct knee_level l = level_of(100 * n, 510, 20);
        l.is_late = true;
        knee_add(&k, &l);
    }
    assert_int_equal(knee_stop(&k), KNEE_GENERATOR);
    knee_results(&k, &r);
    assert_true(r.has_law && !r.is_measured);
    knee_fini(&k);
}

static void failures_and_lack_of_users_are_saturation(void **state)
{
    struct knee k = {0};
    (void)state;
    struct knee_level failing = level_of(100, 100, 10), dropping = level_of(100, 100, 10);
    failing.failed = 0.3;
    dropping.is_short_of_users = true;
    knee_add(&k, &failing);
    assert_int_equal(knee_stop(&k), KNEE_GOES_ON);
    knee_add(&k, &dropping);
    assert_int_equal(knee_stop(&k), KNEE_FOUND);
    knee_fini(&k);
}

static void answers_that_are_not_good_end_it_where_that_is_asked(void **state)
{
    static const double good[] = {1, 0.99, 0.94, 0.96, 0.9, 0.5};
    (void)state;
    for (int is_asked = 0; is_asked < 2; is_asked++) {
        struct knee k = {.goodput = is_asked ? 0.95 : 0};
        for (int n = 1; n <= 6; n++) {
            struct knee_level l = level_of(100 * n, 100 * n, 10);
            l.good = good[n - 1];
            assert_int_equal(knee_stop(&k), KNEE_GOES_ON); /* one that is poor is none */
            knee_add(&k, &l);
        }
        assert_int_equal(knee_stop(&k), is_asked ? KNEE_POOR : KNEE_GOES_ON);
        assert_true(knee_good(&k)->offered == (is_asked ? 400 : 600));
        knee_fini(&k);
    }
}

static void where_nobody_says_what_is_good_nothing_is(void **state)
{
    (void)state;
    struct knee k = {.goodput = 0.5};
    for (int n = 1; n <= 2; n++) {
        struct knee_level l = level_of(100 * n, 100 * n, 10);
        l.good = -1;
        knee_add(&k, &l);
    }
    assert_int_equal(knee_stop(&k), KNEE_POOR);
    assert_null(knee_good(&k));
    knee_fini(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queues_capacity_is_found),
        cmocka_unit_test(what_keeps_up_is_not_stopped),
        cmocka_unit_test(a_regular_target_is_exact),
        cmocka_unit_test(the_law_is_found_again),
        cmocka_unit_test(what_does_not_bend_has_no_knee),
        cmocka_unit_test(a_late_generator_is_no_slow_target),
        cmocka_unit_test(failures_and_lack_of_users_are_saturation),
        cmocka_unit_test(answers_that_are_not_good_end_it_where_that_is_asked),
        cmocka_unit_test(where_nobody_says_what_is_good_nothing_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
