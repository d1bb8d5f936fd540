// SPDX-License-Identifier: MIT
/* options_toml: reads the tables [tool.locust] and [tool.katydid] of a TOML file (pyproject.toml).
 *
 * Everything else in the file is walked over, not understood: strings of all four kinds, arrays
 * and inline tables are skipped by their brackets, so that nothing inside them is mistaken for our
 * tables. In those a value is a string, a number, a boolean, a date (taken as text) or an array
 * of these. No recursion; the reader never looks behind the end of the text.
 */
#include "master/options/options_toml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/options/options_table.h"

struct toml toml_begin(const char *path, const char *text, size_t len)
{
    struct toml t = {.path = path, .p = text, .end = text + len, .line = 1};
    if (toml_is_at(&t, "\xef\xbb\xbf"))
        t.p += 3;
    return t;
}

int toml_fail(const struct toml *t, const char *what)
{
    return option_error("%s:%u: %s: write it as TOML", t->path, t->line, what);
}

bool toml_is_at(const struct toml *t, const char *text)
{
    size_t n = strlen(text);
    return (size_t)(t->end - t->p) >= n && memcmp(t->p, text, n) == 0;
}

void toml_skip_spaces(struct toml *t)
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
void toml_skip_lines(struct toml *t)
{
    for (;;) {
        toml_skip_spaces(t);
        skip_comment(t);
        if (t->p >= t->end || (*t->p != '\n' && *t->p != '\r'))
            return;
        t->line += *t->p++ == '\n';
    }
}

int toml_end_line(struct toml *t)
{
    toml_skip_spaces(t);
    skip_comment(t);
    return t->p >= t->end || *t->p == '\n' || *t->p == '\r'
               ? 0
               : toml_fail(t, "there is something behind a value");
}

void toml_forget(char **parts, size_t *count)
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
    bool is_multi = toml_is_at(t, quote == '"' ? "\"\"\"" : "'''");
    t->p += is_multi ? 3 : 1;
    if (is_multi && toml_is_at(t, "\r\n"))
        t->p++;
    if (is_multi && t->p < t->end && *t->p == '\n') {
        t->p++;
        t->line++;
    }
    while (t->p < t->end) {
        char c = *t->p;
        if (c == quote && (!is_multi || toml_is_at(t, quote == '"' ? "\"\"\"" : "'''"))) {
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
                return toml_fail(t, "a string has an escape that does not exist");
        } else {
            sbuf_addc(out, c);
        }
    }
    return toml_fail(t, "a string has no end");
}

/* ---- keys and values -------------------------------------------------------------------- */

static bool is_bare(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* A dotted key into parts. */
int toml_read_key(struct toml *t, char **parts, size_t *count)
{
    toml_forget(parts, count);
    for (;;) {
        struct sbuf part = {0};
        toml_skip_spaces(t);
        bool is_quoted = t->p < t->end && (*t->p == '"' || *t->p == '\'');
        if (is_quoted && read_string(t, &part)) {
            sbuf_fini(&part);
            return 2;
        }
        while (!is_quoted && t->p < t->end && is_bare(*t->p))
            sbuf_addc(&part, *t->p++);
        if ((!part.len && !is_quoted) || *count == TOML_PARTS) {
            sbuf_fini(&part);
            return toml_fail(t, "there is no key where one must be");
        }
        parts[(*count)++] = part.data ? sbuf_take(&part) : mem_strdup("");
        toml_skip_spaces(t);
        if (t->p >= t->end || *t->p != '.')
            return 0;
        t->p++;
    }
}

int toml_read_header(struct toml *t)
{
    bool is_array = toml_is_at(t, "[[");
    t->p += is_array ? 2 : 1;
    if (toml_read_key(t, t->table, &t->table_parts))
        return 2;
    if (!toml_is_at(t, is_array ? "]]" : "]"))
        return toml_fail(t, "a table's name has no end");
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
    return t->p > from ? 0 : toml_fail(t, "there is no value where one must be");
}

int toml_read_one(struct toml *t, struct sbuf *out)
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
            toml_skip_lines(t);
        if (t->p >= t->end)
            return toml_fail(t, "a value has no end");
        char c = *t->p;
        if (c == '[' || c == '{') {
            depth++;
            t->p++;
        } else if (c == ']' || c == '}') {
            if (!depth)
                return toml_fail(t, "a bracket closes nothing");
            depth--;
            t->p++;
        } else if (depth && (c == ',' || c == '=' || c == '.')) {
            t->p++;
        } else {
            struct sbuf text = {0};
            int rc = toml_read_one(t, &text);
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
        toml_skip_lines(t);
        if (t->p < t->end && *t->p == ']') {
            t->p++;
            return 0;
        }
        if (t->p >= t->end || *t->p == '[' || *t->p == '{')
            return toml_fail(t, "an array of options may have only texts, numbers and booleans");
        struct sbuf text = {0};
        int rc = toml_read_one(t, &text);
        if (!rc)
            option_add_word(values, text.data ? text.data : "");
        sbuf_fini(&text);
        if (rc)
            return rc;
        toml_skip_lines(t);
        if (t->p < t->end && *t->p == ',')
            t->p++;
        else if (t->p >= t->end || *t->p != ']')
            return toml_fail(t, "an array has no end");
    }
}

/* What a table of tool.katydid has in a form of its own, and is read by others. */
static bool is_no_option(const char *name)
{
    return !strcmp(name, "threshold") || !strcmp(name, "thresholds") || !strcmp(name, "out");
}

/* The option's name when the current key belongs to tool.locust or tool.katydid, else NULL. */
static const char *our_key(const struct toml *t)
{
    const char *parts[2 * TOML_PARTS];
    size_t n = 0;
    for (size_t i = 0; i < t->table_parts; i++)
        parts[n++] = t->table[i];
    for (size_t i = 0; i < t->key_parts; i++)
        parts[n++] = t->key[i];
    if (t->is_array || n != 3 || strcmp(parts[0], "tool") != 0)
        return NULL;
    const bool is_own = strcmp(parts[1], "katydid") == 0 && !is_no_option(parts[2]);
    return is_own || strcmp(parts[1], "locust") == 0 ? parts[2] : NULL;
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
        rc = toml_fail(t, "an option cannot be a table");
    } else {
        struct sbuf text = {0};
        rc = toml_read_one(t, &text);
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
        return toml_read_header(t);
    if (toml_read_key(t, t->key, &t->key_parts))
        return 2;
    if (t->p >= t->end || *t->p != '=')
        return toml_fail(t, "a key has no '='");
    t->p++;
    toml_skip_spaces(t);
    const char *key = our_key(t);
    return key ? read_setting(t, key, cb, arg) : skip_value(t);
}

int options_toml_read(const char *path, const char *text, size_t len, option_setting_cb *cb,
                      void *arg)
{
    struct toml t = toml_begin(path, text, len);
    int rc = 0;
    for (toml_skip_lines(&t); t.p < t.end && !rc; toml_skip_lines(&t)) {
        rc = read_line(&t, cb, arg);
        rc = rc ? rc : toml_end_line(&t);
    }
    toml_forget(t.table, &t.table_parts);
    toml_forget(t.key, &t.key_parts);
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
        return toml_fail(t, "a field of a threshold is one text, number or boolean");
    int rc = toml_read_one(t, &text);
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
    for (toml_skip_lines(t); !toml_is_at(t, "}"); toml_skip_lines(t)) {
        if (toml_read_key(t, t->key, &t->key_parts))
            return 2;
        if (t->key_parts != 1 || !toml_is_at(t, "="))
            return toml_fail(t, "a field of a threshold is written key = value");
        t->p++;
        toml_skip_spaces(t);
        if (read_member(e))
            return 2;
        toml_skip_lines(t);
        if (toml_is_at(t, ","))
            t->p++;
        else if (!toml_is_at(t, "}"))
            return toml_fail(t, "an inline table has no end");
    }
    t->p++;
    close_entry(e);
    return 0;
}

static int read_item(struct entries *e)
{
    struct sbuf text = {0};
    if (toml_is_at(e->t, "{"))
        return read_inline(e);
    if (!toml_is_at(e->t, "\"") && !toml_is_at(e->t, "'"))
        return toml_fail(e->t, "a list of thresholds holds texts and tables");
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
    if (!toml_is_at(t, "["))
        return toml_fail(t, "thresholds are a list of texts, or tables [[...threshold]]");
    t->p++;
    for (toml_skip_lines(t); !toml_is_at(t, "]"); toml_skip_lines(t)) {
        const int rc = read_item(e);
        if (rc != 0)
            return rc;
        toml_skip_lines(t);
        if (toml_is_at(t, ","))
            t->p++;
        else if (!toml_is_at(t, "]"))
            return toml_fail(t, "an array has no end");
    }
    t->p++;
    return 0;
}

static int read_entry_line(struct entries *e)
{
    struct toml *t = e->t;
    char *all[2 * TOML_PARTS];
    size_t count = 0;
    if (*t->p == '[') {
        int rc = toml_read_header(t);
        close_entry(e);
        rc = rc ? rc : refuse_nearly(e, t->table, t->table_parts);
        if (rc != 0 || !is_threshold(e, t->table, t->table_parts))
            return rc;
        if (!t->is_array) /* else it would be left out without a word */
            return toml_fail(t, "thresholds are tables of an array, [[...threshold]]");
        open_entry(e);
        return 0;
    }
    if (toml_read_key(t, t->key, &t->key_parts))
        return 2;
    if (t->p >= t->end || *t->p != '=')
        return toml_fail(t, "a key has no '='");
    t->p++;
    toml_skip_spaces(t);
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
    struct toml t = toml_begin(path, text, len);
    struct entries e = {.t = &t, .json = json, .prefix = is_project ? 2 : 0};
    int rc = 0;
    sbuf_addc(json, '[');
    for (toml_skip_lines(&t); t.p < t.end && !rc; toml_skip_lines(&t)) {
        rc = read_entry_line(&e);
        rc = rc ? rc : toml_end_line(&t);
    }
    close_entry(&e);
    sbuf_addc(json, ']');
    toml_forget(t.table, &t.table_parts);
    toml_forget(t.key, &t.key_parts);
    return rc;
}
