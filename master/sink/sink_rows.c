// SPDX-License-Identifier: MIT
/* sink_rows: rows and their differences. Rows are in the order of coming in every snapshot of a
 * run, so two of them are compared in one walk, and the rows that have a name of their own stay
 * those.
 */
#include "master/sink/sink_rows.h"
#include "common/base/mem.h"
#include "common/base/sat.h"
#include <math.h>
#include <stdlib.h>

/* The least and the most of a difference are those of its histogram, within what the row has. */
static void guess_bounds(struct sink_row *r, const struct tally *t)
{
    if (r->own.count == 0)
        return;
    const uint64_t low = hist_quantile_us(&r->own, 0), high = hist_quantile_us(&r->own, 1);
    r->min_us = low > t->min_us ? low : t->min_us;
    r->max_us = high < t->max_us ? high : t->max_us;
}

static bool is_same(const struct tally *t, const struct tally *old)
{
    return t->requests == old->requests && t->failures == old->failures && t->cut == old->cut &&
           t->discarded == old->discarded && t->resent == old->resent;
}

/* What t gained since it was old; NULL: since the start. */
static struct sink_row difference(const struct tally *t, const struct tally *old)
{
    static const struct tally nothing;
    const struct tally *from = old ? old : &nothing;
    struct sink_row r = {.method = t->method,
                         .name = t->name,
                         .requests = sat_sub(t->requests, from->requests),
                         .failures = sat_sub(t->failures, from->failures),
                         .cut = sat_sub(t->cut, from->cut),
                         .discarded = sat_sub(t->discarded, from->discarded),
                         .resent = sat_sub(t->resent, from->resent),
                         .bytes = sat_sub(t->bytes, from->bytes),
                         .sum_us = sat_sub(t->sum_us, from->sum_us),
                         .min_us = t->hist.count ? t->min_us : 0,
                         .max_us = t->max_us,
                         .shared = old ? NULL : &t->hist};
    if (!old)
        return r;
    r.min_us = r.max_us = 0;
    r.own = hist_since(&t->hist, &old->hist);
    guess_bounds(&r, t);
    return r;
}

static void merge(struct sink_row *into, const struct sink_row *more)
{
    const bool is_first = sink_row_hist(into)->count == 0;
    if (into->shared) {
        hist_merge(&into->own, into->shared);
        into->shared = NULL;
    }
    hist_merge(&into->own, sink_row_hist(more));
    into->requests += more->requests;
    into->failures += more->failures;
    into->cut += more->cut;
    into->discarded += more->discarded;
    into->resent += more->resent;
    into->bytes += more->bytes;
    into->sum_us += more->sum_us;
    if (sink_row_hist(more)->count && (is_first || more->min_us < into->min_us))
        into->min_us = more->min_us;
    if (more->max_us > into->max_us)
        into->max_us = more->max_us;
}

/* A row that has no name of its own goes to that of its method. Takes it. */
static void fold(struct sink_rows *f, struct sink_row *r)
{
    for (size_t i = f->row_count; i-- > 0;)
        if (!strcmp(f->rows[i].name, STATS_OTHER) && !strcmp(f->rows[i].method, r->method)) {
            merge(&f->rows[i], r);
            hist_fini(&r->own);
            return;
        }
    r->name = STATS_OTHER;
    f->rows[f->row_count++] = *r;
}

static struct tally_extra extra_of(const struct tally_extra *now, const struct tally_extra *old)
{
    struct tally_extra e = *now;
    uint64_t *to = (uint64_t *)(void *)&e;
    const uint64_t *from = (const uint64_t *)(const void *)old;
    for (size_t i = 0; old && i < STATS_EXTRAS; i++)
        to[i] = sat_sub(to[i], from[i]);
    return e;
}

void sink_rows_init(struct sink_rows *f, const struct snapshot *s, const struct snapshot *since,
                    size_t names)
{
    const struct tally *old = since ? since->stats.rows : NULL;
    size_t place = 0;
    *f = (struct sink_rows){.rows = mem_zalloc((s->stats.row_count + 1) * sizeof *f->rows)};
    for (const struct tally *t = s->stats.rows; t; t = t->next, place++) {
        while (old && old->number < t->number)
            old = old->next;
        const struct tally *was = old && old->number == t->number ? old : NULL;
        if (was ? is_same(t, was) : tally_is_empty(t))
            continue;
        struct sink_row r = difference(t, was);
        if (place < names && !t->is_overflow)
            f->rows[f->row_count++] = r;
        else
            fold(f, &r);
    }
    f->total = difference(&s->stats.total, since ? &since->stats.total : NULL);
    f->extra = extra_of(&s->stats.total.extra, since ? &since->stats.total.extra : NULL);
}

void sink_rows_fini(struct sink_rows *f)
{
    for (size_t i = 0; i < f->row_count; i++)
        hist_fini(&f->rows[i].own);
    hist_fini(&f->total.own);
    free(f->rows);
    *f = (struct sink_rows){0};
}

double sink_row_quantile_ms(const struct sink_row *r, double share)
{
    if (sink_row_hist(r)->count == 0)
        return NAN;
    uint64_t us = hist_quantile_us(sink_row_hist(r), share);
    us = us < r->min_us ? r->min_us : us > r->max_us ? r->max_us : us;
    return (double)us / 1000;
}

double sink_row_mean_ms(const struct sink_row *r)
{
    return sink_row_hist(r)->count ? (double)r->sum_us / (double)sink_row_hist(r)->count / 1000
                                   : NAN;
}
