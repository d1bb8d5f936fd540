// SPDX-License-Identifier: MIT
/* katydid: the one command people type. Options in, exit code out. */
#include "common/base/addresses.h"
#include "common/base/heap.h"
#include "common/base/log.h"
#include "master/app/complain.h"
#include "master/nodes/children.h"
#include "master/app/custom_options.h"
#include "master/app/descriptors.h"
#include "master/app/keys_command.h"
#include "common/run/exit_code.h"
#include "master/app/master.h"
#include "master/app/receivers.h"
#include "master/app/repeat.h"
#include "master/app/merge_command.h"
#include "master/app/runs_command.h"
#include "master/options/options.h"
#include "master/out/outfile.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    if (o->skip_log_setup)
        log_set_level(LOG_WARNING); /* what Python shows when nobody has set it up */
    if (!o->logfile)
        return 0;
    char *why = NULL;
    if (outfile_claim(o, "--logfile", o->logfile, &why) != 0) {
        fprintf(stderr, "%s: %s\n", options_program(), why);
        free(why);
        return EXIT_OUTPUT_FILE;
    }
    if (log_open(o->logfile) == 0)
        return 0;
    fprintf(stderr, "%s: --logfile: cannot write %s: %s\n", options_program(), o->logfile,
            strerror(errno));
    return EXIT_OUTPUT_FILE;
}

/* Only the worker knows which Python it has. */
static void print_version(void)
{
    char *words = options_version();
    children_exec_version(words);
    puts(words);
    free(words);
}

/* With a few, ZeroMQ aborts and Python cannot read its own modules. */
static int check_files(void)
{
    const unsigned long limit = files_raise_limit(FILES_LEAST);
    if (limit >= FILES_LEAST)
        return 0;
    char *advice = files_advice_least(limit);
    fprintf(stderr, "%s: %s\n", options_program(), advice);
    free(advice);
    return EXIT_FILES;
}

/* Before anything starts: what is wrong with them is wrong with every connection. */
static int check_sources(const struct options *o)
{
    char *why = NULL;
    if (!o->source_addresses || !*o->source_addresses)
        return 0;
    if (o->master && o->processes == 0)
        return complain("--source-addresses is of workers, and this command starts none: give it "
                        "to each of them, with --worker");
    struct addresses *list = addresses_read(o->source_addresses, &why);
    const bool is_good = list && addresses_try(list, &why);
    const int code = is_good ? 0 : complain("argument --source-addresses: %s", why);
    addresses_free(list);
    free(why);
    return code;
}

static int run(const struct options *o, char **argv)
{
    if (o->help || o->version) {
        if (o->help)
            options_help();
        else
            print_version();
        return 0;
    }
    if (o->completion) {
        options_completion(o->completion);
        return 0;
    }
    if (receivers_are_asked(o)) {
        receivers_help();
        return 0;
    }
    int code = check_files();
    if (code == 0)
        code = open_log(o);
    if (code == 0)
        code = check_sources(o);
    if (code)
        return exit_code_as(o->is_locust, code);
    if (o->worker || o->list || o->show_task_ratio || o->show_task_ratio_json)
        return master_run_worker(o);
    heap_settle();
    return repeat_is_wanted(o) ? repeat_run(o, argv) : master_run(o);
}

/* A closed standard stream would become the number of the next file that is opened. */
static void open_standard_streams(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = dup(fd);
    if (fd > STDERR_FILENO)
        close(fd);
}

/* A key is for nobody who lists processes; files and variables are better still. */
static void hide_keys(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        for (char *key = strstr(argv[i], "katydid-"); key; key = strstr(key + 1, "katydid-"))
            if (!strncmp(key, "katydid-join-", 13) || !strncmp(key, "katydid-master-", 15))
                memset(key + 8, '*', strlen(key + 8));
}

int main(int argc, char **argv)
{
    open_standard_streams();
    if (runs_command_is(argc, argv))
        return runs_command(argc, argv);
    if (merge_command_is(argc, argv))
        return merge_command(argc, argv);
    if (keys_command_is(argc, argv))
        return keys_command(argc, argv);
    struct options o;
    int code = custom_parse(&o, argc, argv);
    if (o.worker)
        hide_keys(argc, argv);
    if (code == 0)
        code = run(&o, argv);
    options_fini(&o);
    return code;
}
