// SPDX-License-Identifier: MIT
#include "master/app/scenario_json.h"

#include "common/base/mem.h"
#include "common/base/sbuf.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool refuse(char **why, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool refuse(char **why, const char *name, const char *format, ...)
{
    struct sbuf text = {0};
    va_list args;
    sbuf_addf(&text, "scenario '%s': ", name);
    va_start(args, format);
    sbuf_addv(&text, format, args);
    va_end(args);
    *why = sbuf_take(&text);
    return false;
}

static bool is_one_of(const char *key, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(key, *list))
            return true;
    return false;
}

static bool is_duration(const char *key)
{
    static const char *const keys[] = {"duration",
                                       "startTime",
                                       "start_time",
                                       "gracefulStop",
                                       "graceful_stop",
                                       "timeUnit",
                                       "time_unit",
                                       "gracefulRampDown",
                                       "graceful_ramp_down",
                                       "maxDuration",
                                       "max_duration",
                                       "level",
                                       NULL};
    return is_one_of(key, keys);
}

static void put_number(struct sbuf *out, const json_t *number)
{
    if (json_is_integer(number))
        sbuf_addf(out, "%lld", (long long)json_integer_value(number));
    else
        sbuf_addf(out, "%.6f", json_real_value(number));
}

/* A text, a number or a boolean. */
static bool put_scalar(struct sbuf *out, const char *name, const char *key, const json_t *value,
                       char **why)
{
    const char *text = json_string_value(value);
    if (json_is_number(value)) {
        put_number(out, value);
        if (is_duration(key))
            sbuf_adds(out, "ms");
    } else if (json_is_boolean(value)) {
        sbuf_adds(out, json_is_true(value) ? "true" : "false");
    } else if (!text) {
        return refuse(why, name, "%s takes a text or a number", key);
    } else if (is_duration(key) && *text && strspn(text, "0123456789.") == strlen(text)) {
        return refuse(why, name, "%s=%s needs a unit, such as %ss", key, text, text);
    } else {
        sbuf_adds(out, text);
    }
    return true;
}

static bool put_plain(struct sbuf *out, const char *name, const char *key, const json_t *value,
                      char **why)
{
    const char *text = json_string_value(value);
    if (text && strchr(text, ',') && strcmp(key, "stages") != 0 && strcmp(key, "throttle") != 0)
        return refuse(why, name, "%s='%s' has a comma", key, text);
    sbuf_addf(out, ",%s=", key);
    return put_scalar(out, name, key, value, why);
}

/* [{"duration": "2m", "target": 80}, …] or [["2m", 80], …] or ["rampUsers(10).during(1m)", …] */
static bool put_stages(struct sbuf *out, const char *name, const json_t *stages, char **why)
{
    size_t i;
    json_t *stage;
    sbuf_adds(out, ",stages=");
    json_array_foreach((json_t *)(uintptr_t)stages, i, stage)
    {
        if (json_is_string(stage)) { /* a step by its name, or 2m:80/s */
            sbuf_addf(out, "%s%s", i ? "," : "", json_string_value(stage));
            continue;
        }
        const bool is_pair = json_is_array(stage) && json_array_size(stage) == 2;
        const json_t *length =
            is_pair ? json_array_get(stage, 0) : json_object_get(stage, "duration");
        const json_t *target =
            is_pair ? json_array_get(stage, 1) : json_object_get(stage, "target");
        if (!length || !target || (!is_pair && json_object_size(stage) != 2))
            return refuse(why, name, "stage %zu needs \"duration\" and \"target\", and no more",
                          i + 1);
        if (i)
            sbuf_addc(out, ',');
        if (!put_scalar(out, name, "duration", length, why))
            return false;
        sbuf_addc(out, ':');
        if (!put_scalar(out, name, "target", target, why))
            return false;
    }
    return true;
}

static bool put_pairs(struct sbuf *out, const char *name, const char *kind, const json_t *pairs,
                      char **why)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)pairs, key, value)
    {
        struct sbuf text = {0};
        if (!*key || strpbrk(key, ",="))
            return refuse(why, name, "'%s' cannot be the name of %s", key, kind);
        if (!put_scalar(&text, name, kind, value, why)) {
            sbuf_fini(&text);
            return false;
        }
        sbuf_addf(out, ",%s.%s=", kind, key);
        for (const char *p = text.data; p && *p; p++)
            if (*p == ',' || *p == '%')
                sbuf_addf(out, "%%%02x", (unsigned)*p);
            else
                sbuf_addc(out, *p);
        sbuf_fini(&text);
    }
    return true;
}

static bool put_member(struct sbuf *out, const char *name, const char *key, const json_t *value,
                       char **why)
{
    const char *text = json_string_value(value);
    if (json_is_null(value) || !strcmp(key, "executor"))
        return true;
    if (text && !strcmp(key, "exec") && !strcmp(text, "default"))
        return true; /* k6's word for the one there is */
    if (!strcmp(key, "stages") && json_is_array(value))
        return put_stages(out, name, value, why);
    if (!strcmp(key, "env") || !strcmp(key, "tags"))
        return json_is_object(value) ? put_pairs(out, name, *key == 'e' ? "env" : "tag", value, why)
                                     : refuse(why, name, "%s is a dictionary", key);
    return put_plain(out, name, key, value, why);
}

static bool has(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value && !json_is_null(value);
}

static void put_defaults(struct sbuf *out, const char *executor, const json_t *o)
{
    const bool is_counted =
        !strcmp(executor, "shared-iterations") || !strcmp(executor, "per-vu-iterations");
    if (is_counted && !has(o, "iterations"))
        sbuf_adds(out, ",iterations=1");
    if (!strcmp(executor, "constant-vus") && !has(o, "vus") && !has(o, "users"))
        sbuf_adds(out, ",vus=1");
    if (!strcmp(executor, "ramping-vus") && !has(o, "startVUs") && !has(o, "start_users"))
        sbuf_adds(out, ",startVUs=1");
    if (!strstr(executor, "arrival-rate"))
        return;
    if (!has(o, "phase") && !has(o, "distribution"))
        sbuf_adds(out, ",phase=k6");
    if (!has(o, "on_busy") && !has(o, "max_queue"))
        sbuf_adds(out, ",on_busy=drop");
}

static bool put_members(struct sbuf *out, const char *name, const json_t *value, char **why)
{
    const char *key, *error = json_string_value(json_object_get(value, "error"));
    const char *executor = json_string_value(json_object_get(value, "executor"));
    json_t *each;
    if (error)
        return refuse(why, name, "%s", error);
    if (!executor)
        return refuse(why, name, "it needs an \"executor\", such as \"constant-arrival-rate\"");
    json_object_foreach((json_t *)(uintptr_t)value, key,
                        each) if (!put_member(out, name, key, each, why)) return false;
    put_defaults(out, executor, value);
    return true;
}

char *scenario_json_text(const char *name, const json_t *value, char **why)
{
    struct sbuf out = {0}, members = {0};
    bool is_good = true;
    *why = NULL;
    if (json_is_string(value)) {
        sbuf_addf(&out, "%s:%s", name, json_string_value(value));
    } else {
        is_good = put_members(&members, name, value, why);
        if (is_good)
            sbuf_addf(&out, "%s:%s%s%s", name,
                      json_string_value(json_object_get(value, "executor")), members.len ? ":" : "",
                      members.len ? members.data + 1 : "");
    }
    sbuf_fini(&members);
    if (is_good)
        return sbuf_take(&out);
    sbuf_fini(&out);
    return NULL;
}
