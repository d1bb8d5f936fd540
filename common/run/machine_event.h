// SPDX-License-Identifier: MIT
#pragma once
/* machine_event: what happens around a run, as the run machine is told. Each kind names the fields
 * of struct machine_event that it has. */
#include "common/run/dispatch.h"
#include "common/run/roster.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTENER_PATIENCE_S 60 /* for test_stopping: then the workers are told all the same */

enum listened { /* host events with an answer: what waits for the listeners to have run */
                HEAR_SETUP, /* of the run: users' code, not listeners */
                HEAR_TEST_START,
                HEAR_SPAWNING_COMPLETE,
                HEAR_TEST_STOPPING,
                HEAR_TEST_STOP,
                HEAR_TEARDOWN, /* ... again */
                HEAR_QUITTING,
                HEAR_QUIT,
};
const char *listened_name(enum listened l); /* the event's, as Locust names it */

enum end_reason { END_TIME_LIMIT, END_SHAPE_OVER, END_SHAPE_FAILED, END_DONE };

enum machine_event_kind {
    ON_START,         /* a run of `load`, if machine_obstacle says nothing; seed */
    ON_SHAPE,         /* a load shape decides from now on, if machine_obstacle says nothing */
    ON_AIM,           /* load changed */
    ON_LIMIT,         /* load.run_time_s changed, also for the run that is on */
    ON_STOP,          /* the run is to stop */
    ON_END,           /* so, for a reason; without a page the process ends as well */
    ON_QUIT,          /* the process is to end, in order */
    ON_SIGNAL,        /* number; has_script */
    ON_DEALT,         /* outside: users are to run now; is_last: this ramp is done */
    ON_HEARD,         /* listened, run: of the action; classes to deal by, for test_start;
                       * is_failed: setup or teardown */
    ON_TIME,          /* it is machine_wakes_at */
    ON_SECOND,        /* children; is_behind: mail of workers was not read yet */
    ON_CHILDREN,      /* children: how many processes of ours run */
    ON_HOST_SAYS,     /* number, if has_number: its environment's exit code; is_unhandled */
    ON_HOST_ENDED,    /* its process: number, or signal if not 0; has_script, is_loading: it was
                       * about to load the locustfile, which may be tried again */
    ON_OPEN,          /* the locustfile is loaded, page and outputs are there */
    ON_EXPECT,        /* expected: so many workers are waited for; has_script */
    ON_HOST_EXIT,     /* number: user code called sys.exit(), the last word on the exit code */
    ON_LEAVE,         /* number: nothing is to be finished, the process ends with it */
    ON_FAULT,         /* number: exit code of what went wrong; the first one counts */
    ON_JUDGED,        /* number: the exit code for what the statistics hold; 0: nothing failed */
    ON_WRITTEN,       /* number: outputs are there, or could not be written */
    ON_WORKER_CAME,   /* worker: it joined, for the first time or again; was_running, was_missing */
    ON_WORKER_BACK,   /* worker: was missing, is heard again; beat */
    ON_WORKER_BEAT,   /* worker: active, and says what it does; beat */
    ON_WORKER_SPAWNS, /* worker: its users are being started */
    ON_WORKER_USERS,  /* worker: told its users; is_running: all of them have started */
    ON_WORKER_BUSY,   /* worker: above the processor threshold */
    ON_WORKER_STOPPED, /* worker: it says that it has stopped */
    ON_WORKER_REPORT,  /* worker of Locust's: a report */
    ON_WORKER_QUIT,    /* worker: it says good-bye */
    ON_WORKER_LOST,    /* worker: missing or gone, without a word; has_ended: its process */
    MACHINE_EVENTS,
};

enum beat { BEAT_READY, BEAT_SPAWNING, BEAT_RUNNING, BEAT_OTHER };

struct machine_event {
    enum machine_event_kind kind;
    struct worker *worker;
    int number, signal;
    size_t children, expected;
    enum listened listened;
    unsigned run, users;
    const struct dispatch_class *classes; /* copied */
    size_t class_count;
    enum end_reason reason;
    enum beat beat;
    uint64_t seed;
    bool has_script, is_behind, has_number, is_unhandled, is_loading;
    bool was_running, was_missing, is_running, has_ended, is_last, is_failed;
};
