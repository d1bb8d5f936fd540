// SPDX-License-Identifier: MIT
#include "common/base/map.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_grows_and_stays_terminated(void **state)
{
    (void)state;
    struct sbuf b = {0};
    for (int i = 0; i < 5000; i++) {
        sbuf_addc(&b, (char)('a' + i % 26));
        assert_int_equal(strlen(b.data), (size_t)i + 1);
    }
    sbuf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
    sbuf_add(&b, NULL, 0);
    sbuf_adds(&b, "x");
    char *taken = sbuf_take(&b);
    assert_string_equal(taken, "x");
    assert_null(b.data);
    free(taken);
    taken = sbuf_take(&b);
    assert_string_equal(taken, "");
    free(taken);
    sbuf_fini(&b);
}

static void test_formats_of_any_length(void **state)
{
    (void)state;
    struct sbuf b = {0};
    for (int width = 1; width < 2000; width += 37) {
        sbuf_clear(&b);
        sbuf_addf(&b, "<%*d>", width, 7);
        assert_int_equal(b.len, (size_t)width + 2);
        assert_true(b.data[0] == '<' && b.data[b.len - 1] == '>');
    }
    sbuf_fini(&b);
}

static void what_is_refused_says_why(void **state)
{
    char *why = NULL;
    (void)state;
    assert_false(sbuf_refuse(&why, "%s: %d is too many", "users", 7));
    assert_string_equal(why, "users: 7 is too many");
    free(why);
}

static void test_json_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *want;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"\n\r\t\x01\x7f", 5, "\"\\n\\r\\t\\u0001\\u007f\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\xC3\xA9\xE2\x98\x83", 5, "\"\xC3\xA9\xE2\x98\x83\""},
        {"\xF0\x9F\x98\x80", 4, "\"\xF0\x9F\x98\x80\""},
        {"x\xC3", 2, "\"x\\ufffd\""},
        {"\xC0\x80", 2, "\"\\ufffd\\ufffd\""},
        {"\xED\xA0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\""},
        {"\xFFok", 3, "\"\\ufffdok\""},
    };
    struct sbuf b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sbuf_clear(&b);
        sbuf_add_json(&b, cases[i].text, cases[i].len);
        assert_string_equal(b.data, cases[i].want);
    }
    sbuf_fini(&b);
}

static void test_csv_fields(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"", "", ""},
        {"plain text", "plain text", "plain text"},
        {"a,b", "\"a,b\"", "\"a,b\""},
        {"say \"hi\"", "\"say \"\"hi\"\"\"", "\"say \"\"hi\"\"\""},
        {"two\r\nlines", "\"two\r\nlines\"", "\"two\r\nlines\""},
        {"=1+1", "=1+1", "'=1+1"},
        {"@a,b", "\"@a,b\"", "\"'@a,b\""},
        {"a=b", "a=b", "a=b"},
    };
    struct sbuf b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sbuf_clear(&b);
        sbuf_adds(&b, "");
        sbuf_add_csv(&b, cases[i][0]);
        assert_string_equal(b.data, cases[i][1]);
        sbuf_clear(&b);
        sbuf_adds(&b, "");
        sbuf_add_csv_no_formula(&b, cases[i][0]);
        assert_string_equal(b.data, cases[i][2]);
    }
    sbuf_fini(&b);
}

static void test_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len, valid;
    } cases[] = {{"abc", 3, 3},
                 {"\xC3\xA9", 2, 2},
                 {"\xC3\xA9", 1, 0},
                 {"a\xC1\xBF", 3, 1},
                 {"\xE0\x80\x80", 3, 0},
                 {"\xED\x9F\xBF", 3, 3},
                 {"\xEE\x80\x80", 3, 3},
                 {"\xF4\x8F\xBF\xBF", 4, 4},
                 {"\xF4\x90\x80\x80", 4, 0},
                 {"\xF5\x80\x80\x80", 4, 0},
                 {"\x80", 1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (utf8_valid_prefix(cases[i].text, cases[i].len) != cases[i].valid)
            fail_msg("case %zu: got %zu", i, utf8_valid_prefix(cases[i].text, cases[i].len));
    uint32_t cp;
    assert_int_equal(utf8_next("\xF0\x9F\x98\x80", 4, &cp), 4);
    assert_int_equal(cp, 0x1F600);
    assert_int_equal(utf8_cut("a\xC3\xA9", 3, 2), 1);
    assert_int_equal(utf8_cut("a\xC3\xA9", 3, 3), 3);
    struct sbuf b = {0};
    utf8_add_clean(&b, "a\xFFz\xC3", 4);
    assert_string_equal(b.data, "a\xEF\xBF\xBDz\xEF\xBF\xBD");
    sbuf_fini(&b);
}

static bool is_text(const void *value, const void *key)
{
    return strcmp(value, key) == 0;
}

static void test_map_finds_what_was_added(void **state)
{
    (void)state;
    static char keys[3000][16];
    struct map m = {0};
    assert_null(map_find(&m, 1, is_text, "x"));
    for (int i = 0; i < 3000; i++) {
        int len = snprintf(keys[i], sizeof keys[i], "key %d", i);
        map_add(&m, map_hash(0, keys[i], (size_t)len), keys[i]);
    }
    for (int i = 0; i < 3000; i++)
        assert_ptr_equal(map_find(&m, map_hash(0, keys[i], strlen(keys[i])), is_text, keys[i]),
                         keys[i]);
    assert_null(map_find(&m, map_hash(0, "key 3000", 8), is_text, "key 3000"));
    map_clear(&m);
    assert_null(map_find(&m, map_hash(0, keys[1], strlen(keys[1])), is_text, keys[1]));
    map_add(&m, 7, keys[1]);
    map_add(&m, 7, keys[2]); /* the same hash for two keys */
    assert_ptr_equal(map_find(&m, 7, is_text, keys[2]), keys[2]);
    map_fini(&m);
}

static void test_hash_sees_every_byte(void **state)
{
    (void)state;
    char text[40];
    memset(text, 'a', sizeof text);
    for (size_t len = 1; len <= sizeof text; len++) {
        uint64_t whole = map_hash(1, text, len);
        assert_true(whole != map_hash(1, text, len - 1));
        assert_true(whole != map_hash(2, text, len));
        for (size_t i = 0; i < len; i++) {
            text[i] ^= 1;
            if (map_hash(1, text, len) == whole)
                fail_msg("byte %zu of %zu does not count", i, len);
            text[i] ^= 1;
        }
    }
}

static void decimals_are_short_and_exact(void **state)
{
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "0"},
                 {1, "1"},
                 {0.5, "0.5"},
                 {0.05, "0.05"},
                 {0.001, "0.001"},
                 {0.0004, "0"},
                 {-0.0004, "0"},
                 {-2.25, "-2.25"},
                 {1.9996, "2"},
                 {1e14, "100000000000000"},
                 {1700000000.123, "1700000000.123"},
                 {1e15, "null"},
                 {-1e300, "null"},
                 {NAN, "null"},
                 {INFINITY, "null"},
                 {100.25, "100.25"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sbuf b = {0};
        sbuf_add_decimal(&b, cases[i].number);
        assert_string_equal(b.data, cases[i].text);
        sbuf_fini(&b);
    }
    struct sbuf b = {0};
    sbuf_add_u64(&b, 0);
    sbuf_addc(&b, ' ');
    sbuf_add_u64(&b, UINT64_MAX);
    assert_string_equal(b.data, "0 18446744073709551615");
    sbuf_fini(&b);
}

static void a_member_is_a_text_or_null(void **state)
{
    struct sbuf b = {0};
    (void)state;
    sbuf_add_json_member(&b, "name", "a \"b\"");
    sbuf_add_json_member(&b, "none", NULL);
    assert_string_equal(b.data, ",\"name\":\"a \\\"b\\\"\",\"none\":null");
    sbuf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_short_and_exact),
        cmocka_unit_test(test_grows_and_stays_terminated),
        cmocka_unit_test(test_formats_of_any_length),
        cmocka_unit_test(what_is_refused_says_why),
        cmocka_unit_test(test_json_strings),
        cmocka_unit_test(a_member_is_a_text_or_null),
        cmocka_unit_test(test_csv_fields),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_map_finds_what_was_added),
        cmocka_unit_test(test_hash_sees_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
