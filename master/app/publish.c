// SPDX-License-Identifier: MIT
/* publish: gathers what view_build.h needs for a snapshot and publishes it. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"
#include <stdlib.h>
#include <string.h>

static bool is_shown(const struct worker *w)
{
    return worker_is_active(w) || w->state == WORKER_STOPPING || w->state == WORKER_MISSING ||
           (w->has_joined && w->lost_at > 0);
}

static size_t list_workers(const struct master *m, struct view_worker *out)
{
    size_t count = 0;
    for (size_t i = 0; i < m->machine.roster.count; i++) {
        const struct worker *w = m->machine.roster.workers[i];
        bool is_alive = worker_is_active(w) || w->state == WORKER_STOPPING;
        if (!is_shown(w))
            continue;
        out[count++] = (struct view_worker){
            .id = w->id,
            .state = worker_state_name(w),
            .index = (int)w->index,
            .users = w->users,
            .cpu_percent = is_alive ? w->cpu_percent : 0,
            .memory_bytes = is_alive ? w->memory_bytes : 0,
            .loop_lag_ms = w->lag_ms,
            .lag_p99_ms = w->lag_p99_ms,
            .fds = w->fds,
            .connections = w->connections,
            .cores = w->cores,
            .throttled = w->throttled,
            .starved = w->starved,
            .weight = w->weight,
            .clock_error_ms = w->clock_error_ms,
            .is_katydid = w->is_katydid,
            .is_missing_some = losses_misses(&m->record.losses, w->id),
            .requests = w->requests,
            .rps = is_alive && m->machine.run.state != RUN_STOPPED ? w->rps : 0,
        };
    }
    return count;
}

/* Users of the second scenario of a class are dealt as CLASS:NAME. */
static bool is_of_class(const char *dealt, const char *class)
{
    const size_t len = strlen(class);
    return !strncmp(dealt, class, len) && (!dealt[len] || dealt[len] == ':');
}

/* What there is of the class, and what is dealt. */
static void count_class(const struct master *m, struct view_class *out)
{
    const struct dispatch *d = m->machine.dispatch;
    if (!d)
        out->users = roster_class_users(&m->machine.roster, out->name);
    for (size_t i = 0; d && i < dispatch_class_count(d); i++)
        if (is_of_class(dispatch_class_name(d, i), out->name)) {
            out->users += roster_class_users(&m->machine.roster, dispatch_class_name(d, i));
            out->dealt += dispatch_class_users(d, i);
        }
}

static size_t list_classes(const struct master *m, struct view_class *out)
{
    const struct script *s = &m->nodes.host.script;
    for (size_t i = 0; i < s->class_count; i++) {
        out[i] = (struct view_class){
            .name = s->classes[i].name,
            .weight = s->classes[i].weight,
            .fixed_count = (int)s->classes[i].fixed_count,
        };
        count_class(m, &out[i]);
    }
    return s->class_count;
}

static size_t list_outputs(const struct master *m, struct output_state *states,
                           struct view_output *out)
{
    size_t count = m->outputs ? outputs_list(m->outputs, states) : 0;
    for (size_t i = 0; i < count; i++)
        out[i] = (struct view_output){states[i].name, states[i].sends, states[i].sent,
                                      states[i].dropped, states[i].trouble};
    return count;
}

static size_t list_losses(const struct master *m, struct view_loss out[LOSSES_MAX])
{
    size_t count = 0;
    for (const struct loss *l = m->record.losses.first; l; l = l->next)
        if (!l->is_settled)
            out[count++] =
                (struct view_loss){l->since, losses_end(l), l->worker ? l->worker : "master"};
    return count;
}

void publish_view(struct master *m)
{
    struct view_loss losses[LOSSES_MAX];
    struct output_state states[OUTPUTS_MAX];
    struct view_output outputs[OUTPUTS_MAX];
    struct view_worker *workers = mem_zalloc((m->machine.roster.count + 1) * sizeof *workers);
    struct view_class *classes =
        mem_zalloc((m->nodes.host.script.class_count + 1) * sizeof *classes);
    struct view head = {
        .now = master_now().unix_time,
        .boot_id = m->nodes.boot_id,
        .run_id = m->machine.run.id,
        .state = run_state_name(m->machine.run.state),
        .version = KATYDID_VERSION,
        .locustfile =
            m->nodes.host.script.locustfile ? m->nodes.host.script.locustfile : m->o->locustfile,
        .host = m->machine.load.host ? m->machine.load.host : script_host(&m->nodes.host.script),
        .profile = m->o->profile ? m->o->profile : "",
        .notice = m->reload.why ? m->reload.why : inbox_notice(&m->nodes),
        .ended_by = m->machine.run.state == RUN_STOPPED ? m->nodes.ended_by : "",
        .started_at = m->machine.run.started_at,
        .ended_at = m->machine.run.ended_at,
        .run_time_s =
            m->machine.run.number > 0 ? m->machine.run.run_time_s : m->machine.load.run_time_s,
        .users = roster_user_count(&m->machine.roster),
        .target_users = run_is_active(&m->machine.run) ? m->machine.run.target_users : 0,
        .spawn_rate = m->machine.run.spawn_rate,
        .next_users = m->machine.load.users,
        .next_rate = m->machine.load.spawn_rate,
        .log_errors = m->logs ? logs_errors(m->logs) : 0,
        .has_shape = m->nodes.host.script.has_shape,
        .scenario_count = plans_are_of_all(&m->plans) ? 0 : m->plans.list.count,
        .plan_count = m->plans.list.count,
        .is_distributed = !m->nodes.is_local,
        .stock_port = m->has_keys ? m->o->allow_stock : 0,
        .is_setting_up = m->machine.is_setting_up,
        .is_tearing_down = m->machine.is_tearing_down,
        .history_file = m->history_file,
        .web = {.socket = m->nodes.host.is_alive ? m->nodes.host.web.socket : "",
                .extensions = m->nodes.host.web.extensions,
                .has_login = m->nodes.host.web.has_login,
                .is_changed = m->nodes.host.web.is_changed,
                .has_page = m->nodes.host.web.has_page},
        .workers = workers,
        .classes = classes,
        .outputs = outputs,
        .losses = losses,
    };
    head.loss_count = list_losses(m, losses);
    head.output_count = list_outputs(m, states, outputs);
    head.worker_count = list_workers(m, workers);
    head.class_count = list_classes(m, classes);
    head.points = timeline_points(m->record.timeline, &head.point_count);
    head.chart = m->tunables.chart;
    timeline_chart(m->record.timeline, head.chart_ms);
    head.timeline = timeline_snapshot(m->record.timeline);
    head.events = events_snapshot(m->record.events);
    head.series = record_series(&m->record, false);
    struct sbuf verdict = {0};
    judging_write(m, &verdict);
    head.verdict = verdict.data;
    head.threshold_count = verdict_count(m->judging.verdict);
    head.threshold_failed = verdict_failed(m->judging.verdict);
    head.is_saturated = events_is_saturated(m->record.events, head.now);
    bridge_publish(m->bridge, view_builder_build(m->record.view_builder, &head, &m->record.stats));
    for (size_t i = 0; i < head.output_count; i++)
        free(states[i].trouble);
    sbuf_fini(&verdict);
    free(workers);
    free(classes);
}
