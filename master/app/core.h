// SPDX-License-Identifier: MIT
#pragma once
/* core: the whole master, for those who wire its rooms together. Only master/app includes this.
 *
 *   master.c          lifetimes, the loop, its timers and signals
 *   processes.c       the children of this machine, page_server.c the page's
 *   wiring.c          what the rooms below are given: time, chance, what to do when something comes
 *   perform.c         hands events to the run machine, carries its actions out
 *   commands.c        what the page asks for; run_parameters.c options as it or /swarm choose them
 *   questions.c       questions of the page to the host
 *   reload.c          the locustfile, loaded anew; script_settings.c the settings in it
 *   downloads.c       what the page downloads
 *   publish.c         snapshots for the page; results.c what the outputs are given
 *   receivers.c       where figures are sent (receivers.h); spans.c single requests that are traced
 *   gates.c           thresholds (gates.h); explain.c one by one; judging.c what follows
 *   plans.c           scenarios (plans.h); plan_counts.c, plan_progress.c how far they are,
 *                     plan_stages.c what is told when a stage begins
 *   plan_weights.c    how much of the load each worker gets
 *   surroundings.c    clock, dice, timers; keyboard.c keys of the terminal, suspend.c Ctrl+Z
 *
 * One thread, one owner: struct master. Files call one another by these functions only. */
#include "common/plan/weights.h"
#include "master/app/gates.h"
#include "master/app/plans.h"
#include "master/app/receivers.h"
#include "master/app/spans.h"
#include "master/nodes/nodes.h"
#include "master/out/outputs.h"
#include "master/web/bridge.h"
#include <event2/event.h>
#include <termios.h>

struct reload {        /* reload.c */
    bool is_on;        /* it is loaded, or that failed */
    double until;      /* monotonic: when loading must be done */
    uint64_t files;    /* how the files looked when that began */
    char *why, *whole; /* why it failed, in a sentence and in full; NULL: it did not */
    bool is_late;      /* it took too long */
    char *file;        /* that was chosen in the page; NULL: what -f names */
};

struct weighing { /* plan_weights.c; begins as zeros */
    struct weights weights;
    struct weighed_worker { /* what it was seen to do, in that run */
        struct weighed measured;
        uint64_t requests;
        unsigned run;
    } * workers; /* by index; owned */
    size_t count;
    double changed_at; /* monotonic */
};

struct master {
    const struct options *o; /* live */
    struct options live;     /* the command line's, and what listeners set (script_settings.c) */
    struct event_base *base;
    struct event *link_event, *host_event, *drain, *second, *wake, *bridge_event, *signals[4];
    bool is_link_paced;           /* the link is looked at by `drain`, not by link_event */
    struct event *suspend;        /* or NULL */
    struct event *key_event;      /* or NULL */
    struct termios terminal_mode; /* to be restored, when there is a key_event */
    struct audit *audit;
    char *page_url;       /* NULL without a page */
    char page_secret[33]; /* that admits the host's requests */
    char *options_json;
    struct clock clock;
    struct tunables tunables; /* what the script says of them */
    struct machine machine;   /* the run: perform.c only gives it events */
    struct record record;
    struct nodes nodes;
    struct node_logs *node_logs;
    struct logs *logs;
    struct bridge *bridge;
    struct web *web;
    struct receivers receivers;
    struct spans spans;
    struct outputs *outputs; /* NULL: nothing is written (yet) */
    struct event *outputs_event;
    void (*is_written)(struct master *m, int code); /* the end of the run; NULL: not under way */
    char *history_file;                             /* of --csv-full-history, or NULL */
    bool is_performing;
    double wake_at;             /* monotonic: what `wake` is set to; 0 */
    double settle_s;            /* see machine_rules */
    struct question *questions; /* questions.c */
    uint64_t last_question;
    double pinged_at, setup_at; /* monotonic: the last ping of a target; 0. The run's setup began */
    struct reload reload;
    struct gates gates;
    struct plans plans;
    struct weighing weighing;
    struct judging judging;
    unsigned long file_limit;
    int worst_worker_code;           /* of processes that ended by themselves */
    bool is_auto;                    /* headless or autostart: the run starts by itself */
    bool has_keys;                   /* the port for workers asks for them (--keys) */
    uint64_t strangers;              /* turned away there, and told */
    void (*begin)(struct master *m); /* that run (master.c) */
};

/* wiring.c */
void wiring_make(struct master *m); /* clock, machine, record and nodes know one another */

/* plan_weights.c. open: 0 or an exit code after a message. */
int weighing_open(struct master *m);
void weighing_second(struct master *m);
void weighing_fini(struct master *m);

/* surroundings.c */
struct run_clock master_now(void);
void master_schedule(struct event *e, double in_s);
int master_failure(int code, char *why); /* says why on stderr, and frees it; the code */

/* processes.c: those of this machine. 0 or an exit code after a message. */
int processes_start(struct master *m);
int processes_start_host(struct master *m);
void processes_start_missing(struct master *m); /* of our own workers, those that are gone */
int processes_wanted(const struct options *o);  /* worker processes of our own */
bool processes_are_only_asked(const struct options *o); /* the locustfile is looked at: no load */
void processes_node_id(char *to, size_t size);          /* a new one */

/* page_server.c */
int page_prepare(struct master *m); /* its tokens, the audit; 0 or an exit code after a message */
int page_open(struct master *m);    /* its server; 0 or an exit code after a message */
void page_tell_host(struct master *m); /* where it is, if there is one */
/* Something was done by the command line, the terminal: who. detail: users; negative: none. */
void page_audit(const struct master *m, const char *who, const char *action, double users);
void page_close(struct master *m); /* its server ends; whoever waits for an answer has it */

/* questions.c: questions of the page that only the host can answer */
struct command_result questions_ask(struct master *m,
                                    const struct command *c); /* is_pending, or why not */
void questions_answered(struct master *m, struct message_answer *a);
void questions_loaded_anew(struct master *m);      /* perhaps: host and workers are looked at */
bool questions_is_loading(const struct master *m); /* somebody waits for it */
void questions_second(struct master *m);
void questions_host_ended(struct master *m);

/* reload.c: the locustfile is loaded anew */
void reload_choose(struct master *m, const char *file); /* path: the next loading takes it */
void reload_begin(struct master *m);
void reload_script_came(struct master *m);
void reload_failed(struct master *m, int exit_code,
                   int signal_number); /* the host's process ended */
const char *
reload_obstacle(const struct master *m); /* to a start: why there is no script; or NULL */
void reload_second(struct master *m);
void reload_fini(struct master *m);

/* perform.c */
void run_on(struct master *m, const struct machine_event *e);
const char *run_begin(struct master *m);                /* ON_START; or why not (static text) */
void run_limit_to(struct master *m, double run_time_s); /* 0: as it was chosen */
void run_reset(struct master *m); /* ... in the middle of a run; the host hears of it */
double run_settle_s(void);        /* what the environment says; negative: nothing */

/* commands.c */
struct command_result commands_execute(void *arg, struct command *c);

/* downloads.c: what web threads cannot write themselves */
struct command_result downloads_write(struct master *m, const struct command *c);

/* script_settings.c: what the script says of the test itself takes effect */
void settings_take(struct master *m);

/* run_parameters.c: options, profile and shape as the page or /swarm choose them */
struct command_result parameters_check(const struct master *m, const struct command *c);
struct command_result parameters_check_host(const struct master *m, const struct command *c);
struct command_result parameters_take(struct master *m, const struct command *c);
struct command_result parameters_user_class(struct master *m, const struct command *c);

/* publish.c */
void publish_view(struct master *m);

/* keyboard.c */
void keyboard_open(struct master *m);
void keyboard_close(struct master *m);

/* suspend.c */
void suspend_open(struct master *m);
void suspend_close(struct master *m);

/* results.c: what is printed and written. open: 0 or an exit code after a message. */
int results_open(struct master *m);
void results_begin(struct master *m); /* an automatic run begins */
void results_second(struct master *m);
void results_run_over(struct master *m); /* a run, which others may follow */
/* The last figures are there. is_written: 0, or an exit code: something could not be written. */
void results_end(struct master *m, void (*is_written)(struct master *m, int code));
void results_close(struct master *m);
bool results_html_report(struct master *m, struct sbuf *html); /* --html about now; false: none */
struct snapshot *results_snapshot(struct master *m);           /* of now; one reference */
