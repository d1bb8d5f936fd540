// SPDX-License-Identifier: MIT
/* feed and compat: a view as JSON and CSV, read back by a JSON parser. */
#include "master/web/compat.h"
#include "master/web/feed.h"
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct view_row rows[] = {
    {.id = 1, .changed_tick = 5, .method = "GET", .name = "/a", .requests = 10, .rps = 2.5},
    {.id = 2,
     .changed_tick = 9,
     .method = "=1",
     .name = "\"</script>\xff\x01",
     .requests = 3,
     .failures = 1},
};
static struct view_failure failures[] = {{1, "GET", "/a", "a,\"b\"\n", 1, 100, 101, NULL, 0}};
static struct view_worker workers[] = {{.id = "w1", .state = "running", .loop_lag_ms = -1},
                                       {.id = "w2", .state = "missing"}};
static struct view_point points[] = {
    {.second = 60, .rps = 10, .p50 = 1, .p95 = 5, .p99 = NAN, .mean_ms = 2, .users = 1},
    {.second = 61, .rps = 30, .p50 = 3, .p95 = 4, .p99 = 9, .mean_ms = 6, .users = 2},
    {.second = 62, .rps = 8, .p50 = NAN, .p95 = NAN, .p99 = NAN, .mean_ms = NAN, .users = 3},
};

static struct view_output outputs[] = {{.name = "csv", .dropped = 12, .trouble = "no \"room\""}};

static struct view example(void)
{
    return (struct view){.tick = 9,
                         .now = 100.5,
                         .boot_id = "b",
                         .run_id = "r",
                         .state = "running",
                         .version = "1",
                         .locustfile = "f.py",
                         .host = "",
                         .notice = "",
                         .is_distributed = true,
                         .total = {.method = "", .name = "Aggregated"},
                         .rows = rows,
                         .row_count = 2,
                         .failures = failures,
                         .failure_count = 1,
                         .kind_count = 1,
                         .workers = workers,
                         .worker_count = 2,
                         .outputs = outputs,
                         .output_count = 1,
                         .points = points,
                         .point_count = 3};
}

static json_t *parsed(struct sbuf *text)
{
    json_error_t why;
    json_t *root = json_loadb(text->data, text->len, 0, &why);
    if (root == NULL)
        fail_msg("%s in %s", why.text, text->data);
    sbuf_fini(text);
    return root;
}

static json_t *tick_after(struct feed_mark *mark)
{
    struct sbuf out = {0};
    struct view v = example();
    feed_tick(&v, mark, &out);
    return parsed(&out);
}

static void a_new_viewer_gets_everything(void **state)
{
    struct feed_mark mark = {0};
    json_t *tick = tick_after(&mark);
    (void)state;
    assert_int_equal(json_integer_value(json_object_get(tick, "since")), 0);
    assert_int_equal(json_array_size(json_object_get(tick, "defs")), 2);
    assert_int_equal(json_array_size(json_object_get(tick, "rows")), 2);
    assert_true(mark.tick == 9 && mark.rows == 2);
    json_decref(tick);
}

static void what_outputs_lack_is_told(void **state)
{
    (void)state;
    struct feed_mark mark = {0};
    json_t *tick = tick_after(&mark);
    char *text = json_dumps(json_object_get(tick, "outputs"), JSON_COMPACT);
    assert_string_equal(text, "[[\"csv\",12,\"no \\\"room\\\"\"]]");
    free(text);
    json_decref(tick);
}

static void a_known_viewer_gets_what_changed(void **state)
{
    struct feed_mark mark = {.tick = 5, .rows = 2, .boot = "b", .run = "r"};
    json_t *tick = tick_after(&mark);
    (void)state;
    assert_int_equal(json_integer_value(json_object_get(tick, "since")), 5);
    assert_int_equal(json_array_size(json_object_get(tick, "defs")), 0);
    json_t *changed = json_object_get(tick, "rows");
    assert_int_equal(json_array_size(changed), 1);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(changed, 0), 0)), 2);
    json_decref(tick);
}

static void a_mark_of_elsewhere_counts_for_nothing(void **state)
{
    struct feed_mark marks[] = {{.tick = 5, .rows = 2, .boot = "other", .run = "r"},
                                {.tick = 5, .rows = 2, .boot = "b", .run = "other"},
                                {.tick = 99, .rows = 2, .boot = "b", .run = "r"}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        json_t *tick = tick_after(&marks[i]);
        assert_int_equal(json_integer_value(json_object_get(tick, "since")), 0);
        assert_int_equal(json_array_size(json_object_get(tick, "rows")), 2);
        json_decref(tick);
    }
}

static size_t rows_of(struct feed_mark *mark, json_t **tick)
{
    *tick = tick_after(mark);
    return json_array_size(json_object_get(*tick, "rows"));
}

static void who_names_columns_gets_those(void **state)
{
    struct feed_mark mark = {.columns = 1 << 1 | 1 << 4}; /* requests, rps; the id goes with them */
    json_t *tick = tick_after(&mark), *row = json_array_get(json_object_get(tick, "rows"), 0);
    (void)state;
    assert_int_equal(json_integer_value(json_object_get(tick, "columns")), 1 | 1 << 1 | 1 << 4);
    assert_int_equal(json_array_size(row), 3);
    assert_int_equal(json_integer_value(json_array_get(row, 1)), 10);
    assert_true(fabs(json_number_value(json_array_get(row, 2)) - 2.5) < 1e-9);
    assert_int_equal(json_array_size(json_object_get(tick, "total")), FEED_COLUMNS);
    json_decref(tick);
}

static void other_columns_bring_every_row_once(void **state)
{
    struct feed_mark mark = {.columns = 3};
    json_t *tick;
    (void)state;
    assert_int_equal(rows_of(&mark, &tick), 2);
    json_decref(tick);
    assert_int_equal(rows_of(&mark, &tick), 0);
    json_decref(tick);
    mark.columns = 7;
    assert_int_equal(rows_of(&mark, &tick), 2);
    assert_int_equal(json_integer_value(json_object_get(tick, "since")), 9); /* not a new start */
    json_decref(tick);
    assert_int_equal(rows_of(&mark, &tick), 0);
    json_decref(tick);
    mark.columns = 3; /* fewer: nothing is missing */
    assert_int_equal(rows_of(&mark, &tick), 0);
    json_decref(tick);
}

static void numbers_of_named_columns_are_cut(void **state)
{
    struct sbuf out = {0};
    struct view v = example();
    struct view_row row = {.id = 1, .p50 = 0.1234, .p90 = 1.2345, .p95 = 12.345, .p99 = 1234.5};
    struct feed_mark mark = {.columns = 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13};
    (void)state;
    v.rows = &row;
    v.row_count = 1;
    feed_tick(&v, &mark, &out);
    assert_non_null(strstr(out.data, "\"rows\":[[1,0.123,1.23,12.3,1235]]"));
    sbuf_fini(&out);
}

static void columns_fit_their_rows(void **state)
{
    struct sbuf out = {0};
    struct view v = example();
    struct feed_mark mark = {0};
    (void)state;
    feed_hello(&v, &out);
    json_t *hello = parsed(&out), *columns = json_object_get(hello, "columns");
    json_t *tick = tick_after(&mark);
    const char *const pairs[][2] = {{"row", "rows"}, {"point", "points"}, {"worker", "workers"}};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(json_array_size(json_object_get(columns, pairs[i][0])),
                         json_array_size(json_array_get(json_object_get(tick, pairs[i][1]), 0)));
    json_decref(tick);
    json_decref(hello);
}

static void locusts_json(void **state)
{
    struct sbuf out = {0};
    struct view v = example();
    (void)state;
    v.statistics = (struct tunables_shares){{0.95, 0.123}, 2};
    v.chart = (struct tunables_shares){{0.7}, 1};
    v.chart_ms[0] = 12.4;
    v.rows[0].asked[1] = 7.6;
    compat_requests(&v, &out);
    json_t *root = parsed(&out), *stats = json_object_get(root, "stats");
    assert_int_equal(json_array_size(stats), 3);
    json_t *now = json_object_get(root, "current_response_time_percentiles");
    assert_int_equal(json_object_size(now), 1);
    assert_int_equal(json_integer_value(json_object_get(now, "response_time_percentile_0.7")), 12);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(stats, 0),
                                                        "response_time_percentile_0.123")),
                     8);
    assert_string_equal(json_string_value(json_object_get(json_array_get(stats, 2), "name")),
                        "Aggregated");
    assert_int_equal(json_integer_value(json_object_get(root, "worker_count")), 1);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(root, "errors"), 0), "error")),
                        "a,\"b\"\n");
    assert_true(json_is_number(json_object_get(root, "fail_ratio")));
    json_decref(root);
    compat_exceptions(&v, &out);
    root = parsed(&out);
    assert_int_equal(json_array_size(json_object_get(root, "exceptions")), 0);
    json_decref(root);
}

static void downloads_are_named_as_in_locust(void **state)
{
    struct sbuf out = {0};
    struct view v = example();
    (void)state;
    v.locustfile = "my file.py";
    v.host = "http://a/\r\nSet-Cookie: x";
    v.started_at = 1700000000;
    compat_file_name(&v, "_requests.csv", &out);
    assert_int_equal(strncmp(out.data, "Locust_2023-11-1", 16), 0);
    assert_non_null(strstr(out.data, "_my_file.py_http://a/__Set-Cookie:_x_requests.csv"));
    sbuf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_viewer_gets_everything),
        cmocka_unit_test(what_outputs_lack_is_told),
        cmocka_unit_test(a_known_viewer_gets_what_changed),
        cmocka_unit_test(a_mark_of_elsewhere_counts_for_nothing),
        cmocka_unit_test(who_names_columns_gets_those),
        cmocka_unit_test(other_columns_bring_every_row_once),
        cmocka_unit_test(numbers_of_named_columns_are_cut),
        cmocka_unit_test(columns_fit_their_rows),
        cmocka_unit_test(locusts_json),
        cmocka_unit_test(downloads_are_named_as_in_locust),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
