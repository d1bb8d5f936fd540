// SPDX-License-Identifier: MIT
#pragma once
/* py_stats: the worker's statistics and their Python face. Include after Python.h; with the GIL.
 *
 * `_katydid.Stats()` is one set of statistics; each Environment has its own. It is also a listener
 * of the request event: called with the event's keyword arguments it counts the request, and the
 * HTTP client, when it finds one as the only listener, counts in it without a call.
 * `_katydid.stats` is one that is always there; the functions stats_* are its methods.
 */
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

struct py_stats;
struct tally;
struct measures;
struct failure;
struct fetch_response;
extern PyTypeObject py_stats_type;

static inline bool py_stats_check(PyObject *o)
{
    return Py_IS_TYPE(o, &py_stats_type);
}

struct py_stats *py_stats_default(void);             /* borrowed */
bool py_stats_is_reported(const struct py_stats *s); /* to a master */

/* One finished request. */
struct py_stats_request {
    uint64_t time_us, bytes; /* time_us may be STATS_NO_TIME */
    const char *failure;     /* its text, or NULL */
    size_t failure_len;
    const struct measures *measures;  /* what our HTTP client knows of it, or NULL */
    int status;                       /* of HTTP, or 0 */
    const struct fetch_response *got; /* what came of the exchange; only for tags, or NULL */
    PyObject *response;               /* of our client; only for tags, borrowed or NULL */
    PyObject *url;                    /* of one without a response; borrowed or NULL */
    double now;                       /* answer: when it was counted, by clk_steady_coarse */
    bool is_apart;                    /* answer: it was none of the run's */
    /* Answers, for a request with measures: */
    struct tally *slow_row;    /* its row, if it was slower than the row's notice_us */
    const struct failure *new; /* its failure, if the first of its kind since the report */
};

/* What a client of ours adds when one of its requests comes as an event. */
struct py_stats_hooks {
    bool (*knows)(PyObject *response); /* whether it does; the rest is asked only of those */
    /* Whether the event's response has measures that nobody took yet; then they are in *more. */
    bool (*measure)(PyObject *response, uint64_t time_us, struct measures *more);
    void (*note)(PyObject *response, const struct py_stats_request *q); /* slow_row or new is set */
    /* The user of the event's response, and the tags it was asked for with, borrowed; its status
     * and exchange. */
    void (*tags)(PyObject *response, PyObject **user, PyObject **tags, struct py_stats_request *q);
    void (*trace)(PyObject *response, const struct py_stats_request *q); /* py_trace_wanted */
    void (*forget)(void); /* rows of statistics that are reported start anew, or go; or NULL */
    struct py_stats_hooks *next; /* py_stats' own */
};
void py_stats_hook(struct py_stats_hooks *hooks); /* kept; again: nothing */

/* method, name: str. Cheap when the same str objects come again. -1 with an exception only for
 * what cannot be UTF-8 encoded at all. */
int py_stats_record(struct py_stats *s, PyObject *method, PyObject *name,
                    struct py_stats_request *q);

/* Of the target's requests, what is beside the finished ones (docs/statistics.md). */
enum py_stats_aside { ASIDE_CUT, ASIDE_DISCARDED, ASIDE_RESENT };
int py_stats_aside(struct py_stats *s, PyObject *method, PyObject *name, enum py_stats_aside what,
                   unsigned n);

/* From the keyword arguments of a request event; what is missing is left out. */
int py_stats_record_event(struct py_stats *s, PyObject *fields);

int py_stats_init(PyObject *module); /* adds Stats, stats, stats_* and record_request */
