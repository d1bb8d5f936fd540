// SPDX-License-Identifier: MIT
#pragma once
/* stats: what was measured, per (method, name) and in total.
 *
 * One type serves the worker (the table of the current second, and the table since the start)
 * and the master (the merged table). A request costs one hash look-up and a handful of additions;
 * a caller on the hot path keeps the struct tally pointer, which stays valid until
 * stats_clear/stats_fini (stats_reset zeroes rows and keeps them).
 *
 * Bounded: at most `max_rows` (method, name) pairs, `max_failures` kinds of failures
 * (failure_kind.h) of an endpoint, each with STATS_KIND_TEXTS texts, and `max_exceptions` exception
 * keys; what is beyond goes to a row named "(other)" of its method (failures: text
 * "(other failures)" of their endpoint), so totals always add up, and `overflow` counts it. Texts
 * are cut at a NUL and at the lengths below.
 *
 * Times are unix seconds given by the caller. Pure: no clock, no lock, no I/O.
 */
#include "common/metric/tally.h"
#include <stdbool.h>

#define STATS_METHOD_MAX 256 /* bytes */
#define STATS_NAME_MAX 4096
#define STATS_TEXT_MAX 8192 /* failure texts, exception messages */
#define STATS_TRACEBACK_MAX 65536

#define STATS_KIND_TEXTS 20

#define STATS_OTHER "(other)"
#define STATS_OTHER_FAILURES "(other failures)"
#define STATS_TYPE_MAX 200 /* names of exceptions' classes */
#define STATS_OTHER_EXCEPTIONS "(other exceptions)"

struct failure_kind;

struct failure { /* one (method, name, text) */
    char *method, *name, *text;
    struct failure_kind *kind; /* private to stats.c */
    uint32_t number; /* of its kind, given as that of a row: entries of a kind are neighbours */
    bool is_rest;    /* text is the kind's: those of it that are not listed by their own text */
    uint64_t count;
    double first_at, last_at;
    struct failure *next;
};

struct exception {             /* one traceback of user code: what exceptions are told apart by */
    char *message, *traceback; /* message: of the first one */
    char *type;                /* its class's name; "": who told of it does not tell */
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
    size_t row_count, failure_count, kind_count, exception_count;
    uint32_t last_row, last_kind; /* the numbers given last */
    uint64_t clears;              /* how often its rows were forgotten */
    uint64_t overflow;            /* requests whose own row, failure or exception found no place */
    double started_at;            /* unix seconds of the last start or reset */
    struct stats_limits limits;
    bool has_few; /* its rows' histograms begin as hist_init_few; set right after stats_init */
    struct stats_index *index; /* hash tables; private to stats.c */
};

void stats_init(struct stats *s, double now, struct stats_limits limits);
void stats_fini(struct stats *s);
void stats_clear(struct stats *s, double now); /* forgets every row */
void stats_reset(struct stats *s, double now); /* zeroes every row, forgets failures, exceptions */
/* The same of requests alone: exceptions, which are of tasks, stay. */
void stats_clear_requests(struct stats *s, double now);
void stats_reset_requests(struct stats *s, double now);
void stats_forget_exceptions(struct stats *s);

/* The row of (method, name), made when new. Never NULL. Borrowed. */
struct tally *stats_row(struct stats *s, const char *method, size_t method_len, const char *name,
                        size_t name_len);
const struct tally *stats_find(const struct stats *s, const char *method, const char *name);

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
 * instead of wrapping. Rows that are new in dst have the numbers that they have in src, so that of
 * tables that are all fed by one a number means the same row in each. */
void stats_merge(struct stats *dst, const struct stats *src);
/* The same, and then src is as after stats_reset, in one visit to each row. For a pair of which one
 * is moved to the other again and again: rows are found by name the first time only. dst is not
 * cleared or freed before src is. */
void stats_move(struct stats *dst, struct stats *src, double now);

/* Into the failure and exception lists only (their rows and the total are counted by who calls).
 * The strings are copied. */
const struct failure *stats_note_failure(struct stats *s, const struct failure *src);
void stats_note_exception(struct stats *s, const struct exception *src);
/* A line of a table of failures into *line, borrowed, beginning with entry `at`: a text, or a whole
 * kind that has too many of them. Returns where the next line begins; NULL: there is none. */
const struct failure *stats_failure_line(const struct failure *at, struct failure *line);
/* Takes as many of that failure, or of the exception of that traceback, from its count; at none of
 * them stats_prune forgets it. */
void stats_less_failure(struct stats *s, const struct failure *src);
void stats_less_exception(struct stats *s, const struct exception *src);
void stats_prune(struct stats *s);

/* Rows sorted by (name, method), as every table shows them. *out is malloced, the caller frees;
 * returns the count. */
size_t stats_sorted(const struct stats *s, const struct tally ***out);
