// SPDX-License-Identifier: MIT
/* github: workflow commands that become annotations, and the job's summary in Markdown. Names come
 * from tests and servers: nothing of them ends a command, a cell or a page's markup. */
#include "common/base/mem.h"
#include "common/base/whole.h"
#include "master/out/annotations.h"
#include "master/out/document.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The text of a command; of a property a colon and a comma end it too. */
static void add_command(struct sbuf *out, const char *text, bool is_property)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '%' || c == '\r' || c == '\n' || (is_property && (c == ':' || c == ',')))
            sbuf_addf(out, "%%%02X", c);
        else if (c >= 0x20 || c == '\t')
            sbuf_addc(out, (char)c);
    }
}

static void add_cell(struct sbuf *out, const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '<')
            sbuf_adds(out, "&lt;");
        else if (c == '&')
            sbuf_adds(out, "&amp;");
        else if (strchr("|\\`*_[]", c))
            sbuf_addf(out, "\\%c", c);
        else
            sbuf_addc(out, c < 0x20 ? ' ' : (char)c);
    }
}

static void add_annotation(struct sbuf *out, const struct annotation *a)
{
    sbuf_addf(out, "::%s title=", a->is_error ? "error" : "warning");
    add_command(out, a->title, true);
    sbuf_adds(out, "::");
    add_command(out, a->text, false);
    sbuf_addc(out, '\n');
}

void github_annotations_write(const struct snapshot *last, struct sbuf *out)
{
    annotations_add(last, add_annotation, out);
}

static void add_threshold(struct sbuf *out, const json_t *t)
{
    struct sbuf value = {0};
    const char *name = document_text(t, "name");
    document_add_value(t, &value);
    sbuf_addf(out, "| %s | ", document_text(t, "state"));
    add_cell(out, name);
    sbuf_adds(out, *name ? ": " : "");
    add_cell(out, document_text(t, "text"));
    sbuf_adds(out, " | ");
    add_cell(out, value.data ? value.data : "");
    sbuf_adds(out, " |\n");
    sbuf_fini(&value);
}

#define ROWS_SHOWN 20

static void add_row(struct sbuf *out, const struct tally *t, const struct stats *s)
{
    sbuf_adds(out, "| ");
    add_cell(out, t->method);
    sbuf_adds(out, *t->method ? " " : "");
    add_cell(out, t->name);
    sbuf_addf(out, " | %llu | %llu | %.1f | %.1f | %.1f | %.1f | %.1f |\n",
              (unsigned long long)t->requests, (unsigned long long)t->failures,
              tally_total_rps(t, s), tally_quantile_ms(t, 0.5), tally_quantile_ms(t, 0.95),
              tally_quantile_ms(t, 0.99), tally_quantile_ms(t, 1));
}

static void add_rows(struct sbuf *out, const struct stats *s)
{
    const struct tally **rows;
    const size_t count = stats_sorted(s, &rows);
    sbuf_adds(out, "\n| request | requests | failed | req/s | p50 ms | p95 ms | p99 ms | max ms |\n"
                   "|---|---:|---:|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < count && i < ROWS_SHOWN; i++)
        add_row(out, rows[i], s);
    if (count > ROWS_SHOWN)
        sbuf_addf(out, "| %zu more | | | | | | | |\n", count - ROWS_SHOWN);
    add_row(out, &s->total, s);
    free(rows);
}

void github_summary_write(const struct snapshot *last, struct sbuf *out)
{
    size_t i;
    json_t *verdict = document_verdict(last), *t;
    const json_t *thresholds = json_object_get(verdict, "thresholds");
    sbuf_addf(out, "### Load test %s\n\n",
              document_number(verdict, "code") > 0 ? "not passed" : "passed");
    add_cell(out, document_text(verdict, "reasons"));
    sbuf_adds(out, "\n");
    if (json_array_size(thresholds) > 0)
        sbuf_adds(out, "\n| state | threshold | value |\n|---|---|---|\n");
    json_array_foreach(thresholds, i, t)
    {
        add_threshold(out, t);
    }
    if (last->end.compared)
        sbuf_addf(out, "\n%s", last->end.compared);
    add_rows(out, &last->stats);
    sbuf_addc(out, '\n');
    json_decref(verdict);
}

/* More than that GitHub does not take, and then nothing of the step. */
#define SUMMARY_MOST 1000000

static void cut_summary(struct sbuf *page)
{
    if (page->len <= SUMMARY_MOST)
        return;
    while (page->len > SUMMARY_MOST || (page->len > 0 && page->data[page->len - 1] != '\n'))
        page->len--;
    sbuf_adds(page, "\n(The rest is left out: GitHub takes 1 MiB.)\n");
}

static void add_value(struct sbuf *out, const char *key, double value)
{
    sbuf_addf(out, "%s=%.10g\n", key, value);
}

/* What later steps ask for as steps.ID.outputs.KEY: nothing in it is a name of the test's. */
void github_values_write(const struct snapshot *last, struct sbuf *out)
{
    json_t *verdict = document_verdict(last);
    json_t *baseline = last->end.baseline ? json_loads(last->end.baseline, 0, NULL) : NULL;
    const double code = document_number(verdict, "code");
    sbuf_addf(out, "verdict=%s\nvalid=%s\n", code > 0 ? "fail" : "pass",
              document_bool(verdict, "valid") ? "true" : "false");
    if (isfinite(code))
        add_value(out, "code", code);
    if (baseline)
        sbuf_addf(out, "baseline=%s\n", document_text(baseline, "answer"));
    annotations_add_values(last, add_value, out);
    json_decref(baseline);
    json_decref(verdict);
}

/* Other steps of the job have written there too: appended. */
static int append(const char *path, const struct sbuf *text)
{
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno;
    const int error = whole_write(fd, text->data, text->len);
    close(fd);
    return error;
}

struct github { /* files that the runner names; "": it does not */
    char *summary, *values;
};

static int append_written(const char *path, document_write *write, const struct snapshot *last,
                          char **why)
{
    struct sbuf text = {0};
    if (!*path)
        return 0;
    write(last, &text);
    cut_summary(&text);
    const int error = append(path, &text);
    sbuf_fini(&text);
    return error ? document_fail(why, path, error) : 0;
}

static int github_end(void *self, const struct snapshot *last, char **why)
{
    const struct github *g = self;
    struct sbuf lines = {0};
    github_annotations_write(last, &lines);
    int rc = 0;
    if (lines.len > 0) {
        const int error = whole_write(STDERR_FILENO, lines.data, lines.len);
        rc = error ? document_fail(why, "standard error", error) : 0;
    }
    sbuf_fini(&lines);
    if (rc == 0)
        rc = append_written(g->summary, github_summary_write, last, why);
    return rc == 0 ? append_written(g->values, github_values_write, last, why) : rc;
}

static void github_close(void *self)
{
    struct github *g = self;
    free(g->summary);
    free(g->values);
    free(g);
}

struct output github_output(const char *summary_path, const char *values_path)
{
    struct github *g = mem_zalloc(sizeof *g);
    g->summary = mem_strdup(summary_path ? summary_path : "");
    g->values = mem_strdup(values_path ? values_path : "");
    return (struct output){.name = "github",
                           .self = g,
                           .patience_s = OUTPUT_FILE_PATIENCE_S,
                           .run_end = github_end,
                           .close = github_close};
}
