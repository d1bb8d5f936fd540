// SPDX-License-Identifier: MIT
/* scenario_users: scenarios of users that loop, one iteration after the other: constant-vus and
 * ramping-vus. */
#include "common/plan/scenario_int.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000LL
#define GRACEFUL_NS (30 * SECOND)
#define MOST_USERS 1000000

static struct ramp_rate so_many(uint64_t users)
{
    return (struct ramp_rate){(int64_t)users, SECOND};
}

static bool is_ramping(const struct scenario *s)
{
    return s->executor == SCENARIO_RAMPING_VUS;
}

static bool beyond(const struct scenario *s, char **why)
{
    return scenario_refuse(why, s, "it is too long: all stages at most three years");
}

/* The last of all may be forever:100. */
static bool add_stage(struct scenario *s, char *stage, uint64_t *from, char **why)
{
    int64_t length = 0;
    uint64_t to;
    char *target = strchr(stage, ':');
    if (target)
        *target++ = '\0';
    const bool is_last = !strcmp(stage, "forever");
    if (s->is_endless)
        return scenario_refuse(why, s, "nothing comes behind the stage 'forever'");
    if (!target || (!is_last && !scenario_duration(stage, &length)) ||
        !scenario_count(target, MOST_USERS, &to))
        return scenario_refuse(
            why, s,
            "'%s%s%s' is no stage: write a duration and the users at its end, such as 2m:80", stage,
            target ? ":" : "", target ? target : "");
    s->is_endless = is_last;
    const bool is_good =
        ramp_add(&s->ramp, length, so_many(*from), so_many(to)) &&
        (!is_last || ramp_add(&s->ramp, RAMP_MOST_NS / 2, so_many(to), so_many(to)));
    *from = to;
    return is_good || beyond(s, why);
}

static bool make_stages(struct scenario *s, char **why)
{
    char *rest = NULL, *text = mem_strdup(s->keys.stages);
    uint64_t from = s->start_users;
    bool is_good = true;
    for (char *stage = strtok_r(text, ",", &rest); stage && is_good;
         stage = strtok_r(NULL, ",", &rest))
        is_good = add_stage(s, stage, &from, why);
    free(text);
    return is_good;
}

static bool check_keys(const struct scenario *s, char **why)
{
    static const enum scenario_key of_arrivals[] = {
        SCENARIO_RATE,         SCENARIO_START_RATE, SCENARIO_TIME_UNIT,
        SCENARIO_MAX_USERS,    SCENARIO_MAX_QUEUE,  SCENARIO_ON_BUSY,
        SCENARIO_DISTRIBUTION, SCENARIO_SEED,       SCENARIO_PHASE};
#define KEY(id, ours, k6) ours,
    static const char *const names[] = {SCENARIO_KEYS(KEY)};
#undef KEY
    for (size_t i = 0; i < sizeof of_arrivals / sizeof *of_arrivals; i++)
        if (scenario_has(s, of_arrivals[i]))
            return scenario_refuse(why, s, "%s goes with arrival rates, not with %s",
                                   names[of_arrivals[i]], scenario_executors[s->executor]);
    if (is_ramping(s) && !scenario_has(s, SCENARIO_STAGES))
        return scenario_refuse(why, s, "it needs stages, such as stages=2m:80");
    if (is_ramping(s) && (scenario_has(s, SCENARIO_DURATION) || scenario_has(s, SCENARIO_USERS)))
        return scenario_refuse(why, s,
                               "duration and users do not go with stages, which have their own");
    if (!is_ramping(s) &&
        (scenario_has(s, SCENARIO_STAGES) || scenario_has(s, SCENARIO_START_USERS) ||
         scenario_has(s, SCENARIO_RAMP_DOWN)))
        return scenario_refuse(why, s,
                               "stages, start_users and graceful_ramp_down go with ramping-vus");
    if (!is_ramping(s) && s->users == 0)
        return scenario_refuse(why, s, "it needs users, such as users=50");
    return true;
}

bool scenario_settle_users(struct scenario *s, char **why)
{
    if (!check_keys(s, why))
        return false;
    if (is_ramping(s)) {
        if (!make_stages(s, why))
            return false;
    } else {
        s->is_endless = !scenario_has(s, SCENARIO_DURATION);
        const int64_t length = s->is_endless ? RAMP_MOST_NS / 2 : s->keys.duration_ns;
        if (!ramp_add(&s->ramp, length, so_many(s->users), so_many(s->users)))
            return beyond(s, why);
    }
    if (!s->ramp.length_ns)
        return scenario_refuse(why, s, "it is over at once: it needs a duration above 0");
    if (!s->ramp.area)
        return scenario_refuse(why, s, "no stage has a user");
    s->users = s->max_users = (uint32_t)(scenario_peak_per_s(s) + 0.5);
    if (!scenario_has(s, SCENARIO_GRACEFUL_STOP))
        s->graceful_ns = GRACEFUL_NS;
    if (!scenario_has(s, SCENARIO_RAMP_DOWN))
        s->ramp_down_ns = GRACEFUL_NS;
    return true;
}

void scenario_write_users(const struct scenario *s, struct sbuf *out)
{
    sbuf_addf(out, "%s:%s:start_time=%" PRId64 "ns,graceful_stop=%" PRId64 "ns", s->name,
              scenario_executors[s->executor], s->start_ns, s->graceful_ns);
    if (s->user_class)
        sbuf_addf(out, ",class=%s", s->user_class);
    if (s->task)
        sbuf_addf(out, ",task=%s", s->task);
    if (s->pool)
        sbuf_addf(out, ",pool=%s", s->pool);
    if (is_ramping(s))
        sbuf_addf(out, ",start_users=%u,graceful_ramp_down=%" PRId64 "ns,stages=%s", s->start_users,
                  s->ramp_down_ns, s->keys.stages);
    else
        sbuf_addf(out, ",users=%u", s->users);
    if (scenario_has(s, SCENARIO_DURATION))
        sbuf_addf(out, ",duration=%" PRId64 "ns", s->keys.duration_ns);
    scenario_write_pairs(s, out);
}

static unsigned users_of(const struct scenario *s, int64_t numerator)
{
    return (unsigned)((double)numerator / (double)s->ramp.denominator * 1e9 + 0.5);
}

void scenario_describe_users(const struct scenario *s, struct sbuf *out)
{
    const struct ramp *r = &s->ramp;
    sbuf_addf(out, "%s: %s of %s%s%s, %u", s->name, scenario_executors[s->executor],
              s->user_class ? s->user_class : "?", s->task ? "." : "", s->task ? s->task : "",
              users_of(s, r->stages[0].from));
    for (size_t i = 0; is_ramping(s) && i < r->count - s->is_endless; i++) {
        sbuf_addf(out, " → %u in ", users_of(s, r->stages[i].to));
        scenario_put_span(out, r->stages[i].length_ns);
    }
    sbuf_adds(out, s->is_endless ? " users, until the test ends" : " users, for ");
    if (!s->is_endless)
        scenario_put_span(out, r->length_ns);
    if (s->start_ns) {
        sbuf_adds(out, ", beginning after ");
        scenario_put_span(out, s->start_ns);
    }
    sbuf_adds(out, "; ");
    scenario_put_span(out, s->graceful_ns);
    sbuf_adds(out, " to finish");
}
