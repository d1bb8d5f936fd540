// SPDX-License-Identifier: MIT
#pragma once
/* curve: arrivals that no line of a ramp can stand for: how many there are until a moment, and the
 * inverse of that.
 *
 *   sine    rate m + a·sin(2πt/p), 0 ≤ a ≤ m
 *   peak    n arrivals in d, few at both ends and most in the middle: at time t that share of
 *           n + 2 of which an error function says (1 + erf(t/k − z))/2, without the first and the
 *           last of them; z is where they are cut, k = d/2z
 *   times   at these times, one each; or so many at once
 *
 * Pure. A curve is not changed once it is made.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum curve_kind { CURVE_SINE, CURVE_PEAK, CURVE_TIMES };

struct curve {
    enum curve_kind kind;
    int64_t length_ns;           /* 0: all at once */
    long double mean, amplitude; /* of a sine: arrivals per nanosecond */
    int64_t period_ns;           /* ... */
    uint64_t count;              /* of a peak, of times */
    long double cut, unit_ns;    /* of a peak: z and k */
    int64_t *times_ns;           /* owned; sorted; NULL: all at 0 */
    char *text;                  /* owned: the step that it was made of (profile.h) */
};

/* All return what curve_free ends; `text` is copied. */
struct curve *curve_sine(long double mean, long double amplitude, int64_t period_ns,
                         int64_t length_ns, const char *text);
struct curve *curve_peak(uint64_t count, int64_t length_ns, const char *text);
/* times_ns: mem_alloc'ed, taken; sorted; NULL: all at once. It ends 1 ns behind the last one. */
struct curve *curve_times(int64_t *times_ns, uint64_t count, const char *text);
void curve_free(struct curve *c);

/* Arrivals before that moment since its begin. */
long double curve_until(const struct curve *c, int64_t t_ns);
/* The last moment of [from_ns, to_ns] until which there are no more than that since its begin. */
int64_t curve_time(const struct curve *c, long double arrivals, int64_t from_ns, int64_t to_ns);
double curve_per_ns(const struct curve *c, int64_t t_ns); /* of times: of the second around */
double curve_peak_per_ns(const struct curve *c);          /* of times: in the busiest second */
