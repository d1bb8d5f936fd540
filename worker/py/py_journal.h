// SPDX-License-Identifier: MIT
#pragma once
/* py_journal: each request into the files that --out json, csv and jtl name (worker/journal), and
 * into those of json and csv each value of other metrics. After Python.h; with the GIL. While there
 * are none, nothing of this costs anything. */
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

struct py_stats;
struct py_stats_request;

extern bool py_journal_wanted; /* to be read only */

/* A request was counted in s. user, tags: may be NULL or None; they are the request's as for
 * py_tags_note. Only to be called while py_journal_wanted. Leaves no exception; may wait without
 * the GIL. */
void py_journal_note(const struct py_stats *s, PyObject *user, PyObject *tags, PyObject *method,
                     PyObject *name, const struct py_stats_request *q);

int py_journal_init(PyObject *module);

extern bool py_journal_values_wanted; /* to be read only */

struct series;
/* One value of that series, now, of the user whose greenlet runs. group: its path, or NULL. Only to
 * be called while py_journal_values_wanted. Leaves no exception; may wait without the GIL. */
void py_journal_value(const struct series *s, double number, PyObject *group);
/* So many iterations of the series' scenario were dropped; likewise. */
void py_journal_dropped(const struct series *s, uint64_t count);

int py_journal_values_init(PyObject *module);
