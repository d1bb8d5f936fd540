// SPDX-License-Identifier: MIT
#include "common/base/sbuf.h"
#include "common/metric/hist.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t only_quantile(uint64_t value_us)
{
    struct hist h;
    hist_init(&h);
    hist_add(&h, value_us, 1);
    uint64_t got = hist_quantile_us(&h, 0.5);
    hist_fini(&h);
    return got;
}

static void check_error(uint64_t value_us)
{
    double got = (double)only_quantile(value_us), want = (double)value_us;
    double allowed = value_us < 256 ? 0 : want * 0.004;
    if (fabs(got - want) > allowed)
        fail_msg("%.0f us came back as %.0f us", want, got);
}

static void test_error_is_small_everywhere(void **state)
{
    (void)state;
    for (uint64_t v = 0; v < 70000; v++)
        check_error(v);
    for (uint64_t edge = 1u << 16; edge <= HIST_MAX_US; edge <<= 1)
        for (int64_t d = -3; d <= 3; d++)
            check_error(edge + (uint64_t)d);
    uint64_t x = 1;
    for (int i = 0; i < 200000; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        check_error((x >> 11) % (HIST_MAX_US + 1));
    }
    check_error(HIST_MAX_US);
}

static void test_more_than_an_hour_is_an_hour(void **state)
{
    (void)state;
    assert_int_equal(only_quantile(UINT64_MAX), only_quantile(HIST_MAX_US));
    assert_int_equal(only_quantile(HIST_MAX_US + 1), only_quantile(HIST_MAX_US));
}

static void test_quantile_edges(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    assert_int_equal(hist_quantile_us(&h, 0.5), 0);
    assert_int_equal(hist_count_upto(&h, 100), 0);
    for (uint64_t v = 1; v <= 100; v++)
        hist_add(&h, v, 1);
    const struct {
        double q;
        uint64_t want;
    } cases[] = {{0, 1},     {-1, 1},    {NAN, 1},      {0.001, 1}, {0.01, 1},  {0.011, 2},
                 {0.07, 7},  {0.5, 50},  {0.501, 51},   {0.95, 95}, {0.99, 99}, {0.991, 100},
                 {0.29, 29}, {0.57, 57}, {0.9999, 100}, {1, 100},   {2, 100}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (hist_quantile_us(&h, cases[i].q) != cases[i].want)
            fail_msg("q=%g: got %lu, want %lu", cases[i].q,
                     (unsigned long)hist_quantile_us(&h, cases[i].q), (unsigned long)cases[i].want);
    hist_fini(&h);
}

/* Where percentiles begin to be looked up wrongly when a share times a count is not exact. */
static void test_rank_is_exact_among_a_million(void **state)
{
    static const uint64_t counts[] = {1000000, 999999, 999983, 1000001, 1048576};
    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (uint64_t per_mille = 1; per_mille < 1000; per_mille++) {
            const uint64_t n = counts[c], rank = (n * per_mille + 999) / 1000;
            for (unsigned fewer = 0; fewer <= 1; fewer++) {
                struct hist h;
                hist_init(&h);
                hist_add(&h, 100, rank - fewer);
                hist_add(&h, 200, n - rank + fewer);
                const uint64_t got = hist_quantile_us(&h, (double)per_mille / 1000);
                if (got != (fewer ? 200 : 100))
                    fail_msg("number %lu of %lu: %lu us", (unsigned long)rank, (unsigned long)n,
                             (unsigned long)got);
                hist_fini(&h);
            }
        }
}

static void test_quantile_of_huge_counts(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_add(&h, 10, UINT64_MAX / 2);
    hist_add(&h, 20, 1);
    assert_int_equal(hist_quantile_us(&h, 0.5), 10);
    assert_int_equal(hist_quantile_us(&h, 1), 20);
    hist_fini(&h);
}

static void test_count_upto(void **state)
{
    (void)state;
    struct hist h;
    hist_init(&h);
    hist_add(&h, 5, 2);
    hist_add(&h, 1000, 3);
    hist_add(&h, 3000000, 4);
    assert_int_equal(hist_count_upto(&h, 4), 0);
    assert_int_equal(hist_count_upto(&h, 5), 2);
    assert_int_equal(hist_count_upto(&h, 1000), 5);
    assert_int_equal(hist_count_upto(&h, 2000000), 5);
    assert_int_equal(hist_count_upto(&h, UINT64_MAX), 9);
    hist_fini(&h);
}

struct walk {
    uint64_t last, n;
};

static void visit(void *arg, uint64_t mid_us, uint64_t n)
{
    struct walk *w = arg;
    assert_true(mid_us > w->last || w->n == 0);
    w->last = mid_us;
    w->n += n;
}

static void fill(struct hist *h, unsigned seed, int n)
{
    uint64_t x = seed;
    for (int i = 0; i < n; i++) {
        x = x * UINT64_C(6364136223846793005) + 1;
        hist_add(h, (x >> 20) % (UINT64_C(1) << (x >> 59)), 1 + (x >> 62));
    }
}

static void assert_same(const struct hist *a, const struct hist *b)
{
    struct sbuf x = {0}, y = {0};
    hist_pack(a, &x);
    hist_pack(b, &y);
    assert_int_equal(a->count, b->count);
    assert_int_equal(x.len, y.len);
    if (x.len)
        assert_memory_equal(x.data, y.data, x.len);
    sbuf_fini(&x);
    sbuf_fini(&y);
}

static void test_merge_subtract_and_walk(void **state)
{
    (void)state;
    struct hist a, b, both;
    hist_init(&a);
    hist_init(&b);
    hist_init(&both);
    fill(&a, 1, 3000);
    fill(&b, 2, 3000);
    fill(&both, 1, 3000);
    fill(&both, 2, 3000);
    hist_merge(&a, &b);
    assert_same(&a, &both);
    struct walk w = {0};
    hist_each(&a, visit, &w);
    assert_int_equal(w.n, a.count);
    struct hist gained = hist_since(&both, &b), all = hist_since(&a, NULL);
    struct hist none = hist_since(NULL, &a);
    assert_same(&all, &a);
    assert_int_equal(none.count, 0);
    hist_subtract(&a, &b);
    assert_same(&gained, &a);
    hist_fini(&gained);
    hist_fini(&all);
    hist_subtract(&both, &a);
    assert_same(&both, &b);
    hist_clear(&b);
    assert_int_equal(b.count, 0);
    assert_int_equal(hist_quantile_us(&b, 1), 0);
    hist_fini(&a);
    hist_fini(&b);
    hist_fini(&both);
}

static void test_pack_round_trip(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 50; seed++) {
        struct hist h, back;
        hist_init(&h);
        hist_init(&back);
        fill(&h, seed, (int)seed * 7);
        hist_add(&h, HIST_MAX_US, seed);
        struct sbuf packed = {0};
        hist_pack(&h, &packed);
        assert_int_equal(hist_unpack_add(&back, packed.data, packed.len), 0);
        assert_same(&h, &back);
        assert_int_equal(hist_unpack_add(&back, packed.data, packed.len), 0);
        assert_int_equal(back.count, 2 * h.count);
        sbuf_fini(&packed);
        hist_fini(&h);
        hist_fini(&back);
    }
}

static void assert_packed_same(const struct hist *a, const struct hist *b)
{
    struct sbuf of_a = {0}, of_b = {0};
    hist_pack(a, &of_a);
    hist_pack(b, &of_b);
    hist_pack_pairs(a, &of_a);
    hist_pack_pairs(b, &of_b);
    assert_int_equal(of_a.len, of_b.len);
    assert_int_equal(a->count, b->count);
    if (a->count)
        assert_memory_equal(of_a.data, of_b.data, of_a.len);
    sbuf_fini(&of_a);
    sbuf_fini(&of_b);
}

/* Whether the first values have octaves or not, nobody sees: from none to more than there is room
 * for. */
static void test_few_are_as_many(void **state)
{
    (void)state;
    struct hist few;
    hist_init_few(&few);
    for (unsigned n = 0; n < 60; n++) {
        struct hist h, sum, few_sum;
        uint32_t x = n * 2654435761u;
        hist_init(&h);
        hist_init(&sum);
        hist_init_few(&few_sum);
        if (n % 20 == 19) {
            hist_fini(&few);
            hist_init_few(&few);
        }
        hist_clear(&few);
        for (unsigned i = 0; i < n % 20; i++) {
            x = x * 1664525 + 1013904223;
            const uint64_t us = (x >> 10) % (n % 3 ? 300 : 300000),
                           times = n == 41 ? 40000 : 1 + i % 3;
            hist_add(&h, us, times);
            hist_add(&few, us, times);
        }
        assert_packed_same(&few, &h);
        assert_int_equal(hist_quantile_us(&few, 0.5), hist_quantile_us(&h, 0.5));
        assert_int_equal(hist_count_upto(&few, 150), hist_count_upto(&h, 150));
        for (int twice = 0; twice < 2; twice++) {
            hist_merge(&sum, &few);
            hist_merge(&few_sum, &few);
        }
        assert_packed_same(&few_sum, &sum);
        hist_subtract(&few_sum, &few);
        assert_packed_same(&few_sum, &h);
        hist_fini(&h);
        hist_fini(&sum);
        hist_fini(&few_sum);
    }
    hist_fini(&few);
}

/* Everything that may stand beside everything: gaps and counts about the limits of their forms. */
static void test_pack_of_any_neighbours(void **state)
{
    static const uint64_t counts[] = {1, 2, 14, 15, 16, 17, 300, UINT64_C(1) << 40};
    static const unsigned gaps[] = {0, 0, 0, 0, 1, 0, 1, 2, 13, 14, 15, 16, 130};
    (void)state;
    for (unsigned seed = 1; seed <= 2000; seed++) {
        struct hist h, back;
        struct sbuf packed = {0};
        uint32_t x = seed * 2654435761u;
        hist_init(&h);
        hist_init(&back);
        for (unsigned bucket = x % 7; bucket < 1500;) {
            x = x * 1664525 + 1013904223;
            hist_octave_make(&h, bucket / HIST_SUB_COUNT)[bucket % HIST_SUB_COUNT] =
                counts[(x >> 24) % (seed % 2 ? 3 : 8)];
            h.count += h.octave[bucket / HIST_SUB_COUNT][bucket % HIST_SUB_COUNT];
            bucket += 1 + gaps[(x >> 12) % (seed % 3 ? 13 : 7)];
        }
        hist_pack(&h, &packed);
        assert_int_equal(hist_unpack_add(&back, packed.data, packed.len), 0);
        assert_same(&h, &back);
        sbuf_fini(&packed);
        hist_fini(&h);
        hist_fini(&back);
    }
}

static void test_pairs_of_older_workers_are_the_same(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct hist h;
        struct sbuf ours = {0}, pairs = {0}, made = {0};
        hist_init(&h);
        fill(&h, kind, 1 << (4 * kind));
        hist_add(&h, 77, UINT64_C(1) << 40);
        hist_pack(&h, &ours);
        hist_pack_pairs(&h, &pairs);
        assert_int_equal(hist_pack_of_pairs(pairs.data, pairs.len, &made), 0);
        assert_int_equal(made.len, ours.len);
        assert_memory_equal(made.data, ours.data, ours.len);
        sbuf_fini(&ours);
        sbuf_fini(&pairs);
        sbuf_fini(&made);
        hist_fini(&h);
    }
}

static void test_hostile_bytes_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *why, *bytes;
        size_t len;
    } cases[] = {
        {"gap that goes on and does not", "\xf1", 1},
        {"gap cut short", "\xf1\x80", 2},
        {"count that goes on and does not", "\x50", 1},
        {"count cut short", "\x50\x80", 2},
        {"padded number", "\xf1\x85\x00", 3},
        {"bucket out of range", "\xf1\xff\x7f", 3},
        {"second bucket out of range", "\x51\xf1\xec\x19", 4},
        {"run cut short", "\xe1\x11", 2},
        {"run that ends with an empty bucket", "\xe1\x11\x10", 3},
        {"run with a bucket too many", "\xe0\x11\x11", 3},
        {"run out of range", "\xf1\xe8\x19\xef\x11\x11\x11\x11\x11\x11\x11\x11\x11", 13},
        {"count in a run cut short", "\xe1\x1f\x11\x80", 4},
        {"count in a run that is not there", "\xe1\x1f\x11", 3},
        {"gap over 64 bits", "\xf1\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11},
        {"count over 64 bits", "\x00\xf0\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
        {"sum over 64 bits", "\x00\xef\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", 12},
        {"good bucket, then rubbish", "\x11\x10", 2},
    };
    static const struct {
        const char *why, *bytes;
        size_t len;
    } pairs[] = {
        {"gap without count", "\x05", 1},
        {"count cut short", "\x05\x80", 2},
        {"padded number", "\x85\x00\x01", 3},
        {"empty bucket", "\x05\x00", 2},
        {"bucket out of range", "\xff\x7f\x01", 3},
        {"count over 64 bits", "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11},
        {"good pair, then rubbish", "\x01\x01\x80", 3},
    };
    struct sbuf made = {0};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (hist_pack_of_pairs(pairs[i].bytes, pairs[i].len, &made) != -1)
            fail_msg("accepted: %s", pairs[i].why);
    sbuf_fini(&made);
    struct hist h, before;
    hist_init(&h);
    hist_init(&before);
    fill(&h, 3, 100);
    hist_merge(&before, &h);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (hist_unpack_add(&h, cases[i].bytes, cases[i].len) != -1)
            fail_msg("accepted: %s", cases[i].why);
        assert_same(&h, &before);
    }
    /* Good by itself, but too much together with what is there. */
    assert_int_equal(hist_unpack_add(&h, "\x00\xef\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11), -1);
    assert_same(&h, &before);
    assert_int_equal(hist_unpack_add(&h, NULL, 0), 0);
    hist_fini(&h);
    hist_fini(&before);
}

static void several_quantiles_are_what_each_is_alone(void **state)
{
    static const double shares[] = {0, 0.01, 0.5, 0.5, 0.75, 0.9, 0.99, 0.999, 1};
    enum { COUNT = sizeof shares / sizeof shares[0] };
    uint64_t us[COUNT];
    struct hist h;
    (void)state;
    hist_init(&h);
    hist_quantiles_us(&h, shares, COUNT, us);
    assert_int_equal(us[0] + us[COUNT - 1], 0);
    for (uint64_t i = 1; i < 3000; i++) {
        hist_add(&h, i * i % 77777 + (i % 9 == 0 ? 5000000 : 0), 1 + i % 3);
        if (i % 100 > 2)
            continue;
        hist_quantiles_us(&h, shares, COUNT, us);
        for (size_t k = 0; k < COUNT; k++)
            assert_int_equal(us[k], hist_quantile_us(&h, shares[k]));
    }
    hist_fini(&h);
}

static void count_bucket(void *arg, uint64_t mid_us, uint64_t n)
{
    (void)mid_us;
    *(uint64_t *)arg += n;
}

static void assert_sound(const struct hist *h, uint64_t count)
{
    uint64_t sum = 0;
    hist_each(h, count_bucket, &sum);
    assert_true(h->count == count && sum == count);
}

static void test_what_it_has_no_room_for_stays_away(void **state)
{
    (void)state;
    struct hist h, more;
    struct sbuf packed = {0};
    hist_init(&h);
    hist_init(&more);
    hist_add(&h, 1000, UINT64_MAX - 5);
    hist_add(&h, 9000, 6);
    assert_sound(&h, UINT64_MAX - 5);
    hist_add(&h, 9000, 3);
    hist_add(&more, 500, 2);
    hist_add(&more, 100000, 7);
    hist_pack(&more, &packed);
    hist_add_packed(&h, NULL, packed.data, packed.len); /* the two have room, the seven have not */
    assert_sound(&h, UINT64_MAX);
    hist_merge(&h, &more);
    assert_sound(&h, UINT64_MAX);
    hist_subtract(&h, &more); /* two of nine were there */
    assert_sound(&h, UINT64_MAX - 2);
    hist_subtract(&more, &h);
    assert_sound(&more, 9);
    sbuf_fini(&packed);
    hist_fini(&h);
    hist_fini(&more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_quantiles_are_what_each_is_alone),
        cmocka_unit_test(test_error_is_small_everywhere),
        cmocka_unit_test(test_more_than_an_hour_is_an_hour),
        cmocka_unit_test(test_quantile_edges),
        cmocka_unit_test(test_rank_is_exact_among_a_million),
        cmocka_unit_test(test_quantile_of_huge_counts),
        cmocka_unit_test(test_count_upto),
        cmocka_unit_test(test_merge_subtract_and_walk),
        cmocka_unit_test(test_pack_round_trip),
        cmocka_unit_test(test_few_are_as_many),
        cmocka_unit_test(test_pack_of_any_neighbours),
        cmocka_unit_test(test_pairs_of_older_workers_are_the_same),
        cmocka_unit_test(test_hostile_bytes_change_nothing),
        cmocka_unit_test(test_what_it_has_no_room_for_stays_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
