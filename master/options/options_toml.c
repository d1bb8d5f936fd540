// SPDX-License-Identifier: MIT
/* options_toml: reads the table [tool.locust] of a TOML file (pyproject.toml).
 *
 * Everything else in the file is walked over, not understood: strings of all four kinds, arrays
 * and inline tables are skipped by their brackets, so that nothing inside them is mistaken for our
 * table. In our table a value is a string, a number, a boolean, a date (taken as text) or an array
 * of these. No recursion, but for whole documents, to a limit; the reader never looks behind the
 * end of the text.
 */
#include "master/options/options_table.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_PARTS 16
#define DOCUMENT_MAX_DEPTH 16

struct toml {
    const char *path; /* of the file */
    const char *p, *end;
    unsigned line;
    char *table[PATH_MAX_PARTS]; /* the current table's name */
    size_t table_parts;
    char *key[PATH_MAX_PARTS]; /* the current key */
    size_t key_parts;
    bool is_array; /* the table is one of an array: never an option's */
};

static int fail(const struct toml *t, const char *what)
{
    return option_error("%s:%u: %s: write it as TOML", t->path, t->line, what);
}

static bool is_at(const struct toml *t, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(t->end - t->p) >= n && memcmp(t->p, text, n) == 0;
}

static void skip_spaces(struct toml *t)
{
    while (t->p < t->end && (*t->p == ' ' || *t->p == '\t'))
        t->p++;
}

static void skip_comment(struct toml *t)
{
    if (t->p < t->end && *t->p == '#')
        while (t->p < t->end && *t->p != '\n')
            t->p++;
}

/* Spaces, comments and line ends. */
static void skip_lines(struct toml *t)
{
    for (;;) {
        skip_spaces(t);
        skip_comment(t);
        if (t->p >= t->end || (*t->p != '\n' && *t->p != '\r'))
            return;
        t->line += *t->p++ == '\n';
    }
}

static int end_line(struct toml *t)
{
    skip_spaces(t);
    skip_comment(t);
    return t->p >= t->end || *t->p == '\n' || *t->p == '\r'
               ? 0
               : fail(t, "there is something behind a value");
}

static void forget(char **parts, size_t *count)
{
    while (*count)
        free(parts[--*count]);
}

/* ---- strings ---------------------------------------------------------------------------- */

static void add_utf8(struct sbuf *out, unsigned long cp)
{
    if (cp < 0x80) {
        sbuf_addc(out, (char)cp);
        return;
    }
    int more = cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
    static const unsigned lead[] = {0, 0xc0, 0xe0, 0xf0};
    sbuf_addc(out, (char)(lead[more] | cp >> (6 * more)));
    while (more--)
        sbuf_addc(out, (char)(0x80 | ((cp >> (6 * more)) & 0x3f)));
}

static bool read_hex(struct toml *t, int digits, struct sbuf *out)
{
    char hex[9] = "";
    for (int i = 0; i < digits; i++) {
        if (t->p >= t->end || !isxdigit((unsigned char)*t->p))
            return false;
        hex[i] = *t->p++;
    }
    unsigned long cp = strtoul(hex, NULL, 16);
    if (!cp || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        return false;
    add_utf8(out, cp);
    return true;
}

/* Behind a backslash. */
static bool read_escape(struct toml *t, bool is_multi, struct sbuf *out)
{
    static const char from[] = "btnfre\"\\", to[] = "\b\t\n\f\r\033\"\\";
    if (t->p >= t->end)
        return false;
    char c = *t->p++;
    if (c == 'u' || c == 'U')
        return read_hex(t, c == 'u' ? 4 : 8, out);
    if (is_multi && isspace((unsigned char)c)) { /* the line goes on behind the blanks */
        t->line += c == '\n';
        for (; t->p < t->end && isspace((unsigned char)*t->p); t->p++)
            t->line += *t->p == '\n';
        return true;
    }
    const char *hit = memchr(from, c, sizeof from - 1);
    if (hit)
        sbuf_addc(out, to[hit - from]);
    return hit != NULL;
}

/* t->p is at a quote. Appends the decoded text. */
static int read_string(struct toml *t, struct sbuf *out)
{
    char quote = *t->p;
    bool is_multi = is_at(t, quote == '"' ? "\"\"\"" : "'''");
    t->p += is_multi ? 3 : 1;
    if (is_multi && is_at(t, "\r\n"))
        t->p++;
    if (is_multi && t->p < t->end && *t->p == '\n') {
        t->p++;
        t->line++;
    }
    while (t->p < t->end) {
        char c = *t->p;
        if (c == quote && (!is_multi || is_at(t, quote == '"' ? "\"\"\"" : "'''"))) {
            t->p += is_multi ? 3 : 1;
            for (int i = 0; is_multi && i < 2 && t->p < t->end && *t->p == quote; i++)
                sbuf_addc(out, *t->p++); /* up to two quotes may end the text itself */
            return 0;
        }
        if (c == '\n' && !is_multi)
            break;
        t->p++;
        t->line += c == '\n';
        if (c == '\\' && quote == '"') {
            if (!read_escape(t, is_multi, out))
                return fail(t, "a string has an escape that does not exist");
        } else {
            sbuf_addc(out, c);
        }
    }
    return fail(t, "a string has no end");
}

/* ---- keys and values -------------------------------------------------------------------- */

static bool is_bare(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* A dotted key into parts. */
static int read_key(struct toml *t, char **parts, size_t *count)
{
    forget(parts, count);
    for (;;) {
        struct sbuf part = {0};
        skip_spaces(t);
        bool is_quoted = t->p < t->end && (*t->p == '"' || *t->p == '\'');
        if (is_quoted && read_string(t, &part)) {
            sbuf_fini(&part);
            return 2;
        }
        while (!is_quoted && t->p < t->end && is_bare(*t->p))
            sbuf_addc(&part, *t->p++);
        if ((!part.len && !is_quoted) || *count == PATH_MAX_PARTS) {
            sbuf_fini(&part);
            return fail(t, "there is no key where one must be");
        }
        parts[(*count)++] = part.data ? sbuf_take(&part) : mem_strdup("");
        skip_spaces(t);
        if (t->p >= t->end || *t->p != '.')
            return 0;
        t->p++;
    }
}

static int read_header(struct toml *t)
{
    bool is_array = is_at(t, "[[");
    t->p += is_array ? 2 : 1;
    if (read_key(t, t->table, &t->table_parts))
        return 2;
    if (!is_at(t, is_array ? "]]" : "]"))
        return fail(t, "a table's name has no end");
    t->p += is_array ? 2 : 1;
    t->is_array = is_array;
    return 0;
}

/* A number, boolean or date: as written, but without the underscores of numbers. */
static int read_scalar(struct toml *t, struct sbuf *out)
{
    const char *from = t->p;
    for (; t->p < t->end && !strchr(" \t\r\n,]}#", *t->p); t->p++)
        if (*t->p != '_')
            sbuf_addc(out, *t->p);
    return t->p > from ? 0 : fail(t, "there is no value where one must be");
}

static int read_one(struct toml *t, struct sbuf *out)
{
    bool is_string = t->p < t->end && (*t->p == '"' || *t->p == '\'');
    return is_string ? read_string(t, out) : read_scalar(t, out);
}

/* Walks over a value that is not ours. */
static int skip_value(struct toml *t)
{
    size_t depth = 0;
    do {
        if (depth)
            skip_lines(t);
        if (t->p >= t->end)
            return fail(t, "a value has no end");
        char c = *t->p;
        if (c == '[' || c == '{') {
            depth++;
            t->p++;
        } else if (c == ']' || c == '}') {
            if (!depth)
                return fail(t, "a bracket closes nothing");
            depth--;
            t->p++;
        } else if (depth && (c == ',' || c == '=' || c == '.')) {
            t->p++;
        } else {
            struct sbuf text = {0};
            int rc = read_one(t, &text);
            sbuf_fini(&text);
            if (rc)
                return rc;
        }
    } while (depth);
    return 0;
}

static int read_array(struct toml *t, char ***values)
{
    t->p++;
    for (;;) {
        skip_lines(t);
        if (t->p < t->end && *t->p == ']') {
            t->p++;
            return 0;
        }
        if (t->p >= t->end || *t->p == '[' || *t->p == '{')
            return fail(t, "an array of options may have only texts, numbers and booleans");
        struct sbuf text = {0};
        int rc = read_one(t, &text);
        if (!rc)
            option_add_word(values, text.data ? text.data : "");
        sbuf_fini(&text);
        if (rc)
            return rc;
        skip_lines(t);
        if (t->p < t->end && *t->p == ',')
            t->p++;
        else if (t->p >= t->end || *t->p != ']')
            return fail(t, "an array has no end");
    }
}

/* The option's name when the current key belongs to tool.locust, else NULL. */
static const char *our_key(const struct toml *t)
{
    const char *parts[2 * PATH_MAX_PARTS];
    size_t n = 0;
    for (size_t i = 0; i < t->table_parts; i++)
        parts[n++] = t->table[i];
    for (size_t i = 0; i < t->key_parts; i++)
        parts[n++] = t->key[i];
    bool is_ours =
        !t->is_array && n == 3 && strcmp(parts[0], "tool") == 0 && strcmp(parts[1], "locust") == 0;
    return is_ours ? parts[2] : NULL;
}

static int read_setting(struct toml *t, const char *key, option_setting_cb *cb, void *arg)
{
    char **values = mem_zalloc(sizeof *values);
    struct option_setting s = {.key = key, .line = t->line};
    s.is_list = t->p < t->end && *t->p == '[';
    int rc;
    if (s.is_list) {
        rc = read_array(t, &values);
    } else if (t->p < t->end && *t->p == '{') {
        rc = fail(t, "an option cannot be a table");
    } else {
        struct sbuf text = {0};
        rc = read_one(t, &text);
        if (!rc)
            option_add_word(&values, text.data ? text.data : "");
        sbuf_fini(&text);
    }
    s.values = values;
    s.count = option_list_len(values);
    if (!rc)
        rc = cb(arg, t->path, &s);
    options_free_list(values);
    return rc;
}

static int read_line(struct toml *t, option_setting_cb *cb, void *arg)
{
    if (*t->p == '[')
        return read_header(t);
    if (read_key(t, t->key, &t->key_parts))
        return 2;
    if (t->p >= t->end || *t->p != '=')
        return fail(t, "a key has no '='");
    t->p++;
    skip_spaces(t);
    const char *key = our_key(t);
    return key ? read_setting(t, key, cb, arg) : skip_value(t);
}

int options_toml_read(const char *path, const char *text, size_t len, option_setting_cb *cb,
                      void *arg)
{
    struct toml t = {.path = path, .p = text, .end = text + len, .line = 1};
    if (is_at(&t, "\xef\xbb\xbf"))
        t.p += 3;
    int rc = 0;
    for (skip_lines(&t); t.p < t.end && !rc; skip_lines(&t)) {
        rc = read_line(&t, cb, arg);
        rc = rc ? rc : end_line(&t);
    }
    forget(t.table, &t.table_parts);
    forget(t.key, &t.key_parts);
    return rc;
}

/* ---- thresholds ------------------------------------------------------------------------- */

struct entries {
    struct toml *t;
    struct sbuf *json;
    size_t prefix; /* parts of the tables' name before "threshold" */
    size_t entry;  /* where the last object begins */
    bool is_open;  /* an object was begun */
};

/* A name behind tool.katydid, or by itself. */
static bool is_ours(const struct entries *e, char *const *parts, size_t count)
{
    return count == e->prefix + 1 &&
           (!e->prefix || (strcmp(parts[0], "tool") == 0 && strcmp(parts[1], "katydid") == 0));
}

static bool is_threshold(const struct entries *e, char *const *parts, size_t count)
{
    return is_ours(e, parts, count) && (strcmp(parts[count - 1], "threshold") == 0 ||
                                        strcmp(parts[count - 1], "thresholds") == 0);
}

/* A misspelt one would be a gate that is left out without a word. */
static int refuse_nearly(const struct entries *e, char *const *parts, size_t count)
{
    const char *name = parts[count - 1];
    if (!is_ours(e, parts, count) || is_threshold(e, parts, count) ||
        options_likeness(name, "threshold") <= 0)
        return 0;
    return option_error("%s:%u: %s: there is nothing of that name: did you mean threshold?",
                        e->t->path, e->t->line, name);
}

static void close_entry(struct entries *e)
{
    if (e->is_open)
        sbuf_addc(e->json, '}');
    e->is_open = false;
}

/* "#": the line of its head. */
static void open_entry(struct entries *e)
{
    close_entry(e);
    e->entry = e->json->len;
    sbuf_addf(e->json, "%s{\"#\":%u", e->json->len > 1 ? "," : "", e->t->line);
    e->is_open = true;
}

/* With its line, "#key"; refused where the entry has one (the quotes of texts have backslashes). */
static int add_member(struct entries *e, const char *key, unsigned line, const char *value)
{
    struct sbuf mark = {0}, name = {0};
    sbuf_addf(&name, "#%s", key);
    sbuf_addc(&mark, ',');
    sbuf_add_json(&mark, name.data, name.len);
    sbuf_addc(&mark, ':');
    const bool is_twice = strstr(e->json->data + e->entry, mark.data) != NULL;
    sbuf_addf(e->json, "%s%u,", mark.data, line);
    sbuf_add_json(e->json, key, strlen(key));
    sbuf_addc(e->json, ':');
    sbuf_add_json(e->json, value, strlen(value));
    sbuf_fini(&mark);
    sbuf_fini(&name);
    return is_twice ? option_error("%s:%u: %s: this field is there twice", e->t->path, line, key)
                    : 0;
}

static int read_member(struct entries *e)
{
    struct toml *t = e->t;
    struct sbuf text = {0};
    const unsigned line = t->line;
    if (t->p < t->end && (*t->p == '[' || *t->p == '{'))
        return fail(t, "a field of a threshold is one text, number or boolean");
    int rc = read_one(t, &text);
    if (rc == 0)
        rc = add_member(e, t->key[0], line, text.data ? text.data : "");
    sbuf_fini(&text);
    return rc;
}

/* {stat = "p95", op = "<", value = "300ms"} */
static int read_inline(struct entries *e)
{
    struct toml *t = e->t;
    t->p++;
    open_entry(e);
    for (skip_lines(t); !is_at(t, "}"); skip_lines(t)) {
        if (read_key(t, t->key, &t->key_parts))
            return 2;
        if (t->key_parts != 1 || !is_at(t, "="))
            return fail(t, "a field of a threshold is written key = value");
        t->p++;
        skip_spaces(t);
        if (read_member(e))
            return 2;
        skip_lines(t);
        if (is_at(t, ","))
            t->p++;
        else if (!is_at(t, "}"))
            return fail(t, "an inline table has no end");
    }
    t->p++;
    close_entry(e);
    return 0;
}

static int read_item(struct entries *e)
{
    struct sbuf text = {0};
    if (is_at(e->t, "{"))
        return read_inline(e);
    if (!is_at(e->t, "\"") && !is_at(e->t, "'"))
        return fail(e->t, "a list of thresholds holds texts and tables");
    open_entry(e);
    const unsigned line = e->t->line;
    int rc = read_string(e->t, &text);
    if (rc == 0)
        rc = add_member(e, "threshold", line, text.data ? text.data : "");
    close_entry(e);
    sbuf_fini(&text);
    return rc;
}

/* threshold = ["p95 < 300ms", ...] */
static int read_list(struct entries *e)
{
    struct toml *t = e->t;
    if (!is_at(t, "["))
        return fail(t, "thresholds are a list of texts, or tables [[...threshold]]");
    t->p++;
    for (skip_lines(t); !is_at(t, "]"); skip_lines(t)) {
        const int rc = read_item(e);
        if (rc != 0)
            return rc;
        skip_lines(t);
        if (is_at(t, ","))
            t->p++;
        else if (!is_at(t, "]"))
            return fail(t, "an array has no end");
    }
    t->p++;
    return 0;
}

static int read_entry_line(struct entries *e)
{
    struct toml *t = e->t;
    char *all[2 * PATH_MAX_PARTS];
    size_t count = 0;
    if (*t->p == '[') {
        int rc = read_header(t);
        close_entry(e);
        rc = rc ? rc : refuse_nearly(e, t->table, t->table_parts);
        if (rc != 0 || !is_threshold(e, t->table, t->table_parts))
            return rc;
        if (!t->is_array) /* else it would be left out without a word */
            return fail(t, "thresholds are tables of an array, [[...threshold]]");
        open_entry(e);
        return 0;
    }
    if (read_key(t, t->key, &t->key_parts))
        return 2;
    if (t->p >= t->end || *t->p != '=')
        return fail(t, "a key has no '='");
    t->p++;
    skip_spaces(t);
    if (e->is_open && t->key_parts == 1)
        return read_member(e);
    for (size_t i = 0; i < t->table_parts && !t->is_array; i++)
        all[count++] = t->table[i];
    for (size_t i = 0; i < t->key_parts; i++)
        all[count++] = t->key[i];
    if (!t->is_array && refuse_nearly(e, all, count))
        return 2;
    return !t->is_array && is_threshold(e, all, count) ? read_list(e) : skip_value(t);
}

int options_toml_thresholds(const char *path, const char *text, size_t len, bool is_project,
                            struct sbuf *json)
{
    struct toml t = {.path = path, .p = text, .end = text + len, .line = 1};
    struct entries e = {.t = &t, .json = json, .prefix = is_project ? 2 : 0};
    int rc = 0;
    sbuf_addc(json, '[');
    if (is_at(&t, "\xef\xbb\xbf"))
        t.p += 3;
    for (skip_lines(&t); t.p < t.end && !rc; skip_lines(&t)) {
        rc = read_entry_line(&e);
        rc = rc ? rc : end_line(&t);
    }
    close_entry(&e);
    sbuf_addc(json, ']');
    forget(t.table, &t.table_parts);
    forget(t.key, &t.key_parts);
    return rc;
}

/* ---- whole documents ---------------------------------------------------------------------- */

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
        return fail(t, "a key is there twice");
    }
    json_object_set_new(table, parts[count - 1], value);
    return 0;
}

/* key = value */
static int read_pair(struct toml *t, int depth, json_t *table)
{
    char *parts[PATH_MAX_PARTS];
    size_t count = 0;
    json_t *value = NULL;
    int rc = read_key(t, parts, &count);
    if (!rc && (t->p >= t->end || *t->p != '='))
        rc = fail(t, "a key has no '='");
    if (!rc) {
        t->p++;
        skip_spaces(t);
        rc = read_json(t, depth, &value);
    }
    if (!rc)
        rc = set_at(t, table, parts, count, value);
    forget(parts, &count);
    return rc;
}

/* Behind the bracket: what stands between commas. */
static int read_members(struct toml *t, int depth, json_t *into)
{
    const bool is_table = json_is_object(into);
    for (;;) {
        json_t *value = NULL;
        skip_lines(t);
        if (t->p < t->end && *t->p == (is_table ? '}' : ']')) {
            t->p++;
            return 0;
        }
        if (is_table ? read_pair(t, depth, into) : read_json(t, depth, &value))
            return 2;
        if (!is_table)
            json_array_append_new(into, value);
        skip_lines(t);
        if (t->p < t->end && *t->p == ',')
            t->p++;
        else if (t->p >= t->end || *t->p != (is_table ? '}' : ']'))
            return fail(t, "a bracket has no end");
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
        return fail(t, "brackets are nested too deeply");
    if (c == '[' || c == '{') {
        t->p++;
        *value = c == '[' ? json_array() : json_object();
        rc = read_members(t, depth + 1, *value);
        if (rc)
            json_decref(*value);
        return rc;
    }
    rc = read_one(t, &text);
    const char *given = text.data ? text.data : "";
    if (!rc)
        *value = c == '"' || c == '\'' ? json_string(given) : scalar(given);
    sbuf_fini(&text);
    if (!rc && !*value)
        rc = fail(t, "a text is not UTF-8");
    return rc;
}

static int read_document_line(struct toml *t, json_t *root, json_t **table)
{
    if (*t->p != '[')
        return read_pair(t, 0, *table);
    if (read_header(t))
        return 2;
    *table = root;
    for (size_t i = 0; *table && i < t->table_parts; i++)
        *table = descend(*table, t->table[i], t->is_array && i + 1 == t->table_parts);
    return *table ? 0 : fail(t, "a table has the name of a value");
}

struct json_t *options_toml_document(const char *path, const char *text, size_t len)
{
    struct toml t = {.path = path, .p = text, .end = text + len, .line = 1};
    json_t *root = json_object(), *table = root;
    int rc = 0;
    if (is_at(&t, "\xef\xbb\xbf"))
        t.p += 3;
    for (skip_lines(&t); t.p < t.end && !rc; skip_lines(&t)) {
        rc = read_document_line(&t, root, &table);
        rc = rc ? rc : end_line(&t);
    }
    forget(t.table, &t.table_parts);
    if (rc) {
        json_decref(root);
        return NULL;
    }
    return root;
}
