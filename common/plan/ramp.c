// SPDX-License-Identifier: MIT
/* A stage that begins with rate a and ends, after d, with rate b (numerators over D) has, after t,
 * the area 2·a·t + (b − a)·t²/d, in halves of 1/D. */
#include "common/plan/ramp.h"
#include "common/base/gcd.h"
#include "common/base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define BILLION 1000000000

bool ramp_rate_sum(struct ramp_rate a, struct ramp_rate b, uint64_t times, struct ramp_rate *sum)
{
    const int64_t by = gcd(a.per_ns, b.per_ns);
    int64_t one, other;
    return !__builtin_mul_overflow(a.per_ns / by, b.per_ns, &sum->per_ns) &&
           !__builtin_mul_overflow(a.arrivals, b.per_ns / by, &one) &&
           !__builtin_mul_overflow(b.arrivals, a.per_ns / by, &other) &&
           !__builtin_mul_overflow(other, times, &other) &&
           !__builtin_add_overflow(one, other, &sum->arrivals);
}

static bool is_rate(struct ramp_rate r)
{
    return r.arrivals >= 0 && r.per_ns > 0 &&
           (double)r.arrivals * 1e9 / (double)r.per_ns <= RAMP_MOST_PER_S;
}

/* With a denominator that is so many times greater. */
static void widen(struct ramp *r, int64_t times)
{
    for (size_t i = 0; i < r->count; i++) {
        r->stages[i].from *= times;
        r->stages[i].to *= times;
        r->stages[i].before *= times;
        r->stages[i].bulge *= times;
    }
    r->denominator *= times;
    r->area *= times;
}

/* The least denominator that a and the ramp's rates have in common; 0: there is none below 2^62. */
static int64_t common(int64_t denominator, struct ramp_rate rate)
{
    const int64_t own = rate.per_ns / gcd(rate.per_ns, rate.arrivals ? rate.arrivals : rate.per_ns);
    const int64_t times = own / gcd(own, denominator);
    int64_t all;
    if (__builtin_mul_overflow(denominator, times, &all) || all > INT64_MAX / 2)
        return 0;
    return all;
}

/* arrivals / per_ns over the denominator: whole, as the denominator is a multiple of the reduced
 * one. */
static int64_t numerator(const struct ramp *r, struct ramp_rate rate)
{
    const int64_t by = gcd(rate.per_ns, rate.arrivals ? rate.arrivals : rate.per_ns);
    return rate.arrivals / by * (r->denominator / (rate.per_ns / by));
}

static ramp_area area_of_stage(const struct ramp_stage *s)
{
    return s->curve ? s->bulge : (ramp_area)s->length_ns * (s->from + s->to);
}

/* One more, of that length; its rates are 0. */
static struct ramp_stage *add_stage(struct ramp *r, int64_t length_ns)
{
    if ((r->count & (r->count - 1)) == 0) /* full: there is room for powers of two */
        r->stages = mem_realloc(r->stages, (r->count ? 2 * r->count : 1) * sizeof *r->stages);
    struct ramp_stage *s = &r->stages[r->count++];
    *s = (struct ramp_stage){.begin_ns = r->length_ns, .length_ns = length_ns, .before = r->area};
    r->length_ns += length_ns;
    return s;
}

bool ramp_add(struct ramp *r, int64_t length_ns, struct ramp_rate from, struct ramp_rate to)
{
    const int64_t now = r->denominator ? r->denominator : 1;
    if (length_ns < 0 || length_ns > RAMP_MOST_NS - r->length_ns || r->count == RAMP_MOST_STAGES)
        return false;
    if (!is_rate(from) || !is_rate(to))
        return false;
    const int64_t half_way = common(now, from), then = half_way ? common(half_way, to) : 0;
    if (!then)
        return false;
    r->denominator = now;
    widen(r, then / now);
    struct ramp_stage *s = add_stage(r, length_ns);
    s->from = numerator(r, from);
    s->to = numerator(r, to);
    r->area += area_of_stage(s);
    return true;
}

/* Of that many arrivals. */
static ramp_area rounded(const struct ramp *r, long double arrivals)
{
    return (ramp_area)roundl(arrivals * 2 * (long double)r->denominator);
}

bool ramp_add_curve(struct ramp *r, struct curve *c, int64_t skip_ns, int64_t length_ns)
{
    const int64_t now = r->denominator ? r->denominator : 1;
    const int64_t fine = common(now, (struct ramp_rate){1, BILLION});
    if (length_ns < 0 || length_ns > RAMP_MOST_NS - r->length_ns || r->count == RAMP_MOST_STAGES ||
        !fine || curve_peak_per_ns(c) * BILLION > RAMP_MOST_PER_S) {
        curve_free(c);
        return false;
    }
    r->denominator = now;
    widen(r, fine / now);
    struct ramp_stage *s = add_stage(r, length_ns);
    s->curve = c;
    s->skip_ns = skip_ns;
    s->bulge = rounded(r, curve_until(c, skip_ns + length_ns) -
                              (c->length_ns ? curve_until(c, skip_ns) : 0));
    r->area += s->bulge;
    return true;
}

void ramp_fini(struct ramp *r)
{
    for (size_t i = 0; i < r->count; i++)
        curve_free(r->stages[i].curve);
    free(r->stages);
    *r = (struct ramp){0};
}

ramp_area ramp_area_of(const struct ramp *r, uint64_t arrivals, uint64_t part, uint64_t whole)
{
    const ramp_area one = 2 * (ramp_area)r->denominator;
    return (ramp_area)arrivals * one + one * (ramp_area)part / (ramp_area)whole;
}

/* Whether after t the stage has more than the area: exact where 128 bits hold it. */
static bool is_beyond(const struct ramp_stage *s, int64_t t, ramp_area area)
{
    ramp_area linear, square, wanted;
    const ramp_area slope = (ramp_area)s->to - s->from;
    if (__builtin_mul_overflow((ramp_area)2 * s->from * t, (ramp_area)s->length_ns, &linear) ||
        __builtin_mul_overflow(slope * t, (ramp_area)t, &square) ||
        __builtin_mul_overflow(area, (ramp_area)s->length_ns, &wanted) ||
        __builtin_add_overflow(linear, square, &linear))
        return 2 * (long double)s->from * t + (long double)slope * t / s->length_ns * t >
               (long double)area;
    return linear > wanted;
}

static int64_t time_in_curve(const struct ramp *r, const struct ramp_stage *s, ramp_area area)
{
    const int64_t end = s->skip_ns + s->length_ns;
    const long double before = s->curve->length_ns ? curve_until(s->curve, s->skip_ns) : 0;
    const long double more = (long double)area / 2 / (long double)r->denominator;
    return curve_time(s->curve, before + more, s->skip_ns, end) - s->skip_ns;
}

/* Since the stage's begin. x / (a + √(a² + (b − a)·x/d)): the form that does not subtract what is
 * nearly equal. */
static int64_t time_in_stage(const struct ramp_stage *s, ramp_area area)
{
    if (area <= 0)
        return 0;
    if (s->from == s->to)
        return (int64_t)(area / (2 * (ramp_area)s->from));
    const long double a = s->from, x = (long double)area;
    long double root = a * a + ((long double)s->to - a) * x / s->length_ns;
    root = sqrtl(root > 0 ? root : 0);
    const long double t = x / (a + root);
    int64_t ns = t >= s->length_ns ? s->length_ns : (int64_t)t;
    while (ns > 0 && is_beyond(s, ns, area))
        ns--;
    while (ns < s->length_ns && !is_beyond(s, ns + 1, area))
        ns++;
    return ns;
}

/* The first stage at whose end the integral is that much. */
static const struct ramp_stage *stage_of(const struct ramp *r, ramp_area area)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct ramp_stage *s = &r->stages[middle];
        if (s->before + area_of_stage(s) >= area)
            high = middle;
        else
            low = middle + 1;
    }
    return low < r->count ? &r->stages[low] : NULL;
}

int64_t ramp_time(const struct ramp *r, ramp_area area)
{
    assert(area >= 0);
    const struct ramp_stage *s = stage_of(r, area);
    if (!s)
        return -1;
    area -= s->before;
    return s->begin_ns + (s->curve ? time_in_curve(r, s, area) : time_in_stage(s, area));
}

/* The stage that time lies in; of those that begin together, the last. */
static const struct ramp_stage *stage_at(const struct ramp *r, int64_t t_ns)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (r->stages[middle].begin_ns <= t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &r->stages[low - 1] : NULL;
}

ramp_area ramp_until(const struct ramp *r, int64_t t_ns)
{
    const struct ramp_stage *s = stage_at(r, t_ns);
    if (!s)
        return 0;
    if (t_ns >= r->length_ns)
        return r->area;
    const int64_t t = t_ns - s->begin_ns;
    if (s->curve)
        return s->before + rounded(r, curve_until(s->curve, s->skip_ns + t) -
                                          curve_until(s->curve, s->skip_ns));
    const long double bend = ((long double)s->to - s->from) * t / s->length_ns * t;
    return s->before + 2 * (ramp_area)s->from * t + (ramp_area)floorl(bend);
}

double ramp_arrivals(const struct ramp *r, ramp_area area)
{
    return r->denominator ? (double)((long double)area / 2 / r->denominator) : 0;
}

double ramp_per_s(const struct ramp *r, int64_t t_ns)
{
    const struct ramp_stage *s = stage_at(r, t_ns);
    if (!s || t_ns >= r->length_ns)
        return 0;
    if (s->curve)
        return curve_per_ns(s->curve, t_ns - s->begin_ns + s->skip_ns) * BILLION;
    const long double part = (long double)(t_ns - s->begin_ns) / s->length_ns;
    return (double)((s->from + ((long double)s->to - s->from) * part) / r->denominator * 1e9L);
}
