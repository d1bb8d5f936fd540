// SPDX-License-Identifier: MIT
#pragma once
/* machine_bench: a run machine with two workers, one of ours and one of Locust's, in whatever state
 * a test wants, and its actions as text. For tests of common/run/machine.h. */
#include "common/base/sbuf.h"
#include "common/run/machine.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* ---- a machine on the bench, and its actions as text ---- */

struct bench {
    struct machine m;
    struct worker *a, *b; /* of ours; of Locust's */
    double now;
    struct sbuf seen;
};

static const char *const action_names[] = {
    [DO_CLEAR] = "clear",
    [DO_RESET] = "reset",
    [DO_BEGIN] = "begin",
    [DO_RELOAD_FAILED] = "reload-failed",
    [DO_CLOSE] = "close",
    [DO_BEGAN] = "began",
    [DO_CANCEL_SETUP] = "cancel-setup",
    [DO_NOTE] = "note",
    [DO_TELL] = "",
    [DO_FIRE] = "fire",
    [DO_SEND_STATE] = "state",
    [DO_PUBLISH] = "publish",
    [DO_DEAL] = "deal",
    [DO_STOP_WORKER] = "stop",
    [DO_STOP_STRAY] = "stray",
    [DO_MISS_REPORTS] = "miss",
    [DO_QUIT_WORKER] = "quit",
    [DO_JUDGE] = "judge",
    [DO_WRITE] = "write",
    [DO_RELEASE] = "release",
    [DO_SIGNAL] = "signal",
    [DO_LEAVE] = "leave",
    [DO_TELL_SPAWNED] = "tell-spawned",
};

static const char *const line_names[MACHINE_LINES] = {
    [LINE_AIM] = "\"aim\"",
    [LINE_START] = "start",
    [LINE_SHAPE_STAGE] = "stage",
    [LINE_STEP] = "\"step\"",
    [LINE_SPAWNED] = "\"spawned\"",
    [LINE_UNSETTLED] = "\"unsettled\"",
    [LINE_RESET] = "\"reset\"",
    [LINE_STOPPING] = "\"stopping\"",
    [LINE_STOPPED] = "stopped",
    [LINE_SLOW_LISTENER] = "\"slow listener\"",
    [LINE_STOP_TIMEOUT] = "\"stop timeout\"",
    [LINE_BUSY_WORKERS] = "\"busy workers\"",
    [LINE_BUSY_WORKER] = "\"busy worker\"",
    [LINE_IDLE_WORKER] = "\"idle worker\"",
    [LINE_WORKER_QUIT] = "\"worker quit\"",
    [LINE_LAST_QUIT] = "\"last quit\"",
    [LINE_LAST_MISSING] = "\"last missing\"",
    [LINE_LAST_ENDED] = "\"last ended\"",
    [LINE_END] = "\"end\"",
    [LINE_AUTOQUIT] = "\"autoquit\"",
    [LINE_SIGNAL] = "\"signal\"",
    [LINE_TEARDOWN] = "\"teardown\"",
    [LINE_LEAVING] = "\"leaving\"",
    [LINE_RELEASE] = "\"quitting\"",
    [LINE_NO_WORKERS] = "\"no workers\"",
    [LINE_GAVE_UP] = "\"gave up\"",
    [LINE_WAITING] = "\"waiting\"",
    [LINE_HOST_UNLOADED] = "\"host unloaded\"",
    [LINE_HOST_ENDED] = "\"host ended\"",
    [LINE_SETUP] = "\"setup\"",
    [LINE_SETUP_FAILED] = "\"setup failed\"",
    [LINE_UNDO] = "\"undo\"",
    [LINE_UNDO_FAILED] = "\"undo failed\"",
};

static inline void add_action(struct sbuf *out, const struct machine_action *a)
{
    sbuf_adds(out, out->len ? " " : "");
    sbuf_adds(out, action_names[a->kind]);
    if (a->kind == DO_TELL || a->kind == DO_NOTE)
        sbuf_addf(out, "%s%s", a->kind == DO_NOTE ? ":" : "", line_names[a->line]);
    if (a->kind == DO_FIRE)
        sbuf_addf(out, ":%s", listened_name(a->listened));
    if (a->worker && a->kind != DO_TELL)
        sbuf_addf(out, ":%s", a->worker->id);
    if (a->kind == DO_LEAVE || a->kind == DO_SIGNAL)
        sbuf_addf(out, ":%d", a->number);
}

static inline struct run_clock at(double mono)
{
    return (struct run_clock){mono, 1700000000 + mono};
}

static const char *const finish_names[] = {
    [FINISH_NOT] = "not",
    [FINISH_EARLY_EVENT] = "early event",
    [FINISH_STOP] = "stop",
    [FINISH_EVENT] = "event",
    [FINISH_OUTPUT] = "output",
    [FINISH_DONE] = "done",
    [FINISH_LAST_EVENT] = "last event",
    [FINISH_CHILDREN] = "children",
};

/* What follows from the event, as long as nobody answers; "-> " where the run goes by it, "=> "
 * where the end does. */
static inline const char *on(struct bench *b, struct machine_event e)
{
    struct machine_action a;
    const enum run_state run = b->m.run.state;
    const enum finish_step finish = b->m.finish;
    const bool was_over = b->m.is_test_over;
    sbuf_clear(&b->seen);
    machine_on(&b->m, &e, at(b->now));
    while (machine_next(&b->m, &a))
        add_action(&b->seen, &a);
    if (b->m.is_test_over && !was_over)
        sbuf_adds(&b->seen, b->seen.len ? " over" : "over");
    if (b->m.run.state != run)
        sbuf_addf(&b->seen, "%s-> %s", b->seen.len ? " " : "", run_state_name(b->m.run.state));
    if (b->m.finish != finish)
        sbuf_addf(&b->seen, "%s=> %s", b->seen.len ? " " : "", finish_names[b->m.finish]);
    return b->seen.len ? b->seen.data : "";
}

static const struct dispatch_class classes[] = {{"Visitor", 1, 0}};

static inline struct machine_event heard(const struct bench *b, enum listened listened)
{
    return (struct machine_event){.kind = ON_HEARD,
                                  .listened = listened,
                                  .run = b->m.run.number,
                                  .classes = classes,
                                  .class_count = 1};
}

static inline const char *just(struct bench *b, enum machine_event_kind kind)
{
    return on(b, (struct machine_event){.kind = kind});
}

static inline const char *of(struct bench *b, enum machine_event_kind kind, struct worker *w)
{
    return on(b, (struct machine_event){.kind = kind, .worker = w});
}

/* Each worker runs what it was told. */
static inline const char *users_run(struct bench *b, struct worker *w)
{
    const struct dispatch_worker *d =
        b->m.dispatch ? dispatch_find_worker(b->m.dispatch, w->id) : NULL;
    const unsigned outside = b->m.rules.deals_outside ? b->m.dealt / 2 : 0;
    struct class_users users = {(char *)(uintptr_t) "Visitor", d ? d->load : outside};
    roster_set_users(&b->m.roster, w, &users, 1);
    return on(b, (struct machine_event){.kind = ON_WORKER_USERS, .worker = w, .is_running = true});
}

static inline void told(struct bench *b)
{
    for (size_t i = 0; b->m.dispatch && i < dispatch_worker_count(b->m.dispatch); i++)
        dispatch_worker(b->m.dispatch, i)->is_changed = false;
}

/* ---- states ---- */

static inline struct bench *new_bench(void)
{
    struct bench *b = calloc(1, sizeof *b);
    b->m.rules.autoquit_s = b->m.rules.settle_s = -1;
    b->m.load.users = b->m.load.spawn_rate = 4;
    b->now = b->m.open_since = 100;
    b->m.is_open = true;
    b->a = roster_get(&b->m.roster, "a");
    b->b = roster_get(&b->m.roster, "b");
    roster_join(&b->m.roster, b->a, true);
    roster_join(&b->m.roster, b->b, false);
    return b;
}

static inline void free_bench(struct bench *b)
{
    machine_fini(&b->m);
    sbuf_fini(&b->seen);
    free(b);
}

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
