// SPDX-License-Identifier: MIT
/* absence: workers that were not heard for a while, or never again, and a master that stood still
 * itself (stopped, starved, its machine suspended): what is told about the figures of the run.
 *
 * Our workers number their reports and keep what was not acknowledged, and hold their users back
 * while nobody answers. So after a return it is known when everything has come; until then, and for
 * ever when the worker stays away, what was not reported counts as missing. */
#include "common/base/log.h"
#include "master/nodes/nodes.h"
#include <math.h>
#include <stdio.h>

/* Steady time as people know it. */
static double wall(const struct nodes *n, double steady)
{
    return n->clock->wall(n->clock->arg) - (nodes_now(n).unix_time - steady);
}

static void tell(struct nodes *n, const struct loss *l, const char *more)
{
    struct sbuf text = {0};
    losses_write(l, false, &text);
    sbuf_adds(&text, more);
    snprintf(n->notice, sizeof n->notice, "%s", text.data);
    events_add(n->record->events, nodes_now(n).unix_time, "worker", "%s", text.data);
    if (nodes_may_log(n, LINES_WORKERS))
        log_warning(LOGGER, "%s", text.data);
    sbuf_fini(&text);
}

static const char *fate_of_users(const struct nodes *n)
{
    if (n->machine->run.state == RUN_STOPPING)
        return "";
    return roster_active_count(&n->machine->roster) > 0 ? " Its users move to the other workers."
                                                        : " No worker is left: the test ends.";
}

/* Steady time of its last report in this run. */
static double reported_at(const struct nodes *n, const struct worker *w)
{
    return w->last_report_at > 0 ? w->last_report_at : n->machine->run.started_at;
}

/* One that was told to run users has run some, perhaps, also when it has told of none yet. */
static bool had_load(const struct worker *w)
{
    return w->has_load || w->users + w->requests > 0;
}

void absence_lost(struct nodes *n, struct worker *w)
{
    double now = nodes_now(n).unix_time;
    if (!run_is_on(&n->machine->run) || !had_load(w))
        return;
    double since = reported_at(n, w);
    double bound_s = w->is_katydid ? ceil(fmax(now - since, 1)) : 0;
    struct loss *l = losses_add(&n->record->losses, w->id, wall(n, since), wall(n, now), bound_s);
    w->lost_at = now;
    worker_begin_gap(w);
    if (l)
        tell(n, l, fate_of_users(n));
}

/* Its load may go on: how much will be missing has no bound. */
void absence_unstopped(struct nodes *n, struct worker *w)
{
    double now = nodes_now(n).unix_time;
    if (!had_load(w))
        return;
    struct loss *l =
        losses_add(&n->record->losses, w->id, wall(n, reported_at(n, w)), wall(n, now), 0);
    if (!w->gap.is_open)
        worker_begin_gap(w);
    worker_end_gap(w, now);
    if (!l)
        return;
    l->is_unstopped = true;
    l->back_at = l->at;
    tell(n, l, "");
}

void absence_back(struct nodes *n, struct worker *w)
{
    if (w->lost_at <= 0)
        return;
    w->lost_at = 0;
    worker_end_gap(w, nodes_now(n).unix_time);
    struct loss *l = losses_back(&n->record->losses, w->id, n->clock->wall(n->clock->arg));
    if (l)
        tell(n, l, "");
}

static bool is_awaited(const struct worker *w)
{
    return w->gap.is_open && w->gap.is_back;
}

static void all_have_reported(struct nodes *n)
{
    for (size_t i = 0; i < n->machine->roster.count; i++)
        if (is_awaited(n->machine->roster.workers[i]))
            return;
    const struct loss *l = losses_settle(&n->record->losses, NULL);
    if (l)
        tell(n, l, "");
}

void absence_reported(struct nodes *n, struct worker *w, double sent_at)
{
    if (!is_awaited(w) || !worker_fills_gap(w, sent_at))
        return;
    w->gap.is_open = false;
    const struct loss *l = losses_settle(&n->record->losses, w->id);
    if (l)
        tell(n, l, "");
    all_have_reported(n);
}

static void stood_still(struct nodes *n, double seconds)
{
    double now = n->clock->wall(n->clock->arg);
    struct loss *l = losses_add(&n->record->losses, NULL, now - seconds, now, 0);
    for (size_t i = 0; i < n->machine->roster.count; i++) {
        struct worker *w = n->machine->roster.workers[i];
        if (!worker_is_active(w) && w->state != WORKER_STOPPING)
            continue;
        if (w->is_katydid) {
            worker_begin_gap(w);
            worker_end_gap(w, nodes_now(n).unix_time);
        }
        if (l && w->is_katydid)
            l->has_held |= !n->is_local;
        else if (l)
            l->is_unknown = true;
    }
    if (l)
        tell(n, l, "");
}

void absence_second(struct nodes *n)
{
    double now = n->clock->boot(n->clock->arg), seconds = n->looked_at > 0 ? now - n->looked_at : 0;
    n->looked_at = now;
    if (seconds <= tunables_liveness(n->tunables) + 1)
        return;
    for (size_t i = 0; i < n->machine->roster.count; i++) /* their silence is ours */
        n->machine->roster.workers[i]->liveness = roster_liveness(&n->machine->roster);
    if (run_is_on(&n->machine->run))
        stood_still(n, seconds);
}

void absence_forget(struct nodes *n)
{
    losses_clear(&n->record->losses);
    if (n->looked_at <= 0) /* it may stand still before its first second is over */
        n->looked_at = n->clock->boot(n->clock->arg);
    n->notice[0] = n->stop_reason[0] = n->ended_by[0] = 0;
}
