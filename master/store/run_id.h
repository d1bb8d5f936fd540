// SPDX-License-Identifier: MIT
#pragma once
/* run_id: names of runs that sort by the time of their start (ULID): 48 bits of milliseconds and 80
 * bits of chance, as 26 letters of Crockford's alphabet. Pure. */
#include <stdbool.h>

#define RUN_ID_SIZE 27 /* with its end */
#define RUN_ID_RANDOM 10

void run_id_make(char id[static RUN_ID_SIZE], double unix_time,
                 const unsigned char random[static RUN_ID_RANDOM]);
bool run_id_is(const char *text); /* exactly one, in capitals */
