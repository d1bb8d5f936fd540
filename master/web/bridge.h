// SPDX-License-Identifier: MIT
#pragma once
/* bridge: the only door, and the only locks, between the main thread and the web threads.
 *
 * Inwards: commands on a bounded queue; the main loop wakes by an eventfd, executes them in order
 * and answers each. Outwards: the newest view. Nothing else is shared.
 */
#include <stdbool.h>
#include "master/data/kept.h"
#include "master/data/view.h"

enum command_kind {
    CMD_SWARM, /* start; by /swarm of Locust also an edit when running */
    CMD_STOP,
    CMD_RESET, /* statistics */
    CMD_QUIT,
    CMD_RENDER,     /* `document` into `out` */
    CMD_USER_CLASS, /* `json`: attributes of a User class, for the host and every worker */
    CMD_TRY,        /* one user, once: `json` says which; into `out` */
    CMD_RELOAD,     /* the locustfile */
    CMD_PING,       /* one request to a host: `json` says which; into `out` */
    CMD_MARKER,     /* `text` at `at` */
    CMD_SCENARIO,   /* one that runs is to be another: `json` says how */
};

enum document { /* what only the main thread can write */
                DOCUMENT_REQUESTS_CSV,
                DOCUMENT_FAILURES_CSV,
                DOCUMENT_EXCEPTIONS_CSV,
                DOCUMENT_TASKS,   /* JSON of Locust's /tasks */
                DOCUMENT_LOGS,    /* JSON of Locust's /logs */
                DOCUMENT_SCRIPT,  /* JSON of what the locustfile holds */
                DOCUMENT_LINES,   /* JSON of log lines: since, limit */
                DOCUMENT_SAMPLES, /* JSON of samples of a failure or a row: id */
                DOCUMENT_ROW_SAMPLES,
                DOCUMENT_CHECK_SAMPLES,  /* of a check that failed: text */
                DOCUMENT_METRICS,        /* JSON of all series from since to limit */
                DOCUMENT_COURSE,         /* JSON of one over time: text, json (its tags), step id */
                DOCUMENT_THRESHOLDS,     /* JSON: how the texts in json are understood */
                DOCUMENT_REPORT_METRICS, /* series and their courses, from since to limit */
                DOCUMENT_REPORT_SAMPLES, /* what html_report.h allows of all samples … */
                DOCUMENT_REPORT_LOGS,    /* … and of the log lines */
                DOCUMENT_SCENARIOS,      /* JSON of the scenarios, and how far they are */
                DOCUMENT_SCRAPE,         /* the figures of now, and who writes them, in scrape */
};

struct sbuf;
struct snapshot;
/* What a scraper gets; whoever asked writes it, on its own thread. */
struct scrape {
    struct snapshot *snapshot; /* a reference */
    struct kept kept;          /* by whoever answers */
    /* In the form that it accepts (a header, or NULL); returns the type of that. */
    const char *(*write)(const struct scrape *s, const char *accept, struct sbuf *out);
    const void *arg;
};
struct command_field {
    char *name, *value;
};

struct command {
    enum command_kind kind;
    double users, spawn_rate;     /* CMD_SWARM; negative = not given */
    char *host;                   /* NULL = leave; owned by the command */
    double run_time_s;            /* negative = not given; 0 = no limit */
    char **user_classes;          /* NULL-terminated or NULL = leave; owned */
    struct command_field *fields; /* CMD_SWARM: further fields of the form, owned */
    size_t field_count;
    enum document document;    /* CMD_RENDER */
    struct sbuf *out;          /* CMD_RENDER and the questions, or NULL; the submitter's */
    struct scrape *scrape;     /* DOCUMENT_SCRAPE; likewise */
    uint64_t id, since, limit; /* CMD_RENDER: numbers of lines, or unix seconds */
    char *json;                /* CMD_USER_CLASS, CMD_RENDER and the questions; owned */
    char *class_settings;      /* CMD_SWARM: {class: {attribute: value}}; JSON, owned, or NULL */
    char *thresholds;          /* CMD_SWARM: those of this run; JSON, owned, or NULL */
    char *text;                /* CMD_MARKER, CMD_RENDER; owned */
    double above;              /* DOCUMENT_COURSE: series_course.h; 0: not asked for */
    double at;                 /* CMD_MARKER: unix seconds; 0: now */
    bool is_check;             /* CMD_SWARM: only say whether it would be done */
    bool is_pages;             /* CMD_SWARM: by the page, not by Locust's /swarm: may choose classes
                                * and a shape without --class-picker too */
    bool is_edit;              /* CMD_SWARM of the page: of a running test; starts none */
    void *ticket;              /* the bridge's: for bridge_answer */
};
void command_forget_classes(struct command *c);
void command_fini(struct command *c);

struct command_result {
    bool is_ok;
    bool is_pending; /* not the answer yet: that comes by bridge_answer */
    char text[512];  /* for people: what was done, or cause and mend */
    char field[32];  /* the offending field of the form, or "" */
    int status;      /* of HTTP; 0: 200, for a refusal 400 with a field and 409 without */
    bool is_shaped;  /* CMD_SWARM: a load shape decides about users and time */
    bool is_picked;  /* CMD_SWARM: User classes may be chosen (--class-picker) */
};

struct bridge;
struct bridge *bridge_new(void);
void bridge_free(struct bridge *b);

/* Web threads. Takes what *c owns. Waits for the main loop's answer, at most timeout_ms. */
struct command_result bridge_submit(struct bridge *b, struct command *c, int timeout_ms);
struct view *bridge_view(struct bridge *b); /* a new reference, or NULL before the first */
/* Waits until a view newer than tick exists, at most timeout_ms; new reference or NULL. */
struct view *bridge_wait_view(struct bridge *b, uint64_t tick, int timeout_ms);

/* Main thread. */
int bridge_fd(const struct bridge *b); /* readable when commands wait */
void bridge_run_commands(struct bridge *b,
                         struct command_result (*execute)(void *arg, struct command *c), void *arg);
/* The answer of a command whose execution said is_pending; exactly one, before bridge_close. */
void bridge_answer(struct bridge *b, void *ticket, const struct command_result *result);
void bridge_publish(struct bridge *b, struct view *v); /* takes the reference */
void bridge_close(struct bridge *b); /* pending and later submits fail, waiters return */
