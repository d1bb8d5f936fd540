// SPDX-License-Identifier: MIT
#include "master/app/merge_command.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/complain.h"
#include "master/store/line_reader.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define METRICS_MOST 1000 /* lines that say what a metric is */
#define OUT_BYTES (1u << 20)

static const char USAGE[] =
    "katydid merge [--output FILE] FILE ...\n\n"
    "Files that workers wrote for --out json, csv or jtl (plain, .gz, .zst) as one, in the order "
    "of\n"
    "their times, into FILE or on standard output. All of them are of one kind.\n";

enum kind { KIND_JSON, KIND_CSV, KIND_JTL, KINDS };
static const char *const HEADS[KINDS] = {"{\"type\":\"Metric\"", "metric_name,", "timeStamp,"};

struct piece {
    const char *text; /* NULL: none */
    size_t len;
};

struct source {
    struct line_reader *reader;
    struct piece line, time; /* the next one; time points into it */
};

struct merging {
    struct source *list;
    size_t count;
    enum kind kind;
    char *head; /* of csv and jtl */
    char *metrics[METRICS_MOST];
    size_t metric_count;
    FILE *out;
    char *why;
};

static struct piece until(const char *from, const char *end, char stop)
{
    const char *at = from && from < end ? memchr(from, stop, (size_t)(end - from)) : NULL;
    return at ? (struct piece){from, (size_t)(at - from)} : (struct piece){0};
}

/* Where a line has its time; text NULL: it has none. */
static struct piece time_of(enum kind kind, struct piece line)
{
    static const char before[] = "\"time\":\"";
    const char *end = line.text + line.len, *from = line.text;
    if (kind == KIND_JTL)
        return until(from, end, ',');
    if (kind == KIND_CSV) {
        const char *comma = memchr(from, ',', line.len);
        return until(comma ? comma + 1 : NULL, end, ',');
    }
    from = memmem(from, line.len, before, sizeof before - 1);
    return until(from ? from + sizeof before - 1 : NULL, end, '"');
}

/* Those of one file are equally long, or numbers. */
static int compare(struct piece a, struct piece b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return memcmp(a.text, b.text, a.len);
}

static void put(struct merging *m, struct piece line)
{
    fwrite(line.text, 1, line.len, m->out);
    fputc('\n', m->out);
}

static bool is_new_metric(struct merging *m, struct piece line)
{
    for (size_t i = 0; i < m->metric_count; i++)
        if (strlen(m->metrics[i]) == line.len && memcmp(m->metrics[i], line.text, line.len) == 0)
            return false;
    if (m->metric_count < METRICS_MOST)
        m->metrics[m->metric_count++] = mem_dup(line.text, line.len);
    return true;
}

/* The next line with a time; those without one (what a metric is) stand before it, once. A run that
 * was put behind another has no head of its own. */
static void advance(struct merging *m, struct source *s)
{
    for (;;) {
        s->line.text = line_reader_next(s->reader, &s->line.len, &m->why);
        if (!s->line.text)
            return;
        s->time = time_of(m->kind, s->line);
        if (s->time.text)
            return;
        if (m->kind == KIND_JSON && s->line.len && is_new_metric(m, s->line))
            put(m, s->line);
    }
}

static bool has_begin(struct piece line, const char *begin)
{
    return line.len >= strlen(begin) && memcmp(line.text, begin, strlen(begin)) == 0;
}

/* The first line of a file; the first of all tells the kind. */
static void begin(struct merging *m, struct source *s, const char *path)
{
    struct piece line = {0};
    line.text = line_reader_next(s->reader, &line.len, &m->why);
    if (m->why || !line.text)
        return; /* of a worker that had no request */
    if (!m->head) {
        while (m->kind < KINDS && !has_begin(line, HEADS[m->kind]))
            m->kind++;
        if (m->kind == KINDS) {
            m->why = sbuf_words("%s: this is no file of --out json, csv or jtl", path);
            return;
        }
        m->head = mem_dup(line.text, line.len);
        if (m->kind != KIND_JSON)
            put(m, line);
    } else if (!has_begin(line, HEADS[m->kind]) ||
               (m->kind != KIND_JSON &&
                (strlen(m->head) != line.len || memcmp(m->head, line.text, line.len) != 0))) {
        m->why = sbuf_words("%s: it is not of the kind of those before it", path);
        return;
    }
    s->line = line;
    s->time = m->kind == KIND_JSON ? time_of(m->kind, line) : (struct piece){0};
    if (s->time.text)
        return;
    if (m->kind == KIND_JSON && is_new_metric(m, line))
        put(m, line);
    advance(m, s);
}

static void merge(struct merging *m)
{
    while (!m->why) {
        struct source *next = NULL;
        for (size_t i = 0; i < m->count; i++)
            if (m->list[i].line.text && (!next || compare(m->list[i].time, next->time) < 0))
                next = &m->list[i];
        if (!next)
            return;
        put(m, next->line);
        advance(m, next);
    }
}

static bool is_one_of(const char *path, char **files, size_t count)
{
    struct stat out, in;
    if (stat(path, &out) != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (stat(files[i], &in) == 0 && in.st_ino == out.st_ino && in.st_dev == out.st_dev)
            return true;
    return false;
}

static int run(const char *output, char **files, size_t count)
{
    struct merging m = {.count = count, .list = mem_zalloc((count + 1) * sizeof *m.list)};
    for (size_t i = 0; i < count && !m.why; i++)
        m.list[i].reader = line_reader_open(files[i], &m.why);
    if (!m.why && output && is_one_of(output, files, count))
        m.why = sbuf_words("%s: it is one of those that are read", output);
    m.out = m.why ? NULL : output ? fopen(output, "we") : stdout;
    if (!m.out && !m.why)
        m.why = sbuf_words("%s: %s", output, strerror(errno));
    if (m.out)
        setvbuf(m.out, NULL, _IOFBF, OUT_BYTES);
    for (size_t i = 0; i < count && !m.why; i++)
        begin(&m, &m.list[i], files[i]);
    merge(&m);
    if (m.out && (fflush(m.out) != 0 || ferror(m.out)) && !m.why)
        m.why = sbuf_words("%s: %s", output ? output : "standard output", strerror(errno));
    if (m.out && output)
        fclose(m.out);
    const int rc = m.why ? complain_failed(m.why) : 0;
    for (size_t i = 0; i < count; i++)
        line_reader_close(m.list[i].reader);
    for (size_t i = 0; i < m.metric_count; i++)
        free(m.metrics[i]);
    free(m.list);
    free(m.head);
    return rc;
}

bool merge_command_is(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "merge") == 0;
}

int merge_command(int argc, char **argv)
{
    const char *output = NULL;
    char **files = mem_zalloc((size_t)argc * sizeof *files);
    size_t count = 0;
    int rc = -1;
    for (int i = 2; i < argc && rc < 0; i++) {
        const bool is_output = strcmp(argv[i], "-o") == 0 || strcmp(argv[i], "--output") == 0;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(USAGE, stdout);
            rc = 0;
        } else if (strncmp(argv[i], "--output=", 9) == 0) {
            output = argv[i] + 9;
        } else if (is_output && i + 1 < argc) {
            output = argv[++i];
        } else if (argv[i][0] == '-') {
            rc = complain(is_output ? "merge: %s has no value" : "merge: there is no option %s",
                          argv[i]);
        } else {
            files[count++] = argv[i];
        }
    }
    if (rc < 0 && count == 0)
        rc = complain("merge: give the files");
    rc = rc < 0 ? run(output, files, count) : rc;
    free(files);
    return rc;
}
