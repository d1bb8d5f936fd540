// SPDX-License-Identifier: MIT
#include "master/verdict/by_metric.h"

#include "common/base/mem.h"
#include "common/base/sbuf.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* {name: {thresholds, submetrics}}, made when new. */
static json_t *entry_of(json_t *all, const char *metric)
{
    json_t *entry = json_object_get(all, metric);
    if (!entry) {
        entry = json_pack("{s:[],s:[]}", "thresholds", "submetrics");
        json_object_set_new(all, metric, entry);
    }
    return entry;
}

static json_t *piece(const char *text, size_t len)
{
    while (len && strchr(" \"'", *text)) {
        text++;
        len--;
    }
    while (len && strchr(" \"'", text[len - 1]))
        len--;
    return json_stringn(text, len);
}

/* key:value,key:value */
static json_t *tags_of(const char *suffix)
{
    json_t *tags = json_object();
    for (const char *at = suffix; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        const size_t len = strcspn(at, ","), colon = strcspn(at, ":");
        if (colon >= len)
            continue;
        json_t *key = piece(at, colon);
        json_object_set_new(tags, json_string_value(key), piece(at + colon + 1, len - colon - 1));
        json_decref(key);
    }
    return tags;
}

static void add_part(json_t *entry, const char *key, size_t len)
{
    size_t i;
    json_t *part, *list = json_object_get(entry, "submetrics");
    char *name = mem_dup(key, len), *suffix = strchr(name, '{') + 1;
    bool is_there = false;
    json_array_foreach(list, i, part)
    {
        is_there |= !strcmp(json_string_value(json_object_get(part, "name")), name);
    }
    char *inside = mem_dup(suffix, strlen(suffix) - 1);
    if (!is_there)
        json_array_append_new(list, json_pack("{s:s,s:s,s:o}", "name", name, "suffix", inside,
                                              "tags", tags_of(inside)));
    free(inside);
    free(name);
}

/* KEY EXPRESSION, where KEY is name or name{tags}. */
static void add_k6(json_t *all, const struct threshold *t)
{
    const char *end = strrchr(t->text, '}');
    const size_t key = end ? (size_t)(end + 1 - t->text) : strcspn(t->text, " ");
    json_t *entry = entry_of(all, t->metric);
    if (end)
        add_part(entry, t->text, key);
    else if (t->text[key])
        json_array_append_new(json_object_get(entry, "thresholds"), json_string(t->text + key + 1));
}

/* In words of ours, of all requests. NULL: k6 has no such metric. */
static const char *metric_of(const struct threshold *t)
{
    static const struct {
        enum threshold_stat stat;
        const char *metric;
    } known[] = {{STAT_QUANTILE, "http_req_duration"},
                 {STAT_MEAN, "http_req_duration"},
                 {STAT_MIN, "http_req_duration"},
                 {STAT_MAX, "http_req_duration"},
                 {STAT_FAIL_RATIO, "http_req_failed"},
                 {STAT_COUNT, "http_reqs"},
                 {STAT_RPS, "http_reqs"}};
    if ((t->scope != SCOPE_TOTAL && t->scope != SCOPE_HTTP) || t->field != FIELD_TIME)
        return NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].stat == t->stat)
            return known[i].metric;
    return NULL;
}

static void add(json_t *all, const struct threshold *t)
{
    const char *metric = t->scope == SCOPE_METRIC && !t->tag_count ? t->metric : metric_of(t);
    if (t->scope == SCOPE_CLASS || t->scope == SCOPE_WORKER)
        return;
    if (t->is_k6 && t->metric && !strncmp(t->text, t->metric, strlen(t->metric)))
        add_k6(all, t);
    else if (metric)
        json_array_append_new(json_object_get(entry_of(all, metric), "thresholds"),
                              json_string(t->text));
}

static void add_json(struct sbuf *out, const json_t *list)
{
    char *text = json_array_size(list) ? json_dumps(list, JSON_COMPACT) : NULL;
    sbuf_adds(out, text ? text : "null");
    free(text);
}

char *thresholds_by_metric(const struct threshold_list *list)
{
    json_t *all = json_object(), *entry;
    const char *name;
    struct sbuf out = {0};
    for (size_t i = 0; i < list->count; i++)
        add(all, &list->items[i]);
    json_object_foreach(all, name, entry)
    {
        const json_t *thresholds = json_object_get(entry, "thresholds");
        sbuf_addf(&out, "%s\t", name);
        if (json_array_size(thresholds))
            add_json(&out, thresholds);
        else
            sbuf_adds(&out, "[]");
        sbuf_addc(&out, '\t');
        add_json(&out, json_object_get(entry, "submetrics"));
        sbuf_addc(&out, '\n');
    }
    json_decref(all);
    return out.data ? sbuf_take(&out) : NULL;
}
