// SPDX-License-Identifier: MIT
#pragma once
/* run_name: a stored run as people tell it from others, in words and by its id. */
#include <jansson.h>

/* "with the cache (2026-11-29 21:41, 01KB…)": its pin, note, profile or locustfile; when it began,
 * in local time; its id. What is not known is left out; of a run without an id: "this run".
 * Malloced; one line. */
char *run_name(const json_t *run);
