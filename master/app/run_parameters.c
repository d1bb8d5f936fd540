// SPDX-License-Identifier: MIT
/* run_parameters: what people choose in the page or by /swarm beside the load itself: values of the
 * locustfile's own options, the profile, a load shape, attributes of User classes.
 *
 * The options map of the script is the truth: it goes to the host at each change and, with every
 * spawn, to the workers. The host hears of a change before it hears of the start that follows. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct command_result refuse(const char *field, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static struct command_result refuse(const char *field, const char *format, ...)
{
    va_list args;
    struct command_result r = {.is_ok = false};
    snprintf(r.field, sizeof r.field, "%s", field);
    va_start(args, format);
    vsnprintf(r.text, sizeof r.text, format, args);
    va_end(args);
    return r;
}

static struct slice options_of(const struct master *m)
{
    return (struct slice){m->nodes.host.script.options, m->nodes.host.script.options_len};
}

static void keep(struct master *m, struct sbuf *changed)
{
    struct script *s = &m->nodes.host.script;
    free(s->options);
    s->options_len = changed->len;
    s->options = sbuf_take(changed);
}

static void set_value(struct master *m, const char *name, const struct option_set *set)
{
    struct sbuf changed = {0};
    if (proto_option_value(options_of(m), name, set, &changed) == PROTO_OPTION_SET)
        keep(m, &changed);
    sbuf_fini(&changed);
}

/* Locust's own options, which the form names otherwise. */
static void take_load(struct master *m, const struct command *c)
{
    if (c->users >= 0)
        set_value(m, "num_users", &(struct option_set){.number = c->users, .is_whole = true});
    if (c->spawn_rate > 0)
        set_value(m, "spawn_rate", &(struct option_set){.number = c->spawn_rate});
    if (c->run_time_s > 0)
        set_value(m, "run_time", &(struct option_set){.number = c->run_time_s, .is_whole = true});
    if (c->host)
        set_value(m, "host", &(struct option_set){.text = c->host});
}

/* Options that decide about more than a value are not for everybody who reaches the page. */
static bool is_reserved(const char *name)
{
    static const char *const names[] = {"num_users",    "spawn_rate",  "run_time",   "host",
                                        "user_classes", "shape_class", "locustfile", "config"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static bool is_seen(const struct command *c, size_t field)
{
    for (size_t i = 0; i < field; i++)
        if (!strcmp(c->fields[i].name, c->fields[field].name))
            return true;
    return false;
}

/* Every field of that name makes the value, which goes into *changed; what is no option is passed
 * over, as in Locust. */
static enum proto_option option_value(const struct master *m, const struct command *c, size_t field,
                                      struct sbuf *changed)
{
    const char *name = c->fields[field].name;
    const char **texts = mem_zalloc(c->field_count * sizeof *texts);
    size_t count = 0;
    for (size_t i = field; i < c->field_count; i++)
        if (!strcmp(c->fields[i].name, name))
            texts[count++] = c->fields[i].value;
    enum proto_option rc = proto_option_texts(options_of(m), name, texts, count, changed);
    free(texts);
    return rc;
}

static struct command_result check_option(const struct master *m, const struct command *c,
                                          size_t field)
{
    const char *name = c->fields[field].name;
    struct sbuf changed = {0};
    struct command_result r = {.is_ok = true};
    if (!is_reserved(name) && !is_seen(c, field) &&
        option_value(m, c, field, &changed) == PROTO_OPTION_BAD)
        r = refuse(name, "%.60s must be a number, not '%.60s'.", name, c->fields[field].value);
    sbuf_fini(&changed);
    return r;
}

static void take_option(struct master *m, const struct command *c, size_t field)
{
    struct sbuf changed = {0};
    if (option_value(m, c, field, &changed) == PROTO_OPTION_SET)
        keep(m, &changed);
    sbuf_fini(&changed);
}

static void post_to(struct master *m, const char *node, const struct sbuf *data)
{
    static const char type[] = "update_user_class";
    struct sbuf out = {0};
    proto_relay(&out, (struct slice){type, strlen(type)}, (struct slice){data->data, data->len},
                node);
    outbox_bytes(&m->nodes, node, &out);
}

/* To the host and to every worker that is here. */
static void post_user_class(struct master *m, const struct sbuf *data)
{
    if (m->nodes.host.is_alive)
        post_to(m, m->nodes.host.node_id, data);
    for (size_t i = 0; i < m->machine.roster.count; i++) {
        const struct worker *w = m->machine.roster.workers[i];
        if (w->has_joined && w->state != WORKER_GONE && strcmp(w->id, m->nodes.host.node_id) != 0)
            post_to(m, w->id, data);
    }
}

/* -- settings of classes: {class: {"weight", "fixed_count", "tasks"}}, as intake.c checked them --
 */

static struct script_class *class_of(const struct master *m, const char *name)
{
    for (size_t i = 0; i < m->nodes.host.script.class_count; i++)
        if (!strcmp(m->nodes.host.script.classes[i].name, name))
            return &m->nodes.host.script.classes[i];
    return NULL;
}

static struct command_result check_classes(const struct master *m, const json_t *settings)
{
    const char *name;
    json_t *each;
    json_object_foreach((json_t *)(uintptr_t)settings, name, each)
    {
        if (!class_of(m, name))
            return refuse("class_settings", "There is no User class named \"%.100s\".", name);
    }
    return (struct command_result){.is_ok = true};
}

/* Our own numbers decide how users are dealt out. */
static void set_numbers(struct script_class *cls, const json_t *settings)
{
    const double weight = json_number_value(json_object_get(settings, "weight"));
    const json_t *fixed = json_object_get(settings, "fixed_count");
    if (weight >= 0 && json_object_get(settings, "weight"))
        cls->weight = weight;
    if (json_is_integer(fixed) && json_integer_value(fixed) >= 0)
        cls->fixed_count = (unsigned)json_integer_value(fixed);
}

/* The rest is for the nodes. */
static void set_class(struct master *m, const char *name, json_t *settings)
{
    struct sbuf data = {0};
    struct json_wrong wrong;
    set_numbers(class_of(m, name), settings);
    json_object_set_new(settings, "user_class_name", json_string(name));
    char *text = json_dumps(settings, JSON_COMPACT);
    if (proto_from_json(text, &data, &wrong))
        post_user_class(m, &data);
    free(text);
    sbuf_fini(&data);
}

static void take_class_settings(struct master *m, const struct command *c)
{
    json_t *settings = c->class_settings ? json_loads(c->class_settings, 0, NULL) : NULL;
    const char *name;
    json_t *each;
    json_object_foreach(settings, name, each)
    {
        set_class(m, name, each);
    }
    json_decref(settings);
}

static struct command_result check_shape(const struct master *m, const char *name)
{
    const struct script *s = &m->nodes.host.script;
    for (size_t i = 0; i < s->shape_count; i++)
        if (!strcmp(s->shapes[i].name, name))
            return (struct command_result){.is_ok = true};
    if (!strcmp(name, "Default"))
        return (struct command_result){.is_ok = true};
    return refuse("shape_class", "There is no load shape named \"%.100s\" in the locustfile.",
                  name);
}

struct command_result parameters_check(const struct master *m, const struct command *c)
{
    struct command_result r = {.is_ok = true};
    if (c->class_settings && run_is_active(&m->machine.run))
        return refuse("class_settings", "Settings of classes can be changed between tests only.");
    if (c->class_settings) {
        json_t *settings = json_loads(c->class_settings, 0, NULL);
        r = check_classes(m, settings);
        json_decref(settings);
    }
    for (size_t i = 0; r.is_ok && i < c->field_count; i++) {
        if (strcmp(c->fields[i].name, "shape_class") != 0)
            r = check_option(m, c, i);
        else if (m->o->class_picker || c->is_pages)
            r = check_shape(m, c->fields[i].value);
    }
    return r;
}

static bool names_shape(const struct command *c)
{
    for (size_t i = 0; i < c->field_count; i++)
        if (!strcmp(c->fields[i].name, "shape_class"))
            return true;
    return false;
}

/* Whether the test that is asked for would have users of the class. */
static bool takes_part(const struct script_class *cls, const struct command *c,
                       const json_t *settings)
{
    bool is_named = !c->user_classes;
    for (size_t i = 0; c->user_classes && c->user_classes[i]; i++)
        is_named |= !strcmp(c->user_classes[i], cls->name);
    struct script_class asked = *cls;
    set_numbers(&asked, json_object_get(settings, cls->name));
    return is_named && (asked.weight > 0 || asked.fixed_count > 0);
}

/* Locust starts a test without a host, whose users all fail; a form can say it before. Not of a
 * --master: what a class takes from its machine's environment may be there on the workers only. Nor
 * of a shape, which may choose classes. */
struct command_result parameters_check_host(const struct master *m, const struct command *c)
{
    struct command_result r = {.is_ok = true};
    const struct script *s = &m->nodes.host.script;
    const char *host = c->host ? c->host : m->machine.load.host;
    if (m->o->master || s->has_shape || names_shape(c) || (host && host[0]))
        return r;
    json_t *settings = c->class_settings ? json_loads(c->class_settings, 0, NULL) : NULL;
    for (size_t i = 0; r.is_ok && i < s->class_count; i++)
        if (s->classes[i].needs_host && takes_part(&s->classes[i], c, settings))
            r = refuse("host", "%.100s has no host of its own: give one.", s->classes[i].name);
    json_decref(settings);
    return r;
}

static void choose_shape(struct master *m, const struct script_shape *shape)
{
    struct script *s = &m->nodes.host.script;
    struct sbuf data = {0}, out = {0};
    static const char type[] = "katydid_shape";
    const char *name = shape ? shape->name : "";
    free(s->shape_name);
    s->has_shape = shape != NULL;
    s->shape_uses_options = shape && shape->uses_options;
    s->shape_name = shape ? mem_strdup(shape->name) : NULL;
    proto_pack_text(&data, name);
    proto_relay(&out, (struct slice){type, strlen(type)}, (struct slice){data.data, data.len},
                m->nodes.host.node_id);
    outbox_bytes(&m->nodes, m->nodes.host.node_id, &out);
    sbuf_fini(&data);
}

static struct command_result take_shape(struct master *m, const struct command *c, const char *name)
{
    const struct script *s = &m->nodes.host.script;
    if (!(m->o->class_picker || c->is_pages) || run_is_active(&m->machine.run))
        return (struct command_result){.is_ok = true};
    if (!strcmp(name, "Default")) {
        choose_shape(m, NULL);
        return (struct command_result){.is_ok = true};
    }
    for (size_t i = 0; i < s->shape_count; i++)
        if (!strcmp(s->shapes[i].name, name)) {
            choose_shape(m, &s->shapes[i]);
            return (struct command_result){.is_ok = true};
        }
    return refuse("shape_class", "There is no load shape named \"%s\" in the locustfile.", name);
}

/* The host of the test is not only an option. */
static void tell_host(struct master *m, const char *host)
{
    static const char type[] = "katydid_host";
    struct sbuf data = {0}, out = {0};
    if (!m->nodes.host.is_alive)
        return;
    proto_pack_text(&data, host);
    proto_relay(&out, (struct slice){type, strlen(type)}, (struct slice){data.data, data.len},
                m->nodes.host.node_id);
    outbox_bytes(&m->nodes, m->nodes.host.node_id, &out);
    sbuf_fini(&data);
}

static void tell_options(struct master *m)
{
    static const char type[] = "katydid_options";
    struct sbuf out = {0};
    if (!m->nodes.host.is_alive)
        return;
    proto_relay(&out, (struct slice){type, strlen(type)}, options_of(m), m->nodes.host.node_id);
    outbox_bytes(&m->nodes, m->nodes.host.node_id, &out);
}

struct command_result parameters_take(struct master *m, const struct command *c)
{
    struct command_result r = {.is_ok = true};
    take_load(m, c);
    if (m->o->class_picker && !c->is_pages && !names_shape(c))
        r = take_shape(m, c, "Default"); /* as in Locust */
    take_class_settings(m, c);
    for (size_t i = 0; r.is_ok && i < c->field_count; i++) {
        if (!strcmp(c->fields[i].name, "shape_class"))
            r = take_shape(m, c, c->fields[i].value);
        else if (!is_reserved(c->fields[i].name) && !is_seen(c, i))
            take_option(m, c, i);
    }
    tell_options(m);
    if (c->host)
        tell_host(m, c->host);
    return r;
}

static struct command_result check_user_class(const struct master *m, const struct sbuf *data)
{
    struct command_result r = {.is_ok = true};
    char *name = proto_member((struct slice){data->data, data->len}, "user_class_name");
    if (!name)
        r = refuse("user_class_name", "/user: user_class_name is missing: it names the class.");
    else if (!class_of(m, name))
        r = refuse("user_class_name",
                   "/user: there is no User class named \"%.100s\" in the locustfile.", name);
    free(name);
    return r;
}

/* What users are dealt out by; other attributes are the locustfile's affair. */
static struct command_result check_numbers(const json_t *settings)
{
    static const char *const keys[] = {"weight", "fixed_count"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *value = json_object_get(settings, keys[i]);
        if (value && (!json_is_number(value) || json_number_value(value) < 0))
            return refuse(keys[i], "/user: %s must be a number, 0 or more.", keys[i]);
    }
    return (struct command_result){.is_ok = true};
}

struct command_result parameters_user_class(struct master *m, const struct command *c)
{
    struct sbuf data = {0};
    struct json_wrong wrong;
    struct command_result r = proto_from_json(c->json, &data, &wrong)
                                  ? check_user_class(m, &data)
                                  : refuse("", "/user: %s", wrong.text);
    json_t *settings = r.is_ok ? json_loads(c->json, 0, NULL) : NULL;
    if (r.is_ok)
        r = check_numbers(settings);
    if (r.is_ok) {
        struct script_class *cls =
            class_of(m, json_string_value(json_object_get(settings, "user_class_name")));
        set_numbers(cls, settings);
        cls->needs_host &= !json_object_get(settings, "host");
        post_user_class(m, &data);
    }
    json_decref(settings);
    sbuf_fini(&data);
    return r;
}
