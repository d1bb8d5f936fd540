// SPDX-License-Identifier: MIT
#pragma once
/* py_group: parts of a task that are measured as one (katydid.group). After Python.h; with the GIL.
 *
 * Which group code runs in is a context variable: each greenlet has its own, and one that is
 * spawned in a group begins in it. While no group is open in the process, nothing of this costs
 * anything.
 */
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

extern unsigned py_group_open; /* groups that are open in this process; to be read only */

/* Of the greenlet that runs: borrowed str, the names of its groups joined by " / "; or NULL. */
PyObject *py_group_path(void);
/* Whether the greenlet that runs is in a group whose requests are apart from those of the run
 * (setup, teardown). While py_group_open. */
bool py_group_is_apart(void);
/* A request ended in the greenlet that runs. Only to be called while py_group_open. True: it is
 * apart from those of the run, and was counted here. */
bool py_group_note(uint64_t time_us, bool is_failed);
