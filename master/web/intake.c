// SPDX-License-Identifier: MIT
/* intake: see intake.h. Each check_* takes one raw value and either fills the command or words the
 * error; the dialects only differ in how they get at raw values. */
#include "master/web/intake.h"

#include "master/options.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define OPENED_MAX 16

static bool refuse(struct intake_error *e, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool refuse(struct intake_error *e, const char *field, const char *format, ...)
{
    va_list args;
    snprintf(e->field, sizeof e->field, "%s", field);
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    return false;
}

static void command_init(struct command *c, enum command_kind kind)
{
    memset(c, 0, sizeof *c);
    c->kind = kind;
    c->users = c->spawn_rate = c->run_time_s = -1;
}

static bool check_users(struct command *c, double users, struct intake_error *e)
{
    if (!isfinite(users) || users < 1 || users != floor(users))
        return refuse(e, "users", "Give a whole number of users, at least 1.");
    if (users > INTAKE_USERS_MAX)
        return refuse(e, "users", "At most %.0f users.", INTAKE_USERS_MAX);
    c->users = users;
    return true;
}

static bool check_rate(struct command *c, double rate, struct intake_error *e)
{
    if (!isfinite(rate) || rate <= 0)
        return refuse(e, "spawn_rate", "Give a number above 0: users started per second.");
    if (rate > INTAKE_USERS_MAX)
        return refuse(e, "spawn_rate", "At most %.0f users per second.", INTAKE_USERS_MAX);
    c->spawn_rate = rate;
    return true;
}

/* Empty leaves the host as it is: then each class uses its own. */
static bool check_host(struct command *c, const char *host, struct intake_error *e)
{
    host += strspn(host, " \t");
    size_t len = strlen(host);
    while (len > 0 && (host[len - 1] == ' ' || host[len - 1] == '\t'))
        len--;
    if (len == 0)
        return true;
    if (len > INTAKE_HOST_MAX)
        return refuse(e, "host", "The host is longer than %d characters.", INTAKE_HOST_MAX);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)host[i] <= ' ' || strchr("<>\"\\^`{|}", host[i]) != NULL)
            return refuse(e, "host", "The host has a character that no URL may have.");
    }
    c->host = strndup(host, len);
    return c->host != NULL || refuse(e, "host", "Out of memory.");
}

/* The page starts HTTP tests: it asks for a URL. Scripts may send any text that users understand.
 */
static bool check_url(const char *host, struct intake_error *e)
{
    const char *rest = NULL;
    if (strncasecmp(host, "http://", 7) == 0)
        rest = host + 7;
    else if (strncasecmp(host, "https://", 8) == 0)
        rest = host + 8;
    if (rest == NULL || *rest == '\0' || strchr("/?#:", *rest) != NULL)
        return refuse(e, "host", "Give a URL such as https://shop.test or http://10.0.0.5:8080.");
    return true;
}

static bool check_run_time(struct command *c, const char *text, struct intake_error *e)
{
    text += strspn(text, " \t");
    if (*text == '\0') {
        c->run_time_s = 0;
        return true;
    }
    double seconds = options_timespan(text);
    if (seconds <= 0)
        return refuse(e, "run_time", "Give a time such as 90, 20s, 3m, 2h or 1h20m.");
    c->run_time_s = seconds;
    return true;
}

static bool check_complete(const struct command *c, bool has_shape, struct intake_error *e)
{
    if (has_shape)
        return true;
    if (c->users < 0)
        return refuse(e, "users", "Give the number of users.");
    if (c->spawn_rate < 0)
        return refuse(e, "spawn_rate", "Give the number of users to start per second.");
    return true;
}

/* The parser recurses and civetweb's threads have small stacks: what nests deeper than anything we
 * take is refused before it. Every opening bracket counts: none of
 * our texts has that many. */
static bool is_deep(const char *text, size_t len)
{
    int opened = 0;
    for (size_t i = 0; i < len; i++) {
        opened += text[i] == '[' || text[i] == '{';
        if (opened > OPENED_MAX)
            return true;
    }
    return false;
}

/* A JSON number, or a text that is one. NaN when it is neither. */
static double json_double(const json_t *value)
{
    if (json_is_number(value))
        return json_number_value(value);
    if (!json_is_string(value) || json_string_length(value) == 0)
        return NAN;
    char *end;
    double number = strtod(json_string_value(value), &end);
    return *end == '\0' ? number : NAN;
}

static bool take_member(enum intake_action action, const char *key, const json_t *value,
                        struct command *c, struct intake_error *e)
{
    if (json_is_null(value))
        return true;
    if (strcmp(key, "users") == 0)
        return check_users(c, json_double(value), e);
    if (strcmp(key, "spawn_rate") == 0)
        return check_rate(c, json_double(value), e);
    if (action != INTAKE_START)
        return refuse(e, key, "Only users and spawn_rate can be changed during a run.");
    if (strcmp(key, "host") == 0) {
        if (!json_is_string(value))
            return refuse(e, "host", "The host must be a text.");
        if (!check_host(c, json_string_value(value), e))
            return false;
        return c->host == NULL || check_url(c->host, e);
    }
    if (strcmp(key, "run_time") == 0) {
        char number[32];
        const char *text = json_string_value(value);
        if (json_is_number(value)) {
            snprintf(number, sizeof number, "%.0f", json_number_value(value));
            text = number;
        }
        return text != NULL ? check_run_time(c, text, e)
                            : refuse(e, "run_time", "Give a time such as 90, 20s or 1h20m.");
    }
    return refuse(e, key, "Unknown field; known are users, spawn_rate, host and run_time.");
}

static enum command_kind kind_of(enum intake_action action)
{
    switch (action) {
    case INTAKE_START:
    case INTAKE_EDIT:
        return CMD_SWARM;
    case INTAKE_STOP:
        return CMD_STOP;
    case INTAKE_RESET:
        return CMD_RESET;
    }
    return CMD_STOP;
}

static bool take_object(enum intake_action action, json_t *object, struct command *c,
                        struct intake_error *e)
{
    const char *key;
    json_t *value;
    if (action == INTAKE_STOP || action == INTAKE_RESET)
        return json_object_size(object) == 0 || refuse(e, "", "This command takes no fields.");
    json_object_foreach(object, key, value)
    {
        if (!take_member(action, key, value, c, e))
            return false;
    }
    return true;
}

bool intake_json(enum intake_action action, const char *body, size_t len, bool has_shape,
                 struct command *c, struct intake_error *e)
{
    json_error_t why;
    command_init(c, kind_of(action));
    memset(e, 0, sizeof *e);
    if (len > INTAKE_BODY_MAX)
        return refuse(e, "", "The body is longer than %d bytes.", INTAKE_BODY_MAX);
    if (is_deep(body, len))
        return refuse(e, "", "The body nests too deep.");
    json_t *root =
        json_loadb(len > 0 ? body : "{}", len > 0 ? len : 2, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(root)) {
        if (root == NULL)
            refuse(e, "", "The body is not valid JSON: %.120s.", why.text);
        else
            refuse(e, "", "The body must be a JSON object.");
        json_decref(root);
        return false;
    }
    bool is_ok = take_object(action, root, c, e);
    json_decref(root);
    if (is_ok && action == INTAKE_START)
        is_ok = check_complete(c, has_shape, e);
    if (is_ok && action == INTAKE_EDIT && c->users < 0 && c->spawn_rate < 0)
        is_ok = refuse(e, "users", "Give users, spawn_rate or both.");
    if (!is_ok)
        command_fini(c);
    return is_ok;
}

static double text_double(const char *text)
{
    char *end;
    double number = strtod(text, &end);
    return end != text && *end == '\0' ? number : NAN;
}

/* Class names as Locust's form repeats them. Unknown classes are the master's business. */
static bool take_classes(const struct form *f, struct command *c, struct intake_error *e)
{
    size_t count = 0;
    char **names = calloc(f->count + 1, sizeof *names);
    if (names == NULL)
        return refuse(e, "user_classes", "Out of memory.");
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(f->fields[i].name, "user_classes") == 0 && f->fields[i].value[0] != '\0' &&
            (names[count] = strdup(f->fields[i].value)) != NULL)
            count++;
    }
    if (count == 0)
        free(names);
    else
        c->user_classes = names;
    return true;
}

static bool take_form(const struct form *f, struct command *c, struct intake_error *e)
{
    const char *text;
    if ((text = form_get(f, "user_count")) != NULL && !check_users(c, text_double(text), e))
        return false;
    if ((text = form_get(f, "spawn_rate")) != NULL && !check_rate(c, text_double(text), e))
        return false;
    if ((text = form_get(f, "host")) != NULL && !check_host(c, text, e))
        return false;
    if ((text = form_get(f, "run_time")) != NULL && text[0] != '\0' && !check_run_time(c, text, e))
        return false;
    return take_classes(f, c, e);
}

bool intake_form(const struct form *f, bool has_shape, struct command *c, struct intake_error *e)
{
    command_init(c, CMD_SWARM);
    memset(e, 0, sizeof *e);
    if (take_form(f, c, e) && check_complete(c, has_shape, e))
        return true;
    command_fini(c);
    return false;
}

bool intake_live(const char *text, size_t len, struct intake_live *m)
{
    if (len == 0 || len > INTAKE_LIVE_MAX || is_deep(text, len))
        return false;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(root, "type"));
    const json_t *tick = json_object_get(root, "tick");
    bool is_ok = true;
    memset(m, 0, sizeof *m);
    if (type != NULL && strcmp(type, "ack") == 0 && json_is_integer(tick) &&
        json_integer_value(tick) >= 0) {
        m->kind = LIVE_ACK;
        m->tick = (unsigned long long)json_integer_value(tick);
    } else if (type != NULL && strcmp(type, "pause") == 0) {
        m->kind = LIVE_PAUSE;
    } else if (type != NULL && strcmp(type, "resume") == 0) {
        m->kind = LIVE_RESUME;
    } else {
        is_ok = false;
    }
    json_decref(root);
    return is_ok;
}
