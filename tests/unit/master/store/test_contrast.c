// SPDX-License-Identifier: MIT
/* Runs that were stored, compared with each other: what is drawn of them, and that the gate names
 * the row that became slower, and it alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/store/context.h"
#include "master/store/sheet.h"
#include "master/store/side.h"
#include "master/store/steady.h"
#include "tests/unit/history_folder.h"
#include "tests/unit/played_runs.h"

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

/* A run of four rows, of which the second takes so many times as long. */
static void play(double level_ms, double slow_row)
{
    char id[32];
    clock_s += 10000;
    snprintf(id, sizeof id, "%.0f", clock_s);
    play_run((struct played){.folder = folder,
                             .id = id,
                             .rows = 4,
                             .seconds = 240,
                             .per_second = 20,
                             .started = clock_s,
                             .level_ms = level_ms,
                             .slow_row = slow_row,
                             .users = 5,
                             .seed = (uint64_t)clock_s});
}

static struct contrast compare(const char *before, const char *after, const struct gate *gate)
{
    struct side a = {.count = 0}, b = {.count = 0};
    const struct side_ask ask = {.gate = gate};
    struct contrast c;
    char *why = NULL;
    assert_true(side_open(&a, h, before, &ask, &why) && side_open(&b, h, after, &ask, &why));
    struct side_alike alike = side_alike(h, b.runs[0].meta);
    contrast_make(&c, &(struct contrast_ask){.before = a.runs,
                                             .before_count = a.count,
                                             .after = b.runs,
                                             .after_count = b.count,
                                             .gate = gate,
                                             .wants_curve = true,
                                             .between = side_between,
                                             .arg = &alike});
    side_alike_fini(&alike);
    side_close(&a);
    side_close(&b);
    if (c.refusal)
        fail_msg("%s", c.refusal);
    return c;
}

/* ---- curves ---- */

static size_t point_of(const struct contrast_curve *c, double share)
{
    size_t at = 0;
    while (at < c->count && fabs(c->share[at] - share) > 1e-12)
        at++;
    assert_true(at < c->count);
    return at;
}

static void assert_inside(const struct interval *x)
{
    assert_true(x->low < x->value && x->value < x->high);
}

static void percentiles_have_intervals_and_so_has_their_change(void **state)
{
    (void)state;
    play(100, 1);
    play(100, 1.5);
    struct contrast c = compare("latest~1", "latest", &gate_usual);
    const struct contrast_curve *curve = &c.curve;
    const size_t p50 = point_of(curve, 0.5), p95 = point_of(curve, 0.95);
    const struct change *line = &c.lines[0].change; /* p95 of all requests */
    assert_int_equal(c.lines[0].rule->figure, FIGURE_P95);
    assert_true(curve->runs[0] == 1 && curve->runs[1] == 1);
    assert_true(fabs(curve->change[p95].value - line->change) < 1e-12);
    assert_true(fabs(curve->change[p95].low - line->low) < 1e-12);
    assert_true(fabs(curve->change[p95].high - line->high) < 1e-12);
    assert_true(fabs(curve->of[0][p95].value - line->before) < 1e-9);
    assert_true(curve->change[p95].low > 1.05 && curve->of[1][p95].low > curve->of[0][p95].high);
    for (size_t side = 0; side < 2; side++) {
        assert_inside(&curve->of[side][p50]);
        assert_inside(&curve->of[side][p95]);
    }
    for (size_t i = 1; i < curve->count; i++)
        assert_true(curve->share[i] > curve->share[i - 1] &&
                    curve->of[0][i].value >= curve->of[0][i - 1].value);
    contrast_fini(&c);
}

/* Twenty thousand requests say nothing of one in a hundred thousand, and little of one in five
 * thousand. */
static void a_curve_ends_where_requests_do(void **state)
{
    (void)state;
    play(100, 1);
    play(100, 1);
    struct contrast c = compare("latest~1", "latest", &gate_usual);
    const size_t last = c.curve.count - 1;
    assert_true(c.curve.share[last] < 1 - 1.0 / (240 * 80) && c.curve.share[last] > 0.999);
    assert_true(isfinite(c.curve.of[0][last].value) && isnan(c.curve.of[0][last].low));
    assert_true(isnan(c.curve.change[last].high));
    assert_inside(&c.curve.of[1][point_of(&c.curve, 0.99)]);
    struct sbuf out = {0};
    contrast_json(&c, NULL, &out);
    json_t *all = json_loads(out.data, 0, NULL);
    const json_t *points = json_object_get(all, "curve"), *point = json_array_get(points, last);
    assert_int_equal(json_array_size(points), c.curve.count);
    assert_true(json_array_size(point) == 10 && json_is_null(json_array_get(point, 2)));
    json_decref(all);
    sbuf_fini(&out);
    contrast_fini(&c);
}

static size_t count_of(const char *text, const char *part)
{
    size_t n = 0;
    while ((text = strstr(text, part))) {
        text += strlen(part);
        n++;
    }
    return n;
}

/* Of runs that are not compared there are curves, and no bands. */
static void a_sheet_has_bands_where_runs_are_compared(void **state)
{
    (void)state;
    play(100, 1);
    play(100, 1.5);
    struct side a = {.count = 0}, b = {.count = 0};
    const struct side_ask ask = {.gate = &gate_usual};
    char *why = NULL, refusal[] = "another load", none[] = "";
    assert_true(side_open(&a, h, "latest~1", &ask, &why) && side_open(&b, h, "latest", &ask, &why));
    const struct sheet_side before = {"before", a.runs, 1}, after = {"after", b.runs, 1};
    struct contrast c = compare("latest~1", "latest", &gate_usual);
    const struct contrast refused = {.refusal = refusal, .remarks = none};
    json_t *context = context_of(&a.runs[0], &b.runs[0]);
    struct sbuf out = {0};
    sheet_add(&out, &c, &before, &after, context);
    assert_int_equal(count_of(out.data, "class=\"band before\""), 1);
    assert_int_equal(count_of(out.data, "class=\"band after\""), 2); /* its own, the change's */
    assert_int_equal(count_of(out.data, "class=\"edge before\""), 2);
    assert_int_equal(count_of(out.data, "nan"), 0);
    sbuf_clear(&out);
    sheet_add(&out, &refused, &before, &after, context);
    assert_int_equal(count_of(out.data, "class=\"band"), 0);
    assert_int_equal(count_of(out.data, "<polyline class=\"before\""), 1);
    assert_int_equal(count_of(out.data, "nan"), 0);
    sbuf_fini(&out);
    json_decref(context);
    contrast_fini(&c);
    side_close(&a);
    side_close(&b);
}

/* ---- the gate ---- */

static void rows_come_in_the_order_of_what_they_contributed(void **state)
{
    (void)state;
    play(100, 1);
    play(100, 1.5);
    struct contrast c = compare("latest~1", "latest", &gate_usual);
    const struct contrast_line *first = c.lines;
    while (!*first->name)
        first++;
    assert_string_equal(first->name, "/row/1");
    contrast_fini(&c);
}

static struct gate gate_of_rows(void)
{
    struct gate g = gate_usual;
    char *why = NULL;
    json_t *from = json_loads("{\"rules\":[{\"stat\":\"p50\",\"where\":\"rows>=1%\",\"margin\":"
                              "\"3%\"},{\"stat\":\"fail_ratio\",\"margin\":\"0.1pp\"}]}",
                              0, NULL);
    assert_int_equal(gate_read(&g, from, &why), 0);
    json_decref(from);
    return g;
}

/* Runs differ by about 0.7 % as a whole. */
static double level_of_chance(void)
{
    static uint64_t seed = 11;
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += played_uniform(&seed) - 0.5;
    return 100 * exp(0.007 * sum);
}

static void a_row_that_is_8_percent_slower_is_named_and_no_other(void **state)
{
    (void)state;
    const struct gate gate = gate_of_rows();
    for (size_t i = 0; i < 12; i++) /* by all of which it is learnt how much runs differ */
        play(level_of_chance(), 1);
    play(level_of_chance(), 1.08);
    struct contrast c = compare("latest~1 5", "latest", &gate);
    size_t rows = 0;
    for (size_t i = 0; i < c.count; i++) {
        const bool is_slow = strcmp(c.lines[i].name, "/row/1") == 0;
        rows += *c.lines[i].name != '\0';
        assert_int_equal(c.lines[i].answer == ANSWER_WORSE, is_slow);
    }
    assert_int_equal(rows, 4);
    assert_true(contrast_fails(&c));
    contrast_fini(&c);
}

static void of_twenty_equal_runs_at_most_one_is_an_alarm(void **state)
{
    (void)state;
    const struct gate gate = gate_of_rows();
    size_t alarms = 0;
    for (size_t i = 0; i < 32; i++) {
        play(level_of_chance(), 1);
        if (i < 12)
            continue;
        struct contrast c = compare("latest~1 5", "latest", &gate);
        alarms += contrast_fails(&c);
        contrast_fini(&c);
    }
    assert_true(alarms <= 1);
}

/* ---- what would tell ---- */

static struct between known_to(void *sd, const char *method, const char *name,
                               enum contrast_figure f)
{
    (void)method;
    (void)name;
    (void)f;
    return (struct between){.sd = *(double *)sd, .df = 100};
}

/* Of p95 of all requests with that margin, where equal runs differ by so much. */
static struct contrast_line needs_of(double sd, double margin)
{
    struct gate gate = gate_usual;
    gate.rules[0].margin = (struct margin){.share = margin};
    struct side a = {.count = 0}, b = {.count = 0};
    const struct side_ask ask = {.gate = &gate};
    struct contrast c;
    char *why = NULL;
    assert_true(side_open(&a, h, "latest~1", &ask, &why) && side_open(&b, h, "latest", &ask, &why));
    contrast_make(&c, &(struct contrast_ask){.before = a.runs,
                                             .before_count = 1,
                                             .after = b.runs,
                                             .after_count = 1,
                                             .gate = &gate,
                                             .between = known_to,
                                             .arg = &sd});
    assert_null(c.refusal);
    const struct contrast_line line = c.lines[0];
    contrast_fini(&c);
    side_close(&a);
    side_close(&b);
    return line;
}

/* Longer runs, where what is within them is the most of it; else more of them. */
static void what_cannot_be_told_says_what_would_tell(void **state)
{
    (void)state;
    play(100, 1);
    play(104, 1);
    const double near = needs_of(0.0001, 0.01).change.change - 1 + 0.001; /* to what it is */
    struct contrast_line line = needs_of(0.0001, near);
    assert_int_equal(line.answer, ANSWER_UNSURE);
    assert_true(line.more_s > 0 && line.more_runs == 0);
    const double each_s = line.more_s / (line.needs - 1); /* of the run that is shorter */
    assert_true(each_s > 100 && each_s < 240);
    line = needs_of(0.01, near);
    assert_int_equal(line.answer, ANSWER_UNSURE);
    assert_true(line.more_s == 0 && line.more_runs >= 2 && line.more_runs + 1 >= line.needs);
}

/* ---- what makes a comparison lie ---- */

/* The run before with the later one, of which so much more is known. */
static struct contrast compare_with(json_t *more, bool is_forced)
{
    struct side a = {.count = 0}, b = {.count = 0};
    const struct side_ask ask = {.gate = &gate_usual};
    struct contrast c;
    char *why = NULL;
    assert_true(side_open(&a, h, "latest~1", &ask, &why) && side_open(&b, h, "latest", &ask, &why));
    json_object_update(b.list[0]->meta, more);
    contrast_make(&c, &(struct contrast_ask){.before = a.runs,
                                             .before_count = 1,
                                             .after = b.runs,
                                             .after_count = 1,
                                             .gate = &gate_usual,
                                             .is_forced = is_forced});
    side_close(&a);
    side_close(&b);
    json_decref(more);
    return c;
}

static void assert_refused(struct contrast c, const char *words)
{
    if (!c.refusal || !strstr(c.refusal, words))
        fail_msg("'%s' is not in '%s'", words, c.refusal ? c.refusal : "");
    contrast_fini(&c);
}

static void assert_remarked(struct contrast c, const char *words)
{
    if (c.refusal || !strstr(c.remarks, words))
        fail_msg("'%s' is not in '%s'", words, c.refusal ? c.refusal : c.remarks);
    contrast_fini(&c);
}

static void a_run_that_was_not_valid_is_not_compared(void **state)
{
    (void)state;
    play(100, 1);
    play(100, 1);
    assert_refused(compare_with(json_pack("{s:b}", "valid", 0), false), "was not valid");
    struct contrast c = compare_with(json_pack("{s:b}", "valid", 0), true);
    assert_null(c.refusal);
    contrast_fini(&c);
}

/* Of 240 s with all users, 12 are a twentieth. */
static void few_seconds_that_were_not_valid_are_left_out(void **state)
{
    (void)state;
    play(100, 1);
    play(100, 1);
    const double at = clock_s + 100;
    assert_remarked(compare_with(json_pack("{s:b,s:[[f,f],[f,f]]}", "valid", 0, "invalid", at,
                                           at + 6, at + 3, at + 9),
                                 false),
                    " 9 s are left out, in which a load generator could not keep up");
    assert_refused(
        compare_with(json_pack("{s:b,s:[[f,f]]}", "valid", 0, "invalid", at, at + 20), false),
        "was not valid: for 20 of 239 s with all users a load generator could not keep up");
    assert_remarked(
        compare_with(
            json_pack("{s:b,s:[[f,f]]}", "valid", 0, "invalid", clock_s - 50, clock_s - 20), false),
        ""); /* before the load was on */
}

/* What is left out is in no figure. */
static void seconds_that_are_left_out_count_for_nothing(void **state)
{
    (void)state;
    play(100, 1);
    char *why = NULL;
    json_t *found = history_find(h, "latest", NULL, &why);
    const char *id = json_string_value(json_object_get(json_array_get(found, 0), "id"));
    struct stored *s = history_open_run(h, id, &stored_all, &why);
    const struct contrast_run run = {s->timeline, &s->stats, s->meta};
    struct steady all, some;
    steady_find(&all, &run, 0, STEADY_TENS);
    json_t *spans = json_pack("[[f,f,i,s,s]]", clock_s + 100.5, clock_s + 102.5, 1, "w", "cpu");
    steady_note_invalid(s->meta, spans);
    steady_find(&some, &run, 0, STEADY_TENS);
    assert_int_equal(some.left_out, 3); /* as far as it touches them */
    for (size_t i = 0; i < some.count; i++) {
        const int64_t at = timeline_block_span(some.bins[i])->start - (int64_t)clock_s;
        assert_true(at < 100 || at > 102);
    }
    steady_fini(&all);
    steady_fini(&some);
    json_decref(spans);
    json_decref(found);
    stored_close(s);
}

static void when_a_run_was_not_valid_is_stored_with_it(void **state)
{
    (void)state;
    char verdict[128];
    clock_s += 10000;
    snprintf(verdict, sizeof verdict,
             "{\"valid\":false,\"invalid\":[[%.0f,%.0f,0,\"w\",\"cpu\"]],\"thresholds\":[]}",
             clock_s + 50, clock_s + 55);
    play_run((struct played){.folder = folder,
                             .id = "x",
                             .rows = 4,
                             .seconds = 240,
                             .per_second = 20,
                             .started = clock_s,
                             .level_ms = 100,
                             .users = 5,
                             .seed = 1,
                             .verdict = verdict});
    play(100, 1);
    assert_remarked(compare_with(json_object(), false), " 5 s are left out");
}

static void runs_of_other_machines_are_told(void **state)
{
    (void)state;
    play(100, 1);
    play(100, 1);
    assert_remarked(
        compare_with(json_pack("{s:s}", "environment", "big, 64 cores, 3 workers"), false),
        "The runs come from different machines: ");
}

/* Arrivals with users, whatever else is alike. */
static void an_open_load_is_not_compared_with_a_closed_one(void **state)
{
    (void)state;
    play(100, 1);
    play(100, 1);
    assert_refused(compare_with(json_pack("{s:i,s:n}", "plans", 1, "users"), false),
                   "has scenarios");
}

/* One run is four times as long as the other: its requests count no more for that. */
static void a_run_counts_once_however_long_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        clock_s += 10000;
        play_run((struct played){.folder = folder,
                                 .id = "x",
                                 .rows = 2,
                                 .seconds = i % 3 ? 150 : 600,
                                 .per_second = 20,
                                 .started = clock_s,
                                 .level_ms = i < 3 ? (i % 3 ? 100 : 200) : 120,
                                 .users = 5,
                                 .seed = (uint64_t)clock_s});
    }
    struct contrast c = compare("latest~3 3", "latest 3", &gate_usual);
    assert_int_equal(c.lines[0].rule->figure, FIGURE_P95);
    assert_int_equal(c.lines[0].change.basis, BASIS_RUNS);
    assert_true(fabs(c.lines[0].change.before - 145 * cbrt(2)) < 8); /* pooled: 280 */
    contrast_fini(&c);
}

/* It has the place of the total in no table. */
static void a_row_without_a_name_is_judged_by_its_own_figures(void **state)
{
    (void)state;
    struct stats s[2];
    json_t *meta = json_pack("{s:b,s:f}", "valid", 1, "duration", 100.0);
    struct gate gate = gate_usual;
    gate.rules[0].is_of_rows = true;
    gate.count = 1;
    for (size_t i = 0; i < 2; i++) {
        stats_init(&s[i], 0, STATS_LIMITS_DEFAULT);
        struct tally *of[] = {stats_row(&s[i], "GET", 3, "", 0),
                              stats_row(&s[i], "GET", 3, "/a", 2)};
        for (size_t k = 0; k < 2; k++) {
            hist_add(&of[k]->hist, k ? 1000000 : 10000, 2000);
            of[k]->requests = 2000;
            of[k]->sum_us = k ? 2000000000 : 200000000;
            tally_merge(&s[i].total, of[k]);
        }
    }
    const struct contrast_run runs[] = {{NULL, &s[0], meta}, {NULL, &s[1], meta}};
    struct contrast c;
    contrast_make(
        &c,
        &(struct contrast_ask){
            .before = runs, .before_count = 1, .after = runs + 1, .after_count = 1, .gate = &gate});
    size_t seen = 0;
    for (size_t i = 0; i < c.count; i++)
        if (!*c.lines[i].name && *c.lines[i].method && ++seen)
            assert_true(fabs(c.lines[i].change.after - 10) < 1);
    assert_int_equal(seen, 1);
    contrast_fini(&c);
    stats_fini(&s[0]);
    stats_fini(&s[1]);
    json_decref(meta);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_new, close_it)
    const struct CMUnitTest tests[] = {
        TEST(percentiles_have_intervals_and_so_has_their_change),
        TEST(a_curve_ends_where_requests_do),
        TEST(a_sheet_has_bands_where_runs_are_compared),
        TEST(rows_come_in_the_order_of_what_they_contributed),
        TEST(a_row_that_is_8_percent_slower_is_named_and_no_other),
        TEST(of_twenty_equal_runs_at_most_one_is_an_alarm),
        TEST(what_cannot_be_told_says_what_would_tell),
        TEST(a_run_that_was_not_valid_is_not_compared),
        TEST(few_seconds_that_were_not_valid_are_left_out),
        TEST(seconds_that_are_left_out_count_for_nothing),
        TEST(when_a_run_was_not_valid_is_stored_with_it),
        TEST(runs_of_other_machines_are_told),
        TEST(an_open_load_is_not_compared_with_a_closed_one),
        TEST(a_run_counts_once_however_long_it_is),
        cmocka_unit_test(a_row_without_a_name_is_judged_by_its_own_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
