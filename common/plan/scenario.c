// SPDX-License-Identifier: MIT
#include "common/plan/chance.h"
#include "common/plan/scenario_int.h"
#include "common/base/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000LL
#define GRACEFUL_S 30
#define MOST_QUEUE 10000000

/* ---- the keys, one at a time ---------------------------------------------------------------- */

static int key_named(const struct scenario *s, const char *name)
{
#define KEY(id, ours, k6) {ours, k6},
    static const char *const names[][2] = {SCENARIO_KEYS(KEY)};
#undef KEY
    if (!scenario_is_open(s) && !strcmp(name, "vus"))
        return SCENARIO_USERS;
    for (int i = 0; i < SCENARIO_KEY_COUNT; i++)
        if (!strcmp(name, names[i][0]) || (names[i][1] && !strcmp(name, names[i][1])))
            return i;
    return -1;
}

static bool take_duration(int64_t *ns, struct scenario *s, const char *key, const char *value,
                          char **why)
{
    return scenario_duration(value, ns) ||
           scenario_refuse(why, s, "%s=%s is no duration: write 200ms, 30s, 1m30s or 2h", key,
                           value);
}

static bool take_count(uint32_t *n, struct scenario *s, const char *key, const char *value,
                       uint64_t most, char **why)
{
    uint64_t count;
    if (!scenario_count(value, most, &count))
        return scenario_refuse(why, s, "%s=%s: it takes a whole number up to %llu", key, value,
                               (unsigned long long)most);
    *n = (uint32_t)count;
    return true;
}

static bool take_word(int *place, const char *const *words, struct scenario *s, const char *key,
                      const char *value, char **why)
{
    struct sbuf known = {0};
    *place = scenario_word(words, value);
    if (*place >= 0)
        return true;
    for (int i = 0; words[i]; i++)
        sbuf_addf(&known, "%s%s", known.len ? ", " : "", words[i]);
    scenario_refuse(why, s, "%s '%s' is not known: it is one of %s", key, value, known.data);
    sbuf_fini(&known);
    return false;
}

static bool take_seed(struct scenario *s, const char *value, char **why)
{
    s->is_seeded = scenario_count(value, UINT64_MAX, &s->seed);
    return s->is_seeded || scenario_refuse(why, s, "seed=%s: it takes a whole number", value);
}

/* Where it is kept as it is; NULL: it is not. */
static char **text_named(struct scenario *s, enum scenario_key key)
{
    return key == SCENARIO_TASK          ? &s->task
           : key == SCENARIO_POOL        ? &s->pool
           : key == SCENARIO_START_AFTER ? &s->start_after
           : key == SCENARIO_THROTTLE    ? &s->throttle
           : key == SCENARIO_STAGES      ? &s->keys.stages
                                         : NULL;
}

/* What is said of a scenario is one line. */
static bool is_one_line(const char *text)
{
    while (*text && !iscntrl((unsigned char)*text))
        text++;
    return !*text;
}

static bool take_value(struct scenario *s, enum scenario_key key, const char *name,
                       const char *value, char **why)
{
    static const char *const phases[] = {"middle", "k6", NULL};
    static const char *const answers[] = {"false", "true", NULL};
    int word = 0;
    bool is_good = true;
    if ((key == SCENARIO_CLASS || key == SCENARIO_TASK) && !is_one_line(value))
        return scenario_refuse(why, s, "%s: control characters are no part of a name", name);
    char **text = text_named(s, key);
    if (text)
        *text = mem_strdup(value);
    switch (key) {
    case SCENARIO_CLASS:
        return scenario_take_class(s, value, why);
    case SCENARIO_FROM_STAGE:
        return take_count(&s->keys.from_stage, s, name, value, RAMP_MOST_STAGES, why);
    case SCENARIO_TIME_UNIT:
        is_good = take_duration(&s->keys.unit_ns, s, name, value, why);
        if (is_good && s->keys.unit_ns == 0)
            return scenario_refuse(why, s, "%s must be longer than 0", name);
        break;
    case SCENARIO_DURATION:
        return take_duration(&s->keys.duration_ns, s, name, value, why);
    case SCENARIO_MAX_DURATION:
        return take_duration(&s->keys.max_duration_ns, s, name, value, why);
    case SCENARIO_ITERATIONS:
        is_good =
            scenario_count(value, SCENARIO_MOST_ITERATIONS, &s->iterations) && s->iterations > 0;
        if (!is_good)
            scenario_refuse(why, s, "iterations=%s: it takes a whole number from 1 up", value);
        break;
    case SCENARIO_START_TIME:
        return take_duration(&s->start_ns, s, name, value, why);
    case SCENARIO_GRACEFUL_STOP:
        return take_duration(&s->graceful_ns, s, name, value, why);
    case SCENARIO_USERS:
        return take_count(&s->users, s, name, value, SCENARIO_MOST_USERS, why);
    case SCENARIO_START_USERS:
        return take_count(&s->start_users, s, name, value, SCENARIO_MOST_USERS, why);
    case SCENARIO_RAMP_DOWN:
        return take_duration(&s->ramp_down_ns, s, name, value, why);
    case SCENARIO_MAX_USERS:
        return take_count(&s->max_users, s, name, value, SCENARIO_MOST_USERS, why);
    case SCENARIO_MAX_QUEUE:
        return take_count(&s->max_queue, s, name, value, MOST_QUEUE, why);
    case SCENARIO_SEED:
        return take_seed(s, value, why);
    case SCENARIO_ON_BUSY:
        is_good = take_word(&word, scenario_busies, s, name, value, why);
        s->on_busy = (enum scenario_busy)word;
        break;
    case SCENARIO_DISTRIBUTION:
        is_good = take_word(&word, scenario_spreads, s, name, value, why);
        s->keys.spread = (enum arrivals_kind)word;
        break;
    case SCENARIO_PHASE:
        is_good = take_word(&word, phases, s, name, value, why);
        s->keys.is_k6 = word == 1;
        break;
    case SCENARIO_FRESH:
        is_good = take_word(&word, answers, s, name, value, why);
        s->is_fresh = word == 1;
        break;
    case SCENARIO_LEVEL:
        return take_duration(&s->keys.level_ns, s, name, value, why);
    case SCENARIO_GOODPUT:
        return scenario_take_goodput(s, value, why);
    case SCENARIO_RATE:
    case SCENARIO_STEP:
    case SCENARIO_MAX_RATE:
    case SCENARIO_SPAWN_RATE:
    case SCENARIO_START_RATE: /* once the unit is known */
    case SCENARIO_KEY_COUNT:
    case SCENARIO_TASK:
    case SCENARIO_POOL:
    case SCENARIO_START_AFTER:
    case SCENARIO_THROTTLE:
    case SCENARIO_STAGES: /* of text_named */
        break;
    }
    return is_good;
}

static bool take_pair(struct scenario *s, char *pair, char **why)
{
    char *value = strchr(pair, '=');
    *value++ = '\0';
    if (scenario_take_pair(s, pair, value))
        return true;
    const int key = key_named(s, pair);
    if (key < 0)
        return scenario_refuse(why, s, "there is no key '%s'", pair);
    if (scenario_has(s, (enum scenario_key)key))
        return scenario_refuse(why, s, "'%s' is given twice", pair);
    if (!*value)
        return scenario_refuse(why, s, "'%s' has no value", pair);
    s->keys.given |= 1u << key;
    return take_value(s, (enum scenario_key)key, pair, value, why);
}

/* The pairs, cut where a comma is followed by "key=". */
static bool each_pair(struct scenario *s, char *text,
                      bool (*take)(struct scenario *, char *, char **), char **why)
{
    while (text && *text) {
        char *end = strchr(text, ',');
        while (end && end[1 + strcspn(end + 1, ",=")] != '=')
            end = strchr(end + 1, ',');
        if (end)
            *end = '\0';
        if (!strchr(text, '='))
            return scenario_refuse(why, s, "'%s' is no key=value", text);
        if (!take(s, text, why))
            return false;
        text = end ? end + 1 : NULL;
    }
    return true;
}

/* Rates wait for time_unit, which may stand behind them. */
static bool take_rate(struct scenario *s, char *pair, char **why)
{
    char *value = strchr(pair, '=');
    *value++ = '\0';
    const int key = key_named(s, pair);
    struct ramp_rate *rate = key == SCENARIO_RATE         ? &s->keys.rate
                             : key == SCENARIO_START_RATE ? &s->keys.start_rate
                             : key == SCENARIO_STEP       ? &s->keys.step
                             : key == SCENARIO_MAX_RATE   ? &s->keys.max_rate
                             : key == SCENARIO_SPAWN_RATE ? &s->keys.spawn_rate
                                                          : NULL;
    if (!rate || scenario_rate(value, s->keys.unit_ns, rate))
        return true;
    return scenario_refuse(why, s,
                           "%s=%s is no rate: write 20/s, 0.5/s, 3/m or 1/3s (at most 6 decimals)",
                           pair, value);
}

/* ---- what follows from them ----------------------------------------------------------------- */

static bool beyond(const struct scenario *s, char **why)
{
    return scenario_refuse(
        why, s,
        "the rate or the length is too large (at most %d/s, in all three years), or the "
        "rates have no common measure",
        RAMP_MOST_PER_S);
}

static bool read_rate(const struct scenario *s, const char *text, struct ramp_rate *to)
{
    return scenario_rate(text, s->keys.unit_ns, to);
}

static bool make_stages(struct scenario *s, char **why)
{
    static const struct scenario_stages of_arrivals = {read_rate,
                                                       "rate at its end, such as 2m:80/s", beyond};
    return scenario_make_stages(
        s, &of_arrivals, scenario_has(s, SCENARIO_RATE) ? s->keys.rate : s->keys.start_rate, why);
}

/* So many arrivals: they last as long as they take at that rate. */
static bool take_iterations(struct scenario *s, char **why)
{
    const struct ramp_rate rate = s->keys.rate;
    const long double ns = ceill((long double)s->iterations * rate.per_ns / rate.arrivals);
    if (!scenario_has(s, SCENARIO_ITERATIONS))
        return true;
    if (scenario_has(s, SCENARIO_DURATION))
        return scenario_refuse(why, s, "duration or iterations: one of them says when it ends");
    if (s->keys.spread == ARRIVALS_POISSON)
        return scenario_refuse(why, s,
                               "iterations does not go with distribution=poisson, of which chance "
                               "says how many there are: write poisson-fixed");
    if (ns > RAMP_MOST_NS / 2)
        return beyond(s, why);
    s->keys.duration_ns = s->keys.is_k6 /* which has one at the end as well */
                              ? (int64_t)s->iterations * (rate.per_ns / rate.arrivals) - 1
                              : (int64_t)ns;
    s->keys.given |= 1u << SCENARIO_DURATION;
    s->iterations = 0;
    return true;
}

static bool make_ramp(struct scenario *s, char **why)
{
    if (s->executor == SCENARIO_FIND_KNEE)
        return scenario_make_staircase(s, why);
    if (s->executor == SCENARIO_CONSTANT_ARRIVAL_RATE) {
        if (s->keys.rate.arrivals <= 0)
            return scenario_refuse(why, s, "it needs a rate above 0, such as rate=20/s");
        if (!take_iterations(s, why))
            return false;
        s->is_endless = !scenario_has(s, SCENARIO_DURATION);
        const int64_t length = s->is_endless ? RAMP_MOST_NS / 2 : s->keys.duration_ns;
        if (!ramp_add(&s->ramp, length, s->keys.rate, s->keys.rate))
            return beyond(s, why);
    } else if (!make_stages(s, why)) {
        return false;
    }
    if (!s->ramp.length_ns && !s->ramp.area)
        return scenario_refuse(why, s, "it is over at once: it needs a duration above 0");
    if (!s->ramp.area)
        return scenario_refuse(why, s, "no stage has a rate above 0");
    return true;
}

/* What does not go together is refused by name. */
static bool check_keys(const struct scenario *s, char **why)
{
    if (!scenario_check_staircase(s, why))
        return false;
    if (scenario_has(s, SCENARIO_SPAWN_RATE))
        return scenario_refuse(why, s, "spawn_rate goes with constant-vus");
    if (!scenario_check_from_stage(s, why))
        return false;
    if (scenario_has(s, SCENARIO_START_USERS) || scenario_has(s, SCENARIO_RAMP_DOWN))
        return scenario_refuse(why, s, "start_users and graceful_ramp_down go with ramping-vus");
    const bool is_constant = s->executor == SCENARIO_CONSTANT_ARRIVAL_RATE;
    if (scenario_has(s, SCENARIO_MAX_DURATION))
        return scenario_refuse(why, s,
                               "max_duration goes with shared-iterations and per-vu-iterations");
    if (scenario_has(s, SCENARIO_ITERATIONS) && !is_constant)
        return scenario_refuse(why, s,
                               "iterations goes with constant-arrival-rate, shared-iterations and "
                               "per-vu-iterations");
    if (is_constant && scenario_has(s, SCENARIO_STAGES))
        return scenario_refuse(
            why, s, "stages go with ramping-arrival-rate, not with constant-arrival-rate");
    if (is_constant && scenario_has(s, SCENARIO_START_RATE))
        return scenario_refuse(
            why, s, "start_rate goes with ramping-arrival-rate, not with constant-arrival-rate");
    const bool is_ramping = s->executor == SCENARIO_RAMPING_ARRIVAL_RATE;
    if (is_ramping && !scenario_has(s, SCENARIO_STAGES))
        return scenario_refuse(why, s, "it needs stages, such as stages=2m:80/s");
    if (is_ramping && scenario_has(s, SCENARIO_DURATION))
        return scenario_refuse(why, s, "duration does not go with stages, which have their own");
    if (scenario_has(s, SCENARIO_RATE) && scenario_has(s, SCENARIO_START_RATE))
        return scenario_refuse(why, s, "rate and start_rate: the ramp begins with one of them");
    if (s->keys.is_k6 && s->keys.spread != ARRIVALS_UNIFORM)
        return scenario_refuse(why, s, "phase=k6 does not go with distribution=%s",
                               scenario_spreads[s->keys.spread]);
    if (s->on_busy == SCENARIO_DROP && scenario_has(s, SCENARIO_MAX_QUEUE))
        return scenario_refuse(why, s, "max_queue does not go with on_busy=drop, which keeps none");
    if (scenario_has(s, SCENARIO_USERS) && s->users == 0)
        return scenario_refuse(why, s, "users must be 1 or more");
    if (scenario_has(s, SCENARIO_MAX_USERS) && s->max_users == 0)
        return scenario_refuse(why, s, "max_users must be 1 or more");
    if (scenario_has(s, SCENARIO_USERS) && scenario_has(s, SCENARIO_MAX_USERS) &&
        s->max_users < s->users)
        return scenario_refuse(why, s, "max_users=%u is less than users=%u", s->max_users,
                               s->users);
    return true;
}

static uint32_t bounded(double n, double least, double most)
{
    return (uint32_t)fmin(fmax(ceil(n), least), most);
}

static void fill_in(struct scenario *s)
{
    const double peak = scenario_peak_per_s(s);
    const bool grows = s->on_busy == SCENARIO_GROW;
    if (!scenario_has(s, SCENARIO_USERS))
        s->users = scenario_has(s, SCENARIO_MAX_USERS) ? bounded(s->max_users, 1, 10)
                                                       : bounded(peak / 10, 10, 1000);
    if (!scenario_has(s, SCENARIO_MAX_USERS))
        s->max_users =
            grows ? bounded(fmax(10 * peak, s->users), 100, SCENARIO_MOST_USERS) : s->users;
    if (!scenario_has(s, SCENARIO_MAX_QUEUE))
        s->max_queue = s->on_busy == SCENARIO_DROP ? 0 : bounded(peak, 1, MOST_QUEUE);
    if (!scenario_has(s, SCENARIO_GRACEFUL_STOP))
        s->graceful_ns = GRACEFUL_S * SECOND;
}

/* Each request waits for a slot, and slots are the arrivals of a plan: so it has all that a
 * scenario with a rate has. */
bool scenario_throttle(struct scenario *plan, const char *name, const char *rates, char **why)
{
    struct sbuf text = {0}, stages = {0};
    scenario_throttle_text(rates, &stages);
    const char *all = stages.data ? stages.data : "";
    sbuf_addf(&text, "%s:%s=%s", name,
              strpbrk(all, ":(") ? "ramping-arrival-rate:stages" : "constant-arrival-rate:rate",
              all);
    const bool is_good = scenario_read(plan, text.data, why);
    if (is_good)
        plan->plan.ramp = &plan->ramp;
    sbuf_fini(&stages);
    sbuf_fini(&text);
    return is_good;
}

static bool check_throttle(const struct scenario *s, char **why)
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
                        "1m:100/s,forever:100/s or reachRps(100).in(1m),holdFor(10m)",
                        s->throttle);
    free(words);
    return is_good;
}

bool scenario_is_random(const struct scenario *s)
{
    return s->keys.spread != ARRIVALS_UNIFORM || s->plan.has_random;
}

static bool check_randomized(const struct scenario *s, char **why)
{
    bool has_some = false;
    for (size_t i = 0; i < s->ramp.count; i++)
        has_some |= s->ramp.stages[i].is_random;
    return !has_some || s->plan.kind == ARRIVALS_UNIFORM ||
           scenario_refuse(why, s,
                           "randomized() does not go with phase=k6, nor with a distribution "
                           "of the whole scenario");
}

void scenario_set_seed(struct scenario *s, uint64_t seed)
{
    s->seed = seed;
    s->is_seeded = true;
    s->plan.key = chance_key(seed, s->name);
    arrivals_settle(&s->plan);
}

static bool settle(struct scenario *s, char **why)
{
    const bool is_constant = s->executor == SCENARIO_CONSTANT_ARRIVAL_RATE;
    if (!check_throttle(s, why))
        return false;
    if (!scenario_is_open(s))
        return scenario_settle_users(s, why);
    if (!check_keys(s, why) || !make_ramp(s, why))
        return false;
    s->plan =
        (struct arrivals_plan){.ramp = &s->ramp, .kind = s->keys.spread, .steady = s->keys.rate};
    if (s->keys.is_k6)
        s->plan.kind = is_constant ? ARRIVALS_K6_STEADY : ARRIVALS_K6_RAMPING;
    if (s->keys.spread == ARRIVALS_POISSON_FIXED && s->is_endless)
        return scenario_refuse(why, s,
                               "distribution=poisson-fixed needs a duration: it has a count");
    if (!check_randomized(s, why))
        return false;
    fill_in(s);
    const bool is_seeded = s->is_seeded;
    scenario_set_seed(s, s->seed);
    s->is_seeded = is_seeded;
    return true;
}

/* ---- the text ------------------------------------------------------------------------------- */

static bool is_name(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-')
            return false;
    return *text && strlen(text) <= 100;
}

static bool read_parts(struct scenario *s, char *name, char **why)
{
    int executor = 0;
    char *word = strchr(name, ':'), *keys = word ? strchr(word + 1, ':') : NULL;
    if (!word)
        return scenario_refuse(why, s, "'%s' is no scenario: write NAME:EXECUTOR:key=value,…",
                               name);
    *word++ = '\0';
    if (keys)
        *keys++ = '\0';
    if (!is_name(name))
        return scenario_refuse(
            why, s, "'%s' cannot be the name of a scenario: take letters, digits, _ and -", name);
    s->name = mem_strdup(name);
    if (!take_word(&executor, scenario_executors, s, "the executor", word, why))
        return false;
    s->executor = (enum scenario_executor)executor;
    s->keys.unit_ns = SECOND;
    s->keys.start_rate = (struct ramp_rate){0, SECOND};
    char *again = keys ? mem_strdup(keys) : NULL;
    const bool is_good = each_pair(s, keys, take_pair, why) && each_pair(s, again, take_rate, why);
    free(again);
    return is_good && settle(s, why);
}

bool scenario_read(struct scenario *s, const char *text, char **why)
{
    char *copy = mem_strdup(text);
    *s = (struct scenario){.name = NULL};
    *why = NULL;
    const bool is_good = read_parts(s, copy, why);
    free(copy);
    if (!is_good)
        scenario_fini(s);
    return is_good;
}

void scenario_fini(struct scenario *s)
{
    free(s->name);
    free(s->user_class);
    free(s->task);
    free(s->pool);
    free(s->throttle);
    free(s->start_after);
    free(s->follows);
    scenario_free_pairs(s);
    free(s->keys.stages);
    ramp_fini(&s->ramp);
    *s = (struct scenario){.name = NULL};
}
