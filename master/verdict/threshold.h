// SPDX-License-Identifier: MIT
#pragma once
/* threshold: one condition that a run has to keep, whatever grammar it was written in.
 *
 * A threshold says what is measured (stat, of which times: field), where (scope), and how it must
 * compare with a limit; over all of the run so far, or in windows (mode); and what follows when it
 * fails. docs/verdicts.md tells users of it. Times are milliseconds, ratios 0 to 1, windows whole
 * seconds. Pure data; whoever made one calls threshold_fini. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum threshold_stat {
    STAT_QUANTILE, /* share */
    STAT_MEAN,
    STAT_MIN,
    STAT_MAX,
    STAT_STDEV,
    STAT_COUNT,
    STAT_RPS,
    STAT_FAIL_RATIO,
    STAT_FAILS,
    STAT_APDEX,  /* parameter: T in ms */
    STAT_STATUS, /* parameter: 2 for 2xx; 0: no answer; a count, or a ratio of requests */
    STAT_CUT,
    STAT_SENT, /* bytes */
    STAT_RECEIVED,
    STAT_SENT_RATE, /* per second */
    STAT_RECEIVED_RATE,
    STAT_DROPPED, /* arrivals; parameter 1: a second */
    STAT_LATE,    /* of the starts of arrivals; share */
    STAT_USERS,
    STAT_WORKER_CPU, /* percent of the busiest */
    STAT_LOOP_LAG,   /* worst worker's 99th percentile */
    STAT_RATE,       /* of a metric: true ones of a rate, or per second of a counter */
    STAT_VALUE,      /* of a metric: the last one */
};

enum threshold_field { /* which times a time is of */
                       FIELD_TIME,
                       FIELD_PASSED, /* of requests that did not fail */
                       FIELD_FAILED,
                       FIELD_CORRECTED, /* from when the iteration was to start */
                       FIELD_WAIT,      /* to the first byte */
                       FIELD_QUEUE,
                       FIELD_CONNECT,
                       FIELD_TLS,
                       FIELD_SEND,
                       FIELD_RECEIVE,
};

enum threshold_scope {
    SCOPE_TOTAL,
    SCOPE_HTTP,   /* rows whose method is one of HTTP's */
    SCOPE_ROWS,   /* method ("": any), name: with * for anything */
    SCOPE_METRIC, /* metric, tags */
    SCOPE_TAGS,   /* requests that have these tags */
    SCOPE_GROUP,  /* name */
    SCOPE_CLASS,  /* name */
    SCOPE_WORKER, /* name */
};

enum threshold_unit {
    UNIT_MS,
    UNIT_RATIO,
    UNIT_RATE,
    UNIT_COUNT,
    UNIT_BYTES,
    UNIT_BYTE_RATE,
    UNIT_PERCENT,
    UNIT_ANY
};
enum threshold_op { OP_LESS, OP_LESS_EQUAL, OP_MORE, OP_MORE_EQUAL, OP_EQUAL, OP_NOT_EQUAL };
enum threshold_mode { MODE_ALL, MODE_FOR, MODE_WITHIN, MODE_OVER };
enum threshold_action { ACTION_CONTINUE, ACTION_STOP, ACTION_WARN };
enum threshold_no_data { NO_DATA_FAIL, NO_DATA_PASS, NO_DATA_WARN };

enum threshold_setting { /* bits: what somebody wrote, rather than what is usual */
                         SAID_ACTION = 1,
                         SAID_AFTER = 2,
                         SAID_WARMUP = 4,
                         SAID_SAMPLES = 8,
                         SAID_NO_DATA = 16,
};

struct threshold_limit {
    double value;     /* in the unit of the stat */
    int64_t mantissa; /* the same as mantissa * 10^exponent, if is_exact */
    int exponent;
    bool is_exact;
};

struct threshold_tag {
    char *key, *value;
};

struct threshold {
    char *text;         /* as people write it, without its name; owned, as all texts */
    char *name;         /* or NULL */
    char *source;       /* where it was given: "--threshold", "gates.toml:3" */
    char *metric;       /* as the user named it, or NULL */
    char *method, *row; /* of the scope; "" any */
    struct threshold_tag *tags;
    size_t tag_count;
    enum threshold_stat stat;
    enum threshold_field field;
    enum threshold_scope scope;
    enum threshold_unit unit;
    double share, parameter;
    enum threshold_op op;
    struct threshold_limit limit;
    enum threshold_mode mode;
    unsigned window_s;
    enum threshold_action action;
    char *scenario;  /* that alone is stopped, of that name; NULL: the test */
    double after_s;  /* of the load, before which nothing is stopped */
    double warmup_s; /* of the load, which do not count */
    uint64_t min_samples;
    enum threshold_no_data no_data;
    unsigned said;            /* enum threshold_setting */
    bool is_k6, has_k6_times; /* in k6's words; of times as k6 means them */
    char *warning;            /* what is odd about it, or NULL */
};

struct threshold_error {
    size_t column; /* from 1; 0: it is not about one place */
    char text[400];
};

void threshold_init(struct threshold *t);
void threshold_fini(struct threshold *t);
void threshold_copy(struct threshold *to, const struct threshold *from);

bool threshold_is_time(const struct threshold *t); /* its stat is one of times or values */
const char *threshold_op_text(enum threshold_op op);
const char *threshold_stat_name(const struct threshold *t, char *to, size_t size);
/* Where it looks, in words: "all requests", "'GET /cart'". Malloced. */
char *threshold_scope_text(const struct threshold *t);
/* A value of its stat with its unit: "412.3 ms", "1.25 %". */
void threshold_add_value(const struct threshold *t, double value, char *to, size_t size);

/* Whether a text fits a pattern in which * stands for anything, and \ takes the next sign as it is.
 */
bool threshold_glob(const char *pattern, const char *text);
/* Of a list of words, the one that a mistyped one was most likely meant to be; or NULL. */
const char *threshold_nearest(const char *word, const char *const *words, size_t count);
