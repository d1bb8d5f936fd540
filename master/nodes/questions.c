// SPDX-License-Identifier: MIT
/* questions: questions of the page that only the host can answer: try one user, load the file anew.
 *
 * A question keeps the web thread that asked it waiting (bridge.h, is_pending) until the host
 * answers, is gone, or takes too long; so every question ends. Few are under way at a time.
 *
 * Loading anew: the host first checks the file in a process of its own; only when that went well,
 * it and every worker start themselves again. The question is answered when the new host has
 * introduced the new file. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_TIMEOUT_S 40
#define RELOAD_TIMEOUT_S 90
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
    for (struct question **at = &m->host.questions; *at; at = &(*at)->next) {
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
    for (const struct question *q = m->host.questions; q; q = q->next)
        count++;
    return count;
}

static struct command_result check(const struct master *m, bool is_reload)
{
    if (m->finish != FINISH_NOT)
        return refuse("", "The master is shutting down.");
    if (!m->host.is_alive || !m->host.has_script)
        return refuse("", "The locustfile is still being loaded.");
    if (under_way(m) >= QUESTIONS_MAX)
        return refuse("", "Others are trying already; wait until they are done.");
    if (is_reload && (run_is_active(&m->run) || m->run.state == RUN_STOPPING))
        return refuse("", "The locustfile can be loaded anew between tests only: stop this one.");
    for (const struct question *q = m->host.questions; is_reload && q; q = q->next)
        if (q->is_reload)
            return refuse("", "The locustfile is being loaded anew already.");
    return (struct command_result){.is_ok = true};
}

struct command_result ask_host(struct master *m, const struct command *c)
{
    const bool is_reload = c->kind == CMD_RELOAD;
    struct command_result r = check(m, is_reload);
    struct sbuf args = {0}, out = {0};
    struct json_wrong wrong;
    if (!r.is_ok)
        return r;
    if (c->json && !proto_from_json(c->json, &args, &wrong)) {
        sbuf_fini(&args);
        return refuse("", wrong.text);
    }
    struct question *q = mem_zalloc(sizeof *q);
    q->id = ++m->host.last_question;
    q->ticket = c->ticket;
    q->out = c->out;
    q->is_reload = is_reload;
    q->until = master_now().mono + (is_reload ? RELOAD_TIMEOUT_S : TRY_TIMEOUT_S);
    q->next = m->host.questions;
    m->host.questions = q;
    proto_ask(&out, m->host.node_id, q->id, is_reload ? "reload" : "try",
              (struct slice){args.data, args.len});
    post_bytes(m, m->host.node_id, &out);
    sbuf_fini(&args);
    return (struct command_result){.is_ok = true, .is_pending = true};
}

static void restart_worker(struct master *m, struct worker *w)
{
    post_plain(m, "katydid_reload", w->id);
    w->token[0] = 0; /* only the process that ends knows it */
    w->has_shown = false;
}

/* The file is good: everybody starts again. The host comes back with a new katydid_script. */
static void restart_nodes(struct master *m, struct question *q)
{
    q->is_restarting = true;
    m->host.has_script = false;
    children_may_speak(&m->children, false);
    for (size_t i = 0; i < m->roster.count; i++) {
        struct worker *w = m->roster.workers[i];
        if (w->is_katydid && worker_is_active(w) && strcmp(w->id, m->host.node_id) != 0)
            restart_worker(m, w);
    }
    struct worker *local = roster_find(&m->roster, m->host.node_id);
    if (local)
        restart_worker(m, local);
    else
        post_plain(m, "katydid_reload", m->host.node_id);
    log_info(LOGGER, "The locustfile is loaded anew");
}

void ask_answered(struct master *m, struct message_answer *a)
{
    struct question *q = m->host.questions;
    while (q && q->id != a->id)
        q = q->next;
    if (!q || q->is_restarting)
        return;
    if (q->is_reload && !a->error) {
        restart_nodes(m, q);
        return;
    }
    struct command_result r = {.is_ok = !a->error};
    if (q->is_reload) /* that the file is wrong is the answer, not a failure to answer */
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

void ask_script_came(struct master *m)
{
    for (struct question *q = m->host.questions, *next; q; q = next) {
        next = q->next;
        if (q->is_restarting)
            end(m, q, &(struct command_result){.is_ok = true, .text = "Loaded anew"});
    }
}

static void fail_all(struct master *m, const char *why, double due)
{
    for (struct question *q = m->host.questions, *next; q; q = next) {
        next = q->next;
        if (q->until > due)
            continue;
        struct command_result r = refuse("", why);
        r.status = 502;
        sbuf_adds(q->out, why);
        end(m, q, &r);
    }
}

void ask_second(struct master *m)
{
    fail_all(m, "The node that runs the locustfile did not answer in time.", master_now().mono);
}

void ask_host_ended(struct master *m)
{
    fail_all(m, "The process that runs the locustfile has ended.", 1e300);
}
