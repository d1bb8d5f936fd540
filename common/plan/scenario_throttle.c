// SPDX-License-Identifier: MIT
/* scenario_throttle: how many requests a second a scenario sends at most. Each waits for the next
 * slot, and slots are the arrivals of a plan: so it has all that a scenario with a rate has. */
#include "common/plan/scenario_int.h"

#include <stdlib.h>
#include <string.h>

bool scenario_throttle(struct scenario *plan, const char *name, const char *rates, char **why)
{
    const bool has_stages = strpbrk(rates, ":(") != NULL;
    struct sbuf text = {0};
    sbuf_addf(&text, "%s:%s=%s", name,
              has_stages ? "ramping-arrival-rate:stages" : "constant-arrival-rate:rate", rates);
    const bool is_good = scenario_read(plan, text.data, why);
    if (is_good)
        plan->plan.ramp = &plan->ramp;
    sbuf_fini(&text);
    return is_good;
}

bool scenario_check_throttle(const struct scenario *s, char **why)
{
    struct scenario plan;
    char *words = NULL;
    if (!s->throttle)
        return true;
    if (scenario_is_of_all(s))
        return scenario_refuse(why, s, "throttle is of a scenario's own users");
    const bool is_good = scenario_throttle(&plan, s->name, s->throttle, &words);
    if (is_good)
        scenario_fini(&plan);
    else
        scenario_refuse(why, s,
                        "throttle=%s: write a rate, such as 100/s, or stages, such as "
                        "1m:100/s,forever:100/s",
                        s->throttle);
    free(words);
    return is_good;
}
