// SPDX-License-Identifier: MIT
/* What is missing of a worker that is lost: due = started + dropped + cut holds all the same. */
#include "common/plan/chance.h"
#include "common/plan/ledger.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

/* Of some worker of some that weigh something. */
static struct stripe share(uint64_t seed, uint64_t epoch, uint64_t from)
{
    unsigned weights[4];
    struct stripe shares[4];
    for (unsigned w = 0; w < 4; w++)
        weights[w] = (unsigned)(chance_bits(seed, 10 * epoch + w + 1000) % 4);
    stripe_deal(shares, weights, 4, from, 0);
    return shares[chance_bits(seed, epoch + 5000) % 4];
}

static void a_workers_own_are_those_of_all_its_epochs(void **state)
{
    struct stripes s = {.count = 0};
    struct ledger_part p = {.owed = 0};
    uint64_t from = 0;
    (void)state;
    for (unsigned epoch = 0; epoch < 30; epoch++) {
        const struct stripe one = share(7, epoch, from);
        assert_true(stripes_add(&s, one));
        ledger_deal(&p, one);
        from += chance_bits(9, epoch) % 40;
    }
    for (uint64_t until = from; until < from + 20; until++) {
        uint64_t count = 0;
        for (uint64_t i = stripes_next(&s, 0); i < until; i = stripes_next(&s, i + 1))
            count++;
        assert_int_equal(ledger_owed(&p, until), count);
    }
}

static void what_a_lost_worker_did_not_tell_is_missing(void **state)
{
    struct ledger l = {.count = 0};
    uint64_t due, lost;
    (void)state;
    ledger_begin(&l, 2);
    struct ledger_part *p = ledger_of(&l, "w", true);
    assert_null(ledger_of(&l, "v", false));
    assert_ptr_equal(ledger_of(&l, "w", false), p);
    p[1].told[ITERATIONS_DUE] = 50;
    p[1].told[ITERATIONS_STARTED] = 40;
    p[1].told[ITERATIONS_DROPPED] = 3; /* 7 waited when it told */
    ledger_missing(&p[1], 80, &due, &lost);
    assert_int_equal(due, 30);
    assert_int_equal(lost, 37);
    ledger_missing(&p[1], 20, &due, &lost); /* it did not hear that there was less for it */
    assert_int_equal(due, 0);
    assert_int_equal(lost, 7);
    assert_int_equal(ledger_sum(&l, 1, ITERATIONS_STARTED), 40);
    assert_int_equal(ledger_sum(&l, 0, ITERATIONS_STARTED), 0);
    ledger_fini(&l);
}

/* Others do exactly what the lost worker had left, whatever share it had before. */
static void what_a_lost_worker_has_left_is_handed_on(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 200; n++) {
        struct stripes own = {.count = 0};
        struct ledger_part p = {.owed = 0};
        struct ledger_piece piece = {.count = 0};
        uint64_t from = 0, all = 0, sum = 0, next = 0;
        for (unsigned epoch = 0; epoch < 3; epoch++) {
            const struct stripe one = share(n, 3 * epoch, from);
            assert_true(stripes_add(&own, one));
            ledger_deal(&p, one);
            from += chance_bits(n, 3 * epoch + 2) % 40;
        }
        const uint64_t before = p.owed, until = from + chance_bits(n, 99) % 30;
        all = ledger_owed(&p, until);
        p.told[ITERATIONS_STARTED] = chance_bits(n, 100) % (all + 2);
        const uint64_t started =
            p.told[ITERATIONS_STARTED] > before ? p.told[ITERATIONS_STARTED] : before;
        const uint64_t count = ledger_hand_on(&p, until, &piece);
        assert_int_equal(count, all > started ? all - started : 0);
        assert_int_equal(p.owed, all - count);
        for (uint64_t i = stripes_next(&own, 0); i < until; i = stripes_next(&own, i + 1))
            if (++sum > started)
                assert_int_equal(i, stripe_nth(&piece.stripe, piece.skipped + next++));
        assert_int_equal(next, count);
        assert_int_equal(ledger_hand_on(&p, until + 9, &piece), 0); /* no more is its own */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_workers_own_are_those_of_all_its_epochs),
        cmocka_unit_test(what_a_lost_worker_did_not_tell_is_missing),
        cmocka_unit_test(what_a_lost_worker_has_left_is_handed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
