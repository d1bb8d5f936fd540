// SPDX-License-Identifier: MIT
/* timeline_json, html_report_data: a run's timeline as JSON, read back and compared with its
 * statistics. */
#include "master/data/events.h"
#include "master/web/html_report.h"
#include "master/data/timeline.h"
#include "master/data/view_build.h"
#include "master/web/feed.h"
#include "master/web/timeline_json.h"
#include "master/web/html_report_data.h"
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1700000000
#define SECONDS 400
#define ROWS 3

static struct stats stats;
static struct timeline *timeline;
static struct events *events;
static struct view *view;

static void put(const char *name, uint64_t n, uint64_t failures, uint64_t us, double at)
{
    struct tally more, *row = stats_row(&stats, "GET", 3, name, strlen(name));
    struct sbuf hist = {0}, failed = {0};
    tally_init(&more, NULL, NULL);
    more.requests = n;
    more.failures = failures;
    more.bytes = 10 * n;
    more.sum_us = n * us;
    more.min_us = more.max_us = us;
    more.first_at = more.last_at = at;
    more.extra.status[2] = n - failures;
    more.extra.status[4] = failures;
    more.extra.phased = n;
    more.extra.phase_us[PHASE_WAIT] = n * us;
    hist_add(&more.hist, us, n);
    if (failures > 0) {
        char text[] = "404 for </script> 10.0.0.1:8080";
        struct failure one = {.method = row->method,
                              .name = row->name,
                              .text = text,
                              .count = failures,
                              .first_at = at,
                              .last_at = at};
        hist_add(tally_part(&more, PART_failed), us, failures);
        hist_pack(more.failed, &failed);
        timeline_failure(timeline, stats_note_failure(&stats, &one)->number, &one);
    }
    tally_merge(row, &more);
    tally_merge(&stats.total, &more);
    hist_pack(&more.hist, &hist);
    timeline_row(timeline, row->number, &more,
                 &(struct tally_packed){{hist.data, hist.len}, {{failed.data, failed.len}}});
    sbuf_fini(&hist);
    sbuf_fini(&failed);
    tally_fini(&more);
}

static int make_run(void **state)
{
    (void)state;
    static const char *const names[ROWS] = {"/a", "</script><b>\xff\x01", "/\342\200\256c"};
    struct view_builder *m = view_builder_new();
    stats_init(&stats, NOW, STATS_LIMITS_DEFAULT);
    timeline = timeline_new((size_t)64 << 20);
    events = events_new();
    timeline_clear(timeline, NOW);
    events_add(events, NOW, "start", "go </script>");
    for (int s = 0; s < SECONDS; s++) {
        timeline_report(timeline, 0, NOW + s, NOW + s + 1);
        for (int i = 0; i < ROWS; i++)
            put(names[i], (uint64_t)(i + 1), i == 1 ? 1 : 0, (uint64_t)(1000 * (i + 1) + s),
                NOW + s);
        timeline_users(timeline, NOW + s, 5, 6);
        struct timeline_health h = {.samples = 1, .cpu_sum = 300, .cpu_max = 300, .users_sum = 5};
        timeline_health(timeline, NOW + s, &h);
        for (int i = 0; s >= 100 && s < 110 && i < 1; i++)
            events_watch(events, NOW + s, 0, "w", &(struct events_health){.cpu = 99, .lag_ms = 1});
    }
    timeline_close(timeline, NOW + SECONDS);
    timeline_work(timeline, true);
    view =
        view_builder_build(m,
                           &(struct view){.boot_id = "b",
                                          .run_id = "r",
                                          .state = "stopped",
                                          .started_at = NOW,
                                          .ended_at = NOW + SECONDS,
                                          .timeline = timeline_snapshot(timeline),
                                          .events = events_snapshot(events),
                                          .losses = &(struct view_loss){NOW + 350, NOW + 360, "w2"},
                                          .loss_count = 1},
                           &stats);
    view_builder_free(m);
    return 0;
}

static int end_run(void **state)
{
    (void)state;
    view_unref(view);
    events_free(events);
    timeline_free(timeline);
    stats_fini(&stats);
    return 0;
}

static json_t *parsed(struct sbuf *text)
{
    json_error_t why;
    json_t *root = json_loadb(text->data, text->len, 0, &why);
    if (root == NULL)
        fail_msg("%s: %.200s", why.text, text->data);
    sbuf_fini(text);
    return root;
}

static struct query query(const char *text)
{
    struct form f;
    struct query q;
    struct query_error e;
    assert_true(form_parse(&f, text, strlen(text)));
    assert_true(query_read(&f, &q, &e));
    form_fini(&f);
    return q;
}

static json_t *range(const char *text)
{
    struct sbuf out = {0};
    struct query q = query(text);
    timeline_json_range(&out, view, &q);
    return parsed(&out);
}

static double number(json_t *row, size_t i)
{
    return json_number_value(json_array_get(row, i));
}

static void same_row(json_t *columns, json_t *got, json_t *want)
{
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const char *name = json_string_value(json_array_get(columns, i));
        if (strstr(name, "rps") == NULL && fabs(number(got, i) - number(want, i)) > 1e-9)
            fail_msg("%s: %f, not %f", name, number(got, i), number(want, i));
    }
}

/* The seconds that a page gets live are those that it could fetch. */
static void the_newest_seconds_have_every_column(void **state)
{
    (void)state;
    struct feed_mark mark = {.columns = 3};
    struct sbuf out = {0};
    feed_tick(view, &mark, &out);
    json_t *tick = parsed(&out), *points = json_object_get(tick, "points");
    struct query q = query("step=1&columns=all");
    struct settled_range r = timeline_json_settle_steps(view, &q, TIMELINE_JSON_STEPS);
    timeline_json_series(&out, view, &q, &r);
    json_t *series = parsed(&out), *all = json_object_get(series, "points");
    size_t count = json_array_size(points), skip = json_array_size(all) - count, i;
    json_t *point;
    assert_true(count > 0);
    json_array_foreach(points, i, point)
        assert_true(json_equal(point, json_array_get(all, skip + i)));
    json_decref(series);
    json_decref(tick);
}

static void a_range_over_all_is_what_the_tick_has(void **state)
{
    (void)state;
    struct feed_mark mark = {0};
    struct sbuf out = {0};
    feed_tick(view, &mark, &out);
    json_t *tick = parsed(&out), *all = range("");
    json_t *columns = json_object_get(all, "columns"), *want, *got;
    size_t i, k;
    assert_true(json_is_true(json_object_get(all, "complete")));
    same_row(columns, json_object_get(all, "total"), json_object_get(tick, "total"));
    assert_int_equal(json_array_size(json_object_get(all, "rows")), ROWS);
    json_array_foreach(json_object_get(all, "rows"), i, got)
    {
        json_array_foreach(json_object_get(tick, "rows"), k, want)
        {
            if (json_equal(json_array_get(got, 0), json_array_get(want, 0)))
                same_row(columns, got, want);
        }
    }
    assert_true(fabs(number(json_object_get(all, "total"), 4) - 6) < 1e-9); /* rps */
    json_t *failed = json_array_get(json_object_get(all, "failures"), 0);
    assert_int_equal(number(failed, 1), SECONDS);
    assert_int_equal(number(failed, 3), NOW + SECONDS - 1);
    json_decref(all);
    json_decref(tick);
}

static void ranges_that_meet_add_up(void **state)
{
    (void)state;
    double sum[3] = {0};
    static const char *const parts[] = {"to=1700000033", "from=1700000033&to=1700000287",
                                        "from=1700000287"};
    for (size_t i = 0; i < 3; i++) {
        json_t *part = range(parts[i]), *total = json_object_get(part, "total");
        for (size_t k = 0; k < 3; k++)
            sum[k] += number(total, k + 1);
        json_decref(part);
    }
    assert_true(sum[0] == 6 * SECONDS && sum[1] == SECONDS && sum[2] == 0);
}

static void a_saturated_second_makes_its_range_not_valid(void **state)
{
    (void)state;
    json_t *good = range("from=1700000000&to=1700000050");
    json_t *bad = range("from=1700000050&to=1700000105");
    assert_true(json_is_true(json_object_get(good, "valid")));
    assert_true(json_is_false(json_object_get(bad, "valid")));
    json_t *span = json_array_get(json_object_get(bad, "saturated"), 0);
    assert_string_equal(json_string_value(json_array_get(span, 3)), "cpu");
    json_decref(good);
    json_decref(bad);
}

static void what_a_lost_worker_never_told_makes_its_range_not_valid(void **state)
{
    (void)state;
    json_t *good = range("from=1700000300&to=1700000350");
    json_t *bad = range("from=1700000355&to=1700000356");
    assert_true(json_is_true(json_object_get(good, "valid")));
    assert_int_equal(json_array_size(json_object_get(good, "lost")), 0);
    assert_true(json_is_false(json_object_get(bad, "valid")));
    json_t *span = json_array_get(json_object_get(bad, "lost"), 0);
    assert_true(number(span, 0) == NOW + 350 && number(span, 1) == NOW + 360);
    assert_string_equal(json_string_value(json_array_get(span, 2)), "w2");
    json_decref(good);
    json_decref(bad);
}

static void a_range_outside_is_empty_and_one_of_a_worker_is_its_own(void **state)
{
    (void)state;
    json_t *none = range("from=5&to=9"), *later = range("from=1800000000");
    json_t *worker = range("worker=0"), *nobody = range("worker=77");
    assert_int_equal(number(json_object_get(none, "total"), 1), 0);
    assert_int_equal(number(json_object_get(later, "total"), 1), 0);
    assert_int_equal(number(json_object_get(worker, "total"), 1), 6 * SECONDS);
    assert_int_equal(number(json_object_get(nobody, "total"), 1), 0);
    json_decref(none);
    json_decref(later);
    json_decref(worker);
    json_decref(nobody);
}

static void a_series_has_its_columns_and_all_of_the_run(void **state)
{
    (void)state;
    static const char *const asks[] = {"", "step=7", "columns=all&step=60", "id=2&columns=all"};
    for (size_t i = 0; i < 4; i++) {
        struct sbuf out = {0};
        struct query q = query(asks[i]);
        struct settled_range r = timeline_json_settle_steps(view, &q, TIMELINE_JSON_STEPS);
        timeline_json_series(&out, view, &q, &r);
        json_t *root = parsed(&out), *points = json_object_get(root, "points"), *point;
        size_t columns = json_array_size(json_object_get(root, "columns")), k;
        double requests = 0;
        assert_int_equal(columns, i < 2 ? 9 : 29);
        json_array_foreach(points, k, point)
        {
            int64_t at = (int64_t)number(point, 0);
            int64_t from = at < NOW ? NOW : at;
            int64_t to = at + r.step < NOW + SECONDS ? at + r.step : NOW + SECONDS;
            assert_int_equal(json_array_size(point), columns);
            requests += number(point, 1) * (double)(to - from);
        }
        double want = (i < 3 ? 6 : 2) * SECONDS;
        assert_true(fabs(requests - want) < 0.5);
        json_decref(root);
    }
}

static void a_distribution_has_every_request(void **state)
{
    (void)state;
    struct sbuf out = {0};
    struct query q = query("");
    timeline_json_distribution(&out, view, &q);
    json_t *root = parsed(&out), *bucket;
    size_t i;
    double ok = 0, failed = 0, last = 0;
    json_array_foreach(json_object_get(root, "buckets"), i, bucket)
    {
        assert_true(number(bucket, 0) >= last && number(bucket, 1) > number(bucket, 0));
        last = number(bucket, 1);
        ok += number(bucket, 2);
        failed += number(bucket, 3);
    }
    assert_true(json_array_size(json_object_get(root, "buckets")) <= 400);
    assert_true(ok == 5 * SECONDS && failed == SECONDS);
    last = 0;
    json_array_foreach(json_object_get(root, "curve"), i, bucket)
    {
        assert_true(number(bucket, 1) >= last);
        last = number(bucket, 1);
    }
    json_t *ci = json_object_get(json_object_get(root, "ci95"), "p50");
    double p50 = tally_quantile_ms(&stats.total, 0.5);
    assert_true(number(ci, 0) <= p50 && p50 <= number(ci, 1));
    json_decref(root);
}

static void a_heatmap_has_every_request(void **state)
{
    (void)state;
    struct sbuf out = {0};
    struct query q = query("");
    timeline_json_heatmap(&out, view, &q);
    json_t *root = parsed(&out), *cell;
    size_t i;
    double sum = 0;
    assert_int_equal(json_array_size(json_object_get(root, "bounds_ms")), 65);
    json_array_foreach(json_object_get(root, "cells"), i, cell)
    {
        assert_true(number(cell, 1) < 64);
        sum += number(cell, 2);
    }
    assert_true(sum == 6 * SECONDS);
    json_decref(root);
}

static void failures_have_a_course_and_a_kind(void **state)
{
    (void)state;
    struct sbuf out = {0};
    struct query q = query("from=1700000100&to=1700000200");
    timeline_json_failures(&out, view, &q);
    sbuf_addc(&out, '}'); /* it is the value of a member, with those that follow */
    struct sbuf whole = {0};
    sbuf_addf(&whole, "{\"failures\":%s", out.data);
    sbuf_fini(&out);
    json_t *answer = parsed(&whole), *list = json_object_get(answer, "failures");
    json_t *one = json_array_get(list, 0), *n;
    size_t i;
    double sum = 0;
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(json_integer_value(json_object_get(one, "count")), SECONDS);
    assert_int_equal(json_integer_value(json_object_get(one, "in_range")), 100);
    assert_string_equal(json_string_value(json_object_get(one, "kind")), "404 for </script> #");
    assert_true(json_array_size(json_object_get(one, "trend")) <= 30);
    json_array_foreach(json_object_get(one, "trend"), i, n)
    {
        sum += json_number_value(n);
    }
    assert_true(sum == 100);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(answer, "trend_at"), 0)),
                     NOW + 100);
    json_decref(answer);
}

/* Adds up a column of rows with that id. */
static double sum_of(json_t *rows, int id, size_t column)
{
    json_t *row;
    size_t i;
    double sum = 0;
    json_array_foreach(rows, i, row)
    {
        if ((int)number(row, 2) == id)
            sum += number(row, column);
    }
    return sum;
}

static uint64_t samples_of(json_t *rows, int id)
{
    json_t *row;
    size_t i;
    uint64_t sum = 0;
    json_array_foreach(rows, i, row)
    {
        json_t *hist = json_array_get(row, 6);
        for (size_t k = 1; (int)number(row, 2) == id && k < json_array_size(hist); k += 2)
            sum += (uint64_t)number(hist, k);
    }
    return sum;
}

static void the_windows_of_a_report_add_up_to_the_run(void **state)
{
    (void)state;
    struct sbuf out = {0};
    struct html_report_ask ask = {.script = "{\"file\":\"x.py\"}", .samples = "{\"kinds\":[]}"};
    html_report_data_add(&out, view, &ask, &(struct html_report_size){200, SIZE_MAX});
    json_t *root = parsed(&out);
    json_t *windows = json_object_get(json_object_get(root, "rows_windows"), "rows");
    json_t *run = json_object_get(json_object_get(root, "rows_run"), "rows");
    json_t *columns = json_object_get(json_object_get(root, "rows_run"), "columns");
    assert_int_equal(json_array_size(run), ROWS + 1);
    assert_true(json_array_size(windows) <= (ROWS + 1) * 120);
    assert_int_equal(json_array_size(columns), json_array_size(json_array_get(run, 0)));
    for (int id = 0; id <= ROWS; id++) {
        assert_true(samples_of(windows, id) == samples_of(run, id));
        for (size_t column = 3; column < 6; column++)
            assert_true(sum_of(windows, id, column) == sum_of(run, id, column));
    }
    assert_true(samples_of(run, 0) == 6 * SECONDS);
    assert_true(json_is_object(json_object_get(root, "script")));
    assert_true(json_is_object(json_object_get(root, "samples")));
    assert_true(json_is_null(json_object_get(root, "logs")));
    json_decref(root);
    html_report_data_add(&out, view, &ask, &(struct html_report_size){0, 1});
    root = parsed(&out);
    windows = json_object_get(json_object_get(root, "rows_windows"), "rows");
    run = json_object_get(json_object_get(root, "rows_run"), "rows");
    assert_true(sum_of(windows, 1, 3) == 0 && sum_of(windows, 0, 3) == 6 * SECONDS);
    assert_true(sum_of(run, 1, 3) == SECONDS && samples_of(run, 1) == 0);
    json_decref(root);
}

static void nothing_of_what_users_named_is_in_a_report(void **state)
{
    (void)state;
    struct sbuf out = {0};
    struct html_report_ask ask = {0};
    if (!html_report_make(view, &ask, &out)) { /* built without the page */
        sbuf_fini(&out);
        return;
    }
    const char *block = strstr(out.data, "id=\"katydid-report\">");
    assert_non_null(block);
    block = strchr(block, '>') + 1;
    size_t len = strspn(block, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
    assert_true(strncmp(block + len, "</script>", 9) == 0 && len > 1000);
    assert_null(strstr(out.data, "404 for"));
    assert_null(strstr(out.data, "go </script>"));
    assert_true(out.len < HTML_REPORT_MAX);
    sbuf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_seconds_have_every_column),
        cmocka_unit_test(a_range_over_all_is_what_the_tick_has),
        cmocka_unit_test(ranges_that_meet_add_up),
        cmocka_unit_test(a_saturated_second_makes_its_range_not_valid),
        cmocka_unit_test(what_a_lost_worker_never_told_makes_its_range_not_valid),
        cmocka_unit_test(a_range_outside_is_empty_and_one_of_a_worker_is_its_own),
        cmocka_unit_test(a_series_has_its_columns_and_all_of_the_run),
        cmocka_unit_test(a_distribution_has_every_request),
        cmocka_unit_test(a_heatmap_has_every_request),
        cmocka_unit_test(failures_have_a_course_and_a_kind),
        cmocka_unit_test(the_windows_of_a_report_add_up_to_the_run),
        cmocka_unit_test(nothing_of_what_users_named_is_in_a_report),
    };
    return cmocka_run_group_tests(tests, make_run, end_run);
}
