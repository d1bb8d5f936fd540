// SPDX-License-Identifier: MIT
#pragma once
/* keys_command: `katydid keys new [FILE]` and `katydid keys join [FILE] [HOST[:PORT]]`
 * (docs/security.md). */
#include <stdbool.h>

bool keys_command_is(int argc, char **argv); /* whether the first words ask for it */
int keys_command(int argc, char **argv);     /* the exit code */
