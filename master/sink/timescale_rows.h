// SPDX-License-Identifier: MIT
#pragma once
/* timescale_rows: rows of the table `request`, one for each request, out of the histograms of what
 * came since an earlier snapshot: there every response time is within 0.4 %, and whether it failed,
 * is known; when it was, only to the push. Pure. */
#include "master/sink/sink.h"

struct timescale_wish {
    const struct snapshot *s, *since; /* since: of the same run, or NULL */
    double from, to;                  /* unix seconds: when they ended */
    double run_at;                    /* that the run began; all rows are later */
    size_t names;                     /* rows of the statistics with a name of their own */
    uint64_t most;                    /* rows; above that one stands for several */
};

struct timescale_row {
    double at;                             /* unix seconds, of its start */
    const char *method, *name, *exception; /* exception: NULL of one that did not fail */
    double ms;                             /* NaN: it has no time */
    uint64_t bytes;                        /* on average */
    uint64_t weight;                       /* requests that it stands for */
};

void timescale_rows(const struct timescale_wish *w,
                    void (*take)(void *arg, const struct timescale_row *row), void *arg);
