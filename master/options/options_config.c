// SPDX-License-Identifier: MIT
/* options_config: reads configuration files, line by line.
 *
 * The form is the one Locust's users know: "key = value", "key: value", "key value" or a bare
 * "key" for true; keys with or without leading dashes; "#" and ";" begin comments, also behind a
 * value when a blank stands before them; values may be quoted; "[section]" lines and "---" lines
 * are skipped; "[a, b]" is a list. Names that end in .toml go to the TOML reader.
 */
#include "master/options/options_table.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    return p;
}

static const char *trim_end(const char *p, const char *end)
{
    while (end > p && is_blank(end[-1]))
        end--;
    return end;
}

/* Nothing more than blanks and a comment. */
static bool is_rest_empty(const char *p, const char *end)
{
    const char *q = skip_blanks(p, end);
    return q == end || (q > p && (*q == '#' || *q == ';'));
}

struct span {
    const char *at;
    size_t len;
};

/* The value at p, without quotes, comment and blanks at its end. */
static struct span cut_value(const char *p, const char *end)
{
    if (p < end && (*p == '"' || *p == '\''))
        for (const char *q = p + 1; q < end; q++)
            if (*q == *p && is_rest_empty(q + 1, end))
                return (struct span){p + 1, (size_t)(q - p - 1)};
    for (const char *q = p; q + 1 < end; q++)
        if (is_blank(*q) && (q[1] == '#' || q[1] == ';'))
            end = q;
    return (struct span){p, (size_t)(trim_end(p, end) - p)};
}

static void add_list_words(char ***words, const char *text)
{
    const char *p = text + 1, *end = text + strlen(text) - 1;
    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;
        const char *from = skip_blanks(p, stop);
        char *word = mem_dup(from, (size_t)(trim_end(from, stop) - from));
        option_add_word(words, word);
        free(word);
        p = stop + 1;
    }
}

char **options_split_list(const char *text)
{
    size_t len = strlen(text);
    if (len < 2 || text[0] != '[' || text[len - 1] != ']')
        return NULL;
    char **words = mem_zalloc(sizeof *words);
    json_t *j = json_loads(text, 0, NULL), *item;
    size_t i;
    if (!j)
        add_list_words(&words, text);
    json_array_foreach(j, i, item)
    {
        char *word = json_is_string(item) ? mem_strdup(json_string_value(item))
                                          : json_dumps(item, JSON_ENCODE_ANY | JSON_COMPACT);
        option_add_word(&words, word ? word : "");
        free(word);
    }
    json_decref(j);
    return words;
}

static int report(const char *path, const char *key, char *value, bool is_bare, unsigned line,
                  option_setting_cb *cb, void *arg)
{
    char **words = options_split_list(value);
    char *one[] = {value};
    struct option_setting s = {.key = key,
                               .values = words ? words : one,
                               .line = line,
                               .count = words ? option_list_len(words) : 1,
                               .is_list = words != NULL,
                               .is_bare = is_bare};
    int rc = cb(arg, path, &s);
    options_free_list(words);
    return rc;
}

static int read_line(const char *path, const char *p, const char *end, unsigned line,
                     option_setting_cb *cb, void *arg)
{
    p = skip_blanks(p, end);
    end = trim_end(p, end);
    if (p == end || strchr("#;[", *p) || (end - p >= 3 && strncmp(p, "---", 3) == 0))
        return 0;
    const char *key_end = p;
    while (key_end < end && !is_blank(*key_end) && !strchr(":=;#", *key_end))
        key_end++;
    const char *q = skip_blanks(key_end, end);
    bool has_sign = q < end && (*q == '=' || *q == ':');
    bool is_bare = !has_sign && is_rest_empty(key_end, end);
    if (key_end == p || (!has_sign && !is_bare && q == key_end))
        return option_error("%s:%u: '%.100s' is no setting: write it as key = value", path, line,
                            p);
    struct span value = cut_value(has_sign ? skip_blanks(q + 1, end) : q, end);
    char *key = mem_dup(p, (size_t)(key_end - p));
    char *text = is_bare ? mem_strdup("true") : mem_dup(value.at, value.len);
    int rc = report(path, key, text, is_bare, line, cb, arg);
    free(text);
    free(key);
    return rc;
}

int options_conf_read(const char *path, const char *text, size_t len, option_setting_cb *cb,
                      void *arg)
{
    const char *p = text, *end = text + len;
    int rc = 0;
    for (unsigned line = 1; p < end && !rc; line++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop)
            stop = end;
        rc = read_line(path, p, stop, line, cb, arg);
        p = stop + 1;
    }
    return rc;
}

static int check_utf8(const char *path, const struct sbuf *text)
{
    size_t good = utf8_valid_prefix(text->data, text->len);
    if (good == text->len)
        return 0;
    unsigned line = 1;
    for (size_t i = 0; i < good; i++)
        line += text->data[i] == '\n';
    return option_error("%s:%u: not UTF-8: save the configuration file as UTF-8", path, line);
}

/* A file behind a door that is shut to us (HOME of another user) is not there for us. */
static bool is_seen(const char *path)
{
    const int why = errno;
    const bool is_there = access(path, F_OK) == 0;
    errno = why;
    return is_there;
}

int options_slurp(const char *path, bool must_exist, struct sbuf *out)
{
    FILE *f = fopen(path, "re");
    if (!f && !must_exist && !is_seen(path))
        return 0;
    char block[8192];
    size_t n;
    while (f && out->len <= OPTIONS_FILE_MAX && (n = fread(block, 1, sizeof block, f)) > 0)
        sbuf_add(out, block, n);
    int rc = 0;
    if (!f || ferror(f))
        rc = option_error("cannot read the configuration file %s: %s", path, strerror(errno));
    else if (out->len > OPTIONS_FILE_MAX)
        rc = option_error("the configuration file %s is larger than 1 MiB: is it the right one?",
                          path);
    else if (out->len && memchr(out->data, '\0', out->len))
        rc = option_error("the configuration file %s is not a text file", path);
    else if (out->len)
        rc = check_utf8(path, out);
    if (f)
        fclose(f);
    return rc;
}

int options_file_read(const char *path, bool must_exist, option_setting_cb *cb, void *arg)
{
    struct sbuf text = {0};
    int rc = options_slurp(path, must_exist, &text);
    if (!rc && text.len) {
        size_t n = strlen(path);
        bool is_toml = n >= 5 && strcmp(path + n - 5, ".toml") == 0;
        rc = (is_toml ? options_toml_read : options_conf_read)(path, text.data, text.len, cb, arg);
    }
    sbuf_fini(&text);
    return rc;
}
