// SPDX-License-Identifier: MIT
#include "common/metric/series.h"

#include "common/base/mem.h"
#include "common/base/sat.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HASH_SEED UINT64_C(0x7365726965732121)

void series_init(struct series_table *t, size_t metrics_most, size_t series_most)
{
    *t = (struct series_table){.metrics_most = metrics_most, .series_most = series_most};
    tags_init(&t->tags, metrics_most * series_most);
}

void series_fini(struct series_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        hist_fini(&t->list[i]->value.hist);
        free(t->list[i]);
    }
    for (size_t i = 0; i < t->metric_count; i++) {
        free(t->metrics[i]->name);
        free(t->metrics[i]);
    }
    free(t->list);
    free(t->metrics);
    map_fini(&t->by_name);
    map_fini(&t->by_key);
    tags_fini(&t->tags);
    *t = (struct series_table){0};
}

/* Room for one more in a list of pointers. */
static void *grown(void *list, size_t count, size_t *cap)
{
    if (count < *cap)
        return list;
    *cap = *cap ? 2 * *cap : 16;
    return mem_realloc(list, *cap * sizeof(void *));
}

/* ---- metrics ---- */

static bool is_name(const char *name)
{
    size_t i = 0;
    for (; i <= METRIC_NAME_MOST && name[i]; i++) {
        const unsigned char c = (unsigned char)name[i];
        if (c >= 0x80 || !(isalpha(c) || c == '_' || (i && (isdigit(c) || c == '.'))))
            return false;
    }
    return i && i <= METRIC_NAME_MOST;
}

static bool has_name(const void *value, const void *key)
{
    return strcmp(((const struct metric *)value)->name, key) == 0;
}

struct metric *series_metric(struct series_table *t, const char *name, enum metric_kind kind,
                             enum metric_unit unit, enum metric_problem *why)
{
    *why = is_name(name) ? METRIC_OK : METRIC_BAD_NAME;
    if (*why != METRIC_OK)
        return NULL;
    const uint64_t hash = map_hash(HASH_SEED, name, strlen(name));
    struct metric *m = map_find(&t->by_name, hash, has_name, name);
    if (m && (m->kind != kind || m->unit != unit))
        *why = METRIC_OTHER_KIND;
    else if (!m && t->metric_count >= t->metrics_most)
        *why = METRIC_TOO_MANY;
    if (m || *why != METRIC_OK)
        return *why == METRIC_OK ? m : NULL;
    t->metrics = grown(t->metrics, t->metric_count, &t->metric_cap);
    m = mem_zalloc(sizeof *m);
    *m = (struct metric){.name = mem_strdup(name),
                         .kind = kind,
                         .unit = unit,
                         .number = (uint32_t)t->metric_count + 1,
                         .most = t->series_most};
    t->metrics[t->metric_count++] = m;
    map_add(&t->by_name, hash, m);
    return m;
}

/* ---- series ---- */

struct key {
    const struct metric *metric;
    const struct tags *tags;
};

static bool has_key(const void *value, const void *key)
{
    const struct series *s = value;
    const struct key *k = key;
    return s->metric == k->metric && s->tags == k->tags && !s->is_other;
}

static void value_clear(struct value *v)
{
    struct hist hist = v->hist;
    hist_clear(&hist);
    *v = (struct value){.min = INFINITY, .max = -INFINITY, .hist = hist};
}

static struct series *series_new(struct series_table *t, const struct metric *m,
                                 const struct tags *tags)
{
    struct series *s = mem_zalloc(sizeof *s);
    *s = (struct series){.metric = m, .tags = tags, .id = (uint32_t)t->count + 1};
    hist_init(&s->value.hist);
    value_clear(&s->value);
    t->list = grown(t->list, t->count, &t->cap);
    t->list[t->count++] = s;
    return s;
}

static struct series *other_of(struct series_table *t, struct metric *m)
{
    if (!m->other) {
        m->other = series_new(t, m, t->tags.none);
        m->other->is_other = true;
    }
    return m->other;
}

struct series *series_of(struct series_table *t, struct metric *m, const struct tags *tags)
{
    const struct key key = {m, tags};
    const uint32_t numbers[] = {m->number, tags->number};
    const uint64_t hash = map_hash(HASH_SEED, numbers, sizeof numbers);
    if (tags == t->tags.other)
        return other_of(t, m);
    struct series *s = map_find(&t->by_key, hash, has_key, &key);
    if (s)
        return s;
    if (m->series_count >= m->most)
        return other_of(t, m);
    s = series_new(t, m, tags);
    m->series_count++;
    map_add(&t->by_key, hash, s);
    return s;
}

/* ---- values ---- */

double series_scale(enum metric_unit unit)
{
    return unit == UNIT_BYTES ? 1 : 1000; /* of the others, thousandths */
}

static uint64_t scaled(const struct metric *m, double value)
{
    const double number = value * series_scale(m->unit);
    return number >= (double)HIST_MAX_US ? HIST_MAX_US : number > 0 ? (uint64_t)(number + 0.5) : 0;
}

static void add_number(struct value *v, double value)
{
    v->sum += value;
    v->min = value < v->min ? value : v->min;
    v->max = value > v->max ? value : v->max;
}

bool series_add(struct series *s, double value, double now)
{
    struct value *v = &s->value;
    if (!isfinite(value) || (s->metric->kind == METRIC_COUNTER && value < 0))
        return false;
    v->count++;
    switch (s->metric->kind) {
    case METRIC_COUNTER:
        add_number(v, value);
        break;
    case METRIC_GAUGE:
        add_number(v, value);
        if (now >= v->last_at) {
            v->last = value;
            v->last_at = now;
        }
        break;
    case METRIC_RATE:
        v->hits += value != 0;
        break;
    case METRIC_TREND:
        add_number(v, value);
        hist_add(&v->hist, scaled(s->metric, value), 1);
        break;
    }
    return true;
}

void series_merge(struct series *dst, const struct series *src)
{
    struct value *to = &dst->value;
    const struct value *from = &src->value;
    to->count = sat_add(to->count, from->count);
    to->hits = sat_add(to->hits, from->hits);
    to->sum += from->sum;
    to->min = from->min < to->min ? from->min : to->min;
    to->max = from->max > to->max ? from->max : to->max;
    if (from->count && from->last_at >= to->last_at) {
        to->last = from->last;
        to->last_at = from->last_at;
    }
    hist_merge(&to->hist, &from->hist);
}

void series_zero(struct series *s)
{
    value_clear(&s->value);
}

void series_begin(struct series *s, const struct metric *m)
{
    *s = (struct series){.metric = m};
    hist_init(&s->value.hist);
    value_clear(&s->value);
}

void series_sum(const struct series_table *t, const struct metric *m, const struct tags *having,
                struct series *into)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->list[i]->metric == m && tags_have(t->list[i]->tags, having))
            series_merge(into, t->list[i]);
}
