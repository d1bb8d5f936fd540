// SPDX-License-Identifier: MIT
/* What sinks make of a snapshot: differences, names that are too many, histograms as others have
 * them, and the text that Prometheus scrapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "master/sink/exponential.h"
#include "master/sink/exposition.h"
#include "master/sink/native.h"
#include "common/base/protobuf.h"
#include "master/sink/downsample.h"
#include "tests/unit/snapshots.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define START 1700000000.0

static struct tally *row(struct stats *s, const char *method, const char *name)
{
    return stats_row(s, method, strlen(method), name, strlen(name));
}

static void add(struct stats *s, const char *name, uint64_t us, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        stats_add(s, row(s, "GET", name), START + 1, us, 100);
}

/* ---- rows -------------------------------------------------------------------------------- */

static void a_difference_is_what_came_since(void **state)
{
    (void)state;
    struct stats s;
    struct sink_rows f;
    stats_init(&s, START, STATS_LIMITS_DEFAULT);
    add(&s, "/a", 10000, 3);
    add(&s, "/b", 20000, 1);
    struct snapshot *before = snapshot_of(&s, START + 1, 1);
    add(&s, "/a", 30000, 2);
    add(&s, "/new", 1000, 1);
    stats_add_failure(&s, row(&s, "GET", "/a"), START + 2, "404", 3);
    struct snapshot *after = snapshot_of(&s, START + 2, 1);
    sink_rows_init(&f, after, before, 10);
    assert_int_equal(f.row_count, 2); /* /b gained nothing */
    assert_string_equal(f.rows[0].name, "/a");
    assert_int_equal(f.rows[0].requests, 2);
    assert_int_equal(f.rows[0].failures, 1);
    assert_int_equal(f.rows[0].bytes, 200);
    assert_int_equal(sink_row_hist(&f.rows[0])->count, 2);
    assert_true(fabs(sink_row_quantile_ms(&f.rows[0], 0.5) - 30) < 0.2);
    assert_true(fabs(sink_row_mean_ms(&f.rows[0]) - 30) < 0.001);
    assert_true(f.rows[0].min_us > 29000); /* not the 10 ms of the time before */
    assert_string_equal(f.rows[1].name, "/new");
    assert_int_equal(f.total.requests, 3);
    sink_rows_fini(&f);
    sink_rows_init(&f, after, NULL, 10);
    assert_int_equal(f.row_count, 3);
    assert_int_equal(f.rows[0].requests, 5);
    assert_int_equal(f.total.requests, 7);
    sink_rows_fini(&f);
    snapshot_unref(before);
    snapshot_unref(after);
    stats_fini(&s);
}

static void names_beyond_the_limit_are_one_row_and_nothing_is_lost(void **state)
{
    (void)state;
    struct stats s;
    struct sink_rows f;
    stats_init(&s, START, STATS_LIMITS_DEFAULT);
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "/%d", i);
        add(&s, name, (uint64_t)(i + 1) * 1000, 2);
    }
    stats_add(&s, row(&s, "POST", "/late"), START + 1, 5000, 0);
    struct snapshot *before = snapshot_of(&s, START + 1, 1);
    sink_rows_init(&f, before, NULL, 10);
    assert_int_equal(f.row_count, 12);
    const struct sink_row *other = &f.rows[10];
    assert_string_equal(other->name, "(other)");
    assert_string_equal(other->method, "GET");
    assert_int_equal(other->requests, 80);
    assert_int_equal(sink_row_hist(other)->count, 80);
    assert_int_equal(other->min_us, 11000);
    assert_int_equal(other->max_us, 50000);
    assert_string_equal(f.rows[11].method, "POST");
    sink_rows_fini(&f);
    add(&s, "/49", 7000, 3);
    add(&s, "/0", 7000, 1);
    struct snapshot *after = snapshot_of(&s, START + 2, 1);
    sink_rows_init(&f, after, before, 10); /* the same rows have the same names */
    assert_int_equal(f.row_count, 2);
    assert_string_equal(f.rows[0].name, "/0");
    assert_string_equal(f.rows[1].name, "(other)");
    assert_int_equal(f.rows[1].requests, 3);
    sink_rows_fini(&f);
    snapshot_unref(before);
    snapshot_unref(after);
    stats_fini(&s);
}

/* ---- by labels --------------------------------------------------------------------------- */

struct told { /* what workers told of, as a master keeps it */
    struct stats rows, parts;
    struct series_table series;
    struct snapshot_maker *maker;
};

static void told_init(struct told *t)
{
    stats_init(&t->rows, START, STATS_LIMITS_DEFAULT);
    stats_init(&t->parts, START, STATS_LIMITS_DEFAULT);
    series_init(&t->series, SERIES_LIMITS_DEFAULT);
    t->maker = snapshot_maker_new();
}

static void told_fini(struct told *t)
{
    stats_fini(&t->rows);
    stats_fini(&t->parts);
    series_fini(&t->series);
    snapshot_maker_free(t->maker);
}

static void tell(struct told *t, const char *metric, enum metric_kind kind, const struct tags *tags,
                 struct value *v)
{
    enum metric_problem why;
    struct sbuf bytes = {0};
    struct value_read read;
    value_put(&bytes, v, kind);
    const unsigned char *p = (const unsigned char *)bytes.data;
    assert_true(value_read(&p, p + bytes.len, kind, &read));
    struct metric *m =
        series_metric(&t->series, metric, (struct metric_kind_of){kind, "ms", METRIC_SCALE}, &why);
    assert_true(labelled_take(&t->parts, &t->rows, series_of(&t->series, m, tags), &read));
    sbuf_fini(&bytes);
    value_fini(v);
}

/* So many requests of a row, with labels that may be NULL, of whom some failed. */
static void tell_of(struct told *t, const char *name, const char *scenario, const char *group,
                    uint64_t us, unsigned n, unsigned failed)
{
    const struct tag list[] = {{"method", "GET"},
                               {"name", name},
                               {"scenario", scenario ? scenario : ""},
                               {"group", group ? group : ""}};
    const struct tags *tags = tags_of(&t->series.tags, list, 4);
    struct value times, rate;
    value_init(&times);
    value_init(&rate);
    add(&t->rows, name, us, n);
    for (unsigned i = 0; i < n; i++) {
        value_add_us(&times, us);
        value_add_true(&rate, i < failed);
        if (i < failed)
            stats_add_failure(&t->rows, row(&t->rows, "GET", name), START + 1, "500", 3);
    }
    if (!scenario && !group)
        return value_fini(&times), value_fini(&rate);
    tell(t, "katydid_request_duration", METRIC_TREND, tags, &times);
    tell(t, "katydid_request_failed", METRIC_RATE, tags, &rate);
}

static struct snapshot *told_snapshot(const struct told *t, double now)
{
    struct snapshot *s = snapshot_of(&t->rows, now, 1);
    snapshot_add_parts(s, t->maker, &t->parts);
    return s;
}

/* "scenario=a,group=b" */
static const struct sink_row *part(const struct sink_rows *f, const char *name, const char *labels)
{
    for (size_t i = 0; i < f->part_count; i++) {
        struct sbuf text = {0};
        const struct sink_row *r = &f->parts[i];
        for (size_t k = 0; k < r->label_count; k++)
            sbuf_addf(&text, "%s%s=%s", k ? "," : "", r->labels[k].key, r->labels[k].value);
        const bool is_it = !strcmp(r->name, name) && !strcmp(text.data ? text.data : "", labels);
        sbuf_fini(&text);
        if (is_it)
            return r;
    }
    return NULL;
}

static void is_part(const struct sink_rows *f, const char *name, const char *labels, unsigned n,
                    unsigned failed)
{
    const struct sink_row *r = part(f, name, labels);
    assert_non_null(r);
    assert_int_equal(r->requests, n);
    assert_int_equal(r->failures, failed);
    assert_int_equal(sink_row_hist(r)->count, n);
}

/* Whatever is told apart: together it is what the rows have. */
static void parts_are_the_rows(const struct sink_rows *f)
{
    struct sink_row of[2] = {{.requests = 0}};
    for (size_t i = 0; i < f->row_count + f->part_count; i++) {
        const bool is_part = i >= f->row_count;
        const struct sink_row *r = is_part ? &f->parts[i - f->row_count] : &f->rows[i];
        of[is_part].requests += r->requests;
        of[is_part].failures += r->failures;
        of[is_part].sum_us += r->sum_us;
        hist_merge(&of[is_part].own, sink_row_hist(r));
    }
    assert_int_equal(of[0].requests, of[1].requests);
    assert_int_equal(of[0].failures, of[1].failures);
    assert_int_equal(of[0].sum_us, of[1].sum_us);
    hist_subtract(&of[0].own, &of[1].own);
    assert_int_equal(of[0].own.count, 0);
    hist_fini(&of[0].own);
    hist_fini(&of[1].own);
}

static void parts_of_rows_by_their_labels(void **state)
{
    (void)state;
    struct told t;
    struct sink_rows f;
    told_init(&t);
    tell_of(&t, "/a", "buy", NULL, 1000, 5, 1);
    tell_of(&t, "/a", "look", "menu", 2000, 7, 0);
    tell_of(&t, "/a", "look", NULL, 40000, 3, 0);
    tell_of(&t, "/a", NULL, NULL, 90000, 2, 2);
    tell_of(&t, "/b", NULL, NULL, 1000, 4, 0);
    tell_of(&t, "/c", "buy", NULL, 1000, 6, 0);
    struct snapshot *first = told_snapshot(&t, START + 1);
    sink_rows_init_by(&f, first, NULL, 10, SINK_LABELS_ALL);
    assert_int_equal(f.part_count, 6);
    is_part(&f, "/a", "scenario=buy", 5, 1);
    is_part(&f, "/a", "scenario=look,group=menu", 7, 0);
    is_part(&f, "/a", "scenario=look", 3, 0);
    is_part(&f, "/a", "", 2, 2);
    is_part(&f, "/b", "", 4, 0);
    is_part(&f, "/c", "scenario=buy", 6, 0);
    assert_true(part(&f, "/a", "")->min_us > 89000); /* not the 1 ms of others */
    assert_int_equal(part(&f, "/a", "scenario=buy")->max_us, 1000);
    parts_are_the_rows(&f);
    sink_rows_fini(&f);
    sink_rows_init_by(&f, first, NULL, 10, SINK_SCENARIO); /* the group is added up */
    is_part(&f, "/a", "scenario=look", 10, 0);
    parts_are_the_rows(&f);
    sink_rows_fini(&f);
    sink_rows_init_by(&f, first, NULL, 1, SINK_SCENARIO); /* /b and /c are one */
    is_part(&f, "(other)", "scenario=buy", 6, 0);
    is_part(&f, "(other)", "", 4, 0);
    parts_are_the_rows(&f);
    sink_rows_fini(&f);
    sink_rows_init_by(&f, first, NULL, 10, SINK_CLASS); /* of that there is none */
    assert_int_equal(f.part_count, 3);
    parts_are_the_rows(&f);
    sink_rows_fini(&f);
    tell_of(&t, "/a", "look", "menu", 3000, 2, 1);
    tell_of(&t, "/a", NULL, NULL, 3000, 1, 0);
    struct snapshot *second = told_snapshot(&t, START + 2);
    sink_rows_init_by(&f, second, first, 10, SINK_LABELS_ALL);
    assert_int_equal(f.part_count, 2);
    is_part(&f, "/a", "scenario=look,group=menu", 2, 1);
    is_part(&f, "/a", "", 1, 0);
    parts_are_the_rows(&f);
    sink_rows_fini(&f);
    snapshot_unref(first);
    snapshot_unref(second);
    told_fini(&t);
}

static void labels_that_are_too_many_are_left_out_and_nothing_is_lost(void **state)
{
    (void)state;
    struct told t;
    struct sink_rows f;
    told_init(&t);
    for (int i = 0; i < 50; i++) {
        char scenario[16];
        snprintf(scenario, sizeof scenario, "s%d", i);
        tell_of(&t, "/a", scenario, NULL, 1000, 2, 1);
    }
    struct snapshot *s = told_snapshot(&t, START + 1);
    sink_rows_init_by(&f, s, NULL, 2, SINK_LABELS_ALL);
    assert_int_equal(f.part_count, 2 * PARTS_PER_NAME + 1);
    is_part(&f, "/a", "scenario=s19", 2, 1);
    is_part(&f, "/a", "", 60, 30);
    parts_are_the_rows(&f);
    sink_rows_fini(&f);
    snapshot_unref(s);
    told_fini(&t);
}

/* ---- histograms -------------------------------------------------------------------------- */

static void exponential_buckets_hold_every_value(void **state)
{
    (void)state;
    struct hist h;
    struct exponential e;
    uint64_t sum = 0;
    hist_init(&h);
    hist_add(&h, 0, 3);
    hist_add(&h, 400000, 5); /* 0.4 s: at scale 3 in (0.386, 0.420], index -10 */
    hist_add(&h, 990000, 2);
    exponential_of(&h, 3, &e);
    assert_int_equal(e.scale, 3);
    assert_int_equal(e.zeros, 3);
    assert_int_equal(e.first, -10);
    assert_int_equal(e.counts[0], 5);
    assert_int_equal(e.length, 11); /* to index 0: (0.917, 1] */
    assert_int_equal(e.counts[10], 2);
    for (uint64_t us = 1; us < HIST_MAX_US; us *= 2)
        hist_add(&h, us, 1);
    exponential_of(&h, 7, &e); /* 32 octaves: no room for 128 in each */
    for (unsigned i = 0; i < e.length; i++)
        sum += e.counts[i];
    assert_true(e.scale < 7 && e.length <= EXPONENTIAL_MOST);
    assert_int_equal(sum + e.zeros, h.count);
    hist_fini(&h);
}

/* Reads what native_put wrote, as a receiver does: the count in all buckets, and the index of the
 * first. */
static uint64_t read_native(const struct sbuf *b, int64_t *first)
{
    const unsigned char *p = (const unsigned char *)b->data, *end = p + b->len;
    uint64_t key = 0, value = 0, sum = 0, spans = 0, deltas = 0;
    while (p < end) {
        assert_true(varint_read(&p, end, &key));
        if ((key & 7) == PB_FIXED64) {
            p += 8;
            continue;
        }
        assert_true(varint_read(&p, end, &value));
        if (key >> 3 == 7)
            sum += value;
        if ((key & 7) != PB_BYTES)
            continue;
        const unsigned char *inner = p, *last = p + value;
        p = last;
        if (key >> 3 == 12) {
            uint64_t offset = 0, length = 0;
            inner++;
            assert_true(varint_read(&inner, last, &offset));
            inner++;
            assert_true(varint_read(&inner, last, &length));
            if (spans == 0)
                *first = varint_signed(offset);
            spans += length;
        } else {
            int64_t count = 0;
            for (uint64_t d = 0; inner < last; deltas++) {
                assert_true(varint_read(&inner, last, &d));
                count += varint_signed(d);
                assert_true(count >= 0);
                sum += (uint64_t)count;
            }
        }
    }
    assert_int_equal(spans, deltas);
    return sum;
}

static void native_histograms_hold_every_value(void **state)
{
    (void)state;
    static const struct native_fields fields = {5, 6, 7, 12, 13};
    struct hist h;
    int64_t first = 0;
    uint64_t us = 12345;
    hist_init(&h);
    for (int round = 0; round < 200; round++) {
        struct sbuf b = {0};
        native_put(&b, &fields, &h);
        assert_int_equal(read_native(&b, &first), h.count);
        sbuf_fini(&b);
        us = (us * 6364136223846793005u + 1442695040888963407u) >> 20;
        hist_add(&h, us % (round < 100 ? 5000 : HIST_MAX_US), 1 + us % 7);
    }
    hist_clear(&h);
    hist_add(&h, 400000, 1);
    struct sbuf b = {0};
    native_put(&b, &fields, &h);
    read_native(&b, &first);
    assert_int_equal(first, -10);
    sbuf_fini(&b);
    hist_fini(&h);
}

struct taken {
    uint64_t n;
    double last, sum;
};

static void take(void *arg, double ms)
{
    struct taken *t = arg;
    assert_true(ms >= t->last);
    t->last = ms;
    t->sum += ms;
    t->n++;
}

static void a_sample_stands_for_as_many_as_there_were(void **state)
{
    (void)state;
    static const unsigned counts[] = {0, 1, 499, 500, 501, 999, 1000, 1001, 123457};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct hist h;
        struct taken each = {0}, rest = {0};
        hist_init(&h);
        for (unsigned k = 0; k < counts[i]; k++)
            hist_add(&h, 1000 + k % 1000, 1);
        const struct downsample s = downsample_of(&h);
        downsample_each(&h, &s, take, &each);
        downsample_rest(&h, &s, take, &rest);
        assert_int_equal(each.n * s.every + rest.n, counts[i]);
        assert_true(each.n <= SAMPLES_MOST && rest.n < s.every);
        if (counts[i] > 10000) /* the middle is that of all */
            assert_true(fabs(each.sum / (double)each.n - 1.4995) < 0.01);
        hist_fini(&h);
    }
}

static void messages_within_messages_have_their_lengths(void **state)
{
    (void)state;
    struct sbuf b = {0};
    const size_t outer = pb_open(&b, 1), inner = pb_open(&b, 2);
    for (int i = 0; i < 200; i++)
        sbuf_addc(&b, 'x');
    pb_close(&b, inner);
    pb_close(&b, outer);
    static const unsigned char head[] = {0x0a, 0xcb, 0x01, 0x12, 0xc8, 0x01, 'x'};
    assert_int_equal(b.len, 206);
    assert_memory_equal(b.data, head, sizeof head);
    sbuf_clear(&b);
    pb_sint(&b, 4, -1);
    pb_double(&b, 1, 1.0);
    assert_memory_equal(b.data, "\x20\x01\x09\0\0\0\0\0\0\xf0\x3f", 11);
    sbuf_fini(&b);
}

/* ---- what Prometheus scrapes -------------------------------------------------------------- */

static struct sbuf scrape(const struct stats *s, const char *accept, const char *type)
{
    char *why = NULL;
    struct sbuf out = {0};
    char *tags[] = {(char *)(uintptr_t) "region=north", (char *)(uintptr_t) "le=reserved", NULL};
    struct sink_spec *spec = sink_spec_text("prometheus,names=2", &why);
    struct snapshot *now = snapshot_of(s, START + 5, 7);
    spec->test_id = "nightly \"1\"\n\\";
    spec->tags = tags;
    assert_non_null(strstr(exposition_write(now, NULL, spec, accept, &out), type));
    snapshot_unref(now);
    sink_spec_free(spec);
    return out;
}

static void has(const struct sbuf *text, const char *line)
{
    const char *at = strstr(text->data, line);
    if (!at || (at != text->data && at[-1] != '\n'))
        fail_msg("no line %s in\n%s", line, text->data);
}

#define LABELS "{method=\"GET\",name=\"/a\",region=\"north\",testid=\"nightly \\\"1\\\"\\n\\\\\""

static void text_has_every_row_escaped_and_cumulative_buckets(void **state)
{
    (void)state;
    struct stats s;
    stats_init(&s, START, STATS_LIMITS_DEFAULT);
    add(&s, "/a", 4000, 2);
    add(&s, "/a", 80000, 3);
    add(&s, "/b\xff", 1, 1);
    add(&s, "/c", 1, 1);
    stats_add_failure(&s, row(&s, "GET", "/a"), START + 2, "HTTPError 404 of 12345", 22);
    struct sbuf text = scrape(&s, NULL, "version=0.0.4");
    has(&text, "# TYPE katydid_requests_total counter\n");
    has(&text, "katydid_requests_total" LABELS "} 5\n");
    has(&text, "katydid_failures_total" LABELS "} 1\n");
    has(&text, "katydid_request_duration_seconds_bucket" LABELS ",le=\"0.005\"} 2\n");
    has(&text, "katydid_request_duration_seconds_bucket" LABELS ",le=\"0.075\"} 2\n");
    has(&text, "katydid_request_duration_seconds_bucket" LABELS ",le=\"0.1\"} 5\n");
    has(&text, "katydid_request_duration_seconds_bucket" LABELS ",le=\"+Inf\"} 5\n");
    has(&text, "katydid_request_duration_seconds_sum" LABELS "} 0.248\n");
    has(&text, "katydid_request_duration_seconds_count" LABELS "} 5\n");
    assert_non_null(strstr(text.data, "name=\"(other)\""));
    assert_non_null(strstr(text.data, "name=\"/b\xef\xbf\xbd\""));
    assert_non_null(strstr(text.data, "error_kind=\"HTTPError # of #\""));
    assert_null(strstr(text.data, "reserved"));
    assert_null(strstr(text.data, "# EOF"));
    sbuf_fini(&text);
    text = scrape(&s, "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;q=0.5",
                  "openmetrics");
    has(&text, "# TYPE katydid_requests counter\n");
    has(&text, "# UNIT katydid_request_duration_seconds seconds\n");
    has(&text, "katydid_requests_created" LABELS "} 1700000000\n");
    has(&text, "katydid_request_duration_seconds_bucket" LABELS ",le=\"1.0\"} 5\n");
    assert_string_equal(text.data + text.len - 6, "# EOF\n");
    sbuf_fini(&text);
    text = scrape(&s,
                  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
                  "encoding=delimited;q=0.8,text/plain;version=0.0.4;q=0.7,*/*;q=0.1",
                  "vnd.google.protobuf");
    assert_true((unsigned char)text.data[1] == 0x0a || (unsigned char)text.data[2] == 0x0a);
    sbuf_fini(&text);
    stats_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_difference_is_what_came_since),
        cmocka_unit_test(names_beyond_the_limit_are_one_row_and_nothing_is_lost),
        cmocka_unit_test(parts_of_rows_by_their_labels),
        cmocka_unit_test(labels_that_are_too_many_are_left_out_and_nothing_is_lost),
        cmocka_unit_test(exponential_buckets_hold_every_value),
        cmocka_unit_test(native_histograms_hold_every_value),
        cmocka_unit_test(a_sample_stands_for_as_many_as_there_were),
        cmocka_unit_test(messages_within_messages_have_their_lengths),
        cmocka_unit_test(text_has_every_row_escaped_and_cumulative_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
