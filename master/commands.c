// SPDX-License-Identifier: MIT
/* commands: what the page asks for, checked and carried out. Answers are for people: what was
 * done, or cause and mend, with the field of the form that is to blame. */
#include "common/base/mem.h"
#include "common/base/log.h"
#include "master/core.h"
#include "master/files.h"
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
    for (size_t i = 0; i < m->host.script.class_count; i++)
        if (!strcmp(m->host.script.classes[i].name, name))
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
    for (size_t i = 0; c->user_classes && c->user_classes[i]; i++)
        if (!is_class(m, c->user_classes[i]))
            return refuse("user_classes", "There is no User class of that name in the locustfile.");
    return done("");
}

static void take_settings(struct master *m, struct command *c)
{
    if (c->users >= 0)
        m->users = c->users;
    if (c->spawn_rate > 0)
        m->spawn_rate = c->spawn_rate;
    if (c->run_time_s >= 0)
        m->run_time_s = c->run_time_s;
    if (c->host) {
        free(m->run_host);
        m->run_host = c->host[0] ? mem_strdup(c->host) : NULL;
    }
    if (c->user_classes) {
        proto_texts_free(m->user_classes);
        m->user_classes = c->user_classes;
        c->user_classes = NULL;
    }
}

static struct command_result started(const struct master *m)
{
    struct command_result r = done("Swarming started");
    unsigned long needed = files_needed(m->users, (double)roster_active_count(&m->roster));
    if (m->host.script.has_connections && needed > m->file_limit) {
        char *advice = files_advice(m->file_limit, needed);
        log_warning(LOGGER, "%s", advice);
        free(advice);
    }
    return r;
}

static struct command_result swarm(struct master *m, struct command *c)
{
    bool is_edit = run_is_active(&m->run);
    if (m->finish != FINISH_NOT)
        return refuse("", "The master is shutting down.");
    if (!m->host.has_script)
        return refuse("", "The locustfile is still being loaded.");
    struct command_result r = check(m, c);
    if (!r.is_ok)
        return r;
    r = choices_check(m, c);
    if (!r.is_ok)
        return r;
    if (!c->is_check)
        r = choices_take(m, c);
    if (!r.is_ok)
        return r;
    if (m->host.is_shape_on)
        return refuse("",
                      "A load shape decides about the users; it cannot be edited while it runs.");
    if (!is_edit && !m->host.script.has_shape && c->users < 0 && m->users < 0)
        return refuse("users", "How many users?");
    if (!is_edit && !m->host.script.has_shape && c->spawn_rate < 0 && m->spawn_rate < 0)
        return refuse("spawn_rate", "How many users per second?");
    if (c->is_check)
        return done("");
    take_settings(m, c);
    if (is_edit) {
        if (c->run_time_s >= 0) {
            run_limit(&m->run, m->run_time_s);
            conduct_watch_limit(m);
        }
        conduct_aim(m);
        return started(m);
    }
    const char *refusal = m->host.script.has_shape ? script_begin_shape(m) : conduct_start(m);
    return refusal ? refuse("", refusal) : started(m);
}

static struct command_result reset(struct master *m)
{
    ingest_reset(m);
    show_publish(m);
    return done("Statistics reset");
}

/* A mark belongs to a run: between its start and now, or its end. */
static struct command_result mark(struct master *m, const struct command *c)
{
    double now = master_now().unix_time, end = m->run.ended_at > 0 ? m->run.ended_at : now;
    double at = c->at > 0 ? c->at : end;
    if (m->run.number == 0)
        return refuse("", "There is no run to mark yet.");
    if (at < m->run.started_at - 1 || at > end + 1)
        return refuse("at", "The run was not on at that time.");
    events_add(m->events, at, "marker", "%s", c->text);
    show_publish(m);
    return done("Marked");
}

struct command_result commands_execute(void *arg, struct command *c)
{
    struct master *m = arg;
    switch (c->kind) {
    case CMD_SWARM:
        return swarm(m, c);
    case CMD_STOP:
        conduct_stop(m);
        return done("Test stopped");
    case CMD_RESET:
        return reset(m);
    case CMD_QUIT:
        finish_begin(m, false);
        return done("Shutting down");
    case CMD_RENDER:
        return documents_write(m, c);
    case CMD_TRY:
    case CMD_RELOAD:
        return ask_host(m, c);
    case CMD_MARKER:
        return mark(m, c);
    case CMD_USER_CLASS:
        return choices_user_class(m, c);
    }
    return refuse("", "Unknown command.");
}
