// SPDX-License-Identifier: MIT
#pragma once
/* json_stats: Locust's --json: a list of entries with the keys of its stats message, indent 4, no
 * line end. Pure. */
#include "common/metric/stats.h"

struct sbuf;
void json_stats(const struct stats *s, struct sbuf *out);
