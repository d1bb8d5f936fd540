// SPDX-License-Identifier: MIT
#pragma once
/* nodes: the worker processes and the script host, as the master knows them by their messages.
 *
 * Bytes become events for the run machine; what it asks for becomes bytes, for which app/perform.c
 * calls the functions below. Main thread.
 *
 *   inbox.c     takes messages off the link, and hands each to the file whose business it is
 *   registry.c  workers come and go
 *   absence.c   ... or are not heard for a while, and what that means for the figures
 *   script.c    the dialogue with the host
 *   outbox.c    sends messages
 *   nodes.c     what all of these need; calls go down this list only
 */
#include "common/wire/link.h"
#include "master/data/node_logs.h"
#include "master/data/logs.h"
#include "master/data/record.h"
#include "master/nodes/children.h"
#include "master/nodes/line_limit.h"
#include "master/nodes/mail.h"
#include "master/options/options.h"
#include "master/options/tunables.h"
#include "master/proto/proto_out.h"
#include "master/proto/proto_script.h"
#include "common/run/clock.h"
#include "common/run/machine.h"
#include "common/run/run_log.h"

#define LOCUST_VERSION "2.47.0" /* the release whose behaviour we follow */

struct host { /* the node that runs the master-side Python */
    char node_id[96];
    struct link *link; /* its own; NULL: it is a worker too, and comes by theirs */
    bool is_alive;     /* its process runs */
    bool has_script;
    struct script script;
    uint64_t last_event;
    struct pending_event {
        uint64_t id;
        enum listened listened;
        unsigned run;
        struct pending_event *next;
    } * pending;
    struct setup { /* what the setup of that run gave: one msgpack value; owned */
        void *data;
        size_t len;
        unsigned run;
    } setup;
    bool is_tick_out;
    struct tick_memory {
        double users, spawn_rate;
        char **user_classes;
        bool is_set;
    } last_tick;
    struct message_web web; /* its web server; socket "" when it has none */
};

struct inbox {
    struct mail mail;
    struct clk_moment handled; /* when the message came that is being handled */
    unsigned taken;            /* messages off the link, in this second */
    bool has_unread;           /* the link was not read to its end, */
    double unread_since;       /* monotonic */
    bool has_unheard;          /* the host's was not */
    bool is_behind;
    double waits_s, longest_s; /* of the oldest letter: at the last second; the most in this run */
    double behind_since, behind_s; /* monotonic; sum of the times before, in this run */
    double report_interval_s;      /* what our workers are asked for */
};

enum line_kind {                 /* log lines that nodes cause by their messages */
                 LINES_OLD,      /* workers of a dialect that is not spoken */
                 LINES_REFUSED,  /* ... for whom there is no room */
                 LINES_STRANGER, /* unknown nodes that beat */
                 LINES_VERSION,  /* workers of another version */
                 LINES_WORKERS,  /* workers that come, go, are lost and return */
                 LINES_KINDS,
};

struct nodes_above { /* what the rooms above do when something has come; arg is theirs */
    void *arg;
    void (*on)(void *arg, const struct machine_event *e);
    /* To that node; false when it cannot take it now. */
    bool (*send)(void *arg, const char *node, const void *bytes, size_t len);
    void (*soon)(void *arg);    /* inbox_drain is to be called, after everybody else had his turn */
    void (*publish)(void *arg); /* what the page shows has changed */
    void (*settings)(void *arg);               /* ... what the script says of the test itself */
    void (*loaded)(void *arg, bool is_script); /* the host has a script, or a worker has joined */
    void (*answered)(void *arg, struct message_answer *a); /* a question of the page */
    bool (*html_report)(void *arg, struct sbuf *html);     /* the page of --html about now */
    /* A worker's report of this run was counted now; a worker asks for iterations. */
    void (*told)(void *arg, const struct worker *w, const struct message_stats *s);
    void (*asked)(void *arg, const struct worker *w, const struct message_iterations *it);
    void (*spans)(void *arg, const struct worker *w, const struct message_spans *s);
};

struct nodes { /* above, clock, o, machine, record, tunables, logs, node_logs are set by whoever
                  makes it */
    struct nodes_above above;
    const struct clock *clock;
    const struct options *o; /* live */
    struct machine *machine;
    struct record *record;
    struct tunables *tunables;
    struct logs *logs;
    struct node_logs *node_logs;
    char *const *scenarios; /* of this run; ends with NULL; or NULL. plans.c's, as those below */
    const struct dispatch_class *pools; /* instead of the script's classes, if there are any */
    size_t pool_count;
    const struct weights *weights;  /* of workers; NULL: all weigh the same */
    char *const *series_tags;       /* keys, or key=value; ends with NULL; or NULL */
    char *const *labels;            /* keys that outputs tell requests apart by; likewise */
    char *const *goodputs;          /* what good answers are, by thresholds; likewise */
    bool counts_iterations;         /* a threshold is of them */
    bool has_k6_times;              /* one is of http_req_duration as k6 means it */
    struct journal_orders journals; /* files with every request, for the workers of this run */
    bool is_local;                  /* one worker of our own, which is the host as well */
    char boot_id[33];
    struct children children;
    struct host host;
    struct inbox inbox;
    struct link *link;
    struct line_limit lines[LINES_KINDS];
    double lines_told_at;  /* monotonic: when it was last told which were left out */
    double looked_at;      /* boot time of the last second that was looked at */
    double order_time;     /* of the last spawn order, and */
    uint64_t order_number; /* how many there were */
    char notice[512];      /* on the page; see inbox_notice */
    char stop_reason[300]; /* why code ended this run, or "" */
    char ended_by[300];    /* what ended it, in words for people, or "" */
};

/* nodes.c */
void nodes_on(struct nodes *n, const struct machine_event *e);
struct run_clock nodes_now(const struct nodes *n);
bool nodes_is_alone(const struct nodes *n); /* its own workers are yet to join, all of them */
void nodes_clear(struct nodes *n);          /* all figures */
/* What is about to end the run, in words for people; the first one counts. */
void nodes_note_end(struct nodes *n, const char *words);
bool nodes_may_log(struct nodes *n, enum line_kind kind);
void nodes_tell_left_out(struct nodes *n, double mono);
void nodes_take_lines(struct nodes *n, const char *source, const struct message *msg);

/* outbox.c. False when the node cannot take it now. */
bool outbox_plain(struct nodes *n, const char *type, const char *node);
bool outbox_bytes(struct nodes *n, const char *node, struct sbuf *bytes); /* releases bytes */
void outbox_changed(struct nodes *n); /* spawn to every worker whose users changed */

/* script.c */
void script_fire(struct nodes *n, enum listened listened, unsigned run,
                 const struct event_args *args); /* ON_HEARD: when the listeners have run */
void script_tell(struct nodes *n, const char *name, const struct event_args *args);
void script_on_message(struct nodes *n, struct message *msg);
void script_on_call(struct nodes *n, const struct message_call *c);
void script_forget_events(struct nodes *n); /* nobody answers those that were sent */
void script_free_events(struct nodes *n);   /* at the end: nobody hears of them any more */
void script_second(struct nodes *n);
void script_stats_second(struct nodes *n); /* its numbers, when it wants them */
void script_send_state(struct nodes *n);
void script_tell_page(struct nodes *n, int port, const char *secret); /* where the page is */
void script_open_page(struct nodes *n, const char *url);              /* in the user's browser */
void script_cancel_setup(struct nodes *n);
const char *script_begin_shape(struct nodes *n); /* or why not (static text) */
void script_forget_tick(struct nodes *n);

/* absence.c */
void absence_lost(struct nodes *n, struct worker *w);
void absence_back(struct nodes *n, struct worker *w);
void absence_unstopped(struct nodes *n, struct worker *w); /* the run ends without its last word */
void absence_reported(struct nodes *n, struct worker *w, double sent_at); /* it was counted */
void absence_second(struct nodes *n);
void absence_forget(struct nodes *n); /* a run begins */

/* registry.c */
#define REGISTRY_LOCAL_PATIENCE_S 120 /* silence of a local run's process, while all is to end */
void registry_ready(struct nodes *n, const char *node, const struct message_ready *r);
void registry_heartbeat(struct nodes *n, const char *node, const struct message_heartbeat *h,
                        const char *token);
bool registry_knows(struct worker *w, const char *token); /* whether the worker itself says it */
/* The same of a report, which older workers show no token with. */
bool registry_counts(struct worker *w, const char *token);
void registry_forget_token(struct worker *w); /* its process begins anew, and was told none */
void registry_stopped(struct nodes *n, struct worker *w);
void registry_gone(struct nodes *n, const struct worker *w); /* tells the host */
void registry_watch_cpu(struct nodes *n, struct worker *w);  /* it told what it used in this run */
void registry_second(struct nodes *n);
void registry_ended_early(struct nodes *n, const char *node, int code);      /* it says so */
void registry_process_ended(struct nodes *n, const char *node_id, int code); /* of ours */

/* inbox.c */
void inbox_drain(struct nodes *n);           /* a slice of it; above.sent when there is more */
void inbox_flush(struct nodes *n);           /* all there is, within a second */
bool inbox_is_behind(const struct nodes *n); /* there is mail that was not looked at yet */
void inbox_second(struct nodes *n);
const char *inbox_notice(const struct nodes *n); /* what the page must tell, or "" */
double inbox_delay_s(const struct nodes *n);     /* of reports, beyond the usual */
double inbox_behind_s(const struct nodes *n);    /* how long it could not keep up, in this run */
void inbox_handle(struct nodes *n, const char *node, struct message *msg); /* one of them */
