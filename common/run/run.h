// SPDX-License-Identifier: MIT
#pragma once
/* run: the state of the test and its deadlines. Pure: time comes in (monotonic seconds for
 * deadlines and durations, unix seconds for people), nothing goes out.
 *
 *   ready ──start──► spawning ──spawned──► running
 *     ▲                 │  ▲────aim────────┘  │
 *     │                 └──────stop───────────┤
 *   (a run ends "stopped"; start leads on     ▼
 *    from there with a new id)  stopped ◄── stopping
 */
#include <stdbool.h>
#include <stdint.h>

enum run_state { RUN_READY, RUN_SPAWNING, RUN_RUNNING, RUN_STOPPING, RUN_STOPPED };

struct run_clock {
    double mono, unix_time; /* seconds */
};

struct run {
    enum run_state state;
    char id[40];     /* "" before the first start */
    unsigned number; /* 1 for the first run of the process */
    unsigned target_users;
    double spawn_rate;
    double run_time_s;           /* 0: no limit */
    double started_at, ended_at; /* unix seconds; 0: not yet */
    double started_mono, ended_mono;
    double time_limit_at; /* monotonic; 0: none */
    double stop_limit_at; /* monotonic: when workers have had time enough to stop */
};

const char *run_state_name(enum run_state s); /* Locust's */
bool run_is_active(const struct run *r);      /* spawning or running */
bool run_is_on(const struct run *r);          /* these, or stopping */

/* A new run, from ready or stopped. seed makes the id unique among masters. */
void run_start(struct run *r, unsigned users, double rate, double run_time_s, uint64_t seed,
               struct run_clock now);
/* Its setup is over: the load begins now. */
void run_begin_load(struct run *r, struct run_clock now);
/* Other users or another rate in a run that is active. */
void run_aim(struct run *r, unsigned users, double rate);
/* Another limit, counted from the start of the run; 0 lifts it. */
void run_limit(struct run *r, double run_time_s);
void run_spawned(struct run *r);
/* From spawning or running. patience_s: how long workers may take. */
void run_stop(struct run *r, double patience_s, struct run_clock now);
void run_await_stop(struct run *r, double patience_s, struct run_clock now); /* from now on */
void run_stopped(struct run *r, struct run_clock now);

enum run_due { RUN_DUE_NOTHING, RUN_DUE_TIME_LIMIT, RUN_DUE_STOP_LIMIT };
enum run_due run_due(const struct run *r, double mono);
double run_age_s(const struct run *r, struct run_clock now); /* so far, or until its end */
