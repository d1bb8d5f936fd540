// SPDX-License-Identifier: MIT
/* script: the dialogue with the host, the node that runs the user's master-side Python.
 *
 * Events are answered when their listeners have run, in order; a local host hears most of them as
 * a worker, so the master asks it for few: for test_start, because what its listeners set decides
 * how users are dealt out. When the host is gone nobody is left to wait for. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/data/host_stats.h"
#include "master/nodes/nodes.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_USERS 100e6

static bool is_for_local(const char *name)
{
    return !strcmp(name, "setup") || !strcmp(name, "setup_cancelled") ||
           !strcmp(name, "teardown") || !strcmp(name, "test_start") || !strcmp(name, "quitting") ||
           !strcmp(name, "quit") || !strcmp(name, "reset_stats");
}

static bool is_host_there(const struct nodes *n)
{
    return n->host.is_alive && n->host.has_script;
}

static void send_stats(struct nodes *n)
{
    struct sbuf out = {0};
    host_stats_pack(n->record, n->host.node_id, &out);
    outbox_bytes(n, n->host.node_id, &out);
}

void script_stats_second(struct nodes *n)
{
    if (host_stats_second(n->record, nodes_now(n).unix_time) && is_host_there(n))
        send_stats(n);
}

static void send_event(struct nodes *n, uint64_t id, const char *name,
                       const struct event_args *args)
{
    struct sbuf out = {0};
    if (host_stats_before_event(n->record->host_stats, name) && is_host_there(n))
        send_stats(n);
    proto_event(&out, n->host.node_id, id, name, args);
    outbox_bytes(n, n->host.node_id, &out);
}

/* How users are dealt out is the script's, and may be what a listener of test_start made of it. */
static void heard(struct nodes *n, enum listened listened, unsigned run, bool is_failed)
{
    const struct script *s = &n->host.script;
    struct dispatch_class *classes = mem_zalloc((s->class_count + 1) * sizeof *classes);
    for (size_t i = 0; i < s->class_count; i++)
        classes[i] = (struct dispatch_class){s->classes[i].name, s->classes[i].weight,
                                             s->classes[i].fixed_count, false};
    nodes_on(
        n, &(struct machine_event){.kind = ON_HEARD,
                                   .listened = listened,
                                   .run = run,
                                   .is_failed = is_failed,
                                   .classes = n->pool_count ? n->pools : classes,
                                   .class_count = n->pool_count ? n->pool_count : s->class_count});
    free(classes);
}

static bool is_once(enum listened listened)
{
    return listened == HEAR_SETUP || listened == HEAR_TEARDOWN;
}

void script_fire(struct nodes *n, enum listened listened, unsigned run,
                 const struct event_args *args)
{
    struct host *h = &n->host;
    const char *name = listened_name(listened);
    if (!h->is_alive || !h->has_script || (n->is_local && !is_for_local(name))) {
        heard(n, listened, run, is_once(listened));
        return;
    }
    struct pending_event **end = &h->pending;
    while (*end)
        end = &(*end)->next;
    *end = mem_zalloc(sizeof **end);
    **end = (struct pending_event){++h->last_event, listened, run, NULL};
    send_event(n, h->last_event, name, args);
}

void script_tell(struct nodes *n, const char *name, const struct event_args *args)
{
    if (n->host.is_alive && n->host.has_script && (!n->is_local || is_for_local(name)))
        send_event(n, ++n->host.last_event, name, args);
}

static void take_setup(struct nodes *n, struct slice data, unsigned run)
{
    struct setup *s = &n->host.setup;
    free(s->data);
    *s = (struct setup){data.len ? mem_dup(data.data, data.len) : NULL, data.len, run};
}

void script_cancel_setup(struct nodes *n)
{
    script_tell(n, "setup_cancelled", &(struct event_args){0});
}

static void on_done(struct nodes *n, const struct message_done *d)
{
    struct host *h = &n->host;
    nodes_on(n, &(struct machine_event){.kind = ON_HOST_SAYS,
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
        if (e.listened == HEAR_SETUP && e.run == n->machine->run.number)
            take_setup(n, d->setup, e.run);
        heard(n, e.listened, e.run, d->is_failed);
        return;
    }
}

/* The constants of a script take effect. */
static void tune(struct nodes *n)
{
    const struct script *s = &n->host.script;
    *n->tunables = s->tunables;
    if (s->bad_constant)
        log_warning(LOGGER,
                    "The value that the locustfile gives %s makes no sense to the master: it is "
                    "left as it was",
                    s->bad_constant);
    n->machine->roster.liveness =
        n->is_local ? REGISTRY_LOCAL_PATIENCE_S : tunables_liveness(n->tunables);
    view_builder_ask(n->record->view_builder, &n->tunables->statistics);
    timeline_ask(n->record->timeline, &n->tunables->chart);
}

/* Workers that were here before the host could hear of them. */
static void introduce_workers(struct nodes *n)
{
    for (size_t i = 0; i < n->machine->roster.count; i++) {
        const struct worker *w = n->machine->roster.workers[i];
        if (worker_is_active(w))
            script_tell(n, "worker_connect", &(struct event_args){.client_id = w->id});
    }
}

/* While a run is on its classes stay; what may change goes over. */
static void renew_script(struct nodes *n, struct script *newer)
{
    struct script *s = &n->host.script, old = *s;
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
    n->above.settings(n->above.arg);
    tune(n);
    script_fini(newer);
}

static void on_script(struct nodes *n, const struct message *msg)
{
    struct script script;
    if (proto_script(msg, &script) != PROTO_OK) {
        n->record->trouble.broken++;
        return;
    }
    if (n->machine->dispatch) {
        renew_script(n, &script);
        return;
    }
    bool is_first = !n->host.has_script;
    struct script old = n->host.script;
    n->host.script = script;
    n->host.has_script = true;
    children_may_speak(&n->children, true);
    n->above.settings(n->above.arg);
    script_fini(&old);
    tune(n);
    if (!is_first)
        return;
    introduce_workers(n);
    n->above.loaded(n->above.arg, true);
}

static void on_answer(struct nodes *n, const struct message *msg)
{
    struct message_answer answer;
    if (proto_answer(msg->data, &answer))
        n->above.answered(n->above.arg, &answer);
    else
        n->record->trouble.broken++;
    answer_fini(&answer);
}

static void send_report(struct nodes *n)
{
    struct sbuf html = {0}, out = {0};
    bool is_made = n->above.html_report(n->above.arg, &html);
    proto_report(&out, n->host.node_id, is_made ? &html : NULL);
    outbox_bytes(n, n->host.node_id, &out);
    sbuf_fini(&html);
}

static void on_want(struct nodes *n, const struct message_want *w)
{
    if (w->has_stats)
        host_stats_want(n->record->host_stats, w->stats);
    if (w->has_stats && w->stats)
        send_stats(n);
    if (w->report)
        send_report(n);
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

static void take_classes(struct nodes *n, char ***from)
{
    proto_texts_free(n->machine->load.user_classes);
    n->machine->load.user_classes = *from;
    *from = NULL;
}

static void aim(struct nodes *n, double users, double rate, char ***classes)
{
    n->machine->load.users = floor(users);
    n->machine->load.spawn_rate = rate;
    take_classes(n, classes);
    if (run_is_active(&n->machine->run)) {
        nodes_on(n, &(struct machine_event){.kind = ON_AIM});
        return;
    }
    const char *obstacle = machine_obstacle(n->machine);
    if (obstacle)
        log_warning(LOGGER, "%s", obstacle);
    else
        nodes_on(n, &(struct machine_event){.kind = ON_START});
}

/* Why the run is about to end, when code says so. The log has it already. */
static void take_reason(struct nodes *n, const char *reason)
{
    if (!reason[0] || !run_is_active(&n->machine->run) || n->stop_reason[0])
        return;
    snprintf(n->stop_reason, sizeof n->stop_reason, "%s", reason);
    nodes_note_end(n, reason);
    snprintf(n->notice, sizeof n->notice, "The test was stopped: %s", reason);
}

void script_on_call(struct nodes *n, const struct message_call *c)
{
    take_reason(n, c->reason);
    const bool is_on = run_is_active(&n->machine->run);
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
        if (is_on)
            nodes_note_end(n, "the locustfile called runner.stop()");
        nodes_on(n, &(struct machine_event){.kind = ON_STOP});
        return;
    case CALL_QUIT:
        if (is_on)
            nodes_note_end(n, "the locustfile called runner.quit()");
        nodes_on(n, &(struct machine_event){.kind = ON_QUIT});
        return;
    case CALL_REASON:
        return;
    case CALL_RESET:
        record_reset(n->record, nodes_now(n).unix_time);
        return;
    case CALL_CLEAR:
        record_clear_requests(n->record, nodes_now(n).unix_time);
        return;
    }
    char **classes = copy_texts(c->user_classes);
    aim(n, c->users, c->spawn_rate, &classes);
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

void script_forget_tick(struct nodes *n)
{
    proto_texts_free(n->host.last_tick.user_classes);
    n->host.last_tick = (struct tick_memory){0};
}

static void shape_failed(struct nodes *n, const char *why)
{
    log_error(LOGGER, "The load shape failed: %s", why);
    nodes_on(n, &(struct machine_event){.kind = ON_HOST_SAYS, .is_unhandled = true});
    nodes_on(n, &(struct machine_event){.kind = ON_END, .reason = END_SHAPE_FAILED});
}

static void on_ticked(struct nodes *n, struct message_ticked *t)
{
    struct host *h = &n->host;
    h->is_tick_out = false;
    if (!n->machine->is_shaped)
        return;
    if (t->result == TICK_ERROR) {
        shape_failed(n, t->error);
    } else if (t->result == TICK_END) {
        log_info(LOGGER, "Shape test stopping");
        nodes_on(n, &(struct machine_event){.kind = ON_END, .reason = END_SHAPE_OVER});
    } else if (!is_aim(t->users, t->spawn_rate)) {
        shape_failed(n, "tick() must give users of 0 or more and a spawn rate above 0");
    } else if (!is_same_tick(&h->last_tick, t)) {
        log_info(LOGGER, "Shape test updating to %.0f users at %.2f spawn rate", floor(t->users),
                 t->spawn_rate);
        script_forget_tick(n);
        h->last_tick =
            (struct tick_memory){t->users, t->spawn_rate, copy_texts(t->user_classes), true};
        aim(n, t->users, t->spawn_rate, &t->user_classes);
    }
}

const char *script_begin_shape(struct nodes *n)
{
    const char *obstacle = machine_obstacle(n->machine);
    if (obstacle)
        return obstacle;
    log_info(LOGGER, "Shape test starting.");
    log_info(LOGGER, "Shape worker starting");
    script_forget_tick(n);
    nodes_on(n, &(struct machine_event){.kind = ON_SHAPE});
    n->host.is_tick_out = false;
    script_second(n);
    return NULL;
}

void script_second(struct nodes *n)
{
    struct host *h = &n->host;
    if (n->machine->is_shaped && !n->machine->is_setting_up && !h->is_tick_out && h->is_alive)
        h->is_tick_out = outbox_plain(n, "katydid_tick", h->node_id);
    script_send_state(n);
}

static struct host_state host_state(const struct nodes *n)
{
    return (struct host_state){
        .state = run_state_name(n->machine->run.state),
        .users = roster_user_count(&n->machine->roster),
        .target_users = n->machine->run.target_users,
        .spawn_rate = n->machine->run.spawn_rate,
        .worker_count = (unsigned)roster_active_count(&n->machine->roster),
        .total = &n->record->stats.total,
    };
}

void script_send_state(struct nodes *n)
{
    const struct script *s = &n->host.script;
    if (!n->host.is_alive || !n->host.has_script)
        return;
    struct class_users *classes = mem_zalloc((s->class_count + 1) * sizeof *classes);
    for (size_t c = 0; c < s->class_count; c++) {
        classes[c].name = s->classes[c].name;
        classes[c].users = roster_class_users(&n->machine->roster, s->classes[c].name);
    }
    struct host_state state = host_state(n);
    state.classes = classes;
    state.class_count = s->class_count;
    struct sbuf out = {0};
    proto_state(&out, n->host.node_id, &state);
    outbox_bytes(n, n->host.node_id, &out);
    free(classes);
}

static void on_web(struct nodes *n, struct message_web *web)
{
    free(n->host.web.extensions);
    n->host.web = *web;
    web->extensions = NULL;
    n->above.publish(n->above.arg);
}

void script_tell_page(struct nodes *n, int port, const char *secret)
{
    struct sbuf out = {0};
    proto_page(&out, n->host.node_id,
               &(struct host_page){.address = "127.0.0.1",
                                   .port = port,
                                   .secret = secret,
                                   .base_path = n->o->web_base_path ? n->o->web_base_path : "",
                                   .has_tls = n->o->tls_cert && n->o->tls_key});
    outbox_bytes(n, n->host.node_id, &out);
}

void script_open_page(struct nodes *n, const char *url)
{
    struct sbuf out = {0};
    if (!url || !n->host.is_alive || !n->host.has_script)
        return;
    proto_browse(&out, n->host.node_id, url);
    outbox_bytes(n, n->host.node_id, &out);
}

static void answer_as_worker(struct nodes *n, const struct message *msg)
{
    struct sbuf out = {0};
    const struct message_stats *s = &msg->stats;
    if (msg->kind == MESSAGE_CLIENT_READY) {
        proto_ack(&out, n->host.node_id, 0, n->boot_id, NULL);
    } else if (msg->kind != MESSAGE_STATS || !s->is_katydid) {
        return;
    } else if (record_needs_names(n->record, NULL, s)) {
        proto_report_nameless(&out, n->host.node_id, s->epoch, s->seq, 1);
    } else {
        record_host_report(n->record, s, n->inbox.handled.steady);
        proto_report_ack(&out, n->host.node_id, s->epoch, s->seq, 1);
    }
    outbox_bytes(n, n->host.node_id, &out);
}

static void on_call(struct nodes *n, const struct message_call *c)
{
    if (c->method == CALL_QUIT && c->has_exit_code)
        nodes_on(n, &(struct machine_event){.kind = ON_HOST_EXIT, .number = c->exit_code});
    script_on_call(n, c);
}

void script_on_message(struct nodes *n, struct message *msg)
{
    if (msg->kind == MESSAGE_SCRIPT)
        on_script(n, msg);
    else if (msg->kind == MESSAGE_CALL)
        on_call(n, &msg->call);
    else if (msg->kind == MESSAGE_TICKED)
        on_ticked(n, &msg->ticked);
    else if (msg->kind == MESSAGE_DONE)
        on_done(n, &msg->done);
    else if (msg->kind == MESSAGE_ANSWER)
        on_answer(n, msg);
    else if (msg->kind == MESSAGE_WANT)
        on_want(n, &msg->want);
    else if (msg->kind == MESSAGE_LINES)
        nodes_take_lines(n, "host", msg);
    else if (msg->kind == MESSAGE_WEB)
        on_web(n, &msg->web);
    else if (msg->kind == MESSAGE_LOGS)
        node_logs_take(n->node_logs, n->host.node_id, &msg->data, NULL);
    else
        answer_as_worker(n, msg);
}

void script_forget_events(struct nodes *n)
{
    struct host *h = &n->host;
    while (h->pending) {
        struct pending_event *p = h->pending, e = *p;
        h->pending = p->next;
        free(p);
        heard(n, e.listened, e.run, is_once(e.listened));
    }
}

void script_free_events(struct nodes *n)
{
    while (n->host.pending) {
        struct pending_event *p = n->host.pending;
        n->host.pending = p->next;
        free(p);
    }
}
