// SPDX-License-Identifier: MIT
/* machine_control: takes a run from its start to "stopped".
 *
 *   start: statistics cleared → setup on the host, if there is one → test_start there → users dealt
 *          in batches → counts settle → spawning_complete
 *   stop:  test_stopping on the host → stop to the workers → every last report is in →
 *          "stopped" → test_stop on the host → teardown there
 */
#include "common/run/machine_int.h"
#include <math.h>

#define STOP_PATIENCE_S 60 /* beyond the stop timeout, as Locust */
#define CATCH_UP_S 600     /* beyond that, for a master that is behind */
#define OUR_PATIENCE_S 10  /* for the word of our own workers that their users have started */
#define STOCK_PATIENCE_S 1
#define HOST_MERCY_S 5 /* beyond its own limit for setup and teardown */

static void tell(struct machine *m, enum machine_line line)
{
    machine_do(m, (struct machine_action){.kind = DO_TELL, .line = line});
}

static void note(struct machine *m, enum machine_line line)
{
    machine_do(m, (struct machine_action){.kind = DO_NOTE, .line = line});
}

static void show(struct machine *m)
{
    machine_do(m, (struct machine_action){.kind = DO_SEND_STATE});
    machine_do(m, (struct machine_action){.kind = DO_PUBLISH});
}

static void fire(struct machine *m, enum listened listened)
{
    machine_do(
        m, (struct machine_action){.kind = DO_FIRE, .listened = listened, .run = m->run.number});
}

/* ---- start and change ---- */

const char *machine_obstacle(const struct machine *m)
{
    if (m->run.state == RUN_STOPPING)
        return "The last test is still stopping; try again in a moment.";
    if (m->is_tearing_down)
        return "The teardown of the last test is still on; try again in a moment.";
    if (m->finish >= FINISH_STOP)
        return "The master is shutting down.";
    if (roster_active_count(&m->roster) == 0)
        return "No worker is connected: start at least one, then start the test.";
    return NULL;
}

/* The host ends them by itself, unless they keep it from doing anything at all. 0: no limit. */
static double once_until(double limit_s, struct run_clock now)
{
    return limit_s > 0 ? now.mono + limit_s + HOST_MERCY_S : INFINITY;
}

HANDLER(control_start)
{
    const struct load *l = &m->load;
    if (run_is_active(&m->run) || machine_obstacle(m) != NULL)
        return;
    m->has_busy_worker = m->is_deserted = m->is_redeal = false;
    m->is_setup_failed = m->is_teardown_failed = false;
    m->is_setting_up = m->rules.has_setup;
    m->autoquit_at = 0;
    if (m->rules.is_headless && m->run.number == 0 && l->run_time_s > 0)
        m->headless_end_at = now.mono + l->run_time_s;
    run_start(&m->run, (unsigned)l->users, l->spawn_rate, l->run_time_s, e->seed, now);
    tell(m, LINE_AIM);
    machine_do(m, (struct machine_action){.kind = DO_CLEAR});
    if (m->is_setting_up) {
        m->once_until = once_until(m->rules.setup_time_s, now);
        tell(m, LINE_SETUP);
        show(m);
        fire(m, HEAR_SETUP);
        return;
    }
    note(m, LINE_START);
    show(m);
    fire(m, HEAR_TEST_START);
}

static void aim(struct machine *m, struct run_clock now)
{
    dispatch_aim(m->dispatch, m->run.target_users, m->run.spawn_rate,
                 (const char *const *)m->load.user_classes);
    m->step_at = now.mono;
}

static void begin_dealing(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    if (m->run.state != RUN_SPAWNING || m->dispatch)
        return; /* stopped, while the listeners of test_start ran */
    m->is_heard = m->rules.deals_outside;
    if (m->is_heard)
        return;
    m->dispatch = dispatch_new(e->classes, e->class_count);
    for (size_t i = 0; i < m->roster.count; i++) {
        const struct worker *w = m->roster.workers[i];
        if (worker_is_active(w))
            dispatch_add_weighed(m->dispatch, w->id, w->weight ? w->weight : 1);
    }
    m->is_dealing = true;
    aim(m, now);
}

HANDLER(control_aim)
{
    (void)e;
    if (!run_is_active(&m->run))
        return;
    m->is_redeal = false;
    m->settle_until = 0;
    run_aim(&m->run, (unsigned)m->load.users, m->load.spawn_rate);
    if (m->dispatch)
        aim(m, now);
    tell(m, LINE_AIM);
    note(m, m->is_shaped ? LINE_SHAPE_STAGE : LINE_AIM);
    show(m);
}

HANDLER(control_limit)
{
    (void)e;
    (void)now;
    if (!run_is_active(&m->run))
        return;
    run_limit(&m->run, m->load.run_time_s);
    if (m->rules.is_headless)
        m->headless_end_at = m->run.time_limit_at;
}

/* ---- the ramp ---- */

/* How long the counts of all workers may take after the last users were dealt. Ours tell when they
 * have started theirs, which takes a busy one some seconds for tens of thousands; of a stock one
 * only its next report tells. */
static double settle_time(const struct machine *m)
{
    double patience = OUR_PATIENCE_S;
    for (size_t i = 0; i < m->roster.count; i++)
        if (worker_is_active(m->roster.workers[i]) && !m->roster.workers[i]->is_katydid)
            patience = STOCK_PATIENCE_S;
    return m->rules.settle_s >= 0 ? m->rules.settle_s : patience;
}

static unsigned dealt_users(const struct machine *m)
{
    return m->dispatch ? dispatch_user_count(m->dispatch) : m->dealt;
}

/* Everybody who listens for it forgets the figures when the ramp is not to count (--reset-stats):
 * so where lost workers' users were dealt again, nobody hears of it. */
static void tell_spawned(struct machine *m)
{
    const unsigned users = dealt_users(m);
    if (m->is_redeal && m->rules.resets_stats)
        return;
    machine_do(m, (struct machine_action){.kind = DO_FIRE,
                                          .listened = HEAR_SPAWNING_COMPLETE,
                                          .run = m->run.number,
                                          .users = users});
    machine_do(m, (struct machine_action){.kind = DO_TELL_SPAWNED, .users = users});
}

static void spawned(struct machine *m, bool is_complete)
{
    const bool is_ramp = !m->is_redeal;
    m->step_at = m->settle_until = 0;
    run_spawned(&m->run);
    tell_spawned(m);
    tell(m, is_complete ? LINE_SPAWNED : LINE_UNSETTLED);
    m->is_redeal = false;
    if (m->rules.resets_stats && is_ramp) {
        tell(m, LINE_RESET);
        machine_do(m, (struct machine_action){.kind = DO_RESET});
    }
    show(m);
}

void control_counts(struct machine *m)
{
    if (m->settle_until > 0 && m->run.state == RUN_SPAWNING &&
        roster_user_count(&m->roster) == dealt_users(m))
        spawned(m, true);
}

void control_step(struct machine *m, struct run_clock now)
{
    const bool is_ramp = (m->is_dealing || m->is_heard) && m->run.state == RUN_SPAWNING;
    if (!is_ramp || m->step_at <= 0 || now.mono < m->step_at)
        return;
    if (m->settle_until > 0) {
        spawned(m, false);
        return;
    }
    const double pause = dispatch_step(m->dispatch);
    machine_do(m, (struct machine_action){.kind = DO_DEAL});
    tell(m, LINE_STEP);
    if (pause >= 0) {
        m->step_at = fmax(m->step_at + pause, now.mono);
        return;
    }
    m->step_at = m->settle_until = now.mono + settle_time(m);
    control_counts(m);
}

HANDLER(control_dealt)
{
    if (!m->is_heard || m->run.state != RUN_SPAWNING)
        return;
    m->dealt = e->users;
    tell(m, LINE_STEP);
    if (!e->is_last)
        return;
    m->step_at = m->settle_until = now.mono + settle_time(m);
    control_counts(m);
}

/* Shares moved at once; what a lost worker ran is dealt again, at the spawn rate. */
void control_shares(struct machine *m, struct run_clock now)
{
    if (!m->is_dealing)
        return;
    machine_do(m, (struct machine_action){.kind = DO_DEAL});
    if (dispatch_is_done(m->dispatch))
        return;
    const bool was_running = m->run.state == RUN_RUNNING || m->settle_until > 0;
    m->is_redeal |= m->run.state == RUN_RUNNING;
    m->settle_until = 0;
    if (!was_running)
        return;
    run_aim(&m->run, m->run.target_users, m->run.spawn_rate);
    m->step_at = now.mono;
}

/* An order that could not be sent is sent again. */
void control_second(struct machine *m)
{
    for (size_t i = 0; m->is_dealing && i < dispatch_worker_count(m->dispatch); i++)
        if (dispatch_worker(m->dispatch, i)->is_changed) {
            machine_do(m, (struct machine_action){.kind = DO_DEAL});
            return;
        }
}

/* ---- stop ---- */

static void stop_all(struct machine *m, struct run_clock now)
{
    for (size_t i = 0; i < m->roster.count; i++) {
        struct worker *w = m->roster.workers[i];
        if (!worker_is_active(w))
            continue;
        w->state = WORKER_STOPPING;
        w->owes_report = true;
        w->owes_ready = false;
        w->owes_since = 0;
        w->stop_said_at = now.mono;
        const bool is_to_quit = m->finish != FINISH_NOT && !w->is_katydid;
        machine_do(m, (struct machine_action){.kind = is_to_quit ? DO_QUIT_WORKER : DO_STOP_WORKER,
                                              .worker = w});
    }
}

static void tell_workers(struct machine *m, struct run_clock now)
{
    if (m->run.state != RUN_STOPPING || !m->is_stop_untold)
        return;
    m->is_stop_untold = false;
    tell(m, LINE_STOPPING);
    run_await_stop(&m->run, m->rules.stop_timeout_s + STOP_PATIENCE_S, now);
    stop_all(m, now);
    control_check_stopped(m, now);
}

static void close_run(struct machine *m, struct run_clock now)
{
    dispatch_free(m->dispatch);
    m->dispatch = NULL;
    run_stopped(&m->run, now);
    machine_do(m, (struct machine_action){.kind = DO_CLOSE});
    note(m, LINE_STOPPED);
    if (m->has_busy_worker)
        tell(m, LINE_BUSY_WORKERS);
    if (m->rules.autoquit_s >= 0 && !m->rules.is_headless && m->rules.is_auto)
        m->autoquit_at = now.mono + m->rules.autoquit_s;
    show(m);
}

/* In its setup: no listener has heard of the test, and no worker. */
static void end_in_setup(struct machine *m, struct run_clock now)
{
    m->is_setting_up = m->is_shaped = false;
    m->is_test_over = true;
    run_stop(&m->run, 0, now);
    close_run(m, now);
}

static void setup_failed(struct machine *m, struct run_clock now)
{
    m->is_setup_failed = true;
    tell(m, LINE_SETUP_FAILED);
    end_in_setup(m, now);
}

void control_stop(struct machine *m, struct run_clock now)
{
    if (!run_is_active(&m->run))
        return;
    if (m->is_setting_up) {
        machine_do(m, (struct machine_action){.kind = DO_CANCEL_SETUP});
        end_in_setup(m, now);
        return;
    }
    run_stop(&m->run, LISTENER_PATIENCE_S, now);
    m->step_at = m->settle_until = 0;
    m->is_dealing = m->is_heard = m->is_test_over = m->is_shaped = false;
    m->is_stop_untold = true;
    show(m);
    fire(m, HEAR_TEST_STOPPING);
}

static void stopped(struct machine *m, struct run_clock now)
{
    close_run(m, now);
    fire(m, HEAR_TEST_STOP);
}

/* Every worker has stopped and delivered. */
static bool are_idle(const struct machine *m)
{
    for (size_t i = 0; i < m->roster.count; i++) {
        const struct worker *w = m->roster.workers[i];
        /* Nobody waits for it to be ready; a stock one first waits out the stop timeout. */
        const bool is_quiet = w->owes_ready && (m->finish != FINISH_NOT || !w->is_katydid);
        if (w->owes_report || (w->state == WORKER_STOPPING && !is_quiet))
            return false;
    }
    return true;
}

void control_check_stopped(struct machine *m, struct run_clock now)
{
    if (m->run.state == RUN_STOPPING && !m->is_stop_untold && are_idle(m))
        stopped(m, now);
}

void control_check_patience(struct machine *m, bool is_behind, struct run_clock now)
{
    if (run_due(&m->run, now.mono) != RUN_DUE_STOP_LIMIT)
        return;
    if (m->is_stop_untold) {
        tell(m, LINE_SLOW_LISTENER);
        tell_workers(m, now);
        return;
    }
    if (is_behind && now.mono < m->run.stop_limit_at + CATCH_UP_S)
        return; /* perhaps they have told, and it was not read yet */
    tell(m, LINE_STOP_TIMEOUT);
    for (size_t i = 0; i < m->roster.count; i++)
        if (m->roster.workers[i]->owes_report)
            machine_do(m, (struct machine_action){.kind = DO_MISS_REPORTS,
                                                  .worker = m->roster.workers[i]});
    stopped(m, now);
}

/* ---- what runs once a run ---- */

static void setup_heard(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    if (!m->is_setting_up)
        return; /* too late */
    if (e->is_failed) {
        setup_failed(m, now);
        return;
    }
    m->is_setting_up = false;
    run_begin_load(&m->run, now);
    if (m->headless_end_at > 0 && m->run.number == 1)
        m->headless_end_at = m->run.time_limit_at;
    machine_do(m, (struct machine_action){.kind = DO_BEGAN});
    note(m, LINE_START);
    show(m);
    fire(m, HEAR_TEST_START);
}

static void tear_down(struct machine *m, struct run_clock now)
{
    m->is_tearing_down = m->rules.has_teardown;
    m->is_test_over = !m->is_tearing_down;
    if (m->is_test_over)
        return;
    m->once_until = once_until(m->rules.teardown_time_s, now);
    tell(m, LINE_UNDO);
    show(m);
    fire(m, HEAR_TEARDOWN);
}

static void after_test_stop(struct machine *m, struct run_clock now)
{
    if (m->run.state == RUN_STOPPED && !m->is_test_over && !m->is_tearing_down)
        tear_down(m, now);
}

static void torn_down(struct machine *m, bool is_failed)
{
    if (!m->is_tearing_down)
        return; /* too late */
    m->is_tearing_down = false;
    m->is_test_over = true;
    m->is_teardown_failed = is_failed;
    if (is_failed)
        tell(m, LINE_UNDO_FAILED);
    show(m);
}

void control_check_setup(struct machine *m, struct run_clock now)
{
    if (now.mono < m->once_until)
        return;
    if (m->is_setting_up)
        setup_failed(m, now);
    else
        torn_down(m, true);
}

/* A listener may be slow, and another run on when it comes back. */
HANDLER(control_heard)
{
    if (e->run != m->run.number)
        return;
    if (e->listened == HEAR_SETUP)
        setup_heard(m, e, now);
    else if (e->listened == HEAR_TEST_START)
        begin_dealing(m, e, now);
    else if (e->listened == HEAR_TEST_STOPPING)
        tell_workers(m, now);
    else if (e->listened == HEAR_TEST_STOP)
        after_test_stop(m, now);
    else if (e->listened == HEAR_TEARDOWN)
        torn_down(m, e->is_failed);
}
