// SPDX-License-Identifier: MIT
/* Dates of cookies, as servers write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/proto/cookie_date.h"

#define MAY_2059 2819786400.0 /* 10:00:00 of the tenth */

static void test_forms(void **state)
{
    (void)state;
    static const char *const same[] = {
        "Sat, 10 May 2059 10:00:00 GMT",
        "Sat, 10-May-2059 10:00:00 GMT",
        "Saturday, 10-May-59 10:00:00 GMT",
        "Sat, 10-May-59 10:00:00 GMT",
        "Sat May 10 10:00:00 2059",
        "10 May 2059 10:00:00",
        "10:00:00 10 may 2059",
        "Sat, 10 MAY 2059 10:0:0 +0000",
        "10th Mayday 2059 10:00:00",
        "Wed, 10 May 2059 10:00:00 UTC;",
        "\t 10  May\t59 10:00:00zone",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (cookie_date(same[i], strlen(same[i])) != MAY_2059)
            fail_msg("%s", same[i]);
}

static void test_past(void **state)
{
    (void)state;
    static const char *const over[] = {"Thu, 01 Jan 1970 00:00:00 GMT",
                                       "Thu, 01-Jan-1970 00:00:01 GMT",
                                       "Fri, 31 Dec 1601 23:59:59 GMT"};
    for (size_t i = 0; i < sizeof over / sizeof *over; i++)
        assert_true(cookie_date(over[i], strlen(over[i])) == 1);
    const char *two_digits = "Thu, 01-Jan-70 00:00:09 GMT", *late = "Thu, 01-Jan-99 00:00:00 GMT";
    assert_true(cookie_date(two_digits, strlen(two_digits)) == 9);
    assert_true(cookie_date(late, strlen(late)) == 915148800);
}

static void test_none(void **state)
{
    (void)state;
    static const char *const none[] = {"",
                                       "0",
                                       "-1",
                                       "Session",
                                       "Sat, 10 May 2059",
                                       "10:00:00",
                                       "Sat, 10 May 10:00:00",
                                       "Sat, 10 Foo 2059 10:00:00",
                                       "Sat, 32 May 2059 10:00:00",
                                       "Sat, 10 May 2059 24:00:00",
                                       "Sat, 10 May 2059 10:60:00",
                                       "Sat, 10 May 1500 10:00:00",
                                       "Sat, 10 May 20591 10:00:00",
                                       "Sat, 10 May 2059 10:00",
                                       "Sat, 00 May 2059 10:00:00"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (cookie_date(none[i], strlen(none[i])) != 0)
            fail_msg("%s", none[i]);
    assert_true(cookie_date("Sat, 10 May 2059 10:00:00", 20) == 0); /* not NUL-terminated */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_past),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
