// SPDX-License-Identifier: MIT
#pragma once
/* runs_command: `katydid runs …` and `katydid compare A B` (docs/history.md): what is said of
 * stored runs on the terminal. No run is started. */
#include <stdbool.h>

bool runs_command_is(int argc, char **argv); /* whether the first word asks for one of them */
int runs_command(int argc, char **argv);     /* the exit code */
