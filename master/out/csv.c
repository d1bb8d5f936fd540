// SPDX-License-Identifier: MIT
/* csv: the four files of --csv, column for column as Locust writes them, and complete at the end.
 *
 * Three files hold the state of the run and are rewritten in place each second by one write, so a
 * reader sees a whole table; the history grows. If names are so many that writing them takes long,
 * it is done less often: never more than a tenth of the time. The last write, at csv_close, has
 * everything that arrived. A file that cannot be written stops that file and is reported by
 * csv_close; the test goes on.
 *
 * Cells are quoted only when they must be, lines end in CR LF. In the files a text is what it is,
 * for programs; in the same tables as downloads, one that a spreadsheet would take for a formula
 * gets an apostrophe in front.
 */
#include "master/out/output.h"
#include "master/data/number_text.h"
#include "master/out/csv_window.h"
#include "master/out/outfile.h"
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- cells ------------------------------------------------------------------------------ */

/* How a text becomes a cell. */
typedef void add_text(struct sbuf *out, const char *text);

static void add_percentile_names(struct sbuf *out)
{
    for (size_t i = 0; i < output_percentile_count; i++)
        sbuf_addf(out, ",%s", output_percentile_names[i]);
}

/* of: the histogram to look at; NULL = nothing was measured in its window. */
static void add_percentiles(struct sbuf *out, const struct tally *t, const struct hist *of)
{
    long long ms[OUTPUT_PERCENTILES_MAX] = {0};
    if (of)
        output_percentiles_ms(t, of, ms);
    for (size_t i = 0; i < output_percentile_count; i++) {
        if (t->requests)
            sbuf_addf(out, ",%lld", ms[i]);
        else
            sbuf_adds(out, ",N/A");
    }
}

static void add_number(struct sbuf *out, double v)
{
    sbuf_addc(out, ',');
    output_add_number(out, v);
}

static void add_float(struct sbuf *out, double v)
{
    sbuf_addc(out, ',');
    output_add_float(out, v);
}

/* Counts, median, mean, min, max and size: the same seven columns in two files. */
static void add_sums(struct sbuf *out, const struct tally *t)
{
    sbuf_addf(out, ",%llu,%llu", (unsigned long long)t->requests, (unsigned long long)t->failures);
    add_number(out, output_median_ms(t));
    add_float(out, output_mean_ms(t));
    add_number(out, output_min_ms(t));
    add_number(out, output_max_ms(t));
    (t->requests ? add_float : add_number)(out, output_mean_bytes(t));
}

/* ---- tables ----------------------------------------------------------------------------- */

static void add_request_row(struct sbuf *out, const struct tally *t, const struct stats *s,
                            add_text *add)
{
    add(out, t->method);
    sbuf_addc(out, ',');
    add(out, t->name);
    add_sums(out, t);
    add_float(out, tally_total_rps(t, s));
    add_float(out, tally_total_fail_rps(t, s));
    add_percentiles(out, t, &t->hist);
    sbuf_adds(out, "\r\n");
}

static void add_requests(const struct stats *s, struct sbuf *out, add_text *add)
{
    sbuf_adds(out, "Type,Name,Request Count,Failure Count,Median Response Time,"
                   "Average Response Time,Min Response Time,Max Response Time,"
                   "Average Content Size,Requests/s,Failures/s");
    add_percentile_names(out);
    sbuf_adds(out, "\r\n");
    const struct tally **rows;
    size_t n = stats_sorted(s, &rows);
    for (size_t i = 0; i < n; i++)
        add_request_row(out, rows[i], s, add);
    free(rows);
    add_request_row(out, &s->total, s, add);
}

static int by_count(const void *a, const void *b)
{
    const struct failure *x = *(const struct failure *const *)a;
    const struct failure *y = *(const struct failure *const *)b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    int order = strcmp(x->name, y->name);
    if (!order)
        order = strcmp(x->method, y->method);
    return order ? order : strcmp(x->text, y->text);
}

static void add_failure_row(struct sbuf *out, const struct failure *f, add_text *add)
{
    add(out, f->method);
    sbuf_addc(out, ',');
    add(out, f->name);
    sbuf_addc(out, ',');
    add(out, f->text);
    sbuf_addf(out, ",%llu,", (unsigned long long)f->count);
    output_add_utc(out, f->first_at);
    sbuf_addc(out, ',');
    output_add_utc(out, f->last_at);
    sbuf_adds(out, "\r\n");
}

static void add_failures(const struct stats *s, struct sbuf *out, add_text *add)
{
    sbuf_adds(out, "Method,Name,Error,Occurrences,First Seen,Last Seen\r\n");
    const struct failure **sorted = mem_zalloc((s->failure_count + 1) * sizeof *sorted);
    size_t n = 0;
    for (const struct failure *f = s->failures; f; f = f->next)
        sorted[n++] = f;
    qsort(sorted, n, sizeof *sorted, by_count);
    for (size_t i = 0; i < n; i++)
        add_failure_row(out, sorted[i], add);
    free(sorted);
}

/* One cell: the ids, with a blank after each comma, as people read lists. */
static void add_nodes(struct sbuf *out, const char *nodes)
{
    struct sbuf list = {0};
    output_add_nodes(&list, nodes);
    sbuf_add_csv(out, list.data);
    sbuf_fini(&list);
}

static void add_exceptions(const struct stats *s, struct sbuf *out, add_text *add)
{
    sbuf_adds(out, "Count,Message,Traceback,Nodes\r\n");
    for (const struct exception *e = s->exceptions; e; e = e->next) {
        sbuf_addf(out, "%llu,", (unsigned long long)e->count);
        add(out, e->message);
        sbuf_addc(out, ',');
        add(out, e->traceback);
        sbuf_addc(out, ',');
        add_nodes(out, e->nodes);
        sbuf_adds(out, "\r\n");
    }
}

void csv_requests(const struct stats *s, struct sbuf *out)
{
    add_requests(s, out, sbuf_add_csv_no_formula);
}

void csv_failures(const struct stats *s, struct sbuf *out)
{
    add_failures(s, out, sbuf_add_csv_no_formula);
}

void csv_exceptions(const struct stats *s, struct sbuf *out)
{
    add_exceptions(s, out, sbuf_add_csv_no_formula);
}

/* ---- files ------------------------------------------------------------------------------ */

enum csv_file { CSV_REQUESTS, CSV_HISTORY, CSV_FAILURES, CSV_EXCEPTIONS, CSV_FILES };

static const char *const suffixes[CSV_FILES] = {"_stats.csv", "_stats_history.csv", "_failures.csv",
                                                "_exceptions.csv"};

struct csv {
    int fd[CSV_FILES];
    int failed;                  /* errno of the first write that failed, or 0 */
    bool is_full;                /* every name in the history */
    unsigned tables_rest;        /* ticks to go without rewriting the tables */
    unsigned names_rest;         /* the same for the names of a full history */
    struct csv_windows *windows; /* with is_full */
    struct sbuf text;            /* room kept from table to table */
};

static int write_all(int fd, const char *p, size_t len)
{
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Writes c->text; the file ends behind it. */
static void put(struct csv *c, enum csv_file file, bool from_start)
{
    int fd = c->fd[file];
    if (fd < 0)
        return;
    bool is_good = (!from_start || lseek(fd, 0, SEEK_SET) == 0) &&
                   write_all(fd, c->text.data, c->text.len) == 0 &&
                   (!from_start || ftruncate(fd, (off_t)c->text.len) == 0);
    if (is_good)
        return;
    if (!c->failed)
        c->failed = errno;
    close(fd);
    c->fd[file] = -1;
}

static void rewrite(struct csv *c, enum csv_file file, const struct stats *s,
                    void (*table)(const struct stats *, struct sbuf *, add_text *))
{
    sbuf_clear(&c->text);
    table(s, &c->text, sbuf_add_csv);
    put(c, file, true);
}

/* How many ticks, which are seconds, to rest after work that began then and ends now. */
static unsigned rest_after(uint64_t begin)
{
    return (unsigned)((double)(clk_mono_ns() - begin) / 1e9 * 10);
}

/* Whether it is time again; counts down otherwise. */
static bool is_rested(unsigned *rest)
{
    if (*rest == 0)
        return true;
    --*rest;
    return false;
}

static void rewrite_tables(struct csv *c, const struct stats *s)
{
    uint64_t begin = clk_mono_ns();
    rewrite(c, CSV_REQUESTS, s, add_requests);
    rewrite(c, CSV_FAILURES, s, add_failures);
    rewrite(c, CSV_EXCEPTIONS, s, add_exceptions);
    c->tables_rest = rest_after(begin);
}

static void add_history_row(struct csv *c, const struct tally *t, const struct stats *s, double now,
                            unsigned users, const struct hist *of)
{
    struct sbuf *out = &c->text;
    sbuf_addf(out, "%lld,%u,", (long long)now, users);
    sbuf_add_csv(out, t->method);
    sbuf_addc(out, ',');
    sbuf_add_csv(out, t->name);
    sbuf_addf(out, ",%f,%f", tally_current_rps(t, s), tally_current_fail_rps(t, s));
    add_percentiles(out, t, of);
    add_sums(out, t);
    sbuf_adds(out, "\r\n");
}

static void add_history_names(struct csv *c, const struct stats *s, double now, unsigned users)
{
    uint64_t begin = clk_mono_ns();
    const struct tally **rows;
    size_t n = stats_sorted(s, &rows);
    for (size_t i = 0; i < n; i++)
        add_history_row(c, rows[i], s, now, users, csv_windows_advance(c->windows, rows[i]));
    free(rows);
    c->names_rest = rest_after(begin);
}

static void append_history(struct csv *c, const struct stats *s, double now, unsigned users)
{
    sbuf_clear(&c->text);
    if (c->is_full)
        csv_windows_begin(c->windows, s);
    if (c->is_full && is_rested(&c->names_rest))
        add_history_names(c, s, now, users);
    const struct tally *total = &s->total;
    const struct hist *of = c->is_full ? csv_windows_advance(c->windows, total) : &total->hist;
    add_history_row(c, total, s, now, users, of);
    put(c, CSV_HISTORY, false);
}

void csv_tick(struct csv *c, const struct stats *s, double now, unsigned users)
{
    if (is_rested(&c->tables_rest))
        rewrite_tables(c, s);
    append_history(c, s, now, users);
}

static void write_history_head(struct csv *c)
{
    sbuf_adds(&c->text, "Timestamp,User Count,Type,Name,Requests/s,Failures/s");
    add_percentile_names(&c->text);
    sbuf_adds(&c->text, ",Total Request Count,Total Failure Count,Total Median Response Time,"
                        "Total Average Response Time,Total Min Response Time,"
                        "Total Max Response Time,Total Average Content Size\r\n");
    put(c, CSV_HISTORY, false);
}

static void release(struct csv *c)
{
    for (size_t i = 0; i < CSV_FILES; i++)
        if (c->fd[i] >= 0)
            close(c->fd[i]);
    csv_windows_free(c->windows);
    sbuf_fini(&c->text);
    free(c);
}

struct csv *csv_open(const char *prefix, bool full_history, char **why)
{
    struct csv *c = mem_zalloc(sizeof *c);
    struct sbuf path = {0}, message = {0};
    int error = outfile_make_folders(prefix) < 0 ? errno : 0;
    for (size_t i = 0; i < CSV_FILES; i++) {
        c->fd[i] = -1;
        if (error)
            continue;
        sbuf_clear(&path);
        sbuf_addf(&path, "%s%s", prefix, suffixes[i]);
        c->fd[i] = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        error = c->fd[i] < 0 ? errno : 0;
    }
    if (error) {
        sbuf_addf(&message,
                  "cannot write %s: %s: give --csv a prefix in a directory that can be "
                  "written",
                  path.data ? path.data : prefix, strerror(error));
        *why = sbuf_take(&message);
        release(c);
        c = NULL;
    } else {
        c->is_full = full_history;
        c->windows = full_history ? csv_windows_new() : NULL;
        write_history_head(c);
    }
    sbuf_fini(&path);
    return c;
}

int csv_close(struct csv *c, const struct stats *s, double now, unsigned users)
{
    if (!c)
        return 0;
    c->names_rest = 0;
    rewrite_tables(c, s);
    append_history(c, s, now, users);
    for (size_t i = 0; i < CSV_FILES; i++) {
        if (c->fd[i] >= 0 && close(c->fd[i]) < 0 && !c->failed)
            c->failed = errno;
        c->fd[i] = -1;
    }
    int failed = c->failed;
    release(c);
    errno = failed;
    return failed ? -1 : 0;
}
