// SPDX-License-Identifier: MIT
/* report: the report of --html: its name, and when it is written. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/core.h"
#include "master/run/exit_code.h"
#include "master/out/outfile.h"
#include "master/out/report_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* {u}, {r} and {t} become users, spawn rate and run time, where they are known. */
static char *file_name(const struct master *m)
{
    const struct {
        const char *mark;
        double value;
    } marks[] = {
        {"{u}", m->users}, {"{r}", m->spawn_rate}, {"{t}", m->run_time_s > 0 ? m->run_time_s : -1}};
    struct sbuf name = {0};
    for (const char *p = m->o->html_file; *p;) {
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

int report_check(const struct master *m)
{
    if (!m->o->html_file)
        return 0;
    char *name = file_name(m);
    int rc = outfile_check("--html", name);
    free(name);
    return rc == 0 ? 0 : EXIT_OUTPUT_FILE;
}

int report_write(struct master *m)
{
    char *why = NULL;
    if (!m->o->html_file || m->run.number == 0)
        return 0;
    show_publish(m);
    struct view *v = bridge_view(m->bridge);
    char *name = file_name(m);
    log_debug(MAIN_LOGGER, "Writing html report to file: %s", name);
    struct sbuf samples = {0}, logs = {0};
    if (m->o->html_samples)
        samples_write_all(m->samples, REPORT_SAMPLES_MAX, &samples);
    if (m->o->html_logs)
        logs_write(m->logs, 0, SIZE_MAX, REPORT_LOGS_MAX, &logs);
    const struct report_ask ask = {.script = m->host.has_script ? m->host.script.about : NULL,
                                   .samples = samples.data,
                                   .logs = logs.data};
    int rc = v ? report_file_write(name, v, &ask, &why) : -1;
    if (rc == 0)
        log_info(LOGGER, "The report is in %s", name);
    else
        log_error(LOGGER, "%s", why ? why : "there is nothing to report");
    if (v)
        view_unref(v);
    sbuf_fini(&samples);
    sbuf_fini(&logs);
    free(name);
    free(why);
    return rc == 0 ? 0 : EXIT_OUTPUT_FILE;
}
