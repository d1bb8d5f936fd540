// SPDX-License-Identifier: MIT
/* Of weights with the sum L each worker has an interval of 0 … L−1, as long as its weight, and
 * index i goes to whoever has i · g mod L, where g is near L times the golden section and has no
 * divisor in common with L: multiples of that fill any interval as evenly as can be, so that each
 * worker has its part of every few arrivals, not only of every L. Equal weights: g is 1. */
#include "common/plan/stripe.h"

#include "common/base/gcd.h"

#include <string.h>

#define GOLDEN 0.6180339887498949

static uint32_t width_of(const struct stripe *s)
{
    return s->width ? s->width : 1;
}

static uint32_t step_of(const struct stripe *s)
{
    return s->step ? s->step : 1;
}

static uint32_t cycle_of(const struct stripe *s)
{
    return s->cycle ? s->cycle : s->stride;
}

/* ---- dealing -------------------------------------------------------------------------------- */

static uint32_t step_for(uint32_t stride)
{
    uint32_t step = (uint32_t)((double)stride * GOLDEN + 0.5);
    while (step > 1 && gcd(step, stride) != 1)
        step--;
    return step > 1 ? step : 1;
}

void stripe_deal(struct stripe *shares, const unsigned *weights, size_t count, uint64_t from,
                 uint32_t only)
{
    uint32_t common = 0, sum = 0, offset = 0;
    bool is_even = true;
    for (size_t i = 0; i < count; i++)
        common = (uint32_t)gcd(weights[i], common);
    for (size_t i = 0; i < count; i++) {
        sum += common ? weights[i] / common : 0;
        is_even = is_even && weights[i] <= common;
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t own = common ? weights[i] / common : 0;
        struct stripe s = {.from = from};
        if (own) {
            s.offset = offset;
            s.stride = sum;
            s.width = own > 1 ? own : 0;
            s.step = is_even ? 0 : step_for(sum);
        }
        offset += own;
        shares[i] = only ? stripe_of_only(s, only) : s;
    }
}

struct stripe stripe_of_only(struct stripe s, uint32_t only)
{
    if (only >= s.stride)
        return s;
    s.cycle = only;
    if (!only || !stripe_below(&s, only))
        return (struct stripe){.from = s.from};
    if (step_of(&s) > 1 || s.width)
        return s;
    return (struct stripe){.from = s.from, .offset = s.offset, .stride = only}; /* the same */
}

bool stripe_is_sound(const struct stripe *s)
{
    if (!s->stride)
        return true;
    return s->offset < s->stride && width_of(s) <= s->stride - s->offset &&
           step_of(s) <= s->stride && gcd(step_of(s), s->stride) == 1 && cycle_of(s) <= s->stride &&
           stripe_below(s, cycle_of(s)) > 0;
}

bool stripe_is(const struct stripe *a, const struct stripe *other)
{
    return a->offset == other->offset && a->stride == other->stride && a->width == other->width &&
           a->step == other->step && a->cycle == other->cycle;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* The sum of ⌊(a·i + b) / m⌋ over the i below n, where a and b are below 2^32: as of Euclid's
 * algorithm, each step of which leaves a smaller triangle of points below a line to be counted. */
static uint64_t floor_sum(uint64_t n, uint64_t m, uint64_t a, uint64_t b)
{
    uint64_t sum = 0;
    for (;;) {
        sum += n ? n * (n - 1) / 2 * (a / m) + n * (b / m) : 0;
        a %= m;
        b %= m;
        const uint64_t top = a * n + b;
        if (top < m)
            return sum;
        n = top / m;
        b = top % m;
        const uint64_t rest = m;
        m = a;
        a = rest;
    }
}

/* Below n, which is no more than a cycle. A number below offset, or not, is one floor or another.
 */
static uint64_t below_in_cycle(const struct stripe *s, uint64_t n)
{
    const uint64_t stride = s->stride, step = step_of(s), low = s->offset, high = low + width_of(s);
    return floor_sum(n, stride, step, stride - low) - floor_sum(n, stride, step, stride - high);
}

uint64_t stripe_below(const struct stripe *s, uint64_t n)
{
    const uint64_t cycle = cycle_of(s);
    if (!s->stride)
        return 0;
    if (!s->width && !s->step && !s->cycle)
        return n > s->offset ? (n - s->offset + cycle - 1) / cycle : 0;
    return n / cycle * below_in_cycle(s, cycle) + below_in_cycle(s, n % cycle);
}

uint64_t stripe_nth(const struct stripe *s, uint64_t n)
{
    const uint64_t cycle = cycle_of(s), each = s->stride ? stripe_below(s, cycle) : 0;
    if (!each)
        return UINT64_MAX;
    uint64_t low = 0, high = cycle - 1; /* the first index with more than n % each up to it */
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (stripe_below(s, middle + 1) > n % each)
            high = middle;
        else
            low = middle + 1;
    }
    return n / each * cycle + low;
}

uint64_t stripe_next(const struct stripe *s, uint64_t index)
{
    const uint32_t stride = s->stride, cycle = cycle_of(s), width = width_of(s);
    if (!stride)
        return UINT64_MAX;
    if (!s->width && !s->step && !s->cycle) {
        const uint64_t rest = index % stride;
        return index + (rest <= s->offset ? s->offset - rest : stride - rest + s->offset);
    }
    uint32_t place = (uint32_t)(index % cycle);
    uint64_t number = (uint64_t)place * step_of(s) % stride;
    while (number - s->offset >= width) { /* not for long: the numbers are spread */
        index++;
        place++;
        number += step_of(s);
        number -= number >= stride ? stride : 0;
        if (place == cycle)
            place = 0, number = 0;
    }
    return index;
}

/* ---- epochs --------------------------------------------------------------------------------- */

bool stripes_add(struct stripes *s, struct stripe epoch)
{
    if (!stripe_is_sound(&epoch))
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

uint64_t stripes_next(const struct stripes *s, uint64_t index)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct stripe *e = &s->epochs[i];
        const uint64_t end = i + 1 < s->count ? e[1].from : UINT64_MAX;
        const uint64_t first = index > e->from ? index : e->from;
        if (first >= end || !e->stride)
            continue;
        const uint64_t found = stripe_next(e, first);
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
