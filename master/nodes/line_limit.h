// SPDX-License-Identifier: MIT
#pragma once
/* line_limit: how many log lines others may cause. Each kind of line has a store of lines that
 * fills up again slowly; those that find it empty are counted. Pure. */
#include <stdbool.h>
#include <stdint.h>

struct line_limit {
    double spent, spent_at; /* lines; monotonic time */
    uint64_t left_out;      /* since line_limit_told */
};

/* True when a line may be written now: up to `burst` at once, `per_second` in the long run. */
bool line_limit_allows(struct line_limit *h, double now, double burst, double per_second);
uint64_t line_limit_told(struct line_limit *h); /* how many were left out since the last time */
