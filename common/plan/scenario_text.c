// SPDX-License-Identifier: MIT
#include "common/plan/scenario_int.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DECIMALS 6

const char *const scenario_executors[] = {
    "constant-arrival-rate", "ramping-arrival-rate",  "find-knee",
    "constant-vus",          "ramping-vus",           "shared-iterations",
    "per-vu-iterations",     "externally-controlled", NULL};
const char *const scenario_busies[] = {"grow", "queue", "drop", NULL};
const char *const scenario_spreads[] = {"uniform", "poisson", "poisson-fixed", NULL};

int scenario_word(const char *const *words, const char *text)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], text))
            return i;
    return -1;
}

/* Digits with decimals: digits / 10^decimals. Moves *text behind them. */
static bool take_number(const char **text, int64_t *digits, int64_t *scale)
{
    const char *p = *text;
    bool is_behind_point = false;
    int count = 0, decimals = 0;
    *digits = 0;
    for (*scale = 1; isdigit((unsigned char)*p) || (*p == '.' && !is_behind_point); p++) {
        if (*p == '.') {
            is_behind_point = true;
            continue;
        }
        if (++count > 18 || (is_behind_point && ++decimals > MOST_DECIMALS))
            return false;
        *digits = *digits * 10 + (*p - '0');
        *scale *= is_behind_point ? 10 : 1;
    }
    *text = p;
    return count > 0;
}

/* Nanoseconds; 0: there is no unit. */
static int64_t take_unit(const char **text)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"ns", 1},
                 {"us", 1000},
                 {"ms", 1000000},
                 {"s", 1000000000LL},
                 {"m", 60000000000LL},
                 {"h", 3600000000000LL},
                 {"d", 86400000000000LL}};
    size_t len = 0;
    while (isalpha((unsigned char)(*text)[len]))
        len++;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].name) == len && !strncmp(units[i].name, *text, len)) {
            *text += len;
            return units[i].ns;
        }
    return 0;
}

static bool add_part(int64_t *ns, int64_t digits, int64_t scale, int64_t unit)
{
    int64_t part;
    return !__builtin_mul_overflow(digits, unit / (unit % scale ? 1 : scale), &part) &&
           !__builtin_add_overflow(*ns, unit % scale ? part / scale : part, ns) &&
           *ns <= RAMP_MOST_NS;
}

bool scenario_duration(const char *text, int64_t *ns)
{
    int64_t digits, scale;
    *ns = 0;
    do {
        if (!take_number(&text, &digits, &scale))
            return false;
        const int64_t unit = take_unit(&text);
        if (!unit && (*text || *ns))
            return false;
        if (!add_part(ns, digits, scale, unit ? unit : 1000000000LL))
            return false;
    } while (*text);
    return true;
}

/* s, 3s, m, 1h … */
static bool take_period(const char *text, int64_t *ns)
{
    if (isdigit((unsigned char)*text))
        return scenario_duration(text, ns) && *ns > 0 &&
               isalpha((unsigned char)text[strlen(text) - 1]);
    *ns = take_unit(&text);
    return *ns > 0 && !*text;
}

bool scenario_rate(const char *text, int64_t unit_ns, struct ramp_rate *rate)
{
    int64_t digits, scale, period = unit_ns;
    if (!take_number(&text, &digits, &scale))
        return false;
    if (*text && (*text != '/' || !take_period(text + 1, &period)))
        return false;
    rate->arrivals = digits;
    return !__builtin_mul_overflow(period, scale, &rate->per_ns);
}

bool scenario_count(const char *text, uint64_t most, uint64_t *count)
{
    char *end;
    if (!isdigit((unsigned char)*text) || strlen(text) > 20)
        return false;
    *count = strtoull(text, &end, 10);
    return !*end && *count <= most;
}

void scenario_put_span(struct sbuf *out, int64_t ns)
{
    const int64_t hours = ns / 3600000000000LL, minutes = ns / 60000000000LL % 60;
    const double seconds = (double)(ns % 60000000000LL) / 1e9;
    if (hours)
        sbuf_addf(out, "%" PRId64 "h", hours);
    if (minutes)
        sbuf_addf(out, "%" PRId64 "m", minutes);
    if (seconds > 0 || ns < 60000000000LL)
        sbuf_addf(out, "%gs", seconds);
}

void scenario_put_rate(struct sbuf *out, const char *key, struct ramp_rate rate)
{
    sbuf_addf(out, ",%s=%" PRId64 "/%" PRId64 "ns", key, rate.arrivals, rate.per_ns);
}

bool scenario_refuse(char **why, const struct scenario *s, const char *format, ...)
{
    va_list args;
    struct sbuf text = {0};
    if (s->name)
        sbuf_addf(&text, "scenario '%s': ", s->name);
    va_start(args, format);
    sbuf_addv(&text, format, args);
    va_end(args);
    *why = sbuf_take(&text);
    return false;
}

double scenario_peak_per_s(const struct scenario *s)
{
    double peak = 0;
    for (size_t i = 0; i < s->ramp.count; i++) {
        const struct ramp_stage *each = &s->ramp.stages[i];
        const int64_t higher = each->from > each->to ? each->from : each->to;
        const double per_ns = each->curve ? curve_peak_per_ns(each->curve)
                                          : (double)higher / (double)s->ramp.denominator;
        if ((each->length_ns || each->curve) && per_ns > peak)
            peak = per_ns;
    }
    return peak * 1e9;
}

void scenario_put_start(const struct scenario *s, struct sbuf *out)
{
    if (!s->start_ns)
        return;
    if (s->may_be_sooner)
        sbuf_addf(out, ", beginning when '%s' is over, at the latest after ", s->follows);
    else
        sbuf_adds(out, ", beginning after ");
    scenario_put_span(out, s->start_ns);
}
