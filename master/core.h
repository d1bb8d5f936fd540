// SPDX-License-Identifier: MIT
#pragma once
/* core: the master's state, and the files that act on it. Nobody else includes this.
 *
 *   app/master.c          lifetimes, the loop, its timers and signals
 *   app/commands.c        what the page asks for
 *   app/run_parameters.c  options as the page or /swarm choose them
 *   app/script_settings.c the test's settings by the locustfile
 *   app/downloads.c       what the page downloads
 *   app/publish.c         snapshots for the page
 *   app/keyboard.c        keys of the terminal, app/suspend.c Ctrl+Z
 *   app/perform.c         hands events to the run machine, carries its actions out
 *   nodes/outbox.c        sends messages, nodes/inbox.c receives them
 *   nodes/workers.c       workers come and go, nodes/absence.c ... or fall silent
 *   nodes/script.c        dialogue with the host
 *   nodes/questions.c     questions of the page to the host
 *   nodes/reload.c        the locustfile, loaded anew
 *   app/results.c         what the outputs are given
 *
 * One thread, one owner: struct master. Files call one another by the functions below only.
 */
#include "common/wire/link.h"
#include "master/web/bridge.h"
#include "master/data/host_stats.h"
#include "master/nodes/children.h"
#include "master/nodes/line_limit.h"
#include "master/data/logbook.h"
#include "master/data/logs.h"
#include "master/data/record.h"
#include "master/nodes/mail.h"
#include "master/options/options.h"
#include "master/out/outputs.h"
#include "master/proto/proto.h"
#include "master/run/machine.h"
#include "master/run/run_log.h"
#include "master/options/tunables.h"
#include <event2/event.h>
#include <termios.h>

#define LOCUST_VERSION "2.47.0" /* the release whose behaviour we follow */

struct master;

struct anew {          /* reload.c */
    bool is_on;        /* it is loaded, or that failed */
    double until;      /* monotonic: when loading must be done */
    uint64_t files;    /* how the files looked when that began */
    char *why, *whole; /* why it failed, in a sentence and in full; NULL: it did not */
    bool is_late;      /* it took too long */
};

struct host { /* the node that runs the master-side Python */
    char node_id[96];
    bool is_alive; /* its process runs */
    bool has_script;
    struct script script;
    uint64_t last_event;
    struct pending_event {
        uint64_t id;
        enum listened listened;
        unsigned run;
        struct pending_event *next;
    } * pending;
    bool is_tick_out;
    struct tick_memory {
        double users, spawn_rate;
        char **user_classes;
        bool is_set;
    } last_tick;
    struct message_web web;     /* its web server; socket "" when it has none */
    struct question *questions; /* questions.c */
    struct anew anew;
    uint64_t last_question;
};

struct inbox {
    struct mail mail;
    struct clk_moment handled; /* when the message came that is being handled */
    bool has_unread;           /* the link was not read to its end, */
    double unread_since;       /* monotonic */
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

struct master {
    const struct options *o; /* live */
    struct options live;     /* the command line's, and what listeners set (script_settings.c) */
    struct event_base *base;
    struct event *link_event, *drain, *second, *wake, *bridge_event, *signals[4];
    struct event *suspend;        /* or NULL */
    struct event *key_event;      /* or NULL */
    struct termios terminal_mode; /* to be restored, when there is a key_event */
    char *page_url;               /* NULL without a page */
    char page_secret[33];         /* that admits the host's requests */
    struct link *link;
    struct children children;
    char *options_json;
    char boot_id[33];
    bool is_local; /* one worker of our own, which is the host as well */
    struct host host;
    struct record record;
    struct machine machine; /* the run: perform.c only gives it events */
    bool is_performing;
    double wake_at;  /* monotonic: what `wake` is set to; 0 */
    double settle_s; /* see machine_rules */
    struct bridge *bridge;
    struct web *web;
    struct logbook *logbook;
    struct logs *logs;
    struct outputs *outputs; /* NULL: nothing is written (yet) */
    struct event *outputs_event;
    bool is_end_out;    /* the outputs write the end of the run: ON_WRITTEN is due */
    char *history_file; /* of --csv-full-history, or NULL */
    struct inbox inbox;
    struct hush lines[LINES_KINDS];
    double lines_told_at; /* monotonic: when it was last told which were left out */
    double looked_at;     /* clk_boot() of the last second that was looked at */
    unsigned long file_limit;

    double order_time;     /* of the last spawn order, and */
    uint64_t order_number; /* how many there were */

    bool is_auto; /* headless or autostart: the run starts by itself */
    bool is_auto_begun;
    double waiting_since, next_wait_log; /* monotonic: for workers */
    struct tunables tunables;
    char notice[512];
    char stop_reason[300]; /* why code ended this run, or "" */
};

struct run_clock master_now(void);
void master_random(void *bytes, size_t len);
void master_schedule(struct event *e, double in_s);
int master_start_host(struct master *m);     /* its process; 0, or -1 after a message */
void master_start_missing(struct master *m); /* of our own workers, those that are gone */
void master_tell_page(struct master *m);     /* to the host: where it is, if there is one */
void master_close_page(struct master *m); /* its server ends; whoever waits for an answer has it */

/* outbox.c. False when the node cannot take it now. */
bool post_plain(struct master *m, const char *type, const char *node);
bool post_bytes(struct master *m, const char *node, struct sbuf *bytes); /* releases bytes */
bool post_spawn(struct master *m, struct dispatch_worker *to);
void post_changed(struct master *m); /* spawn to every worker whose users changed */

/* inbox.c */
void inbox_drain(struct master *m);           /* a slice of it; goes on by itself */
void inbox_soon(struct master *m);            /* there may be messages */
void inbox_flush(struct master *m);           /* all there is, within a second */
bool inbox_is_behind(const struct master *m); /* there is mail that was not looked at yet */
void inbox_second(struct master *m);
double inbox_delay_s(const struct master *m);  /* of reports, beyond the usual */
double inbox_behind_s(const struct master *m); /* how long it could not keep up, in this run */
void inbox_begin_run(struct master *m);
void inbox_fini(struct master *m);
void inbox_take_lines(struct master *m, const char *source, const struct message *msg);

/* workers.c: workers */
void hands_ready(struct master *m, const char *node, const struct message_ready *r);
void hands_heartbeat(struct master *m, const char *node, const struct message_heartbeat *h,
                     const char *token);
/* Whether the worker itself says it. */
bool hands_know(struct worker *w, const char *token);
void hands_stopped(struct master *m, struct worker *w);
void hands_quit(struct master *m, struct worker *w);
void hands_watch_cpu(struct master *m, struct worker *w); /* it told what it used in this run */
#define HANDS_LOCAL_PATIENCE_S 120 /* silence of a local run's process, while all is to end */
void hands_second(struct master *m);
void hands_process_ended(struct master *m, const char *node_id, int code);
bool hands_may_log(struct master *m, enum line_kind kind);

/* absence.c: who was not heard for a while, and what that means for the figures */
void away_lost(struct master *m, struct worker *w);
void away_back(struct master *m, struct worker *w);
void away_reported(struct master *m, struct worker *w, double sent_at); /* it was counted */
void away_second(struct master *m);
void away_forget(struct master *m); /* a run begins */

/* script.c: the host */
void script_fire(struct master *m, enum listened listened, unsigned run,
                 const struct event_args *args); /* ON_HEARD: when the listeners have run */
void script_tell(struct master *m, const char *name, const struct event_args *args);
void script_on_message(struct master *m, struct message *msg);
void script_on_call(struct master *m, const struct message_call *c);
void script_host_ended(struct master *m);
void script_forget_events(struct master *m); /* nobody answers those that were sent */
void script_second(struct master *m);
void script_stats_second(struct master *m); /* its numbers, when it wants them */
void script_send_state(struct master *m);
void script_tell_page(struct master *m, int port, const char *secret); /* where the page is */
const char *script_begin_shape(struct master *m);
void script_forget_tick(struct master *m);
void script_open_page(struct master *m); /* in the user's browser */

/* questions.c: questions of the page that only the host can answer */
struct command_result ask_host(struct master *m,
                               const struct command *c); /* is_pending, or why not */
void ask_answered(struct master *m, struct message_answer *a);
void ask_loaded_anew(struct master *m);      /* perhaps: host and workers are looked at */
bool ask_is_loading(const struct master *m); /* somebody waits for it */
void ask_second(struct master *m);
void ask_host_ended(struct master *m);

/* reload.c: the locustfile is loaded anew */
void anew_begin(struct master *m);
void anew_script_came(struct master *m);
void anew_failed(struct master *m, const struct child *c); /* the host's process ended */
const char *anew_obstacle(const struct master *m); /* to a start: why there is no script; or NULL */
void anew_second(struct master *m);
void anew_fini(struct master *m);

/* perform.c */
void run_on(struct master *m, const struct machine_event *e);
const char *run_begin(struct master *m); /* ON_START; or why not (static text) */
void run_clear(struct master *m);        /* all figures */
void run_reset(struct master *m);        /* ... in the middle of a run; the host hears of it */
double run_settle_s(void);               /* what the environment says; negative: nothing */

/* commands.c */
struct command_result commands_execute(void *arg, struct command *c);

/* downloads.c: what web threads cannot write themselves */
struct command_result documents_write(struct master *m, const struct command *c);

/* script_settings.c: what the script says of the test itself takes effect */
void settings_take(struct master *m);

/* run_parameters.c: options, profile and shape as the page or /swarm choose them */
struct command_result choices_check(const struct master *m, const struct command *c);
struct command_result choices_check_host(const struct master *m, const struct command *c);
struct command_result choices_take(struct master *m, const struct command *c);
struct command_result choices_user_class(struct master *m, const struct command *c);

/* publish.c */
void show_publish(struct master *m);

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
void results_end(struct master *m); /* the last figures are there; ON_WRITTEN is due */
void results_close(struct master *m);
/* The page of --html about now, for the host. False when there is none. */
bool results_report(struct master *m, struct sbuf *html);
