// SPDX-License-Identifier: MIT
/* What --summary wrote is compared as runs are, as a whole; and a file that is none is told apart
 * from one that is damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/sbuf.h"
#include "master/store/context.h"
#include "master/store/sheet.h"
#include "master/store/side.h"
#include "master/store/summary_file.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/katydid-summary-XXXXXX.json";

static int make_file(void **state)
{
    (void)state;
    memcpy(path + sizeof path - 12, "XXXXXX", 6);
    const int fd = mkstemps(path, 5);
    return fd >= 0 ? close(fd) : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_text(const char *text)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* n requests, half of them at 100 ms, half at by * 200 ms; the buckets are those of the wire. */
static void write_summary(unsigned n, double slow_ms, unsigned failed)
{
    struct hist h;
    struct sbuf row = {0}, all = {0};
    hist_init(&h);
    hist_add(&h, 100000, n / 2);
    hist_add(&h, (uint64_t)(slow_ms * 1000), n - n / 2);
    sbuf_addf(&row,
              "\"requests\":%u,\"failures\":%u,\"min_ms\":100,\"max_ms\":%g,\"mean_ms\":%g,"
              "\"percentiles\":{},\"histogram\":{\"sub_bits\":7,\"unit\":\"us\",\"buckets\":[",
              n, failed, slow_ms, 50 + slow_ms / 2);
    for (unsigned b = 0, some = 0; b < HIST_OCTAVES * HIST_SUB_COUNT; b++) {
        const uint64_t *octave = h.octave[b / HIST_SUB_COUNT];
        if (octave && octave[b % HIST_SUB_COUNT])
            sbuf_addf(&row, "%s[%u,%u]", some++ ? "," : "", b,
                      (unsigned)octave[b % HIST_SUB_COUNT]);
    }
    sbuf_adds(&row, "]}");
    sbuf_addf(
        &all,
        "{\"schema\":\"katydid-summary/1\",\"run\":{\"id\":\"r\",\"started\":1700000000,"
        "\"duration\":100,\"users\":5},\"verdict\":{\"valid\":true},"
        "\"total\":{\"method\":\"\",\"name\":\"Aggregated\",%s},"
        "\"rows\":[{\"method\":\"GET\",\"name\":\"/<a>\",%s}],"
        "\"errors\":[{\"method\":\"GET\",\"name\":\"/<a>\",\"text\":\"no & no\",\"count\":%u}]}",
        row.data, row.data, failed);
    write_text(all.data);
    sbuf_fini(&row);
    sbuf_fini(&all);
    hist_fini(&h);
}

static struct stored *open_good(void)
{
    char *why = NULL;
    struct stored *s = summary_file_open(path, &why);
    if (!s)
        fail_msg("%s", why);
    return s;
}

static void a_summary_has_what_was_counted(void **state)
{
    (void)state;
    write_summary(10000, 200, 7);
    struct stored *s = open_good();
    const struct tally *row = stats_find(&s->stats, "GET", "/<a>");
    assert_non_null(row);
    assert_int_equal(row->requests, 10000);
    assert_int_equal(s->stats.total.failures, 7);
    assert_int_equal(s->stats.total.hist.count, 10000);
    assert_true(fabs(tally_quantile_ms(row, 0.95) - 200) < 1);
    assert_true(fabs(tally_mean_ms(row) - 150) < 1e-6);
    assert_string_equal(s->stats.failures->text, "no & no");
    assert_null(s->timeline);
    stored_close(s);
}

static void assert_bad(const char *text, const char *words)
{
    char *why = NULL;
    if (text)
        write_text(text);
    assert_null(summary_file_open(path, &why));
    if (!strstr(why, words))
        fail_msg("'%s' is not in '%s'", words, why);
    free(why);
}

static void what_is_no_summary_is_named(void **state)
{
    (void)state;
    assert_bad("", "no good JSON");
    assert_bad("{\"schema\":\"katydid-summary/2\"}", "no file of --summary");
    assert_bad("[]", "no file of --summary");
    assert_bad("{\"schema\":\"katydid-summary/1\"}", "damaged");
    assert_bad("{\"schema\":\"katydid-summary/1\",\"total\":{}", "no good JSON");
    assert_bad("{\"schema\":\"katydid-summary/1\",\"total\":{\"histogram\":null},\"rows\":[1]}",
               "damaged");
    assert_bad("{\"schema\":\"katydid-summary/1\",\"total\":{\"requests\":1,\"histogram\":{"
               "\"sub_bits\":7,\"unit\":\"us\",\"buckets\":[[3328,1]]}}}",
               "damaged");
    assert_bad("{\"schema\":\"katydid-summary/1\",\"total\":{\"requests\":1,\"histogram\":{"
               "\"sub_bits\":6,\"unit\":\"us\",\"buckets\":[]}}}",
               "damaged");
    unlink(path);
    assert_bad(NULL, "No such file");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_bad(NULL, "this is no file");
}

/* Rows of a stranger, each with a bucket in every octave: a kilobyte of memory for 8 bytes. */
static void what_would_take_much_memory_is_refused(void **state)
{
    (void)state;
    struct sbuf all = {0}, buckets = {0};
    for (unsigned o = 0; o < HIST_OCTAVES; o++)
        sbuf_addf(&buckets, "%s[%u,1]", o ? "," : "", o * HIST_SUB_COUNT);
    sbuf_adds(&all, "{\"schema\":\"katydid-summary/1\",\"run\":{},\"total\":{\"histogram\":null},"
                    "\"rows\":[");
    for (unsigned i = 0; i < 10000; i++)
        sbuf_addf(&all,
                  "%s{\"method\":\"GET\",\"name\":\"/%u\",\"histogram\":{\"sub_bits\":7,"
                  "\"unit\":\"us\",\"buckets\":[%s]}}",
                  i ? "," : "", i, buckets.data);
    sbuf_adds(&all, "]}");
    assert_bad(all.data, "it is too large");
    sbuf_clear(&all);
    sbuf_adds(&all, "{\"schema\":\"katydid-summary/1\",\"run\":{},\"total\":{\"tags\":[");
    for (unsigned i = 0; i < 500000; i++)
        sbuf_adds(&all, "[],");
    sbuf_adds(&all, "[]]}}");
    assert_bad(all.data, "it is too large");
    sbuf_fini(&all);
    sbuf_fini(&buckets);
}

static void a_slower_summary_is_worse(void **state)
{
    (void)state;
    struct side before = {0}, after = {0};
    const struct side_ask ask = {.gate = &gate_usual};
    struct contrast c;
    char *why = NULL;
    write_summary(10000, 200, 7);
    assert_true(side_open(&before, NULL, path, &ask, &why));
    write_summary(10000, 320, 0);
    assert_true(side_open(&after, NULL, path, &ask, &why));
    contrast_make(&c, &(struct contrast_ask){.before = before.runs,
                                             .before_count = 1,
                                             .after = after.runs,
                                             .after_count = 1,
                                             .gate = &gate_usual});
    assert_null(c.refusal);
    assert_int_equal(c.worse, 2); /* p95 of all, p99 of the row */
    assert_non_null(strstr(c.remarks, "there are no seconds"));
    struct sbuf html = {0};
    json_t *context = context_of(&before.runs[0], &after.runs[0]);
    sheet_add(&html, &c, &(struct sheet_side){"a<b", before.runs, 1},
              &(struct sheet_side){"b", after.runs, 1}, context);
    assert_non_null(strstr(html.data, "a&lt;b"));
    assert_non_null(strstr(html.data, "GET /&lt;a&gt;"));
    assert_non_null(strstr(html.data, "no &amp; no")); /* only the earlier one has it */
    assert_non_null(strstr(html.data, "class=\"bad\">worse"));
    assert_null(strstr(html.data, "/<a>"));
    assert_null(strstr(html.data, "Requests per second"));
    assert_null(strstr(html.data, "nan"));
    sbuf_fini(&html);
    json_decref(context);
    contrast_fini(&c);
    side_close(&before);
    side_close(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_summary_has_what_was_counted, make_file, remove_file),
        cmocka_unit_test_setup_teardown(what_is_no_summary_is_named, make_file, remove_file),
        cmocka_unit_test_setup_teardown(what_would_take_much_memory_is_refused, make_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(a_slower_summary_is_worse, make_file, remove_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
