// SPDX-License-Identifier: MIT
#include "common/metric/series.h"

#include "common/base/mem.h"
#include "common/base/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_SEED UINT64_C(0x7365726965732121)

void series_init(struct series_table *t, struct series_limits limits)
{
    *t = (struct series_table){.limits = limits};
    tags_init(&t->tags, limits.total_most);
}

void series_fini(struct series_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        value_fini(&t->list[i]->value);
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

struct metric *series_find_metric(const struct series_table *t, const char *name)
{
    return map_find(&t->by_name, map_hash(HASH_SEED, name, strlen(name)), has_name, name);
}

static bool is_unit(const char *unit)
{
    const size_t len = strlen(unit);
    return len <= METRIC_UNIT_MOST && utf8_valid_prefix(unit, len) == len;
}

static bool is_scale(double scale)
{
    return isfinite(scale) && scale > 0 && scale <= METRIC_SCALE_MOST;
}

static struct metric *metric_new(struct series_table *t, const char *name, struct metric_kind_of of)
{
    struct metric *m = mem_zalloc(sizeof *m);
    *m = (struct metric){.name = mem_strdup(name),
                         .kind = of.kind,
                         .scale = of.scale,
                         .number = (uint32_t)t->metric_count + 1};
    snprintf(m->unit, sizeof m->unit, "%s", of.unit);
    t->metrics = grown(t->metrics, t->metric_count, &t->metric_cap);
    t->metrics[t->metric_count++] = m;
    map_add(&t->by_name, map_hash(HASH_SEED, name, strlen(name)), m);
    return m;
}

struct metric *series_metric(struct series_table *t, const char *name, struct metric_kind_of of,
                             enum metric_problem *why)
{
    *why = !is_name(name)                             ? METRIC_BAD_NAME
           : !is_unit(of.unit) || !is_scale(of.scale) ? METRIC_BAD_UNIT
                                                      : METRIC_OK;
    if (*why != METRIC_OK)
        return NULL;
    struct metric *m = series_find_metric(t, name);
    if (m && (m->kind != of.kind || m->scale != of.scale || strcmp(m->unit, of.unit) != 0))
        *why = METRIC_OTHER_KIND;
    else if (!m && t->metric_count >= t->limits.metrics_most)
        *why = METRIC_TOO_MANY;
    if (*why != METRIC_OK)
        return NULL;
    return m ? m : metric_new(t, name, of);
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

static struct series *series_new(struct series_table *t, struct metric *m, const struct tags *tags)
{
    struct series *s = mem_zalloc(sizeof *s);
    *s = (struct series){.metric = m, .tags = tags, .id = (uint32_t)t->count + 1};
    value_init(&s->value);
    t->list = grown(t->list, t->count, &t->cap);
    t->list[t->count++] = s;
    if (m->last)
        m->last->next = s;
    else
        m->first = s;
    m->last = s;
    return s;
}

struct series *series_other(struct series_table *t, struct metric *m)
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
        return series_other(t, m);
    struct series *s = map_find(&t->by_key, hash, has_key, &key);
    if (s)
        return s;
    if (m->series_count >= t->limits.series_most || t->count >= t->limits.total_most)
        return series_other(t, m);
    s = series_new(t, m, tags);
    m->series_count++;
    map_add(&t->by_key, hash, s);
    return s;
}

bool series_add(struct series *s, double number, double now)
{
    return value_add(&s->value, s->metric->kind, s->metric->scale, number, now);
}

bool series_has(const struct series *s, const struct tag *tags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = tags_get(s->tags, tags[i].key);
        if (!value || strcmp(value, tags[i].value) != 0)
            return false;
    }
    return true;
}
