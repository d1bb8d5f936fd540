// SPDX-License-Identifier: MIT
/* list_table: a threshold as a table of fields: its parts, or a text and what is said beside it. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/verdict/grammar.h"
#include "master/verdict/list_int.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const fields[] = {
    "threshold",   "key",    "metric",      "where",          "stat",       "op",     "value",
    "window",      "mode",   "abort",       "after",          "action",     "name",   "no_data",
    "min_samples", "warmup", "abortOnFail", "delayAbortEval", "user_class", "source", "error"};
#define FIELDS (sizeof fields / sizeof *fields)

bool list_is_field(const char *key)
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
long list_line_of(const json_t *object, const char *key)
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
    const long line = list_line_of(f->object, key);
    if (line > 0)
        sbuf_addf(&place, "%s:%ld", f->file, line);
    else
        sbuf_adds(&place, f->source);
    return sbuf_take(&place);
}

static int wrong_field(struct table *f, const char *key, const struct threshold_error *e)
{
    char *place = place_of(f, key);
    list_fail(f->why, place, key, e);
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
        if (!list_is_field(key)) {
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

/* Said in two places, and not the same. */
static int wrong_twice(struct table *f, const char *key)
{
    return wrong_words(f, key, "contradicts what is said beside it: write one of them");
}

static int parse_span(struct table *f, const char *key, double *seconds)
{
    struct threshold_error e = {0};
    const char *text = field(f, key);
    if (text && threshold_parse_seconds(text, seconds, &e) != 0)
        return wrong_field(f, key, &e);
    return 0;
}

static int take_span(struct table *f, struct threshold *t, enum threshold_setting what,
                     const char *key, double seconds)
{
    double *to = what == SAID_AFTER ? &t->after_s : &t->warmup_s;
    if ((t->said & what) && (seconds < *to || seconds > *to))
        return wrong_twice(f, key);
    *to = seconds;
    t->said |= what;
    return 0;
}

static int read_span(struct table *f, struct threshold *t, enum threshold_setting what,
                     const char *key)
{
    double seconds = 0;
    if (parse_span(f, key, &seconds) != 0)
        return -1;
    return field(f, key) ? take_span(f, t, what, key, seconds) : 0;
}

/* k6's delayAbortEval: Go's durations, a bare number in milliseconds. */
static int read_delay(struct table *f, struct threshold *t)
{
    double seconds = 0;
    const char *text = field(f, "delayAbortEval");
    if (!text)
        return 0;
    const bool is_bare = !text[strspn(text, "0123456789.")];
    if (parse_span(f, "delayAbortEval", &seconds) != 0)
        return -1;
    return take_span(f, t, SAID_AFTER, "delayAbortEval", is_bare ? seconds / 1000 : seconds);
}

static int read_no_data(struct table *f, struct threshold *t)
{
    static const char *const words[] = {"fail", "pass", "warn"};
    const char *text = field(f, "no_data");
    if (!text)
        return 0;
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(words[i], text) != 0)
            continue;
        if ((t->said & SAID_NO_DATA) && t->no_data != (enum threshold_no_data)i)
            return wrong_twice(f, "no_data");
        t->no_data = (enum threshold_no_data)i;
        t->said |= SAID_NO_DATA;
        return 0;
    }
    return wrong_word(f, "no_data", words, 3);
}

static int take_action(struct table *f, struct threshold *t, const char *key,
                       enum threshold_action action)
{
    if ((t->said & SAID_ACTION) && t->action != action)
        return wrong_twice(f, key);
    t->action = action;
    t->said |= SAID_ACTION;
    return 0;
}

static int read_abort(struct table *f, struct threshold *t, const char *key)
{
    bool aborts = false;
    const bool stops = (t->said & SAID_ACTION) && t->action == ACTION_STOP;
    if (!field(f, key))
        return 0;
    if (read_bool(f, key, &aborts) != 0)
        return -1;
    if (aborts)
        return take_action(f, t, key, ACTION_STOP);
    return stops ? wrong_twice(f, key) : 0;
}

static int read_action(struct table *f, struct threshold *t)
{
    static const char *const words[] = {"stop", "continue", "warn"};
    static const enum threshold_action actions[] = {ACTION_STOP, ACTION_CONTINUE, ACTION_WARN};
    const char *action = field(f, "action");
    size_t i = 0;
    const char *scenario = action && !strncmp(action, "stop=", 5) ? action + 5 : NULL;
    while (action && !scenario && i < 3 && strcmp(words[i], action) != 0)
        i++;
    if (i == 3 || (scenario && !*scenario))
        return wrong_word(f, "action", words, 3);
    if (action && take_action(f, t, "action", actions[i]) != 0)
        return -1;
    if (scenario && t->scenario && strcmp(t->scenario, scenario) != 0)
        return wrong_twice(f, "action");
    if (scenario && !t->scenario)
        t->scenario = mem_strdup(scenario);
    return read_abort(f, t, "abort") != 0 || read_abort(f, t, "abortOnFail") != 0 ? -1 : 0;
}

static int read_samples(struct table *f, struct threshold *t)
{
    struct threshold_limit n;
    const char *text = field(f, "min_samples");
    if (!text)
        return 0;
    if (!threshold_number(text, strlen(text), &n) || !(n.value >= 1 && n.value <= 1e12))
        return wrong_words(f, "min_samples", "is a whole number from 1");
    if ((t->said & SAID_SAMPLES) && t->min_samples != (uint64_t)n.value)
        return wrong_twice(f, "min_samples");
    t->min_samples = (uint64_t)n.value;
    t->said |= SAID_SAMPLES;
    return 0;
}

static int read_name(struct table *f, struct threshold *t)
{
    const char *name = field(f, "name");
    if (!name || !*name)
        return 0;
    if (t->name && strcmp(t->name, name) != 0)
        return wrong_twice(f, "name");
    free(t->name);
    t->name = mem_strdup(name);
    return 0;
}

static int read_class(struct table *f, struct threshold *t)
{
    struct threshold_error e = {0};
    const char *name = field(f, "user_class");
    return name && threshold_take_class(t, name, &e) != 0 ? wrong_field(f, "threshold", &e) : 0;
}

/* What a table may say beside what the threshold is. */
static int read_extras(struct table *f, struct threshold *t)
{
    struct threshold_error e = {0};
    if (read_name(f, t) != 0 || read_class(f, t) != 0 || read_action(f, t) != 0 ||
        read_delay(f, t) != 0 || read_span(f, t, SAID_AFTER, "after") != 0 ||
        read_span(f, t, SAID_WARMUP, "warmup") != 0 || read_no_data(f, t) != 0 ||
        read_samples(f, t) != 0)
        return -1;
    if (threshold_settle_actions(t, &e, 0) != 0)
        return wrong_field(f, "no_data", &e);
    return 0;
}

static int read_mode(struct table *f, struct threshold *t)
{
    static const char *const words[] = {"", "for", "within", "over"};
    double seconds = 0;
    const char *mode = field(f, "mode");
    const bool has_window = field(f, "window") != NULL;
    if (parse_span(f, "window", &seconds) != 0)
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

/* A text says all that a threshold is: what would be left out is refused. */
static int refuse_parts(struct table *f)
{
    static const char *const parts[] = {"stat", "metric", "where", "op", "value", "mode", "window"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (field(f, parts[i]))
            return wrong_words(f, parts[i], "does not go beside a text: write it there");
    return 0;
}

static int add_table_at(struct threshold_list *l, struct table f, char **why)
{
    const char *error = field(&f, "error");
    if (error)
        return list_fail_words(why, f.source, field(&f, "threshold"), error);
    if (check_fields(&f) != 0 || (field(&f, "threshold") && refuse_parts(&f) != 0))
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
        rc = key ? list_add_k6(l, key, text, place, why) : threshold_list_text(l, text, place, why);
    else if ((rc = read_table(&f, &t)) == 0)
        rc = list_take(l, &t, f.source, why);
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

int list_add_table(struct threshold_list *l, const json_t *object, const char *source, char **why)
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
