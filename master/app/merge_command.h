// SPDX-License-Identifier: MIT
#pragma once
/* merge_command: `katydid merge FILE …` (docs/outputs.md): files of requests that several workers
 * wrote as one, in the order of their times. No run is started. */
#include <stdbool.h>

bool merge_command_is(int argc, char **argv); /* whether the first word asks for it */
int merge_command(int argc, char **argv);     /* the exit code */
