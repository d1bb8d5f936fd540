// SPDX-License-Identifier: MIT
#pragma once
/* machine_states: a run machine in whatever state a test wants, by the way that a run takes. */
#include "tests/unit/machine_bench.h"

enum state {
    READY,
    UNHEARD,   /* test_start was fired */
    RAMP,      /* test_start was heard, no user dealt yet */
    SETTLING,  /* all users dealt, their counts not in yet */
    RUNNING,   /* all there */
    UNTOLD,    /* test_stopping was fired */
    STOPPING,  /* the workers were told */
    STOPPED,   /* test_stop was fired */
    OVER,      /* ... and heard */
    ENDING,    /* of a run that was on: a signal, `quitting` was fired */
    END_STOP,  /* ... without a signal: the run stops */
    END_EVENT, /* the run is over, `quitting` was fired */
    JUDGING,   /* the statistics are asked for an exit code */
    WRITING,   /* outputs are written */
    LAST,      /* `quit` was fired */
    CHILDREN,  /* processes are awaited */
    DONE,
    STATES,
};

static const char *const state_names[STATES] = {
    "READY",    "UNHEARD", "RAMP", "SETTLING", "RUNNING",  "UNTOLD",
    "STOPPING", "STOPPED", "OVER", "ENDING",   "END_STOP", "END_EVENT",
    "JUDGING",  "WRITING", "LAST", "CHILDREN", "DONE",
};

static inline void go(struct bench *b, enum state to);

static inline void run_to(struct bench *b, enum state to)
{
    if (to == UNHEARD)
        just(b, ON_START);
    else if (to == RAMP)
        on(b, heard(b, HEAR_TEST_START));
    else if (to == SETTLING && b->m.rules.deals_outside)
        on(b, (struct machine_event){.kind = ON_DEALT, .users = 4, .is_last = true});
    else if (to == SETTLING)
        just(b, ON_TIME);
    else if (to == UNTOLD)
        just(b, ON_STOP);
    else if (to == STOPPING)
        on(b, heard(b, HEAR_TEST_STOPPING));
    else if (to == OVER)
        on(b, heard(b, HEAR_TEST_STOP));
    told(b);
}

static inline void all_run(struct bench *b)
{
    users_run(b, b->a);
    users_run(b, b->b);
}

static inline void all_stop(struct bench *b)
{
    of(b, ON_WORKER_STOPPED, b->a);
    of(b, ON_WORKER_CAME, b->a);
    of(b, ON_WORKER_STOPPED, b->b);
    of(b, ON_WORKER_REPORT, b->b);
    roster_join(&b->m.roster, b->a, true);
    roster_join(&b->m.roster, b->b, false);
    of(b, ON_WORKER_CAME, b->b);
}

static inline void end_to(struct bench *b, enum state to)
{
    if (to == ENDING)
        on(b, (struct machine_event){.kind = ON_SIGNAL, .number = SIGTERM, .has_script = true});
    else if (to == END_STOP || to == END_EVENT)
        just(b, ON_QUIT);
    else if (to == JUDGING)
        on(b, heard(b, HEAR_QUITTING));
    else if (to == WRITING)
        just(b, ON_JUDGED);
    else if (to == LAST)
        just(b, ON_WRITTEN);
    else if (to == CHILDREN)
        on(b, heard(b, HEAR_QUIT));
    else if (to == DONE)
        just(b, ON_CHILDREN);
}

static inline void go(struct bench *b, enum state to)
{
    if (to == READY)
        return;
    if (to == ENDING || to == END_STOP) {
        go(b, RUNNING);
        end_to(b, to);
    } else if (to > END_STOP) {
        go(b, to == END_EVENT ? OVER : to - 1);
        end_to(b, to);
    } else {
        go(b, to - 1);
        run_to(b, to);
        if (to == RUNNING)
            all_run(b);
        if (to == STOPPED)
            all_stop(b);
    }
}

static inline struct bench *bench_at(enum state s)
{
    struct bench *b = new_bench();
    go(b, s);
    return b;
}
