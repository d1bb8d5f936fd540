// SPDX-License-Identifier: MIT
/* katydid: the one command people type. Options in, exit code out. */
#include "common/base/log.h"
#include "master/master.h"
#include "master/options.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define EXIT_OUTPUT_FILE 74

static int open_log(const struct options *o)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {{"DEBUG", LOG_DEBUG},
                  {"INFO", LOG_INFO},
                  {"WARNING", LOG_WARNING},
                  {"ERROR", LOG_ERROR},
                  {"CRITICAL", LOG_CRITICAL}};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (o->loglevel && !strcmp(o->loglevel, levels[i].name))
            log_set_level(levels[i].level);
    if (!o->logfile || log_open(o->logfile) == 0)
        return 0;
    fprintf(stderr, "katydid: cannot write the log file %s: %s\n", o->logfile, strerror(errno));
    return EXIT_OUTPUT_FILE;
}

static int run(const struct options *o)
{
    if (o->help || o->version) {
        if (o->help)
            options_help();
        else
            options_version();
        return 0;
    }
    int code = open_log(o);
    if (code)
        return code;
    if (o->worker || o->list || o->show_task_ratio || o->show_task_ratio_json)
        return master_become_worker(o);
    return master_run(o);
}

int main(int argc, char **argv)
{
    struct options o;
    int code = options_parse(&o, argc, argv);
    if (code == 0)
        code = run(&o);
    options_fini(&o);
    return code;
}
