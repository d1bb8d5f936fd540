// SPDX-License-Identifier: MIT
/* Heads of requests as HTTP/1.1 writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "worker/http1/head.h"
#include "worker/http1/http1.h"

static struct event_base *base;
static struct fetch_engine *engine;
static struct fetch_kept kept; /* of the one list that expect() has */

static int set_up(void **state)
{
    (void)state;
    base = event_base_new();
    static const struct protocol *const list[] = {&http1, NULL};
    static const struct protocols protocols = {.list = list, .plain = &http1};
    engine = fetch_engine_new(base, &protocols);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fetch_engine_free(engine);
    free(kept.bytes);
    kept = (struct fetch_kept){0};
    event_base_free(base);
    return 0;
}

static const struct fetch_header host = {"Host", NULL, 4, 0}, own = {"accept", "a/b", 6, 3},
                                 length = {"content-length", NULL, 14, 0}, empty = {"X", "", 1, 0};

static bool is_forwarded;

static void expect(const struct fetch_target *t, const char *authority, size_t body_len,
                   const char *text)
{
    const struct fetch_header headers[] = {own, host, length, empty};
    struct fetch_request r = {.origin = fetch_origin_get(engine, t),
                              .method = "POST",
                              .method_len = 4,
                              .authority = authority,
                              .authority_len = strlen(authority),
                              .path = "/x?y",
                              .path_len = 4,
                              .headers = headers,
                              .header_count = 4,
                              .is_forwarded = is_forwarded,
                              .body_len = body_len};
    struct sbuf out = {0};
    head_write(&out, &r);
    assert_string_equal(out.data, text);
    assert_int_equal(out.len, strlen(text));
    sbuf_clear(&out);
    r.kept = &kept;
    head_write(&out, &r);
    assert_string_equal(out.data, text);
    assert_int_equal(out.len, strlen(text));
    sbuf_fini(&out);
    fetch_origin_put(r.origin);
}

#define REST(host, length)                                                                         \
    " HTTP/1.1\r\naccept: a/b\r\nHost: " host "\r\ncontent-length: " length "\r\nX: \r\n\r\n"

static void test_order_and_spelling(void **state)
{
    (void)state;
    const struct fetch_target plain = {.host = "h", .port = 80}, tls = {.host = "h", .tls = true};
    expect(&plain, "h:8080", 0, "POST /x?y" REST("h:8080", "0"));
    expect(&plain, "h:80", 7, "POST /x?y" REST("h", "7"));
    expect(&plain, "h:0080", 12, "POST /x?y" REST("h", "12"));
    expect(&plain, "h:443", SIZE_MAX, "POST /x?y" REST("h:443", "18446744073709551615"));
    expect(&tls, "h:443", 1000, "POST /x?y" REST("h", "1000"));
    expect(&tls, "h:80", 1000, "POST /x?y" REST("h:80", "1000"));
    expect(&plain, "[::1]:80", 1, "POST /x?y" REST("[::1]", "1"));
    expect(&plain, "[::80]", 1, "POST /x?y" REST("[::80]", "1"));
    expect(&plain, "80", 1, "POST /x?y" REST("80", "1"));
}

static void expect_kept(const struct fetch_header *headers, size_t count, const char *text)
{
    const struct fetch_target plain = {.host = "h", .port = 80};
    struct fetch_kept own_list = {0};
    struct fetch_request r = {.origin = fetch_origin_get(engine, &plain),
                              .method = "GET",
                              .method_len = 3,
                              .authority = "h:80",
                              .authority_len = 4,
                              .path = "/",
                              .path_len = 1,
                              .headers = headers,
                              .header_count = count,
                              .kept = &own_list};
    for (int i = 0; i < 2; i++) {
        struct sbuf out = {0};
        head_write(&out, &r);
        assert_string_equal(out.data, text);
        sbuf_fini(&out);
    }
    free(own_list.bytes);
    fetch_origin_put(r.origin);
}

/* Values that the protocol says may stand anywhere in what is kept, or nowhere. */
static void test_kept(void **state)
{
    (void)state;
    expect_kept((const struct fetch_header[]){length, own, host}, 3,
                "GET / HTTP/1.1\r\ncontent-length: 0\r\naccept: a/b\r\nHost: h\r\n\r\n");
    expect_kept((const struct fetch_header[]){host, own}, 2,
                "GET / HTTP/1.1\r\nHost: h\r\naccept: a/b\r\n\r\n");
    expect_kept((const struct fetch_header[]){length}, 1,
                "GET / HTTP/1.1\r\ncontent-length: 0\r\n\r\n");
    expect_kept((const struct fetch_header[]){own}, 1, "GET / HTTP/1.1\r\naccept: a/b\r\n\r\n");
    expect_kept(NULL, 0, "GET / HTTP/1.1\r\n\r\n");
}

/* Who forwards plain requests is told where to. */
static void test_proxy(void **state)
{
    (void)state;
    const struct fetch_target plain = {.host = "h", .port = 80, .proxy_host = "p"};
    is_forwarded = true;
    expect(&plain, "h:80", 0, "POST http://h:80/x?y" REST("h", "0"));
    is_forwarded = false;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {T(test_order_and_spelling), T(test_kept), T(test_proxy)};
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
