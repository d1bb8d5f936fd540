// SPDX-License-Identifier: MIT
/* Parts of a JSON text are found without making it; what is broken is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/sbuf.h"
#include "master/store/json_slice.h"
#include <string.h>

static struct json_slice slice(const char *text)
{
    return (struct json_slice){text, strlen(text)};
}

static bool add(void *arg, struct json_slice key, struct json_slice value)
{
    sbuf_addf(arg, "%.*s=%.*s;", (int)key.len, key.text ? key.text : "", (int)value.len,
              value.text);
    return true;
}

static void assert_parts(const char *text, const char *parts)
{
    struct sbuf out = {0};
    sbuf_adds(&out, "");
    assert_true(json_slice_each(slice(text), add, &out));
    assert_string_equal(out.data, parts);
    sbuf_fini(&out);
}

static void parts_are_found(void **state)
{
    (void)state;
    assert_parts("{}", "");
    assert_parts(" [ ] ", "");
    assert_parts("{\"a\":1,\"b\" : [2, {\"c\":\"]}\"}] , \"d\":\"\\\"}\"}",
                 "a=1;b=[2, {\"c\":\"]}\"}];d=\"\\\"}\";");
    assert_parts("[1,\n-2.5e3,\"x\",null,[[]]]", "=1;=-2.5e3;=\"x\";=null;=[[]];");
}

static void what_is_broken_is_told(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",         "1",       "\"a\"",     "{",          "[1",
        "[1,]",     "{\"a\"}", "{\"a\":}",  "{\"a\":1,}", "{a:1}",
        "[1] 2",    "[\"a",    "[\"a\\\"]", "[[1]",       "{\"a\":1 \"b\":2}",
        "{\"a\" 1}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct sbuf out = {0};
        if (json_slice_each(slice(texts[i]), add, &out))
            fail_msg("'%s' is taken", texts[i]);
        sbuf_fini(&out);
    }
    assert_false(json_slice_each((struct json_slice){0}, add, NULL));
}

static void members_are_found_by_name(void **state)
{
    (void)state;
    const struct json_slice all = slice("{\"ab\":1,\"a\":[1,2,3],\"a\":2}");
    const struct json_slice a = json_slice_member(all, "a");
    assert_int_equal(a.len, 7);
    assert_memory_equal(a.text, "[1,2,3]", 7);
    assert_int_equal(json_slice_count(a), 3);
    assert_null(json_slice_member(all, "b").text);
    assert_int_equal(json_slice_count(json_slice_member(all, "b")), 0);
    assert_int_equal(json_slice_count(slice("[1,")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found),
        cmocka_unit_test(what_is_broken_is_told),
        cmocka_unit_test(members_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
