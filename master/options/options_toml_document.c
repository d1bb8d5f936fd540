// SPDX-License-Identifier: MIT
/* options_toml_document: a whole TOML file, as JSON. Brackets nest to a limit. */
#include "master/options/options_toml.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/sbuf.h"
#include "master/options/options_table.h"

#define DOCUMENT_MAX_DEPTH 16

static int read_json(struct toml *t, int depth, json_t **value);

/* Makes what is not there; of an array of tables the last one counts. NULL: something else is
 * there. */
static json_t *descend(json_t *table, const char *name, bool is_array)
{
    json_t *next = json_object_get(table, name);
    if (!next) {
        next = is_array ? json_array() : json_object();
        json_object_set_new(table, name, next);
    }
    if (is_array && json_is_array(next))
        json_array_append_new(next, json_object());
    if (json_is_array(next))
        next = json_array_get(next, json_array_size(next) - 1);
    return json_is_object(next) ? next : NULL;
}

static int set_at(struct toml *t, json_t *table, char *const *parts, size_t count, json_t *value)
{
    for (size_t i = 0; table && i + 1 < count; i++)
        table = descend(table, parts[i], false);
    if (!table || json_object_get(table, parts[count - 1])) {
        json_decref(value);
        return toml_fail(t, "a key is there twice");
    }
    json_object_set_new(table, parts[count - 1], value);
    return 0;
}

/* key = value */
static int read_pair(struct toml *t, int depth, json_t *table)
{
    char *parts[TOML_PARTS];
    size_t count = 0;
    json_t *value = NULL;
    int rc = toml_read_key(t, parts, &count);
    if (!rc && (t->p >= t->end || *t->p != '='))
        rc = toml_fail(t, "a key has no '='");
    if (!rc) {
        t->p++;
        toml_skip_spaces(t);
        rc = read_json(t, depth, &value);
    }
    if (!rc)
        rc = set_at(t, table, parts, count, value);
    toml_forget(parts, &count);
    return rc;
}

/* Behind the bracket: what stands between commas. */
static int read_members(struct toml *t, int depth, json_t *into)
{
    const bool is_table = json_is_object(into);
    for (;;) {
        json_t *value = NULL;
        toml_skip_lines(t);
        if (t->p < t->end && *t->p == (is_table ? '}' : ']')) {
            t->p++;
            return 0;
        }
        if (is_table ? read_pair(t, depth, into) : read_json(t, depth, &value))
            return 2;
        if (!is_table)
            json_array_append_new(into, value);
        toml_skip_lines(t);
        if (t->p < t->end && *t->p == ',')
            t->p++;
        else if (t->p >= t->end || *t->p != (is_table ? '}' : ']'))
            return toml_fail(t, "a bracket has no end");
    }
}

/* A number, boolean, or what else stands there, as text. */
static json_t *scalar(const char *text)
{
    char *end;
    const long long whole = strtoll(text, &end, 10);
    if (!*end)
        return json_integer(whole);
    const double number = strtod(text, &end);
    if (!*end && number - number == 0)
        return json_real(number);
    if (!strcmp(text, "true") || !strcmp(text, "false"))
        return json_boolean(*text == 't');
    return json_string(text);
}

static int read_json(struct toml *t, int depth, json_t **value)
{
    struct sbuf text = {0};
    const char c = t->p < t->end ? *t->p : '\0';
    int rc;
    if (depth >= DOCUMENT_MAX_DEPTH)
        return toml_fail(t, "brackets are nested too deeply");
    if (c == '[' || c == '{') {
        t->p++;
        *value = c == '[' ? json_array() : json_object();
        rc = read_members(t, depth + 1, *value);
        if (rc)
            json_decref(*value);
        return rc;
    }
    rc = toml_read_one(t, &text);
    const char *given = text.data ? text.data : "";
    if (!rc)
        *value = c == '"' || c == '\'' ? json_string(given) : scalar(given);
    sbuf_fini(&text);
    if (!rc && !*value)
        rc = toml_fail(t, "a text is not UTF-8");
    return rc;
}

static int read_document_line(struct toml *t, json_t *root, json_t **table)
{
    if (*t->p != '[')
        return read_pair(t, 0, *table);
    if (toml_read_header(t))
        return 2;
    *table = root;
    for (size_t i = 0; *table && i < t->table_parts; i++)
        *table = descend(*table, t->table[i], t->is_array && i + 1 == t->table_parts);
    return *table ? 0 : toml_fail(t, "a table has the name of a value");
}

struct json_t *options_toml_document(const char *path, const char *text, size_t len)
{
    struct toml t = toml_begin(path, text, len);
    json_t *root = json_object(), *table = root;
    int rc = 0;
    for (toml_skip_lines(&t); t.p < t.end && !rc; toml_skip_lines(&t)) {
        rc = read_document_line(&t, root, &table);
        rc = rc ? rc : toml_end_line(&t);
    }
    toml_forget(t.table, &t.table_parts);
    if (rc) {
        json_decref(root);
        return NULL;
    }
    return root;
}
