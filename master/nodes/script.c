// SPDX-License-Identifier: MIT
/* script: the dialogue with the host, the node that runs the user's master-side Python.
 *
 * Events are answered when their listeners have run, in order; a local host hears most of them as
 * a worker, so the master asks it for few: for test_start, because what its listeners set decides
 * how users are dealt out. When the host is gone nobody is left to wait for. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/core.h"
#include "master/data/number_text.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_USERS 100e6

static bool is_for_local(const char *name)
{
    return !strcmp(name, "test_start") || !strcmp(name, "quitting") || !strcmp(name, "quit") ||
           !strcmp(name, "reset_stats");
}

static bool is_host_there(const struct master *m)
{
    return m->host.is_alive && m->host.has_script;
}

static void send_stats(struct master *m)
{
    struct sbuf out = {0};
    host_stats_pack(&m->record, m->host.node_id, &out);
    post_bytes(m, m->host.node_id, &out);
}

void script_stats_second(struct master *m)
{
    if (host_stats_second(&m->record, master_now().unix_time) && is_host_there(m))
        send_stats(m);
}

static void send_event(struct master *m, uint64_t id, const char *name,
                       const struct event_args *args)
{
    struct sbuf out = {0};
    if (host_stats_before_event(m->record.host_stats, name) && is_host_there(m))
        send_stats(m);
    proto_event(&out, m->host.node_id, id, name, args);
    post_bytes(m, m->host.node_id, &out);
}

/* How users are dealt out is the script's, and may be what a listener of test_start made of it. */
static void heard(struct master *m, enum listened listened, unsigned run)
{
    const struct script *s = &m->host.script;
    struct dispatch_class *classes = mem_zalloc((s->class_count + 1) * sizeof *classes);
    for (size_t i = 0; i < s->class_count; i++)
        classes[i] = (struct dispatch_class){s->classes[i].name, s->classes[i].weight,
                                             s->classes[i].fixed_count};
    run_on(m, &(struct machine_event){.kind = ON_HEARD,
                                      .listened = listened,
                                      .run = run,
                                      .classes = classes,
                                      .class_count = s->class_count});
    free(classes);
}

void script_fire(struct master *m, enum listened listened, unsigned run,
                 const struct event_args *args)
{
    struct host *h = &m->host;
    const char *name = listened_name(listened);
    if (!h->is_alive || !h->has_script || (m->is_local && !is_for_local(name))) {
        heard(m, listened, run);
        return;
    }
    struct pending_event **end = &h->pending;
    while (*end)
        end = &(*end)->next;
    *end = mem_zalloc(sizeof **end);
    **end = (struct pending_event){++h->last_event, listened, run, NULL};
    send_event(m, h->last_event, name, args);
}

void script_tell(struct master *m, const char *name, const struct event_args *args)
{
    if (m->host.is_alive && m->host.has_script && (!m->is_local || is_for_local(name)))
        send_event(m, ++m->host.last_event, name, args);
}

static void on_done(struct master *m, const struct message_done *d)
{
    struct host *h = &m->host;
    run_on(m, &(struct machine_event){.kind = ON_HOST_SAYS,
                                      .has_number = d->has_exit_code,
                                      .number = d->exit_code,
                                      .is_unhandled = d->is_unhandled});
    for (struct pending_event **at = &h->pending; *at; at = &(*at)->next) {
        struct pending_event *p = *at;
        if (p->id != d->id)
            continue;
        const struct pending_event e = *p;
        *at = p->next;
        free(p);
        heard(m, e.listened, e.run);
        return;
    }
}

/* The constants of a script take effect. */
static void tune(struct master *m)
{
    const struct script *s = &m->host.script;
    m->tunables = s->tunables;
    if (s->bad_constant)
        log_warning(LOGGER,
                    "The value that the locustfile gives %s makes no sense to the master: it is "
                    "left as it was",
                    s->bad_constant);
    m->machine.roster.liveness =
        m->is_local ? HANDS_LOCAL_PATIENCE_S : tunables_liveness(&m->tunables);
    viewer_ask(m->record.viewer, &m->tunables.statistics);
    timeline_ask(m->record.timeline, &m->tunables.chart);
}

/* Workers that were here before the host could hear of them. */
static void introduce_workers(struct master *m)
{
    for (size_t i = 0; i < m->machine.roster.count; i++) {
        const struct worker *w = m->machine.roster.workers[i];
        if (worker_is_active(w))
            script_tell(m, "worker_connect", &(struct event_args){.client_id = w->id});
    }
}

/* While a run is on its classes stay; what may change goes over. */
static void renew_script(struct master *m, struct script *newer)
{
    struct script *s = &m->host.script, old = *s;
    s->about = newer->about;
    s->options = newer->options;
    s->options_len = newer->options_len;
    s->settings = newer->settings;
    s->tunables = newer->tunables;
    s->hears_reports = newer->hears_reports;
    s->hears_beats = newer->hears_beats;
    newer->about = old.about;
    newer->options = old.options;
    newer->settings = old.settings;
    settings_take(m);
    tune(m);
    script_fini(newer);
}

static void on_script(struct master *m, const struct message *msg)
{
    struct script script;
    if (proto_script(msg, &script) != PROTO_OK) {
        m->record.trouble.broken++;
        return;
    }
    if (m->machine.dispatch) {
        renew_script(m, &script);
        return;
    }
    bool is_first = !m->host.has_script;
    struct script old = m->host.script;
    m->host.script = script;
    m->host.has_script = true;
    children_may_speak(&m->children, true);
    settings_take(m);
    script_fini(&old);
    tune(m);
    if (!is_first)
        return;
    introduce_workers(m);
    anew_script_came(m);
    ask_loaded_anew(m);
}

static void on_answer(struct master *m, const struct message *msg)
{
    struct message_answer answer;
    if (proto_answer(msg->data, &answer))
        ask_answered(m, &answer);
    else
        m->record.trouble.broken++;
    answer_fini(&answer);
}

static void send_report(struct master *m)
{
    struct sbuf html = {0}, out = {0};
    bool is_made = results_report(m, &html);
    proto_report(&out, m->host.node_id, is_made ? &html : NULL);
    post_bytes(m, m->host.node_id, &out);
    sbuf_fini(&html);
}

static void on_want(struct master *m, const struct message_want *w)
{
    if (w->has_stats)
        host_stats_want(m->record.host_stats, w->stats);
    if (w->has_stats && w->stats)
        send_stats(m);
    if (w->report)
        send_report(m);
}

static char **copy_texts(char **from)
{
    size_t count = 0;
    while (from && from[count])
        count++;
    char **to = from ? mem_zalloc((count + 1) * sizeof *to) : NULL;
    for (size_t i = 0; i < count; i++)
        to[i] = mem_strdup(from[i]);
    return to;
}

static bool is_aim(double users, double rate)
{
    return users >= 0 && users <= MAX_USERS && rate > 0 && isfinite(rate);
}

static void take_classes(struct master *m, char ***from)
{
    proto_texts_free(m->machine.load.user_classes);
    m->machine.load.user_classes = *from;
    *from = NULL;
}

static void aim(struct master *m, double users, double rate, char ***classes)
{
    m->machine.load.users = floor(users);
    m->machine.load.spawn_rate = rate;
    take_classes(m, classes);
    if (run_is_active(&m->machine.run)) {
        run_on(m, &(struct machine_event){.kind = ON_AIM});
        return;
    }
    const char *refusal = run_begin(m);
    if (refusal)
        log_warning(LOGGER, "%s", refusal);
}

/* Why the run is about to end, when code says so. The log has it already. */
static void take_reason(struct master *m, const char *reason)
{
    if (!reason[0] || !run_is_active(&m->machine.run) || m->stop_reason[0])
        return;
    snprintf(m->stop_reason, sizeof m->stop_reason, "%s", reason);
    snprintf(m->notice, sizeof m->notice, "The test was stopped: %s", reason);
}

void script_on_call(struct master *m, const struct message_call *c)
{
    take_reason(m, c->reason);
    switch (c->method) {
    case CALL_START:
        if (!is_aim(c->users, c->spawn_rate)) {
            log_error(LOGGER,
                      "runner.start(%g, %g): users must be 0 or more, the spawn rate above 0",
                      c->users, c->spawn_rate);
            return;
        }
        break;
    case CALL_STOP:
        run_on(m, &(struct machine_event){.kind = ON_STOP});
        return;
    case CALL_QUIT:
        run_on(m, &(struct machine_event){.kind = ON_QUIT});
        return;
    case CALL_REASON:
        return;
    case CALL_RESET:
        record_reset(&m->record, master_now().unix_time);
        return;
    case CALL_CLEAR:
        run_clear(m);
        return;
    }
    char **classes = copy_texts(c->user_classes);
    aim(m, c->users, c->spawn_rate, &classes);
}

static bool is_same_tick(const struct tick_memory *last, const struct message_ticked *t)
{
    if (!last->is_set || last->users < t->users || last->users > t->users ||
        last->spawn_rate < t->spawn_rate || last->spawn_rate > t->spawn_rate ||
        !last->user_classes != !t->user_classes)
        return false;
    for (size_t i = 0; last->user_classes; i++) {
        if (!last->user_classes[i] || !t->user_classes[i])
            return last->user_classes[i] == t->user_classes[i];
        if (strcmp(last->user_classes[i], t->user_classes[i]) != 0)
            return false;
    }
    return true;
}

void script_forget_tick(struct master *m)
{
    proto_texts_free(m->host.last_tick.user_classes);
    m->host.last_tick = (struct tick_memory){0};
}

static void shape_failed(struct master *m, const char *why)
{
    log_error(LOGGER, "The load shape failed: %s", why);
    run_on(m, &(struct machine_event){.kind = ON_HOST_SAYS, .is_unhandled = true});
    run_on(m, &(struct machine_event){.kind = ON_END, .reason = END_SHAPE_FAILED});
}

static void on_ticked(struct master *m, struct message_ticked *t)
{
    struct host *h = &m->host;
    h->is_tick_out = false;
    if (!m->machine.is_shaped)
        return;
    if (t->result == TICK_ERROR) {
        shape_failed(m, t->error);
    } else if (t->result == TICK_END) {
        log_info(LOGGER, "Shape test stopping");
        run_on(m, &(struct machine_event){.kind = ON_END, .reason = END_SHAPE_OVER});
    } else if (!is_aim(t->users, t->spawn_rate)) {
        shape_failed(m, "tick() must give users of 0 or more and a spawn rate above 0");
    } else if (!is_same_tick(&h->last_tick, t)) {
        log_info(LOGGER, "Shape test updating to %.0f users at %.2f spawn rate", floor(t->users),
                 t->spawn_rate);
        script_forget_tick(m);
        h->last_tick =
            (struct tick_memory){t->users, t->spawn_rate, copy_texts(t->user_classes), true};
        aim(m, t->users, t->spawn_rate, &t->user_classes);
    }
}

const char *script_begin_shape(struct master *m)
{
    const char *obstacle = machine_obstacle(&m->machine);
    if (obstacle)
        return obstacle;
    log_info(LOGGER, "Shape test starting.");
    log_info(LOGGER, "Shape worker starting");
    script_forget_tick(m);
    run_on(m, &(struct machine_event){.kind = ON_SHAPE});
    m->host.is_tick_out = false;
    script_second(m);
    return NULL;
}

void script_second(struct master *m)
{
    struct host *h = &m->host;
    if (m->machine.is_shaped && !h->is_tick_out && h->is_alive)
        h->is_tick_out = post_plain(m, "katydid_tick", h->node_id);
    script_send_state(m);
}

static struct host_state host_state(const struct master *m)
{
    return (struct host_state){
        .state = run_state_name(m->machine.run.state),
        .users = roster_user_count(&m->machine.roster),
        .target_users = m->machine.run.target_users,
        .worker_count = (unsigned)roster_active_count(&m->machine.roster),
        .total = &m->record.stats.total,
    };
}

void script_send_state(struct master *m)
{
    const struct script *s = &m->host.script;
    if (!m->host.is_alive || !m->host.has_script)
        return;
    struct class_users *classes = mem_zalloc((s->class_count + 1) * sizeof *classes);
    for (size_t c = 0; c < s->class_count; c++) {
        classes[c].name = s->classes[c].name;
        classes[c].users = roster_class_users(&m->machine.roster, s->classes[c].name);
    }
    struct host_state state = host_state(m);
    state.classes = classes;
    state.class_count = s->class_count;
    struct sbuf out = {0};
    proto_state(&out, m->host.node_id, &state);
    post_bytes(m, m->host.node_id, &out);
    free(classes);
}

static void on_web(struct master *m, struct message_web *web)
{
    free(m->host.web.extensions);
    m->host.web = *web;
    web->extensions = NULL;
    show_publish(m);
}

void script_tell_page(struct master *m, int port, const char *secret)
{
    struct sbuf out = {0};
    proto_page(&out, m->host.node_id,
               &(struct host_page){.address = "127.0.0.1",
                                   .port = port,
                                   .secret = secret,
                                   .base_path = m->o->web_base_path ? m->o->web_base_path : "",
                                   .has_tls = m->o->tls_cert && m->o->tls_key});
    post_bytes(m, m->host.node_id, &out);
}

void script_open_page(struct master *m)
{
    struct sbuf out = {0};
    if (!m->page_url || !m->host.is_alive || !m->host.has_script)
        return;
    proto_browse(&out, m->host.node_id, m->page_url);
    post_bytes(m, m->host.node_id, &out);
}

static void answer_as_worker(struct master *m, const struct message *msg)
{
    struct sbuf out = {0};
    const struct message_stats *s = &msg->stats;
    if (msg->kind == MESSAGE_CLIENT_READY) {
        proto_ack(&out, m->host.node_id, 0, m->boot_id, NULL);
    } else if (msg->kind != MESSAGE_STATS || !s->is_katydid) {
        return;
    } else if (record_needs_names(&m->record, NULL, s)) {
        proto_report_nameless(&out, m->host.node_id, s->epoch, s->seq, 1);
    } else {
        record_host_report(&m->record, s, m->inbox.handled.steady);
        proto_report_ack(&out, m->host.node_id, s->epoch, s->seq, 1);
    }
    post_bytes(m, m->host.node_id, &out);
}

static void on_call(struct master *m, const struct message_call *c)
{
    if (c->method == CALL_QUIT && c->has_exit_code)
        run_on(m, &(struct machine_event){.kind = ON_HOST_EXIT, .number = c->exit_code});
    script_on_call(m, c);
}

void script_on_message(struct master *m, struct message *msg)
{
    if (msg->kind == MESSAGE_SCRIPT)
        on_script(m, msg);
    else if (msg->kind == MESSAGE_CALL)
        on_call(m, &msg->call);
    else if (msg->kind == MESSAGE_TICKED)
        on_ticked(m, &msg->ticked);
    else if (msg->kind == MESSAGE_DONE)
        on_done(m, &msg->done);
    else if (msg->kind == MESSAGE_ANSWER)
        on_answer(m, msg);
    else if (msg->kind == MESSAGE_WANT)
        on_want(m, &msg->want);
    else if (msg->kind == MESSAGE_LINES)
        inbox_take_lines(m, "host", msg);
    else if (msg->kind == MESSAGE_WEB)
        on_web(m, &msg->web);
    else if (msg->kind == MESSAGE_LOGS)
        logbook_take(m->logbook, m->host.node_id, &msg->data, NULL);
    else
        answer_as_worker(m, msg);
}

void script_forget_events(struct master *m)
{
    struct host *h = &m->host;
    while (h->pending) {
        struct pending_event *p = h->pending, e = *p;
        h->pending = p->next;
        free(p);
        heard(m, e.listened, e.run);
    }
}

void script_host_ended(struct master *m)
{
    m->host.is_alive = false;
    m->host.is_tick_out = false;
    ask_host_ended(m);
    script_forget_events(m);
}
