// SPDX-License-Identifier: MIT
#pragma once
/* complain: what a process that is no master (runs, merge, keys, a worker) says on standard error
 * when it cannot do what was asked, and the exit code of that. */

/* A wrong command line: EXIT_USAGE. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Why it went wrong, which is freed: EXIT_FAILED. */
int complain_failed(char *why);
