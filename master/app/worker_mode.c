// SPDX-License-Identifier: MIT
/* worker_mode: the katydid that is only a worker, or asks one to list what is in a locustfile.
 *
 * One worker: this process turns into it. Several (--worker --processes N): this one stays as their
 * parent, passes signals on, and ends with the largest exit code; so it does for one worker as the
 * first process of a container. */
#include "common/base/log.h"
#include "common/run/exit_code.h"
#include "master/nodes/children.h"
#include "master/app/complain.h"
#include "master/app/descriptors.h"
#include "master/app/keys_given.h"
#include "master/app/master.h"
#include "master/options/options.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILES_ENOUGH (1ul << 20)

static const char *list_of(const struct options *o)
{
    if (o->list)
        return "users";
    if (o->show_task_ratio_json)
        return "ratio-json";
    return o->show_task_ratio ? "ratio" : NULL;
}

static sigset_t awaited_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) != 0 || now.sa_handler != SIG_IGN)
            sigaddset(&set, numbers[i]);
    }
    return set;
}

static void suspend(const struct children *c)
{
    children_signal(c, SIGSTOP);
    raise(SIGSTOP); /* comes back after SIGCONT */
    children_signal(c, SIGCONT);
}

/* Nobody else on this machine says it: the master's log is elsewhere. */
static void tell_killed(const struct child *child)
{
    if (child_signal(child) != 0)
        log_error("locust.main", "A worker process ended unexpectedly (signal %d)",
                  child_signal(child));
}

/* The first signal is passed on; the second ends the children at once. */
static int parent(struct children *c)
{
    sigset_t awaited = awaited_signals();
    int largest = 0, stops = 0;
    while (children_running(c) > 0) {
        int number = 0;
        sigwait(&awaited, &number);
        if (number == SIGTSTP)
            suspend(c);
        else if (number == SIGHUP) /* the shell and the terminal both say it */
            children_signal(c, stops == 0 ? SIGTERM : 0);
        else if (number != SIGCHLD)
            children_signal(c, stops++ == 0 ? number : SIGKILL);
        for (const struct child *child = children_reap(c); child; child = children_reap(c)) {
            int code = child_exit_code(child);
            largest = code > largest ? code : largest;
            if (stops == 0)
                tell_killed(child);
        }
    }
    return stops > 1 ? 1 : largest;
}

static int start_all(struct children *c, const struct child_config *config, int count)
{
    sigset_t blocked = awaited_signals();
    char *why = NULL;
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    children_may_speak(c, true); /* no host speaks for them */
    for (int i = 0; i < count; i++)
        if (children_start(c, config, &why) != 0) {
            children_signal(c, SIGKILL);
            return complain_failed(why);
        }
    return parent(c);
}

int master_run_worker(const struct options *o)
{
    struct children children;
    char *why = NULL, *endpoint = keys_given_endpoint(o, &why);
    if (!endpoint) {
        complain_failed(why);
        return exit_code_as(o->is_locust, EXIT_USAGE);
    }
    if (children_open(&children, &why) != 0) {
        free(endpoint);
        return complain_failed(why);
    }
    files_raise_limit(FILES_ENOUGH);
    char *options = options_json(o);
    struct child_config config = {
        .role = "worker",
        .endpoint = endpoint,
        .options_json = options,
        .o = o,
        .list = list_of(o),
        .is_quiet = o->worker && o->processes != 0 && !list_of(o),
    };
    int code = 1;
    if (o->worker && o->processes != 0 && !config.list)
        code = start_all(&children, &config,
                         o->processes > 0 ? o->processes : (int)sysconf(_SC_NPROCESSORS_ONLN));
    else if (o->worker && getpid() == 1) /* somebody has to wait for what users' code leaves */
        code = start_all(&children, &config, 1);
    else
        complain_failed(children_exec(&children, &config));
    free(options);
    free(endpoint);
    children_close(&children);
    return code;
}
