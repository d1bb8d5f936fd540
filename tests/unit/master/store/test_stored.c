// SPDX-License-Identifier: MIT
/* A run that was stored and read again is the run it was; of one whose master was gone there is
 * what was written; runs compared with each other say which row became slower. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/data/timeline_read.h"
#include "master/store/history_words.h"
#include "master/store/run_file.h"
#include "master/store/side.h"
#include "tests/unit/history_folder.h"
#include "tests/unit/played_runs.h"
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double clock_s;

static int open_new(void **state)
{
    (void)state;
    clock_s = 1700000000;
    return open_history_folder();
}

static int close_it(void **state)
{
    (void)state;
    return close_history_folder();
}

static struct played usual(void)
{
    clock_s += 10000;
    return (struct played){.folder = folder,
                           .id = "r",
                           .rows = 3,
                           .seconds = 150,
                           .per_second = 20,
                           .started = clock_s,
                           .level_ms = 100,
                           .users = 5,
                           .seed = (uint64_t)clock_s};
}

static struct stored *newest(void)
{
    char *why = NULL;
    json_t *found = history_find(h, "latest", NULL, &why);
    struct stored *s = history_open_run(
        h, json_string_value(json_object_get(json_array_get(found, 0), "id")), &stored_all, &why);
    json_decref(found);
    assert_non_null(s);
    return s;
}

static char *id_of_newest(void)
{
    char *why = NULL;
    json_t *found = history_find(h, "latest", NULL, &why);
    char *id = mem_strdup(json_string_value(json_object_get(json_array_get(found, 0), "id")));
    json_decref(found);
    return id;
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

static void a_stored_run_is_the_run_it_was(void **state)
{
    (void)state;
    const struct played p = usual();
    play_run(p);
    struct stored *s = newest();
    const int64_t start = (int64_t)p.started;
    assert_true(s->is_complete);
    assert_false(s->damaged);
    assert_int_equal(s->stats.total.requests, 150 * 3 * 20);
    assert_int_equal(s->view->row_count, 3);
    assert_int_equal(s->view->total.requests, 150 * 3 * 20);
    assert_true(fabs(s->view->total.p50 - 100) < 5);
    assert_string_equal(s->view->rows[0].name, "/row/0");
    for (uint32_t id = 1; id <= 3; id++) { /* any second of any row */
        assert_int_equal(requests_between(s, id, start, start + 150), 150 * 20);
        assert_int_equal(requests_between(s, id, start + 77, start + 78), 20);
        assert_int_equal(requests_between(s, id, start + 3, start + 149), 146 * 20);
    }
    assert_string_equal(json_string_value(json_object_get(s->meta, "state")), "done");
    assert_string_equal(json_string_value(json_object_get(s->meta, "profile")), "shop");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(s->meta, "totals"), "requests")), 9000);
    assert_true(fabs(history_row_figure(h, json_string_value(json_object_get(s->meta, "id")), "GET",
                                        "/row/2", "p95") -
                     145) < 10);
    stored_close(s);
}

static void of_an_interrupted_run_there_is_what_was_written(void **state)
{
    (void)state;
    struct played p = usual();
    p.is_cut_off = true;
    p.seconds = 50;
    play_run(p);
    char *why = NULL;
    assert_null(history_find(h, "latest", NULL, &why)); /* it is said to go on */
    free(why);
    assert_int_equal(history_mend(h, false, NULL), 1);
    assert_int_equal(history_mend(h, false, NULL), 0);
    struct stored *s = newest();
    assert_string_equal(json_string_value(json_object_get(s->meta, "state")), "interrupted");
    assert_false(json_is_true(json_object_get(s->meta, "valid")));
    assert_int_equal(s->stats.total.requests, 49 * 3 * 20); /* the last tick was at second 48 */
    assert_int_equal(s->view->row_count, 3);
    assert_int_equal(s->view->rows[1].requests, 49 * 20);
    stored_close(s);
}

/* As on a disk that fills: no file may grow beyond that. The run goes on; what was written is
 * whole. */
static void of_a_run_whose_disk_is_full_there_is_what_fitted(void **state)
{
    (void)state;
    const struct rlimit small = {200u << 10, 200u << 10};
    struct played p = usual();
    int status = -1;
    p.seconds = 600;
    p.rows = 10;
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &small) == 0)
            play_run(p);
        _exit(0);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    history_mend(h, true, NULL);
    struct stored *s = newest();
    assert_false(s->is_complete);
    assert_true(s->stats.total.requests > 0 && s->stats.total.requests < 600 * 10 * 20);
    assert_int_equal(requests_between(s, 1, (int64_t)p.started, (int64_t)p.started + 10), 10 * 20);
    stored_close(s);
    play_run(usual()); /* there is room again */
    s = newest();
    assert_true(s->is_complete);
    stored_close(s);
}

static void remove_table(void)
{
    static const char *const names[] = {"runs.db", "runs.db-wal", "runs.db-shm"};
    char path[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
}

static void a_table_that_is_lost_is_made_anew(void **state)
{
    (void)state;
    char *why = NULL;
    play_run(usual());
    play_run(usual());
    history_close(h);
    remove_table();
    h = history_open(folder, true, &why);
    assert_int_equal(history_mend(h, true, NULL), 2);
    struct stored *s = newest();
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(s->meta, "totals"), "requests")), 9000);
    stored_close(s);
}

static void put_byte(const char *path, long at, unsigned char byte)
{
    FILE *file = fopen(path, "r+be");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    fputc(byte, file);
    assert_int_equal(fclose(file), 0);
}

/* The others are taken in all the same, and compared. */
static void a_file_that_cannot_be_read_is_left_with_a_word(void **state)
{
    (void)state;
    char *why = NULL, *paths[3];
    struct sbuf skipped = {0};
    for (size_t i = 0; i < 3; i++) {
        play_run(usual());
        char *id = id_of_newest();
        paths[i] = history_path(h, id);
        free(id);
    }
    put_byte(paths[0], 6, 99);  /* its version */
    put_byte(paths[1], 0, 'X'); /* what it is */
    struct side side = {.count = 0};
    const struct side_ask ask = {.gate = &gate_usual};
    assert_true(side_open(&side, h, "latest 3", &ask, &why));
    assert_int_equal(side.count, 1);
    side_close(&side);
    assert_false(side_open(&side, h, "latest~1", &ask, &why));
    assert_non_null(strstr(why, "this is no file of a run"));
    side_close(&side);
    free(why);
    history_close(h);
    remove_table();
    assert_non_null(h = history_open(folder, true, &why));
    assert_int_equal(history_mend(h, true, &skipped), 1);
    assert_non_null(strstr(skipped.data, paths[0]));
    assert_non_null(strstr(skipped.data, ": it is of a newer katydid\n"));
    assert_non_null(strstr(skipped.data, ": this is no file of a run\n"));
    sbuf_fini(&skipped);
    for (size_t i = 0; i < 3; i++)
        free(paths[i]);
}

static void a_run_goes_to_another_history(void **state)
{
    (void)state;
    char *why = NULL, path[128];
    play_run(usual());
    json_t *found = history_find(h, "latest", NULL, &why);
    const char *id = json_string_value(json_object_get(json_array_get(found, 0), "id"));
    snprintf(path, sizeof path, "%s/out.kdrun", folder);
    assert_int_equal(history_note(h, id, "mine", &why), 0);
    assert_int_equal(history_export(h, id, path, false, &why), 0);
    assert_null(history_import(h, path, &why)); /* it is there */
    free(why);
    why = NULL;
    assert_int_equal(history_remove(h, id, &why), 0);
    char *back = history_import(h, path, &why);
    assert_string_equal(back, id);
    struct stored *s = newest();
    assert_string_equal(json_string_value(json_object_get(s->meta, "note")), "mine");
    assert_int_equal(s->stats.total.requests, 9000);
    stored_close(s);
    free(back);
    json_decref(found);
}

/* ---- figures with their intervals ---- */

static json_t *metrics_of_newest(void)
{
    char *id = id_of_newest();
    json_t *metrics = history_metrics(h, id);
    free(id);
    return metrics;
}

static const json_t *metric_of(const json_t *metrics, const char *name, const char *figure)
{
    size_t i;
    const json_t *m;
    json_array_foreach(metrics, i, m)
    {
        if (strcmp(json_string_value(json_object_get(m, "name")), name) == 0 &&
            strcmp(json_string_value(json_object_get(m, "metric")), figure) == 0)
            return m;
    }
    fail_msg("there is no %s of '%s'", figure, name);
    return NULL;
}

static double number_in(const json_t *of, const char *key)
{
    return json_number_value(json_object_get(of, key));
}

static void assert_interval(const json_t *m, double value, double near)
{
    assert_true(fabs(number_in(m, "value") - value) < near);
    assert_true(number_in(m, "low") <= number_in(m, "value"));
    assert_true(number_in(m, "high") >= number_in(m, "value"));
    assert_true(number_in(m, "high") > number_in(m, "low"));
    assert_true(number_in(m, "high") < 1.2 * number_in(m, "low"));
}

static void every_row_has_its_figures_with_intervals(void **state)
{
    (void)state;
    play_run(usual());
    json_t *metrics = metrics_of_newest();
    const json_t *p95 = metric_of(metrics, "", "p95"),
                 *failed = metric_of(metrics, "", "fail_ratio");
    assert_int_equal(json_array_size(metrics), 4 * FIGURES);
    assert_ptr_equal(json_array_get(metrics, 0), metric_of(metrics, "", "fail_ratio"));
    assert_interval(p95, 145, 10);
    assert_interval(metric_of(metrics, "/row/2", "p50"), 100, 5);
    assert_in_range(number_in(p95, "blocks"), 20, 60);
    assert_in_range(number_in(p95, "n"), 100 * 3 * 20, 150 * 3 * 20);
    assert_true(number_in(metric_of(metrics, "", "rps"), "value") == 60);
    assert_true(number_in(failed, "value") == 0 && number_in(failed, "low") == 0);
    assert_true(fabs(number_in(failed, "high") - 3 / number_in(failed, "n")) < 1e-9);
    json_decref(metrics);
}

/* Then there is only what the number of requests says. */
static void a_run_without_blocks_has_intervals_of_its_requests(void **state)
{
    (void)state;
    struct played p = usual();
    p.seconds = 30;
    play_run(p);
    json_t *metrics = metrics_of_newest();
    const json_t *p95 = metric_of(metrics, "", "p95");
    assert_interval(p95, 145, 10);
    assert_true(number_in(p95, "blocks") == 0);
    assert_true(number_in(p95, "n") == 30 * 3 * 20);
    json_decref(metrics);
}

/* However many rows: of those kept in the table each has its figures; a long run is read in longer
 * bins. */
static void many_rows_and_seconds_have_intervals_too(void **state)
{
    (void)state;
    struct played p = usual();
    p.rows = 300;
    p.per_second = 1;
    play_run(p);
    json_t *metrics = metrics_of_newest();
    assert_int_equal(json_array_size(metrics), 201 * FIGURES);
    json_decref(metrics);
    p = usual();
    p.seconds = 3 * 3600;
    p.per_second = 2;
    play_run(p);
    metrics = metrics_of_newest();
    assert_interval(metric_of(metrics, "/row/1", "p50"), 100, 5);
    assert_true(number_in(metric_of(metrics, "/row/1", "p50"), "blocks") > 20);
    json_decref(metrics);
}

static void intervals_go_with_the_run(void **state)
{
    (void)state;
    char *why = NULL, path[128];
    play_run(usual());
    char *id = id_of_newest();
    json_t *before = history_metrics(h, id);
    snprintf(path, sizeof path, "%s/out.kdrun", folder);
    assert_int_equal(history_export(h, id, path, false, &why), 0);
    assert_int_equal(history_remove(h, id, &why), 0);
    json_t *gone = history_metrics(h, id);
    assert_int_equal(json_array_size(gone), 0);
    char *back = history_import(h, path, &why);
    json_t *after = history_metrics(h, id);
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(gone);
    json_decref(after);
    free(back);
    free(id);
}

static void make_old(void)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/runs.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "DROP TABLE run_metric; PRAGMA user_version=1", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
}

static void a_table_of_an_older_version_gets_intervals_when_it_is_repaired(void **state)
{
    (void)state;
    char *why = NULL;
    play_run(usual());
    json_t *before = metrics_of_newest();
    history_close(h);
    make_old();
    h = history_open(folder, false, &why); /* who only looks */
    json_t *points = history_trend(h, "shop", NULL, "", "", "p95");
    assert_int_equal(json_array_size(points), 1);
    assert_true(json_is_null(json_object_get(json_array_get(points, 0), "steady")));
    assert_true(json_is_number(json_object_get(json_array_get(points, 0), "value")));
    json_decref(points);
    assert_int_equal(history_mend(h, false, NULL), 0);
    assert_int_equal(history_mend(h, true, NULL), 1);
    assert_int_equal(history_mend(h, true, NULL), 0);
    json_t *after = metrics_of_newest();
    assert_true(json_equal(before, after));
    points = history_trend(h, "shop", NULL, "GET", "/row/1", "p95");
    const json_t *steady = json_object_get(json_array_get(points, 0), "steady");
    assert_true(number_in(steady, "low") < number_in(steady, "high"));
    json_decref(points);
    json_decref(before);
    json_decref(after);
}

/* The frames of a run, and one more. */
static void put_more(const char *from, const char *to, struct run_frame more, const char *bytes,
                     size_t len)
{
    struct run_file *in = run_file_open(from), *out = run_file_create(to);
    struct sbuf contents = {0};
    for (size_t i = 0; i < run_file_count(in); i++) {
        assert_int_equal(run_file_read(in, i, &contents), 0);
        assert_int_equal(run_file_put(out, run_file_frame(in, i), contents.data, contents.len), 0);
    }
    assert_int_equal(run_file_put(out, &more, bytes, len), 0);
    sbuf_fini(&contents);
    run_file_close(in);
    run_file_close(out);
}

static void a_small_file_that_stands_for_a_large_one_is_not_taken(void **state)
{
    (void)state;
    const size_t len = 40u << 20;
    char *why = NULL, *text = malloc(len), from[128], to[128];
    play_run(usual());
    json_t *found = history_find(h, "latest", NULL, &why);
    const char *id = json_string_value(json_object_get(json_array_get(found, 0), "id"));
    snprintf(from, sizeof from, "%s/%s.kdrun", folder, id);
    snprintf(to, sizeof to, "%s/large", folder);
    memset(text, ' ', len);
    memcpy(text, "[]", 2);
    put_more(from, to, (struct run_frame){.kind = RUN_NAMES}, text, len);
    free(text);
    assert_int_equal(history_remove(h, id, &why), 0);
    assert_null(history_import(h, to, &why));
    assert_non_null(strstr(why, "it is too large"));
    free(why);
    json_decref(found);
}

static void a_file_whose_run_was_at_no_time_is_not_taken(void **state)
{
    static const char *const metas[] = {
        "{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"started\":1e300}",
        "{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"started\":-1e300}",
        "{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"started\":1700000000,\"ended\":1e30}",
        "{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"started\":1700000000,\"since\":-1e30}",
    };
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/no-time", folder);
    for (size_t i = 0; i < sizeof metas / sizeof *metas; i++) {
        char *why = NULL;
        struct run_file *out = run_file_create(path);
        const struct run_frame frame = {.kind = RUN_META};
        assert_int_equal(run_file_put(out, &frame, metas[i], strlen(metas[i])), 0);
        run_file_close(out);
        assert_null(history_import(h, path, &why));
        assert_non_null(why);
        free(why);
        unlink(path);
    }
}

/* ---- comparing ---- */

static struct contrast compare(size_t before, size_t after, bool is_forced)
{
    char *why = NULL, spec[32];
    struct stored *list[16];
    struct contrast_run runs[16];
    struct contrast c;
    snprintf(spec, sizeof spec, "latest %zu", before + after);
    json_t *found = history_find(h, spec, NULL, &why);
    for (size_t i = 0; i < before + after; i++) {
        list[i] =
            history_open_run(h, json_string_value(json_object_get(json_array_get(found, i), "id")),
                             &stored_all, &why);
        runs[i] = (struct contrast_run){list[i]->timeline, &list[i]->stats, list[i]->meta};
    }
    contrast_make(&c, &(struct contrast_ask){.before = runs + after,
                                             .before_count = before,
                                             .after = runs,
                                             .after_count = after,
                                             .gate = &gate_usual,
                                             .is_forced = is_forced});
    for (size_t i = 0; i < before + after; i++)
        stored_close(list[i]);
    json_decref(found);
    return c;
}

static void a_row_that_became_slower_is_named(void **state)
{
    (void)state;
    struct played p = usual();
    for (size_t i = 0; i < 6; i++) {
        p = usual();
        p.seconds = 300;
        p.slow_row = i < 3 ? 1 : 1.4;
        play_run(p);
    }
    struct contrast c = compare(3, 3, false);
    if (c.refusal)
        fail_msg("%s", c.refusal);
    size_t rows = 0;
    for (size_t i = 0; i < c.count; i++) {
        const struct contrast_line *l = &c.lines[i];
        if (l->rule->figure != FIGURE_P99)
            continue;
        rows++;
        assert_int_equal(l->answer, strcmp(l->name, "/row/1") == 0 ? ANSWER_WORSE : ANSWER_FINE);
    }
    assert_int_equal(rows, 3);
    struct sbuf out = {0};
    contrast_markdown(&c, "before", "after", &out);
    assert_non_null(strstr(out.data, "| p99 of `GET /row/1` |"));
    assert_non_null(strstr(out.data, "**worse**"));
    sbuf_clear(&out);
    contrast_json(&c, NULL, &out);
    assert_non_null(strstr(out.data, "\"basis\": \"runs\""));
    sbuf_fini(&out);
    contrast_fini(&c);
}

static void assert_refused(struct contrast c, const char *words)
{
    assert_non_null(c.refusal);
    if (!strstr(c.refusal, words))
        fail_msg("'%s' is not in '%s'", words, c.refusal);
    contrast_fini(&c);
}

static void what_cannot_be_compared_is_refused(void **state)
{
    (void)state;
    struct played p = usual();
    play_run(p);
    p = usual();
    p.users = 8;
    play_run(p);
    assert_refused(compare(1, 1, false), "5 users");
    struct contrast c = compare(1, 1, true);
    assert_null(c.refusal);
    contrast_fini(&c);
    p = usual();
    p.users = 8;
    p.seconds = 40;
    play_run(p);
    assert_refused(compare(1, 1, false), "too short");
    p = usual();
    p.users = 8;
    p.rows = 4;
    play_run(p);
    p = usual();
    p.users = 8;
    play_run(p);
    assert_refused(compare(1, 1, false), "of the requests");
}

/* Two runs of one seed and schedule did the same at the same time. */
static void runs_of_one_seed_are_compared_in_pairs(void **state)
{
    (void)state;
    struct contrast_run runs[2];
    struct stored *list[2];
    struct contrast c;
    for (size_t i = 0; i < 2; i++) {
        struct played p = usual();
        p.seconds = 400;
        play_run(p);
        list[i] = newest();
        json_object_set_new(list[i]->meta, "seed", json_integer(7));
        runs[i] = (struct contrast_run){list[i]->timeline, &list[i]->stats, list[i]->meta};
    }
    const struct contrast_ask ask = {.before = runs,
                                     .before_count = 1,
                                     .after = runs + 1,
                                     .after_count = 1,
                                     .gate = &gate_usual};
    contrast_make(&c, &ask);
    assert_true(c.is_paired);
    assert_non_null(strstr(c.remarks, "Both runs had the seed 7"));
    contrast_fini(&c);
    json_object_set_new(list[1]->meta, "schedule", json_string("20/s"));
    contrast_make(&c, &ask);
    assert_false(c.is_paired);
    contrast_fini(&c);
    stored_close(list[0]);
    stored_close(list[1]);
}

static void a_run_that_is_too_short_says_so(void **state)
{
    (void)state;
    struct played p = usual();
    play_run(p);
    p = usual();
    p.seconds = 40;
    play_run(p);
    struct contrast c = compare(1, 1, false);
    assert_true(c.is_short);
    contrast_fini(&c);
    play_run(usual());
    c = compare(1, 1, false); /* the earlier one is: no longer run mends that */
    assert_non_null(c.refusal);
    assert_false(c.is_short);
    contrast_fini(&c);
}

static void rules_may_be_of_any_figure_of_the_table(void **state)
{
    (void)state;
    for (enum contrast_figure f = 0; f < FIGURES; f++) {
        struct gate g = gate_usual;
        char *why = NULL;
        json_t *from = json_pack("{s:[{s:s}]}", "rules", "stat", contrast_figure_name(f));
        assert_int_equal(gate_read(&g, from, &why), 0);
        assert_int_equal(g.rules[0].figure, f);
        json_decref(from);
    }
    assert_int_equal(contrast_figure_of("p75"), FIGURE_P75);
    assert_int_equal(contrast_figure_of("p999"), FIGURE_P999);
    play_run(usual());
    json_t *found = history_list(h, &(struct history_filter){.limit = 1});
    const char *id = json_string_value(json_object_get(json_array_get(found, 0), "id"));
    const double p75 = history_row_figure(h, id, "", "", "p75");
    assert_true(p75 > history_row_figure(h, id, "", "", "p50"));
    assert_true(history_row_figure(h, id, "", "", "p999") > p75);
    json_decref(found);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_new, close_it)
    const struct CMUnitTest tests[] = {
        TEST(a_stored_run_is_the_run_it_was),
        TEST(of_an_interrupted_run_there_is_what_was_written),
        TEST(of_a_run_whose_disk_is_full_there_is_what_fitted),
        TEST(a_table_that_is_lost_is_made_anew),
        TEST(a_file_that_cannot_be_read_is_left_with_a_word),
        TEST(a_run_goes_to_another_history),
        TEST(every_row_has_its_figures_with_intervals),
        TEST(a_run_without_blocks_has_intervals_of_its_requests),
        TEST(many_rows_and_seconds_have_intervals_too),
        TEST(intervals_go_with_the_run),
        TEST(a_table_of_an_older_version_gets_intervals_when_it_is_repaired),
        TEST(a_file_whose_run_was_at_no_time_is_not_taken),
        TEST(a_small_file_that_stands_for_a_large_one_is_not_taken),
        TEST(a_row_that_became_slower_is_named),
        TEST(what_cannot_be_compared_is_refused),
        TEST(runs_of_one_seed_are_compared_in_pairs),
        TEST(a_run_that_is_too_short_says_so),
        TEST(rules_may_be_of_any_figure_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
