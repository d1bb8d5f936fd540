// SPDX-License-Identifier: MIT
#include "master/out/document.h"
#include "common/base/mem.h"
#include "master/out/outfile.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct document_file {
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

/* [from, to, index, name, why] of docs/api.md; the master's index is -1, as that of one who is not
 * known any more. */
void document_add_span(const json_t *span, struct sbuf *out)
{
    char words[2][16];
    struct tm local;
    const char *name = json_string_value(json_array_get(span, 3)),
               *why = json_string_value(json_array_get(span, 4));
    for (size_t i = 0; i < 2; i++) {
        const time_t at = (time_t)json_number_value(json_array_get(span, i));
        strftime(words[i], sizeof words[i], "%H:%M:%S", localtime_r(&at, &local));
    }
    const bool is_master =
        json_integer_value(json_array_get(span, 2)) < 0 && name && strcmp(name, "master") == 0;
    sbuf_addf(out, "%s%s, from %s to %s (%s)", is_master ? "the " : "worker ", name ? name : "?",
              words[0], words[1], why ? why : "");
}

static int check(void *self, const struct snapshot *first, char **why)
{
    const struct document_file *d = self;
    (void)first;
    return outfile_claim(d, d->option, d->path, why);
}

int document_fail(char **why, const char *path, int error)
{
    struct sbuf text = {0};
    sbuf_addf(&text, "cannot write %s: %s", path, strerror(error));
    *why = sbuf_take(&text);
    return -1;
}

static int run_end(void *self, const struct snapshot *last, char **why)
{
    const struct document_file *d = self;
    struct sbuf text = {0};
    d->write(last, &text);
    const int error = outfile_write(d->path, &text);
    sbuf_fini(&text);
    return error ? document_fail(why, d->path, error) : 0;
}

static void release(void *self)
{
    struct document_file *d = self;
    outfile_release(d);
    free(d->path);
    free(d);
}

struct output document_output(const char *option, const char *path, document_write *write)
{
    struct document_file *d = mem_zalloc(sizeof *d);
    *d = (struct document_file){option, mem_strdup(path), write};
    return (struct output){.name = option + 2,
                           .self = d,
                           .patience_s = OUTPUT_FILE_PATIENCE_S,
                           .check = check,
                           .run_end = run_end,
                           .close = release};
}
