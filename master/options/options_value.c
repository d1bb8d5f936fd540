// SPDX-License-Identifier: MIT
/* options_value: turns the text of an option into its value, or says what would have been right.
 *
 * Strict: the whole text must fit. A message names the place (argument, environment variable or
 * line of a file), repeats the value and tells what is allowed.
 */
#include "master/options/options_table.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/utf8.h"
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SPAN_MAX_S 3.2e9 /* a hundred years */

static int reject(const struct option_def *d, const char *label, const char *what, const char *text)
{
    char *words = option_locusts_words(d, text);
    if (!words)
        return option_error("%s: invalid %s '%.200s': give %s", label, what, text, d->expects);
    option_error("%s: %s", label, words);
    free(words);
    return 2;
}

int option_check_text(const char *label, const char *text)
{
    size_t len = strlen(text);
    if (utf8_valid_prefix(text, len) == len)
        return 0;
    return option_error("%s: '%.200s' is not UTF-8: write it in UTF-8, in which workers, page and "
                        "files get it",
                        label, text);
}

double options_timespan(const char *text)
{
    static const struct {
        char unit;
        double seconds;
    } units[] = {{'h', 3600}, {'m', 60}, {'s', 1}};
    size_t next = 0;
    double sum = 0;
    if (!*text)
        return -1;
    while (*text) {
        double n = 0;
        const char *digits = text;
        for (; isdigit((unsigned char)*text); text++)
            n = n * 10 + (*text - '0');
        if (text == digits)
            return -1;
        if (!*text && next == 0) /* a bare number: seconds */
            return n > SPAN_MAX_S ? -1 : n;
        while (next < 3 && units[next].unit != *text)
            next++;
        if (next == 3)
            return -1;
        sum += n * units[next++].seconds;
        text++;
    }
    return sum > SPAN_MAX_S ? -1 : sum;
}

static bool parse_whole(const char *text, double min, double max, double *out)
{
    const char *p = text + (*text == '-');
    if (!isdigit((unsigned char)*p))
        return false;
    double n = 0;
    for (; isdigit((unsigned char)*p); p++)
        n = n * 10 + (*p - '0');
    if (*text == '-')
        n = -n;
    if (*p || n < min || n > max)
        return false;
    *out = n;
    return true;
}

static bool parse_rate(const char *text, double max, double *out)
{
    if (!*text || text[strspn(text, "0123456789.eE+-")])
        return false;
    char *end;
    double n = strtod(text, &end);
    if (*end || !isfinite(n) || n <= 0 || n > max)
        return false;
    *out = n;
    return true;
}

static bool parse_decimal(const char *text, double min, double max, double *out)
{
    char *end;
    if (!*text || text[strspn(text, "0123456789.eE+-")])
        return false;
    *out = strtod(text, &end);
    return !*end && isfinite(*out) && *out >= min && *out <= max;
}

static bool parse_flag(const char *text, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (strcasecmp(text, yes[i]) == 0)
            return *out = true;
        if (strcasecmp(text, no[i]) == 0) {
            *out = false;
            return true;
        }
    }
    return false;
}

static bool has_noise(const char *text) /* blanks or control characters */
{
    for (; *text; text++)
        if ((unsigned char)*text <= 0x20 || *text == 0x7f)
            return true;
    return false;
}

static bool is_ipv6(const char *text, size_t len)
{
    size_t colons = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ':')
            colons++;
        else if (text[i] == '%')
            break; /* a zone: any name may follow */
        else if (!isxdigit((unsigned char)text[i]) && text[i] != '.')
            return false;
    }
    return colons >= 2;
}

static bool is_address(const char *text)
{
    size_t len = strlen(text);
    if (!len || len > 255 || has_noise(text))
        return false;
    if (strchr(text, ':'))
        return is_ipv6(text, len);
    return !text[strcspn(text, "*/?#@[]\\'\"")];
}

/* The port part of an authority: nothing, or ":" and 1 to 65535. */
static bool is_port_part(const char *text, size_t len)
{
    if (len == 0 || (len == 1 && text[0] == ':'))
        return true;
    if (text[0] != ':' || len > 6)
        return false;
    long n = 0;
    for (size_t i = 1; i < len; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        n = n * 10 + (text[i] - '0');
    }
    return n >= 1 && n <= 65535;
}

/* Users that speak other protocols may take anything as their host; of http(s) URLs we know more.
 */
static bool is_base_url(const char *text)
{
    if (has_noise(text))
        return false;
    const char *p = text;
    if (strncasecmp(p, "http://", 7) == 0)
        p += 7;
    else if (strncasecmp(p, "https://", 8) == 0)
        p += 8;
    else
        return true;
    size_t len = strcspn(p, "/?#");
    const char *at = memrchr(p, '@', len);
    if (at) {
        len -= (size_t)(at + 1 - p);
        p = at + 1;
    }
    if (len && *p == '[') {
        const char *end = memchr(p, ']', len);
        return end && is_ipv6(p + 1, (size_t)(end - p - 1)) &&
               is_port_part(end + 1, len - (size_t)(end + 1 - p));
    }
    const char *colon = memchr(p, ':', len);
    size_t name_len = colon ? (size_t)(colon - p) : len;
    return name_len > 0 && is_port_part(p + name_len, len - name_len);
}

static void set_text(struct options *o, const struct option_def *d, const char *text)
{
    char **field = OPTION_FIELD(o, d, char *);
    char *copy = text ? mem_strdup(text) : NULL;
    free(*field);
    *field = copy;
}

const char *option_choice(const struct option_def *d, const char *text)
{
    size_t len = strlen(text);
    for (const char *c = d->choices; *c; c += strspn(c, " ")) {
        size_t n = strcspn(c, " ");
        if (n == len && strncasecmp(text, c, n) == 0)
            return c;
        c += n;
    }
    return NULL;
}

static int set_choice(struct options *o, const struct option_def *d, const char *label,
                      const char *text)
{
    const char *found = option_choice(d, text);
    if (!found)
        return reject(d, label, "choice", text);
    char *choice = mem_dup(found, strcspn(found, " "));
    set_text(o, d, choice);
    free(choice);
    return 0;
}

static int set_base_path(struct options *o, const struct option_def *d, const char *label,
                         const char *text)
{
    if (has_noise(text) || strpbrk(text, "?#\\\"'<>"))
        return reject(d, label, "path", text);
    set_text(o, d, text);
    for (size_t n = strlen(o->web_base_path); n > 0 && o->web_base_path[n - 1] == '/'; n--)
        o->web_base_path[n - 1] = '\0';
    return 0;
}

/* What users are dealt out by must be numbers; other attributes are the locustfile's affair. */
static int check_config_user(const char *label, const char *text, const json_t *user)
{
    if (!json_is_string(json_object_get(user, "user_class_name")))
        return options_is_locust()
                   ? option_error("%s: The user config must specify a user_class_name", label)
                   : option_error(
                         "%s: '%.200s' has no \"user_class_name\": each object must name the "
                         "User class it is for",
                         label, text);
    const json_t *weight = json_object_get(user, "weight");
    if (weight && (!json_is_number(weight) || json_number_value(weight) < 0))
        return option_error("%s: the \"weight\" of '%.200s' is not right: give a number, 0 or more",
                            label, text);
    const json_t *fixed = json_object_get(user, "fixed_count");
    if (fixed && (!json_is_integer(fixed) || json_integer_value(fixed) < 0))
        return option_error("%s: the \"fixed_count\" of '%.200s' is not right: give a whole number "
                            "of users, 0 or more",
                            label, text);
    return 0;
}

/* One word of --config-users: kept as a JSON array, so that workers elsewhere need no file. */
static int set_config_users(struct options *o, const struct option_def *d, const char *label,
                            const char *text)
{
    size_t len = strlen(text);
    bool is_file = len > 5 && strcmp(text + len - 5, ".json") == 0;
    json_error_t e;
    json_t *j = is_file ? json_load_file(text, JSON_REJECT_DUPLICATES, &e)
                        : json_loads(text, JSON_REJECT_DUPLICATES, &e);
    if (!j)
        return options_is_locust()
                   ? option_error("%s: The --config-users argument must be a valid JSON string or "
                                  "file: %s: line %d column %d (char %d)",
                                  label, e.text, e.line, e.column, e.position)
                   : option_error("%s: invalid JSON '%.200s': %s (line %d): give %s", label, text,
                                  e.text, e.line, d->expects);
    if (!json_is_array(j)) {
        json_t *array = json_array();
        json_array_append_new(array, j);
        j = array;
    }
    size_t i;
    json_t *user;
    json_array_foreach(j, i, user)
    {
        if (check_config_user(label, text, user) == 0)
            continue;
        json_decref(j);
        return 2;
    }
    char *flat = json_dumps(j, JSON_COMPACT);
    option_add_word(OPTION_FIELD(o, d, char **), flat);
    free(flat);
    json_decref(j);
    return 0;
}

/* As Python's int() and float(): blanks around it and a "+" before it are no part of a number. */
static char *bare_number(const char *text)
{
    static const char blanks[] = " \t\r\n";
    text += strspn(text, blanks);
    if (text[0] == '+' && isdigit((unsigned char)text[1]))
        text++;
    size_t len = strlen(text);
    while (len && strchr(blanks, text[len - 1]))
        len--;
    return mem_dup(text, len);
}

static int set_number(struct options *o, const struct option_def *d, const char *label,
                      const char *given)
{
    double n = 0;
    /* One for which below 0 is "none": Locust takes any of these. */
    bool takes_any = d->kind == OPTION_WHOLE && d->min < 0 && options_is_locust();
    double least = takes_any ? -d->max : d->min;
    char *text = d->kind == OPTION_SPAN ? mem_strdup(given) : bare_number(given);
    bool is_good = d->kind == OPTION_RATE      ? parse_rate(text, d->max, &n)
                   : d->kind == OPTION_DECIMAL ? parse_decimal(text, d->min, d->max, &n)
                   : d->kind == OPTION_SPAN    ? (n = options_timespan(text)) >= 0
                                               : parse_whole(text, least, d->max, &n);
    free(text);
    if (!is_good)
        return reject(d, label, d->kind == OPTION_SPAN ? "time" : "number", given);
    if (d->kind == OPTION_INT || d->kind == OPTION_COUNT)
        *OPTION_FIELD(o, d, int) = (int)n;
    else
        *OPTION_FIELD(o, d, double) = n;
    return 0;
}

int option_set(struct options *o, const struct option_def *d, const char *label, const char *text)
{
    if (option_check_text(label, text))
        return 2;
    switch (d->kind) {
    case OPTION_FLAG:
        return parse_flag(text, OPTION_FIELD(o, d, bool)) ? 0 : reject(d, label, "value", text);
    case OPTION_TEXT:
        if (d->initial_text && !*text)
            return reject(d, label, "value", text);
        set_text(o, d, *text ? text : NULL);
        return 0;
    case OPTION_URL:
        if (!is_base_url(text))
            return reject(d, label, "URL", text);
        set_text(o, d, *text ? text : NULL);
        return 0;
    case OPTION_ADDRESS:
        if (!is_address(text) && !(d->marks & OPTION_ANY && (!*text || strcmp(text, "*") == 0)))
            return reject(d, label, "address", text);
        set_text(o, d, text);
        return 0;
    case OPTION_BASE_PATH:
        return set_base_path(o, d, label, text);
    case OPTION_CHOICE:
        return set_choice(o, d, label, text);
    case OPTION_LIST:
    case OPTION_LINES:
        option_add_word(OPTION_FIELD(o, d, char **), text);
        return 0;
    case OPTION_USERS_JSON:
        o->config_users_given = true;
        return set_config_users(o, d, label, text);
    case OPTION_WHOLE:
    case OPTION_INT:
    case OPTION_COUNT:
    case OPTION_RATE:
    case OPTION_SPAN:
    case OPTION_DECIMAL:
        return set_number(o, d, label, text);
    case OPTION_HELP:
        o->help = true;
        return 0;
    case OPTION_VERSION:
        o->version = true;
        return 0;
    case OPTION_LEGACY:
        return options_is_locust() ? option_error("%s: %s", label, d->expects)
                                   : option_error("%s is no longer an option: %s", label, d->help);
    }
    return 0;
}

size_t option_list_len(char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

void option_add_word(char ***list, const char *word)
{
    size_t n = option_list_len(*list);
    *list = mem_realloc(*list, (n + 2) * sizeof **list);
    (*list)[n] = mem_strdup(word);
    (*list)[n + 1] = NULL;
}

void options_free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

void option_start_list(struct options *o, const struct option_def *d)
{
    char ***list = OPTION_FIELD(o, d, char **);
    options_free_list(*list);
    *list = mem_zalloc(sizeof **list);
}
