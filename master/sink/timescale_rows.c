// SPDX-License-Identifier: MIT
/* timescale_rows: see the header. */
#include "master/sink/timescale_rows.h"
#include "common/base/mem.h"
#include "common/base/sat.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN 0.6180339887498949 /* its multiples lie evenly, and in no order, in any interval */
#define UNTOLD "failed"

struct failed { /* texts of what failed meanwhile */
    const struct failure *f;
    uint64_t left;
};

struct writing {
    const struct timescale_wish *w;
    void (*take)(void *arg, const struct timescale_row *row);
    void *arg;
    uint64_t every; /* requests that a row stands for, at most */
    uint64_t rows;  /* so far */
    struct failed *failed;
    size_t failed_count;
    /* of the statistics' row that is at its turn */
    const struct tally *now;
    struct timescale_row row;
    uint64_t good_failed, good_left; /* of those that are not known to have failed, so many did */
};

/* ---- what came --------------------------------------------------------------------------- */

/* A kind's texts stay in their order, and new ones come between them. */
static void find_failed(struct writing *w)
{
    const struct stats *now = &w->w->s->stats;
    const struct failure *old = w->w->since ? w->w->since->stats.failures : NULL;
    w->failed = mem_zalloc((now->failure_count + 1) * sizeof *w->failed);
    for (const struct failure *f = now->failures; f && w->failed_count < now->failure_count;
         f = f->next) {
        const bool was = old && old->number == f->number && !strcmp(old->text, f->text);
        const uint64_t left = sat_sub(f->count, was ? old->count : 0);
        if (left)
            w->failed[w->failed_count++] = (struct failed){f, left};
        old = was ? old->next : old;
    }
}

/* The text of the next of those, and how many of them have it, at most so many. */
static const char *take_text(struct writing *w, uint64_t *count)
{
    for (size_t i = 0; i < w->failed_count; i++) {
        struct failed *f = &w->failed[i];
        if (!f->left || strcmp(f->f->name, w->now->name) != 0 ||
            strcmp(f->f->method, w->now->method) != 0)
            continue;
        *count = *count < f->left ? *count : f->left;
        f->left -= *count;
        return f->f->text;
    }
    return UNTOLD;
}

/* ---- rows -------------------------------------------------------------------------------- */

static void put_one(struct writing *w, double ms, uint64_t weight, const char *exception)
{
    const struct timescale_wish *of = w->w;
    const double ended = of->from + fmod((double)++w->rows * GOLDEN, 1) * (of->to - of->from);
    const double started = ended - (isfinite(ms) ? ms / 1000 : 0);
    w->row.at = fmax(started, of->run_at + 1e-3);
    w->row.ms = ms;
    w->row.weight = weight;
    w->row.exception = exception;
    w->take(w->arg, &w->row);
}

static void put_failed(struct writing *w, double ms, uint64_t weight)
{
    while (weight) {
        uint64_t count = weight;
        const char *text = take_text(w, &count);
        put_one(w, ms, count, text);
        weight -= count;
    }
}

/* Those of whom it is not known which of them failed do so evenly. */
static void put_good(struct writing *w, double ms, uint64_t weight)
{
    const uint64_t bad =
        w->good_left ? (uint64_t)((__uint128_t)w->good_failed * weight / w->good_left) : 0;
    w->good_failed -= bad;
    w->good_left -= weight;
    put_failed(w, ms, bad);
    if (weight > bad)
        put_one(w, ms, weight - bad, NULL);
}

struct walk {
    struct writing *w;
    void (*put)(struct writing *w, double ms, uint64_t weight);
    uint64_t passed, from, count; /* values below the bucket; of the next row the first; in all */
};

/* Of each group of `every` values, in their order, the middle one. */
static void visit(void *arg, uint64_t mid_us, uint64_t n)
{
    struct walk *k = arg;
    k->passed += n;
    while (k->from < k->count) {
        const uint64_t left = k->count - k->from, weight = left < k->w->every ? left : k->w->every;
        if (k->from + weight / 2 >= k->passed)
            return;
        k->put(k->w, (double)mid_us / 1000, weight);
        k->from += weight;
    }
}

static void put_times(struct writing *w, const struct hist *h,
                      void (*put)(struct writing *w, double ms, uint64_t weight))
{
    struct walk k = {.w = w, .put = put, .count = h->count};
    hist_each(h, visit, &k);
}

static void put_untimed(struct writing *w, uint64_t count,
                        void (*put)(struct writing *w, double ms, uint64_t weight))
{
    while (count) {
        const uint64_t weight = count < w->every ? count : w->every;
        put(w, NAN, weight);
        count -= weight;
    }
}

static void put_row(struct writing *w, const struct tally *t, const struct tally *old)
{
    static const struct tally nothing;
    const struct tally *was = old ? old : &nothing;
    const uint64_t requests = sat_sub(t->requests, was->requests);
    const uint64_t failures = sat_sub(t->failures, was->failures);
    const uint64_t untimed = sat_sub(t->none_requests, was->none_requests);
    struct hist good = hist_since(&t->hist, &was->hist), bad = hist_since(t->failed, was->failed);
    hist_subtract(&good, &bad);
    const uint64_t bad_left = sat_sub(failures, bad.count);
    const uint64_t bad_untimed = bad_left < untimed ? bad_left : untimed;
    w->now = t;
    w->row.bytes = requests ? sat_sub(t->bytes, was->bytes) / requests : 0;
    w->good_left = good.count;
    w->good_failed = sat_sub(bad_left, bad_untimed);
    if (w->good_failed > w->good_left)
        w->good_failed = w->good_left;
    put_times(w, &bad, put_failed);
    put_times(w, &good, put_good);
    put_untimed(w, bad_untimed, put_failed);
    w->good_left = untimed - bad_untimed;
    put_untimed(w, untimed - bad_untimed, put_good);
    hist_fini(&good);
    hist_fini(&bad);
}

void timescale_rows(const struct timescale_wish *of,
                    void (*take)(void *arg, const struct timescale_row *row), void *arg)
{
    const struct stats *now = &of->s->stats, *before = of->since ? &of->since->stats : NULL;
    const uint64_t all = sat_sub(now->total.requests, before ? before->total.requests : 0);
    struct writing w = {.w = of, .take = take, .arg = arg, .every = 1};
    const struct tally *old = before ? before->rows : NULL;
    size_t place = 0;
    if (!of->most)
        return;
    if (all > of->most)
        w.every = (all + of->most - 1) / of->most;
    find_failed(&w);
    for (const struct tally *t = now->rows; t; t = t->next, place++) {
        while (old && old->number < t->number)
            old = old->next;
        w.row.method = t->method;
        w.row.name = place < of->names && !t->is_overflow ? t->name : STATS_OTHER;
        put_row(&w, t, old && old->number == t->number ? old : NULL);
    }
    free(w.failed);
}
