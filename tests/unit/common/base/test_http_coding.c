// SPDX-License-Identifier: MIT
#include "common/base/http_coding.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static bool takes(const char *accept_encoding)
{
    return http_takes_coding(accept_encoding, "gzip");
}

static void who_names_it_takes_it(void **state)
{
    (void)state;
    assert_true(takes("gzip"));
    assert_true(takes("deflate, GZIP, br"));
    assert_true(takes("br;q=1.0 ,\tgzip"));
    assert_true(takes("*"));
}

static void a_weight_is_no_refusal_unless_it_is_nought(void **state)
{
    (void)state;
    assert_true(takes("gzip;q=0.5"));
    assert_true(takes("gzip ; Q=0.001"));
    assert_false(takes("gzip;q=0"));
    assert_false(takes("gzip; q=0.000, br"));
    assert_false(takes("*, gzip;q=0"));
    assert_true(takes("*;q=0, gzip"));
}

static void nobody_else_takes_it(void **state)
{
    (void)state;
    assert_false(takes(NULL));
    assert_false(takes(""));
    assert_false(takes("identity"));
    assert_false(takes("gzipped, x-gzip"));
    assert_false(takes("*;q=0"));
    assert_false(takes(",;;,;q"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_names_it_takes_it),
        cmocka_unit_test(a_weight_is_no_refusal_unless_it_is_nought),
        cmocka_unit_test(nobody_else_takes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
