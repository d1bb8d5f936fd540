// SPDX-License-Identifier: MIT
#pragma once
/* line_limit: how many log lines others may cause. Each kind of line has a store of lines that
 * fills up again slowly; those that find it empty are counted. Pure. */
#include <stdbool.h>
#include <stdint.h>

struct hush {
    double spent, spent_at; /* lines; monotonic time */
    uint64_t left_out;      /* since hush_told */
};

/* True when a line may be written now: up to `burst` at once, `per_second` in the long run. */
bool hush_allows(struct hush *h, double now, double burst, double per_second);
uint64_t hush_told(struct hush *h); /* how many were left out since the last time */
