// SPDX-License-Identifier: MIT
/* machine_action: the list of what is to be done, in order. */
#include "common/base/mem.h"
#include "common/run/machine_int.h"

void machine_do(struct machine *m, struct machine_action a)
{
    if (m->action_count == m->action_cap) {
        m->action_cap = m->action_cap ? 2 * m->action_cap : 16;
        m->actions = mem_realloc(m->actions, m->action_cap * sizeof *m->actions);
    }
    m->actions[m->action_count++] = a;
}

bool machine_next(struct machine *m, struct machine_action *a)
{
    if (m->action_next == m->action_count) {
        m->action_next = m->action_count = 0;
        return false;
    }
    *a = m->actions[m->action_next++];
    return true;
}
