// SPDX-License-Identifier: MIT
#include "master/store/inference.h"
#include "common/base/mem.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define MAD_TO_SD 1.4826

/* ---- Student's distribution ---- */

/* The incomplete beta function by its continued fraction (Lentz). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double f = d;
    for (int m = 1; m < 500; m++) {
        for (int odd = 0; odd < 2; odd++) {
            const double top = odd ? -(a + m) * (a + b + m) * x : m * (b - m) * x;
            const double term = top / ((a + 2 * m + odd) * (a + 2 * m - 1 + odd));
            d = 1 + term * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + term / c;
            c = fabs(c) < tiny ? tiny : c;
            f *= c * d;
        }
        if (fabs(c * d - 1) < 1e-14)
            break;
    }
    return f;
}

static double beta_share(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x >= 1;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double inference_t_cdf(double t, double df)
{
    if (!isfinite(df) || df > 1e6)
        return 0.5 * erfc(-t / M_SQRT2);
    const double tail = 0.5 * beta_share(df / 2, 0.5, df / (df + t * t));
    return t > 0 ? 1 - tail : tail;
}

double inference_t_quantile(double p, double df)
{
    double low = -1e4, high = 1e4;
    for (int i = 0; i < 200 && high - low > 1e-12 * fmax(1, fabs(low)); i++) {
        const double mid = (low + high) / 2;
        if (inference_t_cdf(mid, df) < p)
            low = mid;
        else
            high = mid;
    }
    return (low + high) / 2;
}

/* ---- samples ---- */

double inference_mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n ? sum / (double)n : NAN;
}

double inference_sd(const double *x, size_t n)
{
    const double mean = inference_mean(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? sqrt(sum / (double)(n - 1)) : 0;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

double inference_steady_sd(const double *x, size_t n)
{
    if (n < 3)
        return inference_sd(x, n);
    double *steps = mem_zalloc((n - 1) * sizeof *steps);
    for (size_t i = 0; i + 1 < n; i++)
        steps[i] = fabs(x[i + 1] - x[i]);
    const double sd = MAD_TO_SD * median(steps, n - 1) / M_SQRT2;
    free(steps);
    return sd;
}

struct ranked {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->p > y->p) - (x->p < y->p);
}

size_t inference_discover(const double *p, size_t n, double q, bool *is_rejected)
{
    struct ranked *ranks = mem_zalloc((n + 1) * sizeof *ranks);
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        ranks[i] = (struct ranked){p[i], i};
        is_rejected[i] = false;
    }
    qsort(ranks, n, sizeof *ranks, by_p);
    for (size_t i = 0; i < n; i++)
        if (ranks[i].p <= q * (double)(i + 1) / (double)n)
            count = i + 1;
    for (size_t i = 0; i < count; i++)
        is_rejected[ranks[i].at] = true;
    free(ranks);
    return count;
}

/* ---- distributions ---- */

struct step {
    double at, a, b;
};

struct steps {
    struct step *list;
    size_t count;
    double total;
    bool is_b;
};

static void add_step(void *arg, uint64_t mid_us, uint64_t n)
{
    struct steps *s = arg;
    if (s->count % 256 == 0)
        s->list = mem_realloc(s->list, (s->count + 256) * sizeof *s->list);
    const double share = (double)n / s->total;
    s->list[s->count++] = (struct step){(double)mid_us, s->is_b ? 0 : share, s->is_b ? share : 0};
}

static int by_at(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static struct steps steps_of(const struct hist *a, const struct hist *b)
{
    struct steps s = {.total = (double)a->count};
    hist_each(a, add_step, &s);
    s.total = (double)b->count;
    s.is_b = true;
    hist_each(b, add_step, &s);
    qsort(s.list, s.count, sizeof *s.list, by_at);
    return s;
}

double inference_distance(const struct hist *a, const struct hist *b, double *at_us)
{
    double fa = 0, fb = 0, most = 0;
    *at_us = 0;
    if (a->count == 0 || b->count == 0)
        return 0;
    struct steps s = steps_of(a, b);
    for (size_t i = 0; i < s.count; i++) {
        fa += s.list[i].a;
        fb += s.list[i].b;
        const bool is_whole = i + 1 == s.count || s.list[i + 1].at > s.list[i].at;
        if (is_whole && fabs(fa - fb) > most) {
            most = fabs(fa - fb);
            *at_us = s.list[i].at;
        }
    }
    free(s.list);
    return most;
}

double inference_delta(const struct hist *a, const struct hist *b)
{
    double below_a = 0, below_b = 0, delta = 0;
    if (a->count == 0 || b->count == 0)
        return 0;
    struct steps s = steps_of(a, b);
    for (size_t i = 0; i < s.count;) {
        double pa = 0, pb = 0;
        const double at = s.list[i].at;
        for (; i < s.count && s.list[i].at <= at; i++) {
            pa += s.list[i].a;
            pb += s.list[i].b;
        }
        delta += pb * below_a - pa * below_b;
        below_a += pa;
        below_b += pb;
    }
    free(s.list);
    return delta;
}

/* ---- a comparison ---- */

#define TELLS 0.05

struct side {
    double mean, sd, within; /* within: mean square of what a run says of itself */
    size_t k;
};

static struct side side_of(const struct figure *f, size_t count, bool is_share)
{
    struct side s = {0};
    double *x = mem_zalloc((count + 1) * sizeof *x);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(f[i].value) || (!is_share && f[i].value <= 0))
            continue;
        x[s.k++] = is_share ? f[i].value : log(f[i].value);
        s.within += f[i].se * f[i].se;
    }
    s.mean = inference_mean(x, s.k);
    s.sd = inference_sd(x, s.k);
    s.within /= s.k ? (double)s.k : 1;
    free(x);
    return s;
}

static void welch(struct change *c, const struct side *a, const struct side *b)
{
    const double va = a->sd * a->sd / (double)a->k, vb = b->sd * b->sd / (double)b->k;
    c->basis = BASIS_RUNS;
    c->se = sqrt(va + vb);
    c->df = (va + vb) * (va + vb) / (va * va / ((double)a->k - 1) + vb * vb / ((double)b->k - 1));
    if (!(c->df > 0)) /* no spread at all */
        c->df = (double)(a->k + b->k - 2);
}

/* What history says of the spread between runs has what is within a run in it; an assumption has
 * not. */
static double together(double between2, double within2, const struct between *b)
{
    return b->is_assumed ? between2 + within2 : fmax(between2, within2);
}

static void by_between(struct change *c, const struct side *a, const struct side *b,
                       const struct between *between)
{
    const double sd2 = between->sd * between->sd, ka = (double)a->k, kb = (double)b->k;
    c->basis = between->is_assumed ? BASIS_ASSUMED : BASIS_HISTORY;
    c->se =
        sqrt(between->paired_se > 0
                 ? together(sd2 / ka + sd2 / kb, between->paired_se * between->paired_se, between)
                 : together(sd2, a->within, between) / ka + together(sd2, b->within, between) / kb);
    c->df = between->df;
}

/* What counts as worse, as a logarithm or a difference. */
static double limit_of(const struct margin *m, double before)
{
    if (m->is_share)
        return fmax(m->share, m->floor);
    const double share = before > 0 ? fmax(m->share, m->floor / before) : m->share;
    return m->is_lower_worse ? -log(fmax(1 - share, 1e-6)) : log(1 + share);
}

struct change inference_compare(const struct figure *a, size_t a_count, const struct figure *b,
                                size_t b_count, const struct between *between,
                                const struct margin *margin)
{
    const struct side x = side_of(a, a_count, margin->is_share);
    const struct side y = side_of(b, b_count, margin->is_share);
    struct change c = {.before = NAN, .after = NAN, .change = NAN, .low = NAN, .high = NAN};
    c.p_worse = c.p_fine = 1;
    if (x.k == 0 || y.k == 0)
        return c;
    if (x.k >= 3 && y.k >= 3)
        welch(&c, &x, &y);
    else
        by_between(&c, &x, &y, between);
    const double d = y.mean - x.mean, width = inference_t_quantile(0.975, c.df) * c.se;
    const double worse = margin->is_lower_worse ? -d : d;
    c.is_there = true;
    c.before = margin->is_share ? x.mean : exp(x.mean);
    c.after = margin->is_share ? y.mean : exp(y.mean);
    c.change = margin->is_share ? d : exp(d);
    c.low = margin->is_share ? d - width : exp(d - width);
    c.high = margin->is_share ? d + width : exp(d + width);
    const double beyond = worse - limit_of(margin, c.before);
    const double t = c.se > 0 ? beyond / c.se : beyond > 0 ? 1e3 : beyond < 0 ? -1e3 : 0;
    c.p_worse = inference_t_cdf(-t, c.df);
    c.p_fine = inference_t_cdf(t, c.df);
    if (c.basis != BASIS_RUNS) {
        c.least = between->sd * sqrt(1 / (double)x.k + 1 / (double)y.k);
        c.would_tell = inference_t_cdf(-fabs(beyond) / fmax(c.least, 1e-9), c.df) < TELLS;
    }
    return c;
}
