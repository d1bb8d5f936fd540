// SPDX-License-Identifier: MIT
/* plan_weights: how much of the load each worker gets, where that is not the same
 * (--worker-weights). With "auto" it follows what each of them does with its processor time, and
 * how much of that there is for it: looked at each second, dealt anew when it is clearly something
 * else. Requests are what is counted: of each test, whatever its load is. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/plan/weights.h"
#include "common/run/exit_code.h"
#include "master/app/core.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_APART_S 10.0 /* of changes: what one does is to be seen before the next */

int weighing_open(struct master *m)
{
    char *why = NULL;
    if (weights_read(&m->weighing.weights, m->o->worker_weights, &why)) {
        m->nodes.weights = m->o->worker_weights ? &m->weighing.weights : NULL;
        return 0;
    }
    fprintf(stderr, "--worker-weights: %s\n", why);
    free(why);
    return EXIT_USAGE;
}

void weighing_fini(struct master *m)
{
    weights_fini(&m->weighing.weights);
    free(m->weighing.workers);
}

static struct weighed_worker *entry_of(struct weighing *g, const struct worker *w)
{
    if (w->index >= g->count) {
        g->workers = mem_realloc(g->workers, (w->index + (size_t)1) * sizeof *g->workers);
        memset(g->workers + g->count, 0, (w->index + (size_t)1 - g->count) * sizeof *g->workers);
        g->count = w->index + (size_t)1;
    }
    return &g->workers[w->index];
}

static bool is_weighed(const struct worker *w)
{
    return w->is_katydid && worker_is_active(w);
}

static void measure(struct weighing *g, const struct worker *w, unsigned run)
{
    struct weighed_worker *e = entry_of(g, w);
    if (e->run != run || w->requests < e->requests)
        *e = (struct weighed_worker){.run = run, .requests = w->requests};
    weighed_second(&e->measured, w->cpu_percent / 100, (double)(w->requests - e->requests));
    e->requests = w->requests;
}

/* Its own part of a processor: what its container may use, and others leave. */
static double processor_of(const struct worker *w)
{
    const double limit = w->cores > 0 ? fmin(w->cores, 1) : 1;
    return limit * (1 - fmin(fmax(w->starved, 0), 99) / 100);
}

static void take_weights(struct master *m, const unsigned *weights)
{
    struct sbuf words = {0};
    const struct roster *r = &m->machine.roster;
    for (size_t i = 0, n = 0; i < r->count; i++) {
        struct worker *w = r->workers[i];
        if (!is_weighed(w))
            continue;
        if (w->weight != weights[n])
            sbuf_addf(&words, "%s%u: %u → %u", words.len ? ", " : "", w->index, w->weight,
                      weights[n]);
        w->weight = weights[n++];
        if (m->machine.dispatch)
            dispatch_weigh(m->machine.dispatch, w->id, w->weight);
    }
    events_add(m->record.events, master_now().unix_time, "worker", "Weights of workers: %s",
               words.data ? words.data : "");
    log_info(MAIN_LOGGER, "Weights of workers, by index: %s", words.data ? words.data : "");
    sbuf_fini(&words);
}

void weighing_second(struct master *m)
{
    struct weighing *g = &m->weighing;
    const struct roster *r = &m->machine.roster;
    const double now = master_now().mono;
    if (!g->weights.is_auto || !run_is_active(&m->machine.run))
        return;
    double *capacities = mem_zalloc((r->count + 1) * sizeof *capacities);
    unsigned *weights = mem_zalloc((r->count + 1) * sizeof *weights);
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct worker *w = r->workers[i];
        if (!is_weighed(w))
            continue;
        measure(g, w, m->machine.run.number);
        capacities[count] = weighed_capacity(&entry_of(g, w)->measured, processor_of(w));
        weights[count++] = w->weight ? w->weight : WEIGHTS_MEAN;
    }
    if (count > 1 && now - g->changed_at >= LEAST_APART_S &&
        weighed_weigh(capacities, weights, count)) {
        g->changed_at = now;
        take_weights(m, weights);
    }
    free(capacities);
    free(weights);
}
