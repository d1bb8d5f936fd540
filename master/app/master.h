// SPDX-License-Identifier: MIT
#pragma once
/* master: runs tests, from the command line's point of view. */
struct options;

/* Starts the workers of this machine, the page and the test as the options say, and stays until
 * the end. Returns the exit code (docs/exit-codes.md). */
int master_run(const struct options *o);

/* --worker, --list, --show-task-ratio: becomes katydid-worker, or the parent of several. Returns
 * only the exit code of those, or of a failure. */
int master_run_worker(const struct options *o);
