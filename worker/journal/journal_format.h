// SPDX-License-Identifier: MIT
#pragma once
/* journal_format: how a request becomes lines. Of the writer's thread. */
#include "worker/journal/journal_place.h"

struct journal_writing { /* what the lines of one file have in common */
    const char *worker;  /* NULL: not to be told */
    const char *time;    /* NULL: unix */
    const char *known;   /* JSON: of metrics, as journal_wish has it; or NULL */
    unsigned metrics;    /* JSON: a bit for each that was told of */
    struct sbuf rest;    /* of the line that is made */
    int64_t second;      /* that `date` is of */
    char date[24];       /* 2026-11-29T17:07:25. */
};

struct journal_point {
    struct journal_seen *place;
    struct journal_seen_metric *metric;
    uint64_t at_us; /* unix time */
    uint32_t user;  /* 0: none */
    double value;
};

struct journal_format {
    const char *name;
    void (*head)(struct sbuf *out); /* of a new file; NULL: it has none */
    void (*lines)(struct journal_writing *w, struct journal_seen *place,
                  const struct journal_request *r, struct sbuf *out);
    /* One value of another metric; NULL: it has none of them. */
    void (*value)(struct journal_writing *w, const struct journal_point *p, struct sbuf *out);
};

extern const struct journal_format journal_json, journal_csv, journal_jtl;
const struct journal_format *journal_format_of(const char *name); /* NULL: there is none */

/* What k6 has of each request. */
enum journal_metrics {
    METRIC_REQS,
    METRIC_DURATION,
    METRIC_BLOCKED,
    METRIC_CONNECTING,
    METRIC_TLS,
    METRIC_SENDING,
    METRIC_WAITING,
    METRIC_RECEIVING,
    METRIC_FAILED,
    METRIC_SENT,
    METRIC_RECEIVED,
    METRICS
};
extern const struct journal_metric journal_metrics[METRICS];

/* The metrics that a request has, and their values in thousandths (of a millisecond, of one, of a
 * byte). How many. */
size_t journal_points(const struct journal_numbers *n, enum journal_metrics which[static METRICS],
                      uint64_t value[static METRICS]);

/* A tag that each request has by itself, beside the place's parts and tags; "" of none. */
enum journal_own { OWN_ERROR_CODE, OWN_EXPECTED, OWN_PROTO, OWN_STATUS, OWN_TLS, OWNS };
extern const char *const journal_own_names[OWNS];
void journal_own(const struct journal_numbers *n, char texts[static OWNS][16]);
/* Equal for requests whose own tags are; never 0, nor that of values. */
uint64_t journal_own_key(const struct journal_numbers *n);
#define JOURNAL_KEY_OF_VALUES UINT64_C(1)

/* ---- texts: each writes at `to`, where there is room, and returns the end. No printf: these are
 * for each line. */
char *put_u64(char *to, uint64_t number);
char *put_thousandths(char *to, uint64_t thousandths); /* 1.5, without zeros at its end */
/* Of a value that is in whole thousandths, which most are: those. Else false. */
bool whole_thousandths(double value, uint64_t *thousandths);
#define PUT_TIME_ROOM 32
/* 2026-11-29T17:07:25.123456Z */
char *put_rfc3339(struct journal_writing *w, char *to, uint64_t unix_us);
/* One field of a CSV file, quoted where it must be. Line ends become spaces: there are readers that
 * read line by line. */
void add_csv_field(struct sbuf *out, struct journal_text text);
