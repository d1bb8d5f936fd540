// SPDX-License-Identifier: MIT
/* Windows of a table that a stranger fills, by what it claims to be reports of a stock worker. */
#include "common/base/sbuf.h"
#include "common/wire/report.h"
#include "master/out/csv_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define T0 1700000000.0
#define PAIRS 262144
#define MESSAGES 108

static void add_u64(struct sbuf *out, uint64_t n)
{
    sbuf_addc(out, '\xcf');
    for (int shift = 56; shift >= 0; shift -= 8)
        sbuf_addc(out, (char)(n >> shift));
}

/* One bucket over and over, each time with the largest count that is taken for one. */
static void pack_attack(struct sbuf *out, char bucket)
{
    sbuf_adds(out, "\x82\xa6"
                   "errors\x80\xa5stats\x91\x84\xa6method\xa3GET\xa4name\xa1/\xacnum_requests");
    add_u64(out, UINT64_C(1) << 40);
    sbuf_adds(out, "\xaeresponse_times\xdf");
    for (int shift = 24; shift >= 0; shift -= 8)
        sbuf_addc(out, (char)((unsigned)PAIRS >> shift));
    for (int i = 0; i < PAIRS; i++) {
        sbuf_addc(out, bucket);
        add_u64(out, UINT64_C(1) << 40);
    }
}

static void test_counters_that_are_filled_on_purpose(void **state)
{
    struct sbuf messages[2] = {{0}, {0}};
    struct stats s;
    struct csv_windows *windows = csv_windows_new();
    (void)state;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    pack_attack(&messages[0], 1);
    pack_attack(&messages[1], 100);
    for (int i = 0; i < MESSAGES; i++) {
        const struct sbuf *m = &messages[i / 9 % 2];
        assert_int_equal(report_merge_locust(&s, m->data, m->len), 0);
        assert_true(s.total.hist.count <= s.total.requests);
        if (i % 9 != 8)
            continue;
        csv_windows_begin(windows, &s);
        const struct hist *window = csv_windows_advance(windows, s.rows);
        assert_non_null(window);
        assert_true(window->count <= s.rows->requests);
        double ms = (double)hist_quantile_us(window, 0.5) / 1000;
        assert_true(ms > 0.9 && ms < 101);
    }
    assert_true(s.total.requests == (uint64_t)MESSAGES << 40);
    sbuf_fini(&messages[0]);
    sbuf_fini(&messages[1]);
    csv_windows_free(windows);
    stats_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_that_are_filled_on_purpose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
