// SPDX-License-Identifier: MIT
#pragma once
/* scenario: one load of a test: its name, the way its iterations start, and the keys of that.
 *
 * As text, wherever it comes from (command line, locustfile, the wire):
 *
 *   NAME:EXECUTOR:key=value,key=value …      buy:constant-arrival-rate:rate=20/s,duration=5m
 *
 * A piece between commas without "=" goes on the value before: stages=2m:20/s,10m:80/s. Names of
 * keys are ours or k6's (max_users, maxVUs). Durations: 200ms, 30s, 1m30s, 2h; a bare number is
 * seconds. Rates: 20/s, 0.5/s, 3/m, 1/3s; a bare number is per time_unit, which is 1s.
 * env.NAME=value and tag.NAME=value are what its users find, with %2C for a comma and %25 for "%".
 *
 * Pure. Whoever gets a scenario ends it with scenario_fini.
 */
#include "common/base/sbuf.h"
#include "common/plan/arrivals.h"

#include <string.h>

enum scenario_executor {
    SCENARIO_CONSTANT_ARRIVAL_RATE,
    SCENARIO_RAMPING_ARRIVAL_RATE,
    SCENARIO_FIND_KNEE,    /* a staircase of rates, which ends when the target is saturated */
    SCENARIO_CONSTANT_VUS, /* from here on: so many users, each of which loops as Locust's do */
    SCENARIO_RAMPING_VUS,
    SCENARIO_SHARED_ITERATIONS, /* ... until all of them together have done so many iterations */
    SCENARIO_PER_VU_ITERATIONS, /* ... until each has */
    SCENARIO_EXTERNALLY_CONTROLLED, /* constant-vus by the name of those whose number others set */
    SCENARIO_EXECUTORS,
};

enum scenario_busy {                 /* what becomes of an arrival for which no user is free */
                     SCENARIO_GROW,  /* it waits; more users are made, up to max_users */
                     SCENARIO_QUEUE, /* it waits; more than max_queue are dropped */
                     SCENARIO_DROP,  /* it is dropped at once, as in k6; users are made up to
                                        max_users */
};

struct scenario_pair { /* owned texts */
    char *name, *value;
    bool is_tag; /* of requests; else of env */
};

struct scenario {
    char *name, *user_class, *task; /* owned; class and task NULL: not named. Several classes:
                                       Buyer*3+Browser, each with its weight, or its own */
    char *pool;                     /* owned; under which its users are counted; NULL: the class */
    char *throttle;    /* owned; so many requests a second at most, or stages of that; or NULL */
    char *start_after; /* owned; the scenario that is before it, or NULL */
    char *follows;     /* owned; ... once it is settled when this one begins at latest */
    struct scenario_pair *pairs; /* owned */
    size_t pair_count;
    enum scenario_executor executor;
    struct ramp ramp;
    struct arrivals_plan
        plan; /* points to the ramp above: a scenario is not to be moved once it is settled */
    enum scenario_busy on_busy;
    uint32_t users, max_users; /* made before the start, and at most; over all workers */
    uint32_t max_queue;        /* over all workers */
    bool is_fresh;             /* each arrival is a user of its own */
    uint32_t start_users;      /* of ramping-vus */
    uint64_t iterations;       /* of all users together, or of each; 0: no such executor */
    int64_t ramp_down_ns;      /* ... for iterations of users that are too many */
    int64_t start_ns;          /* after the start of the test */
    bool may_be_sooner;        /* ... at the latest: it follows one of so many iterations */
    int64_t graceful_ns;       /* for the iterations that run at its end */
    bool is_endless;           /* it has no duration: the test ends it */
    uint64_t seed;
    bool is_seeded; /* ... was given, or drawn */
    bool is_drawn;  /* ... for one run, by the caller */

    struct scenario_keys { /* as given, until settled; owned texts */
        char *stages;
        struct ramp_rate rate, start_rate;
        struct ramp_rate step, max_rate; /* of find-knee */
        struct ramp_rate spawn_rate;     /* of constant-vus: so many more a second, at the begin */
        uint32_t from_stage;             /* the first one that is done, from 1 up; 0: not given */
        int64_t unit_ns, duration_ns, max_duration_ns, level_ns;
        double goodput; /* of find-knee: the least share of good answers; 0: nobody asks */
        uint32_t given; /* bits */
        bool is_k6;     /* phase */
        bool is_later;  /* stages before the first one were given, and are gone */
        enum arrivals_kind spread;
    } keys;
};

/* Reads the text into *s. False: *why (to be freed) says what is wrong and how to mend it. */
bool scenario_read(struct scenario *s, const char *text, char **why);
void scenario_fini(struct scenario *s);
/* Whether chance has a part in when its arrivals come. */
bool scenario_is_random(const struct scenario *s);
/* The random ones have a seed when they run. */
void scenario_set_seed(struct scenario *s, uint64_t seed);
/* The text from which scenario_read makes the same again: settled, with every default. */
void scenario_write(const struct scenario *s, struct sbuf *out);
/* Finds when those with start_after begin: so long after the end of the other's plan as start_time
 * says, or sooner, if that one's iterations are done before (the caller's). False: *why (to be
 * freed), and *bad is the scenario that it is about. */
bool scenario_order(struct scenario *const *list, size_t count, size_t *bad, char **why);
/* The text of a scenario that has not begun, with another start. */
void scenario_with_start(const struct scenario *s, int64_t start_ns, struct sbuf *out);
/* The text of a scenario of so many users, with as many; spawn_per_s 0: these come as before. */
void scenario_with_users(const struct scenario *s, uint32_t users, double spawn_per_s,
                         struct sbuf *out);
/* From at_ns after its start on: at that rate, or with so many users, for the time that is left; or
 * in these stages, the first of which begins with what there is then. Neither: nothing, until
 * resumed_ns (no later than at_ns: for ever), and then what was left. */
struct scenario_change {
    int64_t at_ns;
    const char *level, *stages;
    int64_t resumed_ns;
    bool is_end; /* level NULL: it ends then */
};
/* The text of the changed scenario; its arrivals before at_ns are the same. False: *why (to be
 * freed). */
bool scenario_changed(const struct scenario *s, const struct scenario_change *c, struct sbuf *out,
                      char **why);
/* For people: one line, without an end of line. */
void scenario_describe(const struct scenario *s, struct sbuf *out);
/* Likewise, the i-th stage of its ramp: "Stage 2 of buy: 20/s in 2m". False: it is not to be named:
 * its executor has no stages, or there are so many that not all of them are. */
bool scenario_name_stage(const struct scenario *s, size_t i, struct sbuf *out);
#define SCENARIO_NAMED_STAGES 100 /* at most, of one scenario */

const char *scenario_executor_name(enum scenario_executor e);
/* It has arrivals; else users, as many as its ramp says, which counts users instead of arrivals a
 * second. */
static inline bool scenario_is_open(const struct scenario *s)
{
    return s->executor < SCENARIO_CONSTANT_VUS;
}
/* It ends when so many iterations are done. */
static inline bool scenario_is_counted(const struct scenario *s)
{
    return s->executor == SCENARIO_SHARED_ITERATIONS || s->executor == SCENARIO_PER_VU_ITERATIONS;
}
/* It has so many users all the time. */
static inline bool scenario_has_level(const struct scenario *s)
{
    return s->executor == SCENARIO_CONSTANT_VUS || s->executor == SCENARIO_EXTERNALLY_CONTROLLED;
}
/* How many those are, of all users together. */
static inline uint64_t scenario_iterations(const struct scenario *s)
{
    return s->executor == SCENARIO_PER_VU_ITERATIONS ? s->iterations * s->users : s->iterations;
}
/* It has no users of its own: it is about all there are (--iterations, --ips). */
bool scenario_is_of_all(const struct scenario *s);
#define SCENARIO_OF_ALL "*" /* ... which its pool says */
/* Of find-knee: how long each level lasts; each is a stage of its ramp. */
static inline int64_t scenario_level_ns(const struct scenario *s)
{
    return s->keys.level_ns;
}
static inline double scenario_goodput(const struct scenario *s)
{
    return s->keys.goodput;
}
/* The next of "Buyer*3+Browser" (owned), and its weight, 0: its own; NULL: that was all. */
char *scenario_next_class(const char **classes, unsigned *weight);
static inline bool scenario_is_mixed(const struct scenario *s)
{
    return s->user_class && strpbrk(s->user_class, "*+");
}
/* The plan whose arrivals are the slots of that throttle. False: *why (to be freed). */
bool scenario_throttle(struct scenario *plan, const char *name, const char *rates, char **why);
/* The text of the scenario with another throttle from at_ns after its start on: a rate or stages;
 * NULL: none any more. False: *why (to be freed). */
bool scenario_throttled(const struct scenario *s, int64_t at_ns, const char *rates,
                        struct sbuf *out, char **why);
/* How many requests a second its users may send so long after its start; negative: any number. */
double scenario_throttle_per_s(const struct scenario *s, int64_t at_ns);
double scenario_peak_per_s(const struct scenario *s);
/* 90s, 1m30s, 200ms … into nanoseconds. False: it is none. */
bool scenario_duration(const char *text, int64_t *ns);
