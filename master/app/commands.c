// SPDX-License-Identifier: MIT
/* commands: what the page asks for, checked and carried out. Answers are for people: what was
 * done, or cause and mend, with the field of the form that is to blame. */
#include "common/base/mem.h"
#include "common/base/log.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"
#include "master/app/descriptors.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_USERS 100e6
#define MAX_RATE 1e9

static struct command_result refuse(const char *field, const char *text)
{
    struct command_result r = {.is_ok = false};
    snprintf(r.text, sizeof r.text, "%s", text);
    snprintf(r.field, sizeof r.field, "%s", field);
    return r;
}

static struct command_result done(const char *text)
{
    struct command_result r = {.is_ok = true};
    snprintf(r.text, sizeof r.text, "%s", text);
    return r;
}

static bool is_class(const struct master *m, const char *name)
{
    for (size_t i = 0; i < m->nodes.host.script.class_count; i++)
        if (!strcmp(m->nodes.host.script.classes[i].name, name))
            return true;
    return false;
}

/* What is wrong with a swarm command; is_ok when nothing is. */
static struct command_result check(const struct master *m, const struct command *c)
{
    if (c->users >= 0 && (floor(c->users) < c->users || !(c->users <= MAX_USERS)))
        return refuse("users", "Users must be a whole number, 0 or more.");
    if (isnan(c->users))
        return refuse("users", "Users must be a whole number, 0 or more.");
    if (isnan(c->spawn_rate) || (c->spawn_rate >= 0 && !(c->spawn_rate > 0)) ||
        c->spawn_rate > MAX_RATE)
        return refuse("spawn_rate", "The spawn rate must be a number above 0 (users per second).");
    if (isnan(c->run_time_s) || isinf(c->run_time_s))
        return refuse("run_time", "The run time must be like 90, 20s, 3m or 1h30m.");
    bool is_choice = c->is_pages || m->o->class_picker;
    for (size_t i = 0; is_choice && c->user_classes && c->user_classes[i]; i++)
        if (!is_class(m, c->user_classes[i]))
            return refuse("user_classes", "There is no User class of that name in the locustfile.");
    return done("");
}

/* A test's limits are its own: one that names none has none. In Locust /swarm of a running test
 * does the same, but leaves the limit of a command line that started it. */
static void take_limit(struct master *m, const struct command *c, bool is_edit)
{
    bool is_automatic = m->machine.is_auto_begun && m->machine.run.number == 1;
    bool is_ignored = m->nodes.host.script.has_shape && !c->is_pages;
    if (is_edit && c->run_time_s < 0 && (c->is_edit || is_automatic))
        return;
    m->machine.load.run_time_s = c->run_time_s > 0 && !is_ignored ? c->run_time_s : 0;
    if (is_edit) {
        run_on(m, &(struct machine_event){.kind = ON_LIMIT});
    }
}

static void take_classes(struct master *m, struct command *c, bool is_edit)
{
    if (!c->is_pages && !m->o->class_picker)
        command_forget_classes(c);
    if (!c->user_classes && is_edit)
        return;
    proto_texts_free(m->machine.load.user_classes);
    m->machine.load.user_classes = c->user_classes;
    c->user_classes = NULL;
}

static void take_settings(struct master *m, struct command *c, bool is_edit)
{
    if (c->users >= 0)
        m->machine.load.users = c->users;
    if (c->spawn_rate > 0)
        m->machine.load.spawn_rate = c->spawn_rate;
    take_limit(m, c, is_edit);
    take_classes(m, c, is_edit);
    if (c->host) {
        free(m->machine.load.host);
        m->machine.load.host = c->host[0] ? mem_strdup(c->host) : NULL;
    }
}

static struct command_result started(const struct master *m, const struct command *c)
{
    struct command_result r = done("Swarming started");
    const struct script *s = &m->nodes.host.script;
    unsigned long needed =
        files_needed(m->machine.load.users, (double)roster_active_count(&m->machine.roster));
    if (s->has_connections && needed > m->file_limit) {
        char *advice = files_advice(m->file_limit, needed);
        log_warning(LOGGER, "%s", advice);
        free(advice);
    }
    r.is_shaped = s->has_shape;
    r.is_picked = m->o->class_picker;
    if (s->has_shape && !c->is_pages && s->shape_name)
        snprintf(r.text, sizeof r.text, "Swarming started using shape class '%.200s'",
                 s->shape_name);
    return r;
}

/* Whether the present state is one for the command. */
static struct command_result check_state(const struct master *m, const struct command *c)
{
    bool is_active = run_is_active(&m->machine.run);
    if (m->machine.is_shaped)
        return refuse("",
                      "A load shape decides about the users; it cannot be edited while it runs.");
    if (c->is_edit && !is_active)
        return refuse("", "No test is running that could be changed: start one.");
    if (c->is_pages && !c->is_edit && is_active)
        return refuse("", "A test is running already: change it, or stop it first.");
    const char *obstacle = is_active ? NULL : machine_obstacle(&m->machine);
    return obstacle ? refuse("", obstacle) : done("");
}

/* A load shape needs no numbers. Where one may have been chosen, that is found out later. */
static struct command_result check_numbers(const struct master *m, const struct command *c)
{
    if (run_is_active(&m->machine.run) || m->nodes.host.script.has_shape ||
        m->nodes.host.script.shape_count > 0)
        return done("");
    if (c->users < 0 && m->machine.load.users < 0)
        return refuse("users", "How many users?");
    if (c->spawn_rate < 0 && m->machine.load.spawn_rate < 0)
        return refuse("spawn_rate", "How many users per second?");
    return done("");
}

static struct command_result check_thresholds(const struct command *c)
{
    char why[400] = "";
    return !c->thresholds || gates_check(c->thresholds, why, sizeof why)
               ? done("")
               : refuse("thresholds", why);
}

static struct command_result check_swarm(const struct master *m, const struct command *c)
{
    if (m->machine.finish != FINISH_NOT)
        return refuse("", "The master is shutting down.");
    const char *obstacle = reload_obstacle(m);
    if (obstacle)
        return refuse("", obstacle);
    struct command_result r = check(m, c);
    if (r.is_ok)
        r = parameters_check(m, c);
    if (r.is_ok)
        r = check_state(m, c);
    if (r.is_ok)
        r = check_numbers(m, c);
    if (r.is_ok)
        r = check_thresholds(c);
    bool is_start = c->is_pages && !c->is_edit;
    return r.is_ok && is_start ? parameters_check_host(m, c) : r;
}

static struct command_result begin_or_edit(struct master *m, struct command *c)
{
    bool is_edit = run_is_active(&m->machine.run);
    take_settings(m, c, is_edit);
    if (c->thresholds || !is_edit)
        gates_ask(m, c->thresholds);
    if (is_edit) {
        run_on(m, &(struct machine_event){.kind = ON_AIM});
        return started(m, c);
    }
    const char *refusal =
        m->nodes.host.script.has_shape ? script_begin_shape(&m->nodes) : run_begin(m);
    return refusal ? refuse("", refusal) : started(m, c);
}

/* Nothing is changed before everything is checked. */
static struct command_result swarm(struct master *m, struct command *c)
{
    struct command_result r = check_swarm(m, c);
    if (r.is_ok && !c->is_check)
        r = parameters_take(m, c);
    if (r.is_ok && !c->is_check)
        r = begin_or_edit(m, c);
    if (c->out && (m->machine.load.host || c->host)) /* for the answer of /swarm */
        sbuf_adds(c->out, m->machine.load.host ? m->machine.load.host : "");
    return r;
}

static struct command_result reset(struct master *m)
{
    run_reset(m);
    record_forget_exceptions(&m->record); /* as Locust's page does; its code keeps them */
    publish_view(m);
    return done("Statistics reset");
}

/* A mark belongs to a run: between its start and now, or its end. */
static struct command_result mark(struct master *m, const struct command *c)
{
    double now = master_now().unix_time,
           end = m->machine.run.ended_at > 0 ? m->machine.run.ended_at : now;
    double at = c->at > 0 ? c->at : end;
    if (m->machine.run.number == 0)
        return refuse("", "There is no run to mark yet.");
    if (at < m->machine.run.started_at - 1 || at > end + 1)
        return refuse("at", "The run was not on at that time.");
    events_add(m->record.events, at, "marker", "%s", c->text);
    publish_view(m);
    return done("Marked");
}

static struct command_result control(struct master *m, const struct command *c)
{
    const struct command_result r = plans_control(m, c->json);
    if (r.is_ok) {
        run_limit_to(m, plans_run_time_s(m));
        publish_view(m);
    }
    return r;
}

struct command_result commands_execute(void *arg, struct command *c)
{
    struct master *m = arg;
    switch (c->kind) {
    case CMD_SWARM:
        return swarm(m, c);
    case CMD_STOP:
        if (run_is_active(&m->machine.run))
            nodes_note_end(&m->nodes, "somebody stopped it");
        run_on(m, &(struct machine_event){.kind = ON_STOP});
        return done("Test stopped");
    case CMD_RESET:
        return reset(m);
    case CMD_QUIT:
        run_on(m, &(struct machine_event){.kind = ON_QUIT});
        return done("Shutting down");
    case CMD_RENDER:
        return downloads_write(m, c);
    case CMD_TRY:
    case CMD_RELOAD:
    case CMD_PING:
        return questions_ask(m, c);
    case CMD_MARKER:
        return mark(m, c);
    case CMD_SCENARIO:
        return control(m, c);
    case CMD_USER_CLASS:
        return parameters_user_class(m, c);
    }
    return refuse("", "Unknown command.");
}
