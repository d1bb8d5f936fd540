// SPDX-License-Identifier: MIT
#include "master/store/json_slice.h"
#include <string.h>

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

/* All of these: where it ends, or NULL when it does not. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at < end ? at + 1 : NULL;
}

static const char *skip_nested(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
            if (!at)
                return NULL;
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        else if ((*at == '}' || *at == ']') && --depth == 0)
            return at + 1;
        at++;
    }
    return NULL;
}

static const char *skip_value(const char *at, const char *end)
{
    if (at == end)
        return NULL;
    if (*at == '"')
        return skip_string(at, end);
    if (*at == '{' || *at == '[')
        return skip_nested(at, end);
    const char *from = at;
    while (at < end && !memchr(",]} \t\r\n", *at, 7))
        at++;
    return at > from ? at : NULL;
}

/* "key": and the blanks behind it. */
static const char *skip_key(const char *at, const char *end, struct json_slice *key)
{
    const char *behind = at < end && *at == '"' ? skip_string(at, end) : NULL;
    if (!behind)
        return NULL;
    *key = (struct json_slice){at + 1, (size_t)(behind - at) - 2};
    at = skip_blanks(behind, end);
    return at < end && *at == ':' ? skip_blanks(at + 1, end) : NULL;
}

bool json_slice_each(struct json_slice of,
                     bool (*visit)(void *arg, struct json_slice key, struct json_slice value),
                     void *arg)
{
    const char *end = of.text ? of.text + of.len : NULL, *at = skip_blanks(of.text, end);
    if (at == end || (*at != '{' && *at != '['))
        return false;
    const char close = *at == '{' ? '}' : ']';
    at = skip_blanks(at + 1, end);
    if (at < end && *at == close)
        return skip_blanks(at + 1, end) == end;
    for (;; at = skip_blanks(at + 1, end)) {
        struct json_slice key = {0};
        if (close == '}' && !(at = skip_key(at, end, &key)))
            return false;
        const char *behind = skip_value(at, end);
        if (!behind || !visit(arg, key, (struct json_slice){at, (size_t)(behind - at)}))
            return false;
        at = skip_blanks(behind, end);
        if (at == end || (*at != ',' && *at != close))
            return false;
        if (*at == close)
            return skip_blanks(at + 1, end) == end;
    }
}

struct wanted {
    const char *key;
    struct json_slice found;
};

static bool note_wanted(void *arg, struct json_slice key, struct json_slice value)
{
    struct wanted *w = arg;
    if (!w->found.text && key.text && strlen(w->key) == key.len &&
        memcmp(w->key, key.text, key.len) == 0)
        w->found = value;
    return true;
}

struct json_slice json_slice_member(struct json_slice object, const char *key)
{
    struct wanted w = {.key = key};
    json_slice_each(object, note_wanted, &w);
    return w.found;
}

static bool count_one(void *arg, struct json_slice key, struct json_slice value)
{
    (void)key;
    (void)value;
    ++*(size_t *)arg;
    return true;
}

size_t json_slice_count(struct json_slice of)
{
    size_t count = 0;
    return json_slice_each(of, count_one, &count) ? count : 0;
}
