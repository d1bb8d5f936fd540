// SPDX-License-Identifier: MIT
#include "common/metric/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0 1700000000.0

static struct tally *row(struct stats *s, const char *method, const char *name)
{
    return stats_row(s, method, strlen(method), name, strlen(name));
}

static void add(struct stats *s, const char *name, double at, uint64_t ms)
{
    stats_add(s, row(s, "GET", name), at, ms * 1000, 10);
}

static void fail_one(struct stats *s, const char *name, double at, const char *text)
{
    stats_add_failure(s, row(s, "GET", name), at, text, strlen(text));
}

/* Whatever happened to a table, its total is the sum of its rows. */
static void assert_adds_up(const struct stats *s)
{
    struct tally sum;
    tally_init(&sum, NULL, NULL);
    size_t rows = 0;
    for (const struct tally *t = s->rows; t; t = t->next, rows++)
        tally_merge(&sum, t);
    assert_int_equal(rows, s->row_count);
    assert_int_equal(sum.requests, s->total.requests);
    assert_int_equal(sum.none_requests, s->total.none_requests);
    assert_int_equal(sum.failures, s->total.failures);
    assert_int_equal(sum.cut, s->total.cut);
    assert_int_equal(sum.discarded, s->total.discarded);
    assert_int_equal(sum.resent, s->total.resent);
    assert_int_equal(sum.bytes, s->total.bytes);
    assert_int_equal(sum.sum_us, s->total.sum_us);
    assert_int_equal(sum.min_us, s->total.min_us);
    assert_int_equal(sum.max_us, s->total.max_us);
    assert_int_equal(sum.hist.count, s->total.hist.count);
    assert_int_equal(sum.hist.count, sum.requests - sum.none_requests);
    for (size_t i = 0; i < STATS_SECONDS; i++)
        assert_int_equal(sum.recent[i].requests, s->total.recent[i].requests);
    tally_fini(&sum);
}

static size_t octaves_of(const struct hist *h)
{
    size_t count = 0;
    for (size_t i = 0; i < HIST_OCTAVES; i++)
        count += h->octave[i] != NULL;
    return count;
}

/* An octave takes a kilobyte, and a table may have 10,000 rows. */
static void test_a_few_values_a_second_take_no_octave(void **state)
{
    (void)state;
    struct stats live, all;
    stats_init(&live, T0, STATS_LIMITS_DEFAULT);
    stats_init(&all, T0, STATS_LIMITS_DEFAULT);
    live.has_few = all.has_few = true;
    for (unsigned second = 0; second < 20; second++) {
        for (unsigned i = 0; i < 5; i++)
            add(&live, "/", T0 + second, 7 << i);
        assert_int_equal(octaves_of(&row(&live, "GET", "/")->hist), 0);
        stats_merge(&all, &live);
        stats_reset(&live, T0 + second);
    }
    assert_int_equal(octaves_of(&row(&all, "GET", "/")->hist), 0);
    assert_int_equal(row(&all, "GET", "/")->hist.count, 100);
    assert_true(tally_quantile_ms(row(&all, "GET", "/"), 0.5) == 27.968);
    assert_adds_up(&all);
    stats_fini(&live);
    stats_fini(&all);
}

/* Many come one by one: then octaves are faster. Few again, and they are given back. */
static void test_many_values_a_second_have_octaves(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    s.has_few = true;
    for (unsigned second = 0; second < 3; second++) {
        for (unsigned i = 0; i < 200; i++)
            add(&s, "/", T0 + second, 100);
        if (second)
            assert_int_equal(octaves_of(&row(&s, "GET", "/")->hist), 1);
        assert_int_equal(s.total.hist.count, 200);
        stats_reset(&s, T0 + second);
    }
    add(&s, "/", T0 + 3, 100);
    stats_reset(&s, T0 + 3);
    assert_int_equal(octaves_of(&row(&s, "GET", "/")->hist), 0);
    stats_fini(&s);
}

static void test_a_sample_counts_in_row_and_total(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    add(&s, "/a", T0 + 1, 10);
    add(&s, "/a", T0 + 2, 30);
    add(&s, "/b", T0 + 3, 20);
    stats_add(&s, row(&s, "GET", "/b"), T0 + 3, STATS_NO_TIME, 5);
    stats_add_cut(&s, row(&s, "GET", "/b"));
    stats_add_discarded(&s, row(&s, "GET", "/b"));
    stats_add_resent(&s, row(&s, "GET", "/b"), 3);
    fail_one(&s, "/a", T0 + 2, "boom");
    const struct tally *a = stats_find(&s, "GET", "/a");
    assert_non_null(a);
    assert_int_equal(a->requests, 2);
    assert_int_equal(a->failures, 1);
    assert_int_equal(a->sum_us, 40000);
    assert_int_equal(a->min_us, 10000);
    assert_int_equal(a->max_us, 30000);
    assert_true(a->first_at == T0 + 1 && a->last_at == T0 + 2);
    assert_true(tally_mean_ms(a) == 20);
    const struct tally *b = stats_find(&s, "GET", "/b");
    assert_int_equal(b->requests, 2);
    assert_int_equal(b->none_requests, 1);
    assert_int_equal(b->cut, 1);
    assert_int_equal(b->discarded, 1);
    assert_int_equal(b->resent, 3);
    assert_true(tally_mean_ms(b) == 20);
    assert_null(stats_find(&s, "POST", "/a"));
    assert_int_equal(s.total.requests, 4);
    assert_adds_up(&s);
    stats_fini(&s);
}

static void test_method_and_name_do_not_run_together(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    struct tally *a = row(&s, "GET", "X"), *b = row(&s, "GETX", ""), *c = row(&s, "", "GETX");
    assert_true(a != b && b != c && a != c);
    assert_ptr_equal(stats_row(&s, "GET\0evil", 8, "X", 1), a);
    assert_int_equal(s.row_count, 3);
    stats_fini(&s);
}

static void test_quantiles_stay_within_what_was_measured(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    assert_true(tally_quantile_ms(&s.total, 0.5) == 0);
    stats_add(&s, row(&s, "GET", "/"), T0, 1234567, 0);
    const struct tally *t = stats_find(&s, "GET", "/");
    for (double q = 0; q <= 1; q += 0.25)
        assert_true(tally_quantile_ms(t, q) == 1234.567);
    stats_add(&s, row(&s, "GET", "/"), T0, 7201000000, 0);
    assert_true(tally_quantile_ms(t, 1) == 7201000);
    stats_fini(&s);
}

static void test_many_rows_are_found_again(void **state)
{
    (void)state;
    struct stats s;
    char name[32];
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            snprintf(name, sizeof name, "/item/%d", i);
            add(&s, name, T0, (uint64_t)i);
        }
    assert_int_equal(s.row_count, 5000);
    assert_int_equal(stats_find(&s, "GET", "/item/4999")->requests, 2);
    assert_int_equal(s.overflow, 0);
    assert_adds_up(&s);
    stats_fini(&s);
}

static void test_what_finds_no_place_is_counted(void **state)
{
    (void)state;
    struct stats s;
    char name[32];
    stats_init(&s, T0, (struct stats_limits){3, 2, 1});
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "/%d", i);
        add(&s, name, T0, 5);
    }
    stats_add(&s, row(&s, "POST", "/late"), T0, 1, 1);
    assert_int_equal(s.row_count, 5);
    assert_int_equal(stats_find(&s, "GET", STATS_OTHER)->requests, 7);
    assert_int_equal(stats_find(&s, "POST", STATS_OTHER)->requests, 1);
    assert_int_equal(s.overflow, 8);
    assert_adds_up(&s);
    for (int i = 0; i < 300; i++) { /* even methods cannot grow the table for ever */
        snprintf(name, sizeof name, "M%d", i);
        stats_add(&s, row(&s, name, "/"), T0, 1, 1);
    }
    assert_true(s.row_count < 80);
    assert_true(stats_find(&s, "", STATS_OTHER)->requests > 200);
    assert_int_equal(s.overflow, 308);
    assert_adds_up(&s);
    stats_fini(&s);
}

static uint64_t failures_listed(const struct stats *s)
{
    uint64_t n = 0;
    for (const struct failure *f = s->failures; f; f = f->next)
        n += f->count;
    return n;
}

static void test_failures_and_exceptions_are_bounded_and_add_up(void **state)
{
    (void)state;
    struct stats s;
    char text[32];
    stats_init(&s, T0, (struct stats_limits){10, 3, 2});
    for (int i = 0; i < 8; i++) {
        snprintf(text, sizeof text, "error %d", i);
        fail_one(&s, "/a", T0 + i, text);
        fail_one(&s, "/a", T0 + i, "error 0");
        stats_add_exception(&s, T0 + i, "boom", text, "w1", 2);
    }
    assert_int_equal(s.failure_count, 4); /* three texts, and the rest of their kind */
    assert_int_equal(s.kind_count, 1);
    assert_int_equal(failures_listed(&s), 16);
    assert_int_equal(s.total.failures, 16);
    assert_string_equal(s.failures->text, "error 0");
    assert_int_equal(s.failures->count, 9);
    assert_true(s.failures->first_at == T0 && s.failures->last_at == T0 + 7);
    assert_int_equal(s.exception_count, 3);
    uint64_t n = 0;
    for (const struct exception *e = s.exceptions; e; e = e->next)
        n += e->count;
    assert_int_equal(n, 16);
    assert_int_equal(s.overflow, 12);
    stats_fini(&s);
}

static const struct failure *failure_of(const struct stats *s, const char *name, const char *text)
{
    for (const struct failure *f = s->failures; f; f = f->next)
        if (!strcmp(f->name, name) && !strcmp(f->text, text))
            return f;
    return NULL;
}

static size_t lines_of(const struct stats *s, struct failure *last)
{
    size_t n = 0;
    for (const struct failure *at = s->failures; at; n++)
        at = stats_failure_line(at, last);
    return n;
}

static void fail_with_id(struct stats *s, const char *name, int i)
{
    char text[64];
    snprintf(text, sizeof text, "order %d of customer c1f%06x is gone", i, (unsigned)i * 7919u);
    fail_one(s, name, T0 + i % 9, text);
}

static void test_failures_with_ids_are_one_kind_with_their_true_count(void **state)
{
    (void)state;
    struct stats s;
    struct failure line;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    for (int i = 0; i < 20000; i++)
        fail_with_id(&s, "/order", i);
    fail_one(&s, "/order", T0, "what matters");
    assert_int_equal(s.kind_count, 2);
    assert_int_equal(s.failure_count, STATS_KIND_TEXTS + 2);
    assert_int_equal(s.overflow, 0);
    assert_int_equal(lines_of(&s, &line), 2);
    assert_string_equal(line.text, "what matters");
    stats_failure_line(s.failures, &line);
    assert_string_equal(line.text, "order # of customer # is gone");
    assert_int_equal(line.count, 20000);
    assert_true(line.first_at == T0 && line.last_at == T0 + 8);
    stats_fini(&s);
}

static void test_few_texts_of_a_kind_are_told_one_by_one(void **state)
{
    (void)state;
    struct stats s;
    struct failure line;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    for (int i = 0; i < 3; i++) {
        fail_with_id(&s, "/order", i);
        fail_one(&s, "/order", T0, "gone");
    }
    assert_int_equal(lines_of(&s, &line), 4);
    assert_string_equal(line.text, "gone");
    assert_int_equal(s.failures->number, s.failures->next->next->number); /* neighbours */
    stats_fini(&s);
}

static void test_folded_reports_add_up_to_one_kind(void **state)
{
    (void)state;
    struct stats worker, master;
    struct failure line;
    stats_init(&master, T0, STATS_LIMITS_DEFAULT);
    for (int round = 0; round < 4; round++) {
        stats_init(&worker, T0, STATS_LIMITS_DEFAULT);
        for (int i = 0; i < 100; i++)
            fail_with_id(&worker, "/order", 100 * round + i);
        stats_merge(&master, &worker);
        stats_fini(&worker);
    }
    assert_int_equal(master.kind_count, 1);
    assert_int_equal(lines_of(&master, &line), 1);
    assert_int_equal(line.count, 400);
    stats_fini(&master);
}

static void test_what_finds_no_place_keeps_its_endpoint(void **state)
{
    (void)state;
    struct stats s;
    static const char *const texts[] = {"red", "green", "blue", "black", "white"};
    stats_init(&s, T0, (struct stats_limits){10, 2, 2});
    for (size_t i = 0; i < 5; i++) {
        fail_one(&s, "/a", T0, texts[i]);
        fail_one(&s, "/b", T0, texts[i]);
    }
    assert_null(failure_of(&s, "", STATS_OTHER_FAILURES));
    assert_int_equal(failure_of(&s, "/a", STATS_OTHER_FAILURES)->count, 4);
    assert_int_equal(failure_of(&s, "/b", STATS_OTHER_FAILURES)->count, 4);
    assert_int_equal(failures_listed(&s), 10);
    assert_int_equal(s.overflow, 8);
    stats_fini(&s);
}

static void test_a_kind_whose_texts_are_taken_back_is_gone(void **state)
{
    (void)state;
    struct stats s;
    struct failure line;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    fail_one(&s, "/a", T0, "first");
    for (int i = 0; i < 50; i++)
        fail_with_id(&s, "/order", i);
    stats_failure_line(s.failures->next, &line);
    assert_int_equal(line.count, 50);
    stats_less_failure(&s, &line); /* as its line stands in tables */
    stats_prune(&s);
    assert_int_equal(s.kind_count, 1);
    assert_int_equal(s.failure_count, 1);
    fail_with_id(&s, "/order", 7);
    fail_one(&s, "/z", T0, "last");
    assert_int_equal(lines_of(&s, &line), 3);
    assert_string_equal(line.text, "last");
    stats_fini(&s);
}

static void test_an_exception_is_one_of_its_place(void **state)
{
    (void)state;
    struct stats worker, master;
    stats_init(&worker, T0, (struct stats_limits){10, 10, 2});
    stats_init(&master, T0, STATS_LIMITS_DEFAULT);
    for (int i = 0; i < 20; i++) {
        char text[32];
        snprintf(text, sizeof text, "order %d", i);
        stats_add_exception(&worker, T0, text, "line 7", "w1", 1);
    }
    stats_add_exception(&worker, T0, "the rare one", "line 9", "w1", 1);
    stats_add_exception(&worker, T0, "one too many", "line 11", "w1", 1);
    stats_merge(&master, &worker);
    stats_merge(&master, &worker);
    stats_add_exception(&master, T0, "no traceback", "", "w1", 1);
    const struct exception *e = master.exceptions;
    assert_int_equal(master.exception_count, 4);
    assert_string_equal(e->message, "order 0");
    assert_int_equal(e->count, 40);
    assert_string_equal(e->next->message, "the rare one");
    assert_string_equal(e->next->next->message, STATS_OTHER_EXCEPTIONS);
    assert_int_equal(e->next->next->count, 2);
    assert_string_equal(e->next->next->next->message, "no traceback");
    stats_fini(&worker);
    stats_fini(&master);
}

static void test_nodes_of_an_exception_are_listed_once(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    const char *nodes[] = {"w1", "w2", "w1", "", "w", "w2"};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        stats_add_exception(&s, T0, "m", "t", nodes[i], 1);
    assert_string_equal(s.exceptions->nodes, "w1,w2,w");
    assert_int_equal(s.exceptions->count, 6);
    for (int i = 0; i < 5000; i++) {
        char node[32];
        snprintf(node, sizeof node, "node_%d", i);
        stats_add_exception(&s, T0, "m", "t", node, 1);
    }
    assert_true(strlen(s.exceptions->nodes) <= 4096);
    stats_fini(&s);
}

static void test_long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    size_t len = STATS_NAME_MAX + 100;
    char *name = malloc(len);
    for (size_t i = 0; i + 1 < len; i += 2)
        memcpy(name + i, "\xC3\xA9", 2);
    struct tally *t = stats_row(&s, "G", 1, name + 1, 0);
    assert_string_equal(t->name, "");
    t = stats_row(&s, "GE", 1, name, len);
    assert_int_equal(strlen(t->name), STATS_NAME_MAX);
    assert_ptr_equal(stats_row(&s, "G", 1, name, len - 2), t);
    free(name);
    stats_fini(&s);
}

static void test_reset_keeps_rows_and_clear_does_not(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    struct tally *kept = row(&s, "GET", "/a");
    add(&s, "/a", T0, 10);
    fail_one(&s, "/a", T0, "x");
    stats_add_part(&s, kept, PART_failed, 10);
    stats_add_measures(&s, kept, STATS_NO_TIME,
                       &(struct measures){.extra = {.s5 = 1, .sent_bytes = 7}});
    stats_add_cut(&s, kept);
    stats_add_exception(&s, T0, "m", "t", "", 1);
    stats_reset(&s, T0 + 5);
    assert_int_equal(s.row_count, 1);
    assert_ptr_equal(row(&s, "GET", "/a"), kept);
    assert_true(tally_is_empty(kept) && tally_is_empty(&s.total));
    assert_int_equal(kept->hist.count + kept->failed->count + s.total.failed->count, 0);
    assert_int_equal(kept->extra.sent_bytes + s.total.extra.status[5], 0);
    assert_null(s.failures);
    assert_null(s.exceptions);
    assert_true(s.started_at == T0 + 5);
    fail_one(&s, "/a", T0, "x");
    assert_int_equal(s.failure_count, 1);
    stats_add_exception(&s, T0, "m", "t", "", 1);
    stats_reset_requests(&s, T0 + 6);
    assert_int_equal(s.row_count, 1);
    stats_clear_requests(&s, T0 + 6);
    assert_int_equal(s.row_count + s.failure_count, 0);
    assert_int_equal(s.exception_count, 1);
    stats_clear(&s, T0 + 6);
    assert_null(s.exceptions);
    assert_int_equal(s.row_count, 0);
    assert_null(stats_find(&s, "GET", "/a"));
    add(&s, "/a", T0, 10);
    assert_adds_up(&s);
    stats_fini(&s);
}

static size_t octaves(const struct hist *h)
{
    size_t count = 0;
    for (size_t o = 0; o < HIST_OCTAVES; o++)
        count += h->octave[o] != NULL;
    return count;
}

static void test_a_row_that_is_seldom_asked_for_keeps_no_memory(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    const struct tally *seldom = row(&s, "GET", "/a"), *often = row(&s, "GET", "/b");
    for (int ms = 1; ms <= 1024; ms *= 2)
        add(&s, "/a", T0, ms);
    for (int i = 0; i < 1000; i++)
        add(&s, "/b", T0, 10);
    assert_in_range(octaves(&seldom->hist), 10, 11);
    stats_reset(&s, T0 + 1);
    assert_int_equal(octaves(&seldom->hist), 0);
    assert_int_equal(octaves(&often->hist), 1);
    add(&s, "/a", T0 + 2, 10);
    assert_int_equal(hist_count_upto(&seldom->hist, 11000), 1);
    stats_fini(&s);
}

static void test_merge_is_the_same_as_counting_in_one_table(void **state)
{
    (void)state;
    struct stats one, a, b, merged;
    stats_init(&one, T0, STATS_LIMITS_DEFAULT);
    stats_init(&a, T0, STATS_LIMITS_DEFAULT);
    stats_init(&b, T0, STATS_LIMITS_DEFAULT);
    stats_init(&merged, T0, STATS_LIMITS_DEFAULT);
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "/%d", i % 17);
        struct stats *part = i % 3 ? &a : &b;
        add(&one, name, T0 + i / 100, (uint64_t)i);
        add(part, name, T0 + i / 100, (uint64_t)i);
        if (i % 5 == 0) {
            fail_one(&one, name, T0 + i / 100, "x");
            fail_one(part, name, T0 + i / 100, "x");
            stats_add_part(&one, row(&one, "GET", name), PART_failed, (uint64_t)i);
            stats_add_part(part, row(part, "GET", name), PART_failed, (uint64_t)i);
        }
        struct measures more;
        measures_init(&more);
        more.extra.phased = 1;
        more.extra.send_us = (uint64_t)i;
        stats_add_measures(&one, row(&one, "GET", name), (uint64_t)i, &more);
        stats_add_measures(part, row(part, "GET", name), (uint64_t)i, &more);
    }
    stats_merge(&merged, &a);
    stats_merge(&merged, &b);
    assert_adds_up(&merged);
    assert_int_equal(merged.failure_count, one.failure_count);
    assert_int_equal(failures_listed(&merged), failures_listed(&one));
    for (const struct tally *t = one.rows; t; t = t->next) {
        const struct tally *m = stats_find(&merged, t->method, t->name);
        assert_int_equal(m->requests, t->requests);
        assert_int_equal(m->failures, t->failures);
        assert_int_equal(m->sum_us, t->sum_us);
        assert_true(m->first_at == t->first_at && m->last_at == t->last_at);
        assert_true(tally_quantile_ms(m, 0.9) == tally_quantile_ms(t, 0.9));
        assert_memory_equal(&m->extra, &t->extra, sizeof t->extra);
        assert_int_equal(m->failed->count, t->failed->count);
        assert_true(hist_quantile_us(m->failed, 0.5) == hist_quantile_us(t->failed, 0.5));
        assert_memory_equal(m->recent, t->recent, sizeof t->recent);
    }
    stats_fini(&one);
    stats_fini(&a);
    stats_fini(&b);
    stats_fini(&merged);
}

static void test_overflow_is_counted_once_on_its_way_up(void **state)
{
    (void)state;
    struct stats worker, master;
    stats_init(&worker, T0, (struct stats_limits){2, 5, 5});
    stats_init(&master, T0, (struct stats_limits){2, 5, 5});
    add(&worker, "/a", T0, 1);
    add(&worker, "/b", T0, 1);
    add(&worker, "/c", T0, 1);
    stats_merge(&master, &worker);
    assert_int_equal(master.overflow, 1);
    stats_clear(&worker, T0);
    add(&worker, "/d", T0, 1);
    add(&worker, "/e", T0, 1);
    add(&worker, "/f", T0, 1);
    stats_merge(&master, &worker);
    assert_int_equal(master.overflow, 4);
    assert_int_equal(stats_find(&master, "GET", STATS_OTHER)->requests, 4);
    assert_adds_up(&master);
    stats_fini(&worker);
    stats_fini(&master);
}

static void test_counts_stop_at_their_maximum(void **state)
{
    (void)state;
    struct tally a, b;
    tally_init(&a, NULL, NULL);
    tally_init(&b, NULL, NULL);
    a.requests = UINT64_MAX - 1;
    b.requests = 5;
    a.sum_us = b.sum_us = UINT64_MAX;
    a.extra.received_bytes = b.extra.received_bytes = UINT64_MAX - 3;
    tally_merge(&a, &b);
    assert_int_equal(a.extra.received_bytes, UINT64_MAX);
    assert_int_equal(a.requests, UINT64_MAX);
    assert_int_equal(a.sum_us, UINT64_MAX);
    struct per_second full = {.second = 100, .requests = UINT32_MAX};
    tally_add_second(&a, full);
    tally_add_second(&a, full);
    assert_int_equal(a.recent[100 % STATS_SECONDS].requests, UINT32_MAX);
    tally_fini(&a);
    tally_fini(&b);
}

static void test_rates_follow_locust(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    assert_true(tally_total_rps(&s.total, &s) == 0);
    assert_true(tally_current_rps(&s.total, &s) == 0);
    add(&s, "/a", T0, 1);
    assert_true(tally_total_rps(&s.total, &s) == 0); /* no time has passed */
    for (int second = 0; second < 20; second++)
        for (int i = 0; i <= second; i++) {
            add(&s, "/a", T0 + second + 0.5, 1);
            if (i == 0)
                fail_one(&s, "/a", T0 + second + 0.5, "x");
        }
    const struct tally *a = stats_find(&s, "GET", "/a");
    assert_true(tally_total_rps(a, &s) == 211 / 19.5);
    assert_true(tally_total_fail_rps(a, &s) == 20 / 19.5);
    /* last second 19: the window is seconds 7 to 16, which had 8 to 17 requests. */
    assert_true(tally_current_rps(a, &s) == 12.5);
    assert_true(tally_current_fail_rps(a, &s) == 1);
    stats_fini(&s);
}

static void test_current_rate_of_a_young_run(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    for (int second = 0; second < 5; second++)
        add(&s, "/a", T0 + second, 1);
    /* last second 4, started at 0: seconds 0 and 1 */
    assert_true(tally_current_rps(&s.total, &s) == 1);
    /* a row that rests goes down to 0, although its slots still hold old seconds */
    add(&s, "/b", T0 + 100, 1);
    assert_true(tally_current_rps(stats_find(&s, "GET", "/a"), &s) == 0);
    stats_fini(&s);
}

static void test_a_late_second_does_not_push_out_a_new_one(void **state)
{
    (void)state;
    struct tally t;
    tally_init(&t, NULL, NULL);
    tally_add_second(&t, (struct per_second){.second = 1000 + STATS_SECONDS, .requests = 7});
    tally_add_second(&t, (struct per_second){.second = 1000, .requests = 100});
    assert_int_equal(t.recent[1000 % STATS_SECONDS].requests, 7);
    tally_fini(&t);
}

static void test_sorted_by_name_then_method(void **state)
{
    (void)state;
    struct stats s;
    const struct tally **rows;
    stats_init(&s, T0, STATS_LIMITS_DEFAULT);
    assert_int_equal(stats_sorted(&s, &rows), 0);
    free(rows);
    row(&s, "POST", "/b");
    row(&s, "GET", "/b");
    row(&s, "PUT", "/a");
    assert_int_equal(stats_sorted(&s, &rows), 3);
    assert_string_equal(rows[0]->name, "/a");
    assert_string_equal(rows[1]->method, "GET");
    assert_string_equal(rows[2]->method, "POST");
    free(rows);
    stats_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_few_values_a_second_take_no_octave),
        cmocka_unit_test(test_many_values_a_second_have_octaves),
        cmocka_unit_test(test_a_sample_counts_in_row_and_total),
        cmocka_unit_test(test_method_and_name_do_not_run_together),
        cmocka_unit_test(test_quantiles_stay_within_what_was_measured),
        cmocka_unit_test(test_many_rows_are_found_again),
        cmocka_unit_test(test_what_finds_no_place_is_counted),
        cmocka_unit_test(test_failures_and_exceptions_are_bounded_and_add_up),
        cmocka_unit_test(test_failures_with_ids_are_one_kind_with_their_true_count),
        cmocka_unit_test(test_few_texts_of_a_kind_are_told_one_by_one),
        cmocka_unit_test(test_folded_reports_add_up_to_one_kind),
        cmocka_unit_test(test_what_finds_no_place_keeps_its_endpoint),
        cmocka_unit_test(test_a_kind_whose_texts_are_taken_back_is_gone),
        cmocka_unit_test(test_an_exception_is_one_of_its_place),
        cmocka_unit_test(test_nodes_of_an_exception_are_listed_once),
        cmocka_unit_test(test_long_texts_are_cut_between_characters),
        cmocka_unit_test(test_reset_keeps_rows_and_clear_does_not),
        cmocka_unit_test(test_a_row_that_is_seldom_asked_for_keeps_no_memory),
        cmocka_unit_test(test_merge_is_the_same_as_counting_in_one_table),
        cmocka_unit_test(test_overflow_is_counted_once_on_its_way_up),
        cmocka_unit_test(test_counts_stop_at_their_maximum),
        cmocka_unit_test(test_rates_follow_locust),
        cmocka_unit_test(test_current_rate_of_a_young_run),
        cmocka_unit_test(test_a_late_second_does_not_push_out_a_new_one),
        cmocka_unit_test(test_sorted_by_name_then_method),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
