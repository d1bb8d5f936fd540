// SPDX-License-Identifier: MIT
#include "master/web/groups.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* The same cases as webui/tests/unit/prefix.test.ts: page and master group alike. */
static void a_prefix_is_the_first_parts_of_the_path(void **state)
{
    static const struct {
        const char *name, *prefix;
        uint32_t depth;
    } cases[] = {
        {"/shop/cart/3", "/shop/*", 1},
        {"/shop/cart/3", "/shop/cart/*", 2},
        {"/shop/cart/3", "/shop/cart/3", 3},
        {"/shop//cart/", "/shop/cart", 2},
        {"/shop?page=1/2", "/shop", 1},
        {"/shop/cart#a/b", "/shop/*", 1},
        {"HTTPS://shop.test:8080/a/b", "/a/*", 1},
        {"http://shop.test?x=/a", "/", 1},
        {"checkout", "/checkout", 1},
        {"mailto:a/b", "/mailto:a/*", 1},
        {"/", "/", 1},
        {"", "/", 1},
        {"?only", "/", 1},
    };
    struct sbuf out = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sbuf_clear(&out);
        groups_add_prefix(&out, cases[i].name, cases[i].depth);
        assert_string_equal(out.data, cases[i].prefix);
    }
    sbuf_fini(&out);
}

static void merge(struct groups *g, uint32_t id, uint64_t requests, uint64_t us)
{
    struct tally t;
    tally_init(&t, NULL, NULL);
    t.requests = requests;
    t.sum_us = requests * us;
    t.min_us = t.max_us = us;
    hist_add(&t.hist, us, requests);
    groups_merge(g, id, &t);
    tally_fini(&t);
}

static void rows_of_a_group_are_one(void **state)
{
    struct view_row rows[] = {{.id = 3, .method = "GET", .name = "/a/x"},
                              {.id = 1, .method = "POST", .name = "/a/y"},
                              {.id = 7, .method = "GET", .name = "/b"},
                              {.id = 2, .method = "GET", .name = "/c/1"}};
    const struct view v = {.rows = rows, .row_count = 4};
    struct groups *g = groups_new(&v, 1);
    struct sbuf out = {0};
    size_t next = 0;
    (void)state;
    merge(g, 1, 90, 1000);
    merge(g, 2, 5, 70);
    merge(g, 3, 10, 50000);
    merge(g, 99, 5, 70); /* nobody's */
    const struct tally *sum = groups_next(g, &next);
    assert_int_equal(sum->requests, 100);
    assert_true(tally_quantile_ms(sum, 0.5) < 2 && tally_quantile_ms(sum, 0.95) > 45);
    assert_int_equal(groups_next(g, &next)->requests, 5); /* "/b" has nothing */
    assert_null(groups_next(g, &next));
    groups_write(g, &out);
    assert_string_equal(out.data, "[[\"*\",\"/a/*\",2],[\"GET\",\"/c/*\",1]]");
    groups_free(g);
    sbuf_fini(&out);
}

static void a_view_without_rows_has_no_groups(void **state)
{
    const struct view v = {0};
    struct groups *g = groups_new(&v, 2);
    struct sbuf out = {0};
    size_t next = 0;
    (void)state;
    assert_null(groups_next(g, &next));
    groups_write(g, &out);
    assert_string_equal(out.data, "[]");
    groups_free(g);
    sbuf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_is_the_first_parts_of_the_path),
        cmocka_unit_test(rows_of_a_group_are_one),
        cmocka_unit_test(a_view_without_rows_has_no_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
