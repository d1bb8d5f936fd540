// SPDX-License-Identifier: MIT
/* plan_progress: the plans of all scenarios, and how far each is, for the page and for reports.
 * Numbers are those of the metrics (iterations_due …), so that both begin anew at a reset, and tell
 * of lost workers; what is just now is what the workers told last. */
#include "common/base/mem.h"
#include "master/app/core.h"
#include "master/app/plan_knee.h"
#include "master/app/scenario_progress.h"

#include <math.h>
#include <stdlib.h>

#define RATE_OVER_S 5 /* the last ones that are complete */

static bool read_metric(const struct master *m, const struct scenario *s, const char *metric,
                        uint32_t from_s, uint32_t to_s, struct series_value *v)
{
    const struct tag tag = {"scenario", s->name};
    const struct series_query q = {.metric = metric, .tags = &tag, .tag_count = 1};
    return series_store_read(m->record.series, &q, from_s, to_s, v);
}

/* Each start has its delay, in the second in which it was; counters are told about once a second.
 */
static double rate_of(const struct master *m, const struct scenario *s, double begun)
{
    const int64_t until = series_store_closed(m->record.series);
    const int64_t from = (int64_t)fmax((double)(until - RATE_OVER_S), floor(begun));
    struct series_value v;
    double rate = 0;
    if (until <= from)
        return 0;
    series_value_init(&v);
    const bool has_delays = scenario_is_open(s);
    if (read_metric(m, s, has_delays ? "start_delay" : iterations_metrics[ITERATIONS_STARTED],
                    (uint32_t)from, (uint32_t)until, &v))
        rate = (has_delays ? (double)v.n : v.sum) / (double)(until - from);
    series_value_fini(&v);
    return rate;
}

static void read_numbers(const struct master *m, const struct scenario *s,
                         struct scenario_progress *f)
{
    struct series_value v;
    series_value_init(&v);
    for (int n = 0; n < ITERATIONS_NUMBERS; n++)
        if (read_metric(m, s, iterations_metrics[n], SERIES_FROM_START, SERIES_TO_NOW, &v))
            f->numbers[n] = (uint64_t)v.sum;
    series_value_fini(&v);
}

static void read_users(const struct master *m, size_t i, struct scenario_progress *f)
{
    const struct ledger *l = &m->plans.ledger;
    for (size_t w = 0; i < l->scenarios && w < l->count; w++) {
        f->most_waiting += l->workers[w].parts[i].most_waiting;
        f->most_users += l->workers[w].parts[i].most_users;
        const struct worker *worker =
            roster_find((struct roster *)(uintptr_t)&m->machine.roster, l->workers[w].id);
        if (!f->is_on || !worker || !worker_is_active(worker))
            continue;
        f->users += l->workers[w].parts[i].users;
        f->waiting += l->workers[w].parts[i].waiting;
        f->busy += l->workers[w].parts[i].busy;
    }
}

/* begun: when the scenarios began, unix seconds; 0: they have not. */
static void put_one(const struct master *m, size_t i, double begun, double elapsed_s,
                    struct sbuf *out)
{
    const struct scenario *s = m->plans.list.all[i];
    const double start_s = (double)s->start_ns / 1e9;
    struct scenario_progress f = {.now_s = begun > 0 ? elapsed_s - start_s : -1,
                                  .is_on = run_is_active(&m->machine.run),
                                  .is_paused = plans_is_paused(&m->plans, i)};
    struct series_value delay;
    struct sbuf more = {0};
    series_value_init(&delay);
    if (begun > 0) {
        read_numbers(m, s, &f);
        if (read_metric(m, s, "start_delay", SERIES_FROM_START, SERIES_TO_NOW, &delay))
            f.delay = &delay;
        read_users(m, i, &f);
        f.rate = f.is_on ? rate_of(m, s, begun + start_s) : 0;
    }
    knees_write(m, i, &more);
    f.more = more.data;
    scenario_progress_write(s, &f, out);
    sbuf_fini(&more);
    series_value_fini(&delay);
}

void plans_write_progress(const struct master *m, struct sbuf *out)
{
    const struct plans *p = &m->plans;
    const struct run_clock now = master_now();
    const bool has_begun = p->texts && p->begun_at > 0;
    const double elapsed_s =
        has_begun ? (p->stopped_at > 0 ? p->stopped_at : now.mono) - p->begun_at : 0;
    const double begun = has_begun ? now.unix_time - (now.mono - p->begun_at) : 0;
    sbuf_addf(out, "{\"is_of_script\":%s,\"begun\":", p->is_scripts ? "true" : "false");
    if (has_begun)
        sbuf_addf(out, "%.3f,\"elapsed_s\":%.3f", begun, elapsed_s);
    else
        sbuf_adds(out, "null,\"elapsed_s\":null");
    sbuf_adds(out, ",\"scenarios\":[");
    for (size_t i = 0; i < p->list.count; i++) {
        sbuf_adds(out, i ? "," : "");
        put_one(m, i, begun, elapsed_s, out);
    }
    sbuf_adds(out, "]}");
}
