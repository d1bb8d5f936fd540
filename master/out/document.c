// SPDX-License-Identifier: MIT
#include "master/out/document.h"
#include "common/base/mem.h"
#include "common/base/whole.h"
#include "master/out/outfile.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct document {
    const char *option;
    char *path; /* owned */
    document_write *write;
};

json_t *document_verdict(const struct snapshot *last)
{
    json_t *verdict = last->view ? json_loads(last->view->verdict, 0, NULL) : NULL;
    return verdict ? verdict : json_object();
}

const char *document_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

double document_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

bool document_bool(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

void document_add_value(const json_t *t, struct sbuf *out)
{
    const char *why = document_text(t, "why");
    const double n = document_number(t, "n");
    if (isfinite(document_number(t, "value")))
        sbuf_addf(out, "%s (n=%.0f)", document_text(t, "shown"), n);
    if (*why)
        sbuf_addf(out, "%s%s", out->len ? "; " : "", why);
    if (!document_bool(t, "valid"))
        sbuf_adds(out, "; measurement not valid");
}

static int check(void *self, const struct snapshot *first, char **why)
{
    const struct document *d = self;
    (void)first;
    return outfile_check(d->option, d->path, why);
}

static int fail(char **why, const char *path, int error)
{
    struct sbuf text = {0};
    sbuf_addf(&text, "cannot write %s: %s", path, strerror(error));
    *why = sbuf_take(&text);
    return -1;
}

static int run_end(void *self, const struct snapshot *last, char **why)
{
    const struct document *d = self;
    struct sbuf text = {0};
    d->write(last, &text);
    const int error = outfile_write(d->path, &text);
    sbuf_fini(&text);
    return error ? fail(why, d->path, error) : 0;
}

static void release(void *self)
{
    struct document *d = self;
    free(d->path);
    free(d);
}

struct output document_output(const char *option, const char *path, document_write *write)
{
    struct document *d = mem_zalloc(sizeof *d);
    *d = (struct document){option, mem_strdup(path), write};
    return (struct output){.name = option + 2,
                           .self = d,
                           .patience_s = OUTPUT_FILE_PATIENCE_S,
                           .check = check,
                           .run_end = run_end,
                           .close = release};
}

/* Other steps of the job have written there too: appended. */
static int append_summary(const char *path, const struct sbuf *text)
{
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno;
    const int error = whole_write(fd, text->data, text->len);
    close(fd);
    return error;
}

static int github_end(void *self, const struct snapshot *last, char **why)
{
    const struct document *d = self;
    struct sbuf lines = {0}, page = {0};
    int error = 0;
    github_annotations_write(last, &lines);
    if (lines.len > 0)
        error = whole_write(STDERR_FILENO, lines.data, lines.len);
    github_summary_write(last, &page);
    if (*d->path)
        error = append_summary(d->path, &page);
    sbuf_fini(&lines);
    sbuf_fini(&page);
    return error ? fail(why, d->path, error) : 0;
}

struct output github_output(const char *summary_path)
{
    struct document *d = mem_zalloc(sizeof *d);
    *d = (struct document){"--github", mem_strdup(summary_path ? summary_path : ""), NULL};
    return (struct output){.name = "github",
                           .self = d,
                           .patience_s = OUTPUT_FILE_PATIENCE_S,
                           .run_end = github_end,
                           .close = release};
}
