// SPDX-License-Identifier: MIT
/* See history.h. Open seconds live in a small ring; the oldest one gives way when time runs on. */
#include "master/history.h"
#include "common/base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MAX 16

struct open_second {
    double requests, failures, timed, sum_us;
    struct hist hist;
    unsigned users, target;
    bool has_users;
};

struct history {
    struct view_point points[HISTORY_MAX];
    size_t count;
    int64_t first_open;                /* unix second of the oldest open one */
    int64_t newest;                    /* the newest second anything was said about */
    struct open_second open[OPEN_MAX]; /* slot = second % OPEN_MAX */
};

struct history *history_new(void)
{
    return mem_zalloc(sizeof(struct history));
}

static void open_clear(struct open_second *o)
{
    hist_fini(&o->hist);
    memset(o, 0, sizeof *o);
}

void history_free(struct history *h)
{
    for (size_t i = 0; h && i < OPEN_MAX; i++)
        open_clear(&h->open[i]);
    free(h);
}

void history_clear(struct history *h, double now)
{
    for (size_t i = 0; i < OPEN_MAX; i++)
        open_clear(&h->open[i]);
    h->count = 0;
    h->first_open = h->newest = (int64_t)floor(now);
}

static struct open_second *slot_of(struct history *h, int64_t second)
{
    return &h->open[(size_t)second % OPEN_MAX];
}

static void set_quantiles(struct view_point *p, const struct hist *hist,
                          const struct view_point *last)
{
    if (hist && hist->count > 0) {
        p->p50 = (double)hist_quantile_us(hist, 0.50) / 1e3;
        p->p95 = (double)hist_quantile_us(hist, 0.95) / 1e3;
        p->p99 = (double)hist_quantile_us(hist, 0.99) / 1e3;
    } else if (p->rps > 0 && last) { /* told by the report before */
        p->p50 = last->p50;
        p->p95 = last->p95;
        p->p99 = last->p99;
    } else {
        p->p50 = p->p95 = p->p99 = NAN;
    }
}

static void close_first(struct history *h)
{
    struct open_second *o = slot_of(h, h->first_open);
    struct open_second *next = slot_of(h, h->first_open + 1);
    const struct view_point *last = h->count > 0 ? &h->points[h->count - 1] : NULL;
    struct view_point p = {
        .second = h->first_open,
        .rps = o->requests,
        .fail_rps = o->failures,
        .mean_ms = o->timed > 0 ? o->sum_us / o->timed / 1e3 : NAN,
        .users = o->has_users || !last ? o->users : last->users,
        .target_users = o->has_users || !last ? o->target : last->target_users,
    };
    set_quantiles(&p, o->hist.count > 0 ? &o->hist : &next->hist, last);
    if (h->count == HISTORY_MAX)
        memmove(h->points, h->points + 1, --h->count * sizeof *h->points);
    h->points[h->count++] = p;
    open_clear(o);
    h->first_open++;
}

/* Moves the window so that `second` is open; false when it was closed already. */
static bool make_open(struct history *h, int64_t second)
{
    if (second - h->first_open > HISTORY_MAX)
        h->first_open = second - OPEN_MAX + 1; /* the clock jumped: no points for the gap */
    while (second - h->first_open >= OPEN_MAX)
        close_first(h);
    if (second > h->newest)
        h->newest = second;
    return second >= h->first_open;
}

static void add_share(struct history *h, int64_t second, double share,
                      const struct history_delta *d)
{
    struct open_second *o = slot_of(h, make_open(h, second) ? second : h->first_open);
    o->requests += (double)d->requests * share;
    o->failures += (double)d->failures * share;
    o->timed += (double)d->timed * share;
    o->sum_us += (double)d->sum_us * share;
}

void history_add(struct history *h, const struct history_delta *d)
{
    double to = d->to;
    double from = fmax(d->from, to - OPEN_MAX / 2);
    if (!(to - from > 0.001))
        from = to - 0.001;
    int64_t fullest = (int64_t)floor(from);
    double most = 0;
    for (int64_t second = (int64_t)floor(from); (double)second < to; second++) {
        double overlap = fmin(to, (double)second + 1) - fmax(from, (double)second);
        add_share(h, second, overlap / (to - from), d);
        if (overlap > most) {
            most = overlap;
            fullest = second;
        }
    }
    bool is_open = make_open(h, fullest);
    hist_merge(&slot_of(h, is_open ? fullest : h->first_open)->hist, d->hist);
}

void history_users(struct history *h, double now, unsigned users, unsigned target)
{
    int64_t second = (int64_t)floor(now);
    if (!make_open(h, second))
        return;
    struct open_second *o = slot_of(h, second);
    o->users = users;
    o->target = target;
    o->has_users = true;
}

void history_close(struct history *h, double until)
{
    while ((double)h->first_open + 1 <= until && h->first_open <= h->newest)
        close_first(h);
}

const struct view_point *history_points(const struct history *h, size_t *count)
{
    *count = h->count;
    return h->points;
}
