// SPDX-License-Identifier: MIT
/* perform: hands events to the run machine and carries its actions out, in order. What an action
 * causes at once (nobody listens, nothing is to be written) is told to the machine on the way. */
#include "common/base/clk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/secret.h"
#include "master/app/core.h"
#include "master/app/plan_knee.h"
#include "common/run/exit_code.h"
#include "common/run/run_log.h"
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note(struct master *m, enum machine_line line)
{
    const struct machine *k = &m->machine;
    const double now = master_now().unix_time;
    if (line == LINE_STOPPED)
        events_add(m->record.events, now, "stop", "Test stopped%s%s",
                   m->nodes.stop_reason[0] ? ": " : "", m->nodes.stop_reason);
    else if (line == LINE_START && m->plans.list.count > 0)
        events_add(m->record.events, k->run.started_at, "start", "%zu scenario%s",
                   m->plans.list.count, m->plans.list.count == 1 ? "" : "s");
    else
        events_add(m->record.events, line == LINE_START ? k->run.started_at : now,
                   line == LINE_START         ? "start"
                   : line == LINE_SHAPE_STAGE ? "stage"
                                              : "users",
                   "%.0f users, %g per second", k->load.users, k->load.spawn_rate);
}

/* For the page: why there is no load any more. */
static void note_end(struct master *m, const struct machine_action *a)
{
    static const char *const reasons[] = {
        [END_TIME_LIMIT] = "its run time was over",
        [END_SHAPE_OVER] = "the load shape had come to its end",
        [END_SHAPE_FAILED] = "tick() of the load shape failed",
        [END_DONE] = "all iterations were done",
    };
    const char *words =
        a->line == LINE_END && a->reason == END_TIME_LIMIT ? plans_end_words(m) : NULL;
    if (a->line == LINE_END)
        nodes_note_end(&m->nodes, words ? words : reasons[a->reason]);
    else if (a->line == LINE_SIGNAL && run_is_on(&m->machine.run))
        nodes_note_end(&m->nodes, "the master was told to end");
    else if (a->line == LINE_SETUP_FAILED)
        nodes_note_end(&m->nodes, "its setup failed");
    else if (a->line == LINE_LAST_QUIT || a->line == LINE_LAST_MISSING ||
             a->line == LINE_LAST_ENDED)
        nodes_note_end(&m->nodes, "no worker was left");
}

/* What runs once a run. */
static void note_once(struct master *m, enum machine_line line)
{
    struct nodes *n = &m->nodes;
    if (line == LINE_SETUP)
        m->setup_at = master_now().mono;
    else if (line == LINE_UNDO_FAILED)
        snprintf(n->notice, sizeof n->notice,
                 "The test's teardown failed: what it was to put away "
                 "may still be there. Logs have the reason.");
}

/* Whoever reaches the port can make workers come and go: that must not fill the log. */
static void tell(struct master *m, const struct machine_action *a)
{
    note_end(m, a);
    note_once(m, a->line);
    if (a->line == LINE_HOST_UNLOADED) { /* there is no log yet, for who calls us */
        fprintf(stderr, "%s: the process that loads the locustfile was ended by signal %d\n",
                options_program(), a->signal);
        return;
    }
    const bool is_of_worker =
        a->line == LINE_IDLE_WORKER || (a->line == LINE_WORKER_QUIT && !m->machine.rules.is_local);
    if (!is_of_worker || nodes_may_log(&m->nodes, LINES_WORKERS))
        run_log(&m->machine, a);
    char *reasons = a->line == LINE_LEAVING ? judging_reasons(m) : NULL;
    if (reasons)
        log_info(MAIN_LOGGER, "Verdict (exit code %d): %s", a->number, reasons);
    free(reasons);
}

static void fire(struct master *m, const struct machine_action *a)
{
    struct event_args args = {0};
    const struct machine_rules *r = &m->machine.rules;
    if (a->listened == HEAR_TEST_START || a->listened == HEAR_SETUP)
        args.run = m->machine.run.id;
    if (a->listened == HEAR_TEST_START) {
        receivers_begin(m);
        args.journals = &m->nodes.journals; /* a local host hears no spawn order before its users */
    }
    if (a->listened == HEAR_SETUP)
        args.timeout = &r->setup_time_s;
    if (a->listened == HEAR_TEARDOWN)
        args.timeout = &r->teardown_time_s;
    if (a->listened == HEAR_SPAWNING_COMPLETE)
        args.user_count = &a->users;
    else if (a->listened == HEAR_QUIT)
        args.exit_code = &a->number;
    script_fire(&m->nodes, a->listened, a->run, &args);
}

static void tell_spawned(struct master *m, unsigned users)
{
    const struct roster *r = &m->machine.roster;
    for (size_t i = 0; i < r->count; i++) {
        struct sbuf out = {0};
        if (!worker_is_active(r->workers[i]))
            continue;
        proto_spawning_complete(&out, r->workers[i]->id, users);
        outbox_bytes(&m->nodes, r->workers[i]->id, &out);
    }
}

/* Nothing but a certificate that does not verify: one cause, with a mend, told as such. */
static bool is_certificate_alone(const struct stats *s)
{
    for (const struct failure *f = s->failures; f; f = f->next)
        if (!strstr(f->text, "CERTIFICATE_VERIFY_FAILED"))
            return false;
    return s->failures && s->total.failures == s->total.requests;
}

/* As in Locust: the lists decide. */
static int judge(const struct master *m)
{
    const int wanted = judging_forgives_failures(m) ? 0 : m->o->exit_code_on_error;
    if (m->record.stats.failure_count == 0 && m->record.stats.exception_count == 0)
        return 0;
    if (wanted != EXIT_FAILED || !is_certificate_alone(&m->record.stats))
        return wanted & 255;
    log_error(MAIN_LOGGER,
              "Every request failed: the host's certificate does not verify. Name the "
              "authority that signed it with self.client.verify = \"/path/ca.pem\" in the "
              "user's on_start, or skip the check with self.client.verify = False.");
    return exit_code_as(m->o->is_locust, EXIT_CERTIFICATE);
}

static void release(struct master *m)
{
    const struct roster *r = &m->machine.roster;
    for (size_t i = 0; i < r->count; i++) {
        const struct worker *w = r->workers[i];
        bool is_host =
            !strcmp(w->id, m->nodes.host.node_id); /* it leaves after its own `quit` event */
        if (w->has_joined && w->state != WORKER_GONE && !is_host) {
            log_debug(LOGGER, "Sending quit message to worker %s (index %u)", w->id, w->index);
            outbox_plain(&m->nodes, "quit", w->id);
        }
    }
    if (m->nodes.host.is_alive && !m->nodes.host.has_script) /* it is loading the locustfile */
        children_signal_node(&m->nodes.children, m->nodes.host.node_id, SIGTERM);
    page_close(m); /* while they end */
    run_on(m, &(struct machine_event){.kind = ON_CHILDREN,
                                      .children = children_running(&m->nodes.children)});
}

static void to_worker(struct master *m, const struct machine_action *a)
{
    const char *id = a->worker->id;
    if (a->kind == DO_STOP_STRAY && !m->nodes.is_local)
        log_debug(LOGGER, "Sending stop message to worker %s", id);
    outbox_plain(&m->nodes, a->kind == DO_QUIT_WORKER ? "quit" : "stop", id);
}

void run_reset(struct master *m)
{
    record_reset(&m->record, master_now().unix_time);
    script_tell(&m->nodes, "reset_stats", &(struct event_args){0});
}

static void are_written(struct master *m, int code)
{
    run_on(m, &(struct machine_event){.kind = ON_WRITTEN, .number = code});
}

/* Of this run only: what people chose stays as it is. */
static void limit_run(struct master *m, double run_time_s)
{
    const double chosen_s = m->machine.load.run_time_s;
    if (run_time_s <= 0)
        return;
    m->machine.load.run_time_s = run_time_s;
    run_on(m, &(struct machine_event){.kind = ON_LIMIT});
    m->machine.load.run_time_s = chosen_s;
}

void run_limit_to(struct master *m, double run_time_s)
{
    const double chosen_s = m->machine.load.run_time_s;
    if (run_time_s > 0)
        m->machine.load.run_time_s = run_time_s;
    run_on(m, &(struct machine_event){.kind = ON_LIMIT});
    m->machine.load.run_time_s = chosen_s;
}

static void carry_out(struct master *m, const struct machine_action *a)
{
    switch (a->kind) {
    case DO_CLEAR:
        nodes_clear(&m->nodes);
        judging_begin(m);
        absence_forget(&m->nodes);
        break;
    case DO_BEGIN:
        m->begin(m);
        break;
    case DO_RELOAD_FAILED:
        reload_failed(m, a->number, a->signal);
        break;
    case DO_RESET:
        run_reset(m);
        break;
    case DO_BEGAN:
        record_began(&m->record, master_now().unix_time);
        events_add(m->record.events, master_now().unix_time, "setup", "Set up in %.1f s",
                   master_now().mono - m->setup_at);
        break;
    case DO_CANCEL_SETUP:
        script_cancel_setup(&m->nodes);
        break;
    case DO_CLOSE:
        plans_tell_stages(m);
        plans_close(m);
        record_close(&m->record, master_now().unix_time);
        knees_close(m);
        judging_end(m);
        results_run_over(m);
        break;
    case DO_NOTE:
        note(m, a->line);
        break;
    case DO_TELL:
        tell(m, a);
        break;
    case DO_FIRE:
        fire(m, a);
        break;
    case DO_TELL_SPAWNED:
        tell_spawned(m, a->users);
        limit_run(m, plans_spawned(m));
        break;
    case DO_SEND_STATE:
        script_send_state(&m->nodes);
        break;
    case DO_PUBLISH:
        publish_view(m);
        break;
    case DO_DEAL:
        outbox_changed(&m->nodes);
        break;
    case DO_STOP_WORKER:
    case DO_STOP_STRAY:
    case DO_QUIT_WORKER:
        to_worker(m, a);
        break;
    case DO_MISS_REPORTS:
        absence_unstopped(&m->nodes, a->worker);
        break;
    case DO_JUDGE:
        run_on(m, &(struct machine_event){.kind = ON_JUDGED, .number = judging_code(m, judge(m))});
        break;
    case DO_WRITE:
        judging_end(m);
        results_end(m, are_written);
        break;
    case DO_RELEASE:
        release(m);
        break;
    case DO_SIGNAL:
        children_signal(&m->nodes.children, a->number);
        break;
    case DO_LEAVE:
        event_base_loopbreak(m->base);
        break;
    }
}

static void wake(struct master *m)
{
    const double at = machine_wakes_at(&m->machine);
    if (at >= m->wake_at && at <= m->wake_at)
        return;
    m->wake_at = at;
    if (at > 0)
        master_schedule(m->wake, fmax(0, at - master_now().mono) + 0.0005);
    else
        event_del(m->wake);
}

/* What of the command line the machine goes by; listeners may have changed it. */
static void take_rules(struct master *m)
{
    struct machine_rules *r = &m->machine.rules;
    r->is_local = m->nodes.is_local;
    r->is_headless = m->o->headless;
    r->is_auto = m->is_auto;
    r->is_locust = m->o->is_locust;
    const struct script *s = &m->nodes.host.script;
    r->has_setup = (s->has_setup || (m->o->k6_names && s->has_named_setup)) && !m->o->no_setup;
    r->has_teardown =
        (s->has_teardown || (m->o->k6_names && s->has_named_teardown)) && !m->o->no_teardown;
    r->setup_time_s = m->o->setup_timeout_s;
    r->teardown_time_s = m->o->teardown_timeout_s;
    r->resets_stats = m->o->reset_stats;
    r->stop_timeout_s = fmax(m->o->stop_timeout_s, plans_graceful_s(m));
    r->autoquit_s = m->o->autoquit_s;
    r->settle_s = m->settle_s;
    r->max_wait_s = m->o->expect_workers_max_wait_s;
}

void run_on(struct master *m, const struct machine_event *e)
{
    struct machine_action a;
    struct machine_event seeded = *e;
    take_rules(m);
    if (e->kind == ON_HOST_SAYS && e->has_number && judging_says(m, e->number))
        seeded.has_number = false;
    if (e->kind == ON_START && !machine_obstacle(&m->machine)) {
        /* Steady time is set anew: nothing is on the old axis any more. */
        roster_clock_moved(&m->machine.roster, clk_steady_anchor());
        secret_bytes(&seeded.seed, sizeof seeded.seed);
    }
    machine_on(&m->machine, &seeded, master_now());
    if (m->is_performing)
        return;
    m->is_performing = true;
    while (machine_next(&m->machine, &a))
        carry_out(m, &a);
    m->is_performing = false;
    judging_state(m);
    plans_follow(m);
    wake(m);
}

const char *run_begin(struct master *m)
{
    const char *obstacle = machine_obstacle(&m->machine);
    if (!obstacle) {
        plans_begin(m);
        run_on(m, &(struct machine_event){.kind = ON_START});
    }
    return obstacle;
}

/* LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP: seconds, or "x * WORKER_REPORT_INTERVAL". */
double run_settle_s(void)
{
    const char *text = getenv("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP");
    char *end = NULL;
    const double seconds = text ? strtod(text, &end) : -1;
    if (!text || end == text || !(seconds >= 0 && seconds < 3600))
        return -1;
    return strstr(end, "WORKER_REPORT_INTERVAL") ? 3.0 * seconds : seconds;
}
