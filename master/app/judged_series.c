// SPDX-License-Identifier: MIT
#include "master/app/judged_series.h"

#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/plan/ledger.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MOST 10000 /* that are compared with a misspelt one */

/* What requests by tags, class or group are counted in, and arrivals. */
static const char *metric_of(const struct threshold *t)
{
    if (t->stat == STAT_DROPPED || t->stat == STAT_LATE)
        return t->stat == STAT_LATE ? "start_delay" : iterations_metrics[ITERATIONS_DROPPED];
    if (t->scope == SCOPE_GROUP)
        return threshold_is_time(t) ? "group_duration" : "group_failed";
    if (t->metric && strcmp(t->metric, "http_reqs") != 0)
        return t->metric;
    if (t->field == FIELD_CORRECTED)
        return "http_req_corrected";
    return threshold_is_time(t) ? "http_req_duration" : "http_req_failed";
}

static struct series_query query_of(const struct threshold *t, struct tag *tags)
{
    struct series_query q = {.metric = metric_of(t), .tags = tags};
    for (size_t i = 0; i < t->tag_count && q.tag_count < TAGS_MOST; i++)
        tags[q.tag_count++] = (struct tag){t->tags[i].key, t->tags[i].value};
    if (t->scope == SCOPE_CLASS)
        tags[q.tag_count++] = (struct tag){"class", t->row};
    if (t->scope == SCOPE_GROUP && strcmp(t->row, "*") != 0)
        tags[q.tag_count++] = (struct tag){"group", t->row};
    return q;
}

static double factor_of(const struct threshold *t, const char *unit)
{
    if (t->unit != UNIT_ANY && t->unit != UNIT_MS)
        return 1;
    return strcmp(unit, "us") == 0 ? 0.001 : strcmp(unit, "s") == 0 ? 1000 : 1;
}

/* A number of so many digits, the first of which is from first to last. */
static bool is_number(const char *value, size_t digits, char first, char last)
{
    return strlen(value) == digits && strspn(value, "0123456789") == digits && value[0] >= first &&
           value[0] <= last;
}

/* Whether requests may well lack this value: none of them had that status, all were as expected. */
static bool may_be_absent(const struct tag *tag)
{
    if (strcmp(tag->key, "expected_response") == 0)
        return strcmp(tag->value, "true") == 0 || strcmp(tag->value, "false") == 0;
    if (strcmp(tag->key, "error_code") == 0)
        return is_number(tag->value, 4, '1', '1');
    return strcmp(tag->key, "status") == 0 && is_number(tag->value, 3, '1', '5');
}

static size_t drop_what_may_be_absent(struct tag *tags, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        if (!may_be_absent(&tags[i]))
            tags[left++] = tags[i];
    return left;
}

static bool has_series(const struct series_store *store, const struct series_query *q)
{
    const struct metric *m = series_find_metric(series_store_all(store), q->metric);
    for (const struct series *s = m ? m->first : NULL; s; s = s->next)
        if (series_has(s, q->tags, q->tag_count))
            return true;
    return false;
}

static bool is_of_iterations(const char *metric)
{
    for (size_t i = 0; i < ITERATIONS_NUMBERS; i++)
        if (strcmp(metric, iterations_metrics[i]) == 0)
            return true;
    return false;
}

/* Whether what is asked for is there, and merely did not happen. */
static bool is_zero(const struct series_store *store, struct series_query q)
{
    struct tag tags[TAGS_MOST + 1];
    const size_t all = q.tag_count;
    if (is_of_iterations(q.metric)) {
        q.metric = iterations_metrics[ITERATIONS_DUE];
        return has_series(store, &q);
    }
    memcpy(tags, q.tags, all * sizeof *tags);
    q.tags = tags;
    q.tag_count = drop_what_may_be_absent(tags, all);
    return q.tag_count < all && has_series(store, &q);
}

bool judged_series_read(const struct series_store *store, const struct threshold *t, int64_t from,
                        int64_t to, struct series_value *v, struct verdict_metric *out)
{
    static const enum verdict_kind kinds[] = {[METRIC_COUNTER] = VERDICT_COUNTER,
                                              [METRIC_GAUGE] = VERDICT_GAUGE,
                                              [METRIC_RATE] = VERDICT_RATE,
                                              [METRIC_TREND] = VERDICT_TREND};
    struct tag tags[TAGS_MOST + 1];
    const struct series_query q = query_of(t, tags);
    if (!series_store_read(store, &q, (uint32_t)from, (uint32_t)to, v) && !is_zero(store, q))
        return false; /* v has the kind of the metric, and nothing in it */
    *out = (struct verdict_metric){.kind = kinds[v->kind],
                                   .count = v->n,
                                   .hits = v->trues,
                                   .sum = v->sum,
                                   .min = v->min,
                                   .max = v->max,
                                   .last = v->last,
                                   .hist = &v->hist,
                                   .scale = v->scale > 0 ? v->scale : 1,
                                   .factor = factor_of(t, v->unit),
                                   .unit = v->unit};
    return true;
}

/* ---- names that were meant ---- */

static const char *nearest_metric(const struct series_table *all, const char *name)
{
    const char **names = mem_zalloc((all->metric_count + 1) * sizeof *names);
    size_t count = 0;
    for (size_t i = 0; i < all->metric_count; i++)
        if (all->metrics[i]->first)
            names[count++] = all->metrics[i]->name;
    const char *near = threshold_nearest(name, names, count);
    free(names);
    return near;
}

/* Of the values that this key has, or, where none has it, of the keys that requests have.
 * m: NULL, none has any. */
static char *nearest_tag(const struct metric *m, const struct tag *tag)
{
    static const char *const keys[] = {
        "status", "expected_response", "method", "name", "group",      "class", "scenario",
        "proto",  "error_code",        "error",  "url",  "tls_version"};
    const char **values = mem_zalloc(NAMES_MOST * sizeof *values);
    struct sbuf out = {0};
    size_t count = 0;
    for (const struct series *s = m ? m->first : NULL; s && count < NAMES_MOST; s = s->next) {
        const char *value = tags_get(s->tags, tag->key);
        if (value)
            values[count++] = value;
    }
    const char *value = threshold_nearest(tag->value, values, count);
    const char *key = count ? NULL : threshold_nearest(tag->key, keys, sizeof keys / sizeof *keys);
    if (value)
        sbuf_addf(&out, "{%s:%s}", tag->key, value);
    else if (key && strcmp(key, tag->key) != 0)
        sbuf_addf(&out, "{%s:%s}", key, tag->value);
    free(values);
    return out.len ? sbuf_take(&out) : NULL;
}

char *judged_series_nearest(const struct series_store *store, const struct threshold *t)
{
    const struct series_table *all = series_store_all(store);
    struct tag tags[TAGS_MOST + 1];
    struct series_query q = query_of(t, tags);
    if (is_of_iterations(q.metric))
        q.metric = iterations_metrics[ITERATIONS_DUE]; /* which every scenario has */
    const struct metric *m = series_find_metric(all, q.metric);
    if (t->scope == SCOPE_METRIC && (!m || !m->first)) {
        const char *near = nearest_metric(all, q.metric);
        return near ? mem_strdup(near) : NULL;
    }
    for (size_t i = 0; i < q.tag_count; i++) {
        const struct series_query one = {q.metric, &tags[i], 1};
        if (!may_be_absent(&tags[i]) && !has_series(store, &one))
            return nearest_tag(m, &tags[i]);
    }
    return NULL;
}
