// SPDX-License-Identifier: MIT
#include "common/base/addresses.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct addresses *list_of(const char *text)
{
    char *why = NULL;
    struct addresses *a = addresses_read(text, &why);
    if (!a)
        fail_msg("%s: %s", text, why);
    return a;
}

static void is_at(const struct addresses *a, int family, uint64_t n, const char *want)
{
    struct sockaddr_storage at;
    char got[INET6_ADDRSTRLEN];
    assert_true(addresses_at(a, family, n, &at));
    assert_int_equal(at.ss_family, family);
    inet_ntop(family,
              family == AF_INET ? (void *)&((struct sockaddr_in *)&at)->sin_addr
                                : (void *)&((struct sockaddr_in6 *)&at)->sin6_addr,
              got, sizeof got);
    assert_string_equal(got, want);
}

static void lists_go_round_and_round(void **state)
{
    (void)state;
    struct addresses *a = list_of(" 10.0.0.5,10.0.1.254-10.0.2.1, 192.168.0.0/30 ::1");
    assert_int_equal(addresses_count(a, AF_INET), 7);
    is_at(a, AF_INET, 0, "10.0.0.5");
    is_at(a, AF_INET, 1, "10.0.1.254");
    is_at(a, AF_INET, 3, "10.0.2.0");
    is_at(a, AF_INET, 4, "10.0.2.1");
    is_at(a, AF_INET, 5, "192.168.0.1");
    is_at(a, AF_INET, 6, "192.168.0.2");
    is_at(a, AF_INET, 7, "10.0.0.5");
    is_at(a, AF_INET6, 1000, "::1");
    addresses_free(a);
}

static void prefixes_have_what_hosts_may_have(void **state)
{
    (void)state;
    struct addresses *a = list_of("127.0.1.77/24");
    assert_int_equal(addresses_count(a, AF_INET), 254);
    assert_int_equal(addresses_count(a, AF_INET6), 0);
    is_at(a, AF_INET, 0, "127.0.1.1");
    is_at(a, AF_INET, 253, "127.0.1.254");
    struct sockaddr_storage at;
    assert_false(addresses_at(a, AF_INET6, 0, &at));
    addresses_free(a);
    a = list_of("10.0.0.1/32,10.0.0.2/31");
    assert_int_equal(addresses_count(a, AF_INET), 3);
    is_at(a, AF_INET, 2, "10.0.0.3");
    addresses_free(a);
    a = list_of("2001:db8::ffff/64");
    assert_true(addresses_count(a, AF_INET6) == UINT64_MAX);
    is_at(a, AF_INET6, 0, "2001:db8::");
    is_at(a, AF_INET6, UINT64_C(0x1234567890), "2001:db8::12:3456:7890");
    addresses_free(a);
    a = list_of("2001:db8::/120");
    assert_int_equal(addresses_count(a, AF_INET6), 256);
    addresses_free(a);
    a = list_of("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    assert_true(addresses_count(a, AF_INET6) == UINT64_MAX);
    addresses_free(a);
}

static void what_is_no_list_is_refused_by_the_word(void **state)
{
    static const char *const wrong[] = {
        "10.0.0.256",
        "10.0.0.0/33",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "10.0.0.9-10.0.0.1",
        "10.0.0.1-::2",
        "localhost",
        "10.0.0.1/24/24",
        "::/129",
        "10.0.0.1-",
        "10.0.0.1-10.0.0.2-10.0.0.3",
        "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111"
        "11111111111111111"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *why = NULL;
        struct addresses *a = addresses_read(wrong[i], &why);
        assert_null(a);
        assert_non_null(strstr(why, "is neither an address nor"));
        assert_memory_equal(why + 1, wrong[i], strlen(wrong[i]) < 90 ? strlen(wrong[i]) : 90);
        free(why);
    }
    char *why = NULL;
    assert_null(addresses_read(" , ", &why));
    assert_non_null(strstr(why, "no address"));
    free(why);
}

static void what_this_machine_has_not_is_said(void **state)
{
    (void)state;
    char *why = NULL;
    struct addresses *a = list_of("127.0.1.0/24");
    assert_true(addresses_try(a, &why));
    addresses_free(a);
    a = list_of("127.0.0.1,203.0.113.7");
    assert_false(addresses_try(a, &why));
    assert_non_null(strstr(why, "no address 203.0.113.7"));
    assert_non_null(strstr(why, "ip addr add"));
    free(why);
    addresses_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_go_round_and_round),
        cmocka_unit_test(prefixes_have_what_hosts_may_have),
        cmocka_unit_test(what_is_no_list_is_refused_by_the_word),
        cmocka_unit_test(what_this_machine_has_not_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
