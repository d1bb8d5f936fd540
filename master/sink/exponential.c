// SPDX-License-Identifier: MIT
/* exponential: see the header. A bucket of ours goes where its middle lies: it is much narrower
 * than one of those, at any scale up to 5, and about as wide at 7. */
#include "master/sink/exponential.h"
#include <limits.h>
#include <math.h>
#include <string.h>

struct extent {
    int scale, low, high;
};

static int index_of(uint64_t us, int scale)
{
    return (int)ceil(ldexp(log2((double)us / 1e6), scale));
}

static void look(void *arg, uint64_t mid_us, uint64_t n)
{
    struct extent *e = arg;
    (void)n;
    if (mid_us == 0)
        return;
    const int i = index_of(mid_us, e->scale);
    e->low = i < e->low ? i : e->low;
    e->high = i > e->high ? i : e->high;
}

static void count(void *arg, uint64_t mid_us, uint64_t n)
{
    struct exponential *out = arg;
    if (mid_us == 0)
        out->zeros += n;
    else
        out->counts[index_of(mid_us, out->scale) - out->first] += n;
}

void exponential_of(const struct hist *h, int scale_most, struct exponential *out)
{
    struct extent e = {scale_most, INT_MAX, INT_MIN};
    memset(out, 0, sizeof *out);
    for (;; e.scale--) {
        e.low = INT_MAX;
        e.high = INT_MIN;
        hist_each(h, look, &e);
        if (e.high < e.low || e.high - e.low < EXPONENTIAL_MOST)
            break;
    }
    out->scale = e.scale;
    if (e.high >= e.low) {
        out->first = e.low;
        out->length = (unsigned)(e.high - e.low) + 1;
    }
    hist_each(h, count, out);
}
