// SPDX-License-Identifier: MIT
/* How reports become figures: each once, of this run only, on our clock. */
#include "common/base/sbuf.h"
#include "common/wire/pack.h"
#include "common/wire/report.h"
#include "common/wire/report_series.h"
#include "master/data/host_stats.h"
#include "master/data/record.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench {
    struct run run;
    struct roster roster;
    struct tunables tunables;
    struct record record;
    struct worker *ours, *stock;
    double now;
};

static struct run_clock at(const struct bench *b)
{
    return (struct run_clock){b->now, b->now};
}

static struct bench *new_bench(void)
{
    struct bench *b = calloc(1, sizeof *b);
    b->now = 1700000000;
    b->tunables = tunables_usual;
    b->record.run = &b->run;
    b->record.roster = &b->roster;
    b->record.tunables = &b->tunables;
    record_init(&b->record, 1 << 20, b->now);
    b->ours = roster_get(&b->roster, "ours");
    b->stock = roster_get(&b->roster, "stock");
    roster_join(&b->roster, b->ours, true);
    roster_join(&b->roster, b->stock, false);
    return b;
}

static void free_bench(struct bench *b)
{
    record_fini(&b->record);
    roster_fini(&b->roster);
    free(b);
}

static void begin(struct bench *b)
{
    run_start(&b->run, 1, 1, 0, 7, at(b));
    record_clear(&b->record, b->now);
}

static void measure(struct bench *b, struct stats *s, unsigned n)
{
    stats_init(s, b->now, STATS_LIMITS_DEFAULT);
    struct tally *row = stats_row(s, "GET", 3, "/", 1);
    for (unsigned i = 0; i < n; i++)
        stats_add(s, row, b->now, 1000, 10);
}

/* n requests of our dialect, made now by the clock of the worker. */
static struct message report(struct bench *b, uint64_t seq, unsigned n, struct sbuf *bytes)
{
    struct stats s;
    struct message msg = {.kind = MESSAGE_STATS};
    measure(b, &s, n);
    sbuf_clear(bytes);
    report_pack(&s, bytes);
    stats_fini(&s);
    msg.stats = (struct message_stats){.is_katydid = true,
                                       .epoch = "e",
                                       .seq = seq,
                                       .sent_at = b->now,
                                       .cpu_percent = 12,
                                       .report = {bytes->data, bytes->len}};
    snprintf(msg.stats.run, sizeof msg.stats.run, "%s", b->run.id);
    return msg;
}

static struct message stock_report(struct bench *b, unsigned n, struct sbuf *bytes)
{
    struct stats s;
    struct message msg = {.kind = MESSAGE_STATS};
    measure(b, &s, n);
    sbuf_clear(bytes);
    pack_map(bytes, 3);
    report_pack_locust(&s, bytes);
    stats_fini(&s);
    msg.data = (struct slice){bytes->data, bytes->len};
    return msg;
}

static uint64_t counted(const struct bench *b)
{
    return b->record.stats.total.requests;
}

static void a_report_counts_once(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes = {0};
    begin(b);
    struct message msg = report(b, 1, 5, &bytes);
    assert_true(record_report(&b->record, b->ours, &msg, b->now));
    assert_false(record_report(&b->record, b->ours, &msg, b->now));
    assert_int_equal(counted(b), 5);
    assert_int_equal(b->ours->requests, 5);
    msg = report(b, 3, 2, &bytes); /* the second one comes late */
    assert_true(record_report(&b->record, b->ours, &msg, b->now));
    msg = report(b, 2, 1, &bytes);
    assert_true(record_report(&b->record, b->ours, &msg, b->now));
    assert_int_equal(counted(b), 8);
    sbuf_fini(&bytes);
    free_bench(b);
}

/* What one worker sold: its series, and the names of it or not. */
static void add_series(struct message *msg, struct series_table *t, double sold, bool is_named,
                       struct sbuf bytes[2])
{
    enum metric_problem why;
    struct metric *m =
        series_metric(t, "sold", (struct metric_kind_of){METRIC_COUNTER, "", 1}, &why);
    struct series *s = series_of(t, m, t->tags.none);
    struct series_writer writer = {0};
    series_add(s, sold, 1700000000);
    writer.number = 1;
    report_series_put(&writer, s, 1700000000);
    sbuf_fini(&bytes[0]);
    bytes[0] = writer.bytes;
    sbuf_clear(&bytes[1]);
    if (is_named)
        report_series_all_names(t, &bytes[1]);
    msg->stats.series = (struct slice){bytes[0].data, bytes[0].len};
    msg->stats.series_names = (struct slice){bytes[1].data, bytes[1].len};
}

static double sold(struct bench *b)
{
    struct series_value v;
    series_value_init(&v);
    series_store_read(b->record.series, &(struct series_query){.metric = "sold"}, SERIES_FROM_START,
                      SERIES_TO_NOW, &v);
    const double sum = v.sum;
    series_value_fini(&v);
    return sum;
}

static void series_count_once_with_their_report(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes = {0}, series[2] = {{0}};
    struct series_table t;
    series_init(&t, SERIES_LIMITS_DEFAULT);
    begin(b);
    struct message msg = report(b, 1, 5, &bytes);
    add_series(&msg, &t, 3, false, series);
    assert_true(record_needs_names(&b->record, b->ours, &msg.stats));
    assert_int_equal(counted(b), 0);
    add_series(&msg, &t, 3, true, series);
    assert_false(record_needs_names(&b->record, b->ours, &msg.stats));
    assert_true(record_report(&b->record, b->ours, &msg, b->now));
    assert_false(record_report(&b->record, b->ours, &msg, b->now));
    assert_true(sold(b) == 3 && counted(b) == 5);
    msg = report(b, 2, 1, &bytes);
    add_series(&msg, &t, 4, false, series); /* known by now */
    assert_false(record_needs_names(&b->record, b->ours, &msg.stats));
    record_report(&b->record, b->ours, &msg, b->now);
    assert_true(sold(b) == 7);
    msg = report(b, 3, 1, &bytes);
    msg.stats.series = (struct slice){"broken", 6}; /* then nothing of the report counts */
    record_report(&b->record, b->ours, &msg, b->now);
    assert_true(sold(b) == 7 && counted(b) == 6 && b->record.trouble.broken == 1);
    record_reset(&b->record, b->now);
    assert_true(sold(b) == 0);
    run_stop(&b->run, 1, at(b));
    run_stopped(&b->run, at(b));
    begin(b); /* a run later the master knows no names */
    msg = report(b, 4, 1, &bytes);
    add_series(&msg, &t, 1, false, series);
    assert_true(record_needs_names(&b->record, b->ours, &msg.stats));
    sbuf_fini(&bytes);
    sbuf_fini(&series[0]);
    sbuf_fini(&series[1]);
    series_fini(&t);
    free_bench(b);
}

static void a_report_of_another_run_does_not_count(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes = {0};
    struct message early = report(b, 1, 5, &bytes);
    assert_false(record_report(&b->record, b->ours, &early, b->now)); /* before any run */
    begin(b);
    struct message msg = report(b, 2, 5, &bytes);
    run_stop(&b->run, 1, at(b));
    run_stopped(&b->run, at(b));
    begin(b);
    assert_false(record_report(&b->record, b->ours, &msg, b->now));
    assert_int_equal(counted(b), 0);
    assert_int_equal(b->record.trouble.late, 2);
    assert_true(b->ours->cpu_percent > 11); /* how the worker is, is known all the same */
    sbuf_fini(&bytes);
    free_bench(b);
}

static void a_stock_report_belongs_to_the_run_that_is_on(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes = {0};
    struct message msg = stock_report(b, 4, &bytes);
    assert_false(record_report(&b->record, b->stock, &msg, b->now));
    begin(b);
    assert_true(record_report(&b->record, b->stock, &msg, b->now));
    run_stop(&b->run, 1, at(b)); /* its last report comes now */
    assert_true(record_report(&b->record, b->stock, &msg, b->now));
    run_stopped(&b->run, at(b));
    assert_false(record_report(&b->record, b->stock, &msg, b->now));
    assert_int_equal(counted(b), 8);
    sbuf_fini(&bytes);
    free_bench(b);
}

static void a_malformed_report_changes_nothing(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes = {0};
    begin(b);
    struct message msg = report(b, 1, 5, &bytes);
    msg.stats.report.len--;
    record_report(&b->record, b->ours, &msg, b->now);
    msg = stock_report(b, 4, &bytes);
    msg.data.len--;
    record_report(&b->record, b->stock, &msg, b->now);
    assert_int_equal(counted(b), 0);
    assert_int_equal(b->record.trouble.broken, 2);
    sbuf_fini(&bytes);
    free_bench(b);
}

/* The same as numbers, with the names of the rows or without. */
static struct message numbered(struct bench *b, uint64_t seq, unsigned n, bool is_named,
                               struct sbuf bytes[2])
{
    struct stats s;
    struct message msg = report(b, seq, n, &bytes[0]);
    measure(b, &s, n);
    sbuf_clear(&bytes[0]);
    sbuf_clear(&bytes[1]);
    report_pack_numbered(&s, &bytes[0]);
    if (is_named)
        report_pack_names(&s, 1, true, &bytes[1]);
    stats_fini(&s);
    msg.stats.report = (struct slice){bytes[0].data, bytes[0].len};
    msg.stats.names = (struct slice){bytes[1].data, bytes[1].len};
    return msg;
}

static void names_that_are_missing_are_asked_for_and_nothing_is_lost(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes[2] = {{0}};
    struct message msg = numbered(b, 1, 5, false, bytes);
    assert_false(record_needs_names(&b->record, b->ours, &msg.stats)); /* of no run */
    begin(b);
    msg = numbered(b, 1, 5, false, bytes);
    assert_true(record_needs_names(&b->record, b->ours, &msg.stats));
    msg = numbered(b, 1, 5, true, bytes);
    assert_false(record_needs_names(&b->record, b->ours, &msg.stats));
    assert_true(record_report(&b->record, b->ours, &msg, b->now));
    msg = numbered(b, 2, 3, false, bytes); /* known by now */
    assert_false(record_needs_names(&b->record, b->ours, &msg.stats));
    assert_true(record_report(&b->record, b->ours, &msg, b->now));
    assert_int_equal(counted(b), 8);
    record_clear(&b->record, b->now);
    assert_true(record_needs_names(&b->record, b->ours, &msg.stats));
    sbuf_fini(&bytes[0]);
    sbuf_fini(&bytes[1]);
    free_bench(b);
}

static void of_a_worker_that_is_gone_no_names_are_kept_for_long(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes[2] = {{0}};
    begin(b);
    struct message msg = numbered(b, 1, 5, true, bytes);
    assert_true(record_report(&b->record, b->ours, &msg, b->now));
    b->now += 601;
    msg = numbered(b, 2, 5, false, bytes);
    record_second(&b->record, at(b), 0); /* it is silent, and there */
    assert_false(record_needs_names(&b->record, b->ours, &msg.stats));
    b->ours->state = WORKER_MISSING;
    b->now -= 301;
    record_second(&b->record, at(b), 0);
    assert_false(record_needs_names(&b->record, b->ours, &msg.stats));
    b->now += 301;
    record_second(&b->record, at(b), 0);
    assert_true(record_needs_names(&b->record, b->ours, &msg.stats));
    msg = numbered(b, 2, 5, true, bytes); /* it is back */
    assert_true(record_report(&b->record, b->ours, &msg, b->now));
    assert_int_equal(counted(b), 10);
    sbuf_fini(&bytes[0]);
    sbuf_fini(&bytes[1]);
    free_bench(b);
}

static void a_host_that_was_asked_may_answer_late(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes[2] = {{0}};
    begin(b);
    struct message msg = numbered(b, 5, 1, false, bytes);
    assert_true(record_needs_names(&b->record, NULL, &msg.stats));
    msg = numbered(b, 6, 10, true, bytes);
    assert_false(record_needs_names(&b->record, NULL, &msg.stats));
    record_host_report(&b->record, &msg.stats, b->now);
    for (int i = 0; i < 2; i++) { /* the second one was counted */
        msg = numbered(b, 5, 1, true, bytes);
        assert_false(record_needs_names(&b->record, NULL, &msg.stats));
        record_host_report(&b->record, &msg.stats, b->now);
    }
    assert_int_equal(counted(b), 11);
    sbuf_fini(&bytes[0]);
    sbuf_fini(&bytes[1]);
    free_bench(b);
}

static void the_host_counts_once_per_number_of_its_process(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes = {0};
    begin(b);
    struct message msg = report(b, 1, 3, &bytes);
    record_host_report(&b->record, &msg.stats, b->now);
    record_host_report(&b->record, &msg.stats, b->now);
    assert_int_equal(counted(b), 3);
    snprintf(msg.stats.epoch, sizeof msg.stats.epoch, "another process");
    record_host_report(&b->record, &msg.stats, b->now);
    assert_int_equal(counted(b), 6);
    msg.stats.run[0] = 0;
    msg.stats.seq++;
    record_host_report(&b->record, &msg.stats, b->now);
    assert_int_equal(counted(b), 6);
    sbuf_fini(&bytes);
    free_bench(b);
}

/* Whatever its machine takes the time to be, its requests are of the second in which they were. */
static void the_clock_of_a_worker_may_be_wrong(void **unused)
{
    (void)unused;
    for (double wrong = -3600; wrong <= 3600; wrong += 3600) {
        struct bench *b = new_bench();
        struct sbuf bytes = {0};
        begin(b);
        const double start = b->now;
        for (unsigned i = 1; i <= 5; i++) {
            b->now = start + i + wrong;
            struct message msg = report(b, i, 7, &bytes);
            b->now = start + i;
            assert_true(record_report(&b->record, b->ours, &msg, b->now));
            record_second(&b->record, at(b), 0);
        }
        assert_true(b->ours->last_report_at > start + 3 && b->ours->last_report_at < start + 6);
        assert_true(b->ours->rps > 5 && b->ours->rps < 10);
        assert_int_equal(counted(b), 35);
        sbuf_fini(&bytes);
        free_bench(b);
    }
}

static void figures_begin_anew(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes = {0};
    begin(b);
    struct message msg = report(b, 1, 5, &bytes);
    record_report(&b->record, b->ours, &msg, b->now);
    record_reset(&b->record, b->now);
    assert_int_equal(counted(b), 0);
    assert_non_null(stats_find(&b->record.stats, "GET", "/"));      /* the row stays */
    assert_false(record_report(&b->record, b->ours, &msg, b->now)); /* counted before */
    record_clear(&b->record, b->now);
    assert_null(stats_find(&b->record.stats, "GET", "/"));
    assert_int_equal(b->ours->requests, 0);
    sbuf_fini(&bytes);
    free_bench(b);
}

/* A worker that is busy with something else after the load makes nothing of it less valid. */
static void what_comes_after_the_load_is_not_watched(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes = {0};
    begin(b);
    for (unsigned i = 1; i <= 20; i++) {
        b->now++;
        struct message msg = report(b, i, 1, &bytes);
        msg.stats.cpu_percent = i > 6 ? 100 : 12;
        record_report(&b->record, b->ours, &msg, b->now);
        if (i != 6)
            continue;
        run_stop(&b->run, 1, at(b));
        run_stopped(&b->run, at(b));
    }
    assert_true(events_saturated_s(b->record.events) == 0);
    begin(b);
    for (unsigned i = 21; i <= 30; i++) {
        b->now++;
        struct message msg = report(b, i, 1, &bytes);
        msg.stats.cpu_percent = 100;
        record_report(&b->record, b->ours, &msg, b->now);
    }
    assert_true(events_saturated_s(b->record.events) > 8);
    sbuf_fini(&bytes);
    free_bench(b);
}

/* Nothing is packed for a host that does not ask, nor again what it knows. */
static void the_host_is_told_what_is_new(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct sbuf bytes = {0}, out = {0};
    struct host_stats *h = b->record.host_stats;
    assert_false(host_stats_second(&b->record, b->now));
    host_stats_want(h, true);
    assert_true(host_stats_second(&b->record, b->now));
    host_stats_pack(&b->record, "host", &out);
    assert_true(out.len > 0);
    assert_false(host_stats_second(&b->record, b->now));
    begin(b);
    assert_true(host_stats_second(&b->record, b->now));
    run_stop(&b->run, 1, at(b));
    struct message msg = report(b, 1, 5, &bytes);
    record_report(&b->record, b->ours, &msg, b->now);
    run_stopped(&b->run, at(b));
    assert_true(host_stats_second(&b->record, b->now)); /* the last figures */
    host_stats_pack(&b->record, "host", &out);
    assert_false(host_stats_second(&b->record, b->now));
    host_stats_written(h, 3);
    assert_true(host_stats_second(&b->record, b->now));
    assert_true(host_stats_before_event(h, "test_stop"));
    assert_false(host_stats_before_event(h, "test_start"));
    host_stats_want(h, false);
    assert_false(host_stats_before_event(h, "quit"));
    assert_false(host_stats_second(&b->record, b->now));
    sbuf_fini(&bytes);
    sbuf_fini(&out);
    free_bench(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_counts_once),
        cmocka_unit_test(a_report_of_another_run_does_not_count),
        cmocka_unit_test(a_stock_report_belongs_to_the_run_that_is_on),
        cmocka_unit_test(a_malformed_report_changes_nothing),
        cmocka_unit_test(of_a_worker_that_is_gone_no_names_are_kept_for_long),
        cmocka_unit_test(names_that_are_missing_are_asked_for_and_nothing_is_lost),
        cmocka_unit_test(a_host_that_was_asked_may_answer_late),
        cmocka_unit_test(the_host_counts_once_per_number_of_its_process),
        cmocka_unit_test(the_clock_of_a_worker_may_be_wrong),
        cmocka_unit_test(series_count_once_with_their_report),
        cmocka_unit_test(figures_begin_anew),
        cmocka_unit_test(what_comes_after_the_load_is_not_watched),
        cmocka_unit_test(the_host_is_told_what_is_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
