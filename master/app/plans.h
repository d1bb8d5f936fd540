// SPDX-License-Identifier: MIT
#pragma once
/* plans: the scenarios: read, fitted to the locustfile's classes
 * (plans_given.c), and dealt out to the workers (plans.c). Of W workers each has every W-th
 * arrival, or as many as its weight says. When they come or go, or weigh something else, a new
 * epoch begins, a little later, at the same arrival for all: until then each goes on as before.
 *
 * The users that are made before the start are dealt as those of a fixed_count; what more is
 * needed, and all of scenarios of users, the workers make by themselves. Nothing here costs a test
 * without scenarios anything.
 */
#include "common/plan/ledger.h"
#include "common/plan/ration.h"
#include "common/plan/scenario.h"
#include "common/run/dispatch.h"
#include "master/proto/proto_in.h"

struct master;
struct options;
struct command_result;

struct plan_list { /* begins as zeros; owned */
    struct scenario **all;
    size_t count;
};

#define PLANS_AT_END_S 0.05 /* for an arrival that is due at the very end */
#define PLANS_EPOCH_S 0.3   /* until another share, or another plan, counts */

struct plan_given {         /* of a scenario that was changed while it ran; owned */
    struct scenario *first; /* as it was given; NULL: it is so still */
    char *paused;           /* its text before it was paused at paused_ns; NULL: it is not */
    int64_t paused_ns;
    int64_t end_ns;   /* when it ended last, after its start; 0: at the end of its plan */
    bool is_to_end;   /* a threshold stops it, as soon as it has begun */
    bool is_followed; /* its iterations are done: those that waited for that were told */
};

struct plan_post { /* to one worker; owned */
    char *id;
    struct plan_letter *letters; /* that it has not confirmed, in order */
    size_t count;
    double at; /* monotonic: when the last one was sent */
};

struct plans { /* begins as zeros; plans_fini; owned, all here */
    struct plan_list list;
    bool is_scripts;              /* the list is the locustfile's */
    char **texts;                 /* of this run, for the workers; ends with NULL */
    struct arrivals *walks;       /* by scenario: where the run is, about */
    struct dispatch_class *pools; /* by scenario: the users that are made before the start */
    unsigned users;               /* their sum */
    double begun_at;              /* monotonic; 0: not yet */
    char *dealt_to;               /* the workers that have shares, one a line; or NULL */
    struct stripe *parts;         /* by worker of these: its share of users */
    bool is_due;                  /* they are to be dealt once more */
    struct plan_post *posts;      /* by worker: what it is told of them (plan_post.c) */
    size_t post_count;
    uint64_t letters;            /* such messages so far, of all runs */
    struct ledger ledger;        /* what workers told; by scenario */
    struct ledger_piece *pieces; /* of workers that are gone, to be dealt to the others */
    size_t piece_count;
    struct ration *rations; /* by scenario: iterations, where there are only so many */
    double stopped_at;      /* monotonic: when the run ceased to be active; 0: it is */
    double told_s;          /* after begun_at: stages that began until then are events */
    bool is_done_told;
    struct plan_knee *knees; /* by scenario (plan_knee.h); NULL: none looks for the knee */
    size_t knee_count;
    struct plan_given *given; /* by scenario; NULL: none was changed */
};

/* plans_given.c. open, script_came: 0 or an exit code after a message. */
int plans_open(struct master *m);
int plans_script_came(struct master *m);
/* Those of the locustfile as it is now. False: they stay as they were, and *why (to be freed). */
bool plans_take_script(struct master *m, char **why);
bool plans_are_of_all(const struct plans *p); /* of --iterations and --ips: they have no users */
void plans_forget(struct plan_list *l);
void plans_print(const struct master *m);

/* plans_options.c: the scenarios as options want them. False: *why (to be freed). */
bool plans_take_options(struct plan_list *l, const struct options *o, char **why);
bool plans_have_level(const struct plan_list *l); /* one is of so many users */
void plans_tell_users(const struct plans *p);

/* plans.c */
void plans_begin(struct master *m); /* a run is about to */
/* Its first users are there: the scenarios begin. The run time that makes the run end with the last
 * one; 0: it is as it was. */
double plans_spawned(struct master *m);
void plans_follow(struct master *m); /* workers may have come or gone */
void plans_second(struct master *m);
double plans_graceful_s(const struct master *m);

void plans_deal_anew(struct master *m);          /* a plan is another one */
double plans_run_time_s(const struct master *m); /* 0: as it was given */
/* What ended a run whose time is over; NULL: that was the time that it was given. */
const char *plans_end_words(const struct master *m);

/* plan_stages.c: of each stage that has begun since, an event: what all workers go by has one. */
void plans_tell_stages(struct master *m);

/* plan_control.c: while they run. `json` as of POST api/v1/scenario. */
struct command_result plans_control(struct master *m, const char *json);
/* The scenario ends within a second, the others go on. Why it cannot, static; or NULL. */
const char *plans_end(struct master *m, const char *name);
/* Iterations of a scenario may be done: those that are to begin then, begin. Whether some do. */
bool plans_follow_on(struct master *m);
/* Those that have found what they looked for end. True: the run time is another one then. */
bool plans_control_second(struct master *m);
bool plans_is_paused(const struct plans *p, size_t i); /* the i-th, by somebody */

/* plan_post.c: the shares of the worker, with the pieces that there are; sent until it has them.
 * away: see plans_count_away; or NULL. */
void plans_post(struct master *m, const char *id, const struct stripe *shares,
                const uint64_t *away);
void plans_post_second(struct master *m);
bool plans_post_waits(const struct plans *p, const char *id); /* it has not said that it has them */
void plans_post_forget(struct plans *p, const char *id);      /* it has no share any more */
void plans_post_fini(struct plans *p);

/* plan_counts.c: what workers told, and hold */
void plans_told(struct master *m, const struct worker *w, const struct message_stats *s);
void plans_asked(struct master *m, const struct worker *w, const struct message_iterations *it);
void plans_count_begin(struct plans *p);
void plans_count_fini(struct plans *p);
void plans_count_dealt(struct master *m, const char *id, const struct stripe *shares,
                       bool is_first);
/* away[i]: since which arrival of scenario i, until it is dealt a share again, the worker had none;
 * UINT64_MAX: it was not away. Whether it was. */
bool plans_count_away(struct master *m, const char *id, uint64_t *away);
void plans_count_left(struct master *m, const char *before, const char *now, const uint64_t *from);
void plans_count_pieces_dealt(struct plans *p); /* to all that have shares */
/* What workers that left gave back of so many iterations is of those that have shares. */
void plans_count_grant(struct master *m);
/* The first arrival that is due later than that; moves the walk. */
uint64_t plans_first_after(struct plans *p, size_t i, double elapsed_s);
bool plans_are_done(struct master *m); /* all that ends by itself has; says so once */
void plans_close(struct master *m);    /* the last reports are there */
void plans_fini(struct master *m);

/* plan_progress.c: as GET api/v1/scenarios */
void plans_write_progress(const struct master *m, struct sbuf *out);
