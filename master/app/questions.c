// SPDX-License-Identifier: MIT
/* questions: questions of the page that only the host can answer: try one user, load the file anew,
 * see whether a target answers.
 *
 * A question keeps the web thread that asked it waiting (bridge.h, is_pending) until the host
 * answers, is gone, or takes too long; so every question ends. Few are under way at a time.
 *
 * Loading anew: the host first checks the file in a process of its own; only when that went well
 * it is loaded (reload.c). The question is answered when the new host has introduced the new file
 * and the workers are back. Is there no host, because that failed, one is started. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_TIMEOUT_S 40
#define PING_TIMEOUT_S 8     /* the host itself gives up after 3 */
#define PING_EVERY_S 0.2     /* at most: people type */
#define RELOAD_TIMEOUT_S 200 /* to check it, and to load it: both end earlier */
#define QUESTIONS_MAX 4

struct question {
    uint64_t id;
    void *ticket;     /* of the command that waits */
    struct sbuf *out; /* its answer goes there */
    double until;     /* monotonic */
    bool is_reload, is_restarting;
    struct question *next;
};

static struct command_result refuse(const char *field, const char *text)
{
    struct command_result r = {.is_ok = false};
    snprintf(r.field, sizeof r.field, "%s", field);
    snprintf(r.text, sizeof r.text, "%s", text);
    return r;
}

static void end(struct master *m, struct question *q, const struct command_result *result)
{
    for (struct question **at = &m->questions; *at; at = &(*at)->next) {
        if (*at != q)
            continue;
        *at = q->next;
        break;
    }
    bridge_answer(m->bridge, q->ticket, result);
    free(q);
}

static size_t under_way(const struct master *m)
{
    size_t count = 0;
    for (const struct question *q = m->questions; q; q = q->next)
        count++;
    return count;
}

bool questions_is_loading(const struct master *m)
{
    for (const struct question *q = m->questions; q; q = q->next)
        if (q->is_reload)
            return true;
    return false;
}

static struct command_result check_between_tests(const struct master *m)
{
    if (run_is_active(&m->machine.run))
        return refuse("", "The locustfile can be loaded anew between tests only: stop this one.");
    if (m->machine.run.state == RUN_STOPPING ||
        (m->machine.run.state == RUN_STOPPED && !m->machine.is_test_over))
        return refuse("", "The last test is still stopping; try again in a moment.");
    return (struct command_result){.is_ok = true};
}

static struct command_result check_reload(const struct master *m)
{
    if (questions_is_loading(m))
        return refuse("", "The locustfile is being loaded anew already.");
    return check_between_tests(m);
}

/* The load's own numbers say how the target answers; and a request that is in none of them would
 * be in the target's log. */
static struct command_result check_ping(struct master *m)
{
    double now = master_now().mono;
    struct command_result r = {.is_ok = true};
    if (run_is_on(&m->machine.run))
        return refuse("", "A test is running: its numbers say how the target answers.");
    if (now - m->pinged_at < PING_EVERY_S) {
        r = refuse("", "Too many pings at once; try again in a moment.");
        r.status = 429;
        return r;
    }
    m->pinged_at = now;
    return r;
}

/* Workers of other machines have files of their own, which nobody chooses here. */
static bool has_workers_elsewhere(const struct master *m)
{
    for (size_t i = 0; i < m->machine.roster.count; i++) {
        const struct worker *w = m->machine.roster.workers[i];
        if (worker_is_active(w) && !children_has(&m->nodes.children, w->id))
            return true;
    }
    return false;
}

static struct command_result check(struct master *m, const struct command *c)
{
    const enum command_kind kind = c->kind;
    const bool is_reload = kind == CMD_RELOAD;
    const bool is_choice = is_reload && c->json && strstr(c->json, "\"file\"");
    bool is_recovery = is_reload && !m->nodes.host.is_alive; /* there is nothing to be asked */
    if (is_choice && has_workers_elsewhere(m))
        return refuse("file", "Workers on other machines have their own files: choose there, or "
                              "start them here.");
    const char *obstacle = reload_obstacle(m);
    if (m->machine.finish != FINISH_NOT)
        return refuse("", "The master is shutting down.");
    if (obstacle && !is_recovery)
        return refuse("", obstacle);
    if (under_way(m) >= QUESTIONS_MAX)
        return refuse("", "Others are trying already; wait until they are done.");
    if (kind == CMD_PING)
        return check_ping(m);
    return is_reload ? check_reload(m) : (struct command_result){.is_ok = true};
}

static double timeout_s(enum command_kind kind)
{
    return kind == CMD_RELOAD ? RELOAD_TIMEOUT_S
           : kind == CMD_PING ? PING_TIMEOUT_S
                              : TRY_TIMEOUT_S;
}

static const char *word(enum command_kind kind)
{
    return kind == CMD_RELOAD ? "reload" : kind == CMD_PING ? "ping" : "try";
}

struct command_result questions_ask(struct master *m, const struct command *c)
{
    const bool is_reload = c->kind == CMD_RELOAD;
    struct command_result r = check(m, c);
    struct sbuf args = {0}, out = {0};
    struct json_wrong wrong;
    if (!r.is_ok)
        return r;
    if (c->json && !proto_from_json(c->json, &args, &wrong)) {
        sbuf_fini(&args);
        return refuse("", wrong.text);
    }
    struct question *q = mem_zalloc(sizeof *q);
    q->id = ++m->last_question;
    q->ticket = c->ticket;
    q->out = c->out;
    q->is_reload = is_reload;
    q->until = master_now().mono + timeout_s(c->kind);
    q->next = m->questions;
    m->questions = q;
    q->is_restarting = !m->nodes.host.is_alive;
    if (q->is_restarting) {
        sbuf_fini(&args);
        reload_begin(m);
        return (struct command_result){.is_ok = true, .is_pending = true};
    }
    proto_ask(&out, m->nodes.host.node_id, q->id, word(c->kind),
              (struct slice){args.data, args.len});
    outbox_bytes(&m->nodes, m->nodes.host.node_id, &out);
    sbuf_fini(&args);
    return (struct command_result){.is_ok = true, .is_pending = true};
}

/* The file is good, and perhaps another than before. A test that was started meanwhile has the old
 * one. */
static void load(struct master *m, struct question *q, const char *result)
{
    struct command_result r = check_between_tests(m);
    if (!r.is_ok) {
        end(m, q, &r);
        return;
    }
    json_t *answer = result ? json_loads(result, 0, NULL) : NULL;
    const char *file = json_string_value(json_object_get(answer, "locustfile"));
    if (file)
        reload_choose(m, file);
    json_decref(answer);
    q->is_restarting = true;
    reload_begin(m);
}

void questions_answered(struct master *m, struct message_answer *a)
{
    struct question *q = m->questions;
    while (q && q->id != a->id)
        q = q->next;
    if (!q || q->is_restarting)
        return;
    if (q->is_reload && !a->error) {
        load(m, q, a->result);
        return;
    }
    struct command_result r = {.is_ok = !a->error};
    if (q->is_reload && !a->field[0]) /* that the file is wrong is no failure to answer */
        r.status = 200;
    else if (a->error && !a->field[0])
        r.status = 502;
    snprintf(r.field, sizeof r.field, "%s", a->field);
    snprintf(r.text, sizeof r.text, "%s", a->error ? a->error : "");
    if (a->error) /* whole: the result's text has room for a line only */
        sbuf_adds(q->out, a->error);
    else if (a->result)
        sbuf_adds(q->out, a->result);
    end(m, q, &r);
}

void questions_loaded_anew(struct master *m)
{
    bool is_done = m->nodes.host.has_script && !nodes_is_alone(&m->nodes);
    for (size_t i = 0; i < m->machine.roster.count; i++)
        is_done &= !m->machine.roster.workers[i]->is_reloading ||
                   !worker_is_active(m->machine.roster.workers[i]);
    for (struct question *q = m->questions, *next; is_done && q; q = next) {
        next = q->next;
        if (q->is_restarting)
            end(m, q, &(struct command_result){.is_ok = true, .text = "Loaded anew"});
    }
}

/* That the file is wrong is the answer, not a failure to answer. */
static void fail(struct master *m, struct question *q, const char *why)
{
    const struct reload *a = &m->reload;
    bool is_answer = q->is_reload && a->whole;
    struct command_result r = refuse("", is_answer ? a->why : why);
    r.status = is_answer ? 200 : 502;
    sbuf_adds(q->out, is_answer ? a->whole : why);
    end(m, q, &r);
}

static void fail_all(struct master *m, const char *why, double due)
{
    for (struct question *q = m->questions, *next; q; q = next) {
        next = q->next;
        if (q->until <= due)
            fail(m, q, why);
    }
}

void questions_second(struct master *m)
{
    questions_loaded_anew(m); /* a worker that was awaited may be gone */
    fail_all(m, "The node that runs the locustfile did not answer in time.", master_now().mono);
}

void questions_host_ended(struct master *m)
{
    fail_all(m, "The process that runs the locustfile has ended.", 1e300);
}
