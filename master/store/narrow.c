// SPDX-License-Identifier: MIT
#include "master/store/narrow.h"
#include "common/base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct known {
    double value; /* geometric mean of the runs; of shares, the mean */
    double half;  /* of its 95 % interval, relative to it; of shares, as it is */
    double margin;
    size_t runs; /* that have the figure */
};

static struct known known_of(const struct gate_rule *rule, const double *x, size_t n)
{
    const bool is_share = rule->margin.is_share;
    struct known k = {.value = NAN, .half = INFINITY, .margin = rule->margin.share, .runs = n};
    const double mean = inference_mean(x, n);
    if (n > 0)
        k.value = is_share ? mean : exp(mean);
    if (!is_share && k.value > 0 && rule->margin.floor / k.value > k.margin)
        k.margin = rule->margin.floor / k.value;
    if (n >= NARROW_LEAST) {
        const double half =
            inference_t_quantile(0.975, (double)n - 1) * inference_sd(x, n) / sqrt((double)n);
        k.half = is_share ? half : expm1(half);
    }
    return k;
}

static double figure_now(const struct stats *s, const struct tally *t, enum contrast_figure f)
{
    static const double quantiles[FIGURES] = {
        [FIGURE_P50] = 0.5,  [FIGURE_P75] = 0.75, [FIGURE_P90] = 0.9,
        [FIGURE_P95] = 0.95, [FIGURE_P99] = 0.99, [FIGURE_P999] = 0.999};
    if (f == FIGURE_RPS)
        return tally_total_rps(t, s);
    if (f == FIGURE_FAIL_RATIO)
        return t->requests ? (double)t->failures / (double)t->requests : NAN;
    return f == FIGURE_MEAN ? tally_mean_ms(t) : tally_quantile_ms(t, quantiles[f]);
}

/* As it is reckoned with: NaN and what has no logarithm are left out. */
static void take(const struct gate_rule *rule, double value, double *x, size_t *n)
{
    if (isfinite(value) && (rule->margin.is_share || value > 0))
        x[(*n)++] = rule->margin.is_share ? value : log(value);
}

/* row NULL: of all requests. */
static struct known look_at(const struct narrow_ask *ask, const struct gate_rule *rule,
                            const struct tally *row)
{
    const char *method = row ? row->method : "", *name = row ? row->name : "";
    const char *figure = contrast_figure_name(rule->figure);
    double *x = mem_zalloc((json_array_size(ask->ids) + 1) * sizeof *x);
    size_t i, n = 0;
    const json_t *id;
    json_array_foreach(ask->ids, i, id)
    {
        take(rule, history_row_figure(ask->history, json_string_value(id), method, name, figure), x,
             &n);
    }
    if (ask->now)
        take(rule, figure_now(ask->now, row ? row : &ask->now->total, rule->figure), x, &n);
    const struct known k = known_of(rule, x, n);
    free(x);
    return k;
}

static void add_share(struct sbuf *out, const struct gate_rule *rule, double share)
{
    sbuf_addf(out, "%.2g %s", 100 * share, rule->margin.is_share ? "pp" : "%");
}

static void add_known(struct sbuf *out, const struct gate_rule *rule, const struct known *k)
{
    if (isfinite(k->half)) {
        sbuf_adds(out, "± ");
        add_share(out, rule, k->half);
    } else {
        sbuf_addf(out, "of %zu run%s, which says too little", k->runs, k->runs == 1 ? "" : "s");
    }
    sbuf_adds(out, "; its margin is ");
    add_share(out, rule, k->margin);
}

/* ---- all that the gate judges ---- */

struct search {
    const struct gate_rule *rule;
    const struct tally *row;
    struct known known;
    double excess; /* times its margin */
};

static void meet(struct search *worst, const struct narrow_ask *ask, const struct gate_rule *rule,
                 const struct tally *row)
{
    const struct known k = look_at(ask, rule, row);
    const double excess = k.margin > 0 ? k.half / k.margin : k.half > 0 ? INFINITY : 0;
    if (k.runs > 0 && (!worst->rule || excess > worst->excess))
        *worst = (struct search){rule, row, k, excess};
}

bool narrow_enough(const struct narrow_ask *ask, struct sbuf *out)
{
    struct search worst = {0};
    for (size_t i = 0; i < ask->gate->count; i++) {
        const struct gate_rule *rule = &ask->gate->rules[i];
        if (!rule->is_of_rows)
            meet(&worst, ask, rule, NULL);
        for (const struct tally *t = ask->now ? ask->now->rows : NULL; t; t = t->next)
            if (contrast_judges(rule, t, ask->now))
                meet(&worst, ask, rule, t);
    }
    if (!worst.rule)
        return false;
    sbuf_adds(out, contrast_figure_name(worst.rule->figure));
    if (worst.row)
        sbuf_addf(out, " of %s %s", worst.row->method, worst.row->name);
    sbuf_adds(out, isfinite(worst.known.half) ? " is known to " : " is ");
    add_known(out, worst.rule, &worst.known);
    return worst.excess <= 1;
}

void narrow_table(const struct narrow_ask *ask, struct sbuf *out)
{
    for (size_t i = 0; i < ask->gate->count; i++) {
        const struct gate_rule *rule = &ask->gate->rules[i];
        if (rule->is_of_rows)
            continue;
        const struct known k = look_at(ask, rule, NULL);
        if (k.runs == 0)
            continue;
        sbuf_addf(out, "%-10s ", contrast_figure_name(rule->figure));
        contrast_add_value(out, rule->figure, k.value);
        sbuf_addc(out, ' ');
        add_known(out, rule, &k);
        sbuf_addc(out, '\n');
    }
}
