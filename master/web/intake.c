// SPDX-License-Identifier: MIT
/* intake: see intake.h. Each check_* takes one raw value and either fills the command or words the
 * error; the dialects only differ in how they get at raw values. */
#include "master/web/intake.h"

#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/options/options.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define UNIX_SCHEME "http+unix://"
#define NO_URL "Give a URL such as https://shop.test or http://10.0.0.5:8080."
#define OPENED_MAX 64
#define CLASSES_MAX 4096 /* more do not fit into a body anyway */

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

/* Empty: each class uses its own. */
static bool check_host(struct command *c, const char *host, struct intake_error *e)
{
    host += strspn(host, " \t");
    size_t len = strlen(host);
    while (len > 0 && (host[len - 1] == ' ' || host[len - 1] == '\t'))
        len--;
    if (len > INTAKE_HOST_MAX)
        return refuse(e, "host", "The host is longer than %d characters.", INTAKE_HOST_MAX);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)host[i] <= ' ' || strchr("<>\"\\^`{|}", host[i]) != NULL)
            return refuse(e, "host", "The host has a character that no URL may have.");
    }
    free(c->host);
    c->host = mem_dup(host, len);
    return true;
}

/* Whether it is a name or address, perhaps with a port and a path, and only http:// is missing. */
static bool is_bare(const char *host)
{
    size_t name = *host == '[' ? strcspn(host, "]") : strcspn(host, "/?#:@");
    const char *port = host + name + (*host == '[' && host[name] == ']');
    size_t digits = *port == ':' ? strspn(port + 1, "0123456789") : 0;
    if (name == 0 || strchr("/?#:@", *host) != NULL || (*port == ':' && digits == 0))
        return false;
    port += digits > 0 ? digits + 1 : 0;
    return *port == '\0' || (*port == '/' && strstr(port, "//") == NULL);
}

/* The page starts HTTP tests: it asks for a URL. Scripts may send any text that users understand.
 */
static bool take_url(struct command *c, struct intake_error *e)
{
    const char *rest = NULL;
    if (strncasecmp(c->host, "http://", 7) == 0)
        rest = c->host + 7;
    else if (strncasecmp(c->host, "https://", 8) == 0)
        rest = c->host + 8;
    else if (strncasecmp(c->host, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0)
        rest = c->host + strlen(UNIX_SCHEME);
    if (rest != NULL && *rest != '\0' && strchr("/?#:", *rest) == NULL)
        return true;
    if (rest != NULL || !is_bare(c->host))
        return refuse(e, "host", NO_URL);
    struct sbuf url = {0};
    sbuf_addf(&url, "http://%s", c->host);
    free(c->host);
    c->host = sbuf_take(&url);
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

static bool add_class(struct command *c, const char *name, struct intake_error *e)
{
    size_t count = 0;
    while (c->user_classes != NULL && c->user_classes[count] != NULL)
        count++;
    if (name[0] == '\0')
        return true;
    if (count >= CLASSES_MAX)
        return refuse(e, "user_classes", "Too many classes.");
    c->user_classes = mem_realloc(c->user_classes, (count + 2) * sizeof *c->user_classes);
    c->user_classes[count] = mem_strdup(name);
    c->user_classes[count + 1] = NULL;
    return true;
}

static bool add_field(struct command *c, const char *name, const char *value,
                      struct intake_error *e)
{
    if (c->field_count >= FORM_FIELDS_MAX)
        return refuse(e, name, "Too many fields.");
    c->fields = mem_realloc(c->fields, (c->field_count + 1) * sizeof *c->fields);
    c->fields[c->field_count] = (struct command_field){mem_strdup(name), mem_strdup(value)};
    c->field_count++;
    return true;
}

/* A text, number or truth value as the text that a form would carry. */
static bool scalar_text(const json_t *value, char *number, size_t size, const char **text)
{
    *text = number;
    if (json_is_string(value))
        *text = json_string_value(value);
    else if (json_is_integer(value))
        snprintf(number, size, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(number, size, "%.17g", json_real_value(value));
    else if (json_is_boolean(value))
        *text = json_is_true(value) ? "true" : "false";
    else
        return false;
    return true;
}

static bool take_option(struct command *c, const char *key, const json_t *value,
                        struct intake_error *e)
{
    char number[40];
    const char *text;
    size_t i;
    json_t *each;
    if (json_is_array(value)) {
        json_array_foreach(value, i, each)
        {
            if (!scalar_text(each, number, sizeof number, &text))
                return refuse(e, key, "Give a list of texts or numbers.");
            if (!add_field(c, key, text, e))
                return false;
        }
        return true;
    }
    if (!scalar_text(value, number, sizeof number, &text))
        return refuse(e, key, "Give a text, a number, true, false or a list of these.");
    return add_field(c, key, text, e);
}

static bool take_options(struct command *c, json_t *object, struct intake_error *e)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return refuse(e, "options", "The options must be an object of names and values.");
    json_object_foreach(object, key, value)
    {
        if (!take_option(c, key, value, e))
            return false;
    }
    return true;
}

static bool take_texts(struct command *c, const char *key, const json_t *list,
                       struct intake_error *e)
{
    size_t i;
    json_t *each;
    if (!json_is_array(list))
        return refuse(e, key, "Give a list of names.");
    json_array_foreach(list, i, each)
    {
        if (!json_is_string(each))
            return refuse(e, key, "Give a list of names.");
        if (!add_class(c, json_string_value(each), e))
            return false;
    }
    return true;
}

static bool is_count(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           json_integer_value(value) <= (long long)INTAKE_USERS_MAX;
}

static bool is_name_list(const json_t *value)
{
    size_t i;
    json_t *each;
    json_array_foreach(value, i, each)
    {
        if (!json_is_string(each))
            return false;
    }
    return json_is_array(value) && json_array_size(value) > 0;
}

static bool check_class(const char *name, json_t *settings, struct intake_error *e)
{
    const char *key;
    json_t *value;
    if (!json_is_object(settings))
        return refuse(e, "class_settings", "%s: give an object of settings.", name);
    json_object_foreach(settings, key, value)
    {
        const bool is_weight = strcmp(key, "weight") == 0;
        if (is_weight || strcmp(key, "fixed_count") == 0) {
            if (!is_count(value) && !(is_weight && json_number_value(value) > 0))
                return refuse(e, "class_settings", "%s: %s must be a number, 0 or more.", name,
                              key);
        } else if (strcmp(key, "tasks") == 0) {
            if (!is_name_list(value))
                return refuse(e, "class_settings", "%s: choose one task at least.", name);
        } else {
            return refuse(e, "class_settings",
                          "%s: known settings are weight, fixed_count and tasks.", name);
        }
    }
    return true;
}

static bool take_class_settings(struct command *c, json_t *object, struct intake_error *e)
{
    const char *name;
    json_t *settings;
    if (!json_is_object(object))
        return refuse(e, "class_settings", "Give an object of classes and their settings.");
    json_object_foreach(object, name, settings)
    {
        if (!check_class(name, settings, e))
            return false;
    }
    free(c->class_settings);
    c->class_settings = json_dumps(object, JSON_COMPACT);
    return true;
}

static bool take_member(enum intake_action action, const char *key, json_t *value,
                        struct command *c, struct intake_error *e)
{
    if (json_is_null(value))
        return true;
    if (strcmp(key, "users") == 0)
        return check_users(c, json_double(value), e);
    if (strcmp(key, "spawn_rate") == 0)
        return check_rate(c, json_double(value), e);
    if (strcmp(key, "thresholds") == 0) {
        free(c->thresholds);
        c->thresholds = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        return c->thresholds != NULL;
    }
    if (action != INTAKE_START)
        return refuse(e, key, "Only users, spawn_rate and thresholds can be changed during a run.");
    if (strcmp(key, "host") == 0) {
        if (!json_is_string(value))
            return refuse(e, "host", "The host must be a text.");
        if (!check_host(c, json_string_value(value), e))
            return false;
        return c->host[0] == '\0' || take_url(c, e);
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
    if (strcmp(key, "user_classes") == 0)
        return take_texts(c, key, value, e);
    if (strcmp(key, "shape_class") == 0 || strcmp(key, "profile") == 0)
        return take_option(c, key, value, e);
    if (strcmp(key, "class_settings") == 0)
        return take_class_settings(c, value, e);
    if (strcmp(key, "options") == 0)
        return take_options(c, value, e);
    return refuse(e, key,
                  "Unknown field; known are users, spawn_rate, host, run_time, user_classes, "
                  "shape_class, profile, class_settings, options and thresholds.");
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
    case INTAKE_MARKER:
        return CMD_MARKER;
    }
    return CMD_STOP;
}

static bool take_marker(json_t *object, struct command *c, struct intake_error *e)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (strcmp(key, "text") == 0 && json_is_string(value) && json_string_length(value) > 0 &&
            json_string_length(value) <= INTAKE_MARKER_MAX && c->text == NULL)
            c->text = mem_strdup(json_string_value(value));
        else if (strcmp(key, "at") == 0 && json_is_number(value) && json_number_value(value) > 0 &&
                 json_number_value(value) < 1e11)
            c->at = json_number_value(value);
        else if (strcmp(key, "text") == 0)
            return refuse(e, key, "Give a text of 1 to %d bytes.", INTAKE_MARKER_MAX);
        else if (strcmp(key, "at") == 0)
            return refuse(e, key, "Give unix seconds, such as 1700000000.5, or leave it out.");
        else
            return refuse(e, key, "Unknown field; known are text and at.");
    }
    return c->text != NULL || refuse(e, "text", "Give a text of 1 to %d bytes.", INTAKE_MARKER_MAX);
}

static bool take_object(enum intake_action action, json_t *object, struct command *c,
                        struct intake_error *e)
{
    const char *key;
    json_t *value;
    if (action == INTAKE_MARKER)
        return take_marker(object, c, e);
    if (action == INTAKE_STOP || action == INTAKE_RESET)
        return json_object_size(object) == 0 || refuse(e, "", "This command takes no fields.");
    json_object_foreach(object, key, value)
    {
        if (!take_member(action, key, value, c, e))
            return false;
    }
    return true;
}

/* A JSON object, or NULL and why not. */
static json_t *load_object(const char *body, size_t len, size_t max, struct intake_error *e)
{
    json_error_t why;
    memset(e, 0, sizeof *e);
    if (len > max)
        refuse(e, "", "The body is longer than %zu bytes.", max);
    else if (is_deep(body, len))
        refuse(e, "", "The body nests too deep.");
    if (e->text[0] != '\0')
        return NULL;
    json_t *root =
        json_loadb(len > 0 ? body : "{}", len > 0 ? len : 2, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(root))
        return root;
    if (root == NULL)
        refuse(e, "", "The body is not valid JSON: %.120s.", why.text);
    else
        refuse(e, "", "The body must be a JSON object.");
    json_decref(root);
    return NULL;
}

static bool has_web_scheme(const char *url)
{
    return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static bool check_asked(enum intake_question question, const char *key, const json_t *value,
                        struct intake_error *e)
{
    if (question == INTAKE_RELOAD)
        return (strcmp(key, "file") == 0 && json_string_length(value) > 0) ||
               refuse(e, key, "Known is file, the name of a locustfile.");
    if (question == INTAKE_PING) {
        if (strcmp(key, "url") != 0)
            return refuse(e, key, "Unknown field; known is url.");
        return (json_is_string(value) && json_string_length(value) <= INTAKE_HOST_MAX &&
                has_web_scheme(json_string_value(value))) ||
               refuse(e, key, NO_URL);
    }
    if (strcmp(key, "options") == 0)
        return json_is_object(value) || json_is_null(value) ||
               refuse(e, key, "The options must be an object of names and values.");
    if (strcmp(key, "user_class") != 0 && strcmp(key, "host") != 0)
        return refuse(e, key, "Unknown field; known are user_class, host and options.");
    return json_is_string(value) || json_is_null(value) || refuse(e, key, "Give a text.");
}

bool intake_ask(enum intake_question question, const char *body, size_t len, struct intake_error *e)
{
    const char *key;
    json_t *value, *root = load_object(body, len, INTAKE_ASK_MAX, e);
    bool is_ok = root != NULL;
    json_object_foreach(root, key, value)
    {
        is_ok = is_ok && check_asked(question, key, value, e);
    }
    json_decref(root);
    return is_ok;
}

/* A wrong value is left out, and the next member is looked at. */
static size_t take_all(json_t *object, struct command *c, struct intake_error *errors, size_t max)
{
    const char *key;
    json_t *value;
    size_t count = 0;
    json_object_foreach(object, key, value)
    {
        if (count < max && !take_member(INTAKE_START, key, value, c, &errors[count]))
            count++;
    }
    return count;
}

static bool is_blamed(const struct intake_error *errors, size_t count, const char *field)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(errors[i].field, field) == 0)
            return true;
    return false;
}

size_t intake_check(const char *body, size_t len, bool has_shape, struct command *c,
                    struct intake_error *errors, size_t max)
{
    static const char *const numbers[] = {"users", "spawn_rate"};
    command_init(c, CMD_SWARM);
    c->is_pages = c->is_check = true;
    json_t *root = load_object(body, len, INTAKE_BODY_MAX, errors);
    if (root == NULL)
        return 1;
    size_t count = take_all(root, c, errors, max);
    json_decref(root);
    for (size_t i = 0; i < 2; i++) {
        double *number = i == 0 ? &c->users : &c->spawn_rate;
        if (*number >= 0)
            continue;
        bool is_wrong = is_blamed(errors, count, numbers[i]);
        if (!is_wrong && count < max && !check_complete(c, has_shape, &errors[count])) {
            is_wrong = true;
            count++;
        }
        if (is_wrong)
            *number = 1;
    }
    return count;
}

bool intake_json(enum intake_action action, const char *body, size_t len, bool has_shape,
                 struct command *c, struct intake_error *e)
{
    command_init(c, kind_of(action));
    c->is_pages = true;
    c->is_edit = action == INTAKE_EDIT;
    json_t *root = load_object(body, len, INTAKE_BODY_MAX, e);
    if (root == NULL)
        return false;
    bool is_ok = take_object(action, root, c, e);
    json_decref(root);
    if (is_ok && action == INTAKE_START)
        is_ok = check_complete(c, has_shape, e);
    if (is_ok && action == INTAKE_EDIT && c->users < 0 && c->spawn_rate < 0 && !c->thresholds)
        is_ok = refuse(e, "users", "Give users, spawn_rate or thresholds.");
    if (!is_ok)
        command_fini(c);
    return is_ok;
}

/* A whole number as Python's int() reads it. NaN when it is none. */
static double text_whole(const char *text)
{
    char *end;
    double number = strtod(text, &end);
    size_t digits = strspn(text + strspn(text, " \t+-"), "0123456789");
    end += strspn(end, " \t");
    return digits > 0 && *end == '\0' && strpbrk(text, ".eExX") == NULL ? number : NAN;
}

/* As Python's float() reads it: "inf" and "nan" are numbers too. */
static bool text_double(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    bool is_read = end != text;
    end += strspn(end, " \t");
    return is_read && *end == '\0' && strpbrk(text, "xX(") == NULL;
}

/* The words of the refusals are Locust's: scripts show them. */
static bool form_users(struct command *c, const char *text, struct intake_error *e)
{
    c->users = text_whole(text);
    if (isnan(c->users))
        return refuse(e, "user_count", "Invalid user_count value: '%.40s' (must be an integer)",
                      text);
    if (c->users < 0 || c->users > INTAKE_USERS_MAX)
        return refuse(e, "user_count",
                      "Missing or invalid user_count or spawn_rate from /swarm "
                      "request");
    return true;
}

static bool form_rate(struct command *c, const char *text, struct intake_error *e)
{
    if (!text_double(text, &c->spawn_rate))
        return refuse(e, "spawn_rate", "Invalid spawn_rate value: '%.40s' (must be a number)",
                      text);
    if (!(c->spawn_rate > 0) || c->spawn_rate > INTAKE_USERS_MAX)
        return refuse(e, "spawn_rate",
                      "Missing or invalid user_count or spawn_rate from /swarm "
                      "request");
    return true;
}

static bool form_run_time(struct command *c, const char *text, struct intake_error *e)
{
    if (text[strspn(text, "0")] == '\0') { /* empty, or 0: no limit */
        c->run_time_s = 0;
        return true;
    }
    c->run_time_s = options_timespan(text);
    if (c->run_time_s > 0)
        return true;
    return refuse(e, "run_time",
                  "Valid run_time formats are : 20, 20s, 3m, 2h, 1h20m, 3h30m10s, "
                  "etc.");
}

/* Angle brackets are left out, as in Locust; "" means that each class uses its own host. */
static bool form_host(struct command *c, const char *text, struct intake_error *e)
{
    size_t len = 0;
    if (strlen(text) > INTAKE_HOST_MAX)
        return refuse(e, "host", "The host is longer than %d characters.", INTAKE_HOST_MAX);
    free(c->host);
    c->host = mem_zalloc(strlen(text) + 1);
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ')
            return refuse(e, "host", "The host has a character that no URL may have.");
        if (*text != '<' && *text != '>')
            c->host[len++] = *text;
    }
    return true;
}

static bool form_field(struct command *c, const char *name, const char *value,
                       struct intake_error *e)
{
    if (strcmp(name, "user_count") == 0)
        return form_users(c, value, e);
    if (strcmp(name, "spawn_rate") == 0)
        return form_rate(c, value, e);
    if (strcmp(name, "host") == 0)
        return form_host(c, value, e);
    if (strcmp(name, "run_time") == 0)
        return form_run_time(c, value, e);
    if (strcmp(name, "user_classes") == 0)
        return add_class(c, value, e);
    return add_field(c, name, value, e); /* what it means is the master's business */
}

bool intake_form(const struct form *f, bool has_shape, struct command *c, struct intake_error *e)
{
    bool is_ok = true;
    command_init(c, CMD_SWARM);
    memset(e, 0, sizeof *e);
    for (size_t i = 0; is_ok && i < f->count; i++)
        is_ok = form_field(c, f->fields[i].name, f->fields[i].value, e);
    const char *shape = form_get(f, "shape_class");
    bool is_shaped = has_shape || (shape != NULL && strcmp(shape, "Default") != 0);
    if (is_ok && !is_shaped && (c->users < 0 || c->spawn_rate < 0))
        is_ok = refuse(e, c->users < 0 ? "user_count" : "spawn_rate",
                       "Missing or invalid user_count or spawn_rate from /swarm request");
    if (!is_ok)
        command_fini(c);
    return is_ok;
}

bool intake_live(const char *text, size_t len, struct intake_live *m)
{
    if (len == 0 || len > INTAKE_LIVE_MAX || is_deep(text, len))
        return false;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(root, "type"));
    const json_t *tick = json_object_get(root, "tick");
    json_int_t columns = json_integer_value(json_object_get(root, "columns"));
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
    } else if (type != NULL && strcmp(type, "sub") == 0 && columns > 0) {
        m->kind = LIVE_SUB;
        m->columns = (uint64_t)columns;
    } else {
        is_ok = false;
    }
    json_decref(root);
    return is_ok;
}
