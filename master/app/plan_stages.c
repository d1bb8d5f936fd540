// SPDX-License-Identifier: MIT
/* plan_stages: stages of ramping scenarios as events of the run, on the master's clock. A look
 * comes once a second; the event stands where its stage began. */
#include "master/app/core.h"

#include <math.h>

/* Those that began after from_s and until to_s; both, and the zero of the ramp, after p->begun_at,
 * which was at begun of the clock on the wall. */
static void tell(struct events *to, const struct scenario *s, double begun, double from_s,
                 double to_s)
{
    struct sbuf text = {0};
    for (size_t i = 0; i < s->ramp.count; i++) {
        const double at_s = (double)(s->start_ns + s->ramp.stages[i].begin_ns) / 1e9;
        if (at_s > to_s)
            break;
        if (at_s > from_s && scenario_name_stage(s, i, &text))
            events_add(to, begun + at_s, "stage", "%s", text.data);
        sbuf_clear(&text);
    }
    sbuf_fini(&text);
}

void plans_tell_stages(struct master *m)
{
    struct plans *p = &m->plans;
    const struct run_clock now = master_now();
    if (!p->texts || p->begun_at <= 0)
        return;
    const double until_s = (p->stopped_at > 0 ? p->stopped_at : now.mono) - p->begun_at;
    for (size_t i = 0; i < p->list.count; i++)
        tell(m->record.events, p->list.all[i], now.unix_time - (now.mono - p->begun_at), p->told_s,
             until_s);
    p->told_s = fmax(p->told_s, until_s);
}
