// SPDX-License-Identifier: MIT
#pragma once
/* proto: the master's messages as C values, both ways (docs/wire.md).
 *
 * The bytes come from strangers. A message is first walked once with every length checked, so that
 * nothing is allocated for elements that are not there; then it is decoded. What does not have the
 * shape of its type is PROTO_BROKEN as a whole: the caller drops and counts it.
 *
 * proto*.c are the only files of the master that know msgpack. Pure: no socket, no clock.
 */
#include "master/proto/ratio.h"
#include "master/options/tunables.h"
#include "common/run/roster.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"

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
    MESSAGE_SCRIPT,  /* katydid_script: see proto_script */
    MESSAGE_CALL,    /* katydid_call */
    MESSAGE_TICKED,  /* katydid_ticked */
    MESSAGE_DONE,    /* katydid_done */
    MESSAGE_WANT,    /* katydid_want */
    MESSAGE_WEB,     /* katydid_web */
    MESSAGE_ANSWER,  /* katydid_answer */
    MESSAGE_SAMPLES, /* katydid_samples */
    MESSAGE_LINES,   /* katydid_logs */
    MESSAGE_CUSTOM,  /* the user's own type */
};

enum proto_rc { PROTO_OK, PROTO_BROKEN };

struct slice { /* borrowed bytes, not NUL-terminated */
    const char *data;
    size_t len;
};

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
    double cpu_percent;
    uint64_t memory_bytes; /* 0: not given */
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
    uint64_t memory_bytes;
    struct users_report users;
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
    bool has_exit_code, is_unhandled;
    int exit_code;
};

struct message_web {  /* the host's own web server, docs/wire.md */
    char socket[108]; /* path; "" none */
    bool has_login, has_guards, has_hooks, has_page;
    char *extensions; /* JSON; owned */
};

struct message_exception {
    char *message, *traceback; /* owned */
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
    };
};

/* Slices of *m point into bytes. On PROTO_BROKEN *m needs no fini. */
enum proto_rc proto_parse(const void *bytes, size_t len, struct message *m);
void message_fini(struct message *m);
/* The type alone, cheaply. false: not told so simply, or no message at all. */
bool proto_peek_type(const void *bytes, size_t len, struct slice *type);
void proto_texts_free(char **texts); /* a list like user_classes; NULL is fine */

struct script_class {
    char *name, *host; /* host NULL: none */
    bool needs_host;   /* its users cannot start without one */
    double weight;
    unsigned fixed_count;
    struct task_list tasks;
};

struct script_shape { /* a load shape that the page may choose */
    char *name;
    bool uses_options;
};

struct script_settings { /* of the test, as listeners may have set them; NAN, NULL: none */
    bool is_given;
    double users, spawn_rate, run_time_s, stop_timeout_s, expect_workers, expect_workers_max_wait_s;
    double autoquit_s, exit_code_on_error;
    bool reset_stats, json, only_summary, print_stats;
    char *host, *html_file, *json_file, *csv_prefix;
};

struct script {    /* what the host found in the locustfile; owned */
    bool is_local; /* role "local": the host runs users itself */
    struct script_class *classes;
    size_t class_count;
    bool has_connections; /* users of some class hold a connection each */
    bool has_proxies;     /* some class has to do with proxies: it may not look up its host */
    bool has_shape, shape_uses_options;
    char *shape_name, *locustfile;
    struct script_shape *shapes;
    size_t shape_count;
    void *options; /* msgpack map {dest: value}, goes into every spawn */
    size_t options_len;
    char *about; /* JSON object: what the page shows of it */
    struct script_settings settings;
    struct tunables tunables;
    bool hears_reports, hears_beats; /* somebody listens to worker_report, heartbeat_sent */
    char *bad_constant;              /* one whose value makes no sense; or NULL */
};
enum proto_rc proto_script(const struct message *m, struct script *out);
void script_fini(struct script *s);

/* The options map of a script with one value changed, whole, into out (unless UNKNOWN or BAD). */
enum proto_option {
    PROTO_OPTION_SET,
    PROTO_OPTION_UNKNOWN, /* there is no such option */
    PROTO_OPTION_BAD,     /* the text is no value of the present one's type */
};
/* From the fields of a form of that name, at least one. */
enum proto_option proto_option_texts(struct slice map, const char *name, const char *const *texts,
                                     size_t count, struct sbuf *out);
struct option_set {
    const char *text; /* or NULL: the number */
    double number;
    bool is_whole;
};
enum proto_option proto_option_value(struct slice map, const char *name,
                                     const struct option_set *set, struct sbuf *out);

/* A JSON object as msgpack. false and *wrong when it is none. */
struct json_wrong {
    char text[160];
};
bool proto_from_json(const char *text, struct sbuf *out, struct json_wrong *wrong);

void proto_pack_text(struct sbuf *out, const char *text); /* one msgpack string */
/* The text of a member of a map; malloced, or NULL. */
char *proto_member(struct slice map, const char *key);

/* Calls for each line of a "logs" message's data. false when it has none. */
bool proto_logs(struct slice data, void (*line)(void *arg, const char *text, size_t len),
                void *arg);

/* Outgoing. Each appends one whole message to out. */
void proto_plain(struct sbuf *out, const char *type, const char *node); /* no data */
void proto_ack(struct sbuf *out, const char *node, unsigned index, const char *boot_id,
               const char *token);
void proto_report_ack(struct sbuf *out, const char *node, const char *epoch, uint64_t seq,
                      double report_interval_s);
/* The report was not taken: it must come again, with the names of all of its rows. */
void proto_report_nameless(struct sbuf *out, const char *node, const char *epoch, uint64_t seq,
                           double report_interval_s);
void proto_spawning_complete(struct sbuf *out, const char *node, unsigned users);
void proto_relay(struct sbuf *out, struct slice type, struct slice data, const char *node);

struct spawn_order {
    double timestamp;  /* Locust's workers take only one that is later than the last one's */
    uint64_t sequence; /* ours, one that is higher */
    const char *host;  /* NULL: each class has its own */
    double stop_timeout_s;
    const char *run_id;
    size_t class_count;
    const char *const *names;
    const unsigned *counts;
    struct slice options; /* msgpack map, or empty */
};
void proto_spawn(struct sbuf *out, const char *node, const struct spawn_order *o);

struct event_args {        /* what is given becomes an argument of the event */
    const char *client_id; /* or NULL */
    const double *timestamp;
    const int *exit_code;
    const unsigned *user_count;
    const char *run;   /* the run's id, or NULL */
    struct slice data; /* msgpack, or empty */
};
void proto_report(struct sbuf *out, const char *node, const struct sbuf *html); /* NULL: none */
void proto_event(struct sbuf *out, const char *node, uint64_t id, const char *name,
                 const struct event_args *args);

struct host_page { /* where the host reaches the page, and what admits it there */
    const char *address, *secret, *base_path;
    int port;
    bool has_tls; /* towards browsers; not on this port */
};
void proto_page(struct sbuf *out, const char *node, const struct host_page *p);
void proto_browse(struct sbuf *out, const char *node, const char *url); /* open it */

struct host_state {
    const char *state;
    unsigned users, target_users, worker_count;
    const struct class_users *classes;
    size_t class_count;
    const struct tally *total;
};
void proto_state(struct sbuf *out, const char *node, const struct host_state *s);

/* The entries of a "stats" data map that a user's worker_report listener may see: everything but
 * our report. Appends a msgpack map. */
void proto_public_stats(struct sbuf *out, struct slice data);

/* Any msgpack value as JSON: text of any bytes, numbers that are none become null. false:
 * malformed. */
bool proto_to_json(struct slice value, struct sbuf *out);

/* A question to the host; args: a msgpack map, or empty. */
void proto_ask(struct sbuf *out, const char *node, uint64_t id, const char *what,
               struct slice args);
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
