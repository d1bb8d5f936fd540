// SPDX-License-Identifier: MIT
#pragma once
/* py_samples: single requests worth looking at, on their way to the master. After Python.h.
 *
 * An ordinary request costs nothing here: the statistics tell which one is the first failure of its
 * kind since the last report, or slower than the tenth slowest of its row. Of these, a few a second
 * are written down (docs/wire.md, katydid_samples); without a master that takes them, no more than
 * those.
 */
#include <Python.h>

#include <stdbool.h>

struct py_stats;
struct py_stats_request;
struct response;
struct sample;

/* Keeps a sample of r if there is room. No Python exception is left or lost. */
void py_samples_note(struct response *r, const struct py_stats_request *q);
/* The same of a request of another protocol: whether one is wanted; then it is kept. Kind and error
 * are filled in here. */
bool py_samples_want(const struct py_stats *stats, const struct py_stats_request *q);
void py_samples_keep(struct sample *s, const struct py_stats_request *q);
/* The same of one that did not pass a check, which the text says. */
void py_samples_note_check(struct response *r, const char *text);
void py_samples_forget(void); /* a new test: every request may be the slowest again */
int py_samples_init(PyObject *module);
