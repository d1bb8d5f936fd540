// SPDX-License-Identifier: MIT
#pragma once
/* whole: figures of a run as a whole, where there are totals and no seconds.
 *
 * How uncertain they are is what the number of requests says (order statistics, binomial): of
 * requests that do not depend on one another, which those of a run do. So it is too little, and who
 * shows it says so. Pure. */
#include "common/metric/tally.h"
#include "master/store/inference.h"

struct figure whole_quantile(const struct tally *t, double q); /* ms */
/* 95 % of it by order statistics; there are requests. */
void whole_ends(const struct tally *t, double q, double *low, double *high);
struct figure whole_mean(const struct tally *t);               /* ms */
struct figure whole_rate(const struct tally *t, double run_s); /* requests per second */
struct figure whole_failed(const struct tally *t);             /* share of the requests */
