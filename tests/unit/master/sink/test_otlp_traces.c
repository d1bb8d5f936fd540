// SPDX-License-Identifier: MIT
/* What workers say are spans is looked at before it is passed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/protobuf.h"
#include "master/sink/otlp_traces.h"

static struct sbuf spans(unsigned count, size_t len)
{
    struct sbuf b = {0};
    while (count--) {
        const size_t at = pb_open(&b, 2);
        for (size_t i = 0; i < len; i++)
            sbuf_addc(&b, 'x');
        pb_close(&b, at);
    }
    return b;
}

static void whole_ones_of_that_number_are_taken(void **state)
{
    (void)state;
    for (unsigned count = 0; count < 4; count++) {
        struct sbuf b = spans(count, 300);
        assert_true(traces_check(b.data ? b.data : "", b.len, count));
        assert_false(traces_check(b.data ? b.data : "", b.len, count + 1));
        sbuf_fini(&b);
    }
}

static void what_is_cut_or_something_else_is_not(void **state)
{
    (void)state;
    struct sbuf b = spans(2, 200);
    for (size_t len = 1; len < b.len; len++)
        if (len != b.len / 2)
            assert_false(traces_check(b.data, len, 1));
    assert_true(traces_check(b.data, b.len / 2, 1));
    b.data[0] = 0x0a; /* another field */
    assert_false(traces_check(b.data, b.len, 2));
    assert_false(traces_check("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, 1));
    sbuf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_ones_of_that_number_are_taken),
        cmocka_unit_test(what_is_cut_or_something_else_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
