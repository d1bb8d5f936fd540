// SPDX-License-Identifier: MIT
/* grammar_value: limits and lengths of time: numbers with units. */
#include "master/verdict/scan.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

size_t scan_number_len(const char *p)
{
    size_t n = *p == '-' || *p == '+';
    while (isdigit((unsigned char)p[n]) || p[n] == '.')
        n++;
    size_t exponent = n;
    if (n > 0 && (p[n] == 'e' || p[n] == 'E')) {
        exponent++;
        exponent += p[exponent] == '-' || p[exponent] == '+';
        if (isdigit((unsigned char)p[exponent]))
            for (n = exponent; isdigit((unsigned char)p[n]); n++)
                ;
    }
    return n;
}

static const struct value_unit {
    const char *text;
    enum threshold_unit unit;
    double factor;
    int exponent; /* the same factor as a power of ten; 99: it is none */
} value_units[] = {{"us", UNIT_MS, 0.001, -3},       {"ms", UNIT_MS, 1, 0},
                   {"s", UNIT_MS, 1000, 3},          {"m", UNIT_MS, 60000, 99},
                   {"h", UNIT_MS, 3600000, 99},      {"%", UNIT_RATIO, 0.01, -2},
                   {"/s", UNIT_RATE, 1, 0},          {"kB/s", UNIT_BYTE_RATE, 1e3, 3},
                   {"MB/s", UNIT_BYTE_RATE, 1e6, 6}, {"B/s", UNIT_BYTE_RATE, 1, 0},
                   {"kB", UNIT_BYTES, 1e3, 3},       {"MB", UNIT_BYTES, 1e6, 6},
                   {"B", UNIT_BYTES, 1, 0}};
#define VALUE_UNITS (sizeof value_units / sizeof *value_units)

static size_t unit_len(const char *p)
{
    size_t n = *p == '%';
    while (isalpha((unsigned char)p[n]) || p[n] == '/')
        n++;
    return n;
}

static const struct value_unit *find_unit(const char *p, size_t len)
{
    for (size_t i = 0; i < VALUE_UNITS; i++)
        if (strlen(value_units[i].text) == len && strncmp(value_units[i].text, p, len) == 0)
            return &value_units[i];
    return NULL;
}

static bool fits(enum threshold_unit wanted, enum threshold_unit given)
{
    return wanted == given || wanted == UNIT_ANY || (wanted == UNIT_PERCENT && given == UNIT_RATIO);
}

static const char *right_units(enum threshold_unit unit)
{
    static const char *const words[] = {
        "a time, such as 300ms or 1.5s", "a ratio, such as 1% or 0.01",
        "a rate, such as 50/s or 50",    "a number without a unit",
        "bytes, such as 10MB",           "bytes per second, such as 2MB/s",
        "percent, such as 80%",          "a number"};
    return words[unit];
}

/* A status is counted, and with % a ratio of the requests. */
static void let_unit_decide(struct threshold *t, const struct value_unit *u)
{
    if (t->stat == STAT_STATUS && u && u->unit == UNIT_RATIO)
        t->unit = UNIT_RATIO;
}

static void scale(struct threshold *t, const struct value_unit *u)
{
    struct threshold_limit *l = &t->limit;
    if (!u || (t->unit == UNIT_PERCENT && u->unit == UNIT_RATIO))
        return;
    /* A custom metric's numbers have the unit that the script gave them. */
    l->value = u->exponent < 0 ? l->value / pow(10, -u->exponent) : l->value * u->factor;
    l->is_exact = l->is_exact && u->exponent != 99;
    l->exponent += u->exponent;
}

int scan_value(struct scan *s, struct threshold *t)
{
    const size_t len = scan_number_len(s->p);
    if (!threshold_number(s->p, len, &t->limit))
        return WRONG(s, "there is no number where the limit must be: give %s",
                     right_units(t->unit));
    const char *const number = s->p;
    s->p += len;
    const char *behind = s->p + strspn(s->p, " \t");
    if (find_unit(behind, unit_len(behind)))
        s->p = behind; /* "300 ms", as values are shown */
    const char *const at = s->p;
    const size_t unit = unit_len(s->p);
    if (unit == 0 || strncmp(at, "for", unit) == 0)
        return 0;
    const struct value_unit *u = find_unit(at, unit);
    const char *names[VALUE_UNITS];
    for (size_t i = 0; i < VALUE_UNITS; i++)
        names[i] = value_units[i].text;
    if (!u) {
        char word[32];
        snprintf(word, sizeof word, "%.*s", (int)(unit < 31 ? unit : 31), at);
        const char *near = threshold_nearest(word, names, VALUE_UNITS);
        return WRONG(s, "'%s' is no unit%s%s%s: give %s", word, near ? " (did you mean " : "",
                     near ? near : "", near ? "?)" : "", right_units(t->unit));
    }
    let_unit_decide(t, u);
    if (!fits(t->unit, u->unit)) {
        char stat[40];
        s->p = number;
        return WRONG(s, "%s cannot be compared with %.*s: give %s",
                     threshold_stat_name(t, stat, sizeof stat), (int)((size_t)(at - number) + unit),
                     number, right_units(t->unit));
    }
    s->p += unit;
    scale(t, u);
    return 0;
}

int scan_seconds(struct scan *s, double *seconds)
{
    static const struct {
        const char *text;
        double seconds;
    } units[] = {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}, {"", 1}};
    *seconds = 0;
    const char *const from = s->p;
    do {
        struct threshold_limit n;
        const size_t len = scan_number_len(s->p);
        if (!threshold_number(s->p, len, &n) || !(n.value >= 0 && n.value <= 1e8))
            return WRONG(s, "there is no time: give one such as 30s or 1m30s");
        s->p += len;
        size_t unit = 0, i = 0;
        while (isalpha((unsigned char)s->p[unit]))
            unit++;
        while (i < 5 && (strlen(units[i].text) != unit || strncmp(units[i].text, s->p, unit) != 0))
            i++;
        if (i == 5) {
            s->p = from;
            return WRONG(s, "'%.20s' is no time: give one such as 30s or 1m30s", from);
        }
        *seconds += n.value * units[i].seconds;
        s->p += unit;
    } while (isdigit((unsigned char)*s->p));
    return 0;
}
