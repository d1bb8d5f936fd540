// SPDX-License-Identifier: MIT
#include "master/store/run_load.h"
#include "master/store/run_name.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DIFFERS 0.05
#define SCENARIOS_MOST 1000 /* that are looked at: a file from elsewhere may have any number */
#define SHORTEST_S 1        /* arrivals that come at once have no length */

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static double at(const json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

/* ---- what was planned ---- */

/* Arrivals until then, or users times seconds. */
static double area_until(const json_t *plan, double until_s)
{
    double area = 0, left = until_s;
    const json_t *stage;
    size_t i;
    json_array_foreach(json_object_get(plan, "stages"), i, stage)
    {
        const json_t *length = json_array_get(stage, 0);
        const double whole = json_is_number(length) ? json_number_value(length) : INFINITY;
        const double part = fmin(whole, left), from = at(stage, 1);
        if (part <= 0)
            continue;
        area += part * (from + (at(stage, 2) - from) * (isfinite(whole) ? part / whole / 2 : 0));
        left -= part;
    }
    json_array_foreach(json_object_get(plan, "at_once"), i, stage)
    {
        if (at(stage, 0) <= until_s)
            area += at(stage, 1);
    }
    return area;
}

/* NULL: it had not begun, or --users decides about its users. */
static json_t *load_of(const json_t *plan, double elapsed_s)
{
    const bool is_open = json_is_true(json_object_get(plan, "is_open"));
    const double length_s = number_of(plan, "length_s");
    const double on_s = elapsed_s - number_of(plan, "begins_s");
    const double until_s = isfinite(length_s) ? fmin(on_s, length_s) : on_s;
    if (!(on_s > 0) || (!is_open && json_is_true(json_object_get(plan, "is_of_all"))))
        return NULL;
    const double level = area_until(plan, until_s) / fmax(until_s, SHORTEST_S);
    if (!isfinite(level))
        return NULL;
    return json_pack("{s:O,s:f}", "name", json_object_get(plan, "name"), is_open ? "rate" : "users",
                     level);
}

static void note_iterations(json_t *run, const json_t *plans)
{
    static const char *const kinds[] = {"due", "started", "dropped", "cut"};
    json_int_t sums[sizeof kinds / sizeof *kinds] = {0};
    const json_t *plan;
    size_t i;
    json_array_foreach(plans, i, plan)
    {
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            sums[k] += json_integer_value(json_object_get(plan, kinds[k]));
    }
    if (sums[0] == 0 && sums[1] == 0)
        return;
    json_t *numbers = json_object();
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        json_object_set_new(numbers, kinds[k], json_integer(sums[k]));
    json_object_set_new(run, "iterations", numbers);
}

void run_load_note(json_t *run, const json_t *scenarios)
{
    const json_t *plans = json_object_get(scenarios, "scenarios"), *plan;
    json_t *list = json_array();
    size_t i;
    json_array_foreach(plans, i, plan)
    {
        json_t *load = load_of(plan, number_of(scenarios, "elapsed_s"));
        if (load)
            json_array_append_new(list, load);
    }
    note_iterations(run, plans);
    if (json_array_size(list) > 0)
        json_object_set(run, "load", list);
    json_decref(list);
}

/* ---- two runs ---- */

bool run_load_is_other(double a, double b)
{
    return isfinite(a) && isfinite(b) && fabs(a - b) > DIFFERS * fmax(fabs(a), fabs(b));
}

struct kind {
    const char *key, *words;
};
static const struct kind KINDS[] = {{"rate", "arrivals/s"}, {"users", "users"}};

static double sum_of(const json_t *loads, const char *key)
{
    double sum = 0;
    for (size_t i = 0; i < json_array_size(loads) && i < SCENARIOS_MOST; i++)
        sum += json_number_value(json_object_get(json_array_get(loads, i), key));
    return sum;
}

/* NaN: there is no such scenario. */
static double level_in(const json_t *loads, const char *name, const char *key)
{
    for (size_t i = 0; i < json_array_size(loads) && i < SCENARIOS_MOST; i++) {
        const json_t *load = json_array_get(loads, i);
        const char *its = json_string_value(json_object_get(load, "name"));
        if (its && strcmp(its, name) == 0)
            return number_of(load, key);
    }
    return NAN;
}

struct pair { /* of runs */
    const json_t *a, *b;
    struct sbuf *why;
};

/* name NULL: of all. */
static void say(const struct pair *p, const char *name, double a, double b, const char *words)
{
    if (!p->why)
        return;
    char *names[] = {run_name(p->a), run_name(p->b)};
    sbuf_adds(p->why, "the load differs: ");
    if (name)
        sbuf_addf(p->why, "scenario '%s' has ", name);
    sbuf_addf(p->why, "%.4g %s in %s, %.4g in %s", a, words, names[0], b, names[1]);
    free(names[0]);
    free(names[1]);
}

/* A share that moves from one to another changes the mix, as rows that do. */
static bool differs_inside(const struct pair *p, const json_t *of_a, const json_t *of_b,
                           const struct kind *kind)
{
    const double most = fmax(sum_of(of_a, kind->key), sum_of(of_b, kind->key));
    for (size_t i = 0; i < json_array_size(of_b) && i < SCENARIOS_MOST; i++) {
        const json_t *load = json_array_get(of_b, i);
        const char *name = json_string_value(json_object_get(load, "name"));
        const double b = number_of(load, kind->key), a = name ? level_in(of_a, name, kind->key) : b;
        if (fabs(a - b) > DIFFERS * most) {
            say(p, name, a, b, kind->words);
            return true;
        }
    }
    return false;
}

static bool differs_in(const struct pair *p, const struct kind *kind)
{
    const json_t *of_a = json_object_get(p->a, "load"), *of_b = json_object_get(p->b, "load");
    if (!of_a || !of_b)
        return false;
    const double a = sum_of(of_a, kind->key), b = sum_of(of_b, kind->key);
    if (!run_load_is_other(a, b))
        return differs_inside(p, of_a, of_b, kind);
    say(p, NULL, a, b, kind->words);
    return true;
}

/* Scenarios on one side only. */
static bool differs_in_kind(const struct pair *p)
{
    const bool open[] = {number_of(p->a, "plans") > 0, number_of(p->b, "plans") > 0};
    if (open[0] == open[1])
        return false;
    if (p->why) {
        char *with = run_name(open[0] ? p->a : p->b), *without = run_name(open[0] ? p->b : p->a);
        sbuf_addf(p->why, "the load differs: %s has scenarios, %s has not", with, without);
        free(with);
        free(without);
    }
    return true;
}

bool run_load_differs(const json_t *a, const json_t *b, struct sbuf *why)
{
    const struct pair p = {a, b, why};
    const double users[] = {number_of(a, "users"), number_of(b, "users")};
    if (differs_in_kind(&p))
        return true;
    if (run_load_is_other(users[0], users[1])) {
        say(&p, NULL, users[0], users[1], "users");
        return true;
    }
    return differs_in(&p, &KINDS[0]) || differs_in(&p, &KINDS[1]);
}
