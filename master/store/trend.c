// SPDX-License-Identifier: MIT
#include "master/store/trend.h"
#include "common/base/mem.h"
#include "master/store/inference.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WEAK_P (10 * TREND_P) /* while cuts are looked for: neighbours may yet make them strong */

/* Student's test that two samples have one mean. */
static double equal_p(const double *a, size_t na, const double *b, size_t nb)
{
    const double difference = fabs(inference_mean(a, na) - inference_mean(b, nb));
    const double sa = inference_sd(a, na), sb = inference_sd(b, nb);
    const double df = (double)(na + nb) - 2;
    const double pooled = ((double)(na - 1) * sa * sa + (double)(nb - 1) * sb * sb) / df;
    const double se = sqrt(pooled * (1 / (double)na + 1 / (double)nb));
    if (se <= 0)
        return difference > 0 ? 0 : 1;
    return 2 * (1 - inference_t_cdf(difference / se, df));
}

static double distances(const double *x, size_t from, size_t to, double of)
{
    double sum = 0;
    for (size_t i = from; i < to; i++)
        sum += fabs(x[i] - of);
    return sum;
}

/* How far the parts are apart: t values on the left, n - t on the right; sums of distances over
 * pairs. */
static double divergence(double across, double left, double right, size_t t, size_t n)
{
    const double l = (double)t, r = (double)(n - t);
    const double mean_left = t > 1 ? 2 * left / (l * (l - 1)) : 0;
    const double mean_right = n - t > 1 ? 2 * right / (r * (r - 1)) : 0;
    return l * r / (l + r) * (2 * across / (l * r) - mean_left - mean_right);
}

/* Where values are best cut in two; 0: they are too few. */
static size_t best_cut(const double *x, size_t n)
{
    double across = 0, left = 0, right = 0, most = -INFINITY;
    size_t best = 0;
    for (size_t i = 0; i < n; i++)
        right += distances(x, i + 1, n, x[i]);
    for (size_t t = 1; t + TREND_SIDE_MIN <= n; t++) { /* value t - 1 goes to the left */
        const double to_left = distances(x, 0, t - 1, x[t - 1]);
        const double to_right = distances(x, t, n, x[t - 1]);
        across += to_right - to_left;
        left += to_left;
        right -= to_right;
        const double q = divergence(across, left, right, t, n);
        if (t >= TREND_SIDE_MIN && q > most) {
            most = q;
            best = t;
        }
    }
    return best;
}

struct cutting {
    const double *x;
    size_t *cuts;
    size_t count;
};

static void cut(struct cutting *c, size_t from, size_t to)
{
    const size_t at = best_cut(c->x + from, to - from);
    if (at == 0 || equal_p(c->x + from, at, c->x + from + at, to - from - at) >= WEAK_P)
        return;
    cut(c, from, from + at);
    c->cuts[c->count++] = from + at;
    cut(c, from + at, to);
}

/* Of cut i, between its neighbours. */
static double p_of(const struct cutting *c, size_t i, size_t n)
{
    const size_t from = i ? c->cuts[i - 1] : 0, to = i + 1 < c->count ? c->cuts[i + 1] : n;
    return equal_p(c->x + from, c->cuts[i] - from, c->x + c->cuts[i], to - c->cuts[i]);
}

size_t trend_cuts(const double *values, size_t n, size_t *cuts, double *p)
{
    struct cutting c = {values, cuts, 0};
    if (n >= 2 * TREND_SIDE_MIN)
        cut(&c, 0, n);
    for (;;) { /* the weakest goes, until all are strong */
        size_t weakest = 0;
        for (size_t i = 0; i < c.count; i++) {
            p[i] = p_of(&c, i, n);
            if (p[i] > p[weakest])
                weakest = i;
        }
        if (c.count == 0 || p[weakest] < TREND_P)
            return c.count;
        c.count--;
        memmove(cuts + weakest, cuts + weakest + 1, (c.count - weakest) * sizeof *cuts);
    }
}

/* ---- in words ---- */

struct known { /* the points that count */
    double *x; /* their values, of others than shares as logarithms */
    size_t *at;
    size_t n;
    bool is_share;
};

static void gather(struct known *k, const json_t *points)
{
    const json_t *point;
    size_t i;
    json_array_foreach(points, i, point)
    {
        const json_t *value = json_object_get(point, "value");
        const double number = json_number_value(value);
        if (!json_is_true(json_object_get(point, "is_good")) || !json_is_number(value) ||
            !isfinite(number) || (!k->is_share && number <= 0))
            continue;
        k->x[k->n] = k->is_share ? number : log(number);
        k->at[k->n++] = i;
    }
}

static double level(const struct known *k, size_t from, size_t to)
{
    const double mean = inference_mean(k->x + from, to - from);
    return k->is_share ? mean : exp(mean);
}

static json_t *step(const struct known *k, size_t from, size_t to)
{
    return json_pack("{s:I,s:I,s:I,s:f}", "from", (json_int_t)k->at[from], "to",
                     (json_int_t)k->at[to - 1], "n", (json_int_t)(to - from), "level",
                     level(k, from, to));
}

static json_t *change(const struct known *k, const json_t *points, const size_t around[3], double p)
{
    const double before = level(k, around[0], around[1]), after = level(k, around[1], around[2]);
    const json_t *point = json_array_get(points, k->at[around[1]]);
    return json_pack("{s:I,s:O,s:f,s:f}", "at", (json_int_t)k->at[around[1]], "id",
                     json_object_get(point, "id"), "change",
                     k->is_share ? after - before : after / before, "p", p);
}

/* By the values of the last level before the last one. */
static json_t *expected(const struct known *k, size_t from)
{
    const size_t n = k->n - from - 1;
    if (k->n <= from + TREND_KNOWN_MIN)
        return json_null();
    const double mean = inference_mean(k->x + from, n), sd = inference_sd(k->x + from, n);
    const double by = inference_t_quantile(0.995, (double)n - 1) * sd * sqrt(1 + 1 / (double)n);
    const double low = mean - by, high = mean + by;
    return json_pack("[f,f]", k->is_share ? fmax(0, low) : exp(low),
                     k->is_share ? high : exp(high));
}

json_t *trend_describe(const json_t *points, bool is_share)
{
    const size_t most = json_array_size(points) + 1;
    struct known k = {.x = mem_zalloc(most * sizeof *k.x),
                      .at = mem_zalloc(most * sizeof *k.at),
                      .is_share = is_share};
    size_t *cuts = mem_zalloc(most * sizeof *cuts), from = 0;
    double *p = mem_zalloc(most * sizeof *p);
    json_t *steps = json_array(), *changes = json_array();
    gather(&k, points);
    const size_t count = trend_cuts(k.x, k.n, cuts, p);
    for (size_t i = 0; i <= count && k.n > 0; i++) {
        const size_t to = i < count ? cuts[i] : k.n;
        json_array_append_new(steps, step(&k, from, to));
        if (i < count)
            json_array_append_new(
                changes,
                change(&k, points, (const size_t[]){from, to, i + 1 < count ? cuts[i + 1] : k.n},
                       p[i]));
        from = i < count ? to : from;
    }
    json_t *all = json_pack("{s:o,s:o,s:o}", "steps", steps, "changes", changes, "expected",
                            expected(&k, from));
    free(k.x);
    free(k.at);
    free(cuts);
    free(p);
    return all;
}
