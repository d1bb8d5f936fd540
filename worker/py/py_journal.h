// SPDX-License-Identifier: MIT
#pragma once
/* py_journal: each request into the files that --out json, csv and jtl name (worker/journal). After
 * Python.h; with the GIL. While there are none, nothing of this costs anything. */
#include <Python.h>
#include <stdbool.h>

struct py_stats;
struct py_stats_request;

extern bool py_journal_wanted; /* to be read only */

/* A request was counted in s. user, tags: may be NULL or None; they are the request's as for
 * py_tags_note. Only to be called while py_journal_wanted. Leaves no exception; may wait without
 * the GIL. */
void py_journal_note(const struct py_stats *s, PyObject *user, PyObject *tags, PyObject *method,
                     PyObject *name, const struct py_stats_request *q);

int py_journal_init(PyObject *module);
