// SPDX-License-Identifier: MIT
/* list: see the header; texts are taken in list_text.c, tables of fields read in list_table.c. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/verdict/grammar.h"
#include "master/verdict/list_int.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- k6's dictionaries, lists, and whatever they are in ---- */

static int add_k6_item(struct threshold_list *l, const char *key, const json_t *item,
                       const char *source, char **why)
{
    if (json_is_string(item))
        return list_add_k6(l, key, json_string_value(item), source, why);
    if (!json_is_object(item) || !json_object_get(item, "threshold"))
        return list_fail_words(
            why, source, key,
            "each threshold is a text, or {\"threshold\": text, \"abortOnFail\": "
            "true, \"delayAbortEval\": \"10s\"}");
    json_t *table = json_copy((json_t *)(uintptr_t)item);
    json_object_set_new(table, "key", json_string(key));
    const int rc = list_add_table(l, table, source, why);
    json_decref(table);
    return rc;
}

static int add_k6_key(struct threshold_list *l, const char *key, const json_t *value,
                      const char *source, char **why)
{
    size_t i;
    json_t *item;
    if (!json_is_array(value))
        return add_k6_item(l, key, value, source, why);
    json_array_foreach(value, i, item)
    {
        if (add_k6_item(l, key, item, source, why) != 0)
            return -1;
    }
    return 0;
}

static bool is_table(const json_t *object)
{
    const char *key;
    json_t *value;
    size_t known = 0;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (json_is_array(value) || json_is_object(value))
            return false;
        known += list_is_field(key);
    }
    return known > 0 || json_object_get(object, "#"); /* as TOML is handed over */
}

static int add_object(struct threshold_list *l, const json_t *object, const char *source,
                      char **why)
{
    const char *key;
    json_t *value;
    const json_t *inner = json_object_get(object, "thresholds");
    if (inner && json_object_size(object) == 1u + (list_line_of(object, "thresholds") > 0))
        return threshold_list_json(l, inner, source, why);
    if (is_table(object))
        return list_add_table(l, object, source, why);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (*key != '#' && add_k6_key(l, key, value, source, why) != 0)
            return -1;
    }
    return 0;
}

int threshold_list_json(struct threshold_list *l, const json_t *value, const char *source,
                        char **why)
{
    size_t i;
    json_t *item;
    if (json_is_string(value))
        return threshold_list_text(l, json_string_value(value), source, why);
    if (json_is_object(value))
        return add_object(l, value, source, why);
    if (!json_is_array(value))
        return list_fail_words(why, source, NULL,
                               "thresholds are texts, tables, or k6's dictionary of them");
    json_array_foreach(value, i, item)
    {
        const int rc = json_is_array(item)
                           ? list_fail_words(why, source, NULL, "a threshold is no list")
                           : threshold_list_json(l, item, source, why);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- files ---- */

static const char *end_of_string(const char *quote)
{
    const char *p = quote + 1;
    while (*p && *p != '"')
        p += *p == '\\' && p[1] ? 2 : 1;
    return *p ? p + 1 : p;
}

static bool is_before_colon(const char *p)
{
    return p[strspn(p, " \t\r\n")] == ':';
}

char *threshold_list_mark(const char *json)
{
    struct sbuf out = {0};
    struct sbuf open = {0}; /* brackets */
    unsigned long line = 1;
    for (const char *p = json; *p;) {
        line += *p == '\n';
        if (*p == '[' || *p == '{')
            sbuf_addc(&open, *p);
        else if ((*p == ']' || *p == '}') && open.len)
            open.len--;
        if (*p != '"') {
            sbuf_addc(&out, *p++);
            continue;
        }
        const char *end = end_of_string(p);
        const bool is_item = open.len && open.data[open.len - 1] == '[';
        const int len = (int)(end - p);
        if (!is_item && is_before_colon(end))
            sbuf_addf(&out, "\"#%.*s:%lu,%.*s", len - 1, p + 1, line, len, p);
        else if (is_item)
            sbuf_addf(&out, "{\"threshold\":%.*s,\"#threshold\":%lu}", len, p, line);
        else
            sbuf_add(&out, p, (size_t)len);
        p = end;
    }
    sbuf_fini(&open);
    return out.data ? sbuf_take(&out) : mem_strdup("");
}

/* ---- for people ---- */

static void print_one(const struct threshold *t, struct sbuf *out)
{
    static const char *const actions[] = {"", ", stops the test", ", only warns"};
    static const char *const no_data[] = {"fails", "passes", "warns"};
    static const char *const modes[] = {"all of the run", "each of", "the last", "the whole last"};
    char *scope = threshold_scope_text(t);
    sbuf_addf(out, "%s%s%s\n", t->name ? t->name : "", t->name ? ": " : "", t->text);
    sbuf_addf(out, "    of %s; %s", scope, modes[t->mode]);
    if (t->mode != MODE_ALL)
        sbuf_addf(out, " %u s", t->window_s);
    if (t->scenario)
        sbuf_addf(out, ", stops %s", t->scenario);
    else
        sbuf_adds(out, actions[t->action]);
    if (t->after_s > 0)
        sbuf_addf(out, " after %g s", t->after_s);
    if (t->warmup_s > 0)
        sbuf_addf(out, ", without the first %g s", t->warmup_s);
    if (t->min_samples > 1)
        sbuf_addf(out, ", from %llu samples on", (unsigned long long)t->min_samples);
    sbuf_addf(out, "; no data %s; from %s\n", no_data[t->no_data], t->source);
    if (t->is_k6 && t->metric && t->field == FIELD_TIME && !t->has_k6_times &&
        !strcmp(t->metric, "http_req_duration"))
        sbuf_adds(out,
                  "    with DNS, connecting and TLS, which k6 leaves out: --k6-names does too\n");
    if (t->warning)
        sbuf_addf(out, "    warning: %s\n", t->warning);
    free(scope);
}

char *threshold_list_print(const struct threshold_list *l)
{
    struct sbuf out = {0};
    sbuf_addf(&out, "%zu threshold%s\n", l->count, l->count == 1 ? "" : "s");
    for (size_t i = 0; i < l->count; i++)
        print_one(&l->items[i], &out);
    return sbuf_take(&out);
}
