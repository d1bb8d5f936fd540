// SPDX-License-Identifier: MIT
#pragma once
/* descriptors: the descriptors a test needs, asked for before it starts. */
#include <stdbool.h>

/* Descriptors each of `processes` workers needs when every user holds a connection. */
unsigned long files_needed(double users, double processes);

/* Raises the soft limit of open files towards `wanted`, as far as the system lets us; children
 * inherit it. Returns the limit now in force. */
unsigned long files_raise_limit(unsigned long wanted);

#define FILES_LEAST 64 /* without users: the link, Python and its modules */

/* One sentence: how many are missing, and how to get them. Malloced. */
char *files_advice(unsigned long limit, unsigned long needed);
char *files_advice_least(unsigned long limit); /* of FILES_LEAST */
