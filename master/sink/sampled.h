// SPDX-License-Identifier: MIT
#pragma once
/* sampled: a histogram as a few values, for receivers that take values only: every k-th one in
 * their order, each for k, and what is left over, each for itself. Together they are as many as
 * there were. Pure. */
#include "common/metric/hist.h"

#define SAMPLES_MOST 500

struct sampled {
    uint64_t every; /* k; 1: all of them */
    uint64_t count; /* values that stand for k */
};
struct sampled sampled_of(const struct hist *h);
/* Those that stand for k; and those that stand for themselves (fewer than k). Milliseconds. */
void sampled_each(const struct hist *h, const struct sampled *s, void (*take)(void *arg, double ms),
                  void *arg);
void sampled_rest(const struct hist *h, const struct sampled *s, void (*take)(void *arg, double ms),
                  void *arg);
