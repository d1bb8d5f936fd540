// SPDX-License-Identifier: MIT
#include "common/base/clk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/secret.h"
#include "master/app/core.h"
#include "master/app/plan_knee.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOON_S 0.2 /* from the word to the workers until the scenarios begin */

/* ---- a run ---------------------------------------------------------------------------------- */

static void forget_texts(struct plans *p)
{
    for (size_t i = 0; p->texts && p->texts[i]; i++)
        free(p->texts[i]);
    free(p->texts);
    p->texts = NULL;
}

/* The next run begins with what was given. */
static void forget_changes(struct plans *p)
{
    for (size_t i = 0; p->given && i < p->list.count; i++) {
        free(p->given[i].paused);
        if (!p->given[i].first)
            continue;
        scenario_fini(p->list.all[i]);
        free(p->list.all[i]);
        p->list.all[i] = p->given[i].first;
    }
    free(p->given);
    p->given = NULL;
}

/* A seed that nobody gave is told, and kept in the run's plan, so that the run can be repeated. */
static void seed(const struct master *m, struct scenario *s)
{
    uint64_t chosen;
    if (!s->is_seeded && m->o->seed >= 0 && scenario_is_open(s))
        scenario_set_seed(s, (uint64_t)m->o->seed);
    if ((s->is_seeded && !s->is_drawn) || !scenario_is_open(s) || !scenario_is_random(s))
        return;
    secret_bytes(&chosen, sizeof chosen);
    scenario_set_seed(s, chosen);
    s->is_drawn = true; /* the next run has another one */
    log_info(MAIN_LOGGER, "Scenario '%s' has the seed %llu", s->name, (unsigned long long)chosen);
}

/* In k6 others set its number of users. */
static void warn_of_control(const struct master *m, const struct scenario *s)
{
    if (m->o->headless && s->executor == SCENARIO_EXTERNALLY_CONTROLLED)
        log_warning(
            MAIN_LOGGER,
            "Scenario '%s' is externally-controlled, and with --headless nothing can control "
            "it: it keeps its %u users",
            s->name, s->users);
}

/* A run that will start nothing says so before it does. */
static void warn_of_nothing(const struct master *m, size_t i)
{
    const struct scenario *s = m->plans.list.all[i];
    struct arrivals walk = m->plans.walks[i];
    const int64_t first_ns = scenario_is_open(s) ? arrivals_take(&walk, 0) : 0;
    const double first_s = (double)(s->start_ns + first_ns) / 1e9,
                 run_time_s = m->machine.load.run_time_s;
    if (first_ns < 0)
        log_warning(MAIN_LOGGER, "Scenario '%s' starts nothing: by chance it has no arrival",
                    s->name);
    else if (run_time_s > 0 && first_s > run_time_s)
        log_warning(MAIN_LOGGER,
                    "Scenario '%s' starts nothing: the first is due after %.4g s, and the run time "
                    "is %.4g s",
                    s->name, first_s, run_time_s);
}

static char *text_of(const struct scenario *s)
{
    struct sbuf text = {0};
    scenario_write(s, &text);
    return sbuf_take(&text);
}

/* The users that are made before the start. */
static void fill_pools(struct plans *p)
{
    free(p->pools);
    p->pools = mem_zalloc((p->list.count + 1) * sizeof *p->pools);
    p->users = 0;
    for (size_t i = 0; i < p->list.count; i++) {
        const struct scenario *s = p->list.all[i];
        const unsigned users =
            scenario_is_open(s) ? s->users : 0; /* the others begin when it does */
        p->pools[i] =
            (struct dispatch_class){s->pool ? s->pool : s->user_class, 0, users, .is_even = true};
        p->users += users;
    }
}

void plans_begin(struct master *m)
{
    struct plans *p = &m->plans;
    char *why = NULL;
    forget_texts(p);
    forget_changes(p);
    plans_post_fini(p);
    if (!plans_take_script(m, &why)) /* of a locustfile that was loaded anew */
        log_error(MAIN_LOGGER, "%s", why);
    free(why);
    m->nodes.scenarios = NULL;
    m->nodes.pools = NULL;
    m->nodes.pool_count = 0;
    if (!p->list.count)
        return;
    if (!plans_are_of_all(p))
        fill_pools(p);
    p->texts = mem_zalloc((p->list.count + 1) * sizeof *p->texts);
    p->walks = mem_realloc(p->walks, p->list.count * sizeof *p->walks);
    for (size_t i = 0; i < p->list.count; i++) {
        seed(m, p->list.all[i]);
        warn_of_control(m, p->list.all[i]);
        p->texts[i] = text_of(p->list.all[i]);
        if (scenario_is_open(p->list.all[i]))
            arrivals_begin(&p->walks[i], &p->list.all[i]->plan);
        warn_of_nothing(m, i);
    }
    p->begun_at = p->stopped_at = 0;
    p->told_s = -1;
    plans_count_begin(p);
    knees_begin(p);
    free(p->dealt_to);
    p->dealt_to = NULL;
    m->nodes.scenarios = p->texts;
    if (plans_are_of_all(p))
        return;
    m->nodes.pools = p->pools;
    m->nodes.pool_count = p->list.count;
    m->machine.load.users = p->users;
    m->machine.load.spawn_rate = fmax(p->users, 1);
}

/* When the last scenario ends, after the run's start; 0: one does not end by itself. */
static double end_s(const struct master *m)
{
    const struct plans *p = &m->plans;
    double last_s = 0;
    for (size_t i = 0; i < p->list.count; i++) {
        const struct scenario *s = p->list.all[i];
        if (s->is_endless)
            return 0;
        last_s = fmax(last_s, (double)(s->start_ns + s->ramp.length_ns) / 1e9);
    }
    return last_s + p->begun_at - m->machine.run.started_mono + PLANS_AT_END_S;
}

/* The run ends with the last scenario, if that ends by itself. */
double plans_run_time_s(const struct master *m)
{
    const double given_s = m->machine.load.run_time_s, by_itself_s = end_s(m);
    return given_s > 0 && by_itself_s > 0 ? fmin(given_s, by_itself_s) : by_itself_s;
}

const char *plans_end_words(const struct master *m)
{
    const struct plans *p = &m->plans;
    const double given_s = m->machine.load.run_time_s, by_itself_s = end_s(m);
    if (!p->texts || p->begun_at <= 0 || by_itself_s <= 0 || (given_s > 0 && given_s < by_itself_s))
        return NULL;
    const char *words = p->list.count == 1 ? knees_end_words(p, 0) : NULL;
    return words ? words : p->list.count == 1 ? "its scenario was over" : "all scenarios were over";
}

/* Those who take part, in the order of their shares. */
struct takers {
    char *ids;            /* one a line */
    struct stripe *parts; /* of users, by their weights */
    size_t count;
};

static struct takers list_workers(const struct master *m)
{
    struct sbuf ids = {0};
    struct dispatch *d = m->machine.dispatch;
    const size_t most = d ? dispatch_worker_count(d) : 0;
    unsigned *weights = mem_zalloc((most + 1) * sizeof *weights);
    struct takers t = {.parts = mem_zalloc((most + 1) * sizeof *t.parts)};
    for (size_t i = 0; i < most; i++) {
        const char *id = dispatch_worker(d, i)->id;
        const struct worker *w = roster_find((struct roster *)(uintptr_t)&m->machine.roster, id);
        if (!w || !w->is_katydid || !worker_is_active(w))
            continue;
        sbuf_addf(&ids, "%s\n", id);
        weights[t.count++] = w->weight ? w->weight : 1;
    }
    stripe_deal(t.parts, weights, t.count, 0, 0);
    free(weights);
    t.ids = sbuf_take(&ids);
    return t;
}

static bool has_shares(const struct plans *p, const struct takers *t)
{
    bool is_same = !p->is_due && p->dealt_to && !strcmp(t->ids, p->dealt_to);
    for (size_t i = 0; is_same && i < t->count; i++)
        is_same = stripe_is(&t->parts[i], &p->parts[i]);
    return is_same;
}

/* Who has none of so few users has no arrivals either. */
static struct stripe share_of(const struct scenario *s, struct stripe part, uint64_t from)
{
    const bool has_own = scenario_is_open(s) && !scenario_is_of_all(s);
    struct stripe share = has_own ? stripe_of_only(part, s->max_users) : part;
    share.from = from;
    return share;
}

static void send_shares(struct master *m, const uint64_t *from, bool is_first)
{
    const struct plans *p = &m->plans;
    struct stripe *shares = mem_zalloc(p->list.count * sizeof *shares);
    uint64_t *away = mem_zalloc(p->list.count * sizeof *away);
    char *rest = NULL, *ids = mem_strdup(p->dealt_to);
    size_t n = 0;
    for (char *id = strtok_r(ids, "\n", &rest); id; id = strtok_r(NULL, "\n", &rest), n++) {
        for (size_t i = 0; i < p->list.count; i++)
            shares[i] = share_of(p->list.all[i], p->parts[n], from[i]);
        plans_post(m, id, shares, plans_count_away(m, id, away) ? away : NULL);
        plans_count_dealt(m, id, shares, is_first);
    }
    free(shares);
    free(away);
    free(ids);
    if (n)
        plans_count_pieces_dealt(&m->plans);
}

static void take_takers(struct plans *p, struct takers t)
{
    free(p->dealt_to);
    free(p->parts);
    p->dealt_to = t.ids;
    p->parts = t.parts;
}

/* Deals the arrivals anew, if the workers, or their weights, are others than when they were dealt.
 */
static void deal(struct master *m, bool is_first)
{
    struct plans *p = &m->plans;
    const double now = master_now().mono;
    const struct takers t = list_workers(m);
    if (!t.ids || has_shares(p, &t)) {
        free(t.ids);
        free(t.parts);
        return;
    }
    uint64_t *from = mem_zalloc(p->list.count * sizeof *from);
    for (size_t i = 0; !is_first && i < p->list.count; i++)
        from[i] = plans_first_after(p, i, now - p->begun_at + PLANS_EPOCH_S);
    plans_count_left(m, p->dealt_to, t.ids, from);
    take_takers(p, t);
    p->is_due = false;
    send_shares(m, from, is_first);
    plans_count_grant(m);
    free(from);
}

double plans_spawned(struct master *m)
{
    struct plans *p = &m->plans;
    if (!p->texts || p->begun_at > 0)
        return 0;
    p->begun_at = master_now().mono + SOON_S;
    deal(m, true);
    return plans_run_time_s(m);
}

void plans_deal_anew(struct master *m)
{
    m->plans.is_due = true;
    deal(m, false);
}

void plans_follow(struct master *m)
{
    struct plans *p = &m->plans;
    if (p->texts && p->begun_at <= 0 && plans_are_of_all(p) && m->machine.dispatch &&
        run_is_active(&m->machine.run)) { /* there is nobody to wait for */
        p->begun_at = master_now().mono;
        deal(m, true);
    }
    if (!p->texts || p->begun_at <= 0)
        return;
    if (run_is_active(&m->machine.run))
        deal(m, false);
    else if (p->stopped_at <= 0)
        p->stopped_at = master_now().mono;
}

void plans_second(struct master *m)
{
    struct plans *p = &m->plans;
    const double elapsed_s = master_now().mono - p->begun_at;
    if (!p->texts || p->begun_at <= 0 || !run_is_active(&m->machine.run))
        return;
    for (size_t i = 0; i < p->list.count; i++) /* now and then, so that it is never far */
        plans_first_after(p, i, elapsed_s);
    plans_post_second(m);
    deal(m, false);
}

double plans_graceful_s(const struct master *m)
{
    double most = 0;
    for (size_t i = 0; i < m->plans.list.count; i++)
        most = fmax(most, (double)m->plans.list.all[i]->graceful_ns / 1e9);
    return most;
}

void plans_fini(struct master *m)
{
    struct plans *p = &m->plans;
    forget_texts(p);
    forget_changes(p);
    plans_forget(&p->list);
    free(p->walks);
    free(p->pools);
    free(p->dealt_to);
    free(p->parts);
    plans_count_fini(p);
    plans_post_fini(p);
    knees_fini(p);
}
