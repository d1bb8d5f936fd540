// SPDX-License-Identifier: MIT
/* A bucket's number (octave * 128 + step) rises with its value; the arithmetic is in the header. */
#include "common/metric/hist.h"

#include "common/base/mem.h"
#include "common/base/sbuf.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One past the number of the bucket that holds one hour. */
#define HIST_BUCKETS                                                                               \
    ((HIST_OCTAVES - 1) * HIST_SUB_COUNT +                                                         \
     ((HIST_MAX_US >> (HIST_OCTAVES - 2)) & (HIST_SUB_COUNT - 1)) + 1)
#define OCTAVE_BYTES (HIST_SUB_COUNT * sizeof(uint64_t))

static_assert((HIST_MAX_US >> (HIST_OCTAVES + HIST_SUB_BITS - 1)) == 0,
              "one hour needs its octave");

static inline unsigned shift_of(unsigned octave)
{
    return octave ? octave - 1 : 0;
}

static uint64_t midpoint(unsigned octave, unsigned step)
{
    unsigned shift = shift_of(octave);
    uint64_t base = octave ? HIST_SUB_COUNT : 0;
    return ((base + step) << shift) + ((UINT64_C(1) << shift) >> 1);
}

uint64_t *hist_octave_make(struct hist *h, unsigned octave)
{
    if (!h->octave[octave])
        h->octave[octave] = mem_zalloc(OCTAVE_BYTES);
    return h->octave[octave];
}

void hist_init(struct hist *h)
{
    *h = (struct hist){0};
}

void hist_fini(struct hist *h)
{
    for (unsigned o = 0; o < HIST_OCTAVES; o++)
        free(h->octave[o]);
    hist_init(h);
}

void hist_clear(struct hist *h)
{
    for (unsigned o = 0; o < HIST_OCTAVES; o++)
        if (h->octave[o])
            memset(h->octave[o], 0, OCTAVE_BYTES);
    h->count = 0;
}

/* What a histogram has no room for stays away, so that its count is always that of its buckets. */
static inline void add_to_bucket(struct hist *h, uint64_t *bucket, uint64_t n)
{
    uint64_t count;
    if (__builtin_add_overflow(h->count, n, &count))
        return;
    h->count = count;
    *bucket += n;
}

void hist_merge(struct hist *dst, const struct hist *src)
{
    if (!src->count)
        return;
    for (unsigned o = 0; o < HIST_OCTAVES; o++) {
        if (!src->octave[o])
            continue;
        uint64_t *steps = hist_octave_make(dst, o);
        for (unsigned i = 0; i < HIST_SUB_COUNT; i++)
            add_to_bucket(dst, &steps[i], src->octave[o][i]);
    }
}

void hist_subtract(struct hist *dst, const struct hist *src)
{
    for (unsigned o = 0; o < HIST_OCTAVES; o++) {
        if (!src->octave[o])
            continue;
        uint64_t *steps = hist_octave_make(dst, o);
        for (unsigned i = 0; i < HIST_SUB_COUNT; i++) {
            uint64_t n = steps[i] < src->octave[o][i] ? steps[i] : src->octave[o][i];
            steps[i] -= n;
            dst->count -= n;
        }
    }
}

/* The number (from 1) of the sample that q asks for. 0.07 * 100 is a hair above 7 in binary; the
 * slack keeps such products from asking for the next sample. */
static uint64_t rank_of(uint64_t count, double q)
{
    if (!(q > 0))
        return 1;
    if (q >= 1)
        return count;
    double exact = q * (double)count;
    double slack = exact * (1 - 1e-12);
    uint64_t rank = (uint64_t)slack;
    if ((double)rank < slack)
        rank++;
    return rank < 1 ? 1 : rank > count ? count : rank;
}

uint64_t hist_quantile_us(const struct hist *h, double q)
{
    if (!h->count)
        return 0;
    uint64_t left = rank_of(h->count, q);
    for (unsigned o = 0; o < HIST_OCTAVES; o++) {
        if (!h->octave[o])
            continue;
        for (unsigned i = 0; i < HIST_SUB_COUNT; i++) {
            uint64_t n = h->octave[o][i];
            if (n >= left)
                return midpoint(o, i);
            left -= n;
        }
    }
    return 0;
}

static uint64_t octave_sum(const uint64_t *steps)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < HIST_SUB_COUNT; i++)
        sum += steps[i];
    return sum;
}

void hist_quantiles_us(const struct hist *h, const double *shares, size_t count, uint64_t *us)
{
    uint64_t passed = 0;
    size_t next = 0;
    for (unsigned o = 0; o < HIST_OCTAVES && next < count; o++) {
        const uint64_t *steps = h->octave[o];
        if (!steps)
            continue;
        uint64_t rank, at = passed; /* samples before bucket i */
        unsigned i = 0;
        passed += octave_sum(steps);
        while (next < count && (rank = rank_of(h->count, shares[next])) <= passed) {
            while (at + steps[i] < rank)
                at += steps[i++];
            us[next++] = midpoint(o, i);
        }
    }
    for (; next < count; next++)
        us[next] = 0;
}

uint64_t hist_count_upto(const struct hist *h, uint64_t value_us)
{
    if (value_us >= HIST_MAX_US)
        return h->count;
    unsigned last = hist_octave_of(value_us);
    unsigned step = hist_step_of(value_us, last);
    uint64_t n = 0;
    for (unsigned o = 0; o <= last; o++) {
        if (!h->octave[o])
            continue;
        unsigned end = o == last ? step + 1 : HIST_SUB_COUNT;
        for (unsigned i = 0; i < end; i++)
            n += h->octave[o][i];
    }
    return n;
}

void hist_each(const struct hist *h, void (*visit)(void *arg, uint64_t mid_us, uint64_t n),
               void *arg)
{
    for (unsigned o = 0; o < HIST_OCTAVES; o++) {
        if (!h->octave[o])
            continue;
        for (unsigned i = 0; i < HIST_SUB_COUNT; i++)
            if (h->octave[o][i])
                visit(arg, midpoint(o, i), h->octave[o][i]);
    }
}

static unsigned char *put_varint(unsigned char *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *p++ = (unsigned char)(value | 0x80);
    *p++ = (unsigned char)value;
    return p;
}

void hist_pack(const struct hist *h, struct sbuf *out)
{
    unsigned previous = 0; /* number of the first bucket not yet described */
    for (unsigned o = 0; o < HIST_OCTAVES; o++) {
        if (!h->octave[o])
            continue;
        unsigned char pairs[HIST_SUB_COUNT * 12], *p = pairs;
        for (unsigned i = 0; i < HIST_SUB_COUNT; i++) {
            if (!h->octave[o][i])
                continue;
            unsigned bucket = o * HIST_SUB_COUNT + i;
            p = put_varint(p, bucket - previous);
            p = put_varint(p, h->octave[o][i]);
            previous = bucket + 1;
        }
        sbuf_add(out, pairs, (size_t)(p - pairs));
    }
}

/* Reads one canonical LEB128 number. False when it is cut short, padded or over 64 bits. */
static inline bool get_varint(const unsigned char **p, const unsigned char *end, uint64_t *value)
{
    if (*p < end && **p < 0x80) { /* nearly always */
        *value = *(*p)++;
        return true;
    }
    uint64_t v = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        uint64_t byte = *(*p)++;
        if (shift == 63 && byte > 1)
            return false;
        v |= (byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = v;
            return byte != 0 || shift == 0;
        }
    }
    return false;
}

struct packed_walk {
    const unsigned char *p, *end;
    uint64_t bucket, n; /* the pair that was read last */
    uint64_t next;      /* lowest number the next bucket may have */
};

/* 1 a pair was read, 0 the end, -1 malformed. */
static int packed_next(struct packed_walk *w)
{
    uint64_t gap;
    if (w->p == w->end)
        return 0;
    if (!get_varint(&w->p, w->end, &gap) || !get_varint(&w->p, w->end, &w->n))
        return -1;
    if (gap >= HIST_BUCKETS - w->next || !w->n)
        return -1;
    w->bucket = w->next + gap;
    w->next = w->bucket + 1;
    return 1;
}

int hist_packed_check(const void *bytes, size_t len, uint64_t *count)
{
    const unsigned char *start = bytes;
    struct packed_walk w = {.p = start, .end = len ? start + len : start};
    uint64_t sum = 0;
    int rc;
    while ((rc = packed_next(&w)) == 1)
        if (__builtin_add_overflow(sum, w.n, &sum))
            return -1;
    if (rc == 0)
        *count = sum;
    return rc;
}

void hist_add_packed(struct hist *dst, const void *bytes, size_t len)
{
    const unsigned char *start = bytes;
    struct packed_walk w = {.p = start, .end = len ? start + len : start};
    while (packed_next(&w) == 1) {
        unsigned octave = (unsigned)w.bucket / HIST_SUB_COUNT;
        add_to_bucket(dst, &hist_octave_make(dst, octave)[w.bucket % HIST_SUB_COUNT], w.n);
    }
}

int hist_unpack_add(struct hist *dst, const void *bytes, size_t len)
{
    uint64_t count, sum;
    if (hist_packed_check(bytes, len, &count) != 0 ||
        __builtin_add_overflow(dst->count, count, &sum))
        return -1;
    hist_add_packed(dst, bytes, len);
    return 0;
}
