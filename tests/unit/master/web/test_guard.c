// SPDX-License-Identifier: MIT
/* guard: who may speak to the page's server, name by name. */
#include "master/web/guard.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

static void hosts_follow_the_binding(void **state)
{
    static const struct {
        const char *bound, *host;
        bool is_ok;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1:8089", true},
        {"127.0.0.1", "localhost:8089", true},
        {"127.0.0.1", "LOCALHOST", true},
        {"127.0.0.1", "localhost.", true},
        {"127.0.0.1", "[::1]:8089", true},
        {"127.0.0.1", "127.8.8.8", true},
        {"127.0.0.1", "evil.test", false},
        {"127.0.0.1", "192.168.1.5:8089", false},
        {"127.0.0.1", "127.0.0.1.evil.test", false},
        {"127.0.0.1", "localhost:8089.evil.test", false},
        {"127.0.0.1", "", false},
        {"127.0.0.1", NULL, false},
        {"127.0.0.1", ":8089", false},
        {"127.0.0.1", "[::1", false},
        {"127.0.0.1", "[::1]x", false},
        {"127.0.0.1", "mapped.test:1", true}, /* listed */
        {"127.0.0.1", "two.test", true},      /* listed */
        {"*", "10.0.0.7:8089", true},
        {"", "[fe80::1]:8089", true},
        {"*", "localhost", true},
        {"*", "loadbox:8089", true}, /* the machine's own name */
        {"*", "evil.test", false},
        {"*", "loadbox.evil.test", false},
        {"10.0.0.7", "10.0.0.7", true},
        {"10.0.0.7", "10.0.0.8", false},
        {"10.0.0.7", "localhost", false},
        {"10.0.0.7", "loadbox", true},
        {"::1", "[::1]:8089", true},
        {"::1", "localhost", true},
        {"fd00::5", "[fd00::5]:1", true},
        {"web.test", "WEB.test:8089", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct guard g;
        guard_init(&g, cases[i].bound, "loadbox", "mapped.test, two.test");
        if (guard_host_ok(&g, cases[i].host) != cases[i].is_ok)
            fail_msg("bound %s, host %s: want %d", cases[i].bound, cases[i].host, cases[i].is_ok);
    }
}

static void loopback_is_told_from_open(void **state)
{
    static const struct {
        const char *bound;
        bool is_loopback;
    } cases[] = {{"127.0.0.1", true}, {"localhost", true}, {"::1", true}, {"*", false},
                 {"", false},         {"0.0.0.0", false},  {"::", false}, {"10.0.0.7", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct guard g;
        guard_init(&g, cases[i].bound, "", NULL);
        if (guard_is_loopback(&g) != cases[i].is_loopback)
            fail_msg("%s: want %d", cases[i].bound, cases[i].is_loopback);
    }
}

static void origins_equal_the_host(void **state)
{
    static const struct {
        const char *origin, *host;
        bool is_ok;
    } cases[] = {
        {"http://127.0.0.1:8089", "127.0.0.1:8089", true},
        {"https://proxy.test", "proxy.test", true},
        {"https://proxy.test", "proxy.test:443", true},
        {"http://proxy.test", "proxy.test:80", true},
        {"HTTP://Proxy.Test", "proxy.test", true},
        {"http://127.0.0.1:8089/page", "127.0.0.1:8089", true}, /* as a Referer comes */
        {"http://127.0.0.1:9000", "127.0.0.1:8089", false},
        {"http://127.0.0.1:80890", "127.0.0.1:8089", false},
        {"http://evil.test", "127.0.0.1:8089", false},
        {"http://evil.test/127.0.0.1:8089", "127.0.0.1:8089", false},
        {"null", "127.0.0.1:8089", false},
        {"file://", "127.0.0.1:8089", false},
        {NULL, "127.0.0.1:8089", false},
        {"http://a", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (guard_origin_ok(cases[i].origin, cases[i].host) != cases[i].is_ok)
            fail_msg("origin %s, host %s: want %d", cases[i].origin, cases[i].host, cases[i].is_ok);
    }
}

static void commands_come_from_us_or_from_programs(void **state)
{
#define BROWSER "Mozilla/5.0 (X11; Linux x86_64)"
    static const struct {
        struct guard_request r;
        bool is_page_ok, is_script_ok;
    } cases[] = {
        {{.host = "h:1"}, true, true},
        {{.host = "h:1", .user_agent = "curl/7.88"}, true, true},
        {{.host = "h:1", .origin = "http://h:1", .user_agent = BROWSER}, true, true},
        {{.host = "h:1", .fetch_site = "same-origin", .user_agent = BROWSER}, true, true},
        {{.host = "h:1", .fetch_site = "none", .user_agent = BROWSER}, true, true},
        {{.host = "h:1", .referer = "http://h:1/", .user_agent = BROWSER}, true, true},
        {{.host = "h:1", .fetch_site = "cross-site", .user_agent = BROWSER}, false, false},
        {{.host = "h:1", .fetch_site = "same-site"}, false, false},
        {{.host = "h:1", .origin = "http://evil.test"}, false, false},
        {{.host = "h:1", .origin = "null"}, false, false},
        {{.host = "h:1", .referer = "http://evil.test/x"}, true, false},
        {{.host = "h:1", .user_agent = BROWSER}, true, false}, /* an image without a referrer */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (guard_page_ok(&cases[i].r) != cases[i].is_page_ok ||
            guard_script_ok(&cases[i].r) != cases[i].is_script_ok)
            fail_msg("case %zu: page %d, script %d", i, guard_page_ok(&cases[i].r),
                     guard_script_ok(&cases[i].r));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_follow_the_binding),
        cmocka_unit_test(loopback_is_told_from_open),
        cmocka_unit_test(origins_equal_the_host),
        cmocka_unit_test(commands_come_from_us_or_from_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
