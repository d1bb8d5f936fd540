// SPDX-License-Identifier: MIT
/* path: one reading of a path, and no disguise for another one. */
#include "master/web/path.h"

#include "common/base/sbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

static void a_path_has_one_reading(void **state)
{
    static const struct {
        const char *raw;
        enum path_verdict verdict;
        const char *path, *encoded;
    } cases[] = {
        {"/", PATH_OK, "/", "/"},
        {"/api/v1/state", PATH_OK, "/api/v1/state", "/api/v1/state"},
        {"/%61pi/v1/st%61te", PATH_OK, "/api/v1/state", "/api/v1/state"},
        {"/a%20b/%C3%A4?", PATH_OK, "/a b/\xc3\xa4?", "/a%20b/%C3%A4%3F"},
        {"/%3f%23%25", PATH_OK, "/?#%", "/%3F%23%25"},
        {"/%252e%252e/x", PATH_OK, "/%2e%2e/x", "/%252e%252e/x"}, /* decoded once, no more */
        {"/a..b/.c/...", PATH_OK, "/a..b/.c/...", "/a..b/.c/..."},
        {"/a;b=1", PATH_OK, "/a;b=1", "/a;b=1"},
        {"/x/", PATH_OK, "/x/", "/x/"},
        {"//", PATH_DOUBLED, "/", "/"},
        {"//a///b//", PATH_DOUBLED, "/a/b/", "/a/b/"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sbuf path = {0}, encoded = {0};
        assert_int_equal(path_read(cases[i].raw, &path), cases[i].verdict);
        assert_string_equal(path.data, cases[i].path);
        path_add_encoded(&encoded, path.data);
        assert_string_equal(encoded.data, cases[i].encoded);
        sbuf_fini(&path);
        sbuf_fini(&encoded);
    }
}

static void what_can_be_read_in_two_ways_is_no_path(void **state)
{
    static const char *const cases[] = {
        "",
        "*",
        "api",
        "http://127.0.0.1/",
        "/.",
        "/..",
        "/./a",
        "/a/../b",
        "/a/..",
        "/a/.",
        "/%2e%2e/a",
        "/.%2E/a",
        "/%2e",
        "/a/..%2fb",
        "/a%2Fb",
        "/a%2f..%2f",
        "/a\\b",
        "/a/..\\b",
        "/a%5cb",
        "/a/%5c..",
        "/a/..;/b",
        "/a/..;x=1",
        "/.;/a",
        "/%2e%2e;/a",
        "//..//a",
        "/a%00b",
        "/a%00",
        "/a%0ab",
        "/a%0d%0aHost:x",
        "/a%7f",
        "/%",
        "/%2",
        "/%g1",
        "/%1g",
        "/%u002e/a",
        "/%%32%65",
        "/a%c0%ae",
        "/%c0%ae%c0%ae",
        "/%c0%af",
        "/%e0%80%ae",
        "/%ff",
        "/a\xff",
        "/%ed%a0%80",
        "/a#/../b",
        "/a\tb",
        "/a\nb",
        "/%2e%2e%2f",
        "/..%5c",
        "/%2e/%2e./",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sbuf path = {0};
        if (path_read(cases[i], &path) != PATH_BAD)
            fail_msg("%s was read as %s", cases[i], path.data);
        assert_int_equal(path.len, 0);
        sbuf_fini(&path);
    }
}

static void a_pattern_takes_one_part_of_a_path(void **state)
{
    static const struct {
        const char *pattern, *path, *piece; /* NULL: not this path */
    } cases[] = {
        {"/runs", "/runs", ""},
        {"/runs", "/runs/x", NULL},
        {"/runs/{run}", "/runs/x", "x"},
        {"/runs/{run}", "/runs/", NULL},
        {"/runs/{run}", "/runs", NULL},
        {"/runs/{run}", "/runs/x/", NULL},
        {"/runs/{run}/range", "/runs/latest~3/range", "latest~3"},
        {"/runs/{run}/range", "/runs/a/b/range", NULL},
        {"/runs/{run}/range", "/runs//range", NULL},
        {"/runs/{run}/range", "/runs/x/ranges", NULL},
        {"/runs/{run}", "/runs/12345678", "12345678"},
        {"/runs/{run}", "/runs/123456789", NULL}, /* too long: never "", which is another run */
        {"/runs/{run}", "/runs/{run}", "{run}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char piece[9] = "before";
        assert_int_equal(path_fits(cases[i].pattern, cases[i].path, piece, sizeof piece),
                         cases[i].piece != NULL);
        if (cases[i].piece != NULL)
            assert_string_equal(piece, cases[i].piece);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_has_one_reading),
        cmocka_unit_test(what_can_be_read_in_two_ways_is_no_path),
        cmocka_unit_test(a_pattern_takes_one_part_of_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
