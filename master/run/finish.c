// SPDX-License-Identifier: MIT
/* finish: the orderly end of the process, one step after the other, each of which may have to wait
 * for somebody (the host's listeners, the workers' last reports, the children).
 *
 *   [quitting] → stop → quitting → exit code, tables, files → quit → children end → leave
 *
 * After SIGINT and SIGTERM `quitting` comes first, as in Locust. The exit code is decided after
 * the last report, so that failures on the way out count. */
#include "common/base/log.h"
#include "master/core.h"
#include "master/run/exit_code.h"
#include <signal.h>
#include <string.h>

#define CHILDREN_PATIENCE_S 4.0 /* then SIGTERM */
#define CHILDREN_MERCY_S 2.0    /* then SIGKILL */

void finish_fault(struct master *m, int code)
{
    if (!m->has_fault) {
        m->has_fault = true;
        m->fault_code = code;
    }
}

void finish_now(struct master *m, int code)
{
    m->exit_code = code;
    m->finish = FINISH_DONE;
    event_base_loopbreak(m->base);
}

void finish_begin(struct master *m, bool is_signal)
{
    if (m->finish != FINISH_NOT)
        return;
    script_end_shape(m);
    m->finish = is_signal ? FINISH_EARLY_EVENT : FINISH_STOP;
    m->is_step_out = false;
    finish_advance(m);
}

/* Nothing but a certificate that does not verify: one cause, with a mend, told as such. */
static bool is_certificate_alone(const struct stats *s)
{
    for (const struct failure *f = s->failures; f; f = f->next)
        if (!strstr(f->text, "CERTIFICATE_VERIFY_FAILED"))
            return false;
    return s->failures && s->total.failures == s->total.requests;
}

static int failed_code(const struct master *m)
{
    int wanted = m->o->exit_code_on_error;
    if (wanted != EXIT_FAILED || !is_certificate_alone(&m->stats))
        return wanted & 255;
    log_error(MAIN_LOGGER,
              "Every request failed: the host's certificate does not verify. Name the "
              "authority that signed it with self.client.verify = \"/path/ca.pem\" in the "
              "user's on_start, or skip the check with self.client.verify = False.");
    return exit_code_as(m->o->is_locust, EXIT_CERTIFICATE);
}

static int decide_code(const struct master *m)
{
    const struct stats *s = &m->stats;
    if (m->host.has_exited)
        return m->host.exited_code;
    if (m->host.has_exit_code)
        return m->host.exit_code & 255;
    if (m->has_fault)
        return exit_code_as(m->o->is_locust, m->fault_code);
    if (m->is_deserted)
        return exit_code_as(m->o->is_locust, EXIT_DESERTED);
    if (s->failure_count > 0 || s->exception_count > 0) /* as in Locust: the lists decide */
        return failed_code(m);
    return m->host.is_unhandled ? EXIT_UNHANDLED : 0;
}

static void next_step(struct master *m)
{
    m->is_step_out = false;
    m->finish++;
    finish_advance(m);
}

static void fire(struct master *m, const char *name, const struct event_args *args)
{
    m->is_step_out = true;
    script_fire(m, name, args, next_step);
}

static void stop_run(struct master *m)
{
    if (run_is_active(&m->run))
        conduct_stop(m);
    bool is_over = m->run.state == RUN_READY || (m->run.state == RUN_STOPPED && m->is_test_over);
    if (!is_over || m->finish != FINISH_STOP)
        return; /* conduct tells when it is */
    m->finish = m->signal_number ? FINISH_OUTPUT : FINISH_EVENT;
    finish_advance(m);
}

static void outputs_are_over(struct master *m)
{
    int code = results_code(m);
    if (code) {
        finish_fault(m, code);
        m->exit_code = decide_code(m);
    }
    show_publish(m);
    next_step(m);
}

static void put_out(struct master *m)
{
    m->exit_code = decide_code(m);
    log_info(MAIN_LOGGER, "Shutting down (exit code %d)", m->exit_code);
    log_debug(MAIN_LOGGER, "Cleaning up runner...");
    m->is_step_out = true;
    results_end(m, outputs_are_over);
}

static void release_children(struct master *m)
{
    if (!m->is_local)
        log_debug(LOGGER, "Quitting...");
    for (size_t i = 0; i < m->roster.count; i++) {
        const struct worker *w = m->roster.workers[i];
        bool is_host = !strcmp(w->id, m->host.node_id); /* it leaves after its own `quit` event */
        if (w->has_joined && w->state != WORKER_GONE && !is_host) {
            log_debug(LOGGER, "Sending quit message to worker %s (index %u)", w->id, w->index);
            post_plain(m, "quit", w->id);
        }
    }
    if (m->host.is_alive && !m->host.has_script) /* it is loading the locustfile */
        children_signal_node(&m->children, m->host.node_id, SIGTERM);
    master_close_page(m); /* while they end */
    m->children_deadline = master_now().mono + CHILDREN_PATIENCE_S;
    m->is_step_out = true;
}

static void await_children(struct master *m)
{
    double now = master_now().mono;
    if (!m->is_step_out)
        release_children(m);
    if (children_running(&m->children) == 0) {
        finish_now(m, m->exit_code);
    } else if (now > m->children_deadline + CHILDREN_MERCY_S) {
        children_signal(&m->children, SIGKILL);
    } else if (now > m->children_deadline) {
        children_signal(&m->children, SIGTERM);
    }
}

void finish_advance(struct master *m)
{
    if (m->is_step_out && m->finish != FINISH_CHILDREN)
        return;
    switch (m->finish) {
    case FINISH_NOT:
    case FINISH_DONE:
        break;
    case FINISH_EARLY_EVENT:
    case FINISH_EVENT:
        log_debug(MAIN_LOGGER, "Running teardowns...");
        fire(m, "quitting", &(struct event_args){0});
        break;
    case FINISH_STOP:
        stop_run(m);
        break;
    case FINISH_OUTPUT:
        put_out(m);
        break;
    case FINISH_LAST_EVENT:
        fire(m, "quit", &(struct event_args){.exit_code = &m->exit_code});
        break;
    case FINISH_CHILDREN:
        await_children(m);
        break;
    }
}
