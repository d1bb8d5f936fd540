// SPDX-License-Identifier: MIT
/* gate: the rules of a gate, as files have them. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/options/options.h"
#include "master/store/contrast.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct gate gate_usual = {
    .rules = {{FIGURE_P95, false, 0, {0.05, 1, false, false}},
              {FIGURE_P99, true, 0.01, {0.10, 1, false, false}},
              {FIGURE_FAIL_RATIO, false, 0, {0.001, 0, false, true}},
              {FIGURE_RPS, false, 0, {0.03, 0, true, false}}},
    .count = 4,
    .baseline = "latest valid 5",
};

static int refuse(char **why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(char **why, const char *format, ...)
{
    struct sbuf text = {0};
    va_list args;
    va_start(args, format);
    sbuf_addv(&text, format, args);
    va_end(args);
    *why = sbuf_take(&text);
    return -1;
}

struct gate_key {
    const char *name;
    bool is_text, is_list; /* neither: its reader says what it takes */
};

static const struct gate_key KEYS[] = {
    {"baseline", true, false}, {"cant_tell", true, false}, {"rules", false, true}};
static const struct gate_key RULE_KEYS[] = {{"stat", true, false},
                                            {"where", false, false},
                                            {"margin", false, false},
                                            {"floor", false, false},
                                            {"direction", true, false}};

static const struct gate_key *nearest_key(const char *name, const struct gate_key *keys,
                                          size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (options_likeness(name, keys[i].name) > options_likeness(name, keys[best].name))
            best = i;
    return &keys[best];
}

/* What is not understood would leave a gate open that is thought to be shut. */
static int check_keys(const json_t *from, const struct gate_key *keys, size_t count, char **why)
{
    const char *name;
    const json_t *value;
    if (!json_is_object(from))
        return refuse(why, "it is no table of keys");
    json_object_foreach((json_t *)(uintptr_t)from, name, value)
    {
        const struct gate_key *k = nearest_key(name, keys, count);
        if (strcmp(k->name, name) != 0)
            return refuse(why, "there is no key '%s' (did you mean %s?)", name, k->name);
        if (k->is_text && !json_is_string(value))
            return refuse(why, "%s: give a text", name);
        if (k->is_list && json_array_size(value) == 0)
            return refuse(why, "%s: give a list of one or more", name);
    }
    return 0;
}

static const char *figure_name(const void *of, size_t i)
{
    (void)of;
    return contrast_figure_name((enum contrast_figure)i);
}

static const char *nearest_figure(const char *name)
{
    const char *best = options_nearest_name(name, 0, figure_name, NULL, FIGURES);
    return best ? best : "p95";
}

/* "5%", "0.1pp", "10ms", or a plain share. False: none of these. */
static bool read_amount(const char *text, const char *unit, double factor, double *to)
{
    char *end;
    const double value = strtod(text, &end);
    while (*end == ' ')
        end++;
    if (end == text || value < 0 || !isfinite(value) || strcmp(end, unit) != 0)
        return false;
    *to = value * factor;
    return true;
}

static bool read_margin(const json_t *value, struct gate_rule *r)
{
    const char *text = json_string_value(value);
    if (json_is_number(value)) {
        r->margin.share = json_number_value(value);
        return r->margin.share >= 0 && isfinite(r->margin.share);
    }
    return !value ||
           (text && (read_amount(text, r->margin.is_share ? "pp" : "%", 0.01, &r->margin.share) ||
                     read_amount(text, "", 1, &r->margin.share)));
}

static bool read_where(const json_t *value, struct gate_rule *r)
{
    const char *text = json_string_value(value);
    if (!value || (text && strcmp(text, "total") == 0))
        return true;
    r->is_of_rows = true;
    return text &&
           (strcmp(text, "rows") == 0 ||
            (strncmp(text, "rows>=", 6) == 0 && read_amount(text + 6, "%", 0.01, &r->least_share)));
}

static bool read_floor(const json_t *value, struct gate_rule *r)
{
    const char *text = json_string_value(value);
    return !value || (text && (read_amount(text, "ms", 1, &r->margin.floor) ||
                               read_amount(text, "s", 1000, &r->margin.floor)));
}

static int read_rule(const json_t *from, struct gate_rule *r, char **why)
{
    const char *stat = json_string_value(json_object_get(from, "stat"));
    const char *direction = json_string_value(json_object_get(from, "direction"));
    const enum contrast_figure f = stat ? contrast_figure_of(stat) : FIGURES;
    if (check_keys(from, RULE_KEYS, sizeof RULE_KEYS / sizeof *RULE_KEYS, why) != 0)
        return -1;
    if (!stat)
        return refuse(why, "it has no stat, such as p95");
    if (f == FIGURES)
        return refuse(why, "stat '%s' is not known (did you mean %s?)", stat, nearest_figure(stat));
    *r = (struct gate_rule){.figure = f, .least_share = 0.01};
    r->margin.is_share = f == FIGURE_FAIL_RATIO;
    r->margin.is_lower_worse = f == FIGURE_RPS;
    r->margin.share = r->margin.is_share                    ? 0.001
                      : f == FIGURE_P99 || f == FIGURE_P999 ? 0.10
                                                            : 0.05;
    r->margin.floor = f <= FIGURE_MEAN ? 1 : 0;
    if (direction)
        r->margin.is_lower_worse = strcmp(direction, "lower-is-worse") == 0;
    if (direction && strcmp(direction, "lower-is-worse") != 0 &&
        strcmp(direction, "higher-is-worse") != 0)
        return refuse(why, "direction '%s' of %s: give lower-is-worse or higher-is-worse",
                      direction, stat);
    if (!read_margin(json_object_get(from, "margin"), r))
        return refuse(why, "the margin of %s: give %s", stat,
                      r->margin.is_share ? "percentage points, such as 0.1pp"
                                         : "a percentage, such as 5%");
    if (!read_where(json_object_get(from, "where"), r))
        return refuse(why, "'where' of %s: give %s", stat, "total, rows, or rows>=1%");
    if (!read_floor(json_object_get(from, "floor"), r))
        return refuse(why, "the floor of %s: give %s", stat, "a time, such as 1ms");
    return 0;
}

static int read_rules(struct gate *g, const json_t *rules, char **why)
{
    size_t i;
    const json_t *rule;
    char *what = NULL;
    g->count = 0;
    json_array_foreach(rules, i, rule)
    {
        if (read_rule(rule, &g->rules[g->count++], &what) == 0)
            continue;
        refuse(why, "rule %zu: %s", i + 1, what);
        free(what);
        return -1;
    }
    return 0;
}

const char *gate_unsure_name(const struct gate *g)
{
    return g->fails_unsure ? "fail" : g->retries ? "retry" : "pass";
}

int gate_read(struct gate *g, const json_t *from, char **why)
{
    const json_t *rules = json_object_get(from, "rules");
    const char *baseline = json_string_value(json_object_get(from, "baseline"));
    const char *unsure = json_string_value(json_object_get(from, "cant_tell"));
    if (check_keys(from, KEYS, sizeof KEYS / sizeof *KEYS, why) != 0)
        return -1;
    if (json_array_size(rules) > GATE_RULES_MAX)
        return refuse(why, "too many rules: %d at most", GATE_RULES_MAX);
    g->fails_unsure = unsure && strcmp(unsure, "fail") == 0;
    g->retries = unsure && strcmp(unsure, "retry") == 0;
    if (unsure && strcmp(unsure, gate_unsure_name(g)) != 0)
        return refuse(why, "cant_tell = '%s': give pass, fail or retry", unsure);
    if (baseline && strlen(baseline) >= sizeof g->baseline)
        return refuse(why, "baseline: it is longer than %zu bytes", sizeof g->baseline - 1);
    if (baseline)
        snprintf(g->baseline, sizeof g->baseline, "%s", baseline);
    return rules ? read_rules(g, rules, why) : 0;
}

/* NULL: it has none. */
static const json_t *project_part(const json_t *whole)
{
    return json_object_get(json_object_get(json_object_get(whole, "tool"), "katydid"), "gate");
}

static const json_t *part_of(const json_t *whole)
{
    const json_t *part = project_part(whole);
    if (!part)
        part = json_object_get(whole, "gate");
    return part ? part : whole;
}

static void name_file(const char *path, char **why)
{
    char *words = sbuf_words("%s: %s", path, *why);
    free(*why);
    *why = words;
}

int gate_load(struct gate *g, const char *path, char **why)
{
    struct sbuf text = {0};
    const size_t len = strlen(path);
    if (options_slurp(path, true, &text) != 0) {
        sbuf_fini(&text);
        return refuse(why, "%s cannot be read", path);
    }
    const bool is_json = len > 5 && strcmp(path + len - 5, ".json") == 0;
    json_error_t error = {0};
    json_t *whole = is_json ? json_loadb(text.data ? text.data : "", text.len, 0, &error)
                            : options_toml_document(path, text.data ? text.data : "", text.len);
    int rc = whole     ? gate_read(g, part_of(whole), why)
             : is_json ? refuse(why, "line %d: it is no good JSON: %s", error.line, error.text)
                       : refuse(why, "it is no good TOML");
    if (rc != 0)
        name_file(path, why);
    json_decref(whole);
    sbuf_fini(&text);
    return rc;
}

/* Others wrote it, and not for us: what is no gate is none of our business. */
int gate_given(struct gate *g, const char *path, char **why)
{
    static const char project[] = "pyproject.toml";
    struct sbuf text = {0};
    *g = gate_usual;
    if (path)
        return gate_load(g, path, why) == 0 ? GATE_GIVEN : -1;
    options_slurp(project, false, &text);
    const bool is_named = text.len > 0 && strstr(text.data, "tool.katydid.gate") != NULL;
    json_t *whole = is_named ? options_toml_document(project, text.data, text.len) : NULL;
    const json_t *part = project_part(whole);
    int rc = GATE_USUAL;
    if (is_named && !whole)
        rc = refuse(why, "it is no good TOML");
    else if (part)
        rc = gate_read(g, part, why) == 0 ? GATE_GIVEN : -1;
    if (rc < 0)
        name_file(project, why);
    json_decref(whole);
    sbuf_fini(&text);
    return rc;
}
