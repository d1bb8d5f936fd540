// SPDX-License-Identifier: MIT
#include "master/store/whole.h"
#include <math.h>

#define Z 1.96 /* of 95 % */

void whole_ends(const struct tally *t, double q, double *low, double *high)
{
    const double ranks = Z * sqrt(q * (1 - q) / (double)t->hist.count);
    *low = tally_quantile_ms(t, fmax(0, q - ranks));
    *high = tally_quantile_ms(t, fmin(1, q + ranks));
}

struct figure whole_quantile(const struct tally *t, double q)
{
    const double n = (double)t->hist.count;
    struct figure f = {.value = NAN, .n = n};
    if (n < 1)
        return f;
    double low, high;
    whole_ends(t, q, &low, &high);
    f.value = tally_quantile_ms(t, q);
    f.se = low > 0 && high > 0 ? log(high / low) / (2 * Z) : 0;
    return f;
}

struct squares {
    double mean_us, sum;
};

static void add_square(void *arg, uint64_t mid_us, uint64_t n)
{
    struct squares *s = arg;
    const double off = (double)mid_us - s->mean_us;
    s->sum += off * off * (double)n;
}

struct figure whole_mean(const struct tally *t)
{
    const double n = (double)t->hist.count;
    struct squares s = {.mean_us = n >= 1 ? (double)t->sum_us / n : 0};
    struct figure f = {.value = NAN, .n = n};
    if (n < 1)
        return f;
    hist_each(&t->hist, add_square, &s);
    f.value = s.mean_us / 1e3;
    f.se = s.mean_us > 0 ? sqrt(s.sum / n) / sqrt(n) / s.mean_us : 0;
    return f;
}

struct figure whole_rate(const struct tally *t, double run_s)
{
    const double n = (double)t->requests;
    return (struct figure){
        .value = run_s > 0 ? n / run_s : NAN, .se = n > 0 ? 1 / sqrt(n) : 0, .n = n};
}

/* Where none failed, three in n would hardly have gone unseen. */
struct figure whole_failed(const struct tally *t)
{
    const double n = (double)t->requests;
    struct figure f = {.value = NAN, .n = n};
    if (n < 1)
        return f;
    f.value = (double)t->failures / n;
    f.se = fmax(sqrt(f.value * (1 - f.value) / n), 3 / n / Z);
    return f;
}
