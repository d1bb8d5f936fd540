// SPDX-License-Identifier: MIT
#pragma once
/* machine: every decision about a run, and about the orderly end of the process.
 *
 *   (state, event, time) → actions
 *
 * What happens outside comes in as an event (machine_on); what is to be done stands in a list until
 * it is taken off (machine_next), in order. Whoever carries an action out may cause the next event
 * at once (nobody listens to a host event: ON_HEARD): what follows from that stands behind what is
 * listed already. Actions name workers by pointers into the roster: they are carried out before the
 * roster may forget any.
 *
 * Pure: no clock, no socket, no log, no process, no environment. Time comes in as monotonic seconds
 * for deadlines and steady ones (clk.h) for what is put in an order.
 *
 *   machine.c          events to those who decide
 *   machine_workers.c  what the workers do, and what follows for the run
 *   machine_await.c    the wait for workers before the first run
 *   machine_finish.c   the steps of the end, and the exit code
 *   machine_control.c  start, change, ramp and stop of a run
 *   machine_action.c   the list of actions
 *
 * Calls go down this list only.
 */
#include "common/run/machine_action.h"
#include "common/run/machine_event.h"
#include "common/run/run.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum finish_step {
    FINISH_NOT,
    FINISH_EARLY_EVENT, /* a signal: `quitting` comes before the stop, as in Locust */
    FINISH_STOP,
    FINISH_EVENT, /* `quitting` */
    FINISH_OUTPUT,
    FINISH_LAST_EVENT, /* `quit` */
    FINISH_CHILDREN,
    FINISH_DONE,
};

struct machine_rules {         /* the surroundings may change them at any time */
    bool is_local;             /* one worker of our own, which is the host as well */
    bool is_headless, is_auto; /* no page; the first run begins by itself */
    bool is_locust;            /* exit codes by that name */
    bool resets_stats;         /* when all users are there */
    bool deals_outside;        /* the surroundings deal the users out, and tell (ON_DEALT) */
    double stop_timeout_s;
    double autoquit_s; /* negative: never */
    double max_wait_s; /* for the workers that are expected; 0: for ever */
    double settle_s;   /* how long counts may take after a ramp; negative: as the workers are */
    bool has_setup, has_teardown;         /* the script: code that runs once a run */
    double setup_time_s, teardown_time_s; /* that they may take; the host sees to it */
};

struct load { /* what the next run begins with, and this one has; the surroundings write it */
    double users, spawn_rate; /* negative: not known yet */
    double run_time_s;
    char *host;          /* the user's, or NULL */
    char **user_classes; /* or NULL: all */
};

struct machine { /* the surroundings write rules, load, what is in the roster of health and
                  * identity, and is_changed of the workers of the dispatch. Begins as zeros */
    uint32_t tag;
    struct machine_rules rules;
    struct load load;
    struct roster roster;
    struct run run;
    struct dispatch *dispatch; /* of the active run, once test_start was heard */
    double step_at;            /* monotonic: when the next batch is due, or counts have settled */
    double settle_until;       /* monotonic: how long to wait for counts after the ramp; 0 */
    bool is_redeal;            /* users of lost workers are dealt again, and no others */
    bool is_dealing;           /* users are dealt out: after test_start was heard */
    bool is_heard;             /* ... was heard, in a run that is dealt outside */
    unsigned dealt;            /* users, outside */
    bool is_stop_untold;       /* stopping; the host hears of it before the workers do */
    bool is_test_over;         /* the host heard test_stop of the last run */
    bool is_deserted;          /* this run lost its last worker */
    bool is_setting_up;        /* its setup is on: the load has not begun */
    bool is_tearing_down;      /* its teardown is on: it has stopped */
    double once_until;         /* monotonic: when nobody waits for these any more */
    bool is_setup_failed, is_teardown_failed; /* of this run */
    bool is_shaped;                           /* a load shape decides about the users */
    bool has_busy_worker;                     /* this run had one above the processor threshold */
    double autoquit_at;                       /* monotonic; 0: not */
    double headless_end_at; /* monotonic: the time limit without a page, whatever becomes of the
                             * runs until then (code may stop and start them); 0: none */

    bool is_open;                      /* the locustfile is loaded, page and outputs are there */
    bool is_auto_begun;                /* the run that begins by itself */
    bool is_hostless;                  /* the host's process ended: there can be no more tests */
    size_t expected;                   /* workers, for that run */
    double open_since, next_wait_line; /* monotonic */

    enum finish_step finish;
    bool is_step_out;  /* of the finish: something is awaited */
    bool is_judged;    /* of FINISH_OUTPUT: the exit code is decided, outputs are written */
    bool is_hurried;   /* a signal came in the middle of another end */
    int signal_number; /* the first one, if it began the end; 0 */
    int exit_code;
    double children_deadline; /* monotonic */
    struct verdict {          /* what the exit code is decided by */
        bool has_exited, has_host_code, has_fault, is_unhandled;
        int exited, host_code, fault, failed;
    } verdict;

    struct machine_action *actions;
    size_t action_count, action_next, action_cap;
};

void machine_fini(struct machine *m);
void machine_on(struct machine *m, const struct machine_event *e, struct run_clock now);
/* Takes the next action off the list. False: there is none. */
bool machine_next(struct machine *m, struct machine_action *a);
/* Monotonic: when ON_TIME is due; 0: not before something happens. */
double machine_wakes_at(const struct machine *m);
/* NULL, or why no run can start now (static text). */
const char *machine_obstacle(const struct machine *m);
