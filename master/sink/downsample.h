// SPDX-License-Identifier: MIT
#pragma once
/* downsample: a histogram as a few values, for receivers that take values only: every k-th one in
 * their order, each for k, and what is left over, each for itself. Together they are as many as
 * there were. Pure. */
#include "common/metric/hist.h"

#define SAMPLES_MOST 500

struct downsample {
    uint64_t every; /* k; 1: all of them */
    uint64_t count; /* values that stand for k */
};
struct downsample downsample_of(const struct hist *h);
/* Those that stand for k; and those that stand for themselves (fewer than k). Milliseconds. */
void downsample_each(const struct hist *h, const struct downsample *s,
                     void (*take)(void *arg, double ms), void *arg);
void downsample_rest(const struct hist *h, const struct downsample *s,
                     void (*take)(void *arg, double ms), void *arg);
