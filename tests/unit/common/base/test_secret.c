// SPDX-License-Identifier: MIT
#include "common/base/secret.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void digits_are_as_many_as_were_asked_for(void **state)
{
    (void)state;
    for (size_t digits = 0; digits <= 64; digits++) {
        char out[66];
        memset(out, '!', sizeof out);
        secret_hex(out, digits);
        assert_int_equal(strspn(out, "0123456789abcdef"), digits);
        assert_int_equal(out[digits], '\0');
        assert_int_equal(out[digits + 1], '!');
    }
}

static void no_two_are_the_same(void **state)
{
    (void)state;
    char one[33], other[33];
    unsigned char many[1000] = {0}, more[1000] = {0};
    secret_hex(one, 32);
    secret_hex(other, 32);
    assert_string_not_equal(one, other);
    secret_bytes(many, sizeof many);
    secret_bytes(more, sizeof more);
    assert_memory_not_equal(many + 968, more + 968, 32); /* up to the end */
}

static void every_digit_is_used(void **state)
{
    (void)state;
    char out[1025];
    secret_hex(out, 1024);
    for (const char *digit = "0123456789abcdef"; *digit; digit++)
        assert_non_null(strchr(out, *digit));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_as_many_as_were_asked_for),
        cmocka_unit_test(no_two_are_the_same),
        cmocka_unit_test(every_digit_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
