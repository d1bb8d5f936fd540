// SPDX-License-Identifier: MIT
/* What answers mean, with a status and without one; the texts of headers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/grpc/status.h"
#include "worker/grpc/text.h"

#define HEADER(name, value)                                                                        \
    {                                                                                              \
        name, value, sizeof name - 1, sizeof value - 1                                             \
    }

static void expect(const struct fetch_response *r, bool is_late, enum grpc_status s,
                   const char *details)
{
    struct sbuf said = {0};
    assert_string_equal(grpc_status_name(grpc_status_of(r, is_late, &said)), grpc_status_name(s));
    assert_string_equal(said.data ? said.data : "", details);
    sbuf_fini(&said);
}

static struct fetch_response answer(int status, const struct fetch_header *head, size_t n)
{
    return (struct fetch_response){.status = status, .headers = head, .header_count = n};
}

static void test_trailers_count(void **state)
{
    (void)state;
    const struct fetch_header head[] = {HEADER("content-type", "application/grpc")};
    const struct fetch_header trailers[] = {HEADER("grpc-status", "5"),
                                            HEADER("grpc-message", "no %C3%A9clair%2")};
    struct fetch_response r = answer(200, head, 1);
    r.trailers = trailers;
    r.trailer_count = 2;
    expect(&r, false, GRPC_NOT_FOUND,
           "no \xc3\xa9"
           "clair%2");
    r.status = 503; /* a status of gRPC's own counts before that of HTTP */
    expect(&r, false, GRPC_NOT_FOUND,
           "no \xc3\xa9"
           "clair%2");
}

static void test_a_head_that_is_all(void **state)
{
    (void)state;
    const struct fetch_header head[] = {HEADER("grpc-status", "0")};
    const struct fetch_response r = answer(200, head, 1);
    expect(&r, false, GRPC_OK, "");
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum grpc_status s;
    } known[] = {{"0", GRPC_OK},
                 {"16", GRPC_UNAUTHENTICATED},
                 {"17", GRPC_UNKNOWN},
                 {"", GRPC_UNKNOWN},
                 {"-1", GRPC_UNKNOWN},
                 {"1x", GRPC_UNKNOWN},
                 {"04", GRPC_DEADLINE_EXCEEDED},
                 {"99999999999999999999", GRPC_UNKNOWN}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct fetch_header head[] = {
            {"grpc-status", known[i].text, 11, (uint32_t)strlen(known[i].text)}};
        const struct fetch_response r = answer(200, head, 1);
        expect(&r, false, known[i].s, "");
    }
}

static void test_no_status(void **state)
{
    (void)state;
    const struct fetch_header grpc[] = {HEADER("content-type", "application/grpc+proto")};
    const struct fetch_header html[] = {HEADER("content-type", "text/html")};
    const struct fetch_header web[] = {HEADER("content-type", "application/grpc-web")};
    struct fetch_response r = answer(200, grpc, 1);
    expect(&r, false, GRPC_UNKNOWN, "the answer has no grpc-status");
    r = answer(200, html, 1);
    expect(&r, false, GRPC_UNKNOWN, "the answer's content-type is not that of gRPC");
    r = answer(200, web, 1);
    expect(&r, false, GRPC_UNKNOWN, "the answer's content-type is not that of gRPC");
    static const struct {
        int http;
        enum grpc_status s;
    } known[] = {{400, GRPC_INTERNAL},          {401, GRPC_UNAUTHENTICATED},
                 {403, GRPC_PERMISSION_DENIED}, {404, GRPC_UNIMPLEMENTED},
                 {429, GRPC_UNAVAILABLE},       {502, GRPC_UNAVAILABLE},
                 {503, GRPC_UNAVAILABLE},       {504, GRPC_UNAVAILABLE},
                 {500, GRPC_UNKNOWN},           {302, GRPC_UNKNOWN}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(grpc_status_of_http(known[i].http), known[i].s);
    r = answer(503, html, 1);
    expect(&r, false, GRPC_UNAVAILABLE, "Received http2 header with status: 503");
}

static void test_resets(void **state)
{
    (void)state;
    static const enum grpc_status of[] = {
        GRPC_INTERNAL,         GRPC_INTERNAL, GRPC_INTERNAL, GRPC_INTERNAL,
        GRPC_INTERNAL,         GRPC_INTERNAL, GRPC_INTERNAL, GRPC_UNAVAILABLE,
        GRPC_CANCELLED,        GRPC_INTERNAL, GRPC_INTERNAL, GRPC_RESOURCE_EXHAUSTED,
        GRPC_PERMISSION_DENIED};
    for (uint32_t code = 0; code < sizeof of / sizeof *of; code++)
        assert_int_equal(grpc_status_of_reset(code, false), of[code]);
    assert_int_equal(grpc_status_of_reset(8, true), GRPC_DEADLINE_EXCEEDED);
    assert_int_equal(grpc_status_of_reset(7, true), GRPC_UNAVAILABLE);
}

static void test_what_broke(void **state)
{
    (void)state;
    struct fetch_response r = {.error = FETCH_CONNECT, .sys = ECONNREFUSED};
    expect(&r, false, GRPC_UNAVAILABLE, "connection failed: Connection refused");
    r = (struct fetch_response){.error = FETCH_TLS_VERIFY, .text = "expired"};
    expect(&r, false, GRPC_UNAVAILABLE, "certificate verify failed: expired");
    r = (struct fetch_response){.error = FETCH_TOTAL_TIMEOUT};
    expect(&r, true, GRPC_DEADLINE_EXCEEDED, "Deadline Exceeded");
    r = (struct fetch_response){.error = FETCH_STREAM_RESET, .sys = 8, .text = "reset"};
    expect(&r, false, GRPC_CANCELLED, "reset");
    expect(&r, true, GRPC_DEADLINE_EXCEEDED, "Deadline Exceeded");
    r = (struct fetch_response){.error = FETCH_GOAWAY, .sys = 11};
    expect(&r, false, GRPC_RESOURCE_EXHAUSTED, "connection ended by the server");
    r = (struct fetch_response){.error = FETCH_GOAWAY, .sys = 2};
    expect(&r, false, GRPC_UNAVAILABLE, "connection ended by the server");
    r = (struct fetch_response){.error = FETCH_BODY_TOO_LARGE};
    expect(&r, false, GRPC_RESOURCE_EXHAUSTED, "response body too large");
    r = (struct fetch_response){.error = FETCH_FRAMING};
    expect(&r, false, GRPC_INTERNAL, "the server broke the rules of HTTP/2");
}

static void test_timeouts(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } known[] = {{1, "1u"},
                 {1000, "1u"},
                 {1001, "2u"},
                 {UINT64_C(2000000000), "2000m"},
                 {UINT64_C(50000000), "50m"},
                 {UINT64_C(99999999000), "99999999u"},
                 {UINT64_C(99999999001), "100000m"},
                 {UINT64_C(99999999000000), "99999999m"},
                 {UINT64_C(100000000000000), "100000S"},
                 {UINT64_C(1000000000000000000), "16666667M"},
                 {UINT64_MAX, "5124096H"}};
    char text[GRPC_TIMEOUT_ROOM];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t len = grpc_timeout_text(known[i].ns, text);
        assert_string_equal(text, known[i].text);
        assert_int_equal(len, strlen(text));
    }
}

static void test_base64(void **state)
{
    (void)state;
    struct sbuf coded = {0}, back = {0};
    uint8_t bytes[64];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        for (int padding = 0; padding < 2; padding++) {
            sbuf_clear(&coded);
            sbuf_clear(&back);
            grpc_add_base64(&coded, bytes, len);
            for (size_t n = coded.len; padding && n % 4; n++)
                sbuf_addc(&coded, '=');
            assert_true(grpc_add_from_base64(&back, coded.data, coded.len));
            assert_int_equal(back.len, len);
            assert_true(!len || !memcmp(back.data, bytes, len));
        }
    }
    sbuf_clear(&back);
    assert_false(grpc_add_from_base64(&back, "AAAA!", 5));
    assert_false(grpc_add_from_base64(&back, "A", 1));
    assert_int_equal(back.len, 0);
    sbuf_fini(&coded);
    sbuf_fini(&back);
}

static void test_keys_and_values(void **state)
{
    (void)state;
    assert_true(grpc_is_key("x-request_id.2", 14));
    assert_false(grpc_is_key("X-Upper", 7));
    assert_false(grpc_is_key("", 0));
    assert_false(grpc_is_key("a b", 3));
    assert_true(grpc_is_binary("a-bin", 5));
    assert_false(grpc_is_binary("-bin", 4));
    assert_true(grpc_is_value("visible text", 12));
    assert_false(grpc_is_value("a\nb", 3));
    assert_false(grpc_is_value("\xc3\xa9", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trailers_count),  cmocka_unit_test(test_a_head_that_is_all),
        cmocka_unit_test(test_numbers),         cmocka_unit_test(test_no_status),
        cmocka_unit_test(test_resets),          cmocka_unit_test(test_what_broke),
        cmocka_unit_test(test_timeouts),        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_keys_and_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
