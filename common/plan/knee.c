// SPDX-License-Identifier: MIT
#include "common/plan/knee.h"
#include "common/base/mem.h"
#include "common/plan/chance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KEEPS_UP 0.97    /* of what is due, is done: all that ended a little later */
#define GROWS 0.2        /* by that share of the mean, within a level */
#define MOST_FAILED 0.05 /* of the requests */
#define LEAST_DONE 20    /* iterations of a level that tells something */
#define ROUNDS 300       /* of the bootstrap */
#define SAME_AS_BEST 2.5 /* standard errors */

struct point { /* of the law */
    double n, x;
};
struct law {
    double lambda, sigma, kappa;
};

/* ---- a level -------------------------------------------------------------------------------- */

/* Two-sided 95 % of Student's t, to 1 % from 2 degrees of freedom up. */
static double t95(size_t freedom)
{
    const double f = (double)(freedom ? freedom : 1);
    return 1.96 + 2.4 / f + 3.3 / (f * f);
}

/* Whether y grows over x = 0, 1, …: the slope is above 0 with confidence, and matters. */
static bool grows(const double *y, size_t n)
{
    double mean = 0, sxy = 0, sxx = 0, rest = 0;
    if (n < 4)
        return false;
    for (size_t i = 0; i < n; i++)
        mean += y[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)i - (double)(n - 1) / 2;
        sxy += x * (y[i] - mean);
        sxx += x * x;
    }
    const double slope = sxy / sxx;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)i - (double)(n - 1) / 2;
        rest += pow(y[i] - mean - slope * x, 2);
    }
    const double error = sqrt(rest / (double)(n - 2) / sxx);
    return slope > t95(n - 2) * error && slope * (double)n > GROWS * mean;
}

static bool is_growing(const struct knee_level *l)
{
    double *y = mem_zalloc((l->count + 1) * sizeof *y);
    for (size_t i = 0; i < l->count; i++)
        y[i] = l->seconds[i].under_way;
    bool is = grows(y, l->count);
    for (size_t i = 0; i < l->count; i++)
        y[i] = l->seconds[i].p50_ms;
    is = is && grows(y, l->count);
    free(y);
    return is;
}

static bool is_saturated(const struct knee_level *l)
{
    const double length = (double)l->count,
                 least = KEEPS_UP * l->offered - 2 * sqrt(l->offered / length);
    return l->done < least || l->is_short_of_users || l->failed > MOST_FAILED || is_growing(l);
}

/* What was done well, and how long one takes; of the seconds that pick names (NULL: all). */
static struct point point_of(const struct knee_level *l, const size_t *pick)
{
    double done = 0, busy = 0;
    for (size_t i = 0; i < l->count; i++) {
        const struct knee_second *s = &l->seconds[pick ? pick[i] : i];
        done += s->done;
        busy += s->busy_s;
    }
    const double length = l->count ? (double)l->count : 1;
    return (struct point){busy / length, done / length};
}

void knee_add(struct knee *k, const struct knee_level *measured)
{
    k->levels = mem_realloc(k->levels, (k->count + 1) * sizeof *k->levels);
    struct knee_level *l = &k->levels[k->count++];
    *l = *measured;
    const struct point p = point_of(l, NULL);
    l->done = p.x;
    l->users = p.n;
    l->mean_ms = p.x > 0 ? p.n / p.x * 1e3 : 0;
    l->is_saturated = l->count > 0 && is_saturated(l);
    l->is_poor = k->goodput > 0 && l->good < k->goodput;
    l->is_valid = !l->is_late && p.x * (double)l->count >= LEAST_DONE;
}

void knee_fini(struct knee *k)
{
    for (size_t i = 0; i < k->count; i++)
        free(k->levels[i].seconds);
    free(k->levels);
    *k = (struct knee){0};
}

enum knee_stop knee_stop(const struct knee *k)
{
    if (k->count < 2)
        return KNEE_GOES_ON;
    const struct knee_level *last = &k->levels[k->count - 1], *before = last - 1;
    if (last->is_late && before->is_late)
        return KNEE_GENERATOR;
    if (last->is_late)
        return KNEE_GOES_ON;
    if (last->is_saturated && before->is_saturated)
        return KNEE_FOUND;
    const bool is_over = last->is_poor || last->is_saturated;
    return is_over && (before->is_poor || before->is_saturated) ? KNEE_POOR : KNEE_GOES_ON;
}

const struct knee_level *knee_good(const struct knee *k)
{
    for (size_t i = k->count; i > 0; i--) {
        const struct knee_level *l = &k->levels[i - 1];
        if (l->is_valid && !l->is_saturated && !l->is_poor)
            return l;
    }
    return NULL;
}

/* ---- the law -------------------------------------------------------------------------------- */

static double done_at(const struct law *l, double n)
{
    return l->lambda * n / (1 + l->sigma * (n - 1) + l->kappa * n * (n - 1));
}

static void basis(double n, double row[3])
{
    row[0] = 1;
    row[1] = n - 1;
    row[2] = n * (n - 1);
}

/* Least squares with those of the three that `keep` has, by Gauss. False: there is no answer. */
static bool solve(double a[3][4], unsigned keep, double out[3])
{
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 4; k++)
            if (!(keep >> i & 1) || (k < 3 && !(keep >> k & 1)))
                a[i][k] = i == k;
    for (int i = 0; i < 3; i++)
        if (!(keep >> i & 1))
            a[i][3] = 0;
    for (int i = 0; i < 3; i++) {
        int pivot = i;
        for (int k = i + 1; k < 3; k++)
            pivot = fabs(a[k][i]) > fabs(a[pivot][i]) ? k : pivot;
        if (fabs(a[pivot][i]) < 1e-300)
            return false;
        for (int c = 0; c < 4 && pivot != i; c++) {
            const double other = a[i][c];
            a[i][c] = a[pivot][c];
            a[pivot][c] = other;
        }
        for (int k = 0; k < 3; k++) {
            const double times = a[k][i] / a[i][i];
            for (int c = 0; c < 4 && k != i; c++)
                a[k][c] -= times * a[i][c];
        }
    }
    for (int i = 0; i < 3; i++)
        out[i] = a[i][3] / a[i][i];
    return out[0] > 0 && out[1] >= 0 && out[2] >= 0;
}

/* What is left over, by weight. */
static double misfit(const struct point *p, size_t count, const double c[3])
{
    double sum = 0, row[3];
    for (size_t i = 0; i < count; i++) {
        basis(p[i].n, row);
        const double error = p[i].n / p[i].x - c[0] * row[0] - c[1] * row[1] - c[2] * row[2];
        sum += pow(p[i].x * p[i].x / p[i].n * error, 2);
    }
    return sum;
}

/* Of the ways to have some of the numbers 0 the one that fits best. */
static bool fit_law(const struct point *p, size_t count, struct law *law)
{
    double best = INFINITY;
    for (unsigned keep = 1; keep < 8; keep += 2) {
        double a[3][4] = {{0}}, c[3], row[3];
        for (size_t i = 0; i < count; i++) {
            const double weight = pow(p[i].x * p[i].x / p[i].n, 2);
            basis(p[i].n, row);
            for (int y = 0; y < 3; y++) {
                for (int x = 0; x < 3; x++)
                    a[y][x] += weight * row[y] * row[x];
                a[y][3] += weight * row[y] * p[i].n / p[i].x;
            }
        }
        if (!solve(a, keep, c) || misfit(p, count, c) >= best)
            continue;
        best = misfit(p, count, c);
        *law = (struct law){1 / c[0], c[1] / c[0], c[2] / c[0]};
    }
    return isfinite(best);
}

/* Its maximum; infinite: it has none. */
static double capacity_of(const struct law *l)
{
    if (l->kappa > 0)
        return l->sigma < 1 ? done_at(l, fmax(1, sqrt((1 - l->sigma) / l->kappa))) : l->lambda;
    return l->sigma > 0 ? l->lambda / l->sigma : INFINITY;
}

/* How many are busy where X²/N is greatest: 1 − σ − (σ − κ)N − 3κN² = 0. 0: nowhere. */
static double knee_of(const struct law *l)
{
    const double b = l->sigma - l->kappa, rest = 1 - l->sigma;
    if (rest <= 0 || (l->kappa <= 0 && l->sigma <= 0))
        return 0;
    if (l->kappa <= 0)
        return rest / l->sigma;
    return (sqrt(b * b + 12 * l->kappa * rest) - b) / (6 * l->kappa);
}

static double fit_of(const struct point *p, size_t count, const struct law *l)
{
    double mean = 0, all = 0, rest = 0;
    for (size_t i = 0; i < count; i++)
        mean += p[i].x / (double)count;
    for (size_t i = 0; i < count; i++) {
        all += pow(p[i].x - mean, 2);
        rest += pow(p[i].x - done_at(l, p[i].n), 2);
    }
    return all > 0 ? 1 - rest / all : 0;
}

/* ---- results -------------------------------------------------------------------------------- */

static bool is_of_law(const struct knee_level *l, bool with_saturated)
{
    return l->is_valid && (with_saturated || !l->is_saturated);
}

/* Points of the levels; with pick: of seconds drawn at random, as the bootstrap has it. */
static size_t points_of(const struct knee *k, bool with_saturated, bool is_drawn, uint64_t *drawn,
                        struct point *out)
{
    size_t count = 0;
    for (size_t i = 0; i < k->count; i++) {
        const struct knee_level *l = &k->levels[i];
        if (!is_of_law(l, with_saturated))
            continue;
        size_t *pick = is_drawn ? mem_zalloc((l->count + 1) * sizeof *pick) : NULL;
        for (size_t s = 0; is_drawn && s < l->count; s++)
            pick[s] = (size_t)(chance_bits(1, (*drawn)++) % l->count);
        const struct point p = point_of(l, pick);
        free(pick);
        if (p.x > 0 && p.n > 0)
            out[count++] = p;
    }
    return count;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void set_range(struct knee_range *r, double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_size);
    r->low = count ? fmin(r->value, values[(size_t)(0.025 * (double)count)]) : r->value;
    r->high = count ? fmax(r->value, values[(size_t)(0.975 * (double)count)]) : r->value;
}

static void add_confidence(const struct knee *k, bool with_saturated, struct point *room,
                           struct knee_result *r)
{
    double capacities[ROUNDS], knees[ROUNDS];
    size_t c = 0, n = 0;
    uint64_t drawn = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct law law;
        const size_t count = points_of(k, with_saturated, true, &drawn, room);
        if (!fit_law(room, count, &law))
            continue;
        if (isfinite(capacity_of(&law)))
            capacities[c++] = capacity_of(&law);
        if (knee_of(&law) > 0)
            knees[n++] = done_at(&law, knee_of(&law));
    }
    if (!r->is_measured)
        set_range(&r->capacity, capacities, c);
    set_range(&r->knee, knees, n);
}

static double spread_of(const struct knee_level *l)
{
    double sum = 0;
    for (size_t i = 0; i < l->count; i++)
        sum += pow(l->seconds[i].done - l->done, 2);
    return sum;
}

/* The level that did the most, with those that did as much but for chance. */
static void measure_capacity(const struct knee *k, struct knee_result *r)
{
    const struct knee_level *best = NULL;
    double sum = 0, spread = 0, count = 0;
    bool has_saturated = false;
    for (size_t i = 0; i < k->count; i++) {
        const struct knee_level *l = &k->levels[i];
        has_saturated |= l->is_valid && l->is_saturated;
        if (l->is_valid && (!best || l->done > best->done))
            best = l;
    }
    if (!has_saturated)
        return;
    const double error =
        sqrt(fmax(spread_of(best) / fmax((double)best->count - 1, 1), best->done)) /
        sqrt((double)best->count);
    size_t pooled = 0;
    for (size_t i = 0; i < k->count; i++) {
        const struct knee_level *l = &k->levels[i];
        if (!l->is_valid || (!l->is_saturated && l != best) ||
            l->done < best->done - SAME_AS_BEST * error)
            continue;
        sum += l->done * (double)l->count;
        spread += spread_of(l);
        count += (double)l->count;
        pooled++;
    }
    const size_t freedom = (size_t)fmax(count - (double)pooled, 1);
    const double half = t95(freedom) * sqrt(spread / (double)freedom) / sqrt(count);
    r->is_measured = r->has_capacity = true;
    r->capacity = (struct knee_range){sum / count, sum / count - half, sum / count + half};
}

static void bound(struct knee_range *r, double most)
{
    r->value = fmin(r->value, most);
    r->low = fmin(r->low, most);
    r->high = fmin(r->high, most);
}

void knee_results(const struct knee *k, struct knee_result *r)
{
    struct point *points = mem_zalloc((k->count + 1) * sizeof *points);
    struct law law;
    size_t unsaturated = 0;
    *r = (struct knee_result){.has_law = false};
    if (k->count >= KNEE_LEAST_LEVELS)
        measure_capacity(k, r);
    for (size_t i = 0; i < k->count; i++)
        unsaturated += is_of_law(&k->levels[i], false);
    const bool with_saturated = unsaturated < KNEE_LEAST_LEVELS;
    const size_t count = points_of(k, with_saturated, false, NULL, points);
    if (count >= KNEE_LEAST_LEVELS && fit_law(points, count, &law)) {
        *r = (struct knee_result){.has_law = true,
                                  .has_capacity = r->has_capacity || isfinite(capacity_of(&law)),
                                  .has_knee = knee_of(&law) > 0,
                                  .lambda = law.lambda,
                                  .sigma = law.sigma,
                                  .kappa = law.kappa,
                                  .fit = fit_of(points, count, &law),
                                  .capacity = r->capacity,
                                  .is_measured = r->is_measured};
        if (!r->is_measured)
            r->capacity.value = capacity_of(&law);
        r->users = knee_of(&law);
        r->knee.value = r->has_knee ? done_at(&law, r->users) : 0;
        r->ms = r->has_knee ? r->users / r->knee.value * 1e3 : 0;
        add_confidence(k, with_saturated, points, r);
        if (r->has_knee && r->has_capacity)
            bound(&r->knee, r->capacity.value);
    }
    free(points);
}
