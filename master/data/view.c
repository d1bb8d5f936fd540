// SPDX-License-Identifier: MIT
/* view: see view.h and view_build.h. Everything a view points to lies in its arena, a list of
 * blocks that go with the last reference. */
#include "master/data/view.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include "master/data/events.h"
#include "master/data/series_list.h"
#include "master/data/timeline_levels.h"
#include "master/data/view_build.h"
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 65536

struct view_arena {
    struct view_arena *next;
    size_t used, size;
    max_align_t bytes[];
};

static void *arena_get(struct view *v, size_t size)
{
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct view_arena *a = v->arena;
    if (!a || a->size - a->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        a = mem_realloc(NULL, sizeof *a + room);
        *a = (struct view_arena){.next = v->arena, .size = room};
        v->arena = a;
    }
    void *p = (char *)a->bytes + a->used;
    a->used += size;
    return p;
}

static void *arena_copy(struct view *v, const void *bytes, size_t size)
{
    void *p = arena_get(v, size);
    if (size > 0)
        memcpy(p, bytes, size);
    return p;
}

static const char *arena_text(struct view *v, const char *text)
{
    return arena_copy(v, text ? text : "", text ? strlen(text) + 1 : 1);
}

void view_ref(struct view *v)
{
    __atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED);
}

void view_unref(struct view *v)
{
    if (__atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    timeline_snap_unref(v->timeline);
    events_list_unref(v->events);
    series_list_unref(v->series);
    while (v->arena) {
        struct view_arena *next = v->arena->next;
        free(v->arena);
        v->arena = next;
    }
    free(v);
}

struct row_memory {
    const struct tally *tally;
    struct view_row row; /* method and name unset */
};

#define VIEW_BUILDER_TAG 0x76696577u /* "view" */

struct view_builder {
    uint32_t tag; /* handle.h */
    uint64_t tick;
    struct row_memory total;
    struct row_memory *rows; /* in insertion order, as in the statistics */
    size_t *order;           /* indexes into rows, as tables show them */
    size_t count, cap;
    struct tunables_shares statistics;
};

struct view_builder *view_builder_new(void)
{
    struct view_builder *v = mem_zalloc(sizeof *v);
    HANDLE_MADE(v, VIEW_BUILDER_TAG);
    v->statistics = tunables_usual.statistics;
    return v;
}

void view_builder_free(struct view_builder *v)
{
    if (!v)
        return;
    HANDLE_IS(v, VIEW_BUILDER_TAG);
    free(v->rows);
    free(v->order);
    HANDLE_ENDS(v);
    free(v);
}

void view_builder_forget(struct view_builder *v)
{
    HANDLE_IS(v, VIEW_BUILDER_TAG);
    v->count = 0;
    v->total.tally = NULL;
}

void view_builder_ask(struct view_builder *v, const struct tunables_shares *statistics)
{
    HANDLE_IS(v, VIEW_BUILDER_TAG);
    if (!memcmp(&v->statistics, statistics, sizeof *statistics))
        return;
    v->statistics = *statistics;
    view_builder_forget(v); /* so that every row is made anew */
}

/* Which percentiles of which histogram are shown, and where. */
enum { OF_hist, OF_PARTS, TRENDS = OF_PARTS + TALLY_PARTS };
#define KEPT_PART(field, name, place, meaning) enum { OF_##field = OF_PARTS + PART_##field };
#include "common/metric/columns.def"
static const struct quantile {
    unsigned of;
    double share;
    size_t at;
} QUANTILES[] = {
#define SHOWN_QUANTILE(field, name, of, share, unit, label, width, meaning)                        \
    {OF_##of, share, offsetof(struct view_row, field)},
#include "common/metric/columns.def"
};
#define QUANTILE_COUNT (sizeof QUANTILES / sizeof *QUANTILES)

/* Those of one histogram, by rising share. */
static size_t list_quantiles(unsigned of, const struct quantile *list[QUANTILE_COUNT])
{
    size_t count = 0;
    for (size_t i = 0; i < QUANTILE_COUNT; i++) {
        if (QUANTILES[i].of != of)
            continue;
        size_t at = count++;
        for (; at > 0 && list[at - 1]->share > QUANTILES[i].share; at--)
            list[at] = list[at - 1];
        list[at] = &QUANTILES[i];
    }
    return count;
}

/* Never outside of what is known exactly: of the parts, that none took longer than the longest; but
 * for those that begin before the request. */
static void set_quantiles(struct view_row *r, const struct tally *t, unsigned of)
{
    const struct hist *h = of < OF_PARTS ? &t->hist : t->part[of - OF_PARTS];
    const bool has_bounds = t->min_us <= t->max_us; /* foreign workers may send none */
    const bool has_any = h && h->count > 0;
    const struct quantile *list[QUANTILE_COUNT];
    double shares[QUANTILE_COUNT] = {0};
    uint64_t us[QUANTILE_COUNT] = {0};
    const size_t count = list_quantiles(of, list);
    for (size_t i = 0; i < count; i++)
        shares[i] = list[i]->share;
    if (has_any)
        hist_quantiles_us(h, shares, count, us);
    for (size_t i = 0; i < count; i++) {
        if (has_bounds && of != OF_corrected && us[i] > t->max_us)
            us[i] = t->max_us;
        if (has_bounds && has_any && of == OF_hist && us[i] < t->min_us)
            us[i] = t->min_us;
        double *to = (double *)(void *)((char *)r + list[i]->at);
        *to = has_any || of == OF_hist ? (double)us[i] / 1e3 : NAN;
    }
}

void view_set_statistics(struct view_row *r, const struct tally *t)
{
#define SHOWN_COUNT(field, name, from, unit, label, width, meaning) r->field = t->from;
#include "common/metric/columns.def"
    r->mean_ms = tally_mean_ms(t);
    r->min_ms = t->min_us == UINT64_MAX ? 0 : (double)t->min_us / 1e3;
    r->max_ms = (double)t->max_us / 1e3;
    for (unsigned of = 0; of < TRENDS; of++)
        set_quantiles(r, t, of);
    r->median_ms = r->p50;
    r->mean_bytes = t->requests > 0 ? (double)t->bytes / (double)t->requests : 0;
}

/* Most of what is asked for is there already. */
static double quantile_of(const struct view_row *r, const struct tally *t, double share)
{
    const struct {
        double share, ms;
    } known[] = {{0.5, r->p50}, {0.75, r->p75}, {0.9, r->p90}, {0.95, r->p95}, {0.99, r->p99}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (fabs(share - known[i].share) < 1e-9)
            return known[i].ms;
    return tally_quantile_ms(t, share);
}

static void set_asked(struct view_builder *v, struct view_row *r, const struct tally *t)
{
    for (size_t i = 0; i < v->statistics.count; i++)
        r->asked[i] = quantile_of(r, t, v->statistics.of[i]);
}

static bool is_near(double a, double b, double share)
{
    return fabs(a - b) <= share * fmax(fabs(a), fabs(b));
}

static void update_row(struct view_builder *v, struct row_memory *m, const struct tally *t,
                       const struct stats *s)
{
    struct view_row *r = &m->row;
    bool is_new = m->tally != t;
#define SHOWN_COUNT(field, name, from, unit, label, width, meaning) || r->field != t->from
    bool is_counted = false
#include "common/metric/columns.def"
        ;
    double rps = tally_current_rps(t, s), fail_rps = tally_current_fail_rps(t, s);
    double total_rps = tally_total_rps(t, s), total_fail_rps = tally_total_fail_rps(t, s);
    if (is_new || is_counted) {
        view_set_statistics(r, t);
        set_asked(v, r, t);
    }
    if (!is_new && !is_counted && is_near(rps, r->rps, 1e-9) &&
        is_near(fail_rps, r->fail_rps, 1e-9) && is_near(total_rps, r->total_rps, 0.005) &&
        is_near(total_fail_rps, r->total_fail_rps, 0.005))
        return;
    m->tally = t;
    r->rps = rps;
    r->fail_rps = fail_rps;
    r->total_rps = total_rps;
    r->total_fail_rps = total_fail_rps;
    r->changed_tick = v->tick;
}

static int by_name_method(const void *a, const void *b, void *arg)
{
    const struct view_builder *v = arg;
    const struct tally *left = v->rows[*(const size_t *)a].tally;
    const struct tally *right = v->rows[*(const size_t *)b].tally;
    int order = strcmp(left->name, right->name);
    return order ? order : strcmp(left->method, right->method);
}

static void grow(struct view_builder *v, size_t count)
{
    if (count <= v->cap)
        return;
    v->cap = count + count / 2;
    v->rows = mem_realloc(v->rows, v->cap * sizeof *v->rows);
    v->order = mem_realloc(v->order, v->cap * sizeof *v->order);
}

static void update_rows(struct view_builder *v, const struct stats *s)
{
    size_t known = v->count;
    grow(v, s->row_count);
    size_t i = 0;
    for (const struct tally *t = s->rows; t && i < s->row_count; t = t->next, i++) {
        if (i >= known) {
            v->rows[i] = (struct row_memory){.row.id = t->number};
            v->order[i] = i;
        }
        update_row(v, &v->rows[i], t, s);
    }
    v->count = i;
    if (v->count != known)
        qsort_r(v->order, v->count, sizeof *v->order, by_name_method, v);
}

static void copy_rows(struct view_builder *m, struct view *v, const struct stats *s)
{
    update_row(m, &m->total, &s->total, s);
    v->total = m->total.row;
    v->total.method = "";
    v->total.name = "Aggregated";
    update_rows(m, s);
    v->row_count = 0;
    v->rows = arena_get(v, (m->count + 1) * sizeof *v->rows);
    for (size_t i = 0; i < m->count; i++) {
        const struct row_memory *from = &m->rows[m->order[i]];
        if (tally_is_hidden(from->tally))
            continue;
        struct view_row *row = &v->rows[v->row_count++];
        *row = from->row;
        row->method = arena_text(v, from->tally->method);
        row->name = arena_text(v, from->tally->name);
    }
}

static struct view_failure copy_failure(struct view *v, const struct failure *f)
{
    return (struct view_failure){
        .id = f->number,
        .method = arena_text(v, f->method),
        .name = arena_text(v, f->name),
        .text = arena_text(v, f->text),
        .count = f->count,
        .first_at = f->first_at,
        .last_at = f->last_at,
    };
}

/* The entries that a line was made of, but the one that holds the rest. */
static void copy_texts(struct view *v, struct view_failure *line, const struct failure *at,
                       const struct failure *end)
{
    struct view_failure *texts = arena_get(v, (STATS_KIND_TEXTS + 1) * sizeof *texts);
    for (; at != end && line->text_count < STATS_KIND_TEXTS; at = at->next)
        if (!at->is_rest)
            texts[line->text_count++] = copy_failure(v, at);
    line->texts = texts;
}

static void copy_failures(struct view *v, const struct stats *s)
{
    struct failure line;
    v->failures = arena_get(v, (s->failure_count + 1) * sizeof *v->failures);
    v->failure_count = v->kind_count = 0;
    for (const struct failure *at = s->failures, *next; at; at = next) {
        next = stats_failure_line(at, &line);
        struct view_failure *to = &v->failures[v->failure_count++];
        v->kind_count += v->failure_count == 1 || to[-1].id != at->number;
        *to = copy_failure(v, &line);
        if (line.is_rest)
            copy_texts(v, to, at, next);
    }
}

static void copy_exceptions(struct view *v, const struct stats *s)
{
    v->exceptions = arena_get(v, (s->exception_count + 1) * sizeof *v->exceptions);
    v->exception_count = 0;
    for (const struct exception *e = s->exceptions; e && v->exception_count < s->exception_count;
         e = e->next)
        v->exceptions[v->exception_count++] = (struct view_exception){
            .message = arena_text(v, e->message),
            .traceback = arena_text(v, e->traceback),
            .nodes = arena_text(v, e->nodes),
            .type = arena_text(v, e->type),
            .count = e->count,
            .first_at = e->first_at,
            .last_at = e->last_at,
        };
}

static void copy_head(struct view *v, const struct view *head)
{
    v->boot_id = arena_text(v, head->boot_id);
    v->run_id = arena_text(v, head->run_id);
    v->state = arena_text(v, head->state);
    v->version = arena_text(v, head->version);
    v->locustfile = arena_text(v, head->locustfile);
    v->host = arena_text(v, head->host);
    v->profile = arena_text(v, head->profile);
    v->verdict = arena_text(v, head->verdict ? head->verdict : "{}");
    v->notice = arena_text(v, head->notice);
    v->ended_by = arena_text(v, head->ended_by ? head->ended_by : "");
    v->history_file = arena_text(v, head->history_file);
    v->web.socket = arena_text(v, head->web.socket ? head->web.socket : "");
    v->web.extensions = arena_text(v, head->web.extensions ? head->web.extensions : "");
    v->points = arena_copy(v, head->points, head->point_count * sizeof *head->points);
    v->workers = arena_copy(v, head->workers, head->worker_count * sizeof *head->workers);
    for (size_t i = 0; i < v->worker_count; i++) {
        v->workers[i].id = arena_text(v, head->workers[i].id);
        v->workers[i].state = arena_text(v, head->workers[i].state);
    }
    v->losses = arena_copy(v, head->losses, head->loss_count * sizeof *head->losses);
    for (size_t i = 0; i < v->loss_count; i++)
        v->losses[i].worker = arena_text(v, head->losses[i].worker);
    v->outputs = arena_copy(v, head->outputs, head->output_count * sizeof *head->outputs);
    for (size_t i = 0; i < v->output_count; i++) {
        v->outputs[i].name = arena_text(v, head->outputs[i].name);
        v->outputs[i].trouble = arena_text(v, head->outputs[i].trouble);
    }
    v->classes = arena_copy(v, head->classes, head->class_count * sizeof *head->classes);
    for (size_t i = 0; i < v->class_count; i++)
        v->classes[i].name = arena_text(v, head->classes[i].name);
}

struct view *view_builder_build(struct view_builder *m, const struct view *head,
                                const struct stats *s)
{
    HANDLE_IS(m, VIEW_BUILDER_TAG);
    struct view *v = mem_dup(head, sizeof *head);
    v->arena = NULL;
    v->refs = 1;
    v->tick = ++m->tick;
    v->statistics = m->statistics;
    copy_head(v, head);
    copy_rows(m, v, s);
    copy_failures(v, s);
    copy_exceptions(v, s);
    return v;
}
