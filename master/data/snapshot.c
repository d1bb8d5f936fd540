// SPDX-License-Identifier: MIT
/* snapshot: see the header. A row is frozen when it is new or changed: a copy of its texts and
 * histograms, with a reference for each snapshot it is in and one for the maker. A request changes
 * one or two octaves of them: the others are those of the copy before. What else a row has lies in
 * the snapshot itself. Texts of failures and exceptions are the view's. */
#include "master/data/snapshot.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include <stdlib.h>
#include <string.h>

struct frozen_octave {
    int refs;
    uint64_t steps[HIST_SUB_COUNT];
};

struct frozen_row { /* the octaves of its histograms are frozen ones */
    int refs;
    struct hist hist, part[TALLY_PARTS];
    char *method, *name;
};

struct row_mark { /* what a frozen row was made of; any difference thaws it */
    uint32_t number;
    uint64_t count, part[TALLY_PARTS], sum_us, min_us, max_us;
};

struct kept_row {
    struct row_mark mark;
    struct frozen_row *frozen;
};

#define SNAPSHOT_MAKER_TAG 0x736e6170u /* "snap" */

struct snapshot_maker {
    uint32_t tag;          /* handle.h */
    struct kept_row *rows; /* [0] is the total, the others are in the order of coming */
    size_t count, cap;
    double started_at; /* of the statistics they are of */
};

static struct frozen_octave *octave_of(uint64_t *steps)
{
    return (struct frozen_octave *)((char *)steps - offsetof(struct frozen_octave, steps));
}

/* old: of the same place in the copy before; or NULL. Returns what it costs. */
static size_t freeze_octave(uint64_t **to, const uint64_t *from, uint64_t *old)
{
    struct frozen_octave *o = old ? octave_of(old) : NULL;
    size_t bytes = 0;
    if (o && memcmp(o->steps, from, sizeof o->steps) == 0) {
        __atomic_add_fetch(&o->refs, 1, __ATOMIC_RELAXED);
    } else {
        o = mem_zalloc(bytes = sizeof *o);
        o->refs = 1;
        memcpy(o->steps, from, sizeof o->steps);
    }
    *to = o->steps;
    return bytes;
}

static size_t freeze_hist(struct hist *to, const struct hist *from, const struct hist *old)
{
    size_t bytes = 0;
    to->count = from->count;
    for (size_t i = 0; from->count && i < HIST_OCTAVES; i++)
        if (from->octave[i])
            bytes += freeze_octave(&to->octave[i], from->octave[i], old ? old->octave[i] : NULL);
    return bytes;
}

static void frozen_hist_fini(struct hist *h)
{
    for (size_t i = 0; i < HIST_OCTAVES; i++) {
        struct frozen_octave *o = h->octave[i] ? octave_of(h->octave[i]) : NULL;
        if (o && __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) == 0)
            free(o);
    }
}

static struct frozen_row *freeze(const struct tally *t, const struct frozen_row *old, size_t *bytes)
{
    struct frozen_row *r = mem_zalloc(sizeof *r);
    r->refs = 1;
    *bytes += sizeof *r + freeze_hist(&r->hist, &t->hist, old ? &old->hist : NULL) + t->name_len;
    for (size_t i = 0; i < TALLY_PARTS; i++)
        if (t->part[i])
            *bytes += freeze_hist(&r->part[i], t->part[i], old ? &old->part[i] : NULL);
    r->method = mem_strdup(t->method);
    r->name = mem_strdup(t->name);
    return r;
}

static struct frozen_row *frozen_ref(struct frozen_row *r)
{
    __atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
    return r;
}

static void frozen_unref(struct frozen_row *r)
{
    if (!r || __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    frozen_hist_fini(&r->hist);
    for (size_t i = 0; i < TALLY_PARTS; i++)
        frozen_hist_fini(&r->part[i]);
    free(r->method);
    free(r->name);
    free(r);
}

struct snapshot_maker *snapshot_maker_new(void)
{
    struct snapshot_maker *s = mem_zalloc(sizeof *s);
    HANDLE_MADE(s, SNAPSHOT_MAKER_TAG);
    return s;
}

void snapshot_forget(struct snapshot_maker *m)
{
    HANDLE_IS(m, SNAPSHOT_MAKER_TAG);
    for (size_t i = 0; i < m->count; i++)
        frozen_unref(m->rows[i].frozen);
    m->count = 0;
}

static size_t octave_bytes(const struct hist *h)
{
    size_t bytes = 0;
    for (size_t i = 0; i < HIST_OCTAVES; i++)
        bytes += h->octave[i] ? sizeof(struct frozen_octave) : 0;
    return bytes;
}

size_t snapshot_shared(const struct snapshot_maker *m)
{
    HANDLE_IS(m, SNAPSHOT_MAKER_TAG);
    size_t bytes = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct frozen_row *r = m->rows[i].frozen;
        bytes += octave_bytes(&r->hist);
        for (size_t k = 0; k < TALLY_PARTS; k++)
            bytes += octave_bytes(&r->part[k]);
    }
    return bytes;
}

void snapshot_maker_free(struct snapshot_maker *m)
{
    if (!m)
        return;
    HANDLE_IS(m, SNAPSHOT_MAKER_TAG);
    snapshot_forget(m);
    free(m->rows);
    HANDLE_ENDS(m);
    free(m);
}

static struct row_mark mark_of(const struct tally *t)
{
    struct row_mark mark;
    memset(&mark, 0, sizeof mark); /* marks are compared as bytes */
    mark.number = t->number;
    mark.count = t->hist.count;
    for (size_t i = 0; i < TALLY_PARTS; i++)
        mark.part[i] = t->part[i] ? t->part[i]->count : 0;
    mark.sum_us = t->sum_us;
    mark.min_us = t->min_us;
    mark.max_us = t->max_us;
    return mark;
}

/* The frozen row of place i, made anew if t is not what it was. Borrowed. */
static struct frozen_row *frozen_of(struct snapshot_maker *m, size_t i, const struct tally *t,
                                    size_t *bytes)
{
    if (i == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 16;
        m->rows = mem_realloc(m->rows, m->cap * sizeof *m->rows);
    }
    struct kept_row *kept = &m->rows[i];
    if (i == m->count) {
        m->count++;
        *kept = (struct kept_row){.frozen = NULL};
    }
    const struct row_mark mark = mark_of(t);
    if (!kept->frozen || memcmp(&kept->mark, &mark, sizeof mark) != 0) {
        struct frozen_row *old = kept->frozen;
        kept->frozen = freeze(t, old, bytes);
        frozen_unref(old);
        kept->mark = mark;
    }
    return kept->frozen;
}

struct putting {
    struct snapshot_maker *m;
    struct frozen_row **rows; /* references, of the snapshot */
    size_t count, bytes;
};

static void put_row(struct putting *p, struct tally *to, const struct tally *from)
{
    struct frozen_row *frozen = frozen_of(p->m, p->count, from, &p->bytes);
    p->rows[p->count++] = frozen_ref(frozen);
    *to = *from;
    to->method = frozen->method;
    to->name = frozen->name;
    to->hist = frozen->hist;
    for (size_t i = 0; i < TALLY_PARTS; i++)
        to->part[i] = from->part[i] ? &frozen->part[i] : NULL;
    to->next = NULL;
}

static struct putting put_rows(struct snapshot_maker *m, struct stats *to, const struct stats *from)
{
    struct tally *rows = mem_zalloc((from->row_count + 1) * sizeof *rows);
    size_t count = 0;
    struct putting p = {.m = m, .rows = mem_zalloc((from->row_count + 1) * sizeof *p.rows)};
    *to = *from;
    to->index = NULL;
    if (m->started_at != from->started_at)
        snapshot_forget(m);
    m->started_at = from->started_at;
    p.bytes = (from->row_count + 1) * (sizeof *rows + sizeof *p.rows);
    put_row(&p, &to->total, &from->total);
    for (const struct tally *t = from->rows; t && count < from->row_count; t = t->next) {
        put_row(&p, &rows[count], t);
        if (count)
            rows[count - 1].next = &rows[count];
        count++;
    }
    if (count == 0) {
        free(rows);
        rows = NULL;
    }
    to->rows = rows;
    to->row_count = count;
    return p;
}

/* The lists of stats are its owner's to change; nobody changes these. */
static char *borrowed(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void put_failures(struct snapshot *s)
{
    const struct view *v = s->view;
    struct failure *list = v->failure_count ? mem_zalloc(v->failure_count * sizeof *list) : NULL;
    for (size_t i = 0; i < v->failure_count; i++) {
        const struct view_failure *f = &v->failures[i];
        list[i] = (struct failure){.method = borrowed(f->method),
                                   .name = borrowed(f->name),
                                   .text = borrowed(f->text),
                                   .number = f->id,
                                   .count = f->count,
                                   .first_at = f->first_at,
                                   .last_at = f->last_at,
                                   .next = i + 1 < v->failure_count ? &list[i + 1] : NULL};
    }
    s->stats.failures = list;
    s->stats.failure_count = v->failure_count;
}

static void put_exceptions(struct snapshot *s)
{
    const struct view *v = s->view;
    size_t count = v->exception_count;
    struct exception *list = count ? mem_zalloc(count * sizeof *list) : NULL;
    for (size_t i = 0; i < count; i++) {
        const struct view_exception *e = &v->exceptions[i];
        list[i] = (struct exception){.message = borrowed(e->message),
                                     .traceback = borrowed(e->traceback),
                                     .nodes = borrowed(e->nodes),
                                     .type = borrowed(e->type),
                                     .count = e->count,
                                     .first_at = e->first_at,
                                     .last_at = e->last_at,
                                     .next = i + 1 < count ? &list[i + 1] : NULL};
    }
    s->stats.exceptions = list;
    s->stats.exception_count = count;
}

static void keep_wishes(struct snapshot *s)
{
    struct wishes *w = &s->wishes;
    s->json_file = w->json_file ? mem_strdup(w->json_file) : NULL;
    s->html_file = w->html_file ? mem_strdup(w->html_file) : NULL;
    w->json_file = s->json_file;
    w->html_file = s->html_file;
}

struct snapshot *snapshot_build(struct snapshot_maker *m, const struct snapshot *head,
                                const struct stats *from)
{
    HANDLE_IS(m, SNAPSHOT_MAKER_TAG);
    struct snapshot *s = mem_dup(head, sizeof *head);
    s->refs = 1;
    keep_wishes(s);
    const struct putting p = put_rows(m, &s->stats, from);
    s->rows = p.rows;
    s->row_count = p.count;
    s->bytes = sizeof *s + p.bytes;
    put_failures(s);
    put_exceptions(s);
    return s;
}

void snapshot_add_parts(struct snapshot *s, struct snapshot_maker *m, const struct stats *parts)
{
    HANDLE_IS(m, SNAPSHOT_MAKER_TAG);
    if (!parts->row_count)
        return;
    const struct putting p = put_rows(m, &s->parts, parts);
    s->part_rows = p.rows;
    s->part_count = p.count;
    s->bytes += p.bytes;
}

void snapshot_ref(struct snapshot *s)
{
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
}

void snapshot_unref(struct snapshot *s)
{
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < s->row_count; i++)
        frozen_unref(s->rows[i]);
    for (size_t i = 0; i < s->part_count; i++)
        frozen_unref(s->part_rows[i]);
    free(s->rows);
    free(s->part_rows);
    free(s->parts.rows);
    free(s->stats.rows);
    free(s->stats.failures);
    free(s->stats.exceptions);
    free(s->json_file);
    free(s->html_file);
    free(s->end.remarks);
    free(s->end.metrics);
    free(s->end.plans);
    free(s->end.script);
    free(s->end.samples);
    free(s->end.logs);
    free(s->end.chosen);
    free(s->end.compared);
    free(s->end.baseline);
    free(s->end.kept_samples);
    free(s->end.kept_logs);
    series_list_unref(s->end.series);
    view_unref(s->view);
    free(s);
}
