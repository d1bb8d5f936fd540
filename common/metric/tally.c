// SPDX-License-Identifier: MIT
/* The numbers of one row: counting, adding up, and what Locust derives from them. */
#include "common/metric/stats.h"

#include "common/base/mem.h"
#include "common/base/sat.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FEW 16   /* values; to fill that many octaves anew costs less than they do */
#define MANY 128 /* values; to find that many buckets costs more than octaves do */

#define KEPT_EXTRA(field, name, meaning) +1
static_assert(sizeof(struct tally_extra) == sizeof(uint64_t) * (0
#include "common/metric/columns.def"
                                                                ),
              "a tally_extra is numbers and nothing else");
static_assert(offsetof(struct tally_extra, phased) == offsetof(struct tally_extra, phase_count) &&
                  offsetof(struct tally_extra, receive_us) ==
                      offsetof(struct tally_extra, phase_us[PHASE_RECEIVE]),
              "its two readings agree");

void tally_init(struct tally *t, char *method, char *name)
{
    *t = (struct tally){.method = method, .name = name, .min_us = UINT64_MAX};
}

void tally_keep_few(struct tally *t)
{
    t->has_few = true;
    hist_init_few(&t->hist);
}

void tally_fini(struct tally *t)
{
    free(t->method);
    free(t->name);
    hist_fini(&t->hist);
    for (size_t i = 0; i < TALLY_PARTS; i++) {
        if (t->part[i])
            hist_fini(t->part[i]);
        free(t->part[i]);
    }
}

bool tally_is_empty(const struct tally *t)
{
#define KEPT_COUNT(field, name, place, meaning) | t->field
    return !(0
#include "common/metric/columns.def"
    );
}

bool tally_http_method(const char *method)
{
    static const char *const methods[] = {"GET",  "POST",    "PUT",   "DELETE", "PATCH",
                                          "HEAD", "OPTIONS", "TRACE", "CONNECT"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i], method) == 0)
            return true;
    return false;
}

bool tally_is_http(const struct tally *t)
{
    return tally_http_method(t->method);
}

bool tally_is_hidden(const struct tally *t)
{
    return t->is_removed && tally_is_empty(t);
}

/* One with few values gives its octaves back: of many names most are seldom asked for, and each
 * would keep an octave for every power of two that it ever saw. */
static void empty(struct hist *h, bool has_few)
{
    if (h->is_few ? h->count < MANY : h->count >= FEW) {
        hist_clear(h);
        return;
    }
    const bool is_next_few = has_few && !h->is_few;
    hist_fini(h);
    if (is_next_few)
        hist_init_few(h);
}

void tally_zero(struct tally *t)
{
    struct tally zeroed = {.method = t->method,
                           .name = t->name,
                           .method_len = t->method_len,
                           .name_len = t->name_len,
                           .number = t->number,
                           .min_us = UINT64_MAX,
                           .hist = t->hist,
                           .is_overflow = t->is_overflow,
                           .has_few = t->has_few,
                           .is_removed = tally_is_hidden(t),
                           .notice_us = t->notice_us,
                           .named_in = t->named_in,
                           .moved_to = t->moved_to,
                           .next = t->next};
    empty(&zeroed.hist, t->has_few);
    for (size_t i = 0; i < TALLY_PARTS; i++) {
        zeroed.part[i] = t->part[i];
        if (t->part[i])
            empty(t->part[i], t->has_few);
    }
    *t = zeroed;
}

/* The slot of a second; NULL when that second has already made room for a later one. */
static inline struct per_second *slot_of(struct tally *t, int64_t second)
{
    struct per_second *slot = &t->recent[(uint64_t)second % STATS_SECONDS];
    if (slot->second != second) {
        if (slot->second > second)
            return NULL;
        *slot = (struct per_second){.second = second};
    }
    return slot;
}

void tally_add_second(struct tally *t, struct per_second more)
{
    struct per_second *slot = slot_of(t, more.second);
    if (!slot)
        return;
    slot->requests = sat_add32(slot->requests, more.requests);
    slot->failures = sat_add32(slot->failures, more.failures);
}

void tally_shift(struct tally *t, int64_t seconds)
{
    struct per_second recent[STATS_SECONDS];
    memcpy(recent, t->recent, sizeof recent);
    memset(t->recent, 0, sizeof t->recent);
    for (size_t i = 0; i < STATS_SECONDS; i++) {
        recent[i].second += recent[i].second ? seconds : 0;
        if (recent[i].second > 0)
            tally_add_second(t, recent[i]);
    }
    t->first_at += t->first_at > 0 ? (double)seconds : 0;
    t->last_at += t->last_at > 0 ? (double)seconds : 0;
}

static inline void add_one(struct tally *t, double now, uint64_t time_us, uint64_t bytes)
{
    t->requests++;
    t->bytes += bytes;
    if (time_us == STATS_NO_TIME) {
        t->none_requests++;
    } else {
        t->sum_us += time_us;
        if (time_us < t->min_us)
            t->min_us = time_us;
        if (time_us > t->max_us)
            t->max_us = time_us;
        hist_add(&t->hist, time_us, 1);
    }
    if (t->first_at == 0)
        t->first_at = now;
    if (now > t->last_at)
        t->last_at = now;
    struct per_second *slot = slot_of(t, (int64_t)now);
    if (slot)
        slot->requests++;
}

/* Here, so that the compiler shares the arithmetic of both: this is the hot path. */
void stats_add(struct stats *s, struct tally *row, double now, uint64_t time_us, uint64_t bytes)
{
    add_one(row, now, time_us, bytes);
    add_one(&s->total, now, time_us, bytes);
    s->overflow += row->is_overflow;
}

/* Without a look at overflows, which take centuries: the reports that come from elsewhere go the
 * other way. */
static inline void add_extra(struct tally *t, const struct tally_extra *more)
{
    uint64_t *to = (uint64_t *)&t->extra;
    const uint64_t *from = (const uint64_t *)more;
    for (size_t i = 0; i < STATS_EXTRAS; i++)
        to[i] += from[i];
}

struct hist *tally_part(struct tally *t, enum tally_part part)
{
    if (!t->part[part]) {
        t->part[part] = mem_zalloc(sizeof *t->part[part]);
        if (t->has_few)
            hist_init_few(t->part[part]);
    }
    return t->part[part];
}

void measures_init(struct measures *m)
{
    memset(&m->extra, 0, sizeof m->extra);
    for (size_t i = 0; i < TALLY_PARTS; i++)
        m->part_us[i] = STATS_NO_TIME;
}

void stats_add_part(struct stats *s, struct tally *row, enum tally_part part, uint64_t time_us)
{
    hist_add(tally_part(row, part), time_us, 1);
    hist_add(tally_part(&s->total, part), time_us, 1);
}

void stats_add_measures(struct stats *s, struct tally *row, uint64_t time_us,
                        const struct measures *more)
{
    add_extra(row, &more->extra);
    add_extra(&s->total, &more->extra);
    for (unsigned i = 0; i < TALLY_PARTS; i++)
        if (more->part_us[i] != STATS_NO_TIME && time_us != STATS_NO_TIME)
            stats_add_part(s, row, (enum tally_part)i, more->part_us[i]);
}

void tally_add_failure(struct tally *t, double now)
{
    t->failures++;
    struct per_second *slot = slot_of(t, (int64_t)now);
    if (slot)
        slot->failures++;
}

static void merge_extra(struct tally_extra *dst, const struct tally_extra *src)
{
    uint64_t *to = (uint64_t *)dst;
    const uint64_t *from = (const uint64_t *)src;
    for (size_t i = 0; i < STATS_EXTRAS; i++)
        to[i] = sat_add(to[i], from[i]);
}

void tally_merge_counts(struct tally *dst, const struct tally *src)
{
#define KEPT_SUM(field, name, place, meaning) dst->field = sat_add(dst->field, src->field);
#define KEPT_LEAST(field, name, place, meaning)                                                    \
    if (src->field < dst->field)                                                                   \
        dst->field = src->field;
#define KEPT_MOST(field, name, place, meaning)                                                     \
    if (src->field > dst->field)                                                                   \
        dst->field = src->field;
#define KEPT_FIRST(field, name, place, meaning)                                                    \
    if (src->field > 0 && (dst->field == 0 || src->field < dst->field))                            \
        dst->field = src->field;
#define KEPT_LAST KEPT_MOST
#include "common/metric/columns.def"
    merge_extra(&dst->extra, &src->extra);
}

void tally_merge(struct tally *dst, const struct tally *src)
{
    tally_merge_counts(dst, src);
    hist_merge(&dst->hist, &src->hist);
    for (unsigned i = 0; i < TALLY_PARTS; i++)
        if (src->part[i] && src->part[i]->count)
            hist_merge(tally_part(dst, (enum tally_part)i), src->part[i]);
    for (size_t i = 0; i < STATS_SECONDS; i++)
        if (src->recent[i].second)
            tally_add_second(dst, src->recent[i]);
}

void tally_add_packed(struct tally *t, struct tally *also, const struct tally_packed *packed)
{
    hist_add_packed(&t->hist, also ? &also->hist : NULL, packed->hist.bytes, packed->hist.len);
    for (unsigned i = 0; i < TALLY_PARTS; i++)
        if (packed->part[i].len)
            hist_add_packed(tally_part(t, (enum tally_part)i),
                            also ? tally_part(also, (enum tally_part)i) : NULL,
                            packed->part[i].bytes, packed->part[i].len);
}

double tally_mean_ms(const struct tally *t)
{
    uint64_t timed = t->requests - t->none_requests;
    return timed ? (double)t->sum_us / 1000 / (double)timed : 0;
}

uint64_t tally_good_upto(const struct tally *t, uint64_t us)
{
    const uint64_t all = hist_count_upto(&t->hist, us);
    const uint64_t failed = t->failed ? hist_count_upto(t->failed, us) : 0;
    return all > failed ? all - failed : 0;
}

double tally_quantile_ms(const struct tally *t, double q)
{
    if (!t->hist.count)
        return 0;
    uint64_t us = hist_quantile_us(&t->hist, q);
    bool has_bounds = t->min_us <= t->max_us; /* foreign workers may send none */
    if (has_bounds && (us > t->max_us || q >= 1))
        us = t->max_us;
    if (has_bounds && (us < t->min_us || q <= 0))
        us = t->min_us;
    return (double)us / 1000;
}

static double per_second_of_run(uint64_t count, const struct stats *s)
{
    double seconds = s->total.last_at - s->started_at;
    return s->total.last_at > 0 && s->started_at > 0 && seconds > 0 ? (double)count / seconds : 0;
}

double tally_total_rps(const struct tally *t, const struct stats *s)
{
    return per_second_of_run(t->requests, s);
}

double tally_total_fail_rps(const struct tally *t, const struct stats *s)
{
    return per_second_of_run(t->failures, s);
}

struct recent_mean {
    double requests, failures;
};

/* Locust's window: ten seconds that end two before the last sample, because reports of several
 * workers arrive up to that much apart. */
static struct recent_mean recent_mean(const struct tally *t, const struct stats *s)
{
    struct recent_mean mean = {0, 0};
    int64_t end = (int64_t)s->total.last_at - 2, from = end - 10;
    if (from < (int64_t)s->started_at)
        from = (int64_t)s->started_at;
    if (s->total.last_at <= 0 || from >= end)
        return mean;
    for (int64_t second = from; second < end; second++) {
        const struct per_second *slot = &t->recent[(uint64_t)second % STATS_SECONDS];
        if (slot->second == second) {
            mean.requests += slot->requests;
            mean.failures += slot->failures;
        }
    }
    mean.requests /= (double)(end - from);
    mean.failures /= (double)(end - from);
    return mean;
}

double tally_current_rps(const struct tally *t, const struct stats *s)
{
    return recent_mean(t, s).requests;
}

double tally_current_fail_rps(const struct tally *t, const struct stats *s)
{
    return recent_mean(t, s).failures;
}
