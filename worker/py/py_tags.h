// SPDX-License-Identifier: MIT
#pragma once
/* py_tags: requests by tags. After Python.h; with the GIL.
 *
 * A request's tags come from the run (--tag), its user's class (sample_tags), the user (tags), the
 * group it is in and the call (tags=), a later one of a key before an earlier one. Only keys that
 * somebody wants to look at (--series-tags, a threshold) make series: http_req_duration and
 * http_req_failed with method, name and those tags. Outputs may want requests by labels, too
 * (labelled.h), which are values of tags as well. While none is wanted, nothing of this costs
 * anything.
 */
#include <Python.h>
#include <stdbool.h>

struct py_stats_request;

extern bool py_tags_wanted; /* to be read only */

/* A request ended. user, tags: may be NULL or None. Only to be called while py_tags_wanted. -1 with
 * an exception: a tag is none. */
int py_tags_note(PyObject *user, PyObject *tags, PyObject *method, PyObject *name,
                 const struct py_stats_request *q);

/* k6's number of what went wrong, as far as we tell it apart as finely; 0: nothing did. */
int py_tags_error_code(const struct py_stats_request *q);
