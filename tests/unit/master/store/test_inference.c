// SPDX-License-Identifier: MIT
/* The statistics of comparing runs, against figures of other programs, and by simulation: equal
 * runs are not called worse, a shift of 10 % is found, intervals hold what they promise. Seeded:
 * each run of this program does the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/mem.h"
#include "master/store/contrast_figure.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 1e-6
#define SECONDS 240
#define REQUESTS 25 /* in a second */

static void assert_near(double a, double b, double most)
{
    if (!(fabs(a - b) <= most))
        fail_msg("%.9g is not %.9g", a, b);
}

/* ---- figures of tables and textbooks ---- */

static void students_distribution_is_as_in_tables(void **state)
{
    (void)state;
    assert_near(inference_t_quantile(0.975, 4), 2.7764451052, NEAR);
    assert_near(inference_t_quantile(0.975, 8), 2.3060041350, NEAR);
    assert_near(inference_t_quantile(0.95, 1), 6.3137515147, NEAR);
    assert_near(inference_t_quantile(0.975, INFINITY), 1.9599639845, NEAR);
    assert_near(inference_t_cdf(2, 5), 0.9490302605, NEAR);
    assert_near(inference_t_cdf(-2, 5), 0.0509697395, NEAR);
    assert_near(inference_t_cdf(0, 3), 0.5, NEAR);
}

/* Benjamini and Hochberg's own example (1995): of 15, the first four. */
static void false_discoveries_are_held_down(void **state)
{
    (void)state;
    static const double p[] = {0.0459, 0.0001, 0.7590, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278,
                               0.0298, 0.0344, 0.3240, 0.4262, 0.5719, 0.6528, 1.0000};
    bool is_rejected[15];
    assert_int_equal(inference_discover(p, 15, 0.05, is_rejected), 4);
    assert_true(is_rejected[1] && is_rejected[3] && is_rejected[4] && is_rejected[5]);
    assert_false(is_rejected[0] || is_rejected[6] || is_rejected[7]);
    assert_int_equal(inference_discover(p, 0, 0.05, is_rejected), 0);
}

static void distributions_differ_by_what_they_differ(void **state)
{
    (void)state;
    struct hist a, b;
    double at = 0;
    hist_init(&a);
    hist_init(&b);
    for (uint64_t us = 1; us <= 100; us++) {
        hist_add(&a, us, 1);
        hist_add(&b, us + 20, 1);
    }
    assert_near(inference_distance(&a, &b, &at), 0.2, NEAR);
    assert_near(inference_delta(&a, &b), 0.36, NEAR); /* (80² + 2·80·20 …): 1 - 80·80/100² */
    assert_near(inference_delta(&b, &a), -0.36, NEAR);
    assert_near(inference_delta(&a, &a), 0, NEAR);
    hist_fini(&a);
    hist_fini(&b);
}

/* Logarithms: 0.0912 apart, standard error 0.0191 with 2.8 degrees of freedom. */
static void several_runs_are_compared_as_welch_does(void **state)
{
    (void)state;
    const struct figure a[] = {{100, 0, 1}, {104, 0, 1}, {98, 0, 1}};
    const struct figure b[] = {{110, 0, 1}, {112, 0, 1}, {108, 0, 1}, {111, 0, 1}};
    const struct between none = {.sd = 0.05, .df = INFINITY, .is_assumed = true};
    const struct margin m = {.share = 0};
    const struct change c = inference_compare(a, 3, b, 4, &none, &m);
    assert_int_equal(c.basis, BASIS_RUNS);
    assert_near(c.before, 100.636, 1e-2);
    assert_near(c.change, 1.09546, 1e-3);
    assert_true(c.low > 1.02 && c.low < 1.04 && c.high > 1.15 && c.high < 1.18);
    assert_true(c.p_worse < 0.03 && c.p_worse > 0.002);
}

static void steps_do_not_count_as_spread(void **state)
{
    (void)state;
    double x[40];
    for (size_t i = 0; i < 40; i++)
        x[i] = (i < 20 ? 0 : 1) + (i % 2 ? 0.01 : -0.01);
    assert_true(inference_sd(x, 40) > 0.4);
    assert_true(inference_steady_sd(x, 40) < 0.03);
}

/* ---- simulation ---- */

static uint64_t seed = 42;

static double uniform(void)
{
    uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform());
}

static double ends[2]; /* of the interval of the run that was simulated last */

/* A run whose level wanders from second to second (AR(1)) and is off as a whole by chance. */
static struct figure simulate(double level_ms, double between_sd, double memory, size_t draws)
{
    double means[SECONDS];
    static struct tally bins[SECONDS];
    const double run = level_ms * exp(between_sd * normal());
    double wander = 0.06 * normal();
    for (size_t s = 0; s < SECONDS; s++) {
        tally_zero(&bins[s]);
        wander = memory * wander + 0.06 * sqrt(1 - memory * memory) * normal();
        for (int i = 0; i < REQUESTS; i++) {
            const double us = 1000 * run * exp(wander + 0.4 * normal());
            hist_add(&bins[s].hist, (uint64_t)us, 1);
            bins[s].sum_us += (uint64_t)us;
        }
        bins[s].requests = REQUESTS;
        means[s] = (double)bins[s].sum_us / REQUESTS;
    }
    const size_t per = bootstrap_block(means, SECONDS, 1);
    struct bootstrap *b = bootstrap_new(bins, SECONDS, 1, per, draws, 7);
    const struct contrast_seen seen = {.blocks = b};
    const struct figure f = contrast_figure_seen(&seen, FIGURE_P95);
    contrast_figure_interval(&seen, FIGURE_P95, &f, &ends[0], &ends[1]);
    bootstrap_free(b);
    for (size_t s = 0; s < SECONDS; s++)
        hist_clear(&bins[s].hist);
    return f;
}

/* Of a server with one queue (M/M/1) to which 150 requests a second come: response times are
 * exponential with the mean 1 / (served - 150) s. A request counts in the second of its end. */
#define ARRIVE 150.0
#define QUEUED_SECONDS 300
#define WARM_SECONDS 30

static double exponential(double rate)
{
    return -log(1 - uniform()) / rate;
}

static void add_response(struct tally *bin, double seconds)
{
    const uint64_t us = (uint64_t)(1e6 * seconds);
    hist_add(&bin->hist, us, 1);
    bin->sum_us += us;
    bin->requests++;
}

static void fill_queued(struct tally *bins, double served)
{
    double arrived = -WARM_SECONDS, left = arrived;
    while (left < QUEUED_SECONDS) {
        arrived += exponential(ARRIVE);
        left = fmax(left, arrived) + exponential(served);
        if (left >= 0 && left < QUEUED_SECONDS)
            add_response(&bins[(size_t)left], left - arrived);
    }
}

static struct figure simulate_queue(double served)
{
    static struct tally bins[QUEUED_SECONDS];
    double means[QUEUED_SECONDS];
    for (size_t s = 0; s < QUEUED_SECONDS; s++) {
        hist_clear(&bins[s].hist);
        bins[s].sum_us = bins[s].requests = 0;
    }
    fill_queued(bins, served);
    for (size_t s = 0; s < QUEUED_SECONDS; s++)
        means[s] = bins[s].requests ? (double)bins[s].sum_us / (double)bins[s].requests : 0;
    struct bootstrap *b =
        bootstrap_new(bins, QUEUED_SECONDS, 1, bootstrap_block(means, QUEUED_SECONDS, 1), 500, 7);
    const struct contrast_seen seen = {.blocks = b};
    const struct figure f = contrast_figure_seen(&seen, FIGURE_P95);
    contrast_figure_interval(&seen, FIGURE_P95, &f, &ends[0], &ends[1]);
    bootstrap_free(b);
    return f;
}

#define POOL 1500
static struct figure pool[POOL]; /* equal runs, which differ by 2 % as machines do */

static int make_pool(void **state)
{
    (void)state;
    for (size_t i = 0; i < POOL; i++)
        pool[i] = simulate(100, 0.02, 0.8, BOOTSTRAP_DRAWS);
    return 0;
}

struct runs {
    const struct figure *list;
    size_t count;
};

static const struct figure *some_of(const struct runs *of)
{
    return &of->list[(size_t)(uniform() * (double)of->count)];
}

static struct figure shifted(struct figure f, double by)
{
    f.value *= by;
    return f;
}

/* What of many comparisons came out; history: so many earlier runs say how much runs differ. */
struct outcome {
    double worse, fine, covered;
};

struct many {
    struct runs a, b;  /* of the one kind and of the other */
    double by, truth;  /* what those of the other are multiplied by, and their ratio */
    size_t k, history; /* runs a side; earlier ones of the first kind */
    int times;
};

static struct outcome compare_many_of(const struct many *m)
{
    const struct margin margin = {.share = 0.05, .floor = 1};
    struct outcome o = {0};
    for (int i = 0; i < m->times; i++) {
        struct between between = {.sd = 0.05, .df = INFINITY, .is_assumed = true};
        struct figure a[5], b[5];
        double x[20];
        for (size_t r = 0; r < m->history; r++)
            x[r] = log(some_of(&m->a)->value);
        if (m->history)
            between =
                (struct between){.sd = inference_sd(x, m->history), .df = (double)m->history - 1};
        for (size_t r = 0; r < m->k; r++) {
            a[r] = *some_of(&m->a);
            b[r] = shifted(*some_of(&m->b), m->by);
        }
        const struct change c = inference_compare(a, m->k, b, m->k, &between, &margin);
        o.worse += c.p_worse <= 0.05;
        o.fine += c.p_fine <= 0.05;
        o.covered += c.low <= m->truth && m->truth <= c.high;
    }
    o.worse /= m->times;
    o.fine /= m->times;
    o.covered /= m->times;
    print_message("%zu a side, history %zu, ratio %.2f: worse %.3f, not worse %.3f, covered %.3f\n",
                  m->k, m->history, m->truth, o.worse, o.fine, o.covered);
    return o;
}

static struct outcome compare_many(size_t k, size_t history, double shift)
{
    const struct runs all = {pool, POOL};
    return compare_many_of(&(struct many){all, all, shift, shift, k, history, 1000});
}

static void equal_runs_are_not_called_worse(void **state)
{
    (void)state;
    assert_true(compare_many(5, 0, 1).worse <= 0.05);
    assert_true(compare_many(1, 10, 1).worse <= 0.05);
    assert_true(compare_many(1, 0, 1).worse <= 0.05);
    /* At the margin itself one in twenty may be. */
    assert_in_range((int)(1000 * compare_many(5, 0, 1.05).worse), 25, 70);
}

static void a_shift_of_a_tenth_is_found(void **state)
{
    (void)state;
    assert_true(compare_many(5, 0, 1.10).worse >= 0.8);
}

static void intervals_hold_what_they_promise(void **state)
{
    (void)state;
    const double of_runs = compare_many(5, 0, 1).covered,
                 of_history = compare_many(1, 20, 1).covered;
    assert_in_range((int)(1000 * of_runs), 930, 970);
    assert_in_range((int)(1000 * of_history), 930, 970);
}

/* Within one run: the seconds remember one another, and blocks know it. */
#define COVER 1000

static int covered_of(double truth, struct figure (*run)(void))
{
    int covered = 0;
    double sd, se = 0, *x = mem_zalloc(COVER * sizeof *x);
    for (size_t i = 0; i < COVER; i++) {
        const struct figure f = run();
        x[i] = log(f.value);
        se += f.se / COVER;
        covered += ends[0] <= truth && truth <= ends[1];
    }
    sd = inference_sd(x, COVER);
    print_message("spread of p95 %.4f, by blocks %.4f; intervals of a run that hold the truth: %d "
                  "of %d\n",
                  sd, se, covered, COVER);
    assert_true(se > 0.85 * sd && se < 1.25 * sd);
    free(x);
    return covered;
}

static struct figure remembering(void)
{
    return simulate(100, 0, 0.8, 200);
}

static struct figure forgetful(void)
{
    return simulate(100, 0, 0, 200);
}

/* p95 of a lognormal level and of what is around it. */
static double lognormal_p95(void)
{
    return 100 * exp(1.644854 * sqrt(0.06 * 0.06 + 0.4 * 0.4));
}

static void an_interval_of_one_run_holds_what_it_promises(void **state)
{
    (void)state;
    assert_in_range(covered_of(lognormal_p95(), remembering), 930, 970);
    assert_in_range(covered_of(lognormal_p95(), forgetful), 930, 970);
}

/* ... of a queue too, by runs of five minutes: 1.2 times as long it takes a server that serves 225
 * a second instead of 240. */
#define PAIRS 500

static void a_slower_server_is_found_and_an_equal_one_is_not(void **state)
{
    (void)state;
    static struct figure list[2][PAIRS];
    const struct runs usual = {list[0], PAIRS}, slower = {list[1], PAIRS};
    const double p95_ms = 1e3 * -log(0.05) / 90;
    int covered = 0;
    for (size_t i = 0; i < PAIRS; i++) {
        list[1][i] = simulate_queue(ARRIVE + 75);
        list[0][i] = simulate_queue(ARRIVE + 90);
        covered += ends[0] <= p95_ms && p95_ms <= ends[1];
    }
    print_message("intervals of a run that hold the truth: %d of %d\n", covered, PAIRS);
    const struct many equal = {usual, usual, 1, 1, 1, 20, PAIRS};
    const struct many slow = {usual, slower, 1, 1.2, 1, 20, PAIRS};
    assert_in_range(covered, PAIRS * 93 / 100, PAIRS * 97 / 100);
    assert_true(compare_many_of(&equal).worse <= 0.05);
    assert_true(compare_many_of(&slow).worse >= 0.8);
}

/* What comes over both at the same time is in neither's favour. */
static void a_pair_knows_what_came_over_both(void **state)
{
    (void)state;
    static struct tally bins[2][SECONDS];
    struct bootstrap *b[2];
    for (size_t s = 0; s < SECONDS; s++) {
        const double wander = 0.2 * normal();
        for (size_t k = 0; k < 2; k++) {
            tally_zero(&bins[k][s]);
            for (int i = 0; i < REQUESTS; i++) {
                const double us = 1e5 * (k ? 1.1 : 1) * exp(wander + 0.1 * normal());
                hist_add(&bins[k][s].hist, (uint64_t)us, 1);
                bins[k][s].sum_us += (uint64_t)us;
            }
            bins[k][s].requests = REQUESTS;
        }
    }
    for (size_t k = 0; k < 2; k++)
        b[k] = bootstrap_new(bins[k], SECONDS, 1, 5, BOOTSTRAP_DRAWS, 7);
    const struct figure one = bootstrap_mean(b[0]), two = bootstrap_mean(b[1]);
    const double alone = sqrt(one.se * one.se + two.se * two.se);
    const double paired = bootstrap_pair_se(b[0], b[1], BOOTSTRAP_MEAN, 0);
    assert_true(paired > 0 && paired < alone / 4);
    const struct margin m = {.share = 0.05};
    struct between between = {.sd = 0.001, .df = INFINITY, .is_assumed = true};
    const struct change apart = inference_compare(&one, 1, &two, 1, &between, &m);
    between.paired_se = paired;
    const struct change together = inference_compare(&one, 1, &two, 1, &between, &m);
    assert_true(together.high - together.low < (apart.high - apart.low) / 3);
    assert_true(together.low < 1.1 && together.high > 1.1 && together.p_worse < 0.05);
    for (size_t k = 0; k < 2; k++) {
        bootstrap_free(b[k]);
        for (size_t s = 0; s < SECONDS; s++)
            hist_fini(&bins[k][s].hist);
    }
}

/* ... and what is between runs no longer run would tell. */
static void what_more_would_tell_is_known(void **state)
{
    (void)state;
    const struct margin m = {.share = 0.05};
    struct between between = {.sd = 0.001, .df = INFINITY, .is_assumed = true};
    const struct figure before = {.value = 100, .se = 0.1, .n = 1000}, after = {102, 0.1, 1000};
    assert_true(inference_compare(&before, 1, &after, 1, &between, &m).would_tell);
    between.sd = 0.1;
    assert_false(inference_compare(&before, 1, &after, 1, &between, &m).would_tell);
}

static void the_beginning_is_cut_where_it_is_over(void **state)
{
    (void)state;
    double means[300];
    seed = 42;
    for (size_t i = 0; i < 300; i++)
        means[i] = 100 + (i < 60 ? (60 - (double)i) * 5 : 0) + normal();
    assert_in_range(bootstrap_transient(means, 300, 1), 50, 75);
    for (size_t i = 0; i < 300; i++)
        means[i] = (double)i; /* it never is */
    assert_true(bootstrap_transient(means, 300, 1) > 100);
}

/* A pause of the machine behind the middle would be cut away by no beginning. */
static void a_moment_that_stands_out_is_no_beginning(void **state)
{
    (void)state;
    double means[300];
    seed = 42;
    for (size_t i = 0; i < 300; i++)
        means[i] = 100 + normal() + (i >= 180 && i < 183 ? 400 : 0);
    assert_in_range(bootstrap_transient(means, 300, 1), 0, 30);
}

static void results_repeat(void **state)
{
    (void)state;
    seed = 5;
    const struct figure one = simulate(100, 0.02, 0.8, BOOTSTRAP_DRAWS);
    seed = 5;
    const struct figure two = simulate(100, 0.02, 0.8, BOOTSTRAP_DRAWS);
    assert_memory_equal(&one, &two, sizeof one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(students_distribution_is_as_in_tables),
        cmocka_unit_test(false_discoveries_are_held_down),
        cmocka_unit_test(distributions_differ_by_what_they_differ),
        cmocka_unit_test(several_runs_are_compared_as_welch_does),
        cmocka_unit_test(steps_do_not_count_as_spread),
        cmocka_unit_test(equal_runs_are_not_called_worse),
        cmocka_unit_test(a_shift_of_a_tenth_is_found),
        cmocka_unit_test(intervals_hold_what_they_promise),
        cmocka_unit_test(an_interval_of_one_run_holds_what_it_promises),
        cmocka_unit_test(a_slower_server_is_found_and_an_equal_one_is_not),
        cmocka_unit_test(a_pair_knows_what_came_over_both),
        cmocka_unit_test(what_more_would_tell_is_known),
        cmocka_unit_test(the_beginning_is_cut_where_it_is_over),
        cmocka_unit_test(a_moment_that_stands_out_is_no_beginning),
        cmocka_unit_test(results_repeat),
    };
    return cmocka_run_group_tests(tests, make_pool, NULL);
}
