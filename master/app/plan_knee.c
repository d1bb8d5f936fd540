// SPDX-License-Identifier: MIT
/* plan_knee: scenarios that look for the knee: what each level of the staircase measured is given
 * to knee.h when its seconds are complete, and the scenario ends when that says so. What is
 * measured of a level is whole seconds, without those in which it settles. */
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/app/core.h"
#include "master/app/plan_knee.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define SETTLE_SHARE 0.2
#define SETTLE_LEAST_S 1.0
#define LATE_MS 100 /* p99 of the start delay: the generator does not keep up */

enum state { CLIMBING, FOUND, POOR, NOT_REACHED, STOPPED, GENERATOR };

struct plan_knee {
    struct knee knee;
    enum state state;
    bool is_to_end;            /* ... as it is, and nobody has ended the scenario yet */
    double requests, failures; /* of the whole test, when the level before was looked at */
};

/* The staircase: also of one that was brought forward, or was ended. */
static const struct scenario *original(const struct plans *p, size_t i)
{
    const struct scenario *now = p->list.all[i];
    const bool is_other = now->executor != SCENARIO_FIND_KNEE && p->given && p->given[i].first;
    return is_other ? p->given[i].first : now;
}

static bool is_one(const struct plans *p, size_t i)
{
    return original(p, i)->executor == SCENARIO_FIND_KNEE;
}

void knees_begin(struct plans *p)
{
    knees_fini(p);
    for (size_t i = 0; i < p->list.count && !p->knees; i++)
        if (is_one(p, i))
            p->knees = mem_zalloc(p->list.count * sizeof *p->knees);
    p->knee_count = p->knees ? p->list.count : 0;
    for (size_t i = 0; i < p->knee_count; i++)
        p->knees[i].knee.goodput = scenario_goodput(original(p, i));
}

void knees_fini(struct plans *p)
{
    for (size_t i = 0; i < p->knee_count; i++)
        knee_fini(&p->knees[i].knee);
    free(p->knees);
    p->knees = NULL;
    p->knee_count = 0;
}

/* ---- a level -------------------------------------------------------------------------------- */

static bool read_metric(const struct master *m, size_t i, const char *metric, int64_t from,
                        int64_t to, struct series_value *v)
{
    const struct tag tag = {"scenario", m->plans.list.all[i]->name};
    const struct series_query q = {.metric = metric, .tags = &tag, .tag_count = 1};
    return to > from &&
           series_store_read(m->record.series, &q, from > 0 ? (uint32_t)from : 0, (uint32_t)to, v);
}

static double count_of(const struct master *m, size_t i, const char *metric, int64_t from,
                       int64_t to, struct series_value *v)
{
    return read_metric(m, i, metric, from, to, v) ? (double)v->n : 0;
}

static void read_seconds(const struct master *m, size_t i, int64_t begun, int64_t from, int64_t to,
                         struct knee_level *l)
{
    struct series_value v;
    series_value_init(&v);
    double under_way = count_of(m, i, "start_delay", begun, from, &v);
    under_way -= count_of(m, i, "iteration_time", begun, from, &v);
    l->seconds = mem_zalloc((size_t)(to - from + 1) * sizeof *l->seconds);
    for (int64_t at = from; at < to; at++) {
        struct knee_second *s = &l->seconds[l->count++];
        under_way += count_of(m, i, "start_delay", at, at + 1, &v);
        if (read_metric(m, i, "iteration_time", at, at + 1, &v) && v.n) {
            s->done = (double)v.n;
            s->busy_s = v.sum / 1e3;
            s->p50_ms = series_value_quantile(&v, 0.5);
        }
        under_way -= s->done;
        s->under_way = under_way;
    }
    if (read_metric(m, i, "iteration_time", from, to, &v) && v.n) {
        l->p50_ms = series_value_quantile(&v, 0.5);
        l->p99_ms = series_value_quantile(&v, 0.99);
    }
    series_value_fini(&v);
}

static uint64_t users_of(const struct plans *p, size_t i, uint64_t *waiting)
{
    uint64_t users = 0;
    *waiting = 0;
    for (size_t w = 0; i < p->ledger.scenarios && w < p->ledger.count; w++) {
        users += p->ledger.workers[w].parts[i].users;
        *waiting += p->ledger.workers[w].parts[i].waiting;
    }
    return users;
}

/* Late with users to spare is the generator's; late without, the target's. */
static void blame(const struct master *m, size_t i, int64_t from, int64_t to, struct knee_level *l)
{
    struct series_value v;
    uint64_t waiting;
    series_value_init(&v);
    const bool has_dropped =
        read_metric(m, i, iterations_metrics[ITERATIONS_DROPPED], from, to, &v) && v.sum > 0;
    const bool has_all = users_of(&m->plans, i, &waiting) >= original(&m->plans, i)->max_users;
    const bool is_late = read_metric(m, i, "start_delay", from, to, &v) && v.n &&
                         series_value_quantile(&v, 0.99) > LATE_MS;
    l->is_short_of_users = has_dropped || (has_all && (waiting || is_late));
    l->is_late = is_late && !l->is_short_of_users;
    series_value_fini(&v);
}

/* Of all answers of which somebody said so, whoever asked; negative: of none. */
static double good_share(const struct master *m, int64_t from, int64_t to)
{
    struct series_value v;
    const struct series_query q = {.metric = "goodput"};
    series_value_init(&v);
    const bool has_some =
        to > from && series_store_read(m->record.series, &q, (uint32_t)from, (uint32_t)to, &v) &&
        v.kind == METRIC_RATE && v.n;
    const double share = has_some ? (double)v.trues / (double)v.n : -1;
    series_value_fini(&v);
    return share;
}

static double failed_share(const struct master *m, struct plan_knee *k)
{
    const struct tally *total = &m->record.stats.total;
    const double requests = (double)total->requests, failures = (double)total->failures;
    const double more = requests - k->requests, failed = failures - k->failures;
    k->requests = requests;
    k->failures = failures;
    return more > 0 && failed > 0 ? failed / more : 0; /* less: the statistics began anew */
}

/* The level that comes next, if its seconds are complete. */
static bool measure_next(struct master *m, size_t i, double begun)
{
    struct plan_knee *k = &m->plans.knees[i];
    const struct scenario *s = original(&m->plans, i);
    const double length_s = (double)scenario_level_ns(s) / 1e9,
                 at_s = length_s * (double)k->knee.count,
                 settle_s = fmax(SETTLE_LEAST_S, SETTLE_SHARE * length_s);
    const int64_t from = (int64_t)ceil(begun + at_s + settle_s),
                  to = (int64_t)floor(begun + at_s + length_s);
    if (k->knee.count >= s->ramp.count || series_store_closed(m->record.series) < to)
        return false;
    const struct ramp_stage *stage = &s->ramp.stages[k->knee.count];
    struct knee_level l = {.from_s = (double)from - begun,
                           .to_s = (double)to - begun,
                           .offered = (double)stage->from / (double)s->ramp.denominator * 1e9,
                           .failed = failed_share(m, k),
                           .good = good_share(m, from, to)};
    read_seconds(m, i, (int64_t)floor(begun), from, to, &l);
    blame(m, i, from, to, &l);
    knee_add(&k->knee, &l);
    return true;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void settle(struct plan_knee *k, size_t levels)
{
    const enum knee_stop stop = knee_stop(&k->knee);
    if (stop == KNEE_FOUND)
        k->state = FOUND;
    else if (stop == KNEE_POOR)
        k->state = POOR;
    else if (stop == KNEE_GENERATOR)
        k->state = GENERATOR;
    else if (k->knee.count == levels)
        k->state = NOT_REACHED;
}

static double begun_of(const struct master *m, size_t i)
{
    const struct run_clock now = master_now();
    return now.unix_time - (now.mono - m->plans.begun_at) +
           (double)original(&m->plans, i)->start_ns / 1e9;
}

static bool is_climbing(const struct plans *p, size_t i)
{
    return i < p->knee_count && is_one(p, i) && p->knees[i].state == CLIMBING;
}

void knees_second(struct master *m)
{
    struct plans *p = &m->plans;
    for (size_t i = 0; i < p->knee_count; i++) {
        if (!is_climbing(p, i))
            continue;
        if (p->list.all[i] != original(p, i)) /* its rate was changed */
            p->knees[i].state = STOPPED;
        while (is_climbing(p, i) && measure_next(m, i, begun_of(m, i)))
            settle(&p->knees[i], original(p, i)->ramp.count);
        const enum state state = p->knees[i].state;
        if (state == FOUND || state == POOR || state == GENERATOR)
            p->knees[i].is_to_end = true;
    }
}

bool knees_take_end(struct plans *p, size_t i)
{
    const bool is_to_end = i < p->knee_count && p->knees[i].is_to_end;
    if (is_to_end)
        p->knees[i].is_to_end = false;
    return is_to_end;
}

void knees_close(struct master *m)
{
    struct plans *p = &m->plans;
    for (size_t i = 0; i < p->knee_count; i++) {
        while (is_climbing(p, i) && measure_next(m, i, begun_of(m, i)))
            settle(&p->knees[i], original(p, i)->ramp.count);
        if (is_climbing(p, i))
            p->knees[i].state = STOPPED;
    }
}

const char *knees_end_words(const struct plans *p, size_t i)
{
    static const char *const words[] = {
        [CLIMBING] = "its last level was over",        [FOUND] = "the knee was found",
        [NOT_REACHED] = "its last level was over",     [STOPPED] = NULL,
        [GENERATOR] = "the generator did not keep up", [POOR] = "too few answers were good",
    };
    return i < p->knee_count && is_one(p, i) ? words[p->knees[i].state] : NULL;
}

/* ---- in words, and as JSON ------------------------------------------------------------------ */

static bool has_goodput(const struct knee *k)
{
    for (size_t i = 0; i < k->count; i++)
        if (k->levels[i].good >= 0)
            return true;
    return false;
}

static const char *why(const struct plan_knee *k)
{
    static const char *const words[] = {
        [CLIMBING] = "The rate goes up, level by level.",
        [FOUND] = "The target was saturated on two levels on end.",
        [POOR] = "Fewer answers were good than goodput asks for, on two levels on end.",
        [NOT_REACHED] = "The target kept up with all levels: give a higher max_rate.",
        [STOPPED] = "It was ended, or changed, before the target was saturated.",
        [GENERATOR] = "The generator did not keep up on two levels on end: give it more workers.",
    };
    return k->state == POOR && !has_goodput(&k->knee)
               ? "The metric goodput has no values: an LLMUser needs an slo."
               : words[k->state];
}

static void put_range(struct sbuf *out, const char *key, bool is_known,
                      const struct knee_range *range)
{
    if (is_known)
        sbuf_addf(out, ",\"%s\":{\"per_s\":%.6g,\"low\":%.6g,\"high\":%.6g", key, range->value,
                  range->low, range->high);
    else
        sbuf_addf(out, ",\"%s\":null", key);
}

static void put_level(struct sbuf *out, const struct knee_level *l)
{
    sbuf_addf(out,
              "{\"from_s\":%.6g,\"to_s\":%.6g,\"offered\":%.9g,\"done\":%.6g,\"users\":%.6g,"
              "\"mean\":%.6g,\"p50\":%.6g,\"p99\":%.6g,\"failed\":%.6g,\"is_saturated\":%s,"
              "\"is_valid\":%s,\"good\":",
              l->from_s, l->to_s, l->offered, l->done, l->users, l->mean_ms, l->p50_ms, l->p99_ms,
              l->failed, l->is_saturated ? "true" : "false", l->is_valid ? "true" : "false");
    if (l->good >= 0)
        sbuf_addf(out, "%.6g}", l->good);
    else
        sbuf_adds(out, "null}");
}

/* What was asked of the share of good answers, and up to which rate it was kept. */
static void put_goodput(struct sbuf *out, const struct knee *k)
{
    const struct knee_level *l = knee_good(k);
    if (!(k->goodput > 0))
        sbuf_adds(out, ",\"goodput\":null");
    else if (l)
        sbuf_addf(out, ",\"goodput\":{\"least\":%.9g,\"per_s\":%.9g,\"share\":%.6g}", k->goodput,
                  l->offered, l->good);
    else
        sbuf_addf(out, ",\"goodput\":{\"least\":%.9g,\"per_s\":null,\"share\":null}", k->goodput);
}

void knees_write(const struct master *m, size_t i, struct sbuf *out)
{
    static const char *const states[] = {"climbing",    "found",   "goodput",
                                         "not reached", "stopped", "generator"};
    const struct plans *p = &m->plans;
    struct knee_result r;
    if (i >= p->knee_count || !is_one(p, i))
        return;
    const struct plan_knee *k = &p->knees[i];
    knee_results(&k->knee, &r);
    sbuf_addf(out, ",\"knee\":{\"state\":\"%s\",\"why\":\"%s\",\"level\":%zu,\"levels\":[",
              states[k->state], why(k), k->knee.count);
    for (size_t l = 0; l < k->knee.count; l++) {
        sbuf_adds(out, l ? "," : "");
        put_level(out, &k->knee.levels[l]);
    }
    sbuf_addc(out, ']');
    put_goodput(out, &k->knee);
    put_range(out, "capacity", r.has_capacity, &r.capacity);
    if (r.has_capacity)
        sbuf_addf(out, ",\"is_measured\":%s}", r.is_measured ? "true" : "false");
    put_range(out, "knee", r.has_knee, &r.knee);
    if (r.has_knee)
        sbuf_addf(out, ",\"users\":%.6g,\"ms\":%.6g}", r.users, r.ms);
    if (r.has_law)
        sbuf_addf(out, ",\"law\":{\"lambda\":%.6g,\"sigma\":%.6g,\"kappa\":%.6g,\"fit\":%.6g}}",
                  r.lambda, r.sigma, r.kappa, r.fit);
    else
        sbuf_adds(out, ",\"law\":null}");
}

static void tell_goodput(const struct knee *k, struct sbuf *text)
{
    const struct knee_level *l = knee_good(k);
    if (!(k->goodput > 0))
        return;
    sbuf_addf(text, "  goodput of %.9g %% or more: ", k->goodput * 100);
    if (l)
        sbuf_addf(text, "up to %.4g/s (%.4g %% there)\n", l->offered, l->good * 100);
    else
        sbuf_adds(text, "on no level\n");
    sbuf_adds(text, "  good/offered, a second:");
    for (size_t i = 0; i < k->count; i++)
        if (k->levels[i].good >= 0)
            sbuf_addf(text, " %.4g/%.4g", k->levels[i].good * k->levels[i].done,
                      k->levels[i].offered);
    sbuf_addc(text, '\n');
}

void knees_tell(const struct master *m, struct sbuf *text)
{
    const struct plans *p = &m->plans;
    struct knee_result r;
    for (size_t i = 0; i < p->knee_count; i++) {
        if (!is_one(p, i))
            continue;
        knee_results(&p->knees[i].knee, &r);
        sbuf_addf(text, "Scenario '%s', after %zu levels: %s\n", p->list.all[i]->name,
                  p->knees[i].knee.count, why(&p->knees[i]));
        tell_goodput(&p->knees[i].knee, text);
        if (r.has_capacity)
            sbuf_addf(text, "  capacity %.4g/s (95 %% confidence: %.4g to %.4g/s)%s\n",
                      r.capacity.value, r.capacity.low, r.capacity.high,
                      r.is_measured ? "" : ", not measured: from the fitted law alone");
        if (r.has_knee)
            sbuf_addf(text,
                      "  knee at %.4g/s (95 %% confidence: %.4g to %.4g/s), with %.3g users busy, "
                      "%.4g ms an iteration\n",
                      r.knee.value, r.knee.low, r.knee.high, r.users, r.ms);
        if (r.has_law)
            sbuf_addf(text,
                      "  done = λn/(1 + σ(n−1) + κn(n−1)): λ %.4g/s, σ %.4g, κ %.4g (R² %.3f)\n",
                      r.lambda, r.sigma, r.kappa, r.fit);
        sbuf_addc(text, '\n');
    }
}
