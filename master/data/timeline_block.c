// SPDX-License-Identifier: MIT
/* A block's bytes are four sections: index, rows, healths, failures.
 *
 *   index     per 16 rows, from the second sixteen on: id and offset of the first of them
 *   rows      gap to the id before, length, record
 *   healths   gap to the index before, length, numbers
 *   failures  gap to the kind before, length, numbers
 */
#include "master/data/timeline_block.h"

#include "common/base/mem.h"
#include "common/base/varint.h"
#include "common/base/sat.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_EVERY 16

struct place { /* one entry of the index */
    uint32_t id, offset;
};

struct timeline_block {
    struct timeline_span span;
    int refs;
    uint32_t places; /* entries of the index */
    size_t rows_len, healths_len, failures_len;
    struct place index[]; /* then the sections */
};

static const unsigned char *rows_of(const struct timeline_block *b)
{
    return (const unsigned char *)(b->index + b->places);
}

const struct timeline_span *timeline_block_span(const struct timeline_block *b)
{
    return &b->span;
}

size_t timeline_block_bytes(const struct timeline_block *b)
{
    return sizeof *b + b->places * sizeof(struct place) + b->rows_len + b->healths_len +
           b->failures_len;
}

struct timeline_block *timeline_block_ref(struct timeline_block *b)
{
    __atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
    return b;
}

void timeline_block_unref(struct timeline_block *b)
{
    if (b && __atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) == 0)
        free(b);
}

/* ---- reading ---- */

static void cursor_start(struct timeline_cursor *c, const struct timeline_block *b,
                         const unsigned char *from, size_t len)
{
    *c = (struct timeline_cursor){.p = from, .end = from + len, .block = b};
    timeline_cursor_next(c);
}

void timeline_cursor_next(struct timeline_cursor *c)
{
    if (c->p == c->end) {
        c->record = NULL;
        return;
    }
    c->id += (uint32_t)varint_get(&c->p);
    c->len = varint_get(&c->p);
    c->record = c->p;
    c->p += c->len;
}

void timeline_cursor_rows(struct timeline_cursor *c, const struct timeline_block *b)
{
    cursor_start(c, b, rows_of(b), b->rows_len);
}

void timeline_cursor_healths(struct timeline_cursor *c, const struct timeline_block *b)
{
    cursor_start(c, b, rows_of(b) + b->rows_len, b->healths_len);
}

void timeline_cursor_failures(struct timeline_cursor *c, const struct timeline_block *b)
{
    cursor_start(c, b, rows_of(b) + b->rows_len + b->healths_len, b->failures_len);
}

bool timeline_cursor_health(struct timeline_cursor *c, struct timeline_health *out)
{
    const unsigned char *p = c->record;
    if (!p)
        return false;
    *out = (struct timeline_health){.index = c->id};
    out->samples = (uint32_t)varint_get(&p);
    out->users_sum = varint_get(&p);
    out->cpu_sum = varint_get(&p);
    out->cpu_max = (uint32_t)varint_get(&p);
    out->has_lag = (uint32_t)varint_get(&p);
    out->lag_us = (uint32_t)varint_get(&p);
    out->memory_kb = varint_get(&p);
    timeline_cursor_next(c);
    return true;
}

bool timeline_cursor_failed(struct timeline_cursor *c, struct timeline_failed *out)
{
    const unsigned char *p = c->record;
    if (!p)
        return false;
    out->kind = c->id;
    out->count = varint_get(&p);
    out->first = c->block->span.start + (int64_t)varint_get(&p);
    out->last = out->first + (int64_t)varint_get(&p);
    timeline_cursor_next(c);
    return true;
}

/* The last place that is not behind id. */
static const struct place *place_of(const struct timeline_block *b, uint32_t id)
{
    size_t low = 0, high = b->places;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (b->index[mid].id <= id)
            low = mid + 1;
        else
            high = mid;
    }
    return low > 0 ? &b->index[low - 1] : NULL;
}

bool timeline_block_add(const struct timeline_block *b, uint32_t id, struct tally *t)
{
    struct timeline_cursor c;
    const struct place *at = place_of(b, id);
    timeline_cursor_rows(&c, b);
    if (at) { /* an indexed row is found by its whole id, at the length behind its gap */
        c.p = rows_of(b) + at->offset;
        varint_get(&c.p);
        c.id = at->id;
        c.len = varint_get(&c.p);
        c.record = c.p;
        c.p += c.len;
    }
    while (c.record && c.id < id)
        timeline_cursor_next(&c);
    if (!c.record || c.id != id)
        return false;
    tally_record_add(t, c.record);
    return true;
}

/* ---- building ---- */

static void put_head(struct sbuf *out, uint32_t *last, uint32_t id, size_t len)
{
    assert(id >= *last);
    sbuf_add_varint(out, id - *last);
    sbuf_add_varint(out, len);
    *last = id;
}

void timeline_build_row(struct timeline_builder *b, uint32_t id, const void *record, size_t len)
{
    if (b->row_count > 0 && b->row_count % INDEX_EVERY == 0)
        sbuf_add(&b->index, &(struct place){id, (uint32_t)b->rows.len}, sizeof(struct place));
    b->row_count++;
    put_head(&b->rows, &b->last_row, id, len);
    sbuf_add(&b->rows, record, len);
}

void timeline_build_tally(struct timeline_builder *b, uint32_t id, const struct tally *t)
{
    struct sbuf record = {0};
    tally_record_put_tally(&record, t, &b->scratch);
    timeline_build_row(b, id, record.data, record.len);
    sbuf_fini(&record);
}

void timeline_build_health(struct timeline_builder *b, const struct timeline_health *h)
{
    const uint64_t numbers[] = {h->samples, h->users_sum, h->cpu_sum,  h->cpu_max,
                                h->has_lag, h->lag_us,    h->memory_kb};
    sbuf_clear(&b->scratch);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sbuf_add_varint(&b->scratch, numbers[i]);
    put_head(&b->healths, &b->last_health, h->index, b->scratch.len);
    sbuf_add(&b->healths, b->scratch.data, b->scratch.len);
    float cpu = (float)h->cpu_max / 10.0f, lag = (float)h->lag_us / 1000.0f;
    if (cpu > b->span.cpu_percent)
        b->span.cpu_percent = cpu;
    if (h->has_lag && lag > b->span.lag_ms)
        b->span.lag_ms = lag;
}

void timeline_build_failed(struct timeline_builder *b, const struct timeline_failed *f)
{
    int64_t first = f->first < b->span.start ? b->span.start : f->first;
    int64_t last = f->last < first ? first : f->last;
    sbuf_clear(&b->scratch);
    sbuf_add_varint(&b->scratch, f->count);
    sbuf_add_varint(&b->scratch, (uint64_t)(first - b->span.start));
    sbuf_add_varint(&b->scratch, (uint64_t)(last - first));
    put_head(&b->failures, &b->last_failed, f->kind, b->scratch.len);
    sbuf_add(&b->failures, b->scratch.data, b->scratch.len);
}

static unsigned char *append(unsigned char *to, const struct sbuf *from)
{
    if (from->len > 0)
        memcpy(to, from->data, from->len);
    return to + from->len;
}

struct timeline_block *timeline_build_end(struct timeline_builder *b)
{
    size_t size = b->index.len + b->rows.len + b->healths.len + b->failures.len;
    struct timeline_block *block = mem_realloc(NULL, sizeof *block + size);
    *block = (struct timeline_block){.span = b->span,
                                     .refs = 1,
                                     .places = (uint32_t)(b->index.len / sizeof(struct place)),
                                     .rows_len = b->rows.len,
                                     .healths_len = b->healths.len,
                                     .failures_len = b->failures.len};
    unsigned char *to = append((unsigned char *)block->index, &b->index);
    to = append(to, &b->rows);
    to = append(to, &b->healths);
    append(to, &b->failures);
    sbuf_clear(&b->index);
    sbuf_clear(&b->rows);
    sbuf_clear(&b->healths);
    sbuf_clear(&b->failures);
    b->last_row = b->last_health = b->last_failed = b->row_count = 0;
    return block;
}

void timeline_builder_fini(struct timeline_builder *b)
{
    sbuf_fini(&b->index);
    sbuf_fini(&b->rows);
    sbuf_fini(&b->healths);
    sbuf_fini(&b->failures);
    sbuf_fini(&b->scratch);
}

/* ---- merging ---- */

void timeline_merge_init(struct timeline_merge *m, const struct timeline_block *const *blocks,
                         size_t count)
{
    *m = (struct timeline_merge){.count = count};
    m->cursors = mem_zalloc((count + 1) * sizeof *m->cursors);
    for (size_t i = 0; i < count; i++)
        timeline_cursor_rows(&m->cursors[i], blocks[i]);
    tally_init(&m->sum, NULL, NULL);
}

/* Cursors at their end are taken out. */
static size_t find_lowest(struct timeline_merge *m, uint32_t *id)
{
    size_t holders = 0;
    for (size_t i = 0; i < m->count;) {
        const struct timeline_cursor *c = &m->cursors[i];
        if (!c->record) {
            m->cursors[i] = m->cursors[--m->count];
            continue;
        }
        if (holders == 0 || c->id < *id) {
            *id = c->id;
            holders = 0;
        }
        holders += c->id == *id;
        i++;
    }
    return holders;
}

bool timeline_merge_next(struct timeline_merge *m, bool is_raw)
{
    size_t holders = find_lowest(m, &m->id);
    m->only = NULL;
    if (holders == 0)
        return false;
    bool takes_raw = is_raw && holders == 1;
    if (!takes_raw)
        tally_zero(&m->sum);
    for (size_t i = 0; holders > 0 && i < m->count; i++) {
        struct timeline_cursor *c = &m->cursors[i];
        if (!c->record || c->id != m->id)
            continue;
        holders--;
        if (takes_raw) {
            m->only = c->record;
            m->only_len = c->len;
        } else {
            tally_record_add(&m->sum, c->record);
        }
        timeline_cursor_next(c);
    }
    return true;
}

void timeline_merge_fini(struct timeline_merge *m)
{
    free(m->cursors);
    m->cursors = NULL;
    tally_fini(&m->sum);
}

void timeline_health_merge(struct timeline_health *to, const struct timeline_health *more)
{
    to->samples += more->samples;
    to->users_sum = sat_add(to->users_sum, more->users_sum);
    to->cpu_sum = sat_add(to->cpu_sum, more->cpu_sum);
    if (more->cpu_max > to->cpu_max)
        to->cpu_max = more->cpu_max;
    if (more->has_lag && (!to->has_lag || more->lag_us > to->lag_us))
        to->lag_us = more->lag_us;
    to->has_lag |= more->has_lag;
    if (more->memory_kb > to->memory_kb)
        to->memory_kb = more->memory_kb;
}

/* Both lists begin their entries with what they are sorted by. */
static int by_first_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

#define SUM_FROM                                                                                   \
    4096 /* entries gathered before the first adding up, so that memory stays small                \
          */

static size_t sum_healths(void *entries, size_t count)
{
    struct timeline_health *list = entries;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && list[kept - 1].index == list[i].index)
            timeline_health_merge(&list[kept - 1], &list[i]);
        else
            list[kept++] = list[i];
    }
    return kept;
}

static size_t sum_failures(void *entries, size_t count)
{
    struct timeline_failed *list = entries;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct timeline_failed *to = kept > 0 ? &list[kept - 1] : NULL;
        if (!to || to->kind != list[i].kind) {
            list[kept++] = list[i];
            continue;
        }
        to->count = sat_add(to->count, list[i].count);
        to->first = list[i].first < to->first ? list[i].first : to->first;
        to->last = list[i].last > to->last ? list[i].last : to->last;
    }
    return kept;
}

/* One kind of entry: how it is read from a block, and equal ones are added up in a sorted list. */
struct entry_kind {
    size_t size;
    void (*begin)(struct timeline_cursor *c, const struct timeline_block *b);
    bool (*next)(struct timeline_cursor *c, void *entry);
    size_t (*sum)(void *list, size_t count);
};

static size_t sort_and_sum(const struct entry_kind *kind, void *list, size_t count)
{
    if (count > 0)
        qsort(list, count, kind->size, by_first_number);
    return kind->sum(list, count);
}

static size_t merge(const struct entry_kind *kind, const struct timeline_block *const *blocks,
                    size_t count, void *out)
{
    char *list = NULL;
    size_t n = 0, cap = 0, sum_at = SUM_FROM;
    for (size_t i = 0; i < count; i++) {
        struct timeline_cursor c;
        kind->begin(&c, blocks[i]);
        for (;; n++) {
            if (n == cap) {
                cap = cap ? 2 * cap : 64;
                list = mem_realloc(list, cap * kind->size);
            }
            if (!kind->next(&c, list + n * kind->size))
                break;
        }
        if (n > sum_at) {
            n = sort_and_sum(kind, list, n);
            sum_at = 2 * n + SUM_FROM;
        }
    }
    n = sort_and_sum(kind, list, n);
    memcpy(out, &list, sizeof list);
    return n;
}

static bool next_health(struct timeline_cursor *c, void *entry)
{
    return timeline_cursor_health(c, entry);
}

static bool next_failure(struct timeline_cursor *c, void *entry)
{
    return timeline_cursor_failed(c, entry);
}

size_t timeline_merge_healths(const struct timeline_block *const *blocks, size_t count,
                              struct timeline_health **out)
{
    static const struct entry_kind kind = {sizeof **out, timeline_cursor_healths, next_health,
                                           sum_healths};
    return merge(&kind, blocks, count, out);
}

size_t timeline_merge_failures(const struct timeline_block *const *blocks, size_t count,
                               struct timeline_failed **out)
{
    static const struct entry_kind kind = {sizeof **out, timeline_cursor_failures, next_failure,
                                           sum_failures};
    return merge(&kind, blocks, count, out);
}
