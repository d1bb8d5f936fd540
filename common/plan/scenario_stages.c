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

bool scenario_check_from_stage(const struct scenario *s, char **why)
{
    if (!scenario_has(s, SCENARIO_FROM_STAGE))
        return true;
    if (!scenario_has(s, SCENARIO_STAGES))
        return scenario_refuse(why, s, "from_stage goes with stages");
    return s->keys.from_stage > 0 || scenario_refuse(why, s, "from_stage counts from 1");
}

/* Where the stages go on behind the first `count` commas; NULL: there are fewer. */
static const char *behind(const char *stages, uint32_t count)
{
    for (; count && stages; count--)
        if ((stages = strchr(stages, ',')))
            stages++;
    return stages;
}

/* The stages before the one that is to be the first were: the scenario begins with the level that
 * they left, as if it had been written so. */
static bool begin_later(struct scenario *s, struct ramp_rate level, char **why)
{
    const char *rest = behind(s->keys.stages, s->keys.from_stage - 1);
    if (!rest)
        return scenario_refuse(why, s, "from_stage=%u: there are not so many stages",
                               s->keys.from_stage);
    char *stages = mem_strdup(rest);
    free(s->keys.stages);
    s->keys.stages = stages;
    s->keys.from_stage = 0;
    s->keys.is_later = true;
    s->keys.given &= ~(1u << SCENARIO_FROM_STAGE | 1u << SCENARIO_RATE);
    ramp_fini(&s->ramp);
    s->is_endless = false;
    if (!scenario_is_open(s)) {
        s->start_users = (uint32_t)((double)level.arrivals / (double)level.per_ns * 1e9 + 0.5);
        return true;
    }
    s->keys.start_rate = level;
    s->keys.given |= 1u << SCENARIO_START_RATE;
    return true;
}

bool scenario_make_stages(struct scenario *s, const struct scenario_stages *of,
                          struct ramp_rate from, char **why)
{
    const uint32_t before = s->keys.from_stage ? s->keys.from_stage - 1 : 0;
    char *rest = NULL, *text = mem_strdup(s->keys.stages);
    bool is_good = true;
    uint32_t n = 0;
    for (char *stage = strtok_r(text, ",", &rest); stage && is_good && (!before || n < before);
         stage = strtok_r(NULL, ",", &rest), n++)
        is_good = add_stage(s, of, stage, &from, why);
    free(text);
    if (!before || !is_good)
        return is_good;
    return begin_later(s, from, why) && scenario_make_stages(s, of, from, why);
}

/* Of a list of many every so manieth one, so that as many are left. */
static size_t named_of(size_t count)
{
    return count <= SCENARIO_NAMED_STAGES
               ? 1
               : (count + SCENARIO_NAMED_STAGES - 1) / SCENARIO_NAMED_STAGES;
}

static void put_level(const struct scenario *s, const struct ramp_stage *stage, struct sbuf *out)
{
    const double level = (double)stage->to / (double)s->ramp.denominator * 1e9;
    if (stage->curve)
        sbuf_adds(out, scenario_is_open(s) ? "a curve" : "users of a curve");
    else if (scenario_is_open(s))
        sbuf_addf(out, "%g/s", level);
    else
        sbuf_addf(out, "%.0f user%s", level, level > 0.5 && level < 1.5 ? "" : "s");
}

bool scenario_name_stage(const struct scenario *s, size_t i, struct sbuf *out)
{
    const size_t count = s->ramp.count - s->is_endless; /* what follows the last one is no stage */
    const bool is_ramping =
        s->executor == SCENARIO_RAMPING_VUS || s->executor == SCENARIO_RAMPING_ARRIVAL_RATE;
    if (!is_ramping || i >= count || i % named_of(count))
        return false;
    const struct ramp_stage *stage = &s->ramp.stages[i];
    sbuf_addf(out, "Stage %zu of %s: ", i + 1, s->name);
    put_level(s, stage, out);
    if (!stage->length_ns) {
        sbuf_adds(out, " at once");
        return true;
    }
    sbuf_adds(out, stage->curve || stage->from == stage->to ? " for " : " in ");
    scenario_put_span(out, stage->length_ns);
    return true;
}
