// SPDX-License-Identifier: MIT
/* What is one kind of failure. */
#include "common/base/sbuf.h"
#include "common/metric/failure_kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_kinds_forget_what_differs(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"HTTPError('503 Server Error for url: /a/123')",
         "HTTPError('503 Server Error for url: /a/#')"},
        {"payment 275 refused: 402", "payment # refused: 402"},
        {"timed out after 30.5 s", "timed out after # s"},
        {"id 123e4567-e89b-12d3-a456-426614174000 gone", "id # gone"},
        {"at 0x7f00dead in f00d", "at # in f00d"},
        {"10.1.2.3:8080 refused", "# refused"},
        {"\342\202\2545 caf\303\251", "\342\202\2545 caf\303\251"},
        {"order 17 of customer c1f09a77b2 is gone", "order # of customer # is gone"},
        {"order_17 of cus_Nffr9Kx82jd", "order_# of cus_#"},
        {"no user1234 at item-99", "no user# at item-#"},
        {"token 7F3K9Q2X expired", "token # expired"},
        {"utf8 over http2 by sha1: 500", "utf8 over http2 by sha1: 500"},
        {"error_404", "error_404"},
        {"order 404 of customer 500", "order # of customer #"},
        {"order 404 Not Found", "order 404 Not Found"},
        {"HTTP 404, expected 200", "HTTP 404, expected 200"},
        {"LocustBadStatusCode(code=404)", "LocustBadStatusCode(code=404)"},
        {"id=404", "id=#"},
        {"a#5, #b, ##", "a##, #b, ##"},
        {"2026-11-28T17:45:48Z: late", "#: late"},
        {"e0-f1-abc-def-123zzz gone", "# gone"},
        {"ut--e0--------0--V gone", "ut--e0--------#--V gone"},
        {"01234567-89ab-cdef- gone", "#- gone"},
        {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sbuf out = {0};
        failure_kind_add(&out, cases[i][0]);
        assert_string_equal(out.data != NULL ? out.data : "", cases[i][1]);
        sbuf_clear(&out);
        failure_kind_add(&out, cases[i][1]);
        assert_string_equal(out.data != NULL ? out.data : "", cases[i][1]);
        sbuf_fini(&out);
    }
}

/* Workers fold, and so does the master what they folded. */
static void test_the_kind_of_a_kind_is_itself(void **state)
{
    (void)state;
    static const char letters[] = "0123459afxzGZ__..::--##  /()'\303\251";
    unsigned seed = 7;
    for (size_t n = 0; n < 200000; n++) {
        char text[24];
        size_t len = (size_t)rand_r(&seed) % (sizeof text - 1);
        for (size_t i = 0; i < len; i++)
            text[i] = letters[(size_t)rand_r(&seed) % (sizeof letters - 1)];
        text[len] = '\0';
        struct sbuf once = {0}, twice = {0};
        failure_kind_add(&once, text);
        failure_kind_add(&twice, once.len ? once.data : "");
        if (once.len > len || once.len != twice.len)
            fail_msg("\"%s\" is \"%s\" is \"%s\"", text, once.data, twice.data);
        assert_true(!once.len || strcmp(once.data, twice.data) == 0);
        sbuf_fini(&once);
        sbuf_fini(&twice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_forget_what_differs),
        cmocka_unit_test(test_the_kind_of_a_kind_is_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
