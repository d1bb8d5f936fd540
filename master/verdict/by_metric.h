// SPDX-License-Identifier: MIT
#pragma once
/* by_metric: thresholds by the metrics that they are of, by k6's names, as the lines Metric of its
 * files of single requests have them. Pure. */
#include "master/verdict/list.h"

/* Of each metric that has some a line: its name, a tab, the thresholds' sources as a JSON array, a
 * tab, and the parts of it that thresholds look at ("http_req_duration{group:pay}") as another, or
 * null. Malloced; NULL: there are none. Of classes, rows and workers none is told: what they are of
 * is no metric of that file. */
char *thresholds_by_metric(const struct threshold_list *all);
