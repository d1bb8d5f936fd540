// SPDX-License-Identifier: MIT
#include "common/plan/profile.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/plan/scenario_int.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000LL
#define MOST_USERS 1000000
#define MOST_AT_ONCE 10000000

/* ---- a chain of words ----------------------------------------------------------------------- */

enum word {
    FIRST,
    TO,
    DURING,
    TIMES,
    LASTING,
    RAMPS,
    FROM,
    AMPLITUDE,
    PERIOD,
    AFTER,
    PART,
    RANDOM,
    WORDS
};
static const char *const names[WORDS] = {"",
                                         "to",
                                         "during",
                                         "times",
                                         "lasting",
                                         "separatedByRampsLasting",
                                         "startingFrom",
                                         "amplitude",
                                         "period",
                                         "after",
                                         "part",
                                         "randomized"};
#define BIT(word) (1u << (word))

struct chain {
    char *copy, *name;
    char *values[WORDS]; /* NULL: not given */
};

static char *trimmed(char *text)
{
    char *end = text + strlen(text);
    while (isspace((unsigned char)*text) || *text == '"' || *text == '\'')
        text++;
    while (end > text && (isspace((unsigned char)end[-1]) || end[-1] == '"' || end[-1] == '\''))
        *--end = '\0';
    return text;
}

static int word_named(const char *name)
{
    if (!strcmp(name, "eachLevelLasting"))
        return LASTING;
    for (int i = TO; i < WORDS; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

static bool take_word(struct chain *c, const char *name, char *value, char **why)
{
    const int word = word_named(name);
    if (word < 0)
        return sbuf_refuse(why, "%s: there is no word '%s'", c->name, name);
    if (c->values[word])
        return sbuf_refuse(why, "%s: '%s' is given twice", c->name, name);
    c->values[word] = value;
    return true;
}

/* name(value).word(value)… */
static bool read_chain(struct chain *c, const char *text, char **why)
{
    char *p = trimmed(c->copy = mem_strdup(text));
    for (c->name = p; *p; p++) {
        if (p != c->name && !strcmp(p, names[RANDOM])) /* Scala's has no () */
            return take_word(c, p, p + strlen(p), why);
        char *open = strchr(p, '('), *close = open ? strchr(open, ')') : NULL;
        if (!close || (close[1] && close[1] != '.'))
            return sbuf_refuse(why, "'%s' is no step: write rampUsersPerSec(1).to(20).during(5m)",
                               text);
        const bool is_last = !close[1];
        *open = *close = '\0';
        char *value = trimmed(open + 1);
        if (p == c->name)
            c->values[FIRST] = value;
        else if (!take_word(c, trimmed(p), value, why))
            return false;
        if (is_last)
            break;
        p = close + 1;
    }
    return true;
}

/* ---- its values ----------------------------------------------------------------------------- */

bool profile_span(const char *text, int64_t *ns)
{
    static const char *const units[][2] = {
        {"milli", "ms"}, {"sec", "s"}, {"min", "m"}, {"hour", "h"}, {"day", "d"}};
    struct sbuf short_form = {0};
    const size_t len = strspn(text, "0123456789.");
    const char *unit = text + len + strspn(text + len, " ");
    if (scenario_duration(text, ns))
        return true;
    for (size_t i = 0; len && i < sizeof units / sizeof *units; i++)
        if (!strncmp(unit, units[i][0], strlen(units[i][0])))
            sbuf_addf(&short_form, "%.*s%s", (int)len, text, units[i][1]);
    const bool is_good = short_form.len && scenario_duration(short_form.data, ns);
    sbuf_fini(&short_form);
    return is_good;
}

struct making { /* of a step, stages */
    struct ramp *ramp;
    const struct profile_kind *kind;
    const struct chain *chain;
    bool is_per_second; /* what bare rates are, whatever the unit is */
    struct ramp_rate *level;
    char **why;
};

static const char *shown(enum word word)
{
    return word == FIRST ? "()" : names[word];
}

static bool span(const struct making *m, enum word word, int64_t *ns)
{
    const char *value = m->chain->values[word];
    *ns = 0;
    return !value || profile_span(value, ns) ||
           sbuf_refuse(m->why, "%s: %s: '%s' is no duration: write 200ms, 30s, 1m30s or 2h",
                       m->chain->name, shown(word), value);
}

static bool number(const struct making *m, enum word word, uint64_t most, uint64_t *n)
{
    const char *value = m->chain->values[word];
    *n = 0;
    return !value || scenario_count(value, most, n) ||
           sbuf_refuse(m->why, "%s: %s: '%s' is no whole number up to %" PRIu64, m->chain->name,
                       shown(word), value, most);
}

/* A rate, or so many users. */
static bool level(const struct making *m, enum word word, struct ramp_rate *rate)
{
    const char *value = m->chain->values[word];
    uint64_t users;
    *rate = (struct ramp_rate){0, SECOND};
    if (!value)
        return true;
    if (m->kind->is_users) {
        const bool is_good = number(m, word, MOST_USERS, &users);
        rate->arrivals = (int64_t)users;
        return is_good;
    }
    return scenario_rate(value, m->is_per_second ? SECOND : m->kind->unit_ns, rate) ||
           sbuf_refuse(m->why, "%s: %s: '%s' is no rate: write 20, 20/s, 0.5/s or 3/m",
                       m->chain->name, shown(word), value);
}

static bool beyond(const struct making *m)
{
    return sbuf_refuse(
        m->why,
        "%s: it is too large (at most %d/s, in all three years and %d stages), or the "
        "rates have no common measure",
        m->chain->name, RAMP_MOST_PER_S, RAMP_MOST_STAGES);
}

static bool add(const struct making *m, int64_t ns, struct ramp_rate from, struct ramp_rate to)
{
    *m->level = to;
    return ramp_add(m->ramp, ns, from, to) || beyond(m);
}

static bool add_curve(const struct making *m, struct curve *c)
{
    char *part = m->chain->values[PART];
    int64_t from = 0, length = c->length_ns;
    char *dots = part ? strstr(part, "..") : NULL;
    *m->level = (struct ramp_rate){0, SECOND};
    if (dots) {
        int64_t to;
        *dots = '\0';
        if (!scenario_duration(part, &from) || !scenario_duration(dots + 2, &to) || from > to ||
            to > length) {
            curve_free(c);
            return sbuf_refuse(m->why, "%s: part is FROM..TO, within it", m->chain->name);
        }
        length = to - from;
    }
    return ramp_add_curve(m->ramp, c, from, length) || beyond(m);
}

/* ---- the steps ------------------------------------------------------------------------------ */

static bool make_nothing(const struct making *m)
{
    int64_t ns;
    const struct ramp_rate none = {0, SECOND};
    return span(m, FIRST, &ns) && add(m, ns, none, none);
}

static bool add_at_once(const struct making *m, uint64_t count)
{
    struct sbuf text = {0};
    sbuf_addf(&text, "atOnceUsers(%" PRIu64 ")", count);
    struct curve *c = curve_times(NULL, count, text.data);
    sbuf_fini(&text);
    if (ramp_add_curve(m->ramp, c, 0, 0))
        return true;
    return beyond(m);
}

static bool make_at_once(const struct making *m)
{
    uint64_t count;
    return number(m, FIRST, MOST_AT_ONCE, &count) && add_at_once(m, count);
}

static bool make_evenly(const struct making *m)
{
    uint64_t count;
    int64_t ns;
    if (!number(m, FIRST, INT64_MAX, &count) || !span(m, DURING, &ns))
        return false;
    if (!ns)
        return add_at_once(m, count);
    const struct ramp_rate rate = {(int64_t)count, ns};
    return add(m, ns, rate, rate);
}

static bool make_line(const struct making *m)
{
    struct ramp_rate from, to;
    int64_t ns;
    if (!level(m, FIRST, &from) || !level(m, TO, &to) || !span(m, DURING, &ns))
        return false;
    return add(m, ns, from, m->chain->values[TO] ? to : from);
}

static bool make_peak(const struct making *m)
{
    uint64_t count;
    int64_t ns;
    struct sbuf text = {0};
    if (!number(m, FIRST, MOST_AT_ONCE, &count) || !span(m, DURING, &ns))
        return false;
    if (!ns || !count)
        return add_at_once(m, count);
    sbuf_addf(&text, "stressPeakUsers(%" PRIu64 ").during(%" PRId64 "ns)", count, ns);
    struct curve *c = curve_peak(count, ns, text.data);
    sbuf_fini(&text);
    return add_curve(m, c);
}

static long double per_ns(struct ramp_rate rate)
{
    return (long double)rate.arrivals / (long double)rate.per_ns;
}

static bool make_sine(const struct making *m)
{
    struct ramp_rate mean, swing;
    int64_t period, ns;
    struct sbuf text = {0};
    if (!level(m, FIRST, &mean) || !level(m, AMPLITUDE, &swing) || !span(m, PERIOD, &period) ||
        !span(m, DURING, &ns))
        return false;
    if (per_ns(swing) > per_ns(mean))
        return sbuf_refuse(m->why,
                           "sine: amplitude is more than the mean: the rate would be below 0");
    if (!period)
        return sbuf_refuse(m->why, "sine: period must be longer than 0");
    sbuf_addf(&text,
              "sine(%" PRId64 "/%" PRId64 "ns).amplitude(%" PRId64 "/%" PRId64 "ns).period(%" PRId64
              "ns).during(%" PRId64 "ns)",
              mean.arrivals, mean.per_ns, swing.arrivals, swing.per_ns, period, ns);
    struct curve *c = curve_sine(per_ns(mean), per_ns(swing), period, ns, text.data);
    sbuf_fini(&text);
    const bool is_good = add_curve(m, c);
    *m->level = mean;
    return is_good;
}

static bool make_levels(const struct making *m)
{
    struct ramp_rate step, start, now, next;
    int64_t level_ns, ramp_ns;
    uint64_t times;
    if (!level(m, FIRST, &step) || !level(m, FROM, &start) || !span(m, LASTING, &level_ns) ||
        !span(m, RAMPS, &ramp_ns) || !number(m, TIMES, RAMP_MOST_STAGES, &times))
        return false;
    const bool is_from_nothing = start.arrivals == 0; /* then a ramp comes before each level */
    now = start;
    for (uint64_t i = 0; i < times; i++) {
        if (!ramp_rate_sum(start, step, is_from_nothing ? i + 1 : i, &next))
            return beyond(m);
        if ((i || is_from_nothing) && ramp_ns && !add(m, ramp_ns, now, next))
            return false;
        if (!add(m, level_ns, next, next))
            return false;
        now = next;
    }
    return true;
}

static bool make_spike(const struct making *m)
{
    struct ramp_rate base, peak;
    int64_t after, lasting, ns;
    if (!level(m, FIRST, &base) || !level(m, TO, &peak) || !span(m, AFTER, &after) ||
        !span(m, LASTING, &lasting) || !span(m, DURING, &ns))
        return false;
    if (after + lasting > ns)
        return sbuf_refuse(m->why,
                           "spike: it is over (during) before the spike is (after and lasting)");
    return add(m, after, base, base) && add(m, lasting, peak, peak) &&
           add(m, ns - after - lasting, base, base);
}

static bool make_times(const struct making *m)
{
    const char *text = m->chain->values[FIRST];
    int64_t *times = mem_zalloc((strlen(text) / 2 + 1) * sizeof *times), at = 0;
    uint64_t count = 0, gap;
    char *copy = mem_strdup(text), *rest = NULL;
    bool is_good = true;
    for (char *word = strtok_r(copy, " ", &rest); word && is_good;
         word = strtok_r(NULL, " ", &rest)) {
        is_good = count < PROFILE_MOST_TIMES && scenario_count(word, RAMP_MOST_NS / 1000, &gap);
        at += is_good ? (int64_t)gap * 1000 : 0;
        is_good = is_good && at <= RAMP_MOST_NS;
        times[count++] = at;
    }
    free(copy);
    if (!is_good || !count) {
        free(times);
        return sbuf_refuse(m->why, PROFILE_TIMES ": it takes 1 to %d whole numbers of µs",
                           PROFILE_MOST_TIMES);
    }
    struct sbuf again = {0};
    sbuf_addf(&again, PROFILE_TIMES "(%s)", text);
    struct curve *c = curve_times(times, count, again.data);
    sbuf_fini(&again);
    return add_curve(m, c);
}

/* ---- all of them ---------------------------------------------------------------------------- */

enum of { RATES = 1, USERS = 2, BOTH = 3 };

static const struct step {
    const char *name;
    enum of of;
    bool is_per_second;
    unsigned needs, takes; /* words behind the first; takes: as well */
    bool (*make)(const struct making *);
} steps[] = {
    {"nothingFor", BOTH, false, 0, 0, make_nothing},
    {"atOnceUsers", RATES, false, 0, 0, make_at_once},
    {"rampUsers", RATES, false, BIT(DURING), BIT(RANDOM), make_evenly},
    {"constantUsersPerSec", RATES, true, BIT(DURING), BIT(RANDOM), make_line},
    {"rampUsersPerSec", RATES, true, BIT(TO) | BIT(DURING), BIT(RANDOM), make_line},
    {"stressPeakUsers", RATES, false, BIT(DURING), BIT(PART), make_peak},
    {"heavisideUsers", RATES, false, BIT(DURING), BIT(PART), make_peak},
    {"incrementUsersPerSec", RATES, true, BIT(TIMES) | BIT(LASTING), BIT(RAMPS) | BIT(FROM),
     make_levels},
    {"constantConcurrentUsers", USERS, false, BIT(DURING), 0, make_line},
    {"rampConcurrentUsers", USERS, false, BIT(TO) | BIT(DURING), 0, make_line},
    {"incrementConcurrentUsers", USERS, false, BIT(TIMES) | BIT(LASTING), BIT(RAMPS) | BIT(FROM),
     make_levels},
    {"step", BOTH, false, BIT(TIMES) | BIT(LASTING), BIT(FROM), make_levels},
    {"spike", BOTH, false, BIT(TO) | BIT(AFTER) | BIT(LASTING) | BIT(DURING), 0, make_spike},
    {"sine", RATES, false, BIT(AMPLITUDE) | BIT(PERIOD) | BIT(DURING), BIT(PART), make_sine},
    {PROFILE_TIMES, RATES, false, 0, BIT(PART), make_times},
};

static const struct step *step_named(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strlen(steps[i].name) == len && !strncmp(steps[i].name, name, len))
            return &steps[i];
    return NULL;
}

bool profile_is(const char *stage)
{
    return strchr(stage, '(') != NULL;
}

bool profile_is_of_rates(const char *stages)
{
    for (const char *stage = stages; *stage; stage += strspn(stage, ",")) {
        const char *name = stage + strspn(stage, " \t\n");
        const struct step *step = step_named(name, strcspn(name, "( \t\n,"));
        if (!step || step->of != BOTH)
            return step ? step->of == RATES : !strncmp(name, "replay(", 7);
        stage += strcspn(stage, ",");
    }
    return false;
}

static bool no_step(const struct chain *c, char **why)
{
    struct sbuf known = {0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        sbuf_addf(&known, "%s%s", i ? ", " : "", steps[i].name);
    sbuf_refuse(why, "there is no step '%s': it is one of %s", c->name, known.data);
    sbuf_fini(&known);
    return false;
}

static bool check(const struct chain *c, const struct step *step, bool is_users, char **why)
{
    if (!step)
        return no_step(c, why);
    if (!(step->of & (is_users ? USERS : RATES)))
        return sbuf_refuse(why, "%s goes with %s", c->name,
                           is_users ? "ramping-arrival-rate: it is of arrivals"
                                    : "ramping-vus: it is of users that are there at a time");
    for (enum word word = TO; word < WORDS; word++) {
        const bool is_given = c->values[word] != NULL;
        if (!is_given && (step->needs & BIT(word)))
            return sbuf_refuse(why, "%s needs %s(…)", c->name, names[word]);
        if (is_given && !((step->needs | step->takes) & BIT(word)))
            return sbuf_refuse(why, "%s takes no %s(…)", c->name, names[word]);
    }
    return true;
}

bool profile_add(struct ramp *r, const char *stage, const struct profile_kind *kind,
                 struct ramp_rate *level_at_end, char **why)
{
    struct chain c = {.copy = NULL};
    bool is_good = read_chain(&c, stage, why);
    const struct step *step = is_good ? step_named(c.name, strlen(c.name)) : NULL;
    is_good = is_good && check(&c, step, kind->is_users, why);
    if (is_good) {
        const struct making m = {r, kind, &c, step->is_per_second, level_at_end, why};
        const size_t first = r->count;
        is_good = step->make(&m);
        for (size_t i = first; c.values[RANDOM] && i < r->count; i++)
            r->stages[i].is_random = !r->stages[i].curve;
    }
    free(c.copy);
    return is_good;
}
