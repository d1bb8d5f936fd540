// SPDX-License-Identifier: MIT
/* scenario_change: the same scenario until a moment, and from there on with another rate, or
 * another number of users, or other stages, or after a pause: as the text of a ramp. What was
 * before the moment is due when it was, so that whoever is in the middle of the list goes on from
 * there. */
#include "common/plan/scenario_int.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define THOUSANDTHS_NS 1000000000000LL /* a rate in the middle of a ramp: thousandths a second */
#define SECOND 1000000000.0

static void put_level(const struct scenario *s, int64_t numerator, struct sbuf *out)
{
    if (scenario_is_open(s))
        sbuf_addf(out, "%" PRId64 "/%" PRId64 "ns", numerator, s->ramp.denominator);
    else
        sbuf_addf(out, "%.0f", (double)numerator / (double)s->ramp.denominator * SECOND);
}

/* Of a stage, so long after its begin. */
static void put_level_within(const struct scenario *s, const struct ramp_stage *stage, int64_t at,
                             struct sbuf *out)
{
    const double share = (double)at / (double)stage->length_ns,
                 level = (double)stage->from + (double)(stage->to - stage->from) * share,
                 per_s = level / (double)s->ramp.denominator * SECOND;
    if (at <= 0 || stage->from == stage->to)
        put_level(s, stage->from, out);
    else if (at >= stage->length_ns)
        put_level(s, stage->to, out);
    else if (scenario_is_open(s))
        sbuf_addf(out, "%.0f/%lldns", per_s * 1000, THOUSANDTHS_NS);
    else
        sbuf_addf(out, "%.0f", per_s);
}

/* Of what is no line: so long, from there on. */
static void put_piece(const struct ramp_stage *stage, int64_t at, int64_t length, struct sbuf *out)
{
    const int64_t from = stage->skip_ns + at;
    sbuf_addf(out, "%s%s", out->len ? "," : "", stage->curve->text);
    if (stage->length_ns)
        sbuf_addf(out, ".part(%" PRId64 "ns..%" PRId64 "ns)", from, from + length);
}

static void put_random(const struct scenario *s, const struct ramp_stage *stage, int64_t from,
                       int64_t to, struct sbuf *out)
{
    sbuf_adds(out, out->len ? ",rampUsersPerSec(" : "rampUsersPerSec(");
    put_level_within(s, stage, from, out);
    sbuf_adds(out, ").to(");
    put_level_within(s, stage, to, out);
    sbuf_addf(out, ").during(%" PRId64 "ns).randomized()", to - from);
}

/* The stages in [from, to), each with a jump to where it begins; the last one for ever, if the
 * scenario is so and its end is in it. */
void scenario_put_stages(const struct scenario *s, int64_t from, int64_t to, struct sbuf *out)
{
    const struct ramp *r = &s->ramp;
    for (size_t i = 0; i < r->count; i++) {
        const struct ramp_stage *stage = &r->stages[i];
        const int64_t end = stage->begin_ns + stage->length_ns,
                      a = stage->begin_ns > from ? stage->begin_ns : from, b = end < to ? end : to;
        if (stage->curve && (b > a || (!stage->length_ns && a == b && b < to)))
            put_piece(stage, a - stage->begin_ns, b - a, out);
        if (b <= a || stage->curve)
            continue;
        if (stage->is_random) {
            put_random(s, stage, a - stage->begin_ns, b - stage->begin_ns, out);
            continue;
        }
        sbuf_adds(out, out->len ? ",0:" : "0:");
        put_level_within(s, stage, a - stage->begin_ns, out);
        if (s->is_endless && i + 1 == r->count && b == end)
            sbuf_adds(out, ",forever:");
        else
            sbuf_addf(out, ",%" PRId64 "ns:", b - a);
        put_level_within(s, stage, b - stage->begin_ns, out);
    }
}

static bool put_new_level(const struct scenario *s, const struct scenario_change *c,
                          struct sbuf *out, char **why)
{
    struct ramp_rate rate;
    uint64_t users;
    const bool is_good = scenario_is_open(s) ? scenario_rate(c->level, s->keys.unit_ns, &rate)
                                             : scenario_count(c->level, 1000000, &users);
    if (!is_good)
        return scenario_refuse(why, s, "%s is no %s", c->level,
                               scenario_is_open(s) ? "rate: write 20/s, 0.5/s or 3/m"
                                                   : "number of users");
    sbuf_addf(out, "%s0:%s", out->len ? "," : "", c->level);
    if (s->is_endless)
        sbuf_addf(out, ",forever:%s", c->level);
    else
        sbuf_addf(out, ",%" PRId64 "ns:%s", s->ramp.length_ns - c->at_ns, c->level);
    return true;
}

/* Whether each is one is seen when the text is read. */
static bool put_new_stages(const struct scenario *s, const struct scenario_change *c,
                           struct sbuf *out, char **why)
{
    if (!*c->stages || strpbrk(c->stages, "="))
        return scenario_refuse(why, s, "'%s' are no stages: write 2m:80%s,10m:80%s", c->stages,
                               scenario_is_open(s) ? "/s" : "", scenario_is_open(s) ? "/s" : "");
    sbuf_addf(out, "%s%s", out->len ? "," : "", c->stages);
    return true;
}

static bool put_changed_stages(const struct scenario *s, const struct scenario_change *c,
                               struct sbuf *out, char **why)
{
    scenario_put_stages(s, 0, c->at_ns, out);
    if (c->level)
        return put_new_level(s, c, out, why);
    if (c->stages)
        return put_new_stages(s, c, out, why);
    if (c->is_end)
        return true;
    sbuf_addf(out, "%s0:0", out->len ? "," : "");
    if (c->resumed_ns <= c->at_ns) {
        sbuf_adds(out, ",forever:0");
        return true;
    }
    sbuf_addf(out, ",%" PRId64 "ns:0,", c->resumed_ns - c->at_ns);
    struct sbuf rest = {0};
    scenario_put_stages(s, c->at_ns, INT64_MAX, &rest);
    sbuf_adds(out, rest.data ? rest.data : "0:0");
    sbuf_fini(&rest);
    return true;
}

void scenario_with_start(const struct scenario *s, int64_t start_ns, struct sbuf *out)
{
    struct scenario other = *s;
    other.start_ns = start_ns;
    scenario_write(&other, out);
}

bool scenario_changed(const struct scenario *s, const struct scenario_change *c, struct sbuf *out,
                      char **why)
{
    struct sbuf stages = {0};
    struct scenario other = *s;
    *why = NULL;
    if (scenario_is_counted(s) || scenario_is_of_all(s))
        return scenario_refuse(why, s, "it is of so many iterations: it cannot be changed");
    if (!s->is_endless && c->at_ns >= s->ramp.length_ns)
        return scenario_refuse(why, s, "it is over");
    if (!put_changed_stages(s, c, &stages, why)) {
        sbuf_fini(&stages);
        return false;
    }
    other.keys.given &=
        ~(1u << SCENARIO_RATE | 1u << SCENARIO_DURATION | 1u << SCENARIO_START_RATE |
          1u << SCENARIO_MAX_DURATION | 1u << SCENARIO_STEP | 1u << SCENARIO_LEVEL |
          1u << SCENARIO_MAX_RATE | 1u << SCENARIO_GOODPUT);
    other.keys.given |= 1u << SCENARIO_STAGES;
    other.keys.stages = stages.data;
    other.executor = scenario_is_open(s) ? SCENARIO_RAMPING_ARRIVAL_RATE : SCENARIO_RAMPING_VUS;
    if (!scenario_is_open(s))
        other.keys.given &= ~(1u << SCENARIO_MAX_USERS | 1u << SCENARIO_SPAWN_RATE);
    scenario_write(&other, out);
    sbuf_fini(&stages);
    return true;
}
