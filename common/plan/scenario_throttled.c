// SPDX-License-Identifier: MIT
/* scenario_throttled: the throttle of a scenario while that runs, and another one from a moment
 * on: what was before is the same, slot by slot, so that whoever is in the middle goes on. */
#include "common/plan/scenario_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What was until then: the slots are the same. */
static bool put_past(const struct scenario *s, int64_t at_ns, struct sbuf *out, char **why)
{
    struct scenario plan;
    int64_t limited_ns = 0;
    if (s->throttle) {
        if (!scenario_throttle(&plan, s->name, s->throttle, why))
            return false;
        scenario_put_stages(&plan, 0, at_ns, out);
        limited_ns = plan.ramp.length_ns;
        scenario_fini(&plan);
    }
    if (limited_ns < at_ns)
        sbuf_addf(out, "%s%" PRId64 "ns:none", out->len ? "," : "", at_ns - limited_ns);
    return true;
}

/* By itself: with what was before it an answer would tell of stages that nobody wrote. */
static bool is_throttle(const struct scenario *s, const char *rates)
{
    struct scenario plan;
    char *why = NULL;
    const bool is_good = scenario_throttle(&plan, s->name, rates, &why);
    if (is_good)
        scenario_fini(&plan);
    free(why);
    return is_good;
}

bool scenario_throttled(const struct scenario *s, int64_t at_ns, const char *rates,
                        struct sbuf *out, char **why)
{
    struct sbuf stages = {0};
    struct scenario other = *s;
    *why = NULL;
    if (scenario_is_of_all(s))
        return scenario_refuse(why, s, "throttle is of a scenario's own users");
    if (!s->is_endless && at_ns >= s->ramp.length_ns)
        return scenario_refuse(why, s, "it is over");
    if (!rates && !s->throttle)
        return scenario_refuse(why, s, "it has no throttle");
    if (rates && (!*rates || strchr(rates, '=') || !is_throttle(s, rates)))
        return scenario_refuse(why, s, "'%s' is no throttle: write 100/s, or 1m:100/s,5m:50/s",
                               rates);
    if (!put_past(s, at_ns, &stages, why)) {
        sbuf_fini(&stages);
        return false;
    }
    if (rates && strpbrk(rates, ":("))
        sbuf_addf(&stages, ",%s", rates);
    else if (rates)
        sbuf_addf(&stages, ",0:%s,forever:%s", rates, rates);
    other.throttle = stages.data;
    scenario_write(&other, out);
    sbuf_fini(&stages);
    return true;
}

double scenario_throttle_per_s(const struct scenario *s, int64_t at_ns)
{
    struct scenario plan;
    char *why = NULL;
    if (!s->throttle || !scenario_throttle(&plan, s->name, s->throttle, &why)) {
        free(why);
        return -1;
    }
    const bool is_over = at_ns >= plan.ramp.length_ns;
    const double per_s = ramp_per_s(&plan.ramp, at_ns > 0 ? at_ns : 0);
    scenario_fini(&plan);
    return is_over || per_s >= RAMP_MOST_PER_S ? -1 : per_s;
}
