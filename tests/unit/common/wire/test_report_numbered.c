// SPDX-License-Identifier: MIT
/* Reports whose rows have numbers: what arrives, whichever names were lost on the way. */
#include "common/base/sbuf.h"
#include "common/wire/report.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0 1700000000.0

static struct tally *row(struct stats *s, const char *name)
{
    return stats_row(s, "GET", 3, name, strlen(name));
}

static void add_exception(struct stats *s)
{
    char message[] = "no", traceback[] = "Traceback …", type[] = "ValueError", nodes[] = "";
    stats_note_exception(s, &(struct exception){.message = message,
                                                .traceback = traceback,
                                                .type = type,
                                                .nodes = nodes,
                                                .count = 2,
                                                .first_at = T0 + 1,
                                                .last_at = T0 + 1});
}

static void fill(struct stats *s, int from, int rows, int samples)
{
    uint64_t x = 1;
    for (int i = 0; i < rows * samples; i++) {
        char name[32];
        snprintf(name, sizeof name, "/item/%d", from + i % rows);
        struct tally *t = row(s, name);
        struct measures more;
        x = x * UINT64_C(6364136223846793005) + 1;
        stats_add(s, t, T0 + i % 3 + 0.25, x >> 44, x >> 54);
        measures_init(&more);
        more.extra.s2 = more.extra.phased = 1;
        more.extra.wait_us = more.part_us[PART_wait] = x >> 45;
        stats_add_measures(s, t, x >> 44, &more);
        if (i % 10 == 3) {
            stats_add_failure(s, t, T0 + i % 3, "HTTP 500", 8);
            stats_add_part(s, t, PART_failed, x >> 44);
        }
        if (i % 10 == 4)
            stats_add_cut(s, t), stats_add_discarded(s, t), stats_add_resent(s, t, 5);
        if (i % 10 == 5)
            stats_add(s, t, T0, STATS_NO_TIME, 7);
        if (i % 10 == 6)
            add_exception(s);
    }
}

struct wire { /* one report */
    struct sbuf report, names;
};

static struct wire pack(struct stats *s, uint32_t number, bool has_all)
{
    struct wire w = {0};
    report_pack_numbered(s, &w.report);
    report_pack_types(s, &w.report);
    report_pack_names(s, number, has_all, &w.names);
    return w;
}

static void wire_fini(struct wire *w)
{
    sbuf_fini(&w->report);
    sbuf_fini(&w->names);
}

static int merge(struct stats *s, struct report_names *names, const struct wire *w)
{
    return report_merge_numbered(
        s, names,
        &(struct report_bytes){w->report.data, w->names.data, w->report.len, w->names.len}, "w1",
        NULL);
}

static void same_hist(const struct hist *a, const struct hist *b)
{
    struct sbuf x = {0}, y = {0};
    if (a)
        hist_pack(a, &x);
    if (b)
        hist_pack(b, &y);
    assert_int_equal(x.len, y.len);
    assert_true(x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
    sbuf_fini(&x);
    sbuf_fini(&y);
}

static void same_row(const struct tally *a, const struct tally *b)
{
#define KEPT_SUM(field, name, place, meaning) assert_int_equal(a->field, b->field);
#define KEPT_LEAST KEPT_SUM
#define KEPT_MOST KEPT_SUM
#define KEPT_FIRST(field, name, place, meaning) assert_true(fabs(a->field - b->field) < 1e-5);
#define KEPT_LAST KEPT_FIRST
#define KEPT_EXTRA(field, name, meaning) assert_int_equal(a->extra.field, b->extra.field);
#define KEPT_TREND(field, name, place, meaning) same_hist(&a->field, &b->field);
#define KEPT_PART(field, name, place, meaning) same_hist(a->field, b->field);
#include "common/metric/columns.def"
    assert_memory_equal(a->recent, b->recent, sizeof a->recent);
}

static void same_stats(const struct stats *a, const struct stats *b)
{
    assert_int_equal(a->row_count, b->row_count);
    for (const struct tally *t = a->rows; t; t = t->next) {
        const struct tally *other = stats_find(b, t->method, t->name);
        assert_non_null(other);
        same_row(t, other);
    }
    same_row(&a->total, &b->total);
    assert_int_equal(a->overflow, b->overflow);
    assert_int_equal(a->failure_count, b->failure_count);
    const struct failure *g = b->failures;
    for (const struct failure *f = a->failures; f; f = f->next, g = g->next) {
        assert_string_equal(f->name, g->name);
        assert_string_equal(f->text, g->text);
        assert_int_equal(f->count, g->count);
    }
    assert_int_equal(a->exception_count, b->exception_count);
    if (a->exceptions) {
        assert_int_equal(a->exceptions->count, b->exceptions->count);
        assert_string_equal(b->exceptions->nodes, "w1");
        assert_string_equal(b->exceptions->type, a->exceptions->type);
    }
}

static void everything_arrives_and_names_once(void **state)
{
    struct stats worker, truth, master;
    struct report_names names = {0};
    (void)state;
    stats_init(&worker, T0, STATS_LIMITS_DEFAULT);
    stats_init(&truth, T0, STATS_LIMITS_DEFAULT);
    stats_init(&master, T0, STATS_LIMITS_DEFAULT);
    for (uint32_t n = 1; n <= 4; n++) {
        stats_reset(&worker, T0);
        fill(&worker, n == 3 ? 20 : 0, 7, 40); /* the third has other rows */
        stats_merge(&truth, &worker);
        struct wire w = pack(&worker, n, false);
        assert_true(n == 1 || n == 3 ? w.names.len > 0 : w.names.len == 0);
        assert_int_equal(merge(&master, &names, &w), 0);
        report_names_heard(&worker, n);
        wire_fini(&w);
    }
    truth.exceptions->nodes = (free(truth.exceptions->nodes), strdup("w1"));
    same_stats(&truth, &master);
    report_names_fini(&names);
    stats_fini(&worker);
    stats_fini(&truth);
    stats_fini(&master);
}

/* Classes of exceptions are behind the rest: an older worker sends none, one that is cut off makes
 * the report unreadable, and one that says less than another leaves what is known. */
static void classes_of_exceptions_may_be_missing(void **state)
{
    struct stats worker, master;
    struct report_names names = {0};
    (void)state;
    stats_init(&worker, T0, STATS_LIMITS_DEFAULT);
    stats_init(&master, T0, STATS_LIMITS_DEFAULT);
    fill(&worker, 0, 2, 10);
    struct wire full = pack(&worker, 1, true), bare = pack(&worker, 1, true);
    bare.report.len = 0;
    report_pack_numbered(&worker, &bare.report);
    assert_true(bare.report.len < full.report.len);
    assert_int_equal(merge(&master, &names, &bare), 0);
    assert_string_equal(master.exceptions->type, "");
    full.report.len--;
    assert_int_equal(merge(&master, &names, &full), -1);
    full.report.len++;
    assert_int_equal(merge(&master, &names, &full), 0);
    assert_string_equal(master.exceptions->type, "ValueError");
    assert_int_equal(merge(&master, &names, &bare), 0);
    assert_string_equal(master.exceptions->type, "ValueError");
    assert_int_equal(master.exceptions->count, 3 * worker.exceptions->count);
    wire_fini(&full);
    wire_fini(&bare);
    report_names_fini(&names);
    stats_fini(&worker);
    stats_fini(&master);
}

/* A reader that lost them (or never had them) counts nothing until it gets them with the same
 * bytes. */
static void names_that_are_lost_are_asked_for(void **state)
{
    struct stats worker, master;
    struct report_names names = {0};
    (void)state;
    stats_init(&worker, T0, STATS_LIMITS_DEFAULT);
    stats_init(&master, T0, STATS_LIMITS_DEFAULT);
    fill(&worker, 0, 5, 30);
    struct wire first = pack(&worker, 1, false); /* gets lost, though answered */
    report_names_heard(&worker, 1);
    struct wire second = pack(&worker, 2, false), named = pack(&worker, 2, true);
    assert_int_equal(second.names.len, 0);
    assert_int_equal(merge(&master, &names, &second), REPORT_NAMELESS);
    assert_int_equal(master.row_count + master.total.requests + master.failure_count, 0);
    assert_int_equal(merge(&master, &names, &named), 0);
    assert_int_equal(merge(&master, &names, &first), 0); /* late, and known by now */
    assert_int_equal(master.total.requests, 2 * worker.total.requests);
    stats_clear(&master, T0); /* its rows are gone, and with them what the numbers mean */
    assert_int_equal(merge(&master, &names, &second), REPORT_NAMELESS);
    assert_int_equal(merge(&master, &names, &named), 0);
    assert_int_equal(merge(&master, &names, &second), 0);
    wire_fini(&first);
    wire_fini(&second);
    wire_fini(&named);
    report_names_fini(&names);
    stats_fini(&worker);
    stats_fini(&master);
}

/* Numbers go on rising over many clears; a low one may be named after a high one. */
static void numbers_may_be_anywhere(void **state)
{
    struct stats worker, master;
    struct report_names names = {0};
    (void)state;
    stats_init(&worker, T0, STATS_LIMITS_DEFAULT);
    stats_init(&master, T0, STATS_LIMITS_DEFAULT);
    fill(&worker, 0, 50, 1);
    const uint32_t bases[] = {1000, 1000, REPORT_NAMES_MAX * 3u, 5, UINT32_MAX - 60};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        uint32_t n = bases[i];
        for (struct tally *t = worker.rows; t; t = t->next)
            t->number = n++;
        struct wire w = pack(&worker, 1, true);
        assert_int_equal(merge(&master, &names, &w), 0);
        assert_true(names.count <= REPORT_NAMES_MAX);
        wire_fini(&w);
    }
    stats_reset(&worker, T0);
    struct tally *t = worker.rows;
    for (uint32_t n = 100; t; t = t->next)
        t->number = n++;
    fill(&worker, 49, 1, 3); /* one row, a high number */
    struct wire high = pack(&worker, 2, true);
    report_names_forget(&worker);
    fill(&worker, 0, 50, 1);
    struct wire all = pack(&worker, 3, false);
    assert_int_equal(merge(&master, &names, &high), 0);
    assert_int_equal(merge(&master, &names, &all), 0);
    assert_int_equal(master.row_count, 50);
    assert_int_equal(master.total.requests, 5 * 55 + 3 + worker.total.requests);
    wire_fini(&high);
    wire_fini(&all);
    report_names_fini(&names);
    stats_fini(&worker);
    stats_fini(&master);
}

static void what_has_no_place_is_counted_as_such(void **state)
{
    struct stats worker, small;
    struct report_names names = {0};
    (void)state;
    stats_init(&worker, T0, STATS_LIMITS_DEFAULT);
    stats_init(&small, T0, (struct stats_limits){3, 2, 2});
    fill(&worker, 0, 8, 20);
    struct wire w = pack(&worker, 1, true);
    assert_int_equal(merge(&small, &names, &w), 0);
    uint64_t of_three = 0;
    for (const struct tally *t = small.rows; t; t = t->next)
        of_three += t->is_overflow ? 0 : t->requests;
    assert_int_equal(small.row_count, 4); /* and (other) */
    assert_true(small.overflow >= worker.total.requests - of_three);
    assert_int_equal(small.total.requests, worker.total.requests);
    wire_fini(&w);
    report_names_fini(&names);
    stats_fini(&worker);
    stats_fini(&small);
}

static void broken_bytes_change_nothing(void **state)
{
    struct stats worker, master;
    struct report_names names = {0};
    (void)state;
    stats_init(&worker, T0, STATS_LIMITS_DEFAULT);
    stats_init(&master, T0, STATS_LIMITS_DEFAULT);
    fill(&worker, 0, 2, 6);
    struct wire w = pack(&worker, 1, true);
    for (size_t len = 0; len < w.report.len; len++) {
        void *cut = malloc(len + 1); /* so that a sanitizer sees a read behind it */
        memcpy(cut, w.report.data, len);
        void *exact = realloc(cut, len ? len : 1);
        struct report_bytes in = {exact, w.names.data, len, w.names.len};
        assert_int_equal(report_merge_numbered(&master, &names, &in, "w", NULL), -1);
        free(exact);
    }
    for (size_t len = 1; len < w.names.len; len++) {
        struct report_bytes in = {w.report.data, w.names.data, w.report.len, len};
        assert_int_equal(report_merge_numbered(&master, &names, &in, "w", NULL), -1);
    }
    assert_int_equal(master.row_count + master.total.requests + master.failure_count, 0);
    for (size_t i = 0; i < 8 * w.report.len; i++) { /* any bit: refused, or the sums are right */
        w.report.data[i / 8] ^= (char)(1 << i % 8);
        uint64_t before = master.total.requests, rows = 0;
        bool is_taken = merge(&master, &names, &w) == 0;
        assert_true(is_taken || before == master.total.requests);
        for (const struct tally *t = master.rows; t; t = t->next)
            rows += t->requests;
        assert_int_equal(rows, master.total.requests);
        w.report.data[i / 8] ^= (char)(1 << i % 8);
    }
    wire_fini(&w);
    report_names_fini(&names);
    stats_fini(&worker);
    stats_fini(&master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_arrives_and_names_once),
        cmocka_unit_test(classes_of_exceptions_may_be_missing),
        cmocka_unit_test(names_that_are_lost_are_asked_for),
        cmocka_unit_test(numbers_may_be_anywhere),
        cmocka_unit_test(what_has_no_place_is_counted_as_such),
        cmocka_unit_test(broken_bytes_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
