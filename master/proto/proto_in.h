// SPDX-License-Identifier: MIT
#pragma once
/* proto_in: the messages that come to the master, as C values (docs/wire.md).
 *
 * The bytes come from strangers. A message is first walked once with every length checked, so that
 * nothing is allocated for elements that are not there; then it is decoded. What does not have the
 * shape of its type is PROTO_BROKEN as a whole: the caller drops and counts it.
 *
 * The files of this folder are the only ones of the master that know msgpack. Pure: no socket, no
 * clock.
 */
#include "common/base/sbuf.h"
#include "common/plan/ledger.h"
#include "common/run/roster.h"
#include "master/proto/proto_journal.h"
#include "master/proto/proto_json.h"

#define PROTO_MAX_BYTES (32u << 20) /* a longer message is broken */

enum message_kind {
    MESSAGE_CLIENT_READY,
    MESSAGE_HEARTBEAT,
    MESSAGE_STATS,
    MESSAGE_SPAWNING,
    MESSAGE_SPAWNING_COMPLETE,
    MESSAGE_EXCEPTION,
    MESSAGE_LOGS,
    MESSAGE_CLIENT_STOPPED,
    MESSAGE_QUIT,
    MESSAGE_LOCUSTFILE,
    MESSAGE_SCRIPT,     /* katydid_script: see proto_script */
    MESSAGE_CALL,       /* katydid_call */
    MESSAGE_TICKED,     /* katydid_ticked */
    MESSAGE_DONE,       /* katydid_done */
    MESSAGE_WANT,       /* katydid_want */
    MESSAGE_WEB,        /* katydid_web */
    MESSAGE_ANSWER,     /* katydid_answer */
    MESSAGE_SAMPLES,    /* katydid_samples */
    MESSAGE_LINES,      /* katydid_logs */
    MESSAGE_ITERATIONS, /* katydid_iterations */
    MESSAGE_SPANS,      /* katydid_spans */
    MESSAGE_CUSTOM,     /* the user's own type */
};

enum proto_rc { PROTO_OK, PROTO_BROKEN };

struct users_report { /* "user_classes_count"; owned */
    struct class_users *classes;
    size_t count;
    unsigned total;
};

struct message_ready {
    bool is_accepted; /* false: a version no Locust 2 worker sends */
    bool is_katydid;
    char version[64]; /* "" for -1: a worker in another language */
};

struct message_heartbeat {
    char state[16];
    double cpu_percent, clock, clock_error_ms; /* clock: monotonic; 0, negative: not given */
    uint64_t memory_bytes, order, shares; /* newest of spawn, of shares; 0, UINT64_MAX: no word */
};

struct message_stats {
    bool is_katydid;
    char epoch[64], run[64];
    uint64_t seq;
    double sent_at; /* the worker's clock, unix seconds; a stock one's newest request, or 0 */
    struct slice report, names;        /* of the rows of the report; or empty */
    struct slice series, series_names; /* what was counted in series, and of which; or empty */
    struct slice anew, written;        /* by user code, before the report and after it; or empty */
    double cpu_percent, lag_ms;
    double lag_p99_ms, fds, connections; /* negative: not told */
    double cores, throttled;             /* of the container; 0: no limit, not held back */
    double starved, late_starts;         /* percent; starved negative: not told */
    uint64_t memory_bytes;
    struct users_report users;
    struct told_iterations { /* of each scenario of the run; owned */
        uint64_t told[ITERATIONS_TOLD];
        uint32_t users, waiting, busy, most_waiting;
    } * scenarios;
    size_t scenario_count;
    struct told_journals journals;
};

struct message_iterations { /* a worker has done some, and wants more */
    char run[64];
    uint64_t scenario, started, done, wanted;
};

struct message_call {
    enum call_method {
        CALL_START,
        CALL_STOP,
        CALL_QUIT,
        CALL_RESET,
        CALL_CLEAR,
        CALL_REASON /* only that */
    } method;
    char reason[300];         /* why code ends the test, or "" */
    double users, spawn_rate; /* CALL_START */
    char **user_classes;      /* NULL-terminated, or NULL; owned */
    bool has_exit_code;       /* CALL_QUIT: of sys.exit() in user code */
    int exit_code;
};

struct message_ticked {
    enum tick_result { TICK_AIM, TICK_END, TICK_ERROR } result;
    double users, spawn_rate;
    char **user_classes; /* NULL-terminated, or NULL; owned */
    char *error;         /* TICK_ERROR; owned */
};

struct message_done {
    uint64_t id;
    bool has_exit_code, is_unhandled, is_failed; /* failed: setup, teardown */
    int exit_code;
    struct slice setup; /* what setup gave, as msgpack; or empty */
};

struct message_web {  /* the host's own web server, docs/wire.md */
    char socket[108]; /* path; "" none */
    bool has_login, is_changed, has_page;
    char *extensions; /* JSON; owned */
};

struct message_exception {
    char *message, *traceback; /* owned */
    bool has_ended;            /* the worker, before it could join */
    int exit_code;             /* of one that has */
};

struct message_want {
    bool has_stats, stats; /* the statistics: from now on, or no more */
    bool report;           /* the report, once */
};

struct message {
    enum message_kind kind;
    struct slice type;
    struct slice data; /* the msgpack bytes of the data element */
    struct slice node; /* the node id element; empty when it is nil */
    char token[40];    /* of messages that end or change something: see wire.md, Trust; or "" */
    union {
        struct message_ready ready;
        struct message_heartbeat heartbeat;
        struct message_stats stats;
        struct users_report spawned;
        struct message_exception exception;
        struct message_call call;
        struct message_ticked ticked;
        struct message_done done;
        struct message_web web;
        struct message_want want;
        struct message_iterations iterations;
        struct message_spans spans;
    };
};

/* Slices of *m point into bytes. On PROTO_BROKEN *m needs no fini. */
enum proto_rc proto_parse(const void *bytes, size_t len, struct message *m);
void message_fini(struct message *m);
/* The type alone, cheaply. false: not told so simply, or no message at all. */
bool proto_peek_type(const void *bytes, size_t len, struct slice *type);
void proto_texts_free(char **texts); /* a list like user_classes; NULL is fine */

/* The text of a member of a map; malloced, or NULL. */
char *proto_member(struct slice map, const char *key);

/* Calls for each line of a "logs" message's data; mono: when it was written, by the monotonic clock
 * of its machine, or negative. false when it has none. */
bool proto_logs(struct slice data,
                void (*line)(void *arg, double mono, const char *text, size_t len), void *arg);

struct message_answer {
    uint64_t id;
    char *error;    /* NULL: it went well; owned */
    char field[32]; /* to blame for the error, or "" */
    char *result;   /* JSON object, or NULL; owned */
};
bool proto_answer(struct slice data, struct message_answer *out);
void answer_fini(struct message_answer *a);

struct sample_in {
    bool is_failed;
    char *method, *name, *error; /* error NULL: it is slow */
    double time_ms;
    struct sbuf json; /* all of it */
};
/* Calls for each sample of that run; false when the message is malformed. */
bool proto_samples(struct slice data, const char *run_id, void (*each)(void *, struct sample_in *),
                   void *arg);

struct line_in {
    double at;
    char *level, *logger, *text;
};
bool proto_lines(struct slice data, uint64_t *dropped, void (*each)(void *, const struct line_in *),
                 void *arg);
