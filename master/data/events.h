// SPDX-License-Identifier: MIT
#pragma once
/* events: what happened in a run, for the marks on the charts, and when its measurement was not
 * valid because a worker could not keep up.
 *
 * A worker is saturated when for SATURATED_AFTER_S seconds on end its processor was busier than
 * SATURATED_CPU percent (or than that of what its container may use), or held back by the limit of
 * its container in SATURATED_THROTTLED percent of the time, or its loop ready to run and without a
 * processor in SATURATED_STARVED percent of it (or in SATURATED_STARVED_LIGHT, and for longer than
 * it ran), or its event loop at some moment later than SATURATED_LAG_MS, or of its arrivals for
 * which a user was free more than SATURATED_LATE percent began later than that, in each of them:
 * then what it measures is its own delay as well, from the first of these seconds on; a loop that
 * was late by SATURATED_STILL_MS stood still, which is enough. Bounded: beyond the limits, the
 * oldest events of a kind that floods give way, and spans are joined.
 *
 * The main thread writes; readers get an immutable list, counted by reference, made anew only when
 * something changed. Pure: time comes in.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENTS_MAX 1000
#define EVENTS_TEXT_MAX 500
#define EVENTS_SATURATED_MAX 500
#define SATURATED_CPU 90.0
#define SATURATED_LAG_MS 100.0
#define SATURATED_THROTTLED 20.0
#define SATURATED_STARVED 20.0
#define SATURATED_STARVED_LIGHT 5.0
#define SATURATED_LATE 1.0
#define SATURATED_AFTER_S 5
#define SATURATED_STILL_MS 2000.0 /* a loop that was late by so much: at once */
#define SATURATED_NOW_S 3         /* one that was heard of so lately is */

struct run_event {
    double at;
    const char *kind; /* setup start stop users stage scenario worker marker reset saturated
                         threshold master; static */
    const char *text;
};

struct saturation {
    double from, to;
    unsigned worker;
    const char *why; /* "cpu", "quota", "starved", "lag" or "delay": for most of it; static */
};

struct events_list {
    int refs;
    uint64_t total; /* events there were, those that gave way too */
    size_t count, saturation_count;
    const struct run_event *events; /* in the order of `at` */
    const struct saturation *saturations;
};
struct events_list *events_list_ref(struct events_list *l);
void events_list_unref(struct events_list *l); /* NULL is fine */

struct events;
struct events *events_new(void);
void events_free(struct events *e);
void events_clear(struct events *e);
void events_add(struct events *e, double at, const char *kind, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What a worker that generates load told of a second, or of more. */
struct events_health {
    double cpu;         /* percent */
    double lag_ms;      /* the longest; negative: not told */
    double cores;       /* that its container may use; 0: all */
    double throttled;   /* percent of the kernel's periods in which it was held back for that */
    double starved;     /* percent of the time without a processor; negative: not told */
    double late_starts; /* percent of arrivals, by the worker's own doing */
    double seconds;     /* that this is about; 0: one */
};
void events_watch(struct events *e, double now, unsigned worker, const char *name,
                  const struct events_health *h);
void events_worker_idle(struct events *e, unsigned worker); /* its run is over, or it is gone */
/* One of a run that was kept somewhere; false: there is no such cause, or no room. */
bool events_restore_saturation(struct events *e, double from, double to, unsigned worker,
                               const char *why);
bool events_is_saturated(const struct events *e, double now);
/* Seconds of the run in which a worker was saturated. */
double events_saturated_s(const struct events *e);
bool events_has_cause(const struct events *e, const char *why); /* some of them */

struct events_list *events_snapshot(struct events *e); /* one reference */
