// SPDX-License-Identifier: MIT
#pragma once
/* py_stats: the worker's statistics and their Python face. Include after Python.h; with the GIL.
 *
 * Two tables: `live` collects what the master has not been sent yet; taking a report folds it
 * into `total` (everything since the start of the test) and empties it.
 */
#include <Python.h>
#include <stdint.h>

struct stats;
struct stats *py_stats_live(void);

/* One finished request. time_us may be STATS_NO_TIME. failure: NULL, or the failure's text.
 * method, name: str. Cheap when the same str objects come again. -1 with an exception only for
 * what cannot be UTF-8 encoded at all. */
int py_stats_record(PyObject *method, PyObject *name, uint64_t time_us, uint64_t bytes,
                    const char *failure, size_t failure_len);
int py_stats_cut(PyObject *method, PyObject *name);

int py_stats_init(PyObject *module); /* adds the functions below to _katydid */
