// SPDX-License-Identifier: MIT
/* scenario_stages: stages=2m:80,5m:80 as a ramp, of arrivals or of users. The last of all may be
 * forever:80. */
#include "common/plan/profile.h"
#include "common/plan/scenario_int.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

static bool add_stage(struct scenario *s, const struct scenario_stages *of, char *stage,
                      struct ramp_rate *from, char **why)
{
    int64_t length = 0;
    struct ramp_rate to;
    if (s->is_endless)
        return scenario_refuse(why, s, "nothing comes behind the stage 'forever'");
    if (profile_is(stage))
        return scenario_add_step(s, stage, from, why);
    char *target = strchr(stage, ':');
    if (target)
        *target++ = '\0';
    const bool is_last = !strcmp(stage, "forever");
    if (!target || (!is_last && !scenario_duration(stage, &length)) || !of->read(s, target, &to))
        return scenario_refuse(why, s, "'%s%s%s' is no stage: write a duration and the %s", stage,
                               target ? ":" : "", target ? target : "", of->what);
    s->is_endless = is_last;
    const bool is_good = ramp_add(&s->ramp, length, *from, to) &&
                         (!is_last || ramp_add(&s->ramp, RAMP_MOST_NS / 2, to, to));
    *from = to;
    return is_good || of->beyond(s, why);
}

bool scenario_make_stages(struct scenario *s, const struct scenario_stages *of,
                          struct ramp_rate from, char **why)
{
    char *rest = NULL, *text = mem_strdup(s->keys.stages);
    bool is_good = true;
    for (char *stage = strtok_r(text, ",", &rest); stage && is_good;
         stage = strtok_r(NULL, ",", &rest))
        is_good = add_stage(s, of, stage, &from, why);
    free(text);
    return is_good;
}
