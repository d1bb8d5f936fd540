// SPDX-License-Identifier: MIT
/* machine_await: from the start of the process to its first run. A run that begins by itself waits
 * for the workers that are expected, for so long. */
#include "common/run/exit_code.h"
#include "common/run/machine_int.h"

#define LONG_WAIT_S 5.0 /* from then on it is said aloud */
#define WAIT_LINE_S 1.0

HANDLER(await_open)
{
    (void)e;
    m->is_open = true;
    m->open_since = m->next_wait_line = now.mono;
}

static void give_up(struct machine *m, enum machine_line line, struct run_clock now)
{
    machine_do(m, (struct machine_action){.kind = DO_TELL, .line = line});
    finish_take_fault(m, EXIT_NO_WORKERS);
    finish_begin(m, false, now);
}

static void say_waiting(struct machine *m, double waited_s, struct run_clock now)
{
    if (m->rules.is_local || now.mono < m->next_wait_line)
        return;
    m->next_wait_line = now.mono + WAIT_LINE_S;
    machine_do(m, (struct machine_action){
                      .kind = DO_TELL, .line = LINE_WAITING, .number = waited_s > LONG_WAIT_S});
}

HANDLER(await_workers)
{
    const double limit_s = m->rules.max_wait_s, waited_s = now.mono - m->open_since;
    if (!m->rules.is_auto || m->is_auto_begun || !m->is_open || !e->has_script || m->is_hostless ||
        m->finish != FINISH_NOT)
        return;
    m->expected = e->expected;
    if (m->expected == 0) {
        give_up(m, LINE_NO_WORKERS, now);
    } else if (roster_active_count(&m->roster) >= m->expected) {
        m->is_auto_begun = true;
        machine_do(m, (struct machine_action){.kind = DO_BEGIN});
    } else if (limit_s > 0 && waited_s > limit_s) {
        give_up(m, LINE_GAVE_UP, now);
    } else {
        say_waiting(m, waited_s, now);
    }
}
