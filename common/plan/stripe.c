// SPDX-License-Identifier: MIT
#include "common/plan/stripe.h"

#include <string.h>

bool stripes_add(struct stripes *s, struct stripe epoch)
{
    if (epoch.stride && epoch.offset >= epoch.stride)
        return false;
    while (s->count && s->epochs[s->count - 1].from >= epoch.from)
        s->count--;
    if (s->count == STRIPE_MOST) {
        memmove(s->epochs, s->epochs + 1, (STRIPE_MOST - 1) * sizeof *s->epochs);
        s->count--;
    }
    s->epochs[s->count++] = epoch;
    return true;
}

static uint64_t next_in(const struct stripe *e, uint64_t index)
{
    const uint64_t rest = index % e->stride;
    return index + (rest <= e->offset ? e->offset - rest : e->stride - rest + e->offset);
}

uint64_t stripes_next(const struct stripes *s, uint64_t index)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct stripe *e = &s->epochs[i];
        const uint64_t end = i + 1 < s->count ? e[1].from : UINT64_MAX;
        const uint64_t first = index > e->from ? index : e->from;
        if (first >= end || !e->stride)
            continue;
        const uint64_t found = next_in(e, first);
        if (found < end)
            return found;
    }
    return UINT64_MAX;
}

uint64_t stripes_only(const struct stripes *s, const struct stripes *other, uint64_t index,
                      uint64_t until)
{
    for (;;) {
        const uint64_t found = stripes_next(s, index);
        if (found >= until)
            return UINT64_MAX;
        if (stripes_next(other, found) != found)
            return found;
        index = found + 1;
    }
}
