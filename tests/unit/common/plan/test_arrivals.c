// SPDX-License-Identifier: MIT
/* arrivals: the start times that are printed for k6's plans, exact totals, the statistics of the
 * random ones, and that the workers' stripes together are the single list. */
#include "common/plan/arrivals.h"
#include "common/plan/chance.h"
#include "common/plan/stripe.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#define SECOND 1000000000LL
#define MILLI 1000000LL
#define HOUR (3600 * SECOND)

static struct ramp_rate per_s(int64_t n)
{
    return (struct ramp_rate){n, SECOND};
}

static void add(struct ramp *r, int64_t length_ns, struct ramp_rate from, struct ramp_rate to)
{
    assert_true(ramp_add(r, length_ns, from, to));
}

static struct arrivals_plan plan_of(const struct ramp *r, enum arrivals_kind kind)
{
    struct arrivals_plan p = {.ramp = r, .kind = kind, .key = chance_key(7, "checkout")};
    arrivals_settle(&p);
    return p;
}

/* Up to max times; returns how many there are. */
static size_t list(const struct arrivals_plan *p, int64_t *times, size_t max)
{
    struct arrivals a;
    size_t n = 0;
    arrivals_begin(&a, p);
    for (int64_t t; (t = arrivals_take(&a, a.next)) >= 0; n++)
        if (n < max)
            times[n] = t;
    return n;
}

static void hill(struct ramp *r)
{
    add(r, 2 * SECOND, per_s(0), per_s(10));
    add(r, SECOND, per_s(10), per_s(10));
    add(r, SECOND, per_s(10), per_s(0));
}

static void a_k6_ramp_starts_when_the_integral_is_whole(void **state)
{
    static const int64_t first[] = {632, 894, 1095, 1265, 1414, 1549};
    static const int64_t last[] = {2900, 3000, 3106, 3225, 3368, 3553, 4000};
    int64_t times[64];
    struct ramp r = {0};
    (void)state;
    hill(&r);
    struct arrivals_plan p = plan_of(&r, ARRIVALS_K6_RAMPING);
    assert_int_equal(p.count, 25);
    assert_int_equal(list(&p, times, 64), 25);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal((times[i] + MILLI / 2) / MILLI, first[i]);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal((times[18 + i] + MILLI / 2) / MILLI, last[i]);
    assert_int_equal(times[24], 4 * SECOND);
    ramp_fini(&r);
}

static void a_k6_rate_starts_at_once_and_at_the_end(void **state)
{
    int64_t times[16];
    struct ramp r = {0};
    (void)state;
    add(&r, 2 * SECOND, per_s(4), per_s(4));
    struct arrivals_plan p = {.ramp = &r, .kind = ARRIVALS_K6_STEADY, .steady = per_s(4)};
    arrivals_settle(&p);
    assert_int_equal(list(&p, times, 16), 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(times[i], i * 250 * MILLI);
    p = plan_of(&r, ARRIVALS_K6_RAMPING);
    assert_int_equal(list(&p, times, 16), 8);
    assert_int_equal(times[0], 250 * MILLI);
    assert_int_equal(times[7], 2 * SECOND);
    ramp_fini(&r);
}

static void ours_are_symmetric(void **state)
{
    int64_t times[64];
    struct ramp r = {0};
    (void)state;
    add(&r, 2 * SECOND, per_s(4), per_s(4));
    struct arrivals_plan p = plan_of(&r, ARRIVALS_UNIFORM);
    assert_int_equal(list(&p, times, 64), 8);
    assert_int_equal(times[0], 125 * MILLI);
    assert_int_equal(times[7], 1875 * MILLI);
    ramp_fini(&r);
    hill(&r);
    p = plan_of(&r, ARRIVALS_UNIFORM);
    assert_int_equal(list(&p, times, 64), 25);
    assert_true(times[24] < 4 * SECOND);
    ramp_fini(&r);
}

static void a_day_has_exactly_so_many(void **state)
{
    struct ramp r = {0};
    struct arrivals a;
    (void)state;
    for (int i = 0; i < 86400; i += 10) /* in 8,640 stages */
        add(&r, 10 * SECOND, per_s(3), per_s(3));
    struct arrivals_plan p = plan_of(&r, ARRIVALS_UNIFORM);
    assert_int_equal(p.count, 259200);
    arrivals_begin(&a, &p);
    assert_int_equal(arrivals_take(&a, 259199), 86400 * SECOND - 166666667);
    assert_int_equal(arrivals_take(&a, 259200), -1);
    ramp_fini(&r);
}

static void rates_of_other_units_add_up(void **state)
{
    struct ramp r = {0};
    (void)state;
    add(&r, HOUR, (struct ramp_rate){1, 3 * SECOND}, (struct ramp_rate){1, 3 * SECOND});
    add(&r, HOUR, (struct ramp_rate){7, 60 * SECOND}, (struct ramp_rate){7, 60 * SECOND});
    add(&r, HOUR, (struct ramp_rate){25, 10 * SECOND}, (struct ramp_rate){25, 10 * SECOND});
    assert_int_equal(plan_of(&r, ARRIVALS_UNIFORM).count, 1200 + 420 + 9000);
    assert_int_equal(ramp_time(&r, ramp_area_of(&r, 1200, 0, 1)), HOUR);
    assert_true(ramp_per_s(&r, 2 * HOUR) == 2.5);
    ramp_fini(&r);
}

static void what_is_beyond_the_limits_is_refused(void **state)
{
    struct ramp r = {0};
    (void)state;
    assert_false(ramp_add(&r, -1, per_s(1), per_s(1)));
    assert_false(ramp_add(&r, RAMP_MOST_NS + 1, per_s(1), per_s(1)));
    assert_false(ramp_add(&r, SECOND, per_s(RAMP_MOST_PER_S + 1), per_s(1)));
    assert_false(ramp_add(&r, SECOND, per_s(-1), per_s(1)));
    assert_int_equal(r.count, 0);
    assert_int_equal(plan_of(&r, ARRIVALS_UNIFORM).count, 0);
    ramp_fini(&r);
}

static void the_inverse_inverts(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct ramp r = {0};
        for (uint64_t i = 0; i < 6; i++) {
            const uint64_t z = chance_bits(seed, i);
            add(&r, (int64_t)(z % 5 * SECOND + z % 977 * MILLI), per_s((z >> 20) % 3 * 500),
                per_s((z >> 40) % 4 * 333));
        }
        const ramp_area one = 2 * (ramp_area)r.denominator;
        int64_t before = 0;
        for (uint64_t k = 0; k * one + one / 2 < r.area; k++) {
            const ramp_area area = ramp_area_of(&r, k, 1, 2);
            const int64_t t = ramp_time(&r, area);
            assert_true(t >= before && t < r.length_ns);
            assert_true(ramp_until(&r, t) <= area && ramp_until(&r, t + 1) >= area);
            before = t;
        }
        ramp_fini(&r);
    }
}

static void poisson_gaps_are_exponential(void **state)
{
    static int64_t times[60000];
    struct ramp r = {0};
    double worst = 0;
    (void)state;
    add(&r, 500 * SECOND, per_s(100), per_s(100));
    struct arrivals_plan p = plan_of(&r, ARRIVALS_POISSON);
    const size_t n = list(&p, times, 60000);
    assert_true(fabs((double)n - 50000) <
                4 * sqrt(50000.0)); /* the seed is fixed: no chance here */
    unsigned below[64] = {0};
    for (size_t i = 1; i < n; i++) {
        const double u = 1 - exp(-(double)(times[i] - times[i - 1]) / 1e9 * 100);
        for (int b = (int)(u * 64); b < 64; b++)
            below[b]++;
    }
    for (int b = 0; b < 64; b++)
        worst = fmax(worst, fabs((double)below[b] / (double)(n - 1) - (b + 1) / 64.0));
    assert_true(worst < 1.63 / sqrt((double)n)); /* Kolmogorov-Smirnov at 1 % */
    ramp_fini(&r);
}

static void a_fixed_count_is_kept(void **state)
{
    static int64_t times[20000];
    struct ramp r = {0};
    double worst = 0;
    (void)state;
    add(&r, 100 * SECOND, per_s(0), per_s(200));
    struct arrivals_plan p = plan_of(&r, ARRIVALS_POISSON_FIXED);
    assert_int_equal(list(&p, times, 20000), 10000);
    for (size_t i = 0; i < 10000; i++) {
        const double part = (double)times[i] / (100.0 * SECOND);
        worst = fmax(worst, fabs(part * part - (double)i / 10000));
        assert_true(i == 0 || times[i] >= times[i - 1]);
    }
    assert_true(worst < 1.63 / 100);
    ramp_fini(&r);
}

static void the_key_decides(void **state)
{
    int64_t one[100], same[100], other[100];
    struct ramp r = {0};
    int differ = 0;
    (void)state;
    add(&r, 10 * SECOND, per_s(50), per_s(50));
    struct arrivals_plan p = plan_of(&r, ARRIVALS_POISSON);
    list(&p, one, 100);
    list(&p, same, 100);
    p.key = chance_key(7, "browse");
    list(&p, other, 100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(one[i], same[i]);
        differ += one[i] != other[i];
    }
    assert_true(differ > 90);
    ramp_fini(&r);
}

#define WORKERS 7u

/* Shares of up to that many workers, by seed and epoch: each second time all weigh the same. Where
 * there are few users some have none. */
static void deal(struct stripe *shares, uint64_t seed, uint64_t epoch, uint64_t from)
{
    unsigned weights[WORKERS] = {0};
    const uint64_t workers = chance_bits(seed, epoch) % WORKERS + 1;
    for (unsigned w = 0; w < workers; w++)
        weights[w] = seed % 2 ? 1 + (unsigned)(chance_bits(seed, 1000 * epoch + w) % 20) : 3;
    const bool is_short = chance_bits(seed, 200 + epoch) % 3 == 0;
    const uint64_t users = is_short ? 1 + chance_bits(seed, 300 + epoch) % 30 : 0;
    stripe_deal(shares, weights, WORKERS, from, (uint32_t)users);
}

/* Every worker of each epoch walks its own stripe; together they have the list. */
static void check_split(const struct arrivals_plan *p, uint64_t seed)
{
    static int64_t whole[5000], found[5000];
    const size_t n = list(p, whole, 5000);
    assert_true(n < 5000);
    for (size_t i = 0; i < n; i++)
        found[i] = -1;
    for (uint32_t w = 0; w < WORKERS; w++) {
        struct stripes s = {.count = 0};
        struct arrivals a;
        for (uint64_t epoch = 0, from = 0; epoch < 5; epoch++) {
            struct stripe shares[WORKERS];
            deal(shares, seed, epoch, from);
            assert_true(stripes_add(&s, shares[w]));
            from += chance_bits(seed, 100 + epoch) % 400;
        }
        arrivals_begin(&a, p);
        for (uint64_t i = 0; (i = stripes_next(&s, i)) != UINT64_MAX; i++) {
            const int64_t t = arrivals_take(&a, i);
            if (t < 0)
                break;
            assert_int_equal(found[i], -1);
            found[i] = t;
        }
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(found[i], whole[i]);
}

static void the_workers_together_have_the_list(void **state)
{
    static const enum arrivals_kind kinds[] = {ARRIVALS_UNIFORM, ARRIVALS_K6_RAMPING,
                                               ARRIVALS_POISSON, ARRIVALS_POISSON_FIXED};
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct ramp r = {0};
        add(&r, 3 * SECOND, per_s(0), per_s((int64_t)(chance_bits(seed, 50) % 300)));
        add(&r, SECOND, per_s(0), per_s(0));
        add(&r, 4 * SECOND, per_s(200), per_s(50));
        r.stages[0].is_random = r.stages[2].is_random = seed % 8 == 0; /* of uniform ones */
        struct arrivals_plan p = plan_of(&r, kinds[seed % 4]);
        check_split(&p, seed);
        ramp_fini(&r);
    }
}

static void a_stripe_is_of_its_stride(void **state)
{
    struct stripes s = {.count = 0};
    (void)state;
    assert_true(stripes_next(&s, 0) == UINT64_MAX);
    assert_false(stripes_add(&s, (struct stripe){.offset = 3, .stride = 3}));
    assert_false(stripes_add(&s, (struct stripe){.stride = 4, .step = 2}));
    assert_false(stripes_add(&s, (struct stripe){.offset = 3, .stride = 4, .width = 2}));
    assert_false(stripes_add(&s, (struct stripe){.offset = 3, .stride = 4, .cycle = 2}));
    for (uint32_t i = 0; i < 3 * STRIPE_MOST; i++)
        assert_true(stripes_add(&s, (struct stripe){.from = 10 * i, .stride = 10}));
    assert_true(stripes_next(&s, 10 * (3 * STRIPE_MOST - 1)) == 10 * (3 * STRIPE_MOST - 1));
    assert_true(stripes_add(&s, (struct stripe){.from = 5})); /* and nothing any more */
    assert_true(stripes_next(&s, 5) == UINT64_MAX);
}

/* Three ways of asking a stripe for its indexes are one; shares are as the weights, at any time. */
static void a_share_is_as_the_weight(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct stripe shares[WORKERS];
        deal(shares, seed, 0, 0);
        uint64_t counts[WORKERS] = {0};
        for (uint64_t i = 0; i < 500; i++)
            for (unsigned w = 0; w < WORKERS; w++) {
                const struct stripe *s = &shares[w];
                const double part =
                    s->stride && !s->cycle ? (double)(s->width ? s->width : 1) / s->stride : 0;
                assert_int_equal(stripe_below(s, i), counts[w]);
                if (part > 0)
                    assert_true(fabs((double)counts[w] - part * (double)i) < 3);
                if (stripe_next(s, i) == i)
                    assert_int_equal(stripe_nth(s, counts[w]++), i);
            }
    }
}

static void who_has_no_user_has_no_arrival(void **state)
{
    const unsigned weights[] = {2, 9, 4};
    (void)state;
    for (uint32_t users = 1; users < 20; users++) {
        struct stripe shares[3], alone[3];
        uint64_t sum = 0;
        stripe_deal(alone, weights, 3, 0, 0);
        stripe_deal(shares, weights, 3, 0, users);
        for (unsigned w = 0; w < 3; w++) {
            const uint64_t own = stripe_below(&alone[w], users);
            assert_int_equal(stripe_below(&shares[w], users), own);
            assert_int_equal(stripe_below(&shares[w], 100 * users),
                             users < 15 ? 100 * own : stripe_below(&alone[w], 100 * users));
            sum += own;
        }
        assert_int_equal(sum, users);
    }
}

/* However late each worker hears of an epoch: what it starts at once and what it counts make good
 * for it. */
static void an_epoch_may_come_late(void **state)
{
    enum { LIST = 600, FROM = 200 };
    (void)state;
    for (unsigned seed = 0; seed < 50; seed++) {
        unsigned started[LIST] = {0}, repeated = 0, more = 0;
        struct stripe before[WORKERS], after[WORKERS];
        deal(before, seed, 0, 0);
        deal(after, seed, 1, FROM);
        for (unsigned w = 0; w < WORKERS; w++) {
            struct stripes s = {.count = 0}, old;
            const uint64_t here = chance_bits(seed, w) % LIST;
            stripes_add(&s, before[w]);
            for (uint64_t i = 0; (i = stripes_next(&s, i)) < here; i++)
                started[i]++;
            old = s;
            stripes_add(&s, after[w]);
            for (uint64_t i = FROM; (i = stripes_only(&old, &s, i, here)) != UINT64_MAX; i++)
                repeated++;
            for (uint64_t i = FROM; (i = stripes_only(&s, &old, i, here)) != UINT64_MAX; i++)
                started[i]++;
            for (uint64_t i = here; (i = stripes_next(&s, i)) < LIST; i++)
                started[i]++;
        }
        for (unsigned i = 0; i < LIST; i++) {
            assert_true(started[i] >= 1);
            more += started[i] - 1;
        }
        assert_int_equal(more, repeated);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_k6_ramp_starts_when_the_integral_is_whole),
        cmocka_unit_test(a_k6_rate_starts_at_once_and_at_the_end),
        cmocka_unit_test(ours_are_symmetric),
        cmocka_unit_test(a_day_has_exactly_so_many),
        cmocka_unit_test(rates_of_other_units_add_up),
        cmocka_unit_test(what_is_beyond_the_limits_is_refused),
        cmocka_unit_test(the_inverse_inverts),
        cmocka_unit_test(poisson_gaps_are_exponential),
        cmocka_unit_test(a_fixed_count_is_kept),
        cmocka_unit_test(the_key_decides),
        cmocka_unit_test(the_workers_together_have_the_list),
        cmocka_unit_test(a_stripe_is_of_its_stride),
        cmocka_unit_test(a_share_is_as_the_weight),
        cmocka_unit_test(who_has_no_user_has_no_arrival),
        cmocka_unit_test(an_epoch_may_come_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
