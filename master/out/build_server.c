// SPDX-License-Identifier: MIT
#include "master/out/build_server.h"
#include "common/base/mem.h"
#include "common/base/whole.h"
#include "master/out/annotations.h"
#include "master/out/outfile.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Azure Pipelines ---- */

static void add_azure(struct sbuf *out, const struct annotation *a)
{
    sbuf_addf(out, "##vso[task.logissue type=%s]%s: ", a->is_error ? "error" : "warning", a->title);
    for (const char *c = a->text; *c; c++) {
        if (*c == '\r' || *c == '\n')
            sbuf_addf(out, "%%%02X", (unsigned)*c);
        else if ((unsigned char)*c >= 0x20 || *c == '\t')
            sbuf_addc(out, *c);
    }
    sbuf_addc(out, '\n');
}

void azure_write(const struct snapshot *last, struct sbuf *out)
{
    annotations_add(last, add_azure, out);
}

/* ---- TeamCity ---- */

static void add_value_text(struct sbuf *out, const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '\n' || c == '\r')
            sbuf_addf(out, "|%c", c == '\n' ? 'n' : 'r');
        else if (c && strchr("|'[]", c))
            sbuf_addf(out, "|%c", c);
        else if (c >= 0x20 || c == '\t')
            sbuf_addc(out, (char)c);
    }
}

/* A problem fails the build, as the exit code does; a message alone changes nothing. */
static void add_teamcity(struct sbuf *out, const struct annotation *a)
{
    sbuf_adds(out, a->is_error ? "##teamcity[buildProblem description='"
                               : "##teamcity[message status='WARNING' text='");
    sbuf_addf(out, "%s: ", a->title);
    add_value_text(out, a->text);
    sbuf_adds(out, "']\n");
}

static void add_statistic(struct sbuf *out, const char *key, double value)
{
    sbuf_addf(out, "##teamcity[buildStatisticValue key='%s' value='%.10g']\n", key, value);
}

void teamcity_write(const struct snapshot *last, struct sbuf *out)
{
    annotations_add(last, add_teamcity, out);
    annotations_add_values(last, add_statistic, out);
}

/* ---- the output ---- */

struct build_server {
    document_write *write;
};

static int run_end(void *self, const struct snapshot *last, char **why)
{
    const struct build_server *b = self;
    struct sbuf lines = {0};
    const bool is_taken = outfile_has_stdout();
    b->write(last, &lines);
    const int error =
        lines.len ? whole_write(is_taken ? STDERR_FILENO : STDOUT_FILENO, lines.data, lines.len)
                  : 0;
    sbuf_fini(&lines);
    return error ? document_fail(why, is_taken ? "standard error" : "standard output", error) : 0;
}

struct output build_server_output(const char *name, document_write *write)
{
    struct build_server *b = mem_zalloc(sizeof *b);
    b->write = write;
    return (struct output){.name = name,
                           .self = b,
                           .patience_s = OUTPUT_FILE_PATIENCE_S,
                           .run_end = run_end,
                           .close = free};
}
