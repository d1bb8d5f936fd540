// SPDX-License-Identifier: MIT
#pragma once
/* children: the katydid-worker processes of this machine.
 *
 * Each gets its configuration as a JSON file in a private folder, a process group of its own (so
 * that the terminal's ^C reaches only the master, which ends them in order) and dies with its
 * parent (PR_SET_PDEATHSIG).
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct options;

struct sbuf;

struct child_config {
    const char *role; /* "local", "worker", "script-host" */
    const char *endpoint;
    const char *node_id; /* NULL: its own choice */
    const char *options_json;
    const struct options *o; /* what the locustfile's options need: words, settings, our name */
    const char *list;        /* NULL, "users", "ratio", "ratio-json", "options" */
    const char *answer;      /* for the list "options": the file to write; nothing is shown */
    bool is_quiet;           /* keeps what is wrong to itself until children_may_speak */
    bool is_host;            /* leaves what is wrong for children_refusal */
};

struct child {
    pid_t pid;     /* 0: ended */
    char *node_id; /* or NULL */
    int status;    /* of waitpid, once ended */
    bool is_told;  /* its end */
};

struct children {
    char *folder;  /* private; NULL until children_open */
    int lock;      /* of the folder */
    char *program; /* katydid-worker */
    struct child *list;
    size_t count;
    unsigned files;
};

/* Finds the program and makes the folder. 0, or -1 and a sentence in *why (malloced). */
int children_open(struct children *c, char **why);
/* Removes the folder and what is left in it. Ends nobody. */
void children_close(struct children *c);

/* 0 or -1 with a sentence in *why. */
int children_start(struct children *c, const struct child_config *config, char **why);
/* What is wrong with a locustfile is wrong in all processes: quiet ones keep it to themselves until
 * the host has imported the same file, and what all of them have to say is said once. Called with
 * false when the file is about to be loaded anew. */
void children_may_speak(const struct children *c, bool may);
/* What a process that could not load the locustfile left about it: in short in the first line, then
 * in full. False when there is nothing. */
bool children_refusal(const struct children *c, struct sbuf *out);
void children_forget_refusal(const struct children *c);
/* Becomes `katydid-worker --version WORDS`: returns only on failure. */
void children_exec_version(const char *words);
/* Becomes the worker: returns only on failure, with a sentence. */
char *children_exec(struct children *c, const struct child_config *config);

/* After SIGCHLD: the next child that ended, each once; NULL when there is no more. */
struct child *children_reap(struct children *c);
size_t children_running(const struct children *c);
bool children_has(const struct children *c, const char *node_id); /* it runs */
void children_signal(const struct children *c, int signal_number);
void children_signal_node(const struct children *c, const char *node_id, int signal_number);
/* The exit code as a shell gives it: 128 + n after signal n. */
int child_exit_code(const struct child *c);
int child_signal(const struct child *c); /* that ended it; 0 */
