// SPDX-License-Identifier: MIT
#pragma once
/* py_lines: see py_lines.c. */

/* The end of the process: waits until all that Python wrote is out. */
void py_lines_settle(void);
