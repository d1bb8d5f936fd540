// SPDX-License-Identifier: MIT
#pragma once
/* py_process: the begin and the end of a process that is a worker, be Python within it (embed.c) or
 * it Python's (katydid_boot.hosted). */

/* As many descriptors as the system allows without asking. */
void py_process_raise_limit(void);
/* Before Python is finalized: if that takes more than 2 s, the process ends with this code. Once.
 */
void py_process_end_soon(int code);
/* After it: the limit is off, and what Python wrote is out. */
void py_process_settle(void);
