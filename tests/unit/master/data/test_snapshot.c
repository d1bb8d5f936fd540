// SPDX-License-Identifier: MIT
/* What one snapshot after the other keeps of a row, and shares with the one before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "tests/unit/snapshots.h"

#define FAST 3000 /* us: in another octave than SLOW */
#define SLOW 900000

static struct tally *row(struct stats *s, const char *name)
{
    return stats_row(s, "GET", 3, name, strlen(name));
}

static void request(struct tally *t, uint64_t us)
{
    hist_add(&t->hist, us, 1);
    if (!t->part[0])
        t->part[0] = mem_zalloc(sizeof *t->part[0]);
    hist_add(t->part[0], us, 1);
}

static void a_row_keeps_apart_what_has_changed(void **state)
{
    (void)state;
    struct stats s;
    struct snapshot_maker *m = snapshot_maker_new();
    stats_init(&s, 1, STATS_LIMITS_DEFAULT);
    struct tally *t = row(&s, "/a");
    request(t, FAST);
    request(t, SLOW);
    struct snapshot *first = snapshot_at(m, &s, 1, 1);
    request(t, SLOW);
    struct snapshot *second = snapshot_at(m, &s, 2, 1);
    const struct tally *a = first->stats.rows, *b = second->stats.rows;
    const unsigned fast = hist_octave_of(FAST), slow = hist_octave_of(SLOW);
    assert_int_equal(a->hist.count, 2);
    assert_int_equal(b->hist.count, 3);
    assert_ptr_equal(a->hist.octave[fast], b->hist.octave[fast]);
    assert_ptr_equal(a->part[0]->octave[fast], b->part[0]->octave[fast]);
    assert_ptr_not_equal(a->hist.octave[slow], b->hist.octave[slow]);
    assert_int_equal(a->hist.octave[slow][hist_step_of(SLOW, slow)], 1);
    assert_int_equal(b->hist.octave[slow][hist_step_of(SLOW, slow)], 2);
    assert_true(second->bytes < first->bytes);
    snapshot_unref(first); /* what they share is still the other's */
    assert_int_equal(hist_count_upto(&b->hist, FAST), 1);
    snapshot_maker_free(m);
    assert_int_equal(hist_count_upto(&b->hist, SLOW), 3);
    snapshot_unref(second);
    stats_fini(&s);
}

static void a_row_that_did_not_change_is_the_same(void **state)
{
    (void)state;
    struct stats s;
    struct snapshot_maker *m = snapshot_maker_new();
    stats_init(&s, 1, STATS_LIMITS_DEFAULT);
    request(row(&s, "/a"), FAST);
    struct snapshot *first = snapshot_at(m, &s, 1, 1);
    request(row(&s, "/b"), FAST);
    struct snapshot *second = snapshot_at(m, &s, 2, 1);
    assert_ptr_equal(first->stats.rows->name, second->stats.rows->name);
    assert_string_equal(second->stats.rows->next->name, "/b");
    snapshot_unref(second);
    snapshot_unref(first);
    snapshot_maker_free(m);
    stats_fini(&s);
}

static void statistics_that_begin_anew_share_nothing(void **state)
{
    (void)state;
    struct stats s;
    struct snapshot_maker *m = snapshot_maker_new();
    stats_init(&s, 1, STATS_LIMITS_DEFAULT);
    request(row(&s, "/a"), FAST);
    struct snapshot *first = snapshot_at(m, &s, 1, 1);
    stats_clear(&s, 2);
    request(row(&s, "/a"), SLOW);
    struct snapshot *second = snapshot_at(m, &s, 2, 1);
    assert_int_equal(hist_count_upto(&second->stats.rows->hist, FAST), 0);
    assert_int_equal(second->stats.rows->hist.count, 1);
    assert_int_equal(first->stats.rows->hist.count, 1);
    snapshot_unref(first);
    snapshot_unref(second);
    snapshot_maker_free(m);
    stats_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_keeps_apart_what_has_changed),
        cmocka_unit_test(a_row_that_did_not_change_is_the_same),
        cmocka_unit_test(statistics_that_begin_anew_share_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
