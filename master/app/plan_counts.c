// SPDX-License-Identifier: MIT
/* plan_counts: how far the scenarios of the run are: what the workers told, which iterations of
 * those that are numbered each may do, and, at the end, what is missing of workers that were lost.
 */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void plans_count_fini(struct plans *p)
{
    for (size_t i = 0; p->rations && i < p->ledger.scenarios; i++)
        ration_fini(&p->rations[i]);
    free(p->rations);
    p->rations = NULL;
    ledger_fini(&p->ledger);
    plans_count_pieces_dealt(p);
}

void plans_count_pieces_dealt(struct plans *p)
{
    free(p->pieces);
    p->pieces = NULL;
    p->piece_count = 0;
}

void plans_count_begin(struct plans *p)
{
    plans_count_fini(p);
    ledger_begin(&p->ledger, p->list.count);
    p->rations = mem_zalloc((p->list.count + 1) * sizeof *p->rations);
    for (size_t i = 0; i < p->list.count; i++)
        if (scenario_is_counted(p->list.all[i]))
            p->rations[i].total = scenario_iterations(p->list.all[i]);
    p->is_done_told = false;
}

/* ---- what workers say ----------------------------------------------------------------------- */

void plans_told(struct master *m, const struct worker *w, const struct message_stats *s)
{
    struct plans *p = &m->plans;
    struct ledger_part *parts =
        s->scenario_count == p->ledger.scenarios ? ledger_of(&p->ledger, w->id, true) : NULL;
    for (size_t i = 0; parts && i < s->scenario_count; i++) {
        const struct told_iterations *told = &s->scenarios[i];
        for (int n = 0; n < ITERATIONS_TOLD; n++)
            if (told->told[n] > parts[i].told[n]) /* a report may come after a later one */
                parts[i].told[n] = told->told[n];
        parts[i].users = told->users;
        parts[i].waiting = told->waiting;
        parts[i].busy = told->busy;
        if (told->users > parts[i].most_users)
            parts[i].most_users = told->users;
        if (told->most_waiting > parts[i].most_waiting)
            parts[i].most_waiting = told->most_waiting;
    }
}

static void send_grant(struct master *m, const char *id, size_t i, uint64_t granted)
{
    struct sbuf out = {0};
    proto_grant(&out, id, m->machine.run.id, i, granted, ration_is_granted(&m->plans.rations[i]));
    outbox_bytes(&m->nodes, id, &out); /* who misses it asks again */
}

static size_t lines_of(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static size_t workers_with_shares(const struct plans *p)
{
    return p->dealt_to ? lines_of(p->dealt_to) : 0;
}

void plans_asked(struct master *m, const struct worker *w, const struct message_iterations *it)
{
    struct plans *p = &m->plans;
    if (it->scenario >= p->ledger.scenarios || !scenario_is_counted(p->list.all[it->scenario]) ||
        p->begun_at <= 0)
        return;
    const bool is_each = p->list.all[it->scenario]->executor == SCENARIO_PER_VU_ITERATIONS;
    const uint64_t wanted = is_each || !run_is_active(&m->machine.run) ? 0 : it->wanted;
    const uint64_t granted = ration_ask(&p->rations[it->scenario], w->id, workers_with_shares(p),
                                        it->started, it->done, wanted);
    if (it->wanted)
        send_grant(m, w->id, it->scenario, granted);
}

/* ---- who has shares ------------------------------------------------------------------------- */

/* shares[i] of scenario i is the worker's. Users that do so many iterations each are dealt once, at
 * the begin. */
void plans_count_dealt(struct master *m, const char *id, const struct stripe *shares, bool is_first)
{
    struct plans *p = &m->plans;
    struct ledger_part *parts = ledger_of(&p->ledger, id, true);
    for (size_t i = 0; i < p->list.count; i++) {
        const struct scenario *s = p->list.all[i];
        if (scenario_is_open(s))
            ledger_deal(&parts[i], shares[i]);
        for (size_t n = 0; n < p->piece_count; n++)
            if (p->pieces[n].scenario == i)
                parts[i].owed += stripe_below(&shares[i], p->pieces[n].count);
        if (!is_first || s->executor != SCENARIO_PER_VU_ITERATIONS)
            continue;
        ration_give(&p->rations[i], id, stripe_below(&shares[i], s->users) * s->iterations);
        send_grant(m, id, i, ration_ask(&p->rations[i], id, 1, 0, 0, 0));
    }
}

bool plans_count_away(struct master *m, const char *id, uint64_t *away)
{
    struct plans *p = &m->plans;
    const struct ledger_part *parts = ledger_of(&p->ledger, id, false);
    bool was_away = false;
    for (size_t i = 0; i < p->list.count; i++) {
        const bool has_none = parts && scenario_is_open(p->list.all[i]) && !parts[i].stripe.stride;
        away[i] = has_none ? parts[i].stripe.from : UINT64_MAX;
        was_away |= has_none;
    }
    return was_away;
}

static bool is_line_of(const char *lines, const char *id)
{
    const size_t len = strlen(id);
    for (; *lines; lines += strcspn(lines, "\n") + 1)
        if (!strncmp(lines, id, len) && lines[len] == '\n')
            return true;
    return false;
}

/* Nobody knows how far it came. */
static bool is_lost(const struct master *m, const char *id)
{
    const struct worker *w = roster_find((struct roster *)(uintptr_t)&m->machine.roster, id);
    const bool is_away = w && (w->state == WORKER_GONE || w->state == WORKER_MISSING);
    return losses_misses(&m->record.losses, id) || (is_away && !w->has_quit);
}

/* Of who left in order it is known what it started; of who was lost, with --reassign, some of it
 * may be started twice. */
static bool is_handed_on(const struct master *m, const char *id, bool *is_unsure)
{
    const struct worker *w = roster_find((struct roster *)(uintptr_t)&m->machine.roster, id);
    *is_unsure = is_lost(m, id);
    return *is_unsure ? m->o->reassign : w && w->has_quit;
}

/* Others are to start it. */
static void hand_on(struct master *m, const char *id, size_t i, uint64_t until)
{
    struct plans *p = &m->plans;
    struct ledger_piece piece = {.scenario = i};
    struct ledger_part *parts = ledger_of(&p->ledger, id, true);
    if (!scenario_is_open(p->list.all[i]) || !is_handed_on(m, id, &piece.is_unsure))
        return;
    if (!ledger_hand_on(&parts[i], until, &piece))
        return;
    p->pieces = mem_realloc(p->pieces, (p->piece_count + 1) * sizeof *p->pieces);
    p->pieces[p->piece_count++] = piece;
    if (piece.is_unsure)
        log_warning(MAIN_LOGGER,
                    "Scenario '%s': worker '%s' was lost with %" PRIu64
                    " iterations, which others start late; it may have started some of them, too "
                    "(iterations_repeated)",
                    p->list.all[i]->name, id, piece.count);
}

/* Those that had all there were hear of it unasked: their users may have ended. Of each of whom so
 * many are to be done it is whole users, and what the last one has left. */
static void grant_to_all(struct master *m, size_t i, uint64_t rest)
{
    struct plans *p = &m->plans;
    struct ration *q = &p->rations[i];
    const struct scenario *s = p->list.all[i];
    const uint64_t unit = s->executor == SCENARIO_PER_VU_ITERATIONS ? s->iterations : 1,
                   units = (rest + unit - 1) / unit;
    char *tail = NULL, *list = mem_strdup(p->dealt_to ? p->dealt_to : "");
    size_t n = 0;
    for (char *id = strtok_r(list, "\n", &tail); id; id = strtok_r(NULL, "\n", &tail), n++) {
        const uint64_t more = stripe_below(&p->parts[n], units) * unit;
        ration_give(q, id, more);
        send_grant(m, id, i, ration_ask(q, id, 1, 0, 0, 0));
    }
    free(list);
}

/* What the worker was granted of so many iterations is others', if it left in order. */
static void take_back(struct master *m, const char *id, size_t i)
{
    struct plans *p = &m->plans;
    const struct ledger_part *parts = ledger_of(&p->ledger, id, true);
    if (is_lost(m, id))
        ration_lost(&p->rations[i], id);
    else
        ration_return(&p->rations[i], id, parts[i].told[ITERATIONS_STARTED]);
}

/* Who was among those before, and is not now. */
void plans_count_left(struct master *m, const char *before, const char *now, const uint64_t *from)
{
    struct plans *p = &m->plans;
    char *rest = NULL, *ids = mem_strdup(before ? before : "");
    for (char *id = strtok_r(ids, "\n", &rest); id; id = strtok_r(NULL, "\n", &rest)) {
        struct ledger_part *parts = ledger_of(&p->ledger, id, true);
        if (!is_line_of(now, id))
            plans_post_forget(p, id);
        for (size_t i = 0; !is_line_of(now, id) && i < p->list.count; i++) {
            hand_on(m, id, i, from[i]);
            ledger_deal(&parts[i], (struct stripe){.from = from[i]});
            if (scenario_is_counted(p->list.all[i]))
                take_back(m, id, i);
        }
    }
    free(ids);
}

void plans_count_grant(struct master *m)
{
    for (size_t i = 0; i < m->plans.list.count; i++)
        if (m->plans.rations[i].is_returned)
            grant_to_all(m, i, m->plans.rations[i].total - m->plans.rations[i].granted);
}

uint64_t plans_first_after(struct plans *p, size_t i, double elapsed_s)
{
    const struct scenario *s = p->list.all[i];
    struct arrivals *walk = &p->walks[i];
    const int64_t until = (int64_t)(elapsed_s * 1e9) - s->start_ns;
    struct arrivals before;
    int64_t at;
    if (!scenario_is_open(s))
        return 0;
    do {
        before = *walk;
        at = arrivals_take(walk, walk->next);
    } while (at >= 0 && at <= until);
    *walk = before;
    return before.next;
}

/* ---- the end -------------------------------------------------------------------------------- */

static double elapsed_s(const struct master *m)
{
    const struct plans *p = &m->plans;
    return (p->stopped_at > 0 ? p->stopped_at : master_now().mono) - p->begun_at;
}

static bool is_over(const struct master *m, size_t i)
{
    const struct plans *p = &m->plans;
    const struct scenario *s = p->list.all[i];
    if (!s->is_endless &&
        elapsed_s(m) >= (double)(s->start_ns + s->ramp.length_ns) / 1e9 + PLANS_AT_END_S)
        return true;
    return scenario_is_counted(s) ? ration_is_done(&p->rations[i])
                                  : scenario_is_of_all(s); /* that one only paces */
}

bool plans_are_done(struct master *m)
{
    struct plans *p = &m->plans;
    bool is_counted = false;
    if (!p->texts || p->begun_at <= 0 || p->is_done_told || !run_is_active(&m->machine.run))
        return false;
    for (size_t i = 0; i < p->list.count; i++) {
        if (!is_over(m, i))
            return false;
        is_counted |= scenario_is_counted(p->list.all[i]);
    }
    if (!is_counted) /* these end by the clock */
        return false;
    p->is_done_told = true;
    return true;
}

static void count(struct master *m, size_t i, enum iterations_number n, uint64_t more)
{
    record_count(&m->record, iterations_metrics[n],
                 (struct tag){"scenario", m->plans.list.all[i]->name}, (double)more,
                 master_now().unix_time);
}

static uint64_t granted_to(const struct ration *q, const char *id)
{
    for (size_t i = 0; i < q->count; i++)
        if (!strcmp(q->holders[i].worker, id))
            return q->holders[i].granted;
    return 0;
}

/* Of a worker whose last words never came: what was its own counts as due; what nobody knows of, as
 * cut. */
static void count_lost(struct master *m, size_t i, const struct ledger_worker *w)
{
    struct plans *p = &m->plans;
    const struct scenario *s = p->list.all[i];
    uint64_t due, lost, owed;
    if (!scenario_is_open(s) && !scenario_is_counted(s))
        return;
    owed = scenario_is_open(s) ? ledger_owed(&w->parts[i], plans_first_after(p, i, elapsed_s(m)))
                               : granted_to(&p->rations[i], w->id);
    ledger_missing(&w->parts[i], owed, &due, &lost);
    count(m, i, ITERATIONS_DUE, due);
    count(m, i, ITERATIONS_CUT, lost);
    count(m, i, ITERATIONS_LOST, lost);
    if (lost)
        log_warning(MAIN_LOGGER,
                    "Scenario '%s': worker '%s' was lost with %" PRIu64
                    " iterations of which it is not known whether they started "
                    "(iterations_lost)",
                    s->name, w->id, lost);
}

/* It is there, and its shares never were: it started nothing. */
static bool has_no_word(const struct master *m, const struct ledger_worker *w)
{
    for (size_t i = 0; i < m->plans.list.count; i++)
        if (w->parts[i].told[ITERATIONS_DUE])
            return false;
    return plans_post_waits(&m->plans, w->id);
}

/* What no worker was granted, and what those were that told of nothing more. */
static void count_rest(struct master *m, size_t i)
{
    const struct plans *p = &m->plans;
    const struct scenario *s = p->list.all[i];
    uint64_t rest = p->rations[i].total - p->rations[i].granted, due, open;
    for (size_t w = 0; w < p->ledger.count; w++)
        if (!is_lost(m, p->ledger.workers[w].id)) {
            ledger_missing(&p->ledger.workers[w].parts[i],
                           granted_to(&p->rations[i], p->ledger.workers[w].id), &due, &open);
            rest += due;
        }
    const bool is_late =
        !s->is_endless && elapsed_s(m) >= (double)(s->start_ns + s->ramp.length_ns) / 1e9;
    count(m, i, ITERATIONS_DUE, rest);
    count(m, i, is_late ? ITERATIONS_DROPPED : ITERATIONS_CUT, rest);
}

void plans_close(struct master *m)
{
    struct plans *p = &m->plans;
    if (!p->texts || p->begun_at <= 0)
        return;
    for (size_t i = 0; i < p->list.count; i++) {
        for (size_t w = 0; w < p->ledger.count; w++)
            if (is_lost(m, p->ledger.workers[w].id) ||
                (!scenario_is_counted(p->list.all[i]) && has_no_word(m, &p->ledger.workers[w])))
                count_lost(m, i, &p->ledger.workers[w]);
        if (scenario_is_counted(p->list.all[i]))
            count_rest(m, i);
    }
    for (size_t n = 0; n < p->piece_count; n++) { /* there was nobody left */
        count(m, p->pieces[n].scenario, ITERATIONS_DUE, p->pieces[n].count);
        count(m, p->pieces[n].scenario, ITERATIONS_CUT, p->pieces[n].count);
        if (p->pieces[n].is_unsure)
            count(m, p->pieces[n].scenario, ITERATIONS_LOST, p->pieces[n].count);
    }
}
