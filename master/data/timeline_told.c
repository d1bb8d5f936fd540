// SPDX-License-Identifier: MIT
/* A record is read once: into the sum of its row and, with the same walk, into that of its worker.
 * So the workers of a batch have a sum each while the batch is added up, row by row. */
#include "master/data/timeline_told.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX (1u << 20) /* bytes; and twice what they were when added up */

struct entry { /* one row of one report */
    uint32_t id;
    uint32_t worker; /* its place among the workers of the batch */
    uint32_t offset, len;
};

struct sum { /* of a row, or of a worker */
    uint32_t id, offset, len;
};

struct list {
    const struct sum *at;
    size_t count;
};

static struct list list_of(const struct sbuf *b)
{
    return (struct list){(const struct sum *)(const void *)b->data, b->len / sizeof(struct sum)};
}

void told_fini(struct told *w)
{
    sbuf_fini(&w->records);
    sbuf_fini(&w->entries);
    sbuf_fini(&w->sums);
    sbuf_fini(&w->rows);
    sbuf_fini(&w->worker_sums);
    sbuf_fini(&w->worker_rows);
    sbuf_fini(&w->failures);
    w->worker_count = 0;
}

void told_clear(struct told *w)
{
    sbuf_clear(&w->records);
    sbuf_clear(&w->entries);
    sbuf_clear(&w->sums);
    sbuf_clear(&w->rows);
    sbuf_clear(&w->worker_sums);
    sbuf_clear(&w->worker_rows);
    sbuf_clear(&w->failures);
    w->worker_count = 0;
}

bool told_is_new(const struct told *w)
{
    return !w->entries.data && !w->failures.data;
}

void told_adder_fini(struct told_adder *a)
{
    tally_fini(&a->sum);
    for (size_t i = 0; i < a->worker_count; i++)
        tally_fini(&a->workers[i]);
    a->worker_count = 0;
    sbuf_fini(&a->sums);
    sbuf_fini(&a->rows);
    sbuf_fini(&a->scratch);
}

static uint32_t place_of(struct told *w, uint32_t worker)
{
    if (!w->worker_count || w->workers[w->worker_count - 1] != worker)
        w->workers[w->worker_count++] = worker;
    return (uint32_t)w->worker_count - 1;
}

void told_row(struct told *w, uint32_t worker, uint32_t id, const struct tally *more,
              const struct tally_packed *packed)
{
    struct entry e = {.id = id, .worker = place_of(w, worker), .offset = (uint32_t)w->records.len};
    tally_record_put(&w->records, more, packed);
    e.len = (uint32_t)w->records.len - e.offset;
    sbuf_add(&w->entries, &e, sizeof e);
}

/* Entries by rising id; what is equal stays in its order. Rows are numbered as they come, for ever:
 * those of a run are near each other, wherever they begin. */
static struct entry *sorted(const struct entry *from, size_t count)
{
    uint32_t least = UINT32_MAX, most = 0;
    for (size_t i = 0; i < count; i++) {
        least = from[i].id < least ? from[i].id : least;
        most = from[i].id > most ? from[i].id : most;
    }
    const size_t range = (size_t)most - least + 1;
    struct entry *to = mem_realloc(NULL, count * sizeof *to);
    uint32_t *next = mem_zalloc((range + 1) * sizeof *next);
    for (size_t i = 0; i < count; i++)
        next[from[i].id - least + 1]++;
    for (size_t key = 1; key < range; key++)
        next[key] += next[key - 1];
    for (size_t i = 0; i < count; i++)
        to[next[from[i].id - least]++] = from[i];
    free(next);
    return to;
}

static const unsigned char *bytes_at(const struct sbuf *b, uint32_t offset)
{
    return (const unsigned char *)b->data + offset;
}

static void keep_bytes(struct sbuf *list, struct sbuf *sums, uint32_t id, const void *bytes,
                       size_t len)
{
    const struct sum s = {id, (uint32_t)sums->len, (uint32_t)len};
    sbuf_add(sums, bytes, len);
    sbuf_add(list, &s, sizeof s);
}

static void keep_tally(struct sbuf *list, struct sbuf *sums, uint32_t id, const struct tally *t,
                       struct sbuf *scratch)
{
    struct sum s = {.id = id, .offset = (uint32_t)sums->len};
    tally_record_put_tally(sums, t, scratch);
    s.len = (uint32_t)sums->len - s.offset;
    sbuf_add(list, &s, sizeof s);
}

/* One row: what it was before, or NULL, and the entries that came since. */
static void add_row(struct told *w, struct told_adder *a, uint32_t id, const struct sum *before,
                    const struct entry *entries, size_t count)
{
    if (!count) {
        keep_bytes(&a->rows, &a->sums, id, bytes_at(&w->sums, before->offset), before->len);
        return;
    }
    if (!before && count == 1) {
        const unsigned char *record = bytes_at(&w->records, entries->offset);
        tally_record_add(&a->workers[entries->worker], record);
        keep_bytes(&a->rows, &a->sums, id, record, entries->len);
        return;
    }
    tally_zero(&a->sum);
    if (before)
        tally_record_add(&a->sum, bytes_at(&w->sums, before->offset));
    for (size_t i = 0; i < count; i++)
        tally_record_add_both(&a->sum, &a->workers[entries[i].worker],
                              bytes_at(&w->records, entries[i].offset));
    keep_tally(&a->rows, &a->sums, id, &a->sum, &a->scratch);
}

static void add_rows(struct told *w, struct told_adder *a, const struct entry *e, size_t count)
{
    struct list rows = list_of(&w->rows);
    for (size_t row = 0, i = 0; row < rows.count || i < count;) {
        const bool has_before = row < rows.count && (i == count || rows.at[row].id <= e[i].id);
        const uint32_t id = has_before ? rows.at[row].id : e[i].id;
        size_t same = 0;
        while (i + same < count && e[i + same].id == id)
            same++;
        add_row(w, a, id, has_before ? &rows.at[row] : NULL, e + i, same);
        row += has_before;
        i += same;
    }
}

static void begin_workers(struct told_adder *a, size_t count)
{
    for (size_t i = 0; i < count && i < a->worker_count; i++)
        tally_zero(&a->workers[i]);
    for (; a->worker_count < count; a->worker_count++)
        tally_init(&a->workers[a->worker_count], NULL, NULL);
}

static void swap(struct sbuf *a, struct sbuf *b)
{
    const struct sbuf kept = *a;
    *a = *b;
    *b = kept;
}

static void add_up(struct told *w, struct told_adder *a)
{
    const size_t count = w->entries.len / sizeof(struct entry);
    if (!count)
        return;
    struct entry *e = sorted((const struct entry *)(const void *)w->entries.data, count);
    begin_workers(a, w->worker_count);
    sbuf_clear(&a->rows);
    sbuf_clear(&a->sums);
    add_rows(w, a, e, count);
    free(e);
    swap(&a->rows, &w->rows);
    swap(&a->sums, &w->sums);
    for (size_t i = 0; i < w->worker_count; i++)
        keep_tally(&w->worker_rows, &w->worker_sums, w->workers[i], &a->workers[i], &a->scratch);
    sbuf_clear(&w->records);
    sbuf_clear(&w->entries);
    w->worker_count = 0;
}

void told_room(struct told *w, struct told_adder *a)
{
    if (w->worker_count == TOLD_WORKERS || w->records.len > RECORDS_MAX + 2 * w->sums.len)
        add_up(w, a);
}

static int by_id(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;
    return x->id != y->id ? (x->id > y->id) - (x->id < y->id)
                          : (x->offset > y->offset) - (x->offset < y->offset);
}

static void add_all(struct tally *to, struct list list, const struct sbuf *sums)
{
    tally_zero(to);
    for (size_t i = 0; i < list.count; i++)
        tally_record_add(to, bytes_at(sums, list.at[i].offset));
}

static void build_workers(struct told *w, struct told_adder *a, struct timeline_builder *b)
{
    const struct list list = list_of(&w->worker_rows);
    for (size_t i = 0, same; i < list.count; i += same) {
        const struct sum *s = &list.at[i];
        for (same = 1; i + same < list.count && s[same].id == s->id; same++)
            ;
        if (s->id == TOLD_NOBODY)
            continue;
        const uint32_t id = TIMELINE_WORKER + s->id - 1;
        add_all(&a->sum, (struct list){s, same}, &w->worker_sums);
        if (same > 1)
            timeline_build_tally(b, id, &a->sum);
        else
            timeline_build_row(b, id, bytes_at(&w->worker_sums, s->offset), s->len);
    }
}

size_t told_build(struct told *w, struct told_adder *a, struct timeline_builder *b,
                  struct tally *total)
{
    add_up(w, a);
    const struct list rows = list_of(&w->rows), workers = list_of(&w->worker_rows);
    tally_zero(total);
    if (!rows.count)
        return 0;
    qsort(w->worker_rows.data, workers.count, sizeof(struct sum), by_id);
    if (rows.count < workers.count)
        add_all(total, rows, &w->sums);
    else
        add_all(total, workers, &w->worker_sums);
    timeline_build_tally(b, TIMELINE_TOTAL, total);
    for (size_t i = 0; i < rows.count; i++)
        timeline_build_row(b, rows.at[i].id, bytes_at(&w->sums, rows.at[i].offset), rows.at[i].len);
    build_workers(w, a, b);
    return rows.count;
}
