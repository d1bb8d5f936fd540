// SPDX-License-Identifier: MIT
#pragma once
/* stats: what was measured, per (method, name) and in total.
 *
 * One type serves the worker (the table of the current second, and the table since the start)
 * and the master (the merged table). A request costs one hash look-up and a handful of additions;
 * a caller on the hot path keeps the struct tally pointer, which stays valid until
 * stats_clear/stats_fini (stats_reset zeroes rows and keeps them).
 *
 * Bounded: at most `max_rows` (method, name) pairs, `max_failures` failure keys and
 * `max_exceptions` exception keys; what is beyond goes to a row named "(other)" of its method
 * (failures: method "", name "", text "(other failures)"), so totals always add up, and `overflow`
 * counts it. Texts are cut at a NUL and at the lengths below.
 *
 * Times are unix seconds given by the caller. Pure: no clock, no lock, no I/O.
 */
#include "common/metric/hist.h"
#include <stdbool.h>

#define STATS_SECONDS 32 /* per-second slots kept per row, for current rates */

#define STATS_METHOD_MAX 256 /* bytes */
#define STATS_NAME_MAX 4096
#define STATS_TEXT_MAX 8192 /* failure texts, exception messages */
#define STATS_TRACEBACK_MAX 65536

#define STATS_OTHER "(other)"
#define STATS_OTHER_FAILURES "(other failures)"
#define STATS_OTHER_EXCEPTIONS "(other exceptions)"

struct per_second {
    int64_t second; /* unix time; 0 = unused */
    uint32_t requests, failures;
};

/* Where the time of a request went. */
enum stats_phase {
    PHASE_QUEUE, /* waiting for a connection, and whatever is none of the others */
    PHASE_DNS,
    PHASE_CONNECT, /* TCP; with a proxy, its tunnel too */
    PHASE_TLS,
    PHASE_SEND,
    PHASE_WAIT,    /* from the last byte sent to the first one of the answer */
    PHASE_RECEIVE, /* from there to the last one */
    PHASES
};

#define STATS_STATUSES 6

/* What only requests of our HTTP client have; all sums, so that they are merged by addition. */
struct tally_extra {
    union {
        struct { /* one by one */
#define KEPT_EXTRA(field, name, meaning) uint64_t field;
#include "common/metric/columns.def"
        };
        struct {                             /* the same */
            uint64_t status[STATS_STATUSES]; /* answers: [0] none came, [1]..[5] 1xx..5xx; an event
                                                without a status is in none */
            uint64_t on_the_wire[2], phase_count;
            uint64_t phase_us[PHASES]; /* together the time of the phased requests */
        };
    };
};
#define STATS_EXTRAS (sizeof(struct tally_extra) / sizeof(uint64_t)) /* numbers in it */

enum tally_part { /* histograms of some of the requests */
#define KEPT_PART(field, name, place, meaning) PART_##field,
#include "common/metric/columns.def"
                  TALLY_PARTS
};

/* What is known of one request besides its time. */
struct measures {
    struct tally_extra extra;
    uint64_t part_us[TALLY_PARTS]; /* what it adds to each; STATS_NO_TIME: nothing */
};
void measures_init(struct measures *m); /* nothing is known */

/* Everything that columns.def says is kept: requests, failures, ... min_us is UINT64_MAX and
 * first_at 0 if there is none. cut, discarded and resent are in none of the other counts. */
struct tally {
    char *method, *name; /* UTF-8, owned; "" and "Aggregated" for the total */
    uint32_t method_len, name_len;
    uint32_t number; /* from 1 up in the order of coming; never given twice */
#define KEPT_SUM(field, name, place, meaning) uint64_t field;
#define KEPT_LEAST KEPT_SUM
#define KEPT_MOST KEPT_SUM
#define KEPT_FIRST(field, name, place, meaning) double field;
#define KEPT_LAST KEPT_FIRST
#define KEPT_TREND(field, name, place, meaning) struct hist field;
#include "common/metric/columns.def"
    struct tally_extra extra;
    union { /* NULL until there is one; owned */
        struct {
#define KEPT_PART(field, name, place, meaning) struct hist *field;
#include "common/metric/columns.def"
        };
        struct hist *part[TALLY_PARTS];
    };
    struct per_second recent[STATS_SECONDS]; /* slot = second % STATS_SECONDS */
    bool is_overflow;                        /* stands for rows that found no place */
    bool is_removed;                         /* by user code: no table shows it while it is empty */
    uint64_t notice_us;                      /* for who keeps the table: never merged or sent */
    uint32_t named_in;                       /* likewise: the report that named it (report.h) */
    struct tally *next;                      /* insertion order */
};

/* The histograms of a row as hist_pack writes them; borrowed. */
struct packed_hist {
    const void *bytes;
    size_t len;
};
struct tally_packed {
    struct packed_hist hist, part[TALLY_PARTS];
};

struct failure { /* one (method, name, text) */
    char *method, *name, *text;
    uint32_t number; /* as that of a row */
    uint64_t count;
    double first_at, last_at;
    struct failure *next;
};

struct exception {             /* one traceback of user code: what exceptions are told apart by */
    char *message, *traceback; /* message: of the first one */
    char *nodes;               /* comma-separated worker ids; "" on a worker itself */
    uint64_t count;
    double first_at, last_at;
    struct exception *next;
};

struct stats_limits {
    size_t max_rows, max_failures, max_exceptions;
};
#define STATS_LIMITS_DEFAULT ((struct stats_limits){20000, 2000, 500})

struct stats {
    struct tally total; /* method "", name "Aggregated" */
    struct tally *rows; /* list in insertion order */
    struct failure *failures;
    struct exception *exceptions;
    size_t row_count, failure_count, exception_count;
    uint32_t last_row, last_failure; /* the numbers given last */
    uint64_t clears;                 /* how often its rows were forgotten */
    uint64_t overflow; /* requests whose own row, failure or exception found no place */
    double started_at; /* unix seconds of the last start or reset */
    struct stats_limits limits;
    struct stats_index *index; /* hash tables; private to stats.c */
};

void stats_init(struct stats *s, double now, struct stats_limits limits);
void stats_fini(struct stats *s);
void stats_clear(struct stats *s, double now); /* forgets every row */
void stats_reset(struct stats *s, double now); /* zeroes every row, forgets failures, exceptions */

/* The row of (method, name), made when new. Never NULL. Borrowed. */
struct tally *stats_row(struct stats *s, const char *method, size_t method_len, const char *name,
                        size_t name_len);
const struct tally *stats_find(const struct stats *s, const char *method, const char *name);

#define STATS_NO_TIME UINT64_MAX
/* One finished request into its row and the total. time_us may be STATS_NO_TIME. */
void stats_add(struct stats *s, struct tally *row, double now, uint64_t time_us, uint64_t bytes);
/* The failure half of a request: call beside stats_add, as Locust does. Returns the entry it was
 * counted in, until failures are forgotten. */
const struct failure *stats_add_failure(struct stats *s, struct tally *row, double now,
                                        const char *text, size_t len);
/* A time of a request that stats_add has counted (not STATS_NO_TIME), into one more histogram. */
void stats_add_part(struct stats *s, struct tally *row, enum tally_part part, uint64_t time_us);
/* What else is known of a request that stats_add has counted. */
void stats_add_measures(struct stats *s, struct tally *row, uint64_t time_us,
                        const struct measures *more);
void stats_add_cut(struct stats *s, struct tally *row);
void stats_add_discarded(struct stats *s, struct tally *row);
void stats_add_resent(struct stats *s, struct tally *row, uint64_t n);
void stats_add_exception(struct stats *s, double now, const char *message, const char *traceback,
                         const char *node, uint64_t n);

/* dst += src, rows, failures, exceptions and all. src is unchanged. Counts stop at their maximum
 * instead of wrapping. */
void stats_merge(struct stats *dst, const struct stats *src);

/* Into the failure and exception lists only (their rows and the total are counted by who calls).
 * The strings are copied. */
const struct failure *stats_note_failure(struct stats *s, const struct failure *src);
void stats_note_exception(struct stats *s, const struct exception *src);
/* Takes as many of that failure, or of the exception of that traceback, from its count; at none of
 * them stats_prune forgets it. */
void stats_less_failure(struct stats *s, const struct failure *src);
void stats_less_exception(struct stats *s, const struct exception *src);
void stats_prune(struct stats *s);

/* One row by itself: what stats.c and the report decoders are made of. */
void tally_init(struct tally *t, char *method, char *name); /* takes both */
void tally_fini(struct tally *t);
void tally_zero(struct tally *t); /* keeps identity, place, memory and notice_us */
bool tally_is_empty(const struct tally *t);
bool tally_is_hidden(const struct tally *t); /* removed, and nothing came since */
void tally_add_failure(struct tally *t, double now);
void tally_add_second(struct tally *t, struct per_second more); /* into `recent` */
void tally_merge(struct tally *dst, const struct tally *src);
/* All but the histograms and `recent`. */
void tally_merge_counts(struct tally *dst, const struct tally *src);
/* Moves all its times by whole seconds. Not with the histograms: those are of durations. */
void tally_shift(struct tally *t, int64_t seconds);
struct hist *tally_part(struct tally *t, enum tally_part part); /* made when new */
/* Adds packed histograms, which are good; also: NULL, or one more that they are added to. */
void tally_add_packed(struct tally *t, struct tally *also, const struct tally_packed *packed);

/* Derived values in milliseconds and 1/s, by Locust's definitions (docs/statistics.md). */
double tally_mean_ms(const struct tally *t);
double tally_quantile_ms(const struct tally *t, double q); /* within [min, max]; q=0, 1: these */
double tally_total_rps(const struct tally *t, const struct stats *s);
double tally_total_fail_rps(const struct tally *t, const struct stats *s);
double tally_current_rps(const struct tally *t, const struct stats *s);
double tally_current_fail_rps(const struct tally *t, const struct stats *s);

/* Rows sorted by (name, method), as every table shows them. *out is malloced, the caller frees;
 * returns the count. */
size_t stats_sorted(const struct stats *s, const struct tally ***out);
