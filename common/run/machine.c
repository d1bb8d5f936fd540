// SPDX-License-Identifier: MIT
/* See machine.h. */
#include "common/run/machine_int.h"
#include "common/base/handle.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

const char *listened_name(enum listened l)
{
    static const char *const names[] = {
        [HEAR_SETUP] = "setup",
        [HEAR_TEARDOWN] = "teardown",
        [HEAR_TEST_START] = "test_start",
        [HEAR_SPAWNING_COMPLETE] = "spawning_complete",
        [HEAR_TEST_STOPPING] = "test_stopping",
        [HEAR_TEST_STOP] = "test_stop",
        [HEAR_QUITTING] = "quitting",
        [HEAR_QUIT] = "quit",
    };
    return names[l];
}

#define MACHINE_TAG 0x6d616368u /* "mach" */

void machine_fini(struct machine *m)
{
    HANDLE_USED(m, MACHINE_TAG);
    for (size_t i = 0; m->load.user_classes && m->load.user_classes[i]; i++)
        free(m->load.user_classes[i]);
    free(m->load.user_classes);
    free(m->load.host);
    dispatch_free(m->dispatch);
    roster_fini(&m->roster);
    free(m->actions);
}

/* Monotonic; 0: there is none. */
static double limit_at(const struct machine *m)
{
    if (m->finish != FINISH_NOT || m->is_setting_up)
        return 0;
    if (m->rules.is_headless)
        return m->headless_end_at;
    return run_is_active(&m->run) ? m->run.time_limit_at : 0;
}

double machine_wakes_at(const struct machine *m)
{
    const bool is_ramp = (m->is_dealing || m->is_heard) && m->run.state == RUN_SPAWNING;
    const double step = is_ramp ? m->step_at : 0;
    const double limit = limit_at(m);
    return step > 0 && limit > 0 ? fmin(step, limit) : fmax(step, limit);
}

typedef void handler(struct machine *m, const struct machine_event *e, struct run_clock now);

static void watch_limits(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    if (limit_at(m) > 0 && now.mono >= limit_at(m))
        finish_end(m, END_TIME_LIMIT, now);
    control_check_patience(m, e->is_behind, now);
}

static void check_autoquit(struct machine *m, struct run_clock now)
{
    if (m->autoquit_at <= 0 || now.mono < m->autoquit_at || m->finish != FINISH_NOT)
        return;
    machine_do(m, (struct machine_action){.kind = DO_TELL, .line = LINE_AUTOQUIT});
    finish_begin(m, false, now);
}

/* A test that could not be set up is over; without a page the process is, too. */
static void end_if_failed(struct machine *m, struct run_clock now)
{
    if (m->is_setup_failed && m->rules.is_headless && m->finish == FINISH_NOT)
        finish_begin(m, false, now);
}

static void on_second(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    workers_second(m, now);
    control_second(m);
    watch_limits(m, e, now);
    control_check_setup(m, now);
    end_if_failed(m, now);
    check_autoquit(m, now);
    finish_children(m, e, now);
}

static void on_time(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    control_step(m, now);
    watch_limits(m, e, now);
}

static void on_heard(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    control_heard(m, e, now);
    finish_heard(m, e);
    end_if_failed(m, now);
}

static void on_shape(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    (void)e;
    (void)now;
    m->is_shaped |= machine_obstacle(m) == NULL;
}

static void on_stop(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    (void)e;
    if (m->rules.is_headless && m->is_shaped)
        finish_end(m, END_SHAPE_OVER, now); /* nothing would begin another run */
    else
        control_stop(m, now);
}

static void on_end(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    finish_end(m, e->reason, now);
}

static void on_quit(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    (void)e;
    finish_begin(m, false, now);
}

static void on_children(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    if (m->is_hostless) /* what its end meant for its users was told */
        finish_begin(m, false, now);
    finish_children(m, e, now);
}

static void on_leave(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    (void)now;
    finish_leave(m, e->number);
}

static handler *const handlers[MACHINE_EVENTS] = {
    [ON_START] = control_start,
    [ON_SHAPE] = on_shape,
    [ON_AIM] = control_aim,
    [ON_LIMIT] = control_limit,
    [ON_STOP] = on_stop,
    [ON_END] = on_end,
    [ON_QUIT] = on_quit,
    [ON_SIGNAL] = finish_signal,
    [ON_DEALT] = control_dealt,
    [ON_HEARD] = on_heard,
    [ON_TIME] = on_time,
    [ON_SECOND] = on_second,
    [ON_CHILDREN] = on_children,
    [ON_HOST_SAYS] = finish_host_says,
    [ON_HOST_ENDED] = finish_host_ended,
    [ON_OPEN] = await_open,
    [ON_EXPECT] = await_workers,
    [ON_HOST_EXIT] = finish_host_exit,
    [ON_LEAVE] = on_leave,
    [ON_FAULT] = finish_fault,
    [ON_JUDGED] = finish_judged,
    [ON_WRITTEN] = finish_written,
    [ON_WORKER_CAME] = workers_came,
    [ON_WORKER_BACK] = workers_back,
    [ON_WORKER_BEAT] = workers_beat,
    [ON_WORKER_SPAWNS] = workers_spawns,
    [ON_WORKER_USERS] = workers_users,
    [ON_WORKER_BUSY] = workers_busy,
    [ON_WORKER_STOPPED] = workers_stopped,
    [ON_WORKER_REPORT] = workers_report,
    [ON_WORKER_QUIT] = workers_quit,
    [ON_WORKER_LOST] = workers_lost,
};

void machine_on(struct machine *m, const struct machine_event *e, struct run_clock now)
{
    HANDLE_USED(m, MACHINE_TAG);
    assert(e->kind < MACHINE_EVENTS && (e->kind < ON_WORKER_CAME || e->worker));
    if (m->finish == FINISH_DONE)
        return;
    handlers[e->kind](m, e, now);
    finish_advance(m, now);
}
