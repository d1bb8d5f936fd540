// SPDX-License-Identifier: MIT
#pragma once
/* run_load: how much load a run was to put on its target, by which runs are told that cannot be
 * compared. What was asked for counts, not what came of it: a slow target gets the load of the
 * plan all the same, and shall be compared. Pure. */
#include "common/base/sbuf.h"
#include <jansson.h>

/* From an object as GET api/v1/scenarios has it, or NULL. Into "iterations" what they came to, of
 * all scenarios together, where there are any; into "load" of each scenario that began its arrivals
 * a second, or its users, on average over the time that it was on: [{"name", "rate" or "users"}…].
 */
void run_load_note(json_t *run, const json_t *scenarios);

/* Whether one is that much more than the other; never of what is not known. */
bool run_load_is_other(double a, double b);
/* Whether the users, the arrivals or what decides about them differ; then says how, unless why is
 * NULL. What one of the runs does not say (an older Katydid stored it) is no difference. */
bool run_load_differs(const json_t *a, const json_t *b, struct sbuf *why);
