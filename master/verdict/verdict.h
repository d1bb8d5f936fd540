// SPDX-License-Identifier: MIT
#pragma once
/* verdict: how a run stands against its thresholds, second by second.
 *
 * Once a second is complete (all reports of it are there, or no more are awaited) it is told here,
 * in order, and each threshold is judged: over all of the run so far, or over a window. A window's
 * figures are merged from its histograms, never averaged. At the end the last word is said: what
 * had nothing to judge has no data, which is a verdict of its own.
 *
 *   cumulative   holds or not as the figures of the whole run say; it may recover
 *   for W        fails when each of W seconds on end violates it; one without samples is left out
 *   within W     fails when the last W seconds together do, or as many as there are yet
 *   over W       the same once W seconds are there
 *
 * A window that failed once has failed for good, and so has a threshold that stopped the test.
 * Figures come through struct verdict_feed: nothing of where they are kept is known here. Times are
 * unix seconds. Pure: no clock, no thread; one owner. */
#include "common/metric/stats.h"
#include "master/verdict/list.h"

struct sbuf;
struct verdict;

enum verdict_state { VERDICT_NOT_YET, VERDICT_PASS, VERDICT_FAIL, VERDICT_NO_DATA };
const char *verdict_state_name(enum verdict_state s); /* "not yet", "pass", "fail", "no data" */

#define VERDICT_UNIT 20 /* bytes of a unit, with its end */
enum verdict_kind { VERDICT_COUNTER, VERDICT_GAUGE, VERDICT_RATE, VERDICT_TREND };
struct verdict_metric { /* of a metric, over some seconds */
    enum verdict_kind kind;
    uint64_t count, hits; /* values, and of a rate those that were true */
    double sum, min, max, last;
    const struct hist *hist; /* of a trend: values times scale */
    double scale;
    double factor;    /* that makes milliseconds of its unit, or 1 */
    const char *unit; /* of its values, as the script has it; NULL: none */
};

struct verdict_feed {
    void *arg;
    /* Adds the figures of a row (0: the total) in the seconds [from, to) to t. */
    void (*read)(void *arg, uint32_t row, int64_t from, int64_t to, struct tally *t);
    /* The same of a worker by its name. False: there is none. */
    bool (*worker)(void *arg, const char *name, int64_t from, int64_t to, struct tally *t);
    /* What a metric, or the requests with these tags or of this class, had. False: nothing yet.
     * NULL: nothing of the kind is kept. */
    bool (*metric)(void *arg, const struct threshold *of, int64_t from, int64_t to,
                   struct verdict_metric *out);
    /* The name of a metric, or the tag, that was most likely meant by one that is not there;
     * malloced. NULL: nothing is like it; or nothing of the kind is kept. */
    char *(*nearest)(void *arg, const struct threshold *of);
    /* The script creates a metric of that name, whether something was counted in it or not. NULL:
     * nobody knows. */
    bool (*is_made)(void *arg, const char *metric);
    /* Of the second that is told: users, worker_cpu, loop_lag_p99; worker NULL: of all. NaN: not
     * measured. */
    double (*gauge)(void *arg, enum threshold_stat stat, const char *worker);
    /* Whether the measurement of those seconds can be believed. */
    bool (*is_valid)(void *arg, int64_t from, int64_t to);
};

struct verdict_result { /* of one threshold; borrowed until the next call */
    const struct threshold *threshold;
    enum verdict_state state;
    double value;   /* NaN: none */
    uint64_t n;     /* samples it is of */
    bool is_valid;  /* no second of what it is of was invalid */
    bool is_failed; /* the run fails by it, as it is now */
    bool has_stopped;
    int64_t failed_at; /* the second in which it first failed; 0: it never did */
    double failed_value;
    uint64_t failed_n;
    const char *unit;    /* of a metric of the script: that of the value; "" */
    const char *why;     /* why there is no data, or what is odd; "" */
    const double *spark; /* the last values, the oldest first */
    size_t spark_count;
};

struct verdict *verdict_new(void);
void verdict_free(struct verdict *v); /* NULL is fine */
/* Other thresholds, for the run that is on too: those that are the same keep what they know. */
void verdict_set(struct verdict *v, const struct threshold_list *list);
size_t verdict_count(const struct verdict *v);

/* A run begins so much after that second began, or its statistics were reset in it: everything is
 * forgotten. */
void verdict_begin(struct verdict *v, int64_t second, double after);
/* The statistics have a row (again, after a begin). In any order. */
void verdict_row(struct verdict *v, uint32_t id, const char *method, const char *name);
/* A second is complete. seconds: that it stands for, if more than one had to be taken together. */
void verdict_second(struct verdict *v, int64_t second, unsigned seconds,
                    const struct verdict_feed *feed);
/* From the second that is told next on, users are being stopped, since that moment: what is still
 * counted is counted, but no window is judged. */
void verdict_tail(struct verdict *v, double stopped_at);
/* No more seconds come. */
void verdict_end(struct verdict *v, const struct verdict_feed *feed);

struct verdict_result verdict_result(const struct verdict *v, size_t index);
/* One that has failed since this was asked last, by index; or -1. stops: of those that stop the
 * test and have not yet. */
int verdict_turned(struct verdict *v);
int verdict_stops(struct verdict *v);
/* How many thresholds fail the run as they are now. */
size_t verdict_failed(const struct verdict *v);

/* A value of that threshold with its unit, as people read it. */
void verdict_add_value(const struct verdict_result *r, double value, char *to, size_t size);
/* "[...]": the results, as GET api/v1/verdict has them. */
void verdict_write(const struct verdict *v, struct sbuf *out);
/* The line of the console: "THRESHOLD fail p95 of 'GET /cart' < 300ms: 412.3ms (n=18231) first at
 * 12:03:44". local: seconds east of UTC. */
void verdict_line(const struct verdict_result *r, long local, struct sbuf *out);
