// SPDX-License-Identifier: MIT
#include "master/app/retry.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/baseline.h"
#include "master/app/core.h"
#include "master/store/side.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BEFORE_END_S 5 /* a comparison takes a second or two of a busy machine */
#define LEAST_S 10

/* One comparison; what it works on is its own. */
struct glance {
    pthread_t thread;
    struct gate gate;
    char *history;
    json_t *like;
    struct snapshot *of;
    bool is_done; /* atomic; below: valid from then on */
    bool would_tell;
    struct sbuf words;
};

struct retry {
    unsigned run_number;   /* that it is of */
    struct glance *glance; /* NULL: none is on */
    double asked_for;      /* the time limit that was looked at; monotonic */
    double more_s;         /* that the run was given */
};

/* ---- on the thread ---- */

/* Those of a snapshot cannot be searched, and their numbers are those of the timeline. */
static void copy_stats(struct stats *to, const struct stats *from)
{
    stats_init(to, from->started_at, STATS_LIMITS_DEFAULT);
    tally_merge(&to->total, &from->total);
    for (const struct tally *t = from->rows; t; t = t->next) {
        to->last_row = t->number - 1;
        tally_merge(stats_row(to, t->method, t->method_len, t->name, t->name_len), t);
    }
}

/* The line that is told least, of those that more would tell. */
static void name_line(const struct contrast *c, struct sbuf *words)
{
    const struct contrast_line *most = NULL;
    for (size_t i = 0; i < c->count; i++) {
        const struct contrast_line *l = &c->lines[i];
        if (l->answer == ANSWER_UNSURE && l->change.would_tell == (c->would_tell > 0) &&
            (!most || l->needs > most->needs))
            most = l;
    }
    if (!most)
        return;
    sbuf_adds(words, contrast_figure_name(most->rule->figure));
    if (*most->name || *most->method)
        sbuf_addf(words, " of %s %s", most->method, most->name);
    sbuf_adds(words, ": ");
    contrast_add_value(words, most->rule->figure, most->change.before);
    sbuf_adds(words, " → ");
    contrast_add_value(words, most->rule->figure, most->change.after);
}

static void look(struct glance *g, struct history *h, const struct stats *stats)
{
    struct side before = {0};
    struct contrast c;
    char *why = NULL;
    struct side_alike alike = side_alike(h, g->like);
    const struct side_ask ask = {.gate = &g->gate, .like = stats};
    const struct contrast_run after = {g->of->view->timeline, stats, g->like};
    if (baseline_runs(&g->gate, h, g->like, &ask, &before, &why)) {
        contrast_make(&c, &(struct contrast_ask){.before = before.runs,
                                                 .before_count = before.count,
                                                 .after = &after,
                                                 .after_count = 1,
                                                 .gate = &g->gate,
                                                 .between = h ? side_between : NULL,
                                                 .arg = &alike});
        g->would_tell = c.is_short || (c.worse == 0 && c.would_tell > 0);
        if (c.is_short)
            sbuf_adds(&g->words, c.refusal);
        else if (c.worse == 0)
            name_line(&c, &g->words);
        contrast_fini(&c);
    }
    free(why);
    side_close(&before);
    side_alike_fini(&alike);
}

static void *run_glance(void *arg)
{
    struct glance *g = arg;
    struct stats stats;
    char *why = NULL;
    struct history *h = baseline_history(g->history, &why);
    copy_stats(&stats, &g->of->stats);
    look(g, h, &stats);
    stats_fini(&stats);
    history_close(h);
    free(why);
    __atomic_store_n(&g->is_done, true, __ATOMIC_RELEASE);
    return NULL;
}

/* ---- on the main thread ---- */

static void end_glance(struct retry *r)
{
    struct glance *g = r->glance;
    if (!g)
        return;
    pthread_join(g->thread, NULL);
    snapshot_unref(g->of);
    json_decref(g->like);
    sbuf_fini(&g->words);
    free(g->history);
    free(g);
    r->glance = NULL;
}

static void begin_glance(struct master *m)
{
    struct retry *r = m->judging.retry;
    struct glance *g = r->glance = mem_zalloc(sizeof *g);
    g->gate = *baseline_gate(m);
    g->history = m->o->history ? mem_strdup(m->o->history) : NULL;
    g->like = baseline_about(m, judging_was_valid(m));
    g->of = results_snapshot(m);
    if (pthread_create(&g->thread, NULL, run_glance, g) == 0)
        return;
    log_warning(MAIN_LOGGER, "cant_tell = retry: there is no thread to compare on");
    snapshot_unref(g->of);
    json_decref(g->like);
    free(g->history);
    free(g);
    r->glance = NULL;
}

static double left_s(const struct master *m)
{
    return m->machine.run.time_limit_at - master_now().mono;
}

/* As long again as the run was with all of its users, as far as it may. */
static double next_part_s(const struct master *m)
{
    const struct run *run = &m->machine.run;
    const double rate = run->spawn_rate > 0 ? run->spawn_rate : 1;
    const double all_s = run->run_time_s - m->judging.retry->more_s;
    const double steady_s = all_s - run->target_users / rate;
    return fmin(fmax(steady_s, LEAST_S), RETRY_MOST_S - m->judging.retry->more_s);
}

static void go_on(struct master *m)
{
    struct retry *r = m->judging.retry;
    const char *words = r->glance->words.len ? r->glance->words.data : "";
    const double more_s = next_part_s(m);
    r->more_s += more_s;
    log_info(MAIN_LOGGER, "The gate cannot tell yet (%s): the load goes on for %.0f s", words,
             more_s);
    events_add(m->record.events, master_now().unix_time, "marker",
               "the gate cannot tell yet: %.0f s more", more_s);
    run_limit_to(m, m->machine.run.run_time_s + more_s);
}

static void take_glance(struct master *m)
{
    const struct glance *g = m->judging.retry->glance;
    const bool is_time = RETRY_MOST_S - m->judging.retry->more_s >= LEAST_S;
    if (g->would_tell && is_time && left_s(m) > 0)
        go_on(m);
    else if (!g->would_tell && g->words.len)
        log_info(MAIN_LOGGER,
                 "The gate cannot tell (%s), and more of this run would not: runs differ by more "
                 "(--repeat)",
                 g->words.data);
}

/* What has scenarios, a shape or a number of iterations ends by itself. */
static bool is_wanted(const struct master *m)
{
    return !m->judging.repeat && m->plans.list.count == 0 && !m->machine.is_shaped &&
           m->machine.run.time_limit_at > 0 && run_is_active(&m->machine.run);
}

/* What was known of the run before is no longer of interest; but a comparison that is still on is
 * not waited for. */
static struct retry *of_run(struct master *m)
{
    if (!m->judging.retry)
        m->judging.retry = mem_zalloc(sizeof *m->judging.retry);
    struct retry *r = m->judging.retry;
    const bool is_of_before = r->run_number != m->machine.run.number;
    if (r->glance && __atomic_load_n(&r->glance->is_done, __ATOMIC_ACQUIRE)) {
        if (!is_of_before && is_wanted(m))
            take_glance(m);
        end_glance(r);
    }
    if (is_of_before && !r->glance)
        *r = (struct retry){.run_number = m->machine.run.number};
    return r;
}

void retry_second(struct master *m)
{
    if (!m->judging.baseline || !baseline_gate(m)->retries)
        return;
    struct retry *r = of_run(m);
    const double limit = m->machine.run.time_limit_at;
    if (r->glance || !is_wanted(m) || left_s(m) > BEFORE_END_S || limit <= r->asked_for)
        return;
    r->asked_for = limit;
    begin_glance(m);
}

void retry_fini(struct master *m)
{
    if (m->judging.retry)
        end_glance(m->judging.retry);
    free(m->judging.retry);
}
