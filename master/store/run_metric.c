// SPDX-License-Identifier: MIT
#include "master/store/run_metric.h"
#include "common/metric/stats.h"
#include "master/store/steady.h"
#include <math.h>
#include <string.h>

#define SAMPLES_MIN 100
#define ROW_DRAWS 200 /* of the total BOOTSTRAP_DRAWS are */
#define Z 1.96        /* of 95 % */
#define APDEX_MS_MAX 1e9
#define BINS_MOST 300000u /* that are read for all rows together */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

struct row {
    const char *method, *name;
    const struct tally *whole;
    bool is_total;
};

static void add_row(json_t *table, const struct row *row, const struct contrast_seen *seen)
{
    const size_t blocks = seen->blocks ? bootstrap_blocks(seen->blocks) : 0;
    for (enum contrast_figure f = 0; f < FIGURES; f++) {
        const struct figure figure = contrast_figure_seen(seen, f);
        double low, high;
        if (!isfinite(figure.value))
            continue;
        contrast_figure_interval(seen, f, &figure, &low, &high);
        json_array_append_new(table, json_pack("[s,s,s,f,o,o,f,I]", row->method, row->name,
                                               contrast_figure_name(f), figure.value, number(low),
                                               number(high), figure.n, (json_int_t)blocks));
    }
}

/* Of all of the run, in the middle of what the number of requests says: each one counts 1, 0.5 or
 * 0. */
static void add_apdex(json_t *table, const struct row *row, double limit_ms)
{
    const double n = (double)row->whole->requests;
    if (!(limit_ms > 0 && limit_ms < APDEX_MS_MAX && n > 0))
        return;
    const uint64_t us = (uint64_t)(limit_ms * 1000);
    const double satisfied = (double)tally_good_upto(row->whole, us) / n;
    const double tolerating = (double)tally_good_upto(row->whole, 4 * us) / n - satisfied;
    const double value = satisfied + tolerating / 2;
    const double variance = satisfied + tolerating / 4 - value * value;
    const double by = Z * sqrt(fmax(0, variance) / n);
    json_array_append_new(table, json_pack("[s,s,s,f,f,f,f,i]", row->method, row->name, "apdex",
                                           value, fmax(0, value - by), fmin(1, value + by), n, 0));
}

/* Without an index, which the statistics of a snapshot do not have. */
static const struct tally *find(const struct stats *s, const char *method, const char *name)
{
    const struct tally *t = s->rows;
    while (t && (strcmp(t->method, method) != 0 || strcmp(t->name, name) != 0))
        t = t->next;
    return t;
}

/* By its blocks; NULL: it has too few requests in them. */
static struct bootstrap *blocks_of(const struct steady *s, const struct row *row)
{
    struct bootstrap *b =
        steady_bootstrap(s, row->whole->number, row->is_total ? BOOTSTRAP_DRAWS : ROW_DRAWS);
    if (bootstrap_requests(b) >= SAMPLES_MIN)
        return b;
    bootstrap_free(b);
    return NULL;
}

json_t *run_metric_table(const struct contrast_run *run, const json_t *rows)
{
    const double run_s = json_number_value(json_object_get(run->meta, "duration"));
    json_t *table = json_array(), *each;
    struct steady steady;
    size_t i, bins = 0;
    steady_find(&steady, run, 0, STEADY_MINUTES);
    const bool has_blocks = steady_blocks(&steady) >= BOOTSTRAP_BLOCKS_MIN;
    json_array_foreach(rows, i, each)
    {
        struct row row = {json_string_value(json_array_get(each, 0)),
                          json_string_value(json_array_get(each, 1)), NULL, i == 0};
        if (!row.method || !row.name)
            continue;
        if (row.is_total)
            row.whole = &run->stats->total;
        else if (*row.method || *row.name) /* else it has the total's place in the table */
            row.whole = find(run->stats, row.method, row.name);
        if (!row.whole)
            continue;
        struct contrast_seen seen = {NULL, row.whole, run_s};
        if (has_blocks && row.whole->requests >= SAMPLES_MIN && (bins += steady.count) <= BINS_MOST)
            seen.blocks = blocks_of(&steady, &row);
        add_row(table, &row, &seen);
        add_apdex(table, &row, json_number_value(json_object_get(run->meta, "apdex_ms")));
        bootstrap_free(seen.blocks);
    }
    steady_fini(&steady);
    return table;
}
