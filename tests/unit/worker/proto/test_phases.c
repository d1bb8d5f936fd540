// SPDX-License-Identifier: MIT
#include "worker/proto/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define US UINT64_C(1000)
#define T0 (UINT64_C(5000000) * US)

static void check(const struct fetch_times *t, uint64_t until, const uint64_t want[FETCH_PHASES])
{
    uint64_t got[FETCH_PHASES] = {0}, sum = 0;
    fetch_phases(t, until, got);
    for (unsigned p = 0; p < FETCH_PHASES; p++) {
        sum += got[p];
        if (got[p] != want[p])
            fail_msg("phase %u: %lu us instead of %lu", p, (unsigned long)got[p],
                     (unsigned long)want[p]);
    }
    assert_int_equal(sum, (until - t->start) / 1000);
}

static void test_a_cold_request_has_every_phase(void **state)
{
    (void)state;
    const struct fetch_times t = {.start = T0,
                                  .dialed = T0 + 1 * US,
                                  .resolved = T0 + 3 * US,
                                  .connected = T0 + 7 * US,
                                  .secured = T0 + 15 * US,
                                  .sent_first = T0 + 31 * US,
                                  .sent_last = T0 + 63 * US,
                                  .first_byte = T0 + 127 * US,
                                  .last_byte = T0 + 255 * US};
    check(&t, t.last_byte, (const uint64_t[FETCH_PHASES]){1 + 16, 2, 4, 8, 32, 64, 128});
}

static void test_parts_of_microseconds_are_not_lost(void **state)
{
    (void)state;
    const struct fetch_times t = {.start = T0,
                                  .sent_first = T0 + 700,
                                  .sent_last = T0 + 1400,
                                  .first_byte = T0 + 2100,
                                  .last_byte = T0 + 2900};
    check(&t, t.last_byte,
          (const uint64_t[FETCH_PHASES]){[FETCH_PHASE_SEND] = 1, [FETCH_PHASE_WAIT] = 1});
}

static void test_what_ends_early_spent_its_time_in_the_next_phase(void **state)
{
    (void)state;
    struct fetch_times t = {.start = T0};
    check(&t, T0 + 9 * US, (const uint64_t[FETCH_PHASES]){[FETCH_PHASE_QUEUE] = 9});
    t.dialed = T0 + 1 * US;
    check(&t, T0 + 9 * US, (const uint64_t[FETCH_PHASES]){1, [FETCH_PHASE_DNS] = 8});
    t.resolved = T0 + 2 * US;
    check(&t, T0 + 9 * US, (const uint64_t[FETCH_PHASES]){1, 1, [FETCH_PHASE_CONNECT] = 7});
    t.connected = T0 + 3 * US;
    check(&t, T0 + 9 * US, (const uint64_t[FETCH_PHASES]){1, 1, 1, [FETCH_PHASE_TLS] = 6});
    t.sent_first = T0 + 4 * US;
    check(&t, T0 + 9 * US, (const uint64_t[FETCH_PHASES]){2, 1, 1, 0, [FETCH_PHASE_SEND] = 5});
    t.sent_last = T0 + 5 * US;
    check(&t, T0 + 9 * US, (const uint64_t[FETCH_PHASES]){2, 1, 1, 0, 1, [FETCH_PHASE_WAIT] = 4});
}

static void test_an_answer_may_come_before_all_was_sent(void **state)
{
    (void)state;
    const struct fetch_times t = {.start = T0,
                                  .sent_first = T0 + 1 * US,
                                  .sent_last = T0 + 8 * US,
                                  .first_byte = T0 + 5 * US,
                                  .last_byte = T0 + 9 * US};
    check(&t, t.last_byte,
          (const uint64_t[FETCH_PHASES]){1, [FETCH_PHASE_SEND] = 7, [FETCH_PHASE_RECEIVE] = 1});
    check(&t, t.start, (const uint64_t[FETCH_PHASES]){0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cold_request_has_every_phase),
        cmocka_unit_test(test_parts_of_microseconds_are_not_lost),
        cmocka_unit_test(test_what_ends_early_spent_its_time_in_the_next_phase),
        cmocka_unit_test(test_an_answer_may_come_before_all_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
