// SPDX-License-Identifier: MIT
/* machine_workers: workers come, work, stop, go, fall silent and return, and what that means for
 * the run. Who they are, what they are told when they join and how silence is noticed is not known
 * here. */
#include "common/run/machine_int.h"

#define IDLE_S 3.0  /* then the order that a worker does not follow is sent again */
#define AGAIN_S 2.0 /* the same of one that it has not heard; a beat may have crossed it */
#define STOCK_LAST_REPORT_S 4.0 /* one more reporting interval, and a bit */

static void tell_of(struct machine *m, enum machine_line line, struct worker *w)
{
    machine_do(m, (struct machine_action){.kind = DO_TELL, .line = line, .worker = w});
}

/* The worker lives under the run that is on: it gets its share of the users. */
static void take_in(struct machine *m, struct worker *w, struct run_clock now)
{
    if (!m->dispatch || !run_is_active(&m->run))
        return;
    dispatch_add_weighed(m->dispatch, w->id, w->weight ? w->weight : 1);
    dispatch_find_worker(m->dispatch, w->id)->is_changed = true;
    control_shares(m, now);
}

/* It runs users that no test asks for. */
static void stop_stray(struct machine *m, struct worker *w, struct run_clock now)
{
    w->state = WORKER_STOPPING;
    w->stop_said_at = now.mono;
    machine_do(m, (struct machine_action){.kind = DO_STOP_STRAY, .worker = w});
}

/* The order may have gone to a broken connection. */
static void stop_again(struct machine *m, struct worker *w, struct run_clock now)
{
    w->state = WORKER_STOPPING;
    w->stop_said_at = now.mono;
    machine_do(m, (struct machine_action){.kind = DO_STOP_WORKER, .worker = w});
}

/* It was told to stop, and says that it works: one that has heard says that it is stopping. */
static void deaf_beat(struct machine *m, struct worker *w, struct run_clock now)
{
    if (!w->is_katydid || now.mono - w->stop_said_at < AGAIN_S)
        return;
    if (!run_is_on(&m->run))
        stop_stray(m, w, now);
    else if (m->run.state == RUN_STOPPING && w->owes_report)
        stop_again(m, w, now);
}

HANDLER(workers_came)
{
    struct worker *w = e->worker;
    if (e->was_running && w->is_katydid)
        w->state = WORKER_RUNNING; /* it only lost sight of us for a moment */
    if (e->was_missing && w->is_katydid && !run_is_on(&m->run))
        stop_stray(m, w, now);
    if (w->is_katydid && w->owes_report && m->run.state == RUN_STOPPING)
        stop_again(m, w, now);
    take_in(m, w, now);
    control_check_stopped(m, now);
}

HANDLER(workers_back)
{
    struct worker *w = e->worker;
    const bool is_running = e->beat != BEAT_READY;
    w->state = is_running ? WORKER_RUNNING : WORKER_READY;
    if (run_is_active(&m->run) && (m->dispatch || m->is_heard))
        take_in(m, w, now);
    else if (is_running)
        stop_stray(m, w, now);
}

/* It says "ready", and should have users: it ended them while it did not hear us, or its order was
 * lost. One that has only just got them may still say so. */
static void idle_beat(struct machine *m, struct worker *w, struct run_clock now)
{
    struct dispatch_worker *d =
        m->dispatch && m->is_dealing ? dispatch_find_worker(m->dispatch, w->id) : NULL;
    if (!w->is_katydid || !d || d->load == 0 || w->state == WORKER_SPAWNING)
        return;
    if (w->idle_since <= 0)
        w->idle_since = now.mono;
    if (w->state != WORKER_RUNNING && now.mono - w->idle_since < IDLE_S)
        return;
    if (w->state == WORKER_RUNNING)
        tell_of(m, LINE_IDLE_WORKER, w);
    w->state = WORKER_READY;
    w->idle_since = now.mono;
    d->is_changed = true;
    control_shares(m, now);
}

/* It runs users, but not those of its last order, which went to a connection that was broken. */
static void unheard_order(struct machine *m, struct worker *w, struct run_clock now)
{
    struct dispatch_worker *d =
        m->dispatch && m->is_dealing ? dispatch_find_worker(m->dispatch, w->id) : NULL;
    const bool is_unheard = w->order.heard > 0 && w->order.heard < w->order.sent;
    if (!d || !is_unheard || now.mono - w->order.at < AGAIN_S)
        return;
    w->order.at = now.mono;
    d->is_changed = true;
    machine_do(m, (struct machine_action){.kind = DO_DEAL});
}

HANDLER(workers_beat)
{
    struct worker *w = e->worker;
    if (w->state == WORKER_STOPPING && (e->beat == BEAT_RUNNING || e->beat == BEAT_SPAWNING))
        deaf_beat(m, w, now);
    if (!worker_is_active(w) || e->beat == BEAT_OTHER)
        return;
    if (e->beat == BEAT_READY) {
        idle_beat(m, w, now);
        return;
    }
    w->idle_since = 0;
    w->state = e->beat == BEAT_RUNNING ? WORKER_RUNNING : WORKER_SPAWNING;
    if (w->is_katydid && !run_is_on(&m->run))
        stop_stray(m, w, now);
    else
        unheard_order(m, w, now);
}

HANDLER(workers_spawns)
{
    struct worker *w = e->worker;
    (void)now;
    if (worker_is_active(w))
        w->state = WORKER_SPAWNING;
    control_counts(m);
}

HANDLER(workers_users)
{
    (void)now;
    if (e->is_running && worker_is_active(e->worker))
        e->worker->state = WORKER_RUNNING;
    control_counts(m);
}

HANDLER(workers_busy)
{
    struct worker *w = e->worker;
    (void)now;
    if (w->is_cpu_warned || !run_is_active(&m->run))
        return;
    w->is_cpu_warned = m->has_busy_worker = true;
    tell_of(m, LINE_BUSY_WORKER, w);
}

/* The worker's users are no more; whoever is left takes them over. */
static void drop_users(struct machine *m, struct worker *w, struct run_clock now)
{
    roster_set_users(&m->roster, w, NULL, 0);
    if (!m->dispatch || !run_is_active(&m->run))
        return;
    dispatch_remove_worker(m->dispatch, w->id);
    control_shares(m, now);
}

HANDLER(workers_stopped)
{
    struct worker *w = e->worker;
    const bool was_asked = w->state == WORKER_STOPPING;
    if (!w->owes_ready)
        w->owes_since = now.mono;
    w->state = WORKER_STOPPING;
    w->owes_ready = true;
    if (w->is_katydid)
        w->owes_report = false; /* it came before this */
    if (was_asked)
        roster_set_users(&m->roster, w, NULL, 0);
    else
        drop_users(m, w, now);
    control_check_stopped(m, now);
}

/* Of one of Locust's the first report after its "stopped" is the last one. */
HANDLER(workers_report)
{
    struct worker *w = e->worker;
    if (w->is_katydid || !w->owes_report || w->owes_since <= 0)
        return;
    w->owes_report = false;
    control_check_stopped(m, now);
}

/* Lost ones are no orderly end: what was asked for did not happen. Nor did it when they quit before
 * the load began. */
static void nobody_left(struct machine *m, enum machine_line line, struct run_clock now)
{
    if (roster_active_count(&m->roster) > 0 || !run_is_active(&m->run))
        return;
    m->is_deserted |= line != LINE_LAST_QUIT || m->is_setting_up;
    machine_do(m, (struct machine_action){.kind = DO_TELL, .line = line});
    if (m->rules.is_headless)
        finish_begin(m, false, now);
    else
        control_stop(m, now);
}

HANDLER(workers_quit)
{
    struct worker *w = e->worker;
    w->state = WORKER_GONE;
    w->has_quit = true;
    w->owes_report = w->owes_ready = false;
    drop_users(m, w, now);
    tell_of(m, LINE_WORKER_QUIT, w);
    nobody_left(m, LINE_LAST_QUIT, now);
    control_check_stopped(m, now);
}

HANDLER(workers_lost)
{
    struct worker *w = e->worker;
    w->state = e->has_ended ? WORKER_GONE : WORKER_MISSING;
    w->has_quit = false;
    w->owes_report = w->owes_ready = false;
    drop_users(m, w, now);
    nobody_left(m, e->has_ended ? LINE_LAST_ENDED : LINE_LAST_MISSING, now);
    control_check_stopped(m, now);
}

/* A stock worker that says nothing more than "stopped" has nothing more to report. */
void workers_second(struct machine *m, struct run_clock now)
{
    for (size_t i = 0; i < m->roster.count; i++) {
        struct worker *w = m->roster.workers[i];
        if (w->owes_report && w->owes_since > 0 && now.mono - w->owes_since > STOCK_LAST_REPORT_S)
            w->owes_report = false;
    }
    control_check_stopped(m, now);
}
