// SPDX-License-Identifier: MIT
/* hdrlog: an interval log of HdrHistogram (format 1.3, histograms in encoding V2), as its own tools
 * read it: of each interval a line with the response times of all requests, and one of each row.
 * Values are whole microseconds; the column Interval_Max is in milliseconds, as the format means
 * it. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/whole.h"
#include "master/out/outfile.h"
#include "master/sink/hdr_text.h"
#include "master/sink/sink_rows.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOGGER "locust.runners"

struct hdrlog {
    struct sink_spec *spec;
    struct output_counts counts; /* intervals */
    int fd;
    off_t end;             /* of the lines that are whole */
    struct snapshot *last; /* that was written; a reference */
    double began_at;       /* of the first run, that times count from */
    bool is_headed;
    char *trouble; /* why the last one was not written */
};

/* ---- lines ------------------------------------------------------------------------------- */

static void add_head(struct hdrlog *h, double at, struct sbuf *out)
{
    const time_t second = (time_t)at;
    char date[64];
    struct tm tm;
    gmtime_r(&second, &tm);
    strftime(date, sizeof date, "%a %b %d %H:%M:%S UTC %Y", &tm);
    h->is_headed = true;
    h->began_at = at;
    sbuf_addf(out,
              "#[Response times of Katydid: values in microseconds, Interval_Max in "
              "milliseconds]\n#[Histogram log format version 1.3]\n"
              "#[StartTime: %.3f (seconds since epoch), %s]\n"
              "#[BaseTime: %.3f (seconds since epoch)]\n"
              "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
              "\"Interval_Compressed_Histogram\"\n",
              at, date, at);
}

/* A tag ends at a comma, and has no spaces. */
static void add_tag(struct sbuf *out, const struct sink_row *r)
{
    sbuf_adds(out, "Tag=");
    const size_t from = out->len;
    if (*r->method)
        sbuf_addf(out, "%s ", r->method);
    sbuf_adds(out, r->name);
    for (size_t i = from; i < out->len; i++)
        if (out->data[i] == ',' || (unsigned char)out->data[i] <= ' ')
            out->data[i] = '_';
    sbuf_addc(out, ',');
}

static void add_line(struct sbuf *out, const struct sink_row *r, bool is_tagged, double from_s,
                     double length_s)
{
    if (sink_row_hist(r)->count == 0)
        return;
    if (is_tagged)
        add_tag(out, r);
    sbuf_addf(out, "%.3f,%.3f,%.3f,", from_s, length_s, (double)r->max_us / 1000);
    hdr_text_add(out, sink_row_hist(r));
    sbuf_addc(out, '\n');
}

/* What came since the snapshot that was written last, of the same run. */
static void add_interval(struct hdrlog *h, const struct snapshot *s, struct sbuf *out)
{
    const struct snapshot *last = h->last;
    const bool is_same = last && last->run_number == s->run_number &&
                         last->stats.clears == s->stats.clears &&
                         last->stats.started_at == s->stats.started_at;
    const double from = is_same ? last->view->now : s->stats.started_at;
    struct sink_rows f;
    sink_rows_init(&f, s, is_same ? last : NULL, (size_t)sink_number(h->spec, "names"));
    if (sink_row_hist(&f.total)->count) {
        if (!h->is_headed)
            add_head(h, from, out);
        const double at = from - h->began_at, length = s->view->now - from;
        add_line(out, &f.total, false, at, length);
        for (size_t i = 0; i < f.row_count; i++)
            add_line(out, &f.rows[i], true, at, length);
    }
    sink_rows_fini(&f);
}

/* ---- as an output ------------------------------------------------------------------------ */

static double interval_s(const void *self, const struct wishes *w)
{
    (void)w;
    return sink_number(((const struct hdrlog *)self)->spec, "interval");
}

static int check(void *self, const struct snapshot *first, char **why)
{
    (void)first;
    return outfile_claim(self, "--out hdrlog", ((const struct hdrlog *)self)->spec->target, why);
}

static int open_it(void *self, const struct snapshot *first, char **why)
{
    struct hdrlog *h = self;
    (void)first;
    h->fd = open(h->spec->target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (h->fd >= 0)
        return 0;
    *why = sink_words(h->spec, "cannot write %s: %s", h->spec->target, strerror(errno));
    return -1;
}

/* Of a disk that is full no half line stays. */
static int write_lines(struct hdrlog *h, const struct sbuf *lines, char **why)
{
    const int error = whole_write(h->fd, lines->data, lines->len);
    if (!error) {
        h->end += (off_t)lines->len;
        __atomic_add_fetch(&h->counts.sent, 1, __ATOMIC_RELAXED);
        return 0;
    }
    if (ftruncate(h->fd, h->end) == 0)
        lseek(h->fd, h->end, SEEK_SET);
    __atomic_add_fetch(&h->counts.dropped, 1, __ATOMIC_RELAXED);
    free(h->trouble);
    h->trouble = sbuf_words("%s: %s", h->spec->target, strerror(error));
    *why = mem_strdup(h->trouble);
    return -1;
}

static int tick(void *self, const struct snapshot *s, char **why)
{
    struct hdrlog *h = self;
    struct sbuf lines = {0};
    const bool was_headed = h->is_headed;
    if (s->run_number == 0)
        return 0;
    add_interval(h, s, &lines);
    const int rc = lines.len ? write_lines(h, &lines, why) : 0;
    if (rc != 0)
        h->is_headed = was_headed;
    sbuf_fini(&lines);
    snapshot_unref(h->last);
    h->last = (struct snapshot *)(uintptr_t)s;
    snapshot_ref(h->last);
    return rc;
}

static int run_end(void *self, const struct snapshot *last, char **why)
{
    struct hdrlog *h = self;
    char *now = NULL;
    tick(h, last, &now);
    free(now);
    struct stat there;
    if (h->fd >= 0 && fstat(h->fd, &there) == 0 && there.st_nlink == 0) {
        __atomic_add_fetch(&h->counts.dropped, h->counts.sent, __ATOMIC_RELAXED);
        __atomic_store_n(&h->counts.sent, 0, __ATOMIC_RELAXED);
        free(h->trouble);
        h->trouble = sbuf_words("%s: it was removed while it was written", h->spec->target);
    }
    if (!h->trouble)
        return 0;
    log_warning(LOGGER, "%s: %" PRIu64 " of %" PRIu64 " intervals are not in the file: %s",
                h->spec->name, h->counts.dropped, h->counts.dropped + h->counts.sent, h->trouble);
    *why = mem_strdup(h->trouble);
    return 0;
}

static void close_it(void *self)
{
    struct hdrlog *h = self;
    if (h->fd >= 0)
        close(h->fd);
    outfile_release(h);
    snapshot_unref(h->last);
    free(h->trouble);
    sink_spec_free(h->spec);
    free(h);
}

static int make(struct sink_spec *spec, struct output *out, char **why)
{
    if (!spec->target || !strcmp(spec->target, "-")) {
        *why = sink_words(spec, "%sname a file, such as --out hdrlog=times.hlog",
                          spec->target ? "standard output is for json: " : "");
        sink_spec_free(spec);
        return -1;
    }
    struct hdrlog *h = mem_zalloc(sizeof *h);
    h->spec = spec;
    h->fd = -1;
    *out = (struct output){.name = spec->name,
                           .self = h,
                           .patience_s = OUTPUT_FILE_PATIENCE_S,
                           .ends_apart = true,
                           .each_run = true,
                           .counts = &h->counts,
                           .interval_s = interval_s,
                           .check = check,
                           .open = open_it,
                           .tick = tick,
                           .run_end = run_end,
                           .close = close_it};
    return 0;
}

static const struct sink_key KEYS[] = {
    {"interval", SINK_SPAN, "1s", "0.1 3600", "length of an interval"},
    {"names", SINK_NUMBER, SINK_NAMES_MOST, "1 100000",
     "rows with a tag of their own; the others are one, (other)"},
};

const struct sink_kind sink_hdrlog = {
    .name = "hdrlog",
    .summary = "an interval log of HdrHistogram: response times in microseconds, in all and by row",
    .target = "FILE",
    .keys = KEYS,
    .key_count = sizeof KEYS / sizeof KEYS[0],
    .make = make,
};
