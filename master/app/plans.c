// SPDX-License-Identifier: MIT
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/run/exit_code.h"
#include "master/app/core.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOON_S 0.2    /* from the word to the workers until the scenarios begin */
#define EPOCH_S 0.3   /* ... until another share counts */
#define AT_END_S 0.05 /* for an arrival that is due at the very end */

static int say(struct plans *p, size_t i, const char *why)
{
    fprintf(stderr, "%s: error: scenario '%s': %s\n", options_program(), p->list[i]->name, why);
    return EXIT_USAGE;
}

static int take(struct plans *p, const char *text)
{
    char *why = NULL;
    struct scenario *s = mem_zalloc(sizeof *s);
    p->list = mem_realloc(p->list, (p->count + 1) * sizeof *p->list);
    p->list[p->count++] = s;
    if (scenario_read(s, text, &why))
        return 0;
    fprintf(stderr, "%s: error: --scenario: %s\n", options_program(), why);
    free(why);
    return EXIT_USAGE;
}

static int check_names(struct plans *p)
{
    for (size_t i = 1; i < p->count; i++)
        for (size_t k = 0; k < i; k++)
            if (!strcmp(p->list[i]->name, p->list[k]->name))
                return say(p, i, "this name is given twice");
    return 0;
}

int plans_open(struct master *m)
{
    struct plans *p = &m->plans;
    int rc = 0;
    for (char **text = m->o->scenario; rc == 0 && text && *text; text++)
        rc = take(p, *text);
    if (rc == 0 && p->count && (m->o->users >= 0 || m->o->spawn_rate >= 0)) {
        fprintf(
            stderr,
            "%s: error: --users and --spawn-rate do not go with --scenario, whose keys users and "
            "max_users say how many there are\n",
            options_program());
        rc = EXIT_USAGE;
    }
    if (rc == 0 && m->o->show_plan && !p->count) {
        fprintf(stderr, "%s: error: --show-plan: there is no scenario: give --scenario\n",
                options_program());
        rc = EXIT_USAGE;
    }
    return rc == 0 ? check_names(p) : rc;
}

/* ---- the locustfile's classes --------------------------------------------------------------- */

static int fit_class(struct master *m, size_t i)
{
    const struct script *script = &m->nodes.host.script;
    struct plans *p = &m->plans;
    struct scenario *s = p->list[i];
    struct sbuf names = {0};
    int rc = EXIT_USAGE;
    if (!s->user_class && script->class_count == 1)
        s->user_class = mem_strdup(script->classes[0].name);
    for (size_t c = 0; c < script->class_count; c++) {
        sbuf_addf(&names, "%s%s", c ? ", " : "", script->classes[c].name);
        if (s->user_class && !strcmp(script->classes[c].name, s->user_class))
            rc = 0;
    }
    struct sbuf why = {0};
    if (s->user_class)
        sbuf_addf(&why, "there is no User class named '%s'", s->user_class);
    else
        sbuf_adds(&why, "it is for one User class: give class=");
    sbuf_addf(&why, " (the locustfile has %s)", names.data ? names.data : "none");
    if (rc != 0)
        say(p, i, why.data);
    for (size_t k = 0; rc == 0 && k < i; k++)
        if (!strcmp(p->list[k]->user_class, s->user_class))
            rc = say(p, i, "another scenario has this User class: make a subclass of it");
    sbuf_fini(&why);
    sbuf_fini(&names);
    return rc;
}

int plans_script_came(struct master *m)
{
    struct plans *p = &m->plans;
    int rc = 0;
    if (p->count && m->nodes.host.script.has_shape)
        rc = say(p, 0, "it does not go with the load shape of the locustfile");
    p->pools = mem_zalloc((p->count + 1) * sizeof *p->pools);
    p->users = 0;
    for (size_t i = 0; rc == 0 && i < p->count; i++) {
        rc = fit_class(m, i);
        p->pools[i] = (struct dispatch_class){p->list[i]->user_class, 0, p->list[i]->users};
        p->users += p->list[i]->users;
    }
    return rc;
}

void plans_print(const struct master *m)
{
    for (size_t i = 0; i < m->plans.count; i++) {
        struct sbuf line = {0};
        scenario_describe(m->plans.list[i], &line);
        puts(line.data);
        sbuf_fini(&line);
    }
    fflush(stdout);
}

/* ---- a run ---------------------------------------------------------------------------------- */

static void forget_texts(struct plans *p)
{
    for (size_t i = 0; p->texts && p->texts[i]; i++)
        free(p->texts[i]);
    free(p->texts);
    p->texts = NULL;
}

/* A seed that nobody gave is told, so that the run can be repeated. */
static void seed(struct scenario *s)
{
    uint64_t chosen;
    if (s->is_seeded || s->keys.spread == ARRIVALS_UNIFORM)
        return;
    master_random(&chosen, sizeof chosen);
    scenario_set_seed(s, chosen);
    s->is_seeded = false; /* the next run has another one */
    log_info(MAIN_LOGGER, "Scenario '%s' has the seed %llu", s->name, (unsigned long long)chosen);
}

static char *text_of(struct scenario *s)
{
    struct sbuf text = {0};
    const bool is_seeded = s->is_seeded;
    s->is_seeded = true;
    scenario_write(s, &text);
    s->is_seeded = is_seeded;
    return sbuf_take(&text);
}

void plans_begin(struct master *m)
{
    struct plans *p = &m->plans;
    if (!p->count)
        return;
    forget_texts(p);
    p->texts = mem_zalloc((p->count + 1) * sizeof *p->texts);
    p->walks = mem_realloc(p->walks, p->count * sizeof *p->walks);
    for (size_t i = 0; i < p->count; i++) {
        seed(p->list[i]);
        p->texts[i] = text_of(p->list[i]);
        arrivals_begin(&p->walks[i], &p->list[i]->plan);
    }
    p->begun_at = 0;
    free(p->dealt_to);
    p->dealt_to = NULL;
    m->nodes.scenarios = p->texts;
    m->nodes.pools = p->pools;
    m->nodes.pool_count = p->count;
    m->machine.load.users = p->users;
    m->machine.load.spawn_rate = p->users;
}

/* The run ends with the last scenario, if that ends by itself. */
static double run_time_s(const struct master *m)
{
    const struct plans *p = &m->plans;
    const double given_s = m->machine.load.run_time_s;
    double end_s = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct scenario *s = p->list[i];
        if (s->is_endless)
            return 0;
        end_s = fmax(end_s, (double)(s->start_ns + s->ramp.length_ns) / 1e9);
    }
    end_s += p->begun_at - m->machine.run.started_mono + AT_END_S;
    return given_s > 0 ? fmin(given_s, end_s) : end_s;
}

/* The first arrival that is due later than that. */
static uint64_t first_after(struct arrivals *walk, const struct scenario *s, double elapsed_s)
{
    const int64_t until = (int64_t)(elapsed_s * 1e9) - s->start_ns;
    struct arrivals before;
    int64_t at;
    do {
        before = *walk;
        at = arrivals_take(walk, walk->next);
    } while (at >= 0 && at <= until);
    *walk = before;
    return before.next;
}

/* Those who take part, one a line, in the order of their shares. */
static char *list_workers(const struct master *m, size_t *count)
{
    struct sbuf ids = {0};
    struct dispatch *d = m->machine.dispatch;
    *count = 0;
    for (size_t i = 0; d && i < dispatch_worker_count(d); i++) {
        const char *id = dispatch_worker(d, i)->id;
        const struct worker *w = roster_find((struct roster *)(uintptr_t)&m->machine.roster, id);
        if (!w || !w->is_katydid || !worker_is_active(w))
            continue;
        sbuf_addf(&ids, "%s\n", id);
        ++*count;
    }
    return sbuf_take(&ids);
}

static bool send_shares(struct master *m, const uint64_t *from, char *ids, size_t count, double now)
{
    const struct plans *p = &m->plans;
    char *rest = NULL;
    unsigned offset = 0;
    bool is_sent = true;
    for (char *id = strtok_r(ids, "\n", &rest); id; id = strtok_r(NULL, "\n", &rest), offset++) {
        struct sbuf out = {0};
        proto_scenarios(&out, id, now - p->begun_at, from, p->count, offset, (unsigned)count);
        is_sent &= outbox_bytes(&m->nodes, id, &out);
    }
    return is_sent;
}

/* Deals the arrivals anew, if the workers are others than those that have them. */
static void deal(struct master *m, bool is_first)
{
    struct plans *p = &m->plans;
    size_t count;
    const double now = master_now().mono;
    char *ids = list_workers(m, &count);
    if (!ids || (p->dealt_to && !strcmp(ids, p->dealt_to))) {
        free(ids);
        return;
    }
    uint64_t *from = mem_zalloc(p->count * sizeof *from);
    for (size_t i = 0; !is_first && i < p->count; i++)
        from[i] = first_after(&p->walks[i], p->list[i], now - p->begun_at + EPOCH_S);
    free(p->dealt_to);
    p->dealt_to = mem_strdup(ids);
    if (!send_shares(m, from, ids, count, now)) {
        free(p->dealt_to); /* again in a second */
        p->dealt_to = NULL;
    }
    free(from);
    free(ids);
}

double plans_spawned(struct master *m)
{
    struct plans *p = &m->plans;
    if (!p->texts || p->begun_at > 0)
        return 0;
    p->begun_at = master_now().mono + SOON_S;
    deal(m, true);
    return run_time_s(m);
}

void plans_follow(struct master *m)
{
    struct plans *p = &m->plans;
    if (p->texts && p->begun_at > 0 && run_is_active(&m->machine.run))
        deal(m, false);
}

void plans_second(struct master *m)
{
    struct plans *p = &m->plans;
    const double elapsed_s = master_now().mono - p->begun_at;
    if (!p->texts || p->begun_at <= 0 || !run_is_active(&m->machine.run))
        return;
    for (size_t i = 0; i < p->count; i++) /* now and then, so that it is never far */
        first_after(&p->walks[i], p->list[i], elapsed_s);
    deal(m, false);
}

double plans_graceful_s(const struct master *m)
{
    double most = 0;
    for (size_t i = 0; i < m->plans.count; i++)
        most = fmax(most, (double)m->plans.list[i]->graceful_ns / 1e9);
    return most;
}

void plans_fini(struct master *m)
{
    struct plans *p = &m->plans;
    forget_texts(p);
    for (size_t i = 0; i < p->count; i++) {
        scenario_fini(p->list[i]);
        free(p->list[i]);
    }
    free(p->list);
    free(p->walks);
    free(p->pools);
    free(p->dealt_to);
}
