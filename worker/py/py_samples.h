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

struct response;
struct py_stats_request;

/* Keeps a sample of r if there is room. No Python exception is left or lost. */
void py_samples_note(struct response *r, const struct py_stats_request *q);
/* The same of one that did not pass a check, which the text says. */
void py_samples_note_check(struct response *r, const char *text);
void py_samples_forget(void); /* a new test: every request may be the slowest again */
int py_samples_init(PyObject *module);
