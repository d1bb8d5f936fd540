// SPDX-License-Identifier: MIT
#pragma once
/* baseline: --baseline and --gate: when the test is over it is compared with stored runs
 * (master/store/contrast.h), and what is worse becomes the exit code. Main thread; a few reads of
 * the disk, when no load is on any more. */
#include <jansson.h>
#include <stdbool.h>

struct master;
struct baseline;
struct gate;
struct history;
struct side;
struct side_ask;

int baseline_open(struct master *m); /* 0, or an exit code after a message */
/* Once, and only of the last of several (repeat.h). is_valid: the measurement of this run was. */
void baseline_judge(struct master *m, bool is_valid);
/* What the gate holds against this run, as a reason; NULL: nothing. */
const char *baseline_reason(const struct master *m);
const char *baseline_words(const struct master *m); /* Markdown; NULL: nothing was compared */
/* The same for programs, an object of JSON as --summary has it (docs/summary.schema.json). */
const char *baseline_object(const struct master *m);      /* NULL likewise */
const struct gate *baseline_gate(const struct master *m); /* its rules, or the usual ones */
void baseline_fini(struct master *m);

/* What comparing has to know of this run; a new reference. */
json_t *baseline_about(const struct master *m, bool is_valid);

/* ---- on any thread ---- */

/* given: --history. NULL: there is none, and *why may say so. */
struct history *baseline_history(const char *given, char **why);
/* The runs that the gate compares with, into *before (side_close in any case); like: this run.
 * False and *why when there are none. h: NULL for a file. */
bool baseline_runs(const struct gate *g, struct history *h, const json_t *like,
                   const struct side_ask *ask, struct side *before, char **why);
