// SPDX-License-Identifier: MIT
#pragma once
/* proto_out: the messages of the master. Each function appends one whole message. */
#include "common/base/sbuf.h"
#include "common/plan/ledger.h"
#include "common/run/roster.h"
#include "master/proto/proto_journal.h"
#include "master/proto/proto_json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tally;

void proto_plain(struct sbuf *out, const char *type, const char *node); /* no data */
void proto_ack(struct sbuf *out, const char *node, unsigned index, const char *boot_id,
               const char *token);
void proto_report_ack(struct sbuf *out, const char *node, const char *epoch, uint64_t seq,
                      double report_interval_s);
/* The report was not taken: it must come again, with the names of all of its rows. */
void proto_report_nameless(struct sbuf *out, const char *node, const char *epoch, uint64_t seq,
                           double report_interval_s);
void proto_gone(struct sbuf *out, const char *worker, const char *node);
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
    struct slice options;     /* msgpack map, or empty */
    char *const *series_tags; /* keys, or key=value; ends with NULL; or NULL */
    char *const *labels;      /* keys of tags that outputs tell requests apart by; likewise */
    char *const *goodputs;    /* what answers are good, as thresholds ask; likewise */
    int64_t seed;             /* of users that loop; negative: none */
    bool counts_iterations;   /* executions of tasks are to be counted */
    bool has_k6_times;        /* http_req_duration is to be what k6 means by it */
    const char *http2;        /* "true", "prior-knowledge"; NULL: HTTP/1.1, unless classes say */
    bool discards_bodies;     /* of responses, unless a request says that it wants its own */
    char *const *scenarios;   /* texts (common/plan/scenario.h); ends with NULL; or NULL */
    struct journal_orders journals;
};
/* The answer to a heartbeat, which bore that time of the worker's clock (0: none, as of Locust's):
 * what ours says, and whose that is. */
void proto_beat(struct sbuf *out, const char *node, double clock, double mono, const char *machine);
/* What the run's setup gave, to be had by the users of that worker; a msgpack value. */
void proto_setup(struct sbuf *out, const char *node, struct slice data);
void proto_spawn(struct sbuf *out, const char *node, const struct spawn_order *o);

/* The scenarios began elapsed_s ago (negative: they are to begin), at began_s of the monotonic
 * clock of that machine, which is its kernel's boot id, or empty. */
struct scenarios_begin {
    double elapsed_s, began_s;
    const char *machine;
};
struct scenarios_dealt {
    uint64_t number, after;      /* after: that of the shares that must have come before; 0: none */
    double told_s;               /* elapsed_s when all were told */
    const struct stripe *shares; /* by scenario: which arrivals are the worker's */
    size_t count;
    /* ... or NULL: since which index, until that share begins, none was; UINT64_MAX: it was not
     * away. */
    const uint64_t *away;
    const struct ledger_piece *pieces; /* ... and of each of these its share */
    size_t piece_count;
};
/* texts: the scenarios as they are now, if some were changed since the spawn orders; or NULL. */
void proto_scenarios(struct sbuf *out, const char *node, const char *run, char *const *texts,
                     const struct scenarios_begin *begin_of, const struct scenarios_dealt *dealt);

/* Of the iterations of that scenario so many are the worker's, from the begin on; is_all: no more
 * will be. */
void proto_grant(struct sbuf *out, const char *node, const char *run, size_t scenario,
                 uint64_t granted, bool is_all);
void proto_spans_heard(struct sbuf *out, const char *node, uint64_t number);

struct event_args {        /* what is given becomes an argument of the event */
    const char *client_id; /* or NULL */
    const double *timestamp;
    const int *exit_code;
    const unsigned *user_count;
    const char *run;                       /* the run's id, or NULL */
    const double *timeout;                 /* seconds */
    struct slice data;                     /* msgpack, or empty */
    const struct journal_orders *journals; /* or NULL */
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
    double spawn_rate; /* users per second */
    const struct class_users *classes;
    size_t class_count;
    const struct tally *total;
};
void proto_state(struct sbuf *out, const char *node, const struct host_state *s);

/* A question to the host; args: a msgpack map, or empty. */
void proto_ask(struct sbuf *out, const char *node, uint64_t id, const char *what,
               struct slice args);

/* The entries of a "stats" data map that a user's worker_report listener may see: everything but
 * our report. Appends a msgpack map. */
void proto_public_stats(struct sbuf *out, struct slice data);
