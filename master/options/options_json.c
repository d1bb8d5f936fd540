// SPDX-License-Identifier: MIT
/* options_json: the options as Python code of a test expects them on `environment.parsed_options`:
 * Locust's dest names and the Python types its own parser would have produced.
 */
#include "master/options/options_table.h"
#include "common/base/sbuf.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *list_json(char *const *list, bool is_json)
{
    if (!list)
        return json_null();
    json_t *array = json_array();
    for (; *list; list++) {
        json_t *item = is_json ? json_loads(*list, 0, NULL) : json_string(*list);
        json_array_append_new(array, item ? item : json_null());
    }
    return array;
}

static json_t *text_json(const struct option_def *d, const char *text)
{
    if (!text)
        return d->marks & OPTION_EMPTY ? json_string("") : json_null();
    json_t *j = json_string(text);
    return j ? j : json_null(); /* not UTF-8 */
}

static json_t *number_json(const struct option_def *d, double n)
{
    if (d->marks & OPTION_NULL && n == d->initial)
        return json_null();
    return d->kind == OPTION_RATE || d->kind == OPTION_DECIMAL ? json_real(n)
                                                               : json_integer((json_int_t)n);
}

static json_t *value_json(const struct options *o, const struct option_def *d)
{
    switch (d->kind) {
    case OPTION_FLAG:
        return json_boolean(*OPTION_FIELD_CONST(o, d, bool));
    case OPTION_TEXT:
    case OPTION_URL:
    case OPTION_ADDRESS:
    case OPTION_BASE_PATH:
    case OPTION_CHOICE:
        return text_json(d, *OPTION_FIELD_CONST(o, d, char *));
    case OPTION_LIST:
    case OPTION_LINES:
    case OPTION_USERS_JSON:
        return list_json(*OPTION_FIELD_CONST(o, d, char **), d->kind == OPTION_USERS_JSON);
    case OPTION_INT:
    case OPTION_COUNT:
        return number_json(d, *OPTION_FIELD_CONST(o, d, int));
    case OPTION_WHOLE:
    case OPTION_RATE:
    case OPTION_SPAN:
    case OPTION_DECIMAL:
        return number_json(d, *OPTION_FIELD_CONST(o, d, double));
    case OPTION_LEGACY:
        return d->marks & OPTION_FALSE ? json_false() : json_null();
    case OPTION_HELP:
    case OPTION_VERSION:
        return NULL;
    }
    return NULL;
}

char *options_json(const struct options *o)
{
    json_t *j = json_object();
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        json_t *value = d->dest ? value_json(o, d) : NULL;
        if (value)
            json_object_set_new(j, d->dest, value);
    }
    json_object_set_new(j, "user_classes",
                        o->user_classes ? list_json(o->user_classes, false) : json_array());
    char *text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    return text;
}

/* ---- ours, for locustfiles that have options of the same names ---- */

static void add_word(struct sbuf *out, const struct option_def *d, const char *value)
{
    struct sbuf word = {0};
    sbuf_addf(&word, "--%s%s%s", d->name, value ? "=" : "", value ? value : "");
    sbuf_addc(out, out->len > 1 ? ',' : ' ');
    sbuf_add_json(out, word.data, word.len);
    sbuf_fini(&word);
}

static void add_number(struct sbuf *out, const struct option_def *d, double number)
{
    char text[40];
    if (number >= d->initial && number <= d->initial)
        return;
    snprintf(text, sizeof text, "%.15g", number);
    add_word(out, d, text);
}

static void add_own(const struct options *o, const struct option_def *d, struct sbuf *out)
{
    char **list = NULL;
    const char *text = NULL;
    if (d->kind == OPTION_FLAG && *OPTION_FIELD_CONST(o, d, bool))
        add_word(out, d, NULL);
    else if (d->kind == OPTION_TEXT || d->kind == OPTION_CHOICE)
        text = *OPTION_FIELD_CONST(o, d, char *);
    else if (d->kind == OPTION_LIST || d->kind == OPTION_LINES)
        list = *OPTION_FIELD_CONST(o, d, char **);
    else if (d->kind == OPTION_INT || d->kind == OPTION_COUNT)
        add_number(out, d, *OPTION_FIELD_CONST(o, d, int));
    else if (d->kind == OPTION_WHOLE || d->kind == OPTION_SPAN || d->kind == OPTION_DECIMAL)
        add_number(out, d, *OPTION_FIELD_CONST(o, d, double));
    if (text && (!(d->marks & OPTION_SECRET) || text[0] == '@'))
        add_word(out, d, text);
    for (; list && *list; list++)
        add_word(out, d, *list);
}

void options_own_words(const struct options *o, struct sbuf *out)
{
    struct sbuf list = {0};
    sbuf_addc(&list, '[');
    for (size_t i = 0; i < option_count; i++)
        if (!option_table[i].dest && option_table[i].name)
            add_own(o, &option_table[i], &list);
    sbuf_addc(&list, ']');
    sbuf_add(out, list.data, list.len);
    sbuf_fini(&list);
}
