// SPDX-License-Identifier: MIT
#pragma once
/* verdict_story: a run that is told to the verdict second by second, for its tests. */
#include "common/base/sbuf.h"
#include "master/verdict/verdict.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 600
#define ROWS 3
#define BEGIN 1700000000

/* A run of up to SECONDS seconds: what each row had in each of them. */
struct story {
    struct tally seconds[SECONDS][ROWS];
    double users;
    int64_t invalid_from, invalid_to;
    bool has_metric;
    struct verdict_metric metric;
    struct verdict *v;
    int64_t told;
};

static inline void read_row(void *arg, uint32_t row, int64_t from, int64_t to, struct tally *t)
{
    struct story *s = arg;
    for (int64_t at = from; at < to; at++)
        for (uint32_t r = 1; r <= ROWS; r++)
            if (row == 0 || row == r)
                tally_merge(t, &s->seconds[at - BEGIN][r - 1]);
}

static inline bool read_metric(void *arg, const struct threshold *of, int64_t from, int64_t to,
                               struct verdict_metric *out)
{
    struct story *s = arg;
    (void)from;
    (void)to;
    *out = s->metric;
    if (of->stat == STAT_DROPPED || of->stat == STAT_LATE)
        return s->has_metric;
    if (of->scope == SCOPE_TAGS)
        return s->has_metric && strcmp(of->tags[0].value, "gold") == 0;
    return s->has_metric && of->metric && strcmp(of->metric, "checkout") == 0;
}

static inline char *nearest(void *arg, const struct threshold *of)
{
    (void)arg;
    return of->scope == SCOPE_TAGS ? strdup("{tier:gold}") : NULL;
}

static inline double gauge(void *arg, enum threshold_stat stat, const char *worker)
{
    struct story *s = arg;
    return stat == STAT_USERS && !worker ? s->users : NAN;
}

static inline bool is_valid(void *arg, int64_t from, int64_t to)
{
    struct story *s = arg;
    return to <= s->invalid_from || from >= s->invalid_to;
}

static inline struct verdict_feed feed_of(struct story *s)
{
    return (struct verdict_feed){.arg = s,
                                 .read = read_row,
                                 .metric = read_metric,
                                 .nearest = nearest,
                                 .gauge = gauge,
                                 .is_valid = is_valid};
}

static inline struct story *begin(const char *const *texts, size_t count)
{
    struct story *s = calloc(1, sizeof *s);
    struct threshold_list l = {0};
    char *why = NULL;
    for (size_t i = 0; i < SECONDS; i++)
        for (size_t r = 0; r < ROWS; r++)
            tally_init(&s->seconds[i][r], NULL, NULL);
    for (size_t i = 0; i < count; i++)
        if (threshold_list_text(&l, texts[i], "test", &why) != 0)
            fail_msg("%s", why);
    s->v = verdict_new();
    verdict_set(s->v, &l);
    threshold_list_fini(&l);
    verdict_begin(s->v, BEGIN, 0);
    verdict_row(s->v, 1, "GET", "/cart");
    verdict_row(s->v, 2, "POST", "/pay");
    verdict_row(s->v, 3, "GROUP", "checkout");
    s->told = BEGIN;
    return s;
}

static inline void end(struct story *s)
{
    verdict_free(s->v);
    for (size_t i = 0; i < SECONDS; i++)
        for (size_t r = 0; r < ROWS; r++)
            tally_fini(&s->seconds[i][r]);
    free(s);
}

/* n requests of that time in one second of a row, some of them failed. */
static inline void add(struct story *s, int64_t second, size_t row, uint64_t n, uint64_t us,
                       uint64_t failed)
{
    struct tally *t = &s->seconds[second][row - 1];
    hist_add(&t->hist, us, n);
    t->requests += n;
    t->failures += failed;
    t->sum_us += n * us;
    if (us < t->min_us)
        t->min_us = us;
    if (us > t->max_us)
        t->max_us = us;
}

static inline void tell(struct story *s, int64_t upto)
{
    const struct verdict_feed feed = feed_of(s);
    for (; s->told < BEGIN + upto; s->told++)
        verdict_second(s->v, s->told, 1, &feed);
}

static inline void finish(struct story *s)
{
    const struct verdict_feed feed = feed_of(s);
    verdict_end(s->v, &feed);
}

static inline enum verdict_state state_of(struct story *s, size_t i)
{
    return verdict_result(s->v, i).state;
}

static inline const char *why_of(const struct story *s, size_t index)
{
    return verdict_result(s->v, index).why;
}
