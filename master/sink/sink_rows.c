// SPDX-License-Identifier: MIT
/* sink_rows: rows and their differences. Rows are in the order of coming in every snapshot of a
 * run, so two of them are compared in one walk, and the rows that have a name of their own stay
 * those.
 */
#include "master/sink/sink_rows.h"
#include "common/base/mem.h"
#include "common/base/sat.h"
#include <math.h>
#include <stdlib.h>

/* The least and the most of a difference are those of its histogram, within what the row has. */
static void guess_bounds(struct sink_row *r, const struct tally *t)
{
    if (r->own.count == 0)
        return;
    const uint64_t low = hist_quantile_us(&r->own, 0), high = hist_quantile_us(&r->own, 1);
    r->min_us = low > t->min_us ? low : t->min_us;
    r->max_us = high < t->max_us ? high : t->max_us;
}

static bool is_same(const struct tally *t, const struct tally *old)
{
    return t->requests == old->requests && t->failures == old->failures && t->cut == old->cut &&
           t->discarded == old->discarded && t->resent == old->resent;
}

/* What t gained since it was old; NULL: since the start. */
static struct sink_row difference(const struct tally *t, const struct tally *old)
{
    static const struct tally nothing;
    const struct tally *from = old ? old : &nothing;
    struct sink_row r = {.method = t->method,
                         .name = t->name,
                         .requests = sat_sub(t->requests, from->requests),
                         .failures = sat_sub(t->failures, from->failures),
                         .cut = sat_sub(t->cut, from->cut),
                         .discarded = sat_sub(t->discarded, from->discarded),
                         .resent = sat_sub(t->resent, from->resent),
                         .bytes = sat_sub(t->bytes, from->bytes),
                         .sum_us = sat_sub(t->sum_us, from->sum_us),
                         .min_us = t->hist.count ? t->min_us : 0,
                         .max_us = t->max_us,
                         .shared = old ? NULL : &t->hist};
    if (!old)
        return r;
    r.min_us = r.max_us = 0;
    r.own = hist_since(&t->hist, &old->hist);
    guess_bounds(&r, t);
    return r;
}

static void merge(struct sink_row *into, const struct sink_row *more)
{
    const bool is_first = sink_row_hist(into)->count == 0;
    if (into->shared) {
        hist_merge(&into->own, into->shared);
        into->shared = NULL;
    }
    hist_merge(&into->own, sink_row_hist(more));
    into->requests += more->requests;
    into->failures += more->failures;
    into->cut += more->cut;
    into->discarded += more->discarded;
    into->resent += more->resent;
    into->bytes += more->bytes;
    into->sum_us += more->sum_us;
    if (sink_row_hist(more)->count && (is_first || more->min_us < into->min_us))
        into->min_us = more->min_us;
    if (more->max_us > into->max_us)
        into->max_us = more->max_us;
}

/* A row that has no name of its own goes to that of its method. Takes it; returns its place. */
static size_t fold(struct sink_rows *f, struct sink_row *r)
{
    for (size_t i = f->row_count; i-- > 0;)
        if (!strcmp(f->rows[i].name, STATS_OTHER) && !strcmp(f->rows[i].method, r->method)) {
            merge(&f->rows[i], r);
            hist_fini(&r->own);
            return i;
        }
    r->name = STATS_OTHER;
    f->rows[f->row_count] = *r;
    return f->row_count++;
}

static struct tally_extra extra_of(const struct tally_extra *now, const struct tally_extra *old)
{
    struct tally_extra e = *now;
    uint64_t *to = (uint64_t *)(void *)&e;
    const uint64_t *from = (const uint64_t *)(const void *)old;
    for (size_t i = 0; old && i < STATS_EXTRAS; i++)
        to[i] = sat_sub(to[i], from[i]);
    return e;
}

void sink_rows_init(struct sink_rows *f, const struct snapshot *s, const struct snapshot *since,
                    size_t names)
{
    const struct tally *old = since ? since->stats.rows : NULL;
    size_t place = 0;
    *f = (struct sink_rows){.rows = mem_zalloc((s->stats.row_count + 1) * sizeof *f->rows),
                            .numbers = mem_zalloc((s->stats.row_count + 1) * sizeof *f->numbers),
                            .places = mem_zalloc((s->stats.row_count + 1) * sizeof *f->places)};
    for (const struct tally *t = s->stats.rows; t; t = t->next, place++) {
        while (old && old->number < t->number)
            old = old->next;
        const struct tally *was = old && old->number == t->number ? old : NULL;
        if (was ? is_same(t, was) : tally_is_empty(t))
            continue;
        struct sink_row r = difference(t, was);
        f->numbers[f->number_count] = t->number;
        if (place < names && !t->is_overflow) {
            f->places[f->number_count++] = (uint32_t)f->row_count;
            f->rows[f->row_count++] = r;
        } else {
            f->places[f->number_count++] = (uint32_t)fold(f, &r);
        }
    }
    f->parts = f->rows;
    f->part_count = f->row_count;
    f->total = difference(&s->stats.total, since ? &since->stats.total : NULL);
    f->extra = extra_of(&s->stats.total.extra, since ? &since->stats.total.extra : NULL);
}

/* ---- by labels --------------------------------------------------------------------------- */

struct parting {
    struct sink_rows *f;
    const struct snapshot *s, *since;
    unsigned labels;
    size_t most;
    struct sink_row *found; /* parts as they came, and */
    size_t *of;             /* ... of which row each is */
    size_t count;
};

static const char *const LABELS[] = {SINK_LABEL_NAMES};

static bool is_wanted(unsigned labels, const char *key)
{
    for (size_t i = 0; i < LABELS_OF_PART; i++)
        if (labels & 1u << i && !strcmp(LABELS[i], key))
            return true;
    return false;
}

/* SIZE_MAX: that row is not there. */
static size_t place_of(const struct sink_rows *f, uint64_t number)
{
    size_t low = 0, high = f->number_count;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (f->numbers[mid] < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < f->number_count && f->numbers[low] == number ? f->places[low] : SIZE_MAX;
}

/* text: its name, taken apart in place. */
static void find_part(struct parting *p, const struct tally *t, const struct tally *was, char *text)
{
    const size_t place = place_of(p->f, t->notice_us);
    const struct labelled_name named = labelled_read(text);
    struct tag labels[LABELS_OF_PART];
    size_t count = 0;
    for (size_t i = 0; i < named.count; i++)
        if (is_wanted(p->labels, named.label[i].key))
            labels[count++] = named.label[i];
    if (place == SIZE_MAX || !count)
        return;
    struct sink_row r = difference(t, was);
    memcpy(r.labels, labels, count * sizeof *labels);
    r.label_count = count;
    r.name = p->f->rows[place].name;
    p->of[p->count] = place;
    p->found[p->count++] = r;
}

static void find_parts(struct parting *p)
{
    const struct stats *now = &p->s->parts;
    const struct tally *old = p->since ? p->since->parts.rows : NULL;
    size_t bytes = 0, place = 0;
    for (const struct tally *t = now->rows; t; t = t->next)
        bytes += (size_t)t->name_len + 1;
    char *text = p->f->texts = mem_zalloc(bytes + 1);
    for (const struct tally *t = now->rows; t && place < p->most; t = t->next, place++) {
        while (old && old->number < t->number)
            old = old->next;
        const struct tally *was = old && old->number == t->number ? old : NULL;
        if (t->is_overflow || (was ? is_same(t, was) : tally_is_empty(t)))
            continue;
        memcpy(text, t->name, (size_t)t->name_len + 1);
        find_part(p, t, was, text);
        text += (size_t)t->name_len + 1;
    }
}

static bool has_same_labels(const struct sink_row *a, const struct sink_row *b)
{
    bool is = a->label_count == b->label_count;
    for (size_t i = 0; is && i < a->label_count; i++)
        is = !strcmp(a->labels[i].key, b->labels[i].key) &&
             !strcmp(a->labels[i].value, b->labels[i].value);
    return is;
}

/* Of a row whose parts begin there. Takes it. */
static void put_part(struct sink_rows *f, size_t first, struct sink_row *r)
{
    for (size_t i = first; i < f->part_count; i++)
        if (has_same_labels(&f->parts[i], r)) {
            merge(&f->parts[i], r);
            hist_fini(&r->own);
            return;
        }
    f->parts[f->part_count++] = *r;
}

/* What the row has that its parts, from first on, have not. */
static void put_rest(struct sink_rows *f, size_t first, const struct sink_row *row)
{
    struct sink_row rest = *row;
    rest.shared = NULL;
    rest.own = (struct hist){0};
    for (size_t i = first; i < f->part_count; i++) {
        rest.requests = sat_sub(rest.requests, f->parts[i].requests);
        rest.failures = sat_sub(rest.failures, f->parts[i].failures);
        rest.sum_us = sat_sub(rest.sum_us, f->parts[i].sum_us);
    }
    if (!rest.requests && first < f->part_count)
        return;
    hist_merge(&rest.own, sink_row_hist(row));
    for (size_t i = first; i < f->part_count; i++)
        hist_subtract(&rest.own, sink_row_hist(&f->parts[i]));
    if (rest.own.count && first < f->part_count) {
        const uint64_t low = hist_quantile_us(&rest.own, 0), high = hist_quantile_us(&rest.own, 1);
        rest.min_us = low > row->min_us ? low : row->min_us;
        rest.max_us = high < row->max_us ? high : row->max_us;
    }
    f->parts[f->part_count++] = rest;
}

static void part_rows(struct parting *p)
{
    struct sink_rows *f = p->f;
    size_t *begin = mem_zalloc((f->row_count + 2) * sizeof *begin); /* in order, of each row */
    size_t *order = mem_zalloc((p->count + 1) * sizeof *order);
    for (size_t i = 0; i < p->count; i++)
        begin[p->of[i] + 1]++;
    for (size_t i = 0; i < f->row_count; i++)
        begin[i + 1] += begin[i];
    for (size_t i = 0; i < p->count; i++)
        order[begin[p->of[i]]++] = i; /* now the begin of the next one */
    f->parts = mem_zalloc((f->row_count + p->count + 1) * sizeof *f->parts);
    f->part_count = 0;
    for (size_t i = 0, k = 0; i < f->row_count; i++) {
        const size_t first = f->part_count;
        for (; k < begin[i]; k++)
            put_part(f, first, &p->found[order[k]]);
        put_rest(f, first, &f->rows[i]);
    }
    free(order);
    free(begin);
}

void sink_rows_init_by(struct sink_rows *f, const struct snapshot *s, const struct snapshot *since,
                       size_t names, unsigned labels)
{
    sink_rows_init(f, s, since, names);
    if (!labels || !s->parts.row_count)
        return;
    struct parting p = {.f = f,
                        .s = s,
                        .since = since,
                        .labels = labels,
                        .most = PARTS_PER_NAME * names,
                        .found = mem_zalloc((s->parts.row_count + 1) * sizeof *p.found),
                        .of = mem_zalloc((s->parts.row_count + 1) * sizeof *p.of)};
    find_parts(&p);
    part_rows(&p);
    free(p.found);
    free(p.of);
}

const struct sink_row *sink_rows_find(const struct sink_rows *f, const struct sink_row *like,
                                      size_t *at)
{
    for (size_t k = 0; k < f->part_count; k++) {
        const size_t i = (*at + k) % f->part_count;
        const struct sink_row *r = &f->parts[i];
        if (!strcmp(r->name, like->name) && !strcmp(r->method, like->method) &&
            has_same_labels(r, like)) {
            *at = i + 1;
            return r;
        }
    }
    return NULL;
}

/* ---- the end ----------------------------------------------------------------------------- */

void sink_rows_fini(struct sink_rows *f)
{
    for (size_t i = 0; f->parts != f->rows && i < f->part_count; i++)
        hist_fini(&f->parts[i].own);
    if (f->parts != f->rows)
        free(f->parts);
    free(f->numbers);
    free(f->places);
    free(f->texts);
    for (size_t i = 0; i < f->row_count; i++)
        hist_fini(&f->rows[i].own);
    hist_fini(&f->total.own);
    free(f->rows);
    *f = (struct sink_rows){0};
}

double sink_row_quantile_ms(const struct sink_row *r, double share)
{
    if (sink_row_hist(r)->count == 0)
        return NAN;
    uint64_t us = hist_quantile_us(sink_row_hist(r), share);
    us = us < r->min_us ? r->min_us : us > r->max_us ? r->max_us : us;
    return (double)us / 1000;
}

double sink_row_mean_ms(const struct sink_row *r)
{
    return sink_row_hist(r)->count ? (double)r->sum_us / (double)sink_row_hist(r)->count / 1000
                                   : NAN;
}
