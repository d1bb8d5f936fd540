// SPDX-License-Identifier: MIT
#include "master/store/context.h"
#include "common/base/mem.h"
#include "common/metric/stats.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- surroundings ---- */

static const char *const KEYS[] = {"version",     "locustfile", "host",   "users", "spawn_rate",
                                   "run_time",    "profile",    "plans",  "shape", "workers",
                                   "environment", "sha256",     "command"};
static const char *const GIT[] = {"commit", "branch", "dirty"};

static void add_differing(json_t *list, const char *key, const json_t *a, const json_t *b)
{
    a = a ? a : json_null();
    b = b ? b : json_null();
    if (!json_equal(a, b))
        json_array_append_new(list, json_pack("[s,O,O]", key, a, b));
}

static json_t *surroundings(const json_t *a, const json_t *b)
{
    json_t *list = json_array();
    const json_t *git_a = json_object_get(a, "git"), *git_b = json_object_get(b, "git");
    for (size_t i = 0; i < sizeof GIT / sizeof *GIT; i++)
        add_differing(list, GIT[i], json_object_get(git_a, GIT[i]), json_object_get(git_b, GIT[i]));
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        add_differing(list, KEYS[i], json_object_get(a, KEYS[i]), json_object_get(b, KEYS[i]));
    return list;
}

/* ---- rows ---- */

struct pair {
    const struct tally *a, *b;
    double
        change; /* of the time that its requests took, in ms; of a row that one side lacks, all */
};

static const struct tally *measured(const struct tally *t)
{
    return t && t->requests ? t : NULL;
}

static double mean_of(const struct tally *t)
{
    return t ? tally_mean_ms(t) : 0;
}

static struct pair pair_of(const struct tally *a, const struct tally *b)
{
    const double n = (double)(b ? b->requests : a->requests);
    return (struct pair){a, b, n * (mean_of(b) - mean_of(a))};
}

static size_t list_pairs(const struct stats *a, const struct stats *b, struct pair **list)
{
    struct pair *pairs = mem_zalloc((a->row_count + b->row_count + 1) * sizeof *pairs);
    size_t count = 0;
    for (const struct tally *t = b->rows; t; t = t->next)
        if (measured(t))
            pairs[count++] = pair_of(measured(stats_find(a, t->method, t->name)), t);
    for (const struct tally *t = a->rows; t; t = t->next)
        if (measured(t) && !measured(stats_find(b, t->method, t->name)))
            pairs[count++] = pair_of(t, NULL);
    *list = pairs;
    return count;
}

static bool is_alone(const struct pair *p)
{
    return !p->a || !p->b;
}

/* Those that only one side has first, then by what they contribute. */
static int by_change(const void *x, const void *y)
{
    const struct pair *a = x, *b = y;
    if (is_alone(a) != is_alone(b))
        return is_alone(b) - is_alone(a);
    return (fabs(a->change) < fabs(b->change)) - (fabs(a->change) > fabs(b->change));
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void add_sides(json_t *row, const struct tally *t)
{
    json_array_append_new(row, json_integer(t ? (json_int_t)t->requests : 0));
    json_array_append_new(row, json_integer(t ? (json_int_t)t->failures : 0));
    json_array_append_new(row, t ? number(tally_mean_ms(t)) : json_null());
    json_array_append_new(row, t ? number(tally_quantile_ms(t, 0.95)) : json_null());
}

static json_t *list_rows(const struct stats *a, const struct stats *b)
{
    json_t *rows = json_array();
    struct pair *pairs;
    const size_t count = list_pairs(a, b, &pairs);
    qsort(pairs, count, sizeof *pairs, by_change);
    for (size_t i = 0; i < count && i < CONTEXT_ROWS; i++) {
        const struct tally *named = pairs[i].b ? pairs[i].b : pairs[i].a;
        json_t *row = json_pack("[s,s,o]", named->method, named->name, number(pairs[i].change));
        add_sides(row, pairs[i].a);
        add_sides(row, pairs[i].b);
        json_array_append_new(rows, row);
    }
    free(pairs);
    return rows;
}

/* ---- failures ---- */

/* Those of which the other side has no text alike. */
static bool has_failure(const struct stats *s, const struct failure *wanted)
{
    for (const struct failure *f = s->failures; f; f = f->next)
        if (strcmp(f->text, wanted->text) == 0 && strcmp(f->name, wanted->name) == 0 &&
            strcmp(f->method, wanted->method) == 0)
            return true;
    return false;
}

static json_t *only_in(const struct stats *s, const struct stats *other)
{
    json_t *list = json_array();
    for (const struct failure *f = s->failures; f && json_array_size(list) < CONTEXT_FAILURES;
         f = f->next)
        if (!has_failure(other, f))
            json_array_append_new(
                list, json_pack("[s,s,s,I]", f->method, f->name, f->text, (json_int_t)f->count));
    return list;
}

json_t *context_of(const struct contrast_run *before, const struct contrast_run *after)
{
    return json_pack("{s:o,s:{s:o,s:o},s:[s,s,s,s,s,s,s,s,s,s,s],s:o}", "environment",
                     surroundings(before->meta, after->meta), "failures", "gone",
                     only_in(before->stats, after->stats), "new",
                     only_in(after->stats, before->stats), "row_columns", "method", "name",
                     "change_ms", "requests_a", "failures_a", "mean_a", "p95_a", "requests_b",
                     "failures_b", "mean_b", "p95_b", "rows",
                     list_rows(before->stats, after->stats));
}
