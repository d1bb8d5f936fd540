// SPDX-License-Identifier: MIT
#pragma once
/* roster: the workers, by node id: who is there, who went, what each one reported.
 *
 * A worker is an entry for long: its index never changes, and one that comes back under its id is
 * the same entry. Only when there is no room left those are forgotten that went, then those that
 * are missing, and their indexes used again; strangers, the oldest first. Pure: no clock, no
 * socket.
 *
 * Reports of our workers are counted once each: an entry keeps, per epoch, the highest sequence
 * number and a bit for each of the 63 before it.
 */
#include "common/base/map.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROSTER_LIVENESS 3 /* see struct roster */
#define ROSTER_MAX 10000  /* workers at a time; more are refused */
#define ROSTER_MAX_STRANGERS                                                                       \
    1000 /* senders that never joined; of more the oldest are forgotten                            \
          */
#define ROSTER_MAX_CLASSES                                                                         \
    10000 /* names of User classes; of more the users are only in the sum                          \
           */

enum worker_state {
    WORKER_UNKNOWN, /* heard of, not (or no longer) one of ours */
    WORKER_READY,
    WORKER_SPAWNING,
    WORKER_RUNNING,
    WORKER_STOPPING, /* was told to stop, or says that it is stopping */
    WORKER_MISSING,  /* no heartbeat; may come back */
    WORKER_GONE,     /* quit, or its process ended */
};

struct class_users {
    char *name;
    unsigned users;
};

struct class_total {
    char *name;
    uint64_t users;
};

/* How much later our clock is than the worker's. Whatever arrives late looks like a clock that is
 * behind, so the least that was seen counts; more only when reports agree on it. */
struct worker_clock {
    bool is_known;
    double offset_s;    /* ours minus the worker's */
    double candidate_s; /* a larger one, and how many reports agreed on it */
    unsigned agreed;
};

struct worker {
    char *id;
    bool has_joined; /* once, at least, and is not forgotten since */
    unsigned index;  /* by the order of joining */
    enum worker_state state;
    bool has_quit; /* gone in order: it told everything before */
    bool is_katydid;
    unsigned weight;  /* of its share of the load; 0: nobody said, which is 1 */
    unsigned letters; /* messages of it that wait to be handled */
    int liveness;
    unsigned stray_beats; /* heartbeats while unknown */
    unsigned users;
    struct class_users *classes; /* as reported; owned */
    size_t class_count;
    double cpu_percent, lag_ms;          /* lag negative: not reported */
    double lag_p99_ms, fds, connections; /* negative: not reported */
    double worst_lag_ms;                 /* since the last second that was looked at */
    double cores, throttled;             /* of its container: limit, percent of time; 0: none */
    double starved;                      /* percent of time; negative: not reported */
    double clock_error_ms; /* its clock is so far from ours at most; negative: nobody knows */
    uint64_t memory_bytes;
    bool is_cpu_warned;
    double last_report_at; /* unix seconds, our clock; 0: none in this run */
    struct worker_clock clock;
    uint64_t requests;   /* delivered in this run */
    bool has_load;       /* it was told to run something in this run, whether it has told or not */
    unsigned set_up;     /* the run whose setup it was told the result of */
    double rps;          /* over the last report */
    double lost_at;      /* this run lost it then; 0: not lost */
    double stop_said_at; /* monotonic: when it was last told to stop */
    bool owes_report;    /* told to stop; its last report is not in yet */
    bool owes_ready;     /* said it stopped, not yet that it is ready */
    double owes_since;   /* monotonic: when a stock worker said it stopped */
    char token[33];    /* what only the worker itself was told, to show that it is the one; or "" */
    bool has_shown;    /* that it knows it: from now on it must */
    bool has_signed;   /* the same of its reports */
    bool is_reloading; /* was told to load the locustfile anew, and is not back */
    char epoch[64];
    uint64_t top_seq, seen; /* seen bit n: top_seq - n was counted */
    struct worker_gap {     /* see worker_begin_gap */
        bool is_open, is_back;
        bool is_passed; /* a report came that was made after it */
        double end_at;
        char epoch[64];
        uint64_t top_seq;
    } gap;
    double
        idle_since; /* monotonic: it says "ready" although it should have users; 0: it does not */
    struct worker_order {
        uint64_t sent, heard; /* the newest, and what the worker says of it; 0: none, or no word */
        double at;            /* monotonic: when it was sent */
        uint64_t shares; /* of scenarios: the newest that it heard; UINT64_MAX: it does not say */
    } order;
};

struct roster { /* begins as zeros */
    uint32_t tag;
    struct worker **workers; /* in the order they were first heard; owned */
    size_t count, cap;
    unsigned joined;   /* of the entries; the others are strangers */
    unsigned liveness; /* missed seconds until a worker is missing; 0: ROSTER_LIVENESS */
    struct map by_id;
    unsigned indexes;       /* given out so far */
    unsigned *free_indexes; /* of forgotten workers, in the order they are used again */
    size_t free_count, free_cap;
    uint64_t users;               /* of all workers */
    struct class_total **classes; /* the same by class; owned */
    size_t class_count, class_cap;
    struct map by_class;
};

void roster_fini(struct roster *r);
int roster_liveness(const struct roster *r); /* what a worker has after it was heard */
struct worker *roster_find(struct roster *r, const char *id);
/* The entry of a sender that may be new (then unknown). May forget strangers. */
struct worker *roster_get(struct roster *r, const char *id);
/* It is one of ours, ready. False when the roster is full; may forget workers that are not there.
 */
bool roster_join(struct roster *r, struct worker *w, bool is_katydid);

bool worker_is_active(const struct worker *w); /* ready, spawning or running */
const char *worker_state_name(const struct worker *w);
size_t roster_active_count(const struct roster *r);
unsigned roster_user_count(const struct roster *r);
unsigned roster_class_users(const struct roster *r, const char *class_name);

/* One second passed. Fills missed with up to max workers that are missing from now on. */
size_t roster_tick(struct roster *r, struct worker **missed, size_t max);
void roster_set_users(struct roster *r, struct worker *w, const struct class_users *classes,
                      size_t n); /* copied */
/* True when this report was not counted before; from now on it was. */
bool worker_take_report(struct worker *w, const char *epoch, uint64_t seq);
/* The worker is not heard from `begin` to `end`, which is at that time of our clock. The gap is
 * filled when each report since its begin was counted, and one that was made after its end: then
 * nothing that this process measured is missing. Those that were queued meanwhile were made before.
 * One that begins before another is filled makes that longer; of another process it is a new one.
 */
void worker_begin_gap(struct worker *w);
void worker_end_gap(struct worker *w, double at);
/* Of a report that was just counted, with the worker's time of making it: is the gap filled? */
bool worker_fills_gap(struct worker *w, double sent_at);
void worker_begin_run(struct worker *w); /* forgets what belongs to a run */
/* A time of the worker that was now, or a little ago, when it came. Returns what to add to its
 * times, in whole seconds: 0 when the clocks differ by no more than trusted_s. */
int64_t worker_clock_shift(struct worker *w, double now, double sent_at, double trusted_s);
/* Our clock was set, forward by that much. */
void roster_clock_moved(struct roster *r, double by_s);
