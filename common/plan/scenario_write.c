// SPDX-License-Identifier: MIT
#include "common/plan/scenario_int.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

const char *scenario_executor_name(enum scenario_executor e)
{
    return scenario_executors[e];
}

void scenario_write(const struct scenario *s, struct sbuf *out)
{
    if (!scenario_is_open(s)) {
        scenario_write_users(s, out);
        return;
    }
    sbuf_addf(out, "%s:%s:time_unit=%" PRId64 "ns", s->name, scenario_executors[s->executor],
              s->keys.unit_ns);
    scenario_write_whose(s, out);
    if (scenario_has(s, SCENARIO_RATE))
        scenario_put_rate(out, "rate", s->keys.rate);
    if (scenario_has(s, SCENARIO_START_RATE))
        scenario_put_rate(out, "start_rate", s->keys.start_rate);
    if (s->keys.stages)
        sbuf_addf(out, ",stages=%s", s->keys.stages);
    scenario_write_staircase(s, out);
    if (scenario_has(s, SCENARIO_DURATION))
        sbuf_addf(out, ",duration=%" PRId64 "ns", s->keys.duration_ns);
    sbuf_addf(out, ",users=%u,max_users=%u,on_busy=%s", s->users, s->max_users,
              scenario_busies[s->on_busy]);
    if (s->on_busy != SCENARIO_DROP)
        sbuf_addf(out, ",max_queue=%u", s->max_queue);
    sbuf_addf(out, ",start_time=%" PRId64 "ns,graceful_stop=%" PRId64 "ns,distribution=%s",
              s->start_ns, s->graceful_ns, scenario_spreads[s->keys.spread]);
    if (s->is_seeded)
        sbuf_addf(out, ",seed=%" PRIu64, s->seed);
    if (s->keys.is_k6)
        sbuf_adds(out, ",phase=k6");
    if (s->is_fresh)
        sbuf_adds(out, ",fresh=true");
    scenario_write_pairs(s, out);
}

/* As one would type it: its own text has all in nanoseconds. */
static void put_step(struct sbuf *out, const struct curve *c)
{
    if (c->kind == CURVE_SINE) {
        sbuf_addf(out, "sine(%Lg/s).amplitude(%Lg/s).period(", c->mean * 1e9L, c->amplitude * 1e9L);
        scenario_put_span(out, c->period_ns);
    } else {
        sbuf_addf(out, "stressPeakUsers(%" PRIu64, c->count);
    }
    sbuf_adds(out, ").during(");
    scenario_put_span(out, c->length_ns);
    sbuf_adds(out, ")");
}

/* What is no line: in words. */
static void put_curve(struct sbuf *out, const struct ramp_stage *stage)
{
    const struct curve *c = stage->curve;
    if (c->kind != CURVE_TIMES) {
        put_step(out, c);
        if (stage->skip_ns || stage->length_ns != c->length_ns) {
            sbuf_adds(out, " from ");
            scenario_put_span(out, stage->skip_ns);
            sbuf_adds(out, " to ");
            scenario_put_span(out, stage->skip_ns + stage->length_ns);
        }
    } else if (!stage->length_ns) {
        sbuf_addf(out, "%" PRIu64 " at once", c->count);
    } else {
        sbuf_addf(out, "%.0Lf at times of a list in ",
                  curve_until(c, stage->skip_ns + stage->length_ns) -
                      curve_until(c, stage->skip_ns));
        scenario_put_span(out, stage->length_ns);
    }
}

static void put_rates(struct sbuf *out, const struct scenario *s)
{
    const struct ramp *r = &s->ramp;
    if (s->executor == SCENARIO_CONSTANT_ARRIVAL_RATE) {
        sbuf_addf(out, "%g/s", scenario_peak_per_s(s));
        return;
    }
    if (s->executor == SCENARIO_FIND_KNEE) {
        scenario_describe_staircase(s, out);
        return;
    }
    double level = 0; /* where the stage before ended */
    for (size_t i = 0; i < r->count - s->is_endless; i++) {
        const struct ramp_stage *stage = &r->stages[i];
        const double per = 1e9 / (double)r->denominator, from = (double)stage->from * per;
        if (stage->curve) {
            sbuf_adds(out, i ? " → " : "");
            put_curve(out, stage);
            level = NAN;
            continue;
        }
        if (i == 0)
            sbuf_addf(out, "%g/s", from);
        else if (stage->length_ns && from != level)
            sbuf_addf(out, " → %g/s in 0s", from);
        level = (double)stage->to * per;
        sbuf_addf(out, " → %g/s in ", level);
        scenario_put_span(out, stage->length_ns);
        sbuf_adds(out, stage->is_random ? " at random" : "");
    }
}

static void put_limit(struct sbuf *out, const char *before, double per_s)
{
    if (per_s >= RAMP_MOST_PER_S)
        sbuf_addf(out, "%sany number", before);
    else
        sbuf_addf(out, "%s%g/s", before, per_s);
}

static double per_s_of(const struct scenario *plan, int64_t numerator)
{
    return (double)numerator / (double)plan->ramp.denominator * 1e9;
}

static void put_limits(struct sbuf *out, const struct scenario *plan)
{
    const struct ramp *r = &plan->ramp;
    const char *before = "";
    for (size_t i = 0; i < r->count - plan->is_endless; i++) {
        const struct ramp_stage *stage = &r->stages[i];
        if (!stage->length_ns)
            continue;
        put_limit(out, before, per_s_of(plan, stage->from));
        if (stage->from != stage->to)
            put_limit(out, " → ", per_s_of(plan, stage->to));
        sbuf_adds(out, " for ");
        scenario_put_span(out, stage->length_ns);
        before = ", then ";
    }
    put_limit(out, before,
              plan->is_endless ? per_s_of(plan, r->stages[r->count - 1].to) : RAMP_MOST_PER_S);
}

static void describe_throttle(const struct scenario *s, struct sbuf *out)
{
    struct scenario plan;
    char *why = NULL;
    if (!s->throttle || !scenario_throttle(&plan, s->name, s->throttle, &why)) {
        free(why);
        return;
    }
    sbuf_adds(out, "; requests throttled: ");
    bool has_curve = false;
    for (size_t i = 0; i < plan.ramp.count; i++)
        has_curve |= plan.ramp.stages[i].curve != NULL;
    if (plan.executor == SCENARIO_CONSTANT_ARRIVAL_RATE)
        put_limit(out, "", scenario_peak_per_s(&plan));
    else if (has_curve)
        sbuf_adds(out, s->throttle);
    else
        put_limits(out, &plan);
    scenario_fini(&plan);
}

void scenario_describe(const struct scenario *s, struct sbuf *out)
{
    if (!scenario_is_open(s)) {
        scenario_describe_users(s, out);
        describe_throttle(s, out);
        return;
    }
    sbuf_addf(out, "%s: %s of %s%s%s, ", s->name, scenario_executors[s->executor],
              s->user_class ? s->user_class : "?", s->task ? "." : "", s->task ? s->task : "");
    put_rates(out, s);
    if (s->is_endless) {
        sbuf_adds(out, ", until the test ends");
    } else {
        sbuf_adds(out, ", for ");
        scenario_put_span(out, s->ramp.length_ns);
        sbuf_addf(out, ": %s%" PRIu64 " arrivals", s->plan.kind == ARRIVALS_POISSON ? "about " : "",
                  s->plan.count);
    }
    scenario_put_start(s, out);
    if (s->keys.spread != ARRIVALS_UNIFORM)
        sbuf_addf(out, ", %s", scenario_spreads[s->keys.spread]);
    if (s->keys.is_k6)
        sbuf_adds(out, ", at k6's times");
    if (s->is_seeded)
        sbuf_addf(out, ", seed %" PRIu64, s->seed);
    if (s->is_fresh)
        sbuf_addf(out, "; a new user each, at most %u at a time, then ", s->max_users);
    else
        sbuf_addf(out, "; users %u to %u, then ", s->users, s->max_users);
    if (s->max_queue)
        sbuf_addf(out, "%u wait, then ", s->max_queue);
    sbuf_adds(out, "dropped; ");
    scenario_put_span(out, s->graceful_ns);
    sbuf_adds(out, " to finish");
    describe_throttle(s, out);
}
