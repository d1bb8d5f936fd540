// SPDX-License-Identifier: MIT
/* A bucket's number (octave * 128 + step) rises with its value; the arithmetic is in the header. */
#include "common/metric/hist.h"

#include "common/base/mem.h"
#include "common/base/varint.h"
#include "common/base/sbuf.h"
#include "common/metric/hist_few.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One past the number of the bucket that holds one hour. */
#define HIST_BUCKETS                                                                               \
    ((HIST_OCTAVES - 1) * HIST_SUB_COUNT +                                                         \
     ((HIST_MAX_US >> (HIST_OCTAVES - 2)) & (HIST_SUB_COUNT - 1)) + 1)
#define OCTAVE_BYTES (HIST_SUB_COUNT * sizeof(uint64_t))

static_assert(HIST_FEW_MOST <= HIST_SUB_COUNT, "room to list them as those of an octave");
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

/* Into octaves, for good: there is never something in both. */
static void move_few(struct hist *h)
{
    struct hist_few *few = h->few;
    h->few = NULL;
    h->is_few = false;
    for (unsigned i = 0; few && i < few->count; i++)
        hist_add_new(h, few->bucket[i].at, few->bucket[i].n);
    free(few);
}

uint64_t *hist_octave_make(struct hist *h, unsigned octave)
{
    if (h->is_few)
        move_few(h);
    if (!h->octave[octave])
        h->octave[octave] = mem_zalloc(OCTAVE_BYTES);
    return h->octave[octave];
}

void hist_add_new(struct hist *h, unsigned bucket, uint64_t n)
{
    if (!h->is_few || !hist_few_add(&h->few, bucket, n))
        hist_octave_make(h, bucket / HIST_SUB_COUNT)[bucket % HIST_SUB_COUNT] += n;
}

void hist_init(struct hist *h)
{
    *h = (struct hist){0};
}

void hist_init_few(struct hist *h)
{
    *h = (struct hist){.is_few = true};
}

void hist_fini(struct hist *h)
{
    for (unsigned o = 0; o < HIST_OCTAVES && !h->is_few; o++)
        free(h->octave[o]);
    free(h->few);
    hist_init(h);
}

void hist_clear(struct hist *h)
{
    for (unsigned o = 0; o < HIST_OCTAVES && !h->is_few; o++)
        if (h->octave[o])
            memset(h->octave[o], 0, OCTAVE_BYTES);
    if (h->few)
        h->few->count = 0;
    h->count = 0;
}

static bool has_few(const struct hist *h)
{
    return h->few && h->few->count;
}

/* What a histogram has no room for stays away, so that its count is always that of its buckets. */
static inline void add_to_bucket(uint64_t *count, uint64_t *bucket, uint64_t n)
{
    uint64_t sum;
    if (__builtin_add_overflow(*count, n, &sum))
        return;
    *count = sum;
    *bucket += n;
}

static void merge_octave(uint64_t *steps, const uint64_t *more)
{
    for (unsigned i = 0; i < HIST_SUB_COUNT; i++)
        steps[i] += more[i];
}

static void merge_what_fits(struct hist *dst, uint64_t *steps, const uint64_t *more)
{
    for (unsigned i = 0; i < HIST_SUB_COUNT; i++)
        add_to_bucket(&dst->count, &steps[i], more[i]);
}

static void merge_few(struct hist *dst, const struct hist_few *few, bool is_room)
{
    for (unsigned i = 0; i < few->count; i++) {
        const unsigned at = few->bucket[i].at, n = few->bucket[i].n;
        if (is_room)
            hist_add_new(dst, at, n);
        else
            add_to_bucket(&dst->count,
                          &hist_octave_make(dst, at / HIST_SUB_COUNT)[at % HIST_SUB_COUNT], n);
    }
}

void hist_merge(struct hist *dst, const struct hist *src)
{
    uint64_t count;
    const bool is_room = !__builtin_add_overflow(dst->count, src->count, &count);
    if (!src->count)
        return;
    for (unsigned o = 0; o < HIST_OCTAVES && !src->is_few; o++) {
        if (!src->octave[o])
            continue;
        uint64_t *steps = hist_octave_make(dst, o);
        if (is_room)
            merge_octave(steps, src->octave[o]);
        else
            merge_what_fits(dst, steps, src->octave[o]);
    }
    if (has_few(src))
        merge_few(dst, src->few, is_room);
    if (is_room)
        dst->count = count;
}

/* What is to be read: h, or, if it has buckets outside of its octaves, a copy without. hist_fini of
 * *copy. */
static const struct hist *in_octaves(const struct hist *h, struct hist *copy)
{
    hist_init(copy);
    if (!has_few(h))
        return h;
    hist_merge(copy, h);
    return copy;
}

static void subtract(struct hist *dst, const struct hist *src)
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

void hist_subtract(struct hist *dst, const struct hist *src)
{
    struct hist copy;
    subtract(dst, in_octaves(src, &copy));
    hist_fini(&copy);
}

struct hist hist_since(const struct hist *now, const struct hist *old)
{
    struct hist h;
    hist_init(&h);
    if (now)
        hist_merge(&h, now);
    if (now && old)
        hist_subtract(&h, old);
    return h;
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
    uint64_t us = 0;
    if (h->count)
        hist_quantiles_us(h, &q, 1, &us);
    return us;
}

static uint64_t octave_sum(const uint64_t *steps)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < HIST_SUB_COUNT; i++)
        sum += steps[i];
    return sum;
}

static void quantiles_us(const struct hist *h, const double *shares, size_t count, uint64_t *us)
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

void hist_quantiles_us(const struct hist *h, const double *shares, size_t count, uint64_t *us)
{
    struct hist copy;
    quantiles_us(in_octaves(h, &copy), shares, count, us);
    hist_fini(&copy);
}

static uint64_t count_upto(const struct hist *h, uint64_t value_us)
{
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

uint64_t hist_count_upto(const struct hist *h, uint64_t value_us)
{
    if (value_us >= HIST_MAX_US)
        return h->count;
    struct hist copy;
    const uint64_t n = count_upto(in_octaves(h, &copy), value_us);
    hist_fini(&copy);
    return n;
}

static void each(const struct hist *h, void (*visit)(void *arg, uint64_t mid_us, uint64_t n),
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

void hist_each(const struct hist *h, void (*visit)(void *arg, uint64_t mid_us, uint64_t n),
               void *arg)
{
    struct hist copy;
    each(in_octaves(h, &copy), visit, arg);
    hist_fini(&copy);
}

#define GAP_RUN 14u  /* instead of a gap */
#define GAP_MORE 15u /* and more: what is above follows */
#define COUNT_MORE 0u
#define COUNT_DIRECT 15u
#define RUN_LEAST 3u /* buckets */
#define RUN_MOST 18u
#define RUN_MORE 15u /* for a count in a run: what is above 14 follows behind the run */

struct bucket {
    unsigned at; /* its number */
    uint64_t n;
};

static unsigned char *put_bucket(unsigned char *p, unsigned gap, uint64_t n)
{
    const unsigned few = gap < GAP_RUN ? gap : GAP_MORE;
    *p++ = (unsigned char)(few << 4 | (n <= COUNT_DIRECT ? (unsigned)n : COUNT_MORE));
    if (few == GAP_MORE)
        p = varint_put(p, gap - GAP_RUN);
    if (n > COUNT_DIRECT)
        p = varint_put(p, n - COUNT_DIRECT - 1);
    return p;
}

/* How many of those buckets, whose first is nearly next to `from`, are shorter as a run; or 0. */
static size_t run_length(const struct bucket *list, size_t count, unsigned from)
{
    size_t used = 0;
    for (unsigned before = from; used < count; before = list[used++].at + 1)
        if (list[used].at - before > 1 || list[used].at - from >= RUN_MOST)
            break;
    if (used < RUN_LEAST)
        return 0;
    const unsigned length = list[used - 1].at - from + 1;
    return 1 + (length + 1) / 2 < used ? used : 0;
}

static unsigned char *put_run(unsigned char *p, const struct bucket *list, size_t used,
                              unsigned from)
{
    const unsigned length = list[used - 1].at - from + 1;
    *p++ = (unsigned char)(GAP_RUN << 4 | (length - RUN_LEAST));
    unsigned char *counts = p;
    memset(counts, 0, (length + 1) / 2);
    p += (length + 1) / 2;
    for (size_t i = 0; i < used; i++) {
        const unsigned at = list[i].at - from;
        const uint64_t n = list[i].n < RUN_MORE ? list[i].n : RUN_MORE;
        counts[at / 2] |= (unsigned char)(n << (at % 2 ? 0 : 4));
        if (n == RUN_MORE)
            p = varint_put(p, list[i].n - RUN_MORE);
    }
    return p;
}

static unsigned list_buckets(const struct hist *h, unsigned octave, struct bucket *list)
{
    unsigned count = 0;
    for (unsigned i = 0; i < HIST_SUB_COUNT; i++)
        if (h->octave[octave][i])
            list[count++] = (struct bucket){octave * HIST_SUB_COUNT + i, h->octave[octave][i]};
    return count;
}

/* Of at most an octave; *next is the number of the first bucket not yet described. */
static void pack_list(const struct bucket *list, unsigned count, unsigned *next, struct sbuf *out)
{
    unsigned char bytes[HIST_SUB_COUNT * 13], *p = bytes;
    for (size_t i = 0, run; i < count; i += run) {
        run = run_length(list + i, count - i, *next);
        p = run ? put_run(p, list + i, run, *next) : put_bucket(p, list[i].at - *next, list[i].n);
        run = run ? run : 1;
        *next = list[i + run - 1].at + 1;
    }
    sbuf_add(out, bytes, (size_t)(p - bytes));
}

static void pack_octaves(const struct hist *h, struct sbuf *out)
{
    unsigned next = 0;
    for (unsigned o = 0; o < HIST_OCTAVES; o++) {
        struct bucket list[HIST_SUB_COUNT];
        if (h->octave[o])
            pack_list(list, list_buckets(h, o, list), &next, out);
    }
}

/* As if there were octaves: what is packed is the same. */
static void pack_few(const struct hist_few *few, struct sbuf *out)
{
    struct bucket list[HIST_SUB_COUNT];
    unsigned next = 0;
    for (unsigned i = 0, n; i < few->count; i += n) {
        const unsigned octave = few->bucket[i].at / HIST_SUB_COUNT;
        for (n = 0; i + n < few->count && few->bucket[i + n].at / HIST_SUB_COUNT == octave; n++)
            list[n] = (struct bucket){few->bucket[i + n].at, few->bucket[i + n].n};
        pack_list(list, n, &next, out);
    }
}

void hist_pack(const struct hist *h, struct sbuf *out)
{
    if (has_few(h))
        pack_few(h->few, out);
    else
        pack_octaves(h, out);
}

static void pack_pairs(const struct hist *h, struct sbuf *out)
{
    unsigned next = 0;
    for (unsigned o = 0; o < HIST_OCTAVES; o++) {
        if (!h->octave[o])
            continue;
        struct bucket list[HIST_SUB_COUNT];
        unsigned char bytes[HIST_SUB_COUNT * 12], *p = bytes;
        const unsigned count = list_buckets(h, o, list);
        for (size_t i = 0; i < count; next = list[i++].at + 1)
            p = varint_put(varint_put(p, list[i].at - next), list[i].n);
        sbuf_add(out, bytes, (size_t)(p - bytes));
    }
}

void hist_pack_pairs(const struct hist *h, struct sbuf *out)
{
    struct hist copy;
    pack_pairs(in_octaves(h, &copy), out);
    hist_fini(&copy);
}

struct packed_walk {
    const unsigned char *p, *end;
    uint64_t next; /* lowest number the next bucket may have */
};

/* Inlined with what is done with a bucket: reports are made of these. */
#define INLINED static inline __attribute__((always_inline))
typedef void visit_bucket(void *arg, unsigned bucket, uint64_t n);

/* Of all readers here: false means malformed. */
INLINED bool each_of_run(struct packed_walk *w, unsigned length, visit_bucket *visit, void *arg)
{
    const unsigned char *counts = w->p;
    const size_t bytes = (length + 1) / 2;
    if (bytes > (size_t)(w->end - w->p) || length > HIST_BUCKETS - w->next)
        return false;
    const unsigned last = counts[bytes - 1];
    if (length % 2 ? last & 15 || !last : !(last & 15))
        return false;
    w->p += bytes;
    for (unsigned i = 0; i < length; i++) {
        uint64_t more = 0, n = counts[i / 2] >> (i % 2 ? 0 : 4) & 15;
        if (n == RUN_MORE && (!varint_read(&w->p, w->end, &more) || more > UINT64_MAX - RUN_MORE))
            return false;
        if (n)
            visit(arg, (unsigned)w->next + i, n + more);
    }
    w->next += length;
    return true;
}

INLINED bool one_bucket(struct packed_walk *w, unsigned byte, visit_bucket *visit, void *arg)
{
    uint64_t more, gap = byte >> 4, n = byte & 15;
    if (gap == GAP_MORE) {
        if (!varint_read(&w->p, w->end, &more) || more >= HIST_BUCKETS)
            return false;
        gap = GAP_RUN + more;
    }
    if (n == COUNT_MORE) {
        if (!varint_read(&w->p, w->end, &more) || more > UINT64_MAX - COUNT_DIRECT - 1)
            return false;
        n = more + COUNT_DIRECT + 1;
    }
    if (gap >= HIST_BUCKETS - w->next)
        return false;
    visit(arg, (unsigned)(w->next + gap), n);
    w->next += gap + 1;
    return true;
}

INLINED bool each_packed(const void *bytes, size_t len, visit_bucket *visit, void *arg)
{
    const unsigned char *start = bytes;
    struct packed_walk w = {.p = start, .end = len ? start + len : start};
    while (w.p < w.end) {
        const unsigned byte = *w.p++;
        if (byte >> 4 == GAP_RUN ? !each_of_run(&w, (byte & 15) + RUN_LEAST, visit, arg)
                                 : !one_bucket(&w, byte, visit, arg))
            return false;
    }
    return true;
}

int hist_pack_of_pairs(const void *bytes, size_t len, struct sbuf *out)
{
    const unsigned char *p = bytes, *end = len ? p + len : p;
    struct hist h;
    bool is_good = true;
    hist_init(&h);
    for (uint64_t next = 0, gap, n; is_good && p < end; next += gap + 1) {
        is_good = varint_read(&p, end, &gap) && varint_read(&p, end, &n) && n &&
                  gap < HIST_BUCKETS - next;
        if (is_good)
            hist_octave_make(&h, (unsigned)(next + gap) /
                                     HIST_SUB_COUNT)[(next + gap) % HIST_SUB_COUNT] = n;
        else
            gap = 0;
    }
    if (is_good)
        hist_pack(&h, out);
    hist_fini(&h);
    return is_good ? 0 : -1;
}

struct check {
    uint64_t sum;
    bool is_over;
};

INLINED void check_bucket(void *arg, unsigned bucket, uint64_t n)
{
    struct check *c = arg;
    (void)bucket;
    c->is_over |= __builtin_add_overflow(c->sum, n, &c->sum);
}

int hist_packed_check(const void *bytes, size_t len, uint64_t *count)
{
    struct check c = {0};
    if (!each_packed(bytes, len, check_bucket, &c) || c.is_over)
        return -1;
    *count = c.sum;
    return 0;
}

struct addition { /* the counts are the histograms' when it is over: meanwhile in registers */
    struct hist *to, *also;
    unsigned octave;
    uint64_t *steps, *also_steps;
    uint64_t count, also_count;
};

INLINED void add_bucket(void *arg, unsigned bucket, uint64_t n)
{
    struct addition *a = arg;
    if (bucket / HIST_SUB_COUNT != a->octave) {
        a->octave = bucket / HIST_SUB_COUNT;
        a->steps = hist_octave_make(a->to, a->octave);
        a->also_steps = a->also ? hist_octave_make(a->also, a->octave) : NULL;
    }
    add_to_bucket(&a->count, &a->steps[bucket % HIST_SUB_COUNT], n);
    if (a->also)
        add_to_bucket(&a->also_count, &a->also_steps[bucket % HIST_SUB_COUNT], n);
}

INLINED void add_packed(struct hist *dst, struct hist *also, const void *bytes, size_t len)
{
    struct addition a = {.to = dst, .also = also, .octave = HIST_OCTAVES, .count = dst->count};
    a.also_count = also ? also->count : 0;
    each_packed(bytes, len, add_bucket, &a);
    dst->count = a.count;
    if (also)
        also->count = a.also_count;
}

void hist_add_packed(struct hist *dst, struct hist *also, const void *bytes, size_t len)
{
    if (also)
        add_packed(dst, also, bytes, len);
    else
        add_packed(dst, NULL, bytes, len);
}

int hist_unpack_add(struct hist *dst, const void *bytes, size_t len)
{
    uint64_t count, sum;
    if (hist_packed_check(bytes, len, &count) != 0 ||
        __builtin_add_overflow(dst->count, count, &sum))
        return -1;
    hist_add_packed(dst, NULL, bytes, len);
    return 0;
}
