// SPDX-License-Identifier: MIT
#include "master/store/block_bytes.h"
#include "common/base/varint.h"
#include <string.h>

#define SPAN_MAX 3600

typedef void (*cursor_start)(struct timeline_cursor *c, const struct timeline_block *b);

static size_t count_of(cursor_start start, const struct timeline_block *b)
{
    struct timeline_cursor c;
    size_t count = 0;
    for (start(&c, b); c.record; timeline_cursor_next(&c))
        count++;
    return count;
}

static void put_list(struct sbuf *out, cursor_start start, const struct timeline_block *b)
{
    struct timeline_cursor c;
    uint32_t last = 0;
    sbuf_add_varint(out, count_of(start, b));
    for (start(&c, b); c.record; timeline_cursor_next(&c)) {
        sbuf_add_varint(out, c.id - last);
        sbuf_add_varint(out, c.len);
        sbuf_add(out, c.record, c.len);
        last = c.id;
    }
}

void block_bytes_put(struct sbuf *out, const struct timeline_block *b)
{
    const struct timeline_span *s = timeline_block_span(b);
    sbuf_add_varint(out, (uint64_t)s->start);
    sbuf_add_varint(out, s->span);
    sbuf_add_varint(out, s->users);
    sbuf_add_varint(out, s->target);
    sbuf_add(out, &s->cpu_percent, sizeof s->cpu_percent);
    sbuf_add(out, &s->lag_ms, sizeof s->lag_ms);
    put_list(out, timeline_cursor_rows, b);
    put_list(out, timeline_cursor_healths, b);
    put_list(out, timeline_cursor_failures, b);
}

static bool is_hist(const struct packed_hist *h)
{
    uint64_t count;
    return h->len == 0 || hist_packed_check(h->bytes, h->len, &count) == 0;
}

bool block_bytes_is_record(const unsigned char *bytes, size_t len)
{
    const unsigned char *p = bytes;
    struct tally t;
    struct tally_packed packed = {0};
    memset(&t, 0, sizeof t);
    if (!tally_record_read(&p, bytes + len, &t, &packed) || p != bytes + len)
        return false;
    for (unsigned i = 0; i < TALLY_PARTS; i++)
        if (!is_hist(&packed.part[i]))
            return false;
    return is_hist(&packed.hist);
}

struct list_reader {
    struct timeline_builder *b;
    const struct timeline_span *span;
    bool is_ours;
    const struct block_rows *rows; /* NULL: all */
};

static bool read_numbers(const unsigned char *p, size_t len, uint64_t *numbers, size_t count)
{
    const unsigned char *end = p + len;
    for (size_t i = 0; i < count; i++)
        if (!varint_read(&p, end, &numbers[i]))
            return false;
    return p == end;
}

static bool take_row(const struct list_reader *r, uint32_t id, const unsigned char *p, size_t len)
{
    if (r->rows && id != TIMELINE_TOTAL && (id >= r->rows->count || !r->rows->is_wanted[id]))
        return true;
    if (!r->is_ours && !block_bytes_is_record(p, len))
        return false;
    timeline_build_row(r->b, id, p, len);
    return true;
}

static bool take_health(const struct list_reader *r, uint32_t id, const unsigned char *p,
                        size_t len)
{
    uint64_t n[7];
    if (r->rows)
        return true;
    if (!read_numbers(p, len, n, 7))
        return false;
    timeline_build_health(r->b, &(struct timeline_health){.index = id,
                                                          .samples = (uint32_t)n[0],
                                                          .users_sum = n[1],
                                                          .cpu_sum = n[2],
                                                          .cpu_max = (uint32_t)n[3],
                                                          .has_lag = (uint32_t)n[4],
                                                          .lag_us = (uint32_t)n[5],
                                                          .memory_kb = n[6]});
    return true;
}

static bool take_failed(const struct list_reader *r, uint32_t id, const unsigned char *p,
                        size_t len)
{
    uint64_t n[3];
    if (r->rows)
        return true;
    if (!read_numbers(p, len, n, 3) || n[1] > SPAN_MAX || n[2] > SPAN_MAX)
        return false;
    const int64_t first = r->span->start + (int64_t)n[1];
    timeline_build_failed(
        r->b, &(struct timeline_failed){
                  .kind = id, .count = n[0], .first = first, .last = first + (int64_t)n[2]});
    return true;
}

typedef bool (*entry_taker)(const struct list_reader *r, uint32_t id, const unsigned char *p,
                            size_t len);

static bool read_list(const unsigned char **p, const unsigned char *end,
                      const struct list_reader *r, entry_taker take)
{
    uint64_t count, gap, len, id = 0;
    if (!varint_read(p, end, &count))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!varint_read(p, end, &gap) || !varint_read(p, end, &len) ||
            len > (uint64_t)(end - *p) || gap > UINT32_MAX - id || (i > 0 && gap == 0))
            return false;
        id += gap;
        if (!take(r, (uint32_t)id, *p, len))
            return false;
        *p += len;
    }
    return true;
}

static bool read_span(const unsigned char **p, const unsigned char *end, struct timeline_span *s)
{
    uint64_t n[4];
    for (size_t i = 0; i < 4; i++)
        if (!varint_read(p, end, &n[i]))
            return false;
    if (n[0] > INT64_MAX / 4 || n[1] == 0 || n[1] > SPAN_MAX || n[2] > UINT32_MAX ||
        n[3] > UINT32_MAX || (size_t)(end - *p) < 2 * sizeof(float))
        return false;
    *s = (struct timeline_span){.start = (int64_t)n[0],
                                .span = (uint32_t)n[1],
                                .users = (uint32_t)n[2],
                                .target = (uint32_t)n[3]};
    memcpy(&s->cpu_percent, *p, sizeof s->cpu_percent);
    memcpy(&s->lag_ms, *p + sizeof(float), sizeof s->lag_ms);
    *p += 2 * sizeof(float);
    return true;
}

struct timeline_block *block_bytes_read(const unsigned char **p, const unsigned char *end,
                                        struct timeline_builder *b, bool is_ours,
                                        const struct block_rows *rows)
{
    struct timeline_span span;
    if (!read_span(p, end, &span))
        return NULL;
    b->span = span;
    const struct list_reader r = {b, &span, is_ours, rows};
    const bool is_good = read_list(p, end, &r, take_row) && read_list(p, end, &r, take_health) &&
                         read_list(p, end, &r, take_failed);
    struct timeline_block *block = timeline_build_end(b); /* also to empty the builder */
    if (!is_good) {
        timeline_block_unref(block);
        return NULL;
    }
    return block;
}
