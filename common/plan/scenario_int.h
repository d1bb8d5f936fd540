// SPDX-License-Identifier: MIT
#pragma once
/* scenario_int: private to scenario*.c. Numbers with units as people write them, and the words that
 * stand for enumerations. */
#include "common/plan/scenario.h"

#define SCENARIO_MOST_USERS 1000000
#define SCENARIO_MOST_WEIGHT 1000000
#define SCENARIO_MOST_ITERATIONS 1000000000000u /* of all users together, too */

/* 20/s, 0.5/s, 3/m, 1/3s; a bare number is per unit_ns. Exact. False: it is none. */
bool scenario_rate(const char *text, int64_t unit_ns, struct ramp_rate *rate);
bool scenario_count(const char *text, uint64_t most, uint64_t *count);

/* False, with *why. */
bool scenario_refuse(char **why, const struct scenario *s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What the numbers of stages are: arrivals or users. */
struct scenario_stages {
    bool (*read)(const struct scenario *s, const char *text, struct ramp_rate *to);
    const char *what;                                     /* "users at its end, such as 2m:80" */
    bool (*beyond)(const struct scenario *s, char **why); /* refuses what no ramp can hold */
};
/* The stages that were given become the ramp, which begins with `from`. False, with *why. */
bool scenario_make_stages(struct scenario *s, const struct scenario_stages *of,
                          struct ramp_rate from, char **why);
bool scenario_check_from_stage(const struct scenario *s, char **why);
/* A throttle as a rate, or as stages: any number of requests is RAMP_MOST_PER_S. */
void scenario_throttle_text(const char *rates, struct sbuf *out);
/* The stages in [from, to), each with a jump to where it begins, behind what is there. */
void scenario_put_stages(const struct scenario *s, int64_t from, int64_t to, struct sbuf *out);

/* class=Buyer, or class=Buyer*3+Browser. */
bool scenario_take_class(struct scenario *s, const char *value, char **why);
/* Whose users they are: the keys class, task and pool, where they are given. */
void scenario_write_whose(const struct scenario *s, struct sbuf *out);
/* Adds the stages of a step (profile.h). False, with *why. */
bool scenario_add_step(struct scenario *s, const char *step, struct ramp_rate *level, char **why);

/* scenario_knee.c: a staircase. */
bool scenario_check_staircase(const struct scenario *s, char **why);
bool scenario_take_goodput(struct scenario *s, const char *value, char **why);
bool scenario_make_staircase(struct scenario *s, char **why);
void scenario_write_staircase(const struct scenario *s, struct sbuf *out);
void scenario_describe_staircase(const struct scenario *s, struct sbuf *out);
void scenario_put_rate(struct sbuf *out, const char *key, struct ramp_rate rate);

/* scenario_users.c: those of users that loop. */
bool scenario_settle_users(struct scenario *s, char **why);
void scenario_write_users(const struct scenario *s, struct sbuf *out);
void scenario_describe_users(const struct scenario *s, struct sbuf *out);
void scenario_put_start(const struct scenario *s, struct sbuf *out);
void scenario_put_span(struct sbuf *out, int64_t ns); /* 90 s as 1m30s */

/* env.NAME=value and tag.NAME=value, %XX for what would end the value. False: no such pair. */
bool scenario_take_pair(struct scenario *s, const char *key, const char *value);
void scenario_write_pairs(const struct scenario *s, struct sbuf *out);
void scenario_free_pairs(struct scenario *s);

/* By the enumeration; NULL at the end. */
extern const char *const scenario_executors[];
extern const char *const scenario_busies[];
extern const char *const scenario_spreads[]; /* those of enum arrivals_kind that can be chosen */
/* The place in such a list; -1: it is not in it. */
int scenario_word(const char *const *words, const char *text);

#define SCENARIO_KEYS(KEY)                                                                         \
    KEY(CLASS, "class", NULL)                                                                      \
    KEY(TASK, "task", "exec")                                                                      \
    KEY(RATE, "rate", NULL)                                                                        \
    KEY(START_RATE, "start_rate", "startRate")                                                     \
    KEY(TIME_UNIT, "time_unit", "timeUnit")                                                        \
    KEY(STAGES, "stages", NULL)                                                                    \
    KEY(FROM_STAGE, "from_stage", NULL)                                                            \
    KEY(DURATION, "duration", NULL)                                                                \
    KEY(MAX_DURATION, "max_duration", "maxDuration")                                               \
    KEY(ITERATIONS, "iterations", NULL)                                                            \
    KEY(USERS, "users", "preAllocatedVUs")                                                         \
    KEY(MAX_USERS, "max_users", "maxVUs")                                                          \
    KEY(SPAWN_RATE, "spawn_rate", NULL)                                                            \
    KEY(START_USERS, "start_users", "startVUs")                                                    \
    KEY(RAMP_DOWN, "graceful_ramp_down", "gracefulRampDown")                                       \
    KEY(MAX_QUEUE, "max_queue", NULL)                                                              \
    KEY(FRESH, "fresh", NULL)                                                                      \
    KEY(ON_BUSY, "on_busy", NULL)                                                                  \
    KEY(START_TIME, "start_time", "startTime")                                                     \
    KEY(START_AFTER, "start_after", NULL)                                                          \
    KEY(THROTTLE, "throttle", NULL)                                                                \
    KEY(POOL, "pool", NULL)                                                                        \
    KEY(GRACEFUL_STOP, "graceful_stop", "gracefulStop")                                            \
    KEY(STEP, "step", NULL)                                                                        \
    KEY(LEVEL, "level", NULL)                                                                      \
    KEY(MAX_RATE, "max_rate", NULL)                                                                \
    KEY(GOODPUT, "goodput", NULL)                                                                  \
    KEY(DISTRIBUTION, "distribution", NULL)                                                        \
    KEY(SEED, "seed", NULL)                                                                        \
    KEY(PHASE, "phase", NULL)

enum scenario_key {
#define KEY(id, ours, k6) SCENARIO_##id,
    SCENARIO_KEYS(KEY)
#undef KEY
        SCENARIO_KEY_COUNT,
};

static inline bool scenario_has(const struct scenario *s, enum scenario_key key)
{
    return s->keys.given >> key & 1;
}
