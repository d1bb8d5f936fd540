// SPDX-License-Identifier: MIT
/* --csv: the same text as stock Locust's, complete at the end, and safe to open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/golden_stats.h"
#include "master/out/csv_tables.h"
#include "master/out/output.h"
#include "tests/unit/snapshots.h"
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/katydid-csv-XXXXXX", prefix[64];

static int make_dir(void **state)
{
    (void)state;
    snprintf(prefix, sizeof prefix, "%s/a/b/run", mkdtemp(dir));
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command);
}

static void slurp(struct sbuf *out, const char *suffix)
{
    char path[128], block[4096];
    snprintf(path, sizeof path, "%s%s", prefix, suffix);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
        sbuf_add(out, block, n);
    fclose(f);
}

static int call(int (*function)(void *, const struct snapshot *, char **), struct output o,
                const struct stats *s, double now, unsigned users, char **why)
{
    struct snapshot *given = snapshot_of(s, now, users);
    int rc = function(o.self, given, why);
    snapshot_unref(given);
    return rc;
}

static struct output open_csv(bool full)
{
    char *why = NULL;
    struct stats s;
    struct output o = csv_output(prefix, full);
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    if (call(o.check, o, &s, GOLDEN_START, 0, &why) != 0 ||
        call(o.open, o, &s, GOLDEN_START, 0, &why) != 0)
        fail_msg("%s", why);
    stats_fini(&s);
    return o;
}

static int tick(struct output o, const struct stats *s, double now, unsigned users)
{
    char *why = NULL;
    int rc = call(o.tick, o, s, now, users, &why);
    assert_int_equal(rc != 0, why != NULL);
    free(why);
    return rc;
}

static char *end_words; /* of the last end that failed */

static int end(struct output o, const struct stats *s, double now, unsigned users)
{
    free(end_words);
    end_words = NULL;
    int rc = call(o.run_end, o, s, now, users, &end_words);
    o.close(o.self);
    return rc;
}

static void add_requests(const struct stats *s, struct sbuf *out)
{
    const struct percentile_columns usual = percentile_columns(&tunables_usual.report);
    csv_requests(s, &usual, out, sbuf_add_csv_no_formula);
}

static struct tally *row_of(struct stats *s, const char *name)
{
    return stats_row(s, "GET", 3, name, strlen(name));
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; (text = strstr(text, "\r\n")); text += 2)
        n++;
    return n;
}

static void tables_are_those_of_locust(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    golden_load(&s);
    add_requests(&s, &b);
    golden_compare(&b, "requests.csv");
    csv_failures(&s, &b, sbuf_add_csv_no_formula);
    golden_compare(&b, "failures.csv");
    csv_exceptions(&s, &b, sbuf_add_csv_no_formula);
    golden_compare(&b, "exceptions.csv");
    stats_fini(&s);
}

static void a_median_below_a_millisecond_is_not_lost(void **state)
{
    (void)state;
    static const struct {
        uint64_t us;
        const char *cell;
    } cases[] = {{27, ",0.027,"}, {213, ",0.21,"}, {1520, ",1.5,"}, {42300, ",42,"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stats s;
        struct sbuf b = {0};
        stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
        stats_add(&s, row_of(&s, "/"), GOLDEN_START, 5, 0);
        for (int k = 0; k < 3; k++)
            stats_add(&s, row_of(&s, "/"), GOLDEN_START, cases[i].us, 0);
        stats_add(&s, row_of(&s, "/"), GOLDEN_START, 90000, 0);
        add_requests(&s, &b);
        char want[32];
        snprintf(want, sizeof want, "GET,/,5,0%s", cases[i].cell);
        if (!strstr(b.data, want))
            fail_msg("want %s, got %s", want, b.data);
        sbuf_fini(&b);
        stats_fini(&s);
    }
}

/* Who reads it by position, as Jenkins' performance plug-in does, takes columns 2 to 9 for numbers:
 * also of rows and of a run without an answer. */
static void figures_are_numbers_also_where_nothing_was_measured(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    size_t lines = 0;
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    stats_add_cut(&s, row_of(&s, "/cut"));
    stats_add(&s, row_of(&s, "/timeless"), GOLDEN_START, STATS_NO_TIME, 0);
    add_requests(&s, &b);
    char *rest = strchr(b.data, '\n') + 1;
    for (char *line; (line = strsep(&rest, "\n")) && *line; lines++) {
        for (int column = 0; column < 10; column++) {
            const char *cell = strsep(&line, ",");
            char *end = NULL;
            const double number = column < 2 ? 0 : strtod(cell, &end);
            if (column >= 2 && (end == cell || *end || !(number >= 0)))
                fail_msg("column %d: '%s'", column, cell);
        }
    }
    assert_int_equal(lines, 3);
    sbuf_fini(&b);
    stats_fini(&s);
}

static void files_hold_everything_at_the_end(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0}, want = {0};
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    struct output c = open_csv(false);
    stats_add_failure(&s, row_of(&s, "/long-name-that-goes-away"), GOLDEN_START, "x", 1);
    tick(c, &s, GOLDEN_START + 1, 3);
    stats_fini(&s);
    golden_load(&s); /* shorter failures than before: the file must shrink */
    assert_int_equal(end(c, &s, GOLDEN_START + 21.75, 12), 0);

    add_requests(&s, &want);
    slurp(&b, "_stats.csv");
    assert_string_equal(b.data, want.data);
    sbuf_clear(&b);
    slurp(&b, "_failures.csv");
    golden_compare(&b, "failures.csv");
    slurp(&b, "_exceptions.csv");
    golden_compare(&b, "exceptions.csv");

    slurp(&b, "_stats_history.csv");
    assert_int_equal(count_lines(b.data), 3);
    sbuf_clear(&want);
    golden_read(&want, "history_row.csv");
    assert_string_equal(b.data + b.len - want.len, want.data);
    static const char head[] =
        "Timestamp,User "
        "Count,Type,Name,Requests/s,Failures/s,50%,66%,75%,80%,90%,95%,98%,99%,99.9%,"
        "99.99%,100%,Total Request Count,Total Failure Count,Total Median Response Time,Total "
        "Average "
        "Response Time,Total Min Response Time,Total Max Response Time,Total Average Content "
        "Size\r\n1700000001,3,,Aggregated,0.000000,0.000000,N/A,";
    assert_memory_equal(b.data, head, sizeof head - 1);
    sbuf_fini(&b);
    sbuf_fini(&want);
    stats_fini(&s);
}

/* The percentile cells of the last history row of a name. */
static void last_median(const char *text, const char *name, char *out)
{
    const char *found = NULL;
    for (const char *p = text; (p = strstr(p, name)); p++)
        found = p;
    assert_non_null(found);
    for (int i = 0; i < 4; i++)
        found = strchr(found, ',') + 1;
    size_t n = strcspn(found, ",");
    memcpy(out, found, n);
    out[n] = '\0';
}

static void full_history_has_every_name_and_looks_ten_seconds_back(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    char cell[32];
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    struct output c = open_csv(true);
    for (int second = 1; second <= 30; second++) {
        uint64_t us = second <= 15 ? 80000 : 20000;
        if (second <= 27)
            stats_add(&s, row_of(&s, "/a"), GOLDEN_START + second, us, 0);
        if (second == 5)
            stats_add(&s, row_of(&s, "/once"), GOLDEN_START + second, 50000, 0);
        tick(c, &s, GOLDEN_START + second, 1);
    }
    assert_int_equal(end(c, &s, GOLDEN_START + 31, 1), 0);
    slurp(&b, "_stats_history.csv");
    /* "/a" and the total in each of 31 rows, "/once" from the fifth second, and the head. */
    assert_int_equal(count_lines(b.data), 31 * 2 + 27 + 1);
    last_median(b.data, "GET,/a,", cell);
    assert_string_equal(cell, "20"); /* the median since the start is 80 */
    last_median(b.data, "GET,/once,", cell);
    assert_string_equal(cell, "0"); /* had requests, but none in the window */
    sbuf_fini(&b);
    stats_fini(&s);
}

static void full_history_survives_cleared_statistics(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    char cell[32];
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    struct output c = open_csv(true);
    stats_add(&s, row_of(&s, "/a"), GOLDEN_START + 1, 90000, 0);
    tick(c, &s, GOLDEN_START + 1, 1);
    stats_clear(&s, GOLDEN_START + 2);
    stats_add(&s, row_of(&s, "/b"), GOLDEN_START + 2, 30000, 0);
    tick(c, &s, GOLDEN_START + 2, 1);
    stats_reset(&s, GOLDEN_START + 3);
    stats_add(&s, row_of(&s, "/b"), GOLDEN_START + 3, 10000, 0);
    assert_int_equal(end(c, &s, GOLDEN_START + 3, 1), 0);
    slurp(&b, "_stats_history.csv");
    last_median(b.data, "GET,/b,", cell);
    assert_string_equal(cell, "10");
    sbuf_fini(&b);
    stats_fini(&s);
}

static void downloads_hold_no_formulas(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"=1+1", "'=1+1"},
        {"+a", "'+a"},
        {"-a", "'-a"},
        {"@SUM(A1)", "'@SUM(A1)"},
        {"\tx", "'\tx"},
        {"\rx", "\"'\rx\""},
        {"=a,\"b\"", "\"'=a,\"\"b\"\"\""},
        {"a=1", "a=1"},
        {"/x-y", "/x-y"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stats s;
        struct sbuf b = {0}, want = {0};
        stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
        stats_add_failure(&s, row_of(&s, "/"), GOLDEN_START, cases[i][0], strlen(cases[i][0]));
        csv_failures(&s, &b, sbuf_add_csv_no_formula);
        sbuf_addf(&want, "GET,/,%s,1,2023-11-14T22:13:20Z,2023-11-14T22:13:20Z\r\n", cases[i][1]);
        assert_string_equal(strchr(b.data, '\n') + 1, want.data);
        sbuf_fini(&b);
        sbuf_fini(&want);
        stats_fini(&s);
    }
}

static void files_hold_texts_as_they_are(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0};
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    stats_add_failure(&s, row_of(&s, "@log,in"), GOLDEN_START, "=1+1", 4);
    stats_add_exception(&s, GOLDEN_START, "-m", "t", "w1", 1);
    stats_add_exception(&s, GOLDEN_START, "-m", "t", "w2", 1);
    assert_int_equal(end(open_csv(false), &s, GOLDEN_START + 1, 0), 0);
    slurp(&b, "_failures.csv");
    assert_non_null(strstr(b.data, "\r\nGET,\"@log,in\",=1+1,1,"));
    sbuf_clear(&b);
    slurp(&b, "_exceptions.csv");
    assert_non_null(strstr(b.data, "\r\n2,-m,t,\"w1, w2\"\r\n"));
    sbuf_fini(&b);
    stats_fini(&s);
}

static void a_prefix_that_cannot_be_written_says_why(void **state)
{
    (void)state;
    char *why = NULL;
    struct stats s;
    stats_init(&s, GOLDEN_START, STATS_LIMITS_DEFAULT);
    struct output o = csv_output("/dev/null/x/run", false);
    assert_int_equal(call(o.check, o, &s, GOLDEN_START, 0, &why), -1);
    assert_non_null(strstr(why, "/dev/null/x/run"));
    assert_non_null(strstr(why, "--csv"));
    o.close(o.self);
    free(why);
    stats_fini(&s);
}

static void link_to(const char *suffix, const char *target)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s", prefix, suffix);
    unlink(path);
    if (target)
        assert_int_equal(symlink(target, path), 0);
}

static void a_full_disk_is_told_at_the_end(void **state)
{
    (void)state;
    struct stats s;
    golden_load(&s);
    link_to("_failures.csv", "/dev/full");
    struct output c = open_csv(false);
    assert_int_equal(tick(c, &s, GOLDEN_START + 1, 0), -1);
    assert_int_equal(end(c, &s, GOLDEN_START + 2, 0), -1);
    assert_non_null(strstr(end_words, strerror(ENOSPC)));
    link_to("_failures.csv", NULL);
    stats_fini(&s);
}

/* A limit of the size of files is a disk that is full and has room again. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void what_a_full_disk_left_out_is_whole_rows_and_is_told(void **state)
{
    (void)state;
    struct stats s;
    struct sbuf b = {0}, want = {0};
    golden_load(&s);
    struct output c = open_csv(false);
    assert_int_equal(tick(c, &s, GOLDEN_START + 20, 3), 0);
    slurp(&b, "_stats_history.csv");
    limit_files(b.len + 10);
    assert_int_equal(tick(c, &s, GOLDEN_START + 21, 3), -1);
    assert_int_equal(tick(c, &s, GOLDEN_START + 22, 3), -1);
    limit_files(RLIM_INFINITY);
    assert_int_equal(tick(c, &s, GOLDEN_START + 23, 3), 0);
    assert_int_equal(end(c, &s, GOLDEN_START + 24, 3), -1);
    assert_non_null(strstr(end_words, strerror(EFBIG)));
    sbuf_clear(&b);
    slurp(&b, "_stats_history.csv");
    assert_int_equal(count_lines(b.data), 4);
    assert_non_null(strstr(b.data, "\r\n1700000020,3,,Aggregated"));
    assert_non_null(strstr(b.data, "\r\n1700000023,3,,Aggregated"));
    assert_int_equal(b.data[b.len - 1], '\n');
    sbuf_clear(&b);
    slurp(&b, "_stats.csv"); /* the tables lack nothing */
    add_requests(&s, &want);
    assert_string_equal(b.data, want.data);
    sbuf_fini(&b);
    sbuf_fini(&want);
    free(end_words);
    end_words = NULL;
    stats_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_those_of_locust),
        cmocka_unit_test(a_median_below_a_millisecond_is_not_lost),
        cmocka_unit_test(figures_are_numbers_also_where_nothing_was_measured),
        cmocka_unit_test(files_hold_everything_at_the_end),
        cmocka_unit_test(full_history_has_every_name_and_looks_ten_seconds_back),
        cmocka_unit_test(full_history_survives_cleared_statistics),
        cmocka_unit_test(downloads_hold_no_formulas),
        cmocka_unit_test(files_hold_texts_as_they_are),
        cmocka_unit_test(a_prefix_that_cannot_be_written_says_why),
        cmocka_unit_test(a_full_disk_is_told_at_the_end),
        cmocka_unit_test(what_a_full_disk_left_out_is_whole_rows_and_is_told),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
