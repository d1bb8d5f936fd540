// SPDX-License-Identifier: MIT
#include "master/data/losses.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include <stdio.h>

#define NOON 1767268800.0 /* 2026-01-01 12:00:00 UTC */

static void says(const struct loss *loss, bool is_final, const char *expected)
{
    struct sbuf text = {0};
    losses_write(loss, is_final, &text);
    assert_string_equal(text.data, expected);
    sbuf_fini(&text);
}

static void each_case_has_its_words(void **state)
{
    (void)state;
    char name[] = "w";
    const struct {
        struct loss loss;
        bool is_running;
        const char *words;
    } cases[] = {
        {{.worker = name, .since = NOON, .at = NOON + 5, .bound_s = 5},
         false,
         "Worker w was lost at 12:00:05: what it had not reported since 12:00:00, at most 5 s of "
         "requests, is missing above."},
        {{.worker = name, .since = NOON, .at = NOON + 5},
         false,
         "Worker w was lost at 12:00:05: what it had not reported since 12:00:00 is missing "
         "above."},
        {{.worker = name, .since = NOON, .at = NOON + 5, .back_at = NOON + 70, .bound_s = 5},
         false,
         "Worker w is back: it was not heard from 12:00:00 to 12:01:10 (70 s): what it had not "
         "reported since "
         "12:00:00, at most 5 s of requests, is missing above."},
        {{.worker = name, .since = NOON, .at = NOON + 5, .back_at = NOON + 70, .is_settled = true},
         false,
         "Worker w is back: it was not heard from 12:00:00 to 12:01:10 (70 s). Everything that it "
         "measured has "
         "arrived."},
        {{.worker = name,
          .since = NOON,
          .at = NOON + 60,
          .back_at = NOON + 60,
          .is_unstopped = true},
         false,
         "Worker w had not stopped at 12:01:00: what it had not reported since 12:00:00 is missing "
         "above."},
        {{.worker = name,
          .since = NOON,
          .at = NOON + 60,
          .back_at = NOON + 60,
          .is_unstopped = true},
         true,
         "Worker w had not stopped at 12:01:00: what it had not reported since 12:00:00 is still "
         "to come."},
        {{.since = NOON, .at = NOON + 70, .is_settled = true, .has_held = true},
         false,
         "The master stood still from 12:00:00 to 12:01:10 (70 s): workers hold their users back "
         "while it does not answer. Everything that was measured meanwhile has arrived."},
        {{.since = NOON, .at = NOON + 70},
         false,
         "The master stood still from 12:00:00 to 12:01:10 (70 s). Not all that was measured "
         "meanwhile has arrived: it is missing above."},
        {{.since = NOON, .at = NOON + 70, .is_unknown = true, .is_settled = true},
         false,
         "The master stood still from 12:00:00 to 12:01:10 (70 s). Whether stock workers lost "
         "something meanwhile cannot be known."},
        {{.worker = name, .since = NOON, .at = NOON + 5, .back_at = NOON + 70, .bound_s = 5},
         true,
         "Worker w is back: it was not heard from 12:00:00 to 12:01:10 (70 s): what it had not "
         "reported since 12:00:00 is still to come."},
        {{.since = NOON, .at = NOON + 70},
         true,
         "The master stood still from 12:00:00 to 12:01:10 (70 s). What was measured meanwhile is "
         "still to come."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct loss loss = cases[i].loss;
        says(&loss, !cases[i].is_running, cases[i].words);
    }
}

static void a_loss_is_settled_when_all_has_come_back(void **state)
{
    (void)state;
    struct losses l = {0};
    struct loss *a = losses_add(&l, "a", NOON, NOON + 5, 5);
    assert_null(losses_settle(&l, "a")); /* it is not even back */
    assert_null(losses_back(&l, "b", NOON + 9));
    assert_ptr_equal(losses_back(&l, "a", NOON + 9), a);
    assert_null(losses_back(&l, "a", NOON + 10));
    assert_true(losses_misses(&l, "a") && !losses_misses(&l, "b"));
    assert_ptr_equal(losses_settle(&l, "a"), a);
    assert_false(losses_misses(&l, "a"));
    assert_null(losses_settle(&l, "a"));
    struct loss *again = losses_add(&l, "a", NOON + 20, NOON + 25, 5);
    assert_ptr_equal(losses_back(&l, "a", NOON + 30), again);
    struct loss *master = losses_add(&l, NULL, NOON, NOON + 70, 0);
    assert_ptr_equal(losses_settle(&l, NULL), master);
    assert_false(again->is_settled);
    assert_true(losses_misses(&l, "a"));
    losses_clear(&l);
    assert_false(losses_misses(&l, "a"));
}

/* Two absences, and all comes after the second: nothing of the first is missing either. */
static void what_has_come_settles_all_that_waited_for_it(void **state)
{
    (void)state;
    struct losses l = {0};
    struct loss *first = losses_add(&l, NULL, NOON, NOON + 5, 0);
    struct loss *second = losses_add(&l, NULL, NOON + 10, NOON + 15, 0);
    assert_ptr_equal(losses_settle(&l, NULL), second);
    assert_true(first->is_settled);
    losses_add(&l, "a", NOON, NOON + 5, 5);
    losses_back(&l, "a", NOON + 9);
    losses_add(&l, "a", NOON + 20, NOON + 25, 5);
    losses_back(&l, "a", NOON + 29);
    assert_non_null(losses_settle(&l, "a"));
    assert_false(losses_misses(&l, "a"));
    losses_clear(&l);
}

static void a_flapping_worker_fills_no_memory(void **state)
{
    (void)state;
    struct losses l = {0};
    for (int i = 0; i < 3 * LOSSES_MAX; i++)
        losses_add(&l, "a", NOON, NOON, 1);
    assert_int_equal(l.count, LOSSES_MAX);
    assert_int_equal(l.left_out, 2 * LOSSES_MAX);
    losses_clear(&l);
    assert_int_equal(l.count + l.left_out, 0);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_has_its_words),
        cmocka_unit_test(a_loss_is_settled_when_all_has_come_back),
        cmocka_unit_test(what_has_come_settles_all_that_waited_for_it),
        cmocka_unit_test(a_flapping_worker_fills_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
