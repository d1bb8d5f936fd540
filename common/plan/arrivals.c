// SPDX-License-Identifier: MIT
#include "common/plan/arrivals.h"
#include "common/plan/chance.h"

#include <assert.h>
#include <math.h>

#define PART_BITS 40
#define PART_WHOLE (1ull << PART_BITS)

static int64_t period_ns(const struct arrivals_plan *p)
{
    return p->steady.per_ns / p->steady.arrivals;
}

/* How many k have k + ½ < area. */
static uint64_t count_until(const struct ramp *r, ramp_area area)
{
    const ramp_area one = 2 * (ramp_area)r->denominator, half = r->denominator;
    return area <= half ? 0 : (uint64_t)((area - half + one - 1) / one);
}

static ramp_area end_of(const struct ramp *r, size_t stage)
{
    return stage + 1 < r->count ? r->stages[stage + 1].before : r->area;
}

void arrivals_settle(struct arrivals_plan *p)
{
    const struct ramp *r = p->ramp;
    p->count = 0;
    if (!r->denominator)
        return;
    if (p->kind == ARRIVALS_K6_STEADY)
        p->count = (uint64_t)(r->length_ns / period_ns(p)) + 1;
    else if (p->kind == ARRIVALS_K6_RAMPING)
        p->count = (uint64_t)(r->area / (2 * (ramp_area)r->denominator));
    else
        p->count = count_until(r, r->area);
    p->has_random = false;
    for (size_t i = 0; p->kind == ARRIVALS_UNIFORM && i < r->count; i++)
        p->has_random |= r->stages[i].is_random;
}

void arrivals_begin(struct arrivals *a, const struct arrivals_plan *p)
{
    *a = (struct arrivals){.plan = p, .left = 1};
}

/* Adds one exponential random number. */
static void step_poisson(struct arrivals *a)
{
    const double gap = -log(chance_unit(a->plan->key, a->next)) * (double)PART_WHOLE;
    a->part += (uint64_t)gap;
    a->whole += a->part >> PART_BITS;
    a->part &= PART_WHOLE - 1;
}

/* The least of the n − k uniform numbers that are left, given those before: the k-th order
 * statistic. */
static void step_fixed(struct arrivals *a)
{
    const double u = chance_unit(a->plan->key, a->next);
    a->left *= pow(u, 1 / (double)(a->plan->count - a->next));
}

/* The same within a stage, if that is random. */
static void step_stage(struct arrivals *a)
{
    const struct ramp *r = a->plan->ramp;
    uint64_t end;
    while (a->next >= (end = count_until(r, end_of(r, a->stage))) && a->stage + 1 < r->count) {
        a->stage++;
        a->left = 1;
    }
    if (r->stages[a->stage].is_random)
        a->left *= pow(chance_unit(a->plan->key, a->next), 1 / (double)(end - a->next));
}

static ramp_area area_within(const struct arrivals *a)
{
    const struct ramp *r = a->plan->ramp;
    const ramp_area begin = r->stages[a->stage].before;
    return begin +
           (ramp_area)((1 - (long double)a->left) * (long double)(end_of(r, a->stage) - begin));
}

static ramp_area area_at(const struct arrivals *a, uint64_t index)
{
    const struct ramp *r = a->plan->ramp;
    if (a->plan->has_random && r->stages[a->stage].is_random)
        return area_within(a);
    switch (a->plan->kind) {
    case ARRIVALS_POISSON:
        return ramp_area_of(r, a->whole, a->part, PART_WHOLE);
    case ARRIVALS_POISSON_FIXED:
        return (ramp_area)((1 - (long double)a->left) * (long double)r->area);
    case ARRIVALS_K6_RAMPING:
        return ramp_area_of(r, index + 1, 0, 1);
    case ARRIVALS_UNIFORM:
    case ARRIVALS_K6_STEADY:
    default:
        return ramp_area_of(r, index, 1, 2);
    }
}

int64_t arrivals_take(struct arrivals *a, uint64_t index)
{
    const struct arrivals_plan *p = a->plan;
    assert(index >= a->next);
    if (p->kind == ARRIVALS_POISSON) {
        if (!p->ramp->denominator)
            return -1;
        for (; a->next <= index; a->next++) {
            step_poisson(a);
            if (ramp_area_of(p->ramp, a->whole, a->part, PART_WHOLE) > p->ramp->area)
                return -1;
        }
        return ramp_time(p->ramp, area_at(a, index));
    }
    if (index >= p->count)
        return -1;
    for (; p->kind == ARRIVALS_POISSON_FIXED && a->next <= index; a->next++)
        step_fixed(a);
    for (; p->has_random && a->next <= index; a->next++)
        step_stage(a);
    a->next = index + 1;
    return p->kind == ARRIVALS_K6_STEADY ? (int64_t)index * period_ns(p)
                                         : ramp_time(p->ramp, area_at(a, index));
}
