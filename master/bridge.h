// SPDX-License-Identifier: MIT
#pragma once
/* bridge: the only door, and the only locks, between the main thread and the web threads.
 *
 * Inwards: commands on a bounded queue; the main loop wakes by an eventfd, executes them in order
 * and answers each. Outwards: the newest view. Nothing else is shared.
 */
#include <stdbool.h>
#include "master/view.h"

enum command_kind {
    CMD_SWARM, /* start, or edit when running */
    CMD_STOP,
    CMD_RESET, /* statistics */
    CMD_QUIT,
    CMD_RENDER,     /* `document` into `out` */
    CMD_USER_CLASS, /* `json`: attributes of a User class, for the host and every worker */
};

enum document { /* what only the main thread can write */
                DOCUMENT_REQUESTS_CSV,
                DOCUMENT_FAILURES_CSV,
                DOCUMENT_EXCEPTIONS_CSV,
                DOCUMENT_HISTORY_CSV, /* refused without --csv-full-history */
                DOCUMENT_TASKS,       /* JSON of Locust's /tasks */
                DOCUMENT_LOGS,        /* JSON of Locust's /logs */
};

struct sbuf;
struct command_field {
    char *name, *value;
};

struct command {
    enum command_kind kind;
    double users, spawn_rate;     /* CMD_SWARM; negative = not given */
    char *host;                   /* NULL = leave; owned by the command */
    double run_time_s;            /* negative = leave; 0 = no limit */
    char **user_classes;          /* NULL-terminated or NULL = leave; owned */
    struct command_field *fields; /* CMD_SWARM: further fields of the form, owned */
    size_t field_count;
    enum document document; /* CMD_RENDER */
    struct sbuf *out;       /* CMD_RENDER; the submitter's */
    char *json;             /* CMD_USER_CLASS; owned */
};
void command_fini(struct command *c);

struct command_result {
    bool is_ok;
    char text[512]; /* for people: what was done, or cause and mend */
    char field[32]; /* the offending field of the form, or "" */
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
void bridge_publish(struct bridge *b, struct view *v); /* takes the reference */
void bridge_close(struct bridge *b); /* pending and later submits fail, waiters return */
