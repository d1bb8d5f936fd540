// SPDX-License-Identifier: MIT
/* See run.h. Every change of the state goes through set_state, which knows the legal edges. */
#include "common/run/run.h"
#include <assert.h>
#include <stdio.h>

const char *run_state_name(enum run_state s)
{
    static const char *const names[] = {
        [RUN_READY] = "ready",       [RUN_SPAWNING] = "spawning", [RUN_RUNNING] = "running",
        [RUN_STOPPING] = "stopping", [RUN_STOPPED] = "stopped",
    };
    return names[s];
}

bool run_is_active(const struct run *r)
{
    return r->state == RUN_SPAWNING || r->state == RUN_RUNNING;
}

bool run_is_on(const struct run *r)
{
    return run_is_active(r) || r->state == RUN_STOPPING;
}

static void set_state(struct run *r, enum run_state to)
{
    static const unsigned legal[] = {
        [RUN_READY] = 1u << RUN_SPAWNING,
        [RUN_SPAWNING] = 1u << RUN_SPAWNING | 1u << RUN_RUNNING | 1u << RUN_STOPPING,
        [RUN_RUNNING] = 1u << RUN_SPAWNING | 1u << RUN_STOPPING,
        [RUN_STOPPING] = 1u << RUN_STOPPED,
        [RUN_STOPPED] = 1u << RUN_SPAWNING,
    };
    assert(legal[r->state] & 1u << to);
    r->state = to;
}

void run_start(struct run *r, unsigned users, double rate, double run_time_s, uint64_t seed,
               struct run_clock now)
{
    assert(!run_is_active(r));
    set_state(r, RUN_SPAWNING);
    r->number++;
    snprintf(r->id, sizeof r->id, "%08x%08x-%u", (unsigned)(seed >> 32), (unsigned)seed, r->number);
    r->target_users = users;
    r->spawn_rate = rate;
    r->started_at = now.unix_time;
    r->started_mono = now.mono;
    r->ended_at = 0;
    r->stop_limit_at = 0;
    run_limit(r, run_time_s);
}

void run_begin_load(struct run *r, struct run_clock now)
{
    r->started_at = now.unix_time;
    r->started_mono = now.mono;
    run_limit(r, r->run_time_s);
}

void run_aim(struct run *r, unsigned users, double rate)
{
    set_state(r, RUN_SPAWNING);
    r->target_users = users;
    r->spawn_rate = rate;
}

void run_limit(struct run *r, double run_time_s)
{
    r->run_time_s = run_time_s;
    r->time_limit_at = run_time_s > 0 ? r->started_mono + run_time_s : 0;
}

void run_spawned(struct run *r)
{
    set_state(r, RUN_RUNNING);
}

void run_stop(struct run *r, double patience_s, struct run_clock now)
{
    set_state(r, RUN_STOPPING);
    r->time_limit_at = 0;
    run_await_stop(r, patience_s, now);
}

void run_await_stop(struct run *r, double patience_s, struct run_clock now)
{
    r->stop_limit_at = now.mono + patience_s;
}

void run_stopped(struct run *r, struct run_clock now)
{
    set_state(r, RUN_STOPPED);
    r->stop_limit_at = 0;
    r->ended_at = now.unix_time;
    r->ended_mono = now.mono;
}

enum run_due run_due(const struct run *r, double mono)
{
    if (run_is_active(r) && r->time_limit_at > 0 && mono >= r->time_limit_at)
        return RUN_DUE_TIME_LIMIT;
    if (r->state == RUN_STOPPING && mono >= r->stop_limit_at)
        return RUN_DUE_STOP_LIMIT;
    return RUN_DUE_NOTHING;
}

double run_age_s(const struct run *r, struct run_clock now)
{
    if (r->started_at <= 0)
        return 0;
    return (r->ended_at > 0 ? r->ended_mono : now.mono) - r->started_mono;
}
