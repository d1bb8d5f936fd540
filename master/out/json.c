// SPDX-License-Identifier: MIT
/* json: --json and --json-file: what was measured, once, at the end. A file is written under the
 * name it is asked for; on standard output a line end follows. */
#include "common/base/sbuf.h"
#include "common/base/whole.h"
#include "master/out/json_stats.h"
#include "master/out/outfile.h"
#include "master/out/output.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *path_of(const struct snapshot *s)
{
    struct sbuf path = {0};
    sbuf_addf(&path, "%s.json", s->wishes.json_file);
    return sbuf_take(&path);
}

static int check(void *self, const struct snapshot *first, char **why)
{
    static const char us;
    (void)self;
    if (first->wishes.has_json && outfile_claim(&us, "--json", NULL, why) != 0)
        return -1;
    if (!first->wishes.json_file)
        return 0;
    char *path = path_of(first);
    int rc = outfile_claim(&us, "--json-file", path, why);
    free(path);
    return rc;
}

static int fail(char **why, const char *where, int error)
{
    struct sbuf text = {0};
    sbuf_addf(&text, "cannot write %s: %s", where, strerror(error));
    *why = sbuf_take(&text);
    return -1;
}

static int run_end(void *self, const struct snapshot *last, char **why)
{
    const struct wishes *w = &last->wishes;
    struct sbuf json = {0};
    int rc = 0, error = 0;
    (void)self;
    if (!w->has_json && !w->json_file)
        return 0;
    json_stats(&last->stats, &json);
    if (w->json_file) {
        char *path = path_of(last);
        error = outfile_write(path, &json);
        rc = error ? fail(why, path, error) : 0;
        free(path);
    }
    sbuf_addc(&json, '\n');
    error = w->has_json ? whole_write(STDOUT_FILENO, json.data, json.len) : 0;
    if (error && rc == 0)
        rc = fail(why, "the JSON to standard output", error);
    sbuf_fini(&json);
    return rc;
}

static void release(void *self)
{
    (void)self;
}

/* It has no patience: whoever reads standard output may take the time it takes. */
struct output json_output(void)
{
    return (struct output){.name = "json", .check = check, .run_end = run_end, .close = release};
}
