// SPDX-License-Identifier: MIT
#pragma once
/* explain: texts of thresholds, one by one, before anybody uses them: how each is understood, or
 * the column and the words of what is wrong with it. Pure. */
#include "master/web/bridge.h"

/* json: {"thresholds": [text…]}. Appends the answer of POST api/v1/thresholds (docs/api.md). */
struct command_result explain_thresholds(const char *json, struct sbuf *out);
