// SPDX-License-Identifier: MIT
#pragma once
/* keys_given: what --keys and --join say, each the text itself or the name of a file with it. */
#include <stdbool.h>

struct keys;
struct options;

/* false with a sentence in *why (malloced). */
bool keys_given_master(const char *given, struct keys *k, char **why);
/* Where a worker with these options finds its master, with its key if it has one; malloced. NULL
 * with a sentence in *why. */
char *keys_given_endpoint(const struct options *o, char **why);
