// SPDX-License-Identifier: MIT
/* scenario_knee: find-knee: a staircase of rates, each level of the same length and so much higher
 * than the one before, up to max_rate. The master ends it when the target is saturated (knee.h). */
#include "common/plan/scenario_int.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define SECOND 1000000000LL
#define LEVEL_NS (10 * SECOND)
#define LEAST_LEVEL_NS (4 * SECOND) /* a second to settle, and three to measure */
#define MOST_LEVEL_NS (3600 * SECOND)
#define LEAST_ARRIVALS 20 /* of the highest level: of less nothing can be told */
#define LEAST_LEVELS 4
#define MOST_LEVELS 1000
#define LEVELS 100 /* where max_rate is not given */

bool scenario_take_goodput(struct scenario *s, const char *value, char **why)
{
    char *end;
    double share = strtod(value, &end);
    const bool is_percent = end > value && *end == '%';
    share /= is_percent ? 100 : 1;
    if (end > value && !end[is_percent] && share > 0 && share <= 1) {
        s->keys.goodput = share;
        return true;
    }
    return scenario_refuse(why, s, "goodput=%s: it takes the least share, such as 95%% or 0.95",
                           value);
}

bool scenario_check_staircase(const struct scenario *s, char **why)
{
    const bool is_staircase = s->executor == SCENARIO_FIND_KNEE;
    if (!is_staircase && (scenario_has(s, SCENARIO_STEP) || scenario_has(s, SCENARIO_LEVEL) ||
                          scenario_has(s, SCENARIO_MAX_RATE) || scenario_has(s, SCENARIO_GOODPUT)))
        return scenario_refuse(why, s, "step, level, max_rate and goodput go with find-knee");
    if (!is_staircase)
        return true;
    if (s->keys.step.arrivals <= 0)
        return scenario_refuse(why, s, "it needs a step above 0, such as step=10/s");
    if (scenario_has(s, SCENARIO_STAGES) || scenario_has(s, SCENARIO_DURATION) ||
        scenario_has(s, SCENARIO_RATE))
        return scenario_refuse(why, s,
                               "stages, duration and rate do not go with find-knee: it takes "
                               "start_rate, step, level and max_rate");
    return true;
}

static double per_s(struct ramp_rate rate)
{
    return (double)rate.arrivals / (double)rate.per_ns * (double)SECOND;
}

/* What would take for ever, or could find nothing. */
static bool check_sense(const struct scenario *s, struct ramp_rate first, char **why)
{
    const double level_s = (double)s->keys.level_ns / (double)SECOND, step = per_s(s->keys.step),
                 most = scenario_has(s, SCENARIO_MAX_RATE) ? per_s(s->keys.max_rate) : 0,
                 levels = most > 0 ? floor((most - per_s(first)) / step * (1 + 1e-9)) + 1 : LEVELS,
                 highest = per_s(first) + step * fmax(levels - 1, 0);
    if (s->keys.level_ns < LEAST_LEVEL_NS)
        return scenario_refuse(why, s, "level must be 4s or more: some of it is to settle");
    if (s->keys.level_ns > MOST_LEVEL_NS)
        return scenario_refuse(why, s, "level must be 1h or less");
    if (per_s(first) > RAMP_MOST_PER_S || most > RAMP_MOST_PER_S)
        return scenario_refuse(why, s, "start_rate, step and max_rate must be %d/s or less",
                               RAMP_MOST_PER_S);
    if (levels > MOST_LEVELS)
        return scenario_refuse(
            why, s,
            "these are %.0f levels, and %d are the most: give a larger step or a "
            "lower max_rate",
            levels, MOST_LEVELS);
    if (highest * level_s < LEAST_ARRIVALS)
        return scenario_refuse(why, s,
                               "its highest level, %g/s, has %.3g arrivals, and less than %d tell "
                               "nothing: give a larger step, or longer levels",
                               highest, highest * level_s, LEAST_ARRIVALS);
    return true;
}

bool scenario_make_staircase(struct scenario *s, char **why)
{
    const struct ramp_rate step = s->keys.step;
    const bool has_start = s->keys.start_rate.arrivals > 0,
               has_most = scenario_has(s, SCENARIO_MAX_RATE);
    const struct ramp_rate first = has_start ? s->keys.start_rate : step;
    const double most = has_most ? per_s(s->keys.max_rate) * (1 + 1e-9) : 0;
    if (!scenario_has(s, SCENARIO_LEVEL))
        s->keys.level_ns = LEVEL_NS;
    if (!check_sense(s, first, why))
        return false;
    for (uint64_t i = 0; i < (has_most ? MOST_LEVELS : LEVELS); i++) {
        struct ramp_rate rate;
        if (!ramp_rate_sum(first, step, i, &rate) || (has_most && per_s(rate) > most))
            break;
        if (!ramp_add(&s->ramp, s->keys.level_ns, rate, rate))
            break;
    }
    return s->ramp.count >= LEAST_LEVELS ||
           scenario_refuse(why, s,
                           "there must be %d levels or more from start_rate (or step) to "
                           "max_rate, at most %d/s",
                           LEAST_LEVELS, RAMP_MOST_PER_S);
}

void scenario_write_staircase(const struct scenario *s, struct sbuf *out)
{
    if (s->executor != SCENARIO_FIND_KNEE)
        return;
    scenario_put_rate(out, "step", s->keys.step);
    if (scenario_has(s, SCENARIO_MAX_RATE))
        scenario_put_rate(out, "max_rate", s->keys.max_rate);
    if (scenario_has(s, SCENARIO_GOODPUT))
        sbuf_addf(out, ",goodput=%.9g", s->keys.goodput);
    sbuf_addf(out, ",level=%" PRId64 "ns", s->keys.level_ns);
}

void scenario_describe_staircase(const struct scenario *s, struct sbuf *out)
{
    const struct ramp *r = &s->ramp;
    const double per = (double)SECOND / (double)r->denominator;
    sbuf_addf(out, "%g/s, and %g/s more every ", (double)r->stages[0].from * per,
              per_s(s->keys.step));
    scenario_put_span(out, s->keys.level_ns);
    sbuf_adds(out, " until the target is saturated");
    if (s->keys.goodput > 0)
        sbuf_addf(out, " or has a goodput below %.9g %%", s->keys.goodput * 100);
    sbuf_addf(out, ", to %g/s at most", (double)r->stages[r->count - 1].to * per);
}
