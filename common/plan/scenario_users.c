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
#define MAX_DURATION_NS (600 * SECOND) /* k6's */

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

static bool read_users(const struct scenario *s, const char *text, struct ramp_rate *to)
{
    (void)s;
    uint64_t users;
    const bool is_good = scenario_count(text, SCENARIO_MOST_USERS, &users);
    if (is_good)
        *to = so_many(users);
    return is_good;
}

static bool make_stages(struct scenario *s, char **why)
{
    static const struct scenario_stages of_users = {read_users, "users at its end, such as 2m:80",
                                                    beyond};
    return scenario_make_stages(s, &of_users, so_many(s->start_users), why);
}

static bool refuse_given(const struct scenario *s, const enum scenario_key *keys, size_t count,
                         const char *of, char **why)
{
#define KEY(id, ours, k6) ours,
    static const char *const names[] = {SCENARIO_KEYS(KEY)};
#undef KEY
    for (size_t i = 0; i < count; i++)
        if (scenario_has(s, keys[i]))
            return scenario_refuse(why, s, "%s goes with %s, not with %s", names[keys[i]], of,
                                   scenario_executors[s->executor]);
    return true;
}

#define REFUSE_GIVEN(s, of, why, ...)                                                              \
    refuse_given(s, (const enum scenario_key[]){__VA_ARGS__},                                      \
                 sizeof((enum scenario_key[]){__VA_ARGS__}) / sizeof(enum scenario_key), of, why)

static bool check_keys(const struct scenario *s, char **why)
{
    const bool is_counted = scenario_is_counted(s);
    if (scenario_is_mixed(s))
        return scenario_refuse(why, s,
                               "class=%s: several classes go with arrival rates: write a scenario "
                               "for each",
                               s->user_class);
    if (!REFUSE_GIVEN(s, "arrival rates", why, SCENARIO_RATE, SCENARIO_START_RATE,
                      SCENARIO_TIME_UNIT, SCENARIO_MAX_QUEUE, SCENARIO_ON_BUSY,
                      SCENARIO_DISTRIBUTION, SCENARIO_SEED, SCENARIO_PHASE, SCENARIO_STEP,
                      SCENARIO_LEVEL, SCENARIO_MAX_RATE, SCENARIO_GOODPUT, SCENARIO_FRESH))
        return false;
    if (s->executor != SCENARIO_EXTERNALLY_CONTROLLED &&
        !REFUSE_GIVEN(s, "arrival rates", why, SCENARIO_MAX_USERS))
        return false;
    if (!is_counted && !REFUSE_GIVEN(s, "shared-iterations and per-vu-iterations", why,
                                     SCENARIO_ITERATIONS, SCENARIO_MAX_DURATION))
        return false;
    if (is_counted && scenario_has(s, SCENARIO_DURATION))
        return scenario_refuse(why, s, "the longest it may last is max_duration, not duration");
    if (is_ramping(s) && !scenario_has(s, SCENARIO_STAGES))
        return scenario_refuse(why, s, "it needs stages, such as stages=2m:80");
    if (is_ramping(s) && (scenario_has(s, SCENARIO_DURATION) || scenario_has(s, SCENARIO_USERS)))
        return scenario_refuse(why, s,
                               "duration and users do not go with stages, which have their own");
    if (!is_ramping(s) && !REFUSE_GIVEN(s, "ramping-vus", why, SCENARIO_STAGES,
                                        SCENARIO_START_USERS, SCENARIO_RAMP_DOWN))
        return false;
    if (!scenario_check_from_stage(s, why))
        return false;
    if (scenario_has(s, SCENARIO_SPAWN_RATE) && !scenario_has_level(s))
        return scenario_refuse(why, s, "spawn_rate goes with constant-vus");
    if (scenario_has(s, SCENARIO_SPAWN_RATE) && s->keys.spawn_rate.arrivals <= 0)
        return scenario_refuse(why, s, "spawn_rate must be above 0");
    if (is_counted && !s->iterations)
        return scenario_refuse(why, s, "it needs iterations, such as iterations=1000");
    if (!is_ramping(s) && s->users == 0 && !scenario_is_of_all(s) && !is_counted)
        return scenario_refuse(why, s, "it needs users, such as users=50");
    return true;
}

/* As k6 has it. */
static bool check_iterations(const struct scenario *s, char **why)
{
    if (s->executor == SCENARIO_SHARED_ITERATIONS && s->iterations < s->users)
        return scenario_refuse(why, s, "iterations=%" PRIu64 " is less than users=%u",
                               s->iterations, s->users);
    if (s->users && s->iterations > SCENARIO_MOST_ITERATIONS / s->users)
        return scenario_refuse(why, s, "these are too many iterations");
    return true;
}

static int64_t spawn_ns(const struct scenario *s)
{
    const struct ramp_rate rate = s->keys.spawn_rate;
    const double ns = (double)s->users * (double)rate.per_ns / (double)rate.arrivals;
    return ns < RAMP_MOST_NS ? (int64_t)ns : RAMP_MOST_NS;
}

/* Of those whose number of users does not change by itself, once they are there. */
static bool make_level(struct scenario *s, char **why)
{
    int64_t length = s->keys.duration_ns;
    s->is_endless = !scenario_has(s, SCENARIO_DURATION);
    if (scenario_is_counted(s)) {
        if (scenario_has(s, SCENARIO_USERS) && !s->users)
            return scenario_refuse(why, s, "users must be 1 or more");
        if (!s->users && !scenario_is_of_all(s))
            s->users = 1;
        if (!check_iterations(s, why))
            return false;
        s->is_endless = scenario_is_of_all(s);
        length = scenario_has(s, SCENARIO_MAX_DURATION) ? s->keys.max_duration_ns : MAX_DURATION_NS;
    }
    if (s->is_endless)
        length = RAMP_MOST_NS / 2;
    if (scenario_has(s, SCENARIO_SPAWN_RATE) &&
        !ramp_add(&s->ramp, spawn_ns(s), so_many(0), so_many(s->users)))
        return beyond(s, why);
    return ramp_add(&s->ramp, length, so_many(s->users), so_many(s->users)) || beyond(s, why);
}

bool scenario_settle_users(struct scenario *s, char **why)
{
    if (!check_keys(s, why) || !(is_ramping(s) ? make_stages(s, why) : make_level(s, why)))
        return false;
    if (!s->ramp.length_ns)
        return scenario_refuse(why, s, "it is over at once: it needs a duration above 0");
    if (!s->ramp.area && !scenario_is_of_all(s))
        return scenario_refuse(why, s, "no stage has a user");
    const uint32_t most = s->max_users;
    s->users = s->max_users = (uint32_t)(scenario_peak_per_s(s) + 0.5);
    if (scenario_has(s, SCENARIO_MAX_USERS) && most < s->users)
        return scenario_refuse(why, s, "max_users=%u is less than users=%u", most, s->users);
    if (scenario_has(s, SCENARIO_MAX_USERS))
        s->max_users = most;
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
    scenario_write_whose(s, out);
    if (is_ramping(s))
        sbuf_addf(out, ",start_users=%u,graceful_ramp_down=%" PRId64 "ns,stages=%s", s->start_users,
                  s->ramp_down_ns, s->keys.stages);
    else if (s->users)
        sbuf_addf(out, ",users=%u", s->users);
    if (scenario_has(s, SCENARIO_SPAWN_RATE))
        scenario_put_rate(out, "spawn_rate", s->keys.spawn_rate);
    if (scenario_has(s, SCENARIO_MAX_USERS))
        sbuf_addf(out, ",max_users=%u", s->max_users);
    if (scenario_has(s, SCENARIO_DURATION))
        sbuf_addf(out, ",duration=%" PRId64 "ns", s->keys.duration_ns);
    if (scenario_is_counted(s))
        sbuf_addf(out, ",iterations=%" PRIu64, s->iterations);
    if (scenario_is_counted(s) && !s->is_endless)
        sbuf_addf(out, ",max_duration=%" PRId64 "ns", s->ramp.length_ns);
    scenario_write_pairs(s, out);
}

void scenario_with_users(const struct scenario *s, uint32_t users, double spawn_per_s,
                         struct sbuf *out)
{
    struct scenario other = *s;
    other.users = users;
    if (users > other.max_users)
        other.max_users = users;
    if (spawn_per_s > 0)
        other.keys.given &= ~(1u << SCENARIO_SPAWN_RATE);
    scenario_write_users(&other, out);
    if (spawn_per_s > 0)
        sbuf_addf(out, ",spawn_rate=%.6f/s", spawn_per_s > 1e-6 ? spawn_per_s : 1e-6);
}

static unsigned users_of(const struct scenario *s, int64_t numerator)
{
    return (unsigned)((double)numerator / (double)s->ramp.denominator * 1e9 + 0.5);
}

static void describe_iterations(const struct scenario *s, struct sbuf *out)
{
    const bool is_each = s->executor == SCENARIO_PER_VU_ITERATIONS;
    sbuf_addf(out, " user%s, %" PRIu64 " iteration%s %s", s->users == 1 ? "" : "s", s->iterations,
              s->iterations == 1 ? "" : "s", is_each ? "each" : "together");
    if (is_each)
        sbuf_addf(out, ", which are %" PRIu64, scenario_iterations(s));
    sbuf_adds(out, ", for at most ");
    scenario_put_span(out, s->ramp.length_ns);
}

static void describe_length(const struct scenario *s, struct sbuf *out)
{
    if (scenario_is_counted(s)) {
        describe_iterations(s, out);
        return;
    }
    sbuf_adds(out, s->is_endless ? " users, until the test ends" : " users, for ");
    if (!s->is_endless)
        scenario_put_span(out, s->ramp.length_ns);
}

void scenario_describe_users(const struct scenario *s, struct sbuf *out)
{
    const struct ramp *r = &s->ramp;
    if (scenario_is_of_all(s)) {
        sbuf_addf(out, "%s: %" PRIu64 " iterations of all users together", s->name, s->iterations);
        return;
    }
    sbuf_addf(out, "%s: %s of %s%s%s, %u", s->name, scenario_executors[s->executor],
              s->user_class ? s->user_class : "?", s->task ? "." : "", s->task ? s->task : "",
              users_of(s, r->stages[0].from));
    const size_t shown = r->count - (!is_ramping(s) || s->is_endless); /* else it is the level */
    for (size_t i = 0; i < shown; i++) {
        sbuf_addf(out, " → %u in ", users_of(s, r->stages[i].to));
        scenario_put_span(out, r->stages[i].length_ns);
    }
    describe_length(s, out);
    scenario_put_start(s, out);
    sbuf_adds(out, "; ");
    scenario_put_span(out, s->graceful_ns);
    sbuf_adds(out, " to finish");
}
