// SPDX-License-Identifier: MIT
#include "common/plan/curve.h"
#include "common/base/mem.h"

#include <math.h>
#include <stdlib.h>

#define SECOND 1000000000LL
#define TAU 6.283185307179586476925286766559005768L

static struct curve *make(enum curve_kind kind, int64_t length_ns, const char *text)
{
    struct curve *c = mem_zalloc(sizeof *c);
    c->kind = kind;
    c->length_ns = length_ns;
    c->text = mem_strdup(text);
    return c;
}

struct curve *curve_sine(long double mean, long double amplitude, int64_t period_ns,
                         int64_t length_ns, const char *text)
{
    struct curve *c = make(CURVE_SINE, length_ns, text);
    c->mean = mean;
    c->amplitude = amplitude;
    c->period_ns = period_ns;
    return c;
}

/* Where the error function's complement is that, which falls from 1 to nearly 0. */
static long double inverse_erfc(long double wanted)
{
    long double low = 0, high = 30;
    for (int i = 0; i < 100; i++) {
        const long double middle = (low + high) / 2;
        if (erfcl(middle) > wanted)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

struct curve *curve_peak(uint64_t count, int64_t length_ns, const char *text)
{
    struct curve *c = make(CURVE_PEAK, length_ns, text);
    c->count = count;
    c->cut = inverse_erfc(2 / ((long double)count + 2));
    c->unit_ns = (long double)length_ns / (2 * c->cut);
    return c;
}

struct curve *curve_times(int64_t *times_ns, uint64_t count, const char *text)
{
    struct curve *c = make(CURVE_TIMES, times_ns && count ? times_ns[count - 1] + 1 : 0, text);
    c->times_ns = times_ns;
    c->count = count;
    return c;
}

void curve_free(struct curve *c)
{
    if (!c)
        return;
    free(c->times_ns);
    free(c->text);
    free(c);
}

/* How many of the times are before that. */
static uint64_t times_before(const struct curve *c, int64_t t_ns)
{
    uint64_t low = 0, high = c->count;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if ((c->times_ns ? c->times_ns[middle] : 0) < t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

long double curve_until(const struct curve *c, int64_t t_ns)
{
    const long double t = (long double)t_ns;
    switch (c->kind) {
    case CURVE_SINE: {
        const long double turn = TAU * (long double)(t_ns % c->period_ns) / c->period_ns;
        return c->mean * t + c->amplitude * c->period_ns / TAU * (1 - cosl(turn));
    }
    case CURVE_PEAK:
        if (t_ns <= 0 || t_ns >= c->length_ns)
            return t_ns <= 0 ? 0 : (long double)c->count;
        return ((long double)c->count + 2) / 2 * erfcl(c->cut - t / c->unit_ns) - 1;
    case CURVE_TIMES:
    default:
        return (long double)(c->length_ns ? times_before(c, t_ns) : c->count);
    }
}

int64_t curve_time(const struct curve *c, long double arrivals, int64_t from_ns, int64_t to_ns)
{
    if (c->kind == CURVE_TIMES) { /* the one that is beyond the whole ones before it */
        const long double place = ceill(arrivals) - 1;
        const uint64_t i = place < 0 ? 0 : (uint64_t)place;
        return c->times_ns ? c->times_ns[i < c->count ? i : c->count - 1] : 0;
    }
    while (from_ns < to_ns) {
        const int64_t middle = from_ns + (to_ns - from_ns + 1) / 2;
        if (curve_until(c, middle) <= arrivals)
            from_ns = middle;
        else
            to_ns = middle - 1;
    }
    return from_ns;
}

double curve_per_ns(const struct curve *c, int64_t t_ns)
{
    if (c->kind == CURVE_SINE)
        return (double)(c->mean + c->amplitude * sinl(TAU * (long double)(t_ns % c->period_ns) /
                                                      c->period_ns));
    if (c->kind == CURVE_PEAK) {
        const long double x = (long double)t_ns / c->unit_ns - c->cut;
        return (double)(((long double)c->count + 2) / (sqrtl(TAU / 2) * c->unit_ns) * expl(-x * x));
    }
    return (double)(times_before(c, t_ns + SECOND / 2) - times_before(c, t_ns - SECOND / 2)) /
           (double)SECOND;
}

double curve_peak_per_ns(const struct curve *c)
{
    uint64_t most = c->times_ns ? 0 : c->count;
    if (c->kind == CURVE_SINE)
        return (double)(c->mean + c->amplitude);
    if (c->kind == CURVE_PEAK)
        return curve_per_ns(c, c->length_ns / 2);
    for (uint64_t first = 0, i = 0; c->times_ns && i < c->count; i++) {
        while (c->times_ns[i] - c->times_ns[first] >= SECOND)
            first++;
        most = i - first + 1 > most ? i - first + 1 : most;
    }
    return (double)most / (double)SECOND;
}
