// SPDX-License-Identifier: MIT
#pragma once
/* scenario_json: a scenario as a dictionary, the way k6 writes them, into the text that
 * common/plan/scenario.h reads. From the locustfile and from files of scenarios.
 *
 * Numbers of durations are milliseconds there, stages are a list of {"duration", "target"}, env and
 * tags are dictionaries. What a dictionary leaves out is as in k6: arrivals that find no user are
 * dropped, and are due at k6's times; there is one user to begin with. A value that is a text is
 * EXECUTOR:key=value,… already.
 */
#include <jansson.h>

/* The text, or NULL and *why; both to be freed. */
char *scenario_json_text(const char *name, const json_t *value, char **why);
