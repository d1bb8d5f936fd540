// SPDX-License-Identifier: MIT
/* downsample: see the header. */
#include "master/sink/downsample.h"

struct walk {
    const struct downsample *s;
    void (*take)(void *arg, double ms);
    void *arg;
    uint64_t passed; /* values below the bucket */
    uint64_t from, to, step;
};

struct downsample downsample_of(const struct hist *h)
{
    const uint64_t every =
        h->count > SAMPLES_MOST ? (h->count + SAMPLES_MOST - 1) / SAMPLES_MOST : 1;
    return (struct downsample){every, h->count / every};
}

/* Of the values at ranks from, from + step … below to, those that lie in this bucket. */
static void visit(void *arg, uint64_t mid_us, uint64_t n)
{
    struct walk *w = arg;
    while (w->from < w->to && w->from < w->passed + n) {
        w->take(w->arg, (double)mid_us / 1000);
        w->from += w->step;
    }
    w->passed += n;
}

void downsample_each(const struct hist *h, const struct downsample *s,
                     void (*take)(void *arg, double ms), void *arg)
{
    struct walk w = {.s = s,
                     .take = take,
                     .arg = arg,
                     .from = s->every / 2, /* the middle of each k */
                     .to = s->count * s->every,
                     .step = s->every};
    hist_each(h, visit, &w);
}

void downsample_rest(const struct hist *h, const struct downsample *s,
                     void (*take)(void *arg, double ms), void *arg)
{
    struct walk w = {
        .s = s, .take = take, .arg = arg, .from = s->count * s->every, .to = h->count, .step = 1};
    hist_each(h, visit, &w);
}
