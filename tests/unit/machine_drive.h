// SPDX-License-Identifier: MIT
#pragma once
/* machine_drive: surroundings of a run machine that do at once what it asks for, so that a test can
 * tell a story in which events follow on one another. */
#include "tests/unit/machine_states.h"

/* ---- surroundings that answer at once ---- */

struct drive {
    unsigned fired[HEAR_QUIT + 1], writes, releases, leaves, clears, resets, deals;
    int code;       /* of the process */
    int failed;     /* what the statistics hold */
    int unwritable; /* what the outputs say */
};

static inline void stop_worker(struct bench *b, struct worker *w)
{
    const struct machine_event stopped = {.kind = ON_WORKER_STOPPED, .worker = w};
    const struct machine_event report = {.kind = ON_WORKER_REPORT, .worker = w};
    const struct machine_event came = {.kind = ON_WORKER_CAME, .worker = w};
    machine_on(&b->m, &stopped, at(b->now));
    machine_on(&b->m, &report, at(b->now));
    roster_join(&b->m.roster, w, w == b->a);
    machine_on(&b->m, &came, at(b->now));
}

static inline void answer(struct bench *b, struct drive *d, const struct machine_action *a)
{
    struct machine_event e = {.kind = MACHINE_EVENTS};
    d->clears += a->kind == DO_CLEAR;
    d->resets += a->kind == DO_RESET;
    d->deals += a->kind == DO_DEAL;
    if (a->kind == DO_FIRE) {
        d->fired[a->listened]++;
        e = heard(b, a->listened);
        e.run = a->run;
    } else if (a->kind == DO_JUDGE) {
        e = (struct machine_event){.kind = ON_JUDGED, .number = d->failed};
    } else if (a->kind == DO_WRITE) {
        d->writes++;
        e = (struct machine_event){.kind = ON_WRITTEN, .number = d->unwritable};
    } else if (a->kind == DO_RELEASE) {
        d->releases++;
        e = (struct machine_event){.kind = ON_CHILDREN};
    } else if (a->kind == DO_STOP_WORKER || a->kind == DO_QUIT_WORKER) {
        stop_worker(b, a->worker);
    } else if (a->kind == DO_LEAVE) {
        d->leaves++;
        d->code = a->number;
    }
    if (e.kind != MACHINE_EVENTS)
        machine_on(&b->m, &e, at(b->now));
}

static inline void drive(struct bench *b, struct drive *d, struct machine_event e)
{
    struct machine_action a;
    machine_on(&b->m, &e, at(b->now));
    while (machine_next(&b->m, &a))
        answer(b, d, &a);
}

/* What was fired in the state and not answered yet, as when the host has died: nobody is waited
 * for any more. */
static inline void hear_all(struct bench *b, struct drive *d)
{
    for (enum listened l = HEAR_TEST_START; l <= HEAR_QUIT; l++)
        drive(b, d, heard(b, l));
}

static inline void settle_workers(struct bench *b)
{
    if (b->a->state == WORKER_STOPPING)
        stop_worker(b, b->a);
    if (b->b->state == WORKER_STOPPING)
        stop_worker(b, b->b);
}

/* ---- stories ---- */

/* From wherever the process stands, it ends: once, with everything written once. */
static inline void check_end(struct bench *b, struct drive *d, enum state from)
{
    hear_all(b, d);
    settle_workers(b);
    drive(b, d, (struct machine_event){.kind = ON_SECOND});
    if (from == JUDGING)
        drive(b, d, (struct machine_event){.kind = ON_JUDGED});
    if (from == JUDGING || from == WRITING)
        drive(b, d, (struct machine_event){.kind = ON_WRITTEN});
    if (d->leaves != 1 || b->m.finish != FINISH_DONE || run_is_on(&b->m.run) ||
        (from < JUDGING && (d->writes != 1 || d->fired[HEAR_QUIT] != 1)) ||
        d->fired[HEAR_TEST_STOP] > 1 || d->fired[HEAR_QUITTING] > 1)
        fail_msg("from %s: %u leaves, %u writes, run %s", state_names[from], d->leaves, d->writes,
                 run_state_name(b->m.run.state));
}
