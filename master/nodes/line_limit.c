// SPDX-License-Identifier: MIT
/* See line_limit.h. */
#include "master/nodes/line_limit.h"
#include <math.h>

bool line_limit_allows(struct line_limit *h, double now, double burst, double per_second)
{
    h->spent = fmax(0, h->spent - (now - h->spent_at) * per_second);
    h->spent_at = now;
    if (h->spent + 1 > burst) {
        h->left_out++;
        return false;
    }
    h->spent++;
    return true;
}

uint64_t line_limit_told(struct line_limit *h)
{
    uint64_t count = h->left_out;
    h->left_out = 0;
    return count;
}
