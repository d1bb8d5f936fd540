// SPDX-License-Identifier: MIT
/* absence: workers that were not heard for a while, or never again, and a master that stood still
 * itself (stopped, starved, its machine suspended): what is told about the figures of the run.
 *
 * Our workers number their reports and keep what was not acknowledged, and hold their users back
 * while nobody answers. So after a return it is known when everything has come; until then, and for
 * ever when the worker stays away, what was not reported counts as missing. */
#include "common/base/clk.h"
#include "common/base/log.h"
#include "master/core.h"
#include <math.h>
#include <stdio.h>

/* Steady time as people know it. */
static double wall(double steady)
{
    return clk_wall() - (master_now().unix_time - steady);
}

static void tell(struct master *m, const struct loss *l, const char *more)
{
    struct sbuf text = {0};
    losses_write(l, false, &text);
    sbuf_adds(&text, more);
    snprintf(m->notice, sizeof m->notice, "%s", text.data);
    events_add(m->record.events, master_now().unix_time, "worker", "%s", text.data);
    if (hands_may_log(m, LINES_WORKERS))
        log_warning(LOGGER, "%s", text.data);
    sbuf_fini(&text);
}

static const char *fate_of_users(const struct master *m)
{
    if (m->machine.run.state == RUN_STOPPING)
        return "";
    return roster_active_count(&m->machine.roster) > 0 ? " Its users move to the other workers."
                                                       : " No worker is left: the test ends.";
}

void away_lost(struct master *m, struct worker *w)
{
    double now = master_now().unix_time;
    if (!run_is_on(&m->machine.run) || w->users + w->requests == 0)
        return;
    double since = w->last_report_at > 0 ? w->last_report_at : m->machine.run.started_at;
    double bound_s = w->is_katydid ? ceil(fmax(now - since, 1)) : 0;
    struct loss *l = losses_add(&m->record.losses, w->id, wall(since), wall(now), bound_s);
    w->lost_at = now;
    worker_begin_gap(w);
    if (l)
        tell(m, l, fate_of_users(m));
}

void away_back(struct master *m, struct worker *w)
{
    if (w->lost_at <= 0)
        return;
    w->lost_at = 0;
    worker_end_gap(w, master_now().unix_time);
    struct loss *l = losses_back(&m->record.losses, w->id, clk_wall());
    if (l)
        tell(m, l, "");
}

static bool is_awaited(const struct worker *w)
{
    return w->gap.is_open && w->gap.is_back;
}

static void all_have_reported(struct master *m)
{
    for (size_t i = 0; i < m->machine.roster.count; i++)
        if (is_awaited(m->machine.roster.workers[i]))
            return;
    const struct loss *l = losses_settle(&m->record.losses, NULL);
    if (l)
        tell(m, l, "");
}

void away_reported(struct master *m, struct worker *w, double sent_at)
{
    if (!is_awaited(w) || !worker_fills_gap(w, sent_at))
        return;
    w->gap.is_open = false;
    const struct loss *l = losses_settle(&m->record.losses, w->id);
    if (l)
        tell(m, l, "");
    all_have_reported(m);
}

static void stood_still(struct master *m, double seconds)
{
    double now = clk_wall();
    struct loss *l = losses_add(&m->record.losses, NULL, now - seconds, now, 0);
    for (size_t i = 0; i < m->machine.roster.count; i++) {
        struct worker *w = m->machine.roster.workers[i];
        if (!worker_is_active(w) && w->state != WORKER_STOPPING)
            continue;
        if (w->is_katydid && !w->gap.is_open)
            worker_begin_gap(w);
        if (w->is_katydid)
            worker_end_gap(w, master_now().unix_time);
        if (l && w->is_katydid)
            l->has_held |= !m->is_local;
        else if (l)
            l->is_unknown = true;
    }
    if (l)
        tell(m, l, "");
}

void away_second(struct master *m)
{
    double now = clk_boot(), seconds = m->looked_at > 0 ? now - m->looked_at : 0;
    m->looked_at = now;
    if (seconds <= tunables_liveness(&m->tunables) + 1)
        return;
    for (size_t i = 0; i < m->machine.roster.count; i++) /* their silence is ours */
        m->machine.roster.workers[i]->liveness = roster_liveness(&m->machine.roster);
    if (run_is_on(&m->machine.run))
        stood_still(m, seconds);
}

void away_forget(struct master *m)
{
    losses_clear(&m->record.losses);
    m->notice[0] = m->stop_reason[0] = 0;
}
