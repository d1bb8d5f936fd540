// SPDX-License-Identifier: MIT
/* csv: the four files of --csv, complete at the end.
 *
 * Three files hold the state of the run and are rewritten in place each tick by one write, so a
 * reader sees a whole table; the history grows. If names are so many that writing them takes long,
 * it is done less often: never more than a tenth of the time. The last write, at the run's end, has
 * everything that arrived.
 *
 * A disk that was full may have room again: a table that could not be written is tried again with
 * the next tick, and of the history a row that is not whole is taken back, so that it only lacks
 * those ticks. Whether anything is missing is what the end of the run is told by. */
#include "master/out/csv_tables.h"
#include "master/out/csv_window.h"
#include "master/out/outfile.h"
#include "master/out/output.h"
#include "master/out/series_tables.h"
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/whole.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum csv_file { CSV_REQUESTS, CSV_HISTORY, CSV_FAILURES, CSV_EXCEPTIONS, CSV_FILES };

static const char *const suffixes[CSV_FILES] = {"_stats.csv", "_stats_history.csv", "_failures.csv",
                                                "_exceptions.csv"};

struct csv {
    char *prefix;
    int fd[CSV_FILES];
    int error[CSV_FILES];              /* errno of the last write, 0: it was good */
    int missing;                       /* errno of the first row that the history lacks; 0: none */
    bool is_full;                      /* every name in the history */
    bool has_head;                     /* the history has its first line */
    struct percentile_columns history; /* what its head names */
    unsigned tables_rest;              /* ticks to go without rewriting the tables */
    unsigned names_rest;               /* the same for the names of a full history */
    struct csv_windows *windows;       /* with is_full */
    struct sbuf text;                  /* room kept from table to table */
};

/* ---- tables ----------------------------------------------------------------------------- */

/* c->text is the whole file. */
static void put_table(struct csv *c, enum csv_file file)
{
    int fd = c->fd[file];
    bool is_good = lseek(fd, 0, SEEK_SET) == 0 &&
                   (errno = whole_write(fd, c->text.data, c->text.len)) == 0 &&
                   ftruncate(fd, (off_t)c->text.len) == 0;
    c->error[file] = is_good ? 0 : errno;
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

static void rewrite_tables(struct csv *c, const struct snapshot *s)
{
    uint64_t begin = clk_mono_ns();
    const struct percentile_columns columns = percentile_columns(&s->wishes.tunables.report);
    sbuf_clear(&c->text);
    csv_requests(&s->stats, &columns, &c->text, sbuf_add_csv);
    put_table(c, CSV_REQUESTS);
    sbuf_clear(&c->text);
    csv_failures(&s->stats, &c->text, sbuf_add_csv);
    put_table(c, CSV_FAILURES);
    sbuf_clear(&c->text);
    csv_exceptions(&s->stats, &c->text, sbuf_add_csv);
    put_table(c, CSV_EXCEPTIONS);
    c->tables_rest = rest_after(begin);
}

/* ---- the history ------------------------------------------------------------------------ */

/* Begins c->text: rows of the history; before the first of them stands its head. */
static void begin_history(struct csv *c)
{
    sbuf_clear(&c->text);
    if (!c->has_head)
        csv_history_head(&c->history, &c->text);
}

/* Appends c->text, all of it or nothing; what went into a pipe cannot be taken back. */
static void put_history(struct csv *c)
{
    int fd = c->fd[CSV_HISTORY];
    off_t end = lseek(fd, 0, SEEK_CUR);
    c->error[CSV_HISTORY] = whole_write(fd, c->text.data, c->text.len);
    if (c->error[CSV_HISTORY] == 0) {
        c->has_head = true;
        return;
    }
    if (!c->missing)
        c->missing = errno;
    if (end >= 0 && ftruncate(fd, end) == 0)
        lseek(fd, end, SEEK_SET);
}

static void add_history_row(struct csv *c, const struct snapshot *s, const struct tally *t,
                            const struct hist *of)
{
    csv_history_row(t, &s->stats, &c->history, (struct csv_moment){s->view->now, s->view->users},
                    of, &c->text);
}

static void add_history_names(struct csv *c, const struct snapshot *s)
{
    uint64_t begin = clk_mono_ns();
    const struct tally **rows;
    size_t n = stats_sorted(&s->stats, &rows);
    for (size_t i = 0; i < n; i++)
        add_history_row(c, s, rows[i], csv_windows_advance(c->windows, rows[i]));
    free(rows);
    c->names_rest = rest_after(begin);
}

static void append_history(struct csv *c, const struct snapshot *s)
{
    const struct tally *total = &s->stats.total;
    begin_history(c);
    if (c->is_full)
        csv_windows_begin(c->windows, &s->stats);
    if (c->is_full && is_rested(&c->names_rest))
        add_history_names(c, s);
    add_history_row(c, s, total,
                    c->is_full ? csv_windows_advance(c->windows, total) : &total->hist);
    put_history(c);
}

/* ---- the output ------------------------------------------------------------------------- */

static char *path_of(const char *prefix, enum csv_file file)
{
    struct sbuf path = {0};
    sbuf_addf(&path, "%s%s", prefix, suffixes[file]);
    return sbuf_take(&path);
}

char *csv_history_file(const char *prefix)
{
    return path_of(prefix, CSV_HISTORY);
}

static int check(void *self, const struct snapshot *first, char **why)
{
    const struct csv *c = self;
    (void)first;
    int rc = 0;
    for (enum csv_file i = 0; i < CSV_FILES && rc == 0; i++) {
        char *path = path_of(c->prefix, i);
        rc = outfile_claim(c, "--csv", path, why);
        free(path);
    }
    return rc;
}

static int open_files(struct csv *c, char **why)
{
    for (enum csv_file i = 0; i < CSV_FILES; i++) {
        char *path = path_of(c->prefix, i);
        c->fd[i] = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (c->fd[i] < 0) {
            struct sbuf text = {0};
            sbuf_addf(&text,
                      "cannot write %s: %s: give --csv a prefix in a directory that can be written",
                      path, strerror(errno));
            *why = sbuf_take(&text);
        }
        free(path);
        if (c->fd[i] < 0)
            return -1;
    }
    return 0;
}

static int begin(void *self, const struct snapshot *first, char **why)
{
    struct csv *c = self;
    if (open_files(c, why) != 0)
        return -1;
    c->history = percentile_columns(&first->wishes.tunables.report);
    c->windows = c->is_full ? csv_windows_new() : NULL;
    begin_history(c);
    put_history(c);
    return 0;
}

static double interval_s(const void *self, const struct wishes *w)
{
    (void)self;
    return w->tunables.csv_interval_s;
}

static int tick(void *self, const struct snapshot *s, char **why)
{
    struct csv *c = self;
    if (is_rested(&c->tables_rest))
        rewrite_tables(c, s);
    append_history(c, s);
    for (enum csv_file i = 0; i < CSV_FILES; i++) {
        if (!c->error[i])
            continue;
        struct sbuf text = {0};
        sbuf_addf(&text, "cannot write %s%s: %s", c->prefix, suffixes[i], strerror(c->error[i]));
        *why = sbuf_take(&text);
        return -1;
    }
    return 0;
}

/* What every file still lacks; errno, or 0. */
static int close_files(struct csv *c)
{
    int error = c->missing;
    for (enum csv_file i = 0; i < CSV_FILES; i++) {
        if (c->fd[i] >= 0 && close(c->fd[i]) < 0 && !c->error[i])
            c->error[i] = errno;
        c->fd[i] = -1;
        error = error ? error : c->error[i];
    }
    return error;
}

/* A file of its own that only runs have which count in series. 0, or an errno. */
static int write_series(struct csv *c, const struct series_list *series, const char *suffix,
                        void (*make)(const struct series_list *l, struct sbuf *out))
{
    struct sbuf path = {0};
    int error = 0;
    sbuf_clear(&c->text);
    make(series, &c->text);
    sbuf_addf(&path, "%s%s", c->prefix, suffix);
    if (c->text.len)
        error = outfile_write(path.data, &c->text);
    sbuf_fini(&path);
    return error;
}

static int run_end(void *self, const struct snapshot *last, char **why)
{
    struct csv *c = self;
    c->names_rest = 0;
    rewrite_tables(c, last);
    append_history(c, last);
    int error = close_files(c);
    error = error ? error : write_series(c, last->end.series, "_checks.csv", csv_checks);
    error = error ? error : write_series(c, last->end.series, "_metrics.csv", csv_metrics);
    if (!error)
        return 0;
    struct sbuf text = {0};
    sbuf_addf(&text, "cannot write the CSV files of %s: %s", c->prefix, strerror(error));
    *why = sbuf_take(&text);
    return -1;
}

static void release(void *self)
{
    struct csv *c = self;
    close_files(c);
    outfile_release(c);
    csv_windows_free(c->windows);
    sbuf_fini(&c->text);
    free(c->prefix);
    free(c);
}

struct output csv_output(const char *prefix, bool full_history)
{
    struct csv *c = mem_zalloc(sizeof *c);
    *c =
        (struct csv){.prefix = mem_strdup(prefix), .is_full = full_history, .fd = {-1, -1, -1, -1}};
    return (struct output){.name = "csv",
                           .self = c,
                           .patience_s = OUTPUT_FILE_PATIENCE_S,
                           .only_live = true,
                           .interval_s = interval_s,
                           .check = check,
                           .open = begin,
                           .tick = tick,
                           .run_end = run_end,
                           .close = release};
}
