// SPDX-License-Identifier: MIT
/* Files of runs that were exported once, and are imported for ever: whoever changes the format
 * keeps these, and adds the one before (tests/unit/golden/runs).
 *
 *   older.kdrun  a run of played_runs.h (2 rows, 150 s, 6 requests/s each, 100 ms, seed 7), by the
 *                exporter of c91d6bae: no courses, samples and lines, and less is known of the run
 *   now.kdrun    the same, 10,000 s later, 130 ms, seed 8, by that of 7a4a6729
 *   kept.kdrun   a real run of 3 s with all parts, with its samples, by that of 7a4a6729 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/data/timeline_read.h"
#include "master/store/history_words.h"
#include "master/store/run_kept.h"
#include "master/store/side.h"
#include "tests/unit/history_folder.h"
#include <math.h>

#define GOLDEN "tests/unit/golden/runs/"

static int open_new(void **state)
{
    (void)state;
    return open_history_folder();
}

static int close_it(void **state)
{
    (void)state;
    return close_history_folder();
}

static void import(const char *file, const char *id)
{
    char *why = NULL, *got = history_import(h, file, &why);
    if (!got)
        fail_msg("%s", why);
    assert_string_equal(got, id);
    free(got);
}

static struct stored *open_run(const char *id)
{
    char *why = NULL;
    struct stored *s = history_open_run(h, id, &stored_all, &why);
    if (!s)
        fail_msg("%s", why);
    assert_true(s->is_complete);
    assert_false(s->damaged);
    return s;
}

static double number_in(const json_t *of, const char *key)
{
    return json_number_value(json_object_get(of, key));
}

static uint64_t requests_between(const struct stored *s, uint32_t id, int64_t from, int64_t to)
{
    struct timeline_plan plan;
    struct tally t;
    tally_init(&t, NULL, NULL);
    timeline_plan(s->timeline, from, to, &plan);
    timeline_read_row(&plan, id, &t);
    const uint64_t requests = t.requests;
    timeline_plan_fini(&plan);
    tally_fini(&t);
    return requests;
}

/* All its figures, second by second, and what is known of it. */
static void assert_played(const char *id, int64_t started, double p50, double p95)
{
    struct stored *s = open_run(id);
    const json_t *totals = json_object_get(s->meta, "totals");
    assert_int_equal(s->stats.total.requests, 1800);
    assert_int_equal(s->view->row_count, 2);
    assert_string_equal(s->view->rows[1].name, "/row/1");
    assert_string_equal(s->view->rows[1].method, "GET");
    assert_true(number_in(totals, "p50") == p50 && number_in(totals, "p95") == p95);
    assert_true(s->view->total.p50 == p50 && s->view->total.p95 == p95);
    for (uint32_t row = 1; row <= 2; row++) {
        assert_int_equal(requests_between(s, row, started, started + 150), 900);
        assert_int_equal(requests_between(s, row, started + 77, started + 78), 6);
    }
    assert_string_equal(json_string_value(json_object_get(s->meta, "profile")), "shop");
    assert_string_equal(history_verdict(s->meta), "-");
    assert_true(number_in(s->meta, "started") == (double)started);
    assert_true(number_in(s->meta, "users") == 5);
    stored_close(s);
    json_t *metrics = history_metrics(h, id);
    const json_t *first = json_array_get(metrics, 0); /* the total's share of failures */
    assert_int_equal(json_array_size(metrics), 3 * FIGURES);
    assert_string_equal(json_string_value(json_object_get(first, "metric")), "fail_ratio");
    assert_true(number_in(first, "blocks") >= 20);
    json_decref(metrics);
}

#define OLDER "01HF7YAT00PW9THGVPDZSEP1FH"
#define NOW "01HF87VZM05A0STH03DQY5RT25"
#define KEPT "01M8Q9E840CWQ4RS8JCNP0BTR9"

static void a_file_of_an_older_version_is_the_run_it_was(void **state)
{
    (void)state;
    import(GOLDEN "older.kdrun", OLDER);
    assert_played(OLDER, 1700000000, 98.048, 142.848);
    json_t *run = history_get(h, OLDER);
    assert_string_equal(json_string_value(json_object_get(run, "note")), "of an older Katydid");
    json_decref(run);
}

static void versions_are_compared_with_each_other(void **state)
{
    (void)state;
    import(GOLDEN "older.kdrun", OLDER);
    import(GOLDEN "now.kdrun", NOW);
    assert_played(NOW, 1700010000, 129.28, 189.952);
    struct side a = {.count = 0}, b = {.count = 0};
    const struct side_ask ask = {.gate = &gate_usual};
    struct contrast c;
    char *why = NULL;
    assert_true(side_open(&a, h, OLDER, &ask, &why) && side_open(&b, h, NOW, &ask, &why));
    contrast_make(&c, &(struct contrast_ask){.before = a.runs,
                                             .before_count = 1,
                                             .after = b.runs,
                                             .after_count = 1,
                                             .gate = &gate_usual});
    assert_null(c.refusal);
    assert_true(fabs(c.lines[0].change.change - 1.3) < 0.05);
    assert_int_equal(c.lines[0].answer, ANSWER_WORSE);
    contrast_fini(&c);
    side_close(&a);
    side_close(&b);
}

static void assert_has(const json_t *of, const char *words)
{
    char *text = json_dumps(of, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text || !strstr(text, words))
        fail_msg("'%s' is not in '%s'", words, text ? text : "");
    free(text);
}

static void what_a_run_has_besides_figures_is_there_too(void **state)
{
    struct sbuf text = {0};
    (void)state;
    import(GOLDEN "kept.kdrun", KEPT);
    struct stored *s = open_run(KEPT);
    assert_int_equal(s->stats.total.requests, 112);
    assert_int_equal(s->view->failure_count, 1);
    assert_string_equal(history_verdict(s->meta), "passed");
    assert_has(s->meta, "\"load\":[{\"name\":\"s\",\"users\":2.0}]");
    assert_has(json_object_get(s->totals, "verdict"), "fail_ratio < 90%");
    stored_close(s);
    char *path = history_path(h, KEPT);
    assert_true(run_kept_read(path, &text));
    json_t *kept = json_loadb(text.data, text.len, 0, NULL);
    assert_has(json_object_get(kept, "scenarios"), "\"name\":\"s\"");
    assert_has(json_object_get(kept, "metrics"), "basket_size");
    assert_has(json_object_get(kept, "metrics"), "there is tea");
    assert_has(json_object_get(kept, "samples"), "kinds");
    assert_has(json_object_get(kept, "logs"), "looked around");
    assert_has(json_object_get(kept, "script"), "class Shop(User)");
    json_decref(kept);
    sbuf_fini(&text);
    free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_new, close_it)
    const struct CMUnitTest tests[] = {
        TEST(a_file_of_an_older_version_is_the_run_it_was),
        TEST(versions_are_compared_with_each_other),
        TEST(what_a_run_has_besides_figures_is_there_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
