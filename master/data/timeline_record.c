// SPDX-License-Identifier: MIT
/* The shortest time is kept as one more than it is: an absent number means that there is none. */
#include "master/data/timeline_record.h"

#include <assert.h>
#include <string.h>

#define HISTS (1 + TALLY_PARTS)

/* Bits of the mask. Histograms come first, so that it is short where the last numbers, which are
 * rare ones, are 0. */
enum number {
    LAST_HIST = HISTS - 1,
#define KEPT_SUM(field, name, place, meaning) NUMBER_##field,
#define KEPT_LEAST KEPT_SUM
#define KEPT_MOST KEPT_SUM
#define KEPT_EXTRA(field, name, meaning) NUMBER_##field,
#include "common/metric/columns.def"
    BITS
};
#define NUMBERS (BITS - HISTS)
static_assert(BITS <= 64, "the mask has 64 bits");

void timeline_put_varint(struct sbuf *out, uint64_t value)
{
    unsigned char bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (unsigned char)(value | 0x80);
    bytes[n++] = (unsigned char)value;
    sbuf_add(out, bytes, n);
}

static inline unsigned char *put(unsigned char *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *p++ = (unsigned char)(value | 0x80);
    *p++ = (unsigned char)value;
    return p;
}

/* n: by their bits. Of the most only what is above the least is written. */
static void list_numbers(const struct tally *t, uint64_t n[BITS])
{
    const bool has_min = t->min_us != UINT64_MAX;
#define KEPT_SUM(field, name, place, meaning) n[NUMBER_##field] = t->field;
#define KEPT_EXTRA(field, name, meaning) n[NUMBER_##field] = t->extra.field;
#include "common/metric/columns.def"
    n[NUMBER_min_us] = has_min ? t->min_us + 1 : 0;
    n[NUMBER_max_us] = has_min && t->max_us >= t->min_us ? t->max_us - t->min_us : t->max_us;
}

void timeline_record_put(struct sbuf *out, const struct tally *t, const struct tally_packed *packed)
{
    const struct packed_hist *hists[HISTS] = {&packed->hist};
    uint64_t n[BITS], mask = 0;
    unsigned char head[(BITS + 1) * 10], *p = head;
    list_numbers(t, n);
    for (unsigned i = 0; i < TALLY_PARTS; i++)
        hists[i + 1] = &packed->part[i];
    for (unsigned i = 0; i < HISTS; i++)
        n[i] = hists[i]->len;
    for (unsigned i = 0; i < BITS; i++)
        mask |= (uint64_t)(n[i] != 0) << i;
    p = put(p, mask);
    for (unsigned i = 0; i < BITS; i++)
        if (n[i])
            p = put(p, n[i]);
    sbuf_add(out, head, (size_t)(p - head));
    for (unsigned i = 0; i < HISTS; i++)
        if (hists[i]->len > 0)
            sbuf_add(out, hists[i]->bytes, hists[i]->len);
}

void timeline_record_put_tally(struct sbuf *out, const struct tally *t, struct sbuf *scratch)
{
    struct tally_packed packed = {0};
    size_t end[HISTS];
    sbuf_clear(scratch);
    hist_pack(&t->hist, scratch);
    end[0] = scratch->len;
    for (unsigned i = 0; i < TALLY_PARTS; i++) {
        if (t->part[i])
            hist_pack(t->part[i], scratch);
        end[i + 1] = scratch->len;
    }
    packed.hist = (struct packed_hist){scratch->data, end[0]};
    for (unsigned i = 0; i < TALLY_PARTS; i++)
        if (end[i + 1] > end[i])
            packed.part[i] = (struct packed_hist){scratch->data + end[i], end[i + 1] - end[i]};
    timeline_record_put(out, t, &packed);
}

/* Adds the numbers that stand at p, behind their mask. */
static const unsigned char *add_numbers(struct tally *t, const unsigned char *p, uint64_t mask)
{
    uint64_t n[BITS] = {0};
    for (uint64_t left = mask; left; left &= left - 1)
        n[__builtin_ctzll(left)] = timeline_get_varint(&p);
    struct tally more = {0};
#define KEPT_SUM(field, name, place, meaning) more.field = n[NUMBER_##field];
#define KEPT_EXTRA(field, name, meaning) more.extra.field = n[NUMBER_##field];
#include "common/metric/columns.def"
    const uint64_t least = n[NUMBER_min_us];
    more.min_us = least ? least - 1 : UINT64_MAX;
    more.max_us = least ? n[NUMBER_max_us] + least - 1 : n[NUMBER_max_us];
    tally_merge_counts(t, &more);
    return p;
}

void timeline_record_add(struct tally *t, const unsigned char *bytes)
{
    const unsigned char *p = bytes;
    const uint64_t mask = timeline_get_varint(&p);
    size_t len[HISTS];
    for (unsigned i = 0; i < HISTS; i++)
        len[i] = mask >> i & 1 ? timeline_get_varint(&p) : 0;
    p = add_numbers(t, p, mask >> HISTS << HISTS);
    struct tally_packed packed = {.hist = {p, len[0]}};
    p += len[0];
    for (unsigned i = 0; i < TALLY_PARTS; p += len[++i])
        packed.part[i] = (struct packed_hist){p, len[i + 1]};
    tally_add_packed(t, &packed);
}
