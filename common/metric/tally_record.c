// SPDX-License-Identifier: MIT
/* The shortest time is kept as one more than it is: an absent number means that there is none. */
#include "common/metric/tally_record.h"

#include "common/base/sat.h"
#include "common/base/varint.h"

#include <assert.h>
#include <stddef.h>
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
static_assert(BITS < 64, "the mask has 64 bits");

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

void tally_record_put(struct sbuf *out, const struct tally *t, const struct tally_packed *packed)
{
    const struct packed_hist *hists[HISTS] = {&packed->hist};
    uint64_t n[BITS], mask = 0;
    unsigned char head[(BITS + 1) * VARINT_MAX], *p = head;
    list_numbers(t, n);
    for (unsigned i = 0; i < TALLY_PARTS; i++)
        hists[i + 1] = &packed->part[i];
    for (unsigned i = 0; i < HISTS; i++)
        n[i] = hists[i]->len;
    for (unsigned i = 0; i < BITS; i++)
        mask |= (uint64_t)(n[i] != 0) << i;
    p = varint_put(p, mask);
    for (unsigned i = 0; i < BITS; i++)
        if (n[i])
            p = varint_put(p, n[i]);
    sbuf_add(out, head, (size_t)(p - head));
    for (unsigned i = 0; i < HISTS; i++)
        if (hists[i]->len > 0)
            sbuf_add(out, hists[i]->bytes, hists[i]->len);
}

void tally_record_put_tally(struct sbuf *out, const struct tally *t, struct sbuf *scratch)
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
    tally_record_put(out, t, &packed);
}

/* Where the number of a bit is kept. */
static const uint16_t place_of[BITS] = {
#define KEPT_SUM(field, name, place, meaning) [NUMBER_##field] = offsetof(struct tally, field),
#define KEPT_LEAST KEPT_SUM
#define KEPT_MOST KEPT_SUM
#define KEPT_EXTRA(field, name, meaning) [NUMBER_##field] = offsetof(struct tally, extra.field),
#include "common/metric/columns.def"
};

static uint64_t *number_of(struct tally *t, unsigned bit)
{
    return (uint64_t *)(void *)((char *)t + place_of[bit]);
}

static void take_hists(const unsigned char **p, const uint64_t len[HISTS],
                       struct tally_packed *packed)
{
    for (unsigned i = 0; i < HISTS; i++) {
        *(i ? &packed->part[i - 1] : &packed->hist) = (struct packed_hist){*p, len[i]};
        *p += len[i];
    }
}

bool tally_record_read(const unsigned char **p, const unsigned char *end, struct tally *t,
                       struct tally_packed *packed)
{
    uint64_t len[HISTS] = {0}, mask, all = 0;
    if (!varint_read(p, end, &mask) || mask >> BITS)
        return false;
    for (; mask; mask &= mask - 1) {
        const unsigned bit = (unsigned)__builtin_ctzll(mask);
        if (!varint_read(p, end, bit < HISTS ? &len[bit] : number_of(t, bit)))
            return false;
    }
    if (t->min_us)
        t->max_us += t->min_us - 1;
    t->min_us = t->min_us ? t->min_us - 1 : UINT64_MAX;
    for (unsigned i = 0; i < HISTS; i++) {
        if (len[i] > (uint64_t)(end - *p) - all)
            return false;
        all += len[i];
    }
    take_hists(p, len, packed);
    return true;
}

static inline void add_range(struct tally *t, uint64_t least, uint64_t most)
{
    if (least && least - 1 < t->min_us)
        t->min_us = least - 1;
    if (most > t->max_us)
        t->max_us = most;
}

/* also: NULL, or one more. */
static inline __attribute__((always_inline)) void add(struct tally *t, struct tally *also,
                                                      const unsigned char *bytes)
{
    const unsigned char *p = bytes;
    struct tally_packed packed;
    uint64_t len[HISTS] = {0}, least = 0, most = 0;
    for (uint64_t mask = varint_get(&p); mask; mask &= mask - 1) {
        const unsigned bit = (unsigned)__builtin_ctzll(mask);
        const uint64_t value = varint_get(&p);
        if (bit < HISTS)
            len[bit] = value;
        else if (bit == NUMBER_min_us)
            least = value;
        else if (bit == NUMBER_max_us)
            most = value;
        else {
            *number_of(t, bit) = sat_add(*number_of(t, bit), value);
            if (also)
                *number_of(also, bit) = sat_add(*number_of(also, bit), value);
        }
    }
    most += least ? least - 1 : 0;
    add_range(t, least, most);
    if (also)
        add_range(also, least, most);
    take_hists(&p, len, &packed);
    tally_add_packed(t, also, &packed);
}

void tally_record_add(struct tally *t, const unsigned char *bytes)
{
    add(t, NULL, bytes);
}

void tally_record_add_both(struct tally *t, struct tally *also, const unsigned char *bytes)
{
    add(t, also, bytes);
}
