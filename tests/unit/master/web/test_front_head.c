// SPDX-License-Identifier: MIT
/* front_head: when a request is there as a whole. */
#include "master/web/front_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void a_head_ends_with_an_empty_line(void **state)
{
    static const char *const unfinished[] = {
        "",
        "GET",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.1\r\n\r",
        "a\nb: c\n",
    };
    struct front_head h;
    (void)state;
    for (size_t i = 0; i < sizeof unfinished / sizeof unfinished[0]; i++)
        assert_false(front_head_read(unfinished[i], strlen(unfinished[i]), &h));
    static const char *const whole[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        assert_true(front_head_read(whole[i], strlen(whole[i]), &h));
        assert_int_equal(h.head_len, strlen(whole[i]));
        assert_int_equal(h.line_len, strcspn(whole[i], "\n") + 1);
        assert_int_equal(h.body_len, 0);
        for (size_t len = 0; len < strlen(whole[i]); len++) /* never beyond what is there */
            assert_false(front_head_read(whole[i], len, &h));
    }
}

static void headers_that_matter_are_found_in_any_case(void **state)
{
    static const char text[] =
        "POST /swarm HTTP/1.1\r\ncontent-LENGTH: \t 42\r\nExpect: 100-continue"
        "\r\nUPGRADE:x\r\nX-Content-Length: 7\r\n\r\nbody\n\n";
    struct front_head h;
    (void)state;
    assert_true(front_head_read(text, strlen(text), &h));
    assert_int_equal(h.head_len, strlen(text) - 6);
    assert_int_equal(h.body_len, 42);
    assert_true(h.expects && h.is_upgrade);
    static const char endless[] = "POST / HTTP/1.1\nContent-Length: 99999999999999999999999\n\n";
    assert_true(front_head_read(endless, strlen(endless), &h));
    assert_true(h.body_len > (1LL << 40));
    assert_false(h.is_chunked);
    static const char chunked[] = "POST / HTTP/1.1\ntransfer-encoding: chunked\n\n0\n\n";
    assert_true(front_head_read(chunked, strlen(chunked), &h));
    assert_true(h.is_chunked);
    static const char odd[] = "POST / HTTP/1.1\nContent-Length: -5\nContent-Length\n\n";
    assert_true(front_head_read(odd, strlen(odd), &h));
    assert_int_equal(h.body_len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_ends_with_an_empty_line),
        cmocka_unit_test(headers_that_matter_are_found_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
