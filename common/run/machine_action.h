// SPDX-License-Identifier: MIT
#pragma once
/* machine_action: what the run machine asks its surroundings to do. Each kind names the fields of
 * struct machine_action that it has. */
#include "common/run/machine_event.h"

enum machine_action_kind {
    DO_CLEAR,         /* statistics and all that is kept of a run: another one begins */
    DO_RESET,         /* statistics, in the middle of a run */
    DO_BEGIN,         /* the run that begins by itself: ON_START, or a shape is asked */
    DO_RELOAD_FAILED, /* number, signal: how the host ended that was to load the locustfile */
    DO_BEGAN,         /* setup is over, the load begins: only from now on figures count */
    DO_CLOSE,         /* the run's last second has passed */
    DO_NOTE,          /* line: into the run's list of events */
    DO_TELL,          /* line: into the log; values below */
    DO_FIRE,          /* listened, run: on the host; ON_HEARD is due. users or number where told */
    DO_CANCEL_SETUP,  /* nobody waits for it any more */
    DO_TELL_SPAWNED,  /* users: to every active worker */
    DO_SEND_STATE,    /* the run's state to the host */
    DO_PUBLISH,       /* ... and to the page */
    DO_DEAL,          /* each worker is told its users where they changed (dispatch_worker) */
    DO_STOP_WORKER,   /* worker: "stop" */
    DO_STOP_STRAY,    /* worker: the same; no test asks for its users */
    DO_QUIT_WORKER,   /* worker: "quit" */
    DO_MISS_REPORTS,  /* worker: it was waited for in vain; what it did since its last is not in */
    DO_JUDGE,         /* ON_JUDGED is due */
    DO_WRITE,         /* outputs; ON_WRITTEN is due */
    DO_RELEASE,       /* every node may leave, the page closes; ON_CHILDREN is due */
    DO_SIGNAL,        /* number: to our processes */
    DO_LEAVE,         /* number: the process ends with it */
};

enum machine_line {
    LINE_AIM,         /* users, rate */
    LINE_START,       /* a note */
    LINE_SHAPE_STAGE, /* ... as well */
    LINE_STEP,        /* of the ramp */
    LINE_SPAWNED,     /* all users */
    LINE_UNSETTLED,   /* ... perhaps: not all workers have told */
    LINE_RESET,
    LINE_STOPPING,
    LINE_STOPPED,       /* a note */
    LINE_SLOW_LISTENER, /* of test_stopping */
    LINE_STOP_TIMEOUT,
    LINE_BUSY_WORKERS,
    LINE_BUSY_WORKER, /* worker */
    LINE_IDLE_WORKER, /* worker: its users are started again */
    LINE_WORKER_QUIT, /* worker */
    LINE_LAST_QUIT,   /* the last worker; the run stops */
    LINE_LAST_MISSING,
    LINE_LAST_ENDED,
    LINE_END, /* reason */
    LINE_AUTOQUIT,
    LINE_SIGNAL, /* number */
    LINE_TEARDOWN,
    LINE_LEAVING, /* number: exit code */
    LINE_RELEASE,
    LINE_NO_WORKERS,    /* none is left that could come */
    LINE_GAVE_UP,       /* waiting for workers */
    LINE_WAITING,       /* number: not 0 when it lasts */
    LINE_HOST_UNLOADED, /* signal: it ended while it loaded the locustfile; to stderr */
    LINE_HOST_ENDED,    /* number, signal */
    LINE_SETUP,         /* begins */
    LINE_SETUP_FAILED,  /* also: has not ended in time */
    LINE_UNDO,          /* the run's teardown begins */
    LINE_UNDO_FAILED,
    MACHINE_LINES,
};

struct machine_action {
    enum machine_action_kind kind;
    enum machine_line line;
    struct worker *worker;
    enum listened listened;
    unsigned run, users;
    int number, signal;
    enum end_reason reason;
};
