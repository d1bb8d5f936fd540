// SPDX-License-Identifier: MIT
#pragma once
/* verdict_int: private to the verdict*.c files: what is known of a run, and the words of a
 * threshold that has nothing to judge (verdict_why.c). */
#include "master/verdict/verdict.h"
#include <math.h>

#define SPARK 60

struct sum {                    /* of some rows since a moment */
    const struct threshold *of; /* whose scope it is */
    double warmup_s;
    uint32_t *rows; /* ids; owned */
    size_t row_count;
    struct tally all, second; /* since the begin (or the warm-up), and of the last second */
    struct tally window;      /* of the last window that was asked for */
    unsigned window_s;        /* how long that is; 0: none yet in this second */
    bool is_there;            /* a row, or what needs none */
};

struct judged {
    struct threshold threshold;
    size_t sum; /* index */
    enum verdict_state state;
    double value, failed_value, spark[SPARK], *ring; /* ring: a gauge's window; or NULL */
    double gauge_most;
    uint64_t n, failed_n;
    int64_t failed_at, from, to;  /* from, to: the seconds that the state is of */
    unsigned streak;              /* seconds on end that violate */
    uint64_t told, good, seconds; /* seconds with data, those that held, and all */
    size_t spark_at, spark_count;
    bool is_valid, is_sticky, has_stopped, is_turned;
    bool is_early; /* it violates, for nothing was counted yet */
    char *why;
    uint64_t why_at;         /* seconds after which names are compared for it again */
    char unit[VERDICT_UNIT]; /* of the script's metric; "" */
    const char *refusal;     /* why that metric has no such stat, or NULL */
};

struct row {
    uint32_t id;
    char *method, *name; /* owned */
};

struct verdict {
    uint32_t tag;
    struct judged *judged; /* owned */
    struct sum *sums;      /* owned */
    struct row *rows;      /* owned */
    size_t count, sum_count, row_count, row_cap;
    struct hist scratch;
    int64_t since, until;    /* seconds that were told: [since, until) */
    double begin_at, end_at; /* exactly; end_at 0: the load goes on */
    bool is_over;
};

static inline bool verdict_is_gauge(const struct threshold *t)
{
    return t->stat == STAT_USERS || t->stat == STAT_WORKER_CPU || t->stat == STAT_LOOP_LAG;
}

static inline int64_t verdict_begin_of(const struct verdict *v, const struct sum *s)
{
    return v->since + (int64_t)ceil(s->warmup_s);
}

/* Why there is no data, at the end; malloced. */
char *verdict_why_no_data(const struct verdict *v, const struct judged *j,
                          const struct verdict_feed *feed);
/* The same while the run is on, of what it looks at and has not been there yet; NULL: it has. */
char *verdict_why_not_yet(const struct verdict *v, const struct judged *j,
                          const struct verdict_feed *feed);
/* That a percentile is of fewer samples than it takes, so that it is the slowest of them; malloced,
 * or NULL. */
char *verdict_few_samples(const struct judged *j);
