// SPDX-License-Identifier: MIT
#include "master/verdict/list.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/verdict/grammar.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void threshold_list_fini(struct threshold_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        threshold_fini(&l->items[i]);
    free(l->items);
    *l = (struct threshold_list){0};
}

/* Takes t. */
static void add(struct threshold_list *l, const struct threshold *t)
{
    l->items = mem_realloc(l->items, (l->count + 1) * sizeof *l->items);
    l->items[l->count++] = *t;
}

void threshold_list_add_all(struct threshold_list *dst, const struct threshold_list *src)
{
    for (size_t i = 0; i < src->count; i++) {
        struct threshold copy;
        threshold_copy(&copy, &src->items[i]);
        add(dst, &copy);
    }
}

/* ---- what is wrong ---- */

static int fail(char **why, const char *source, const char *what, const struct threshold_error *e)
{
    struct sbuf text = {0};
    sbuf_adds(&text, source);
    if (what)
        sbuf_addf(&text, ": %s", what);
    if (e->column > 0)
        sbuf_addf(&text, ": column %zu", e->column);
    sbuf_addf(&text, ": %s", e->text);
    *why = sbuf_take(&text);
    return -1;
}

static int fail_in(char **why, const char *source, const char *text,
                   const struct threshold_error *e)
{
    struct sbuf what = {0};
    sbuf_addf(&what, "'%.200s'", text);
    fail(why, source, what.data, e);
    sbuf_fini(&what);
    return -1;
}

static int fail_words(char **why, const char *source, const char *what, const char *words)
{
    struct threshold_error e = {0};
    snprintf(e.text, sizeof e.text, "%s", words);
    return fail(why, source, what, &e);
}

/* ---- texts ---- */

static int take(struct threshold_list *l, struct threshold *t, const char *source, char **why)
{
    if (l->count >= THRESHOLDS_MAX) {
        threshold_fini(t);
        return fail_words(why, source, NULL, "there are more than 1000 thresholds");
    }
    t->source = mem_strdup(source);
    add(l, t);
    return 0;
}

int threshold_list_text(struct threshold_list *l, const char *text, const char *source, char **why)
{
    struct threshold t;
    struct threshold_error e = {0};
    if (threshold_parse(text, &t, &e) != 0)
        return fail_in(why, source, text, &e);
    return take(l, &t, source, why);
}

static int add_k6(struct threshold_list *l, const char *key, const char *expression,
                  const char *source, char **why)
{
    struct threshold t;
    struct threshold_error e = {0};
    bool is_key = false;
    if (threshold_parse_k6(key, expression, &t, &e, &is_key) != 0)
        return fail_in(why, source, is_key ? key : expression, &e);
    return take(l, &t, source, why);
}

/* ---- tables ---- */

static const char *const fields[] = {
    "threshold",   "key",    "metric",      "where",          "stat",       "op",     "value",
    "window",      "mode",   "abort",       "after",          "action",     "name",   "no_data",
    "min_samples", "warmup", "abortOnFail", "delayAbortEval", "user_class", "source", "error"};
#define FIELDS (sizeof fields / sizeof *fields)

static bool is_field(const char *key)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (strcmp(fields[i], key) == 0)
            return true;
    return false;
}

struct table {
    const json_t *object;
    const char *source, *file; /* where it begins, and where it is if only the file is known */
    char **why;
    char number[40]; /* of a field that is one */
};

/* A field as people would write it, or NULL: there is none. Borrowed until the next one. */
static const char *field(struct table *f, const char *key)
{
    const json_t *value = json_object_get(f->object, key);
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_boolean(value))
        return json_is_true(value) ? "true" : "false";
    if (!json_is_number(value))
        return NULL;
    snprintf(f->number, sizeof f->number, "%.15g", json_number_value(value));
    return f->number;
}

/* Of a field: "#field" beside it, from a file whose lines are known; 0: unknown. */
static long line_of(const json_t *object, const char *key)
{
    struct sbuf mark = {0};
    sbuf_addf(&mark, "#%s", key);
    const json_t *line = json_object_get(object, mark.data);
    sbuf_fini(&mark);
    return (long)json_integer_value(line);
}

/* Malloced. */
static char *place_of(const struct table *f, const char *key)
{
    struct sbuf place = {0};
    const long line = line_of(f->object, key);
    if (line > 0)
        sbuf_addf(&place, "%s:%ld", f->file, line);
    else
        sbuf_adds(&place, f->source);
    return sbuf_take(&place);
}

static int wrong_field(struct table *f, const char *key, const struct threshold_error *e)
{
    char *place = place_of(f, key);
    fail(f->why, place, key, e);
    free(place);
    return -1;
}

static int wrong_words(struct table *f, const char *key, const char *words)
{
    struct threshold_error e = {0};
    snprintf(e.text, sizeof e.text, "%s", words);
    return wrong_field(f, key, &e);
}

/* One of these words is wanted. */
static int wrong_word(struct table *f, const char *key, const char *const *words, size_t count)
{
    const char *given = field(f, key),
               *near = given ? threshold_nearest(given, words, count) : NULL;
    struct threshold_error e = {0};
    struct sbuf all = {0};
    for (size_t i = 0; i < count; i++)
        sbuf_addf(&all, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " and ", words[i]);
    threshold_wrong(&e, 1, "'%.60s' is none of %s%s%s%s", given ? given : "", all.data,
                    near ? ": did you mean " : "", near ? near : "", near ? "?" : "");
    sbuf_fini(&all);
    return wrong_field(f, key, &e);
}

static int check_fields(struct table *f)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)f->object, key, value)
    {
        if (*key == '#')
            continue;
        if (!is_field(key)) {
            struct sbuf words = {0};
            const char *near = threshold_nearest(key, fields, FIELDS);
            sbuf_addf(&words, "there is no field of that name%s%s%s", near ? ": did you mean " : "",
                      near ? near : "", near ? "?" : "");
            wrong_words(f, key, words.data);
            sbuf_fini(&words);
            return -1;
        }
        if (!json_is_string(value) && !json_is_number(value) && !json_is_boolean(value) &&
            !json_is_null(value))
            return wrong_words(f, key, "takes a text or a number");
    }
    return 0;
}

static int read_bool(struct table *f, const char *key, bool *out)
{
    const char *text = field(f, key);
    *out = text && strcmp(text, "true") == 0;
    if (text && !*out && strcmp(text, "false") != 0)
        return wrong_words(f, key, "is true or false");
    return 0;
}

/* k6's delayAbortEval: Go's durations, a bare number in milliseconds. */
static int read_delay(struct table *f, struct threshold *t)
{
    struct threshold_error e = {0};
    const char *text = field(f, "delayAbortEval");
    if (!text)
        return 0;
    if (threshold_parse_seconds(text, &t->after_s, &e) != 0)
        return wrong_field(f, "delayAbortEval", &e);
    if (!text[strspn(text, "0123456789.")])
        t->after_s /= 1000;
    return 0;
}

static int read_span(struct table *f, const char *key, double *seconds)
{
    struct threshold_error e = {0};
    const char *text = field(f, key);
    if (text && threshold_parse_seconds(text, seconds, &e) != 0)
        return wrong_field(f, key, &e);
    return 0;
}

static int read_no_data(struct table *f, struct threshold *t)
{
    static const char *const words[] = {"fail", "pass", "warn"};
    const char *text = field(f, "no_data");
    if (!text)
        return 0;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(words[i], text) == 0) {
            t->no_data = (enum threshold_no_data)i;
            return 0;
        }
    return wrong_word(f, "no_data", words, 3);
}

static int read_action(struct table *f, struct threshold *t)
{
    static const char *const actions[] = {"stop", "continue", "warn"};
    bool aborts = false, aborts_as_k6 = false;
    const char *action = field(f, "action");
    if (read_bool(f, "abort", &aborts) != 0 || read_bool(f, "abortOnFail", &aborts_as_k6) != 0)
        return -1;
    if (action && strcmp(action, "stop") != 0 && strcmp(action, "continue") != 0 &&
        strcmp(action, "warn") != 0)
        return wrong_word(f, "action", actions, 3);
    if (action)
        t->action = *action == 's' ? ACTION_STOP : *action == 'w' ? ACTION_WARN : ACTION_CONTINUE;
    if (aborts || aborts_as_k6)
        t->action = ACTION_STOP;
    return 0;
}

static int read_samples(struct table *f, struct threshold *t)
{
    struct threshold_limit n;
    const char *text = field(f, "min_samples");
    if (!text)
        return 0;
    if (!threshold_number(text, strlen(text), &n) || !(n.value >= 1 && n.value <= 1e12))
        return wrong_words(f, "min_samples", "is a whole number from 1");
    t->min_samples = (uint64_t)n.value;
    return 0;
}

/* What a table may say beside what the threshold is. */
static int read_extras(struct table *f, struct threshold *t)
{
    const char *name = field(f, "name"), *user_class = field(f, "user_class");
    if (name && *name) {
        free(t->name);
        t->name = mem_strdup(name);
    }
    if (user_class && t->scope == SCOPE_TOTAL) {
        t->scope = SCOPE_CLASS;
        t->row = mem_strdup(user_class);
    }
    if (read_action(f, t) != 0 || read_delay(f, t) != 0 ||
        read_span(f, "after", &t->after_s) != 0 || read_span(f, "warmup", &t->warmup_s) != 0 ||
        read_no_data(f, t) != 0)
        return -1;
    return read_samples(f, t);
}

static int read_mode(struct table *f, struct threshold *t)
{
    static const char *const words[] = {"", "for", "within", "over"};
    double seconds = 0;
    const char *mode = field(f, "mode");
    const bool has_window = field(f, "window") != NULL;
    if (read_span(f, "window", &seconds) != 0)
        return -1;
    if (!has_window)
        return mode ? wrong_words(f, "mode", "needs a window, such as window = \"30s\"") : 0;
    if (seconds < 1 || seconds > 86400 || seconds > floor(seconds))
        return wrong_words(f, "window", "is whole seconds, 1s to 24h");
    t->window_s = (unsigned)seconds;
    t->mode = mode ? MODE_ALL : MODE_WITHIN;
    for (size_t i = 1; mode && i < 4; i++)
        if (strcmp(words[i], mode) == 0)
            t->mode = (enum threshold_mode)i;
    return t->mode == MODE_ALL ? wrong_word(f, "mode", words + 1, 3) : 0;
}

/* Of a metric of k6's or the script's; rows and tags narrow it. */
static int read_metric(struct table *f, struct threshold *t)
{
    struct threshold_error e = {0};
    char *metric = NULL;
    const char *text = field(f, "metric");
    if (!text)
        return 0;
    const char *aggregation = threshold_aggregation(t);
    if (!aggregation)
        return wrong_words(f, "metric", "does not go with this stat: leave it out");
    metric = mem_strdup(text);
    const int rc = threshold_take_k6(t, metric, (struct k6_aggregation){aggregation, t->share}, &e);
    free(metric);
    e.column = 0;
    return rc == 0 ? 0 : wrong_field(f, "metric", &e);
}

static int read_parts(struct table *f, struct threshold *t)
{
    struct threshold_error e = {0};
    const char *stat = field(f, "stat");
    if (!stat)
        return wrong_words(f, "stat", "is missing: p95, avg, rps, fail_ratio ...");
    if (threshold_parse_stat(stat, t, &e) != 0)
        return wrong_field(f, "stat", &e);
    const char *where = field(f, "where");
    const bool is_tags = where && *where == '{';
    if (is_tags && threshold_parse_selector(where, t, &e) != 0)
        return wrong_field(f, "where", &e);
    if (read_metric(f, t) != 0)
        return -1;
    where = field(f, "where");
    if (where && !is_tags && threshold_parse_selector(where, t, &e) != 0)
        return wrong_field(f, "where", &e);
    const char *op = field(f, "op");
    if (!op)
        return wrong_words(f, "op", "is missing: <, <=, >, >=, == or !=");
    if (threshold_parse_op(op, t, &e) != 0)
        return wrong_field(f, "op", &e);
    const char *value = field(f, "value");
    if (!value)
        return wrong_words(f, "value", "is missing: the limit, such as \"300ms\"");
    if (threshold_parse_value(value, t, &e) != 0)
        return wrong_field(f, "value", &e);
    return read_mode(f, t);
}

static void write_text(struct table *f, struct threshold *t)
{
    struct sbuf text = {0};
    char stat[40];
    static const char *const modes[] = {"", "for", "within", "over"};
    char *scope = threshold_scope_text(t);
    sbuf_adds(&text, threshold_stat_name(t, stat, sizeof stat));
    if (t->scope != SCOPE_TOTAL)
        sbuf_addf(&text, " of %s", scope);
    sbuf_addf(&text, " %s %s", threshold_op_text(t->op), field(f, "value"));
    if (t->window_s)
        sbuf_addf(&text, " %s %us", modes[t->mode], t->window_s);
    t->text = sbuf_take(&text);
    free(scope);
}

static int read_table(struct table *f, struct threshold *t)
{
    struct threshold_error e = {0};
    if (read_parts(f, t) != 0)
        return -1;
    write_text(f, t);
    if (threshold_settle(t, &e, 1) != 0)
        return wrong_field(f, "stat", &e);
    return threshold_settle_limit(t, &e, 1) == 0 ? 0 : wrong_field(f, "value", &e);
}

static int add_table_at(struct threshold_list *l, struct table f, char **why)
{
    const char *error = field(&f, "error");
    if (error)
        return fail_words(why, f.source, field(&f, "threshold"), error);
    if (check_fields(&f) != 0)
        return -1;
    char *text = NULL, *key = NULL, *place = place_of(&f, "threshold");
    const char *given = field(&f, "threshold");
    text = given ? mem_strdup(given) : NULL;
    given = field(&f, "key");
    key = given ? mem_strdup(given) : NULL;
    const size_t before = l->count;
    struct threshold t;
    threshold_init(&t);
    int rc = 0;
    if (text)
        rc = key ? add_k6(l, key, text, place, why) : threshold_list_text(l, text, place, why);
    else if ((rc = read_table(&f, &t)) == 0)
        rc = take(l, &t, f.source, why);
    else
        threshold_fini(&t);
    free(text);
    free(key);
    free(place);
    if (rc == 0 && l->count > before)
        rc = read_extras(&f, &l->items[l->count - 1]);
    return rc;
}

/* The line of the first of its fields, where lines are known. */
static long first_line(const json_t *object)
{
    const char *key;
    json_t *value;
    long first = 0;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const long line = *key == '#' ? (long)json_integer_value(value) : 0;
        if (line > 0 && (first == 0 || line < first))
            first = line;
    }
    return first;
}

static int add_table(struct threshold_list *l, const json_t *object, const char *source, char **why)
{
    struct table f = {.object = object, .source = source, .file = source, .why = why};
    struct sbuf place = {0};
    const char *given = field(&f, "source");
    const long line = first_line(object);
    if (given)
        f.source = given;
    else if (line > 0) {
        sbuf_addf(&place, "%s:%ld", source, line);
        f.source = place.data;
    }
    const int rc = add_table_at(l, f, why);
    sbuf_fini(&place);
    return rc;
}

/* ---- k6's dictionaries, lists, and whatever they are in ---- */

static int add_k6_item(struct threshold_list *l, const char *key, const json_t *item,
                       const char *source, char **why)
{
    if (json_is_string(item))
        return add_k6(l, key, json_string_value(item), source, why);
    if (!json_is_object(item) || !json_object_get(item, "threshold"))
        return fail_words(why, source, key,
                          "each threshold is a text, or {\"threshold\": text, \"abortOnFail\": "
                          "true, \"delayAbortEval\": \"10s\"}");
    json_t *table = json_copy((json_t *)(uintptr_t)item);
    json_object_set_new(table, "key", json_string(key));
    const int rc = add_table(l, table, source, why);
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
        known += is_field(key);
    }
    return known > 0 || json_object_get(object, "#"); /* as TOML is handed over */
}

static int add_object(struct threshold_list *l, const json_t *object, const char *source,
                      char **why)
{
    const char *key;
    json_t *value;
    const json_t *inner = json_object_get(object, "thresholds");
    if (inner && json_object_size(object) == 1u + (line_of(object, "thresholds") > 0))
        return threshold_list_json(l, inner, source, why);
    if (is_table(object))
        return add_table(l, object, source, why);
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
        return fail_words(why, source, NULL,
                          "thresholds are texts, tables, or k6's dictionary of them");
    json_array_foreach(value, i, item)
    {
        const int rc = json_is_array(item) ? fail_words(why, source, NULL, "a threshold is no list")
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
    sbuf_adds(out, actions[t->action]);
    if (t->after_s > 0)
        sbuf_addf(out, " after %g s", t->after_s);
    if (t->warmup_s > 0)
        sbuf_addf(out, ", without the first %g s", t->warmup_s);
    if (t->min_samples > 1)
        sbuf_addf(out, ", from %llu samples on", (unsigned long long)t->min_samples);
    sbuf_addf(out, "; no data %s; from %s\n", no_data[t->no_data], t->source);
    if (t->is_k6 && t->metric && t->field == FIELD_TIME && !strcmp(t->metric, "http_req_duration"))
        sbuf_adds(out, "    with DNS, connecting and TLS, which k6 leaves out\n");
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
