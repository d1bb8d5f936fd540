// SPDX-License-Identifier: MIT
#include "master/store/contrast.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/data/number_text.h"
#include "master/store/run_load.h"
#include "master/store/run_name.h"
#include "master/store/steady.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FALSE_SHARE 0.05
#define SAMPLES_MIN 1000 /* of a row that is judged */
#define MIX_DIFFERS 0.05
#define NEEDS_MOST 1000 /* times as much: nobody waits for that */
#define RUNS_TELL 3     /* runs of a side that say how much they differ */

/* ---- two runs of one seed ---- */

/* Whether they did the same at the same time after they began, as far as that was in their hands.
 */
static bool are_twins(const json_t *a, const json_t *b)
{
    static const char *const same[] = {"seed",     "schedule",   "sha256", "users",
                                       "run_time", "spawn_rate", "workers"};
    bool is_same = json_is_number(json_object_get(a, "seed"));
    for (size_t i = 0; i < sizeof same / sizeof *same && is_same; i++) {
        const json_t *x = json_object_get(a, same[i]), *y = json_object_get(b, same[i]);
        is_same = (!x && !y) || json_equal((json_t *)(uintptr_t)x, (json_t *)(uintptr_t)y);
    }
    return is_same;
}

/* Seconds after all users of its run were there. */
static int64_t first_of(const struct steady *s)
{
    return timeline_block_span(s->bins[0])->start - s->run->timeline->since;
}

static size_t bins_before(const struct steady *s, int64_t from)
{
    size_t n = 0;
    while (n < s->count && timeline_block_span(s->bins[n])->start - s->run->timeline->since < from)
        n++;
    return n;
}

static void keep_bins(struct steady *s, size_t cut, size_t count)
{
    memmove(s->bins, s->bins + cut, count * sizeof(void *));
    s->count = count;
}

/* Blocks of both that are of the same time, and drawn together. False: there are too few. */
static bool make_pair(struct steady *a, struct steady *b)
{
    const bool is_coarse[] = {a->bin_s > 1, b->bin_s > 1};
    if (!a->count || !b->count || !a->per_block || !b->per_block || is_coarse[0] != is_coarse[1] ||
        a->left_out || b->left_out || !are_twins(a->run->meta, b->run->meta))
        return false;
    const int64_t from = first_of(a) > first_of(b) ? first_of(a) : first_of(b);
    const size_t per = a->per_block > b->per_block ? a->per_block : b->per_block;
    const size_t cut[] = {bins_before(a, from), bins_before(b, from)};
    const size_t left[] = {a->count - cut[0], b->count - cut[1]};
    const size_t count = left[0] < left[1] ? left[0] : left[1];
    if (count / per < BOOTSTRAP_BLOCKS_MIN)
        return false;
    keep_bins(a, cut[0], count);
    keep_bins(b, cut[1], count);
    a->per_block = b->per_block = per;
    b->seed = a->seed;
    return true;
}

/* ---- figures ---- */

static const struct tally *find_row(const struct stats *s, const char *method, const char *name)
{
    return *name || *method ? stats_find(s, method, name) : &s->total;
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

/* The row whose share of the requests differs most, if that is too much. */
static const struct tally *other_mix(const struct stats *a, const struct stats *b)
{
    const struct tally *worst = NULL;
    double most = MIX_DIFFERS;
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
    const struct tally *row = other_mix(a->stats, b->stats);
    if (run_load_differs(a->meta, b->meta, why) || !row)
        return why->len > 0;
    char *names[] = {run_name(a->meta), run_name(b->meta)};
    sbuf_addf(why, "the load differs: '%s %s' is %.1f %% of the requests in %s, %.1f %% in %s",
              row->method, row->name,
              100 * share_of(stats_find(a->stats, row->method, row->name), a->stats), names[0],
              100 * share_of(row, b->stats), names[1]);
    free(names[0]);
    free(names[1]);
    return true;
}

static bool is_too_short(const struct steady *s, bool is_forced)
{
    const size_t blocks = steady_blocks(s);
    return blocks < 2 || (blocks < BOOTSTRAP_BLOCKS_MIN && !is_forced);
}

static void add_invalid(const struct steady *s, const char *name, struct sbuf *why)
{
    sbuf_addf(why, "the measurement of %s was not valid", name);
    if (s->left_out > 0)
        sbuf_addf(why, ": for %.0f of %.0f s with all users a load generator could not keep up",
                  (double)s->left_out * s->bin_s, (double)(s->left_out + s->count) * s->bin_s);
}

/* is_whole: it is not looked at second by second. */
static bool refuse_run(const struct steady *s, bool is_whole, bool is_forced, struct sbuf *why)
{
    char *name = run_name(s->run->meta);
    if (s->run->stats->total.requests == 0)
        sbuf_addf(why, "%s has no requests", name);
    else if (!is_forced && !steady_is_valid(s))
        add_invalid(s, name, why);
    else if (!is_whole && s->count == 0)
        sbuf_addf(why, "%s is too short: it did not go on with all of its users", name);
    else if (!is_whole && !s->per_block && s->count >= BOOTSTRAP_BLOCKS_MIN)
        sbuf_addf(why, "%s was never steady", name);
    else if (!is_whole && is_too_short(s, is_forced))
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
    bool is_whole; /* one of them has no seconds */
};

static double time_share(const struct tally *t, const struct stats *s)
{
    return s->total.sum_us ? (double)t->sum_us / (double)s->total.sum_us : 0;
}

static struct between between_of(const struct contrast_ask *ask, const char *method,
                                 const char *name, enum contrast_figure f)
{
    struct between between = {.sd = 0.05, .df = INFINITY, .is_assumed = true};
    if (f == FIGURE_FAIL_RATIO) /* nothing can be assumed but what is within the runs */
        between.sd = 0;
    return ask->between ? ask->between(ask->arg, method, name, f) : between;
}

static void add_line(struct making *m, const struct gate_rule *rule, const char *method,
                     const char *name, const struct contrast_seen *before,
                     const struct contrast_seen *after)
{
    const struct contrast_ask *ask = m->ask;
    struct figure *a = mem_zalloc((ask->before_count + 1) * sizeof *a);
    struct figure *b = mem_zalloc((ask->after_count + 1) * sizeof *b);
    struct between between = between_of(ask, method, name, rule->figure);
    for (size_t i = 0; i < ask->before_count; i++)
        a[i] = contrast_figure_seen(&before[i], rule->figure);
    for (size_t i = 0; i < ask->after_count; i++)
        b[i] = contrast_figure_seen(&after[i], rule->figure);
    if (m->c->is_paired && !rule->margin.is_share && before[0].blocks && after[0].blocks)
        between.paired_se = contrast_figure_pair_se(&before[0], &after[0], rule->figure);
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

static struct contrast_seen *look_at(const struct making *m, const struct steady *s, size_t count,
                                     const char *method, const char *name)
{
    struct contrast_seen *list = mem_zalloc((count + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        const struct tally *t = find_row(s[i].run->stats, method, name);
        if (t && m->is_whole)
            list[i] = (struct contrast_seen){NULL, t, number_of(s[i].run->meta, "duration")};
        else if (t)
            list[i].blocks = steady_bootstrap(&s[i], t->number, BOOTSTRAP_DRAWS);
    }
    return list;
}

static void forget(struct contrast_seen *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bootstrap_free(list[i].blocks);
    free(list);
}

/* All rules of one row; row NULL: of the total. */
static void add_row(struct making *m, const struct tally *row)
{
    const struct contrast_ask *ask = m->ask;
    const struct stats *newest = ask->after[0].stats;
    const char *method = row ? row->method : "", *name = row ? row->name : "";
    struct contrast_seen *before = NULL, *after = NULL;
    for (size_t i = 0; i < ask->gate->count; i++) {
        if (!contrast_judges(&ask->gate->rules[i], row, newest))
            continue;
        if (!before) {
            before = look_at(m, m->before, ask->before_count, method, name);
            after = look_at(m, m->after, ask->after_count, method, name);
        }
        add_line(m, &ask->gate->rules[i], method, name, before, after);
    }
    if (!before)
        return;
    forget(before, ask->before_count);
    forget(after, ask->after_count);
}

static struct between between_of_total(void *ask, enum contrast_figure f)
{
    return between_of(ask, "", "", f);
}

static void add_curve(struct making *m)
{
    const struct contrast_ask *ask = m->ask;
    struct contrast_seen *before = look_at(m, m->before, ask->before_count, "", "");
    struct contrast_seen *after = look_at(m, m->after, ask->after_count, "", "");
    contrast_curve_make(&m->c->curve,
                        &(struct contrast_curve_ask){.seen = {before, after},
                                                     .runs = {ask->before_count, ask->after_count},
                                                     .is_paired = m->c->is_paired,
                                                     .between = between_of_total,
                                                     .arg = (void *)(uintptr_t)ask});
    forget(before, ask->before_count);
    forget(after, ask->after_count);
}

#define TELLS 1.645 /* standard errors between a figure and its limit */

/* The standard error that would tell, if the figures stay. */
static double wanted_se(const struct contrast_line *l)
{
    const struct change *c = &l->change;
    const struct margin *m = &l->rule->margin;
    const double d = m->is_share ? c->change : fabs(log(c->change));
    const double share = fmax(m->share, c->before > 0 ? m->floor / c->before : 0);
    const double limit = m->is_share ? m->share : log(1 + share);
    return fabs(limit - d) / TELLS;
}

/* Of the shortest run. */
static double steady_s(const struct making *m)
{
    double least = INFINITY;
    for (size_t i = 0; i < m->ask->before_count; i++)
        least = fmin(least, (double)m->before[i].count * m->before[i].bin_s);
    for (size_t i = 0; i < m->ask->after_count; i++)
        least = fmin(least, (double)m->after[i].count * m->after[i].bin_s);
    return least;
}

/* Longer runs make smaller what is within them; what is between them only more runs do. */
static void note_needs(const struct making *m, struct contrast_line *l)
{
    const struct change *c = &l->change;
    const double wanted = wanted_se(l);
    const double fixed = c->basis == BASIS_ASSUMED ? c->least : 0;
    const double runs = (double)(m->ask->before_count < m->ask->after_count ? m->ask->before_count
                                                                            : m->ask->after_count);
    const bool is_by_length = c->basis != BASIS_RUNS && c->would_tell && wanted > fixed;
    if (!(wanted > 0))
        return;
    l->needs = is_by_length ? (c->se * c->se - fixed * fixed) / (wanted * wanted - fixed * fixed)
                            : c->se * c->se / (wanted * wanted);
    if (!(l->needs > 1) || l->needs >= NEEDS_MOST)
        return;
    if (is_by_length && !m->is_whole)
        l->more_s = ceil((l->needs - 1) * steady_s(m));
    else if (!is_by_length)
        l->more_runs = fmax(ceil(l->needs * runs), RUNS_TELL) - runs;
}

static void judge(const struct making *m)
{
    struct contrast *c = m->c;
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
            note_needs(m, l);
        c->worse += l->answer == ANSWER_WORSE;
        c->unsure += l->answer == ANSWER_UNSURE;
        c->would_tell += l->answer == ANSWER_UNSURE && l->change.would_tell;
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
    if (json_is_string(a) && json_is_string(b) && !json_equal(a, b)) {
        sbuf_adds(out, "The runs come from different machines: ");
        output_add_visible(out, json_string_value(a));
        sbuf_adds(out, "; ");
        output_add_visible(out, json_string_value(b));
        sbuf_adds(out, ". ");
    }
    for (const struct tally *t = before->rows; t; t = t->next)
        gone += t->requests > 0 && !stats_find(after, t->method, t->name);
    for (const struct tally *t = after->rows; t; t = t->next)
        fresh += t->requests > 0 && !stats_find(before, t->method, t->name);
    if (gone || fresh)
        sbuf_addf(out, "Rows: %zu gone, %zu new. ", gone, fresh);
}

struct part { /* of the change of the time that all requests took */
    const struct tally *row;
    double ms;
};

static int by_part(const void *x, const void *y)
{
    const struct part *a = x, *b = y;
    return (a->ms < b->ms) - (a->ms > b->ms);
}

static double part_ms(const struct tally *before, const struct tally *after)
{
    const double was = before && before->requests ? tally_mean_ms(before) : 0;
    return after->requests ? fabs((double)after->requests * (tally_mean_ms(after) - was)) : 0;
}

/* Those that contributed most to the change first. */
static void add_rows(struct making *m)
{
    const struct stats *a = m->ask->before[0].stats, *b = m->ask->after[0].stats;
    struct part *parts = mem_zalloc((b->row_count + 1) * sizeof *parts);
    size_t count = 0;
    for (const struct tally *t = b->rows; t; t = t->next)
        parts[count++] = (struct part){t, part_ms(stats_find(a, t->method, t->name), t)};
    qsort(parts, count, sizeof *parts, by_part);
    for (size_t i = 0; i < count; i++)
        add_row(m, parts[i].row);
    free(parts);
}

static void compare(struct making *m)
{
    const struct contrast_ask *ask = m->ask;
    const struct hist *a = &ask->before[0].stats->total.hist;
    const struct hist *b = &ask->after[0].stats->total.hist;
    double at_us = 0;
    add_row(m, NULL);
    add_rows(m);
    judge(m);
    if (ask->wants_curve)
        add_curve(m);
    m->c->distance = inference_distance(a, b, &at_us);
    m->c->at_ms = at_us / 1e3;
    m->c->delta = inference_delta(a, b);
}

static bool has_whole(const struct contrast_ask *ask)
{
    bool is_whole = false;
    for (size_t i = 0; i < ask->before_count; i++)
        is_whole |= !ask->before[i].timeline;
    for (size_t i = 0; i < ask->after_count; i++)
        is_whole |= !ask->after[i].timeline;
    return is_whole;
}

static void add_left_out(const struct steady *s, struct sbuf *out)
{
    if (s->left_out == 0)
        return;
    char *name = run_name(s->run->meta);
    sbuf_addf(
        out, "Of %s %.0f s are left out, in which a load generator could not keep up or was lost. ",
        name, (double)s->left_out * s->bin_s);
    free(name);
}

static void add_basis_remarks(const struct making *m, struct sbuf *out)
{
    for (size_t i = 0; i < m->ask->before_count; i++)
        add_left_out(&m->before[i], out);
    for (size_t i = 0; i < m->ask->after_count; i++)
        add_left_out(&m->after[i], out);
    if (m->is_whole)
        sbuf_adds(
            out,
            "Of a summary or report there are no seconds: all runs are compared as a whole, with "
            "their beginning and end, and what happened within them is in no interval. ");
    if (m->c->is_paired)
        sbuf_addf(out, "Both runs had the seed %.0f: their blocks are drawn in pairs. ",
                  number_of(m->ask->before[0].meta, "seed"));
}

void contrast_make(struct contrast *c, const struct contrast_ask *ask)
{
    const size_t count = ask->before_count + ask->after_count;
    struct steady *all = mem_zalloc((count + 1) * sizeof *all);
    struct sbuf why = {0}, remarks = {0};
    *c = (struct contrast){.fails_unsure = ask->gate->fails_unsure};
    struct making making = {c, ask, all, all + ask->before_count, has_whole(ask)};
    for (size_t i = 0; i < count; i++) {
        const bool is_after = i >= ask->before_count;
        const struct contrast_run *run =
            is_after ? &ask->after[i - ask->before_count] : &ask->before[i];
        steady_find(&all[i], run, i, STEADY_TENS);
        if (why.len > 0)
            continue;
        if (refuse_run(&all[i], making.is_whole, ask->is_forced, &why))
            c->is_short = is_after && is_too_short(&all[i], ask->is_forced) &&
                          json_is_true(json_object_get(run->meta, "valid"));
        else if (!ask->is_forced && i > 0)
            refuse_load(&ask->before[0], run, &why);
    }
    if (why.len == 0 && count == 2 && !making.is_whole)
        c->is_paired = make_pair(&all[0], &all[1]);
    if (why.len == 0)
        compare(&making);
    add_basis_remarks(&making, &remarks);
    add_remarks(ask, &remarks);
    c->refusal = why.len ? sbuf_take(&why) : NULL;
    c->remarks = remarks.len ? sbuf_take(&remarks) : mem_strdup("");
    for (size_t i = 0; i < count; i++)
        steady_fini(&all[i]);
    free(all);
}

void contrast_fini(struct contrast *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->lines[i].method);
        free(c->lines[i].name);
    }
    free(c->lines);
    contrast_curve_fini(&c->curve);
    free(c->refusal);
    free(c->remarks);
}
