// SPDX-License-Identifier: MIT
/* machine_finish: the orderly end of the process, one step after the other, each of which may have
 * to wait for somebody (the host's listeners, the workers' last reports, the outputs, the
 * children).
 *
 *   [quitting] → stop → quitting → exit code, tables, files → quit → children end → leave
 *
 * After SIGINT and SIGTERM `quitting` comes first, as in Locust. The exit code is decided after
 * the last report, so that failures on the way out count. */
#include "common/run/exit_code.h"
#include "common/run/machine_int.h"
#include <signal.h>

#define CHILDREN_PATIENCE_S 4.0 /* then SIGTERM */
#define CHILDREN_MERCY_S 2.0    /* then SIGKILL */

static void tell(struct machine *m, enum machine_line line, int number)
{
    machine_do(m, (struct machine_action){.kind = DO_TELL, .line = line, .number = number});
}

static void send_signal(struct machine *m, int number)
{
    machine_do(m, (struct machine_action){.kind = DO_SIGNAL, .number = number});
}

void finish_take_fault(struct machine *m, int code)
{
    if (m->verdict.has_fault)
        return;
    m->verdict.has_fault = true;
    m->verdict.fault = code;
}

HANDLER(finish_fault)
{
    (void)now;
    finish_take_fault(m, e->number);
}

HANDLER(finish_host_says)
{
    (void)now;
    if (e->has_number) {
        m->verdict.has_host_code = true;
        m->verdict.host_code = e->number;
    }
    m->verdict.is_unhandled |= e->is_unhandled;
}

static void take_exit(struct machine *m, int code)
{
    if (m->verdict.has_exited)
        return;
    m->verdict.has_exited = true;
    m->verdict.exited = code;
    if (m->finish > FINISH_OUTPUT && m->finish < FINISH_DONE)
        m->exit_code = code;
}

HANDLER(finish_host_exit)
{
    (void)now;
    take_exit(m, e->number);
}

void finish_leave(struct machine *m, int code)
{
    m->exit_code = code;
    m->finish = FINISH_DONE;
    m->is_step_out = false;
    machine_do(m, (struct machine_action){.kind = DO_LEAVE, .number = code});
}

static void tell_end(struct machine *m, enum machine_line line, const struct machine_event *e)
{
    machine_do(m, (struct machine_action){
                      .kind = DO_TELL, .line = line, .number = e->number, .signal = e->signal});
}

/* Nobody asked it to. An exit code is user code's last word: os._exit(). */
static void host_went(struct machine *m, const struct machine_event *e)
{
    const bool takes_users = m->rules.is_local && run_is_on(&m->run);
    tell_end(m, LINE_HOST_ENDED, e);
    if (e->signal)
        finish_take_fault(m, takes_users ? EXIT_DESERTED : EXIT_FAILED);
    else
        take_exit(m, e->number);
}

HANDLER(finish_host_ended)
{
    (void)now;
    if (!m->is_open) {
        if (e->signal) /* else it has said why on stderr */
            tell_end(m, LINE_HOST_UNLOADED, e);
        finish_leave(m, e->number); /* 0: by sys.exit() */
        return;
    }
    if (m->finish == FINISH_NOT && e->is_loading) {
        machine_do(m, (struct machine_action){
                          .kind = DO_RELOAD_FAILED, .number = e->number, .signal = e->signal});
        return;
    }
    if (m->finish < FINISH_CHILDREN && e->has_script)
        host_went(m, e);
    m->is_hostless = true;
}

void finish_begin(struct machine *m, bool is_signal, struct run_clock now)
{
    if (m->finish != FINISH_NOT)
        return;
    m->is_shaped = false;
    m->finish = is_signal ? FINISH_EARLY_EVENT : FINISH_STOP;
    m->is_step_out = false;
    finish_advance(m, now);
}

void finish_end(struct machine *m, enum end_reason reason, struct run_clock now)
{
    const bool is_last = m->rules.is_headless && reason == END_TIME_LIMIT;
    if (m->finish != FINISH_NOT || (!run_is_active(&m->run) && !m->is_shaped && !is_last))
        return;
    m->is_shaped = false;
    machine_do(m, (struct machine_action){.kind = DO_TELL, .line = LINE_END, .reason = reason});
    if (m->rules.is_headless)
        finish_begin(m, false, now);
    else
        control_stop(m, now);
}

/* The shell and the terminal both say SIGHUP. A second signal is impatience. */
HANDLER(finish_signal)
{
    if (e->number == SIGHUP && (m->signal_number || m->finish != FINISH_NOT))
        return;
    if (m->signal_number || m->is_hurried || m->finish == FINISH_CHILDREN ||
        m->finish == FINISH_OUTPUT) {
        send_signal(m, SIGKILL);
        finish_leave(m, 128 + e->number);
        return;
    }
    tell(m, LINE_SIGNAL, e->number);
    if (!e->has_script) { /* nothing to finish yet */
        send_signal(m, SIGTERM);
        finish_leave(m, 128 + e->number);
        return;
    }
    if (m->finish == FINISH_NOT)
        m->signal_number = e->number;
    m->is_hurried = m->finish != FINISH_NOT;
    finish_begin(m, true, now);
}

/* ---- the steps ---- */

static void next_step(struct machine *m)
{
    m->is_step_out = false;
    m->finish++;
}

static void fire(struct machine *m, enum listened listened)
{
    m->is_step_out = true;
    machine_do(m, (struct machine_action){.kind = DO_FIRE,
                                          .listened = listened,
                                          .run = m->run.number,
                                          .number = m->exit_code});
}

void finish_heard(struct machine *m, const struct machine_event *e)
{
    const bool is_quitting = m->finish == FINISH_EARLY_EVENT || m->finish == FINISH_EVENT;
    if (m->is_step_out && ((e->listened == HEAR_QUITTING && is_quitting) ||
                           (e->listened == HEAR_QUIT && m->finish == FINISH_LAST_EVENT)))
        next_step(m);
}

static bool is_run_over(const struct machine *m)
{
    return m->run.state == RUN_READY || (m->run.state == RUN_STOPPED && m->is_test_over);
}

static void stop_run(struct machine *m, struct run_clock now)
{
    control_stop(m, now);
    if (is_run_over(m))
        m->finish = m->signal_number ? FINISH_OUTPUT : FINISH_EVENT;
}

static int exit_code(const struct machine *m)
{
    const struct verdict *v = &m->verdict;
    if (v->has_exited)
        return v->exited;
    if (v->has_host_code)
        return v->host_code & 255;
    if (v->has_fault)
        return exit_code_as(m->rules.is_locust, v->fault);
    if (m->is_deserted)
        return exit_code_as(m->rules.is_locust, EXIT_DESERTED);
    if (m->is_setup_failed)
        return exit_code_as(m->rules.is_locust, EXIT_SETUP);
    if (v->failed)
        return v->failed;
    return v->is_unhandled ? EXIT_UNHANDLED : 0;
}

static void write_outputs(struct machine *m)
{
    m->is_judged = true;
    m->exit_code = exit_code(m);
    tell(m, LINE_LEAVING, m->exit_code);
    machine_do(m, (struct machine_action){.kind = DO_WRITE});
}

/* What the statistics hold is only asked for when it decides. */
static void put_out(struct machine *m)
{
    const struct verdict *v = &m->verdict;
    m->is_step_out = true;
    if (v->has_exited || v->has_host_code || v->has_fault || m->is_deserted || m->is_setup_failed)
        write_outputs(m);
    else
        machine_do(m, (struct machine_action){.kind = DO_JUDGE});
}

HANDLER(finish_judged)
{
    (void)now;
    if (m->finish != FINISH_OUTPUT || m->is_judged)
        return;
    m->verdict.failed = e->number;
    write_outputs(m);
}

HANDLER(finish_written)
{
    (void)now;
    if (m->finish != FINISH_OUTPUT || !m->is_judged)
        return;
    if (e->number)
        finish_take_fault(m, e->number);
    m->exit_code = exit_code(m);
    machine_do(m, (struct machine_action){.kind = DO_PUBLISH});
    next_step(m);
}

static void release(struct machine *m, struct run_clock now)
{
    m->is_step_out = true;
    m->children_deadline = now.mono + CHILDREN_PATIENCE_S;
    tell(m, LINE_RELEASE, 0);
    machine_do(m, (struct machine_action){.kind = DO_RELEASE});
}

HANDLER(finish_children)
{
    if (m->finish != FINISH_CHILDREN || !m->is_step_out)
        return;
    if (e->children == 0)
        finish_leave(m, m->exit_code);
    else if (now.mono > m->children_deadline + CHILDREN_MERCY_S)
        send_signal(m, SIGKILL);
    else if (now.mono > m->children_deadline)
        send_signal(m, SIGTERM);
}

static void begin_step(struct machine *m, struct run_clock now)
{
    switch (m->finish) {
    case FINISH_EARLY_EVENT:
    case FINISH_EVENT:
        tell(m, LINE_TEARDOWN, 0);
        fire(m, HEAR_QUITTING);
        break;
    case FINISH_STOP:
        stop_run(m, now);
        break;
    case FINISH_OUTPUT:
        put_out(m);
        break;
    case FINISH_LAST_EVENT:
        fire(m, HEAR_QUIT);
        break;
    case FINISH_CHILDREN:
        release(m, now);
        break;
    case FINISH_NOT:
    case FINISH_DONE:
        break;
    }
}

void finish_advance(struct machine *m, struct run_clock now)
{
    enum finish_step before;
    do {
        before = m->finish;
        if (!m->is_step_out)
            begin_step(m, now);
    } while (m->finish != before);
}
