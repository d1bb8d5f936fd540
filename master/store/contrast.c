// SPDX-License-Identifier: MIT
#include "master/store/contrast.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/store/bootstrap.h"
#include "master/store/run_name.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FALSE_SHARE 0.05
#define SAMPLES_MIN 1000    /* of a row that is judged */
#define COARSE_AFTER_S 1200 /* runs that are longer are read in blocks of 10 s */
#define LOAD_DIFFERS 0.05
#define SEED UINT64_C(20240229)

/* The part of a run that counts, as bins of equal length. */
struct steady {
    const struct contrast_run *run;
    const struct timeline_block **bins; /* owned list */
    size_t count, per_block;
    double bin_s;
    uint64_t seed;
};

/* ---- the steady part ---- */

static void list_bins(struct steady *s, const struct timeline_snap *t)
{
    const size_t level =
        t->until - t->first > COARSE_AFTER_S || t->levels[0].covers_from > t->since;
    const struct timeline_block *b;
    s->bin_s = level ? 10 : 1;
    for (int64_t at = t->since; (b = timeline_snap_after(t, level, at));
         at = timeline_block_span(b)->start + timeline_block_span(b)->span) {
        if (s->count % 256 == 0)
            s->bins = mem_realloc(s->bins, (s->count + 256) * sizeof(void *));
        s->bins[s->count++] = b;
    }
}

/* From where all users are there to where the first of them are stopped. */
static void cut_ends(struct steady *s)
{
    uint32_t most = 0;
    size_t from = 0, to = s->count;
    for (size_t i = 0; i < s->count; i++)
        if (timeline_block_span(s->bins[i])->users > most)
            most = timeline_block_span(s->bins[i])->users;
    while (from < to && timeline_block_span(s->bins[from])->users < most)
        from++;
    while (to > from && timeline_block_span(s->bins[to - 1])->users < most)
        to--;
    from += from < to; /* the second in which the last one came */
    s->count = to - from;
    memmove(s->bins, s->bins + from, s->count * sizeof(void *));
}

static double *mean_of_bins(const struct steady *s)
{
    double *means = mem_zalloc((s->count + 1) * sizeof *means);
    struct tally t;
    tally_init(&t, NULL, NULL);
    for (size_t i = 0; i < s->count; i++) {
        tally_zero(&t);
        timeline_block_add(s->bins[i], TIMELINE_TOTAL, &t);
        means[i] = t.hist.count ? (double)t.sum_us / (double)t.hist.count : (i ? means[i - 1] : 0);
    }
    tally_fini(&t);
    return means;
}

static void find_steady(struct steady *s, const struct contrast_run *run, size_t number)
{
    *s = (struct steady){.run = run, .seed = SEED + number};
    list_bins(s, run->timeline);
    cut_ends(s);
    double *means = mean_of_bins(s);
    const size_t cut = bootstrap_transient(means, s->count, s->bin_s);
    if (cut < s->count) { /* else nothing is cut: it is refused elsewhere */
        s->count -= cut;
        memmove(s->bins, s->bins + cut, s->count * sizeof(void *));
        s->per_block = bootstrap_block(means + cut, s->count, s->bin_s);
    }
    free(means);
}

/* ---- figures ---- */

static const struct {
    const char *name;
    double quantile; /* 0: none */
} FIGURE[FIGURES] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95},    {"p99", 0.99},
                     {"mean", 0},  {"rps", 0},   {"fail_ratio", 0}};

const char *contrast_figure_name(enum contrast_figure f)
{
    return FIGURE[f].name;
}

enum contrast_figure contrast_figure_of(const char *name)
{
    for (enum contrast_figure f = 0; f < FIGURES; f++)
        if (strcmp(FIGURE[f].name, name) == 0)
            return f;
    return FIGURES;
}

static const struct tally *find_row(const struct stats *s, const char *method, const char *name)
{
    return *name ? stats_find(s, method, name) : &s->total;
}

static struct bootstrap *bootstrap_of(const struct steady *s, uint32_t id)
{
    struct tally *bins = mem_zalloc((s->count + 1) * sizeof *bins);
    for (size_t i = 0; i < s->count; i++) {
        tally_init(&bins[i], NULL, NULL);
        timeline_block_add(s->bins[i], id, &bins[i]);
    }
    struct bootstrap *b = bootstrap_new(bins, s->count, s->bin_s, s->per_block, s->seed);
    for (size_t i = 0; i < s->count; i++)
        tally_fini(&bins[i]);
    free(bins);
    return b;
}

static struct figure figure_of(const struct bootstrap *b, enum contrast_figure f)
{
    if (!b)
        return (struct figure){.value = NAN};
    if (FIGURE[f].quantile > 0)
        return bootstrap_quantile(b, FIGURE[f].quantile);
    return f == FIGURE_MEAN  ? bootstrap_mean(b)
           : f == FIGURE_RPS ? bootstrap_rate(b)
                             : bootstrap_failed(b);
}

/* ---- whether they can be compared ---- */

static double number_of(const json_t *meta, const char *key)
{
    const json_t *value = json_object_get(meta, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static double share_of(const struct tally *t, const struct stats *s)
{
    return t && s->total.requests ? (double)t->requests / (double)s->total.requests : 0;
}

static bool differs(double a, double b)
{
    return isfinite(a) && isfinite(b) && fabs(a - b) > LOAD_DIFFERS * fmax(fabs(a), fabs(b));
}

/* The row whose share of the requests differs most, if that is too much. */
static const struct tally *other_mix(const struct stats *a, const struct stats *b)
{
    const struct tally *worst = NULL;
    double most = LOAD_DIFFERS;
    for (const struct tally *t = b->rows; t; t = t->next) {
        const double by = fabs(share_of(t, b) - share_of(stats_find(a, t->method, t->name), a));
        if (by > most) {
            most = by;
            worst = t;
        }
    }
    return worst;
}

static bool refuse_load(const struct contrast_run *a, const struct contrast_run *b,
                        struct sbuf *why)
{
    const bool open[] = {number_of(a->meta, "plans") > 0, number_of(b->meta, "plans") > 0};
    const struct tally *row = other_mix(a->stats, b->stats);
    char *names[] = {run_name(a->meta), run_name(b->meta)};
    if (open[0] != open[1])
        sbuf_addf(why, "the load differs: %s has scenarios, %s has not", names[open[0] ? 0 : 1],
                  names[open[0] ? 1 : 0]);
    else if (differs(number_of(a->meta, "users"), number_of(b->meta, "users")))
        sbuf_addf(why, "the load differs: %g users in %s, %g in %s", number_of(a->meta, "users"),
                  names[0], number_of(b->meta, "users"), names[1]);
    else if (row)
        sbuf_addf(why, "the load differs: '%s %s' is %.1f %% of the requests in %s, %.1f %% in %s",
                  row->method, row->name,
                  100 * share_of(stats_find(a->stats, row->method, row->name), a->stats), names[0],
                  100 * share_of(row, b->stats), names[1]);
    free(names[0]);
    free(names[1]);
    return why->len > 0;
}

static bool refuse_run(const struct steady *s, bool is_forced, struct sbuf *why)
{
    char *name = run_name(s->run->meta);
    const size_t blocks = s->per_block ? s->count / s->per_block : 0;
    if (s->run->stats->total.requests == 0)
        sbuf_addf(why, "%s has no requests", name);
    else if (!is_forced && !json_is_true(json_object_get(s->run->meta, "valid")))
        sbuf_addf(why, "the measurement of %s was not valid", name);
    else if (s->count == 0 || (s->per_block == 0 && s->count >= BOOTSTRAP_BLOCKS_MIN))
        sbuf_addf(why, "%s was never steady", name);
    else if (blocks < 2 || (blocks < BOOTSTRAP_BLOCKS_MIN && !is_forced))
        sbuf_addf(why, "%s is too short: its steady part of %.0f s is less than %d blocks of %d s",
                  name, (double)s->count * s->bin_s, BOOTSTRAP_BLOCKS_MIN, BOOTSTRAP_BLOCK_MIN_S);
    free(name);
    return why->len > 0;
}

/* ---- lines ---- */

struct making {
    struct contrast *c;
    const struct contrast_ask *ask;
    struct steady *before, *after;
};

static double time_share(const struct tally *t, const struct stats *s)
{
    return s->total.sum_us ? (double)t->sum_us / (double)s->total.sum_us : 0;
}

static void add_line(struct making *m, const struct gate_rule *rule, const char *method,
                     const char *name, struct bootstrap *const *before,
                     struct bootstrap *const *after)
{
    const struct contrast_ask *ask = m->ask;
    struct figure *a = mem_zalloc((ask->before_count + 1) * sizeof *a);
    struct figure *b = mem_zalloc((ask->after_count + 1) * sizeof *b);
    struct between between = {0.05, INFINITY, true};
    for (size_t i = 0; i < ask->before_count; i++)
        a[i] = figure_of(before[i], rule->figure);
    for (size_t i = 0; i < ask->after_count; i++)
        b[i] = figure_of(after[i], rule->figure);
    if (rule->margin.is_share) /* of a share nothing can be assumed but what is within the runs */
        between.sd = 0;
    if (ask->between)
        between = ask->between(ask->arg, method, name, rule->figure);
    if (m->c->count % 64 == 0)
        m->c->lines = mem_realloc(m->c->lines, (m->c->count + 64) * sizeof *m->c->lines);
    m->c->lines[m->c->count++] = (struct contrast_line){
        .rule = rule,
        .method = mem_strdup(method),
        .name = mem_strdup(name),
        .change =
            inference_compare(a, ask->before_count, b, ask->after_count, &between, &rule->margin),
        .answer = ANSWER_NONE,
        .needs = NAN};
    free(a);
    free(b);
}

bool contrast_judges(const struct gate_rule *rule, const struct tally *row, const struct stats *s)
{
    if (!row)
        return !rule->is_of_rows;
    return rule->is_of_rows && row->requests >= SAMPLES_MIN &&
           time_share(row, s) >= rule->least_share;
}

static struct bootstrap **bootstraps(const struct steady *s, size_t count, const char *method,
                                     const char *name)
{
    struct bootstrap **list = mem_zalloc((count + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        const struct tally *t = find_row(s[i].run->stats, method, name);
        if (t)
            list[i] = bootstrap_of(&s[i], t->number);
    }
    return list;
}

static void free_bootstraps(struct bootstrap **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bootstrap_free(list[i]);
    free(list);
}

/* All rules of one row; row NULL: of the total. */
static void add_row(struct making *m, const struct tally *row)
{
    const struct contrast_ask *ask = m->ask;
    const struct stats *newest = ask->after[0].stats;
    const char *method = row ? row->method : "", *name = row ? row->name : "";
    struct bootstrap **before = NULL, **after = NULL;
    for (size_t i = 0; i < ask->gate->count; i++) {
        if (!contrast_judges(&ask->gate->rules[i], row, newest))
            continue;
        if (!before) {
            before = bootstraps(m->before, ask->before_count, method, name);
            after = bootstraps(m->after, ask->after_count, method, name);
        }
        add_line(m, &ask->gate->rules[i], method, name, before, after);
    }
    if (!before)
        return;
    free_bootstraps(before, ask->before_count);
    free_bootstraps(after, ask->after_count);
}

/* How many times as much would have to be measured for an answer, if the figures stay. */
static double needs_of(const struct contrast_line *l)
{
    const struct change *c = &l->change;
    const struct margin *m = &l->rule->margin;
    const double d = m->is_share ? c->change : fabs(log(c->change));
    const double share = fmax(m->share, c->before > 0 ? m->floor / c->before : 0);
    const double limit = m->is_share ? m->share : log(1 + share);
    const double room = fabs(limit - d);
    return room > 0 ? pow(1.645 * c->se / room, 2) : NAN;
}

static void judge(struct contrast *c)
{
    double *p = mem_zalloc((c->count + 1) * sizeof *p);
    bool *is_worse = mem_zalloc(c->count + 1);
    size_t n = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->lines[i].change.is_there)
            p[n++] = c->lines[i].change.p_worse;
    inference_discover(p, n, FALSE_SHARE, is_worse);
    for (size_t i = 0, k = 0; i < c->count; i++) {
        struct contrast_line *l = &c->lines[i];
        if (!l->change.is_there)
            continue;
        l->answer = is_worse[k++]                     ? ANSWER_WORSE
                    : l->change.p_fine <= FALSE_SHARE ? ANSWER_FINE
                                                      : ANSWER_UNSURE;
        if (l->answer == ANSWER_UNSURE)
            l->needs = needs_of(l);
        c->worse += l->answer == ANSWER_WORSE;
        c->unsure += l->answer == ANSWER_UNSURE;
    }
    free(p);
    free(is_worse);
}

static void add_remarks(const struct contrast_ask *ask, struct sbuf *out)
{
    const json_t *a = json_object_get(ask->before[0].meta, "environment");
    const json_t *b = json_object_get(ask->after[0].meta, "environment");
    const struct stats *before = ask->before[0].stats, *after = ask->after[0].stats;
    size_t gone = 0, fresh = 0;
    if (a && b && !json_equal(a, b))
        sbuf_addf(out, "The runs come from different machines: %s; %s. ", json_string_value(a),
                  json_string_value(b));
    for (const struct tally *t = before->rows; t; t = t->next)
        gone += t->requests > 0 && !stats_find(after, t->method, t->name);
    for (const struct tally *t = after->rows; t; t = t->next)
        fresh += t->requests > 0 && !stats_find(before, t->method, t->name);
    if (gone || fresh)
        sbuf_addf(out, "%zu rows are gone, %zu are new. ", gone, fresh);
}

static void compare(struct making *m)
{
    const struct contrast_ask *ask = m->ask;
    const struct hist *a = &ask->before[0].stats->total.hist;
    const struct hist *b = &ask->after[0].stats->total.hist;
    double at_us = 0;
    add_row(m, NULL);
    for (const struct tally *t = ask->after[0].stats->rows; t; t = t->next)
        add_row(m, t);
    judge(m->c);
    m->c->distance = inference_distance(a, b, &at_us);
    m->c->at_ms = at_us / 1e3;
    m->c->delta = inference_delta(a, b);
}

void contrast_make(struct contrast *c, const struct contrast_ask *ask)
{
    const size_t count = ask->before_count + ask->after_count;
    struct steady *all = mem_zalloc((count + 1) * sizeof *all);
    struct sbuf why = {0}, remarks = {0};
    *c = (struct contrast){.fails_unsure = ask->gate->fails_unsure};
    for (size_t i = 0; i < count; i++) {
        const bool is_after = i >= ask->before_count;
        const struct contrast_run *run =
            is_after ? &ask->after[i - ask->before_count] : &ask->before[i];
        find_steady(&all[i], run, i);
        const bool is_refused = why.len > 0 || refuse_run(&all[i], ask->is_forced, &why);
        if (!is_refused && !ask->is_forced && i > 0)
            refuse_load(&ask->before[0], run, &why);
    }
    if (why.len == 0)
        compare(&(struct making){c, ask, all, all + ask->before_count});
    add_remarks(ask, &remarks);
    c->refusal = why.len ? sbuf_take(&why) : NULL;
    c->remarks = remarks.len ? sbuf_take(&remarks) : mem_strdup("");
    for (size_t i = 0; i < count; i++)
        free(all[i].bins);
    free(all);
}

void contrast_fini(struct contrast *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->lines[i].method);
        free(c->lines[i].name);
    }
    free(c->lines);
    free(c->refusal);
    free(c->remarks);
}
