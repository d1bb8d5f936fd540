// SPDX-License-Identifier: MIT
/* A level is a list of chunks; the last chunk grows, to so many blocks or a small part of all the
 * memory there is: what is given up is given up by chunks. A chunk that a snapshot holds too is
 * copied before it grows: only the main thread makes snapshots, so a chunk with one reference is
 * its own.
 *
 * Adding up is a job per level that goes on row by row and keeps references of what it reads. */
#include "master/data/timeline_levels.h"

#include "common/base/handle.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BLOCKS 60
#define CHUNK_SHARE 64    /* of the limit: what is more begins a new chunk */
#define BLOCK_OVERHEAD 16 /* of malloc */

static const struct {
    uint32_t span;
    int64_t keep_s; /* 0: for ever */
} LEVELS[TIMELINE_LEVELS] = {{1, 3600}, {10, 6 * 3600}, {60, 0}, {600, 0}, {3600, 0}};

struct timeline_chunk {
    int refs;
    uint32_t count;
    struct timeline_block *blocks[CHUNK_BLOCKS];
};

struct job { /* adds up [start, start + span) for one level */
    bool is_on;
    struct timeline_plan plan;
    struct timeline_chunk **held; /* of the level below, so that the plan's blocks stay */
    size_t held_count;
    struct timeline_merge merge;
    struct timeline_builder builder;
};

struct level {
    struct timeline_chunk **chunks;
    size_t count, cap, bytes;
    size_t last_bytes;  /* of the last chunk */
    int64_t done_until; /* all that ends by then is in this level (as far as there was something) */
    int64_t covers_from;
    struct job job;
};

#define TIMELINE_LEVELS_TAG 0x74696d65u /* "time" */

struct timeline_levels {
    uint32_t tag;
    size_t limit;
    struct level levels[TIMELINE_LEVELS];
};

/* ---- chunks ---- */

static int64_t start_of(const struct timeline_block *b)
{
    return timeline_block_span(b)->start;
}

static int64_t end_of(const struct timeline_block *b)
{
    return start_of(b) + timeline_block_span(b)->span;
}

static int64_t chunk_end(const struct timeline_chunk *c)
{
    return end_of(c->blocks[c->count - 1]);
}

static struct timeline_chunk *chunk_ref(struct timeline_chunk *c)
{
    __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

static void chunk_unref(struct timeline_chunk *c)
{
    if (__atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (uint32_t i = 0; i < c->count; i++)
        timeline_block_unref(c->blocks[i]);
    free(c);
}

static void chunks_unref(struct timeline_chunk **chunks, size_t count)
{
    for (size_t i = 0; i < count; i++)
        chunk_unref(chunks[i]);
}

static struct timeline_chunk *chunk_copy(const struct timeline_chunk *c)
{
    struct timeline_chunk *copy = mem_dup(c, sizeof *c);
    copy->refs = 1;
    for (uint32_t i = 0; i < copy->count; i++)
        timeline_block_ref(copy->blocks[i]);
    return copy;
}

static struct timeline_chunk **growing_chunk(struct level *l, size_t limit)
{
    struct timeline_chunk **last = l->count > 0 ? &l->chunks[l->count - 1] : NULL;
    if (last && (*last)->count < CHUNK_BLOCKS && l->last_bytes < limit / CHUNK_SHARE) {
        if (__atomic_load_n(&(*last)->refs, __ATOMIC_ACQUIRE) > 1) {
            struct timeline_chunk *own = chunk_copy(*last);
            chunk_unref(*last);
            *last = own;
        }
        return last;
    }
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        l->chunks = mem_realloc(l->chunks, l->cap * sizeof *l->chunks);
    }
    l->chunks[l->count] = mem_zalloc(sizeof **l->chunks);
    l->chunks[l->count]->refs = 1;
    l->last_bytes = 0;
    return &l->chunks[l->count++];
}

static void append(struct level *l, struct timeline_block *b, size_t limit)
{
    struct timeline_chunk *c = *growing_chunk(l, limit);
    size_t bytes = timeline_block_bytes(b) + BLOCK_OVERHEAD;
    c->blocks[c->count++] = b;
    l->bytes += bytes;
    l->last_bytes += bytes;
}

static size_t chunk_bytes(const struct timeline_chunk *c)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < c->count; i++)
        bytes += timeline_block_bytes(c->blocks[i]) + BLOCK_OVERHEAD;
    return bytes;
}

static void drop_oldest(struct level *l)
{
    l->bytes -= chunk_bytes(l->chunks[0]);
    chunk_unref(l->chunks[0]);
    memmove(l->chunks, l->chunks + 1, --l->count * sizeof *l->chunks);
    l->covers_from = start_of(l->chunks[0]->blocks[0]);
}

/* ---- snapshots ---- */

static struct timeline_view view_of(const struct level *l, uint32_t span)
{
    struct timeline_view v = {.span = span, .covers_from = l->covers_from, .count = l->count};
    v.chunks = mem_dup(l->chunks, l->count * sizeof *v.chunks);
    for (size_t i = 0; i < l->count; i++)
        chunk_ref(v.chunks[i]);
    return v;
}

struct timeline_snap *timeline_levels_snapshot(const struct timeline_levels *l)
{
    HANDLE_IS(l, TIMELINE_LEVELS_TAG);
    struct timeline_snap *s = mem_zalloc(sizeof *s);
    s->refs = 1;
    s->limit = l->limit;
    s->bytes = timeline_levels_bytes(l);
    for (size_t i = 0; i < TIMELINE_LEVELS; i++) {
        s->levels[i] = view_of(&l->levels[i], LEVELS[i].span);
        const struct timeline_view *v = &s->levels[i];
        int64_t first = v->count > 0 ? start_of(v->chunks[0]->blocks[0]) : 0;
        /* Long blocks begin before the run did; where the short ones are all there, they tell. */
        if (v->count > 0 && (s->first == 0 || s->levels[i - 1].covers_from != INT64_MIN))
            s->first = first;
    }
    const struct level *seconds = &l->levels[0];
    if (seconds->count > 0)
        s->until = chunk_end(seconds->chunks[seconds->count - 1]);
    return s;
}

void timeline_snap_unref(struct timeline_snap *s)
{
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < TIMELINE_LEVELS; i++) {
        chunks_unref(s->levels[i].chunks, s->levels[i].count);
        free(s->levels[i].chunks);
    }
    free(s);
}

/* ---- finding ---- */

/* The first block of the level that ends after `at`; NULL when there is none. */
static struct timeline_block *find_after(const struct timeline_view *v, int64_t at)
{
    size_t low = 0, high = v->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (chunk_end(v->chunks[mid]) <= at)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == v->count)
        return NULL;
    struct timeline_chunk *c = v->chunks[low];
    uint32_t from = 0, to = c->count - 1;
    while (from < to) {
        uint32_t mid = (from + to) / 2;
        if (end_of(c->blocks[mid]) <= at)
            from = mid + 1;
        else
            to = mid;
    }
    return c->blocks[from];
}

const struct timeline_block *timeline_snap_after(const struct timeline_snap *s, size_t level,
                                                 int64_t at)
{
    return find_after(&s->levels[level], at);
}

/* The finest level that has all there is of that time. */
static size_t finest_level(const struct timeline_snap *s, int64_t at)
{
    size_t i = 0;
    while (i + 1 < TIMELINE_LEVELS && s->levels[i].covers_from > at)
        i++;
    return i;
}

uint32_t timeline_resolution(const struct timeline_snap *s, int64_t at)
{
    return LEVELS[finest_level(s, at)].span;
}

/* The longest block that begins at `at` and ends by `to`. */
static const struct timeline_block *find_fitting(const struct timeline_snap *s, size_t finest,
                                                 int64_t at, int64_t to)
{
    for (size_t i = TIMELINE_LEVELS; i-- > finest;) {
        if (at % LEVELS[i].span != 0 || at + LEVELS[i].span > to)
            continue;
        const struct timeline_block *b = find_after(&s->levels[i], at);
        if (b && start_of(b) == at)
            return b;
    }
    return NULL;
}

static void plan_add(struct timeline_plan *p, const struct timeline_block *b)
{
    if (p->count % 64 == 0)
        p->blocks = mem_realloc(p->blocks, (p->count + 64) * sizeof(void *));
    p->blocks[p->count++] = b;
}

static void follow_edge(struct timeline_plan *p, const struct timeline_block *b)
{
    uint32_t span = timeline_block_span(b)->span;
    if (start_of(b) >= p->from && end_of(b) <= p->to)
        return;
    if (start_of(b) < p->from)
        p->from = start_of(b);
    if (end_of(b) > p->to)
        p->to = end_of(b);
    if (span > p->resolution)
        p->resolution = span;
}

void timeline_plan(const struct timeline_snap *s, int64_t from, int64_t to,
                   struct timeline_plan *out)
{
    *out = (struct timeline_plan){.from = from, .to = to, .resolution = 1};
    for (int64_t at = from; at < to;) {
        size_t finest = finest_level(s, at);
        const struct timeline_block *b = find_fitting(s, finest, at, to);
        if (!b)
            b = find_after(&s->levels[finest], at);
        if (!b || start_of(b) >= to)
            return;
        if (start_of(b) > at) { /* nothing until then; perhaps longer blocks fit from there */
            at = start_of(b);
            continue;
        }
        follow_edge(out, b);
        plan_add(out, b);
        at = end_of(b);
    }
}

void timeline_plan_fini(struct timeline_plan *p)
{
    free(p->blocks);
    p->blocks = NULL;
}

/* ---- adding up ---- */

static int64_t floor_to(int64_t at, int64_t span)
{
    return at - at % span;
}

/* Blocks of [start, end) of the level below, held. */
static void hold_sources(struct job *j, const struct level *below, int64_t start, int64_t end)
{
    struct timeline_plan *p = &j->plan;
    *p = (struct timeline_plan){.from = start, .to = end};
    j->held = mem_zalloc(below->count * sizeof *j->held + 1);
    j->held_count = 0;
    for (size_t i = 0; i < below->count; i++) {
        struct timeline_chunk *c = below->chunks[i];
        if (chunk_end(c) <= start || start_of(c->blocks[0]) >= end)
            continue;
        j->held[j->held_count++] = chunk_ref(c);
        for (uint32_t k = 0; k < c->count; k++)
            if (start_of(c->blocks[k]) >= start && end_of(c->blocks[k]) <= end)
                plan_add(p, c->blocks[k]);
    }
}

static void release_job(struct job *j)
{
    if (!j->is_on)
        return;
    timeline_merge_fini(&j->merge);
    timeline_plan_fini(&j->plan);
    chunks_unref(j->held, j->held_count);
    free(j->held);
    j->is_on = false;
}

static void begin_span(struct job *j, uint32_t span)
{
    const struct timeline_span *last = timeline_block_span(j->plan.blocks[j->plan.count - 1]);
    j->builder.span = (struct timeline_span){.start = j->plan.from,
                                             .span = span,
                                             .users = last->users,
                                             .target = last->target,
                                             .cpu_percent = -1,
                                             .lag_ms = -1};
}

/* Starts the next job of a level, if all that it needs is there. */
static bool start_job(struct timeline_levels *l, size_t i)
{
    struct level *level = &l->levels[i];
    const struct level *below = &l->levels[i - 1];
    int64_t span = LEVELS[i].span;
    if (below->count == 0)
        return false;
    const struct timeline_view seen = {.count = below->count, .chunks = below->chunks};
    const struct timeline_block *next = find_after(&seen, level->done_until);
    if (!next)
        return false;
    int64_t start = floor_to(start_of(next), span);
    if (below->done_until < start + span)
        return false;
    hold_sources(&level->job, below, start, start + span);
    timeline_merge_init(&level->job.merge, level->job.plan.blocks, level->job.plan.count);
    begin_span(&level->job, (uint32_t)span);
    level->job.is_on = true;
    return true;
}

static void add_rest(struct job *j)
{
    struct timeline_health *healths;
    struct timeline_failed *failures;
    size_t n = timeline_merge_healths(j->plan.blocks, j->plan.count, &healths);
    for (size_t i = 0; i < n; i++)
        timeline_build_health(&j->builder, &healths[i]);
    n = timeline_merge_failures(j->plan.blocks, j->plan.count, &failures);
    for (size_t i = 0; i < n; i++)
        timeline_build_failed(&j->builder, &failures[i]);
    free(healths);
    free(failures);
}

/* Returns the rows it did; the job is over when these are fewer than asked for. */
static size_t work_on(struct level *level, size_t rows, size_t limit)
{
    struct job *j = &level->job;
    for (size_t done = 0; done < rows; done++) {
        if (timeline_merge_next(&j->merge, true)) {
            if (j->merge.only)
                timeline_build_row(&j->builder, j->merge.id, j->merge.only, j->merge.only_len);
            else
                timeline_build_tally(&j->builder, j->merge.id, &j->merge.sum);
            continue;
        }
        add_rest(j);
        level->done_until = j->plan.to;
        append(level, timeline_build_end(&j->builder), limit);
        release_job(j);
        return done;
    }
    return rows;
}

/* ---- keeping within bounds ---- */

static bool may_drop(const struct timeline_levels *l, size_t i)
{
    const struct level *level = &l->levels[i];
    return i + 1 < TIMELINE_LEVELS && level->count > 1 &&
           chunk_end(level->chunks[0]) <= l->levels[i + 1].done_until;
}

static void drop_old(struct timeline_levels *l)
{
    for (size_t i = 0; i < TIMELINE_LEVELS; i++) {
        struct level *level = &l->levels[i];
        while (LEVELS[i].keep_s > 0 && may_drop(l, i) &&
               chunk_end(level->chunks[0]) + LEVELS[i].keep_s <= l->levels[0].done_until)
            drop_oldest(level);
    }
}

static void keep_budget(struct timeline_levels *l)
{
    while (timeline_levels_bytes(l) > l->limit) {
        struct level *largest = NULL;
        for (size_t i = 0; i < TIMELINE_LEVELS; i++)
            if (may_drop(l, i) && (!largest || l->levels[i].bytes > largest->bytes))
                largest = &l->levels[i];
        if (!largest)
            return;
        drop_oldest(largest);
    }
}

/* ---- lifetime ---- */

static void level_clear(struct level *l)
{
    release_job(&l->job);
    timeline_builder_fini(&l->job.builder);
    chunks_unref(l->chunks, l->count);
    free(l->chunks);
    *l = (struct level){.covers_from = INT64_MIN};
}

struct timeline_levels *timeline_levels_new(size_t limit_bytes)
{
    struct timeline_levels *l = mem_zalloc(sizeof *l);
    HANDLE_MADE(l, TIMELINE_LEVELS_TAG);
    l->limit = limit_bytes;
    timeline_levels_clear(l);
    return l;
}

void timeline_levels_clear(struct timeline_levels *l)
{
    HANDLE_IS(l, TIMELINE_LEVELS_TAG);
    for (size_t i = 0; i < TIMELINE_LEVELS; i++)
        level_clear(&l->levels[i]);
}

void timeline_levels_free(struct timeline_levels *l)
{
    if (!l)
        return;
    HANDLE_IS(l, TIMELINE_LEVELS_TAG);
    timeline_levels_clear(l);
    HANDLE_ENDS(l);
    free(l);
}

size_t timeline_levels_bytes(const struct timeline_levels *l)
{
    HANDLE_IS(l, TIMELINE_LEVELS_TAG);
    size_t bytes = 0;
    for (size_t i = 0; i < TIMELINE_LEVELS; i++)
        bytes += l->levels[i].bytes;
    return bytes;
}

void timeline_levels_add(struct timeline_levels *l, struct timeline_block *second)
{
    HANDLE_IS(l, TIMELINE_LEVELS_TAG);
    l->levels[0].done_until = end_of(second);
    append(&l->levels[0], second, l->limit);
}

void timeline_levels_restore(struct timeline_levels *l, size_t level, struct timeline_block *b)
{
    HANDLE_IS(l, TIMELINE_LEVELS_TAG);
    l->levels[level].done_until = end_of(b);
    append(&l->levels[level], b, l->limit);
}

void timeline_levels_restored(struct timeline_levels *l, size_t level, int64_t covers_from)
{
    HANDLE_IS(l, TIMELINE_LEVELS_TAG);
    l->levels[level].covers_from = covers_from;
}

void timeline_levels_work(struct timeline_levels *l, size_t rows)
{
    HANDLE_IS(l, TIMELINE_LEVELS_TAG);
    for (size_t i = 1; i < TIMELINE_LEVELS && rows > 0; i++) {
        struct level *level = &l->levels[i];
        while (rows > 0 && (level->job.is_on || start_job(l, i)))
            rows -= work_on(level, rows, l->limit);
    }
    if (l->limit == TIMELINE_KEEP_ALL)
        return;
    drop_old(l);
    keep_budget(l);
}
