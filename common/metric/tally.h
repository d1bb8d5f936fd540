// SPDX-License-Identifier: MIT
#pragma once
/* tally: the numbers of one row, as columns.def lists them: counting, adding up, and what Locust
 * derives from them. A table of rows is stats.h.
 *
 * Sums of sums: two tallies are merged by addition, histograms and all; counts stop at their
 * maximum instead of wrapping. Pure: no clock, no lock, no I/O.
 */
#include "common/metric/hist.h"
#include <stdbool.h>
#include <stdint.h>

#define STATS_SECONDS 32 /* per-second slots kept per row, for current rates */
#define STATS_NO_TIME UINT64_MAX

struct stats;

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
    uint32_t number;        /* from 1 up in the order of coming; never given twice */
    uint32_t named_in;      /* for who keeps the table: the report that named it (report.h) */
    struct tally *next;     /* insertion order */
    struct tally *moved_to; /* of the table that it is moved to again and again: NULL: not known */
    uint64_t notice_us;     /* for who keeps the table: never merged or sent */
    bool is_overflow;       /* stands for rows that found no place */
    bool has_few;           /* its histograms begin as hist_init_few */
    bool is_removed;        /* by user code: no table shows it while it is empty */
#define KEPT_SUM(field, name, place, meaning) uint64_t field;
#define KEPT_LEAST KEPT_SUM
#define KEPT_MOST KEPT_SUM
#define KEPT_FIRST(field, name, place, meaning) double field;
#define KEPT_LAST KEPT_FIRST
#include "common/metric/columns.def"
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
};

/* The histograms of a row as hist_pack writes them; borrowed. */
struct packed_hist {
    const void *bytes;
    size_t len;
};
struct tally_packed {
    struct packed_hist hist, part[TALLY_PARTS];
};

void tally_init(struct tally *t, char *method, char *name); /* takes both */
void tally_keep_few(struct tally *t);                       /* right after it: see has_few */
void tally_fini(struct tally *t);
void tally_zero(struct tally *t); /* keeps identity, place and notice_us */
bool tally_is_empty(const struct tally *t);
bool tally_is_hidden(const struct tally *t); /* removed, and nothing came since */
bool tally_is_http(const struct tally *t);   /* its method is one of HTTP's */
bool tally_http_method(const char *method);
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
/* Requests that took at most so long and did not fail. */
uint64_t tally_good_upto(const struct tally *t, uint64_t us);
double tally_total_rps(const struct tally *t, const struct stats *s);
double tally_total_fail_rps(const struct tally *t, const struct stats *s);
double tally_current_rps(const struct tally *t, const struct stats *s);
double tally_current_fail_rps(const struct tally *t, const struct stats *s);
