// SPDX-License-Identifier: MIT
#pragma once
/* py_stats_parts: what py_stats.c (counting) and py_stats_read.c (reading) share; nobody else.
 *
 * A request is counted in `live`, once. Whoever wants numbers first has `live` added to the tables
 * of all who want some (py_stats_settle):
 *   total   everything since the start of the test
 *   unsent  what the master has not been sent and is in `live` no more: usually nothing, as a
 * report is made of `live` itself where that has it all unread  what Python's entries have not
 * taken; unused until the first take()
 */
#include "common/metric/stats.h"
#include "worker/py/py_stats.h"

#define STATS_CACHE_SLOTS 1024

/* CPython 3.11 wants char **, and does not write to it. */
#define KEYWORDS(names) ((char **)(uintptr_t)(names))
#define WITH_KEYWORDS(f) ((PyCFunction)(void (*)(void))(f))

struct stats_cache_slot {
    PyObject *method, *name; /* owned */
    struct tally *row;       /* in live */
};

struct stats_names { /* of all rows, as report_pack_names has them */
    PyObject *bytes; /* owned; NULL: not yet */
    uint32_t last_row;
    uint64_t clears; /* of `live`, when they were made */
};

struct py_stats {
    PyObject_HEAD struct stats live, total, unsent, unread;
    bool has_unsent, has_unread; /* the table is in use */
    bool is_unread;              /* there is something in `unread` */
    struct stats_names names;
    struct stats_cache_slot cache[STATS_CACHE_SLOTS];
};

void py_stats_settle(struct py_stats *s);

/* Has `live` settled into `wanted` too from now on, beginning with all there was. */
void py_stats_want(struct py_stats *s, struct stats *wanted, bool *has);

/* What the master has not been sent: `unsent`, or `live` where that has it all. */
struct stats *py_stats_unsent(struct py_stats *s);
/* All of that table is in a report. */
void py_stats_sent(struct py_stats *s, struct stats *table);

extern PyMethodDef py_stats_readers[]; /* py_stats_read.c: rows, total, failures … */
extern PyMethodDef py_stats_reports[]; /* py_stats_report.c */
