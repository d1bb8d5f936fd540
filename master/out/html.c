// SPDX-License-Identifier: MIT
/* html: the report of --html, once, at the end. Its page is made by who owns the page. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/out/outfile.h"
#include "master/out/output.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct html {
    bool (*make)(const struct snapshot *last, struct sbuf *html);
};

/* {u}, {r} and {t} become users, spawn rate and run time, where they are known. */
static char *file_name(const struct snapshot *s)
{
    const struct {
        const char *mark;
        double value;
    } marks[] = {{"{u}", s->wishes.users},
                 {"{r}", s->wishes.spawn_rate},
                 {"{t}", s->wishes.run_time_s > 0 ? s->wishes.run_time_s : -1}};
    struct sbuf name = {0};
    for (const char *p = s->wishes.html_file; *p;) {
        size_t i = 0;
        while (i < 3 && (strncmp(p, marks[i].mark, 3) != 0 || marks[i].value < 0))
            i++;
        if (i < 3)
            sbuf_add_decimal(&name, marks[i].value);
        else
            sbuf_addc(&name, *p);
        p += i < 3 ? 3 : 1;
    }
    return sbuf_take(&name);
}

static int check(void *self, const struct snapshot *first, char **why)
{
    if (!first->wishes.html_file)
        return 0;
    char *name = file_name(first);
    int rc = outfile_claim(self, "--html", name, why);
    free(name);
    return rc;
}

static int run_end(void *self, const struct snapshot *last, char **why)
{
    const struct html *h = self;
    struct sbuf page = {0}, text = {0};
    if (!last->wishes.html_file || last->run_number == 0)
        return 0;
    char *name = file_name(last);
    log_debug("locust.main", "Writing html report to file: %s", name);
    bool has_page = h->make(last, &page);
    int error = has_page ? outfile_write(name, &page) : 0;
    bool is_written = has_page && !error;
    if (is_written)
        log_info("locust.runners", "The report is in %s", name);
    else
        sbuf_addf(&text, "cannot write the report %s: %s", name,
                  has_page ? strerror(error) : "this katydid was built without its page (WEBUI=0)");
    *why = text.data;
    sbuf_fini(&page);
    free(name);
    return is_written ? 0 : -1;
}

struct output html_output(bool (*make)(const struct snapshot *last, struct sbuf *html))
{
    return (struct output){.name = "html",
                           .self = mem_dup(&(struct html){make}, sizeof(struct html)),
                           .patience_s = OUTPUT_FILE_PATIENCE_S,
                           .check = check,
                           .run_end = run_end,
                           .close = free};
}
