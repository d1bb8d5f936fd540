// SPDX-License-Identifier: MIT
#pragma once
/* judged_series: what thresholds look at in series: metrics of the script, and requests by tags,
 * class and group. Pure, but for the store that is read. */
#include "master/data/series_store.h"
#include "master/verdict/verdict.h"

/* What was counted in the seconds [from, to). *value was made with series_value_init; *out borrows
 * from it. False: there is no such series. Of requests by status, error_code and
 * expected_response, whose values nobody misspells, there is one as soon as any request has the
 * other tags. */
bool judged_series_read(const struct series_store *store, const struct threshold *t, int64_t from,
                        int64_t to, struct series_value *value, struct verdict_metric *out);
/* The metric, or the tag, that was most likely meant by one that is not there: "{tier:gold}".
 * Malloced, or NULL. */
char *judged_series_nearest(const struct series_store *store, const struct threshold *t);
